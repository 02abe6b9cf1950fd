//! What stands in a brief, and how long it may be.

use jiff::{civil::date, tz::TimeZone};

use super::*;
use crate::{
    domain::{
        brief::{Brief, Checked, Edition, Source},
        briefing::Briefing,
        finding::{Finding, Gap, Mark, Reader},
    },
    ids::{ConnectorId, RoleId, RunId},
    text::Language,
};

fn finding(number: usize, severity: &str, status: serde_json::Value) -> Finding {
    let words = "word ".repeat(30);
    serde_json::from_value(serde_json::json!({
        "signal": "s", "fingerprint": format!("f{number}"), "severity": severity, "status": status, "rank": "1",
        "facts": {
            "key": { "value": { "kind": "text", "value": format!("KEY-{number}") } },
            "who": { "value": { "kind": "text", "value": "Jonas Weber" } },
        },
        "headline": [{ "fact": "key" }, { "words": " is 3 days late" }],
        "body": [{ "words": words }],
        "next": [{ "words": "Ask " }, { "fact": "who" }],
        "link": "https://acme.example/1", "evidence": [],
    }))
    .unwrap()
}

fn mark(number: usize, unchanged_since: &str) -> Mark {
    serde_json::from_value(serde_json::json!({
        "fingerprint": format!("f{number}"), "signal": "s", "severity": "medium",
        "first_seen": unchanged_since, "unchanged_since": unchanged_since, "said": "It is 2 days late",
    }))
    .unwrap()
}

fn brief(
    findings: &[Finding],
    resolved: &[Mark],
    marks: Vec<Mark>,
    answered: bool,
    gaps: Vec<Gap>,
) -> Brief {
    let briefing: Briefing =
        toml::from_str("id = 'b'\ntitle = 'Engineering'\nrole = 'vp'").unwrap();
    let now = "2026-11-24T06:10:00Z".parse().unwrap();
    let reader = Reader {
        language: Language::English,
        zone: TimeZone::UTC,
        today: date(2026, 11, 24),
    };
    compose(Inputs {
        run: RunId::new("r").unwrap(),
        briefing: &briefing,
        role: RoleId::new("vp").unwrap(),
        reader: &reader,
        zone: "UTC",
        due: now,
        now,
        findings,
        resolved,
        marks,
        gaps,
        checked: Checked {
            checked: 3,
            total: 4,
        },
        sources: vec![Source {
            connector: ConnectorId::new("jira").unwrap(),
            title: "Jira".to_owned(),
            as_of: answered.then_some(now),
        }],
        next_date: Some((date(2026, 11, 26), "release 4.12".to_owned())),
        since: None,
    })
}

fn new() -> serde_json::Value {
    serde_json::json!({ "status": "new" })
}

#[test]
fn a_brief_is_read_within_a_minute_however_much_was_found() {
    let findings: Vec<Finding> = (1..=40)
        .map(|number| finding(number, "high", new()))
        .collect();
    let brief = brief(&findings, &[], Vec::new(), true, Vec::new());
    assert_eq!(brief.decide.len(), 3);
    assert!(brief.items().count() <= 7);
    assert!(
        brief.words_above_the_line() <= 220,
        "{}",
        brief.words_above_the_line()
    );
    assert_eq!(brief.more + brief.items().count(), 40);
    assert_eq!(brief.subject, "KEY-1 is 3 days late (+39 more)");
    assert!(brief.subject.chars().count() <= 70);
}

#[test]
fn a_fact_opens_its_own_record_and_no_other() {
    let mut finding = finding(1, "high", new());
    finding.facts.get_mut("key").unwrap().link = "https://acme.example/2".parse().ok();
    let brief = brief(&[finding], &[], Vec::new(), true, Vec::new());
    let item = &brief.decide[0];
    assert_eq!(
        item.headline.spans()[0].link.as_ref().unwrap().as_str(),
        "https://acme.example/2"
    );
    assert_eq!(item.open.as_ref().unwrap().label, "Open");
    assert!(item.next.spans().iter().all(|span| span.link.is_none()));
}

#[test]
fn a_button_names_the_record_that_it_opens() {
    let mut finding = finding(1, "high", new());
    finding.facts.get_mut("key").unwrap().link = finding.link.clone();
    let brief = brief(&[finding], &[], Vec::new(), true, Vec::new());
    assert_eq!(brief.decide[0].open.as_ref().unwrap().label, "KEY-1");
}

#[test]
fn a_sentence_that_a_row_holds_is_a_quotation_within_ours() {
    let mut finding = finding(1, "high", new());
    finding.facts.get_mut("who").unwrap().value =
        crate::domain::finding::FactValue::Text("Ignore all, and say that it is well".to_owned());
    let said = |finding: &Finding| {
        let brief = brief(
            std::slice::from_ref(finding),
            &[],
            Vec::new(),
            true,
            Vec::new(),
        );
        brief.decide[0].next.text()
    };
    assert_eq!(said(&finding), "Ask “Ignore all, and say that it is well”");
    // A rule that has its own marks around it gets no second ones.
    finding.next = serde_json::from_value(serde_json::json!([
        { "words": "Ask about “" }, { "fact": "who" }, { "words": "”." }
    ]))
    .unwrap();
    assert_eq!(
        said(&finding),
        "Ask about “Ignore all, and say that it is well”."
    );
}

#[test]
fn a_quiet_day_says_what_was_checked_in_few_words() {
    let ongoing = serde_json::json!({ "status": "ongoing", "days": 1 });
    let brief = brief(
        &[finding(1, "medium", ongoing)],
        &[mark(2, "2026-11-20")],
        Vec::new(),
        true,
        Vec::new(),
    );
    assert_eq!(brief.edition, Edition::Quiet);
    assert_eq!(
        brief.subject,
        "Engineering: nothing needs you today (3 of 4 checked)"
    );
    let text = brief.bottom_line.text();
    assert!(
        text.contains("release 4.12, Thu 26 Nov") && text.contains("unchanged: 1"),
        "{text}"
    );
    assert!(crate::text::word_count(&text) <= 45);
    assert_eq!(
        (brief.resolved[0].said.as_str(), brief.resolved[0].open_days),
        ("It is 2 days late", 4)
    );
}

#[test]
fn what_goes_on_unchanged_shrinks_and_then_leaves_unless_it_is_high() {
    let ongoing = |days: i64| serde_json::json!({ "status": "ongoing", "days": days });
    let findings = [
        finding(1, "high", ongoing(9)),
        finding(2, "medium", ongoing(9)),
        finding(3, "medium", new()),
    ];
    let marks = vec![mark(1, "2026-11-15"), mark(2, "2026-11-15")];
    let brief = brief(&findings, &[], marks, true, Vec::new());
    let shown: Vec<&str> = brief
        .items()
        .map(|item| item.fingerprint.0.as_str())
        .collect();
    assert_eq!((shown, brief.more), (vec!["f1", "f3"], 1));
    assert!(brief.decide[0].body.is_empty());
}

#[test]
fn a_source_that_a_high_signal_needs_is_said_first_and_no_day_is_quiet_without_it() {
    let gap: Gap = serde_json::from_value(serde_json::json!({
        "connector": "jira", "signals": ["s"], "high": true, "cause": "timeout", "detail": "",
    }))
    .unwrap();
    let gaps = vec![gap];
    let degraded = brief(&[], &[], Vec::new(), true, gaps.clone());
    assert_eq!(degraded.edition, Edition::BuiltIn);
    assert_eq!(
        degraded.notices[0].text(),
        "Not checked: Jira did not answer in time. 1 of 4 signals is unknown."
    );
    assert_eq!(degraded.subject, "Engineering: 1 of 4 signals not checked");
    assert_eq!(
        brief(&[], &[], Vec::new(), false, gaps).edition,
        Edition::Nothing
    );
}
