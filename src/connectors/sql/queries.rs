//! Named queries: what an admin lets be asked, in a TOML file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::SqlError;
use crate::{
    error::{Problem, Problems},
    sql::{Dialect, ReadOnly},
};

/// A file of named queries.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryFile {
    /// The queries that may be asked, each as `[[query]]`.
    #[serde(default)]
    query: Vec<Definition>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Definition {
    /// What a briefing and a model call it by: `args = { name = "late_orders" }`.
    name: String,
    /// In a few words what it gives.
    #[serde(default)]
    title: String,
    /// When to ask it, for a model that chooses.
    #[serde(default)]
    description: String,
    /// One SELECT. Name each column with `as`; `:name` stands for a parameter.
    sql: String,
    /// What `:name` in `sql` stands for.
    #[serde(default)]
    params: Vec<Parameter>,
}

/// A parameter of a named query.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// As it stands behind the colon.
    pub name: String,
    /// What it holds; it is bound, never written into the statement.
    #[serde(default, rename = "type")]
    pub kind: ParameterKind,
    /// Stands where the caller gives none; without it the parameter must be given.
    #[serde(default)]
    pub default: Option<String>,
}

/// What a parameter holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ParameterKind {
    #[default]
    Text,
    /// `YYYY-MM-DD`.
    Date,
    Number,
}

impl ParameterKind {
    /// The type's name in SQL.
    pub(super) fn sql(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Date => "date",
            Self::Number => "numeric",
        }
    }
}

/// What a caller gave for a parameter, in the form of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    pub text: String,
    pub kind: ParameterKind,
}

/// A query that passed the check.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedQuery {
    pub title: String,
    pub description: String,
    pub statement: ReadOnly,
    pub parameters: Vec<Parameter>,
}

impl NamedQuery {
    /// The values to bind, in order, from what the caller gave.
    pub fn bind(&self, given: &serde_json::Map<String, Value>) -> Result<Vec<Bound>, SqlError> {
        let wrong = |name: &str, what: &str| SqlError::Parameter {
            name: name.to_owned(),
            what: what.to_owned(),
        };
        if let Some(name) = given.keys().find(|name| {
            !self
                .parameters
                .iter()
                .any(|parameter| parameter.name == **name)
        }) {
            return Err(wrong(name, "is not known to this query"));
        }
        self.statement
            .parameters
            .iter()
            .map(|name| {
                let parameter = self
                    .parameters
                    .iter()
                    .find(|parameter| parameter.name == *name);
                let kind = parameter
                    .map(|parameter| parameter.kind)
                    .unwrap_or_default();
                let text = match given.get(name) {
                    Some(Value::String(text)) => text.clone(),
                    Some(Value::Number(number)) => number.to_string(),
                    Some(_) => return Err(wrong(name, "is neither text nor number")),
                    None => parameter
                        .and_then(|parameter| parameter.default.clone())
                        .ok_or_else(|| wrong(name, "is missing"))?,
                };
                match kind {
                    ParameterKind::Date if text.parse::<jiff::civil::Date>().is_err() => {
                        Err(wrong(name, "is no date (YYYY-MM-DD)"))
                    }
                    ParameterKind::Number if text.parse::<rust_decimal::Decimal>().is_err() => {
                        Err(wrong(name, "is no number of at most 28 digits"))
                    }
                    _ => Ok(Bound { text, kind }),
                }
            })
            .collect()
    }
}

/// Reads a file of named queries; all that is wrong with it at once.
pub fn read(
    text: &str,
    place: &str,
    dialect: Dialect,
) -> Result<BTreeMap<String, NamedQuery>, Problems> {
    let file: QueryFile = toml::from_str(text).map_err(|error| {
        Problems(vec![
            Problem::new("bad-queries", error.to_string()).at(place),
        ])
    })?;
    let mut queries = BTreeMap::new();
    let mut problems = Vec::new();
    for definition in file.query {
        let mut wrong = |what: String| {
            problems.push(
                Problem::new("bad-query", what).at(format!("{place}: query `{}`", definition.name)),
            );
        };
        let statement = match ReadOnly::parse(&definition.sql, dialect) {
            Ok(statement) => statement,
            Err(error) => {
                wrong(error.to_string());
                continue;
            }
        };
        if let Some(name) = statement.parameters.iter().find(|name| {
            !definition
                .params
                .iter()
                .any(|parameter| parameter.name == **name)
        }) {
            wrong(format!("`:{name}` is not declared in `params`"));
        }
        let query = NamedQuery {
            title: definition.title,
            description: definition.description,
            statement,
            parameters: definition.params,
        };
        if queries.insert(definition.name.clone(), query).is_some() {
            problems.push(
                Problem::new("bad-query", "stands there twice")
                    .at(format!("{place}: query `{}`", definition.name)),
            );
        }
    }
    if problems.is_empty() {
        Ok(queries)
    } else {
        Err(Problems(problems))
    }
}
