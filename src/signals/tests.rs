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
rank = "item.worth"
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
        zone: TimeZone::get("Europe/Zurich").unwrap(),
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
    let gap = &found.gaps[0];
    assert_eq!(gap.cause, GapCause::Rule);
    assert!(
        gap.detail.contains("late")
            && gap.detail.contains("item 0")
            && gap.detail.contains("let.late")
    );
    assert!(!gap.detail.contains("Bob"), "{}", gap.detail);
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
    assert!(problems[2].what.contains("did you mean `order`"));
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
