//! A tool's answer as rows: a result is taken as a [`Table`], and described for a model. Numbers keep every digit; like compares
//! with like only. What stands in rows is data, whatever it says.

mod describe;
mod page;
mod table;

pub use describe::describe;
pub use page::{is_partial, without_page};
pub use table::{Cell, Table, rows_of_text};

/// Rows of a table at most.
pub const MOST_ROWS: usize = 200_000;
/// Columns of a table at most.
pub const MOST_COLUMNS: usize = 200;

/// Why an answer is no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComputeError {
    #[error("{0} holds no rows")]
    NoRows(String),
    #[error("{what}: at most {most}")]
    TooMany { what: &'static str, most: usize },
}
