//! Why a model gave no answer, for whoever may act on it: the status, the vendor's own reason and what to change. Holds no
//! prompt, no answer and no secret.

use super::kinds::{self, Fit};
use crate::{error::Problem, ids::ModelId};

/// Why a model gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    #[error("did not answer within {seconds} s")]
    Timeout { seconds: u32 },
    #[error("could not be reached: {what}")]
    Unreachable {
        lost: Lost,
        what: String,
        advice: String,
    },
    /// Its vendor or server said why there is no answer, or it is told by what came instead.
    #[error("{0}")]
    Refused(Refusal),
    /// The server read less of the prompt than was sent (its own window was smaller).
    #[error("read {read} tokens of a prompt of about {sent}: its context window is too small")]
    PromptCut { sent: u64, read: u64 },
    /// The prompt does not fit `context_tokens`; nothing was sent.
    #[error(
        "cannot be asked: the prompt of about {needed} tokens does not fit its window of {window}"
    )]
    TooLong { needed: u64, window: u64 },
    #[error("answered in an unexpected form: {what}")]
    Shape { what: String },
    #[error("{0}")]
    Nothing(Nothing),
    /// It is set up in part: nothing can be sent. `why` names what is missing, for the admin.
    #[error("cannot be used: {why}")]
    Unavailable { why: String },
    /// The reservation was made for another model or for fewer tokens.
    #[error("was not asked: the reservation does not cover this call")]
    NotReserved,
}

/// How a connection failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The host's name is not known (DNS).
    Name,
    /// Nobody listens there, or nothing leads there.
    Connection,
    /// A proxy before it.
    Proxy,
    /// The certificate or the protocol of TLS, or another protocol than the address has.
    Tls,
    /// It was there and went away: what was sent may have been taken.
    Broke,
}

/// An answer that came to its end without a word or a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Nothing {
    #[error("ended its answer without a word")]
    Empty,
    #[error("used its whole answer for reasoning and said nothing")]
    OnlyReasoning,
}

/// What a vendor or server said in place of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub cause: Cause,
    pub status: Option<u16>,
    /// It came within an answer that had begun well: the prompt may have been taken.
    pub within: bool,
    /// It told how to ask otherwise, which is remembered.
    pub taught: bool,
    /// The vendor's own reason: cut, cleaned, without keys and without what was sent. May be empty.
    pub said: String,
    /// What answers at the address instead, where that was looked for and found.
    pub fits: Option<Fit>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.cause.clause())?;
        if let Some(status) = self.status {
            write!(f, " (HTTP {status})")?;
        }
        if !self.said.is_empty() {
            write!(f, ": {}", self.said)?;
        }
        match &self.fits {
            Some(fit) if !fit.same_kind => write!(
                f,
                "; what answers there is a server of kind `{}`",
                kinds::name(fit.kind)
            ),
            _ => Ok(()),
        }
    }
}

/// What a refusal comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    Key,
    Right,
    Quota,
    Rate,
    Overloaded,
    /// The server failed by itself.
    Fault,
    Model,
    Path,
    Context,
    Parameter,
    Tools,
    Filter,
    /// A web page: of a proxy, a portal, another server.
    Page,
    /// A redirection, such as to a sign-in page.
    Moved,
    Proxy,
    Other,
}

impl Cause {
    /// May the same request be answered a moment later?
    pub fn passes(self) -> bool {
        matches!(self, Self::Rate | Self::Overloaded | Self::Fault)
    }

    fn clause(self) -> &'static str {
        match self {
            Self::Key => "did not accept its key",
            Self::Right => "may not be used with its key",
            Self::Quota => "has no quota left at its vendor",
            Self::Rate => "takes no more requests for the moment",
            Self::Overloaded => "is overloaded",
            Self::Fault => "failed at its server",
            Self::Model => "is not known there by its name",
            Self::Path => "was not found: there is no such path at its address",
            Self::Context => "takes no prompt of this length",
            Self::Parameter => "refused the request",
            Self::Tools => "cannot call tools",
            Self::Filter => "was kept from answering by its vendor's content filter",
            Self::Page => "gave a web page in place of an answer",
            Self::Moved => "was not reached: its address leads elsewhere, as to a sign-in page",
            Self::Proxy => "was not reached: a proxy before it wants a sign-in",
            Self::Other => "refused the request",
        }
    }

    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::Key => {
                "correct `api_key`, or the secret that it names, and see that the key is of this vendor"
            }
            Self::Right => {
                "give the key the right to this model at its vendor, or use another `model`"
            }
            Self::Quota => {
                "raise the quota or pay the bill at the vendor, or name another model in the route"
            }
            Self::Rate => {
                "ask for a higher rate at the vendor, or name another model after it in the route"
            }
            Self::Overloaded | Self::Fault => {
                "try again later, look at the server's own log, or name another model after it in the route"
            }
            Self::Model => "correct `model`: it must be the name by which the server lists it",
            Self::Path => {
                "correct `base_url` and `kind`: for `openai` the address ends before `/chat/completions`, most often in `/v1`; for \
                 `anthropic` before `/v1/messages`, for `ollama` before `/api/chat`"
            }
            Self::Context => "set `context_tokens` to the server's own window, or widen that",
            Self::Parameter | Self::Other => {
                "see `output_limit`, `leave_out` and `max_output_tokens` of this model in docs/settings.md"
            }
            Self::Tools => {
                "start its server with tool calling, use another `model`, or set `tools = \"guided\"`"
            }
            Self::Filter => {
                "look at the content filter at the vendor, or name another model in the route"
            }
            Self::Page => {
                "correct `base_url` and `kind`, and look at the proxies between: what answers there is no model's API"
            }
            Self::Moved => {
                "write the address that is meant as `base_url`: no redirection is followed"
            }
            Self::Proxy => {
                "let this host reach `base_url` without a sign-in, or see HTTPS_PROXY and NO_PROXY"
            }
        }
    }
}

/// What a reader is told of a model that gave no answer: enough to know whom to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    Slow {
        seconds: u32,
    },
    Unreachable,
    /// Its key or its right.
    Access,
    Quota,
    Busy,
    TooLong,
    /// Something that it needs is missing.
    NotSetUp,
    /// What is set does not fit its server.
    Misfit,
    /// It refused to answer this.
    Refused,
    /// What came was no answer.
    Unreadable,
    /// It did not come to an end within its longest answer.
    Unfinished,
    OverBudget,
    NotLocal,
}

impl ModelError {
    /// May the next model of the route be asked instead?
    pub fn falls_back(&self) -> bool {
        !matches!(self, Self::NotReserved)
    }

    /// Is it certain that nobody took the prompt? Where it is not, the prompt counts as used.
    pub fn was_not_taken(&self) -> bool {
        match self {
            Self::Refused(refusal) => !refusal.within || refusal.taught,
            Self::TooLong { .. } | Self::Unavailable { .. } | Self::NotReserved => true,
            Self::Unreachable { lost, .. } => *lost != Lost::Broke,
            Self::Timeout { .. }
            | Self::PromptCut { .. }
            | Self::Shape { .. }
            | Self::Nothing(_) => false,
        }
    }

    /// May the same request be answered a moment later?
    pub fn passes(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.cause.passes(),
            Self::Unreachable { lost, .. } => matches!(lost, Lost::Connection | Lost::Broke),
            _ => false,
        }
    }

    /// The HTTP status, where there is one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => refusal.status,
            _ => None,
        }
    }

    /// What to do about it, for the admin.
    pub fn advice(&self) -> String {
        match self {
            Self::Unreachable { advice, .. } => advice.clone(),
            Self::Refused(Refusal {
                fits: Some(fit), ..
            }) => fit.advice(),
            other => other.usual_advice().to_owned(),
        }
    }

    fn usual_advice(&self) -> &'static str {
        match self {
            Self::Timeout { .. } => {
                "raise `first_token_timeout_seconds` and `timeout_seconds`, or see why its server is slow"
            }
            Self::Unreachable { .. } => "look at its server's log and at the proxies between",
            Self::Refused(refusal) => refusal.cause.advice(),
            Self::PromptCut { .. } | Self::TooLong { .. } => Cause::Context.advice(),
            Self::Shape { .. } => "see that `kind` and `base_url` are those of its server",
            Self::Nothing(Nothing::Empty) => "try another `model`, or look at its server's log",
            Self::Nothing(Nothing::OnlyReasoning) => {
                "set `reasoning_tokens` of this model to what it needs to reason, such as 4000"
            }
            Self::Unavailable { .. } => "set up what is missing",
            Self::NotReserved => "report this: it is a fault of Daybrief",
        }
    }

    /// What a reader is told.
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::Timeout { seconds } => Trouble::Slow { seconds: *seconds },
            Self::Unreachable { .. } => Trouble::Unreachable,
            Self::Refused(refusal) => match refusal.cause {
                Cause::Key | Cause::Right => Trouble::Access,
                Cause::Quota => Trouble::Quota,
                Cause::Rate | Cause::Overloaded | Cause::Fault => Trouble::Busy,
                Cause::Context => Trouble::TooLong,
                Cause::Filter => Trouble::Refused,
                Cause::Model
                | Cause::Path
                | Cause::Parameter
                | Cause::Tools
                | Cause::Page
                | Cause::Moved
                | Cause::Proxy
                | Cause::Other => Trouble::Misfit,
            },
            Self::PromptCut { .. } | Self::TooLong { .. } => Trouble::TooLong,
            Self::Shape { .. } | Self::Nothing(_) => Trouble::Unreadable,
            Self::Unavailable { .. } => Trouble::NotSetUp,
            Self::NotReserved => Trouble::Misfit,
        }
    }

    /// The error for whoever may act on it.
    pub fn problem(&self, model: &ModelId) -> Problem {
        Problem::new("model", format!("the model `{model}` {self}"))
            .at(format!("[[model]] {model}"))
            .advise(self.advice())
    }
}
