//! The two drivers: SQLite in a file of this machine, MongoDB for several nodes.

mod mongo;
mod sqlite;

pub use mongo::Mongo;
pub use sqlite::Sqlite;
