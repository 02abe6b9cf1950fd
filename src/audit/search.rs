//! Looking into the trail. Whoever looks says why, and that they looked is itself a row, written before they see anything.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Act, Arguments, Audit, Entry, Outcome, PAGE, Record, ResultFacts, subjects::Proven};
use crate::store::{AuditRow, AuditText, FoundRow, StoreError};

/// A reason is at least so many characters.
const SHORTEST_REASON: usize = 8;
/// The most rows that one search returns.
pub const MOST_FOUND: usize = 10_000;
/// The most rows that one search looks at.
const MOST_LOOKED_AT: u64 = 5_000_000;
/// Rows of different nodes may be out of the order of time by so much.
const SKEW: SignedDuration = SignedDuration::from_mins(10);

/// Why somebody could not look into the trail.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("a reason of at least {least} characters is needed before anybody may read the trail")]
    NoReason { least: usize },
    #[error("who stands behind the rows of `{0}` was changed: none can be shown as theirs")]
    Forged(String),
    #[error("the output cannot be written: {0}")]
    Output(#[from] std::io::Error),
    #[error("the output cannot be written: {0}")]
    Csv(#[from] csv::Error),
}

impl From<AuditError> for crate::error::Problem {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Store(error) => error.into(),
            AuditError::NoReason { .. } => Self::new("no-reason", error.to_string())
                .advise("say why you look: `--reason \"…\"`; it is kept in the trail"),
            AuditError::Forged(_) => Self::new("forged-person", error.to_string())
                .advise("run `daybrief audit verify`, and look into a backup of the store"),
            AuditError::Output(_) | AuditError::Csv(_) => Self::new("output", error.to_string()),
        }
    }
}

/// Somebody who gave a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    user: Option<String>,
    surface: String,
    reason: String,
}

impl Reader {
    /// A reader over a surface, with their reason.
    pub fn new(
        user: Option<String>,
        surface: impl Into<String>,
        reason: &str,
    ) -> Result<Self, AuditError> {
        let reason = reason.trim();
        if reason.chars().count() < SHORTEST_REASON {
            return Err(AuditError::NoReason {
                least: SHORTEST_REASON,
            });
        }
        Ok(Self {
            user,
            surface: surface.into(),
            reason: reason.to_owned(),
        })
    }

    /// Where they act.
    pub(super) fn surface(&self) -> &str {
        &self.surface
    }

    /// The row that says what they do and why. The reason may name people: it stands beside the chain.
    pub(super) fn record(&self, act: Act, on: &str, now: Timestamp) -> Record {
        let mut entry = Entry::new(now, act, self.surface.clone(), on);
        entry.user = self.user.clone();
        Record::from(entry).text(self.reason.clone())
    }
}

/// Which rows. Everything that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Query {
    /// The id of a person who acts or is concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// A connector: rows about its tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub act: Option<Act>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Not before this instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Before this instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// Words that all stand in the row or its text, in any case and order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Rows below this number: where a search before has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below: Option<u64>,
}

/// A row as it is shown. Persons stand in it by their ids; those who were erased as `erased-person`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Seen {
    pub number: u64,
    pub at: Timestamp,
    pub act: Act,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    pub surface: String,
    pub on: String,
    pub outcome: Outcome,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Arguments>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<ResultFacts>,
    pub hash: String,
}

/// What a search found, the newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page {
    pub rows: Vec<Seen>,
    /// Where to go on, as [`Query::below`], if there may be more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below: Option<u64>,
}

/// An entry as it lies in the store.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Kept {
    #[serde(flatten)]
    pub entry: Entry,
    #[serde(default)]
    pub about: Option<String>,
    #[serde(default)]
    pub answers: Option<u64>,
    #[serde(default)]
    pub arguments: Option<Arguments>,
    #[serde(default)]
    pub result: Option<ResultFacts>,
    #[serde(default)]
    pub text: Option<KeptText>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct KeptText {
    pub id: String,
    pub seal: String,
}

/// Who stands behind which handle, as far as it was asked.
pub(super) type Names = BTreeMap<String, String>;

/// When a row was written.
pub(super) fn instant(row: &AuditRow) -> Option<Timestamp> {
    row.entry.get("at")?.as_str()?.parse().ok()
}

impl Audit {
    /// Rows that a query asks for, the newest first, at most `limit` of them.
    pub async fn search(
        &self,
        reader: &Reader,
        query: &Query,
        limit: usize,
        now: Timestamp,
    ) -> Result<Page, AuditError> {
        let own = self.note_reading(reader, "search", query, now).await?;
        let Some(handle) = self.handle_asked(query).await? else {
            return Ok(Page {
                rows: Vec::new(),
                below: None,
            });
        };
        let wanted = Wanted::new(query, handle);
        let (low, high) = self.bounds(query, own).await?;
        let limit = limit.clamp(1, MOST_FOUND);
        let (mut rows, mut names) = (Vec::new(), Names::new());
        let (mut to, mut looked_at) = (high, 0);
        while to >= low && looked_at < MOST_LOOKED_AT {
            let page = self.store.audit().found(low, to, true, PAGE).await?;
            let Some(lowest) = page.last().map(|found| found.place) else {
                break;
            };
            looked_at += u64::try_from(page.len()).unwrap_or(u64::MAX);
            for seen in self.seen(page, &wanted, &mut names).await? {
                let number = seen.number;
                rows.push(seen);
                if rows.len() == limit {
                    let below = (number > low).then_some(number);
                    return Ok(Page { rows, below });
                }
            }
            to = lowest.saturating_sub(1);
        }
        let below = (to >= low && looked_at >= MOST_LOOKED_AT).then_some(to + 1);
        Ok(Page { rows, below })
    }

    /// The row that says who looked for what, and why; its number.
    pub(super) async fn note_reading(
        &self,
        reader: &Reader,
        how: &str,
        query: &Query,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        self.seal_subjects().await?;
        let mut record = reader.record(Act::AuditRead, "audit", now);
        // Who was looked up and for which words is personal: it stands beside the chain.
        let shown = Query {
            person: None,
            text: None,
            ..query.clone()
        };
        record.entry.detail = format!(
            "{how} {}",
            serde_json::to_string(&shown).unwrap_or_default()
        );
        if let (Some(text), Some(words)) = (&mut record.text, &query.text) {
            text.push_str(" [words: ");
            text.push_str(words);
            text.push(']');
        }
        // Only a person who has rows: a look-up must not leave a name behind that was nowhere before.
        if let Some(person) = &query.person
            && matches!(self.subject(person).await?, Proven::Yes(_))
        {
            record = record.about(person.clone());
        }
        let numbers = self.record(&[record]).await?;
        Ok(numbers.first().copied().unwrap_or(u64::MAX))
    }

    /// The handle that the query's person has in rows; nothing where they have none and so no rows.
    pub(super) async fn handle_asked(
        &self,
        query: &Query,
    ) -> Result<Option<Option<String>>, AuditError> {
        let Some(person) = &query.person else {
            return Ok(Some(None));
        };
        match self.subject(person).await? {
            Proven::Yes(subject) => Ok(Some(Some(subject.handle))),
            Proven::Forged => Err(AuditError::Forged(person.clone())),
            Proven::Nobody => Ok(None),
        }
    }

    /// The numbers between which a query's rows lie, both inclusive; all of them before the reader's `own` row.
    pub(super) async fn bounds(&self, query: &Query, own: u64) -> Result<(u64, u64), StoreError> {
        let low = match query.from {
            Some(from) => {
                self.border(from.checked_sub(SKEW).unwrap_or(Timestamp::MIN))
                    .await?
            }
            None => self.border(Timestamp::MIN).await?,
        };
        let last = self.store.audit().last_number().await?;
        let high = match query.to {
            Some(to) => self
                .border(to.checked_add(SKEW).unwrap_or(Timestamp::MAX))
                .await?
                .saturating_sub(1),
            None => last,
        };
        let below = query
            .below
            .map_or(u64::MAX, |below| below.saturating_sub(1));
        Ok((low, high.min(last).min(below).min(own.saturating_sub(1))))
    }

    /// The number of the first row that was written at an instant or later, found by halving; behind the last where
    /// there is none. With the earliest instant: the first row that may be shown.
    pub(super) async fn border(&self, at: Timestamp) -> Result<u64, StoreError> {
        let rows = self.store.audit();
        let begin = rows.checkpoint().await?.ok().flatten();
        let mut low = begin.map_or(1, |checkpoint| checkpoint.number + 1);
        if at == Timestamp::MIN {
            return Ok(low);
        }
        let mut high = low.max(rows.last_number().await? + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            let found = rows.found(middle, u64::MAX, false, 1).await?.pop();
            let written = found
                .as_ref()
                .and_then(|found| found.row.as_ref())
                .and_then(instant);
            match (found, written) {
                (Some(found), Some(written)) if written < at => low = found.place + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// The rows that are wanted, as they are shown. What cannot be read is left out: verifying tells it.
    pub(super) async fn seen(
        &self,
        page: Vec<FoundRow>,
        wanted: &Wanted,
        names: &mut Names,
    ) -> Result<Vec<Seen>, StoreError> {
        let mut kept: Vec<(AuditRow, Kept)> = page
            .into_iter()
            .filter_map(|found| {
                let row = found.row?;
                let kept = Kept::deserialize(&row.entry).ok()?;
                wanted.holds_for(&kept).then_some((row, kept))
            })
            .collect();
        let numbers = kept
            .iter()
            .filter(|(_, kept)| kept.text.is_some())
            .map(|(row, _)| row.number);
        let texts = match (numbers.clone().min(), numbers.max()) {
            (Some(from), Some(to)) => self.store.audit().texts(from, to).await?,
            _ => BTreeMap::new(),
        };
        let text_of = |kept: &Kept| {
            let id = &kept.text.as_ref()?.id;
            texts.get(id).and_then(|text: &AuditText| text.text.clone())
        };
        if !wanted.words.is_empty() {
            kept.retain(|(_, kept)| wanted.words_are_in(kept, text_of(kept).as_deref()));
        }
        let mut seen = Vec::with_capacity(kept.len());
        for (row, kept) in kept {
            let text = text_of(&kept);
            seen.push(Seen {
                number: row.number,
                at: kept.entry.at,
                act: kept.entry.act,
                user: self.name(kept.entry.user, names).await?,
                about: self.name(kept.about, names).await?,
                role: kept.entry.role,
                surface: kept.entry.surface,
                on: kept.entry.on,
                outcome: kept.entry.outcome,
                why: kept.entry.why,
                detail: kept.entry.detail,
                text,
                answers: kept.answers,
                arguments: kept.arguments,
                result: kept.result,
                hash: row.hash,
            });
        }
        Ok(seen)
    }

    /// What is shown for a handle.
    async fn name(
        &self,
        handle: Option<String>,
        names: &mut Names,
    ) -> Result<Option<String>, StoreError> {
        let Some(handle) = handle else {
            return Ok(None);
        };
        if let Some(known) = names.get(&handle) {
            return Ok(Some(known.clone()));
        }
        let shown = self.shown(&handle).await?;
        names.insert(handle, shown.clone());
        Ok(Some(shown))
    }
}

/// A query that is asked of every row.
pub(super) struct Wanted {
    query: Query,
    handle: Option<String>,
    words: Vec<String>,
}

impl Wanted {
    pub fn new(query: &Query, handle: Option<String>) -> Self {
        let words = query.text.as_deref().unwrap_or_default().to_lowercase();
        Self {
            query: query.clone(),
            handle,
            words: words.split_whitespace().map(str::to_owned).collect(),
        }
    }

    fn holds_for(&self, kept: &Kept) -> bool {
        let (query, entry) = (&self.query, &kept.entry);
        let is =
            |wanted: &Option<String>, given: &Option<String>| wanted.is_none() || wanted == given;
        let person =
            self.handle.is_none() || self.handle == entry.user || self.handle == kept.about;
        let source = query.source.as_deref().is_none_or(|source| {
            let rest = entry.on.strip_prefix(source);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        person
            && is(&query.role, &entry.role)
            && source
            && query.act.is_none_or(|act| act == entry.act)
            && query.outcome.is_none_or(|outcome| outcome == entry.outcome)
            && query.from.is_none_or(|from| entry.at >= from)
            && query.to.is_none_or(|to| entry.at < to)
    }

    fn words_are_in(&self, kept: &Kept, text: Option<&str>) -> bool {
        let entry = &kept.entry;
        let all = [
            entry.on.as_str(),
            &entry.why,
            &entry.detail,
            text.unwrap_or_default(),
        ]
        .join("\n")
        .to_lowercase();
        self.words.iter().all(|word| all.contains(word.as_str()))
    }
}
