//! The budgets of a spender as the ledger of model calls, each in the audit trail before it is made.

use std::fmt::Write;

use async_trait::async_trait;

use super::{Ledger, Usage};
use crate::{
    access::Principal,
    audit::{Act, Audit, Outcome},
    clock::Clock,
    ids::ModelId,
    limits::{Limits, OverBudget, Reservation, Spender},
};

/// Reserves before a call and settles after it.
pub struct BudgetLedger<'a> {
    pub limits: &'a Limits,
    pub audit: &'a Audit,
    pub clock: &'a dyn Clock,
    pub spender: Spender<'a>,
    pub principal: &'a Principal,
}

#[async_trait]
impl Ledger for BudgetLedger<'_> {
    async fn reserve(&self, model: &ModelId, tokens: u64) -> Result<Reservation, OverBudget> {
        let now = self.clock.now();
        let reserved = self.limits.reserve(&self.spender, model, tokens, now).await;
        let mut entry = self
            .principal
            .entry(now, Act::ModelCall, format!("model/{model}"));
        entry.detail = format!("{tokens} tokens at most");
        match &reserved {
            Ok(reservation) => {
                for warning in reservation.warnings() {
                    tracing::warn!(%warning, "a budget is nearly used up");
                    let _ = write!(entry.detail, "; {warning}");
                }
            }
            Err(over) => {
                entry.outcome = Outcome::Denied;
                entry.why = over.to_string();
            }
        }
        self.audit.write(&[entry]).await?;
        reserved
    }

    async fn settle(&self, reservation: &str, usage: Usage) {
        let settled = self
            .limits
            .settle(reservation, usage.tokens_in, usage.tokens_out)
            .await;
        if let Err(error) = settled {
            // It stays reserved and counts as spent.
            tracing::warn!(%error, "a model call was not settled");
        }
    }
}
