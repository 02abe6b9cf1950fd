//! What outlives a process: objects, runs with their briefs, the outbox, usage, audit rows, sealed secrets, pins.
//!
//! Aggregates are typed and written once, over a [`driver::Driver`]; SQLite and MongoDB are drivers. Work is shared by
//! leases: whoever claims a run or a delivery gets a fence, and a write with an older fence does nothing. So two
//! workers may both believe that they hold a document, but only one of them can go on.

mod audit;
mod conversations;
pub mod driver;
mod drivers;
#[cfg(test)]
mod faults;
mod objects;
mod outbox;
mod person;
mod pins;
mod proposals;
mod runs;
mod secrets;
#[cfg(test)]
mod tests;
mod tokens;
mod usage;

pub use audit::{
    Appended, AuditCheckpoint, AuditHead, AuditRow, AuditRows, AuditText, FoundRow, FoundSubject,
    Subject,
};
pub use conversations::Conversations;
pub use objects::{Kind, Objects, Pause, Rows, Stored};
pub use outbox::Outbox;
pub use person::{ERASED, Erased, Identity, Person};
pub use pins::{PinRow, PinRows};
pub use proposals::Proposals;
pub use runs::Runs;
pub use secrets::SealedSecrets;
pub use tokens::{Scope, Token, Tokens};
pub use usage::{Change, Day, Known, Minute, Month, Of, Reserved, Row, Settled, UsageRows, Used};

use std::{
    ops::{Deref, DerefMut},
    path::Path,
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, de::DeserializeOwned};

use crate::settings;
use driver::{Collection, Content, Document, Driver};

/// The name of the embedded store's file in the data folder.
pub const SQLITE_FILE: &str = "daybrief.db";

/// Why the store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("the store does not answer: {0}")]
    Unavailable(String),
    /// It cannot be worked with, for a reason that its database names.
    #[error("{fault}: {what}")]
    Faulty { fault: Fault, what: String },
    /// The store cannot be opened as it is set up.
    #[error("the store cannot be opened: {what}")]
    Setup { what: String, advice: String },
    /// What is kept cannot be read by this version.
    #[error("the store holds `{key}` of {collection} in a form that cannot be read: {what}")]
    Unreadable {
        collection: &'static str,
        key: String,
        what: String,
    },
    /// Another worker has claimed the document since.
    #[error("another worker has taken this over")]
    LeaseLost,
    /// Others kept changing the same document.
    #[error("too many write to the same place at once")]
    Contended,
}

/// Why a store cannot be worked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Its database refuses who signs in.
    Refused,
    /// No space is left.
    Full,
    /// Another process holds it.
    Locked,
    /// Its file was removed or replaced.
    Gone,
    /// It may be read and not written.
    ReadOnly,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Refused => "the store refuses its user or password",
            Self::Full => "the store's disk is full",
            Self::Locked => "the store is locked by another process",
            Self::Gone => "the store's file is gone or was replaced",
            Self::ReadOnly => "the store may be read and not written",
        })
    }
}

impl StoreError {
    /// Why, in words that hold nothing of what another side wrote.
    pub fn in_short(&self) -> String {
        match self {
            Self::Unavailable(_) => "the store does not answer".to_owned(),
            Self::Faulty { fault, .. } => fault.to_string(),
            Self::Setup { .. } => "the store cannot be opened".to_owned(),
            Self::Unreadable { collection, .. } => {
                format!("the store holds {collection} that cannot be read")
            }
            Self::LeaseLost | Self::Contended => self.to_string(),
        }
    }

    /// A write that was shared with others broke off, or the process ends.
    pub fn broken_off() -> Self {
        Self::Unavailable("a write broke off".to_owned())
    }
}

impl From<StoreError> for crate::error::Problem {
    fn from(error: StoreError) -> Self {
        let problem = Self::new("store", error.to_string());
        match error {
            StoreError::Setup { advice, .. } => problem.at("[store] url").advise(advice),
            StoreError::Unavailable(what) if what.contains("is not a database") => problem.advise(
                "bring `daybrief.db` in the data folder back from a backup; where nothing is kept yet, move it away, and it is made anew",
            ),
            StoreError::Faulty { fault, .. } => problem.advise(match fault {
                Fault::Refused => {
                    "correct the user and the password in the address that [store] url names, and let that user read and write the database"
                }
                Fault::Full => "free space where the data folder lies",
                Fault::Locked => {
                    "end what else holds `daybrief.db` in the data folder: a copy, a backup, a shell of the database"
                }
                Fault::Gone => {
                    "stop the daemon, bring `daybrief.db` back from a backup, and start it again"
                }
                Fault::ReadOnly => {
                    "let the account that Daybrief runs under own the data folder and what lies in it, on a disk that can be written"
                }
            }),
            StoreError::Unavailable(_) => problem.advise(
                "check [store] in daybrief.toml, its folder (who owns it, free space), and for MongoDB whether it answers there",
            ),
            _ => problem,
        }
    }
}

/// The store. Cheap to clone; all clones are one store.
#[derive(Clone)]
pub struct Store {
    driver: Arc<dyn Driver>,
}

impl Store {
    /// Opens the store of these settings: for SQLite a file below `folder`, for MongoDB the deployment behind `url`.
    pub async fn open(
        settings: &settings::Store,
        url: Option<&SecretString>,
        folder: &Path,
    ) -> Result<Self, StoreError> {
        let driver: Arc<dyn Driver> = match settings.kind {
            settings::StoreKind::Sqlite => {
                tokio::fs::create_dir_all(folder).await.map_err(|error| {
                    StoreError::Unavailable(format!("{}: {error}", folder.display()))
                })?;
                Arc::new(drivers::Sqlite::open(&folder.join(SQLITE_FILE)).await?)
            }
            settings::StoreKind::Mongodb => {
                let url = url.map(ExposeSecret::expose_secret).unwrap_or_default();
                Arc::new(drivers::Mongo::open(url, &settings.database).await?)
            }
        };
        Ok(Self { driver })
    }

    /// A store that ends with the process, for commands that keep nothing.
    pub async fn in_memory() -> Result<Self, StoreError> {
        Ok(Self {
            driver: Arc::new(drivers::Sqlite::in_memory().await?),
        })
    }

    /// Roles, users, connectors, briefings, schedules, calendars.
    pub fn objects(&self) -> Objects<'_> {
        Objects(self)
    }

    /// Runs and their briefs.
    pub fn runs(&self) -> Runs<'_> {
        Runs(self)
    }

    /// Deliveries.
    pub fn outbox(&self) -> Outbox<'_> {
        Outbox(self)
    }

    /// What was spent and reserved, by budget and month.
    pub fn usage(&self) -> UsageRows<'_> {
        UsageRows(self)
    }

    /// The audit trail's rows.
    pub fn audit(&self) -> AuditRows<'_> {
        AuditRows(self)
    }

    /// Questions with what was said to them.
    pub fn conversations(&self) -> Conversations<'_> {
        Conversations(self)
    }

    /// Proposed actions.
    pub fn proposals(&self) -> Proposals<'_> {
        Proposals(self)
    }

    /// Tokens with which other programs ask.
    pub fn tokens(&self) -> Tokens<'_> {
        Tokens(self)
    }

    /// What the store holds of persons.
    pub fn person(&self) -> Person<'_> {
        Person(self)
    }

    /// Secrets, sealed.
    pub fn secrets(&self) -> SealedSecrets<'_> {
        SealedSecrets(self)
    }

    /// Descriptions of tools, as accepted.
    pub fn pins(&self) -> PinRows<'_> {
        PinRows(self)
    }

    /// Removes what is past its retention; how many documents.
    pub async fn expire(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.driver.expire(micros(now)).await
    }

    /// Takes what was removed out of the files too; false where the database gives no such promise.
    pub async fn scrub(&self) -> Result<bool, StoreError> {
        self.driver.scrub().await
    }

    /// Writes a document and reads it, so that a store that is full, locked or gone is seen before it is needed.
    pub async fn ping(&self) -> Result<(), StoreError> {
        const KEY: &str = ".ping";
        self.driver.is_there().await?;
        let content = Content {
            body: "{}".to_owned(),
            ..Content::default()
        };
        let before = self.driver.get(Collection::Pauses, KEY).await?;
        // Whoever else writes it at this moment writes too: that is all that is asked.
        match before {
            None => {
                self.driver
                    .insert(Collection::Pauses, KEY, &content)
                    .await?;
            }
            Some(before) => {
                self.driver
                    .replace(Collection::Pauses, KEY, before.version, &content)
                    .await?;
            }
        }
        Ok(())
    }
}

/// So often a write is tried again that lost against another.
const MOST_WRITES: usize = 100;

/// What the aggregates have in common.
impl Store {
    /// Makes or replaces a document as one step: `change` gets what is there and gives what shall be; nothing leaves
    /// it as it is. Asked again where another wrote in between.
    async fn put(
        &self,
        c: Collection,
        key: &str,
        mut change: impl FnMut(Option<&Document>) -> Result<Option<Content>, StoreError>,
    ) -> Result<(), StoreError> {
        for _ in 0..MOST_WRITES {
            let before = self.driver.get(c, key).await?;
            let Some(content) = change(before.as_ref())? else {
                return Ok(());
            };
            let written = match before {
                None => self.driver.insert(c, key, &content).await?,
                Some(before) => {
                    self.driver
                        .replace(c, key, before.version, &content)
                        .await?
                }
            };
            if written {
                return Ok(());
            }
        }
        Err(StoreError::Contended)
    }

    async fn claim<T: DeserializeOwned>(
        &self,
        c: Collection,
        now: Timestamp,
        lease: SignedDuration,
        limit: u32,
    ) -> Result<Vec<Leased<T>>, StoreError> {
        let until = now.checked_add(lease).unwrap_or(Timestamp::MAX);
        let claimed = self
            .driver
            .claim(c, micros(now), micros(until), limit)
            .await?;
        // One document that cannot be read must not keep the others from being worked on.
        Ok(claimed
            .iter()
            .filter_map(|document| match from_body(c, document) {
                Ok(value) => Some(Leased {
                    value,
                    fence: document.fence,
                }),
                Err(error) => {
                    tracing::error!(%error, "left alone");
                    None
                }
            })
            .collect())
    }

    async fn save<T>(
        &self,
        c: Collection,
        key: &str,
        leased: &Leased<T>,
        content: Content,
        until: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        self.driver
            .save(c, key, leased.fence, &content, until.map(micros))
            .await?
            .then_some(())
            .ok_or(StoreError::LeaseLost)
    }

    async fn extend<T>(
        &self,
        c: Collection,
        key: &str,
        leased: &Leased<T>,
        now: Timestamp,
        lease: SignedDuration,
    ) -> Result<(), StoreError> {
        let until = now.checked_add(lease).unwrap_or(Timestamp::MAX);
        self.driver
            .extend(c, key, leased.fence, micros(until))
            .await?
            .then_some(())
            .ok_or(StoreError::LeaseLost)
    }
}

/// A document that this worker alone may change until its lease ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Leased<T> {
    value: T,
    fence: i64,
}

impl<T> Leased<T> {
    /// The document without its lease.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> Deref for Leased<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Leased<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

fn micros(instant: Timestamp) -> i64 {
    instant.as_microsecond()
}

/// The instant after which something that is kept for so many days is gone.
fn kept_until(from: Timestamp, days: u32) -> i64 {
    micros(
        from.checked_add(SignedDuration::from_hours(24 * i64::from(days)))
            .unwrap_or(Timestamp::MAX),
    )
}

fn to_body<T: Serialize>(c: Collection, key: &str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| unreadable(c, key, &error))
}

fn from_body<T: DeserializeOwned>(c: Collection, document: &Document) -> Result<T, StoreError> {
    serde_json::from_str(&document.body).map_err(|error| unreadable(c, &document.key, &error))
}

fn unreadable(c: Collection, key: &str, error: &serde_json::Error) -> StoreError {
    StoreError::Unreadable {
        collection: c.name(),
        key: key.to_owned(),
        what: format!("line {} column {}", error.line(), error.column()),
    }
}
