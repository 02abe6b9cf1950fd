//! What people define, as it is in force. Each object has a kind and an id; it knows where it came from.

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    Store, StoreError,
    driver::{Collection, Content, Document, Fits, Range, Write},
    from_body, to_body,
};
use crate::ids::ScheduleId;

/// More objects of one kind than this are not read.
const MOST_OF_A_KIND: u32 = 100_000;
/// More objects in all than this are not read.
const MOST: u32 = 700_000;

/// The kinds of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Role,
    User,
    Connector,
    Briefing,
    Schedule,
    Calendar,
    Place,
}

impl Kind {
    /// All kinds, what others refer to first.
    pub const ALL: [Self; 7] = [
        Self::Role,
        Self::User,
        Self::Place,
        Self::Connector,
        Self::Calendar,
        Self::Briefing,
        Self::Schedule,
    ];

    /// Its name in files and keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::User => "user",
            Self::Connector => "connector",
            Self::Briefing => "briefing",
            Self::Schedule => "schedule",
            Self::Calendar => "calendar",
            Self::Place => "place",
        }
    }
}

/// An object with what the store knows of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stored<T> {
    pub object: T,
    /// The file that it was applied from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Since when it is as it is. A schedule is not due for instants before.
    pub since: Timestamp,
}

/// Whether a schedule is paused, and since when that is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    pub paused: bool,
    pub since: Timestamp,
}

/// The objects of a store.
pub struct Objects<'a>(pub(super) &'a Store);

/// Lies beside the objects, in no kind's list.
const REVISION: &str = "revision";

/// The write that makes the revision grow: its document's version is what counts.
fn revision() -> Write {
    Write {
        collection: Collection::Objects,
        key: REVISION.to_owned(),
        content: Content {
            body: "{}".to_owned(),
            ..Content::default()
        },
        fits: Fits::Always,
    }
}

fn key(kind: Kind, id: &str) -> String {
    format!("{}/{id}", kind.name())
}

/// All objects as they lie in the store, read at once.
pub struct Rows(Vec<Document>);

impl Rows {
    /// Those of a kind, by id.
    pub fn of<T: DeserializeOwned>(&self, kind: Kind) -> Result<Vec<Stored<T>>, StoreError> {
        self.0
            .iter()
            .filter(|row| {
                let key = row.key.strip_prefix(kind.name());
                key.is_some_and(|rest| rest.starts_with('/'))
            })
            .map(|row| from_body(Collection::Objects, row))
            .collect()
    }
}

impl Objects<'_> {
    /// All objects of all kinds.
    pub async fn rows(&self) -> Result<Rows, StoreError> {
        let rows = self.0.driver.scan(Collection::Objects, None, MOST).await?;
        Ok(Rows(rows))
    }

    /// All objects of a kind, by id.
    pub async fn all<T: DeserializeOwned>(&self, kind: Kind) -> Result<Vec<Stored<T>>, StoreError> {
        self.0
            .driver
            .list(Collection::Objects, kind.name(), Range::all(MOST_OF_A_KIND))
            .await?
            .iter()
            .map(|document| from_body(Collection::Objects, document))
            .collect()
    }

    /// One object.
    pub async fn get<T: DeserializeOwned>(
        &self,
        kind: Kind,
        id: &str,
    ) -> Result<Option<Stored<T>>, StoreError> {
        self.0
            .driver
            .get(Collection::Objects, &key(kind, id))
            .await?
            .map(|document| from_body(Collection::Objects, &document))
            .transpose()
    }

    /// Makes or replaces an object; the last writer wins.
    pub async fn put<T: Serialize>(
        &self,
        kind: Kind,
        id: &str,
        object: &Stored<T>,
    ) -> Result<(), StoreError> {
        let key = key(kind, id);
        let content = Content {
            body: to_body(Collection::Objects, &key, object)?,
            group: Some(kind.name().to_owned()),
            ..Content::default()
        };
        let object = Write {
            collection: Collection::Objects,
            key,
            content,
            fits: Fits::Always,
        };
        let writes = [object, revision()];
        self.0.driver.write_all(&writes).await.map(|_| ())
    }

    /// Removes an object; false where there was none.
    pub async fn delete(&self, kind: Kind, id: &str) -> Result<bool, StoreError> {
        let deleted = self
            .0
            .driver
            .delete(Collection::Objects, &key(kind, id))
            .await?;
        self.revise().await?;
        Ok(deleted)
    }

    /// Grows with every change of an object, once that is written; 0 before the first. Whoever keeps what they read
    /// sees by it whether that still holds, but for a change whose writer died between the two writes.
    pub async fn revision(&self) -> Result<i64, StoreError> {
        let document = self.0.driver.get(Collection::Objects, REVISION).await?;
        Ok(document.map_or(0, |document| document.version))
    }

    /// Says that objects have changed.
    pub(super) async fn revise(&self) -> Result<(), StoreError> {
        self.0.driver.write_all(&[revision()]).await.map(|_| ())
    }

    /// Pauses a schedule, or lets it go on from `now`.
    pub async fn pause(
        &self,
        schedule: &ScheduleId,
        paused: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let content = Content {
            body: to_body(
                Collection::Pauses,
                schedule.as_str(),
                &Pause { paused, since: now },
            )?,
            ..Content::default()
        };
        self.0
            .put(Collection::Pauses, schedule.as_str(), |_| {
                Ok(Some(content.clone()))
            })
            .await
    }

    /// Whether a schedule was paused by command.
    pub async fn pause_of(&self, schedule: &ScheduleId) -> Result<Option<Pause>, StoreError> {
        self.0
            .driver
            .get(Collection::Pauses, schedule.as_str())
            .await?
            .map(|document| from_body(Collection::Pauses, &document))
            .transpose()
    }
}
