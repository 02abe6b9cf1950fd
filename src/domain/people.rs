//! Roles and the people who have them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{ConnectorId, ModelId, RoleId, UserId},
    text::Language,
};

/// A named bundle of rights and limits. What it does not grant is denied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Role {
    pub id: RoleId,
    pub title: String,
    /// What a model is told about this reader: what matters to them.
    #[serde(default)]
    pub prompt: String,
    #[serde(default)]
    pub grants: Vec<Grant>,
    /// Models in the order in which they are tried; the instance's route where empty.
    #[serde(default)]
    pub models: Vec<ModelId>,
    /// Tokens (in and out) that questions under this role may use in a calendar month of the instance's zone. Schedules have
    /// a budget of their own.
    #[serde(default = "two_million")]
    pub monthly_tokens: u64,
    /// Models that are not local see kinds and comparisons, never values.
    #[serde(default)]
    pub blind: bool,
    /// Tokens that each user may use in a month under this role; the instance's cap where missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_monthly_tokens: Option<u64>,
    /// Questions that each user may ask in a minute under this role; the instance's cap where missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub questions_per_minute: Option<u32>,
}

fn two_million() -> u64 {
    2_000_000
}

/// A right to call tools of one connector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Grant {
    pub connector: ConnectorId,
    /// Patterns of read tools.
    #[serde(default)]
    pub tools: Vec<String>,
    /// Patterns of action tools that may be proposed.
    #[serde(default)]
    pub actions: Vec<String>,
    /// Patterns that are refused whatever else allows them, in any grant of the role.
    #[serde(default)]
    pub deny: Vec<String>,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct User {
    pub id: UserId,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Slack member id (`U…`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack: Option<String>,
    /// The first is the one that stands where none is chosen.
    pub roles: Vec<RoleId>,
    /// IANA name; the instance's zone where missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// A disabled user gets nothing and may do nothing, from this instant.
    #[serde(default)]
    pub disabled: bool,
    /// Tokens that this user may use in a month, instead of the role's or the instance's cap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly_tokens: Option<u64>,
}
