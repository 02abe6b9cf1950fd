//! Running a program over tables.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap, HashSet},
};

use jiff::civil::Date;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};

use super::{
    ComputeError, MOST_ANSWER_ROWS, MOST_GROUPS, MOST_ROWS, listed,
    program::{
        Arithmetic, Comparison, Condition, Derived, Group, JoinKind, Measure, Operand, Operation,
        Order, Program, Unit,
    },
    table::{Cell, Table},
};

/// Decimals of averages, shares and changes in percent; half goes to the even digit.
const DIGITS: u32 = 4;
/// Rows that an answer has where the program names no limit.
const USUAL_ROWS: usize = 50;
/// Rows of a result that are remembered behind a row of the answer.
const MOST_ORIGINS: usize = 20;
/// Other values of a currency column that an error names.
const CURRENCIES_TOLD: usize = 5;

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
            .ok_or_else(|| ComputeError::UnknownResult(crate::text::shorten(handle, 20)))?;
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
                column: crate::text::shorten(&crate::text::visible(column), 60),
                known: listed(self.names.iter().map(String::as_str)),
            })
    }
}

/// What makes values equal in joins and groups.
#[derive(PartialEq, Eq, Hash, Clone)]
enum Key {
    Null,
    Bool(bool),
    Number(Decimal),
    Instant(jiff::Timestamp),
    Date(Date),
    Text(String),
}

fn key(cell: &Cell) -> Key {
    match cell {
        Cell::Null => Key::Null,
        Cell::Bool(value) => Key::Bool(*value),
        Cell::Number(value) => Key::Number(value.normalize()),
        Cell::Date(date) => Key::Date(*date),
        Cell::Instant(instant) => Key::Instant(*instant),
        Cell::Text(text) => Key::Text(text.trim().to_lowercase()),
    }
}

fn joined(
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
fn derive(
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

fn filtered(
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

/// The rows of one group.
struct Rows {
    label: Vec<Cell>,
    rows: Vec<Row>,
}

fn grouped(
    rows: Vec<Row>,
    program: &Program,
    columns: &Columns<'_>,
) -> Result<(Vec<String>, Vec<Made>), ComputeError> {
    let mut names = Vec::new();
    let mut by = Vec::new();
    for group in &program.group_by {
        let (column, unit) = match group {
            Group::Column(column) => (column, None),
            Group::Span { column, unit } => (column, Some(*unit)),
        };
        let place = columns.place(column)?;
        names.push(match unit {
            Some(unit) => unit.name().to_owned(),
            None => column.clone(),
        });
        by.push((place, unit, column.as_str()));
    }
    let mut groups: Vec<Rows> = Vec::new();
    let mut places: HashMap<Vec<Key>, usize> = HashMap::new();
    if by.is_empty() {
        groups.push(Rows {
            label: Vec::new(),
            rows,
        });
    } else {
        for row in rows {
            let mut label = Vec::with_capacity(by.len());
            for (place, unit, column) in &by {
                let cell = row.cells.get(*place).unwrap_or(&Cell::Null);
                label.push(match unit {
                    Some(unit) => span(cell, *unit, column)?,
                    None => cell.clone(),
                });
            }
            let key: Vec<Key> = label.iter().map(key).collect();
            let at = *places.entry(key).or_insert_with(|| {
                groups.push(Rows {
                    label,
                    rows: Vec::new(),
                });
                groups.len() - 1
            });
            if groups.len() > MOST_GROUPS {
                return Err(ComputeError::TooMany {
                    what: "groups",
                    most: MOST_GROUPS,
                });
            }
            if let Some(group) = groups.get_mut(at) {
                group.rows.push(row);
            }
        }
        groups.sort_by(|a, b| compare(&a.label, &b.label));
    }
    let count = Measure {
        name: None,
        op: Operation::Count,
        column: None,
        times: None,
    };
    let measures: Vec<&Measure> = if program.measures.is_empty() {
        vec![&count]
    } else {
        program.measures.iter().collect()
    };
    let mut cells: Vec<Vec<Cell>> = groups.iter().map(|group| group.label.clone()).collect();
    for measure in measures {
        names.push(unique(measure_name(measure), &names));
        let values = measured(measure, &groups, columns, &by)?;
        for (row, value) in cells.iter_mut().zip(values) {
            row.push(value);
        }
    }
    let made = cells
        .into_iter()
        .zip(groups)
        .map(|(cells, group)| Made {
            cells,
            from: group
                .rows
                .iter()
                .take(MOST_ORIGINS + 1)
                .map(|row| (row.left, row.right))
                .collect(),
        })
        .collect();
    Ok((names, made))
}

fn measure_name(measure: &Measure) -> String {
    match (&measure.name, &measure.column) {
        (Some(name), _) => crate::text::shorten(&crate::text::visible(name), 60),
        (None, Some(column)) => format!("{} of {column}", measure.op.name()),
        (None, None) => measure.op.name().to_owned(),
    }
}

fn unique(name: String, taken: &[String]) -> String {
    let mut unique = name.clone();
    let mut number = 2;
    while taken.contains(&unique) {
        unique = format!("{name} {number}");
        number += 1;
    }
    unique
}

/// The first day of the span that a value lies in, written so that spans sort: `1998-04`, `1998-Q2`.
fn span(cell: &Cell, unit: Unit, column: &str) -> Result<Cell, ComputeError> {
    let Some(date) = cell.day() else {
        if *cell == Cell::Null {
            return Ok(Cell::Null);
        }
        return Err(ComputeError::NotDates {
            column: column.to_owned(),
            unit: unit.name().to_owned(),
        });
    };
    let (year, month) = (date.year(), date.month());
    Ok(match unit {
        Unit::Day => Cell::Date(date),
        Unit::Week => {
            let back = i64::from(date.weekday().to_monday_zero_offset());
            let monday = date.checked_sub(jiff::Span::new().days(back));
            Cell::Date(monday.unwrap_or(date))
        }
        Unit::Month => Cell::Text(format!("{year:04}-{month:02}")),
        Unit::Quarter => Cell::Text(format!("{year:04}-Q{}", (month + 2) / 3)),
        Unit::Year => Cell::Text(format!("{year:04}")),
    })
}

fn compare(a: &[Cell], b: &[Cell]) -> Ordering {
    a.iter()
        .zip(b)
        .map(|(a, b)| a.order(b))
        .find(|order| *order != Ordering::Equal)
        .unwrap_or(Ordering::Equal)
}

/// The values of one measure, one a group.
fn measured(
    measure: &Measure,
    groups: &[Rows],
    columns: &Columns<'_>,
    by: &[(usize, Option<Unit>, &str)],
) -> Result<Vec<Cell>, ComputeError> {
    let place = match &measure.column {
        Some(column) => Some(columns.place(column)?),
        None if measure.op == Operation::Count => None,
        None => {
            return Err(ComputeError::Form(format!(
                "`{}` wants a `column`",
                measure.op.name()
            )));
        }
    };
    let Some(place) = place else {
        return Ok(groups
            .iter()
            .map(|group| Cell::Number(group.rows.len().into()))
            .collect());
    };
    let column = measure.column.as_deref().unwrap_or_default();
    let cells = |group: &Rows| -> Vec<Cell> {
        group
            .rows
            .iter()
            .filter_map(|row| row.cells.get(place))
            .filter(|cell| **cell != Cell::Null)
            .cloned()
            .collect()
    };
    match measure.op {
        Operation::Count => Ok(groups
            .iter()
            .map(|group| Cell::Number(cells(group).len().into()))
            .collect()),
        Operation::CountDistinct => Ok(groups
            .iter()
            .map(|group| {
                let different: HashSet<Key> = cells(group).iter().map(key).collect();
                Cell::Number(different.len().into())
            })
            .collect()),
        Operation::Min | Operation::Max if measure.times.is_none() => Ok(groups
            .iter()
            .map(|group| {
                let cells = cells(group);
                let end = if measure.op == Operation::Min {
                    cells.into_iter().min_by(Cell::order)
                } else {
                    cells.into_iter().max_by(Cell::order)
                };
                end.unwrap_or(Cell::Null)
            })
            .collect()),
        _ => {
            one_currency(place, groups, columns, by, column)?;
            let times = match &measure.times {
                Some(times) => Some(columns.place(times)?),
                None => None,
            };
            numbers(measure, groups, place, times, column)
        }
    }
}

/// The last word of a column that counts things and is no amount of money.
const COUNTS: [&str; 18] = [
    "qty", "quantity", "count", "number", "days", "hours", "minutes", "seconds", "units", "items",
    "pieces", "users", "age", "score", "weight", "rate", "percent", "share",
];

/// Refuses to add amounts of several currencies: a column `currency` with several values in one group.
fn one_currency(
    place: usize,
    groups: &[Rows],
    columns: &Columns<'_>,
    by: &[(usize, Option<Unit>, &str)],
    column: &str,
) -> Result<(), ComputeError> {
    let last_word = |name: &str| {
        let last = name.rsplit(['.', '_', ' ']).next().unwrap_or(name);
        last.to_lowercase()
    };
    if COUNTS.contains(&last_word(column).as_str()) {
        return Ok(());
    }
    let is_currency = |name: &String| last_word(name) == "currency";
    for (at, name) in columns.names.iter().enumerate() {
        if !is_currency(name) || at == place || by.iter().any(|(place, ..)| *place == at) {
            continue;
        }
        for group in groups {
            let mut seen: BTreeMap<String, ()> = BTreeMap::new();
            for row in &group.rows {
                let amount = row.cells.get(place);
                if let (Some(Cell::Text(code)), Some(Cell::Number(_))) = (row.cells.get(at), amount)
                {
                    seen.insert(code.trim().to_uppercase(), ());
                }
            }
            if seen.len() > 1 {
                let currencies = seen.keys().take(CURRENCIES_TOLD).map(String::as_str);
                return Err(ComputeError::SeveralCurrencies {
                    column: column.to_owned(),
                    by: name.clone(),
                    currencies: crate::text::visible(&listed(currencies)),
                });
            }
        }
    }
    Ok(())
}

fn numbers(
    measure: &Measure,
    groups: &[Rows],
    place: usize,
    times: Option<usize>,
    column: &str,
) -> Result<Vec<Cell>, ComputeError> {
    let not_numbers = || ComputeError::NotNumbers {
        column: column.to_owned(),
        measure: measure.op.name().to_owned(),
    };
    let overflow = || ComputeError::Overflow(column.to_owned());
    let mut all: Vec<Vec<Decimal>> = Vec::with_capacity(groups.len());
    for group in groups {
        let mut values = Vec::with_capacity(group.rows.len());
        for row in &group.rows {
            let value = match row.cells.get(place) {
                Some(Cell::Number(value)) => *value,
                None | Some(Cell::Null) => continue,
                Some(_) => return Err(not_numbers()),
            };
            let value = match times.map(|times| row.cells.get(times)) {
                None => value,
                Some(Some(Cell::Number(factor))) => {
                    value.checked_mul(*factor).ok_or_else(overflow)?
                }
                Some(None | Some(Cell::Null)) => continue,
                Some(Some(_)) => return Err(not_numbers()),
            };
            values.push(value);
        }
        all.push(values);
    }
    let sum = |values: &[Decimal]| {
        values
            .iter()
            .try_fold(Decimal::ZERO, |sum, value| sum.checked_add(*value))
            .ok_or_else(overflow)
    };
    let rounded = |value: Decimal| {
        Cell::Number(
            value
                .round_dp_with_strategy(DIGITS, RoundingStrategy::MidpointNearestEven)
                .normalize(),
        )
    };
    let sums: Vec<Decimal> = all
        .iter()
        .map(|values| sum(values))
        .collect::<Result<_, _>>()?;
    let total = sum(&sums)?;
    let percent = |part: Decimal, of: Decimal| {
        let share = part
            .checked_mul(Decimal::ONE_HUNDRED)
            .and_then(|part| part.checked_div(of));
        share.map_or(Cell::Null, rounded)
    };
    let mut out = Vec::with_capacity(groups.len());
    let mut before: Option<Decimal> = None;
    for (values, own) in all.iter_mut().zip(&sums) {
        let count = Decimal::from(values.len());
        out.push(match measure.op {
            _ if values.is_empty() && measure.op != Operation::Sum => Cell::Null,
            Operation::Sum => Cell::Number(own.normalize()),
            Operation::Avg => own.checked_div(count).map_or(Cell::Null, rounded),
            Operation::Min => values.iter().min().map_or(Cell::Null, |v| Cell::Number(*v)),
            Operation::Max => values.iter().max().map_or(Cell::Null, |v| Cell::Number(*v)),
            Operation::Median => {
                values.sort();
                let middle = values.len() / 2;
                let upper = values.get(middle).copied().unwrap_or_default();
                let lower = values
                    .get(middle.saturating_sub(1))
                    .copied()
                    .unwrap_or(upper);
                if values.len() % 2 == 1 {
                    Cell::Number(upper)
                } else {
                    let both = lower.checked_add(upper).ok_or_else(overflow)?;
                    rounded(both / Decimal::TWO)
                }
            }
            Operation::Share => percent(*own, total),
            Operation::Change => before
                .and_then(|before| own.checked_sub(before))
                .map_or(Cell::Null, |change| Cell::Number(change.normalize())),
            Operation::ChangePercent => before
                .and_then(|before| Some(percent(own.checked_sub(before)?, before.abs())))
                .unwrap_or(Cell::Null),
            Operation::Count | Operation::CountDistinct => Cell::Number(count),
        });
        before = Some(*own);
    }
    Ok(out)
}

/// Orders by the columns named; what is equal there keeps its order. Rows with nothing there come last.
fn order(made: &mut [Made], by: &[Order], names: &[String]) -> Result<(), ComputeError> {
    let columns = Columns::new("the answer", names);
    for order in by.iter().rev() {
        let place = columns.place(&order.by)?;
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
