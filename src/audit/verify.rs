//! Recomputing the chain.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{
    Audit, PAGE,
    chain::Origin,
    subjects::{People, Wrong},
};
use crate::store::{AuditText, FoundRow, StoreError};

/// What is wrong with the first row that is not as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Broken {
    /// Its content or hash.
    Changed,
    /// It is not there, and later ones are.
    Missing,
    /// Another row stands in its place, or it stands there twice.
    OutOfPlace,
    /// It has no form of a row.
    Unreadable,
    /// The text beside it.
    TextChanged,
    /// The text beside it is not there, and nothing says that it was erased.
    TextMissing,
    /// The first rows are not there, and no checkpoint stands for them.
    BeginningMissing,
    /// The checkpoint that stands for removed rows is not ours.
    CheckpointForged,
    /// The last rows are not there.
    EndMissing,
    /// What says which row is the last is not there.
    HeadMissing,
    /// What says which row is the last is not ours.
    HeadForged,
    /// What says which row is the last is older than a crash can have left it.
    HeadBehind,
    /// It is not there, nor any other, nor what says which row is the last; but there is what comes only after a row.
    TrailMissing,
    /// Who stands behind its handle.
    PersonForged,
    /// Nobody stands behind its handle, and nothing says that they were erased.
    PersonMissing,
}

impl Broken {
    /// For a person, behind "row N".
    pub fn words(self) -> &'static str {
        match self {
            Self::Changed => "was changed",
            Self::Missing => "is missing",
            Self::OutOfPlace => "is out of its place",
            Self::Unreadable => "cannot be read",
            Self::TextChanged => "has a text that was changed",
            Self::TextMissing => "lacks its text, and nothing says that it was erased",
            Self::BeginningMissing => "is missing, and no checkpoint stands for it",
            Self::CheckpointForged => "follows a checkpoint that this instance did not write",
            Self::EndMissing => "and what followed it is missing",
            Self::HeadMissing => "is the last, and the mark that would say so is missing",
            Self::HeadForged => "is the last, and the mark that would say so was changed",
            Self::HeadBehind => "is behind the mark of the last row, which was put back",
            Self::TrailMissing => {
                "is missing, with all others and the mark of the last, and the store holds what comes only after a row"
            }
            Self::PersonForged => "names a person in whose place another was put",
            Self::PersonMissing => {
                "names a person who is missing, and nothing says that they were erased"
            }
        }
    }
}

/// What [`Audit::verify`] found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    pub ok: bool,
    /// Rows that are whole, up to the first that is not.
    pub entries: u64,
    /// The number of the first row that is missing, changed or out of its place.
    pub first_bad: Option<u64>,
    /// What is wrong with it.
    pub what: Option<Broken>,
    /// Persons that a version before seals wrote and none has sealed since: until the next row they may be changed unseen.
    #[serde(skip_serializing_if = "is_none")]
    pub unsealed: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

impl Verified {
    fn bad(entries: u64, number: u64, what: Broken) -> Self {
        Self {
            ok: false,
            entries,
            first_bad: Some(number),
            what: Some(what),
            unsealed: 0,
        }
    }
}

/// How far the chain was walked.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    pub number: u64,
    pub hash: String,
    /// Rows walked.
    pub rows: u64,
    /// The number and hash of the row before the last row's batch.
    before_batch: (u64, String),
    /// Who is named by the rows walked.
    people: People,
}

impl Walk {
    fn from(number: u64, hash: String) -> Self {
        Self {
            before_batch: (number, hash.clone()),
            number,
            hash,
            rows: 0,
            people: People::default(),
        }
    }
}

impl Audit {
    /// Reads the whole trail and recomputes its chain, from the checkpoint on if there is one, to the row that the head
    /// names; and looks whether those are there whom it names. Rows that are written meanwhile do not disturb it.
    pub async fn verify(&self) -> Result<Verified, StoreError> {
        match self.verify_chain().await? {
            Ok((walk, all_sealed)) => self.verify_people(walk, all_sealed).await,
            Err(verified) => Ok(verified),
        }
    }

    /// Are those there whom the walked rows name?
    pub(super) async fn verify_people(
        &self,
        mut walk: Walk,
        all_sealed: bool,
    ) -> Result<Verified, StoreError> {
        let mut looked = self.look_at(&walk.people, all_sealed).await?;
        if let Err(Wrong { what, .. }) = looked
            && what == Broken::PersonMissing
        {
            // Somebody who was erased meanwhile: the row that says so was written before they went.
            let mut later = walk.clone();
            loop {
                let page = self.next_page(&later, PAGE).await?;
                if page.is_empty() || self.step_all(&mut later, &page).await?.is_err() {
                    break;
                }
            }
            walk.people.erased_also(later.people);
            looked = self.look_at(&walk.people, all_sealed).await?;
        }
        Ok(match looked {
            Ok(unsealed) => Verified {
                ok: true,
                entries: walk.rows,
                first_bad: None,
                what: None,
                unsealed,
            },
            Err(Wrong { number, what }) => {
                Verified::bad(walk.rows, number.unwrap_or(walk.number.max(1)), what)
            }
        })
    }

    /// The walk over all rows, and whether everybody they name must be under a seal; or what is wrong.
    pub(super) async fn verify_chain(&self) -> Result<Result<(Walk, bool), Verified>, StoreError> {
        let mut walk = match self.walk_from_checkpoint().await? {
            Ok(walk) => walk,
            Err(verified) => return Ok(Err(verified)),
        };
        // Everything that is there; a trail that grows faster than it is read ends where it stood at the beginning.
        let until = self.store.audit().last_number().await?;
        loop {
            let page = self.next_page(&walk, PAGE).await?;
            if page.is_empty() {
                break;
            }
            if let Err((number, what)) = self.step_all(&mut walk, &page).await? {
                return Ok(Err(Verified::bad(walk.rows, number, what)));
            }
            if walk.number >= until {
                break;
            }
        }
        self.compare_with_head(walk).await
    }

    /// The walk before the first row that must be there, or what is wrong with the checkpoint.
    pub(super) async fn walk_from_checkpoint(&self) -> Result<Result<Walk, Verified>, StoreError> {
        Ok(match self.store.audit().checkpoint().await? {
            Ok(None) => Ok(Walk::from(0, String::new())),
            Ok(Some(checkpoint)) if self.key.checkpoint(&checkpoint) == checkpoint.seal => {
                Ok(Walk::from(checkpoint.number, checkpoint.hash))
            }
            Ok(Some(_)) | Err(()) => Err(Verified::bad(0, 1, Broken::CheckpointForged)),
        })
    }

    /// The rows behind those walked. The last one walked is read again and left out: were it there twice, the other
    /// would stand at the beginning.
    pub(super) async fn next_page(
        &self,
        walk: &Walk,
        limit: u32,
    ) -> Result<Vec<FoundRow>, StoreError> {
        if walk.rows == 0 {
            return self.found_from(walk.number + 1, limit).await;
        }
        let mut page = self
            .found_from(walk.number, limit.saturating_add(1))
            .await?;
        if page.first().is_some_and(|found| found.place == walk.number) {
            page.remove(0);
        }
        Ok(page)
    }

    async fn found_from(&self, number: u64, limit: u32) -> Result<Vec<FoundRow>, StoreError> {
        let rows = self.store.audit();
        rows.found(number, u64::MAX, false, limit).await
    }

    /// Walks over rows; the number of the first that is not whole, and what is wrong with it.
    pub(super) async fn step_all(
        &self,
        walk: &mut Walk,
        page: &[FoundRow],
    ) -> Result<Result<(), (u64, Broken)>, StoreError> {
        let has_text = |found: &FoundRow| {
            let row = found.row.as_ref();
            row.is_some_and(|row| row.entry.get("text").is_some())
        };
        let texts = match (page.first(), page.last()) {
            (Some(first), Some(last)) if page.iter().any(has_text) => {
                self.store.audit().texts(first.place, last.place).await?
            }
            _ => BTreeMap::new(),
        };
        for found in page {
            if let Err(what) = self.step(walk, found, &texts) {
                return Ok(Err((walk.number + 1, what)));
            }
        }
        Ok(Ok(()))
    }

    fn step(
        &self,
        walk: &mut Walk,
        found: &FoundRow,
        texts: &BTreeMap<String, AuditText>,
    ) -> Result<(), Broken> {
        let expected = walk.number + 1;
        let begins = walk.rows == 0 && walk.number == 0;
        match found.place {
            place if place > expected && begins => return Err(Broken::BeginningMissing),
            place if place > expected => return Err(Broken::Missing),
            place if place < expected => return Err(Broken::OutOfPlace),
            _ => {}
        }
        let row = found.row.as_ref().ok_or(Broken::Unreadable)?;
        if row.number != expected {
            return Err(Broken::OutOfPlace);
        }
        let whole = match &row.redacted {
            None => self.key.row(row.number, row.first, &row.entry, &walk.hash) == row.hash,
            Some(seal) => self.key.redacted(row, &walk.hash) == *seal,
        };
        if !whole {
            return Err(Broken::Changed);
        }
        self.text_is_whole(&row.entry, texts)?;
        if row.first == row.number {
            walk.before_batch = (walk.number, std::mem::take(&mut walk.hash));
        }
        walk.people.note(row);
        walk.number = expected;
        walk.hash = row.hash.clone();
        walk.rows += 1;
        Ok(())
    }

    fn text_is_whole(
        &self,
        entry: &Value,
        texts: &BTreeMap<String, AuditText>,
    ) -> Result<(), Broken> {
        let Some(sealed) = entry.get("text") else {
            return Ok(());
        };
        let part = |name| sealed.get(name).and_then(Value::as_str).unwrap_or_default();
        let (id, seal) = (part("id"), part("seal"));
        let found = texts.get(id).ok_or(Broken::TextMissing)?;
        let whole = match (&found.changed, &found.salt, &found.text) {
            (None, Some(salt), Some(text)) => self.key.text(id, salt, text) == seal,
            (Some(changed), None, text) => self.key.changed_text(id, text.as_deref()) == *changed,
            _ => false,
        };
        whole.then_some(()).ok_or(Broken::TextChanged)
    }

    /// Is the last row the one that the head names, or at most one batch behind it?
    async fn compare_with_head(
        &self,
        mut walk: Walk,
    ) -> Result<Result<(Walk, bool), Verified>, StoreError> {
        let (last, mut head) = (walk.number, self.store.audit().head().await?);
        let mut begun = false;
        if head.is_none() {
            begun = self.has_begun().await?;
            head = self.store.audit().head().await?;
        }
        let bad = |walk: &Walk, number, what| Ok(Err(Verified::bad(walk.rows, number, what)));
        let Some(head) = head else {
            // Nothing was ever written, or the first batch was and its head was still to come.
            let fresh = last == 0 || walk.before_batch.0 == 0 && walk.rows == last;
            return match last {
                _ if fresh && !begun => Ok(Ok((walk, false))),
                0 => bad(&walk, 1, Broken::TrailMissing),
                _ => bad(&walk, last, Broken::HeadMissing),
            };
        };
        let origin = self.key.origin(&head);
        if origin == Origin::Foreign {
            return bad(&walk, last, Broken::HeadForged);
        }
        let all_sealed = origin == Origin::Ours;
        if head.number < last {
            let (number, hash) = &walk.before_batch;
            if (head.number, &head.hash) != (*number, hash) {
                return bad(&walk, last, Broken::HeadBehind);
            }
            return Ok(Ok((walk, all_sealed)));
        }
        // Rows that were written since: the head comes after its rows, so they are there.
        while walk.number < head.number {
            let limit = u32::try_from(head.number - walk.number).unwrap_or(PAGE);
            let page = self.next_page(&walk, limit.min(PAGE)).await?;
            if page.is_empty() {
                return bad(&walk, walk.number + 1, Broken::EndMissing);
            }
            if let Err((number, what)) = self.step_all(&mut walk, &page).await? {
                return bad(&walk, number, what);
            }
        }
        if walk.hash != head.hash {
            return bad(&walk, walk.number, Broken::Changed);
        }
        Ok(Ok((walk, all_sealed)))
    }
}
