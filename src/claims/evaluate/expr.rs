//! Columns and columns made of others, over one row or added up over many. Ratios of many rows are ratios of their sums.

use ground::exact::Exact;

use super::base::Base;
use crate::{
    claim::{Expr, Made},
    compute::Cell,
    computed::{Measured, Operator, Term},
    refusal::{Code, Refusal},
};

/// An expression with its columns found.
#[derive(Debug, Clone)]
pub(super) enum Compiled {
    Column(usize),
    /// The reader's day.
    Today,
    Change(usize, usize),
    Growth(usize, usize),
    Then(usize),
    Made(Operator, Box<[Compiled; 2]>),
}

/// A number with its unit.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Amount {
    pub value: Exact,
    pub unit: Measured,
}

/// What rows add up to, and how many had nothing to add.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Total {
    pub amount: Option<Amount>,
    pub empty: usize,
}

/// Finds the columns of an expression.
pub(super) fn compile(expr: &Expr, base: &Base) -> Result<(Compiled, Term), Refusal> {
    let column = |base: &Base, at: usize| {
        let missing = || Refusal::new(Code::Column, "there is no such column");
        base.column(at).cloned().ok_or_else(missing)
    };
    let beside = |name: &str| {
        let Some(partner) = &base.partner else {
            return Err(Refusal::new(
                Code::Partner,
                "`change`, `growth` and `then` need `against`: the result to compare with",
            ));
        };
        Ok((base.find(name)?, partner.base.find(name)?))
    };
    match expr {
        Expr::Column(name) => {
            let at = base.find(name)?;
            Ok((Compiled::Column(at), Term::Column(column(base, at)?)))
        }
        Expr::Made(made) => {
            let (operator, pair) = match &**made {
                Made::Change(name) => {
                    let (at, there) = beside(name)?;
                    return Ok((Compiled::Change(at, there), Term::Change(column(base, at)?)));
                }
                Made::Growth(name) => {
                    let (at, there) = beside(name)?;
                    return Ok((Compiled::Growth(at, there), Term::Growth(column(base, at)?)));
                }
                Made::Then(name) => {
                    let (at, there) = beside(name)?;
                    return Ok((Compiled::Then(there), Term::Then(column(base, at)?)));
                }
                Made::Per(pair) => (Operator::Per, pair),
                Made::Percent(pair) => (Operator::Percent, pair),
                Made::Less(pair) => (Operator::Less, pair),
                Made::Plus(pair) => (Operator::Plus, pair),
                Made::Times(pair) => (Operator::Times, pair),
                Made::Days(pair) => (Operator::Days, pair),
            };
            let operand = |expr: &Expr| match expr {
                Expr::Column(name)
                    if name == "today"
                        && operator == Operator::Days
                        && base.source.table.place(name).is_none() =>
                {
                    let today = crate::computed::Column {
                        name: name.clone(),
                        words: Default::default(),
                    };
                    Ok((Compiled::Today, Term::Column(std::sync::Arc::new(today))))
                }
                expr => compile(expr, base),
            };
            let [a, b] = pair;
            let ((a, term_a), (b, term_b)) = (operand(a)?, operand(b)?);
            Ok((
                Compiled::Made(operator, Box::new([a, b])),
                Term::Made(operator, Box::new([term_a, term_b])),
            ))
        }
    }
}

/// Is the whole a quotient, so that many rows give the quotient of their sums?
pub(super) fn is_ratio(compiled: &Compiled) -> bool {
    matches!(
        compiled,
        Compiled::Made(Operator::Per | Operator::Percent, _) | Compiled::Growth(..)
    )
}

/// The arithmetic of a base, on the reader's day.
pub(super) struct Arithmetic<'b> {
    pub base: &'b Base,
    pub today: jiff::civil::Date,
}

impl Arithmetic<'_> {
    /// The number of one row; nothing where a part of it is empty.
    pub fn number(&self, compiled: &Compiled, row: usize) -> Result<Option<Amount>, Refusal> {
        match compiled {
            Compiled::Column(at) => self.own(row, *at),
            Compiled::Today => Err(Refusal::new(Code::Column, "`today` goes with `days` only")),
            Compiled::Then(there) => self.then(row, *there),
            Compiled::Change(at, there) => {
                let (Some(now), Some(then)) = (self.own(row, *at)?, self.then(row, *there)?) else {
                    return Ok(None);
                };
                let unit = one_unit(&now.unit, &then.unit)?;
                let value = now.value.subtract(&then.value).map_err(Refusal::overflow)?;
                let unit = match unit {
                    Measured::Percent => Measured::Points,
                    unit => unit,
                };
                Ok(Some(Amount { value, unit }))
            }
            Compiled::Growth(at, there) => {
                let (now, then) = (self.own(row, *at)?, self.then(row, *there)?);
                now.zip(then)
                    .map_or(Ok(None), |(now, then)| growth(&now, &then))
            }
            Compiled::Made(Operator::Days, pair) => {
                let [a, b] = &**pair;
                let (Some(from), Some(to)) = (self.day(a, row)?, self.day(b, row)?) else {
                    return Ok(None);
                };
                let days = from.until(to).map_or(0, |span| span.get_days());
                Ok(Some(Amount {
                    value: i64::from(days).into(),
                    unit: Measured::Days,
                }))
            }
            Compiled::Made(operator, pair) => {
                let [a, b] = &**pair;
                let (a, b) = (self.number(a, row)?, self.number(b, row)?);
                a.zip(b)
                    .map_or(Ok(None), |(a, b)| combine(*operator, &a, &b))
            }
        }
    }

    /// What rows add up to.
    pub fn total(&self, compiled: &Compiled, rows: &[usize]) -> Result<Total, Refusal> {
        if let ([row], false) = (rows, is_ratio(compiled)) {
            let amount = self.number(compiled, *row)?;
            let empty = usize::from(amount.is_none());
            return Ok(Total { amount, empty });
        }
        match compiled {
            Compiled::Made(operator @ (Operator::Per | Operator::Percent), pair) => {
                let [a, b] = &**pair;
                self.ratio(a, b, rows, |a, b| combine(*operator, a, b))
            }
            Compiled::Growth(at, there) => {
                self.check_adds(compiled)?;
                self.ratio(
                    &Compiled::Column(*at),
                    &Compiled::Then(*there),
                    rows,
                    growth,
                )
            }
            Compiled::Column(at) if self.parts(*at).is_some() => {
                let Some((a, b)) = self.parts(*at) else {
                    return self.sum(compiled, rows);
                };
                let percent = self.base.unit(0, *at) == Measured::Percent;
                let operator = if percent {
                    Operator::Percent
                } else {
                    Operator::Per
                };
                self.ratio(&a, &b, rows, |a, b| combine(operator, a, b))
            }
            _ => {
                self.check_adds(compiled)?;
                self.sum(compiled, rows)
            }
        }
    }

    /// The two columns that a rate is declared to be made of.
    pub fn parts(&self, at: usize) -> Option<(Compiled, Compiled)> {
        let of = self.base.column(at)?.words.of.as_ref()?;
        let [a, b] = of;
        let place = |name: &str| self.base.source.table.place(name).map(Compiled::Column);
        Some((place(a)?, place(b)?))
    }

    fn ratio(
        &self,
        a: &Compiled,
        b: &Compiled,
        rows: &[usize],
        make: impl Fn(&Amount, &Amount) -> Result<Option<Amount>, Refusal>,
    ) -> Result<Total, Refusal> {
        // A row counts in both parts or in none.
        let mut kept = Vec::with_capacity(rows.len());
        for row in rows {
            if self.number(a, *row)?.is_some() && self.number(b, *row)?.is_some() {
                kept.push(*row);
            }
        }
        let empty = rows.len() - kept.len();
        if kept.is_empty() {
            return Ok(Total {
                amount: None,
                empty,
            });
        }
        let (a, b) = (self.total(a, &kept)?, self.total(b, &kept)?);
        let amount = match (a.amount, b.amount) {
            (Some(a), Some(b)) => make(&a, &b)?,
            _ => None,
        };
        Ok(Total { amount, empty })
    }

    fn sum(&self, compiled: &Compiled, rows: &[usize]) -> Result<Total, Refusal> {
        let mut sum: Option<Amount> = None;
        let mut empty = 0;
        let mut counted = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(next) = self.number(compiled, *row)? else {
                empty += 1;
                continue;
            };
            counted.push(*row);
            sum = Some(match sum {
                None => next,
                Some(sum) => Amount {
                    unit: one_unit(&sum.unit, &next.unit)?,
                    value: sum.value.add(&next.value).map_err(Refusal::overflow)?,
                },
            });
        }
        self.check_currency(compiled, &counted)?;
        Ok(Total { amount: sum, empty })
    }

    /// Refuses to add up what does not add up.
    pub fn check_adds(&self, compiled: &Compiled) -> Result<(), Refusal> {
        match compiled {
            Compiled::Column(at) | Compiled::Change(at, _) | Compiled::Growth(at, _) => {
                self.column_adds(self.base, *at)
            }
            Compiled::Then(at) => match &self.base.partner {
                Some(partner) => self.column_adds(&partner.base, *at),
                None => Ok(()),
            },
            Compiled::Made(Operator::Plus | Operator::Less, pair) => {
                let [a, b] = &**pair;
                self.check_adds(a)?;
                self.check_adds(b)
            }
            // A price times a quantity adds up, a length in days too, and of a ratio the sums are taken.
            Compiled::Made(..) | Compiled::Today => Ok(()),
        }
    }

    fn column_adds(&self, base: &Base, at: usize) -> Result<(), Refusal> {
        if base.adds(at) {
            return Ok(());
        }
        let name = base.column(at).map_or("", |column| &column.name);
        Err(Refusal::new(
            Code::Adds,
            format!(
                "`{name}` does not add up: it is a rate, a stock or a key. Take its parts, or `value` of one row"
            ),
        ))
    }

    /// Refuses amounts whose rows are in several currencies.
    pub fn check_currency(&self, compiled: &Compiled, rows: &[usize]) -> Result<(), Refusal> {
        match compiled {
            Compiled::Column(at) | Compiled::Change(at, _) | Compiled::Growth(at, _) => {
                let Some(currency) = self.base.currency_column(*at).filter(|column| column != at)
                else {
                    return Ok(());
                };
                let mut codes =
                    rows.iter()
                        .filter_map(|row| match self.base.cell(*row, currency) {
                            Cell::Text(code) => Some(code.trim().to_uppercase()),
                            _ => None,
                        });
                let first = codes.next();
                if codes.any(|code| Some(code) != first) {
                    let name = self.base.column(currency).map_or("", |column| &column.name);
                    return Err(Refusal::new(
                        Code::Units,
                        format!(
                            "the rows are in several currencies: choose one by `{name}`, or group by it"
                        ),
                    ));
                }
                Ok(())
            }
            Compiled::Then(_) | Compiled::Today | Compiled::Made(Operator::Days, _) => Ok(()),
            Compiled::Made(_, pair) => {
                let [a, b] = &**pair;
                self.check_currency(a, rows)?;
                self.check_currency(b, rows)
            }
        }
    }

    fn own(&self, row: usize, at: usize) -> Result<Option<Amount>, Refusal> {
        number_of(self.base, row, at)
    }

    /// The partner's number; 0 where there is none and its owner says that this is what it means.
    fn then(&self, row: usize, at: usize) -> Result<Option<Amount>, Refusal> {
        let Some(partner) = &self.base.partner else {
            return Ok(None);
        };
        match partner.rows.get(row).copied().flatten() {
            Some(there) => number_of(&partner.base, there, at),
            None if self.base.source.words.absent == Some(0)
                && partner.base.source.whole == crate::result::Whole::Whole =>
            {
                Ok(Some(Amount {
                    value: 0.into(),
                    unit: partner.base.unit(0, at),
                }))
            }
            None => Ok(None),
        }
    }

    fn day(&self, compiled: &Compiled, row: usize) -> Result<Option<jiff::civil::Date>, Refusal> {
        match compiled {
            Compiled::Today => Ok(Some(self.today)),
            Compiled::Column(at) => match self.base.cell(row, *at) {
                Cell::Null => Ok(None),
                cell => self.base.day(cell).map(Some).ok_or_else(|| {
                    let name = self.base.column(*at).map_or("", |column| &column.name);
                    Refusal::new(
                        Code::Column,
                        format!("`{name}` holds {}, no date", cell.kind()),
                    )
                }),
            },
            _ => Err(Refusal::new(
                Code::Column,
                "`days` takes two columns of dates",
            )),
        }
    }
}

fn number_of(base: &Base, row: usize, at: usize) -> Result<Option<Amount>, Refusal> {
    match base.cell(row, at) {
        Cell::Null => Ok(None),
        cell => match cell.asked_number() {
            Some(value) => Ok(Some(Amount {
                value,
                unit: base.unit(row, at),
            })),
            None => {
                let name = base.column(at).map_or("", |column| &column.name);
                let why = format!("`{name}` holds {}, no number", cell.kind());
                Err(Refusal::new(Code::Column, why))
            }
        },
    }
}

/// Refuses two units that are not one.
pub(super) fn one_unit(a: &Measured, b: &Measured) -> Result<Measured, Refusal> {
    if a == b {
        return Ok(a.clone());
    }
    Err(Refusal::new(
        Code::Units,
        "the values are in several units or currencies: choose one, or group by it",
    ))
}

fn combine(operator: Operator, a: &Amount, b: &Amount) -> Result<Option<Amount>, Refusal> {
    let plain = |unit: &Measured| matches!(unit, Measured::Plain | Measured::Count);
    let (value, unit) = match operator {
        Operator::Plus => (a.value.add(&b.value), one_unit(&a.unit, &b.unit)?),
        Operator::Less => {
            let unit = match one_unit(&a.unit, &b.unit)? {
                Measured::Percent => Measured::Points,
                unit => unit,
            };
            (a.value.subtract(&b.value), unit)
        }
        Operator::Times => {
            let is_currency = |unit: &Measured| matches!(unit, Measured::Unit(name) if ground::money::Currency::new(name).is_ok());
            let unit = match (&a.unit, &b.unit) {
                (unit, other) if plain(other) => unit.clone(),
                (other, unit) if plain(other) => unit.clone(),
                (unit, other) if is_currency(unit) && !is_currency(other) => unit.clone(),
                (other, unit) if is_currency(unit) && !is_currency(other) => unit.clone(),
                _ => {
                    return Err(Refusal::new(
                        Code::Units,
                        "these units cannot be multiplied",
                    ));
                }
            };
            (a.value.multiply(&b.value), unit)
        }
        Operator::Per | Operator::Percent if b.value.is_zero() => return Ok(None),
        Operator::Per => {
            let unit = if a.unit == b.unit {
                Measured::Plain
            } else {
                a.unit.clone()
            };
            (a.value.divide(&b.value), unit)
        }
        Operator::Percent => {
            if a.unit != b.unit && !plain(&a.unit) && !plain(&b.unit) {
                one_unit(&a.unit, &b.unit)?;
            }
            let hundred = a.value.multiply(&100.into()).map_err(Refusal::overflow)?;
            (hundred.divide(&b.value), Measured::Percent)
        }
        Operator::Days => return Ok(None),
    };
    let value = value.map_err(Refusal::overflow)?;
    Ok(Some(Amount { value, unit }))
}

/// The change in percent of what was; of a percentage there is none, and from nothing or across zero neither.
fn growth(now: &Amount, then: &Amount) -> Result<Option<Amount>, Refusal> {
    let unit = one_unit(&now.unit, &then.unit)?;
    if matches!(unit, Measured::Percent | Measured::Points) {
        return Err(Refusal::new(
            Code::Units,
            "a change of a percentage is in points: use `change`",
        ));
    }
    let zero = Exact::from(0);
    if then.value <= zero || now.value < zero {
        return Ok(None);
    }
    let value = now
        .value
        .subtract(&then.value)
        .and_then(|change| change.multiply(&100.into()))
        .and_then(|change| change.divide(&then.value))
        .map_err(Refusal::overflow)?;
    Ok(Some(Amount {
        value,
        unit: Measured::Percent,
    }))
}
