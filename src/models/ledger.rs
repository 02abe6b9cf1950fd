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
        let (reserved, written) = if self.audit.is_there() {
            tokio::join!(
                self.limits.reserve(&self.spender, model, tokens, now),
                self.audit.write(&asked)
            )
        } else {
            self.audit.write(&asked).await?;
            let reserved = self.limits.reserve(&self.spender, model, tokens, now).await;
            (reserved, Ok(Vec::new()))
        };
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

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::{
        access::Surface, clock::SystemClock, domain::people::Role, ids::RoleId, limits::Source,
        settings::Settings, store::Store,
    };

    const KEY: [u8; 32] = [7; 32];

    /// Whatever write is the last before a crash, no call's tokens lie in a store whose trail has no row yet.
    #[tokio::test]
    async fn the_first_call_of_an_instance_is_in_the_trail_before_anything_is_taken_for_it() {
        let clock = SystemClock;
        let id = RoleId::new("check").unwrap();
        let role = Role::without_rights(id.clone(), "");
        let principal = Principal::nobody(id, Surface::CommandLine);
        for writes in 0..=8 {
            let store = Store::in_memory().await.unwrap();
            let dying = store.that_fails_after(writes);
            let audit = Audit::new(dying.clone(), KEY).coming_first();
            let limits = Limits::new(dying, TimeZone::UTC, &Settings::default());
            let ledger = BudgetLedger {
                limits: &limits,
                audit: &audit,
                clock: &clock,
                spender: Spender {
                    role: &role,
                    user: None,
                    source: Source::Check,
                },
                principal: &principal,
            };
            let model = ModelId::new("local").unwrap();
            let _ = ledger.reserve(&model, 100).await;
            let after = Audit::new(store.clone(), KEY).coming_first();
            after
                .write(&[principal.entry(clock.now(), Act::Question, "later".to_owned())])
                .await
                .unwrap();
            let trail = after.verify().await.unwrap();
            assert_eq!(trail.first_bad, None, "{writes}");
        }
    }
}
