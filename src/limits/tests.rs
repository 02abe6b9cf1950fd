//! Budgets over real stores: many at once, several nodes, crashes after every write.

mod budgets;
mod rate;
mod settled;

use std::sync::Arc;

use jiff::civil::date;
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::{
    ids::UserId,
    money::Currency,
    settings::{Store as StoreSettings, StoreKind},
    store::Used,
    testing::peer,
};

const NOW: &str = "2026-11-24T06:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at(NOW)
}

fn role(text: &str) -> Role {
    toml::from_str(&format!("id = 'vp'\ntitle = 'VP'\n{text}")).unwrap()
}

fn user(id: &str, text: &str) -> User {
    toml::from_str(&format!(
        "id = '{id}'\nname = 'Someone'\nroles = ['vp']\n{text}"
    ))
    .unwrap()
}

fn model() -> ModelId {
    ModelId::new("m").unwrap()
}

fn settings(limits: &str) -> Settings {
    toml::from_str(limits).unwrap()
}

fn question<'a>(role: &'a Role, user: &'a User) -> Spender<'a> {
    Spender {
        role,
        user: Some(user),
        source: Source::Question {
            surface: Surface::CommandLine,
        },
    }
}

fn schedule<'a>(role: &'a Role, id: &str) -> Spender<'a> {
    Spender {
        role,
        user: None,
        source: Source::Schedule(ScheduleId::new(id).unwrap()),
    }
}

async fn limits(of: &str) -> Limits {
    Limits::new(
        Store::in_memory().await.unwrap(),
        TimeZone::UTC,
        &settings(of),
    )
}

/// What every budget of the month holds: spent and reserved, by its name in the store.
async fn taken(limits: &Limits) -> BTreeMap<String, u64> {
    let month = limits.store.usage().month("2026-11").await.unwrap();
    let mut taken = month.spent.clone();
    for reserved in month.reserved.values() {
        let of = &reserved.of;
        for budget in Budget::of(of.user.as_ref(), &of.role, &of.source) {
            *taken.entry(budget.key()).or_default() += reserved.tokens;
        }
    }
    taken
}

async fn used(limits: &Limits, at: Timestamp) -> Used {
    let rows = limits
        .usage(date(2026, 1, 1), date(2026, 12, 31), at)
        .await
        .unwrap();
    rows.iter().fold(Used::default(), |mut sum, row| {
        sum.add(&row.used);
        sum
    })
}

const PRICED: &str = "[limits]\ncompany_monthly_cost = 1.5\ncurrency = 'EUR'\nreserved_for_schedules_percent = 20\n\
    [[model]]\nid = 'm'\nkind = 'openai'\nmodel = 'm'\nprice_in_per_million = 0.1\nprice_out_per_million = 15\ncurrency = 'EUR'\n\
    [[model]]\nid = 'dollars'\nkind = 'openai'\nmodel = 'd'\nprice_in_per_million = '0.3'\nprice_out_per_million = 1\ncurrency = 'USD'\n";
