//! What a model asks to be said: typed, and without any value, label, direction or verdict of its own.

mod expression;
mod written;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use expression::{Beside, Expr, Literal, Made, Measure, Operand, Pace};
pub use written::{Written, schema};

use crate::refusal::Refusal;

/// The handle of a result (`R1`) or of an earlier claim (`late`).
pub type Handle = String;

/// One claim: its kind with what the kind needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The model's handle for later claims; it is never printed.
    pub id: Option<Handle>,
    pub say: Say,
}

/// The kinds of claims.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "an answer has a few claims, each read once"
)]
pub enum Say {
    Rows {
        set: Set,
        show: Vec<Shown>,
    },
    Value {
        set: Set,
        measures: Vec<Measure>,
    },
    Which {
        set: Set,
        meet: Vec<Cond>,
        show: Vec<Shown>,
    },
    Compare {
        a: Value,
        b: Value,
        how: Option<How>,
    },
    Trend {
        set: Set,
        along: String,
        measure: Measure,
    },
    Quote {
        set: Set,
        column: String,
    },
    Gap {
        call: Option<Handle>,
        topic: Option<String>,
    },
    Ask {
        set: Option<Set>,
        options: Vec<String>,
    },
    Again {
        claim: Handle,
        changes: Box<Set>,
    },
    Assessment {
        about: Vec<Handle>,
        role: Role,
        text: String,
    },
}

impl Claim {
    /// Reads a claim. What does not fit is refused with the name of the part and what it may be.
    pub fn read(value: &serde_json::Value) -> Result<Self, Refusal> {
        written::read(value)
    }
}

/// The rows that a claim is about.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Set {
    /// A result, or an earlier claim's rows; empty where another part of the claim says it.
    pub of: Handle,
    pub against: Option<Handle>,
    pub conditions: Vec<Cond>,
    /// One row by its key.
    pub row: BTreeMap<String, Literal>,
    /// All but the rows of an earlier claim.
    pub except: Option<Handle>,
    pub group: Option<Group>,
    pub order: Option<Order>,
    pub skip: Option<usize>,
    pub top: Option<usize>,
}

/// One value of a set.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    pub set: Set,
    pub measure: Measure,
}

/// A condition on each row; a row whose cell is empty neither meets nor fails it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cond {
    pub column: Expr,
    pub op: Comparison,
    /// Of the column's kind; `"today"`; for `during` a span such as `2026-10`, `2026-Q3`, `last_month`, `next_14_days`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Operands>,
}

/// What a condition compares with.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[schemars(untagged)]
pub enum Operands {
    One(Literal),
    Several(Vec<Literal>),
    Column(ColumnOperand),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnOperand {
    pub column: Expr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    Contains,
    IsNull,
    NotNull,
    During,
}

/// A column whose equal values make a group, or spans of a column of dates.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(untagged)]
pub enum Group {
    Column(String),
    Span(SpanGroup),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpanGroup {
    pub column: String,
    pub unit: Unit,
}

impl Group {
    /// The column whose values make the groups.
    pub fn column(&self) -> &str {
        match self {
            Self::Column(column) => column,
            Self::Span(span) => &span.column,
        }
    }
}

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Unit {
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Order {
    pub by: Shown,
    #[serde(default)]
    pub first: End,
}

/// Which end of an order stands first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum End {
    #[default]
    High,
    Low,
}

/// What is shown or ordered by: a column, a made one, or a measure of a group.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[schemars(untagged)]
pub enum Shown {
    Expr(Expr),
    Measure(Measure),
}

/// How two values are compared; found by what they are where it is not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum How {
    Share,
    Change,
    Difference,
}

/// What a sentence of a model's own is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Role {
    Suggestion,
    Guess,
    Caution,
}
