//! `[limits]`: what may be spent in a month, and how often people may ask.

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::money::Currency;

/// What may be spent in a calendar month of the company's zone, and how often people may ask. Tokens count in and out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Limits {
    /// Tokens of the whole company in a month; no cap where missing.
    pub company_monthly_tokens: Option<u64>,
    /// Money of the whole company in a month, in `currency`, by the models' prices; no cap where missing.
    #[schemars(with = "Option<f64>")]
    pub company_monthly_cost: Option<Decimal>,
    /// Currency of `company_monthly_cost`, as ISO 4217 writes it.
    #[schemars(with = "Option<String>")]
    pub currency: Option<Currency>,
    /// The part of the company's tokens and money that questions cannot touch, so that briefs still get a model when people
    /// have asked for all else.
    #[schemars(range(max = 100))]
    pub reserved_for_schedules_percent: u8,
    /// Tokens of each user in a month, unless their role or they themselves have another cap.
    pub user_monthly_tokens: u64,
    /// Tokens of each schedule in a month.
    pub schedule_monthly_tokens: u64,
    /// The admin is told once a month for each budget of which so much is taken.
    #[schemars(range(min = 1, max = 100))]
    pub warn_at_percent: u8,
    /// Questions of each user in a minute, unless their role has another cap.
    pub questions_per_minute: u32,
    /// Questions of the whole company in a minute; no cap where missing.
    pub company_questions_per_minute: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            company_monthly_tokens: None,
            company_monthly_cost: None,
            currency: None,
            reserved_for_schedules_percent: 20,
            user_monthly_tokens: 500_000,
            schedule_monthly_tokens: 2_000_000,
            warn_at_percent: 80,
            questions_per_minute: 20,
            company_questions_per_minute: None,
        }
    }
}
