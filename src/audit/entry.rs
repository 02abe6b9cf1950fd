//! What a row says, as the rest of the program hands it in.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What happened. It names tools, outcomes and people by their ids, and holds nothing of the business. What a person
/// wrote or reads belongs into a [`Record`]'s text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub at: Timestamp,
    pub act: Act,
    /// The person, where one acts. In the store a random handle stands in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Where they act: `schedule`, `cli`.
    pub surface: String,
    /// What is acted on: a tool (`connector/tool`), a delivery, a secret's name, an object.
    pub on: String,
    pub outcome: Outcome,
    /// Why, in words; nothing of the business.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Such as the id of a run.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl Entry {
    /// An act that is allowed or about to be done, by nobody in particular.
    pub fn new(at: Timestamp, act: Act, surface: impl Into<String>, on: impl Into<String>) -> Self {
        Self {
            at,
            act,
            user: None,
            role: None,
            surface: surface.into(),
            on: on.into(),
            outcome: Outcome::Allowed,
            why: String::new(),
            detail: String::new(),
        }
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $type:ident { $($(#[$note:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $type {
            $($(#[$note])* #[serde(rename = $word)] $variant),*
        }

        impl $type {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its word in rows and on the command line.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),*
                }
            }
        }

        impl std::str::FromStr for $type {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|known| known.name() == text).ok_or_else(|| {
                    let known: Vec<&str> = Self::ALL.iter().map(|known| known.name()).collect();
                    format!("not one of {}", known.join(", "))
                })
            }
        }
    };
}

words!(
    /// The kinds of acts.
    Act {
        Question = "question",
        Answer = "answer",
        ToolCall = "tool-call",
        ModelCall = "model-call",
        Proposal = "proposal",
        Approval = "approval",
        Rejection = "rejection",
        Action = "action",
        Delivery = "delivery",
        Run = "run",
        SignIn = "sign-in",
        AdminChange = "admin-change",
        ObjectChange = "object-change",
        SecretUse = "secret-use",
        SecretChange = "secret-change",
        ToolAccepted = "tool-accepted",
        /// Somebody looked into the trail.
        AuditRead = "audit-read",
        DataExport = "data-export",
        DataErase = "data-erase",
        /// Rows were removed because they are past their retention.
        Retention = "retention",
        Start = "start",
    }
);

words!(
    /// How it was decided, or how it ended.
    Outcome {
        /// Allowed, or about to be done.
        Allowed = "allowed",
        Denied = "denied",
        Done = "done",
        Failed = "failed",
        /// Whether it was done is not known.
        Unclear = "unclear",
    }
);

/// An entry with what belongs to it. Most acts are an [`Entry`] alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub entry: Entry,
    /// The person whom the act concerns, where that is another than who acts: whose account was changed, who was looked
    /// up.
    pub about: Option<String>,
    /// Personal content: the text of a question, an answer, a reason. It stands beside the chain, which holds only a
    /// salted seal of it, and can be erased.
    pub text: Option<String>,
    /// The number of the row that this one completes: the call of which it tells the result.
    pub answers: Option<u64>,
    pub arguments: Option<Arguments>,
    pub result: Option<ResultFacts>,
}

impl From<Entry> for Record {
    fn from(entry: Entry) -> Self {
        Self {
            entry,
            about: None,
            text: None,
            answers: None,
            arguments: None,
            result: None,
        }
    }
}

impl Record {
    /// Says whom it concerns.
    #[must_use]
    pub fn about(mut self, person: impl Into<String>) -> Self {
        self.about = Some(person.into());
        self
    }

    /// Adds personal content.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// Names the row that this one completes.
    #[must_use]
    pub fn answers(mut self, number: u64) -> Self {
        self.answers = Some(number);
        self
    }

    /// Adds a call's arguments, made by [`Audit::arguments`](super::Audit::arguments).
    #[must_use]
    pub fn arguments(mut self, arguments: Arguments) -> Self {
        self.arguments = Some(arguments);
        self
    }

    /// Adds what came back.
    #[must_use]
    pub fn result(mut self, result: ResultFacts) -> Self {
        self.result = Some(result);
        self
    }
}

/// What is kept of a call's arguments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Arguments {
    /// Keyed, so that nobody can find out short arguments by trying them.
    pub hash: String,
    /// The names, always.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Values of harmless names, where the settings keep them.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub kept: Map<String, Value>,
}

/// What is kept of an answer: never its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultFacts {
    pub bytes: u64,
    /// Hex. A sum over the whole answer; it lets an answer at hand be compared and tells nothing else.
    pub sha256: String,
    pub took_ms: u64,
}

impl ResultFacts {
    /// The facts of an answer.
    pub fn of(content: &[u8], took: std::time::Duration) -> Self {
        use sha2::{Digest, Sha256};
        Self {
            bytes: u64::try_from(content.len()).unwrap_or(u64::MAX),
            sha256: crate::ids::hex(&Sha256::digest(content)),
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// Argument names whose values say how a list is asked for and nothing of what is in it.
const HARMLESS: [&str; 16] = [
    "limit",
    "offset",
    "page",
    "per_page",
    "page_size",
    "max_results",
    "maxResults",
    "startAt",
    "start_at",
    "sort",
    "order",
    "order_by",
    "direction",
    "state",
    "status",
    "include_closed",
];
/// The longest value that is kept, in bytes.
const LONGEST_KEPT: usize = 40;
/// More names than this are not listed.
const MOST_NAMES: usize = 50;

/// Names, and values of harmless ones: numbers, truth values and single words.
pub(super) fn names_and_kept(
    arguments: &Map<String, Value>,
    keep: crate::settings::KeepArguments,
) -> (Vec<String>, Map<String, Value>) {
    let names = arguments
        .keys()
        .take(MOST_NAMES)
        .map(|name| crate::text::shorten(name, LONGEST_KEPT))
        .collect();
    let is_harmless = |name: &str, value: &Value| {
        HARMLESS.contains(&name)
            && match value {
                Value::Number(_) | Value::Bool(_) => true,
                Value::String(word) => {
                    word.len() <= LONGEST_KEPT
                        && word.chars().all(|c| c.is_ascii_lowercase() || c == '_')
                }
                _ => false,
            }
    };
    let kept = match keep {
        crate::settings::KeepArguments::Hash => Map::new(),
        crate::settings::KeepArguments::Redacted => arguments
            .iter()
            .filter(|(name, value)| is_harmless(name, value))
            .take(MOST_NAMES)
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    };
    (names, kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::KeepArguments;

    #[test]
    fn names_are_kept_always_and_values_only_where_they_tell_nothing() {
        let arguments = serde_json::json!({
            "jql": "assignee = mara", "limit": 50, "status": "open", "sort": "Mara Beck", "page": { "of": "x" },
        });
        let arguments = arguments.as_object().unwrap();
        let (names, kept) = names_and_kept(arguments, KeepArguments::Hash);
        assert_eq!(names, ["jql", "limit", "status", "sort", "page"]);
        assert!(kept.is_empty());
        let (_, kept) = names_and_kept(arguments, KeepArguments::Redacted);
        assert_eq!(
            Value::Object(kept),
            serde_json::json!({ "limit": 50, "status": "open" })
        );
    }

    #[test]
    fn every_act_has_one_word_and_reads_back() {
        for act in Act::ALL {
            assert_eq!(act.name().parse::<Act>().unwrap(), *act);
            assert_eq!(serde_json::to_value(act).unwrap(), act.name());
        }
        assert!("nothing".parse::<Outcome>().unwrap_err().contains("denied"));
    }
}
