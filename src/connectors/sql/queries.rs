//! Named queries: what an admin lets be asked, in a TOML file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::{Spanned, de::DeValue};

use super::SqlError;
use crate::{
    error::{Problem, Problems},
    settings::shape::{self, Source},
    sql::{Dialect, ReadOnly},
};

/// A file of named queries.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct QueryFile {
    /// The queries that may be asked, each as `[[query]]`.
    #[serde(default)]
    query: Vec<Definition>,
}

#[derive(Debug, Deserialize, JsonSchema)]
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
    /// The file and the line of its statement.
    pub place: String,
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
    let source = Source { place, text };
    let table = source.table().map_err(Problems)?;
    let mut problems = Vec::new();
    let value = Spanned::new(0..0, DeValue::Table(table));
    let Some((file, lines)) = shape::read::<QueryFile>(value, source, "", &mut problems) else {
        return Err(Problems(problems));
    };
    let mut queries: BTreeMap<String, NamedQuery> = BTreeMap::new();
    for (index, definition) in file.query.into_iter().enumerate() {
        let line = |key: &str| lines.at(&format!("query[{index}].{key}"));
        let name = definition.name;
        let mut wrong = |key: &str, what: String, advice: &str| {
            problems.push(
                Problem::new("bad-query", format!("query `{name}`: {what}"))
                    .at(line(key))
                    .advise(advice),
            );
        };
        if let Some(first) = queries.get(&name) {
            let what = format!("is there twice, first at {}", first.place);
            wrong("name", what, "give each query its own name");
            continue;
        }
        let statement = match ReadOnly::parse(&definition.sql, dialect) {
            Ok(statement) => statement,
            Err(error) => {
                wrong("sql", error.to_string(), "write one SELECT");
                continue;
            }
        };
        for named in statement.parameters.iter().filter(|named| {
            !definition
                .params
                .iter()
                .any(|parameter| parameter.name == **named)
        }) {
            let what = format!("`:{named}` is not declared in `params`");
            let advice = format!("add `params = [{{ name = \"{named}\" }}]`");
            wrong("sql", what, &advice);
        }
        let query = NamedQuery {
            place: line("sql"),
            title: definition.title,
            description: definition.description,
            statement,
            parameters: definition.params,
        };
        queries.insert(name, query);
    }
    if problems.is_empty() {
        Ok(queries)
    } else {
        Err(Problems(problems))
    }
}
