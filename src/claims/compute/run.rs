//! Running a program over tables.

mod group;
mod rows;

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::{
    ComputeError, MOST_ANSWER_ROWS, listed,
    program::{Order, Program},
    table::{Cell, Table, unlike},
    unlike_error,
};
use group::grouped;
use rows::{derive, filtered, joined};

/// Rows that an answer has where the program names no limit.
const USUAL_ROWS: usize = 50;

/// Rows of a result that are remembered behind a row of the answer.
const MOST_ORIGINS: usize = 20;

/// What was computed.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    table: Table,
    /// Rows of the result, and those that met the conditions.
    pub rows_in: usize,
    pub rows_matched: usize,
    /// Rows that the limit left out.
    pub more: usize,
    origins: Vec<Vec<(String, usize)>>,
    handles: Vec<String>,
}

impl Answer {
    /// The answer's rows.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The answer as JSON: rows as objects, and how many there were.
    pub fn to_json(&self) -> Value {
        let rows: Vec<Value> = self
            .table
            .rows
            .iter()
            .map(|row| {
                self.table
                    .columns()
                    .zip(row)
                    .map(|(name, cell)| (name.to_owned(), cell.to_json()))
                    .collect::<serde_json::Map<_, _>>()
                    .into()
            })
            .collect();
        let mut said = json!({
            "rows": rows, "rows_in": self.rows_in, "rows_matched": self.rows_matched,
        });
        if let (true, Some(said)) = (self.more > 0, said.as_object_mut()) {
            said.insert("rows_not_shown".to_owned(), self.more.into());
        }
        said
    }

    /// The rows that a row of the answer was made of, by handle and number; without a number where it was made of more than
    /// are remembered, or where the answer as a whole is meant.
    pub fn origins(&self, row: Option<usize>) -> Vec<(String, Option<usize>)> {
        let rows = row.and_then(|row| self.origins.get(row));
        match rows {
            Some(rows) if !rows.is_empty() && rows.len() <= MOST_ORIGINS => rows
                .iter()
                .map(|(handle, row)| (handle.clone(), Some(*row)))
                .collect(),
            _ => self
                .handles
                .iter()
                .map(|handle| (handle.clone(), None))
                .collect(),
        }
    }
}

/// A row under way: its cells, and the rows that it is made of.
struct Row {
    cells: Vec<Cell>,
    left: usize,
    right: Option<usize>,
}

/// Runs a program over results by their handles.
pub fn run<'v>(
    program: &Program,
    result: &dyn Fn(&str) -> Option<&'v Value>,
) -> Result<Answer, ComputeError> {
    let load = |handle: &str, path: Option<&str>| {
        let value = result(handle)
            .ok_or_else(|| ComputeError::UnknownResult(ground::text::shorten(handle, 20)))?;
        Table::from_value(value, path)
    };
    let left = load(&program.from, program.path.as_deref())?;
    let rows_in = left.len();
    let mut handles = vec![program.from.clone()];
    let mut names = left.names.clone();
    let mut rows: Vec<Row> = left
        .rows
        .into_iter()
        .enumerate()
        .map(|(at, cells)| Row {
            cells,
            left: at,
            right: None,
        })
        .collect();
    if let Some(join) = &program.join {
        let right = load(&join.with, join.path.as_deref())?;
        let key = Columns::new(&program.from, &names).place(&join.left)?;
        let other = Columns::new(&join.with, &right.names).place(&join.right)?;
        rows = joined(rows, &right, key, other, join.kind)?;
        names.extend(
            right
                .names
                .iter()
                .map(|name| format!("{}.{name}", join.with)),
        );
        handles.push(join.with.clone());
    }
    for derived in &program.derive {
        derive(&mut rows, &mut names, derived, &program.from)?;
    }
    let columns = Columns::new(&program.from, &names);
    rows = filtered(rows, program, &columns)?;
    let rows_matched = rows.len();
    let (out_names, mut made) = if program.measures.is_empty() && program.group_by.is_empty() {
        selected(rows, program, &columns)?
    } else {
        grouped(rows, program, &columns)?
    };
    order(&mut made, &program.order_by, &out_names)?;
    let limit = program.limit.unwrap_or(USUAL_ROWS).min(MOST_ANSWER_ROWS);
    let more = made.len().saturating_sub(limit);
    made.truncate(limit);
    let with = program.join.as_ref().map(|join| join.with.as_str());
    let origins = made
        .iter()
        .map(|made| {
            made.from
                .iter()
                .flat_map(|(left, right)| {
                    let right = with.zip(*right).map(|(with, row)| (with.to_owned(), row));
                    std::iter::once((program.from.clone(), *left)).chain(right)
                })
                .collect()
        })
        .collect();
    Ok(Answer {
        table: Table {
            names: out_names,
            rows: made.into_iter().map(|made| made.cells).collect(),
        },
        rows_in,
        rows_matched,
        more,
        origins,
        handles,
    })
}

/// Columns by name.
struct Columns<'n> {
    result: &'n str,
    names: &'n [String],
}

impl<'n> Columns<'n> {
    fn new(result: &'n str, names: &'n [String]) -> Self {
        Self { result, names }
    }

    fn place(&self, column: &str) -> Result<usize, ComputeError> {
        let lower = column.to_lowercase();
        self.names
            .iter()
            .position(|name| name == column)
            .or_else(|| {
                self.names
                    .iter()
                    .position(|name| name.to_lowercase() == lower)
            })
            .ok_or_else(|| ComputeError::UnknownColumn {
                result: self.result.to_owned(),
                column: ground::text::shorten(&ground::text::visible(column), 60),
                known: listed(self.names.iter().map(String::as_str)),
            })
    }
}

/// A row of the answer, with the rows that it was made of.
struct Made {
    cells: Vec<Cell>,
    from: Vec<(usize, Option<usize>)>,
}

fn selected(
    rows: Vec<Row>,
    program: &Program,
    columns: &Columns<'_>,
) -> Result<(Vec<String>, Vec<Made>), ComputeError> {
    let places: Vec<usize> = if program.select.is_empty() {
        (0..columns.names.len()).collect()
    } else {
        program
            .select
            .iter()
            .map(|column| columns.place(column))
            .collect::<Result<_, _>>()?
    };
    // What it is ordered by stands in the answer.
    let mut places = places;
    for order in &program.order_by {
        let place = columns.place(&order.by)?;
        if !places.contains(&place) {
            places.push(place);
        }
    }
    let names = places
        .iter()
        .filter_map(|place| columns.names.get(*place).cloned())
        .collect();
    let made = rows
        .into_iter()
        .map(|row| Made {
            cells: places
                .iter()
                .map(|place| row.cells.get(*place).cloned().unwrap_or(Cell::Null))
                .collect(),
            from: vec![(row.left, row.right)],
        })
        .collect();
    Ok((names, made))
}

/// Orders by the columns named; what is equal there keeps its order. Rows with nothing there come last.
fn order(made: &mut [Made], by: &[Order], names: &[String]) -> Result<(), ComputeError> {
    let columns = Columns::new("the answer", names);
    for order in by.iter().rev() {
        let place = columns.place(&order.by)?;
        if let Some((held, other)) = unlike(made.iter().filter_map(|row| row.cells.get(place))) {
            return Err(unlike_error(&order.by, held, other));
        }
        made.sort_by(|a, b| {
            let (a, b) = (a.cells.get(place), b.cells.get(place));
            match (a, b) {
                (Some(Cell::Null), Some(Cell::Null)) => Ordering::Equal,
                (Some(Cell::Null), _) => Ordering::Greater,
                (_, Some(Cell::Null)) => Ordering::Less,
                (Some(a), Some(b)) if order.desc => b.order(a),
                (Some(a), Some(b)) => a.order(b),
                _ => Ordering::Equal,
            }
        });
    }
    Ok(())
}
