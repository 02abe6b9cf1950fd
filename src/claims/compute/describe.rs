//! What a model is shown of a result: all of it where it is small, else its form, its extremes and some rows.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::table::{Cell, Table};
use ground::text::{shorten, visible};

/// Rows that are shown of a large result.
const ROWS_SHOWN: usize = 8;
/// Characters of a text that are shown.
const TEXT_CHARACTERS: usize = 200;
/// Different values that are counted.
const MOST_DISTINCT: usize = 1_000;
/// Columns that are described.
const MOST_COLUMNS: usize = 40;
/// A value below so many others is cut off.
const DEEPEST: usize = 12;

/// The view of a result in about `bytes` at most: the whole value with long texts cut where that fits, else its columns with
/// their extremes and the first rows. What is not shown is said.
pub fn describe(value: &Value, bytes: usize) -> Value {
    let whole = trimmed(value, usize::MAX, 0);
    if whole.to_string().len() <= bytes {
        return whole;
    }
    let Ok(table) = Table::from_value(value, None) else {
        let text = shorten(&whole.to_string(), bytes);
        return json!({ "text": text, "cut": true });
    };
    if let Value::String(text) = value {
        return json!({ "text": shorten(&visible(text), bytes), "cut": true });
    }
    let columns: Vec<Value> = table
        .columns()
        .take(MOST_COLUMNS)
        .enumerate()
        .map(|(at, name)| column(&table, at, name))
        .collect();
    let mut view = json!({ "rows": table.len(), "columns": columns });
    let mut shown: Vec<Value> = Vec::new();
    for row in table.rows.iter().take(ROWS_SHOWN) {
        let row: serde_json::Map<String, Value> = table
            .columns()
            .zip(row)
            .filter(|(_, cell)| **cell != Cell::Null)
            .take(MOST_COLUMNS)
            .map(|(name, cell)| {
                (
                    name.to_owned(),
                    trimmed(&cell.to_json(), TEXT_CHARACTERS, 0),
                )
            })
            .collect();
        let size = view.to_string().len() + Value::from(shown.clone()).to_string().len();
        if !shown.is_empty() && size > bytes {
            break;
        }
        shown.push(row.into());
    }
    let note = format!(
        "{} of {} rows are shown; use `compute` for the others",
        shown.len(),
        table.len()
    );
    if let Some(view) = view.as_object_mut() {
        view.insert("first_rows".to_owned(), shown.into());
        view.insert("note".to_owned(), note.into());
    }
    view
}

fn column(table: &Table, at: usize, name: &str) -> Value {
    let cells = || table.rows.iter().filter_map(|row| row.get(at));
    let filled: Vec<&Cell> = cells().filter(|cell| **cell != Cell::Null).collect();
    let mut distinct: BTreeSet<String> = BTreeSet::new();
    for cell in &filled {
        if distinct.len() > MOST_DISTINCT {
            break;
        }
        distinct.insert(cell.to_json().to_string());
    }
    let kind = match filled.first() {
        None => "empty",
        Some(Cell::Number(_)) => "number",
        Some(Cell::Bool(_)) => "yes or no",
        Some(Cell::Date(_)) => "date",
        Some(Cell::Instant(_)) => "instant",
        Some(Cell::Text(_)) if filled.iter().all(|cell| cell.asked_number().is_some()) => {
            "number written as text"
        }
        Some(Cell::Text(_) | Cell::Null) => "text",
    };
    let mut said = json!({ "name": visible(name), "kind": kind });
    if let Some(said) = said.as_object_mut() {
        let missing = table.len() - filled.len();
        if missing > 0 {
            said.insert("missing".to_owned(), missing.into());
        }
        if distinct.len() <= MOST_DISTINCT {
            said.insert("different".to_owned(), distinct.len().into());
        }
        if matches!(kind, "number" | "date" | "instant") {
            let ends = [
                ("least", filled.iter().min_by(|a, b| a.order(b))),
                ("greatest", filled.iter().max_by(|a, b| a.order(b))),
            ];
            for (name, cell) in ends {
                if let Some(cell) = cell {
                    said.insert(name.to_owned(), cell.to_json());
                }
            }
        }
    }
    said
}

/// The value with its texts made visible and cut.
fn trimmed(value: &Value, characters: usize, depth: usize) -> Value {
    match value {
        _ if depth > DEEPEST => "…".into(),
        Value::String(text) if text.len() <= characters => visible(text).into(),
        Value::String(text) => shorten(&visible(text), characters).into(),
        Value::Array(items) => items
            .iter()
            .map(|item| trimmed(item, characters, depth + 1))
            .collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (visible(name), trimmed(value, characters, depth + 1)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}
