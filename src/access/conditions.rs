//! What a grant says about the arguments of a call. Whatever is not understood does not hold.

use serde_json::{Map, Number, Value};

use crate::{
    domain::{
        connector::matches_pattern,
        people::{Condition, StatementKind},
    },
    sql,
};

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
            .map(|wanted| (value == wanted, "is not the one that is allowed")),
        condition.one_of.as_ref().map(|wanted| {
            (
                wanted.contains(value),
                "is not among those that are allowed",
            )
        }),
        condition
            .at_least
            .map(|least| (compares(value, least, i128::ge, f64::ge), "is too small")),
        condition
            .at_most
            .map(|most| (compares(value, most, i128::le, f64::le), "is too large")),
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

/// Compares a number with a bound, whole numbers without loss.
fn compares(
    value: &Value,
    bound: f64,
    whole: impl Fn(&i128, &i128) -> bool,
    float: impl Fn(&f64, &f64) -> bool,
) -> bool {
    let Value::Number(number) = value else {
        return false;
    };
    match (whole_of(number), whole_bound(bound)) {
        (Some(number), Some(bound)) => whole(&number, &bound),
        _ => number.as_f64().is_some_and(|number| float(&number, &bound)),
    }
}

fn whole_of(number: &Number) -> Option<i128> {
    let signed = number.as_i64().map(i128::from);
    signed.or_else(|| number.as_u64().map(i128::from))
}

/// The bound as a whole number, where it is one and small enough to be exact.
fn whole_bound(bound: f64) -> Option<i128> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let exact = bound.fract() == 0.0 && bound.abs() <= EXACT;
    #[allow(clippy::cast_possible_truncation)]
    exact.then_some(bound as i128)
}

#[cfg(test)]
mod tests;
