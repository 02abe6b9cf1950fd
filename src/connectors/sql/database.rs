//! The three databases behind one call. Each session has the right to read only.

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

use super::{
    Limits, SqlError, cells::Rows, mysql::Mysql, postgres::Postgres, queries::Bound,
    sqlite::Sqlite, zone::SessionZone,
};
use crate::sql::{Dialect, ReadOnly};

/// A database that is only read. Connects with the first call. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Database {
    Sqlite(Sqlite),
    Postgres(Postgres),
    Mysql(Mysql),
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

    /// The database at an address; its sessions have the time zone that is given, or the one of [`Self::zone`].
    pub fn open(address: &SecretString, zone: Option<SessionZone>) -> Result<Self, SqlError> {
        let address = address.expose_secret();
        Ok(match Self::kind_of(address) {
            Dialect::Sqlite if zone.is_some() => {
                return Err(SqlError::Refused(
                    "SQLite tells UTC alone: a time zone cannot be set".to_owned(),
                ));
            }
            Dialect::Sqlite => {
                let path = address.strip_prefix("sqlite:").unwrap_or(address);
                Self::Sqlite(Sqlite::new(Path::new(path)))
            }
            Dialect::Postgres => Self::Postgres(Postgres::new(address, zone)?),
            Dialect::Mysql => Self::Mysql(Mysql::new(address, zone)?),
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

    /// Whose time `now()` and `current_date` tell.
    pub fn zone(&self) -> String {
        let given = match self {
            Self::Sqlite(_) => None,
            Self::Postgres(database) => database.zone.as_ref(),
            Self::Mysql(database) => database.zone.as_ref(),
        };
        match (given, self.kind()) {
            (Some(zone), _) => zone.to_string(),
            (None, Dialect::Sqlite | Dialect::Postgres) => "UTC".to_owned(),
            (None, Dialect::Mysql) => "the server's own".to_owned(),
        }
    }

    /// Runs a statement within the limits.
    pub async fn rows(
        &self,
        statement: &ReadOnly,
        values: Vec<Bound>,
        limits: &Limits,
    ) -> Result<Rows, SqlError> {
        match self {
            Self::Sqlite(database) => database.rows(statement, values, limits).await,
            Self::Postgres(database) => database.rows(statement, values, limits).await,
            Self::Mysql(database) => database.rows(statement, values, limits).await,
        }
    }
}
