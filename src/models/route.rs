//! Several models in their order: the next is asked where one fails.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Event, Model, ModelError, Request, Stop, ToolCall, Usage};
use crate::{
    ids::ModelId,
    limits::{OverBudget, Reservation, Warning},
};

/// Where reservations come from and what was used goes.
#[async_trait]
pub trait Ledger: Send + Sync {
    async fn reserve(&self, model: &ModelId, tokens: u64) -> Result<Reservation, OverBudget>;
    async fn settle(&self, reservation: &str, usage: Usage);
}

/// Models in the order in which they are asked.
#[derive(Clone, Default)]
pub struct Route(Vec<Arc<dyn Model>>);

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub model: ModelId,
    pub local: bool,
    pub text: String,
    pub usage: Usage,
}

/// One model's part in a conversation: what it said and which tools it asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Spoken {
    pub model: ModelId,
    pub local: bool,
    pub text: String,
    pub calls: Vec<ToolCall>,
    pub usage: Usage,
    /// It was cut at its longest answer.
    pub cut: bool,
    /// Budgets that this brought near their end.
    pub warnings: Vec<Warning>,
}

/// Why one model of a route gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Tried {
    #[error("{0} {1}")]
    Failed(ModelId, ModelError),
    #[error("{0} refused to answer")]
    Refused(ModelId),
    #[error("{0} did not come to an end within its longest answer")]
    TooLong(ModelId),
    #[error("{0}: {1}")]
    OverBudget(ModelId, OverBudget),
    #[error("{0} is not local, and this may be shown to local models only")]
    NotLocal(ModelId),
    #[error("{0} was told to stop")]
    Stopped(ModelId),
}

impl Route {
    pub fn new(models: Vec<Arc<dyn Model>>) -> Self {
        Self(models)
    }

    /// Is there nobody to ask?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The models in their order.
    pub fn models(&self) -> &[Arc<dyn Model>] {
        &self.0
    }

    /// Asks one after the other until one gives a whole answer. `request` makes the question for a model, since one that
    /// is not local may be asked otherwise. What each used is settled, also where it failed.
    pub async fn ask(
        &self,
        ledger: &dyn Ledger,
        only_local: bool,
        request: &(dyn Fn(&dyn Model) -> Request + Sync),
    ) -> Result<Reply, Vec<Tried>> {
        let mut tried = Vec::new();
        for model in &self.0 {
            let id = model.id().clone();
            if only_local && !model.is_local() {
                tried.push(Tried::NotLocal(id));
                continue;
            }
            let request = request(model.as_ref());
            let prompt = super::wire::estimate(&request);
            let reservation = match ledger.reserve(&id, model.bound(&request)).await {
                Ok(reservation) => reservation,
                Err(over) => {
                    tried.push(Tried::OverBudget(id, over));
                    continue;
                }
            };
            let reserved = reservation.id().to_owned();
            let mut spent = Usage::default();
            let outcome = whole(model.as_ref(), reservation, request, prompt, &mut spent).await;
            ledger.settle(&reserved, spent).await;
            match outcome {
                Ok((text, Stop::End | Stop::Calls)) => {
                    return Ok(Reply {
                        model: id,
                        local: model.is_local(),
                        text,
                        usage: spent,
                    });
                }
                Ok((_, Stop::Length)) => tried.push(Tried::TooLong(id)),
                Ok((_, Stop::Refused)) => tried.push(Tried::Refused(id)),
                Err(error) => tried.push(Tried::Failed(id, error)),
            }
        }
        Err(tried)
    }
}

impl Route {
    /// Asks one after the other until one says something. What it says goes to `heard` while it is said; once something
    /// was heard no other model is asked, since two answers would run into each other. What each used is settled, also
    /// where it failed or was told to stop.
    pub async fn talk(
        &self,
        ledger: &dyn Ledger,
        only_local: bool,
        request: &(dyn Fn(&dyn Model) -> Request + Sync),
        heard: mpsc::Sender<String>,
        stop: &CancellationToken,
    ) -> Result<Spoken, Vec<Tried>> {
        let mut tried = Vec::new();
        for model in &self.0 {
            let id = model.id().clone();
            if only_local && !model.is_local() {
                tried.push(Tried::NotLocal(id));
                continue;
            }
            let request = request(model.as_ref());
            let prompt = super::wire::estimate(&request);
            let reservation = match ledger.reserve(&id, model.bound(&request)).await {
                Ok(reservation) => reservation,
                Err(over) => {
                    tried.push(Tried::OverBudget(id, over));
                    continue;
                }
            };
            let reserved = reservation.id().to_owned();
            let mut spoken = Spoken {
                model: id.clone(),
                local: model.is_local(),
                text: String::new(),
                calls: Vec::new(),
                usage: Usage::default(),
                cut: false,
                warnings: reservation.warnings().to_vec(),
            };
            let outcome = tokio::select! {
                biased;
                () = stop.cancelled() => None,
                outcome = speak(model.as_ref(), reservation, request, prompt, &heard, &mut spoken) => Some(outcome),
            };
            ledger.settle(&reserved, spoken.usage).await;
            match outcome {
                Some(Ok(Stop::End | Stop::Calls)) => return Ok(spoken),
                Some(Ok(Stop::Length)) => {
                    spoken.cut = true;
                    return Ok(spoken);
                }
                Some(Ok(Stop::Refused)) => tried.push(Tried::Refused(id)),
                Some(Err(error)) => tried.push(Tried::Failed(id, error)),
                None => tried.push(Tried::Stopped(id)),
            }
            if !spoken.text.is_empty() || stop.is_cancelled() {
                break;
            }
        }
        Err(tried)
    }
}

/// The tokens of a prompt as far as it may have been taken: none where it is certain that it was not.
fn taken<T>(begun: &Result<T, ModelError>, prompt: u64) -> u64 {
    match begun {
        Err(error) if error.was_not_taken() => 0,
        _ => prompt,
    }
}

/// What one model says, told on while it comes. `spoken.usage` is what it used as far as that is known, also after an error.
async fn speak(
    model: &dyn Model,
    reservation: Reservation,
    request: Request,
    prompt: u64,
    heard: &mpsc::Sender<String>,
    spoken: &mut Spoken,
) -> Result<Stop, ModelError> {
    let begun = model.stream(reservation, request).await;
    spoken.usage.tokens_in = taken(&begun, prompt);
    let mut events = begun?;
    while let Some(event) = events.next().await {
        match event? {
            Event::Text(more) => {
                spoken.text.push_str(&more);
                spoken.usage.tokens_out = u64::try_from(spoken.text.len() / 4).unwrap_or(u64::MAX);
                // Whoever no longer listens ends the turn by its token.
                let _ = heard.send(more).await;
            }
            Event::Call(call) => spoken.calls.push(call),
            Event::Done { usage, stop } => {
                spoken.usage = usage;
                return Ok(stop);
            }
        }
    }
    Err(ModelError::Shape {
        what: "the answer ended without its end".to_owned(),
    })
}

/// The whole answer of one model. `spent` is what it used as far as that is known, also after an error: a prompt that was
/// taken counts by estimate, text that came back likewise.
async fn whole(
    model: &dyn Model,
    reservation: Reservation,
    request: Request,
    prompt: u64,
    spent: &mut Usage,
) -> Result<(String, Stop), ModelError> {
    let begun = model.stream(reservation, request).await;
    spent.tokens_in = taken(&begun, prompt);
    let mut events = begun?;
    let mut text = String::new();
    while let Some(event) = events.next().await {
        match event? {
            Event::Text(more) => {
                text.push_str(&more);
                spent.tokens_out = u64::try_from(text.len() / 4).unwrap_or(u64::MAX);
            }
            Event::Call(_) => {}
            Event::Done { usage, stop } => {
                *spent = usage;
                return Ok((text, stop));
            }
        }
    }
    Err(ModelError::Shape {
        what: "the answer ended without its end".to_owned(),
    })
}
