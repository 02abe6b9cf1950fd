//! Columns, columns made of others, and measures, with their one form in JSON.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use serde_json::{Value, json};

use super::{ColumnOperand, Group, Operands, Order, Shown, SpanGroup};

/// How deep an operand may be made of others.
const MAX_DEPTH: usize = 2;

/// A column, or one made of others.
#[derive(Debug, Clone, PartialEq, Eq, Hash, JsonSchema)]
#[schemars(untagged)]
pub enum Expr {
    Column(String),
    Made(Box<Made>),
}

/// A column made of two others, or of one and its partner in `against`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Made {
    Per([Operand; 2]),
    Percent([Operand; 2]),
    Less([Operand; 2]),
    Plus([Operand; 2]),
    Times([Operand; 2]),
    /// Days from the first to the second.
    Days([Operand; 2]),
    /// The difference to the partner in `against`.
    Change(String),
    /// That difference in percent.
    Growth(String),
    /// The partner's value.
    Then(String),
}

/// What of a pair of results is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Beside {
    Change,
    Growth,
    Then,
}

/// A part of a made column.
pub type Operand = Expr;

impl Expr {
    fn read(value: &Value, depth: usize) -> Result<Self, String> {
        match value {
            Value::String(column) => Ok(Self::Column(column.clone())),
            Value::Object(fields) => {
                if depth >= MAX_DEPTH {
                    return Err("a made column may hold made ones, but those only columns".into());
                }
                let (name, inner) = match fields.iter().next() {
                    Some(field) if fields.len() == 1 => field,
                    _ => {
                        return Err(
                            "a made column is one of per, percent, less, plus, times, days, change, growth, then"
                                .into(),
                        );
                    }
                };
                let made = match (name.as_str(), inner) {
                    ("change", Value::String(column)) => Made::Change(column.clone()),
                    ("growth", Value::String(column)) => Made::Growth(column.clone()),
                    ("then", Value::String(column)) => Made::Then(column.clone()),
                    ("change" | "growth" | "then", _) => {
                        return Err(format!("`{name}` takes the name of a column"));
                    }
                    ("per" | "percent" | "less" | "plus" | "times" | "days", Value::Array(two)) => {
                        let [a, b] = two.as_slice() else {
                            return Err(format!("`{name}` takes two columns"));
                        };
                        let pair = [Self::read(a, depth + 1)?, Self::read(b, depth + 1)?];
                        match name.as_str() {
                            "per" => Made::Per(pair),
                            "percent" => Made::Percent(pair),
                            "less" => Made::Less(pair),
                            "plus" => Made::Plus(pair),
                            "times" => Made::Times(pair),
                            _ => Made::Days(pair),
                        }
                    }
                    _ => {
                        return Err(
                            "a made column is one of per, percent, less, plus, times, days with two columns, or change, growth, then with one"
                                .into(),
                        );
                    }
                };
                Ok(Self::Made(Box::new(made)))
            }
            _ => Err("a column is its name, or one made of two".into()),
        }
    }
}

impl<'de> Deserialize<'de> for Expr {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::read(&Value::deserialize(from)?, 0).map_err(D::Error::custom)
    }
}

impl Serialize for Expr {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Column(column) => column.serialize(to),
            Self::Made(made) => made.serialize(to),
        }
    }
}

/// A value of a model's: it only chooses rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, JsonSchema)]
#[schemars(untagged)]
pub enum Literal {
    Text(String),
    Number(#[schemars(with = "f64")] serde_json::Number),
    Bool(bool),
}

impl Literal {
    fn read(value: Value) -> Result<Self, String> {
        match value {
            Value::String(text) => Ok(Self::Text(text)),
            Value::Number(number) => Ok(Self::Number(number)),
            Value::Bool(value) => Ok(Self::Bool(value)),
            _ => Err("a value is a text, a number, true or false".into()),
        }
    }

    /// The literal as JSON.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Bool(value) => (*value).into(),
        }
    }
}

impl<'de> Deserialize<'de> for Literal {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::read(Value::deserialize(from)?).map_err(D::Error::custom)
    }
}

impl Serialize for Literal {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(to)
    }
}

impl<'de> Deserialize<'de> for Operands {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::Array(values) => values
                .into_iter()
                .map(Literal::read)
                .collect::<Result<_, _>>()
                .map(Self::Several),
            object @ Value::Object(_) => {
                let column: ColumnOperand =
                    serde_json::from_value(object).map_err(D::Error::custom)?;
                return Ok(Self::Column(column));
            }
            value => Literal::read(value).map(Self::One),
        }
        .map_err(D::Error::custom)
    }
}

impl Serialize for Operands {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(value) => value.serialize(to),
            Self::Several(values) => values.serialize(to),
            Self::Column(column) => column.serialize(to),
        }
    }
}

/// What is worked out of a set.
#[derive(Debug, Clone, PartialEq)]
pub enum Measure {
    Count {
        pace: Option<Pace>,
    },
    Sum {
        of: Expr,
        pace: Option<Pace>,
    },
    Avg(Expr),
    Median(Expr),
    Least(Expr),
    Most(Expr),
    /// The value of the only row.
    Value(Expr),
    Distinct(String),
    /// The place of the only row among the set's others.
    Rank(Box<Order>),
}

/// The length that a sum is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Pace {
    Day,
    Week,
    Month,
}

/// A measure as it is written.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Fields {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sum: Option<Expr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    avg: Option<Expr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    median: Option<Expr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    least: Option<Expr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    most: Option<Expr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<Expr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    distinct: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rank: Option<Box<Order>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    count: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pace: Option<Pace>,
}

impl Measure {
    fn read(value: Value) -> Result<Self, String> {
        const FORM: &str =
            "a measure is \"count\" or one of sum, avg, median, least, most, value, distinct, rank";
        if value == json!("count") {
            return Ok(Self::Count { pace: None });
        }
        let Value::Object(_) = value else {
            return Err(FORM.into());
        };
        let fields: Fields = serde_json::from_value(value).map_err(|error| error.to_string())?;
        let pace = fields.pace;
        let mut found = Vec::new();
        found.extend(fields.sum.map(|of| Self::Sum { of, pace }));
        found.extend(fields.avg.map(Self::Avg));
        found.extend(fields.median.map(Self::Median));
        found.extend(fields.least.map(Self::Least));
        found.extend(fields.most.map(Self::Most));
        found.extend(fields.value.map(Self::Value));
        found.extend(fields.distinct.map(Self::Distinct));
        found.extend(fields.rank.map(Self::Rank));
        found.extend(
            fields
                .count
                .filter(|count| *count)
                .map(|_| Self::Count { pace }),
        );
        match (found.pop(), found.is_empty()) {
            (Some(measure), true) => {
                let paced = matches!(measure, Self::Sum { .. } | Self::Count { .. });
                if pace.is_some() && !paced {
                    return Err("`pace` goes with `sum` or `count` only".into());
                }
                Ok(measure)
            }
            _ => Err(FORM.into()),
        }
    }

    fn fields(&self) -> Fields {
        let mut fields = Fields::default();
        match self.clone() {
            Self::Count { pace } => {
                fields.count = Some(true);
                fields.pace = pace;
            }
            Self::Sum { of, pace } => {
                fields.sum = Some(of);
                fields.pace = pace;
            }
            Self::Avg(of) => fields.avg = Some(of),
            Self::Median(of) => fields.median = Some(of),
            Self::Least(of) => fields.least = Some(of),
            Self::Most(of) => fields.most = Some(of),
            Self::Value(of) => fields.value = Some(of),
            Self::Distinct(of) => fields.distinct = Some(of),
            Self::Rank(order) => fields.rank = Some(order),
        }
        fields
    }

    /// The column that is measured, where there is one.
    pub fn expr(&self) -> Option<Expr> {
        match self {
            Self::Sum { of, .. } => Some(of.clone()),
            Self::Avg(of)
            | Self::Median(of)
            | Self::Least(of)
            | Self::Most(of)
            | Self::Value(of) => Some(of.clone()),
            Self::Distinct(column) => Some(Expr::Column(column.clone())),
            Self::Rank(order) => match &order.by {
                Shown::Expr(expr) => Some(expr.clone()),
                Shown::Measure(measure) => measure.expr(),
            },
            Self::Count { .. } => None,
        }
    }
}

impl<'de> Deserialize<'de> for Measure {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::read(Value::deserialize(from)?).map_err(D::Error::custom)
    }
}

impl Serialize for Measure {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count { pace: None } => "count".serialize(to),
            other => other.fields().serialize(to),
        }
    }
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code)]
enum MeasureForm {
    Count(CountForm),
    Of(Fields),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case", inline)]
#[allow(dead_code)]
enum CountForm {
    Count,
}

impl JsonSchema for Measure {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Measure".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        MeasureForm::json_schema(generator)
    }
}

impl<'de> Deserialize<'de> for Shown {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(from)?;
        let is_measure = value == json!("count")
            || value.as_object().is_some_and(|fields| {
                let names = [
                    "sum", "avg", "median", "least", "most", "value", "distinct", "rank", "count",
                ];
                names.iter().any(|name| fields.contains_key(*name))
            });
        if is_measure {
            Measure::read(value)
                .map(Self::Measure)
                .map_err(D::Error::custom)
        } else {
            Expr::read(&value, 0)
                .map(Self::Expr)
                .map_err(D::Error::custom)
        }
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Expr(expr) => expr.serialize(to),
            Self::Measure(measure) => measure.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Group {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::String(column) => Ok(Self::Column(column)),
            object @ Value::Object(_) => {
                let span: SpanGroup = serde_json::from_value(object).map_err(D::Error::custom)?;
                Ok(Self::Span(span))
            }
            _ => Err(D::Error::custom(
                "a group is a column, or {column, unit} with unit day, week, month, quarter, year",
            )),
        }
    }
}

impl Serialize for Group {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Column(column) => column.serialize(to),
            Self::Span(span) => span.serialize(to),
        }
    }
}
