//! PostgreSQL, also behind a pooler: nothing is asked of a session that a pooler could drop or pass on to somebody else.
//! Each call is one transaction that is read only by itself, with its own time limit; no statement has a name.
//!
//! The database is first asked for the columns of the statement, then for each cell as a text of its own.

use std::{collections::BTreeMap, fmt::Write, str::FromStr};

use futures_util::StreamExt;
use sqlx::{
    AssertSqlSafe, Column, Connection, Executor, PgConnection, Row, TypeInfo, ValueRef,
    postgres::{PgConnectOptions, PgRow},
};

use super::{
    Limits, SqlError,
    cells::{BYTES, Cell, NOT_A_NUMBER, Rows},
    queries::Bound,
    sessions::Sessions,
    zone::SessionZone,
};
use crate::sql::{ReadOnly, Table};

/// A PostgreSQL server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Postgres {
    options: PgConnectOptions,
    pub(super) zone: Option<SessionZone>,
    sessions: Sessions<PgConnection>,
}

/// A column as the database tells it.
struct Told {
    name: String,
    kind: Kind,
}

/// How a column's cells are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Boolean,
    Number,
    Text,
    Day,
    Bytes,
    Json,
    /// Written as JSON by the database: lists, rows, and types of somebody's own.
    AsJson,
    /// A list of numbers, as JSON.
    Numbers,
}

impl Postgres {
    pub fn new(address: &str, zone: Option<SessionZone>) -> Result<Self, SqlError> {
        let options = PgConnectOptions::from_str(address)
            .map_err(|_| SqlError::Refused("the address cannot be read".to_owned()))?
            // A pooler refuses settings that it does not know, and mixes up statements that have names.
            .extra_float_digits(None)
            .statement_cache_capacity(0);
        Ok(Self {
            options,
            zone,
            sessions: Sessions::default(),
        })
    }

    pub async fn rows(
        &self,
        statement: &ReadOnly,
        values: Vec<Bound>,
        limits: &Limits,
    ) -> Result<Rows, SqlError> {
        let _permit = self.sessions.permit(limits.longest()).await?;
        let mut session = self.begin(limits).await?;
        let work = read(&mut session, statement, &values, limits);
        let (found, ended) = tokio::time::timeout(limits.longest(), work)
            .await
            .map_err(|_| SqlError::Timeout(limits.timeout.as_secs()))?;
        // A session that still has rows to tell, or is not in order, is closed.
        if ended && session.execute("ROLLBACK").await.is_ok() {
            self.sessions.keep(session);
        }
        found
    }

    /// Runs what no check has seen, in a session as it is for all.
    #[cfg(test)]
    pub async fn unparsed(&self, sql: &'static str, limits: &Limits) -> Result<(), String> {
        let mut session = self
            .begin(limits)
            .await
            .map_err(|error| error.to_string())?;
        let done = session.execute(sql).await;
        done.map(|_| ()).map_err(|error| error.to_string())
    }

    /// A session in a transaction that may only read.
    async fn begin(&self, limits: &Limits) -> Result<PgConnection, SqlError> {
        if let Some(mut session) = self.sessions.take()
            && session.execute(self.beginning(limits)).await.is_ok()
        {
            return Ok(session);
        }
        let connecting = async {
            let mut session = PgConnection::connect_with(&self.options).await?;
            session.execute(self.beginning(limits)).await?;
            Ok(session)
        };
        tokio::time::timeout(limits.timeout, connecting)
            .await
            .map_err(|_| SqlError::no_answer())?
            .map_err(|error| told(&error, limits))
    }

    fn beginning(&self, limits: &Limits) -> sqlx::RawSql {
        let milliseconds = limits.timeout.as_millis().max(1);
        let zone = match &self.zone {
            Some(zone) => format!("SET LOCAL TIME ZONE '{zone}'; "),
            None => String::new(),
        };
        sqlx::raw_sql(AssertSqlSafe(format!(
            "BEGIN READ ONLY; SET LOCAL statement_timeout = {milliseconds}; \
             SET LOCAL idle_in_transaction_session_timeout = {milliseconds}; {zone}\
             SET LOCAL extra_float_digits = 3; SET LOCAL datestyle = 'ISO, MDY'; \
             SET LOCAL intervalstyle = 'postgres'; SET LOCAL bytea_output = 'hex'"
        )))
    }
}

/// The rows, and whether the session has nothing more to tell.
async fn read(
    session: &mut PgConnection,
    statement: &ReadOnly,
    values: &[Bound],
    limits: &Limits,
) -> (Result<Rows, SqlError>, bool) {
    let told = |error: sqlx::Error| told(&error, limits);
    let columns = async {
        check_columns(session, statement, limits).await?;
        columns(session, statement, values, limits).await
    };
    let columns = match columns.await {
        Ok(columns) => columns,
        Err(error) => return (Err(error), true),
    };
    let names = columns.iter().map(|column| column.name.clone()).collect();
    let sql = match statement.sql(None, &|name| kind_of(statement, values, name)) {
        Ok(sql) => sql,
        Err(refused) => return (Err(refused.into()), true),
    };
    let mut rows = match Rows::new(names, limits) {
        Ok(rows) => rows,
        Err(error) => return (Err(error), true),
    };
    let query = sqlx::query(AssertSqlSafe(as_texts(&sql, &columns, limits))).persistent(false);
    let query = values
        .iter()
        .fold(query, |query, value| query.bind(value.text.as_str()));
    let mut found = query.fetch(session);
    while let Some(row) = found.next().await {
        let row = match row {
            Ok(row) => row,
            Err(error) => return (Err(told(error)), true),
        };
        let cells = columns
            .iter()
            .enumerate()
            .map(|(at, column)| cell(&row, at, column.kind));
        match rows.push(cells) {
            Ok(true) => {}
            // At most one row more than is wanted is on its way.
            Ok(false) => return (Ok(rows), false),
            Err(error) => return (Err(error), false),
        }
    }
    (Ok(rows), true)
}

fn kind_of(statement: &ReadOnly, values: &[Bound], name: &str) -> &'static str {
    let at = statement.parameters.iter().position(|known| known == name);
    at.and_then(|at| values.get(at))
        .map_or("text", |value| value.kind.sql())
}

/// Checks that what stands behind a table and a point is a column of it.
async fn check_columns(
    session: &mut PgConnection,
    statement: &ReadOnly,
    limits: &Limits,
) -> Result<(), SqlError> {
    let tables = statement.tables();
    if tables.is_empty() {
        return Ok(statement.check_columns(&|_| None)?);
    }
    let names: Vec<String> = tables.iter().map(in_marks).collect();
    let found = sqlx::query(
        "SELECT q.at, a.attname::text FROM pg_catalog.unnest($1) WITH ORDINALITY AS q (name, at) \
         JOIN pg_catalog.pg_attribute a ON a.attrelid = pg_catalog.to_regclass(q.name) \
         WHERE a.attnum > 0 AND NOT a.attisdropped",
    )
    .persistent(false)
    .bind(names)
    .fetch_all(session)
    .await
    .map_err(|error| told(&error, limits))?;
    let mut columns: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for row in &found {
        let read = |error: sqlx::Error| told(&error, limits);
        let at: i64 = row.try_get(0).map_err(read)?;
        columns
            .entry(at)
            .or_default()
            .push(row.try_get(1).map_err(read)?);
    }
    let known: Vec<(&Table, Vec<String>)> = (1_i64..)
        .zip(&tables)
        .filter_map(|(at, table)| Some((table, columns.remove(&at)?)))
        .collect();
    let missing = tables.iter().find(|table| {
        !table.may_be_own && !known.iter().any(|(known, _)| known.parts == table.parts)
    });
    if let Some(table) = missing {
        return Err(SqlError::Database(format!(
            "relation \"{}\" does not exist",
            table.parts.join(".")
        )));
    }
    statement.check_columns(&|parts| {
        known
            .iter()
            .find(|(known, _)| known.parts == parts)
            .map(|(_, columns)| columns.clone())
    })?;
    Ok(())
}

/// A table's name in SQL. What the parts hold was checked when the statement was printed.
fn in_marks(table: &Table) -> String {
    let parts: Vec<String> = table
        .parts
        .iter()
        .map(|part| format!("\"{part}\""))
        .collect();
    parts.join(".")
}

/// The columns of a statement, from a row of nothing beside it: the statement itself is not run.
async fn columns(
    session: &mut PgConnection,
    statement: &ReadOnly,
    values: &[Bound],
    limits: &Limits,
) -> Result<Vec<Told>, SqlError> {
    let sql = statement.sql_without_values(&|name| kind_of(statement, values, name))?;
    let sql = format!("SELECT q.* FROM (SELECT 1) AS one LEFT JOIN ({sql}) AS q ON false");
    let row = sqlx::raw_sql(AssertSqlSafe(sql))
        .fetch_one(session)
        .await
        .map_err(|error| told(&error, limits))?;
    Ok(row
        .columns()
        .iter()
        .map(|column| Told {
            name: column.name().to_owned(),
            kind: kind(column.type_info()),
        })
        .collect())
}

/// How the cells of a type are read.
fn kind(kind: &sqlx::postgres::PgTypeInfo) -> Kind {
    match kind.name() {
        "BOOL" => Kind::Boolean,
        "INT2" | "INT4" | "INT8" | "OID" | "NUMERIC" | "FLOAT4" | "FLOAT8" => Kind::Number,
        "DATE" | "TIMESTAMP" | "TIMESTAMPTZ" => Kind::Day,
        "BYTEA" => Kind::Bytes,
        "JSON" | "JSONB" => Kind::Json,
        "TEXT" | "VARCHAR" | "CHAR" | "NAME" | "UNKNOWN" | "UUID" | "MACADDR" | "TIME"
        | "TIMETZ" | "INTERVAL" | "MONEY" | "BIT" | "VARBIT" => Kind::Text,
        "NUMERIC[]" | "FLOAT4[]" | "FLOAT8[]" => Kind::Numbers,
        "BYTEA[]" => Kind::Bytes,
        _ => Kind::AsJson,
    }
}

/// The statement around which the database writes each cell as a text, or tells that there are bytes.
fn as_texts(sql: &str, columns: &[Told], limits: &Limits) -> String {
    let (mut cells, mut names) = (String::new(), String::new());
    for (at, column) in columns.iter().enumerate() {
        let comma = if at == 0 { "" } else { ", " };
        let _ = match column.kind {
            Kind::Bytes => write!(cells, "{comma}CASE WHEN q.c{at} IS NOT NULL THEN '' END"),
            Kind::AsJson | Kind::Numbers => {
                write!(cells, "{comma}pg_catalog.to_json(q.c{at})::text")
            }
            _ => write!(cells, "{comma}q.c{at}::text"),
        };
        let _ = write!(names, "{comma}c{at}");
    }
    let rows = limits.max_rows.saturating_add(1);
    format!("SELECT {cells} FROM ({sql}) AS q ({names}) LIMIT {rows}")
}

fn cell(row: &PgRow, at: usize, kind: Kind) -> Cell {
    let Ok(value) = row.try_get_raw(at) else {
        return Cell::Unreadable("a cell that was not told");
    };
    if value.is_null() {
        return Cell::Is(serde_json::Value::Null);
    }
    let Ok(bytes) = value.as_bytes() else {
        return BYTES;
    };
    match kind {
        Kind::Boolean => Cell::Is((bytes == b"true").into()),
        Kind::Number => Cell::number(bytes),
        Kind::Text => Cell::text(bytes),
        Kind::Day => Cell::day(bytes),
        Kind::Bytes => BYTES,
        Kind::Json | Kind::AsJson => Cell::json(bytes),
        Kind::Numbers => match Cell::json(bytes) {
            Cell::Is(list) if has_text(&list) => NOT_A_NUMBER,
            cell => cell,
        },
    }
}

fn has_text(list: &serde_json::Value) -> bool {
    match list {
        serde_json::Value::Array(list) => list.iter().any(has_text),
        other => other.is_string(),
    }
}

/// What may be told of an error: the server's own words where they name things of the database, its code where they
/// could name a value, never the address.
fn told(error: &sqlx::Error, limits: &Limits) -> SqlError {
    let sqlx::Error::Database(error) = error else {
        return SqlError::of_connection(error);
    };
    let code = error.code().unwrap_or_default();
    let words = error.message();
    match code.as_ref() {
        "57014" => SqlError::Timeout(limits.timeout.as_secs()),
        "28000" | "28P01" => SqlError::Login(code.into_owned()),
        "25006" => SqlError::Database(format!("{words} ({code}): only reading is allowed")),
        "3D000" => SqlError::NoDatabase(format!("{words} ({code})")),
        "42501" => SqlError::NoRight(format!("{words} ({code})")),
        "53300" | "57P03" | "08P01" => SqlError::Database(format!("{words} ({code})")),
        "22012" => SqlError::Database(format!("division by zero ({code})")),
        "22P02" | "22007" | "22008" => SqlError::Database(format!(
            "a value cannot be read as the type that it is compared with or cast to ({code})"
        )),
        "22003" => SqlError::Database(format!("a number is too large for its type ({code})")),
        // Syntax and names.
        code if code.starts_with("42") => SqlError::Database(format!("{words} ({code})")),
        code => SqlError::Database(format!("code {code}")),
    }
}
