//! One month's budgets as values: reserve, settle, expire. Pure: no clock, no store.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;

use super::{
    OverBudget, Warning,
    budget::{Bound, Budget},
};
use crate::{
    money::{Currency, Money},
    store::{Month, Of, Reserved, Row, Settled, Used},
};

/// What a call wants.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub id: String,
    pub of: Of,
    pub day: Date,
    pub tokens: u64,
    pub bounds: Vec<Bound<u64>>,
    /// What it may cost at most, and the budgets of money it concerns.
    pub cost: Option<(Money, Vec<Bound<Decimal>>)>,
    pub warn_at_percent: u8,
    pub now: Timestamp,
    pub until: Timestamp,
    /// When the budgets begin anew.
    pub again: Timestamp,
}

/// A month with what its open reservations hold of each budget.
pub(super) struct Books {
    month: Month,
    held: BTreeMap<String, u64>,
    held_cost: BTreeMap<(String, Currency), Decimal>,
    changed: bool,
}

impl Books {
    pub fn open(month: Month) -> Self {
        let mut books = Self {
            month: Month::default(),
            held: BTreeMap::new(),
            held_cost: BTreeMap::new(),
            changed: false,
        };
        for reserved in month.reserved.values() {
            books.hold(reserved);
        }
        books.month = month;
        books
    }

    /// The month as it is now, and whether it differs from the one that was opened.
    pub fn close(self) -> (Month, bool) {
        (self.month, self.changed)
    }

    /// Tokens that are gone of a budget: spent and reserved.
    pub fn taken(&self, key: &str) -> u64 {
        let of = |amounts: &BTreeMap<String, u64>| amounts.get(key).copied().unwrap_or(0);
        of(&self.month.spent).saturating_add(of(&self.held))
    }

    /// Money that is gone of a budget: spent and reserved.
    pub fn taken_cost(&self, key: &str, currency: Currency) -> Decimal {
        let spent = self
            .month
            .cost
            .get(key)
            .and_then(|amounts| amounts.get(&currency))
            .copied()
            .unwrap_or_default();
        let held = self.held_cost.get(&(key.to_owned(), currency));
        spent.saturating_add(held.copied().unwrap_or_default())
    }

    /// Takes what is wanted from every budget or, where one does not hold it, from none. Asked again for what it gave, it
    /// gives the same and takes nothing.
    pub fn reserve(&mut self, wanted: &Wanted) -> Result<Vec<Warning>, OverBudget> {
        if let Some(reserved) = self.month.reserved.get(&wanted.id) {
            let warned = reserved.warned.clone();
            return Ok(self.warnings(wanted, |key| warned.iter().any(|warned| warned == key)));
        }
        for Bound { budget, cap } in &wanted.bounds {
            let Some(cap) = *cap else { continue };
            let left = cap.saturating_sub(self.taken(&budget.key()));
            if wanted.tokens > left {
                return Err(OverBudget::Tokens {
                    budget: budget.clone(),
                    cap,
                    left,
                    wanted: wanted.tokens,
                    again: wanted.again,
                });
            }
        }
        let cost = wanted.cost.as_ref().map(|(cost, _)| *cost);
        for (Bound { budget, cap }, cost) in money(wanted) {
            let Some(cap) = *cap else { continue };
            let taken = self.taken_cost(&budget.key(), cost.currency);
            let left = cap.saturating_sub(taken).max(Decimal::ZERO);
            if cost.amount > left {
                let money = |amount| Money { amount, ..cost };
                return Err(OverBudget::Cost {
                    budget: budget.clone(),
                    cap: money(cap),
                    left: money(left),
                    wanted: cost,
                    again: wanted.again,
                });
            }
        }
        let mut reserved = Reserved {
            of: wanted.of.clone(),
            day: wanted.day,
            budgets: wanted
                .bounds
                .iter()
                .map(|bound| bound.budget.key())
                .collect(),
            tokens: wanted.tokens,
            cost,
            warned: Vec::new(),
            until: wanted.until,
        };
        self.hold(&reserved);
        let warnings = self.warnings(wanted, |key| !self.month.warned.contains_key(key));
        for warning in &warnings {
            reserved.warned.push(warning.key());
            self.month.warned.insert(warning.key(), warning.to_string());
        }
        self.month.reserved.insert(wanted.id.clone(), reserved);
        self.changed = true;
        Ok(warnings)
    }

    /// The budgets that are nearly used up, of those that `which` is asked about.
    fn warnings(&self, wanted: &Wanted, which: impl Fn(&str) -> bool) -> Vec<Warning> {
        let percent = Decimal::from(wanted.warn_at_percent);
        let near = |taken: Decimal, cap: Decimal| {
            taken.saturating_mul(Decimal::ONE_HUNDRED) >= cap.saturating_mul(percent)
        };
        let tokens = wanted.bounds.iter().filter_map(|Bound { budget, cap }| {
            let (cap, taken) = ((*cap)?, self.taken(&budget.key()));
            near(taken.into(), cap.into()).then(|| Warning::Tokens {
                budget: budget.clone(),
                cap,
                taken,
                again: wanted.again,
            })
        });
        let money = money(wanted).filter_map(|(Bound { budget, cap }, cost)| {
            let taken = self.taken_cost(&budget.key(), cost.currency);
            let cap = (*cap)?;
            near(taken, cap).then(|| Warning::Cost {
                budget: budget.clone(),
                cap: Money {
                    amount: cap,
                    ..cost
                },
                taken: Money {
                    amount: taken,
                    ..cost
                },
                again: wanted.again,
            })
        });
        tokens
            .chain(money)
            .filter(|warning| which(&warning.key()))
            .collect()
    }

    /// Puts what a call used in the place of what was reserved for it. What is not reserved (any more) changes nothing.
    pub fn settle(
        &mut self,
        id: &str,
        tokens_in: u64,
        tokens_out: u64,
        cost: impl FnOnce(&Reserved) -> Option<Money>,
    ) {
        let Some(reserved) = self.month.reserved.remove(id) else {
            return;
        };
        self.release(&reserved);
        let cost = cost(&reserved);
        self.spend(reserved, tokens_in, tokens_out, cost);
    }

    /// Counts reservations whose calls must be over as spent whole: nobody saw what they used.
    pub fn expire(&mut self, now: Timestamp) {
        let ended: Vec<String> = self
            .month
            .reserved
            .iter()
            .filter(|(_, reserved)| reserved.until <= now)
            .map(|(id, _)| id.clone())
            .collect();
        for id in ended {
            if let Some(reserved) = self.month.reserved.remove(&id) {
                self.release(&reserved);
                let (tokens, cost) = (reserved.tokens, reserved.cost);
                self.spend(reserved, tokens, 0, cost);
            }
        }
    }

    fn spend(&mut self, reserved: Reserved, tokens_in: u64, tokens_out: u64, cost: Option<Money>) {
        for key in &reserved.budgets {
            let spent = self.month.spent.entry(key.clone()).or_default();
            *spent = spent.saturating_add(tokens_in).saturating_add(tokens_out);
        }
        if let Some(cost) = cost {
            for key in reserved.budgets.iter().filter(|key| holds_money(key)) {
                let amounts = self.month.cost.entry(key.clone()).or_default();
                let amount = amounts.entry(cost.currency).or_default();
                *amount = amount.saturating_add(cost.amount);
            }
        }
        self.month.last_number = self.month.last_number.saturating_add(1);
        self.month.settled.push(Settled {
            number: self.month.last_number,
            day: reserved.day,
            row: Row {
                of: reserved.of,
                used: Used {
                    tokens_in,
                    tokens_out,
                    calls: 1,
                    cost: cost
                        .map(|cost| (cost.currency, cost.amount))
                        .into_iter()
                        .collect(),
                },
            },
        });
        self.changed = true;
    }

    fn hold(&mut self, reserved: &Reserved) {
        for key in &reserved.budgets {
            let held = self.held.entry(key.clone()).or_default();
            *held = held.saturating_add(reserved.tokens);
        }
        for (key, cost) in costs(reserved) {
            let held = self.held_cost.entry((key.to_owned(), cost.currency));
            let held = held.or_default();
            *held = held.saturating_add(cost.amount);
        }
    }

    fn release(&mut self, reserved: &Reserved) {
        for key in &reserved.budgets {
            if let Some(held) = self.held.get_mut(key) {
                *held = held.saturating_sub(reserved.tokens);
            }
        }
        for (key, cost) in costs(reserved) {
            if let Some(held) = self.held_cost.get_mut(&(key.to_owned(), cost.currency)) {
                *held = held.saturating_sub(cost.amount);
            }
        }
    }
}

/// Only what all share holds money.
fn holds_money(key: &str) -> bool {
    [Budget::Questions, Budget::Company]
        .iter()
        .any(|budget| budget.key() == key)
}

fn costs(reserved: &Reserved) -> impl Iterator<Item = (&str, Money)> {
    reserved.cost.into_iter().flat_map(|cost| {
        let keys = reserved.budgets.iter().filter(|key| holds_money(key));
        keys.map(move |key| (key.as_str(), cost))
    })
}

fn money(wanted: &Wanted) -> impl Iterator<Item = (&Bound<Decimal>, Money)> {
    let (cost, bounds) = wanted
        .cost
        .as_ref()
        .map(|(cost, bounds)| (*cost, bounds.as_slice()))
        .unzip();
    bounds
        .into_iter()
        .flatten()
        .filter_map(move |bound| Some((bound, cost?)))
}
