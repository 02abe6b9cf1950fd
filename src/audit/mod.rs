//! The audit trail: what was asked of whom, decided, sent and changed, written before its effect is visible.
//!
//! Rows are numbered without a hole and chained: each row's hash is an HMAC-SHA-256, under a key that is not in the store
//! in clear, over the hash of the row before and its own content. Who can write the store but has not the key cannot
//! change, drop, swap or add a row unseen. A row names tools, people and outcomes; of arguments it holds the hash, of
//! answers size and hash, never their content.

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use tokio::sync::Mutex;

use crate::{
    ids::hex,
    store::{AuditRow, Store, StoreError},
};

/// So often an append is tried that lost against another node's.
const MOST_APPENDS: usize = 50;
/// Rows read at once when the trail is verified.
const PAGE: u32 = 1_000;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub at: Timestamp,
    pub act: Act,
    /// The person, where one acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Where they act: `schedule`, `cli`.
    pub surface: String,
    /// What is acted on: a tool, a delivery, a secret's name, an object.
    pub on: String,
    pub outcome: Outcome,
    /// Why, in words; nothing of the business.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Hash of a call's arguments, id of a run.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// The kinds of acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    ToolCall,
    ModelCall,
    Delivery,
    Run,
    ObjectChange,
    SecretChange,
    ToolAccepted,
    Start,
}

/// How it was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Allowed, or about to be done.
    Allowed,
    Denied,
    Done,
    Failed,
    /// Whether it was done is not known.
    Unclear,
}

/// What [`Audit::verify`] found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    pub ok: bool,
    /// Rows that were read.
    pub entries: u64,
    /// The number of the first row that is missing, changed or out of its place.
    pub first_bad: Option<u64>,
}

/// The trail. Cheap to clone; all clones are one trail.
#[derive(Clone)]
pub struct Audit {
    store: Store,
    key: Arc<[u8; 32]>,
    /// Number and hash of the row that this node believes to be the last: saves reading it for each append.
    last: Arc<Mutex<Option<(u64, String)>>>,
}

impl Audit {
    /// The trail of a store, chained under `key`.
    pub fn new(store: Store, key: [u8; 32]) -> Self {
        Self {
            store,
            key: Arc::new(key),
            last: Arc::default(),
        }
    }

    /// Writes entries in their order. When it returns they are durable; when it fails none of what they allow may happen.
    pub async fn write(&self, entries: &[Entry]) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut last = self.last.lock().await;
        for _ in 0..MOST_APPENDS {
            let (mut number, mut hash) = match last.take() {
                Some(known) => known,
                None => self
                    .store
                    .audit()
                    .last()
                    .await?
                    .map_or((0, String::new()), |row| (row.number, row.hash)),
            };
            let mut rows = Vec::with_capacity(entries.len());
            for entry in entries {
                number += 1;
                let entry = serde_json::to_value(entry).unwrap_or_default();
                hash = self.hash(number, &entry, &hash);
                rows.push(AuditRow {
                    number,
                    entry,
                    hash: hash.clone(),
                });
            }
            if self.store.audit().append(&rows).await? {
                *last = Some((number, hash));
                return Ok(());
            }
            // Another node was first: the next turn reads what it wrote.
        }
        Err(StoreError::Contended)
    }

    /// Reads the whole trail and recomputes its chain.
    pub async fn verify(&self) -> Result<Verified, StoreError> {
        let (mut entries, mut hash) = (0_u64, String::new());
        loop {
            let rows = self.store.audit().from(entries + 1, PAGE).await?;
            if rows.is_empty() {
                return Ok(Verified {
                    ok: true,
                    entries,
                    first_bad: None,
                });
            }
            for row in rows {
                let expected = self.hash(entries + 1, &row.entry, &hash);
                if row.number != entries + 1 || row.hash != expected {
                    return Ok(Verified {
                        ok: false,
                        entries,
                        first_bad: Some(entries + 1),
                    });
                }
                entries += 1;
                hash = row.hash;
            }
        }
    }

    fn hash(&self, number: u64, entry: &serde_json::Value, before: &str) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.key.as_slice()) else {
            unreachable!("HMAC takes keys of every length (RFC 2104)")
        };
        mac.update(&number.to_be_bytes());
        mac.update(before.as_bytes());
        mac.update(entry.to_string().as_bytes());
        hex(&mac.finalize().into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(on: &str) -> Entry {
        Entry {
            at: Timestamp::UNIX_EPOCH,
            act: Act::ToolCall,
            user: None,
            role: Some("finance".to_owned()),
            surface: "schedule".to_owned(),
            on: on.to_owned(),
            outcome: Outcome::Allowed,
            why: String::new(),
            detail: String::new(),
        }
    }

    async fn trail(rows: usize) -> (Store, Audit) {
        let store = Store::in_memory().await.unwrap();
        let audit = Audit::new(store.clone(), [7; 32]);
        for row in 0..rows {
            audit.write(&[entry(&format!("tool{row}"))]).await.unwrap();
        }
        (store, audit)
    }

    #[tokio::test]
    async fn a_whole_trail_verifies_also_for_another_process() {
        let (store, _) = trail(5).await;
        let verified = Audit::new(store, [7; 32]).verify().await.unwrap();
        assert_eq!((verified.ok, verified.entries), (true, 5));
    }

    #[tokio::test]
    async fn a_changed_row_is_found_by_its_number() {
        let (store, audit) = trail(5).await;
        let mut rows = store.audit().from(1, 10).await.unwrap();
        rows[2].entry["on"] = "another".into();
        let forged = Store::in_memory().await.unwrap();
        forged.audit().append(&rows).await.unwrap();
        let verified = Audit {
            store: forged,
            ..audit
        }
        .verify()
        .await
        .unwrap();
        assert_eq!((verified.ok, verified.first_bad), (false, Some(3)));
    }

    #[tokio::test]
    async fn a_dropped_and_a_swapped_row_are_found() {
        let (store, audit) = trail(5).await;
        for forge in [
            |rows: &mut Vec<AuditRow>| {
                rows.remove(1);
            },
            |rows: &mut Vec<AuditRow>| {
                let (a, b) = (rows[1].entry.clone(), rows[2].entry.clone());
                rows[1].entry = b;
                rows[2].entry = a;
            },
        ] {
            let mut rows = store.audit().from(1, 10).await.unwrap();
            forge(&mut rows);
            let forged = Store::in_memory().await.unwrap();
            forged.audit().append(&rows).await.unwrap();
            let audit = Audit {
                store: forged,
                ..audit.clone()
            };
            assert_eq!(audit.verify().await.unwrap().first_bad, Some(2));
        }
    }

    #[tokio::test]
    async fn without_the_key_no_row_can_be_added() {
        let (store, audit) = trail(2).await;
        let stranger = Audit::new(store, [8; 32]);
        stranger.write(&[entry("forged")]).await.unwrap();
        assert_eq!(audit.verify().await.unwrap().first_bad, Some(3));
    }

    #[tokio::test]
    async fn nodes_that_write_at_once_leave_one_chain() {
        let store = Store::in_memory().await.unwrap();
        let nodes: Vec<Audit> = (0..8).map(|_| Audit::new(store.clone(), [7; 32])).collect();
        let writes = nodes.iter().map(|audit| async move {
            for row in 0..10 {
                audit
                    .write(&[entry(&format!("a{row}")), entry(&format!("b{row}"))])
                    .await
                    .unwrap();
            }
        });
        futures_util::future::join_all(writes).await;
        let verified = nodes[0].verify().await.unwrap();
        assert_eq!((verified.ok, verified.entries), (true, 160));
    }
}
