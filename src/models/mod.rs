//! Models: one trait, one adapter per wire. Every call consumes a [`Reservation`].
//!
//! A model's output is hostile input: what comes back is text to be checked, never an instruction.

mod answer;
mod anthropic;
mod calls;
mod check;
mod discreet;
mod endpoint;
mod error;
mod kinds;
mod learn;
mod ledger;
mod ollama;
mod openai;
mod pieces;
mod portable;
mod route;
mod think;
mod unavailable;
mod vendor;
mod wire;

#[cfg(test)]
mod streams;
#[cfg(test)]
mod tests;

pub use check::{Ability, check};
pub use discreet::discreet;
pub use error::{Cause, Lost, ModelError, Nothing, Refusal, Trouble};
pub use kinds::Fit;
pub use ledger::BudgetLedger;
pub use portable::PortableSchema;
pub use route::{Ledger, Reply, Route, Spoken, Tried};
pub use unavailable::unavailable;
pub use wire::estimate;

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use secrecy::SecretString;
use serde_json::Value;

use crate::{
    ids::ModelId,
    limits::Reservation,
    settings::{self, ModelKind},
};

/// What a model is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// What it is told about its task; ours alone, nothing from a source.
    pub system: String,
    pub messages: Vec<Message>,
    /// JSON Schema that the answer must fit; enforced by the server where it can.
    pub schema: Option<Schema>,
    /// Tools that it may ask to be called.
    pub tools: Vec<Tool>,
    /// Tokens of the answer at most.
    pub max_output_tokens: u32,
}

/// The form of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// A name of letters, digits and `_`, as the wires want one.
    pub name: String,
    pub schema: Value,
}

/// One message of the conversation.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    User(String),
    /// What the model said and asked for before.
    Assistant {
        text: String,
        calls: Vec<ToolCall>,
    },
    /// What a tool answered.
    ToolResult {
        id: String,
        content: String,
    },
}

/// A tool as a model sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// Letters, digits, `_` and `-`, at most 64.
    pub name: String,
    pub description: String,
    pub input_schema: PortableSchema,
}

/// A call that a model asks for. Its arguments are its own words: hostile.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    pub id: String,
    pub name: String,
    pub args: Value,
    /// What its server gave with it and wants back with it, such as a signature. Nobody else looks into it.
    pub echo: Option<Value>,
}

/// What comes back, in order; `Done` is the last.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Text(String),
    /// It says so many bytes that nobody is told: reasoning, or what may turn out to be.
    Unheard {
        bytes: usize,
    },
    /// A whole call, once its arguments are complete.
    Call(ToolCall),
    Done {
        usage: Usage,
        stop: Stop,
    },
}

/// Tokens as the server counted them; estimated by characters where it did not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    pub tokens_in: u64,
    pub tokens_out: u64,
}

/// Why the answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    End,
    /// It asks for tools.
    Calls,
    /// Cut at `max_output_tokens`.
    Length,
    /// The model or its server refused.
    Refused,
    /// It came to its end without a word or a call.
    Nothing(Nothing),
}

/// A model that can be asked.
#[async_trait]
pub trait Model: Send + Sync {
    /// Its id in the settings.
    fn id(&self) -> &ModelId;

    /// True where nothing sent to it leaves the company.
    fn is_local(&self) -> bool;

    /// Can it ask for tools by itself? One that cannot is given a form to choose a call in.
    fn calls_tools(&self) -> bool {
        true
    }

    /// What was learnt of what its server takes, for the admin.
    fn learnt(&self) -> Vec<String> {
        Vec::new()
    }

    /// Tokens that a request may use at most, in and out: what a reservation must cover.
    fn bound(&self, request: &Request) -> u64;

    /// Asks. The stream ends after `Done` or the first error; dropping it ends the request.
    async fn stream(
        &self,
        reservation: Reservation,
        request: Request,
    ) -> Result<BoxStream<'static, Result<Event, ModelError>>, ModelError>;
}

/// What is wrong with a model's settings; found before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    #[error("`{0}` is no address: use https, or http on this machine and in private networks")]
    Address(String),
    #[error("needs an api_key")]
    NoKey,
    #[error("{0}")]
    Client(String),
}

/// The model of these settings. `key` is the value of `settings.api_key`. Connects to nothing.
pub fn build(
    settings: &settings::Model,
    key: Option<SecretString>,
) -> Result<Arc<dyn Model>, SetupError> {
    Ok(match settings.kind {
        ModelKind::Openai => Arc::new(openai::OpenAi::new(settings, key)?),
        ModelKind::Anthropic => Arc::new(anthropic::Anthropic::new(settings, key)?),
        ModelKind::Ollama => Arc::new(ollama::Ollama::new(settings, key)?),
    })
}
