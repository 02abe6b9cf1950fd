//! `/api/v1/usage`: what the caller used this month, and what is left.

use axum::{Json, extract::State};
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Programs, refusal::Refusal, tokens::Caller};
use crate::{
    limits::{Budget, Source, Spender},
    store::{Scope, Used},
};

/// What one person used in the month that runs.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct UsageView {
    #[schemars(with = "String", extend("format" = "date"))]
    pub from: Date,
    #[schemars(with = "String", extend("format" = "date"))]
    pub to: Date,
    pub tokens_in: u64,
    pub tokens_out: u64,
    /// Calls of models.
    pub calls: u64,
    /// Tokens that may be used in the month; no cap where it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cap: Option<u64>,
    /// Tokens of the cap that can still be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<u64>,
}

/// The caller's own usage, over all surfaces.
pub async fn get(
    State(programs): State<Programs>,
    caller: Caller,
) -> Result<Json<UsageView>, Refusal> {
    caller.needs(&[Scope::Read])?;
    let (limits, now) = (&programs.converse.limits, programs.converse.clock.now());
    let (from, to) = limits.month_at(now);
    let mut used = Used::default();
    for row in limits.usage(from, to, now).await? {
        if row.of.user.as_ref() == Some(&caller.user.id) {
            used.add(&row.used);
        }
    }
    let spender = Spender {
        role: &caller.role,
        user: Some(&caller.user),
        source: Source::Question {
            surface: caller.principal.surface,
        },
    };
    let own = Budget::User(caller.user.id.clone());
    let mut balances = limits.balances(&spender, now).await?.into_iter();
    let balance = balances.find(|balance| balance.budget == own);
    Ok(Json(UsageView {
        from,
        to,
        tokens_in: used.tokens_in,
        tokens_out: used.tokens_out,
        calls: used.calls,
        cap: balance.as_ref().and_then(|balance| balance.cap),
        left: balance.as_ref().and_then(|balance| balance.left()),
    }))
}
