//! MySQL and MariaDB. Each call is one transaction that is read only; the session keeps the server's zone and its modes but
//! those by which a text would be read otherwise than it was parsed.

use std::str::FromStr;

use futures_util::StreamExt;
use sqlx::{
    AssertSqlSafe, Column, Connection, Executor, MySql, MySqlConnection, Row, SqlSafeStr,
    Statement, Type, TypeInfo,
    mysql::{MySqlConnectOptions, MySqlRow, MySqlTypeInfo},
};

use super::{
    Limits, SqlError,
    cells::{BYTES, Cell, Rows},
    queries::{Bound, ParameterKind},
    sessions::Sessions,
    zone::SessionZone,
};
use crate::sql::ReadOnly;

/// Modes that change what marks and backslashes mean, and those that hold such a mode.
const MODES_OF_READING: [&str; 8] = [
    "ANSI",
    "ANSI_QUOTES",
    "DB2",
    "MAXDB",
    "MSSQL",
    "NO_BACKSLASH_ESCAPES",
    "ORACLE",
    "POSTGRESQL",
];

/// A MySQL or MariaDB server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Mysql {
    options: MySqlConnectOptions,
    pub(super) zone: Option<SessionZone>,
    sessions: Sessions<MySqlConnection>,
}

/// How a column's cells are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Signed,
    Unsigned,
    Float,
    Double,
    Decimal,
    Text,
    Json,
    /// MariaDB's JSON is a text that is compared byte by byte.
    MaybeJson,
    Date,
    Time,
    Bits,
    Bytes,
    Null,
}

impl Mysql {
    pub fn new(address: &str, zone: Option<SessionZone>) -> Result<Self, SqlError> {
        let address = address.replacen("mariadb://", "mysql://", 1);
        let options = MySqlConnectOptions::from_str(&address)
            .map_err(|_| SqlError::Refused("the address cannot be read".to_owned()))?
            .timezone(None)
            .pipes_as_concat(false)
            .no_engine_substitution(false);
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
        let sql = statement.sql(Some(limits.max_rows.saturating_add(1)), &|_| "char")?;
        let _permit = self.sessions.permit(limits.longest()).await?;
        let mut session = self.begin(limits).await?;
        let work = read(&mut session, sql, &values, limits);
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
    async fn begin(&self, limits: &Limits) -> Result<MySqlConnection, SqlError> {
        const BEGINNING: &str = "START TRANSACTION READ ONLY";
        if let Some(mut session) = self.sessions.take()
            && session.execute(BEGINNING).await.is_ok()
        {
            return Ok(session);
        }
        let connecting = async {
            let mut session = MySqlConnection::connect_with(&self.options).await?;
            self.prepare(&mut session, limits).await?;
            session.execute(BEGINNING).await?;
            Ok(session)
        };
        tokio::time::timeout(limits.timeout, connecting)
            .await
            .map_err(|_| SqlError::no_answer())?
            .map_err(|error| told(&error, limits))
    }

    /// Sets what holds for all calls of a session.
    async fn prepare(
        &self,
        session: &mut MySqlConnection,
        limits: &Limits,
    ) -> Result<(), sqlx::Error> {
        let modes: String = sqlx::query_scalar("SELECT @@sql_mode")
            .persistent(false)
            .fetch_one(&mut *session)
            .await?;
        let modes: Vec<&str> = modes
            .split(',')
            .filter(|mode| !MODES_OF_READING.contains(mode))
            .collect();
        session
            .execute(AssertSqlSafe(format!(
                "SET SESSION sql_mode = '{}'",
                modes.join(",")
            )))
            .await?;
        session.execute("SET SESSION TRANSACTION READ ONLY").await?;
        if let Some(zone) = &self.zone {
            session
                .execute(AssertSqlSafe(format!("SET SESSION time_zone = '{zone}'")))
                .await?;
        }
        // MariaDB and MySQL name their time limit differently; one of the two is known.
        let milliseconds = limits.timeout.as_millis().max(1);
        let maria = format!(
            "SET SESSION max_statement_time = {}",
            limits.timeout.as_secs_f64()
        );
        if session.execute(AssertSqlSafe(maria)).await.is_err() {
            let mysql = format!("SET SESSION max_execution_time = {milliseconds}");
            session.execute(AssertSqlSafe(mysql)).await?;
        }
        Ok(())
    }
}

/// The rows, and whether the session has nothing more to tell.
async fn read(
    session: &mut MySqlConnection,
    sql: String,
    values: &[Bound],
    limits: &Limits,
) -> (Result<Rows, SqlError>, bool) {
    let told = |error: sqlx::Error| told(&error, limits);
    let prepared = session
        .prepare(AssertSqlSafe(sql.clone()).into_sql_str())
        .await;
    let names = match prepared {
        Ok(prepared) => prepared
            .columns()
            .iter()
            .map(|column| column.name().to_owned())
            .collect(),
        Err(error) => return (Err(told(error)), true),
    };
    let mut rows = match Rows::new(names, limits) {
        Ok(rows) => rows,
        Err(error) => return (Err(error), true),
    };
    let query = values.iter().fold(sqlx::query(AssertSqlSafe(sql)), bind);
    let mut found = query.fetch(session);
    let mut kinds: Vec<Kind> = Vec::new();
    while let Some(row) = found.next().await {
        let row = match row {
            Ok(row) => row,
            Err(error) => return (Err(told(error)), true),
        };
        if kinds.is_empty() {
            let columns = row.columns().iter();
            kinds = columns.map(|column| kind(column.type_info())).collect();
        }
        let cells = kinds
            .iter()
            .enumerate()
            .map(|(at, kind)| cell(&row, at, *kind));
        match rows.push(cells) {
            Ok(true) => {}
            Ok(false) => return (Ok(rows), false),
            Err(error) => return (Err(error), false),
        }
    }
    (Ok(rows), true)
}

type Query<'q> = sqlx::query::Query<'q, MySql, sqlx::mysql::MySqlArguments>;

/// Binds a parameter as MySQL compares it: a number as a number, without loss.
fn bind<'q>(query: Query<'q>, bound: &'q Bound) -> Query<'q> {
    let text = bound.text.as_str();
    match bound.kind {
        ParameterKind::Number => match (text.parse::<i64>(), text.parse()) {
            (Ok(whole), _) => query.bind(whole),
            (_, Ok(number)) => query.bind::<rust_decimal::Decimal>(number),
            _ => query.bind(text),
        },
        ParameterKind::Text | ParameterKind::Date => query.bind(text),
    }
}

/// How the cells of a type are read.
fn kind(kind: &MySqlTypeInfo) -> Kind {
    match kind.name() {
        "NULL" => Kind::Null,
        "TINYINT" | "BOOLEAN" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" => Kind::Signed,
        "TINYINT UNSIGNED" | "SMALLINT UNSIGNED" | "MEDIUMINT UNSIGNED" | "INT UNSIGNED"
        | "BIGINT UNSIGNED" | "YEAR" => Kind::Unsigned,
        "FLOAT" => Kind::Float,
        "DOUBLE" => Kind::Double,
        "DECIMAL" => Kind::Decimal,
        "DATE" | "DATETIME" | "TIMESTAMP" => Kind::Date,
        "TIME" => Kind::Time,
        "BIT" => Kind::Bits,
        "JSON" => Kind::Json,
        "ENUM" | "SET" => Kind::Text,
        name if name.ends_with("BLOB") && <str as Type<MySql>>::compatible(kind) => Kind::MaybeJson,
        _ if <str as Type<MySql>>::compatible(kind) => Kind::Text,
        _ => Kind::Bytes,
    }
}

fn cell(row: &MySqlRow, at: usize, kind: Kind) -> Cell {
    // As the driver has it, with the length before dates; it takes a date of zeros for none.
    let Ok(bytes) = row.try_get_unchecked::<&[u8], _>(at) else {
        return Cell::Is(serde_json::Value::Null);
    };
    match kind {
        Kind::Signed => Cell::Is(signed(bytes).into()),
        Kind::Unsigned => Cell::Is(unsigned(bytes).into()),
        Kind::Float => match bytes.try_into() {
            // As a float itself is written, not as the double that is nearest to it.
            Ok(bytes) => Cell::number(f32::from_le_bytes(bytes).to_string().as_bytes()),
            Err(_) => BYTES,
        },
        Kind::Double => match bytes.try_into() {
            Ok(bytes) => Cell::float(f64::from_le_bytes(bytes)),
            Err(_) => BYTES,
        },
        Kind::Decimal => Cell::number(bytes),
        Kind::Text => Cell::text(bytes),
        Kind::Json => Cell::json(bytes),
        Kind::MaybeJson => match Cell::json(bytes) {
            cell @ Cell::Is(serde_json::Value::Object(_) | serde_json::Value::Array(_)) => cell,
            _ => Cell::text(bytes),
        },
        Kind::Date => date(bytes),
        Kind::Time => time(bytes),
        Kind::Bits if bytes.len() <= 8 => Cell::Is(
            bytes
                .iter()
                .fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
                .into(),
        ),
        Kind::Bits | Kind::Bytes => BYTES,
        Kind::Null => Cell::Is(serde_json::Value::Null),
    }
}

/// A whole number of one to eight bytes, the last first.
fn unsigned(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn signed(bytes: &[u8]) -> i64 {
    let unused = 64 - 8 * bytes.len().clamp(1, 8);
    (unsigned(bytes) << unused).cast_signed() >> unused
}

const ZEROS: Cell = Cell::Unreadable("a date of zeros");

/// `YYYY-MM-DD`, or `YYYY-MM-DDTHH:MM:SS` with its microseconds where there are such.
///
/// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html
fn date(bytes: &[u8]) -> Cell {
    let [_, year_low, year_high, month, day, time @ ..] = bytes else {
        return ZEROS;
    };
    if *month == 0 || *day == 0 {
        return ZEROS;
    }
    let year = u16::from_le_bytes([*year_low, *year_high]);
    let date = format!("{year:04}-{month:02}-{day:02}");
    Cell::Is(match time {
        [hour, minute, second, part @ ..] => {
            let part = part_of_second(part);
            format!("{date}T{hour:02}:{minute:02}:{second:02}{part}").into()
        }
        _ => date.into(),
    })
}

/// `HH:MM:SS`, which may be negative and more than a day.
fn time(bytes: &[u8]) -> Cell {
    let [_, negative, d0, d1, d2, d3, hour, minute, second, part @ ..] = bytes else {
        return Cell::Is("00:00:00".into());
    };
    let hours = u64::from(u32::from_le_bytes([*d0, *d1, *d2, *d3])) * 24 + u64::from(*hour);
    let sign = if *negative == 0 { "" } else { "-" };
    let part = part_of_second(part);
    Cell::Is(format!("{sign}{hours:02}:{minute:02}:{second:02}{part}").into())
}

fn part_of_second(bytes: &[u8]) -> String {
    match unsigned(bytes) {
        0 => String::new(),
        microseconds => format!(".{microseconds:06}"),
    }
}

/// What may be told of an error: the server's own words where they name things of the database, its number where they
/// could name a value, never an address or who is signed in.
fn told(error: &sqlx::Error, limits: &Limits) -> SqlError {
    let sqlx::Error::Database(error) = error else {
        return SqlError::of_connection(error);
    };
    let number = error
        .try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()
        .map_or(0, sqlx::mysql::MySqlDatabaseError::number);
    let words = error.message();
    match number {
        // MariaDB's, and two of MySQL's: the time limit, and a query that was ended.
        1969 | 3024 | 1317 => SqlError::Timeout(limits.timeout.as_secs()),
        1045 | 1698 | 1251 => SqlError::Login(number.to_string()),
        1044 | 1142 | 1143 | 1227 | 1370 => {
            SqlError::NoRight(format!("{} ({number})", without_user(words)))
        }
        1049 => SqlError::NoDatabase(format!("{words} ({number})")),
        1792 => SqlError::Database(format!("{words} ({number}): only reading is allowed")),
        // Names, syntax, how columns are grouped, connections.
        1040 | 1052 | 1054 | 1055 | 1056 | 1064 | 1109 | 1111 | 1140 | 1146 | 1166 | 1193
        | 1241 | 1242 | 1248 | 1298 | 1305 | 1582 | 3029 => {
            SqlError::Database(format!("{words} ({number})"))
        }
        number => SqlError::Database(format!("code {number}")),
    }
}

/// "SELECT command denied to user 'app'@'10.0.0.7' for table `pay`" without who and whence.
fn without_user(words: &str) -> String {
    match (words.find(" to user '"), words.find(" for ")) {
        (Some(user), Some(what)) if user < what => {
            let (before, _) = words.split_at(user);
            let (_, after) = words.split_at(what);
            format!("{before}{after}")
        }
        (Some(user), _) => words.split_at(user).0.to_owned(),
        _ => "access denied".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Cell, date, signed, time, without_user};

    #[test]
    fn numbers_dates_and_times_are_read_as_the_server_writes_them() {
        assert_eq!(signed(&[0xff]), -1);
        assert_eq!(signed(&[0, 0, 0, 0, 0, 0, 0, 0x80]), i64::MIN);
        assert_eq!(signed(&[1, 2]), 513);
        let is = |value| Cell::Is(value);
        assert_eq!(date(&[4, 0xea, 7, 11, 24]), is(json!("2026-11-24")));
        assert_eq!(
            date(&[11, 0xea, 7, 11, 24, 7, 10, 0, 1, 0, 0, 0]),
            is(json!("2026-11-24T07:10:00.000001"))
        );
        assert!(matches!(date(&[0]), Cell::Unreadable(_)));
        assert!(matches!(date(&[4, 0xea, 7, 0, 0]), Cell::Unreadable(_)));
        assert_eq!(time(&[0]), is(json!("00:00:00")));
        assert_eq!(
            time(&[8, 1, 34, 0, 0, 0, 22, 59, 59]),
            is(json!("-838:59:59"))
        );
    }

    #[test]
    fn a_missing_right_is_told_without_who_and_whence() {
        assert_eq!(
            without_user("SELECT command denied to user 'app'@'10.0.0.7' for table `d`.`pay`"),
            "SELECT command denied for table `d`.`pay`"
        );
        assert_eq!(
            without_user("Access denied for user 'app'@'10.0.0.7' to database 'x'"),
            "access denied"
        );
    }
}
