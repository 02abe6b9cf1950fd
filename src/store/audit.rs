//! The audit trail as it lies in the store: rows numbered from 1; beside them the texts that can be erased, who stands
//! behind a handle, and marks (the last row, where removed rows ended, what was sent on). What stands in them and how
//! they are chained is `crate::audit`'s.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    Store, StoreError,
    driver::{Collection, Content, Document, Fits, Range, Write},
    from_body, to_body,
};

const GROUP: &str = "all";
const HEAD: &str = "head";
const CHECKPOINT: &str = "checkpoint";
/// So many documents are read that say who stands behind one handle. More than one is not our doing.
const MOST_OF_A_HANDLE: u32 = 100;
/// Documents read at once.
const PAGE: u32 = 1_000;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditRow {
    /// From 1, without a hole.
    pub number: u64,
    /// The number of the first row that was written together with this one.
    pub first: u64,
    /// What happened.
    pub entry: Value,
    /// Over the number, the entry and the hash of the row before.
    pub hash: String,
    /// Stands where the entry was changed by who may do so: what is under `hash` can no more be recomputed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redacted: Option<String>,
}

/// A row as it was found, whole or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRow {
    /// The number that its place in the store says.
    pub place: u64,
    /// Nothing where it cannot be read, or lies under another row's key.
    pub row: Option<AuditRow>,
}

/// Personal content beside a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditText {
    pub id: String,
    /// The row that it was written for.
    pub number: u64,
    /// Handles of the persons that it belongs to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<String>,
    /// What the row's seal is salted with; gone where the text was erased or changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Stands where the text was erased or changed by who may do so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<String>,
}

/// The last row, as whoever wrote it said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHead {
    pub number: u64,
    pub hash: String,
    pub seal: String,
}

/// Where the rows that were removed ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditCheckpoint {
    /// The last row that was removed.
    pub number: u64,
    pub hash: String,
    /// Rows removed until then.
    pub removed: u64,
    pub at: Timestamp,
    pub why: String,
    pub seal: String,
}

/// Who stands behind a handle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    pub user: String,
    pub handle: String,
    /// Over both; nothing where a version before seals wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<String>,
}

/// Who stands behind a handle, as it was found, whole or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundSubject {
    /// Under whose key it lies.
    pub user: String,
    /// Nothing where it cannot be read, or says that it is another's.
    pub kept: Option<Subject>,
}

/// How far rows were sent on, and by which node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    /// The last row that was sent.
    number: u64,
    node: String,
    /// Until when that node alone sends.
    until: Timestamp,
}

/// How far an append came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The subjects were those that are there. Where they were not, nothing was appended.
    pub subjects: bool,
    /// So many rows were appended.
    pub rows: usize,
    /// And the last of them is said to be the last.
    pub head: bool,
}

/// The trail of a store.
pub struct AuditRows<'a>(pub(super) &'a Store);

fn key(number: u64) -> String {
    format!("{number:020}")
}

fn order(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn subject_content(subject: &Subject) -> Result<Content, StoreError> {
    Ok(Content {
        body: to_body(Collection::AuditSubjects, &subject.user, subject)?,
        group: Some(subject.handle.clone()),
        ..Content::default()
    })
}

fn found_subject(document: &Document) -> FoundSubject {
    FoundSubject {
        kept: from_body(Collection::AuditSubjects, document)
            .ok()
            .filter(|subject: &Subject| subject.user == document.key),
        user: document.key.clone(),
    }
}

fn head_content(head: &AuditHead) -> Result<Content, StoreError> {
    Ok(Content {
        body: to_body(Collection::AuditMarks, HEAD, head)?,
        ..Content::default()
    })
}

fn numbered(
    c: Collection,
    key: String,
    number: u64,
    value: &impl Serialize,
) -> Result<(String, Content), StoreError> {
    let body = to_body(c, &key, value)?;
    let content = Content {
        body,
        group: Some(GROUP.to_owned()),
        order: order(number),
        ..Content::default()
    };
    Ok((key, content))
}

impl AuditRows<'_> {
    /// Adds texts, appends the rows beside which they stand, and says that `head` is the last, in this order and as one
    /// write where the driver can. It ends before the first row whose number is taken, because another node has appended
    /// in the meantime, and leaves the head alone where that is not of `version` any more.
    /// Nothing is appended where somebody else, or nobody, stands behind the rows of one of `subjects` by now.
    pub async fn append(
        &self,
        subjects: &[Subject],
        texts: &[AuditText],
        rows: &[AuditRow],
        (head, version): (&AuditHead, Option<i64>),
    ) -> Result<Appended, StoreError> {
        let fresh = |(key, content), collection| Write {
            collection,
            key,
            content,
            fits: Fits::Fresh,
        };
        let mut writes = Vec::with_capacity(subjects.len() + texts.len() + rows.len() + 1);
        for subject in subjects {
            writes.push(Write {
                collection: Collection::AuditSubjects,
                key: subject.user.clone(),
                content: subject_content(subject)?,
                fits: Fits::Same,
            });
        }
        for text in texts {
            let text = numbered(Collection::AuditTexts, text.id.clone(), text.number, text)?;
            writes.push(fresh(text, Collection::AuditTexts));
        }
        for row in rows {
            let row = numbered(Collection::Audit, key(row.number), row.number, row)?;
            writes.push(fresh(row, Collection::Audit));
        }
        writes.push(Write {
            collection: Collection::AuditMarks,
            key: HEAD.to_owned(),
            content: head_content(head)?,
            fits: version.map_or(Fits::Fresh, Fits::Version),
        });
        let made = self.0.driver.write_all(&writes).await?;
        let before_rows = subjects.len() + texts.len();
        if (subjects.len()..before_rows).contains(&made) {
            return Err(StoreError::Contended);
        }
        Ok(Appended {
            subjects: made >= subjects.len(),
            rows: made.saturating_sub(before_rows).min(rows.len()),
            head: made == writes.len(),
        })
    }

    /// At most `limit` rows from a number on.
    pub async fn from(&self, number: u64, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        self.documents(number, u64::MAX, false, limit)
            .await?
            .iter()
            .map(|document| from_body(Collection::Audit, document))
            .collect()
    }

    /// At most `limit` rows whose numbers lie within these bounds, both inclusive, whatever state they are in.
    pub async fn found(
        &self,
        from: u64,
        to: u64,
        newest_first: bool,
        limit: u32,
    ) -> Result<Vec<FoundRow>, StoreError> {
        let documents = self.documents(from, to, newest_first, limit).await?;
        Ok(documents
            .iter()
            .map(|document| FoundRow {
                place: u64::try_from(document.order).unwrap_or_default(),
                row: from_body(Collection::Audit, document)
                    .ok()
                    .filter(|row: &AuditRow| document.key == key(row.number)),
            })
            .collect())
    }

    /// The last row, whatever state it is in.
    pub async fn last(&self) -> Result<Option<FoundRow>, StoreError> {
        Ok(self.found(0, u64::MAX, true, 1).await?.pop())
    }

    /// The number of the last row; 0 where there is none.
    pub async fn last_number(&self) -> Result<u64, StoreError> {
        Ok(self.last().await?.map_or(0, |found| found.place))
    }

    async fn documents(
        &self,
        from: u64,
        to: u64,
        newest_first: bool,
        limit: u32,
    ) -> Result<Vec<Document>, StoreError> {
        let range = Range {
            from: order(from),
            to: order(to),
            newest_first,
            limit,
        };
        self.0.driver.list(Collection::Audit, GROUP, range).await
    }

    /// Writes a row in place of the one that has its number.
    pub async fn redact(&self, row: &AuditRow) -> Result<(), StoreError> {
        let (key, content) = numbered(Collection::Audit, key(row.number), row.number, row)?;
        self.0
            .put(Collection::Audit, &key, |before| {
                Ok(before.map(|_| content.clone()))
            })
            .await
    }

    /// Removes rows and texts up to this number.
    pub async fn remove_up_to(&self, number: u64) -> Result<u64, StoreError> {
        let removed = self
            .0
            .driver
            .delete_up_to(Collection::Audit, GROUP, order(number))
            .await?;
        self.0
            .driver
            .delete_up_to(Collection::AuditTexts, GROUP, order(number))
            .await?;
        Ok(removed)
    }

    /// The texts of the rows within these bounds, both inclusive, by their ids. What cannot be read is left out.
    pub async fn texts(
        &self,
        from: u64,
        to: u64,
    ) -> Result<BTreeMap<String, AuditText>, StoreError> {
        let mut texts = BTreeMap::new();
        let mut range = Range {
            from: order(from),
            to: order(to),
            ..Range::all(PAGE)
        };
        loop {
            let found = self
                .0
                .driver
                .list(Collection::AuditTexts, GROUP, range)
                .await?;
            let readable = found
                .iter()
                .filter_map(|document| from_body(Collection::AuditTexts, document).ok());
            texts.extend(readable.map(|text: AuditText| (text.id.clone(), text)));
            let last = found.last().map(|document| document.order);
            match last {
                Some(last) if found.len() == PAGE as usize => {
                    // A page may end amid the texts of one place: that place is asked for again.
                    range.from = last.max(range.from.saturating_add(1));
                }
                _ => return Ok(texts),
            }
        }
    }

    /// At most a page of texts by their ids, those behind `after`; and where to go on. What cannot be read is left out.
    pub async fn scan_texts(
        &self,
        after: Option<&str>,
    ) -> Result<(Vec<AuditText>, Option<String>), StoreError> {
        let found = self
            .0
            .driver
            .scan(Collection::AuditTexts, after, PAGE)
            .await?;
        let last = found.last().map(|document| document.key.clone());
        let texts = found
            .iter()
            .filter_map(|document| from_body(Collection::AuditTexts, document).ok());
        Ok((texts.collect(), last))
    }

    /// Writes a text in place of the one that has its id.
    pub async fn change_text(&self, text: &AuditText) -> Result<(), StoreError> {
        let (key, content) = numbered(Collection::AuditTexts, text.id.clone(), text.number, text)?;
        self.0
            .put(Collection::AuditTexts, &key, |before| {
                Ok(before.map(|_| content.clone()))
            })
            .await
    }

    /// Removes texts, such as those of rows that did not come to be.
    pub async fn remove_texts(&self, ids: impl Iterator<Item = &str>) -> Result<(), StoreError> {
        for id in ids {
            self.0.driver.delete(Collection::AuditTexts, id).await?;
        }
        Ok(())
    }

    /// What is said to be the last row; nothing where that is not there or cannot be read.
    pub async fn head(&self) -> Result<Option<AuditHead>, StoreError> {
        Ok(self.versioned_head().await?.0)
    }

    /// [`head`](Self::head), and the version of what stands in its place.
    pub async fn versioned_head(&self) -> Result<(Option<AuditHead>, Option<i64>), StoreError> {
        let document = self.0.driver.get(Collection::AuditMarks, HEAD).await?;
        let head = document
            .as_ref()
            .and_then(|document| from_body(Collection::AuditMarks, document).ok());
        Ok((head, document.map(|document| document.version)))
    }

    /// Where the rows that were removed ended. The error is a mark that cannot be read.
    pub async fn checkpoint(&self) -> Result<Result<Option<AuditCheckpoint>, ()>, StoreError> {
        Ok(match self.mark(CHECKPOINT).await? {
            Ok(checkpoint) => Ok(Some(checkpoint)),
            Err(NoMark::Missing) => Ok(None),
            Err(NoMark::Unreadable) => Err(()),
        })
    }

    async fn mark<T: DeserializeOwned>(&self, name: &str) -> Result<Result<T, NoMark>, StoreError> {
        let document = self.0.driver.get(Collection::AuditMarks, name).await?;
        Ok(document.ok_or(NoMark::Missing).and_then(|document| {
            from_body(Collection::AuditMarks, &document).map_err(|_| NoMark::Unreadable)
        }))
    }

    /// Says which row is the last, unless `keep` holds of what is said already.
    pub async fn set_head(
        &self,
        head: &AuditHead,
        keep: impl Fn(&AuditHead) -> bool,
    ) -> Result<(), StoreError> {
        let content = head_content(head)?;
        self.0
            .put(Collection::AuditMarks, HEAD, |before| {
                let before = before.and_then(|document| {
                    from_body::<AuditHead>(Collection::AuditMarks, document).ok()
                });
                Ok(match before {
                    Some(before) if keep(&before) => None,
                    _ => Some(content.clone()),
                })
            })
            .await
    }

    /// Says where the rows that are removed end; an older place does not replace a newer one.
    pub async fn set_checkpoint(&self, checkpoint: &AuditCheckpoint) -> Result<(), StoreError> {
        let content = Content {
            body: to_body(Collection::AuditMarks, CHECKPOINT, checkpoint)?,
            ..Content::default()
        };
        self.0
            .put(Collection::AuditMarks, CHECKPOINT, |before| {
                let before = before.and_then(|document| {
                    from_body::<AuditCheckpoint>(Collection::AuditMarks, document).ok()
                });
                Ok(match before {
                    Some(before) if before.number >= checkpoint.number => None,
                    _ => Some(content.clone()),
                })
            })
            .await
    }

    /// Who stands behind this person's rows, whatever state that is in.
    pub async fn subject(&self, user: &str) -> Result<Option<FoundSubject>, StoreError> {
        let driver = &self.0.driver;
        let document = driver.get(Collection::AuditSubjects, user).await?;
        Ok(document.as_ref().map(found_subject))
    }

    /// Who stands behind the rows of these persons, as far as they have any, whatever state that is in.
    pub async fn subjects(&self, users: &[&str]) -> Result<Vec<FoundSubject>, StoreError> {
        let driver = &self.0.driver;
        let documents = driver.get_all(Collection::AuditSubjects, users).await?;
        Ok(documents.iter().map(found_subject).collect())
    }

    /// At most a page of who stands behind handles, those behind `after`; and where to go on.
    pub async fn scan_subjects(
        &self,
        after: Option<&str>,
    ) -> Result<(Vec<FoundSubject>, Option<String>), StoreError> {
        let driver = &self.0.driver;
        let found = driver.scan(Collection::AuditSubjects, after, PAGE).await?;
        let last = found.last().map(|document| document.key.clone());
        Ok((found.iter().map(found_subject).collect(), last))
    }

    /// Who stands behind a person's rows from now on: who does already where `keep` holds of them, else `fresh`.
    pub async fn settle_subject(
        &self,
        fresh: Subject,
        keep: impl Fn(&Subject) -> bool,
    ) -> Result<Subject, StoreError> {
        let content = subject_content(&fresh)?;
        let mut settled = fresh.clone();
        self.0
            .put(Collection::AuditSubjects, &fresh.user, |before| {
                let kept = before
                    .and_then(|document| found_subject(document).kept)
                    .filter(&keep);
                let write = kept.is_none().then(|| content.clone());
                settled = kept.unwrap_or_else(|| fresh.clone());
                Ok(write)
            })
            .await?;
        Ok(settled)
    }

    /// Puts a seal to who stands behind a handle, if that is still so and has none.
    pub async fn seal_subject(&self, sealed: &Subject) -> Result<(), StoreError> {
        let content = subject_content(sealed)?;
        let unsealed = Subject {
            seal: None,
            ..sealed.clone()
        };
        self.0
            .put(Collection::AuditSubjects, &sealed.user, |before| {
                let kept = before.and_then(|document| found_subject(document).kept);
                Ok((kept.as_ref() == Some(&unsealed)).then(|| content.clone()))
            })
            .await
    }

    /// Who is said to stand behind a handle: one where all is well, nobody where they were erased.
    pub async fn behind(&self, handle: &str) -> Result<Vec<FoundSubject>, StoreError> {
        let driver = &self.0.driver;
        let found = driver
            .list(
                Collection::AuditSubjects,
                handle,
                Range::all(MOST_OF_A_HANDLE),
            )
            .await?;
        Ok(found.iter().map(found_subject).collect())
    }

    /// Does the store hold anything that comes after a row? That is all but the trail itself, accepted descriptions of
    /// tools and the store's own secrets, whose names begin with a dot.
    pub async fn has_effects(&self) -> Result<bool, StoreError> {
        for c in Collection::ALL {
            // Behind what is the store's own, its secrets and what it writes to see whether it can: names begin with a letter
            // or digit, a dot sorts before those.
            let after = match c {
                Collection::Audit
                | Collection::AuditTexts
                | Collection::AuditMarks
                | Collection::AuditSubjects
                | Collection::Pins => continue,
                Collection::Secrets | Collection::Pauses => Some("/"),
                Collection::Objects
                | Collection::Runs
                | Collection::Outbox
                | Collection::Usage
                | Collection::Conversations
                | Collection::Proposals
                | Collection::Tokens => None,
            };
            if !self.0.driver.scan(c, after, 1).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Forgets who stands behind a handle.
    pub async fn forget(&self, user: &str) -> Result<bool, StoreError> {
        self.0.driver.delete(Collection::AuditSubjects, user).await
    }

    /// The last row that was sent to `target`; 0 before the first.
    pub async fn sent(&self, target: &str) -> Result<u64, StoreError> {
        let cursor: Result<Cursor, _> = self.mark(&sent_key(target)).await?;
        Ok(cursor.map_or(0, |cursor| cursor.number))
    }

    /// Lets `node` alone send to `target` until an instant, or keeps it so; the last row that was sent. Nothing while
    /// another node does.
    pub async fn take_cursor(
        &self,
        target: &str,
        node: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<u64>, StoreError> {
        self.cursor(target, |cursor| {
            (cursor.node == node || cursor.until <= now).then(|| Cursor {
                node: node.to_owned(),
                until,
                ..cursor
            })
        })
        .await
    }

    /// Says that rows up to `number` were sent to `target`. Nothing where another node sends by now.
    pub async fn move_cursor(
        &self,
        target: &str,
        node: &str,
        number: u64,
    ) -> Result<Option<u64>, StoreError> {
        self.cursor(target, |cursor| {
            (cursor.node == node).then(|| Cursor {
                number: cursor.number.max(number),
                ..cursor
            })
        })
        .await
    }

    async fn cursor(
        &self,
        target: &str,
        change: impl Fn(Cursor) -> Option<Cursor>,
    ) -> Result<Option<u64>, StoreError> {
        let key = sent_key(target);
        let mut number = None;
        self.0
            .put(Collection::AuditMarks, &key, |before| {
                let before = before.map_or_else(Cursor::default, |document| {
                    from_body(Collection::AuditMarks, document).unwrap_or_default()
                });
                let after = change(before.clone());
                number = after.as_ref().map(|after| after.number);
                match after {
                    Some(after) if after != before => Ok(Some(Content {
                        body: to_body(Collection::AuditMarks, &key, &after)?,
                        ..Content::default()
                    })),
                    _ => Ok(None),
                }
            })
            .await?;
        Ok(number)
    }
}

enum NoMark {
    Missing,
    Unreadable,
}

fn sent_key(target: &str) -> String {
    format!("sent/{target}")
}
