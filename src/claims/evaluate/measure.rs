//! What is worked out of a set, exactly, or refused where it would mean nothing.

use std::collections::HashSet;

use ground::exact::Exact;

use super::{
    expr::{Amount, Compiled, is_ratio, one_unit},
    set::cut_refusal,
    view::{Item, Val, View, order_of, quantity},
};
use crate::{
    claim::{Expr, Measure, Pace, Shown},
    compute::Cell,
    computed::{Datum, MeasureTerm, Measured, Measurement, Operation, Quantity, Term},
    refusal::{Code, Refusal},
    result::Whole,
};

/// Days of a mean Gregorian month: 146,097 days in 4,800 months.
const DAYS_OF_MONTH: (i128, i128) = (146_097, 4_800);

/// What a measure is called.
pub(super) fn term(view: &View, measure: &Measure) -> Result<MeasureTerm, Refusal> {
    let of = |expr: &Expr| view.compile(expr).map(|(_, term)| Some(term));
    let (operation, of, pace) = match measure {
        Measure::Count { pace } => (Operation::Count, None, *pace),
        Measure::Sum { of: expr, pace } => (Operation::Sum, of(expr)?, *pace),
        Measure::Avg(expr) => (Operation::Avg, of(expr)?, None),
        Measure::Median(expr) => (Operation::Median, of(expr)?, None),
        Measure::Least(expr) => (Operation::Least, of(expr)?, None),
        Measure::Most(expr) => (Operation::Most, of(expr)?, None),
        Measure::Value(expr) => (Operation::Value, of(expr)?, None),
        Measure::Distinct(name) => (Operation::Distinct, of(&Expr::Column(name.clone()))?, None),
        Measure::Rank(order) => {
            let of = match &order.by {
                Shown::Expr(expr) => of(expr)?,
                Shown::Measure(measure) => Some(Term::Measure(Box::new(term(view, measure)?))),
            };
            (Operation::Rank, of, None)
        }
    };
    Ok(MeasureTerm {
        operation,
        of,
        pace,
    })
}

/// The rows of an item as a set of their own.
pub(super) fn rows_of(view: &View, item: &Item) -> View {
    let mut rows = view.clone();
    rows.items = item
        .rows
        .iter()
        .map(|row| Item {
            rows: vec![*row],
            group: None,
        })
        .collect();
    rows.group = None;
    rows
}

/// The value of a measure, to order by.
pub(super) fn value(view: &View, measure: &Measure) -> Result<Option<Val>, Refusal> {
    Ok(match measured(view, measure)?.datum {
        Datum::Number(quantity) => Some(Val::Amount(Amount {
            value: quantity.value,
            unit: quantity.unit,
        })),
        Datum::Day(day) => Some(Val::Cell(Cell::Date(day))),
        Datum::Instant(instant) => Some(Val::Cell(Cell::Instant(instant))),
        Datum::Text(text) => Some(Val::Cell(Cell::Text(text))),
        Datum::Span(span) => Some(Val::Cell(Cell::Text(span.code()))),
        Datum::Bool(value) => Some(Val::Cell(Cell::Bool(value))),
        Datum::Nothing | Datum::Foreign(_) => None,
    })
}

/// Works a measure out. Rank is worked out by whoever knows the others ([`super::rank`]).
pub(super) fn measured(view: &View, measure: &Measure) -> Result<Measurement, Refusal> {
    let term = term(view, measure)?;
    check_whole(view, measure)?;
    let mut found = Measurement {
        term,
        datum: Datum::Nothing,
        empty: 0,
        at_least: false,
        among: 0,
        level: 0,
    };
    match measure {
        Measure::Count { pace } => {
            found.at_least = view.said.whole == Whole::Part;
            let count = counted(view.items.len());
            found.datum = paced(view, count, *pace)?;
        }
        Measure::Sum { of, pace } => {
            let (compiled, _) = view.compile(of)?;
            let total = view.arithmetic().total(&compiled, &view.rows())?;
            if pace.is_some() && is_ratio(&compiled) {
                return Err(Refusal::new(Code::Adds, "a ratio has no pace"));
            }
            found.empty = total.empty;
            // A single row's own value is added up of nothing.
            let is_of_record = view.items.len() == 1 && !is_ratio(&compiled);
            found.datum = match total.amount {
                Some(amount) => paced(view, quantity(amount, is_of_record), *pace)?,
                None => nothing(view)?,
            };
        }
        Measure::Avg(of) => {
            let (compiled, _) = view.compile(of)?;
            (found.datum, found.empty) = average(view, &compiled)?;
        }
        Measure::Median(of) => {
            let (compiled, _) = view.compile(of)?;
            let (mut values, empty) = values(view, &compiled)?;
            found.empty = empty;
            values.sort_by(|a, b| a.value.cmp(&b.value));
            found.datum = median(&values)?;
        }
        Measure::Least(of) | Measure::Most(of) => {
            let (compiled, _) = view.compile(of)?;
            let most = matches!(measure, Measure::Most(_));
            (found.datum, found.empty) = end(view, &compiled, most)?;
        }
        Measure::Value(of) => {
            let (compiled, _) = view.compile(of)?;
            found.datum = match view.items.as_slice() {
                [item] => view.datum(&compiled, item)?,
                [] => {
                    return Err(Refusal::new(
                        Code::Row,
                        "the set holds no row, so it has no value",
                    ));
                }
                items => {
                    return Err(Refusal::new(
                        Code::Many,
                        format!(
                            "`value` is of one row, the set holds {}: take sum, least, most, or `row`",
                            items.len()
                        ),
                    ));
                }
            };
        }
        Measure::Distinct(name) => {
            let (compiled, _) = view.compile(&Expr::Column(name.clone()))?;
            let mut seen = HashSet::new();
            for item in &view.items {
                match view.value(&compiled, item)? {
                    None => found.empty += 1,
                    Some(Val::Amount(amount)) => {
                        seen.insert(amount.value.to_string());
                    }
                    Some(Val::Cell(Cell::Text(text))) => {
                        seen.insert(text.trim().to_lowercase());
                    }
                    Some(Val::Cell(cell)) => {
                        seen.insert(cell.to_json().to_string());
                    }
                }
            }
            found.datum = Datum::Number(counted(seen.len()));
        }
        Measure::Rank(_) => {
            return Err(Refusal::new(
                Code::Form,
                "`rank` is asked in `value` and `compare`, with `row`",
            ));
        }
    }
    Ok(found)
}

/// A sum of no rows is zero; one of rows that hold nothing is not known.
fn nothing(view: &View) -> Result<Datum, Refusal> {
    if view.items.is_empty() {
        return Ok(Datum::Number(counted(0)));
    }
    Ok(Datum::Nothing)
}

pub(super) fn counted(count: usize) -> Quantity {
    Quantity {
        value: i64::try_from(count).unwrap_or(i64::MAX).into(),
        unit: Measured::Count,
        is_of_record: true,
    }
}

/// What may be said of rows that are not all there are.
fn check_whole(view: &View, measure: &Measure) -> Result<(), Refusal> {
    let what = match (&view.said.whole, measure) {
        (Whole::Whole, _) => return Ok(()),
        (Whole::Part, Measure::Count { pace: None }) => return Ok(()),
        (_, Measure::Least(_) | Measure::Most(_) | Measure::Value(_) | Measure::Rank(_)) => {
            return Ok(());
        }
        (_, Measure::Count { .. }) => "a count",
        (_, Measure::Sum { .. }) => "a sum",
        (_, Measure::Avg(_) | Measure::Median(_)) => "an average",
        (_, Measure::Distinct(_)) => "a count of different values",
    };
    Err(cut_refusal(view, what))
}

/// Divides by the days of the scope that are over, today among them.
fn paced(view: &View, quantity: Quantity, pace: Option<Pace>) -> Result<Datum, Refusal> {
    let Some(pace) = pace else {
        return Ok(Datum::Number(quantity));
    };
    let Some(span) = view.said.span() else {
        return Err(Refusal::new(
            Code::Periods,
            "`pace` needs a time: a period of the call, or a condition `during`",
        ));
    };
    let days = span.days_begun(view.today);
    if days == 0 {
        return Err(Refusal::new(Code::Periods, "that time has not begun"));
    }
    let length = match pace {
        Pace::Day => Exact::from(1),
        Pace::Week => Exact::from(7),
        Pace::Month => Exact::ratio(DAYS_OF_MONTH.0, DAYS_OF_MONTH.1),
    };
    let value = quantity
        .value
        .multiply(&length)
        .and_then(|value| value.divide(&days.into()))
        .map_err(Refusal::overflow)?;
    Ok(Datum::Number(Quantity {
        value,
        is_of_record: false,
        ..quantity
    }))
}

/// The numbers of the items, one unit all; and how many have none.
fn values(view: &View, compiled: &Compiled) -> Result<(Vec<Amount>, usize), Refusal> {
    let mut values: Vec<Amount> = Vec::new();
    let mut empty = 0;
    for item in &view.items {
        match view.total(compiled, item)?.amount {
            Some(amount) => {
                if let Some(first) = values.first() {
                    one_unit(&first.unit, &amount.unit)?;
                }
                values.push(amount);
            }
            None => empty += 1,
        }
    }
    view.arithmetic().check_currency(compiled, &view.rows())?;
    Ok((values, empty))
}

fn average(view: &View, compiled: &Compiled) -> Result<(Datum, usize), Refusal> {
    let has_parts =
        matches!(compiled, Compiled::Column(at) if view.arithmetic().parts(*at).is_some());
    if is_ratio(compiled) || has_parts {
        let total = view.arithmetic().total(compiled, &view.rows())?;
        let datum = total.amount.map_or(Datum::Nothing, |amount| {
            Datum::Number(quantity(amount, false))
        });
        return Ok((datum, total.empty));
    }
    view.arithmetic().check_adds(compiled)?;
    let (values, empty) = values(view, compiled)?;
    let Some(first) = values.first() else {
        return Ok((Datum::Nothing, empty));
    };
    let unit = first.unit.clone();
    let sum = values
        .iter()
        .try_fold(Exact::from(0), |sum, amount| sum.add(&amount.value))
        .map_err(Refusal::overflow)?;
    let count = i64::try_from(values.len()).unwrap_or(i64::MAX);
    let value = sum.divide(&count.into()).map_err(Refusal::overflow)?;
    Ok((
        Datum::Number(quantity(Amount { value, unit }, false)),
        empty,
    ))
}

fn median(sorted: &[Amount]) -> Result<Datum, Refusal> {
    let middle = sorted.len() / 2;
    let Some(upper) = sorted.get(middle) else {
        return Ok(Datum::Nothing);
    };
    if sorted.len() % 2 == 1 {
        return Ok(Datum::Number(quantity(upper.clone(), true)));
    }
    let lower = sorted.get(middle.saturating_sub(1)).unwrap_or(upper);
    let value = lower
        .value
        .add(&upper.value)
        .and_then(|sum| sum.divide(&2.into()))
        .map_err(Refusal::overflow)?;
    let unit = upper.unit.clone();
    Ok(Datum::Number(quantity(Amount { value, unit }, false)))
}

/// The least or the most; of numbers and of days.
fn end(view: &View, compiled: &Compiled, most: bool) -> Result<(Datum, usize), Refusal> {
    let mut best: Option<(Val, &Item)> = None;
    let mut empty = 0;
    for item in &view.items {
        let Some(value) = view.value(compiled, item)? else {
            empty += 1;
            continue;
        };
        let is_better = match &best {
            None => true,
            Some((known, _)) => {
                let order = order_of(&view.base, &value, known)?;
                if most { order.is_gt() } else { order.is_lt() }
            }
        };
        if is_better {
            best = Some((value, item));
        }
    }
    view.arithmetic().check_currency(compiled, &view.rows())?;
    match best {
        Some((_, item)) => Ok((view.datum(compiled, item)?, empty)),
        None => Ok((Datum::Nothing, empty)),
    }
}
