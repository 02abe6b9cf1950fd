//! The names in an expression, looked at before it runs, and the field that was missing when it did.

use minijinja::{
    Environment, ErrorKind,
    value::{Value, ValueKind},
};

use super::expression::Expression;
use crate::settings::shape::did_you_mean;

/// Keys that are named beside a missing one.
const MOST_NEAREST: usize = 3;
/// Keys that are less alike than this are not named (normalised Damerau-Levenshtein, 0 to 1).
const ALIKE: f64 = 0.4;
/// A longer key is no column's name; it may be a value.
const LONGEST_KEY: usize = 40;

/// Filters that minijinja brings, for the advice about one that is not there.
const FILTERS: [&str; 40] = [
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "count",
    "default",
    "dictsort",
    "first",
    "float",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
    "zip",
];

/// A name that an expression uses and nothing has: what is wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unknown {
    pub(super) what: String,
    pub(super) advice: String,
}

/// Looks for names that are none of `sees` and no function, and for filters and tests that do not exist.
pub(super) fn check(
    env: &Environment<'_>,
    text: &str,
    expression: &Expression<'_>,
    sees: &[String],
) -> Result<(), Unknown> {
    let functions: Vec<&str> = env.globals().map(|(name, _)| name).collect();
    let mut names: Vec<String> = expression
        .names()
        .iter()
        .filter(|name| !sees.contains(name) && !functions.contains(&name.as_str()))
        .cloned()
        .collect();
    names.dedup();
    if let Some(name) = names.first() {
        return Err(Unknown {
            what: format!("names `{name}`, which is neither there nor a function"),
            advice: instead_of(name, sees, &functions),
        });
    }
    for word in words(text) {
        let mut state = env.empty_state();
        let unknown = match word {
            Word::Filter(name) => state
                .apply_filter(name, &[])
                .is_err_and(|error| error.kind() == ErrorKind::UnknownFilter),
            Word::Test(name) => state
                .perform_test(name, &[])
                .is_err_and(|error| error.kind() == ErrorKind::UnknownTest),
        };
        if unknown {
            return Err(match word {
                Word::Filter(name) => Unknown {
                    what: format!("filters by `{name}`, which is no filter"),
                    advice: did_you_mean(
                        name,
                        FILTERS.into_iter().chain(super::described::filters()),
                    ),
                },
                Word::Test(name) => Unknown {
                    what: format!("asks whether something `is {name}`, which is no test"),
                    advice: did_you_mean(
                        name,
                        [
                            "defined",
                            "undefined",
                            "none",
                            "empty",
                            "in",
                            "string",
                            "number",
                        ],
                    ),
                },
            });
        }
    }
    Ok(())
}

/// What to write instead of a name that nothing has.
fn instead_of(name: &str, sees: &[String], functions: &[&str]) -> String {
    let near = did_you_mean(
        name,
        sees.iter()
            .map(String::as_str)
            .chain(functions.iter().copied()),
    );
    if near.starts_with("did you mean") {
        return near;
    }
    match sees {
        [only] => format!("what is there begins with `{only}`, such as `{only}.{name}`"),
        _ => {
            let names: Vec<String> = sees.iter().map(|name| format!("`{name}`")).collect();
            format!(
                "there are {} and the functions of docs/objects.md; a field of the record is `item.{name}`",
                names.join(", ")
            )
        }
    }
}

/// A name behind `|` or `is`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word<'t> {
    Filter(&'t str),
    Test(&'t str),
}

/// The filters and tests of an expression, in order; what stands in quotes is none.
fn words(text: &str) -> Vec<Word<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut last = None;
    while let Some(first) = rest.chars().next() {
        if let '\'' | '"' = first {
            rest = behind_quotes(rest, first);
            last = None;
            continue;
        }
        let length = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        if length == 0 {
            if !first.is_whitespace() {
                last = (first == '|').then_some("|");
            }
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
            continue;
        }
        let (word, after) = rest.split_at(length);
        match last {
            Some("|") => found.push(Word::Filter(word)),
            Some("is") if word == "not" => {
                rest = after;
                continue;
            }
            Some("is") => found.push(Word::Test(word)),
            _ => {}
        }
        last = Some(word).filter(|word| *word == "is");
        rest = after;
    }
    found
}

/// What follows a text in quotes.
fn behind_quotes(text: &str, quote: char) -> &str {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return text.get(at + 1..).unwrap_or_default(),
            _ => {}
        }
    }
    ""
}

/// The field below `root` that an expression names and the value does not have, with the nearest of the keys that it has.
pub(super) fn missing(expression: &Expression<'_>, root: &str, value: &Value) -> Option<String> {
    expression.paths().iter().find_map(|path| {
        let mut here = value.clone();
        let mut walked = root.to_owned();
        for part in path.strip_prefix(root)?.strip_prefix('.')?.split('.') {
            if here.kind() != ValueKind::Map {
                return None;
            }
            let next = here.get_attr(part).ok()?;
            walked = format!("{walked}.{part}");
            if next.is_undefined() {
                return Some(format!("`{walked}` is not there{}", nearest(part, &here)));
            }
            here = next;
        }
        None
    })
}

/// What `items` gives instead of a list, with the fields of it that are lists. Names of fields, never values.
pub(super) fn no_list(value: &Value) -> String {
    let kind = match value.kind() {
        ValueKind::Map => "a table",
        ValueKind::String => "a text",
        ValueKind::Number => "a number",
        ValueKind::Bool => "true or false",
        ValueKind::None => "nothing (null)",
        _ => "something else",
    };
    let keys = value.try_iter().into_iter().flatten();
    let lists: Vec<String> = keys
        .filter_map(|key| Some(key.as_str()?.to_owned()))
        .filter(|key| value.kind() == ValueKind::Map && is_column(key))
        .filter(|key| {
            value
                .get_attr(key)
                .is_ok_and(|inner| matches!(inner.kind(), ValueKind::Seq | ValueKind::Iterable))
        })
        .take(MOST_NEAREST)
        .map(|key| format!("`{key}`"))
        .collect();
    if lists.is_empty() {
        format!("gives {kind}, not a list")
    } else {
        format!(
            "gives {kind}, not a list; a list in it is {}",
            lists.join(", ")
        )
    }
}

/// True where a key is short and plain enough to be a column's name, and no value.
fn is_column(key: &str) -> bool {
    key.len() <= LONGEST_KEY
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// " (nearest: `name`, `names`)", or nothing where no key is alike.
fn nearest(wanted: &str, map: &Value) -> String {
    let wanted = wanted.to_lowercase();
    let keys = map.try_iter().into_iter().flatten();
    let mut alike: Vec<(f64, String)> = keys
        .filter_map(|key| Some(key.as_str()?.to_owned()))
        .filter(|key| is_column(key))
        .map(|key| {
            let likeness = strsim::normalized_damerau_levenshtein(&wanted, &key.to_lowercase());
            (likeness, key)
        })
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .collect();
    alike.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let names: Vec<String> = alike
        .into_iter()
        .take(MOST_NEAREST)
        .map(|(_, key)| format!("`{key}`"))
        .collect();
    if names.is_empty() {
        String::new()
    } else {
        format!(" (nearest: {})", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_and_tests_are_found_outside_of_quotes() {
        assert_eq!(
            words(
                "item.a|date > x | money('a|b') and b is not none or c is in d and 'is x' ~ \"\\\"|y\""
            ),
            [
                Word::Filter("date"),
                Word::Filter("money"),
                Word::Test("none"),
                Word::Test("in")
            ]
        );
    }

    #[test]
    fn every_filter_that_advice_names_exists() {
        let env = Environment::new();
        for filter in FILTERS {
            let unknown = env
                .empty_state()
                .apply_filter(filter, &[])
                .is_err_and(|error| error.kind() == ErrorKind::UnknownFilter);
            assert!(!unknown, "{filter}");
        }
    }

    #[test]
    fn a_missing_field_is_named_with_the_nearest_keys_and_no_value() {
        let env = Environment::new();
        let value = super::super::values::of_json(&serde_json::json!({
            "name": "Secret", "due_date": "2026-01-01", "nested": { "amount": 1 },
            "a customer called Name": 1
        }));
        for (expression, told) in [
            (
                "item.nmae ~ 'x'",
                Some("`item.nmae` is not there (nearest: `name`)"),
            ),
            (
                "item.nested.amout",
                Some("`item.nested.amout` is not there (nearest: `amount`)"),
            ),
            ("item.zzzzzzzzzzz", Some("`item.zzzzzzzzzzz` is not there")),
            ("item.name.length", None),
            ("item.name ~ item.due_date", None),
        ] {
            let compiled = Expression::compile(&env, expression).unwrap();
            assert_eq!(
                missing(&compiled, "item", &value).as_deref(),
                told,
                "{expression}"
            );
        }
    }
}
