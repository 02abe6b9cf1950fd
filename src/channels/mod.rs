//! Channels: where briefs go out. Every message is [`Cleared`](crate::guard::Cleared).
//!
//! A delivery has two steps. [`Channel::prepare`] does everything that can fail without a trace: it connects, signs in,
//! has the recipient accepted. [`Prepared::commit`] delivers. Between the two the outbox saves that delivery begins,
//! so that after a crash it knows which deliveries to ask about ([`Channel::find`]).

mod folder;
mod mail;
mod slack;
mod slack_codes;
mod smtp;

#[cfg(test)]
mod tests;

pub use folder::{FolderChannel, is_plain_name, write_files};
pub use slack::SlackChannel;
pub use smtp::SmtpChannel;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use std::{sync::Arc, time::Duration};

use crate::{
    domain::{delivery::Address, schedule::ChannelKind},
    guard::Cleared,
    ids::DeliveryId,
};

/// A brief in the form of one channel, made by `render`.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    Email(EmailMessage),
    Slack(SlackMessage),
    Folder(FolderMessage),
}

impl Message {
    /// The same message to a person of this name.
    pub fn addressed(mut self, name: &str) -> Self {
        match &mut self {
            Self::Email(mail) | Self::Folder(FolderMessage { mail, .. }) => {
                mail.to_name = Some(name.to_owned());
            }
            Self::Slack(_) => {}
        }
        self
    }
}

/// A mail without its envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailMessage {
    /// The recipient's name, beside the address.
    pub to_name: Option<String>,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// The briefing's name for `List-Id` (RFC 2919).
    pub list: String,
    /// BCP 47 tag for `Content-Language`.
    pub language: String,
}

/// A Slack message and the replies that stand in its thread.
#[derive(Debug, Clone, PartialEq)]
pub struct SlackMessage {
    /// What a notification shows.
    pub text: String,
    /// Block Kit blocks, at most 50, within Slack's limits.
    pub blocks: Vec<serde_json::Value>,
    /// Replies in the thread: (text, blocks).
    pub replies: Vec<(String, Vec<serde_json::Value>)>,
}

/// Files for a folder: (name, content). The first is the one a person opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderMessage {
    pub files: Vec<(String, Vec<u8>)>,
    /// The brief's mail; it lies beside them.
    pub mail: EmailMessage,
}

/// A message that a channel has taken as far as it can without delivering it: connected, signed in, recipient accepted.
/// Dropping it delivers nothing.
#[async_trait]
pub trait Prepared: Send {
    /// Delivers. After this call has begun and no answer came, whether it was delivered is unclear.
    async fn commit(self: Box<Self>) -> Result<Receipt, ChannelError>;
}

/// A place where briefs go out.
#[async_trait]
pub trait Channel: Send + Sync {
    /// Everything that can fail before delivery begins. An error here means: nothing was delivered.
    async fn prepare(
        &self,
        delivery: &DeliveryId,
        to: &Address,
        message: Cleared<Message>,
    ) -> Result<Box<dyn Prepared>, ChannelError>;

    /// Asks the channel whether it already has this delivery.
    async fn find(&self, delivery: &DeliveryId, to: &Address) -> Result<Found, ChannelError>;

    /// So long after an attempt whose end was not seen, what [`find`](Self::find) says of it can be trusted: nothing of the
    /// attempt can still be on its way.
    fn settles_within(&self) -> Duration {
        Duration::ZERO
    }

    /// Is the channel usable now? Connects and signs in, delivers nothing.
    async fn check(&self) -> Result<(), ChannelError>;

    /// Could this address be reached, as far as the channel tells before it is given anything?
    async fn reaches(&self, _to: &Address) -> Result<(), ChannelError> {
        Ok(())
    }
}

/// What a channel knows of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Delivered(Receipt),
    NotDelivered,
    /// The channel cannot be asked (SMTP).
    CannotTell,
}

/// The channel's own word for a delivery: an SMTP answer with its queue id, a Slack timestamp, a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    pub reference: String,
}

/// Why a delivery did not go out.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ChannelError {
    /// Try again later: the channel is down, busy, or asks to wait.
    #[error("{what}")]
    Later {
        what: String,
        after: Option<Duration>,
    },
    /// Trying again changes nothing: bad address, bad credential, refused content.
    #[error("{what}")]
    Never { what: String },
    /// Delivery had begun and its outcome is not known.
    #[error("{what}")]
    Unclear { what: String },
}

impl ChannelError {
    fn later(what: impl Into<String>) -> Self {
        Self::Later {
            what: bounded(&what.into()),
            after: None,
        }
    }

    fn never(what: impl Into<String>) -> Self {
        Self::Never {
            what: bounded(&what.into()),
        }
    }

    fn unclear(what: impl Into<String>) -> Self {
        Self::Unclear {
            what: bounded(&what.into()),
        }
    }
}

/// What is wrong with a channel's settings; found when the channel is made, before anything is sent.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("`{0}` is no mail address")]
    Sender(String),
    #[error("`ca_file`: {path} {source}")]
    File {
        path: std::path::PathBuf,
        source: crate::text_file::NoText,
    },
    #[error("`ca_file`: {path} {what}")]
    Certificate {
        path: std::path::PathBuf,
        what: &'static str,
    },
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    #[error("a user needs a password, and a password a user")]
    HalfCredentials,
    #[error(
        "a password in clear goes only to this machine: use tls = \"starttls\" or \"implicit\""
    )]
    PasswordInClear,
    #[error("`{0}` is no address of an API: use https, or http on this machine")]
    ApiUrl(String),
}

impl SetupError {
    /// What to do about it, where its words do not say it.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::File { .. } | Self::Certificate { .. } => Some(
                "name a file with the certificate of your own authority in PEM form, or leave `ca_file` away for a server whose certificate is of a public one",
            ),
            Self::Sender(_) => {
                Some("write `from` as a name and an address: \"Daybrief <daybrief@acme.example>\"")
            }
            Self::HalfCredentials => Some("set both, or neither for a relay that asks for none"),
            Self::Tls(_) | Self::PasswordInClear | Self::ApiUrl(_) => None,
        }
    }
}

/// The longest text of an error, in characters: another side wrote part of it.
const ERROR_MAX_CHARACTERS: usize = 300;

/// A text of another side as it may stand in an error: one line of bounded length.
fn bounded(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    crate::text::shorten(line.trim(), ERROR_MAX_CHARACTERS)
}

/// Is it a name or address of this machine?
fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// A channel that is not set up: says so to whoever would use it.
#[derive(Debug)]
struct Missing {
    kind: ChannelKind,
    /// Why it cannot be used, where the settings have it.
    why: Option<String>,
}

/// What stands where the settings have no such channel.
pub fn missing(kind: ChannelKind) -> Arc<dyn Channel> {
    Arc::new(Missing { kind, why: None })
}

/// What stands where the settings have a channel that cannot be used.
pub fn unusable(kind: ChannelKind, why: String) -> Arc<dyn Channel> {
    Arc::new(Missing {
        kind,
        why: Some(why),
    })
}

impl Missing {
    fn error(&self) -> ChannelError {
        ChannelError::never(match &self.why {
            None => format!("daybrief.toml has no [{}]", self.kind),
            Some(why) => format!("[{}] cannot be used: {why}", self.kind),
        })
    }
}

#[async_trait]
impl Channel for Missing {
    async fn prepare(
        &self,
        _: &DeliveryId,
        _: &Address,
        _: Cleared<Message>,
    ) -> Result<Box<dyn Prepared>, ChannelError> {
        Err(self.error())
    }

    async fn find(&self, _: &DeliveryId, _: &Address) -> Result<Found, ChannelError> {
        Ok(Found::CannotTell)
    }

    async fn check(&self) -> Result<(), ChannelError> {
        Err(self.error())
    }
}
