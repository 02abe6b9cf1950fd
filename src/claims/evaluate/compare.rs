//! Two values, and how they stand to each other: a share, a change in time, a difference, two ranks.

use std::cmp::Ordering;

use ground::exact::Exact;

use super::{
    Done, Evaluator, measure,
    trend::series,
    view::{Item, View},
};
use crate::{
    claim::{End, Expr, Group, How, Made, Measure, Set, Value},
    computed::{
        Body, Compare, Datum, Measured, Measurement, Mix, Moved, Quantity, Relation, Side, Term,
    },
    period::Span,
    refusal::{Code, Refusal},
    result::Whole,
};

/// From how many times the other on a value is said as that many times.
const MIN_TIMES: i64 = 2;

/// One side under way.
struct Half {
    view: View,
    value: Measurement,
    span: Option<Span>,
    measure: Measure,
    set: Set,
}

impl Evaluator {
    pub(super) fn compare(&self, a: &Value, b: &Value, how: Option<How>) -> Result<Done, Refusal> {
        let (mut a, mut b) = (self.half(a)?, self.half(b)?);
        let how = match how {
            Some(how) => how,
            None => self.how(&a, &b),
        };
        let (Some(_), Some(_)) = (number(&a.value), number(&b.value)) else {
            return Err(Refusal::new(
                Code::Column,
                "one of the values is empty or no number: it cannot be compared",
            ));
        };
        if how == How::Change {
            let (Some(first), Some(second)) = (a.span, b.span) else {
                return Err(Refusal::new(
                    Code::Periods,
                    "a change needs a time on both sides: a row or a condition of a time, or a period of the call",
                ));
            };
            if first == second {
                return Err(Refusal::new(
                    Code::Periods,
                    "both values are of the same time",
                ));
            }
            // From the earlier to the later, whichever the model named first.
            if (first.first, first.last) < (second.first, second.last) {
                std::mem::swap(&mut a, &mut b);
            }
        }
        let relation = self.relation(&a, &b, how)?;
        let mix = match &relation {
            Relation::Change(moved) => self.mix(&a, &b, moved)?,
            _ => None,
        };
        let mut origins = a.view.base.origins(&a.view.rows());
        for origin in b.view.base.origins(&b.view.rows()) {
            if !origins.contains(&origin) {
                origins.push(origin);
            }
        }
        let kept = a.view.clone();
        let ends = match &relation {
            Relation::Change(_) => self.extremes(&a, &b)?,
            _ => [None, None],
        };
        let [end_a, end_b] = ends;
        let compare = Compare {
            a: self.side(a, end_a),
            b: self.side(b, end_b),
            relation,
            mix,
        };
        Ok(Done {
            body: Body::Compare(Box::new(compare)),
            view: Some(kept),
            origins,
        })
    }

    fn half(&self, value: &Value) -> Result<Half, Refusal> {
        let (view, measured) = match &value.measure {
            Measure::Rank(order) => self.rank(&value.set, order)?,
            measure => {
                let view = self.choose(&value.set)?.view;
                let measured = measure::measured(&view, measure)?;
                (view, measured)
            }
        };
        if measured.at_least {
            return Err(super::set::cut_refusal(&view, "comparisons"));
        }
        Ok(Half {
            span: view.said.span(),
            view,
            value: measured,
            measure: value.measure.clone(),
            set: value.set.clone(),
        })
    }

    fn side(&self, half: Half, extreme: Option<(End, usize)>) -> Side {
        let begun = half
            .span
            .filter(|span| !span.is_over(self.reader.today))
            .map(|span| span.days_begun(self.reader.today));
        Side {
            row: if half.view.said.picked.is_empty() {
                None
            } else {
                half.view.only_name()
            },
            set: half.view.said,
            value: half.value,
            span: half.span,
            begun,
            extreme,
        }
    }

    /// What the two are to each other: rows within rows are a share, one thing at two times is a change, else a difference.
    fn how(&self, a: &Half, b: &Half) -> How {
        let is_rank = |half: &Half| matches!(half.measure, Measure::Rank(_));
        if is_rank(a) || is_rank(b) {
            return How::Difference;
        }
        let adds = matches!(
            a.measure,
            Measure::Count { pace: None } | Measure::Sum { pace: None, .. }
        );
        if adds
            && a.measure == b.measure
            && is_within(&a.view, &b.view)
            && a.view.rows().len() < b.view.rows().len()
        {
            return How::Share;
        }
        if a.span.is_some()
            && b.span.is_some()
            && a.span != b.span
            && same_but_time(&a.view, &b.view)
        {
            return How::Change;
        }
        How::Difference
    }

    fn relation(&self, a: &Half, b: &Half, how: How) -> Result<Relation, Refusal> {
        if let (Measure::Rank(_), Measure::Rank(_)) = (&a.measure, &b.measure) {
            return Ok(Relation::Ranks);
        }
        let (Some(x), Some(y)) = (number(&a.value), number(&b.value)) else {
            return Ok(Relation::Unlike);
        };
        let is_rank = |half: &Half| matches!(half.measure, Measure::Rank(_));
        if is_rank(a) || is_rank(b) {
            return Err(Refusal::new(
                Code::Units,
                "a rank compares with a rank only",
            ));
        }
        let same_term = a.value.term == b.value.term;
        let is_count = |quantity: &Quantity| quantity.unit == Measured::Count;
        if x.unit != y.unit
            && !(x.value.is_zero() && is_count(x) || y.value.is_zero() && is_count(y))
        {
            return Err(Refusal::new(
                Code::Units,
                "the two values are in different units",
            ));
        }
        if x.unit == Measured::Plain && !same_label(&a.value.term.of, &b.value.term.of) {
            return Err(Refusal::new(
                Code::Units,
                "the two values have no unit in common: nothing says that they can be compared",
            ));
        }
        match how {
            How::Share => share(a, b, x, y),
            How::Change | How::Difference => {
                if let (Some(one), Some(other)) = (a.span, b.span)
                    && one != other
                    && !is_paced(&a.measure)
                    && is_of_length(&a.measure)
                {
                    let over = one.is_over(self.reader.today) && other.is_over(self.reader.today);
                    if !over || !one.is_like(&other) {
                        return Ok(Relation::Unlike);
                    }
                }
                let moved = moved(a, x, y, same_term)?;
                Ok(if how == How::Change {
                    Relation::Change(moved)
                } else {
                    Relation::Difference(moved)
                })
            }
        }
    }

    /// Ends of a change that are not neighbours, where they are the least or the most of their series.
    fn extremes(&self, a: &Half, b: &Half) -> Result<[Option<(End, usize)>; 2], Refusal> {
        let (Some(later), Some(earlier)) = (a.span, b.span) else {
            return Ok([None, None]);
        };
        if a.set.of != b.set.of || earlier.next() == Some(later) {
            return Ok([None, None]);
        }
        let Some(along) = a.time_column() else {
            return Ok([None, None]);
        };
        let mut set = a.set.clone();
        set.row.retain(|name, _| !name.eq_ignore_ascii_case(&along));
        set.conditions
            .retain(|cond| cond.column != Expr::Column(along.clone()));
        let Ok(chosen) = self.choose(&set) else {
            return Ok([None, None]);
        };
        let Ok(steps) = series(&chosen.view, &along, &a.measure, self.reader.today) else {
            return Ok([None, None]);
        };
        let steps: Vec<&(Span, Quantity)> = steps
            .iter()
            .filter(|(span, _)| span.is_over(self.reader.today))
            .collect();
        let end = |half: &Half| {
            let own = number(&half.value)?;
            let others = || steps.iter().filter(|(span, _)| Some(*span) != half.span);
            if steps.len() < 3 {
                None
            } else if others().all(|(_, quantity)| quantity.value < own.value) {
                Some((End::High, steps.len()))
            } else if others().all(|(_, quantity)| quantity.value > own.value) {
                Some((End::Low, steps.len()))
            } else {
                None
            }
        };
        Ok([end(a), end(b)])
    }

    /// Did a ratio move against all of its parts? Both sides must hold the same groups.
    fn mix(&self, a: &Half, b: &Half, whole: &Moved) -> Result<Option<Mix>, Refusal> {
        let of = match &a.measure {
            Measure::Sum { of, .. } | Measure::Avg(of) => of,
            _ => return Ok(None),
        };
        let (compiled, _) = a.view.compile(of)?;
        let has_parts = |column: usize| a.view.arithmetic().parts(column).is_some();
        let is_ratio = matches!(of, Expr::Made(made) if matches!(**made, Made::Per(_) | Made::Percent(_)))
            || matches!(compiled, super::expr::Compiled::Column(at) if has_parts(at));
        if !is_ratio
            || a.measure != b.measure
            || whole.direction == Ordering::Equal
            || a.view.group.is_some()
        {
            return Ok(None);
        }
        let time = a.time_column();
        for at in 0..a.view.base.columns.len() {
            let Some(column) = a.view.column_at(at) else {
                continue;
            };
            let is_key = a.view.base.key.contains(&at)
                || a.view.base.source.words.key.contains(&column.name);
            if !is_key || time.as_ref() == Some(&column.name) {
                continue;
            }
            let group = Group::Column(column.name.clone());
            let (Ok(now), Ok(then)) = (
                super::set::grouped(a.view.clone(), &group),
                super::set::grouped(b.view.clone(), &group),
            ) else {
                continue;
            };
            if let Some(parts) = against_all(&now, &then, of, whole.direction)? {
                return Ok(Some(Mix {
                    column,
                    groups: now.items.len(),
                    parts,
                }));
            }
        }
        Ok(None)
    }
}

impl Half {
    /// The column whose value or condition says the time.
    fn time_column(&self) -> Option<String> {
        let picked = self.view.said.picked.iter().find_map(|(column, datum)| {
            matches!(datum, Datum::Span(_) | Datum::Day(_)).then(|| column.name.clone())
        });
        picked.or_else(|| {
            self.view
                .said
                .conditions
                .iter()
                .find_map(|cond| match &cond.term {
                    Term::Column(column) if is_of_time(cond) => Some(column.name.clone()),
                    _ => None,
                })
        })
    }
}

fn is_of_time(cond: &crate::computed::CondSaid) -> bool {
    use crate::computed::OperandSaid;
    matches!(
        &cond.operand,
        OperandSaid::During(_) | OperandSaid::One(Datum::Span(_) | Datum::Day(_))
    )
}

fn number(measurement: &Measurement) -> Option<&Quantity> {
    match &measurement.datum {
        Datum::Number(quantity) => Some(quantity),
        _ => None,
    }
}

/// Does the value grow with the length of its time?
fn is_of_length(measure: &Measure) -> bool {
    !matches!(measure, Measure::Rank(_))
}

fn is_paced(measure: &Measure) -> bool {
    matches!(
        measure,
        Measure::Sum { pace: Some(_), .. } | Measure::Count { pace: Some(_) }
    )
}

fn is_within(a: &View, b: &View) -> bool {
    let outer = b.rows();
    let outer: std::collections::HashSet<usize> = outer.into_iter().collect();
    a.base.source.handle == b.base.source.handle && a.rows().iter().all(|row| outer.contains(row))
}

/// Are the two sets the same but for their time?
fn same_but_time(a: &View, b: &View) -> bool {
    let others = |view: &View| {
        let conditions: Vec<_> = view
            .said
            .conditions
            .iter()
            .filter(|cond| !is_of_time(cond))
            .map(|cond| {
                (
                    cond.op,
                    cond.operand.clone(),
                    label_of(&Some(cond.term.clone())),
                )
            })
            .collect();
        let picked: Vec<_> = view
            .said
            .picked
            .iter()
            .filter(|(_, datum)| !matches!(datum, Datum::Span(_) | Datum::Day(_)))
            .map(|(column, datum)| (column.name.clone(), datum.clone()))
            .collect();
        (conditions, picked)
    };
    others(a) == others(b)
}

fn label_of(term: &Option<Term>) -> Option<String> {
    match term.as_ref()? {
        Term::Column(column) | Term::Change(column) | Term::Growth(column) | Term::Then(column) => {
            Some(column.name.to_lowercase())
        }
        Term::Made(operator, pair) => {
            let [a, b] = &**pair;
            let [a, b] = [a, b].map(|term| label_of(&Some(term.clone())).unwrap_or_default());
            Some(format!("{operator:?} {a} {b}"))
        }
        Term::Measure(measure) => label_of(&measure.of),
    }
}

fn same_label(a: &Option<Term>, b: &Option<Term>) -> bool {
    label_of(a) == label_of(b)
}

fn share(a: &Half, b: &Half, x: &Quantity, y: &Quantity) -> Result<Relation, Refusal> {
    let adds = |measure: &Measure| {
        matches!(
            measure,
            Measure::Count { pace: None } | Measure::Sum { pace: None, .. }
        )
    };
    let is_ratio = matches!(x.unit, Measured::Percent | Measured::Points);
    if !adds(&a.measure) || !adds(&b.measure) || is_ratio {
        return Err(Refusal::new(Code::Adds, "a share is of a count or a sum"));
    }
    if !same_label(&a.value.term.of, &b.value.term.of)
        || a.value.term.operation != b.value.term.operation
    {
        return Err(Refusal::new(
            Code::Units,
            "a share needs the same measure on both sides",
        ));
    }
    if b.view.said.whole != Whole::Whole {
        return Err(super::set::cut_refusal(&b.view, "shares"));
    }
    if a.view.base.source.handle == b.view.base.source.handle {
        if !is_within(&a.view, &b.view) {
            return Err(Refusal::new(
                Code::Adds,
                "the first rows are not among the second: no share",
            ));
        }
    } else if a.view.said.source.period != b.view.said.source.period
        || a.view.said.source.arguments != b.view.said.source.arguments
    {
        return Err(Refusal::new(
            Code::Periods,
            "the two results are of different times or scopes",
        ));
    }
    let zero = Exact::from(0);
    if let Measure::Sum { of, .. } = &b.measure {
        let (compiled, _) = b.view.compile(of)?;
        for row in b.view.rows() {
            let amount = b.view.arithmetic().number(&compiled, row)?;
            if amount.is_some_and(|amount| amount.value < zero) {
                return Err(Refusal::new(
                    Code::Adds,
                    "some of the values are negative: a share would mislead",
                ));
            }
        }
    }
    if y.value.is_zero() || x.value > y.value || x.value < zero {
        return Err(Refusal::new(
            Code::Adds,
            "the first value is no part of the second",
        ));
    }
    Ok(Relation::Share {
        percent: percent(&x.value, &y.value)?,
    })
}

fn percent(part: &Exact, of: &Exact) -> Result<Exact, Refusal> {
    part.multiply(&100.into())
        .and_then(|part| part.divide(of))
        .map_err(Refusal::overflow)
}

fn moved(a: &Half, x: &Quantity, y: &Quantity, same_term: bool) -> Result<Moved, Refusal> {
    let zero = Exact::from(0);
    let direction = x.value.cmp(&y.value);
    let distance = x.value.subtract(&y.value).map_err(Refusal::overflow)?.abs();
    let is_percentage = matches!(x.unit, Measured::Percent | Measured::Points);
    let unit = if is_percentage {
        Measured::Points
    } else {
        x.unit.clone()
    };
    let has_percent = !is_percentage && y.value > zero && x.value >= zero;
    let percent = if has_percent {
        Some(percent(&distance, &y.value)?)
    } else {
        None
    };
    let times = if has_percent {
        let times = x.value.divide(&y.value).map_err(Refusal::overflow)?;
        (times >= Exact::from(MIN_TIMES)).then_some(times)
    } else {
        None
    };
    let better = match &a.value.term.of {
        Some(Term::Column(column)) if same_term => column.words.better,
        _ => None,
    };
    let is_better = better
        .filter(|_| direction.is_ne())
        .map(|better| match better {
            End::High => direction.is_gt(),
            End::Low => direction.is_lt(),
        });
    Ok(Moved {
        direction,
        by: Quantity {
            value: distance,
            unit,
            is_of_record: x.is_of_record && y.is_of_record,
        },
        percent,
        times,
        is_better,
    })
}

/// Where all groups moved, if they all moved the other way than the whole.
fn against_all(
    now: &View,
    then: &View,
    of: &Expr,
    whole: Ordering,
) -> Result<Option<Ordering>, Refusal> {
    if now.items.len() < 2 || now.items.len() != then.items.len() {
        return Ok(None);
    }
    let (here, _) = now.compile(of)?;
    let (there, _) = then.compile(of)?;
    let value = |view: &View, compiled, item: &Item| -> Result<Option<Exact>, Refusal> {
        Ok(view
            .total(compiled, item)?
            .amount
            .map(|amount| amount.value))
    };
    for item in &now.items {
        let label = |other: &&Item| match (&other.group, &item.group) {
            (Some(a), Some(b)) => a.same(b) == Some(true),
            _ => false,
        };
        let Some(before) = then.items.iter().find(label) else {
            return Ok(None);
        };
        let (Some(now_is), Some(then_was)) =
            (value(now, &here, item)?, value(then, &there, before)?)
        else {
            return Ok(None);
        };
        if now_is.cmp(&then_was) != whole.reverse() {
            return Ok(None);
        }
    }
    Ok(Some(whole.reverse()))
}
