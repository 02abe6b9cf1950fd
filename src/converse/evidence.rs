//! What a model was shown in a turn, as an index: which value stands in which row of which result. A sentence is held
//! against it, and its citations come from it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{
    Timestamp,
    civil::{Date, Time},
    tz::TimeZone,
};
use rust_decimal::Decimal;
use serde_json::Value;

use super::figures::{self, Figure};
use crate::text::Language;

/// Where a value was shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Number of the result, in the order in which they were shown.
    pub result: usize,
    /// The row within it; nothing for what is said of the whole.
    pub row: Option<usize>,
    /// The column's name in lower case, its words parted by spaces.
    pub column: String,
}

/// Cells that are longer are text, not a name of something.
const LONGEST_LABEL: usize = 80;
/// Shorter ones stand in sentences by chance.
const SHORTEST_LABEL: usize = 2;
/// Digits of a number that names a record; a shorter one may be any number.
const SHORTEST_NUMBER: usize = 4;
/// Values beyond these are not taken in: what a model is shown is bounded far below.
const MOST_VALUES: usize = 200_000;
const DEEPEST: usize = 24;

/// Who named the columns of a result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Headings {
    #[default]
    OfTheSource,
    OfTheModel,
}

/// Everything that was shown in a turn.
#[derive(Debug, Default)]
pub struct Evidence {
    numbers: BTreeMap<Decimal, Vec<Place>>,
    days: BTreeMap<Date, Vec<Place>>,
    times: BTreeMap<Time, Vec<Place>>,
    /// Names of things, in lower case.
    labels: BTreeMap<String, Vec<Place>>,
    /// Every word in lower case.
    words: BTreeSet<String>,
    currencies: BTreeSet<&'static str>,
    /// Everything as text, to look keys and addresses up.
    texts: Vec<(String, Place)>,
    columns: BTreeSet<(usize, String)>,
    /// Rows (result and row) that hold nothing, false or zero somewhere.
    lacking: BTreeSet<(usize, usize)>,
    /// A source answered with an empty list, or a count of zero.
    nothing: bool,
    /// Titles of the sources that did, in lower case.
    empty: BTreeSet<String>,
    /// A source that was asked did not answer.
    failed: bool,
    /// The conversation, or the brief that it is about, told something before.
    told_before: bool,
    /// An action was suggested.
    suggested: bool,
    values: usize,
    /// Of the result that is taken in.
    headings: Headings,
}

impl Evidence {
    /// Takes in what was shown of a result. `zone` is the reader's: instants are dates and times there.
    pub fn add(&mut self, result: usize, shown: &Value, zone: &TimeZone) {
        self.take(result, shown, zone, Headings::OfTheSource);
    }

    /// Takes in what was computed. Its headings are the model's own words, so they are evidence of nothing.
    pub fn add_computed(&mut self, result: usize, shown: &Value, zone: &TimeZone) {
        self.take(result, shown, zone, Headings::OfTheModel);
    }

    fn take(&mut self, result: usize, shown: &Value, zone: &TimeZone, headings: Headings) {
        self.headings = headings;
        let mut rows = 0;
        let place = Place {
            result,
            row: None,
            column: String::new(),
        };
        self.walk(shown, &place, &mut rows, zone, 0);
    }

    /// Takes in what a person or an admin wrote: what it holds may be said again, but it is the place of no value.
    pub fn allow(&mut self, text: &str, language: Language) {
        for found in figures::figures(text, language) {
            match found.figure {
                Figure::Number(number) => {
                    self.numbers.entry(number.value.normalize()).or_default();
                }
                Figure::Day { day, month, year } => {
                    if let Ok(date) = Date::new(year.unwrap_or(2_000), month, day) {
                        self.days.entry(date).or_default();
                    }
                }
                Figure::Time(time) => {
                    self.times.entry(time).or_default();
                }
                Figure::Currency(code) => {
                    self.currencies.insert(code);
                }
                Figure::Key(_) | Figure::Address(_) => {}
            }
        }
        self.texts.push((
            text.to_lowercase(),
            Place {
                result: usize::MAX,
                row: None,
                column: String::new(),
            },
        ));
        self.add_words(text);
    }

    fn add_words(&mut self, text: &str) {
        let lower = text.to_lowercase();
        for word in lower.split(|c: char| !c.is_alphanumeric()) {
            if !word.is_empty() {
                self.words.insert(word.to_owned());
            }
        }
    }

    fn walk(
        &mut self,
        value: &Value,
        place: &Place,
        rows: &mut usize,
        zone: &TimeZone,
        depth: usize,
    ) {
        self.values += 1;
        if depth > DEEPEST || self.values > MOST_VALUES {
            return;
        }
        match value {
            Value::Array(items) => {
                self.nothing |= items.is_empty() && place.row.is_none();
                if items.is_empty() {
                    self.lack(place);
                }
                // The outermost list makes the rows; what lies within a row belongs to it. A list of names beside the rows
                // makes none, or every row would be taken for one further down.
                let are_rows = depth == 0
                    || items
                        .first()
                        .is_some_and(|first| first.is_object() || first.is_array());
                for item in items {
                    let row = place.row.or_else(|| {
                        *rows += usize::from(are_rows);
                        are_rows.then(|| *rows - 1)
                    });
                    let place = Place {
                        row,
                        ..place.clone()
                    };
                    self.walk(item, &place, rows, zone, depth + 1);
                }
            }
            Value::Object(fields) => {
                for (name, value) in fields {
                    let column = spaced(name);
                    if self.headings == Headings::OfTheSource {
                        self.add_words(&column);
                    }
                    self.columns.insert((place.result, column.clone()));
                    let place = Place {
                        column,
                        ..place.clone()
                    };
                    self.walk(value, &place, rows, zone, depth + 1);
                }
            }
            Value::String(text) => {
                if text.trim().is_empty() {
                    self.lack(place);
                }
                self.text(text, place, zone);
            }
            Value::Number(number) => {
                if number.as_f64() == Some(0.0) {
                    self.nothing |= place.row.is_none();
                    self.lack(place);
                }
                let digits = number.to_string();
                if digits.len() >= SHORTEST_NUMBER && is_key(&place.column) {
                    let places = self.labels.entry(digits.clone()).or_default();
                    places.push(place.clone());
                }
                if let Some(value) = decimal(&digits) {
                    self.numbers.entry(value).or_default().push(place.clone());
                    self.texts.push((digits, place.clone()));
                }
            }
            Value::Null | Value::Bool(false) => self.lack(place),
            Value::Bool(true) => {}
        }
    }

    fn lack(&mut self, place: &Place) {
        self.lacking
            .extend(place.row.map(|row| (place.result, row)));
    }

    /// What a reader calls the source of the result that was taken in last.
    pub fn is_from(&mut self, source: &str, shown: &Value) {
        if is_empty(shown) {
            self.empty.insert(source.to_lowercase());
        }
    }

    /// A source that was asked did not answer: what it holds is not known.
    pub fn failed(&mut self) {
        self.failed = true;
    }

    /// The conversation, or the brief that it is about, told something that may be spoken of without asking again.
    pub fn goes_on(&mut self) {
        self.told_before = true;
    }

    /// Was something told before this turn?
    pub fn was_told_before(&self) -> bool {
        self.told_before
    }

    /// An action was suggested in this turn: nothing of it is done.
    pub fn suggests(&mut self) {
        self.suggested = true;
    }

    /// Was an action suggested, or refused, in this turn?
    pub fn was_suggested(&self) -> bool {
        self.suggested
    }

    /// Does what a source would have shown stand out?
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// Is a source named in a text (in lower case) that answered with nothing?
    pub fn names_an_empty_source(&self, lower: &str) -> bool {
        self.empty.iter().any(|title| holds_word(lower, title))
    }

    /// Was anything of a source taken in?
    pub fn is_of_sources(&self) -> bool {
        self.values > 0
    }

    /// Did a source answer with nothing at all?
    pub fn has_nothing(&self) -> bool {
        self.nothing
    }

    /// Does the row of this place hold nothing somewhere?
    pub fn lacks(&self, place: &Place) -> bool {
        place
            .row
            .is_some_and(|row| self.lacking.contains(&(place.result, row)))
    }

    fn text(&mut self, text: &str, place: &Place, zone: &TimeZone) {
        let lower = text.trim().to_lowercase();
        self.add_words(&lower);
        if let Some(value) = decimal(&lower) {
            self.numbers.entry(value).or_default().push(place.clone());
        } else if let Ok(instant) = text.trim().parse::<Timestamp>() {
            let local = zone.to_datetime(instant);
            self.days
                .entry(local.date())
                .or_default()
                .push(place.clone());
            let time = Time::new(local.hour(), local.minute(), 0, 0).unwrap_or_default();
            self.times.entry(time).or_default().push(place.clone());
        } else {
            for found in figures::figures(text, Language::English) {
                match found.figure {
                    Figure::Number(number) => {
                        let value = number.value.normalize();
                        self.numbers.entry(value).or_default().push(place.clone());
                    }
                    Figure::Day {
                        day,
                        month,
                        year: Some(year),
                    } => {
                        if let Ok(date) = Date::new(year, month, day) {
                            self.days.entry(date).or_default().push(place.clone());
                        }
                    }
                    Figure::Time(time) => {
                        self.times.entry(time).or_default().push(place.clone());
                    }
                    Figure::Currency(code) => {
                        self.currencies.insert(code);
                    }
                    Figure::Day { year: None, .. } | Figure::Key(_) | Figure::Address(_) => {}
                }
            }
        }
        let length = lower.chars().count();
        // An amount that a source writes as text names nothing.
        let names = decimal(&lower).is_none() || is_key(&place.column);
        if names && (SHORTEST_LABEL..=LONGEST_LABEL).contains(&length) {
            let places = self.labels.entry(lower.clone()).or_default();
            places.push(place.clone());
        }
        self.texts.push((lower, place.clone()));
    }

    /// Where a number stands, as precisely as it was written. Nothing where it was not shown; an empty list where only the
    /// question holds it. With `signless` also its opposite counts.
    pub fn number(&self, number: &figures::Number) -> Option<Vec<Place>> {
        let mut found = None;
        let values = if number.percent {
            vec![number.value, number.value / Decimal::ONE_HUNDRED]
        } else {
            vec![number.value]
        };
        for (at, value) in values.into_iter().enumerate() {
            let within = if at == 0 {
                number.within
            } else {
                number.within / Decimal::ONE_HUNDRED
            };
            for value in [value, -value] {
                // A model may write the largest number there is.
                let (from, to) = (value.saturating_sub(within), value.saturating_add(within));
                for (shown, places) in self.numbers.range(from..=to) {
                    if number.word && *shown != value {
                        continue;
                    }
                    found
                        .get_or_insert_with(Vec::new)
                        .extend(places.iter().cloned());
                }
            }
        }
        found
    }

    /// The values that a number may stand for.
    pub fn values(&self, number: &figures::Number) -> Vec<Decimal> {
        let near = |value: Decimal| {
            let (from, to) = (
                value.saturating_sub(number.within),
                value.saturating_add(number.within),
            );
            self.numbers
                .range(from..=to)
                .filter(|(_, places)| !places.is_empty())
                .map(|(value, _)| *value)
        };
        near(number.value).chain(near(-number.value)).collect()
    }

    pub fn day(&self, day: i8, month: i8, year: Option<i16>) -> Option<Vec<Place>> {
        let mut found = None;
        for (date, places) in &self.days {
            let same_year = year.is_none_or(|year| date.year() == year);
            if date.day() == day && date.month() == month && same_year {
                found
                    .get_or_insert_with(Vec::new)
                    .extend(places.iter().cloned());
            }
        }
        found
    }

    pub fn time(&self, time: Time) -> Option<Vec<Place>> {
        self.times.get(&time).cloned()
    }

    /// Where a key stands as a whole word of a text.
    pub fn key(&self, key: &str) -> Option<Vec<Place>> {
        let key = key.to_lowercase();
        let places: Vec<Place> = self
            .texts
            .iter()
            .filter(|(text, _)| holds_word(text, &key))
            .map(|(_, place)| place.clone())
            .collect();
        (!places.is_empty()).then_some(places)
    }

    /// Where all these words (in lower case) stand together in one text that was shown.
    pub fn places_of_all(&self, words: &[String]) -> Vec<Place> {
        self.texts
            .iter()
            .filter(|(_, place)| place.result != usize::MAX)
            .filter(|(text, _)| words.iter().all(|word| holds_word(text, word)))
            .map(|(_, place)| place.clone())
            .collect()
    }

    /// Does a year stand in some date or number?
    pub fn year(&self, year: i16) -> bool {
        self.days.keys().any(|date| date.year() == year)
    }

    pub fn has_currency(&self, code: &str) -> bool {
        self.currencies.contains(code) || self.words.contains(&code.to_lowercase())
    }

    pub fn has_word(&self, word: &str) -> bool {
        self.words.contains(&word.to_lowercase())
    }

    /// The names of things that stand in a text (in lower case), the longest first, with where they stand.
    pub fn labels_in(&self, lower: &str) -> Vec<(&str, &[Place])> {
        let mut found: Vec<(&str, &[Place])> = self
            .labels
            .iter()
            .filter(|(label, _)| holds_word(lower, label))
            .map(|(label, places)| (label.as_str(), places.as_slice()))
            .collect();
        found.sort_by_key(|(label, _)| std::cmp::Reverse(label.len()));
        found
    }

    /// The columns of a result whose name stands in a text (in lower case).
    pub fn columns_in(&self, result: usize, lower: &str) -> BTreeSet<&str> {
        self.columns
            .iter()
            .filter(|(of, column)| *of == result && column.len() > 2 && holds_word(lower, column))
            .map(|(_, column)| column.as_str())
            .collect()
    }
}

/// Is it a column that names its row?
pub(super) fn is_key(column: &str) -> bool {
    let last = column
        .rsplit(['.', '_', ' '])
        .next()
        .unwrap_or(column)
        .to_lowercase();
    matches!(
        last.as_str(),
        "id" | "key" | "iid" | "number" | "commit" | "sha" | "hash" | "code"
    ) || column.ends_with("Id")
}

/// `net_revenue`, `netRevenue` → `net revenue`.
fn spaced(name: &str) -> String {
    let mut spaced = String::with_capacity(name.len() + 4);
    let mut lower_before = false;
    for c in name.chars() {
        if !c.is_alphanumeric() {
            spaced.push(' ');
            lower_before = false;
            continue;
        }
        if c.is_uppercase() && lower_before {
            spaced.push(' ');
        }
        lower_before = c.is_lowercase();
        spaced.extend(c.to_lowercase());
    }
    spaced.trim().to_owned()
}

/// Is there a list in it that is empty, and none that is not?
fn is_empty(shown: &Value) -> bool {
    fn lists(value: &Value, empty: &mut usize, full: &mut usize) {
        match value {
            Value::Array(items) if items.is_empty() => *empty += 1,
            Value::Array(_) => *full += 1,
            Value::Object(fields) => fields.values().for_each(|value| lists(value, empty, full)),
            _ => {}
        }
    }
    let (mut empty, mut full) = (0, 0);
    lists(shown, &mut empty, &mut full);
    empty > 0 && full == 0
}

fn decimal(text: &str) -> Option<Decimal> {
    let value = text
        .parse::<Decimal>()
        .or_else(|_| Decimal::from_scientific(text))
        .ok()?;
    Some(value.normalize())
}

/// Does `needle` stand in `text` with nothing of a word directly before and after it?
pub(super) fn holds_word(text: &str, needle: &str) -> bool {
    if needle.is_empty() {
        return false;
    }
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    text.match_indices(needle).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text
            .get(at + needle.len()..)
            .and_then(|after| after.chars().next());
        let opens = needle.chars().next().is_some_and(char::is_alphanumeric);
        let closes = needle
            .chars()
            .next_back()
            .is_some_and(char::is_alphanumeric);
        !(opens && is_word(before) || closes && is_word(after))
    })
}
