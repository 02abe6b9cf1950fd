//! `daybrief connector sql`: an MCP server of our own in front of SQLite, PostgreSQL and MySQL or MariaDB.
//!
//! Read-only twice: by what is parsed ([`crate::sql`]) and by the rights of the session ([`database`]). What runs is the
//! parsed statement printed anew, never the text that came in; parameters are bound, never written into it.

pub mod database;
pub mod http;
pub mod queries;
pub mod server;

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

/// Why a call gave no rows. Holds no statement, host or password.
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
    #[error("the answer is larger than {0} bytes: ask for less")]
    TooLarge(usize),
    #[error("the database's file cannot be opened: it is no longer there, or may not be read")]
    NoFile,
    #[error("the database cannot be reached")]
    Unreachable,
    #[error("the database refused the statement ({0})")]
    Database(String),
}

impl From<crate::sql::Refused> for SqlError {
    fn from(refused: crate::sql::Refused) -> Self {
        Self::Refused(refused.0)
    }
}

#[cfg(test)]
mod tests;
