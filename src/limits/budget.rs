//! The budgets, which of them a call is taken out of, and how much each may hold.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::{CHECK, SCHEDULE, Spender};
use crate::{
    ids::{ModelId, RoleId, ScheduleId, UserId},
    money::{Currency, Money},
    settings::{self, Settings},
};

/// Tokens that checks of the set-up may use in a month.
const CHECK_MONTHLY_TOKENS: u64 = 1_000_000;

/// What tokens or money are taken out of. Each is for one calendar month of the company's zone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Budget {
    User(UserId),
    Role(RoleId),
    Schedule(ScheduleId),
    Checks,
    /// The part of the company's budget that is not reserved for schedules.
    Questions,
    Company,
}

impl Budget {
    /// Those that a call is taken out of: its own first, then the company's. `source` is a [`Source`] in words.
    pub(super) fn of(user: Option<&UserId>, role: &RoleId, source: &str) -> Vec<Self> {
        if let Some(Ok(schedule)) = source.strip_prefix(SCHEDULE).map(ScheduleId::new) {
            return vec![Self::Schedule(schedule), Self::Company];
        }
        let own = if source == CHECK {
            vec![Self::Checks]
        } else {
            let user = user.cloned().map(Self::User);
            user.into_iter().chain([Self::Role(role.clone())]).collect()
        };
        own.into_iter()
            .chain([Self::Company, Self::Questions])
            .collect()
    }

    /// Only what all share holds money.
    pub(super) fn holds_money(&self) -> bool {
        matches!(self, Self::Questions | Self::Company)
    }

    /// Its name in the store.
    pub fn key(&self) -> String {
        match self {
            Self::User(id) => format!("user/{id}"),
            Self::Role(id) => format!("role/{id}"),
            Self::Schedule(id) => format!("schedule/{id}"),
            Self::Checks => "checks".to_owned(),
            Self::Questions => "questions".to_owned(),
            Self::Company => "company".to_owned(),
        }
    }
}

impl std::fmt::Display for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User(id) => write!(f, "the budget of user `{id}`"),
            Self::Role(id) => write!(f, "the budget of role `{id}`"),
            Self::Schedule(id) => write!(f, "the budget of schedule `{id}`"),
            Self::Checks => f.write_str("the budget of checks"),
            Self::Questions => f.write_str("the company's budget for questions"),
            Self::Company => f.write_str("the company's budget"),
        }
    }
}

/// A budget and what it holds; no cap where nothing is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bound<C> {
    pub budget: Budget,
    pub cap: Option<C>,
}

/// Prices of a million tokens.
#[derive(Debug, Clone, Copy)]
struct Price {
    tokens_in: Decimal,
    tokens_out: Decimal,
    currency: Currency,
}

/// What is set about limits.
pub(super) struct Rules {
    pub limits: settings::Limits,
    prices: BTreeMap<ModelId, Price>,
}

impl Rules {
    pub fn of(settings: &Settings) -> Self {
        let price = |model: &settings::Model| {
            let price = Price {
                tokens_in: model.price_in_per_million?,
                tokens_out: model.price_out_per_million?,
                currency: model.currency?,
            };
            Some((model.id.clone(), price))
        };
        Self {
            limits: settings.limits.clone(),
            prices: settings.models.iter().filter_map(price).collect(),
        }
    }

    /// What so many tokens of a model cost, exactly; nothing where it has no price.
    pub fn cost(&self, model: &ModelId, tokens_in: u64, tokens_out: u64) -> Option<Money> {
        let price = self.prices.get(model)?;
        let of = |tokens: u64, price: Decimal| {
            Decimal::from(tokens)
                .checked_mul(Decimal::new(1, 6))
                .and_then(|millions| millions.checked_mul(price))
                .unwrap_or(Decimal::MAX)
        };
        Some(Money {
            amount: of(tokens_in, price.tokens_in).saturating_add(of(tokens_out, price.tokens_out)),
            currency: price.currency,
        })
    }

    /// What so many tokens of a model cost at most, whichever way they go.
    pub fn highest_cost(&self, model: &ModelId, tokens: u64) -> Option<Money> {
        let (all_in, all_out) = (self.cost(model, tokens, 0)?, self.cost(model, 0, tokens)?);
        Some(if all_in.amount > all_out.amount {
            all_in
        } else {
            all_out
        })
    }

    /// The tokens of a user in a month: their own cap, else the role's, else everyone's.
    pub fn user_cap(&self, spender: &Spender<'_>) -> u64 {
        spender
            .user
            .and_then(|user| user.monthly_tokens)
            .or(spender.role.user_monthly_tokens)
            .unwrap_or(self.limits.user_monthly_tokens)
    }

    /// The budgets of tokens that a call concerns: its own first, then the company's.
    pub fn tokens(&self, spender: &Spender<'_>) -> Vec<Bound<u64>> {
        let company = self.limits.company_monthly_tokens;
        let cap = |budget: &Budget| match budget {
            Budget::User(_) => Some(self.user_cap(spender)),
            Budget::Role(_) => Some(spender.role.monthly_tokens),
            Budget::Schedule(_) => Some(self.limits.schedule_monthly_tokens),
            Budget::Checks => Some(CHECK_MONTHLY_TOKENS),
            Budget::Questions => company.map(|cap| self.for_questions(cap)),
            Budget::Company => company,
        };
        spender
            .budgets()
            .into_iter()
            .map(|budget| Bound {
                cap: cap(&budget),
                budget,
            })
            .collect()
    }

    /// The budgets of money that a call in this currency concerns.
    pub fn money(&self, spender: &Spender<'_>, currency: Currency) -> Vec<Bound<Decimal>> {
        let company = self
            .limits
            .company_monthly_cost
            .filter(|_| self.limits.currency == Some(currency));
        let percent = Decimal::from(100 - self.reserved_percent());
        let for_questions = |cap: Decimal| {
            cap.saturating_mul(Decimal::new(1, 2))
                .saturating_mul(percent)
        };
        spender
            .budgets()
            .into_iter()
            .filter(Budget::holds_money)
            .map(|budget| Bound {
                cap: match budget {
                    Budget::Questions => company.map(for_questions),
                    _ => company,
                },
                budget,
            })
            .collect()
    }

    fn reserved_percent(&self) -> u8 {
        self.limits.reserved_for_schedules_percent.min(100)
    }

    /// The part of the company's tokens that questions may use.
    pub fn for_questions(&self, company: u64) -> u64 {
        let part = u128::from(company) * u128::from(100 - self.reserved_percent()) / 100;
        u64::try_from(part).unwrap_or(company)
    }
}
