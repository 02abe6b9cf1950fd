//! Names of things, each its own type, so that a role's name cannot stand where a user's is meant.

use serde::{Deserialize, Serialize};

/// What is wrong with a name that a person wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a name: use 1 to 80 of a-z, 0-9, '-', '_', '.', beginning with a letter or digit"
)]
pub struct BadName(pub String);

/// True for 1 to 80 characters of `a-z 0-9 - _ .` that begin with a letter or a digit.
fn is_name(text: &str) -> bool {
    let allowed =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    text.len() <= 80
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.chars().all(allowed)
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// The name, or what is wrong with it.
            pub fn new(text: impl Into<String>) -> Result<Self, BadName> {
                let text = text.into();
                if is_name(&text) { Ok(Self(text)) } else { Err(BadName(text)) }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "format": "name" })
            }
        }

        impl TryFrom<String> for $type {
            type Error = BadName;
            fn try_from(text: String) -> Result<Self, BadName> {
                Self::new(text)
            }
        }

        impl std::str::FromStr for $type {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> {
                Self::new(text)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(/** A role: a bundle of grants, limits and a model route. */ RoleId);
name!(/** A person known to this instance. */ UserId);
name!(/** A shared place, such as a Slack channel, with its clearance. */ PlaceId);
name!(/** A connector in front of one source system. */ ConnectorId);
name!(/** A briefing definition. */ BriefingId);
name!(/** A signal within a briefing. */ SignalId);
name!(/** A schedule. */ ScheduleId);
name!(/** A calendar of working days and holidays. */ CalendarId);
name!(/** A configured model. */ ModelId);
name!(/** A conversation: questions and answers of one person under one role. */ ConversationId);
name!(/** A proposed action. */ ProposalId);
name!(/** A token with which another program asks. */ TokenId);
name!(/** One run: a briefing for one audience at one due instant. Derived from those three, so the same
    due instant cannot have two, under a key of the instance. */ RunId);
name!(/** One delivery: a run's brief to one recipient over one channel. Derived from those three. */ DeliveryId);

/// A fresh identifier that sorts by time of making (UUID version 7, RFC 9562).
pub fn fresh() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}

/// The first 24 hex digits of SHA-256 over the parts, each preceded by its length: a stable identifier
/// of a tuple (96 bits; parts can't run into each other).
pub fn derived(parts: &[&str]) -> String {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex(&hash.finalize()).chars().take(24).collect()
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing into a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_lower_case_and_begins_with_a_letter_or_digit() {
        for good in ["jira", "vp-engineering", "a.b_c-9", "9lives"] {
            assert!(RoleId::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-x", "Jira", "a b", "ü", &"x".repeat(81)] {
            assert!(RoleId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn derived_parts_do_not_run_into_each_other() {
        assert_ne!(derived(&["ab", "c"]), derived(&["a", "bc"]));
        assert_eq!(derived(&["ab", "c"]), derived(&["ab", "c"]));
    }
}
