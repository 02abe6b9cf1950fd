//! Several models in their order: the next is asked where one fails.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Event, Model, ModelError, Request, Stop, ToolCall, Trouble, Usage, endpoint};
use crate::{
    error::Problem,
    ids::ModelId,
    limits::{OverBudget, Reservation, Warning},
};

/// How often one model is asked where it broke off before it said anything, the first time among them.
const MAX_ATTEMPTS: u32 = 3;

/// How often one model is asked again since it told how it wants to be asked.
const MAX_LESSONS: u32 = 8;

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

impl Tried {
    /// Was something learnt by which the next attempt differs?
    fn teaches(&self) -> bool {
        match self {
            Self::Failed(_, ModelError::Refused(refusal)) => refusal.taught,
            Self::Failed(_, ModelError::Nothing(_)) => true,
            _ => false,
        }
    }

    /// What a reader is told.
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::Failed(_, error) => error.trouble(),
            Self::Refused(_) => Trouble::Refused,
            Self::TooLong(_) => Trouble::Unfinished,
            Self::OverBudget(..) => Trouble::OverBudget,
            Self::NotLocal(_) => Trouble::NotLocal,
            Self::Stopped(_) => Trouble::Unreachable,
        }
    }

    /// The HTTP status, where there is one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Failed(_, error) => error.status(),
            _ => None,
        }
    }

    /// What happened and what to do about it, for whoever may act.
    pub fn problem(&self) -> Problem {
        let (id, advice) = match self {
            Self::Failed(id, error) => {
                return Problem::new("model", format!("the model {self}"))
                    .at(format!("[[model]] {id}"))
                    .advise(error.advice());
            }
            Self::Refused(id) => (
                id,
                "ask otherwise, or name another model after it in the route",
            ),
            Self::TooLong(id) => (
                id,
                "use a model that keeps to the point, or a longer answer",
            ),
            Self::OverBudget(id, _) => (
                id,
                "wait for the next month, or raise the budget in `[limits]` or the role",
            ),
            Self::NotLocal(id) => (id, "name a model with `local = true` in the route"),
            Self::Stopped(id) => (id, "ask again"),
        };
        Problem::new("model", format!("the model {self}"))
            .at(format!("[[model]] {id}"))
            .advise(advice)
    }
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
        let never = CancellationToken::new();
        let talked = self.each(ledger, only_local, request, None, &never);
        talked.await.map(|spoken| Reply {
            model: spoken.model,
            local: spoken.local,
            text: spoken.text,
            usage: spoken.usage,
        })
    }

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
        self.each(ledger, only_local, request, Some(heard), stop)
            .await
    }

    /// Asks one after the other. Where nobody hears what is said, an answer that was cut is none.
    async fn each(
        &self,
        ledger: &dyn Ledger,
        only_local: bool,
        request: &(dyn Fn(&dyn Model) -> Request + Sync),
        heard: Option<mpsc::Sender<String>>,
        stop: &CancellationToken,
    ) -> Result<Spoken, Vec<Tried>> {
        let mut tried = Vec::new();
        for model in &self.0 {
            let id = model.id().clone();
            if only_local && !model.is_local() {
                tried.push(Tried::NotLocal(id));
                continue;
            }
            let (mut attempt, mut lessons) = (1, 0);
            let was_heard = loop {
                let question = request(model.as_ref());
                let bound = model.bound(&question);
                let (outcome, spoken) =
                    once(model.as_ref(), ledger, question, heard.as_ref(), stop).await;
                let failed = match outcome {
                    Ok(Stop::Length) if heard.is_none() => Tried::TooLong(id.clone()),
                    Ok(Stop::End | Stop::Calls | Stop::Length) => return Ok(spoken),
                    Ok(Stop::Refused) => Tried::Refused(id.clone()),
                    Ok(Stop::Nothing(nothing)) => {
                        Tried::Failed(id.clone(), ModelError::Nothing(nothing))
                    }
                    Err(failed) => failed,
                };
                let was_heard = heard.is_some() && !spoken.text.is_empty();
                let again = !was_heard
                    && attempt < MAX_ATTEMPTS
                    && lessons < MAX_LESSONS
                    && !stop.is_cancelled()
                    && may_be_asked_again(&failed, bound, model.bound(&request(model.as_ref())));
                if !again {
                    tried.push(failed);
                    break was_heard;
                }
                if failed.teaches() {
                    lessons += 1;
                    continue;
                }
                tracing::warn!(%failed, "a model is asked again");
                tokio::select! {
                    biased;
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(endpoint::wait(attempt, None)) => {}
                }
                attempt += 1;
            };
            if was_heard || stop.is_cancelled() {
                break;
            }
        }
        Err(tried)
    }
}

/// May a model that said nothing be asked once more? Where it broke off for what passes, or told how it wants to be asked, or
/// where it was learnt that it needs more tokens than it was given.
fn may_be_asked_again(failed: &Tried, before: u64, now: u64) -> bool {
    match failed {
        Tried::Failed(_, ModelError::Nothing(_)) => now > before,
        Tried::Failed(_, ModelError::Refused(refusal)) => {
            refusal.within && (refusal.cause.passes() || refusal.taught)
        }
        _ => false,
    }
}

/// What one model says under one reservation, which is settled whatever becomes of it.
async fn once(
    model: &dyn Model,
    ledger: &dyn Ledger,
    request: Request,
    heard: Option<&mpsc::Sender<String>>,
    stop: &CancellationToken,
) -> (Result<Stop, Tried>, Spoken) {
    let id = model.id().clone();
    let prompt = super::wire::estimate(&request);
    let mut spoken = Spoken {
        model: id.clone(),
        local: model.is_local(),
        text: String::new(),
        calls: Vec::new(),
        usage: Usage::default(),
        cut: false,
        warnings: Vec::new(),
    };
    let reservation = match ledger.reserve(&id, model.bound(&request)).await {
        Ok(reservation) => reservation,
        Err(over) => return (Err(Tried::OverBudget(id, over)), spoken),
    };
    let reserved = reservation.id().to_owned();
    spoken.warnings = reservation.warnings().to_vec();
    let outcome = tokio::select! {
        biased;
        () = stop.cancelled() => None,
        outcome = speak(model, reservation, request, prompt, heard, &mut spoken) => Some(outcome),
    };
    ledger.settle(&reserved, spoken.usage).await;
    spoken.cut = matches!(outcome, Some(Ok(Stop::Length)));
    let outcome = match outcome {
        Some(Ok(stop)) => Ok(stop),
        Some(Err(error)) => Err(Tried::Failed(id, error)),
        None => Err(Tried::Stopped(id)),
    };
    (outcome, spoken)
}

/// The tokens of a prompt as far as it may have been taken: none where it is certain that it was not.
fn taken<T>(begun: &Result<T, ModelError>, prompt: u64) -> u64 {
    match begun {
        Err(error) if error.was_not_taken() => 0,
        _ => prompt,
    }
}

/// What one model says, told on while it comes. `spoken.usage` is what it used as far as that is known, also after an error: a
/// prompt that was taken counts by estimate, what came back likewise.
async fn speak(
    model: &dyn Model,
    reservation: Reservation,
    request: Request,
    prompt: u64,
    heard: Option<&mpsc::Sender<String>>,
    spoken: &mut Spoken,
) -> Result<Stop, ModelError> {
    let begun = model.stream(reservation, request).await;
    spoken.usage.tokens_in = taken(&begun, prompt);
    let mut events = begun?;
    let mut bytes = 0_usize;
    while let Some(event) = events.next().await {
        let event = event.inspect_err(|error| {
            if error.was_not_taken() {
                spoken.usage = Usage::default();
            }
        });
        match event? {
            Event::Text(more) => {
                bytes = bytes.saturating_add(more.len());
                spoken.usage.tokens_out = u64::try_from(bytes / 4).unwrap_or(u64::MAX);
                spoken.text.push_str(&more);
                if let Some(heard) = heard {
                    // Whoever no longer listens ends the turn by its token.
                    let _ = heard.send(more).await;
                }
            }
            Event::Unheard { bytes: more } => {
                bytes = bytes.saturating_add(more);
                spoken.usage.tokens_out = u64::try_from(bytes / 4).unwrap_or(u64::MAX);
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
