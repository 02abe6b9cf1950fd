//! The audit trail: what was asked of whom, decided, sent and changed, written before its effect is visible.
//!
//! Rows are numbered without a hole and chained: each row's hash is an HMAC-SHA-256, under a key that is not in the store
//! in clear, over the hash of the row before and its own content. Who can write the store but has not the key cannot
//! change, drop, swap or add a row unseen. A sealed *head* says which row is the last, so that rows cut off at the end are
//! missed, and a sealed *checkpoint* says where rows ended that are past their retention.
//!
//! A row names tools, people and outcomes; of arguments it holds a keyed hash, of answers size and hash, never their
//! content. Persons stand in it by a random handle, and what they wrote stands beside it in a document of its own, of
//! which the chain holds a salted seal. So a person can be erased, and the chain still verifies. Who stands behind a handle
//! is under a seal too, and who is named by a row is there or was erased by a row.
//!
//! **What it cannot see:** who puts back an older copy of the whole store, or empties it. Rows that were sent on (syslog, OTLP) or
//! exported carry their hashes: compared with those, an older copy shows.

mod chain;
mod entry;
mod export;
mod forward;
mod person;
mod retention;
mod search;
mod subjects;
#[cfg(test)]
mod tests;
mod verify;

pub use entry::{Act, Arguments, Entry, Outcome, Record, ResultFacts};
pub use export::{Exported, Format};
pub use forward::{Target, forward};
pub use person::{Erasure, PersonError};
pub use search::{AuditError, Page, Query, Reader, Seen};
pub use subjects::FORGED;
pub use verify::{Broken, Verified};

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::{Map, Value, json};
use tokio::sync::{Mutex, Notify};

use crate::{
    lane::{Lane, Wish},
    settings::KeepArguments,
    store::{AuditHead, AuditRow, AuditText, FoundRow, Store, StoreError, Subject},
};
use chain::{Key, Origin, random};
use subjects::Proven;

/// So often an append is tried that lost against another node's.
const MOST_APPENDS: usize = 50;
/// Rows read at once.
const PAGE: u32 = 1_000;

/// The trail. Cheap to clone; all clones are one trail.
#[derive(Clone)]
pub struct Audit {
    store: Store,
    key: Arc<Key>,
    keep: KeepArguments,
    /// Nothing is written into the store before a row.
    comes_first: bool,
    /// What this node believes to be the end: saves reading it for each append.
    last: Arc<Mutex<Option<End>>>,
    /// Who this node believes to stand behind rows, by person: a row is appended only where that is so.
    subjects: Arc<Mutex<BTreeMap<String, Subject>>>,
    /// Records at once are appended together.
    lane: Lane<Records, Result<Vec<u64>, StoreError>>,
    /// Told after each append.
    written: Arc<Notify>,
    /// This node has appended a row, so the trail is there.
    is_there: Arc<AtomicBool>,
}

/// What the next row follows.
struct End {
    /// Number and hash of the last row.
    number: u64,
    hash: String,
    /// The version of the mark that names it; nothing where there is none yet.
    head: Option<i64>,
}

/// Records that somebody wants in the trail.
struct Records(Vec<Record>);

impl Wish for Records {
    /// What is said to have happened is written down, whoever waits for it.
    fn outlives_its_caller(&self) -> bool {
        true
    }
}

/// A record as it goes into the store, but for its number.
struct Prepared {
    entry: Value,
    text: Option<AuditText>,
}

impl Audit {
    /// The trail of a store, chained under `key`.
    pub fn new(store: Store, key: [u8; 32]) -> Self {
        Self {
            store,
            key: Arc::new(Key(key)),
            keep: KeepArguments::default(),
            comes_first: false,
            last: Arc::default(),
            subjects: Arc::default(),
            lane: Lane::default(),
            written: Arc::default(),
            is_there: Arc::default(),
        }
    }

    /// The same trail, which keeps this much of a call's arguments.
    #[must_use]
    pub fn keeping(self, keep: KeepArguments) -> Self {
        Self { keep, ..self }
    }

    /// The same trail, of a store into which nothing else is written before a row: where something is, and no mark of the
    /// last row, the trail was removed.
    #[must_use]
    pub fn coming_first(self) -> Self {
        Self {
            comes_first: true,
            ..self
        }
    }

    /// What is kept of a call's arguments: a keyed hash, their names, and what the settings keep besides.
    pub fn arguments(&self, arguments: &Map<String, Value>) -> Arguments {
        let (names, kept) = entry::names_and_kept(arguments, self.keep);
        let json = Value::Object(arguments.clone()).to_string();
        Arguments {
            hash: self.key.arguments(&json),
            names,
            kept,
        }
    }

    /// Writes entries in their order; their numbers. When it returns they are durable; when it fails none of what they
    /// allow may happen.
    pub async fn write(&self, entries: &[Entry]) -> Result<Vec<u64>, StoreError> {
        let records: Vec<Record> = entries.iter().cloned().map(Record::from).collect();
        self.record(&records).await
    }

    /// True once this node has appended a row. Before that an effect must wait for its row: found beside an empty trail it
    /// would say that the trail was removed.
    pub fn is_there(&self) -> bool {
        self.is_there.load(Ordering::Acquire)
    }

    /// [`write`](Self::write) for entries with what belongs to them.
    pub async fn record(&self, records: &[Record]) -> Result<Vec<u64>, StoreError> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let audit = self.clone();
        let commit = move |wishes| {
            let audit = audit.clone();
            async move { audit.append_all(wishes).await }
        };
        let numbers = self.lane.submit(Records(records.to_vec()), commit).await;
        numbers.unwrap_or_else(|| Err(StoreError::broken_off()))
    }

    /// Appends the records of all; the numbers of each one's.
    async fn append_all(&self, wishes: Vec<Records>) -> Vec<Result<Vec<u64>, StoreError>> {
        let sizes: Vec<usize> = wishes.iter().map(|wish| wish.0.len()).collect();
        let records: Vec<Record> = wishes.into_iter().flat_map(|wish| wish.0).collect();
        match self.append(&records).await {
            Ok(numbers) => {
                self.is_there.store(true, Ordering::Release);
                let mut numbers = numbers.into_iter();
                let of = |size| Ok(numbers.by_ref().take(size).collect());
                sizes.into_iter().map(of).collect()
            }
            Err(error) => sizes.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    /// Texts are written before the rows that seal them and the head after: a crash in between leaves a text that no row
    /// names, or a head that is behind by one batch. Before the next batch the head is brought up, so it is never behind
    /// by two.
    async fn append(&self, records: &[Record]) -> Result<Vec<u64>, StoreError> {
        let mut numbers = Vec::with_capacity(records.len());
        let mut last = self.last.lock().await;
        for _ in 0..MOST_APPENDS {
            let end = match last.take() {
                Some(known) => known,
                None => self.end().await?,
            };
            let rest = records.get(numbers.len()..).unwrap_or_default();
            let (subjects, prepared) = self.prepare(rest).await?;
            let (rows, texts) = self.rows(&prepared, end.number, end.hash.clone());
            let Some(newest) = rows.last() else {
                return Ok(numbers);
            };
            let head = self.head(newest.number, &newest.hash);
            let trail = self.store.audit();
            let done = trail
                .append(&subjects, &texts, &rows, (&head, end.head))
                .await?;
            if !done.subjects {
                // Somebody was erased: whoever they are from now on has another handle.
                self.subjects.lock().await.clear();
                *last = Some(end);
                continue;
            }
            if done.rows < rows.len() {
                // Another node was first: the next turn reads what it wrote.
                let taken = rows.get(done.rows).map_or(0, |row| row.number);
                let lost = texts.iter().filter(|text| text.number >= taken);
                trail
                    .remove_texts(lost.map(|text| text.id.as_str()))
                    .await?;
            }
            let written = rows.get(..done.rows).unwrap_or_default();
            if let Some(row) = written.last() {
                if !done.head {
                    self.advance(row.number, &row.hash).await?;
                }
                numbers.extend(written.iter().map(|row| row.number));
                if numbers.len() == records.len() {
                    if done.head {
                        *last = Some(End {
                            number: row.number,
                            hash: row.hash.clone(),
                            head: Some(end.head.map_or(1, |version| version + 1)),
                        });
                    }
                    self.written.notify_waiters();
                    return Ok(numbers);
                }
            }
        }
        Err(StoreError::Contended)
    }

    /// Rows behind the one given, and the texts that stand beside them.
    fn rows(
        &self,
        prepared: &[Prepared],
        mut number: u64,
        mut hash: String,
    ) -> (Vec<AuditRow>, Vec<AuditText>) {
        let first = number + 1;
        let (mut rows, mut texts) = (Vec::with_capacity(prepared.len()), Vec::new());
        for Prepared { entry, text } in prepared {
            number += 1;
            hash = self.key.row(number, first, entry, &hash);
            rows.push(AuditRow {
                number,
                first,
                entry: entry.clone(),
                hash: hash.clone(),
                redacted: None,
            });
            texts.extend(text.clone().map(|text| AuditText { number, ..text }));
        }
        (rows, texts)
    }

    /// Puts handles in the place of persons and seals in the place of texts; who stands behind the handles.
    async fn prepare(
        &self,
        records: &[Record],
    ) -> Result<(Vec<Subject>, Vec<Prepared>), StoreError> {
        let people: BTreeSet<&str> = records
            .iter()
            .flat_map(|record| [&record.entry.user, &record.about])
            .flatten()
            .map(String::as_str)
            .collect();
        let subjects = self.subjects(people).await?;
        let handle = |person: &Option<String>| {
            let subject = subjects
                .iter()
                .find(|subject| Some(&subject.user) == person.as_ref());
            subject.map(|subject| subject.handle.clone())
        };
        let prepared = records
            .iter()
            .map(|record| {
                let (user, about) = (handle(&record.entry.user), handle(&record.about));
                let people = user.iter().chain(&about).cloned().collect();
                let text = record
                    .text
                    .as_deref()
                    .map(|text| self.seal(text, people))
                    .transpose()?;
                let shown = Entry {
                    user,
                    ..record.entry.clone()
                };
                let mut entry = serde_json::to_value(shown).unwrap_or_default();
                if let Value::Object(entry) = &mut entry {
                    let more = [
                        ("about", about.map(Value::from)),
                        ("answers", record.answers.map(Value::from)),
                        ("arguments", json_of(record.arguments.as_ref())),
                        ("result", json_of(record.result.as_ref())),
                        (
                            "text",
                            text.as_ref()
                                .map(|(text, seal)| json!({ "id": text.id, "seal": seal })),
                        ),
                    ];
                    for (name, value) in more {
                        entry.extend(value.map(|value| (name.to_owned(), value)));
                    }
                }
                Ok(Prepared {
                    entry,
                    text: text.map(|(text, _)| text),
                })
            })
            .collect::<Result<_, StoreError>>()?;
        Ok((subjects, prepared))
    }

    /// A text as it stands beside its row, and the seal that the row holds.
    fn seal(&self, text: &str, people: Vec<String>) -> Result<(AuditText, String), StoreError> {
        let (id, salt) = (random()?, random()?);
        let seal = self.key.text(&id, &salt, text);
        let text = AuditText {
            id,
            number: 0,
            people,
            salt: Some(salt),
            text: Some(text.to_owned()),
            changed: None,
        };
        Ok((text, seal))
    }

    /// Who this node believes to stand behind the rows of these persons, read or made where it does not know.
    async fn subjects(&self, people: BTreeSet<&str>) -> Result<Vec<Subject>, StoreError> {
        let trail = self.store.audit();
        let mut known = self.subjects.lock().await;
        let unknown: Vec<&str> = people
            .iter()
            .copied()
            .filter(|person| !known.contains_key(*person))
            .collect();
        if !unknown.is_empty() {
            for found in trail.subjects(&unknown).await? {
                if let Proven::Yes(subject) = self.proven(found) {
                    known.insert(subject.user.clone(), subject);
                }
            }
        }
        let mut subjects = Vec::with_capacity(people.len());
        for person in people {
            let subject = match known.get(person) {
                Some(subject) => subject.clone(),
                None => {
                    let subject = self.settled(person).await?;
                    known.insert(person.to_owned(), subject.clone());
                    subject
                }
            };
            subjects.push(subject);
        }
        Ok(subjects)
    }

    /// Number and hash of what the next row follows.
    ///
    /// Where rows are missing behind those that are there, the chain goes on behind the number that the head names; where
    /// the head itself is missing or not ours, a number is left out. Either way a hole stays for [`verify`](Self::verify)
    /// to find, and the daemon goes on.
    async fn end(&self) -> Result<End, StoreError> {
        let rows = self.store.audit();
        // In this order: a head never names a row that is not yet there.
        let (mut head, mut version) = rows.versioned_head().await?;
        let mut begun = false;
        if head.is_none() {
            begun = self.has_begun().await?;
            (head, version) = rows.versioned_head().await?;
        }
        if let Some(head) = &head
            && self.key.origin(head) == Origin::BeforeSeals
        {
            self.seal_subjects().await?;
        }
        let at = |number, hash| End {
            number,
            hash,
            head: version,
        };
        let last = rows.last().await?;
        let head = head.map(|head| {
            let ours = self.key.origin(&head) != Origin::Foreign;
            (head, ours)
        });
        let begin = match rows.checkpoint().await?.ok().flatten() {
            Some(checkpoint) => (checkpoint.number, checkpoint.hash),
            None => (0, String::new()),
        };
        let end = match last {
            Some(FoundRow {
                row: Some(row),
                place,
            }) if row.number == place => Some(row),
            // Not to be read: the chain goes on behind it, and it stays to be found.
            Some(FoundRow { place, .. })
                if head.as_ref().is_none_or(|(head, _)| head.number < place) =>
            {
                return Ok(at(place, String::new()));
            }
            _ => None,
        };
        match (head, end) {
            (Some((head, true)), Some(row)) if row.number > head.number => {
                self.caught_up(row).await
            }
            (Some((head, true)), _) => Ok(at(head.number, head.hash)),
            (None, None) if begin.0 == 0 && !begun => Ok(at(begin.0, begin.1)),
            // The first batch of all: its head was still to be written.
            (None, Some(row)) if row.first == 1 && !begun => self.caught_up(row).await,
            (_, row) => {
                tracing::error!(
                    "the audit trail's head is missing or was changed: run `daybrief audit verify`"
                );
                let (number, hash) = row.map_or(begin, |row| (row.number, row.hash));
                Ok(at(number + 1, hash))
            }
        }
    }

    /// Does the store hold what comes only after a row and its head? Then a head that is read after asking this is there,
    /// unless somebody took it.
    async fn has_begun(&self) -> Result<bool, StoreError> {
        Ok(self.comes_first && self.store.audit().has_effects().await?)
    }

    /// The end once the head, which was behind, names this row.
    async fn caught_up(&self, row: AuditRow) -> Result<End, StoreError> {
        self.advance(row.number, &row.hash).await?;
        let (_, head) = self.store.audit().versioned_head().await?;
        Ok(End {
            number: row.number,
            hash: row.hash,
            head,
        })
    }

    fn head(&self, number: u64, hash: &str) -> AuditHead {
        AuditHead {
            number,
            hash: hash.to_owned(),
            seal: self.key.head(number, hash),
        }
    }

    /// Says that this row is the last, unless a later one is said to be.
    async fn advance(&self, number: u64, hash: &str) -> Result<(), StoreError> {
        let head = self.head(number, hash);
        let later =
            |before: &AuditHead| before.number >= number && self.key.origin(before) == Origin::Ours;
        self.store.audit().set_head(&head, later).await
    }
}

fn json_of<T: serde::Serialize>(value: Option<&T>) -> Option<Value> {
    value.and_then(|value| serde_json::to_value(value).ok())
}
