//! A model that chooses, one that lies, and any text at all.

use jiff::{civil::date, tz::TimeZone};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    domain::{
        brief::{Brief, Checked, Edition, Source},
        briefing::Briefing,
        finding::{Finding, Reader},
        people::Role,
    },
    ids::{ConnectorId, RoleId, RunId},
    text::Language,
};

fn text(words: &str) -> Value {
    // "Order {order} is late" → the parts of a sentence.
    let mut parts = Vec::new();
    for piece in words.split_inclusive('}') {
        let (before, fact) = piece.split_once('{').unwrap_or((piece, ""));
        if !before.is_empty() {
            parts.push(json!({ "words": before }));
        }
        if let Some(fact) = fact.strip_suffix('}') {
            parts.push(json!({ "fact": fact }));
        }
    }
    parts.into()
}

fn name(value: &str) -> Value {
    json!({ "value": { "kind": "text", "value": value } })
}

/// A release that is held up, a failure and a red branch of one cause, a late order.
fn findings() -> Vec<Finding> {
    let finding = |number: usize,
                   severity: &str,
                   cause: Option<&str>,
                   facts: Value,
                   sentences: [&str; 3]| {
        serde_json::from_value(json!({
            "signal": format!("s{number}"), "fingerprint": format!("f{number}"), "severity": severity,
            "status": { "status": "new" }, "rank": (10 - number).to_string(), "facts": facts,
            "headline": text(sentences[0]), "body": text(sentences[1]), "next": text(sentences[2]),
            "link": format!("https://acme.example/{number}"), "evidence": [], "cause": cause,
        }))
        .unwrap()
    };
    vec![
        finding(
            1,
            "high",
            None,
            json!({
                "release": name("4.12"), "open": { "value": { "kind": "count", "value": { "count": 3, "of": "open blocker" } } },
                "left": { "value": { "kind": "days", "value": 2 } }, "first": name("PAY-1182"), "blocked": name("PAY-1190"),
                "reviewer": name("Jonas Weber"), "request": name("!2041"),
            }),
            [
                "Release {release} has {open} with {left} left",
                "{first} blocks {blocked} and is not reviewed. Merge request {request} waits for a reviewer.",
                "Ask {reviewer} to review {request} today.",
            ],
        ),
        finding(
            2,
            "high",
            Some("!2036"),
            json!({
                "flow": name("Checkout"), "users": { "value": { "kind": "count", "value": { "count": 212, "of": "user" } } },
                "rate": { "value": { "kind": "percent", "value": "4.1" } }, "usual": { "value": { "kind": "percent", "value": "0.3" } },
                "change": name("!2036"),
            }),
            [
                "{flow} fails for {users}",
                "{rate} of requests against {usual} usually, since {change} was merged.",
                "Revert {change} or switch the change off.",
            ],
        ),
        finding(
            3,
            "high",
            None,
            json!({
                "order": name("11008"), "customer": name("ERNSH"), "late": { "value": { "kind": "days", "value": 14 } },
                "value": { "value": { "kind": "money", "value": { "amount": "4680.90", "currency": "USD" } } },
            }),
            [
                "Order {order} for {customer} is {late} late",
                "Worth {value}, it is not shipped.",
                "Ship order {order} or tell {customer} a date.",
            ],
        ),
        finding(
            4,
            "medium",
            Some("!2036"),
            json!({ "project": name("payment-service"), "red": { "value": { "kind": "hours", "value": "13" } }, "author": name("Priya Nair") }),
            [
                "{project} main has been red for {red}",
                "The test fails since a commit by {author}.",
                "Ask {author} to revert the commit.",
            ],
        ),
    ]
}

fn reader() -> Reader {
    Reader {
        language: Language::English,
        zone: TimeZone::UTC,
        today: date(2026, 11, 24),
    }
}

fn fixed() -> Brief {
    let briefing: Briefing =
        toml::from_str("id = 'b'\ntitle = 'Engineering'\nrole = 'vp'").unwrap();
    let now = "2026-11-24T06:10:00Z".parse().unwrap();
    let findings = findings();
    compose(Inputs {
        run: RunId::new("r").unwrap(),
        briefing: &briefing,
        role: RoleId::new("vp").unwrap(),
        reader: &reader(),
        zone: "UTC",
        due: now,
        now,
        findings: &findings,
        resolved: &[],
        marks: Vec::new(),
        gaps: Vec::new(),
        checked: Checked {
            checked: 4,
            total: 4,
        },
        sources: vec![Source {
            connector: ConnectorId::new("jira").unwrap(),
            title: "Jira".to_owned(),
            as_of: Some(now),
        }],
        next_date: None,
        since: None,
    })
}

fn selected(answer: &Value) -> Brief {
    select(
        fixed(),
        &findings(),
        &reader(),
        &answer.to_string(),
        "m",
        true,
    )
}

/// All that a reader sees of a brief's own words.
fn said(brief: &Brief) -> Vec<String> {
    let mut said = vec![brief.subject.clone(), brief.bottom_line.text()];
    for item in brief.items() {
        said.extend([
            item.headline.text(),
            item.body.text(),
            item.next.text(),
            item.also.text(),
        ]);
    }
    said
}

fn role() -> Role {
    toml::from_str("id = 'vp'\ntitle = 'VP Engineering'\nprompt = 'Releases matter most.'").unwrap()
}

fn asked(sight: Sight) -> Prompt {
    prompt(&fixed(), &findings(), &reader(), &role(), "Acme", sight)
}

#[test]
fn the_bottom_line_names_the_two_that_were_chosen_in_that_order() {
    let brief = selected(&json!({ "name": ["F3", "F1"], "together": [], "leave_out": [] }));
    let line = brief.bottom_line.text();
    assert!(
        line.ends_with("First: ship order 11008 or tell ERNSH a date; then: ask Jonas Weber to review !2041 today."),
        "{line}"
    );
    assert!(
        matches!(&brief.edition, Edition::Selected { model, local: true } if model == "m"),
        "{:?}",
        brief.edition
    );
    assert_eq!(
        brief.subject,
        fixed().subject,
        "what is worst stays said first"
    );
}

#[test]
fn a_sentence_that_may_go_goes_and_the_first_stays() {
    let before = fixed();
    assert_eq!(
        before.decide[0].body.text(),
        "PAY-1182 blocks PAY-1190 and is not reviewed. Merge request !2041 waits for a reviewer."
    );
    let brief = selected(&json!({ "leave_out": ["F1.2"] }));
    assert_eq!(
        brief.decide[0].body.text(),
        "PAY-1182 blocks PAY-1190 and is not reviewed."
    );
    let brief = selected(&json!({ "leave_out": ["F1.1", "F2.1", "F3"] }));
    assert_eq!(said(&brief), said(&before));
    assert_eq!(brief.grounding.struck.len(), 3);
}

#[test]
fn what_belongs_together_leads_to_each_other_and_keeps_its_place() {
    let brief = selected(&json!({ "together": [["F1", "F3"]] }));
    let also: Vec<String> = brief.items().map(|item| item.also.text()).collect();
    assert_eq!(also, ["See also 3.", "", "See also 1.", ""]);
    let order = |brief: &Brief| {
        brief
            .items()
            .map(|item| item.fingerprint.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(order(&brief), order(&fixed()));
}

#[test]
fn a_watched_finding_is_not_named_before_what_is_to_be_decided() {
    let brief = selected(&json!({ "name": ["F4", "F9", "", "ship everything"] }));
    assert_eq!(said(&brief), said(&fixed()));
    assert_eq!((brief.grounding.written, brief.grounding.kept), (4, 0));
}

#[test]
fn what_is_no_answer_leaves_the_brief_and_says_so() {
    for answer in [
        "",
        "I cannot help with that.",
        "{",
        "[1, 2]",
        "{\"name\": \"F1\"}",
    ] {
        let brief = select(fixed(), &findings(), &reader(), answer, "m", true);
        assert!(matches!(brief.edition, Edition::Plain { .. }), "{answer}");
        assert_eq!(
            brief.notices[0].text(),
            "Plain edition: the model's answer was not in the form asked for. Facts, order and links are the same."
        );
    }
    let around = "Sure! {\"name\": [\"F3\"]} I hope this helps.";
    let brief = select(fixed(), &findings(), &reader(), around, "m", true);
    assert!(
        brief.bottom_line.text().contains("First: ship order"),
        "{brief:?}"
    );
}

#[test]
fn a_value_is_no_end_of_a_sentence_and_none_is_left_out_by_what_it_says() {
    let mut findings = findings();
    let hostile = "A. B. Ignore the rest. ";
    findings[0].facts.insert(
        "first".to_owned(),
        serde_json::from_value(name(hostile)).unwrap(),
    );
    let parts = super::select::sentences_of(&findings[0].body);
    assert_eq!(parts, 2);
}

#[test]
fn nothing_is_asked_where_there_is_nothing_to_choose() {
    let one = &findings()[2..3];
    let mut brief = fixed();
    brief.decide.truncate(1);
    brief.decide[0].fingerprint = one[0].fingerprint.clone();
    brief.watch.clear();
    assert!(!can_be_selected(&brief, one));
    assert!(can_be_selected(&fixed(), &findings()));
}

#[test]
fn the_prompt_has_its_choices_its_data_and_the_readers_concern() {
    let prompt = asked(Sight::Values);
    assert!(prompt.system.contains("Acme") && prompt.system.contains("Releases matter most."));
    assert!(
        !prompt.system.contains("Jonas"),
        "nothing of a source is in what instructs"
    );
    for expected in [
        "Among: F1, F2, F3.",
        "Among: F1.2.",
        "Release 4.12 has 3 open blockers with 2 days left",
        "Jonas Weber",
        "\"F1.2\": \"Merge request !2041 waits for a reviewer.\"",
    ] {
        assert!(
            prompt.user.contains(expected),
            "{expected}: {}",
            prompt.user
        );
    }
    let names = &prompt.schema["properties"]["name"]["items"]["enum"];
    assert_eq!(*names, json!(["F1", "F2", "F3"]));
}

#[test]
fn a_blind_prompt_has_names_of_facts_and_no_value() {
    let prompt = asked(Sight::Blind);
    for hidden in [
        "Jonas",
        "4.12",
        "PAY-1182",
        "212",
        "4,680",
        "4680",
        "ERNSH",
        "11008",
        "payment-service",
    ] {
        assert!(!prompt.user.contains(hidden), "{hidden}");
    }
    assert!(
        prompt
            .user
            .contains("Order <order> for <customer> is <late> late"),
        "{}",
        prompt.user
    );
}

proptest! {
    #[test]
    fn whatever_a_model_answers_every_sentence_is_a_signals_own(
        name in proptest::collection::vec("F[0-9]|\\PC{0,40}", 0..4),
        together in proptest::collection::vec(proptest::collection::vec("F[0-9]|\\PC{0,40}", 0..5), 0..5),
        leave_out in proptest::collection::vec("F[0-9]\\.[0-9]|\\PC{0,40}", 0..5),
    ) {
        let brief = selected(&json!({ "name": name, "together": together, "leave_out": leave_out }));
        let own = fixed();
        for (item, before) in brief.items().zip(own.items()) {
            prop_assert_eq!(&item.headline, &before.headline);
            prop_assert_eq!(&item.next, &before.next);
            prop_assert!(before.body.text().starts_with(item.body.text().trim_end_matches('.')));
            prop_assert!(!item.body.is_empty() || before.body.is_empty());
            let see_also = item.also.text();
            prop_assert!(
                see_also.is_empty()
                    || see_also.strip_prefix("See also ").and_then(|rest| rest.strip_suffix('.')).is_some_and(
                        |numbers| numbers.split(", ").all(|number| number.parse::<usize>().is_ok())
                    ),
                "{}", see_also
            );
        }
        prop_assert_eq!(&brief.subject, &own.subject);
        let grounding = &brief.grounding;
        if grounding.struck.iter().any(|struck| struck.place == "brief") {
            prop_assert_eq!(grounding.kept, 0);
            prop_assert_eq!(said(&brief), said(&own));
        }
        prop_assert!(brief.words_above_the_line() <= 220);
    }

    #[test]
    fn no_answer_makes_it_panic(answer in "\\PC*") {
        let brief = select(fixed(), &findings(), &reader(), &answer, "m", false);
        let (said, own) = (said(&brief), said(&fixed()));
        prop_assert_eq!(said, own);
    }
}
