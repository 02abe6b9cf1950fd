//! One turn for a program: bound to its token and its connection, so that it ends when either does.

use std::time::Duration;

use axum::http::StatusCode;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    Programs,
    refusal::Refusal,
    tokens::{Caller, TOKEN_LOST},
};
use crate::{
    converse::Question,
    domain::turn::{Citation, Done, Table, TurnEvent, TurnOutcome},
    error::Problem,
    ids::ProposalId,
};

/// Events that wait to be sent.
const EVENTS_AT_ONCE: usize = 64;
/// How often a running turn looks whether its token still opens anything.
const TOKEN_EVERY: Duration = Duration::from_millis(500);
/// Who takes nothing for so long is gone.
const TAKEN_WITHIN: Duration = Duration::from_secs(15);

/// What a program is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    Event(TurnEvent),
    /// Why it ends here; nothing follows but `Done`.
    Problem(Problem),
}

/// A turn that runs. Dropping it ends the turn.
pub struct Turn {
    events: mpsc::Receiver<Told>,
    _stop: DropGuard,
}

impl Turn {
    /// Begins to answer.
    pub fn begin(programs: Programs, caller: Caller, question: Question) -> Self {
        let stop = programs.stop.child_token();
        let (sender, events) = mpsc::channel(EVENTS_AT_ONCE);
        let guard = stop.clone().drop_guard();
        tokio::spawn(run(programs, caller, question, sender, stop));
        Self {
            events,
            _stop: guard,
        }
    }

    /// What comes next; nothing after the end.
    pub async fn next(&mut self) -> Option<Told> {
        self.events.recv().await
    }
}

async fn run(
    programs: Programs,
    caller: Caller,
    question: Question,
    out: mpsc::Sender<Told>,
    stop: CancellationToken,
) {
    let (sender, mut events) = mpsc::channel(EVENTS_AT_ONCE);
    let asked = programs.converse.ask(question, sender, stop.clone());
    let lost = loses_token(&programs, &caller);
    tokio::pin!(asked, lost);
    let mut revoked = false;
    let mut telling = true;
    let mut tell = async |told: Told, revoked: bool| {
        // Who lost the token is told how it ended and nothing else.
        let told = match told {
            Told::Event(TurnEvent::Done(done)) if revoked => {
                let outcome = TurnOutcome::Revoked;
                Told::Event(TurnEvent::Done(Done { outcome, ..done }))
            }
            Told::Event(_) if revoked => return,
            told => told,
        };
        // A turn whose listener is gone or takes nothing must not wait for it.
        if telling && out.send_timeout(told, TAKEN_WITHIN).await.is_err() {
            telling = false;
            stop.cancel();
        }
    };
    let ended = loop {
        tokio::select! {
            biased;
            problem = &mut lost, if !revoked => {
                revoked = true;
                tell(Told::Problem(problem), false).await;
                stop.cancel();
            }
            Some(event) = events.recv() => tell(Told::Event(event), revoked).await,
            ended = &mut asked => break ended,
        }
    };
    while let Ok(event) = events.try_recv() {
        tell(Told::Event(event), revoked).await;
    }
    if let Err(problem) = ended {
        tell(Told::Problem(Refusal::from(problem).problem), false).await;
    }
}

/// Ends when the token opens nothing any more.
async fn loses_token(programs: &Programs, caller: &Caller) -> Problem {
    loop {
        tokio::time::sleep(TOKEN_EVERY).await;
        if let Some(problem) = caller.lost(programs).await {
            return problem;
        }
    }
}

/// An answer as it is collected.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    text: String,
    citations: Vec<Citation>,
    tables: Vec<Table>,
    /// Actions that wait for approval, with what each is.
    proposed: Vec<(ProposalId, String)>,
    /// Places that were left out.
    held_back: usize,
    done: Option<Done>,
    problem: Option<Problem>,
}

/// An answer that came to its end.
#[derive(Debug, Clone)]
pub struct Whole {
    pub text: String,
    pub citations: Vec<Citation>,
    pub tables: Vec<Table>,
    pub proposed: Vec<(ProposalId, String)>,
    pub held_back: usize,
    pub done: Done,
}

impl Answer {
    /// Adds what was told.
    pub fn add(&mut self, told: Told) {
        match told {
            Told::Event(TurnEvent::Delta { text }) => self.text.push_str(&text),
            Told::Event(TurnEvent::Citation(citation)) => self.citations.push(citation),
            Told::Event(TurnEvent::Table(table)) => self.tables.push(table),
            Told::Event(TurnEvent::Proposed { proposal, text, .. }) => {
                self.proposed.push((proposal, text));
            }
            Told::Event(TurnEvent::HeldBack { count, .. }) => self.held_back += count,
            Told::Event(TurnEvent::Done(done)) => self.done = Some(done),
            Told::Event(TurnEvent::Step { .. }) => {}
            Told::Problem(problem) => self.problem = Some(problem),
        }
    }

    /// The whole answer, or why there is none.
    pub fn whole(self) -> Result<Whole, Refusal> {
        if let Some(problem) = self.problem {
            let status = match problem.code.as_str() {
                TOKEN_LOST => StatusCode::UNAUTHORIZED,
                _ => StatusCode::SERVICE_UNAVAILABLE,
            };
            return Err(Refusal {
                status,
                problem,
                retry_after: None,
            });
        }
        let Some(done) = self.done else {
            return Err(Refusal::ours(&"a turn ended without a word"));
        };
        if let Some(refusal) = too_many(&done, &self.text) {
            return Err(refusal);
        }
        if done.outcome == TurnOutcome::Revoked {
            let what = self.text.trim();
            return Err(Refusal::new(StatusCode::FORBIDDEN, "revoked", what));
        }
        // Nobody could begin to answer: no model, or none that works.
        if done.outcome == TurnOutcome::Failed {
            let what = self.text.trim();
            return Err(
                Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "no-model", what)
                    .advise("ask again later; the daemon's log says which model failed and why"),
            );
        }
        Ok(Whole {
            text: self.text,
            citations: self.citations,
            tables: self.tables,
            proposed: self.proposed,
            held_back: self.held_back,
            done,
        })
    }
}

/// Too many questions: the refusal that says when to ask again.
pub fn too_many(done: &Done, text: &str) -> Option<Refusal> {
    let seconds = done.retry_after_seconds?;
    let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too-many", text.trim());
    Some(Refusal {
        retry_after: Some(seconds),
        ..refusal
    })
}
