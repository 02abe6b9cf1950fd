//! The sums that make the trail tamper-evident: HMAC-SHA-256 (RFC 2104) under the trail's key, each over a label and
//! parts that are preceded by their length, so that no two kinds of sum and no two lists of parts run into each other.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use crate::{
    ids::hex,
    store::{AuditCheckpoint, AuditHead, AuditRow, StoreError},
};

/// Who has it can write rows that verify.
pub(super) struct Key(pub [u8; 32]);

/// Who wrote a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Ours,
    /// This instance, with a version that did not seal who stands behind a handle.
    BeforeSeals,
    /// Somebody who has not the key.
    Foreign,
}

impl Key {
    pub(super) fn sum(&self, label: &str, parts: &[&[u8]]) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            unreachable!("HMAC takes keys of every length (RFC 2104)")
        };
        for part in [label.as_bytes()].iter().chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        hex(&mac.finalize().into_bytes())
    }

    /// A row's hash. `before` is that of the row before, `first` the number of the first row written together with it.
    pub fn row(&self, number: u64, first: u64, entry: &Value, before: &str) -> String {
        let (number, first) = (number.to_be_bytes(), first.to_be_bytes());
        self.sum(
            "row",
            &[
                &number,
                &first,
                before.as_bytes(),
                entry.to_string().as_bytes(),
            ],
        )
    }

    /// Says that a row's entry was taken out or changed by who has the key; its hash stays as it was.
    pub fn redacted(&self, row: &AuditRow, before: &str) -> String {
        let (number, first) = (row.number.to_be_bytes(), row.first.to_be_bytes());
        let entry = row.entry.to_string();
        self.sum(
            "redacted",
            &[
                &number,
                &first,
                before.as_bytes(),
                row.hash.as_bytes(),
                entry.as_bytes(),
            ],
        )
    }

    /// Says which row is the last, and that whoever stands behind a handle is sealed.
    pub fn head(&self, number: u64, hash: &str) -> String {
        self.sum(
            "head-and-subjects",
            &[&number.to_be_bytes(), hash.as_bytes()],
        )
    }

    /// Whose a head is.
    pub fn origin(&self, head: &AuditHead) -> Origin {
        let parts: &[&[u8]] = &[&head.number.to_be_bytes(), head.hash.as_bytes()];
        if self.head(head.number, &head.hash) == head.seal {
            Origin::Ours
        } else if self.sum("head", parts) == head.seal {
            Origin::BeforeSeals
        } else {
            Origin::Foreign
        }
    }

    /// Says who stands behind a handle.
    pub fn subject(&self, user: &str, handle: &str) -> String {
        self.sum("subject", &[user.as_bytes(), handle.as_bytes()])
    }

    /// Says up to where rows were removed, and what the chain goes on from.
    pub fn checkpoint(&self, checkpoint: &AuditCheckpoint) -> String {
        self.sum(
            "checkpoint",
            &[
                &checkpoint.number.to_be_bytes(),
                checkpoint.hash.as_bytes(),
                &checkpoint.removed.to_be_bytes(),
                checkpoint.at.to_string().as_bytes(),
                checkpoint.why.as_bytes(),
            ],
        )
    }

    /// The chain's seal of a text. Without the salt nobody can try texts against it.
    pub fn text(&self, id: &str, salt: &str, text: &str) -> String {
        self.sum("text", &[id.as_bytes(), salt.as_bytes(), text.as_bytes()])
    }

    /// Says that a text was erased, or replaced by `text`, by who has the key.
    pub fn changed_text(&self, id: &str, text: Option<&str>) -> String {
        match text {
            Some(text) => self.sum("text-replaced", &[id.as_bytes(), text.as_bytes()]),
            None => self.sum("text-erased", &[id.as_bytes()]),
        }
    }

    /// The hash of a call's arguments: short ones cannot be found out by trying.
    pub fn arguments(&self, json: &str) -> String {
        self.sum("arguments", &[json.as_bytes()])
            .chars()
            .take(16)
            .collect()
    }
}

/// A handle that nobody has yet.
pub(super) fn handle() -> Result<String, StoreError> {
    Ok(format!("p-{}", random()?))
}

/// 128 random bits in hex: ids, salts, handles.
pub(super) fn random() -> Result<String, StoreError> {
    use rand::TryRng;
    let mut bytes = [0; 16];
    rand::rngs::SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|_| StoreError::Unavailable("the system gives no random bytes".to_owned()))?;
    Ok(hex(&bytes))
}
