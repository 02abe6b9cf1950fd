//! One month's budgets as values: reserve, settle, expire. Pure: no clock, no store.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

/// A month with what its open reservations hold of each budget. It is stored as the month.
#[derive(Default)]
pub(super) struct Books {
    month: Month,
    held: BTreeMap<Budget, u64>,
    held_cost: BTreeMap<(Budget, Currency), Decimal>,
}

impl Serialize for Books {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.month.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Books {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Month::deserialize(deserializer).map(Self::open)
    }
}

impl Books {
    pub fn open(mut month: Month) -> Self {
        let reserved = std::mem::take(&mut month.reserved);
        let mut books = Self {
            month,
            ..Self::default()
        };
        for reserved in reserved.values() {
            books.hold(reserved);
        }
        books.month.reserved = reserved;
        books
    }

    /// The month as it is now.
    pub fn month(&self) -> &Month {
        &self.month
    }

    /// Lets go of settlements up to this number, since their days have them; whether there were any.
    pub fn forget_settled(&mut self, last: u64) -> bool {
        let before = self.month.settled.len();
        self.month.settled.retain(|settled| settled.number > last);
        self.month.settled.len() < before
    }

    /// Tokens that are gone of a budget: spent and reserved.
    pub fn taken(&self, budget: &Budget) -> u64 {
        let spent = self.month.spent.get(&budget.key()).copied();
        let held = self.held.get(budget).copied();
        spent
            .unwrap_or_default()
            .saturating_add(held.unwrap_or_default())
    }

    /// Money that is gone of a budget: spent and reserved.
    pub fn taken_cost(&self, budget: &Budget, currency: Currency) -> Decimal {
        let spent = self
            .month
            .cost
            .get(&budget.key())
            .and_then(|amounts| amounts.get(&currency))
            .copied()
            .unwrap_or_default();
        let held = self.held_cost.get(&(budget.clone(), currency));
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
            let left = cap.saturating_sub(self.taken(budget));
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
            let taken = self.taken_cost(budget, cost.currency);
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
        Ok(warnings)
    }

    /// The budgets that are nearly used up, of those that `which` is asked about.
    fn warnings(&self, wanted: &Wanted, which: impl Fn(&str) -> bool) -> Vec<Warning> {
        let percent = Decimal::from(wanted.warn_at_percent);
        let near = |taken: Decimal, cap: Decimal| {
            taken.saturating_mul(Decimal::ONE_HUNDRED) >= cap.saturating_mul(percent)
        };
        let tokens = wanted.bounds.iter().filter_map(|Bound { budget, cap }| {
            let (cap, taken) = ((*cap)?, self.taken(budget));
            near(taken.into(), cap.into()).then(|| Warning::Tokens {
                budget: budget.clone(),
                cap,
                taken,
                again: wanted.again,
            })
        });
        let money = money(wanted).filter_map(|(Bound { budget, cap }, cost)| {
            let taken = self.taken_cost(budget, cost.currency);
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

    /// Puts what a call used in the place of what was reserved for it. What is not reserved (any more) changes nothing;
    /// whether it was.
    pub fn settle(
        &mut self,
        id: &str,
        tokens_in: u64,
        tokens_out: u64,
        cost: impl FnOnce(&Reserved) -> Option<Money>,
    ) -> bool {
        let Some(reserved) = self.month.reserved.remove(id) else {
            return false;
        };
        let cost = cost(&reserved);
        self.spend(reserved, tokens_in, tokens_out, cost);
        true
    }

    /// Counts reservations whose calls must be over as spent whole: nobody saw what they used. Whether there were any.
    pub fn expire(&mut self, now: Timestamp) -> bool {
        let ended: Vec<Reserved> = self
            .month
            .reserved
            .extract_if(.., |_, reserved| reserved.until <= now)
            .map(|(_, reserved)| reserved)
            .collect();
        let any = !ended.is_empty();
        for reserved in ended {
            let (tokens, cost) = (reserved.tokens, reserved.cost);
            self.spend(reserved, tokens, 0, cost);
        }
        any
    }

    /// Puts what was spent in the place of what was held.
    fn spend(&mut self, reserved: Reserved, tokens_in: u64, tokens_out: u64, cost: Option<Money>) {
        self.release(&reserved);
        for budget in budgets(&reserved) {
            let spent = self.month.spent.entry(budget.key()).or_default();
            *spent = spent.saturating_add(tokens_in).saturating_add(tokens_out);
            let Some(cost) = cost.filter(|_| budget.holds_money()) else {
                continue;
            };
            let amounts = self.month.cost.entry(budget.key()).or_default();
            let amount = amounts.entry(cost.currency).or_default();
            *amount = amount.saturating_add(cost.amount);
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
    }

    fn hold(&mut self, reserved: &Reserved) {
        for (budget, cost) in with_costs(reserved) {
            if let Some(cost) = cost {
                let held = self.held_cost.entry((budget.clone(), cost.currency));
                let held = held.or_default();
                *held = held.saturating_add(cost.amount);
            }
            let held = self.held.entry(budget).or_default();
            *held = held.saturating_add(reserved.tokens);
        }
    }

    fn release(&mut self, reserved: &Reserved) {
        for (budget, cost) in with_costs(reserved) {
            if let Some(held) = self.held.get_mut(&budget) {
                *held = held.saturating_sub(reserved.tokens);
            }
            let held = cost.map(|cost| (cost, (budget, cost.currency)));
            if let Some((cost, key)) = held
                && let Some(held) = self.held_cost.get_mut(&key)
            {
                *held = held.saturating_sub(cost.amount);
            }
        }
    }
}

/// The budgets that it was taken out of.
fn budgets(reserved: &Reserved) -> Vec<Budget> {
    let Of {
        user, role, source, ..
    } = &reserved.of;
    Budget::of(user.as_ref(), role, source)
}

/// The same, with what it holds of each that holds money.
fn with_costs(reserved: &Reserved) -> impl Iterator<Item = (Budget, Option<Money>)> {
    let cost = reserved.cost;
    budgets(reserved).into_iter().map(move |budget| {
        let cost = cost.filter(|_| budget.holds_money());
        (budget, cost)
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
