//! What a turn does, in the order in which it does it.

use serde_json::json;

use super::{
    bench::{Bench, ask, question},
    scripted::{Scripted, call, say},
};
use crate::domain::turn::{TurnEvent, TurnOutcome};

#[tokio::test]
async fn a_question_over_two_sources_gets_their_figures_with_citations() {
    let bench = Bench::new().await;
    let model = Scripted::steps(vec![
        vec![
            call("tracker__search_issues", json!({ "text": "late" })),
            call("crm__list_deals", json!({})),
        ],
        vec![say(
            "PAY-1182 is 9 days late and waits for Ines Lindqvist. Northgate is worth 48,200 and closes on 2026-11-27.",
        )],
    ]);
    let told = ask(
        &bench.converse(vec![model]),
        question("mara", "vp", "What is late, and which deal closes?"),
    )
    .await;
    assert_eq!(told.done.outcome, TurnOutcome::Answered, "{told:#?}");
    let text = told.text();
    assert!(
        text.contains("PAY-1182 is 9 days late and waits for Ines Lindqvist. [1]"),
        "{text}"
    );
    assert!(
        text.contains("Northgate is worth 48,200 and closes on 2026-11-27. [2]"),
        "{text}"
    );
    let citations = told.citations();
    assert_eq!(citations.len(), 2, "{citations:#?}");
    assert_eq!(citations[0].source, "Issue tracker");
    assert_eq!(citations[0].object.as_deref(), Some("PAY-1182"));
    assert_eq!(
        citations[0].link.as_ref().unwrap().as_str(),
        "https://tracker.acme.example/browse/PAY-1182"
    );
    assert_eq!(citations[1].source, "CRM");
    let mut called = bench.called();
    called.sort();
    assert_eq!(called, ["crm/list_deals", "tracker/search_issues"]);
    let first_word = told
        .events
        .iter()
        .position(|event| matches!(event, TurnEvent::Delta { .. }))
        .unwrap();
    let steps = told
        .events
        .iter()
        .take(first_word)
        .filter(|event| matches!(event, TurnEvent::Step { .. }))
        .count();
    assert_eq!(
        steps, 4,
        "each source is asked and answers before the first word"
    );
    assert!(bench.verify().await.ok);
}
