//! SQLite: one file, write-ahead log, every commit synced to disk (`synchronous = FULL`).

mod worker;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use async_trait::async_trait;
use rusqlite::{CachedStatement, Connection, ErrorCode, OpenFlags, OptionalExtension, Row, params};

use self::worker::Worker;
use crate::store::{
    Fault, StoreError,
    driver::{Collection, Content, Document, Driver, Fits, Range, Write},
};

/// How long a write waits for another process's, such as a command beside the daemon.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// So often, and so long apart, the log is tried to be cut while others read.
const MOST_CHECKPOINTS: usize = 50;
const CHECKPOINT_AGAIN: Duration = Duration::from_millis(100);

/// Connections that read at once.
const READERS: usize = 2;

/// Pages of the log at which a write copies it into the file itself, because the thread for that does not keep up.
const LONGEST_LOG: u32 = 16_000;

/// Statements that a connection keeps prepared.
const PREPARED: usize = 32;

/// The tables, as they came to be. The number of those that were made stands in the file's `user_version`.
const MIGRATIONS: [&str; 1] = [include_str!("sqlite/migrations/0001_documents.sql")];

/// A database file.
pub struct Sqlite {
    /// Nothing for a database in memory: it is its one connection's. They are closed first: whoever is last copies the log
    /// into the file, and these may not.
    readers: Option<Worker>,
    /// One connection: SQLite has one writer at a time anyway.
    writer: Worker,
    /// The file and what it was when it was opened; nothing for a database in memory.
    file: Option<(PathBuf, Identity)>,
}

/// What tells a file from another of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity(u64, u64);

#[cfg(unix)]
fn identity(path: &Path) -> std::io::Result<Identity> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).map(|file| Identity(file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> std::io::Result<Identity> {
    std::fs::metadata(path).map(|_| Identity(0, 0))
}

impl Sqlite {
    /// Opens the file, makes it where it is missing, and brings its tables up to date.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let path = path.to_owned();
        blocking(move || {
            let common = OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let makes = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
            let write = || {
                let connection = Connection::open_with_flags(&path, makes | common)?;
                set_up(&connection)?;
                Ok(connection)
            };
            let mut writer = write().map_err(unavailable)?;
            migrate(&mut writer)?;
            let copies = write().map_err(unavailable)?;
            let readers = (0..READERS)
                .map(|_| {
                    let reads = OpenFlags::SQLITE_OPEN_READ_ONLY;
                    let reader = Connection::open_with_flags(&path, reads | common)?;
                    reader.busy_timeout(BUSY_TIMEOUT)?;
                    reader.pragma_update(None, "trusted_schema", "OFF")?;
                    Ok(reader)
                })
                .collect::<rusqlite::Result<_>>()
                .map_err(unavailable)?;
            let is = identity(&path).map_err(|error| StoreError::Unavailable(error.to_string()))?;
            Ok(Self {
                writer: Worker::writing(writer, Some(copies))?,
                readers: Some(Worker::reading(readers)?),
                file: Some((path, is)),
            })
        })
        .await
    }

    /// A database that ends with the process.
    pub async fn in_memory() -> Result<Self, StoreError> {
        blocking(|| {
            let mut writer = Connection::open_in_memory().map_err(unavailable)?;
            writer.set_prepared_statement_cache_capacity(PREPARED);
            migrate(&mut writer)?;
            Ok(Self {
                writer: Worker::writing(writer, None)?,
                readers: None,
                file: None,
            })
        })
        .await
    }

    /// Lets the file grow by so many pages and no more, as a disk that is nearly full does.
    #[cfg(test)]
    pub async fn grows_by_no_more_than(&self, pages: u32) {
        let limited = self.writer.run(move |connection| {
            let now: u32 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            let limit = format!("PRAGMA max_page_count = {}", now + pages);
            connection.query_row(&limit, [], |_| Ok(()))
        });
        limited.await.unwrap();
    }

    /// Has `work` done by a connection that reads.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.readers
            .as_ref()
            .unwrap_or(&self.writer)
            .run(work)
            .await
    }

    /// Whether this one statement changed a document.
    async fn changes(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<usize> + Send + 'static,
    ) -> Result<bool, StoreError> {
        self.writer.run(work).await.map(|changed| changed == 1)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(StoreError::broken_off()))
}

fn set_up(writer: &Connection) -> rusqlite::Result<()> {
    writer.set_prepared_statement_cache_capacity(PREPARED);
    writer.busy_timeout(BUSY_TIMEOUT)?;
    for (name, value) in [
        ("journal_mode", "WAL"),
        ("synchronous", "FULL"),
        ("cache_size", "-2000"),
        ("trusted_schema", "OFF"),
        // What is removed is overwritten, not only forgotten.
        ("secure_delete", "ON"),
    ] {
        writer.pragma_update(None, name, value)?;
    }
    writer.pragma_update(None, "wal_autocheckpoint", LONGEST_LOG)
}

/// Brings the tables up to date, once, whoever else opens the file at the same time.
fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let cannot = |error| match unavailable(error) {
        StoreError::Unavailable(what) => {
            StoreError::Unavailable(format!("its tables cannot be made: {what}"))
        }
        other => other,
    };
    let transaction = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .map_err(cannot)?;
    let made: u32 = transaction
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(cannot)?;
    let Some(missing) = MIGRATIONS.get(made as usize..) else {
        return Err(StoreError::Unavailable(format!(
            "its file is of a later version of daybrief (form {made}, this one knows {}): run that version",
            MIGRATIONS.len()
        )));
    };
    if missing.is_empty() {
        return Ok(());
    }
    let mut version = made;
    for migration in missing {
        transaction.execute_batch(migration).map_err(cannot)?;
        version += 1;
    }
    transaction
        .pragma_update(None, "user_version", version)
        .and_then(|()| transaction.commit())
        .map_err(cannot)
}

fn unavailable(error: rusqlite::Error) -> StoreError {
    let what = error.to_string();
    let fault = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Fault::Full,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Fault::Locked,
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Fault::ReadOnly,
        _ => return StoreError::Unavailable(what),
    };
    StoreError::Faulty { fault, what }
}

fn document(row: &Row<'_>) -> rusqlite::Result<Document> {
    Ok(Document {
        key: row.get("key")?,
        version: row.get("version")?,
        body: row.get("body")?,
        order: row.get("ord")?,
        fence: row.get("fence")?,
    })
}

fn documents(
    mut statement: CachedStatement<'_>,
    values: impl rusqlite::Params,
) -> rusqlite::Result<Vec<Document>> {
    statement.query_map(values, document)?.collect()
}

/// Makes these writes one by one up to the first that does not fit; how many were made.
fn write_each(connection: &Connection, writes: &[Write]) -> rusqlite::Result<usize> {
    for (made, write) in writes.iter().enumerate() {
        let (c, key, content) = (write.collection, write.key.as_str(), &write.content);
        let changed = match write.fits {
            Fits::Fresh => insert(connection, INSERT, c, key, content)?,
            Fits::Version(version) => replace(connection, c, key, version, content)?,
            Fits::Always => insert(connection, PUT, c, key, content)?,
            Fits::Same => usize::from(is_same(connection, c, key, content)?),
        };
        if changed == 0 {
            return Ok(made);
        }
    }
    Ok(writes.len())
}

const INSERT: &str = "INSERT INTO documents (collection, key, version, body, grp, ord, due, expires) \
                      VALUES (?, ?, 1, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";

const PUT: &str = "INSERT INTO documents (collection, key, version, body, grp, ord, due, expires) \
                   VALUES (?, ?, 1, ?, ?, ?, ?, ?) ON CONFLICT (collection, key) DO UPDATE SET version = version + 1, \
                   body = excluded.body, grp = excluded.grp, ord = excluded.ord, due = excluded.due, \
                   expires = excluded.expires";

/// Inserts a document by one of the statements above; how many rows that changed.
fn insert(
    connection: &Connection,
    sql: &'static str,
    c: Collection,
    key: &str,
    content: &Content,
) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(params![
        c.name(),
        key,
        content.body,
        content.group,
        content.order,
        content.due,
        content.expires,
    ])
}

/// Is this the document's body?
fn is_same(
    connection: &Connection,
    c: Collection,
    key: &str,
    content: &Content,
) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM documents WHERE collection = ? AND key = ? AND body = ?")?
        .exists(params![c.name(), key, content.body])
}

/// Replaces one version of a document; how many rows that changed.
fn replace(
    connection: &Connection,
    c: Collection,
    key: &str,
    version: i64,
    content: &Content,
) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "UPDATE documents SET version = version + 1, body = ?, grp = ?, ord = ?, due = ?, expires = ? \
             WHERE collection = ? AND key = ? AND version = ?",
        )?
        .execute(params![
            content.body,
            content.group,
            content.order,
            content.due,
            content.expires,
            c.name(),
            key,
            version,
        ])
}

#[async_trait]
impl Driver for Sqlite {
    async fn is_there(&self) -> Result<(), StoreError> {
        let Some((path, was)) = &self.file else {
            return Ok(());
        };
        match identity(path) {
            Ok(is) if is == *was => Ok(()),
            Ok(_) => Err(StoreError::Faulty {
                fault: Fault::Gone,
                what: format!(
                    "{} is another file than the one that was opened: start the daemon again",
                    path.display()
                ),
            }),
            Err(error) => Err(StoreError::Faulty {
                fault: Fault::Gone,
                what: format!("{}: {error}", path.display()),
            }),
        }
    }

    async fn insert(
        &self,
        c: Collection,
        key: &str,
        content: &Content,
    ) -> Result<bool, StoreError> {
        let (key, content) = (key.to_owned(), content.clone());
        self.changes(move |connection| insert(connection, INSERT, c, &key, &content))
            .await
    }

    async fn write_all(&self, writes: &[Write]) -> Result<usize, StoreError> {
        let writes = writes.to_vec();
        self.writer
            .run(move |connection| write_each(connection, &writes))
            .await
    }

    async fn get(&self, c: Collection, key: &str) -> Result<Option<Document>, StoreError> {
        let key = key.to_owned();
        self.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT key, version, body, ord, fence FROM documents WHERE collection = ? AND key = ?",
                )?
                .query_row(params![c.name(), key], document)
                .optional()
        })
        .await
    }

    async fn get_all(&self, c: Collection, keys: &[&str]) -> Result<Vec<Document>, StoreError> {
        let keys = serde_json::json!(keys).to_string();
        self.read(move |connection| {
            let statement = connection.prepare_cached(
                "SELECT key, version, body, ord, fence FROM documents \
                 WHERE collection = ? AND key IN (SELECT value FROM json_each(?))",
            )?;
            documents(statement, params![c.name(), keys])
        })
        .await
    }

    async fn list(
        &self,
        c: Collection,
        group: &str,
        range: Range,
    ) -> Result<Vec<Document>, StoreError> {
        let sql = if range.newest_first {
            "SELECT key, version, body, ord, fence FROM documents \
             WHERE collection = ? AND grp = ? AND ord BETWEEN ? AND ? ORDER BY ord DESC, key DESC LIMIT ?"
        } else {
            "SELECT key, version, body, ord, fence FROM documents \
             WHERE collection = ? AND grp = ? AND ord BETWEEN ? AND ? ORDER BY ord, key LIMIT ?"
        };
        let group = group.to_owned();
        self.read(move |connection| {
            let values = params![c.name(), group, range.from, range.to, range.limit];
            documents(connection.prepare_cached(sql)?, values)
        })
        .await
    }

    async fn replace(
        &self,
        c: Collection,
        key: &str,
        version: i64,
        content: &Content,
    ) -> Result<bool, StoreError> {
        let (key, content) = (key.to_owned(), content.clone());
        self.changes(move |connection| replace(connection, c, &key, version, &content))
            .await
    }

    async fn delete(&self, c: Collection, key: &str) -> Result<bool, StoreError> {
        let key = key.to_owned();
        self.changes(move |connection| {
            connection
                .prepare_cached("DELETE FROM documents WHERE collection = ? AND key = ?")?
                .execute(params![c.name(), key])
        })
        .await
    }

    async fn claim(
        &self,
        c: Collection,
        now: i64,
        until: i64,
        limit: u32,
    ) -> Result<Vec<Document>, StoreError> {
        // Asked first without the write lock: a tick mostly finds nothing.
        let any = self
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT 1 FROM documents WHERE collection = ? AND due <= ? \
                         AND (lease_until IS NULL OR lease_until <= ?) LIMIT 1",
                    )?
                    .exists(params![c.name(), now, now])
            })
            .await?;
        if !any {
            return Ok(Vec::new());
        }
        let mut claimed = self
            .writer
            .run(move |connection| {
                let statement = connection.prepare_cached(
                    "UPDATE documents SET lease_until = ?, fence = fence + 1 WHERE collection = ? AND key IN \
                     (SELECT key FROM documents WHERE collection = ? AND due <= ? AND (lease_until IS NULL OR lease_until <= ?) \
                      ORDER BY due, key LIMIT ?) RETURNING key, version, body, ord, fence",
                )?;
                documents(statement, params![until, c.name(), c.name(), now, now, limit])
            })
            .await?;
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
        let (key, content) = (key.to_owned(), content.clone());
        self.changes(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE documents SET version = version + 1, body = ?, grp = ?, ord = ?, due = ?, expires = ?, lease_until = ? \
                     WHERE collection = ? AND key = ? AND fence = ?",
                )?
                .execute(params![
                    content.body,
                    content.group,
                    content.order,
                    content.due,
                    content.expires,
                    until,
                    c.name(),
                    key,
                    fence,
                ])
        })
        .await
    }

    async fn extend(
        &self,
        c: Collection,
        key: &str,
        fence: i64,
        until: i64,
    ) -> Result<bool, StoreError> {
        let key = key.to_owned();
        self.changes(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE documents SET lease_until = ? WHERE collection = ? AND key = ? AND fence = ?",
                )?
                .execute(params![until, c.name(), key, fence])
        })
        .await
    }

    async fn expire(&self, now: i64) -> Result<u64, StoreError> {
        self.writer
            .run(move |connection| {
                connection
                    .prepare_cached("DELETE FROM documents WHERE expires <= ?")?
                    .execute([now])
            })
            .await
            .map(|removed| removed as u64)
    }

    async fn delete_up_to(&self, c: Collection, group: &str, to: i64) -> Result<u64, StoreError> {
        let group = group.to_owned();
        self.writer
            .run(move |connection| {
                connection
                    .prepare_cached(
                        "DELETE FROM documents WHERE collection = ? AND grp = ? AND ord <= ?",
                    )?
                    .execute(params![c.name(), group, to])
            })
            .await
            .map(|removed| removed as u64)
    }

    async fn scan(
        &self,
        c: Collection,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Document>, StoreError> {
        // No key is empty.
        let after = after.unwrap_or_default().to_owned();
        self.read(move |connection| {
            let statement = connection.prepare_cached(
                "SELECT key, version, body, ord, fence FROM documents \
                 WHERE collection = ? AND key > ? ORDER BY key LIMIT ?",
            )?;
            documents(statement, params![c.name(), after, limit])
        })
        .await
    }

    async fn replace_body(
        &self,
        c: Collection,
        key: &str,
        version: i64,
        body: &str,
    ) -> Result<bool, StoreError> {
        let (key, body) = (key.to_owned(), body.to_owned());
        self.changes(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE documents SET version = version + 1, body = ? WHERE collection = ? AND key = ? AND version = ?",
                )?
                .execute(params![body, c.name(), key, version])
        })
        .await
    }

    /// VACUUM writes the file anew from what is there; the log is then copied and cut to nothing. `secure_delete` has
    /// kept what was freed in between from lying about (<https://www.sqlite.org/pragma.html#pragma_secure_delete>).
    async fn scrub(&self) -> Result<bool, StoreError> {
        self.writer
            .run_alone(|connection| connection.execute_batch("VACUUM"))
            .await?;
        for _ in 0..MOST_CHECKPOINTS {
            // 1 where a reader still looks at an older state.
            let is_busy = self
                .writer
                .run_alone(|connection| {
                    let cut = "PRAGMA wal_checkpoint(TRUNCATE)";
                    connection.query_row(cut, [], |row| row.get::<_, i64>(0))
                })
                .await?;
            if is_busy == 0 {
                return Ok(true);
            }
            tokio::time::sleep(CHECKPOINT_AGAIN).await;
        }
        Err(StoreError::Unavailable(
            "another process reads an older state, so what was removed still lies in its log"
                .to_owned(),
        ))
    }
}
