//! One person: everything that is kept of them, shown to them; and erasing them, with proof.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Act, Audit, AuditError, Entry, Outcome, PAGE, Query, Reader, Verified,
    search::{Kept, Names, Wanted},
    subjects::Proven,
};
use crate::store::{AuditRow, AuditText, Erased, Identity, StoreError};

/// So often all documents are gone through, until nothing of the person is found any more: a worker may write a document
/// back that it has held since before.
const MOST_PASSES: usize = 6;
const BETWEEN_PASSES: std::time::Duration = std::time::Duration::from_millis(300);

/// Why a person could not be shown or erased.
#[derive(Debug, thiserror::Error)]
pub enum PersonError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("nothing is kept of a person `{0}`")]
    Unknown(String),
    #[error("who stands behind the rows of `{0}` was changed: none can be shown as theirs")]
    Forged(String),
    #[error("the output cannot be written: {0}")]
    Output(#[from] std::io::Error),
}

impl From<AuditError> for PersonError {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Store(error) => Self::Store(error),
            AuditError::Forged(person) => Self::Forged(person),
            error => Self::Output(std::io::Error::other(error.to_string())),
        }
    }
}

impl From<PersonError> for crate::error::Problem {
    fn from(error: PersonError) -> Self {
        match error {
            PersonError::Store(error) => error.into(),
            PersonError::Unknown(_) => Self::new("unknown-person", error.to_string())
                .advise("name the id of a user: `daybrief user list` has those who are there"),
            PersonError::Forged(person) => AuditError::Forged(person).into(),
            PersonError::Output(_) => Self::new("output", error.to_string()),
        }
    }
}

/// What erasing a person did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Erasure {
    /// What stands for them in the trail from now on; nothing leads from it to them.
    pub handle: String,
    #[serde(flatten)]
    pub documents: Erased,
    /// Texts in the trail that were theirs.
    pub texts_erased: u64,
    /// Texts of others in which they were named.
    pub texts_changed: u64,
    /// Rows in which they were named in words.
    pub rows_changed: u64,
    /// Documents in which their name or an address still stands, by collection.
    pub left: BTreeMap<&'static str, u64>,
    /// The file that their object came from: the next time it is applied it brings them back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Nothing of them lies in the store's files any more. False where the database gives no such promise.
    pub scrubbed: bool,
    /// The trail afterwards.
    pub trail: Verified,
}

/// What became of the trail's texts and rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Struck {
    texts_erased: u64,
    texts_changed: u64,
    rows_changed: u64,
}

impl Audit {
    /// Shows everything that is kept of a person: their object, schedules and deliveries that name them, briefs that went
    /// to them, what they used, and the trail's rows about them with their texts. `shown` gets the kind and the record.
    pub async fn show_person(
        &self,
        user: &str,
        reader: &Reader,
        mut shown: impl FnMut(&'static str, &Value) -> std::io::Result<()> + Send,
        now: Timestamp,
    ) -> Result<(), PersonError> {
        let identity = self.known(user).await?;
        self.seal_subjects().await?;
        if self.subject(user).await? == Proven::Forged {
            return Err(PersonError::Forged(user.to_owned()));
        }
        let record = reader.record(Act::DataExport, "person", now).about(user);
        self.record(&[record]).await?;
        let mut result = Ok(());
        self.store
            .person()
            .show(&identity, |kind, value| {
                if result.is_ok() {
                    result = shown(kind, &value);
                }
            })
            .await?;
        result?;
        let subject = match self.subject(user).await? {
            Proven::Yes(subject) => subject,
            Proven::Nobody => return Ok(()),
            Proven::Forged => return Err(PersonError::Forged(user.to_owned())),
        };
        let wanted = Wanted::new(&Query::default(), Some(subject.handle));
        let (mut number, mut names) = (self.border(Timestamp::MIN).await?, Names::new());
        loop {
            let rows = self.store.audit();
            let page = rows.found(number, u64::MAX, false, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            number = last.place + 1;
            for mut seen in self.seen(page, &wanted, &mut names).await? {
                // Who else is in the row is none of theirs.
                for other in [&mut seen.user, &mut seen.about] {
                    if other.as_deref().is_some_and(|other| other != user) {
                        *other = Some("another-person".to_owned());
                    }
                }
                let value = serde_json::to_value(&seen).unwrap_or_default();
                shown("audit", &value)?;
            }
        }
    }

    /// Says so where nothing is kept of a person: whoever wants to erase them is not asked first.
    pub async fn is_kept(&self, user: &str) -> Result<(), PersonError> {
        self.known(user).await.map(|_| ())
    }

    /// What tells a person from others, where anything is kept of them.
    async fn known(&self, user: &str) -> Result<Identity, PersonError> {
        let identity = self.store.person().identity(user).await?;
        let mut known = self.store.audit().subject(user).await?.is_some();
        if !known {
            self.store
                .person()
                .show(&identity, |_, _| known = true)
                .await?;
        }
        known
            .then_some(identity)
            .ok_or_else(|| PersonError::Unknown(user.to_owned()))
    }

    /// Erases a person: their object, deliveries and briefs that were theirs alone, their addresses, the texts that they
    /// wrote, their name where others' documents say it, and who stands behind their handle. Numbers go on under the
    /// handle, and so do the trail's rows. It ends with a row that says what was done, and takes what was removed out of
    /// the files. May be run again, also after it was broken off.
    pub async fn erase_person(
        &self,
        user: &str,
        reader: &Reader,
        now: Timestamp,
    ) -> Result<Erasure, PersonError> {
        let identity = self.known(user).await?;
        let store = &self.store;
        let file = store.person().object(user).await?;
        let file = file.and_then(|object| object.file);
        store.person().disable(user).await?;
        // Read anew: what this node believes may be from before they were erased elsewhere.
        self.seal_subjects().await?;
        // Where another was put in their place, their rows cannot be told from others': the trail stays not whole.
        let subject = self.settled(user).await?;
        let handle = subject.handle.as_str();

        let mut record = reader.record(Act::DataErase, "person", now);
        record.entry.detail = format!("handle {handle}");
        // The reason stays as proof, without the person in it.
        if let Some(text) = &mut record.text
            && let Some(struck) = identity.strike(text)
        {
            *text = struck;
        }
        self.record(&[record]).await?;

        let (mut documents, mut struck) = (Erased::default(), Struck::default());
        for pass in 0..MOST_PASSES {
            if pass > 0 {
                tokio::time::sleep(BETWEEN_PASSES).await;
            }
            let done = store.person().erase(&identity, handle).await?;
            let in_trail = self.strike(&identity, handle).await?;
            if done.is_nothing() && in_trail == Struck::default() {
                break;
            }
            documents.add(done);
            struck.texts_erased += in_trail.texts_erased;
            struck.texts_changed += in_trail.texts_changed;
            struck.rows_changed += in_trail.rows_changed;
        }
        if store.person().remove_object(user).await? {
            *documents.removed.entry("objects").or_default() += 1;
        }
        store.audit().forget(user).await?;

        let count = |counts: &BTreeMap<&str, u64>| counts.values().sum::<u64>();
        let mut entry = Entry::new(now, Act::DataErase, reader.surface(), "person");
        entry.outcome = Outcome::Done;
        entry.detail = format!(
            "handle {handle}: {} documents removed, {} changed, {} texts erased, {} changed, {} rows changed",
            count(&documents.removed),
            count(&documents.changed),
            struck.texts_erased,
            struck.texts_changed,
            struck.rows_changed,
        );
        self.write(&[entry]).await?;
        let scrubbed = store.scrub().await?;
        Ok(Erasure {
            left: store.person().left(&identity).await?,
            trail: self.verify().await?,
            handle: handle.to_owned(),
            documents,
            texts_erased: struck.texts_erased,
            texts_changed: struck.texts_changed,
            rows_changed: struck.rows_changed,
            file,
            scrubbed,
        })
    }

    /// Takes a person out of the trail: texts that are theirs, and their name in others' texts and in rows' words.
    async fn strike(&self, identity: &Identity, handle: &str) -> Result<Struck, StoreError> {
        let mut struck = Struck::default();
        let mut after: Option<String> = None;
        loop {
            let (texts, last) = self.store.audit().scan_texts(after.as_deref()).await?;
            for text in texts {
                self.strike_text(text, identity, handle, &mut struck)
                    .await?;
            }
            match last {
                Some(last) => after = Some(last),
                None => break,
            }
        }
        self.strike_rows(identity, &mut struck).await?;
        Ok(struck)
    }

    async fn strike_text(
        &self,
        text: AuditText,
        identity: &Identity,
        handle: &str,
        struck: &mut Struck,
    ) -> Result<(), StoreError> {
        let rows = self.store.audit();
        let is_theirs = text.people.iter().any(|person| person == handle);
        let (next, count) = if is_theirs {
            (None, &mut struck.texts_erased)
        } else {
            let said = text.text.as_deref().unwrap_or_default();
            let Some(without) = identity.strike(said) else {
                return Ok(());
            };
            (Some(without), &mut struck.texts_changed)
        };
        *count += 1;
        let row = rows.found(text.number, text.number, false, 1).await?.pop();
        let kept = row
            .and_then(|found| found.row)
            .and_then(|row| Kept::deserialize(&row.entry).ok())
            .and_then(|kept| kept.text)
            .filter(|kept| kept.id == text.id);
        let Some(kept) = kept else {
            // A text whose row never came to be.
            return rows.remove_texts([text.id.as_str()].into_iter()).await;
        };
        let is_whole = match (&text.changed, &text.salt, &text.text) {
            (None, Some(salt), Some(said)) => self.key.text(&text.id, salt, said) == kept.seal,
            (Some(changed), None, said) => {
                self.key.changed_text(&text.id, said.as_deref()) == *changed
            }
            _ => false,
        };
        // Who was not whole before does not become so by this.
        let changed = is_whole.then(|| self.key.changed_text(&text.id, next.as_deref()));
        let others = text.people.iter().filter(|person| *person != handle);
        rows.change_text(&AuditText {
            people: others.cloned().collect(),
            salt: None,
            text: next,
            changed,
            id: text.id.clone(),
            number: text.number,
        })
        .await
    }

    async fn strike_rows(
        &self,
        identity: &Identity,
        struck: &mut Struck,
    ) -> Result<(), StoreError> {
        let rows = self.store.audit();
        let begin = rows.checkpoint().await?.ok().flatten();
        let (mut number, mut before) = begin.map_or((0, String::new()), |checkpoint| {
            (checkpoint.number, checkpoint.hash)
        });
        loop {
            let page = rows.found(number + 1, u64::MAX, false, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            number = last.place;
            for row in page.into_iter().filter_map(|found| found.row) {
                let hash = row.hash.clone();
                if let Some(row) = self.without(row, identity, &before) {
                    rows.redact(&row).await?;
                    struck.rows_changed += 1;
                }
                before = hash;
            }
        }
    }

    /// The row without the person in its words; nothing where they do not stand in it, or where it is not whole: it must
    /// not become so by this.
    fn without(&self, mut row: AuditRow, identity: &Identity, before: &str) -> Option<AuditRow> {
        let is_whole = match &row.redacted {
            None => self.key.row(row.number, row.first, &row.entry, before) == row.hash,
            Some(seal) => self.key.redacted(&row, before) == *seal,
        };
        let mut any = false;
        for name in ["on", "why", "detail", "arguments"] {
            if let Some(value) = row.entry.get_mut(name) {
                any |= identity.strike_value(value);
            }
        }
        if !any || !is_whole {
            return None;
        }
        row.redacted = Some(self.key.redacted(&row, before));
        Some(row)
    }
}
