//! What rules say of values of every kind: a table by hand, and a property against an oracle of its own.

use std::cmp::Ordering;

use num_bigint::BigInt;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{engine, expression::Expression, *};
use crate::domain::{calendar::Calendar, finding::Severity};

fn context(calendar: &Calendar) -> Context<'_> {
    Context {
        now: "2026-11-24T06:10:00Z".parse().unwrap(),
        zone: crate::zones::get("Europe/Zurich").unwrap(),
        calendar,
        fingerprint_key: b"key",
        previous: &[],
        since_last: None,
    }
}

/// The text of an expression's value over an item, or why there is none.
fn said(expression: &str, item: &Value) -> Result<String, String> {
    let calendar = Calendar::weekdays();
    let context = context(&calendar);
    let env = engine::environment(&context);
    let mut scope = engine::globals(&context);
    scope.push(("item".to_owned(), values::of_json(item)));
    Expression::compile(&env, expression)
        .and_then(|expression| expression.eval(&scope))
        .map(|value| match values::to_json(&value) {
            Ok(Value::Bool(value)) => value.to_string(),
            _ => value.to_string(),
        })
        .map_err(|error| engine::reason(&error))
}

fn item() -> Value {
    serde_json::from_str(
        r#"{
            "text": "95.00", "other": "4680.90", "n": 4680.90, "whole": 7, "one": 1.0, "none": null, "empty": "",
            "flag": "false", "yes": true, "no": false, "zero": 0, "big": 9007199254740993, "id": 100000000000000000001,
            "exact": 0.1234567890123456789012345678, "day": "2026-11-20", "time": "2026-11-20T10:00:00Z",
            "early": "2026-11-20T12:00:00+02:30", "name": "Ann", "list": [1, 2.0, 10], "mixed": [1, "a"],
            "rows": [{"a": 10, "t": "10"}, {"a": 9.5, "t": "9"}, {"a": 1e1, "t": "9.5"}], "table": {"k": 1}
        }"#,
    )
    .unwrap()
}

#[test]
fn like_kinds_are_judged_exactly() {
    for (expression, result) in [
        ("item.n > 1000", "true"),
        ("item.one == 1", "true"),
        ("item.big == 9007199254740992", "false"),
        ("item.big > 9007199254740992", "true"),
        ("item.id == 100000000000000000002", "false"),
        ("item.id + 1 == 100000000000000000002", "true"),
        ("0.1 + 0.2 == 0.3", "true"),
        ("item.exact * 10 == 1.234567890123456789012345678", "true"),
        ("item.n * 1.1", "5148.99"),
        ("1 / 3 * 3 == 1", "true"),
        ("ratio(1, 3) * 3 == 1", "true"),
        (
            "7 // 2 == 3 and -7 // 2 == -4 and -7 % 3 == 2 and 2 ** 10 == 1024",
            "true",
        ),
        ("-item.n < 0 < item.n <= 4680.9", "true"),
        (
            "item.n|round(1) == 4680.9 and 2.5|round == 3 and 2.4|int == 2",
            "true",
        ),
        ("(item.text|number) > 1000", "false"),
        ("(item.other|number) > 1000", "true"),
        ("(item.text|money('EUR')) < 1000", "true"),
        (
            "(item.n|money('EUR')) > 1000 and item.n|money('EUR') > 1|money('EUR')",
            "true",
        ),
        ("(item.n|money('EUR') * 2) == 9361.8|money('EUR')", "true"),
        ("days_since(today)|days > 100", "false"),
        ("(3|count('order')) > 2", "true"),
        ("2|hours < 5", "true"),
        ("1.54|hours > 1.5", "true"),
        ("0.1249|percent > 12.4", "true"),
        (
            "item.rows|sum('a') == 29.5 and item.rows|sum('a') > 29",
            "true",
        ),
        ("item.list|sum < 1000000", "true"),
        ("item.list|length|number == 3", "true"),
        (
            "(item.rows|max(attribute='a')).a == 10 and item.list|min == 1",
            "true",
        ),
        (
            "item.rows|sort(attribute='a')|map(attribute='a')|join(' ')",
            "9.5 10 10",
        ),
        (
            "item.rows|selectattr('a', 'ge', 10)|list|length == 2",
            "true",
        ),
        (
            "item.rows|map(attribute='a')|unique|list|length == 2",
            "true",
        ),
        (
            "2 in item.list and 2.0 in item.list and 3 not in item.list",
            "true",
        ),
        ("'n' in item.name and 'k' in item.table", "true"),
        ("item.name == 'Ann' and item.name != 'ann'", "true"),
        ("item.day < today and item.day == '2026-11-20'", "true"),
        (
            "(item.day|date) < today and (item.time|date) == '2026-11-20'",
            "true",
        ),
        ("item.early < item.time", "true"),
        (
            "item.none == none and item.none is none and item.none != 5 and item.none != 'x'",
            "true",
        ),
        ("item.none in [1, 'a']", "false"),
        ("item.yes == true and item.no != item.yes", "true"),
        (
            "'x' if item.whole and item.list and not item.zero and not item.none else 'y'",
            "x",
        ),
        (
            "item.empty is empty and item.none is empty and item.missing is empty and item.name is not empty",
            "true",
        ),
        ("item.id ~ ''", "100000000000000000001"),
        ("item.none ~ 'x'", "x"),
        ("item.missing|default(3) > 2", "true"),
        ("item.list == [1, 2, 10.0]", "true"),
        (
            "item.rows[1:]|length == 2 and item.name[:2] == 'An'",
            "true",
        ),
        (
            "item.whole is odd and item.whole is integer and item.n is number and item.n is float",
            "true",
        ),
    ] {
        assert_eq!(
            said(expression, &item()),
            Ok(result.to_owned()),
            "{expression}"
        );
    }
}

#[test]
fn unlike_kinds_are_told_with_both_and_never_judged() {
    for (expression, told) in [
        (
            "item.text > 1000",
            "`item.text` is a text and `1000` a number; read a text as one with `|number`",
        ),
        ("item.text < 1000", "a text"),
        ("item.text == 95", "a text"),
        ("item.text != 95", "a text"),
        ("item.text * 1 >= 1000", "a text"),
        ("item.text > item.other", "a number written as text"),
        ("item.none < 5", "`item.none` is nothing (null)"),
        ("item.none + 1 > 5", "nothing (null)"),
        ("item.empty < 5", "a text"),
        ("item.yes == 1", "true or false"),
        ("item.yes > 0", "true or false"),
        ("item.list > 3", "a list"),
        (
            "item.flag and item.n > 1",
            "`item.flag` is a text, which is neither true nor false",
        ),
        ("not item.flag", "neither true nor false"),
        ("'a' if item.name else 'b'", "neither true nor false"),
        ("item.n|money('EUR') > 1|money('USD')", "an amount in EUR"),
        ("item.n|money('EUR') + 1|money('USD')", "an amount in USD"),
        ("item.n|money('EUR')|money('USD')", "an amount in EUR"),
        ("2|hours > 1|days", "a length in hours"),
        ("(item.day|date) < item.day", "`|date`"),
        ("(item.day|date) < (item.time|datetime)", "an instant"),
        ("item.day < item.time", "a date written as text"),
        ("item.day < item.name", "a date written as text"),
        ("item.time <= today", "an instant written as text"),
        ("5 in item.mixed", "a text"),
        ("5 in item.name", "a text"),
        ("item.mixed|sort", "a text"),
        ("item.mixed|max", "a text"),
        ("[item.none, 1]|min", "nothing (null)"),
        ("item.mixed|unique", "a text"),
        ("item.rows|sort(attribute='t')", "a number written as text"),
        ("item.rows|selectattr('t', 'gt', 5)|list", "a text"),
        ("item.rows|selectattr('t')|list", "neither true nor false"),
        ("item.rows|groupby('missing')", "an item has no `missing`"),
        ("[1, none]|sum", "nothing (null) is no number"),
        ("item.none|money('EUR')", "nothing (null) is no number"),
        ("item.empty|number", "the text is no number"),
        ("item.none|int", "nothing (null) is no number"),
        ("2.5|count('order')", "not whole"),
        ("item.text is even", "a text"),
        ("item.text is gt 5", "a text"),
        ("item.n / item.zero", "is divided by zero"),
        ("10 ** 65", "power"),
        ("1e399 * 1e399", "more than 400 digits"),
        ("item.missing > 5", "`item.missing` is not there"),
        ("item.text + 5", "a text"),
    ] {
        let what = said(expression, &item()).expect_err(expression);
        assert!(what.contains(told), "{expression}: {what}");
        assert!(!what.contains("95.0") && !what.contains("4680"), "{what}");
    }
}

#[test]
fn an_expression_that_nests_without_end_is_refused_and_none_works_without_end() {
    let long = vec!["1"; 3_000].join("+");
    assert!(
        said(&long, &json!({}))
            .unwrap_err()
            .contains("within each other")
    );
    let rows = json!({ "rows": vec![1; 1_000] });
    let heavy = format!("[{}]|length", vec!["item.rows|sort"; 600].join(","));
    assert!(said(&heavy, &rows).is_err());
}

/// What the oracle says of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    /// It is judged, and so.
    Is(bool),
    /// It may be told as unreadable; where it is judged, so.
    MayBe(bool),
    Gap,
}

/// A number as mantissa and power of ten, read from its JSON in the plainest way.
fn decimal(text: &str) -> (BigInt, i64) {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let power = exponent.parse::<i64>().unwrap() - i64::try_from(fraction.len()).unwrap();
    (format!("{whole}{fraction}").parse().unwrap(), power)
}

/// Both mantissas at the lesser power.
fn aligned(a: &(BigInt, i64), b: &(BigInt, i64)) -> (BigInt, BigInt, i64) {
    let power = a.1.min(b.1);
    let at = |n: &(BigInt, i64)| &n.0 * BigInt::from(10).pow(u32::try_from(n.1 - power).unwrap());
    (at(a), at(b), power)
}

fn is_day(text: &str) -> bool {
    text.len() == 10 && text.parse::<Date>().is_ok()
}

fn is_numeric(text: &str) -> bool {
    text.trim().parse::<f64>().is_ok() && text.contains(|c: char| c.is_ascii_digit())
}

fn holds(op: &str, order: Ordering) -> bool {
    match op {
        "==" => order.is_eq(),
        "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    }
}

fn oracle(op: &str, a: Option<&Value>, b: Option<&Value>) -> Right {
    let equates = matches!(op, "==" | "!=");
    match (a, b) {
        (None, _) | (_, None) => Right::Gap,
        (Some(Value::Null), Some(other)) | (Some(other), Some(Value::Null)) => {
            if equates {
                Right::Is(other.is_null() == (op == "=="))
            } else {
                Right::Gap
            }
        }
        (Some(Value::Number(a)), Some(Value::Number(b))) => {
            let (a, b, _) = aligned(&decimal(a.as_str()), &decimal(b.as_str()));
            Right::Is(holds(op, a.cmp(&b)))
        }
        (Some(Value::Bool(a)), Some(Value::Bool(b))) if equates => {
            Right::Is((a == b) == (op == "=="))
        }
        (Some(Value::Bool(a)), Some(Value::Bool(b))) => Right::MayBe(holds(op, a.cmp(b))),
        (Some(Value::String(a)), Some(Value::String(b))) => {
            let right = holds(op, a.cmp(b));
            match (is_day(a), is_day(b)) {
                (true, true) => Right::Is(right),
                (false, false) if !equates && is_numeric(a) && is_numeric(b) => Right::Gap,
                (false, false) => Right::Is(right),
                _ if equates => Right::Is(right),
                _ => Right::Gap,
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) if equates => {
            let same = a.len() == b.len()
                && a.iter()
                    .zip(b)
                    .all(|(a, b)| oracle("==", Some(a), Some(b)) == Right::Is(true));
            Right::MayBe(same == (op == "=="))
        }
        (Some(Value::Object(a)), Some(Value::Object(b))) if equates => {
            Right::MayBe((a == b) == (op == "=="))
        }
        _ => Right::Gap,
    }
}

/// A value of every JSON kind, as it is written; nothing where the field is missing.
fn written() -> impl Strategy<Value = Option<String>> {
    let text = |text: &str| Some(text.to_owned());
    prop_oneof![
        1 => Just(None),
        1 => prop::sample::select(vec!["null", "true", "false", "\"\"", "[]", "[1]", "[1.0]", "{}", "{\"a\":1}"]).prop_map(text),
        3 => (-3_i64..4).prop_map(|n| Some(n.to_string())),
        3 => "-?[1-9][0-9]{15,40}".prop_map(Some),
        3 => "-?(0|[1-9][0-9]{0,20})\\.[0-9]{1,30}".prop_map(Some),
        2 => "-?[1-9](\\.[0-9]{1,4})?[eE][+-]?[0-9]{1,2}".prop_map(Some),
        2 => prop::sample::select(vec!["1", "1.0", "1e0", "10e-1", "0", "-0", "0.1", "0.10", "9007199254740993", "9007199254740992"]).prop_map(text),
        2 => "\"-?[0-9]{1,5}(\\.[0-9]{1,3})?\"".prop_map(Some),
        2 => "\"202[5-6]-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])\"".prop_map(Some),
        2 => "\"[A-Za-z][a-z ]{0,5}\"".prop_map(Some),
    ]
}

/// Where a comparison stands.
#[derive(Debug, Clone, Copy)]
enum Stands {
    When,
    Severity,
    Let,
    Items,
}

/// What a run of a signal says of `a op b`: yes, no, or nothing but a gap.
fn judged(
    stands: Stands,
    op: &str,
    a: Option<&Value>,
    b: Option<&Value>,
) -> Result<Option<bool>, TestCaseError> {
    let comparison = format!("item.a {op} item.b");
    let (items, lets, when, severity) = match stands {
        Stands::When => (
            "result.rows".to_owned(),
            String::new(),
            comparison,
            "'low'".to_owned(),
        ),
        Stands::Severity => (
            "result.rows".to_owned(),
            String::new(),
            "true".to_owned(),
            format!("'high' if {comparison} else 'low'"),
        ),
        Stands::Let => (
            "result.rows".to_owned(),
            format!("let = {{ v = '{comparison}' }}"),
            "v".to_owned(),
            "'low'".to_owned(),
        ),
        Stands::Items => (
            format!("result.rows|selectattr('a', '{op}', result.rows[0].b)"),
            String::new(),
            "true".to_owned(),
            "'low'".to_owned(),
        ),
    };
    let briefing: Briefing = toml::from_str(&format!(
        "id = 'b'\ntitle = 'B'\nrole = 'r'\n[[signals]]\nid = 's'\ntitle = 'S'\nconnector = 'c'\ntool = 't'\n\
         items = \"{items}\"\n{lets}\nwhen = \"{when}\"\nseverity = \"{severity}\"\nkey = \"'k'\"\nheadline = 'H'\nnext = 'N'"
    ))
    .unwrap();
    let mut row = serde_json::Map::new();
    row.extend(a.map(|a| ("a".to_owned(), a.clone())));
    row.extend(b.map(|b| ("b".to_owned(), b.clone())));
    let answer = json!({ "rows": [row] });
    let calendar = Calendar::weekdays();
    let context = context(&calendar);
    let found = assess(&briefing, &context, &|_| {
        Some(Outcome::Answered {
            value: &answer,
            as_of: context.now,
        })
    });
    if !found.gaps.is_empty() {
        prop_assert!(found.findings.is_empty());
        prop_assert_eq!(found.checked.checked, 0);
        return Ok(None);
    }
    Ok(Some(match stands {
        Stands::Severity => {
            found.findings.first().map(|finding| finding.severity) == Some(Severity::High)
        }
        _ => !found.findings.is_empty(),
    }))
}

fn read(text: &Option<String>) -> Option<Value> {
    text.as_ref()
        .map(|text| serde_json::from_str(text).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_rule_judges_as_exact_arithmetic_over_kinds_does_or_is_a_gap(
        a in written(),
        b in written(),
        alike in prop::bool::weighted(0.2),
        op in prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]),
        stands in prop::sample::select(vec![Stands::When, Stands::Severity, Stands::Let, Stands::Items]),
    ) {
        let a = read(&a);
        let b = if alike { a.clone() } else { read(&b) };
        let judged = judged(stands, op, a.as_ref(), b.as_ref())?;
        let right = oracle(op, a.as_ref(), b.as_ref());
        let fits = match (right, judged) {
            (Right::Is(right), Some(judged)) => right == judged,
            (Right::MayBe(right), judged) => judged.is_none_or(|judged| right == judged),
            (Right::Gap, None) => true,
            _ => false,
        };
        prop_assert!(fits, "{:?} {} {:?} at {:?}: {:?}, right is {:?}", a, op, b, stands, judged, right);
    }

    #[test]
    fn what_is_computed_is_exact_or_a_gap(
        a in written(),
        b in written(),
        op in prop::sample::select(vec!["+", "-", "*"]),
    ) {
        let item = json!({ "a": read(&a), "b": read(&b) });
        let computed = said(&format!("item.a {op} item.b"), &item);
        match (&item["a"], &item["b"]) {
            (Value::Number(a), Value::Number(b)) => {
                let (a, b) = (decimal(a.as_str()), decimal(b.as_str()));
                let (at, bt, power) = aligned(&a, &b);
                let right = match op {
                    "+" => (at + bt, power),
                    "-" => (at - bt, power),
                    _ => (a.0 * b.0, a.1 + b.1),
                };
                let computed = decimal(&computed.unwrap());
                let (computed, right, _) = aligned(&computed, &right);
                prop_assert_eq!(computed, right);
            }
            (Value::String(a), Value::String(b)) if op == "+" => prop_assert_eq!(computed, Ok(format!("{a}{b}"))),
            (Value::Array(_), Value::Array(_)) if op == "+" => {}
            _ => prop_assert!(computed.is_err(), "{:?}", computed),
        }
    }

    #[test]
    fn an_order_is_that_of_the_values_or_there_is_none(rows in prop::collection::vec(written(), 2..6)) {
        let values: Vec<Option<Value>> = rows.iter().map(read).collect();
        let items: Vec<Value> = values
            .iter()
            .map(|value| value.as_ref().map_or_else(|| json!({}), |value| json!({ "a": value })))
            .collect();
        let calendar = Calendar::weekdays();
        let context = context(&calendar);
        let env = engine::environment(&context);
        let scope = [("items".to_owned(), values::of_json(&Value::from(items)))];
        let sorted = Expression::compile(&env, "items|sort(attribute='a', case_sensitive=true)|map(attribute='a')|list")
            .unwrap()
            .eval(&scope);
        let Ok(sorted) = sorted else {
            let pairs = values.iter().flat_map(|a| values.iter().map(move |b| (a, b)));
            let mut unlike = pairs.filter(|(a, b)| !matches!(oracle("<=", a.as_ref(), b.as_ref()), Right::Is(_)));
            prop_assert!(unlike.next().is_some());
            return Ok(());
        };
        let sorted: Vec<Value> = sorted.try_iter().unwrap().map(|value| values::to_json(&value).unwrap()).collect();
        for pair in sorted.windows(2) {
            let right = oracle("<=", Some(&pair[0]), Some(&pair[1]));
            prop_assert!(matches!(right, Right::Is(true) | Right::MayBe(true)), "{:?}", pair);
        }
    }

    #[test]
    fn keys_are_the_same_exactly_where_numbers_are(a in written(), b in written()) {
        let (Some(a @ Value::Number(_)), Some(b @ Value::Number(_))) = (read(&a), read(&b)) else {
            return Ok(());
        };
        let key = |value: &Value| rules::key_of(&values::of_json(value));
        let same = oracle("==", Some(&a), Some(&b)) == Right::Is(true);
        prop_assert_eq!(key(&a) == key(&b), same);
        prop_assert_eq!(key(&a), key(&Value::from(key(&a).unwrap())));
    }
}
