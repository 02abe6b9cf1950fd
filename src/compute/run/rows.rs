//! Rows before they are grouped: joined, with what is derived, and filtered.

use std::{cmp::Ordering, collections::HashMap};

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{Columns, Row};
use crate::compute::{
    ComputeError, MOST_ROWS,
    program::{Arithmetic, Comparison, Condition, Derived, JoinKind, Operand, Program},
    table::{Cell, Table},
};

/// What makes values equal in joins and groups.
#[derive(PartialEq, Eq, Hash, Clone)]
pub(super) enum Key {
    Null,
    Bool(bool),
    Number(Decimal),
    Instant(jiff::Timestamp),
    Date(Date),
    Text(String),
}

pub(super) fn key(cell: &Cell) -> Key {
    match cell {
        Cell::Null => Key::Null,
        Cell::Bool(value) => Key::Bool(*value),
        Cell::Number(value) => Key::Number(value.normalize()),
        Cell::Date(date) => Key::Date(*date),
        Cell::Instant(instant) => Key::Instant(*instant),
        Cell::Text(text) => Key::Text(text.trim().to_lowercase()),
    }
}

pub(super) fn joined(
    rows: Vec<Row>,
    right: &Table,
    key_of_left: usize,
    key_of_right: usize,
    kind: JoinKind,
) -> Result<Vec<Row>, ComputeError> {
    let mut partners: HashMap<Key, Vec<usize>> = HashMap::new();
    for (at, row) in right.rows.iter().enumerate() {
        match row.get(key_of_right) {
            None | Some(Cell::Null) => {}
            Some(cell) => partners.entry(key(cell)).or_default().push(at),
        }
    }
    let nothing = vec![Cell::Null; right.names.len()];
    let mut out = Vec::new();
    for row in rows {
        let found = match row.cells.get(key_of_left) {
            None | Some(Cell::Null) => None,
            Some(cell) => partners.get(&key(cell)),
        };
        let with = |cells: &[Cell], right: Option<usize>| Row {
            cells: row.cells.iter().chain(cells).cloned().collect(),
            left: row.left,
            right,
        };
        match (found, kind) {
            (Some(found), JoinKind::Inner | JoinKind::Left) => {
                for at in found {
                    let cells = right
                        .rows
                        .get(*at)
                        .map_or(nothing.as_slice(), Vec::as_slice);
                    out.push(with(cells, Some(*at)));
                }
            }
            (None, JoinKind::Left | JoinKind::Missing) => out.push(with(&nothing, None)),
            (None, JoinKind::Inner) | (Some(_), JoinKind::Missing) => {}
        }
        if out.len() > MOST_ROWS {
            return Err(ComputeError::TooMany {
                what: "rows of a join",
                most: MOST_ROWS,
            });
        }
    }
    Ok(out)
}

/// Adds a column. Nothing comes of nothing, and of a division by zero; what is too large is an error.
pub(super) fn derive(
    rows: &mut [Row],
    names: &mut Vec<String>,
    derived: &Derived,
    result: &str,
) -> Result<(), ComputeError> {
    let columns = Columns::new(result, names);
    let operand = |operand: &Operand| {
        Ok(match operand {
            Operand::Column(column) => (Some(columns.place(column)?), Cell::Null),
            Operand::Number(number) => (None, Cell::of(&Value::Number(number.clone()))),
        })
    };
    let (left, right) = (operand(&derived.left)?, operand(&derived.right)?);
    let name = crate::text::shorten(&crate::text::visible(&derived.name), 60);
    for row in rows {
        let of = |(place, number): &(Option<usize>, Cell)| match place {
            Some(place) => row.cells.get(*place).cloned().unwrap_or(Cell::Null),
            None => number.clone(),
        };
        let cell = match (derived.op, of(&left), of(&right)) {
            (_, Cell::Null, _) | (_, _, Cell::Null) => Cell::Null,
            (Arithmetic::DaysBetween, from, to) => match (from.day(), to.day()) {
                (Some(from), Some(to)) => {
                    let days = from.until(to).map_or(0, |span| span.get_days());
                    Cell::Number(days.into())
                }
                _ => {
                    return Err(ComputeError::NotDates {
                        column: name,
                        unit: "days between them".to_owned(),
                    });
                }
            },
            (op, Cell::Number(left), Cell::Number(right)) => {
                let value = match op {
                    Arithmetic::Add => left.checked_add(right),
                    Arithmetic::Subtract => left.checked_sub(right),
                    Arithmetic::Multiply => left.checked_mul(right),
                    Arithmetic::Divide if right.is_zero() => {
                        row.cells.push(Cell::Null);
                        continue;
                    }
                    Arithmetic::Divide | Arithmetic::DaysBetween => left.checked_div(right),
                };
                Cell::Number(
                    value
                        .ok_or_else(|| ComputeError::Overflow(name.clone()))?
                        .normalize(),
                )
            }
            _ => {
                return Err(ComputeError::NotNumbers {
                    column: name,
                    measure: "arithmetic".to_owned(),
                });
            }
        };
        row.cells.push(cell);
    }
    names.push(unique(name, names));
    Ok(())
}

pub(super) fn filtered(
    rows: Vec<Row>,
    program: &Program,
    columns: &Columns<'_>,
) -> Result<Vec<Row>, ComputeError> {
    let compile = |conditions: &[Condition]| {
        conditions
            .iter()
            .map(|condition| Ok((columns.place(&condition.column)?, Test::of(condition)?)))
            .collect::<Result<Vec<_>, ComputeError>>()
    };
    let (all, any) = (compile(&program.conditions)?, compile(&program.any)?);
    let holds = |row: &Row, (place, test): &(usize, Test)| {
        row.cells.get(*place).is_some_and(|cell| test.holds(cell))
    };
    Ok(rows
        .into_iter()
        .filter(|row| {
            all.iter().all(|test| holds(row, test))
                && (any.is_empty() || any.iter().any(|test| holds(row, test)))
        })
        .collect())
}

/// A condition with its value read once.
struct Test {
    op: Comparison,
    values: Vec<Cell>,
    text: String,
}

impl Test {
    fn of(condition: &Condition) -> Result<Self, ComputeError> {
        let read = |value: &Value| {
            let table = Table::from_value(&json!([value]), Some("result"));
            table
                .ok()
                .and_then(|table| table.rows.into_iter().next()?.into_iter().next())
                .unwrap_or(Cell::Null)
        };
        let values: Vec<Cell> = match (&condition.value, condition.op) {
            (Value::Array(values), Comparison::In) => values.iter().map(read).collect(),
            (value, Comparison::In) => vec![read(value)],
            (Value::Array(_) | Value::Object(_), op)
                if !matches!(op, Comparison::IsNull | Comparison::NotNull) =>
            {
                return Err(ComputeError::Form(format!(
                    "the condition on `{}` wants one value",
                    crate::text::shorten(&condition.column, 60)
                )));
            }
            (value, _) => vec![read(value)],
        };
        let text = match &condition.value {
            Value::String(text) => text.to_lowercase(),
            other => other.to_string().to_lowercase(),
        };
        Ok(Self {
            op: condition.op,
            values,
            text,
        })
    }

    fn holds(&self, cell: &Cell) -> bool {
        let value = self.values.first().unwrap_or(&Cell::Null);
        let text = || match cell {
            Cell::Text(text) => text.to_lowercase(),
            other => match other.to_json() {
                Value::String(text) => text.to_lowercase(),
                other => other.to_string(),
            },
        };
        match self.op {
            Comparison::IsNull => *cell == Cell::Null,
            Comparison::NotNull => *cell != Cell::Null,
            Comparison::Eq => cell.same(value),
            Comparison::Ne => !cell.same(value),
            Comparison::In => self.values.iter().any(|value| cell.same(value)),
            Comparison::Contains => *cell != Cell::Null && text().contains(&self.text),
            Comparison::StartsWith => *cell != Cell::Null && text().starts_with(&self.text),
            // Nothing is neither more nor less, and a number is neither than a text.
            Comparison::Lt | Comparison::Le | Comparison::Gt | Comparison::Ge => {
                comparable(cell, value).is_some_and(|order| match self.op {
                    Comparison::Lt => order == Ordering::Less,
                    Comparison::Le => order != Ordering::Greater,
                    Comparison::Gt => order == Ordering::Greater,
                    _ => order != Ordering::Less,
                })
            }
        }
    }
}

fn comparable(a: &Cell, b: &Cell) -> Option<Ordering> {
    let same_kind = matches!(
        (a, b),
        (Cell::Number(_), Cell::Number(_)) | (Cell::Text(_), Cell::Text(_))
    ) || a.day().is_some() && b.day().is_some();
    same_kind.then(|| a.order(b))
}

pub(super) fn unique(name: String, taken: &[String]) -> String {
    let mut unique = name.clone();
    let mut number = 2;
    while taken.contains(&unique) {
        unique = format!("{name} {number}");
        number += 1;
    }
    unique
}
