//! Tokens by budget and month: what was spent, and what is reserved for calls that run.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Store, StoreError,
    driver::{Collection, Content},
    from_body, to_body,
};

/// One budget's month.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Month {
    /// Tokens spent, in and out, by model.
    pub spent: BTreeMap<String, Spent>,
    /// Reservations that are not settled, by their id.
    pub reserved: BTreeMap<String, Reserved>,
}

/// What a model used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    pub tokens_in: u64,
    pub tokens_out: u64,
    pub calls: u64,
}

/// Tokens that a running call may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserved {
    pub model: String,
    pub tokens: u64,
    /// After this instant the call is over in any case; what it held counts as spent.
    pub until: Timestamp,
}

impl Month {
    /// Tokens that are gone: spent and reserved.
    pub fn taken(&self) -> u64 {
        let spent = self.spent.values().fold(0_u64, |sum, spent| {
            sum.saturating_add(spent.tokens_in)
                .saturating_add(spent.tokens_out)
        });
        self.reserved
            .values()
            .fold(spent, |sum, reserved| sum.saturating_add(reserved.tokens))
    }
}

/// The months of a store.
pub struct MonthRows<'a>(pub(super) &'a Store);

fn key(budget: &str, month: &str) -> String {
    format!("{month}/{budget}")
}

impl MonthRows<'_> {
    /// A budget's month; empty where nothing was spent. `month` is `YYYY-MM`.
    pub async fn get(&self, budget: &str, month: &str) -> Result<Month, StoreError> {
        let document = self
            .0
            .driver
            .get(Collection::Usage, &key(budget, month))
            .await?;
        document.map_or(Ok(Month::default()), |document| {
            from_body(Collection::Usage, &document)
        })
    }

    /// Changes a budget's month as one step, whoever else changes it: `change` is asked again with what they left.
    /// What it refuses is not written.
    pub async fn change<E>(
        &self,
        budget: &str,
        month: &str,
        change: impl Fn(&mut Month) -> Result<(), E> + Sync,
    ) -> Result<Result<(), E>, StoreError>
    where
        E: Send,
    {
        let key = key(budget, month);
        let mut refused = None;
        self.0
            .put(Collection::Usage, &key, |document| {
                let mut row = document.map_or(Ok(Month::default()), |document| {
                    from_body(Collection::Usage, document)
                })?;
                if let Err(error) = change(&mut row) {
                    refused = Some(error);
                    return Ok(None);
                }
                Ok(Some(Content {
                    body: to_body(Collection::Usage, &key, &row)?,
                    group: Some(month.to_owned()),
                    ..Content::default()
                }))
            })
            .await?;
        Ok(refused.map_or(Ok(()), Err))
    }
}
