//! Pins: a tool is trusted as it was described when it was first seen, and stops when its description changes
//! until an admin accepts the new one.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::steady::steady;
use crate::{
    ids::{ConnectorId, hex},
    text::canonical,
};

/// SHA-256, in hex, over a tool's name, description and input schema [without what changes from start to
/// start](super::steady). Annotations such as `readOnlyHint` are no part of it: they decide nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PinnedHash(pub String);

impl std::fmt::Display for PinnedHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The pins could not be read or kept. Names no business data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PinsError(pub String);

/// An accepted description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub hash: PinnedHash,
    /// The text of [`pin_of`]. Hostile.
    pub text: String,
}

impl Accepted {
    /// Was this very description accepted? One that was kept under a hash made otherwise is told by its text.
    pub(super) fn is(&self, hash: &PinnedHash) -> bool {
        self.hash == *hash || hash_of(&self.text).as_ref() == Some(hash)
    }
}

/// Where accepted tool descriptions are kept.
#[async_trait]
pub trait Pins: Send + Sync {
    /// The accepted description of a tool, if one was ever seen.
    async fn get(&self, connector: &ConnectorId, tool: &str)
    -> Result<Option<Accepted>, PinsError>;

    /// Keeps the first description of a tool as accepted (trust on first use). Where one is kept already, for
    /// instance by another node in the same moment, it stays and this does nothing.
    async fn first_seen(
        &self,
        connector: &ConnectorId,
        tool: &str,
        hash: &PinnedHash,
        canonical: &str,
    ) -> Result<(), PinsError>;

    /// Takes note that a tool is now described otherwise, for the admin to look at. The accepted one stays.
    /// Told at each start of the server and each change of its list, so it may be told the same again.
    async fn changed(
        &self,
        connector: &ConnectorId,
        tool: &str,
        hash: &PinnedHash,
        canonical: &str,
    ) -> Result<(), PinsError>;
}

/// A tool's hash, and its `{name, description, inputSchema}` as JSON with sorted keys, for people to compare.
pub fn pin_of(
    name: &str,
    description: Option<&str>,
    input_schema: &Map<String, Value>,
) -> (PinnedHash, String) {
    let tool = Map::from_iter([
        ("name".to_owned(), Value::from(name)),
        ("description".to_owned(), Value::from(description)),
        (
            "inputSchema".to_owned(),
            Value::Object(input_schema.clone()),
        ),
    ]);
    let steady = steady(name, description, input_schema);
    let hash = PinnedHash(hex(&Sha256::digest(steady.as_bytes())));
    (hash, canonical(&Value::Object(tool)))
}

/// The hash of a tool by its text; nothing where the text is not whole.
fn hash_of(text: &str) -> Option<PinnedHash> {
    let Value::Object(tool) = serde_json::from_str(text).ok()? else {
        return None;
    };
    let name = tool.get("name")?.as_str()?;
    let description = tool.get("description").and_then(Value::as_str);
    let schema = tool.get("inputSchema")?.as_object()?;
    Some(pin_of(name, description, schema).0)
}

/// What a tool's description is against the accepted one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Pin {
    /// Seen for the first time by this connection, and accepted with that.
    FirstSeen,
    /// As accepted.
    Accepted,
    /// Otherwise than accepted: calls are refused until an admin accepts it.
    Changed { accepted: PinnedHash },
}

/// Compares a tool with its pin, keeping the first one and taking note of a change.
pub(super) async fn check(
    pins: &dyn Pins,
    connector: &ConnectorId,
    tool: &str,
    hash: &PinnedHash,
    canonical: &str,
) -> Result<Pin, PinsError> {
    if let Some(accepted) = pins.get(connector, tool).await? {
        if accepted.is(hash) {
            return Ok(Pin::Accepted);
        }
        pins.changed(connector, tool, hash, canonical).await?;
        return Ok(Pin::Changed {
            accepted: accepted.hash,
        });
    }
    pins.first_seen(connector, tool, hash, canonical).await?;
    // Another node may have seen it first, described otherwise.
    match pins.get(connector, tool).await? {
        Some(accepted) if !accepted.is(hash) => Ok(Pin::Changed {
            accepted: accepted.hash,
        }),
        _ => Ok(Pin::FirstSeen),
    }
}

/// A tool's accepted description and, where there is one, the changed one that waits.
#[derive(Debug, Clone)]
struct Kept {
    accepted: Accepted,
    waiting: Option<Accepted>,
}

/// Pins for the life of the process: for commands that look at a connector before anything is stored, and tests.
#[derive(Debug, Default)]
pub struct MemoryPins(Mutex<HashMap<(ConnectorId, String), Kept>>);

impl MemoryPins {
    /// Accepts the description that waits, if one does.
    pub fn accept(&self, connector: &ConnectorId, tool: &str) -> bool {
        let mut kept = self.lock();
        let Some(pin) = kept.get_mut(&(connector.clone(), tool.to_owned())) else {
            return false;
        };
        match pin.waiting.take() {
            Some(waiting) => {
                pin.accepted = waiting;
                true
            }
            None => false,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(ConnectorId, String), Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Pins for MemoryPins {
    async fn get(
        &self,
        connector: &ConnectorId,
        tool: &str,
    ) -> Result<Option<Accepted>, PinsError> {
        let key = (connector.clone(), tool.to_owned());
        Ok(self.lock().get(&key).map(|kept| kept.accepted.clone()))
    }

    async fn first_seen(
        &self,
        connector: &ConnectorId,
        tool: &str,
        hash: &PinnedHash,
        canonical: &str,
    ) -> Result<(), PinsError> {
        self.lock()
            .entry((connector.clone(), tool.to_owned()))
            .or_insert_with(|| Kept {
                accepted: Accepted {
                    hash: hash.clone(),
                    text: canonical.to_owned(),
                },
                waiting: None,
            });
        Ok(())
    }

    async fn changed(
        &self,
        connector: &ConnectorId,
        tool: &str,
        hash: &PinnedHash,
        canonical: &str,
    ) -> Result<(), PinsError> {
        if let Some(kept) = self.lock().get_mut(&(connector.clone(), tool.to_owned())) {
            kept.waiting = Some(Accepted {
                hash: hash.clone(),
                text: canonical.to_owned(),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_pin_is_told_by_name_description_and_schema_and_shown_in_full() {
        let one = schema(json!({"type": "object", "properties": {"a": {"x": 1, "y": "b,a"}}}));
        let same = schema(json!({"properties": {"a": {"y": "a,b", "x": 1}}, "type": "object"}));
        let other = schema(json!({"type": "object", "properties": {"a": {"x": 2, "y": "b,a"}}}));
        let (hash, text) = pin_of("t", Some("d"), &one);
        assert_eq!(
            text,
            r#"{"description":"d","inputSchema":{"properties":{"a":{"x":1,"y":"b,a"}},"type":"object"},"name":"t"}"#
        );
        assert_eq!(hash, pin_of("t", Some("d"), &same).0);
        assert_eq!(Some(&hash), hash_of(&text).as_ref());
        assert_ne!(hash, pin_of("t", Some("d"), &other).0);
        assert_ne!(hash, pin_of("t", Some("d e"), &one).0);
        assert_ne!(hash, pin_of("t2", Some("d"), &one).0);
        assert_ne!(pin_of("t", None, &one).0, pin_of("t", Some(""), &one).0);
    }

    #[test]
    fn a_real_server_that_is_started_twice_keeps_its_pins() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/data/answers/mcp-atlassian-lists.json"
        );
        let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let pins = |start: usize| -> Vec<(String, PinnedHash)> {
            let tools = file["starts"][start].as_array().unwrap().iter();
            tools
                .map(|tool| {
                    let name = tool["name"].as_str().unwrap();
                    let (hash, _) = pin_of(
                        name,
                        tool["description"].as_str(),
                        &schema(tool["inputSchema"].clone()),
                    );
                    (name.to_owned(), hash)
                })
                .collect()
        };
        assert_ne!(file["starts"][0], file["starts"][1]);
        assert_eq!(pins(0), pins(1));
    }

    #[tokio::test]
    async fn what_was_accepted_under_a_hash_made_otherwise_stays_accepted() {
        let pins = MemoryPins::default();
        let id = ConnectorId::new("c").unwrap();
        let (hash, text) = pin_of("t", Some("d"), &schema(json!({"enum": ["a", "b"]})));
        let earlier = PinnedHash("of an earlier version".into());
        pins.first_seen(&id, "t", &earlier, &text).await.unwrap();
        assert_eq!(
            check(&pins, &id, "t", &hash, &text).await,
            Ok(Pin::Accepted)
        );
        let (hash, text) = pin_of("t", Some("d e"), &schema(json!({"enum": ["a", "b"]})));
        let changed = Pin::Changed { accepted: earlier };
        assert_eq!(check(&pins, &id, "t", &hash, &text).await, Ok(changed));
    }

    #[tokio::test]
    async fn a_changed_tool_waits_until_it_is_accepted() {
        let pins = MemoryPins::default();
        let id = ConnectorId::new("c").unwrap();
        let (first, second) = (PinnedHash("1".into()), PinnedHash("2".into()));
        let state = async |hash: &PinnedHash| check(&pins, &id, "t", hash, "").await.unwrap();
        assert_eq!(state(&first).await, Pin::FirstSeen);
        assert_eq!(state(&first).await, Pin::Accepted);
        let accepted = first.clone();
        assert_eq!(state(&second).await, Pin::Changed { accepted });
        assert!(pins.accept(&id, "t"));
        assert_eq!(state(&second).await, Pin::Accepted);
    }
}
