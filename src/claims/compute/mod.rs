//! Computing over what tools answered: counts, sums, tops and comparisons, exactly, so that no model has to do sums.
//!
//! A result is taken as a [`Table`]; a [`Program`] filters, joins, groups and measures rows. Pure, bounded, and exact: numbers
//! keep every digit; like compares with like only, and what does not is an error that names the column and both kinds. What stands in rows is data, whatever it says.

mod describe;
mod page;
mod program;
mod run;
mod table;

#[cfg(test)]
mod tests;

pub use describe::describe;
pub use page::{is_partial, without_page};
pub use program::{NAME, Program, schema};
pub use run::{Answer, run};
pub use table::{Cell, Table, rows_of_text};

/// Rows of a table at most.
pub const MOST_ROWS: usize = 200_000;
/// Columns of a table at most.
pub const MOST_COLUMNS: usize = 200;
/// Rows of an answer at most.
pub const MOST_ANSWER_ROWS: usize = 200;
/// Groups at most.
pub const MOST_GROUPS: usize = 50_000;
/// Names that an error lists.
const NAMES_TOLD: usize = 20;

/// Why nothing was computed, in words that help to correct the program. Holds names of columns, never what stands in rows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComputeError {
    #[error("the program does not fit its form: {0}")]
    Form(String),
    #[error("there is no result `{0}`")]
    UnknownResult(String),
    #[error("{result} has no column `{column}`; it has: {known}")]
    UnknownColumn {
        result: String,
        column: String,
        known: String,
    },
    #[error("{0} holds no rows")]
    NoRows(String),
    #[error("`{column}` holds no numbers, so `{measure}` means nothing")]
    NotNumbers { column: String, measure: String },
    #[error("`{column}` holds no dates, so it has no {unit}")]
    NotDates { column: String, unit: String },
    #[error(
        "`{column}` is in several currencies ({currencies}): group by `{by}`, they cannot be added up"
    )]
    SeveralCurrencies {
        column: String,
        by: String,
        currencies: String,
    },
    #[error("{what}: at most {most}")]
    TooMany { what: &'static str, most: usize },
    #[error("what is computed of `{0}` has more digits than are computed with")]
    Overflow(String),
    #[error("`{column}` holds {held}, which does not compare with {other}{advice}")]
    Unlike {
        column: String,
        held: &'static str,
        other: &'static str,
        advice: &'static str,
    },
}

/// The error of values in a column that do not compare with others.
fn unlike_error(column: &str, held: &'static str, other: &'static str) -> ComputeError {
    let advice = if held.contains("text") || other.contains("text") {
        ": derive a column with op `number` to read text as numbers, and write a number without quotes"
    } else {
        ""
    };
    ComputeError::Unlike {
        column: ground::text::shorten(&ground::text::visible(column), 60),
        held,
        other,
        advice,
    }
}

/// The columns of an error, a bounded list.
fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let mut text = names
        .iter()
        .take(NAMES_TOLD)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > NAMES_TOLD {
        text.push_str(&format!(" and {} more", names.len() - NAMES_TOLD));
    }
    text
}
