//! Expressions: minijinja with a fuel limit, no templates to load, and an error where a field is missing.

use minijinja::{Environment, UndefinedBehavior, value::Value};
use serde_json::Value as Json;

use super::{Context, functions, names, values};
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

/// Says what is wrong with an expression's form or names, and what to do. `sees` are the names that it may use besides
/// functions.
pub(super) fn check_expression(
    expression: &str,
    sees: &[String],
) -> Result<(), (String, Option<String>)> {
    if expression.len() > LONGEST_BYTES {
        return Err((format!("is longer than {LONGEST_BYTES} bytes"), None));
    }
    let calendar = Calendar::weekdays();
    let context = Context {
        now: jiff::Timestamp::UNIX_EPOCH,
        zone: jiff::tz::TimeZone::UTC,
        calendar: &calendar,
        fingerprint_key: &[],
        previous: &[],
        since_last: None,
    };
    let env = environment(&context);
    let compiled = env
        .compile_expression(expression)
        .map_err(|error| (reason(&error), None))?;
    names::check(&env, expression, &compiled, sees)
        .map_err(|unknown| (unknown.what, Some(unknown.advice)))
}

/// The error of an evaluation in one line. It may name fields, never values.
pub(super) fn reason(error: &minijinja::Error) -> String {
    let detail = error
        .detail()
        .map(|detail| format!(": {detail}"))
        .unwrap_or_default();
    format!("{}{detail}", error.kind())
}

/// Arguments with their templates filled in. A text that is one `{{ … }}` keeps the value's own type.
pub(super) fn arguments(
    env: &Environment<'_>,
    args: &Json,
    context: &Context<'_>,
) -> Result<Json, String> {
    Ok(match args {
        Json::String(text) if text.contains("{{") => {
            let values = Value::from_pairs(globals(context));
            let inner = text
                .trim()
                .strip_prefix("{{")
                .and_then(|text| text.strip_suffix("}}"));
            match inner.filter(|inner| !inner.contains("{{") && !inner.contains("}}")) {
                Some(expression) => {
                    let value = env
                        .compile_expression_owned(expression.trim().to_owned())
                        .and_then(|expression| expression.eval(values))
                        .map_err(|error| reason(&error))?;
                    values::to_json(&value).map_err(|error| reason(&error))?
                }
                None => Json::String(
                    env.render_str(text, values)
                        .map_err(|error| reason(&error))?,
                ),
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
