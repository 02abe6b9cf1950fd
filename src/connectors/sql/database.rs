//! The three databases behind one call: rows as JSON objects. Each session has the right to read only.

use std::{path::Path, str::FromStr};

use futures_util::{StreamExt, stream::BoxStream};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use sqlx::{
    AssertSqlSafe, Column, Executor, MySqlPool, PgPool, SqlSafeStr, SqlitePool,
    mysql::MySqlPoolOptions,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

use super::{
    Limits, SqlError,
    queries::{Parameter, ParameterKind},
};
use crate::sql::{Dialect, ReadOnly};

/// SQLite's code of a file that cannot be opened (SQLITE_CANTOPEN).
const CANNOT_OPEN: &str = "14";
/// Codes of a statement that names what the database does not have: SQLITE_ERROR, and the SQLSTATEs of PostgreSQL and MySQL.
const NOT_THERE: [&str; 6] = ["1", "42703", "42P01", "42883", "42S22", "42S02"];
/// Sessions at once.
const SESSIONS: u32 = 4;

/// A pool of sessions that may only read.
#[derive(Debug, Clone)]
pub enum Database {
    Sqlite(SqlitePool),
    Postgres(PgPool),
    Mysql(MySqlPool),
}

/// The rows of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    pub rows: Vec<Map<String, Value>>,
    /// There were more than the limit.
    pub truncated: bool,
}

impl Database {
    /// The kind of database that an address names.
    pub fn kind_of(address: &str) -> Dialect {
        match address.split_once("://").map(|(scheme, _)| scheme) {
            Some("postgres" | "postgresql") => Dialect::Postgres,
            Some("mysql" | "mariadb") => Dialect::Mysql,
            _ => Dialect::Sqlite,
        }
    }

    /// The file of a SQLite address; none where it lies in memory or the database is another.
    pub fn file_of(address: &str) -> Option<&Path> {
        let path = address.strip_prefix("sqlite:").unwrap_or(address);
        (Self::kind_of(address) == Dialect::Sqlite && !path.starts_with(":memory:"))
            .then(|| Path::new(path))
    }

    /// A pool over an address. Connects with the first call.
    pub fn open(address: &SecretString, limits: &Limits) -> Result<Self, SqlError> {
        let address = address.expose_secret();
        let seconds = limits.timeout.as_secs().max(1);
        let bad = |_| SqlError::Refused("the address cannot be read".to_owned());
        Ok(match Self::kind_of(address) {
            Dialect::Sqlite => {
                let path = address.strip_prefix("sqlite:").unwrap_or(address);
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .read_only(true)
                    .create_if_missing(false)
                    .pragma("query_only", "ON")
                    .pragma("trusted_schema", "OFF");
                Self::Sqlite(
                    SqlitePoolOptions::new()
                        .max_connections(SESSIONS)
                        .connect_lazy_with(options),
                )
            }
            Dialect::Postgres => {
                let options = PgConnectOptions::from_str(address).map_err(bad)?.options([
                    ("default_transaction_read_only", "on".to_owned()),
                    ("statement_timeout", format!("{seconds}s")),
                    ("idle_in_transaction_session_timeout", format!("{seconds}s")),
                ]);
                Self::Postgres(
                    PgPoolOptions::new()
                        .max_connections(SESSIONS)
                        .connect_lazy_with(options),
                )
            }
            Dialect::Mysql => {
                let address = address.replacen("mariadb://", "mysql://", 1);
                let pool = MySqlPoolOptions::new()
                    .max_connections(SESSIONS)
                    .after_connect(move |session, _| {
                        Box::pin(async move {
                            session.execute("SET SESSION TRANSACTION READ ONLY").await?;
                            // MariaDB and MySQL name their time limit differently; one of the two is known.
                            let maria = format!("SET SESSION max_statement_time = {seconds}");
                            if session.execute(AssertSqlSafe(maria)).await.is_err() {
                                let mysql =
                                    format!("SET SESSION max_execution_time = {}", seconds * 1000);
                                session.execute(AssertSqlSafe(mysql)).await?;
                            }
                            Ok(())
                        })
                    });
                Self::Mysql(pool.connect_lazy(&address).map_err(bad)?)
            }
        })
    }

    /// The database's kind.
    pub fn kind(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
            Self::Mysql(_) => Dialect::Mysql,
        }
    }

    /// Runs a statement within the limits.
    pub async fn rows(
        &self,
        statement: &ReadOnly,
        parameters: &[Parameter],
        values: &[String],
        limits: &Limits,
    ) -> Result<Rows, SqlError> {
        let type_of = |name: &str| {
            parameters
                .iter()
                .find(|parameter| parameter.name == name)
                .map_or(ParameterKind::Text, |parameter| parameter.kind)
                .sql()
        };
        let sql = statement.sql(Some(limits.max_rows.saturating_add(1)), &type_of)?;
        tokio::time::timeout(limits.timeout, self.collect(&sql, values, limits))
            .await
            .map_err(|_| SqlError::Timeout(limits.timeout.as_secs()))?
    }

    async fn collect(
        &self,
        sql: &str,
        values: &[String],
        limits: &Limits,
    ) -> Result<Rows, SqlError> {
        let wrapped = self.as_json(sql).await?;
        let mut lines = self.lines(wrapped, values);
        let (mut rows, mut bytes, mut truncated) = (Vec::new(), 0_usize, false);
        while let Some(line) = lines.next().await {
            let line = line.map_err(|error| clear(&error))?;
            bytes = bytes.saturating_add(line.len());
            if bytes > limits.max_bytes {
                return Err(SqlError::TooLarge(limits.max_bytes));
            }
            if rows.len() >= limits.max_rows as usize {
                truncated = true;
                break;
            }
            match serde_json::from_str(&line) {
                Ok(Value::Object(row)) => rows.push(row),
                _ => return Err(SqlError::Database("a row is no JSON object".to_owned())),
            }
        }
        Ok(Rows { rows, truncated })
    }

    /// The statement around which the database itself writes each row as a JSON object.
    async fn as_json(&self, sql: &str) -> Result<String, SqlError> {
        let text = || AssertSqlSafe(sql.to_owned()).into_sql_str();
        let names: Vec<String> = match self {
            Self::Postgres(_) => return Ok(format!("SELECT row_to_json(q)::text FROM ({sql}) q")),
            Self::Sqlite(pool) => {
                names_of(&pool.prepare(text()).await.map_err(|error| clear(&error))?)
            }
            Self::Mysql(pool) => {
                names_of(&pool.prepare(text()).await.map_err(|error| clear(&error))?)
            }
        };
        if names
            .iter()
            .any(|name| name.contains(['"', '`', '\'', '\\']))
        {
            return Err(SqlError::Refused(
                "name every column with `as` and plain letters".to_owned(),
            ));
        }
        let quote = if self.kind() == Dialect::Sqlite {
            '"'
        } else {
            '`'
        };
        let pairs: Vec<String> = names
            .iter()
            .map(|name| format!("'{name}', q.{quote}{name}{quote}"))
            .collect();
        Ok(format!(
            "SELECT json_object({}) FROM ({sql}) q",
            pairs.join(", ")
        ))
    }

    fn lines<'a>(
        &'a self,
        sql: String,
        values: &'a [String],
    ) -> BoxStream<'a, Result<String, sqlx::Error>> {
        macro_rules! stream {
            ($pool:expr) => {{
                let query = sqlx::query_scalar(AssertSqlSafe(sql));
                values
                    .iter()
                    .fold(query, |query, value| query.bind(value.as_str()))
                    .fetch($pool)
            }};
        }
        match self {
            Self::Sqlite(pool) => stream!(pool),
            Self::Postgres(pool) => stream!(pool),
            Self::Mysql(pool) => stream!(pool),
        }
    }
}

/// The names of a statement's columns.
fn names_of<S: sqlx::Statement>(statement: &S) -> Vec<String> {
    statement
        .columns()
        .iter()
        .map(|column| column.name().to_owned())
        .collect()
}

/// What of a database's error may be told: its code, never its text, which may hold names and values.
fn clear(error: &sqlx::Error) -> SqlError {
    match error {
        sqlx::Error::Database(error)
            if error.code().as_deref() == Some(CANNOT_OPEN)
                && error
                    .try_downcast_ref::<sqlx::sqlite::SqliteError>()
                    .is_some() =>
        {
            SqlError::NoFile
        }
        sqlx::Error::Database(error) => SqlError::Database(match error.code().as_deref() {
            None => "no code".to_owned(),
            Some(code) if NOT_THERE.contains(&code) => {
                format!("code {code}: a table, column or function that it names is not there")
            }
            Some(code) => format!("code {code}"),
        }),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed => SqlError::Unreachable,
        _ => SqlError::Database("the answer cannot be read".to_owned()),
    }
}
