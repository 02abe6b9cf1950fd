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
    #[error("no answer within {0} s: ask for less, or raise `--timeout-seconds`")]
    Timeout(u64),
    #[error("all sessions were busy for {0} s: ask again later")]
    Busy(u64),
    #[error("the answer is larger than {0} bytes: ask for less")]
    TooLarge(usize),
    #[error("the database's file cannot be opened: it is no longer there, or may not be read")]
    NoFile,
    #[error("the database cannot be reached: {0}; check that it runs and the address in `--dsn`")]
    Unreachable(String),
    #[error(
        "the database refused the login ({0}): check the user and the password in the address of `--dsn`"
    )]
    Login(String),
    #[error("the database says: {0}")]
    Database(String),
}

impl SqlError {
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
