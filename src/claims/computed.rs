//! What a claim has computed: values, relations and what the sentence owes to its reader. All that wording needs is here; it
//! looks at nothing else.

use std::{cmp::Ordering, sync::Arc};

use ground::exact::Exact;
use jiff::{Timestamp, civil::Date};

use crate::{
    claim::{Comparison, End, How, Pace, Role, Unit},
    period::Span,
    result::Whole,
    words::{ColumnWords, Words},
};

/// One claim, computed.
#[derive(Debug, Clone, PartialEq)]
pub struct Computed {
    /// The model's handle; never printed.
    pub id: Option<String>,
    pub body: Body,
    /// The rows that it rests on.
    pub origins: Vec<Origin>,
}

/// A row of a result, counted from 0; without a number the result as a whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    pub result: String,
    pub row: Option<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    Rows(Rows),
    Value(ValueOf),
    Which(Which),
    Compare(Box<Compare>),
    Trend(Trend),
    Quote(Quote),
    Gap(Gap),
    Ask(Vec<Meant>),
    Assessment(Assessment),
}

/// A value of a cell, or one worked out.
#[derive(Debug, Clone, PartialEq)]
pub enum Datum {
    Nothing,
    Bool(bool),
    Number(Quantity),
    Day(Date),
    Instant(Timestamp),
    Span(Span),
    /// A text as the source has it.
    Text(String),
    /// A text of the model's that neither the rows nor the question have: printed in quotation marks only.
    Foreign(String),
}

/// An exact number with its unit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Quantity {
    pub value: Exact,
    pub unit: Measured,
    /// As one record has it; sums and averages are printed shorter.
    pub is_of_record: bool,
}

/// What a number counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Measured {
    /// No unit is known.
    Plain,
    /// Rows, or different values.
    Count,
    Percent,
    /// A difference of percentages.
    Points,
    Days,
    /// A currency, or a unit in the owner's words.
    Unit(String),
}

/// A column and its words.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub name: String,
    pub words: ColumnWords,
}

impl Column {
    /// What a row is that this column tells from others, by the column's own name: `order_id` is of an order.
    pub fn kind_of_row(&self) -> Option<String> {
        let own = self.name.rsplit('.').next().unwrap_or(&self.name);
        let (kind, last) = own.rsplit_once('_')?;
        let is_key = matches!(last.to_lowercase().as_str(), "id" | "key");
        (is_key && !kind.is_empty()).then(|| kind.replace('_', " "))
    }
}

/// What a value is of.
#[derive(Debug, Clone, PartialEq)]
pub enum Term {
    Column(Arc<Column>),
    Made(Operator, Box<[Term; 2]>),
    Change(Arc<Column>),
    Growth(Arc<Column>),
    Then(Arc<Column>),
    Measure(Box<MeasureTerm>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Per,
    Percent,
    Less,
    Plus,
    Times,
    Days,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasureTerm {
    pub operation: Operation,
    /// Missing for a count.
    pub of: Option<Term>,
    pub pace: Option<Pace>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Count,
    Sum,
    Avg,
    Median,
    Least,
    Most,
    Value,
    Distinct,
    Rank,
}

/// A set, with all that its sentence owes.
#[derive(Debug, Clone, PartialEq)]
pub struct SetSaid {
    pub source: Arc<SourceSaid>,
    /// The earlier claim's set that this one is taken of.
    pub base: Option<Arc<SetSaid>>,
    pub against: Option<Arc<SourceSaid>>,
    pub conditions: Vec<CondSaid>,
    /// The key of the one row that was picked.
    pub picked: Vec<(Arc<Column>, Datum)>,
    pub except: Option<Arc<SetSaid>>,
    pub group: Option<(Arc<Column>, Option<Unit>)>,
    pub order: Option<OrderSaid>,
    pub cut: Option<Cut>,
    /// Whether these rows are all that the set has.
    pub whole: Whole,
    /// Rows before conditions, and in the set.
    pub total: usize,
    pub count: usize,
    /// Rows that conditions could not be asked of, by the column that is empty there.
    pub unknown: Vec<(Term, usize)>,
    /// Rows that have no partner in `against`.
    pub without_partner: usize,
}

impl SetSaid {
    /// The time that the set is of: that of its only row or of a condition, else of its call.
    pub fn span(&self) -> Option<Span> {
        let mut said = Some(self);
        while let Some(set) = said {
            if let Some(span) = set.own_span() {
                return Some(span);
            }
            said = set.base.as_deref();
        }
        self.source.period
    }

    fn own_span(&self) -> Option<Span> {
        match self.span_part()? {
            SpanPart::Picked(at) => self.picked.get(at).and_then(|(_, datum)| span_of(datum)),
            SpanPart::Condition(at) => self.conditions.get(at).and_then(span_of_condition),
        }
    }

    /// The part of the set itself that says its time.
    pub fn span_part(&self) -> Option<SpanPart> {
        let picked = self
            .picked
            .iter()
            .position(|(_, datum)| span_of(datum).is_some());
        let condition = || {
            self.conditions
                .iter()
                .rposition(|cond| span_of_condition(cond).is_some())
        };
        picked
            .map(SpanPart::Picked)
            .or_else(|| condition().map(SpanPart::Condition))
    }
}

/// The part of a set that says its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanPart {
    Picked(usize),
    Condition(usize),
}

fn span_of(datum: &Datum) -> Option<Span> {
    match datum {
        Datum::Span(span) => Some(*span),
        Datum::Day(day) => Span::days(*day, *day),
        _ => None,
    }
}

fn span_of_condition(cond: &CondSaid) -> Option<Span> {
    match (cond.op, &cond.operand) {
        (_, OperandSaid::During(span)) => Some(*span),
        (Comparison::Eq, OperandSaid::One(datum)) => span_of(datum),
        _ => None,
    }
}

/// What is said of a result besides its rows.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceSaid {
    pub handle: String,
    pub title: String,
    pub words: Arc<Words>,
    /// Its rows in memory.
    pub rows: usize,
    pub whole: Whole,
    pub period: Option<Span>,
    /// Arguments of the call that bound it, with their values.
    pub arguments: Vec<(String, Datum)>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct CondSaid {
    pub term: Term,
    pub op: Comparison,
    pub operand: OperandSaid,
}

#[derive(Debug, Clone, PartialEq)]
pub enum OperandSaid {
    None,
    One(Datum),
    Several(Vec<Datum>),
    Column(Term),
    /// The reader's day.
    Today,
    During(Span),
}

#[derive(Debug, Clone, PartialEq)]
pub struct OrderSaid {
    pub by: Term,
    pub first: End,
    /// It is the order that the source declares of itself.
    pub is_declared: bool,
    /// Rows without a value to order by; they stand last.
    pub empty: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    pub skip: usize,
    pub top: Option<usize>,
    /// Rows behind the cut that are level with the last one before it.
    pub level: usize,
}

/// How a row is called: the cells that a row's words may name.
#[derive(Debug, Clone, PartialEq)]
pub struct RowName {
    pub words: Arc<Words>,
    pub cells: Vec<(Arc<Column>, Datum)>,
    /// The cells that tell it from others, for a row without words.
    pub key: Vec<(Arc<Column>, Datum)>,
}

/// A row with what is shown of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub name: RowName,
    pub shown: Vec<(Term, Datum)>,
    /// What it is ordered by.
    pub ordered_by: Option<Datum>,
    pub origins: Vec<Origin>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    pub set: SetSaid,
    pub lines: Vec<Line>,
    /// Rows that are level with the first one, itself among them.
    pub level_with_first: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ValueOf {
    pub set: SetSaid,
    pub values: Vec<Measurement>,
    /// The only row, where there is one.
    pub row: Option<RowName>,
}

/// One measured value.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    pub term: MeasureTerm,
    pub datum: Datum,
    /// Rows that have nothing there.
    pub empty: usize,
    /// A count of rows of which some may be missing.
    pub at_least: bool,
    /// The rank's own: among how many, and how many share the place.
    pub among: usize,
    pub level: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Which {
    pub set: SetSaid,
    pub meet: Vec<CondSaid>,
    pub found: Found,
    pub met: Vec<Line>,
    /// Rows that cannot be asked, with the empty column.
    pub unknown: Vec<(Term, Vec<Line>)>,
    /// The set's only row.
    pub only_row: Option<RowName>,
}

/// How many of a set meet a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The set holds no rows.
    Empty,
    None,
    Only,
    Some,
    All,
    /// Of rows that are not all there are.
    AtLeast,
}

/// Two values, and how they stand to each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Compare {
    pub a: Side,
    pub b: Side,
    pub relation: Relation,
    /// All parts moved the other way.
    pub mix: Option<Mix>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    pub set: SetSaid,
    pub value: Measurement,
    pub row: Option<RowName>,
    /// The time that it is of.
    pub span: Option<Span>,
    /// The days of that time that have begun, where it is not over.
    pub begun: Option<i64>,
    /// It is the least or the most of its series, of so many steps.
    pub extreme: Option<(End, usize)>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Relation {
    /// The first is this many percent of the second.
    Share {
        percent: Exact,
    },
    /// From the second to the first.
    Change(Moved),
    /// The first against the second.
    Difference(Moved),
    /// Times that cannot be held against each other: both values, no relation.
    Unlike,
    Ranks,
}

impl Relation {
    /// Its kind in the language of claims.
    pub fn how(&self) -> How {
        match self {
            Self::Share { .. } => How::Share,
            Self::Change(_) | Self::Unlike => How::Change,
            Self::Difference(_) | Self::Ranks => How::Difference,
        }
    }
}

/// How far one value is from another.
#[derive(Debug, Clone, PartialEq)]
pub struct Moved {
    pub direction: Ordering,
    /// The distance, never negative.
    pub by: Quantity,
    /// In percent of the second; none for percentages, from nothing, and across zero.
    pub percent: Option<Exact>,
    /// How many times the second it is, from twice on.
    pub times: Option<Exact>,
    /// Declared as better or worse.
    pub is_better: Option<bool>,
}

/// A ratio that moved against all its parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Mix {
    pub column: Arc<Column>,
    pub groups: usize,
    /// Where the parts went.
    pub parts: Ordering,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Trend {
    pub set: SetSaid,
    pub measure: MeasureTerm,
    /// The steps that are over, in their order, without gaps.
    pub steps: Vec<(Span, Quantity)>,
    /// The step that is not over.
    pub so_far: Option<(Span, Quantity)>,
    /// The direction of the last steps, and how many went there.
    pub run: (Ordering, usize),
    /// The last step is the highest or the lowest of all.
    pub extreme: Option<End>,
    pub is_better: Option<bool>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Quote {
    pub set: SetSaid,
    pub row: RowName,
    pub column: Arc<Column>,
    pub text: String,
    pub by: Option<Datum>,
    pub on: Option<Datum>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Gap {
    /// A source that did not answer, and what it was asked.
    Failed { source: String, title: String },
    /// Words of the question for which nothing was found.
    Topic {
        words: String,
        titles: usize,
        nearest: Vec<String>,
    },
}

/// What may be meant.
#[derive(Debug, Clone, PartialEq)]
pub enum Meant {
    Title(String),
    Row(RowName),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Assessment {
    pub role: Role,
    pub text: String,
    pub about: Vec<String>,
}
