//! An action that somebody's conversation suggests. It does nothing until a person who may do so approves it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::{ConnectorId, ConversationId, ProposalId, RoleId, UserId};

/// A proposal: one exact call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    pub id: ProposalId,
    pub connector: ConnectorId,
    pub tool: String,
    /// The exact arguments; nothing is filled in later.
    pub args: Map<String, Value>,
    /// Why, in the model's words, cleared by the guard.
    pub why: String,
    /// Whose conversation it came from.
    pub user: UserId,
    pub role: RoleId,
    pub conversation: ConversationId,
    /// Titles of the sources whose texts had been read in the turn before it was suggested. Whoever approves is told: what
    /// such a text says may be behind it.
    pub after_reading: Vec<String>,
    pub made: Timestamp,
    pub expires: Timestamp,
    pub state: ProposalState,
}

/// Where a proposal stands. Each change is a write that only one can win.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum ProposalState {
    Open,
    Rejected {
        by: UserId,
        at: Timestamp,
    },
    /// Approved, and the call is about to be made. Found after a crash it means: nobody knows whether it was made.
    Executing {
        by: UserId,
        role: RoleId,
        at: Timestamp,
    },
    Done {
        by: UserId,
        at: Timestamp,
        /// Hash of the answer; its content is not kept.
        answer: String,
    },
    Failed {
        by: UserId,
        at: Timestamp,
        why: String,
    },
    /// The call had begun and its end was not seen. It is not made again.
    Unclear {
        by: UserId,
        at: Timestamp,
    },
    Expired,
}

impl ProposalState {
    /// Its name in lists.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Rejected { .. } => "rejected",
            Self::Executing { .. } => "executing",
            Self::Done { .. } => "done",
            Self::Failed { .. } => "failed",
            Self::Unclear { .. } => "unclear",
            Self::Expired => "expired",
        }
    }
}

impl Proposal {
    /// SHA-256 over connector, tool and arguments with sorted keys: what is approved is what was shown.
    pub fn digest(&self) -> String {
        let args = serde_json::to_value(&self.args).unwrap_or_default();
        crate::ids::derived(&[
            self.connector.as_str(),
            &self.tool,
            &crate::text::canonical(&args),
        ])
    }
}
