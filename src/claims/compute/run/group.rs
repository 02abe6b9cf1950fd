//! Groups of rows, and what is measured of each.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap, HashSet},
};

use ground::exact::Exact;

use super::{
    Columns, MOST_ORIGINS, Made, Row,
    rows::{Key, key, unique},
};
use crate::compute::{
    ComputeError, MOST_GROUPS, listed,
    program::{Group, Measure, Operation, Program, Unit},
    table::{Cell, unlike},
    unlike_error,
};

/// Decimals of averages, shares and changes in percent that do not end before; half goes away from zero. A lesser number keeps
/// as many digits behind its zeros.
const DIGITS: i32 = 4;
/// Decimals at most.
const MOST_DIGITS: i32 = 28;
/// Other values of a currency column that an error names.
const CURRENCIES_TOLD: usize = 5;

/// The rows of one group.
struct Rows {
    label: Vec<Cell>,
    rows: Vec<Row>,
}

pub(super) fn grouped(
    rows: Vec<Row>,
    program: &Program,
    columns: &Columns<'_>,
) -> Result<(Vec<String>, Vec<Made>), ComputeError> {
    let mut names = Vec::new();
    let mut by = Vec::new();
    for group in &program.group_by {
        let (column, unit) = match group {
            Group::Column(column) => (column, None),
            Group::Span { column, unit } => (column, Some(*unit)),
        };
        let place = columns.place(column)?;
        names.push(match unit {
            Some(unit) => unit.name().to_owned(),
            None => column.clone(),
        });
        by.push((place, unit, column.as_str()));
    }
    let mut groups: Vec<Rows> = Vec::new();
    let mut places: HashMap<Vec<Key>, usize> = HashMap::new();
    if by.is_empty() {
        groups.push(Rows {
            label: Vec::new(),
            rows,
        });
    } else {
        for row in rows {
            let mut label = Vec::with_capacity(by.len());
            for (place, unit, column) in &by {
                let cell = row.cells.get(*place).unwrap_or(&Cell::Null);
                label.push(match unit {
                    Some(unit) => span(cell, *unit, column)?,
                    None => cell.clone(),
                });
            }
            let key: Vec<Key> = label.iter().map(key).collect();
            let at = *places.entry(key).or_insert_with(|| {
                groups.push(Rows {
                    label,
                    rows: Vec::new(),
                });
                groups.len() - 1
            });
            if groups.len() > MOST_GROUPS {
                return Err(ComputeError::TooMany {
                    what: "groups",
                    most: MOST_GROUPS,
                });
            }
            if let Some(group) = groups.get_mut(at) {
                group.rows.push(row);
            }
        }
        groups.sort_by(|a, b| compare(&a.label, &b.label));
    }
    let count = Measure {
        name: None,
        op: Operation::Count,
        column: None,
        times: None,
    };
    let measures: Vec<&Measure> = if program.measures.is_empty() {
        vec![&count]
    } else {
        program.measures.iter().collect()
    };
    let mut cells: Vec<Vec<Cell>> = groups.iter().map(|group| group.label.clone()).collect();
    for measure in measures {
        names.push(unique(measure_name(measure), &names));
        let values = measured(measure, &groups, columns, &by)?;
        for (row, value) in cells.iter_mut().zip(values) {
            row.push(value);
        }
    }
    let made = cells
        .into_iter()
        .zip(groups)
        .map(|(cells, group)| Made {
            cells,
            from: group
                .rows
                .iter()
                .take(MOST_ORIGINS + 1)
                .map(|row| (row.left, row.right))
                .collect(),
        })
        .collect();
    Ok((names, made))
}

fn measure_name(measure: &Measure) -> String {
    match (&measure.name, &measure.column) {
        (Some(name), _) => ground::text::shorten(&ground::text::visible(name), 60),
        (None, Some(column)) => format!("{} of {column}", measure.op.name()),
        (None, None) => measure.op.name().to_owned(),
    }
}

fn compare(a: &[Cell], b: &[Cell]) -> Ordering {
    a.iter()
        .zip(b)
        .map(|(a, b)| a.order(b))
        .find(|order| *order != Ordering::Equal)
        .unwrap_or(Ordering::Equal)
}

/// The values of one measure, one a group.
fn measured(
    measure: &Measure,
    groups: &[Rows],
    columns: &Columns<'_>,
    by: &[(usize, Option<Unit>, &str)],
) -> Result<Vec<Cell>, ComputeError> {
    let place = match &measure.column {
        Some(column) => Some(columns.place(column)?),
        None if measure.op == Operation::Count => None,
        None => {
            return Err(ComputeError::Form(format!(
                "`{}` wants a `column`",
                measure.op.name()
            )));
        }
    };
    let Some(place) = place else {
        return Ok(groups
            .iter()
            .map(|group| count_of(group.rows.len()))
            .collect());
    };
    let column = measure.column.as_deref().unwrap_or_default();
    let cells = |group: &Rows| -> Vec<Cell> {
        group
            .rows
            .iter()
            .filter_map(|row| row.cells.get(place))
            .filter(|cell| **cell != Cell::Null)
            .cloned()
            .collect()
    };
    match measure.op {
        Operation::Count => Ok(groups
            .iter()
            .map(|group| count_of(cells(group).len()))
            .collect()),
        Operation::CountDistinct => Ok(groups
            .iter()
            .map(|group| {
                let different: HashSet<Key> = cells(group).iter().map(key).collect();
                count_of(different.len())
            })
            .collect()),
        Operation::Min | Operation::Max if measure.times.is_none() => groups
            .iter()
            .map(|group| {
                let cells = cells(group);
                if let Some((held, other)) = unlike(&cells) {
                    return Err(unlike_error(column, held, other));
                }
                let end = if measure.op == Operation::Min {
                    cells.into_iter().min_by(Cell::order)
                } else {
                    cells.into_iter().max_by(Cell::order)
                };
                Ok(end.unwrap_or(Cell::Null))
            })
            .collect(),
        _ => {
            one_currency(place, groups, columns, by, column)?;
            let times = match &measure.times {
                Some(times) => Some(columns.place(times)?),
                None => None,
            };
            numbers(measure, groups, place, times, column)
        }
    }
}

fn count_of(rows: usize) -> Cell {
    Cell::Number(i64::try_from(rows).unwrap_or(i64::MAX).into())
}

/// The last word of a column that counts things and is no amount of money.
const COUNTS: [&str; 18] = [
    "qty", "quantity", "count", "number", "days", "hours", "minutes", "seconds", "units", "items",
    "pieces", "users", "age", "score", "weight", "rate", "percent", "share",
];

/// Refuses to add amounts of several currencies: a column `currency` with several values in one group.
fn one_currency(
    place: usize,
    groups: &[Rows],
    columns: &Columns<'_>,
    by: &[(usize, Option<Unit>, &str)],
    column: &str,
) -> Result<(), ComputeError> {
    let last_word = |name: &str| {
        let last = name.rsplit(['.', '_', ' ']).next().unwrap_or(name);
        last.to_lowercase()
    };
    if COUNTS.contains(&last_word(column).as_str()) {
        return Ok(());
    }
    let is_currency = |name: &String| last_word(name) == "currency";
    for (at, name) in columns.names.iter().enumerate() {
        if !is_currency(name) || at == place || by.iter().any(|(place, ..)| *place == at) {
            continue;
        }
        for group in groups {
            let mut seen: BTreeMap<String, ()> = BTreeMap::new();
            for row in &group.rows {
                let amount = row.cells.get(place);
                if let Some(Cell::Text(code)) = row.cells.get(at)
                    && amount.is_some_and(|amount| amount.asked_number().is_some())
                {
                    seen.insert(code.trim().to_uppercase(), ());
                }
            }
            if seen.len() > 1 {
                let currencies = seen.keys().take(CURRENCIES_TOLD).map(String::as_str);
                return Err(ComputeError::SeveralCurrencies {
                    column: column.to_owned(),
                    by: name.clone(),
                    currencies: ground::text::visible(&listed(currencies)),
                });
            }
        }
    }
    Ok(())
}

fn numbers(
    measure: &Measure,
    groups: &[Rows],
    place: usize,
    times: Option<usize>,
    column: &str,
) -> Result<Vec<Cell>, ComputeError> {
    let not_numbers = || ComputeError::NotNumbers {
        column: column.to_owned(),
        measure: measure.op.name().to_owned(),
    };
    let overflow = |_| ComputeError::Overflow(column.to_owned());
    let mut all: Vec<Vec<Exact>> = Vec::with_capacity(groups.len());
    for group in groups {
        let mut values = Vec::with_capacity(group.rows.len());
        for row in &group.rows {
            let of = |place: usize| match row.cells.get(place) {
                None | Some(Cell::Null) => Ok(None),
                Some(cell) => cell.asked_number().map(Some).ok_or_else(not_numbers),
            };
            let (value, factor) = (of(place)?, times.map(of).transpose()?);
            match (value, factor) {
                (None, _) | (_, Some(None)) => {}
                (Some(value), None) => values.push(value),
                (Some(value), Some(Some(factor))) => {
                    values.push(value.multiply(&factor).map_err(overflow)?);
                }
            }
        }
        all.push(values);
    }
    let zero = || Exact::from(0);
    let sum = |values: &[Exact]| {
        values
            .iter()
            .try_fold(zero(), |sum, value| sum.add(value))
            .map_err(overflow)
    };
    let sums: Vec<Exact> = all
        .iter()
        .map(|values| sum(values))
        .collect::<Result<_, _>>()?;
    let total = sum(&sums)?;
    let percent = |part: &Exact, of: &Exact| {
        let share = part
            .multiply(&100.into())
            .and_then(|part| part.divide(of))
            .ok();
        share.map_or(Cell::Null, |share| written(&share))
    };
    let mut out = Vec::with_capacity(groups.len());
    let mut before: Option<Exact> = None;
    for (values, own) in all.iter_mut().zip(&sums) {
        let count = Exact::from(i64::try_from(values.len()).unwrap_or(i64::MAX));
        let change = match &before {
            Some(before) => Some(own.subtract(before).map_err(overflow)?),
            None => None,
        };
        out.push(match measure.op {
            _ if values.is_empty() && measure.op != Operation::Sum => Cell::Null,
            Operation::Sum => Cell::Number(own.clone()),
            Operation::Avg => own
                .divide(&count)
                .map_or(Cell::Null, |average| written(&average)),
            Operation::Min => values
                .iter()
                .min()
                .cloned()
                .map_or(Cell::Null, Cell::Number),
            Operation::Max => values
                .iter()
                .max()
                .cloned()
                .map_or(Cell::Null, Cell::Number),
            Operation::Median => {
                values.sort();
                let middle = values.len() / 2;
                let upper = values.get(middle).cloned().unwrap_or_else(zero);
                let lower = values.get(middle.saturating_sub(1)).unwrap_or(&upper);
                if values.len() % 2 == 1 {
                    Cell::Number(upper)
                } else {
                    let both = lower.add(&upper).map_err(overflow)?;
                    written(&both.divide(&2.into()).map_err(overflow)?)
                }
            }
            Operation::Share => percent(own, &total),
            Operation::Change => change.map_or(Cell::Null, Cell::Number),
            Operation::ChangePercent => match (&change, &before) {
                (Some(change), Some(before)) => percent(change, &before.abs()),
                _ => Cell::Null,
            },
            Operation::Count | Operation::CountDistinct => Cell::Number(count),
        });
        before = Some(own.clone());
    }
    Ok(out)
}

/// A quotient as it is written: with four digits behind the point, or behind the zeros there.
fn written(quotient: &Exact) -> Cell {
    let mut places = DIGITS;
    while places < MOST_DIGITS
        && !quotient.is_zero()
        && quotient.abs().floor(places - DIGITS + 1).is_zero()
    {
        places += 1;
    }
    Cell::Number(quotient.round(places))
}

/// The first day of the span that a value lies in, written so that spans sort: `1998-04`, `1998-Q2`.
fn span(cell: &Cell, unit: Unit, column: &str) -> Result<Cell, ComputeError> {
    let Some(date) = cell.day() else {
        if *cell == Cell::Null {
            return Ok(Cell::Null);
        }
        return Err(ComputeError::NotDates {
            column: column.to_owned(),
            unit: unit.name().to_owned(),
        });
    };
    let (year, month) = (date.year(), date.month());
    Ok(match unit {
        Unit::Day => Cell::Date(date),
        Unit::Week => {
            let back = i64::from(date.weekday().to_monday_zero_offset());
            let monday = date.checked_sub(jiff::Span::new().days(back));
            Cell::Date(monday.unwrap_or(date))
        }
        Unit::Month => Cell::Text(format!("{year:04}-{month:02}")),
        Unit::Quarter => Cell::Text(format!("{year:04}-Q{}", (month + 2) / 3)),
        Unit::Year => Cell::Text(format!("{year:04}")),
    })
}
