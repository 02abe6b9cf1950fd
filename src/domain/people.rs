//! Roles and the people who have them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::place::Surface;
use crate::{
    ids::{ConnectorId, ModelId, RoleId, UserId},
    sql::Dialect,
    text::Language,
};

/// A named bundle of rights and limits. What it does not grant is denied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Role {
    /// What people, briefings and schedules name it by.
    pub id: RoleId,
    /// What readers call it.
    pub title: String,
    /// What a model is told about this reader: what matters to them.
    #[serde(default)]
    pub prompt: String,
    /// What it may ask; each as `[[role.grants]]`.
    #[serde(default)]
    pub grants: Vec<Grant>,
    /// Groups of the identity provider whose members have the role when they sign in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Where it may be used; everywhere where empty. A schedule may always use it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub surfaces: Vec<Surface>,
    /// May see technical detail, such as SQL.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub technical: bool,
    /// May be given a model's own advice below an answer, in at most three sentences that are marked as not checked.
    #[serde(default = "yes")]
    pub assessment: bool,
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

/// What is on unless it is set otherwise.
fn yes() -> bool {
    true
}

impl Role {
    /// A role that grants nothing.
    pub fn without_rights(id: RoleId, title: impl Into<String>) -> Self {
        Self {
            id,
            title: title.into(),
            prompt: String::new(),
            grants: Vec::new(),
            groups: Vec::new(),
            surfaces: Vec::new(),
            technical: false,
            assessment: true,
            models: Vec::new(),
            monthly_tokens: two_million(),
            blind: false,
            user_monthly_tokens: None,
            questions_per_minute: None,
        }
    }

    /// May it be used here?
    pub fn is_used_on(&self, surface: Surface) -> bool {
        self.surfaces.is_empty() || surface == Surface::Schedule || self.surfaces.contains(&surface)
    }
}

/// A right to call tools of one connector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Grant {
    /// The connector that it is about.
    pub connector: ConnectorId,
    /// Patterns of read tools.
    #[serde(default)]
    pub tools: Vec<String>,
    /// Patterns of action tools that may be proposed.
    #[serde(default)]
    pub actions: Vec<String>,
    /// Patterns of action tools whose proposals may be approved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approve: Vec<String>,
    /// Patterns that are refused whatever else allows them, in any grant of the role.
    #[serde(default)]
    pub deny: Vec<String>,
    /// What the arguments must be. All conditions that name a tool must hold for this grant to allow its call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<Condition>,
}

/// What one argument of a call must be. Each rule that is written must hold; where none is written, none holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Condition {
    /// Patterns of the tools that it is about; all of the grant's where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// The argument's name; dots lead into tables (`params.region`).
    pub arg: String,
    /// It may be missing, or null.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// It is exactly this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Value>,
    /// It is exactly one of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<Value>>,
    /// It is a number, and not smaller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// It is a number, and not larger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// It is one SQL statement of this kind that reads from `tables` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<StatementKind>,
    /// With `statement`: the tables and views, as `name` or `schema.name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<String>,
    /// With `statement`: the database that reads it. Without it only what all of them read alike is allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialect: Option<Dialect>,
}

/// The kinds of SQL statements that a right can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StatementKind {
    Select,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct User {
    /// What schedules and settings name them by.
    pub id: UserId,
    /// As it is said to others.
    pub name: String,
    /// Where mail reaches them, as they have it: also with an international domain, which every mail server takes, and with
    /// letters beyond ASCII before the `@`, for which the mail server must take SMTPUTF8 (`daybrief check` looks).
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
    /// The language of answers; the instance's where missing. A brief is in its briefing's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// Whether they may do anything at all.
    #[serde(default)]
    pub state: UserState,
    /// Tokens that this user may use in a month, instead of the role's or the instance's cap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly_tokens: Option<u64>,
}

/// Whether a person may do anything at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UserState {
    #[default]
    Active,
    /// Has signed in and waits for an admin to let them in.
    Waiting,
    /// Gets nothing and may do nothing, from this instant.
    Disabled,
}

impl UserState {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Waiting => "waiting",
            Self::Disabled => "disabled",
        }
    }
}

impl User {
    /// May they do anything at all?
    pub fn is_active(&self) -> bool {
        self.state == UserState::Active
    }

    /// Do they have this role now: given to them, or through one of `groups`?
    pub fn has(&self, role: &Role, groups: &[String]) -> bool {
        self.roles.contains(&role.id) || role.groups.iter().any(|group| groups.contains(group))
    }
}
