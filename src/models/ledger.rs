//! The budgets of a spender as the ledger of model calls, each in the audit trail before it is made.

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
    /// The call is written into the trail while its tokens are reserved, since both wait for the disk. What came otherwise
    /// than asked for, a budget that does not hold it or one that it brings near its end, is a row after it.
    async fn reserve(&self, model: &ModelId, tokens: u64) -> Result<Reservation, OverBudget> {
        let now = self.clock.now();
        let entry = |detail: String| {
            let model = format!("model/{model}");
            let mut entry = self.principal.entry(now, Act::ModelCall, model);
            entry.detail = detail;
            entry
        };
        let asked = [entry(format!("{tokens} tokens at most"))];
        let (reserved, written) = tokio::join!(
            self.limits.reserve(&self.spender, model, tokens, now),
            self.audit.write(&asked)
        );
        if let Err(error) = written {
            if let Ok(reservation) = &reserved {
                self.settle(reservation.id(), Usage::default()).await;
            }
            return Err(error.into());
        }
        match &reserved {
            Ok(reservation) if reservation.warnings().is_empty() => {}
            Ok(reservation) => {
                let mut told = Vec::new();
                for warning in reservation.warnings() {
                    tracing::warn!(%warning, "a budget is nearly used up");
                    told.push(warning.to_string());
                }
                self.audit.write(&[entry(told.join("; "))]).await?;
            }
            Err(over) => {
                let mut denied = entry("not made".to_owned());
                denied.outcome = Outcome::Denied;
                denied.why = over.to_string();
                self.audit.write(&[denied]).await?;
            }
        }
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
