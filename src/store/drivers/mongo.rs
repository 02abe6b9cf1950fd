//! MongoDB: a collection each, majority writes and reads, leases by compare-and-set on one document.

mod setup;

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use futures_util::TryStreamExt;
use mongodb::{
    Client, Collection as Documents, Database, IndexModel,
    bson::{DateTime, Document as Bson, doc},
    error::{Error, ErrorKind, WriteFailure},
    options::{
        ClientOptions, IndexOptions, ReadConcern, ReadPreference, ReturnDocument,
        SelectionCriteria, WriteConcern,
    },
};

use crate::store::{
    Fault, StoreError,
    driver::{Collection, Content, Document, Driver, Fits, Range, Write},
};

/// How long a primary is looked for.
const SELECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a write may wait for the majority.
const MAJORITY_TIMEOUT: Duration = Duration::from_secs(10);
/// The server's own word for a key that exists.
const DUPLICATE_KEY: i32 = 11000;

/// A database of a deployment.
pub struct Mongo {
    database: Database,
    collections: BTreeMap<&'static str, Documents<Bson>>,
}

impl Mongo {
    /// Connects and makes the indexes. `url` holds the password: it stands in no error.
    pub async fn open(url: &str, database: &str) -> Result<Self, StoreError> {
        let mut options = ClientOptions::parse(url)
            .await
            .map_err(|error| unread(&error))?;
        options.app_name = Some("daybrief".to_owned());
        options
            .server_selection_timeout
            .get_or_insert(SELECTION_TIMEOUT);
        options.connect_timeout.get_or_insert(SELECTION_TIMEOUT);
        options.read_concern = Some(ReadConcern::majority());
        options.selection_criteria =
            Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        options.write_concern = Some(
            WriteConcern::builder()
                .w(mongodb::options::Acknowledgment::Majority)
                .w_timeout(MAJORITY_TIMEOUT)
                .journal(true)
                .build(),
        );
        let database = Client::with_options(options.clone())
            .map_err(|error| unread(&error))?
            .database(database);
        let mongo = Self {
            collections: Collection::ALL
                .iter()
                .map(|c| (c.name(), database.collection(c.name())))
                .collect(),
            database,
        };
        match mongo.make_indexes(&mongo.database).await {
            Ok(()) => Ok(mongo),
            Err(error) => Err(setup::explain(&error, &options, mongo.database.name()).await),
        }
    }

    async fn make_indexes(&self, database: &Database) -> Result<(), Error> {
        for c in Collection::ALL {
            let by = |keys: Bson| IndexModel::builder().keys(keys).build();
            let expiry = IndexModel::builder()
                .keys(doc! { "expires": 1 })
                .options(IndexOptions::builder().expire_after(Duration::ZERO).build())
                .build();
            database
                .collection::<Bson>(c.name())
                .create_indexes([
                    by(doc! { "group": 1, "order": 1 }),
                    by(doc! { "due": 1 }),
                    expiry,
                ])
                .await?;
        }
        Ok(())
    }

    fn of(&self, c: Collection) -> Result<&Documents<Bson>, StoreError> {
        self.collections
            .get(c.name())
            .ok_or_else(|| StoreError::Unavailable("an unknown collection".to_owned()))
    }
}

impl Mongo {
    async fn write(&self, write: &Write) -> Result<bool, StoreError> {
        let (c, key, content) = (write.collection, write.key.as_str(), &write.content);
        match write.fits {
            Fits::Fresh => self.insert(c, key, content).await,
            Fits::Version(version) => self.replace(c, key, version, content).await,
            Fits::Always => self
                .of(c)?
                .update_one(
                    doc! { "_id": key },
                    doc! {
                        "$set": fields(content),
                        "$inc": { "version": 1_i64 },
                        "$setOnInsert": { "fence": 0_i64 },
                    },
                )
                .upsert(true)
                .await
                .map(|_| true)
                .map_err(unavailable),
            Fits::Same => self
                .get(c, key)
                .await
                .map(|found| found.is_some_and(|found| found.body == content.body)),
        }
    }

    /// Inserts in this order up to the first whose key exists; how many. All are of one collection.
    async fn insert_many(&self, writes: &[Write]) -> Result<usize, StoreError> {
        let Some(first) = writes.first() else {
            return Ok(0);
        };
        let all = writes
            .iter()
            .map(|write| new_document(&write.key, &write.content));
        match self
            .of(first.collection)?
            .insert_many(all)
            .ordered(true)
            .await
        {
            Ok(_) => Ok(writes.len()),
            Err(error) if is_duplicate(&error) => Ok(match error.kind.as_ref() {
                ErrorKind::InsertMany(error) => error
                    .write_errors
                    .iter()
                    .flatten()
                    .map(|error| error.index)
                    .min()
                    .unwrap_or(0),
                _ => 0,
            }),
            Err(error) => Err(unavailable(error)),
        }
    }
}

fn unavailable(error: Error) -> StoreError {
    let what = match error.kind.as_ref() {
        // The driver's own words name all that it knows of all servers.
        ErrorKind::ServerSelection { .. } => "no server of it that takes writes answers".to_owned(),
        ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. } => {
            "the connection to it broke".to_owned()
        }
        ErrorKind::Authentication { .. } => "it refused the sign-in".to_owned(),
        kind => crate::text::shorten(&kind.to_string(), 200),
    };
    let fault = match error.kind.as_ref() {
        ErrorKind::Authentication { .. } => Fault::Refused,
        ErrorKind::Command(error) => match fault_of(error.code) {
            Some(fault) => fault,
            None => return StoreError::Unavailable(what),
        },
        _ => return StoreError::Unavailable(what),
    };
    StoreError::Faulty { fault, what }
}

/// What the server's own error codes mean (mongo, src/mongo/base/error_codes.yml).
fn fault_of(code: i32) -> Option<Fault> {
    match code {
        // Unauthorized, AuthenticationFailed, and Atlas' word for the latter.
        13 | 18 | 8000 => Some(Fault::Refused),
        // OutOfDiskSpace.
        14031 => Some(Fault::Full),
        _ => None,
    }
}

/// Why an address cannot be used. The address itself is told nowhere: it may hold a password.
fn unread(error: &Error) -> StoreError {
    let (what, advice) = match error.kind.as_ref() {
        ErrorKind::DnsResolve { .. } => (
            "the servers behind the name in its address cannot be looked up",
            "correct the name behind `mongodb+srv://`, or see that this machine can resolve it",
        ),
        ErrorKind::InvalidTlsConfig { .. } => (
            "its address asks for TLS with a certificate file that cannot be read",
            "correct `tlsCAFile` or `tlsCertificateKeyFile` in the address",
        ),
        _ => (
            "its address cannot be read",
            "write it as `mongodb://user:password@host:27017/?replicaSet=rs0`, with `%` codes for signs such as `@` in the password",
        ),
    };
    StoreError::Setup {
        what: what.to_owned(),
        advice: advice.to_owned(),
    }
}

fn is_duplicate(error: &Error) -> bool {
    match error.kind.as_ref() {
        ErrorKind::Write(WriteFailure::WriteError(error)) => error.code == DUPLICATE_KEY,
        ErrorKind::InsertMany(error) => error
            .write_errors
            .iter()
            .flatten()
            .any(|error| error.code == DUPLICATE_KEY),
        _ => false,
    }
}

/// The fields that every write sets.
fn fields(content: &Content) -> Bson {
    doc! {
        "body": &content.body,
        "group": content.group.clone(),
        "order": content.order,
        "due": content.due,
        // The server's own expiry needs its type of date, which counts milliseconds.
        "expires": content.expires.map(|micros| DateTime::from_millis(micros.div_euclid(1000))),
    }
}

fn new_document(key: &str, content: &Content) -> Bson {
    let mut document = doc! { "_id": key, "version": 1_i64, "fence": 0_i64 };
    document.extend(fields(content));
    document
}

fn document(bson: &Bson) -> Result<Document, StoreError> {
    let read = || {
        Some(Document {
            key: bson.get_str("_id").ok()?.to_owned(),
            version: bson.get_i64("version").ok()?,
            body: bson.get_str("body").ok()?.to_owned(),
            order: bson.get_i64("order").ok()?,
            fence: bson.get_i64("fence").ok()?,
        })
    };
    read().ok_or_else(|| {
        StoreError::Unavailable("a document has not the form of this version".to_owned())
    })
}

#[async_trait]
impl Driver for Mongo {
    async fn insert(
        &self,
        c: Collection,
        key: &str,
        content: &Content,
    ) -> Result<bool, StoreError> {
        match self.of(c)?.insert_one(new_document(key, content)).await {
            Ok(_) => Ok(true),
            Err(error) if is_duplicate(&error) => Ok(false),
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn write_all(&self, writes: &[Write]) -> Result<usize, StoreError> {
        let mut made = 0;
        // Inserts of one collection that follow each other go as one.
        let alike = |a: &Write, b: &Write| {
            a.collection == b.collection && (a.fits, b.fits) == (Fits::Fresh, Fits::Fresh)
        };
        for some in writes.chunk_by(alike) {
            let done = match some {
                [write] => usize::from(self.write(write).await?),
                all => self.insert_many(all).await?,
            };
            made += done;
            if done < some.len() {
                break;
            }
        }
        Ok(made)
    }

    async fn get(&self, c: Collection, key: &str) -> Result<Option<Document>, StoreError> {
        self.of(c)?
            .find_one(doc! { "_id": key })
            .await
            .map_err(unavailable)?
            .as_ref()
            .map(document)
            .transpose()
    }

    async fn get_all(&self, c: Collection, keys: &[&str]) -> Result<Vec<Document>, StoreError> {
        let found: Vec<Bson> = self
            .of(c)?
            .find(doc! { "_id": { "$in": keys } })
            .await
            .map_err(unavailable)?
            .try_collect()
            .await
            .map_err(unavailable)?;
        found.iter().map(document).collect()
    }

    async fn list(
        &self,
        c: Collection,
        group: &str,
        range: Range,
    ) -> Result<Vec<Document>, StoreError> {
        let way = if range.newest_first { -1 } else { 1 };
        let found: Vec<Bson> = self
            .of(c)?
            .find(doc! { "group": group, "order": { "$gte": range.from, "$lte": range.to } })
            .sort(doc! { "order": way, "_id": way })
            .limit(range.limit.into())
            .await
            .map_err(unavailable)?
            .try_collect()
            .await
            .map_err(unavailable)?;
        found.iter().map(document).collect()
    }

    async fn replace(
        &self,
        c: Collection,
        key: &str,
        version: i64,
        content: &Content,
    ) -> Result<bool, StoreError> {
        let done = self
            .of(c)?
            .update_one(
                doc! { "_id": key, "version": version },
                doc! { "$set": fields(content), "$inc": { "version": 1_i64 } },
            )
            .await
            .map_err(unavailable)?;
        Ok(done.matched_count == 1)
    }

    async fn delete(&self, c: Collection, key: &str) -> Result<bool, StoreError> {
        let done = self
            .of(c)?
            .delete_one(doc! { "_id": key })
            .await
            .map_err(unavailable)?;
        Ok(done.deleted_count == 1)
    }

    async fn claim(
        &self,
        c: Collection,
        now: i64,
        until: i64,
        limit: u32,
    ) -> Result<Vec<Document>, StoreError> {
        let mut claimed = Vec::new();
        for _ in 0..limit {
            let found = self
                .of(c)?
                .find_one_and_update(
                    doc! {
                        "due": { "$ne": null, "$lte": now },
                        "$or": [{ "lease_until": null }, { "lease_until": { "$lte": now } }],
                    },
                    doc! { "$set": { "lease_until": until }, "$inc": { "fence": 1_i64 } },
                )
                .sort(doc! { "due": 1, "_id": 1 })
                .return_document(ReturnDocument::After)
                .await
                .map_err(unavailable)?;
            match found {
                Some(found) => claimed.push(document(&found)?),
                None => break,
            }
        }
        claimed.sort_by(|a, b| (a.order, &a.key).cmp(&(b.order, &b.key)));
        Ok(claimed)
    }

    async fn save(
        &self,
        c: Collection,
        key: &str,
        fence: i64,
        content: &Content,
        until: Option<i64>,
    ) -> Result<bool, StoreError> {
        let mut set = fields(content);
        set.insert("lease_until", until);
        let done = self
            .of(c)?
            .update_one(
                doc! { "_id": key, "fence": fence },
                doc! { "$set": set, "$inc": { "version": 1_i64 } },
            )
            .await
            .map_err(unavailable)?;
        Ok(done.matched_count == 1)
    }

    async fn extend(
        &self,
        c: Collection,
        key: &str,
        fence: i64,
        until: i64,
    ) -> Result<bool, StoreError> {
        let done = self
            .of(c)?
            .update_one(
                doc! { "_id": key, "fence": fence },
                doc! { "$set": { "lease_until": until } },
            )
            .await
            .map_err(unavailable)?;
        Ok(done.matched_count == 1)
    }

    async fn expire(&self, now: i64) -> Result<u64, StoreError> {
        let mut removed = 0;
        let until = DateTime::from_millis(now.div_euclid(1000));
        for c in Collection::ALL {
            removed += self
                .of(c)?
                .delete_many(doc! { "expires": { "$ne": null, "$lte": until } })
                .await
                .map_err(unavailable)?
                .deleted_count;
        }
        Ok(removed)
    }

    async fn delete_up_to(&self, c: Collection, group: &str, to: i64) -> Result<u64, StoreError> {
        let done = self
            .of(c)?
            .delete_many(doc! { "group": group, "order": { "$lte": to } })
            .await
            .map_err(unavailable)?;
        Ok(done.deleted_count)
    }

    async fn scan(
        &self,
        c: Collection,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Document>, StoreError> {
        let found: Vec<Bson> = self
            .of(c)?
            .find(doc! { "_id": { "$gt": after.unwrap_or_default() } })
            .sort(doc! { "_id": 1 })
            .limit(limit.into())
            .await
            .map_err(unavailable)?
            .try_collect()
            .await
            .map_err(unavailable)?;
        found.iter().map(document).collect()
    }

    async fn replace_body(
        &self,
        c: Collection,
        key: &str,
        version: i64,
        body: &str,
    ) -> Result<bool, StoreError> {
        let done = self
            .of(c)?
            .update_one(
                doc! { "_id": key, "version": version },
                doc! { "$set": { "body": body }, "$inc": { "version": 1_i64 } },
            )
            .await
            .map_err(unavailable)?;
        Ok(done.matched_count == 1)
    }

    /// WiredTiger gives no promise: `compact` rewrites what it can, and the oplog and the journal keep the change for as
    /// long as they are kept. A user without the right to compact gets the same answer.
    async fn scrub(&self) -> Result<bool, StoreError> {
        for c in Collection::ALL {
            let done = self
                .database
                .run_command(doc! { "compact": c.name(), "force": true })
                .await;
            if let Err(error) = done {
                tracing::info!(collection = c.name(), error = %unavailable(error), "not compacted");
            }
        }
        Ok(false)
    }
}
