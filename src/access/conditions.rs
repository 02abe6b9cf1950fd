//! What a grant says about the arguments of a call. Whatever is not understood does not hold.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use crate::{
    domain::{
        connector::matches_pattern,
        people::{Condition, StatementKind},
    },
    exact, sql,
};

/// Values of a list that are told.
const VALUES_TOLD: usize = 40;

/// A tool's own schema with what the conditions say of its arguments, so that who fills it in knows what is allowed. What the
/// schema cannot say is left to the call.
pub fn told(conditions: &[&Condition], schema: &Value) -> Value {
    let mut schema = schema.clone();
    for condition in conditions {
        let mut more = schema.clone();
        if let Some(property) = property_at(&mut more, &condition.arg, condition.optional) {
            let mut say = |key: &str, value: Value| property.insert(key.to_owned(), value);
            if let Some(value) = &condition.equals {
                say("const", value.clone());
            }
            if let Some(values) = &condition.one_of
                && values.len() <= VALUES_TOLD
            {
                say("enum", Value::Array(values.clone()));
            }
            for (key, bound) in [
                ("minimum", condition.at_least),
                ("maximum", condition.at_most),
            ] {
                if let Some(bound) = bound.and_then(Number::from_f64) {
                    say(key, bound.into());
                }
            }
            schema = more;
        }
    }
    schema
}

/// The schema of the argument at a path of names with dots between; made where the tool says nothing of it. It is required
/// unless it is `optional`.
fn property_at<'s>(
    schema: &'s mut Value,
    path: &str,
    optional: bool,
) -> Option<&'s mut Map<String, Value>> {
    let mut at = schema;
    for name in path.split('.') {
        let object = at.as_object_mut()?;
        if !optional {
            let required = object
                .entry("required")
                .or_insert_with(|| Value::Array(vec![]));
            let required = required.as_array_mut()?;
            if !required.iter().any(|known| known == name) {
                required.push(name.into());
            }
        }
        let properties = object
            .entry("properties")
            .or_insert_with(|| Map::new().into());
        let property = properties.as_object_mut()?.entry(name);
        at = property.or_insert_with(|| Map::new().into());
    }
    at.as_object_mut()
}

/// Is the condition about this tool?
pub fn is_about(condition: &Condition, tool: &str) -> bool {
    condition.tools.is_empty()
        || condition
            .tools
            .iter()
            .any(|pattern| matches_pattern(pattern, tool))
}

/// Why the arguments do not meet the condition; nothing where they do. Names the argument, never its value.
pub fn unmet(condition: &Condition, args: &Map<String, Value>) -> Option<String> {
    let name = &condition.arg;
    let value = match at(args, name) {
        None | Some(Value::Null) if condition.optional => return None,
        None | Some(Value::Null) => return Some(format!("the argument `{name}` is missing")),
        Some(value) => value,
    };
    let rules = [
        condition
            .equals
            .as_ref()
            .map(|wanted| (same(value, wanted), "is not the one that is allowed")),
        condition.one_of.as_ref().map(|wanted| {
            (
                wanted.iter().any(|wanted| same(value, wanted)),
                "is not among those that are allowed",
            )
        }),
        condition
            .at_least
            .map(|least| (compares(value, least, Ordering::is_ge), "is too small")),
        condition
            .at_most
            .map(|most| (compares(value, most, Ordering::is_le), "is too large")),
    ];
    let mut any = false;
    for (holds, what) in rules.into_iter().flatten() {
        any = true;
        if !holds {
            return Some(format!("the argument `{name}` {what}"));
        }
    }
    if let Some(StatementKind::Select) = condition.statement {
        any = true;
        let read = match value {
            Value::String(text) => sql::reads_only(text, &condition.tables, condition.dialect),
            _ => Err(sql::Refused("it is no text".to_owned())),
        };
        if let Err(refused) = read {
            return Some(format!("the SQL in `{name}` is refused: {refused}"));
        }
    }
    (!any).then(|| format!("the condition on `{name}` has no rule"))
}

/// The value at a path of names with dots between.
fn at<'a>(args: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let mut names = path.split('.');
    let first = args.get(names.next()?)?;
    names.try_fold(first, |value, name| value.as_object()?.get(name))
}

/// Is the value the one that is written? Of the same kind and the same; a number however it is written. A number as text is a
/// text, and no number.
fn same(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::Number(a), Value::Number(b)) => {
            exact::compare_json(a, b).is_ok_and(Ordering::is_eq)
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(name, value)| b.get(name).is_some_and(|wanted| same(value, wanted)))
        }
        (a, b) => a == b,
    }
}

/// Compares a number with a bound, exactly. A value of another kind meets no bound.
fn compares(value: &Value, bound: f64, holds: impl Fn(Ordering) -> bool) -> bool {
    let (Value::Number(number), Some(bound)) = (value, Number::from_f64(bound)) else {
        return false;
    };
    exact::compare_json(number, &bound).is_ok_and(holds)
}

#[cfg(test)]
mod tests;
