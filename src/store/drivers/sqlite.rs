//! SQLite: one file, write-ahead log, every commit synced to disk (`synchronous = FULL`).

use std::{path::Path, str::FromStr, sync::Mutex, time::Duration};

use async_trait::async_trait;
use sqlx::{
    ConnectOptions, Row, SqliteConnection, SqlitePool, Transaction,
    sqlite::{
        SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
    },
};

use crate::store::{
    StoreError,
    driver::{Collection, Content, Document, Driver, Fits, Range, Write},
};

/// How long a write waits for another process's, such as a command beside the daemon.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// So often, and so long apart, the log is tried to be cut while others read.
const MOST_CHECKPOINTS: usize = 50;
const CHECKPOINT_AGAIN: Duration = Duration::from_millis(100);

/// Connections that read at once.
const READERS: u32 = 2;

/// A database file.
pub struct Sqlite {
    /// One connection: SQLite has one writer at a time anyway.
    writer: SqlitePool,
    readers: SqlitePool,
    /// A database in memory is there as long as a connection to it is: a pool closes one that does not answer at once.
    _keeps: Option<Mutex<SqliteConnection>>,
}

impl Sqlite {
    /// Opens the file, makes it where it is missing, and brings its tables up to date.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("cache_size", "-2000")
            .pragma("trusted_schema", "OFF")
            // What is removed is overwritten, not only forgotten.
            .pragma("secure_delete", "ON");
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(BUSY_TIMEOUT * 3)
            .connect_with(options.clone())
            .await
            .map_err(unavailable)?;
        migrate(&writer).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(BUSY_TIMEOUT * 3)
            .connect_lazy_with(options.read_only(true));
        Ok(Self {
            writer,
            readers,
            _keeps: None,
        })
    }

    /// A database that ends with the process.
    pub async fn in_memory() -> Result<Self, StoreError> {
        // Each such address names a database of its own within the process.
        let options = SqliteConnectOptions::from_str("sqlite::memory:").map_err(unavailable)?;
        let keeps = options.connect().await.map_err(unavailable)?;
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options)
            .await
            .map_err(unavailable)?;
        migrate(&writer).await?;
        Ok(Self {
            readers: writer.clone(),
            writer,
            _keeps: Some(Mutex::new(keeps)),
        })
    }
}

impl Sqlite {
    async fn begin(&self) -> Result<Transaction<'static, sqlx::Sqlite>, StoreError> {
        self.writer
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(unavailable)
    }
}

/// Makes these writes one by one up to the first that does not fit; how many were made.
async fn each(
    transaction: &mut Transaction<'_, sqlx::Sqlite>,
    writes: &[Write],
) -> Result<usize, StoreError> {
    for (made, write) in writes.iter().enumerate() {
        let (c, key, content) = (write.collection, write.key.as_str(), &write.content);
        let statement = match write.fits {
            Fits::Fresh => insert(INSERT, c, key, content),
            Fits::Version(version) => replace(c, key, version, content),
            Fits::Always => insert(PUT, c, key, content),
        };
        let done = statement
            .execute(&mut **transaction)
            .await
            .map_err(unavailable)?;
        if done.rows_affected() == 0 {
            return Ok(made);
        }
    }
    Ok(writes.len())
}

/// Inserts all of these by one statement: each statement takes a way to SQLite's own thread and back, which costs more
/// than the insert. False where one did not fit; what the others left is to be rolled back then.
async fn insert_together(
    transaction: &mut Transaction<'_, sqlx::Sqlite>,
    writes: &[Write],
) -> Result<bool, StoreError> {
    let rows: Vec<_> = writes
        .iter()
        .map(|write| {
            let content = &write.content;
            serde_json::json!([
                write.collection.name(),
                write.key,
                content.body,
                content.group,
                content.order,
                content.due,
                content.expires,
            ])
        })
        .collect();
    let done = sqlx::query(INSERT_TOGETHER)
        .bind(serde_json::Value::from(rows).to_string())
        .execute(&mut **transaction)
        .await
        .map_err(unavailable)?;
    Ok(done.rows_affected() == writes.len() as u64)
}

async fn migrate(pool: &SqlitePool) -> Result<(), StoreError> {
    sqlx::migrate!("src/store/drivers/migrations")
        .run(pool)
        .await
        .map_err(|error| StoreError::Unavailable(format!("its tables cannot be made: {error}")))
}

fn unavailable(error: sqlx::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

fn document(row: &SqliteRow) -> Result<Document, StoreError> {
    let read = || {
        Ok(Document {
            key: row.try_get("key")?,
            version: row.try_get("version")?,
            body: row.try_get("body")?,
            order: row.try_get("ord")?,
            fence: row.try_get("fence")?,
        })
    };
    read().map_err(unavailable)
}

const INSERT: &str = "INSERT INTO documents (collection, key, version, body, grp, ord, due, expires) \
                      VALUES (?, ?, 1, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";

const PUT: &str = "INSERT INTO documents (collection, key, version, body, grp, ord, due, expires) \
                   VALUES (?, ?, 1, ?, ?, ?, ?, ?) ON CONFLICT (collection, key) DO UPDATE SET version = version + 1, \
                   body = excluded.body, grp = excluded.grp, ord = excluded.ord, due = excluded.due, \
                   expires = excluded.expires";

const INSERT_TOGETHER: &str = "INSERT INTO documents (collection, key, version, body, grp, ord, due, expires) \
                               SELECT value ->> 0, value ->> 1, 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, \
                               value ->> 6 FROM json_each(?) WHERE true ON CONFLICT DO NOTHING";

type Statement<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

/// An insert with its values.
fn insert<'q>(
    sql: &'static str,
    c: Collection,
    key: &'q str,
    content: &'q Content,
) -> Statement<'q> {
    sqlx::query(sql)
        .bind(c.name())
        .bind(key)
        .bind(&content.body)
        .bind(&content.group)
        .bind(content.order)
        .bind(content.due)
        .bind(content.expires)
}

/// The replacement of one version with its values.
fn replace<'q>(c: Collection, key: &'q str, version: i64, content: &'q Content) -> Statement<'q> {
    sqlx::query(
        "UPDATE documents SET version = version + 1, body = ?, grp = ?, ord = ?, due = ?, expires = ? \
         WHERE collection = ? AND key = ? AND version = ?",
    )
    .bind(&content.body)
    .bind(&content.group)
    .bind(content.order)
    .bind(content.due)
    .bind(content.expires)
    .bind(c.name())
    .bind(key)
    .bind(version)
}

#[async_trait]
impl Driver for Sqlite {
    async fn insert(
        &self,
        c: Collection,
        key: &str,
        content: &Content,
    ) -> Result<bool, StoreError> {
        let done = insert(INSERT, c, key, content)
            .execute(&self.writer)
            .await
            .map_err(unavailable)?;
        Ok(done.rows_affected() == 1)
    }

    async fn write_all(&self, writes: &[Write]) -> Result<usize, StoreError> {
        let inserts = writes
            .iter()
            .take_while(|write| write.fits == Fits::Fresh)
            .count();
        let (inserts, rest) = writes.split_at(inserts);
        if inserts.len() > 1 {
            let mut transaction = self.begin().await?;
            if insert_together(&mut transaction, inserts).await? {
                let made = inserts.len() + each(&mut transaction, rest).await?;
                transaction.commit().await.map_err(unavailable)?;
                return Ok(made);
            }
            // One of them does not fit: which, shows one by one.
            transaction.rollback().await.map_err(unavailable)?;
        }
        let mut transaction = self.begin().await?;
        let made = each(&mut transaction, writes).await?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(made)
    }

    async fn get(&self, c: Collection, key: &str) -> Result<Option<Document>, StoreError> {
        sqlx::query(
            "SELECT key, version, body, ord, fence FROM documents WHERE collection = ? AND key = ?",
        )
        .bind(c.name())
        .bind(key)
        .fetch_optional(&self.readers)
        .await
        .map_err(unavailable)?
        .as_ref()
        .map(document)
        .transpose()
    }

    async fn get_all(&self, c: Collection, keys: &[&str]) -> Result<Vec<Document>, StoreError> {
        sqlx::query(
            "SELECT key, version, body, ord, fence FROM documents \
             WHERE collection = ? AND key IN (SELECT value FROM json_each(?))",
        )
        .bind(c.name())
        .bind(serde_json::json!(keys).to_string())
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable)?
        .iter()
        .map(document)
        .collect()
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
        sqlx::query(sql)
            .bind(c.name())
            .bind(group)
            .bind(range.from)
            .bind(range.to)
            .bind(range.limit)
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable)?
            .iter()
            .map(document)
            .collect()
    }

    async fn replace(
        &self,
        c: Collection,
        key: &str,
        version: i64,
        content: &Content,
    ) -> Result<bool, StoreError> {
        let done = replace(c, key, version, content)
            .execute(&self.writer)
            .await
            .map_err(unavailable)?;
        Ok(done.rows_affected() == 1)
    }

    async fn delete(&self, c: Collection, key: &str) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM documents WHERE collection = ? AND key = ?")
            .bind(c.name())
            .bind(key)
            .execute(&self.writer)
            .await
            .map_err(unavailable)?;
        Ok(done.rows_affected() == 1)
    }

    async fn claim(
        &self,
        c: Collection,
        now: i64,
        until: i64,
        limit: u32,
    ) -> Result<Vec<Document>, StoreError> {
        // Asked first without the write lock: a tick mostly finds nothing, and a writer would sync the disk for it.
        let any = sqlx::query(
            "SELECT 1 FROM documents WHERE collection = ? AND due <= ? AND (lease_until IS NULL OR lease_until <= ?) LIMIT 1",
        )
        .bind(c.name())
        .bind(now)
        .bind(now)
        .fetch_optional(&self.readers)
        .await
        .map_err(unavailable)?;
        if any.is_none() {
            return Ok(Vec::new());
        }
        let mut claimed: Vec<Document> = sqlx::query(
            "UPDATE documents SET lease_until = ?, fence = fence + 1 WHERE collection = ? AND key IN \
             (SELECT key FROM documents WHERE collection = ? AND due <= ? AND (lease_until IS NULL OR lease_until <= ?) \
              ORDER BY due, key LIMIT ?) RETURNING key, version, body, ord, fence",
        )
        .bind(until)
        .bind(c.name())
        .bind(c.name())
        .bind(now)
        .bind(now)
        .bind(limit)
        .fetch_all(&self.writer)
        .await
        .map_err(unavailable)?
        .iter()
        .map(document)
        .collect::<Result<_, _>>()?;
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
        let done = sqlx::query(
            "UPDATE documents SET version = version + 1, body = ?, grp = ?, ord = ?, due = ?, expires = ?, lease_until = ? \
             WHERE collection = ? AND key = ? AND fence = ?",
        )
        .bind(&content.body)
        .bind(&content.group)
        .bind(content.order)
        .bind(content.due)
        .bind(content.expires)
        .bind(until)
        .bind(c.name())
        .bind(key)
        .bind(fence)
        .execute(&self.writer)
        .await
        .map_err(unavailable)?;
        Ok(done.rows_affected() == 1)
    }

    async fn extend(
        &self,
        c: Collection,
        key: &str,
        fence: i64,
        until: i64,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE documents SET lease_until = ? WHERE collection = ? AND key = ? AND fence = ?",
        )
        .bind(until)
        .bind(c.name())
        .bind(key)
        .bind(fence)
        .execute(&self.writer)
        .await
        .map_err(unavailable)?;
        Ok(done.rows_affected() == 1)
    }

    async fn expire(&self, now: i64) -> Result<u64, StoreError> {
        let done = sqlx::query("DELETE FROM documents WHERE expires <= ?")
            .bind(now)
            .execute(&self.writer)
            .await
            .map_err(unavailable)?;
        Ok(done.rows_affected())
    }

    async fn delete_up_to(&self, c: Collection, group: &str, to: i64) -> Result<u64, StoreError> {
        let done =
            sqlx::query("DELETE FROM documents WHERE collection = ? AND grp = ? AND ord <= ?")
                .bind(c.name())
                .bind(group)
                .bind(to)
                .execute(&self.writer)
                .await
                .map_err(unavailable)?;
        Ok(done.rows_affected())
    }

    async fn scan(
        &self,
        c: Collection,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Document>, StoreError> {
        sqlx::query(
            "SELECT key, version, body, ord, fence FROM documents \
             WHERE collection = ? AND key > ? ORDER BY key LIMIT ?",
        )
        .bind(c.name())
        // No key is empty.
        .bind(after.unwrap_or_default())
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable)?
        .iter()
        .map(document)
        .collect()
    }

    async fn replace_body(
        &self,
        c: Collection,
        key: &str,
        version: i64,
        body: &str,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE documents SET version = version + 1, body = ? WHERE collection = ? AND key = ? AND version = ?",
        )
        .bind(body)
        .bind(c.name())
        .bind(key)
        .bind(version)
        .execute(&self.writer)
        .await
        .map_err(unavailable)?;
        Ok(done.rows_affected() == 1)
    }

    /// VACUUM writes the file anew from what is there; the log is then copied and cut to nothing. `secure_delete` has
    /// kept what was freed in between from lying about (<https://www.sqlite.org/pragma.html#pragma_secure_delete>).
    async fn scrub(&self) -> Result<bool, StoreError> {
        sqlx::query("VACUUM")
            .execute(&self.writer)
            .await
            .map_err(unavailable)?;
        for _ in 0..MOST_CHECKPOINTS {
            let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
                .fetch_one(&self.writer)
                .await
                .map_err(unavailable)?;
            // 1 where a reader still looks at an older state.
            if row.try_get::<i64, _>(0).map_err(unavailable)? == 0 {
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
