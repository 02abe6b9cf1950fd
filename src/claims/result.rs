//! Results in memory, as claims see them: rows, whether they are all there are, and what was declared of them.

use std::{collections::BTreeMap, sync::Arc};

use ground::text::Language;
use jiff::{civil::Date, tz::TimeZone};
use serde_json::{Map, Value};

use crate::{
    claim::End,
    compute::{Cell, ComputeError, Table},
    period::Span,
    words::{PeriodArguments, Words},
};

/// Are a result's rows all there are?
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whole {
    Whole,
    /// The first by an order; there may be more behind them.
    First {
        by: String,
        first: End,
    },
    /// Some, by no order that is known: more pages, a limit, a failure half-way.
    Part,
}

/// One result.
#[derive(Debug, Clone)]
pub struct Source {
    /// `R1`
    pub handle: String,
    pub title: String,
    pub table: Table,
    pub whole: Whole,
    pub words: Arc<Words>,
    /// What the call was made with.
    pub arguments: Map<String, Value>,
    /// The source's name, where it did not answer.
    pub failed: Option<String>,
}

/// The results of a turn, and the titles of all that may be asked.
#[derive(Debug, Clone, Default)]
pub struct Results {
    sources: BTreeMap<String, Arc<Source>>,
    pub titles: Vec<String>,
}

/// For whom it is said, and when.
#[derive(Debug, Clone)]
pub struct Reader {
    pub language: Language,
    pub today: Date,
    pub zone: TimeZone,
    /// The question's own words.
    pub question: String,
    /// The model sees no value: refusals hold none.
    pub blind: bool,
}

impl Reader {
    /// Does the question hold these words?
    pub fn asked_for(&self, words: &str) -> bool {
        let plain = |text: &str| {
            let words: Vec<String> = text
                .split(|c: char| !c.is_alphanumeric())
                .filter(|word| !word.is_empty())
                .map(str::to_lowercase)
                .collect();
            format!(" {} ", words.join(" "))
        };
        let words = plain(words);
        words.trim() != "" && plain(&self.question).contains(&words)
    }
}

impl Results {
    /// Adds a result under its handle. Numbers that it writes as texts are numbers where its owner declares a unit.
    pub fn insert(&mut self, mut source: Source) {
        let table = &mut source.table;
        for (at, name) in table.names.iter().enumerate() {
            let words = source.words.column.get(name);
            if words.is_none_or(|words| words.unit.is_none() && words.unit_column.is_none()) {
                continue;
            }
            for cell in table.rows.iter_mut().filter_map(|row| row.get_mut(at)) {
                if let (Cell::Text(_), Some(number)) = (&*cell, cell.asked_number()) {
                    *cell = Cell::Number(number);
                }
            }
        }
        self.sources.insert(source.handle.clone(), Arc::new(source));
    }

    /// The result of a handle.
    pub fn get(&self, handle: &str) -> Option<&Arc<Source>> {
        self.sources.get(handle)
    }

    /// All results, by their handles.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.sources.values()
    }
}

impl Source {
    /// A result of rows as JSON, whole and without words.
    pub fn new(handle: &str, title: &str, rows: &Value) -> Result<Self, ComputeError> {
        Ok(Self {
            handle: handle.to_owned(),
            title: title.to_owned(),
            table: Table::from_value(rows, None)?,
            whole: Whole::Whole,
            words: Arc::default(),
            arguments: Map::new(),
            failed: None,
        })
    }

    /// The time that the call's arguments bound.
    pub fn period(&self) -> Option<Span> {
        let day = |name: &String| self.arguments.get(name)?.as_str().and_then(day_of);
        let (from, to) = match self.words.period.as_ref()? {
            PeriodArguments::Days([from, to]) => (day(from)?, day(to)?),
            PeriodArguments::Before { from, before } => {
                (day(from)?, day(before)?.yesterday().ok()?)
            }
        };
        Span::days(from, to)
    }

    /// The arguments that are said: neither time nor limit, nor what says nothing.
    pub fn other_arguments(&self) -> Vec<(String, Cell)> {
        let period: Vec<&String> = match &self.words.period {
            Some(PeriodArguments::Days([from, to])) => vec![from, to],
            Some(PeriodArguments::Before { from, before }) => vec![from, before],
            None => Vec::new(),
        };
        let mut said: Vec<(String, Cell)> = self
            .arguments
            .iter()
            .filter(|(name, value)| {
                let words = self.words.argument.get(*name);
                let default = words.and_then(|words| words.default.as_deref());
                let says_nothing = match value {
                    Value::Null => true,
                    Value::String(text) => {
                        text.is_empty() || text == "%" || Some(text.as_str()) == default
                    }
                    other => Some(other.to_string().as_str()) == default,
                };
                let is_period = period.contains(name) && self.period().is_some();
                !says_nothing && !is_period && self.words.cut.as_ref() != Some(*name)
            })
            .map(|(name, value)| (name.clone(), Cell::of(value)))
            .collect();
        said.sort_by(|(a, _), (b, _)| a.cmp(b));
        said
    }
}

fn day_of(text: &str) -> Option<Date> {
    Cell::of(&Value::from(text)).day()
}
