//! Conditions with three answers: met, not met, and not known where a cell is empty.

use std::cmp::Ordering;

use ground::exact::Exact;
use jiff::civil::Date;

use super::{
    expr::Compiled,
    view::{Item, Val, View},
};
use crate::{
    claim::{Comparison, Cond, Literal, Operands},
    compute::Cell,
    computed::{CondSaid, Datum, Measured, OperandSaid, Quantity, Term},
    period::Span,
    refusal::{Code, Refusal},
    result::Reader,
};

/// Characters of a model's own text that may be printed, in quotation marks.
const MAX_FOREIGN: usize = 40;

/// A condition, ready to be asked.
pub(super) struct Test {
    left: Compiled,
    op: Comparison,
    right: Right,
    pub said: CondSaid,
}

enum Right {
    None,
    Values(Vec<Cell>),
    Column(Compiled),
    Today(Date),
    During(Span),
}

/// Prepares conditions over a view. Literals that may not be printed are refused.
pub(super) fn prepare(
    conditions: &[Cond],
    view: &View,
    reader: &Reader,
) -> Result<Vec<Test>, Refusal> {
    let mut tests = conditions
        .iter()
        .map(|cond| prepare_one(cond, view, reader))
        .collect::<Result<Vec<Test>, Refusal>>()?;
    for at in 0..tests.len() {
        let unit = unit_asked(&tests, at, view)?;
        if let (Some(test), Some(unit)) = (tests.get_mut(at), unit) {
            test.set_unit(&unit);
        }
    }
    Ok(tests)
}

/// The unit of the numbers that one of the conditions is asked of: those of rows that the other conditions leave. Numbers of two
/// units are not held against one number.
fn unit_asked(tests: &[Test], at: usize, view: &View) -> Result<Option<Measured>, Refusal> {
    let Some(test) = tests.get(at).filter(|test| test.has_number()) else {
        return Ok(None);
    };
    let mut asked: Option<Measured> = None;
    for item in &view.items {
        let Some(Val::Amount(amount)) = view.value(&test.left, item)? else {
            continue;
        };
        let is_left = tests
            .iter()
            .enumerate()
            .all(|(other, test)| other == at || !matches!(test.holds(view, item), Ok(Some(false))));
        if !is_left {
            continue;
        }
        match &asked {
            Some(unit) if *unit != amount.unit => {
                super::expr::one_unit(unit, &amount.unit)?;
            }
            _ => asked = Some(amount.unit),
        }
    }
    Ok(asked)
}

fn prepare_one(cond: &Cond, view: &View, reader: &Reader) -> Result<Test, Refusal> {
    let (left, term) = view.compile(&cond.column)?;
    let (right, operand) = match &cond.value {
        None => (Right::None, OperandSaid::None),
        Some(Operands::Column(other)) => {
            let (right, other) = view.compile(&other.column)?;
            (Right::Column(right), OperandSaid::Column(other))
        }
        Some(Operands::One(literal)) if cond.op == Comparison::During => {
            let name = match literal {
                Literal::Text(name) => name.clone(),
                other => other.to_json().to_string(),
            };
            let span = Span::named(&name, reader.today).ok_or_else(|| {
                Refusal::new(
                    Code::Literal,
                    "`during` takes 2026, 2026-10, 2026-Q3, 2026-W48, 2026-05..2026-07, today, this_week, last_month, rest_of_quarter, next_14_days and their like",
                )
            })?;
            (Right::During(span), OperandSaid::During(span))
        }
        Some(Operands::One(Literal::Text(text))) if text == "today" && is_of_time(view, &left)? => {
            (Right::Today(reader.today), OperandSaid::Today)
        }
        Some(Operands::One(literal)) => {
            let (cell, said) = said_literal(literal, &left, view, reader)?;
            (Right::Values(vec![cell]), OperandSaid::One(said))
        }
        Some(Operands::Several(literals)) => {
            let mut cells = Vec::new();
            let mut said = Vec::new();
            for literal in literals {
                let (cell, datum) = said_literal(literal, &left, view, reader)?;
                cells.push(cell);
                said.push(datum);
            }
            (Right::Values(cells), OperandSaid::Several(said))
        }
    };
    Ok(Test {
        left,
        op: cond.op,
        right,
        said: CondSaid {
            term,
            op: cond.op,
            operand,
        },
    })
}

/// Does the column hold days or instants?
fn is_of_time(view: &View, compiled: &Compiled) -> Result<bool, Refusal> {
    for item in &view.items {
        match view.value(compiled, item)? {
            None => {}
            Some(Val::Cell(Cell::Date(_) | Cell::Instant(_))) => return Ok(true),
            Some(_) => return Ok(false),
        }
    }
    // All are empty: nothing is met either way.
    Ok(true)
}

/// A model's literal as it is compared, and as it may be printed: as the source's own value, as a number or a date, as words of
/// the question, else in quotation marks.
fn said_literal(
    literal: &Literal,
    left: &Compiled,
    view: &View,
    reader: &Reader,
) -> Result<(Cell, Datum), Refusal> {
    let cell = Cell::of(&literal.to_json());
    let datum = match &cell {
        Cell::Text(text) => {
            if let Some(datum) = view.datum_of_equal(left, &cell)? {
                datum
            } else if reader.asked_for(text) && text.chars().count() <= MAX_FOREIGN {
                Datum::Text(text.trim().to_owned())
            } else if let (Some(span), true) = (Span::of_text(text), view.names_span(left)) {
                Datum::Span(span)
            } else {
                foreign(text)?
            }
        }
        Cell::Number(number) => match view.datum_of_equal(left, &cell)? {
            Some(datum @ Datum::Text(_)) => datum,
            _ => Datum::Number(Quantity {
                value: number.clone(),
                unit: view.unit_of(left)?,
                is_of_record: true,
            }),
        },
        other => super::base::plain_datum(other),
    };
    Ok((cell, datum))
}

fn foreign(text: &str) -> Result<Datum, Refusal> {
    let is_sentence = text.contains(['.', '!', '?', ':', ';', '\n']);
    if text.chars().count() > MAX_FOREIGN || is_sentence || text.trim().is_empty() {
        return Err(Refusal::new(
            Code::Literal,
            "the value is in no row, and too long to be printed: take a value of the column",
        ));
    }
    Ok(Datum::Foreign(text.trim().to_owned()))
}

impl Test {
    fn has_number(&self) -> bool {
        let is_number = |datum: &Datum| matches!(datum, Datum::Number(_));
        match &self.said.operand {
            OperandSaid::One(datum) => is_number(datum),
            OperandSaid::Several(data) => data.iter().any(is_number),
            _ => false,
        }
    }

    /// Its numbers are of this unit.
    fn set_unit(&mut self, unit: &Measured) {
        let data: &mut [Datum] = match &mut self.said.operand {
            OperandSaid::One(datum) => std::slice::from_mut(datum),
            OperandSaid::Several(data) => data,
            _ => return,
        };
        for datum in data {
            if let Datum::Number(quantity) = datum {
                quantity.unit = unit.clone();
            }
        }
    }

    /// Does the item meet it? Nothing where a cell that it needs is empty.
    pub fn holds(&self, view: &View, item: &Item) -> Result<Option<bool>, Refusal> {
        let left = view.value(&self.left, item)?;
        match self.op {
            Comparison::IsNull => return Ok(Some(left.is_none())),
            Comparison::NotNull => return Ok(Some(left.is_some())),
            _ => {}
        }
        let Some(left) = left else {
            return Ok(None);
        };
        match &self.right {
            Right::None => Ok(None),
            Right::During(span) => self.during(view, &left, span).map(Some),
            Right::Today(today) => {
                let day = self.day(view, &left)?;
                Ok(Some(by_order(self.op, day.cmp(today))))
            }
            Right::Column(right) => match view.value(right, item)? {
                Some(right) => self.compare(view, &left, &right).map(Some),
                None => Ok(None),
            },
            Right::Values(values) => self.against_literals(view, &left, values).map(Some),
        }
    }

    fn against_literals(&self, view: &View, left: &Val, values: &[Cell]) -> Result<bool, Refusal> {
        let literal = |cell: &Cell| match (cell, left) {
            (Cell::Number(number), Val::Amount(amount)) => Val::Amount(super::expr::Amount {
                value: number.clone(),
                unit: amount.unit.clone(),
            }),
            // A number in quotation marks is one where numbers stand.
            (Cell::Text(text), Val::Amount(amount)) => match Exact::parse(text.trim()) {
                Ok(value) => Val::Amount(super::expr::Amount {
                    value,
                    unit: amount.unit.clone(),
                }),
                Err(_) => Val::Cell(cell.clone()),
            },
            _ => Val::Cell(cell.clone()),
        };
        if self.op == Comparison::Contains {
            let text = |value: &Val| match value {
                Val::Cell(Cell::Text(text)) => Some(text.to_lowercase()),
                _ => None,
            };
            let part = values.first().map(|cell| match cell {
                Cell::Text(text) => text.to_lowercase(),
                other => other.to_json().to_string(),
            });
            return match (text(left), part) {
                (Some(text), Some(part)) => Ok(text.contains(&part)),
                _ => Err(self.unlike("`contains` asks texts only")),
            };
        }
        if self.op == Comparison::In {
            for value in values {
                if self.same(view, left, &literal(value))? {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        match values.first() {
            Some(value) => self.compare(view, left, &literal(value)),
            None => Err(self.unlike("it has no value to compare with")),
        }
    }

    fn compare(&self, view: &View, left: &Val, right: &Val) -> Result<bool, Refusal> {
        match self.op {
            Comparison::Eq => self.same(view, left, right),
            Comparison::Ne => self.same(view, left, right).map(|same| !same),
            op => self
                .order(view, left, right)
                .map(|order| by_order(op, order)),
        }
    }

    fn same(&self, view: &View, left: &Val, right: &Val) -> Result<bool, Refusal> {
        match (left, right) {
            (Val::Cell(Cell::Text(a)), Val::Cell(Cell::Text(b))) => {
                Ok(a.trim().to_lowercase() == b.trim().to_lowercase())
            }
            (Val::Cell(Cell::Bool(a)), Val::Cell(Cell::Bool(b))) => Ok(a == b),
            // A number in quotation marks is its digits.
            (Val::Amount(a), Val::Cell(Cell::Text(b)))
            | (Val::Cell(Cell::Text(b)), Val::Amount(a)) => match Exact::parse(b.trim()) {
                Ok(b) => Ok(a.value == b),
                Err(_) => Err(self.unlike("numbers do not compare with texts")),
            },
            _ => self.order(view, left, right).map(Ordering::is_eq),
        }
    }

    fn order(&self, view: &View, left: &Val, right: &Val) -> Result<Ordering, Refusal> {
        match (left, right) {
            (Val::Amount(a), Val::Amount(b)) => {
                let is_plain = |unit: &Measured| matches!(unit, Measured::Plain | Measured::Count);
                if a.unit != b.unit && !is_plain(&a.unit) && !is_plain(&b.unit) {
                    super::expr::one_unit(&a.unit, &b.unit)?;
                }
                Ok(a.value.cmp(&b.value))
            }
            (Val::Cell(Cell::Instant(a)), Val::Cell(Cell::Instant(b))) => Ok(a.cmp(b)),
            (Val::Cell(Cell::Text(a)), Val::Cell(Cell::Text(b))) => {
                match (Span::of_text(a), Span::of_text(b)) {
                    (Some(a), Some(b)) if a.unit == b.unit => Ok(a.cmp(&b)),
                    _ => Err(self.unlike("texts have no order: ask them with eq, in or contains")),
                }
            }
            (Val::Cell(a), Val::Cell(b)) => match (view.base.day(a), view.base.day(b)) {
                (Some(a), Some(b)) => Ok(a.cmp(&b)),
                _ => Err(self.unlike(&format!("{} does not compare with {}", a.kind(), b.kind()))),
            },
            (Val::Amount(_), Val::Cell(other)) | (Val::Cell(other), Val::Amount(_)) => {
                Err(self.unlike(&format!("a number does not compare with {}", other.kind())))
            }
        }
    }

    fn during(&self, view: &View, left: &Val, span: &Span) -> Result<bool, Refusal> {
        if let Val::Cell(Cell::Text(text)) = left
            && let Some(own) = Span::of_text(text)
        {
            let inside = span.contains(own.first) && span.contains(own.last);
            let outside = own.last < span.first || span.last < own.first;
            if !inside && !outside {
                return Err(Refusal::new(
                    Code::Periods,
                    "rows of the column lie partly in that span: take whole ones",
                ));
            }
            return Ok(inside);
        }
        self.day(view, left).map(|day| span.contains(day))
    }

    fn day(&self, view: &View, left: &Val) -> Result<Date, Refusal> {
        match left {
            Val::Cell(cell) => view.base.day(cell),
            Val::Amount(_) => None,
        }
        .ok_or_else(|| self.unlike("the column holds no dates"))
    }

    fn unlike(&self, why: &str) -> Refusal {
        let name = match &self.said.term {
            Term::Column(column) => format!("`{}`: ", column.name),
            _ => String::new(),
        };
        Refusal::new(Code::Column, format!("{name}{why}"))
    }

    /// The term whose empty cell leaves the item unanswered.
    pub fn empty_term(&self, view: &View, item: &Item) -> Result<Term, Refusal> {
        if view.value(&self.left, item)?.is_some()
            && let OperandSaid::Column(other) = &self.said.operand
        {
            return Ok(other.clone());
        }
        Ok(self.said.term.clone())
    }
}

/// Does the item meet all? Not, where it fails one, whatever of the others is unknown; the first that is unknown else.
pub(super) fn all_hold(
    tests: &[Test],
    view: &View,
    item: &Item,
) -> Result<Result<bool, Term>, Refusal> {
    let mut unknown = None;
    for test in tests {
        match test.holds(view, item)? {
            Some(true) => {}
            Some(false) => return Ok(Ok(false)),
            None if unknown.is_none() => unknown = Some(test.empty_term(view, item)?),
            None => {}
        }
    }
    Ok(unknown.map_or(Ok(true), Err))
}

fn by_order(op: Comparison, order: Ordering) -> bool {
    match op {
        Comparison::Lt => order.is_lt(),
        Comparison::Le => order.is_le(),
        Comparison::Gt => order.is_gt(),
        Comparison::Ge => order.is_ge(),
        Comparison::Ne => order.is_ne(),
        _ => order.is_eq(),
    }
}
