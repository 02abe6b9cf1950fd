//! The one rule for kinds, wherever expressions compare, order or compute: like with like, exactly. Numbers go with numbers (of
//! one currency or unit), dates with dates, texts with texts. Whatever else "could not be read", which is an error that names
//! both kinds and no value.
//!
//! A text never counts as a number or a date by itself: `|number`, `|date` and `|datetime` read it as one. Nothing (null)
//! equals nothing only, which may be asked, and has no order.

use std::{cmp::Ordering, fmt, sync::Arc};

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
};
use minijinja::{
    Error, ErrorKind,
    value::{DynObject, Object, ObjectRepr, Value, ValueKind},
};

use crate::{
    exact::{Exact, NotExact},
    money::Currency,
};

/// A value that expressions hold as its own kind.
#[derive(Debug, Clone)]
pub(super) enum Typed {
    Number(Exact, Unit),
    /// A number with more digits than are computed with, as it was written.
    Long(String),
    Date(Date),
    Instant(Timestamp),
}

/// What a number counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unit {
    Plain,
    Money(Currency),
    Percent,
    Count(String),
    Days,
    WorkingDays,
    Hours,
}

impl Unit {
    /// Do numbers of both compare? A plain number compares with any.
    fn is_like(&self, other: &Self) -> bool {
        *self == Self::Plain || *other == Self::Plain || self == other
    }

    fn told(&self) -> String {
        match self {
            Self::Plain => "a number".to_owned(),
            Self::Money(currency) => format!("an amount in {currency}"),
            Self::Percent => "a percentage".to_owned(),
            Self::Count(of) => format!("a number of `{of}`"),
            Self::Days => "a length in days".to_owned(),
            Self::WorkingDays => "a length in working days".to_owned(),
            Self::Hours => "a length in hours".to_owned(),
        }
    }
}

impl Object for Typed {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        !matches!(&**self, Self::Number(number, _) if number.is_zero())
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        match (&**self, other.downcast_ref::<Self>()?) {
            (Self::Number(a, _), Self::Number(b, _)) => Some(a.cmp(b)),
            (Self::Long(a), Self::Long(b)) => Some(a.cmp(b)),
            (Self::Date(a), Self::Date(b)) => Some(a.cmp(b)),
            (Self::Instant(a), Self::Instant(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &**self {
            Self::Number(number, _) => write!(f, "{number}"),
            Self::Long(text) => f.write_str(text),
            Self::Date(date) => write!(f, "{date}"),
            Self::Instant(instant) => write!(f, "{instant}"),
        }
    }
}

/// The value of a plain number; a whole one that is small enough is minijinja's own, so that it is an index too.
pub(super) fn plain(number: Exact) -> Value {
    number
        .to_i64()
        .map_or_else(|| with_unit(number, Unit::Plain), Value::from)
}

pub(super) fn with_unit(number: Exact, unit: Unit) -> Value {
    Value::from_object(Typed::Number(number, unit))
}

/// The value of a number as it is written; a text of more digits than are computed with stays that text.
pub(super) fn as_written(text: &str) -> Value {
    match Exact::parse(text) {
        Ok(number) => plain(number),
        Err(_) => Value::from_object(Typed::Long(text.to_owned())),
    }
}

/// A value by its kind.
#[derive(Debug, Clone)]
pub(super) enum Kind<'v> {
    Missing,
    Nothing,
    Bool(bool),
    Number(Exact, Unit),
    Long(&'v str),
    Text(&'v str),
    Date(Date),
    Instant(Timestamp),
    List,
    Table,
    Other,
}

impl<'v> Kind<'v> {
    pub(super) fn of(value: &'v Value) -> Self {
        if let Some(typed) = value.downcast_object_ref::<Typed>() {
            return match typed {
                Typed::Number(number, unit) => Self::Number(number.clone(), unit.clone()),
                Typed::Long(text) => Self::Long(text),
                Typed::Date(date) => Self::Date(*date),
                Typed::Instant(instant) => Self::Instant(*instant),
            };
        }
        match value.kind() {
            ValueKind::Undefined => Self::Missing,
            ValueKind::None => Self::Nothing,
            ValueKind::Bool => Self::Bool(value.is_true()),
            ValueKind::Number => match value.as_i64() {
                Some(whole) => Self::Number(whole.into(), Unit::Plain),
                None => Exact::parse(&value.to_string())
                    .map_or(Self::Other, |number| Self::Number(number, Unit::Plain)),
            },
            ValueKind::String => value.as_str().map_or(Self::Other, Self::Text),
            ValueKind::Seq | ValueKind::Iterable => Self::List,
            ValueKind::Map => Self::Table,
            _ => Self::Other,
        }
    }

    /// The kind in a reader's words.
    pub(super) fn told(&self) -> String {
        match self {
            Self::Missing => "not there".to_owned(),
            Self::Nothing => "nothing (null)".to_owned(),
            Self::Bool(_) => "true or false".to_owned(),
            Self::Number(_, unit) => unit.told(),
            Self::Long(_) => format!("a number of more than {} digits", crate::exact::MAX_DIGITS),
            Self::Text(_) => "a text".to_owned(),
            Self::Date(_) => "a date".to_owned(),
            Self::Instant(_) => "an instant".to_owned(),
            Self::List => "a list".to_owned(),
            Self::Table => "a table".to_owned(),
            Self::Other => "of a kind of its own".to_owned(),
        }
    }
}

/// Two values that do not go together: what each is, and what to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unlike {
    pub(super) left: String,
    pub(super) right: String,
    /// The filter that reads a text as what the other is.
    pub(super) read_by: Option<&'static str>,
}

impl Unlike {
    fn of(left: &Kind<'_>, right: &Kind<'_>) -> Self {
        let read_by = match (left, right) {
            (Kind::Text(_), Kind::Number(..)) | (Kind::Number(..), Kind::Text(_)) => Some("number"),
            (Kind::Text(_), Kind::Date(_)) | (Kind::Date(_), Kind::Text(_)) => Some("date"),
            (Kind::Text(_), Kind::Instant(_)) | (Kind::Instant(_), Kind::Text(_)) => {
                Some("datetime")
            }
            _ => None,
        };
        Self {
            left: left.told(),
            right: right.told(),
            read_by,
        }
    }

    /// The error of it, where nothing is known of what is compared.
    pub(super) fn error(&self) -> Error {
        self.error_of("one", "the other", "")
    }

    /// The error, with what is compared as the author wrote it, and what more helps.
    pub(super) fn error_of(&self, left: &str, right: &str, more: &str) -> Error {
        let advice = self.read_by.map_or_else(String::new, |filter| {
            format!("; read a text as one with `|{filter}`")
        });
        unreadable(&format!(
            "{left} is {} and {right} {}{advice}{more}",
            self.left, self.right
        ))
    }
}

/// Begins what is told of values that do not go together.
pub(super) const COULD_NOT_BE_READ: &str = "could not be read";

/// The error of what cannot be judged.
pub(super) fn unreadable(what: &str) -> Error {
    Error::new(
        ErrorKind::InvalidOperation,
        format!("{COULD_NOT_BE_READ}: {what}"),
    )
}

/// A text that is a point in time, by the form in which it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Day(Date),
    Local(DateTime),
    Instant(Timestamp),
}

fn moment(text: &str) -> Option<Moment> {
    let bytes = text.as_bytes();
    if bytes.get(4) != Some(&b'-') || bytes.get(7) != Some(&b'-') {
        return None;
    }
    if bytes.len() == 10 {
        return text.parse().ok().map(Moment::Day);
    }
    let instant = text.parse().map(Moment::Instant);
    instant.or_else(|_| text.parse().map(Moment::Local)).ok()
}

/// Where a value stands among its like.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Bool(bool),
    Number(Exact),
    Day(Date),
    Local(DateTime),
    Instant(Timestamp),
    Text(String),
}

/// With what a value compares.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Like {
    Bool,
    Number(Unit),
    Date,
    Instant,
    Text,
    /// A text that reads as a number: its letters have no order that anybody means.
    NumberText,
    DayText,
    LocalText,
    InstantText,
}

impl Like {
    fn told(&self) -> String {
        match self {
            Self::Bool => Kind::Bool(true).told(),
            Self::Number(unit) => unit.told(),
            Self::Date => "a date".to_owned(),
            Self::Instant => "an instant".to_owned(),
            Self::Text => "a text".to_owned(),
            Self::NumberText => "a number written as text".to_owned(),
            Self::DayText => "a date written as text".to_owned(),
            Self::LocalText => "a date and time written as text".to_owned(),
            Self::InstantText => "an instant written as text".to_owned(),
        }
    }

    fn is_moment_text(&self) -> bool {
        matches!(self, Self::DayText | Self::LocalText | Self::InstantText)
    }

    /// Can both be told to be the same or not?
    fn equates(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.is_like(b),
            // A date is not the text `n/a`, and may be asked so.
            (a, b) if a.is_text() && b.is_text() => {
                a == b || !(a.is_moment_text() && b.is_moment_text())
            }
            (a, b) => a == b,
        }
    }

    /// Has one an order to the other?
    fn orders(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::NumberText, Self::NumberText) => false,
            (a, b) if a.is_text() && b.is_text() => {
                a == b || !(a.is_moment_text() || b.is_moment_text())
            }
            (a, b) => a.equates(b),
        }
    }

    fn is_text(&self) -> bool {
        matches!(self, Self::Text | Self::NumberText) || self.is_moment_text()
    }

    fn unlike(&self, other: &Self) -> Unlike {
        let read_by = match (self, other) {
            (Self::NumberText, Self::NumberText) => Some("number"),
            (a, b) if a.is_moment_text() && b.is_moment_text() => Some("date"),
            (a, b) if a.is_moment_text() || b.is_moment_text() => Some("date"),
            _ => None,
        };
        Unlike {
            left: self.told(),
            right: other.told(),
            read_by,
        }
    }
}

fn placed(kind: &Kind<'_>) -> Option<(Like, Place)> {
    Some(match kind {
        Kind::Bool(value) => (Like::Bool, Place::Bool(*value)),
        Kind::Number(number, unit) => (Like::Number(unit.clone()), Place::Number(number.clone())),
        Kind::Date(date) => (Like::Date, Place::Day(*date)),
        Kind::Instant(instant) => (Like::Instant, Place::Instant(*instant)),
        Kind::Text(text) => match moment(text) {
            Some(Moment::Day(date)) => (Like::DayText, Place::Day(date)),
            Some(Moment::Local(local)) => (Like::LocalText, Place::Local(local)),
            Some(Moment::Instant(instant)) => (Like::InstantText, Place::Instant(instant)),
            None if Exact::parse(text.trim()) != Err(NotExact::NoNumber) => {
                (Like::NumberText, Place::Text((*text).to_owned()))
            }
            None => (Like::Text, Place::Text((*text).to_owned())),
        },
        _ => return None,
    })
}

/// The order of two values of like kinds.
pub(super) fn order(left: &Value, right: &Value) -> Result<Ordering, Unlike> {
    let (left, right) = (Kind::of(left), Kind::of(right));
    let (Some((a, place)), Some((b, other))) = (placed(&left), placed(&right)) else {
        return Err(Unlike::of(&left, &right));
    };
    if !a.orders(&b) {
        return Err(if a.is_text() && b.is_text() {
            a.unlike(&b)
        } else {
            Unlike::of(&left, &right)
        });
    }
    Ok(place.cmp(&other))
}

/// Are two values of like kinds the same? Nothing is the same as nothing only.
pub(super) fn same(left: &Value, right: &Value) -> Result<bool, Unlike> {
    let (a, b) = (Kind::of(left), Kind::of(right));
    match (&a, &b) {
        (Kind::Missing, _) | (_, Kind::Missing) => return Err(Unlike::of(&a, &b)),
        (Kind::Nothing, other) | (other, Kind::Nothing) => {
            return Ok(matches!(other, Kind::Nothing));
        }
        (Kind::Long(a), Kind::Long(b)) if a == b => return Ok(true),
        // No number of fewer digits is equal to one that has more.
        (Kind::Long(_), Kind::Number(..)) | (Kind::Number(..), Kind::Long(_)) => return Ok(false),
        (Kind::List, Kind::List) => return same_items(left, right),
        (Kind::Table, Kind::Table) => return same_fields(left, right),
        _ => {}
    }
    let (Some((like, place)), Some((other_like, other))) = (placed(&a), placed(&b)) else {
        return Err(Unlike::of(&a, &b));
    };
    if !like.equates(&other_like) {
        return Err(if like.is_text() && other_like.is_text() {
            like.unlike(&other_like)
        } else {
            Unlike::of(&a, &b)
        });
    }
    Ok(place == other)
}

fn items(value: &Value) -> Vec<Value> {
    value.try_iter().into_iter().flatten().collect()
}

fn same_items(left: &Value, right: &Value) -> Result<bool, Unlike> {
    let (left, right) = (items(left), items(right));
    if left.len() != right.len() {
        return Ok(false);
    }
    for (a, b) in left.iter().zip(&right) {
        if !same(a, b)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn same_fields(left: &Value, right: &Value) -> Result<bool, Unlike> {
    let (names, others) = (items(left), items(right));
    if names.len() != others.len() {
        return Ok(false);
    }
    for name in names {
        let value = |table: &Value| table.get_item(&name).unwrap_or(Value::UNDEFINED);
        let (a, b) = (value(left), value(right));
        if b.is_undefined() || !same(&a, &b)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Is the value in a list, a text in a text, a name in a table? An element of another kind says neither yes nor no.
pub(super) fn holds(container: &Value, value: &Value) -> Result<bool, Unlike> {
    let (inside, of) = (Kind::of(value), Kind::of(container));
    match (&of, &inside) {
        (Kind::List, _) => {
            let mut unlike = None;
            for item in items(container) {
                match same(value, &item) {
                    Ok(true) => return Ok(true),
                    Ok(false) => {}
                    Err(error) => unlike = Some(error),
                }
            }
            unlike.map_or(Ok(false), Err)
        }
        (Kind::Text(text), Kind::Text(part)) => Ok(text.contains(part)),
        (Kind::Table, Kind::Text(_)) => Ok(container
            .get_item(value)
            .is_ok_and(|value| !value.is_undefined())),
        _ => Err(Unlike::of(&inside, &of)),
    }
}

/// Is it true? Nothing and zero are false, as are an empty list and table. A text or date is neither true nor false.
pub(super) fn truth(value: &Value) -> Result<bool, Error> {
    match Kind::of(value) {
        Kind::Nothing => Ok(false),
        Kind::Bool(value) => Ok(value),
        Kind::Number(number, _) => Ok(!number.is_zero()),
        Kind::Long(_) => Ok(true),
        Kind::List | Kind::Table => Ok(value.is_true()),
        kind @ (Kind::Missing | Kind::Text(_) | Kind::Date(_) | Kind::Instant(_) | Kind::Other) => {
            Err(unreadable(&format!(
                "{} is neither true nor false; compare it, or ask `is empty`",
                kind.told()
            )))
        }
    }
}

/// Values that all have an order among each other, each with its place.
pub(super) struct Ordered(Vec<(usize, Place)>);

impl Ordered {
    /// Places values for an order, or to tell the same from others (`by_order` false), where numbers as text will do.
    pub(super) fn of(values: &[Value], by_order: bool, fold_case: bool) -> Result<Self, Unlike> {
        let mut likes: Vec<Like> = Vec::new();
        let mut found = Vec::with_capacity(values.len());
        for (at, value) in values.iter().enumerate() {
            let kind = Kind::of(value);
            let Some((like, mut place)) = placed(&kind) else {
                let other = values.iter().map(Kind::of).find_map(|kind| placed(&kind));
                return Err(Unlike {
                    left: kind.told(),
                    right: other.map_or_else(|| kind.told(), |(like, _)| like.told()),
                    read_by: None,
                });
            };
            let goes = |known: &Like| {
                if by_order {
                    known.orders(&like)
                } else {
                    known.equates(&like)
                }
            };
            if let Some(known) = likes.iter().find(|known| !goes(known)) {
                return Err(known.unlike(&like));
            }
            if !likes.contains(&like) {
                likes.push(like);
            }
            if let (true, Place::Text(text)) = (fold_case, &mut place) {
                *text = text.to_lowercase();
            }
            found.push((at, place));
        }
        Ok(Self(found))
    }

    /// The places of the values, least first; what is equal keeps its order.
    pub(super) fn sorted(mut self, reverse: bool) -> Vec<usize> {
        if reverse {
            self.0.sort_by(|a, b| b.1.cmp(&a.1));
        } else {
            self.0.sort_by(|a, b| a.1.cmp(&b.1));
        }
        self.0.into_iter().map(|(at, _)| at).collect()
    }

    /// Groups of equal values, each with the places of its members, in order of their values.
    pub(super) fn groups(self) -> Vec<Vec<usize>> {
        let mut groups: std::collections::BTreeMap<Place, Vec<usize>> = Default::default();
        for (at, place) in self.0 {
            groups.entry(place).or_default().push(at);
        }
        groups.into_values().collect()
    }
}

/// What is computed with two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    DivideWhole,
    Remainder,
    Power,
}

/// Computes exactly. An amount keeps its currency where the result is one.
pub(super) fn compute(op: Arithmetic, left: &Value, right: &Value) -> Result<Value, Failed> {
    use Arithmetic::{Add, Divide, DivideWhole, Multiply, Power, Remainder, Subtract};
    let (a, b) = (Kind::of(left), Kind::of(right));
    let (number, unit, other, other_unit) = match (&a, &b) {
        (Kind::Number(a, unit), Kind::Number(b, other)) => (a, unit, b, other),
        (Kind::Text(a), Kind::Text(b)) if op == Add => return Ok(Value::from(format!("{a}{b}"))),
        (Kind::List, Kind::List) if op == Add => {
            return Ok(items(left).into_iter().chain(items(right)).collect());
        }
        _ => return Err(Failed::Unlike(Unlike::of(&a, &b))),
    };
    if matches!(op, Add | Subtract | Divide | Remainder | DivideWhole) && !unit.is_like(other_unit)
    {
        return Err(Failed::Unlike(Unlike::of(&a, &b)));
    }
    let result = match op {
        Add => number.add(other),
        Subtract => number.subtract(other),
        Multiply => number.multiply(other),
        Divide => number.divide(other),
        DivideWhole => number.divide_whole(other),
        Remainder => number.remainder(other),
        Power => number.power(other),
    }
    .map_err(Failed::NotExact)?;
    let currency = match (op, unit, other_unit) {
        (Multiply, Unit::Money(_), Unit::Money(_)) => {
            return Err(Failed::Unlike(Unlike::of(&a, &b)));
        }
        (Add | Subtract | Multiply, Unit::Money(currency), _)
        | (Add | Subtract | Multiply, _, Unit::Money(currency))
        | (Divide | Remainder, Unit::Money(currency), Unit::Plain) => Some(*currency),
        _ => None,
    };
    Ok(match currency {
        Some(currency) => with_unit(result, Unit::Money(currency)),
        None => plain(result),
    })
}

/// Why nothing was computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failed {
    Unlike(Unlike),
    NotExact(NotExact),
}
