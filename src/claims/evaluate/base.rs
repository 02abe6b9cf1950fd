//! The rows that a set is taken of: one result, perhaps each row with its partner in another.

use std::{cmp::Ordering, collections::HashMap, sync::Arc};

use ground::text::{shorten, visible};
use jiff::{civil::Date, tz::TimeZone};

use crate::{
    claim::End,
    compute::Cell,
    computed::{Column, Datum, Measured, Origin, Quantity, RowName, SourceSaid},
    period::Span,
    refusal::{Code, Refusal},
    result::{Source, Whole},
};

/// Origins that are remembered of one claim.
const MAX_ORIGINS: usize = 40;
/// The last word of a column that holds no amount: it never adds up, unless its owner says so.
const RATES: [&str; 6] = ["percent", "rate", "average", "avg", "ratio", "share"];
/// The last word of a column that tells rows apart.
const IDENTIFIERS: [&str; 3] = ["id", "key", "year"];
/// The last word of a column that holds what rows are called.
const NAMES: [&str; 3] = ["name", "title", "subject"];
/// Characters of a text that may stand as a name.
const MAX_NAME: usize = 60;

/// A result, ready to be asked.
pub(crate) struct Base {
    pub source: Arc<Source>,
    pub said: Arc<SourceSaid>,
    pub columns: Vec<Arc<Column>>,
    pub zone: TimeZone,
    /// The columns that tell a row from others.
    pub key: Vec<usize>,
    /// Where each row stands, whatever order rows and columns came in.
    pub place_of_row: Vec<usize>,
    /// Columns whose texts name spans of time.
    spans: Vec<bool>,
    pub partner: Option<Partner>,
}

/// The other result, and for each row of ours its row there.
pub(crate) struct Partner {
    pub base: Arc<Base>,
    pub rows: Vec<Option<usize>>,
}

impl Base {
    /// Makes a result ready. One that failed, and rows that are twice, are refused.
    pub fn new(source: &Arc<Source>, zone: &TimeZone) -> Result<Self, Refusal> {
        if source.failed.is_some() {
            return Err(Refusal::new(
                Code::Id,
                format!("{} did not answer: say it as `gap`", source.handle),
            ));
        }
        let table = &source.table;
        let columns: Vec<Arc<Column>> = table
            .columns()
            .map(|name| {
                let words = source.words.column.get(name).cloned().unwrap_or_default();
                let name = name.to_owned();
                Arc::new(Column { name, words })
            })
            .collect();
        let spans = (0..columns.len())
            .map(|at| names_spans(source, at))
            .collect();
        let said = SourceSaid {
            handle: source.handle.clone(),
            title: source.title.clone(),
            words: Arc::clone(&source.words),
            rows: table.len(),
            whole: source.whole.clone(),
            period: source.period(),
            arguments: source
                .other_arguments()
                .into_iter()
                .map(|(name, cell)| (name, plain_datum(&cell)))
                .collect(),
        };
        let mut base = Self {
            source: Arc::clone(source),
            said: Arc::new(said),
            columns,
            zone: zone.clone(),
            key: Vec::new(),
            place_of_row: Vec::new(),
            spans,
            partner: None,
        };
        let declared = base.declared_key()?;
        base.key = if declared.is_empty() {
            base.likely_key()
        } else {
            declared
        };
        base.place_of_row = base.places();
        Ok(base)
    }

    /// This base with each row's partner in another.
    pub fn against(&self, other: Arc<Base>, kept: Option<&[usize]>) -> Result<Self, Refusal> {
        for base in [self, &*other] {
            if base.source.whole == Whole::Part {
                let handle = &base.source.handle;
                let why =
                    format!("{handle} is a part of its rows: a missing partner would mean nothing");
                return Err(Refusal::new(Code::Cut, why));
            }
        }
        let names: Vec<&str> = self.key_for(&other)?;
        let place = |base: &Base, name: &str| base.source.table.place(name);
        let ours: Option<Vec<usize>> = names.iter().map(|name| place(self, name)).collect();
        let theirs: Option<Vec<usize>> = names.iter().map(|name| place(&other, name)).collect();
        let (Some(ours), Some(theirs)) = (ours, theirs) else {
            return Err(Refusal::new(
                Code::Key,
                format!(
                    "{} has not the key of {}",
                    other.source.handle, self.source.handle
                ),
            ));
        };
        let mut by_key: HashMap<Vec<String>, usize> = HashMap::new();
        for row in 0..other.len() {
            if kept.is_some_and(|kept| !kept.contains(&row)) {
                continue;
            }
            let Some(key) = other.key_of(row, &theirs) else {
                continue;
            };
            if by_key.insert(key, row).is_some() {
                let why = format!(
                    "`{}` is not unique in {}",
                    names.join(", "),
                    other.source.handle
                );
                return Err(Refusal::new(Code::Key, why));
            }
        }
        let rows = (0..self.len())
            .map(|row| by_key.get(&self.key_of(row, &ours)?).copied())
            .collect();
        Ok(Self {
            source: Arc::clone(&self.source),
            said: Arc::clone(&self.said),
            columns: self.columns.clone(),
            zone: self.zone.clone(),
            key: self.key.clone(),
            place_of_row: self.place_of_row.clone(),
            spans: self.spans.clone(),
            partner: Some(Partner { base: other, rows }),
        })
    }

    /// The columns that rows of both are matched by: the declared key, else the likely one that both have.
    fn key_for(&self, other: &Base) -> Result<Vec<&str>, Refusal> {
        let declared = &self.source.words.key;
        if !declared.is_empty() {
            return Ok(declared.iter().map(String::as_str).collect());
        }
        let mut shared: Vec<&str> = self
            .columns
            .iter()
            .enumerate()
            .filter(|(at, column)| {
                let there = other.source.table.place(&column.name);
                self.is_unique(*at) && there.is_some_and(|at| other.is_unique(at))
            })
            .map(|(_, column)| column.name.as_str())
            .collect();
        shared.sort_by_key(|name| (name.len(), *name));
        match shared.first() {
            Some(name) => Ok(vec![name]),
            None => Err(Refusal::new(
                Code::Key,
                format!(
                    "{} and {} share no column that is unique in both",
                    self.source.handle, other.source.handle
                ),
            )),
        }
    }

    fn declared_key(&self) -> Result<Vec<usize>, Refusal> {
        let table = &self.source.table;
        let places: Vec<usize> = self
            .source
            .words
            .key
            .iter()
            .filter_map(|name| table.place(name))
            .collect();
        if places.is_empty() || places.len() != self.source.words.key.len() {
            return Ok(Vec::new());
        }
        let mut seen: HashMap<Vec<String>, ()> = HashMap::new();
        for row in 0..self.len() {
            if let Some(key) = self.key_of(row, &places)
                && seen.insert(key, ()).is_some()
            {
                let why = format!(
                    "rows of {} are twice: its key `{}` is not unique",
                    self.source.handle,
                    self.source.words.key.join(", ")
                );
                return Err(Refusal::new(Code::Key, why));
            }
        }
        Ok(places)
    }

    /// A column of short texts that differ in all rows; the shortest name of several.
    fn likely_key(&self) -> Vec<usize> {
        let texts_only = |at: &usize| {
            (0..self.len()).all(|row| match self.cell(row, *at) {
                Cell::Text(text) => text.chars().count() <= MAX_NAME && !text.contains("://"),
                Cell::Number(_) => self.is_identifier(*at),
                _ => false,
            })
        };
        let mut found: Vec<usize> = (0..self.columns.len())
            .filter(|at| !self.names_span(*at) && self.is_unique(*at) && texts_only(at))
            .collect();
        // A key in letters tells most, then a name, then the number of what is known to be of a kind ("Order 1001"). Other texts
        // are of the row and name it only by chance; a bare number reads worst.
        found.sort_by_key(|at| {
            let column = self.columns.get(*at);
            let name = column.map_or("", |column| &column.name);
            let has_kind = column.is_some_and(|column| column.kind_of_row().is_some());
            let rank = match (self.is_identifier(*at), self.cell(0, *at)) {
                (true, Cell::Text(_)) => 0,
                (false, _) if NAMES.contains(&last_word(name).as_str()) => 1,
                (true, _) if has_kind => 2,
                (false, _) => 3,
                (true, _) => 4,
            };
            (rank, name.len(), name.to_owned())
        });
        found.truncate(1);
        if found.is_empty() {
            let span =
                (0..self.columns.len()).find(|at| self.names_span(*at) && self.is_unique(*at));
            found.extend(span);
        }
        found
    }

    fn is_unique(&self, at: usize) -> bool {
        let mut seen = HashMap::new();
        (0..self.len()).all(|row| {
            self.key_of(row, &[at])
                .is_some_and(|key| seen.insert(key, ()).is_none())
        })
    }

    /// The values that make rows equal; nothing where one is empty.
    fn key_of(&self, row: usize, places: &[usize]) -> Option<Vec<String>> {
        let key = |at: &usize| match self.cell(row, *at) {
            Cell::Null => None,
            Cell::Text(text) => Some(text.trim().to_lowercase()),
            Cell::Number(number) => Some(number.to_string()),
            other => Some(other.to_json().to_string()),
        };
        places.iter().map(key).collect()
    }

    /// Where each row stands: in the declared order, then by its key, then by all its cells.
    fn places(&self) -> Vec<usize> {
        let mut by_name: Vec<usize> = (0..self.columns.len()).collect();
        by_name.sort_by_key(|at| self.columns.get(*at).map(|column| column.name.clone()));
        let order = self.source.words.order.as_ref();
        let first =
            order.and_then(|order| Some((self.source.table.place(&order.by)?, order.first)));
        let compare = |a: &usize, b: &usize| {
            let by = |at: usize| self.cell(*a, at).order(self.cell(*b, at));
            let declared = first.map_or(Ordering::Equal, |(at, first)| match first {
                End::High => by(at).reverse(),
                End::Low => by(at),
            });
            let places = self.key.iter().chain(&by_name);
            places.fold(declared, |order, at| order.then_with(|| by(*at)))
        };
        let mut rows: Vec<usize> = (0..self.len()).collect();
        rows.sort_by(compare);
        let mut places = vec![0; self.len()];
        for (place, row) in rows.into_iter().enumerate() {
            if let Some(slot) = places.get_mut(row) {
                *slot = place;
            }
        }
        places
    }

    pub fn len(&self) -> usize {
        self.source.table.len()
    }

    pub fn cell(&self, row: usize, at: usize) -> &Cell {
        let rows = &self.source.table.rows;
        rows.get(row)
            .and_then(|row| row.get(at))
            .unwrap_or(&Cell::Null)
    }

    pub fn names_span(&self, at: usize) -> bool {
        self.spans.get(at).copied().unwrap_or(false)
    }

    /// Does the column tell rows apart, so that its numbers are names?
    pub fn is_identifier(&self, at: usize) -> bool {
        let Some(column) = self.columns.get(at) else {
            return false;
        };
        let declared = self.source.words.key.iter();
        declared.clone().any(|name| *name == column.name)
            || (column.words.unit.is_none()
                && IDENTIFIERS.contains(&last_word(&column.name).as_str()))
    }

    /// May the column's numbers be added up?
    pub fn adds(&self, at: usize) -> bool {
        let Some(column) = self.columns.get(at) else {
            return false;
        };
        if self.source.words.key.contains(&column.name) {
            return false;
        }
        column.words.adds.unwrap_or_else(|| {
            column.words.unit.as_deref() != Some("%")
                && !RATES.contains(&last_word(&column.name).as_str())
                && !self.is_identifier(at)
        })
    }

    /// What a number of the column counts, in a row.
    pub fn unit(&self, row: usize, at: usize) -> Measured {
        let Some(column) = self.columns.get(at) else {
            return Measured::Plain;
        };
        if let Some(unit) = &column.words.unit {
            return unit_of(unit);
        }
        let beside = column
            .words
            .unit_column
            .clone()
            .unwrap_or_else(|| format!("{}_currency", column.name));
        match self
            .source
            .table
            .place(&beside)
            .map(|at| self.cell(row, at))
        {
            Some(Cell::Text(unit)) => unit_of(unit),
            _ => Measured::Plain,
        }
    }

    /// The column that says in which currency a row is, where the columns of numbers do not say theirs.
    pub fn currency_column(&self, of: usize) -> Option<usize> {
        let words = &self.columns.get(of)?.words;
        if words.unit.is_some() || words.unit_column.is_some() {
            return None;
        }
        (0..self.columns.len()).find(|at| {
            let name = self.columns.get(*at).map_or("", |column| &column.name);
            last_word(name) == "currency"
        })
    }

    pub fn find(&self, name: &str) -> Result<usize, Refusal> {
        self.source.table.place(name).ok_or_else(|| {
            let has = self.columns.iter().map(|column| visible(&column.name));
            let name = shorten(&visible(name), 40);
            Refusal::new(
                Code::Column,
                format!("{} has no column `{name}`", self.source.handle),
            )
            .having(has)
        })
    }

    pub fn column(&self, at: usize) -> Option<&Arc<Column>> {
        self.columns.get(at)
    }

    /// The day of a cell, for the reader.
    pub fn day(&self, cell: &Cell) -> Option<Date> {
        match cell {
            Cell::Date(date) => Some(*date),
            Cell::Instant(instant) => Some(self.zone.to_datetime(*instant).date()),
            _ => None,
        }
    }

    /// A cell as it is said.
    pub fn datum(&self, row: usize, at: usize) -> Datum {
        let cell = self.cell(row, at);
        match cell {
            Cell::Number(number) if self.is_identifier(at) => Datum::Text(number.to_string()),
            Cell::Number(number) => Datum::Number(Quantity {
                value: number.clone(),
                unit: self.unit(row, at),
                is_of_record: true,
            }),
            Cell::Text(text) if self.names_span(at) => {
                Span::of_text(text).map_or_else(|| Datum::Text(text.clone()), Datum::Span)
            }
            cell => plain_datum(cell),
        }
    }

    /// How a row is called.
    pub fn name(&self, row: usize) -> RowName {
        let named = |at: usize| Some((Arc::clone(self.columns.get(at)?), self.datum(row, at)));
        let templates = self
            .source
            .words
            .words
            .values()
            .filter_map(|noun| noun.row.as_ref());
        let mut places: Vec<usize> = Vec::new();
        for template in templates {
            for part in template.split('{').skip(1) {
                let name = part.split('}').next().unwrap_or_default();
                if let Some(at) = self.source.table.place(name)
                    && !places.contains(&at)
                {
                    places.push(at);
                }
            }
        }
        let key = if self.key.is_empty() {
            let mut all: Vec<usize> = (0..self.columns.len()).collect();
            all.sort_by_key(|at| self.columns.get(*at).map(|column| column.name.clone()));
            all.truncate(3);
            all
        } else {
            self.key.clone()
        };
        RowName {
            words: Arc::clone(&self.source.words),
            cells: places.into_iter().filter_map(named).collect(),
            key: key.into_iter().filter_map(named).collect(),
        }
    }

    /// The origins of rows, a bounded list, else the result as a whole.
    pub fn origins(&self, rows: &[usize]) -> Vec<Origin> {
        let origin = |base: &Base, row| Origin {
            result: base.source.handle.clone(),
            row,
        };
        let partners: Vec<usize> = match &self.partner {
            Some(partner) => rows
                .iter()
                .filter_map(|row| partner.rows.get(*row).copied().flatten())
                .collect(),
            None => Vec::new(),
        };
        let mut found = Vec::new();
        for (base, rows) in [
            (Some(self), rows),
            (
                self.partner.as_ref().map(|partner| &*partner.base),
                &partners,
            ),
        ] {
            let Some(base) = base else { continue };
            if rows.len() > MAX_ORIGINS || rows.is_empty() {
                found.push(origin(base, None));
            } else {
                found.extend(rows.iter().map(|row| origin(base, Some(*row))));
            }
        }
        found
    }
}

/// The unit of a declaration.
fn unit_of(unit: &str) -> Measured {
    match unit.trim() {
        "" => Measured::Plain,
        "%" => Measured::Percent,
        "days" => Measured::Days,
        unit => Measured::Unit(shorten(&visible(unit), 20)),
    }
}

fn last_word(name: &str) -> String {
    let last = name.rsplit(['.', '_', ' ']).next().unwrap_or(name);
    last.to_lowercase()
}

/// Are all the texts of a column spans of time, of one unit?
fn names_spans(source: &Source, at: usize) -> bool {
    let mut units = Vec::new();
    for row in &source.table.rows {
        match row.get(at) {
            None | Some(Cell::Null) => {}
            Some(Cell::Text(text)) => match Span::of_text(text) {
                Some(span) => units.push(span.unit),
                None => return false,
            },
            Some(_) => return false,
        }
    }
    units
        .first()
        .is_some_and(|first| units.iter().all(|unit| unit == first))
}

pub(super) fn plain_datum(cell: &Cell) -> Datum {
    match cell {
        Cell::Null => Datum::Nothing,
        Cell::Bool(value) => Datum::Bool(*value),
        Cell::Number(number) => Datum::Number(Quantity {
            value: number.clone(),
            unit: Measured::Plain,
            is_of_record: true,
        }),
        Cell::Date(date) => Datum::Day(*date),
        Cell::Instant(instant) => Datum::Instant(*instant),
        Cell::Text(text) => Datum::Text(text.clone()),
    }
}
