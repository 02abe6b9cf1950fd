//! Rows before they are grouped: joined, with what is derived, and filtered.

use std::{cmp::Ordering, collections::HashMap};

use jiff::civil::Date;
use serde_json::{Value, json};

use ground::exact::NotExact;

use super::{Columns, Row};
use crate::compute::{
    ComputeError, MOST_ROWS,
    program::{Arithmetic, Comparison, Condition, Derived, JoinKind, Operand, Program},
    table::{Cell, Table},
    unlike_error,
};

/// What makes values equal in joins and groups; a number is the same as the text of its digits.
#[derive(PartialEq, Eq, Hash, Clone)]
pub(super) enum Key {
    Null,
    Bool(bool),
    Instant(jiff::Timestamp),
    Date(Date),
    Text(String),
}

pub(super) fn key(cell: &Cell) -> Key {
    match cell {
        Cell::Null => Key::Null,
        Cell::Bool(value) => Key::Bool(*value),
        Cell::Number(value) => Key::Text(value.to_string()),
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
    let left = operand(&derived.left)?;
    let right = match (&derived.right, derived.op) {
        (Some(right), _) => operand(right)?,
        (None, Arithmetic::Number) => (None, Cell::Bool(true)),
        (None, _) => {
            return Err(ComputeError::Form(
                "a derived column of this op wants `right`".to_owned(),
            ));
        }
    };
    let name = ground::text::shorten(&ground::text::visible(&derived.name), 60);
    for row in rows {
        let of = |(place, number): &(Option<usize>, Cell)| match place {
            Some(place) => row.cells.get(*place).cloned().unwrap_or(Cell::Null),
            None => number.clone(),
        };
        let (left, right) = (of(&left), of(&right));
        let not_numbers = || ComputeError::NotNumbers {
            column: name.clone(),
            measure: "arithmetic".to_owned(),
        };
        let cell = match derived.op {
            _ if left == Cell::Null || right == Cell::Null => Cell::Null,
            Arithmetic::Number => Cell::Number(left.asked_number().ok_or_else(not_numbers)?),
            Arithmetic::DaysBetween => match (left.day(), right.day()) {
                (Some(from), Some(to)) => {
                    let days = from.until(to).map_or(0, |span| span.get_days());
                    Cell::Number(i64::from(days).into())
                }
                _ => {
                    return Err(ComputeError::NotDates {
                        column: name,
                        unit: "days between them".to_owned(),
                    });
                }
            },
            op => {
                let (Some(left), Some(right)) = (left.asked_number(), right.asked_number()) else {
                    return Err(not_numbers());
                };
                let value = match op {
                    Arithmetic::Add => left.add(&right),
                    Arithmetic::Subtract => left.subtract(&right),
                    Arithmetic::Multiply => left.multiply(&right),
                    Arithmetic::Divide | Arithmetic::DaysBetween | Arithmetic::Number => {
                        left.divide(&right)
                    }
                };
                match value {
                    Ok(value) => Cell::Number(value),
                    Err(NotExact::ByZero) => Cell::Null,
                    Err(_) => return Err(ComputeError::Overflow(name)),
                }
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
        row.cells
            .get(*place)
            .map_or(Ok(false), |cell| test.holds(cell))
    };
    let mut kept = Vec::with_capacity(rows.len());
    for row in rows {
        // Each condition is looked at, so that which rows there are decides nothing about what is told.
        let mut meets = true;
        for test in &all {
            meets &= holds(&row, test)?;
        }
        let mut meets_one = any.is_empty();
        for test in &any {
            meets_one |= holds(&row, test)?;
        }
        if meets && meets_one {
            kept.push(row);
        }
    }
    Ok(kept)
}

/// A condition with its value read once.
struct Test {
    column: String,
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
                    ground::text::shorten(&condition.column, 60)
                )));
            }
            (value, _) => vec![read(value)],
        };
        let text = match &condition.value {
            Value::String(text) => text.to_lowercase(),
            other => other.to_string().to_lowercase(),
        };
        Ok(Self {
            column: condition.column.clone(),
            op: condition.op,
            values,
            text,
        })
    }

    fn holds(&self, cell: &Cell) -> Result<bool, ComputeError> {
        let value = self.values.first().unwrap_or(&Cell::Null);
        let text = || match cell {
            Cell::Text(text) => text.to_lowercase(),
            other => match other.to_json() {
                Value::String(text) => text.to_lowercase(),
                other => other.to_string(),
            },
        };
        let unlike = |value: &Cell| unlike_error(&self.column, cell.kind(), value.kind());
        let same = |value: &Cell| cell.same(value).ok_or_else(|| unlike(value));
        Ok(match self.op {
            Comparison::IsNull => *cell == Cell::Null,
            Comparison::NotNull => *cell != Cell::Null,
            Comparison::Eq => same(value)?,
            Comparison::Ne => !same(value)?,
            Comparison::In => {
                let mut one_unlike = None;
                for value in &self.values {
                    match cell.same(value) {
                        Some(true) => return Ok(true),
                        Some(false) => {}
                        None => one_unlike = Some(value),
                    }
                }
                match one_unlike {
                    Some(value) => return Err(unlike(value)),
                    None => false,
                }
            }
            Comparison::Contains => *cell != Cell::Null && text().contains(&self.text),
            Comparison::StartsWith => *cell != Cell::Null && text().starts_with(&self.text),
            // Nothing is neither more nor less.
            Comparison::Lt | Comparison::Le | Comparison::Gt | Comparison::Ge => {
                if *cell == Cell::Null {
                    return Ok(false);
                }
                let order = cell.compare(value).ok_or_else(|| unlike(value))?;
                match self.op {
                    Comparison::Lt => order == Ordering::Less,
                    Comparison::Le => order != Ordering::Greater,
                    Comparison::Gt => order == Ordering::Greater,
                    _ => order != Ordering::Less,
                }
            }
        })
    }
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
