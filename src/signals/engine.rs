//! Expressions: minijinja with a fuel limit, no templates to load, and an error where a field is missing.

use minijinja::{Environment, ErrorKind, UndefinedBehavior, value::Value};
use serde_json::Value as Json;

use super::{Context, expression::Expression, filters, functions, names, slips, values};
use crate::domain::calendar::Calendar;

/// Instructions that one evaluation may take.
const FUEL: u64 = 500_000;

/// The longest expression or template, in bytes.
const LONGEST_BYTES: usize = 8 * 1024;

/// An environment bound to a context.
pub(super) fn environment<'source>(context: &Context<'_>) -> Environment<'source> {
    let mut env = Environment::new();
    env.set_fuel(Some(FUEL));
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_debug(false);
    env.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    functions::add(&mut env, context.now, &context.zone, context.calendar);
    filters::add(&mut env);
    env
}

/// The values that every expression sees.
pub(super) fn globals(context: &Context<'_>) -> Vec<(String, Value)> {
    vec![
        ("today".to_owned(), Value::from(context.today().to_string())),
        ("now".to_owned(), Value::from(context.now.to_string())),
        (
            "since_last".to_owned(),
            context
                .since_last
                .map_or(Value::from(()), |since| Value::from(since.to_string())),
        ),
    ]
}

/// An environment for what is read and never run.
fn idle_environment<'source>() -> Environment<'source> {
    environment(&Context {
        now: jiff::Timestamp::UNIX_EPOCH,
        zone: jiff::tz::TimeZone::UTC,
        calendar: &Calendar::weekdays(),
        fingerprint_key: &[],
        previous: &[],
        since_last: None,
    })
}

/// The names that an expression takes from outside; none where it cannot be read.
pub(super) fn names_in(expression: &str) -> Vec<String> {
    if expression.len() > LONGEST_BYTES {
        return Vec::new();
    }
    let env = idle_environment();
    Expression::compile(&env, expression)
        .map(|expression| expression.names().to_vec())
        .unwrap_or_default()
}

/// Says what is wrong with an expression's form or names, and what to do. `sees` are the names that it may use besides
/// functions.
pub(super) fn check_expression(
    expression: &str,
    sees: &[String],
) -> Result<(), (String, Option<String>)> {
    if expression.len() > LONGEST_BYTES {
        return Err((format!("is longer than {LONGEST_BYTES} bytes"), None));
    }
    let env = idle_environment();
    let compiled = Expression::compile(&env, expression).map_err(|error| {
        (
            format!("cannot be read: {}", parsing(&error)),
            Some(slips::of_expression(expression)),
        )
    })?;
    names::check(&env, expression, &compiled, sees)
        .map_err(|unknown| (unknown.what, Some(unknown.advice)))
}

/// Why a text cannot be parsed, in the parser's words.
pub(super) fn parsing(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) if error.kind() == ErrorKind::SyntaxError => detail.to_owned(),
        _ => reason(error),
    }
}

/// The error of an evaluation in one line. It may name fields, never values.
pub(super) fn reason(error: &minijinja::Error) -> String {
    match (error.kind(), error.detail()) {
        // What our own functions and operators say is a sentence of its own.
        (ErrorKind::InvalidOperation | ErrorKind::UndefinedError, Some(detail)) => {
            detail.to_owned()
        }
        (ErrorKind::MissingArgument, None) => {
            "a filter or function wants another argument, as in `money('EUR')`".to_owned()
        }
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    }
}

/// A text with its `{{ … }}` filled in.
fn filled_in<'e>(
    env: &'e Environment<'e>,
    text: &str,
    values: &[(String, Value)],
) -> Result<String, String> {
    if text.contains("{%") || text.contains("{#") {
        let filled = env.render_str(text, Value::from_pairs(values.iter().cloned()));
        return filled.map_err(|error| reason(&error));
    }
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (expression, after) = after
            .split_once("}}")
            .ok_or_else(|| "has a `{{` without its `}}`".to_owned())?;
        let value = Expression::compile(env, expression.trim())
            .and_then(|expression| expression.eval(values))
            .map_err(|error| reason(&error))?;
        if value.is_undefined() {
            return Err("a name in it is not there".to_owned());
        }
        filled.push_str(before);
        filled.push_str(&value.to_string());
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// Arguments with their templates filled in. A text that is one `{{ … }}` keeps the value's own type.
pub(super) fn arguments<'e>(
    env: &'e Environment<'e>,
    args: &Json,
    context: &Context<'_>,
) -> Result<Json, String> {
    Ok(match args {
        Json::String(text) if text.contains("{{") => {
            let values = globals(context);
            let inner = text
                .trim()
                .strip_prefix("{{")
                .and_then(|text| text.strip_suffix("}}"));
            match inner.filter(|inner| !inner.contains("{{") && !inner.contains("}}")) {
                Some(expression) => {
                    let value = Expression::compile(env, expression.trim())
                        .and_then(|expression| expression.eval(&values))
                        .map_err(|error| reason(&error))?;
                    values::to_json(&value).map_err(|error| reason(&error))?
                }
                None => Json::String(filled_in(env, text, &values)?),
            }
        }
        Json::Array(items) => Json::Array(
            items
                .iter()
                .map(|item| arguments(env, item, context))
                .collect::<Result<_, _>>()?,
        ),
        Json::Object(map) => Json::Object(
            map.iter()
                .map(|(key, value)| Ok((key.clone(), arguments(env, value, context)?)))
                .collect::<Result<_, String>>()?,
        ),
        other => other.clone(),
    })
}
