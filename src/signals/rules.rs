//! A signal's expressions, and what their values become.

use std::collections::BTreeMap;

use minijinja::{Environment, Expression, value::Value};
use url::Url;

use super::{engine, names, origin::Origins, values};
use crate::{
    domain::briefing::Signal,
    text::{shorten, visible},
};

/// The longest text of a source, in characters.
pub(super) const LONGEST_TEXT: usize = 200;

/// A signal's expressions, compiled once for all of its items.
pub(super) struct Rules<'e> {
    pub(super) lets: Vec<(String, Let<'e>)>,
    pub(super) when: Expression<'e, 'e>,
    pub(super) severity: Expression<'e, 'e>,
    pub(super) key: Option<Expression<'e, 'e>>,
    pub(super) rank: Option<Expression<'e, 'e>>,
    pub(super) measure: Option<Expression<'e, 'e>>,
    pub(super) link: Option<Expression<'e, 'e>>,
    pub(super) cause: Option<Expression<'e, 'e>>,
    pub(super) subject: Option<Expression<'e, 'e>>,
    pub(super) until: Option<Expression<'e, 'e>>,
    pub(super) due: Option<Expression<'e, 'e>>,
    /// With the key under which it stands.
    pub(super) stake: Option<(&'static str, Expression<'e, 'e>)>,
    pub(super) facts: BTreeMap<String, Expression<'e, 'e>>,
    pub(super) fact_links: BTreeMap<String, Expression<'e, 'e>>,
    pub(super) origins: Origins,
}

pub(super) enum Let<'e> {
    Value(Value),
    Rule(Expression<'e, 'e>),
}

impl<'e> Rules<'e> {
    pub(super) fn compile(
        env: &'e Environment<'e>,
        signal: &Signal,
    ) -> Result<Self, (String, String)> {
        let compile = |field: &str, expression: &str| {
            env.compile_expression_owned(expression.to_owned())
                .map_err(|error| (field.to_owned(), engine::reason(&error)))
        };
        let optional = |field: &str, expression: Option<&String>| {
            expression
                .map(|expression| compile(field, expression))
                .transpose()
        };
        let table = |field: &str, expressions: &BTreeMap<String, String>| {
            expressions
                .iter()
                .map(|(name, expression)| {
                    Ok((
                        name.clone(),
                        compile(&format!("{field}.{name}"), expression)?,
                    ))
                })
                .collect::<Result<BTreeMap<_, _>, (String, String)>>()
        };
        let mut lets = Vec::new();
        for (name, value) in &signal.lets {
            let rule = match value {
                serde_json::Value::String(expression) => {
                    Let::Rule(compile(&format!("let.{name}"), expression)?)
                }
                other => Let::Value(values::of_json(other)),
            };
            lets.push((name.clone(), rule));
        }
        Ok(Self {
            lets,
            when: compile("when", &signal.when)?,
            severity: compile("severity", &signal.severity)?,
            key: optional("key", signal.key.as_ref())?,
            rank: optional("rank", signal.rank.as_ref())?,
            measure: optional(
                "measure.value",
                signal.measure.as_ref().map(|measure| &measure.value),
            )?,
            link: optional("link", signal.link.as_ref())?,
            cause: optional("cause", signal.cause.as_ref())?,
            subject: optional("subject", signal.subject.as_ref())?,
            until: date(env, "until", signal.until.as_ref())?,
            due: date(env, "due", signal.due.as_ref())?,
            stake: signal
                .stake
                .as_ref()
                .map(|stake| {
                    let (field, expression) = stake.parts();
                    compile(field, expression).map(|rule| (field, rule))
                })
                .transpose()?,
            facts: table("facts", &signal.facts)?,
            fact_links: table("fact_links", &signal.fact_links)?,
            origins: Origins::of(env, signal),
        })
    }
}

/// A rule for a date, or none where no date decides.
fn date<'e>(
    env: &'e Environment<'e>,
    field: &str,
    rule: Option<&String>,
) -> Result<Option<Expression<'e, 'e>>, (String, String)> {
    rule.map(|rule| {
        env.compile_expression_owned(format!("none if ({rule}) is none else ({rule})|date"))
            .map_err(|error| (field.to_owned(), engine::reason(&error)))
    })
    .transpose()
}

pub(super) fn eval(rule: &Expression<'_, '_>, scope: &[(String, Value)]) -> Result<Value, String> {
    let what = match rule.eval(Value::from_pairs(scope.iter().cloned())) {
        Ok(value) if !value.is_undefined() => return Ok(value),
        Ok(_) => "a field is missing".to_owned(),
        Err(error) => engine::reason(&error),
    };
    Err(missing(rule, scope).unwrap_or(what))
}

/// The field that the item does not have, where that is why a rule failed.
pub(super) fn missing(rule: &Expression<'_, '_>, scope: &[(String, Value)]) -> Option<String> {
    let item = scope.iter().find(|(name, _)| name == "item");
    item.and_then(|(name, item)| names::missing(rule, name, item))
}

/// The text by which records are compared; nothing for empty and missing keys.
pub(super) fn key_of(value: &Value) -> Option<String> {
    if value.is_undefined() || value.is_none() {
        return None;
    }
    let text = value.to_string().trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// An address that may stand behind a word: https, or http on this machine, without a user in it.
pub(super) fn web_link(value: &Value) -> Option<Url> {
    let url = Url::parse(value.as_str()?.trim()).ok()?;
    (matches!(url.scheme(), "https" | "http")
        && url.username().is_empty()
        && url.password().is_none())
    .then_some(url)
}

/// A source's text on one line, cut.
pub(super) fn one_line(text: &str) -> String {
    let clean = visible(text);
    let words: Vec<&str> = clean.split_whitespace().collect();
    shorten(&words.join(" "), LONGEST_TEXT)
}
