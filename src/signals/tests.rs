//! The rules over small answers, and the shipped briefings' form.

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::*;
use crate::domain::finding::{FactValue, Severity, Status, WordingPart};

/// Reads a briefing file as its tables stand.
fn briefing(text: &str) -> Briefing {
    let mut file: toml::Table = toml::from_str(text).unwrap();
    let mut table = file.remove("briefing").unwrap().as_table().unwrap().clone();
    if let Some(signals) = file.remove("signal") {
        table.insert("signals".into(), signals);
    }
    if let Some(next) = file.remove("next_date") {
        table.insert("next_date".into(), next);
    }
    table.try_into().unwrap()
}

const ORDERS: &str = r#"
[briefing]
id = "orders"
title = "Orders"
role = "ops"
[[signal]]
id = "late"
title = "Late orders"
connector = "shop"
tool = "query"
args = { day = "{{ today }}", days = "{{ 3 + 4 }}" }
items = "result.rows"
let = { late = "days_since(item.due)" }
when = "late >= 1"
severity = "'high' if late > 7 else 'medium'"
can_be_high = true
key = "item.id"
measure = { value = "item.lines", unit = "open lines" }
rank = "item.worth|number"
headline = "Order {{ order }} is {{ late }} late{% if contact %}; {{ contact }} waits{% endif %}"
next = "Ship {{ order }}."
[signal.with.people]
connector = "crm"
tool = "people"
items = "result"
left = "item.customer"
right = "item.company"
[signal.facts]
order = "item.id"
late = "late|days"
worth = "item.worth|money('eur')"
contact = "people[0].name if people else ''"
"#;

fn context<'a>(now: &str, calendar: &'a Calendar, previous: &'a [Mark]) -> Context<'a> {
    Context {
        now: now.parse().unwrap(),
        zone: crate::zones::get("Europe/Zurich").unwrap(),
        calendar,
        fingerprint_key: b"key",
        previous,
        since_last: None,
    }
}

fn assess_with(rows: Value, people: Option<Value>, now: &str, previous: &[Mark]) -> Assessment {
    let calendar = Calendar::weekdays();
    let context = context(now, &calendar, previous);
    let as_of: Timestamp = now.parse().unwrap();
    let briefing = briefing(ORDERS);
    let rows = json!({ "rows": rows });
    let people = people.map(|people| Box::leak(Box::new(people)) as &Value);
    assess(&briefing, &context, &|planned| {
        Some(match (planned.connector.as_str(), people) {
            ("crm", Some(value)) => Outcome::Answered { value, as_of },
            ("crm", None) => Outcome::Failed {
                cause: GapCause::Timeout,
                detail: "silent",
                hint: None,
            },
            _ => Outcome::Answered {
                value: Box::leak(Box::new(rows.clone())),
                as_of,
            },
        })
    })
}

const MORNING: &str = "2026-11-24T06:10:00Z";

#[test]
fn arguments_are_filled_in_and_keep_their_type() {
    let calendar = Calendar::weekdays();
    let planned = queries(&briefing(ORDERS), &context(MORNING, &calendar, &[])).unwrap();
    assert_eq!(planned.len(), 2);
    assert_eq!(
        Value::Object(planned[0].args.clone()),
        json!({ "day": "2026-11-24", "days": 7 })
    );
}

#[test]
fn items_become_findings_by_severity_and_rank() {
    let found = assess_with(
        json!([
            { "id": 1, "due": "2026-11-23", "worth": 10.5, "customer": "A", "lines": 1 },
            { "id": 2, "due": "2026-11-10 00:00:00.000", "worth": "4680.90", "customer": "B", "lines": 1 },
            { "id": 3, "due": "2026-11-25", "worth": 99, "customer": "A", "lines": 1 },
            { "id": 4, "due": "2026-11-20", "worth": 700, "customer": "A", "lines": 1 },
        ]),
        Some(json!([{ "company": "B", "name": "Nora" }, { "company": "", "name": "nobody" }])),
        MORNING,
        &[],
    );
    let order = |finding: &crate::domain::finding::Finding| finding.facts["order"].value.clone();
    let orders: Vec<_> = found.findings.iter().map(order).collect();
    assert_eq!(orders, [2, 4, 1].map(|id| FactValue::Number(id.into())));
    let worst = &found.findings[0];
    assert_eq!(
        (worst.severity, &worst.status),
        (Severity::High, &Status::New)
    );
    assert_eq!(worst.facts["late"].value, FactValue::Days(14));
    assert_eq!(
        worst.headline.0.last(),
        Some(&WordingPart::Words(" waits".into()))
    );
    assert_eq!(worst.evidence[0].pointer, "/rows/1");
    assert_eq!(worst.evidence[1].pointer, "/0");
    assert_eq!((found.checked.checked, found.checked.total), (1, 1));
    assert!(found.gaps.is_empty());
}

#[test]
fn kinds_that_do_not_go_together_are_told_with_signal_field_and_both_kinds_and_no_value() {
    let rows =
        json!([{ "id": 1, "due": "2026-11-20", "worth": "4680.90", "customer": "A", "lines": 1 }]);
    let answer = json!({ "rows": rows });
    let people = json!([{ "company": "A", "name": "Nora" }]);
    let calendar = Calendar::weekdays();
    let context = context(MORNING, &calendar, &[]);
    for (from, to, field) in [
        ("late >= 1", "item.worth > 1000", "when"),
        (
            "'high' if late > 7 else 'medium'",
            "'high' if item.worth >= 1000 else 'medium'",
            "severity",
        ),
        ("item.worth|number", "item.worth", "rank"),
        ("\"item.lines\"", "\"item.worth\"", "measure.value"),
        ("days_since(item.due)", "item.worth * 2", "let.late"),
        ("item.worth|money('eur')", "item.worth > 1", "facts.worth"),
        ("item.company", "item.name > 5", "with.people.right"),
        ("item.customer", "item.customer > 5", "with.people.left"),
        ("rank =", "subject = \"item.worth > 5\"\nrank =", "subject"),
        ("rank =", "cause = \"item.worth > 5\"\nrank =", "cause"),
        ("rank =", "link = \"item.worth > 5\"\nrank =", "link"),
        ("rank =", "until = \"item.worth > 5\"\nrank =", "until"),
        (
            "result.rows",
            "result.rows|selectattr('worth', 'gt', 5)",
            "items",
        ),
        (
            "result.rows",
            "result.rows|sort(attribute='lines')|selectattr('worth')",
            "items",
        ),
    ] {
        assert!(ORDERS.contains(from), "{from}");
        let briefing = briefing(&ORDERS.replacen(from, to, 1));
        assert_eq!(check(&briefing), [], "{to}");
        let found = assess(&briefing, &context, &|planned| {
            let value = if planned.connector.as_str() == "crm" {
                &people
            } else {
                &answer
            };
            Some(Outcome::Answered {
                value,
                as_of: context.now,
            })
        });
        // What is no part of the judgement leaves the finding, with the gap beside it.
        let judges = ["when", "severity", "let", "with", "items"];
        if judges.iter().any(|part| field.starts_with(part)) {
            assert_eq!(found.findings, [], "{to}");
        }
        let detail = &found
            .gaps
            .first()
            .unwrap_or_else(|| panic!("no gap: {to}"))
            .detail;
        assert!(
            detail.contains("late") && detail.contains(field) && detail.contains("a text"),
            "{to}: {detail}"
        );
        assert!(!detail.contains("4680"), "{detail}");
    }
}

#[test]
fn an_identity_keeps_every_digit_and_is_the_same_however_a_number_is_written() {
    let row = |id: &str| {
        format!(
            r#"{{ "id": {id}, "due": "2026-11-20", "worth": 90071992547409.93, "customer": "A", "lines": 1 }}"#
        )
    };
    let found = |ids: &[&str]| {
        let rows: Vec<String> = ids.iter().map(|id| row(id)).collect();
        let rows = serde_json::from_str(&format!("[{}]", rows.join(","))).unwrap();
        assess_with(rows, Some(json!([])), MORNING, &[])
    };
    let two = found(&["100000000000000000001", "100000000000000000002"]);
    assert_eq!((two.findings.len(), two.gaps.len()), (2, 0));
    let FactValue::Money(money) = &two.findings[0].facts["worth"].value else {
        panic!("{:?}", two.findings[0].facts)
    };
    assert_eq!(money.amount.to_string(), "90071992547409.93");
    let identity = |id: &str| found(&[id]).findings[0].fingerprint.clone();
    for other in ["1.0", "1e0", "\"1\""] {
        assert_eq!(identity("1"), identity(other), "{other}");
    }
    for other in ["\"1.0\"", "1.01", "11"] {
        assert_ne!(identity("1"), identity(other), "{other}");
    }
    // A number of more digits than are computed with is still told from another.
    let long = ["9".repeat(500), format!("{}8", "9".repeat(499))];
    assert_eq!(found(&[&long[0], &long[1]]).findings.len(), 2);
}

#[test]
fn a_source_that_fails_leaves_its_signals_unchecked_and_their_findings_unresolved() {
    let rows = json!([{ "id": 1, "due": "2026-11-23", "worth": 1, "customer": "A", "lines": 1 }]);
    let first = assess_with(rows.clone(), Some(json!([])), MORNING, &[]);
    let second = assess_with(rows, None, "2026-11-25T06:10:00Z", &first.marks);
    assert_eq!(second.findings, []);
    assert_eq!(second.resolved, []);
    assert_eq!(second.marks, first.marks);
    assert_eq!((second.checked.checked, second.checked.total), (0, 1));
    assert_eq!(second.gaps[0].connector.as_str(), "crm");
    assert!(second.gaps[0].high);
}

#[test]
fn a_rule_that_fails_on_an_item_names_item_and_field_and_no_value() {
    let found = assess_with(
        json!([
            { "id": 1, "due": "soon, says Bob", "worth": 1, "customer": "A", "lines": 1 },
            { "id": 2, "due": "2026-11-20", "worth": 1, "customer": "A", "lines": 1 },
        ]),
        Some(json!([])),
        MORNING,
        &[],
    );
    assert_eq!(found.findings.len(), 1);
    // What was found of it stands, but it is not counted as checked.
    assert_eq!((found.checked.checked, found.checked.total), (0, 1));
    let gap = &found.gaps[0];
    assert!(gap.in_part);
    assert_eq!(
        (gap.of, gap.titles.as_slice()),
        (1, ["Late orders".to_owned()].as_slice())
    );
    assert_eq!(gap.cause, GapCause::Rule);
    assert!(
        gap.detail.contains("late")
            && gap.detail.contains("item 0")
            && gap.detail.contains("let.late")
    );
    assert!(!gap.detail.contains("Bob"), "{}", gap.detail);
}

#[test]
fn what_stood_in_a_record_that_cannot_be_read_is_not_resolved() {
    let row = |due: &str| {
        json!([
            { "id": 1, "due": due, "worth": 1, "customer": "A", "lines": 1 },
            { "id": 2, "due": "2026-11-20", "worth": 1, "customer": "A", "lines": 1 },
        ])
    };
    let first = assess_with(row("2026-11-20"), Some(json!([])), MORNING, &[]);
    let next = "2026-11-25T06:10:00Z";
    let second = assess_with(row("soon"), Some(json!([])), next, &first.marks);
    assert_eq!(second.resolved, []);
    assert_eq!((second.findings.len(), second.marks.len()), (1, 2));
}

#[test]
fn status_follows_the_measure_from_day_to_day() {
    let day = |lines: i32| json!([{ "id": 1, "due": "2026-11-20", "worth": 1, "customer": "A", "lines": lines }]);
    let people = || Some(json!([]));
    let first = assess_with(day(2), people(), MORNING, &[]);
    let second = assess_with(day(2), people(), "2026-11-25T06:10:00Z", &first.marks);
    assert_eq!(second.findings[0].status, Status::Ongoing { days: 1 });
    let third = assess_with(day(5), people(), "2026-11-26T06:10:00Z", &second.marks);
    let Status::Worse { from, to, days, .. } = &third.findings[0].status else {
        panic!("{:?}", third.findings[0].status)
    };
    assert_eq!(
        (from.to_string(), to.to_string(), *days),
        ("2".into(), "5".into(), 2)
    );
    let fourth = assess_with(day(1), people(), "2026-11-27T06:10:00Z", &third.marks);
    assert!(matches!(fourth.findings[0].status, Status::Better { .. }));
    let fifth = assess_with(json!([]), people(), "2026-11-28T06:10:00Z", &fourth.marks);
    assert_eq!(
        (
            fifth.findings.len(),
            fifth.resolved.len(),
            fifth.marks.len()
        ),
        (0, 1, 0)
    );
}

#[test]
fn a_finding_keeps_the_last_day_on_which_it_can_be_found() {
    let calendar = Calendar::weekdays();
    let context = context(MORNING, &calendar, &[]);
    let answer = json!({ "rows": [
        { "id": 1, "due": "2026-11-20", "worth": 1, "customer": "A", "lines": 1 },
        { "id": 2, "due": "2026-11-21", "worth": 0, "customer": "A", "lines": 1 },
        { "id": 3, "due": "2026-11-22", "worth": -1, "customer": "A", "lines": 1 },
    ]});
    let people = json!([]);
    let text = ORDERS.replace(
        "rank =",
        "until = \"'then' if item.worth < 0 else none if item.worth == 0 else add_days(item.due, 30)\"\nshort = \"order {{ order }}\"\nrank =",
    );
    assert_eq!(check(&briefing(&text)), []);
    let found = assess(&briefing(&text), &context, &|planned| {
        let value = if planned.connector.as_str() == "crm" {
            &people
        } else {
            &answer
        };
        Some(Outcome::Answered {
            value,
            as_of: context.now,
        })
    });
    let mut until: Vec<_> = found.marks.iter().map(|mark| mark.until).collect();
    until.sort();
    // What cannot be read leaves the finding without it.
    assert_eq!(until, [None, None, Some(jiff::civil::date(2026, 12, 20))]);
    assert!(!found.findings[0].short.is_empty());
    assert!(found.gaps[0].detail.contains("until"), "{:?}", found.gaps);
    let wrong = text.replace("add_days(item.due, 30)", "add_days(item.due");
    assert_eq!(check(&briefing(&wrong))[0].field, "until");
}

/// A signal with all that it need not declare, over one record that is a high risk.
const PUMPS: &str = r#"
[briefing]
id = "pumps"
title = "Pumps"
role = "ops"
[[signal]]
id = "down"
title = "Pumps that are down"
connector = "plant"
tool = "pumps"
when = "item.down"
severity = "'high' if item.hours > 2 else 'medium'"
key = "item.id"
measure = { value = "item.hours", unit = "runs" }
stake = { money = "item.cost|money('EUR')" }
due = "item.day"
rank = "item.hours"
until = "item.day"
link = "item.url"
subject = "item.site"
cause = "item.site"
headline = "Pump {{ id }} is down"
say = "It costs {{ cost }}."
next = "Call {{ site }}."
short = "pump {{ id }}"
[signal.facts]
id = "item.id"
cost = "item.cost|money('EUR')"
site = "item.site"
[signal.fact_links]
site = "item.url"
"#;

fn pumps(text: &str, rows: Value) -> Assessment {
    let calendar = Calendar::weekdays();
    let context = context(MORNING, &calendar, &[]);
    let briefing = briefing(text);
    assert_eq!(check(&briefing), [], "{text}");
    assess(&briefing, &context, &|_| {
        Some(Outcome::Answered {
            value: &rows,
            as_of: context.now,
        })
    })
}

#[test]
fn nothing_that_a_signal_need_not_declare_keeps_a_high_finding_back() {
    let row = json!([{
        "id": "P1", "down": true, "hours": 3, "cost": 4680, "day": "2026-11-26", "site": "Basel", "url": "https://p.example/1",
    }]);
    let optional = [
        "measure", "stake", "due", "rank", "until", "link", "subject", "cause", "say", "next",
        "short",
    ];
    for key in optional {
        let begins = format!("{key} = ");
        let line = PUMPS
            .lines()
            .find(|line| line.starts_with(&begins))
            .unwrap();
        let left_out = pumps(&PUMPS.replacen(line, "", 1), row.clone());
        assert_eq!(left_out.gaps, [], "{key}");
        assert_eq!(left_out.findings.len(), 1, "{key}");
        assert_eq!(left_out.findings[0].severity, Severity::High, "{key}");
    }
    // A field that the record does not have.
    for (field, from) in [
        ("measure.value", "value = \"item.hours\""),
        ("stake.money", "money = \"item.cost|"),
        ("due", "due = \"item.day\""),
        ("rank", "rank = \"item.hours\""),
        ("until", "until = \"item.day\""),
        ("link", "link = \"item.url\""),
        ("subject", "subject = \"item.site\""),
        ("cause", "cause = \"item.site\""),
        ("facts.id", "id = \"item.id\"\ncost"),
        ("facts.cost", "cost = \"item.cost|"),
        ("facts.site", "site = \"item.site\""),
        ("fact_links.site", "site = \"item.url\""),
    ] {
        assert!(PUMPS.contains(from), "{from}");
        let wrong = from.replacen("item.", "item.no_", 1);
        let found = pumps(&PUMPS.replacen(from, &wrong, 1), row.clone());
        assert_eq!(found.findings.len(), 1, "{field}");
        assert_eq!(found.findings[0].severity, Severity::High, "{field}");
        let is_said_anyway = field.contains("link") || ["subject", "cause"].contains(&field);
        if !is_said_anyway {
            let gap = &found.gaps[0];
            assert!(
                gap.high && gap.in_part && gap.detail.contains(field),
                "{gap:?}"
            );
        }
    }
    let unread = pumps(
        &PUMPS.replace("cost = \"item.cost|", "cost = \"item.price|"),
        row,
    );
    assert_eq!(
        unread.findings[0].facts["cost"].value,
        FactValue::Text("?".into())
    );
}

#[test]
fn an_amount_at_stake_has_a_currency() {
    let row = json!([{
        "id": "P1", "down": true, "hours": 3, "cost": 4680, "day": "2026-11-26", "site": "Basel", "url": "https://p.example/1",
    }]);
    let found = pumps(
        &PUMPS.replacen("item.cost|money('EUR')", "item.cost", 1),
        row,
    );
    assert_eq!((found.findings.len(), &found.findings[0].stake), (1, &None));
    assert!(
        found.gaps[0]
            .detail
            .contains("stake.money: gives no amount with a currency")
    );
}

#[test]
fn two_risks_of_one_key_are_two_and_one_record_that_came_twice_is_one() {
    let pump = |id: &str, site: &str, hours: u32| json!({ "id": id, "down": true, "hours": hours, "cost": 1, "day": "2026-11-26", "site": site, "url": "" });
    let text = PUMPS.replace("key = \"item.id\"", "key = \"item.site\"");
    let rows = json!([
        pump("P1", "Basel", 3),
        pump("P2", "Basel", 9),
        pump("P2", "Basel", 9)
    ]);
    let found = pumps(&text, rows);
    let ids: Vec<_> = found
        .findings
        .iter()
        .map(|finding| &finding.facts["id"].value)
        .collect();
    assert_eq!(
        ids,
        [&FactValue::Text("P2".into()), &FactValue::Text("P1".into())]
    );
    assert_ne!(found.findings[0].fingerprint, found.findings[1].fingerprint);
    // The worst keeps the identity that it has alone.
    let alone = pumps(&text, json!([pump("P2", "Basel", 9)]));
    assert_eq!(alone.findings[0].fingerprint, found.findings[0].fingerprint);
}

#[test]
fn a_gap_in_a_signal_that_may_be_high_is_high_also_where_nobody_declared_it() {
    let row = |hours: Value| json!([{ "id": "P1", "down": true, "hours": hours }]);
    let found = pumps(PUMPS, row(json!("soon")));
    assert!(found.gaps[0].high, "{:?}", found.gaps);
    let lower = PUMPS.replace("'high' if", "'low' if");
    assert!(!pumps(&lower, json!([{ "id": "P1" }])).gaps[0].high);
}

#[test]
fn a_next_date_is_the_earliest_or_none_where_one_could_not_be_read() {
    let calendar = Calendar::weekdays();
    let context = context(MORNING, &calendar, &[]);
    let text = format!(
        "{ORDERS}\n[next_date]\nconnector = 'board'\ntool = 't'\nitems = 'result'\ndate = 'item.day'\nwhat = 'item.name'\n"
    );
    let next = |rows: Value| {
        let found = assess(&briefing(&text), &context, &|planned| {
            let none: &Value = Box::leak(Box::new(json!({ "rows": [] })));
            let value = match planned.connector.as_str() {
                "board" => Box::leak(Box::new(rows.clone())),
                _ => none,
            };
            Some(Outcome::Answered {
                value,
                as_of: context.now,
            })
        });
        found.next_date.map(|(date, what)| format!("{date} {what}"))
    };
    let (early, late) = (
        json!({ "day": "2026-11-30", "name": "Board" }),
        json!({ "day": "2026-12-05", "name": "Audit" }),
    );
    let past = json!({ "day": "2026-11-01", "name": "Past" });
    let right = Some("2026-11-30 Board".to_owned());
    assert_eq!(next(json!([late, past, early])), right);
    for undated in [json!({ "day": null, "name": "x" }), json!({ "name": "x" })] {
        assert_eq!(next(json!([late, undated, early])), right);
    }
    assert_eq!(
        next(json!([late, { "day": "soon", "name": "x" }, early])),
        None
    );
}

/// What the shipped briefing says of a release whose date is so many days ahead.
fn release(days: i64) -> Vec<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("briefings");
    let file = std::fs::read_to_string(folder.join("vp-engineering.toml")).unwrap();
    let calendar = Calendar::weekdays();
    let context = context(MORNING, &calendar, &[]);
    let date = context.today().checked_add(jiff::Span::new().days(days));
    let releases =
        json!({ "rows": [{ "name": "4.12", "release_date": date.unwrap().to_string() }] });
    let blockers = json!({ "rows": [{
        "key": "PAY-1", "summary": "Card retry", "assignee": "Lena", "release": "4.12", "blocks": null,
    }] });
    let none = json!({ "rows": [] });
    let found = assess(&briefing(&file), &context, &|planned| {
        let name = planned.args.get("name").and_then(Value::as_str);
        Some(Outcome::Answered {
            value: match name {
                Some("releases") => &releases,
                Some("open_blockers") => &blockers,
                _ => &none,
            },
            as_of: context.now,
        })
    });
    assert_eq!(found.gaps, []);
    let reader = crate::domain::finding::Reader {
        language: crate::text::Language::English,
        zone: TimeZone::UTC,
        today: context.today(),
    };
    found
        .findings
        .iter()
        .map(|finding| {
            let said = finding.headline.0.iter().map(|part| match part {
                WordingPart::Words(words) => words.clone(),
                WordingPart::Fact(fact) => finding.facts[fact].value.display(&reader),
            });
            said.collect()
        })
        .collect()
}

#[test]
fn a_release_past_its_date_stays_a_risk_while_a_blocker_is_open() {
    assert_eq!(
        release(2),
        ["Release 4.12 has 1 open blocker with 2 days left"]
    );
    assert_eq!(
        release(0),
        ["Release 4.12 is due today with 1 open blocker"]
    );
    assert_eq!(
        release(-2),
        ["Release 4.12 is 2 days past its date with 1 open blocker"]
    );
}

#[test]
fn an_answer_of_another_shape_is_a_gap() {
    let calendar = Calendar::weekdays();
    let context = context(MORNING, &calendar, &[]);
    let answer = json!({ "text": "Sorry, no." });
    let found = assess(&briefing(ORDERS), &context, &|_| {
        Some(Outcome::Answered {
            value: &answer,
            as_of: context.now,
        })
    });
    assert_eq!(found.gaps[0].cause, GapCause::Shape);
    assert_eq!(found.checked.checked, 0);
}

#[test]
fn what_is_wrong_with_a_briefing_is_told_at_once() {
    let text = ORDERS
        .replace("late >= 1", "late >=")
        .replace("Ship {{ order }}", "Ship {{ ordr }}")
        .replace("key = \"item.id\"\n", "");
    let problems = check(&briefing(&text));
    let fields: Vec<&str> = problems
        .iter()
        .map(|problem| problem.field.as_str())
        .collect();
    assert_eq!(fields, ["key", "when", "next"], "{problems:?}");
    let advice = problems[2].advice.as_deref();
    assert_eq!(advice, Some("did you mean `order`?"));
}

#[test]
fn a_name_that_nothing_has_is_told_before_anything_runs() {
    for (from, to, field, what, advice) in [
        (
            "days_since(item.due)",
            "days_sinc(item.due)",
            "let.late",
            "names `days_sinc`, which is neither there nor a function",
            "did you mean `days_since`?",
        ),
        (
            "late|days",
            "late|dais",
            "facts.late",
            "filters by `dais`, which is no filter",
            "did you mean `days`?",
        ),
        (
            "late >= 1",
            "laet >= 1",
            "when",
            "names `laet`, which is neither there nor a function",
            "did you mean `late`?",
        ),
        (
            "late >= 1",
            "late is nmuber",
            "when",
            "asks whether something `is nmuber`, which is no test",
            "did you mean `number`?",
        ),
        (
            "\"'high' if late > 7 else 'medium'\"",
            "\"low\"",
            "severity",
            "is an expression, and `low` in it is a name, not a text",
            "write \"'low'\"",
        ),
        (
            "result.rows",
            "reslt.rows",
            "items",
            "names `reslt`, which is neither there nor a function",
            "did you mean `result`?",
        ),
        (
            "{{ today }}",
            "{{ tody }}",
            "args.day",
            "names `tody`, which is neither there nor a function",
            "did you mean `today`?",
        ),
        (
            "item.company",
            "itm.company",
            "with.people.right",
            "names `itm`, which is neither there nor a function",
            "did you mean `item`?",
        ),
    ] {
        assert!(ORDERS.contains(from), "{from}");
        let problems = check(&briefing(&ORDERS.replacen(from, to, 1)));
        assert_eq!(problems.len(), 1, "{to}: {problems:?}");
        assert_eq!(
            (
                problems[0].field.as_str(),
                problems[0].what.as_str(),
                problems[0].advice.as_deref()
            ),
            (field, what, Some(advice))
        );
    }
    let dated = format!(
        "{ORDERS}\n[next_date]\nconnector = 'c'\ntool = 't'\ndate = 'itm.x'\nwhat = 'item.y|loud'\n"
    );
    let problems = check(&briefing(&dated));
    let fields: Vec<_> = problems
        .iter()
        .map(|p| (&p.signal, p.field.as_str()))
        .collect();
    assert_eq!(
        fields,
        [(&None, "next_date.date"), (&None, "next_date.what")]
    );
}

fn assess_changed(from: &str, to: &str, rows: Value) -> (Assessment, Vec<RuleProblem>) {
    assert!(ORDERS.contains(from), "{from}");
    let calendar = Calendar::weekdays();
    let context = context(MORNING, &calendar, &[]);
    let briefing = briefing(&ORDERS.replacen(from, to, 1));
    assert_eq!(check(&briefing), []);
    let (rows, people) = (json!({ "rows": rows }), json!([]));
    let outcome = |planned: &Planned| {
        Some(Outcome::Answered {
            value: if planned.connector.as_str() == "crm" {
                &people
            } else {
                &rows
            },
            as_of: context.now,
        })
    };
    (
        assess(&briefing, &context, &outcome),
        rehearse(&briefing, &context, &outcome),
    )
}

#[test]
fn a_field_that_no_item_has_is_named_with_the_nearest_and_no_value() {
    let row = json!({ "id": 1, "due": "2026-11-10", "worth": 7, "customer": "Secret", "lines": 1 });
    let (found, _) = assess_changed("item.worth|money", "item.wroth|money", json!([row]));
    assert_eq!(
        found.gaps[0].detail,
        "late: a rule failed on 1 of 1 items: item 0: facts.worth: `item.wroth` is not there (nearest: `worth`)"
    );
    let (found, _) = assess_changed("\"result.rows\"", "\"result.row\"", json!([row]));
    assert_eq!(found.gaps[0].cause, GapCause::Shape);
    assert_eq!(
        found.gaps[0].detail,
        "late: items `result.row`: `result.row` is not there (nearest: `rows`)"
    );
    assert_eq!(found.checked.checked, 0);
    let (found, doubts) = assess_changed("late >= 1", "late >= 1", json!([row]));
    assert_eq!((found.gaps, doubts), (Vec::new(), Vec::new()));
}

#[test]
fn a_rehearsal_finds_a_wrong_field_though_nothing_is_at_risk() {
    let row = json!({ "id": 1, "due": "2026-12-24", "worth": 7, "customer": "A", "lines": 1 });
    let told = |from: &str, to: &str| {
        let (found, doubts) = assess_changed(from, to, json!([row, row]));
        assert_eq!(found.gaps, [], "{to}");
        doubts
            .iter()
            .map(|doubt| format!("{}: {}", doubt.field, doubt.what))
            .collect::<Vec<_>>()
    };
    let lacks = "finds its field in no item of today: ";
    assert_eq!(
        told("item.worth|money", "item.wroth|money"),
        [format!(
            "facts.worth: {lacks}`item.wroth` is not there (nearest: `worth`)"
        )]
    );
    assert_eq!(
        told("\"item.customer\"", "\"item.custmer\""),
        [format!(
            "with.people.left: {lacks}`item.custmer` is not there (nearest: `customer`)"
        )]
    );
    assert_eq!(
        told("item.worth|money", "item.wroth|default(0)|money"),
        [""; 0]
    );
}

#[test]
fn the_shipped_briefings_are_well_formed() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("briefings");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            let briefing = briefing(&std::fs::read_to_string(&path).unwrap());
            assert_eq!(check(&briefing), [], "{}", path.display());
            assert!(briefing.signals.len() >= 4, "{}", path.display());
            count += 1;
        }
    }
    assert!(count >= 4);
}

proptest::proptest! {
    #[test]
    fn no_answer_makes_a_rule_panic(texts in proptest::collection::vec("\\PC{0,12}", 0..6), number: f64) {
        let rows: Vec<Value> = texts
            .iter()
            .map(|text| json!({ "id": text, "due": text, "worth": number, "customer": text, "lines": number }))
            .collect();
        let found = assess_with(json!(rows), Some(json!(texts)), MORNING, &[]);
        proptest::prop_assert_eq!(found.checked.total, 1);
    }

    #[test]
    fn the_order_of_items_changes_nothing(mut days in proptest::collection::vec(1u8..20, 1..8), by in 0usize..8) {
        let rows = |days: &[u8]| json!(days.iter().map(|day| json!({
            "id": day, "due": format!("2026-11-{day:02}"), "worth": day, "customer": "A", "lines": 1
        })).collect::<Vec<_>>());
        let first = assess_with(rows(&days), Some(json!([])), MORNING, &[]);
        let by = by % days.len();
        days.rotate_left(by);
        let second = assess_with(rows(&days), Some(json!([])), MORNING, &[]);
        let facts = |found: &Assessment| found.findings.iter().map(|f| (f.fingerprint.clone(), f.facts.clone())).collect::<Vec<_>>();
        proptest::prop_assert_eq!(facts(&first), facts(&second));
    }
}

/// A release with the issues that block it, a merge request of its own, and an error page that names another one.
const RELEASES: &str = r#"
[briefing]
id = "releases"
title = "Releases"
role = "ops"
[[signal]]
id = "blocked"
title = "Blocked releases"
connector = "tracker"
tool = "releases"
key = "item.name"
let = { first = "issues[0]", oldest = "requests[0].hours" }
headline = "{{ release }} has {{ open }}"
link = "first.url"
[signal.with.issues]
connector = "tracker"
tool = "issues"
left = "item.name"
right = "item.release"
[signal.with.requests]
connector = "code"
tool = "requests"
left = "item.name"
right = "item.release"
[signal.facts]
release = "item.name"
left = "item.left|days"
open = "issues|length|count('open issue')"
asked = "requests|length|count('request')"
key = "first.key"
points = "first.points"
blocks = "first.blocks"
other = "first.other"
owner = "first.owner"
request = "'!' ~ requests[0].number"
waited = "oldest|hours"
suspect = "'!' ~ item.suspect"
both = "item.left + requests[0].number"
[signal.fact_links]
request = "requests[0].url"
suspect = "item.suspect_url"
"#;

#[test]
fn a_fact_opens_the_record_that_it_came_from() {
    let calendar = Calendar::weekdays();
    let context = context(MORNING, &calendar, &[]);
    let releases = json!([{ "name": "4.12", "left": 2, "suspect": 2036 }]);
    let issues = json!([
        { "release": "4.12", "key": "PAY-1182", "points": 8, "blocks": "PAY-1190, WEB-877", "other": "PAY-1190", "owner": "Team 7", "url": "https://t.example/browse/PAY-1182" },
        { "release": "4.12", "key": "PAY-1190", "points": 5, "url": "https://t.example/browse/PAY-1190" },
    ]);
    let requests = json!([{ "release": "4.12", "number": 2041, "hours": 76, "url": "https://c.example/2041" }]);
    let assessment = assess(&briefing(RELEASES), &context, &|planned| {
        Some(Outcome::Answered {
            value: match planned.tool.as_str() {
                "releases" => &releases,
                "issues" => &issues,
                _ => &requests,
            },
            as_of: context.now,
        })
    });
    assert!(assessment.gaps.is_empty(), "{:?}", assessment.gaps);
    let finding = &assessment.findings[0];
    let (issue, request) = (
        "https://t.example/browse/PAY-1182",
        "https://c.example/2041",
    );
    for (name, link) in [
        ("key", Some(issue)),
        ("points", Some(issue)),
        ("request", Some(request)),
        ("waited", Some(request)),
        ("asked", Some(request)),
        // Two issues are not one of them, and a list is none of its members.
        ("open", None),
        ("blocks", None),
        ("other", None),
        ("owner", None),
        // The release has no page, nor has the request that the error names.
        ("release", None),
        ("left", None),
        ("suspect", None),
        ("both", None),
    ] {
        let found = finding.facts[name].link.as_ref().map(url::Url::as_str);
        assert_eq!(found, link, "{name}");
    }
}
