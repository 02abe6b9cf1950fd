//! A delivery: one brief to one recipient over one channel, and how far it got.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    domain::schedule::ChannelKind,
    ids::{DeliveryId, RunId, UserId},
};

/// Where a delivery goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Address {
    /// A mailbox.
    Email { to: String },
    /// A member (`U…`, opened as a direct message) or a channel (`C…`).
    Slack { to: String },
    /// A folder below the one in the settings.
    Folder { name: String },
}

impl Address {
    /// The channel that it is an address of.
    pub fn channel(&self) -> ChannelKind {
        match self {
            Self::Email { .. } => ChannelKind::Email,
            Self::Slack { .. } => ChannelKind::Slack,
            Self::Folder { .. } => ChannelKind::Folder,
        }
    }

    /// The kind in one word, for metrics and audit.
    pub fn kind(&self) -> &'static str {
        self.channel().name()
    }

    /// Where it goes, in one line.
    pub fn target(&self) -> &str {
        match self {
            Self::Email { to } | Self::Slack { to } => to,
            Self::Folder { name } => name,
        }
    }
}

/// A row of the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Derived from run and address, so that the same delivery cannot be queued twice.
    pub id: DeliveryId,
    pub run: RunId,
    /// The person it is for; nobody where a shared place is addressed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    pub to: Address,
    pub state: DeliveryState,
    /// Attempts begun.
    pub attempts: u32,
    /// Why the end of an attempt was not seen after which it was sent again: the channel said long enough after that it does
    /// not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_after: Option<String>,
    /// Not sent after this instant.
    pub expires: Timestamp,
}

/// How far a delivery got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum DeliveryState {
    /// To be tried at `next` or later; `last` says why the attempt before failed.
    Waiting {
        next: Timestamp,
        #[serde(default)]
        last: Option<String>,
    },
    /// Saved right before the channel was told to deliver. Found again after a crash it means: unclear.
    Sending { since: Timestamp },
    /// Delivery had begun at `since` and its end was not seen; it may still arrive. The channel is asked at `ask`, and nothing
    /// is sent again before its answer can be trusted.
    InDoubt {
        since: Timestamp,
        ask: Timestamp,
        why: String,
    },
    /// The channel has it.
    Sent { at: Timestamp, reference: String },
    /// It will not be tried again.
    Failed { at: Timestamp, why: String },
    /// Delivery had begun, its outcome is unknown and the channel cannot be asked. Not sent again: the reader may
    /// have it. The admin is told.
    Unclear { at: Timestamp, why: String },
    /// Not sent in time.
    Expired { at: Timestamp },
    /// The recipient lost the right before it was sent.
    Revoked { at: Timestamp },
}

impl DeliveryState {
    /// The state's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Waiting { .. } => "waiting",
            Self::Sending { .. } => "sending",
            Self::InDoubt { .. } => "in-doubt",
            Self::Sent { .. } => "sent",
            Self::Failed { .. } => "failed",
            Self::Unclear { .. } => "unclear",
            Self::Expired { .. } => "expired",
            Self::Revoked { .. } => "revoked",
        }
    }

    /// Will nothing more happen?
    pub fn is_final(&self) -> bool {
        !matches!(
            self,
            Self::Waiting { .. } | Self::Sending { .. } | Self::InDoubt { .. }
        )
    }
}
