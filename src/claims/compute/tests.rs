//! Computing against figures worked out by hand, against a plain second implementation, and against SQLite over real data.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, Row, SqliteConnection};

use super::*;

fn orders() -> Value {
    json!({ "page": 1, "data": { "orders": [
        { "id": 1, "customer": { "name": "Ernst" }, "day": "1998-04-02", "amount": "10.10", "currency": "USD", "qty": 2 },
        { "id": 2, "customer": { "name": "ernst " }, "day": "1998-04-30", "amount": "20.20", "currency": "USD", "qty": 1 },
        { "id": 3, "customer": { "name": "Linod" }, "day": "1998-05-06", "amount": "0.1", "currency": "USD", "qty": 3 },
        { "id": 4, "customer": { "name": "Linod" }, "day": null, "amount": null, "currency": "EUR", "qty": 1 },
        { "id": 5, "customer": { "name": "Ranch" }, "day": "1998-05-20T23:00:00Z", "amount": "0.2", "currency": "USD", "qty": 1 },
    ] } })
}

fn compute(program: Value) -> Result<Vec<Value>, ComputeError> {
    let (orders, people) = (
        orders(),
        json!([{ "who": "ERNST", "owner": "Nina" }, { "who": "Ranch", "owner": "Ravi" }]),
    );
    let program = Program::parse(&program)?;
    let answer = run(&program, &|handle| match handle {
        "R1" => Some(&orders),
        "R2" => Some(&people),
        _ => None,
    })?;
    let rows = answer.to_json()["rows"].as_array().unwrap().clone();
    Ok(rows)
}

#[test]
fn rows_are_filtered_grouped_measured_joined_and_ordered_exactly() {
    for (program, expected) in [
        (
            json!({ "from": "R1", "measures": [{ "op": "sum", "column": "amount", "name": "total" }, { "op": "count" }, { "op": "count", "column": "amount", "name": "known" }] }),
            json!([{ "total": 30.6, "count": 5, "known": 4 }]),
        ),
        // 0.1 + 0.2 is 0.3 in decimals.
        (
            json!({ "from": "R1", "where": [{ "column": "day", "op": "ge", "value": "1998-05-01" }], "measures": [{ "op": "sum", "column": "amount", "name": "total" }] }),
            json!([{ "total": 0.3 }]),
        ),
        (
            json!({ "from": "R1", "group_by": ["customer.name"], "measures": [{ "op": "sum", "column": "amount", "name": "total" }], "order_by": [{ "by": "total", "desc": true }], "limit": 2 }),
            json!([{ "customer.name": "Ernst", "total": 30.3 }, { "customer.name": "Ranch", "total": 0.2 }]),
        ),
        (
            json!({ "from": "R1", "group_by": [{ "column": "day", "unit": "month" }], "measures": [{ "op": "sum", "column": "amount", "name": "total" }, { "op": "change", "column": "amount", "name": "change" }] }),
            json!([{ "month": null, "total": 0, "change": null }, { "month": "1998-04", "total": 30.3, "change": 30.3 }, { "month": "1998-05", "total": 0.3, "change": -30 }]),
        ),
        (
            json!({ "from": "R1", "measures": [{ "op": "sum", "column": "amount", "times": "qty", "name": "value" }, { "op": "avg", "column": "qty" }, { "op": "median", "column": "qty" }, { "op": "max", "column": "day" }, { "op": "count_distinct", "column": "customer.name", "name": "customers" }] }),
            json!([{ "value": 40.9, "avg of qty": 1.6, "median of qty": 1, "max of day": "1998-05-20T23:00:00Z", "customers": 3 }]),
        ),
        (
            json!({ "from": "R1", "join": { "with": "R2", "left": "customer.name", "right": "who" }, "select": ["id", "R2.owner"], "order_by": [{ "by": "id" }] }),
            json!([{ "id": 1, "R2.owner": "Nina" }, { "id": 2, "R2.owner": "Nina" }, { "id": 5, "R2.owner": "Ravi" }]),
        ),
        (
            json!({ "from": "R1", "join": { "with": "R2", "left": "customer.name", "right": "who", "kind": "missing" }, "select": ["id"] }),
            json!([{ "id": 3 }, { "id": 4 }]),
        ),
        (
            json!({ "from": "R1", "any": [{ "column": "customer.name", "op": "contains", "value": "NOD" }, { "column": "id", "op": "in", "value": [1, 5] }], "select": ["id"], "order_by": [{ "by": "id", "desc": true }] }),
            json!([{ "id": 5 }, { "id": 4 }, { "id": 3 }, { "id": 1 }]),
        ),
        (
            json!({ "from": "R1", "derive": [{ "name": "less", "op": "subtract", "left": 1, "right": 0.05 }, { "name": "net", "op": "multiply", "left": "amount", "right": "less" }, { "name": "per", "op": "divide", "left": "net", "right": "qty" }], "where": [{ "column": "id", "op": "le", "value": 2 }], "select": ["net", "per"] }),
            json!([{ "net": 9.595, "per": 4.7975 }, { "net": 19.19, "per": 19.19 }]),
        ),
        (
            json!({ "from": "R1", "group_by": ["currency"], "measures": [{ "op": "share", "column": "qty", "name": "share" }] }),
            json!([{ "currency": "EUR", "share": 12.5 }, { "currency": "USD", "share": 87.5 }]),
        ),
    ] {
        let rows = compute(program.clone()).unwrap_or_else(|error| panic!("{program}: {error}"));
        assert_eq!(Value::from(rows), expected, "{program}");
    }
}

#[test]
fn what_means_nothing_is_refused_in_words_that_help() {
    for (program, said) in [
        (json!({ "from": "R9" }), "there is no result `R9`"),
        (
            json!({ "from": "R1", "select": ["custmer"] }),
            "it has: id, customer.name",
        ),
        (
            json!({ "from": "R1", "measures": [{ "op": "sum", "column": "customer.name" }] }),
            "holds no numbers",
        ),
        (
            json!({ "from": "R1", "group_by": [{ "column": "qty", "unit": "week" }] }),
            "holds no dates",
        ),
        (
            json!({ "from": "R1", "grup_by": [] }),
            "unknown field `grup_by`",
        ),
        (
            json!({ "from": "R1", "measures": [{ "op": "sum" }] }),
            "wants a `column`",
        ),
        (
            json!({ "from": "R1", "path": "data.nothing" }),
            "holds no rows",
        ),
        (
            json!({ "from": "R1", "where": [{ "column": "id", "op": "eq", "value": [1] }] }),
            "wants one value",
        ),
    ] {
        let error = compute(program.clone()).unwrap_err().to_string();
        assert!(error.contains(said), "{program}: {error}");
    }
}

#[test]
fn amounts_of_several_currencies_are_never_added_up() {
    let mixed = json!([{ "amount": 1, "currency": "USD" }, { "amount": 2, "currency": "EUR" }]);
    let sum = |program: Value| {
        let program = Program::parse(&program).unwrap();
        run(&program, &|_| Some(&mixed)).map(|answer| answer.to_json()["rows"].clone())
    };
    let error = sum(json!({ "from": "R1", "measures": [{ "op": "sum", "column": "amount" }] }));
    assert!(
        matches!(error, Err(ComputeError::SeveralCurrencies { .. })),
        "{error:?}"
    );
    let by = sum(
        json!({ "from": "R1", "group_by": ["currency"], "measures": [{ "op": "sum", "column": "amount", "name": "sum" }] }),
    );
    assert_eq!(
        by.unwrap(),
        json!([{ "currency": "EUR", "sum": 2 }, { "currency": "USD", "sum": 1 }])
    );
}

#[test]
fn a_sum_keeps_every_digit_and_one_that_is_too_large_is_an_error_and_no_other_number() {
    let sum = |rows: &str| {
        let rows = serde_json::from_str(rows).unwrap();
        let program =
            json!({ "from": "R1", "measures": [{ "op": "sum", "column": "n", "name": "s" }] });
        run(&Program::parse(&program).unwrap(), &|_| Some(&rows))
            .map(|answer| answer.to_json()["rows"].to_string())
    };
    assert_eq!(
        sum(r#"[{"n": 100000000000000000001}, {"n": 0.12345678901234567890123456789}, {"n": "90071992547409.93"}]"#).unwrap(),
        r#"[{"s":100000090071992547411.05345678901234567890123456789}]"#
    );
    let huge = json!([{ "n": "9".repeat(400) }]);
    let program =
        json!({ "from": "R1", "measures": [{ "op": "sum", "column": "n", "times": "n" }] });
    assert_eq!(
        run(&Program::parse(&program).unwrap(), &|_| Some(&huge)),
        Err(ComputeError::Overflow("n".to_owned()))
    );
}

#[test]
fn what_is_of_another_kind_is_told_and_not_quietly_left_out() {
    let rows = json!([
        { "id": 1, "amount": "95.00", "mixed": 5, "due": "2026-11-20", "at": "2026-11-20T10:00:00Z", "flag": true },
        { "id": 2, "amount": "4680.90", "mixed": "n/a", "due": null, "at": "2026-11-21T10:00:00Z", "flag": false },
    ]);
    let said = |part: Value| {
        let mut program = json!({ "from": "R1", "select": ["id"] });
        for (name, value) in part.as_object().unwrap() {
            program[name] = value.clone();
        }
        run(&Program::parse(&program).unwrap(), &|_| Some(&rows))
            .map(|answer| answer.to_json()["rows"].to_string())
            .map_err(|error| error.to_string())
    };
    let condition = |column: &str, op: &str, value: Value| {
        said(json!({ "where": [{ "column": column, "op": op, "value": value }] }))
    };
    for (column, op, value) in [
        ("amount", "gt", json!(1000)),
        ("amount", "eq", json!(95)),
        ("amount", "ne", json!(95)),
        ("amount", "gt", json!("1000")),
        ("amount", "in", json!([95, 1])),
        ("mixed", "ge", json!(5)),
        ("id", "eq", json!("1")),
        ("id", "lt", json!("2026-11-20")),
        ("due", "lt", json!(5)),
        ("due", "lt", json!("soon")),
        ("flag", "eq", json!("true")),
        ("flag", "eq", json!(1)),
        ("flag", "gt", json!(false)),
    ] {
        let Err(error) = condition(column, op, value.clone()) else {
            panic!("{column} {op} {value}");
        };
        assert!(error.contains(&format!("`{column}` holds")), "{error}");
        assert!(!error.contains("95") && !error.contains("n/a"), "{error}");
    }
    for (column, op, value, right) in [
        ("amount", "eq", json!("95.00"), r#"[{"id":1}]"#),
        ("id", "ge", json!(1.5), r#"[{"id":2}]"#),
        ("due", "le", json!("2026-11-20"), r#"[{"id":1}]"#),
        ("at", "le", json!("2026-11-20"), r#"[{"id":1}]"#),
        ("flag", "eq", json!(true), r#"[{"id":1}]"#),
        ("due", "eq", Value::Null, r#"[{"id":2}]"#),
    ] {
        assert_eq!(
            condition(column, op, value).as_deref(),
            Ok(right),
            "{column} {op}"
        );
    }
    let read = json!([{ "name": "n", "op": "number", "left": "amount" }]);
    let large = json!([{ "column": "n", "op": "gt", "value": 1000 }]);
    assert_eq!(
        said(json!({ "derive": read, "where": large })).as_deref(),
        Ok(r#"[{"id":2}]"#)
    );
    let failing = json!([{ "name": "n", "op": "number", "left": "mixed" }]);
    assert!(said(json!({ "derive": failing })).is_err());
    for by in ["amount", "mixed"] {
        let error = said(json!({ "order_by": [{ "by": by }] })).unwrap_err();
        assert!(error.contains("does not compare"), "{error}");
        let measured = json!({ "select": [], "measures": [{ "op": "max", "column": by }] });
        assert!(said(measured).is_err(), "{by}");
    }
}

#[test]
fn what_does_not_end_is_rounded_at_digits_that_say_something() {
    let rows = json!([{ "n": 1, "share": 0.00001 }, { "n": 2, "share": 0.00002 }, { "n": 2, "share": 0.00002 }]);
    let program = json!({ "from": "R1", "measures": [
        { "op": "avg", "column": "n", "name": "n" }, { "op": "avg", "column": "share", "name": "share" },
    ]});
    let answer = run(&Program::parse(&program).unwrap(), &|_| Some(&rows)).unwrap();
    assert_eq!(
        answer.to_json()["rows"].to_string(),
        r#"[{"n":1.6667,"share":0.00001667}]"#
    );
    // A third three times is one.
    let program = json!({ "from": "R1", "derive": [
        { "name": "third", "op": "divide", "left": "n", "right": 3 }, { "name": "whole", "op": "multiply", "left": "third", "right": 3 },
    ], "where": [{ "column": "whole", "op": "eq", "value": 1 }], "select": ["n"] });
    let answer = run(&Program::parse(&program).unwrap(), &|_| Some(&rows)).unwrap();
    assert_eq!(answer.rows_matched, 1);
}

#[test]
fn a_row_of_the_answer_leads_to_the_rows_that_it_was_made_of() {
    let orders = orders();
    let program = Program::parse(
        &json!({ "from": "R1", "group_by": ["customer.name"], "measures": [{ "op": "count" }] }),
    )
    .unwrap();
    let answer = run(&program, &|_| Some(&orders)).unwrap();
    assert_eq!(
        answer.origins(Some(0)),
        [("R1".to_owned(), Some(0)), ("R1".to_owned(), Some(1))]
    );
    assert_eq!(answer.origins(None), [("R1".to_owned(), None)]);
}

#[test]
fn a_view_shows_small_results_whole_and_of_large_ones_how_much_there_is() {
    let orders = orders();
    assert_eq!(describe(&orders, 10_000), orders);
    let many: Vec<Value> = (0..50_000)
        .map(|n| json!({ "n": n, "text": "x".repeat(500) }))
        .collect();
    let view = describe(&Value::from(many), 4_000);
    assert_eq!(view["rows"], 50_000);
    assert_eq!(view["columns"][0]["greatest"], 49_999);
    assert!(
        view["note"].as_str().unwrap().contains("of 50000 rows"),
        "{}",
        view["note"]
    );
    assert!(view.to_string().len() < 8_000);
    let hidden = describe(&json!({ "a": "x\u{202e}y" }), 1_000);
    assert_eq!(hidden["a"], "xy");
}

/// A second, plain way to the same sums.
fn naive(rows: &[(u8, i64, Option<i64>)]) -> BTreeMap<u8, (Decimal, usize)> {
    let mut groups: BTreeMap<u8, (Decimal, usize)> = BTreeMap::new();
    for (group, cents, factor) in rows {
        let entry = groups.entry(*group).or_default();
        entry.1 += 1;
        if let Some(factor) = factor {
            entry.0 += Decimal::new(*cents, 2) * Decimal::from(*factor);
        }
    }
    groups
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|n| json!(n)),
        "\\PC{0,12}|R1|sum|id|[0-9]{1,30}|[0-9]{4}-[0-9]{2}-[0-9]{2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(
                "from|where|column|op|value|id|measures|group_by|rows|columns|[a-z]{1,4}",
                inner,
                0..6
            )
            .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn groups_and_sums_are_those_of_a_second_implementation(
        rows in prop::collection::vec((0_u8..6, -1_000_000_i64..1_000_000, prop::option::of(-50_i64..50)), 1..200)
    ) {
        let value: Value = rows
            .iter()
            .map(|(group, cents, factor)| json!({ "g": group, "amount": Decimal::new(*cents, 2).to_string(), "f": factor }))
            .collect();
        let program = Program::parse(&json!({
            "from": "R1", "group_by": ["g"],
            "measures": [{ "op": "sum", "column": "amount", "times": "f", "name": "sum" }, { "op": "count", "name": "n" }],
        })).unwrap();
        let answer = run(&program, &|_| Some(&value)).unwrap();
        let expected = naive(&rows);
        prop_assert_eq!(answer.table().len(), expected.len());
        for (row, (group, (sum, count))) in expected.iter().enumerate() {
            let cell = |column: &str| answer.table().cell(row, column).unwrap();
            prop_assert_eq!(cell("g"), json!(group));
            prop_assert_eq!(cell("n"), json!(count));
            let text = match cell("sum") { Value::String(text) => text, other => other.to_string() };
            prop_assert_eq!(text.parse::<Decimal>().unwrap(), *sum);
        }
    }

    #[test]
    fn any_program_over_any_data_comes_to_an_end(program in any_json(), data in any_json()) {
        let _ = describe(&data, 500);
        if let Ok(program) = Program::parse(&program) {
            let _ = run(&program, &|_| Some(&data));
        }
        let usual = Program::parse(&json!({ "from": "R1", "group_by": ["id"], "measures": [{ "op": "sum", "column": "a" }] })).unwrap();
        let _ = run(&usual, &|_| Some(&data));
    }
}

/// Rows of a statement as a source gives them.
async fn rows_of(session: &mut SqliteConnection, sql: &str) -> Value {
    let rows = sqlx::query(AssertSqlSafe(sql.to_owned()))
        .fetch_all(session)
        .await
        .unwrap();
    rows.iter()
        .map(|row| serde_json::from_str::<Value>(row.get(0)).unwrap())
        .collect()
}

#[tokio::test]
async fn what_is_computed_over_real_data_is_what_sql_says() {
    let mut session = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    let script = include_str!("../../../tests/data/northwind.sql");
    session.execute(AssertSqlSafe(script)).await.unwrap();
    let lines = rows_of(
        &mut session,
        "select json_object('order', OrderID, 'product', ProductID, 'price', UnitPrice, 'quantity', Quantity, 'kept', 1 - Discount) \
         from \"Order Details\"",
    )
    .await;
    let orders = rows_of(
        &mut session,
        "select json_object('order', OrderID, 'customer', CustomerID, 'ordered', substr(OrderDate, 1, 10), \
         'required', substr(RequiredDate, 1, 10), 'shipped', ShippedDate) from Orders",
    )
    .await;
    let compute = |program: Value| {
        let program = Program::parse(&program).unwrap();
        run(&program, &|handle| {
            Some(if handle == "R1" { &lines } else { &orders })
        })
        .unwrap()
    };
    // The facts of tests/data/README.md as of 1998-05-20.
    let late = compute(json!({
        "from": "R2", "where": [{ "column": "shipped", "op": "is_null" }, { "column": "required", "op": "lt", "value": "1998-05-20" }],
        "select": ["order"], "order_by": [{ "by": "order" }],
    }));
    assert_eq!((late.rows_in, late.rows_matched), (830, 3));
    let late: Vec<Value> = (0..3)
        .map(|row| late.table().cell(row, "order").unwrap())
        .collect();
    assert_eq!(late, [json!(11008), json!(11019), json!(11039)]);
    let open = compute(json!({
        "from": "R2", "where": [{ "column": "shipped", "op": "is_null" }], "measures": [{ "op": "count" }],
    }));
    assert_eq!(open.table().cell(0, "count"), Some(json!(21)));
    // Gross by product, the five greatest, against SQL's own integers (prices have at most four decimals).
    let top = compute(json!({
        "from": "R1", "group_by": ["product"], "measures": [{ "op": "sum", "column": "price", "times": "quantity", "name": "gross" }],
        "order_by": [{ "by": "gross", "desc": true }], "limit": 5,
    }));
    let expected = sqlx::query(
        "select ProductID, sum(cast(round(UnitPrice * 10000) as integer) * Quantity) from \"Order Details\" group by 1 order by 2 desc limit 5",
    )
    .fetch_all(&mut session)
    .await
    .unwrap();
    for (row, sql) in expected.iter().enumerate() {
        let cell = |column: &str| top.table().cell(row, column).unwrap();
        assert_eq!(cell("product"), json!(sql.get::<i64, _>(0)));
        let gross = match cell("gross") {
            Value::String(text) => text,
            other => other.to_string(),
        };
        assert_eq!(
            gross.parse::<Decimal>().unwrap(),
            Decimal::new(sql.get::<i64, _>(1), 4)
        );
    }
    // Net revenue of a month over a join, against tests/data/README.md: 1998-04 brought 123,798.68.
    let net = compute(json!({
        "from": "R1", "join": { "with": "R2", "left": "order", "right": "order" },
        "derive": [{ "name": "gross", "op": "multiply", "left": "price", "right": "quantity" },
                   { "name": "net", "op": "multiply", "left": "gross", "right": "kept" }],
        "group_by": [{ "column": "R2.ordered", "unit": "month" }], "measures": [{ "op": "sum", "column": "net", "name": "net" }],
        "order_by": [{ "by": "month", "desc": true }], "limit": 2,
    }));
    assert_eq!(net.table().cell(1, "month"), Some(json!("1998-04")));
    let april = match net.table().cell(1, "net").unwrap() {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let april: Decimal = april.parse().unwrap();
    assert_eq!(april.round_dp(2), Decimal::new(12_379_868, 2));
    // Orders by month.
    let months = compute(json!({
        "from": "R2", "group_by": [{ "column": "ordered", "unit": "month" }], "measures": [{ "op": "count", "name": "n" }],
        "order_by": [{ "by": "month", "desc": true }], "limit": 2,
    }));
    let expected = sqlx::query(
        "select substr(OrderDate, 1, 7), count(*) from Orders group by 1 order by 1 desc limit 2",
    )
    .fetch_all(&mut session)
    .await
    .unwrap();
    for (row, sql) in expected.iter().enumerate() {
        assert_eq!(
            months.table().cell(row, "month"),
            Some(json!(sql.get::<String, _>(0)))
        );
        assert_eq!(
            months.table().cell(row, "n"),
            Some(json!(sql.get::<i64, _>(1)))
        );
    }
}
