//! A measure along time: steps without gaps, where the last ones went, and how the last stands among all.

use std::cmp::Ordering;

use jiff::civil::Date;

use super::{
    Done, Evaluator, measure,
    set::{cut_refusal, span_cell},
    view::{Item, View},
};
use crate::{
    claim::{End, Group, Measure, Set, Unit},
    compute::Cell,
    computed::{Body, Datum, Quantity, Term, Trend},
    period::Span,
    refusal::{Code, Refusal},
    result::Whole,
};

/// Steps of a trend at most.
const MAX_STEPS: usize = 1_000;
/// Missing steps that a refusal names.
const MAX_MISSING: usize = 6;

impl Evaluator {
    pub(super) fn trend(&self, set: &Set, along: &str, measure: &Measure) -> Result<Done, Refusal> {
        let mut plain = set.clone();
        let mut unit = None;
        if let Some(Group::Span(span)) = &set.group
            && span.column.eq_ignore_ascii_case(along)
        {
            unit = Some(span.unit);
        }
        if set.top.is_some() || set.skip.is_some() || set.order.is_some() {
            return Err(Refusal::new(
                Code::Form,
                "a trend goes along its time: it has no order and no cut, only conditions",
            ));
        }
        match &set.group {
            Some(group) if !group.column().eq_ignore_ascii_case(along) => {
                return Err(Refusal::new(
                    Code::GapInSeries,
                    "the groups of a trend are spans of `along`; one series a claim",
                ));
            }
            _ => plain.group = None,
        }
        let view = self.choose(&plain)?.view;
        if view.said.whole != Whole::Whole {
            return Err(cut_refusal(&view, "trends"));
        }
        let today = self.reader.today;
        let steps = with_unit(&view, along, measure, unit)?;
        check_contiguous(&steps)?;
        let (over, rest): (Vec<_>, Vec<_>) =
            steps.into_iter().partition(|(span, _)| span.is_over(today));
        if rest.iter().any(|(span, _)| span.first > today) {
            return Err(Refusal::new(
                Code::Periods,
                "some steps have not begun: bound the time by a condition",
            ));
        }
        let (Some(last), true) = (over.last(), over.len() >= 2) else {
            return Err(Refusal::new(
                Code::GapInSeries,
                "a trend needs two steps that are over",
            ));
        };
        let moves: Vec<Ordering> = over
            .windows(2)
            .filter_map(|pair| match pair {
                [a, b] => Some(b.1.value.cmp(&a.1.value)),
                _ => None,
            })
            .collect();
        let direction = moves.last().copied().unwrap_or(Ordering::Equal);
        let run = moves
            .iter()
            .rev()
            .take_while(|other| **other == direction)
            .count();
        let before = over.get(..over.len() - 1).unwrap_or_default();
        let extreme = if before
            .iter()
            .all(|(_, quantity)| quantity.value < last.1.value)
        {
            Some(End::High)
        } else if before
            .iter()
            .all(|(_, quantity)| quantity.value > last.1.value)
        {
            Some(End::Low)
        } else {
            None
        };
        let term = measure::term(&view, measure)?;
        let better = match &term.of {
            Some(Term::Column(column)) => column.words.better,
            _ => None,
        };
        let is_better = better
            .filter(|_| direction.is_ne())
            .map(|better| match better {
                End::High => direction.is_gt(),
                End::Low => direction.is_lt(),
            });
        let origins = view.base.origins(&view.rows());
        let mut said = view.said.clone();
        let at = view.base.find(along)?;
        if let Some(column) = view.column_at(at) {
            said.group = Some((column, last.0.unit));
        }
        let trend = Trend {
            set: said,
            measure: term,
            run: (direction, run),
            extreme,
            is_better,
            so_far: rest.into_iter().next(),
            steps: over,
        };
        Ok(Done {
            body: Body::Trend(trend),
            view: Some(view),
            origins,
        })
    }
}

/// A measure at each step of time that the rows have, in order.
pub(super) fn series(
    view: &View,
    along: &str,
    measure: &Measure,
    _today: Date,
) -> Result<Vec<(Span, Quantity)>, Refusal> {
    with_unit(view, along, measure, None)
}

fn with_unit(
    view: &View,
    along: &str,
    measure: &Measure,
    unit: Option<Unit>,
) -> Result<Vec<(Span, Quantity)>, Refusal> {
    let at = view.base.find(along)?;
    let unit = match unit {
        Some(unit) => Some(unit),
        None if view.base.names_span(at) => None,
        None => Some(unit_of_days(view, at, along)?),
    };
    let mut items: Vec<(Span, Vec<usize>)> = Vec::new();
    for row in view.rows() {
        let cell = view.base.cell(row, at);
        let cell = match (cell, unit) {
            (Cell::Null, _) => continue,
            (cell, Some(unit)) => span_cell(&view.base, cell, unit, along)?,
            (cell, None) => cell.clone(),
        };
        let Cell::Text(text) = &cell else { continue };
        let Some(span) = Span::of_text(text) else {
            continue;
        };
        match items.iter_mut().find(|(known, _)| *known == span) {
            Some((_, rows)) => rows.push(row),
            None => items.push((span, vec![row])),
        }
        if items.len() > MAX_STEPS {
            return Err(Refusal::new(
                Code::Limit,
                format!("at most {MAX_STEPS} steps"),
            ));
        }
    }
    items.sort_by_key(|(span, _)| *span);
    let mut steps = Vec::with_capacity(items.len());
    for (span, rows) in items {
        let item = Item { rows, group: None };
        let found = measure::measured(&measure::rows_of(view, &item), measure)?;
        match found.datum {
            Datum::Number(quantity) => steps.push((span, quantity)),
            _ => {
                return Err(
                    Refusal::new(Code::GapInSeries, "a step has no value").having([span.code()])
                );
            }
        }
    }
    if let Some((_, first)) = steps.first() {
        for (_, quantity) in &steps {
            super::expr::one_unit(&first.unit, &quantity.unit)?;
        }
    }
    Ok(steps)
}

/// The unit of a column of days: months where all are first days of one, weeks where all are Mondays, else days.
fn unit_of_days(view: &View, at: usize, along: &str) -> Result<Unit, Refusal> {
    let mut days = Vec::new();
    for row in view.rows() {
        let cell = view.base.cell(row, at);
        if *cell == Cell::Null {
            continue;
        }
        days.push(view.base.day(cell).ok_or_else(|| {
            Refusal::new(
                Code::Column,
                format!("`{along}` holds {}, no time", cell.kind()),
            )
        })?);
    }
    let several = days.iter().any(|day| Some(day) != days.first());
    if several && days.iter().all(|day| day.day() == 1) {
        return Ok(Unit::Month);
    }
    if several
        && days
            .iter()
            .all(|day| day.weekday() == jiff::civil::Weekday::Monday)
    {
        return Ok(Unit::Week);
    }
    Ok(Unit::Day)
}

/// Refuses a series with steps missing, and names them.
fn check_contiguous(steps: &[(Span, Quantity)]) -> Result<(), Refusal> {
    let mut missing = Vec::new();
    for pair in steps.windows(2) {
        let [(a, _), (b, _)] = pair else { continue };
        let mut next = a.next();
        while let Some(span) = next.filter(|span| span < b) {
            missing.push(span.code());
            if missing.len() > MAX_MISSING {
                break;
            }
            next = span.next();
        }
        if missing.len() > MAX_MISSING {
            break;
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(Refusal::new(
        Code::GapInSeries,
        "steps of the series are missing: they are not nothing",
    )
    .having(missing))
}
