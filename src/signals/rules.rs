//! A signal's expressions, and what their values become.

use std::collections::BTreeMap;

use jiff::civil::Date;
use minijinja::{Environment, ErrorKind, value::Value};
use url::Url;

use super::{
    engine,
    expression::Expression,
    functions,
    kinds::{COULD_NOT_BE_READ, Kind},
    names,
    origin::Origins,
    values,
};
use crate::{
    domain::{briefing::Signal, finding::FactValue},
    text::{shorten, visible},
};

/// The longest text of a source, in characters.
pub(super) const LONGEST_TEXT: usize = 200;

/// A signal's expressions, compiled once for all of its items.
pub(super) struct Rules<'e> {
    pub(super) lets: Vec<(String, Let<'e>)>,
    pub(super) when: Expression<'e>,
    pub(super) severity: Expression<'e>,
    pub(super) key: Option<Expression<'e>>,
    pub(super) rank: Option<Expression<'e>>,
    pub(super) measure: Option<Expression<'e>>,
    pub(super) link: Option<Expression<'e>>,
    pub(super) cause: Option<Expression<'e>>,
    pub(super) subject: Option<Expression<'e>>,
    pub(super) until: Option<Expression<'e>>,
    pub(super) due: Option<Expression<'e>>,
    /// With the key under which it stands.
    pub(super) stake: Option<(&'static str, Expression<'e>)>,
    pub(super) facts: BTreeMap<String, Expression<'e>>,
    pub(super) fact_links: BTreeMap<String, Expression<'e>>,
    pub(super) origins: Origins,
}

pub(super) enum Let<'e> {
    Value(Value),
    Rule(Expression<'e>),
}

impl<'e> Rules<'e> {
    pub(super) fn compile(
        env: &'e Environment<'e>,
        signal: &Signal,
    ) -> Result<Self, (String, String)> {
        let compile = |field: &str, expression: &str| {
            Expression::compile(env, expression)
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
            until: optional("until", signal.until.as_ref())?,
            due: optional("due", signal.due.as_ref())?,
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

/// The value of a rule, or why there is none.
pub(super) fn eval(rule: &Expression<'_>, scope: &[(String, Value)]) -> Result<Value, String> {
    let what = match rule.eval(scope) {
        Ok(value) if !value.is_undefined() => return Ok(value),
        Ok(_) => "a field is missing".to_owned(),
        Err(error) if error.kind() == ErrorKind::UndefinedError => engine::reason(&error),
        // A kind that does not go is the reason, whatever else is not there.
        Err(error) => {
            let what = engine::reason(&error);
            return Err(if what.starts_with(COULD_NOT_BE_READ) {
                what
            } else {
                missing(rule, scope).unwrap_or(what)
            });
        }
    };
    Err(missing(rule, scope).unwrap_or(what))
}

/// The value of a rule that may go without: nothing where a field is not there. Kinds that do not go are an error here too.
pub(super) fn eval_if_there(
    rule: &Expression<'_>,
    scope: &[(String, Value)],
) -> Result<Option<Value>, String> {
    match rule.eval(scope) {
        Ok(value) => Ok((!value.is_undefined()).then_some(value)),
        Err(error) if error.kind() == ErrorKind::UndefinedError => Ok(None),
        Err(_) if missing(rule, scope).is_some() => Ok(None),
        Err(error) => Err(engine::reason(&error)),
    }
}

/// The date that a value is or says.
pub(super) fn day(env: &Environment<'_>, value: &Value) -> Result<Date, String> {
    let date = env
        .empty_state()
        .apply_filter("date", std::slice::from_ref(value))
        .map_err(|error| engine::reason(&error))?;
    match functions::fact(&date)? {
        FactValue::Date(date) => Ok(date),
        _ => Err("gives no date".to_owned()),
    }
}

/// The field that the item does not have, where that is why a rule failed.
pub(super) fn missing(rule: &Expression<'_>, scope: &[(String, Value)]) -> Option<String> {
    let item = scope.iter().find(|(name, _)| name == "item");
    item.and_then(|(name, item)| names::missing(rule, name, item))
}

/// The text by which records are told apart; nothing for empty and missing keys, and for a fraction that does not end. A
/// number is the same however it was written, and as the text of its digits.
pub(super) fn key_of(value: &Value) -> Option<String> {
    match Kind::of(value) {
        Kind::Missing | Kind::Nothing => return None,
        Kind::Number(number, _) if !number.ends() => return None,
        _ => {}
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
