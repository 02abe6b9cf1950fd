//! What a driver can do: collections of documents and nothing more. The aggregates are written over this contract once;
//! a driver knows nothing of the product. `store::tests` runs one suite against every driver.

use async_trait::async_trait;

use super::StoreError;

/// The collections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Collection {
    Objects,
    Pauses,
    Runs,
    Outbox,
    Usage,
    Audit,
    AuditTexts,
    AuditMarks,
    AuditSubjects,
    Secrets,
    Pins,
    Conversations,
    Proposals,
    Tokens,
}

impl Collection {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Objects,
        Self::Pauses,
        Self::Runs,
        Self::Outbox,
        Self::Usage,
        Self::Audit,
        Self::AuditTexts,
        Self::AuditMarks,
        Self::AuditSubjects,
        Self::Secrets,
        Self::Pins,
        Self::Conversations,
        Self::Proposals,
        Self::Tokens,
    ];

    /// Its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Objects => "objects",
            Self::Pauses => "pauses",
            Self::Runs => "runs",
            Self::Outbox => "outbox",
            Self::Usage => "usage",
            Self::Audit => "audit",
            Self::AuditTexts => "audit-texts",
            Self::AuditMarks => "audit-marks",
            Self::AuditSubjects => "audit-subjects",
            Self::Secrets => "secrets",
            Self::Pins => "pins",
            Self::Conversations => "conversations",
            Self::Proposals => "proposals",
            Self::Tokens => "tokens",
        }
    }
}

/// A document as it is written. Instants are microseconds since 1970 UTC.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// JSON.
    pub body: String,
    /// What documents are listed by.
    pub group: Option<String>,
    /// Its place within the group.
    pub order: i64,
    /// From when it may be claimed; never where missing.
    pub due: Option<i64>,
    /// From when it may be removed; never where missing.
    pub expires: Option<i64>,
}

/// A document as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub key: String,
    /// Grows by one with every change of its content.
    pub version: i64,
    pub body: String,
    pub order: i64,
    /// Grows by one with every claim.
    pub fence: i64,
}

/// One of several writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    pub collection: Collection,
    pub key: String,
    pub content: Content,
    pub fits: Fits,
}

/// When a write is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fits {
    /// Unless there is a document with this key.
    Fresh,
    /// If the document has still this version.
    Version(i64),
    /// Whatever is there.
    Always,
    /// If the document's body is that of the content. Then nothing is written and all counts as made.
    Same,
}

/// Which documents of a group, by their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Inclusive.
    pub from: i64,
    /// Inclusive.
    pub to: i64,
    pub newest_first: bool,
    pub limit: u32,
}

impl Range {
    /// All, in ascending order, at most `limit`.
    pub fn all(limit: u32) -> Self {
        Self {
            from: i64::MIN,
            to: i64::MAX,
            newest_first: false,
            limit,
        }
    }

    /// The last `limit` at or before `to`, the last one first.
    pub fn up_to(to: i64, limit: u32) -> Self {
        Self {
            from: i64::MIN,
            to,
            newest_first: true,
            limit,
        }
    }
}

/// What a store is built on. Every write is durable when it returns.
#[async_trait]
pub trait Driver: Send + Sync {
    /// Inserts a document unless its key exists; false where it does.
    async fn insert(&self, c: Collection, key: &str, content: &Content)
    -> Result<bool, StoreError>;

    /// Fails where what is written now would be found by nobody later: the file was removed or replaced.
    async fn is_there(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Makes these writes in their order up to the first that does not fit; how many were made. After a crash a beginning
    /// of the list may be there.
    async fn write_all(&self, writes: &[Write]) -> Result<usize, StoreError>;

    async fn get(&self, c: Collection, key: &str) -> Result<Option<Document>, StoreError>;

    /// The documents with these keys that there are, in no certain order.
    async fn get_all(&self, c: Collection, keys: &[&str]) -> Result<Vec<Document>, StoreError>;

    /// Documents of a group by their place, those of one place by key.
    async fn list(
        &self,
        c: Collection,
        group: &str,
        range: Range,
    ) -> Result<Vec<Document>, StoreError>;

    /// Replaces a document if it has still this version; false where not.
    async fn replace(
        &self,
        c: Collection,
        key: &str,
        version: i64,
        content: &Content,
    ) -> Result<bool, StoreError>;

    /// Removes a document; false where there was none.
    async fn delete(&self, c: Collection, key: &str) -> Result<bool, StoreError>;

    /// Leases at most `limit` documents that are due at `now` and under no lease that runs, the longest due first. No
    /// two callers get the same one; each gets a fence greater than all before it.
    async fn claim(
        &self,
        c: Collection,
        now: i64,
        until: i64,
        limit: u32,
    ) -> Result<Vec<Document>, StoreError>;

    /// Writes a leased document; false where another has claimed it since. `until` keeps the lease that long, nothing
    /// gives it back.
    async fn save(
        &self,
        c: Collection,
        key: &str,
        fence: i64,
        content: &Content,
        until: Option<i64>,
    ) -> Result<bool, StoreError>;

    /// Lengthens a lease; false where another has claimed it since.
    async fn extend(
        &self,
        c: Collection,
        key: &str,
        fence: i64,
        until: i64,
    ) -> Result<bool, StoreError>;

    /// Removes what has expired at `now`; how many.
    async fn expire(&self, now: i64) -> Result<u64, StoreError>;

    /// Removes the documents of a group whose place is at or before `to`; how many.
    async fn delete_up_to(&self, c: Collection, group: &str, to: i64) -> Result<u64, StoreError>;

    /// At most `limit` documents of a collection by key, those behind `after`: to go through all of them.
    async fn scan(
        &self,
        c: Collection,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Document>, StoreError>;

    /// Replaces the body of a document if it has still this version, and nothing else of it; false where not.
    async fn replace_body(
        &self,
        c: Collection,
        key: &str,
        version: i64,
        body: &str,
    ) -> Result<bool, StoreError>;

    /// Takes what was removed or replaced out of the files too. True where that is certain; false where the database
    /// gives no such promise and did what it can.
    async fn scrub(&self) -> Result<bool, StoreError>;
}
