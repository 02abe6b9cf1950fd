//! A tool's answer as rows and columns.

use std::{cmp::Ordering, collections::BTreeMap};

use jiff::{Timestamp, civil::Date};
use serde_json::{Map, Value};

use super::{ComputeError, MOST_COLUMNS, MOST_ROWS, page};
use ground::exact::{Exact, NotExact};

/// How deep rows are looked for, and how deep a row's objects become columns of their own.
const DEEPEST: usize = 6;

/// One value of a row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Cell {
    Null,
    Bool(bool),
    /// Exact, with all the digits of the source.
    Number(Exact),
    Date(Date),
    Instant(Timestamp),
    Text(String),
}

impl Cell {
    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            // One of more digits than are computed with keeps them as text.
            Value::Number(number) => Exact::try_from(number)
                .map_or_else(|_| Self::Text(number.to_string()), Self::Number),
            Value::String(text) => Self::of_text(text),
            other => Self::Text(other.to_string()),
        }
    }

    /// A day or an instant is one, as JSON has no other form for it. A number written as text stays a text: it compares with
    /// texts, and is read as a number by what asks for one ([`Self::asked_number`]).
    fn of_text(text: &str) -> Self {
        let trimmed = text.trim();
        if trimmed.is_empty() || trimmed.len() > 64 {
            return Self::Text(text.to_owned());
        }
        if let Ok(instant) = trimmed.parse::<Timestamp>() {
            return Self::Instant(instant);
        }
        let begins_as_date =
            trimmed.len() == 10 || matches!(trimmed.as_bytes().get(10), Some(b'T' | b' '));
        let day = begins_as_date
            .then(|| trimmed.get(..10).and_then(|head| head.parse::<Date>().ok()))
            .flatten();
        day.map_or_else(|| Self::Text(text.to_owned()), Self::Date)
    }

    /// The value as JSON: numbers as they are, days and instants as texts.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Number(value) => value.to_json(),
            Self::Date(date) => date.to_string().into(),
            Self::Instant(instant) => instant.to_string().into(),
            Self::Text(text) => ground::text::visible(text).into(),
        }
    }

    /// The day of a date or instant, in UTC.
    pub fn day(&self) -> Option<Date> {
        match self {
            Self::Date(date) => Some(*date),
            Self::Instant(instant) => Some(jiff::tz::TimeZone::UTC.to_datetime(*instant).date()),
            _ => None,
        }
    }

    /// Order among values: nothing first, then by kind, then by value; texts without regard to case.
    pub fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.cmp(b),
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Instant(a), Self::Instant(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a
                .to_lowercase()
                .cmp(&b.to_lowercase())
                .then_with(|| a.cmp(b)),
            (a, b) => match (a.day(), b.day()) {
                // A day stands before its instants, so that there is one order of all.
                (Some(day), Some(other)) => day.cmp(&other).then_with(|| {
                    let is_instant = |cell: &Self| matches!(cell, Self::Instant(_));
                    is_instant(a).cmp(&is_instant(b))
                }),
                _ => a.rank().cmp(&b.rank()),
            },
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Number(_) => 2,
            Self::Date(_) | Self::Instant(_) => 3,
            Self::Text(_) => 4,
        }
    }

    /// The kind in a reader's words.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "yes or no",
            Self::Number(_) => "a number",
            Self::Date(_) | Self::Instant(_) => "a date",
            Self::Text(text) if is_numeric(text) => "a number written as text",
            Self::Text(_) => "a text",
        }
    }

    /// The number, also that of a text: for what asks for a number, such as a sum.
    pub(crate) fn asked_number(&self) -> Option<Exact> {
        match self {
            Self::Number(number) => Some(number.clone()),
            Self::Text(text) => Exact::parse(text.trim()).ok(),
            _ => None,
        }
    }

    /// Are they the same thing? Texts without regard to case and the space around them. Nothing where their kinds are unlike.
    pub(crate) fn same(&self, other: &Self) -> Option<bool> {
        match (self, other) {
            (Self::Null, other) | (other, Self::Null) => Some(*other == Self::Null),
            (Self::Text(a), Self::Text(b)) => {
                Some(a.trim().to_lowercase() == b.trim().to_lowercase())
            }
            (Self::Bool(a), Self::Bool(b)) => Some(a == b),
            _ => Some(self.compare(other)? == Ordering::Equal),
        }
    }

    /// The order of two values of like kinds: numbers, dates and instants (by their day where one is a date), texts that are
    /// not both numbers. Nothing where they have none.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        let alike = match (self, other) {
            (Self::Number(_), Self::Number(_)) => true,
            (Self::Text(a), Self::Text(b)) => !(is_numeric(a) && is_numeric(b)),
            (Self::Date(_), Self::Instant(_)) | (Self::Instant(_), Self::Date(_)) => {
                return Some(self.day().cmp(&other.day()));
            }
            _ => self.day().is_some() && other.day().is_some(),
        };
        alike.then(|| self.order(other))
    }
}

fn is_numeric(text: &str) -> bool {
    Exact::parse(text.trim()) != Err(NotExact::NoNumber)
}

/// Rows under named columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    pub(crate) names: Vec<String>,
    pub(crate) rows: Vec<Vec<Cell>>,
}

impl Table {
    /// The rows of a result: the list at `path`, else the longest list of objects in it. A member of a row that is an object
    /// gives columns such as `fields.status.name`; `{"columns": […], "rows": [[…]]}` is a table already.
    pub fn from_value(value: &Value, path: Option<&str>) -> Result<Self, ComputeError> {
        let value = match path.filter(|path| !path.is_empty()) {
            Some(path) => at(value, path)
                .ok_or_else(|| ComputeError::NoRows(ground::text::shorten(path, 80)))?,
            None => value,
        };
        if let Some(table) = with_columns(value) {
            return table;
        }
        let rows = match value {
            Value::Array(_) if path.is_some() => value,
            _ => longest(value, 0).unwrap_or(value),
        };
        match rows {
            Value::Array(items) => Self::of_rows(items),
            Value::Object(fields) if page::is_empty(fields) => Self::of_rows(&[]),
            Value::Object(_) => Self::of_rows(std::slice::from_ref(rows)),
            _ => Err(ComputeError::NoRows("the result".to_owned())),
        }
    }

    fn of_rows(items: &[Value]) -> Result<Self, ComputeError> {
        if items.len() > MOST_ROWS {
            return Err(ComputeError::TooMany {
                what: "rows of a result",
                most: MOST_ROWS,
            });
        }
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let mut table = Self::default();
        for item in items {
            let mut row: Vec<Cell> = vec![Cell::Null; table.names.len()];
            let mut put = |name: String, cell: Cell| {
                let at = match places.get(&name) {
                    Some(at) => *at,
                    None if table.names.len() < MOST_COLUMNS => {
                        places.insert(name.clone(), table.names.len());
                        table.names.push(name);
                        table.names.len() - 1
                    }
                    None => return,
                };
                if row.len() <= at {
                    row.resize(at + 1, Cell::Null);
                }
                if let Some(place) = row.get_mut(at) {
                    *place = cell;
                }
            };
            match item {
                Value::Object(fields) => flatten(fields, "", 0, &mut put),
                other => put("value".to_owned(), Cell::of(other)),
            }
            table.rows.push(row);
        }
        let width = table.names.len();
        for row in &mut table.rows {
            row.resize(width, Cell::Null);
        }
        Ok(table)
    }

    /// The names of the columns.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Are there no rows?
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The value of a row, counted from 0, as JSON.
    pub fn cell(&self, row: usize, column: &str) -> Option<Value> {
        let at = self.place(column)?;
        self.rows.get(row)?.get(at).map(Cell::to_json)
    }

    /// Where a column stands: by its name, else without regard to case.
    pub(crate) fn place(&self, column: &str) -> Option<usize> {
        let exact = self.names.iter().position(|name| name == column);
        exact.or_else(|| {
            let lower = column.to_lowercase();
            self.names
                .iter()
                .position(|name| name.to_lowercase() == lower)
        })
    }
}

fn flatten(
    fields: &Map<String, Value>,
    before: &str,
    depth: usize,
    put: &mut impl FnMut(String, Cell),
) {
    for (name, value) in fields {
        let name = if before.is_empty() {
            name.clone()
        } else {
            format!("{before}.{name}")
        };
        match value {
            Value::Object(inner) if depth < DEEPEST => flatten(inner, &name, depth + 1, put),
            value => put(name, Cell::of(value)),
        }
    }
}

/// Text that a server writes for people, lines of `Name: value` in records that begin with the same name, as rows; nothing
/// where it is other text.
pub fn rows_of_text(value: &Value) -> Option<Value> {
    let text = match value {
        Value::String(text) => text,
        Value::Object(fields) if fields.len() == 1 => fields.get("text")?.as_str()?,
        _ => return None,
    };
    let is_name = |name: &str| {
        !name.is_empty()
            && name.starts_with(char::is_uppercase)
            && name.chars().all(char::is_alphanumeric)
    };
    let first = text.lines().find_map(|line| {
        let (name, _) = line.split_once(": ")?;
        is_name(name).then_some(name)
    })?;
    let records = ground::text::records(text, first);
    let rows: Vec<Value> = records
        .into_iter()
        .filter(|record| record.len() > 1)
        .map(|record| {
            record
                .into_iter()
                .map(|(name, value)| (name, value.trim_matches(['\'', '"']).into()))
                .collect::<Map<_, _>>()
                .into()
        })
        .collect();
    (!rows.is_empty()).then(|| serde_json::json!({ "rows": rows }))
}

/// The value at a path of names parted by dots; a first `result` stands for the whole.
fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    let path = path.strip_prefix("result.").unwrap_or(path);
    if path == "result" {
        return Some(value);
    }
    path.split('.')
        .try_fold(value, |value, name| value.get(name))
}

/// `{"columns": ["a"], "rows": [[1]]}`.
fn with_columns(value: &Value) -> Option<Result<Table, ComputeError>> {
    let names: Vec<String> = value
        .get("columns")?
        .as_array()?
        .iter()
        .map(|column| match column {
            Value::String(name) => Some(name.clone()),
            other => other.get("name")?.as_str().map(str::to_owned),
        })
        .collect::<Option<_>>()?;
    let rows = value.get("rows")?.as_array()?;
    if !rows.iter().all(Value::is_array) || names.len() > MOST_COLUMNS {
        return None;
    }
    if rows.len() > MOST_ROWS {
        return Some(Err(ComputeError::TooMany {
            what: "rows of a result",
            most: MOST_ROWS,
        }));
    }
    let width = names.len();
    let rows = rows
        .iter()
        .filter_map(Value::as_array)
        .map(|row| {
            let mut cells: Vec<Cell> = row.iter().take(width).map(Cell::of).collect();
            cells.resize(width, Cell::Null);
            cells
        })
        .collect();
    Some(Ok(Table { names, rows }))
}

/// The longest list of objects.
fn longest(value: &Value, depth: usize) -> Option<&Value> {
    let inner: Vec<&Value> = match value {
        Value::Array(items) if items.first().is_some_and(Value::is_object) => return Some(value),
        Value::Array(items) if depth == 0 && !items.is_empty() => return Some(value),
        Value::Object(fields) if depth < DEEPEST => fields.values().collect(),
        _ => return None,
    };
    inner
        .into_iter()
        .filter_map(|value| longest(value, depth + 1))
        .max_by_key(|value| value.as_array().map_or(0, Vec::len))
}
