//! The program of a computation: what a model writes as the tool's arguments. Hostile input: every part is bounded.

use serde::Deserialize;
use serde_json::{Value, json};

use super::ComputeError;

/// The tool's name.
pub const NAME: &str = "compute";

/// Bytes of a program.
const MOST_BYTES: usize = 16 * 1024;
/// Conditions, groups, measures, orders of a program, each.
const MOST_PARTS: usize = 24;

/// A computation over one result, perhaps joined with another.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The handle of a result: `R1`.
    pub from: String,
    /// Where its rows are, if not in its longest list: `data.issues`.
    #[serde(default)]
    pub path: Option<String>,
    #[serde(default)]
    pub join: Option<Join>,
    /// Columns made of others, in this order; each may use those before it.
    #[serde(default)]
    pub derive: Vec<Derived>,
    /// All must hold.
    #[serde(default, rename = "where")]
    pub conditions: Vec<Condition>,
    /// One must hold, where there are any.
    #[serde(default)]
    pub any: Vec<Condition>,
    #[serde(default)]
    pub group_by: Vec<Group>,
    #[serde(default)]
    pub measures: Vec<Measure>,
    /// Columns of the answer where nothing is measured.
    #[serde(default)]
    pub select: Vec<String>,
    #[serde(default)]
    pub order_by: Vec<Order>,
    #[serde(default)]
    pub limit: Option<usize>,
}

/// Rows of another result with an equal key; its columns stand under `with.column`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    pub with: String,
    #[serde(default)]
    pub path: Option<String>,
    pub left: String,
    pub right: String,
    #[serde(default)]
    pub kind: JoinKind,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JoinKind {
    #[default]
    Inner,
    /// Rows without a partner stay, with nothing in its columns.
    Left,
    /// Only rows without a partner.
    Missing,
}

/// A column made of two others, or of one and a number.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Derived {
    pub name: String,
    pub op: Arithmetic,
    pub left: Operand,
    /// Missing for `number`.
    #[serde(default)]
    pub right: Option<Operand>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Operand {
    Number(serde_json::Number),
    Column(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    /// Days from the left date to the right one.
    DaysBetween,
    /// The left column's texts read as numbers.
    Number,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    pub column: String,
    pub op: Comparison,
    #[serde(default)]
    pub value: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    Contains,
    StartsWith,
    IsNull,
    NotNull,
}

/// A column, or a span of time of one.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Group {
    Column(String),
    Span { column: String, unit: Unit },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    Day,
    /// Named by its Monday.
    Week,
    Month,
    Quarter,
    Year,
}

impl Unit {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    #[serde(default)]
    pub name: Option<String>,
    pub op: Operation,
    /// Missing for `count`: rows are counted then.
    #[serde(default)]
    pub column: Option<String>,
    /// What is multiplied with the column first: price times quantity.
    #[serde(default)]
    pub times: Option<String>,
}

/// Nothing (null) counts nowhere but among rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    Count,
    CountDistinct,
    Sum,
    Avg,
    Min,
    Max,
    Median,
    /// The group's sum in percent of the sum of all groups.
    Share,
    /// The sum less that of the group before, in the order of the groups' names.
    Change,
    /// That change in percent of the group before.
    ChangePercent,
}

impl Operation {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::CountDistinct => "count_distinct",
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
            Self::Median => "median",
            Self::Share => "share",
            Self::Change => "change",
            Self::ChangePercent => "change_percent",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    pub by: String,
    #[serde(default)]
    pub desc: bool,
}

impl Program {
    /// Reads a program. Unknown keys are errors that name the known ones.
    pub fn parse(value: &Value) -> Result<Self, ComputeError> {
        if value.to_string().len() > MOST_BYTES {
            return Err(ComputeError::TooMany {
                what: "bytes of a program",
                most: MOST_BYTES,
            });
        }
        let program: Self = serde_json::from_value(value.clone())
            .map_err(|error| ComputeError::Form(error.to_string()))?;
        for (what, count) in [
            ("conditions", program.conditions.len() + program.any.len()),
            ("derived columns", program.derive.len()),
            ("groups", program.group_by.len()),
            ("measures", program.measures.len()),
            ("columns", program.select.len()),
            ("orders", program.order_by.len()),
        ] {
            if count > MOST_PARTS {
                return Err(ComputeError::TooMany {
                    what,
                    most: MOST_PARTS,
                });
            }
        }
        Ok(program)
    }
}

/// The JSON Schema of a program, for a model.
pub fn schema() -> Value {
    let column = json!({ "type": "string" });
    let condition = json!({
        "type": "object",
        "properties": {
            "column": column,
            "op": { "enum": ["eq", "ne", "lt", "le", "gt", "ge", "in", "contains", "starts_with", "is_null", "not_null"] },
            "value": { "description": "of the column's kind: number, text, date (YYYY-MM-DD), or a list for `in`" },
        },
        "required": ["column", "op"],
    });
    json!({
        "type": "object",
        "properties": {
            "from": { "type": "string", "description": "handle of a result, such as R1" },
            "path": { "type": "string", "description": "where its rows are, if not its longest list" },
            "join": {
                "type": "object",
                "description": "rows of another result with an equal key; its columns become HANDLE.column",
                "properties": {
                    "with": { "type": "string" }, "path": { "type": "string" }, "left": column, "right": column,
                    "kind": { "enum": ["inner", "left", "missing"] },
                },
                "required": ["with", "left", "right"],
            },
            "derive": {
                "type": "array",
                "description": "new columns, each of two columns, of a column and a number, or of one column",
                "items": {
                    "type": "object",
                    "properties": {
                        "name": { "type": "string" },
                        "op": { "enum": ["add", "subtract", "multiply", "divide", "days_between", "number"], "description": "number reads numbers that are written as text" },
                        "left": {}, "right": {},
                    },
                    "required": ["name", "op", "left"],
                },
            },
            "where": { "type": "array", "items": condition, "description": "all must hold" },
            "any": { "type": "array", "items": condition, "description": "one must hold" },
            "group_by": {
                "type": "array",
                "items": { "anyOf": [column, {
                    "type": "object",
                    "properties": { "column": column, "unit": { "enum": ["day", "week", "month", "quarter", "year"] } },
                    "required": ["column", "unit"],
                }] },
            },
            "measures": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "name": { "type": "string" },
                        "op": { "enum": ["count", "count_distinct", "sum", "avg", "min", "max", "median", "share", "change", "change_percent"] },
                        "column": column,
                        "times": { "type": "string", "description": "a column that is multiplied with it first" },
                    },
                    "required": ["op"],
                },
            },
            "select": { "type": "array", "items": column },
            "order_by": {
                "type": "array",
                "items": { "type": "object", "properties": { "by": column, "desc": { "type": "boolean" } }, "required": ["by"] },
            },
            "limit": { "type": "integer" },
        },
        "required": ["from"],
    })
}
