//! The rows of an answer: each cell what the database holds, or told by name where JSON cannot hold it.

use serde_json::{Map, Value, json};

use super::{Limits, SqlError};

/// The largest cell, in bytes. A larger one costs itself, not the answer.
const MAX_CELL_BYTES: usize = 1024 * 1024;

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Is(Value),
    /// There is a value that JSON cannot hold: what it is.
    Unreadable(&'static str),
}

pub const BYTES: Cell = Cell::Unreadable("bytes");
pub const NOT_A_NUMBER: Cell = Cell::Unreadable("NaN or Infinity");
const NOT_UTF8: Cell = Cell::Unreadable("text that is not UTF-8");
const TOO_LARGE: Cell = Cell::Unreadable("more than 1 MiB");
const NO_DAY: Cell = Cell::Unreadable("a date outside of the calendar");
const NOT_JSON: Cell = Cell::Unreadable("JSON that cannot be read");

impl Cell {
    /// A text as the database wrote it.
    pub fn text(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            _ if bytes.len() > MAX_CELL_BYTES => TOO_LARGE,
            Ok(text) => Self::Is(Value::String(text.to_owned())),
            Err(_) => NOT_UTF8,
        }
    }

    /// A number with all its digits.
    pub fn number(bytes: &[u8]) -> Self {
        match serde_json::from_slice(bytes) {
            Ok(Value::Number(number)) => Self::Is(Value::Number(number)),
            _ => NOT_A_NUMBER,
        }
    }

    /// A float with the fewest digits that stand for it and no other.
    pub fn float(number: f64) -> Self {
        serde_json::Number::from_f64(number)
            .map_or(NOT_A_NUMBER, |number| Self::Is(Value::Number(number)))
    }

    /// A text that holds JSON.
    pub fn json(bytes: &[u8]) -> Self {
        if bytes.len() > MAX_CELL_BYTES {
            return TOO_LARGE;
        }
        serde_json::from_slice(bytes).map_or(NOT_JSON, Self::Is)
    }

    /// `YYYY-MM-DD` or `YYYY-MM-DDTHH:MM:SS…`, from a text that may have a blank for the `T`.
    pub fn day(bytes: &[u8]) -> Self {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return NOT_UTF8;
        };
        let (date, time) = match text.split_once(' ') {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        if date.parse::<jiff::civil::Date>().is_err() || date.len() != 10 {
            return NO_DAY;
        }
        match time {
            None => Self::Is(Value::String(date.to_owned())),
            // `0044-03-15 10:00:00 BC`
            Some(time) if time.contains(' ') || time == "BC" => NO_DAY,
            Some(time) => {
                let hours_only = time
                    .rfind(['+', '-'])
                    .is_some_and(|at| time.len() - at == 3);
                let minutes = if hours_only { ":00" } else { "" };
                Self::Is(Value::String(format!("{date}T{time}{minutes}")))
            }
        }
    }

    /// Bytes that it takes as JSON, about.
    fn size(&self) -> usize {
        match self {
            Self::Unreadable(what) => what.len() + 20,
            Self::Is(Value::Null | Value::Bool(_)) => 4,
            Self::Is(Value::String(text)) => text.len() + 2,
            Self::Is(Value::Number(number)) => number.as_str().len(),
            Self::Is(nested) => nested.to_string().len(),
        }
    }
}

/// The rows of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    pub columns: Vec<String>,
    pub rows: Vec<Map<String, Value>>,
    /// There were more than the limit.
    pub truncated: bool,
    pub unreadable: Vec<Unreadable>,
    bytes: usize,
    limits: Limits,
}

/// Cells of one column that JSON cannot hold. Each stands as `{"unreadable": …}` in its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    pub column: String,
    pub what: &'static str,
    pub rows: usize,
}

impl Rows {
    /// No rows yet. Refuses two columns of one name: one of the two would be gone.
    pub fn new(columns: Vec<String>, limits: &Limits) -> Result<Self, SqlError> {
        let twice = columns
            .iter()
            .enumerate()
            .find(|(at, name)| columns.iter().take(*at).any(|earlier| earlier == *name));
        if let Some((_, name)) = twice {
            return Err(SqlError::Refused(format!(
                "two of its columns are named `{name}`: name each with `as`"
            )));
        }
        Ok(Self {
            columns,
            rows: Vec::new(),
            truncated: false,
            unreadable: Vec::new(),
            bytes: 0,
            limits: *limits,
        })
    }

    /// Takes one more row; false where no more are wanted.
    pub fn push(&mut self, cells: impl IntoIterator<Item = Cell>) -> Result<bool, SqlError> {
        if self.rows.len() >= self.limits.max_rows as usize {
            self.truncated = true;
            return Ok(false);
        }
        let mut row = Map::new();
        self.bytes = self.bytes.saturating_add(2);
        for (name, cell) in self.columns.iter().zip(cells) {
            self.bytes = self.bytes.saturating_add(name.len() + cell.size() + 3);
            let value = match cell {
                Cell::Is(value) => value,
                Cell::Unreadable(what) => {
                    match self
                        .unreadable
                        .iter_mut()
                        .find(|known| known.column == *name && known.what == what)
                    {
                        Some(known) => known.rows += 1,
                        None => self.unreadable.push(Unreadable {
                            column: name.clone(),
                            what,
                            rows: 1,
                        }),
                    }
                    json!({ "unreadable": what })
                }
            };
            row.insert(name.clone(), value);
        }
        if self.bytes > self.limits.max_bytes {
            return Err(SqlError::TooLarge(self.limits.max_bytes));
        }
        self.rows.push(row);
        Ok(true)
    }

    /// The answer to a call.
    pub fn into_answer(self) -> Value {
        let mut answer = json!({
            "row_count": self.rows.len(),
            "truncated": self.truncated,
            "columns": self.columns,
        });
        if let Value::Object(answer) = &mut answer {
            // No list of objects: the rows are the only one.
            let mut unreadable = Map::new();
            for cells in &self.unreadable {
                let column = unreadable
                    .entry(cells.column.clone())
                    .or_insert_with(|| json!({}));
                if let Value::Object(column) = column {
                    column.insert(cells.what.to_owned(), cells.rows.into());
                }
            }
            if !unreadable.is_empty() {
                answer.insert("unreadable".to_owned(), Value::Object(unreadable));
            }
            let rows = self.rows.into_iter().map(Value::Object).collect();
            answer.insert("rows".to_owned(), rows);
        }
        answer
    }
}
