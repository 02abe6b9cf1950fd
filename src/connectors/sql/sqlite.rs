//! SQLite: a file that is opened to read. Each call runs on a thread of its own, which ends its work at its time.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::{
    Connection, ErrorCode, OpenFlags,
    config::DbConfig,
    hooks::{AuthAction, AuthContext, Authorization},
    limits::Limit,
    types::{ToSqlOutput, ValueRef},
};

use super::{
    Limits, SqlError,
    cells::{BYTES, Cell, Rows},
    queries::{Bound, ParameterKind},
    sessions::Sessions,
};
use crate::sql::{ReadOnly, Table};

/// Steps of SQLite's machine between two looks at the clock: well under a millisecond.
const STEPS_BETWEEN_LOOKS: i32 = 1_000;

/// The largest text or row that SQLite makes, in bytes.
const MAX_ROW_BYTES: i32 = 64 * 1024 * 1024;

/// How long it waits for somebody who writes.
const MAX_WAIT_FOR_LOCK: Duration = Duration::from_secs(5);

/// A SQLite file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sqlite {
    path: PathBuf,
    sessions: Sessions<Session>,
}

/// A table that a statement reads, and the view or the part of the statement that reads it.
type Reading = (String, Option<String>);

/// A session that may only read, and what the statement that it last prepared reads.
#[derive(Debug)]
struct Session {
    connection: Connection,
    /// Names of SQLite's own tables, which no file holds.
    modules: BTreeSet<String>,
    readings: Arc<Mutex<BTreeSet<Reading>>>,
}

/// Ends the work of a call that nobody waits for any more.
struct Ends(Arc<AtomicBool>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Sqlite {
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            sessions: Sessions::default(),
        }
    }

    pub async fn rows(
        &self,
        statement: &ReadOnly,
        values: Vec<Bound>,
        limits: &Limits,
    ) -> Result<Rows, SqlError> {
        let sql = statement.sql(Some(limits.max_rows.saturating_add(1)), &|_| "text")?;
        let own = statement
            .tables()
            .into_iter()
            .filter_map(own_name)
            .collect();
        let permit = self.sessions.permit(limits.longest()).await?;
        let ended = Arc::new(AtomicBool::new(false));
        let _ends = Ends(ended.clone());
        let (this, limits) = (self.clone(), *limits);
        let work = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            this.work(&sql, &own, &values, &limits, ended)
        });
        match tokio::time::timeout(limits.longest(), work).await {
            Ok(Ok(rows)) => rows,
            Ok(Err(_)) => Err(SqlError::Database("the answer cannot be read".to_owned())),
            Err(_) => Err(SqlError::Timeout(limits.timeout.as_secs())),
        }
    }

    /// Runs what no check has seen, in a session as it is for all.
    #[cfg(test)]
    pub fn unparsed(&self, sql: &str, limits: &Limits) -> Result<(), String> {
        let session = open(&self.path, limits).map_err(|error| error.to_string())?;
        session
            .connection
            .execute_batch(sql)
            .map_err(|error| error.to_string())
    }

    fn work(
        &self,
        sql: &str,
        own: &BTreeSet<String>,
        values: &[Bound],
        limits: &Limits,
        ended: Arc<AtomicBool>,
    ) -> Result<Rows, SqlError> {
        let told = |error| told(error, limits);
        let until = Instant::now() + limits.timeout;
        let session = match self.sessions.take() {
            Some(session) => session,
            None => open(&self.path, limits).map_err(told)?,
        };
        session
            .connection
            .progress_handler(
                STEPS_BETWEEN_LOOKS,
                Some(move || ended.load(Ordering::Relaxed) || Instant::now() >= until),
            )
            .map_err(told)?;
        let rows = read(&session, sql, own, values, limits)?;
        session
            .connection
            .progress_handler(0, None::<fn() -> bool>)
            .map_err(told)?;
        self.sessions.keep(session);
        Ok(rows)
    }
}

/// A session that may only read.
fn open(path: &Path, limits: &Limits) -> rusqlite::Result<Session> {
    let connection = if path == Path::new(":memory:") {
        Connection::open_in_memory()?
    } else {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(path, flags)?
    };
    connection.busy_timeout(limits.timeout.min(MAX_WAIT_FOR_LOCK))?;
    connection.pragma_update(None, "query_only", "ON")?;
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // A name that is no column is an error, never a text.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_ROW_BYTES)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    let modules = connection
        .prepare("SELECT lower(name) FROM pragma_module_list")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let readings = Arc::<Mutex<BTreeSet<Reading>>>::default();
    let kept = readings.clone();
    connection.authorizer(Some(move |context: AuthContext<'_>| {
        only_reading(&context, &kept)
    }))?;
    Ok(Session {
        connection,
        modules,
        readings,
    })
}

/// A name that a statement may define itself.
fn own_name(table: Table) -> Option<String> {
    let own = table.may_be_own.then_some(table.parts)?;
    own.last().map(|name| name.to_lowercase())
}

/// Lets through what reads rows, and nothing else that a statement can do; keeps which tables are read.
fn only_reading(context: &AuthContext<'_>, readings: &Mutex<BTreeSet<Reading>>) -> Authorization {
    match context.action {
        AuthAction::Read { table_name, .. } => {
            let mut readings = readings.lock().unwrap_or_else(PoisonError::into_inner);
            readings.insert((table_name.to_owned(), context.accessor.map(str::to_owned)));
            Authorization::Allow
        }
        AuthAction::Select | AuthAction::Function { .. } | AuthAction::Recursive => {
            Authorization::Allow
        }
        _ => Authorization::Deny,
    }
}

impl Session {
    fn readings(&self) -> BTreeSet<Reading> {
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *readings)
    }

    /// Checks that each table is one of the file's or of the statement's own, or is read by a view of the file: SQLite has
    /// others under plain names.
    fn check_tables(&self, own: &BTreeSet<String>, limits: &Limits) -> Result<(), SqlError> {
        let told = |error| told(error, limits);
        for (table, by) in self.readings() {
            let name = table.to_lowercase();
            if own.contains(&name) && !self.modules.contains(&name) {
                continue;
            }
            let by_a_view = match by {
                Some(by) => self.has(&by, &["view"]).map_err(told)?,
                None => false,
            };
            if !by_a_view && !self.has(&table, &["table", "view"]).map_err(told)? {
                return Err(SqlError::Database(format!("no such table: {table}")));
            }
        }
        Ok(())
    }

    /// Does the file have something of this name and one of these kinds?
    fn has(&self, name: &str, kinds: &[&str]) -> rusqlite::Result<bool> {
        let mut query = self
            .connection
            .prepare_cached("SELECT type FROM main.sqlite_schema WHERE name = ?1 COLLATE NOCASE")?;
        let mut rows = query.query([name])?;
        while let Some(row) = rows.next()? {
            let kind: String = row.get(0)?;
            if kinds.contains(&kind.as_str()) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn read(
    session: &Session,
    sql: &str,
    own: &BTreeSet<String>,
    values: &[Bound],
    limits: &Limits,
) -> Result<Rows, SqlError> {
    let told = |error| told(error, limits);
    drop(session.readings());
    let mut statement = session.connection.prepare(sql).map_err(told)?;
    session.check_tables(own, limits)?;
    let columns: Vec<String> = statement
        .column_names()
        .into_iter()
        .map(str::to_owned)
        .collect();
    let count = columns.len();
    let mut rows = Rows::new(columns, limits)?;
    let values = values.iter().map(value);
    let mut found = statement
        .query(rusqlite::params_from_iter(values))
        .map_err(told)?;
    while let Some(row) = found.next().map_err(told)? {
        let cells: Result<Vec<Cell>, rusqlite::Error> =
            (0..count).map(|at| row.get_ref(at).map(cell)).collect();
        if !rows.push(cells.map_err(told)?)? {
            break;
        }
    }
    Ok(rows)
}

/// A parameter as SQLite compares it: a number as a number.
fn value(bound: &Bound) -> ToSqlOutput<'_> {
    let text = bound.text.as_str();
    match bound.kind {
        ParameterKind::Number => match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(whole), _) => ToSqlOutput::from(whole),
            (_, Ok(number)) => ToSqlOutput::from(number),
            _ => ToSqlOutput::from(text),
        },
        ParameterKind::Text | ParameterKind::Date => ToSqlOutput::from(text),
    }
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Is(serde_json::Value::Null),
        ValueRef::Integer(number) => Cell::Is(number.into()),
        ValueRef::Real(number) => Cell::float(number),
        ValueRef::Text(bytes) => Cell::text(bytes),
        ValueRef::Blob(_) => BYTES,
    }
}

/// What may be told of an error: SQLite's own words name tables and columns, never what stands in them.
fn told(error: rusqlite::Error, limits: &Limits) -> SqlError {
    match error {
        rusqlite::Error::SqliteFailure(error, _) if error.code == ErrorCode::CannotOpen => {
            SqlError::NoFile
        }
        rusqlite::Error::SqliteFailure(error, _) if error.code == ErrorCode::NotADatabase => {
            SqlError::NoSqlite
        }
        rusqlite::Error::SqliteFailure(error, _)
            if error.code == ErrorCode::OperationInterrupted =>
        {
            SqlError::Timeout(limits.timeout.as_secs())
        }
        rusqlite::Error::SqliteFailure(error, words) => {
            SqlError::Database(words.unwrap_or_else(|| error.to_string()))
        }
        rusqlite::Error::SqlInputError { msg, .. } => SqlError::Database(msg),
        _ => SqlError::Database("the answer cannot be read".to_owned()),
    }
}
