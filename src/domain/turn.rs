//! A conversation: questions and what was said to them. It holds nothing of the business beyond that.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    error::Problem,
    ids::{ConversationId, ProposalId, RoleId, RunId, UserId},
};

/// What a person is told while a question is answered, in order; `Done` is the last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum TurnEvent {
    /// What is being done now: "asking Issue tracker".
    Step {
        text: String,
        /// Sources that answered or failed, of those asked so far.
        done: usize,
        of: usize,
    },
    /// More of the answer; all of them together are its text.
    Delta {
        text: String,
    },
    /// What the marks `[1]` in the text stand for.
    Citation(Citation),
    /// A table that Daybrief draws from a computed result.
    Table(Table),
    /// An action that waits for a person's approval.
    Proposed {
        proposal: ProposalId,
        text: String,
        #[schemars(with = "String", extend("format" = "date-time"))]
        expires: Timestamp,
    },
    /// So many places of the answer were left out, and why.
    HeldBack {
        count: usize,
        reasons: Vec<String>,
    },
    Done(Done),
}

/// A source behind a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Citation {
    /// The mark in the text.
    pub number: usize,
    /// What readers call the source.
    pub source: String,
    /// The record, where the statement rests on one: `PAY-1182`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "uri"))]
    pub link: Option<Url>,
    /// When the source answered.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub as_of: Timestamp,
}

/// Rows under headings, as texts for the reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Table {
    pub title: String,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
    /// What opens the record of each row, row for row; empty where no row opens one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Option<String>>")]
    pub links: Vec<Option<Url>>,
    /// Rows that are not shown.
    pub more: usize,
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Done {
    pub conversation: ConversationId,
    pub outcome: TurnOutcome,
    pub usage: TurnUsage,
    /// Claims that the model made, kept and struck.
    pub grounding: TurnGrounding,
    pub took_ms: u64,
    /// Where too many questions were asked: seconds after which one may be asked again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
    /// Why no model answered and what to do about it, for whoever may act: on the command line, and in a role that may see
    /// technical detail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// The ways in which a turn ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TurnOutcome {
    Answered,
    /// Answered, but some source could not be asked, or gave a part of its rows, or more was to be asked than may be.
    InPart,
    /// No model answered; what the sources said is shown without one.
    WithoutModel,
    /// The person asked it to stop.
    Cancelled,
    /// The person's right ended while it ran.
    Revoked,
    /// Nothing was asked: no right, no budget, too many questions.
    Refused,
    Failed,
}

/// What a turn used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TurnUsage {
    pub tokens_in: u64,
    pub tokens_out: u64,
    pub model_calls: u32,
    pub tool_calls: u32,
    pub result_bytes: u64,
}

/// What became of the model's claims.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TurnGrounding {
    pub written: usize,
    pub kept: usize,
    pub struck: usize,
}

/// A conversation as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Conversation {
    pub id: ConversationId,
    pub user: UserId,
    /// The one role that it is held under.
    pub role: RoleId,
    pub surface: String,
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub begun: Timestamp,
    /// The run whose brief it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<RunId>,
    /// The last ones, oldest first.
    pub turns: Vec<Said>,
}

/// One question with what was said to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Said {
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: Timestamp,
    pub question: String,
    pub answer: String,
    pub outcome: TurnOutcome,
    /// Tool calls that were made, as `connector/tool arguments`: what "and last week?" goes by. No answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<String>,
    /// What was claimed, as programs over results: what a follow-up says again over fresh rows. No value that was not told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub citations: Vec<Citation>,
}
