//! `daybrief connector sql`: an MCP server of our own in front of SQLite, PostgreSQL and MySQL or MariaDB.
//!
//! Read-only twice: by what is parsed ([`crate::sql`]) and by the transaction in which it runs ([`database`]). What runs is
//! the parsed statement printed anew, never the text that came in; parameters are bound, never written into it.
//!
//! Each cell is read by its own type ([`cells`]): what JSON cannot hold costs the cell, by name, and nothing else.

pub mod cells;
pub mod database;
pub mod http;
mod mysql;
mod postgres;
pub mod queries;
pub mod server;
mod sessions;
mod sqlite;
pub mod zone;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{domain::finding::GapCause, error::Problem};

/// Under this name an error of a tool has what is known of it, for the client that started this server.
pub const TOLD: &str = "daybrief/problem";

/// What this server says of an error of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldProblem {
    pub cause: GapCause,
    pub problem: Problem,
}

/// Bounds of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub max_rows: u32,
    pub max_bytes: usize,
    pub timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_rows: 10_000,
            max_bytes: 4 * 1024 * 1024,
            timeout: Duration::from_secs(15),
        }
    }
}

/// What to do about a SQLite file that is something else.
pub const NO_SQLITE: &str = "name the file of the database itself; a dump of SQL statements is made one by `sqlite3 new.db < dump.sql`";

/// How much longer than its time limit a call may take, in which the database itself ends its work.
const GRACE: Duration = Duration::from_secs(2);

impl Limits {
    /// When nobody waits for the database any more.
    pub fn longest(&self) -> Duration {
        self.timeout.saturating_add(GRACE)
    }
}

/// Why a call gave no rows. Holds no address, user, password or value of a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    #[error("the statement is refused: {0}")]
    Refused(String),
    #[error("there is no query `{0}`; `list_queries` names them")]
    UnknownQuery(String),
    #[error("parameter `{name}`: {what}")]
    Parameter { name: String, what: String },
    #[error("no answer within {0} s")]
    Timeout(u64),
    #[error("all sessions were busy for {0} s")]
    Busy(u64),
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the database's file cannot be opened: it is no longer there, or may not be read")]
    NoFile,
    #[error("the file is no SQLite database")]
    NoSqlite,
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    #[error("the database refused the login ({0})")]
    Login(String),
    #[error("the database server has no database of the name in the address: {0}")]
    NoDatabase(String),
    /// Something may not be read by whoever is signed in.
    #[error("the database says: {0}")]
    NoRight(String),
    #[error("the database says: {0}")]
    Database(String),
}

impl SqlError {
    /// What a brief says of it.
    pub fn cause(&self) -> GapCause {
        match self {
            Self::Timeout(_) | Self::Busy(_) => GapCause::Timeout,
            Self::TooLarge(_) => GapCause::TooLarge,
            Self::Login(_) => GapCause::Refused,
            Self::Unreachable(_) | Self::NoFile => GapCause::Unreachable,
            _ => GapCause::Failed,
        }
    }

    /// Where it comes from and what to do. `query`: the name and the place of the named query that was asked; `tables`: what
    /// the statement reads.
    pub fn problem(&self, query: Option<(&str, &str)>, tables: &[String]) -> Problem {
        let problem = Problem::new("database", self.to_string());
        let of_query = |problem: Problem, advice: &str| match query {
            Some((name, place)) => problem
                .at(format!("{place}: query `{name}`"))
                .advise(advice),
            // The caller's own statement: there is nothing behind it to be corrected.
            None => problem,
        };
        match self {
            Self::NoSqlite => problem.at("--dsn").advise(NO_SQLITE),
            Self::NoFile => problem
                .at("--dsn")
                .advise("bring the file back, or let the account that runs `daybrief` read it"),
            Self::Unreachable(_) => problem.at("--dsn").advise(
                "see that the database runs, and correct the host and the port in the address",
            ),
            Self::Login(_) => problem
                .at("--dsn")
                .advise("correct the user and the password in the address"),
            Self::NoDatabase(_) => problem
                .at("--dsn")
                .advise("correct the name at the end of the address, or create the database"),
            Self::NoRight(_) => {
                let tables = match tables {
                    [] => "…".to_owned(),
                    tables => tables.join(", "),
                };
                problem.at("--dsn").advise(format!(
                    "let the user of the address read it, as its owner: `GRANT SELECT ON {tables} TO …`"
                ))
            }
            Self::Timeout(_) => of_query(
                problem,
                "have the query read less (an index, a narrower `where`), or raise `--timeout-seconds`",
            ),
            Self::TooLarge(_) => of_query(
                problem,
                "have the query give fewer rows or columns, or raise `--max-bytes`",
            ),
            Self::Busy(_) => problem.advise("lower `limits.concurrency` of the connector"),
            Self::Database(_) | Self::Refused(_) => of_query(problem, "correct `sql` of the query"),
            Self::UnknownQuery(_) | Self::Parameter { .. } => problem,
        }
    }

    /// A server that does not answer.
    fn no_answer() -> Self {
        Self::Unreachable("nothing answers there".to_owned())
    }

    /// What went wrong before a server could say anything.
    fn of_connection(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(error) => Self::Unreachable(match error.kind() {
                std::io::ErrorKind::ConnectionRefused => {
                    "nothing listens there (connection refused)".to_owned()
                }
                std::io::ErrorKind::UnexpectedEof
                | std::io::ErrorKind::ConnectionReset
                | std::io::ErrorKind::BrokenPipe => "the connection ended".to_owned(),
                std::io::ErrorKind::TimedOut => "nothing answers there".to_owned(),
                std::io::ErrorKind::NotFound => "there is no such socket or file".to_owned(),
                _ if error.to_string().contains("lookup address") => {
                    "the host's name is not known".to_owned()
                }
                kind => kind.to_string(),
            }),
            sqlx::Error::Tls(_) => Self::Unreachable(
                "the encrypted connection failed (`sslmode` or `ssl-mode` of the address, or the server's certificate)"
                    .to_owned(),
            ),
            _ => Self::Database("the answer cannot be read".to_owned()),
        }
    }
}

impl From<crate::sql::Refused> for SqlError {
    fn from(refused: crate::sql::Refused) -> Self {
        Self::Refused(refused.0)
    }
}

#[cfg(test)]
mod live;
#[cfg(test)]
mod tests;
