//! How a turn is ended from outside: by its asker, and by an admin who withdraws a right.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{
    bench::{Bench, OBJECTS, Running, ask, question, start},
    scripted::{Piece, Scripted, USED, call, claims, late, say},
};
use crate::{
    clock::Clock,
    converse::TurnLimits,
    domain::{
        people::UserState,
        turn::{TurnEvent, TurnOutcome},
    },
    limits::{Source, Spender},
};

/// A machine that is busy with other tests may take so long where 200 ms are promised.
const STOPS_WITHIN: Duration = Duration::from_millis(500);

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it did not come to this: {what}");
}

/// Tokens that are taken from the budgets of Mara as VP: spent, or held by a call that runs.
async fn taken(bench: &Bench) -> Vec<u64> {
    let objects = crate::provision::load(&bench.store).await.unwrap();
    let spender = Spender {
        role: objects
            .roles
            .iter()
            .find(|role| role.id.as_str() == "vp")
            .unwrap(),
        user: objects.users.iter().find(|user| user.id.as_str() == "mara"),
        source: Source::Question {
            surface: crate::access::Surface::Slack,
        },
    };
    let balances = bench.limits.balances(&spender, bench.clock.now()).await;
    balances
        .unwrap()
        .iter()
        .map(|balance| balance.taken)
        .collect()
}

async fn stops(running: Running) {
    let told = Instant::now();
    running.stop.cancel();
    let ended = running.end().await;
    assert!(told.elapsed() <= STOPS_WITHIN, "{:?}", told.elapsed());
    assert_eq!(ended.done.outcome, TurnOutcome::Cancelled);
    assert!(
        ended.text().contains("Stopped, as you asked."),
        "{}",
        ended.text()
    );
}

#[tokio::test]
async fn a_stop_ends_a_model_that_hangs_and_what_it_held_is_settled() {
    let bench = Bench::new().await;
    let model = Scripted::steps(vec![
        vec![call("tracker__search_issues", json!({}))],
        vec![
            claims(json!([late("PAY-1182")])),
            call("crm__list_deals", json!({})),
        ],
        vec![Piece::Hang],
    ]);
    let mut running = start(
        &bench.converse(vec![model.clone()]),
        question("mara", "vp", "What is late?"),
    );
    loop {
        let event = running.events.recv().await.unwrap();
        if matches!(&event, TurnEvent::Delta { text } if text.contains("PAY-1182")) {
            break;
        }
    }
    stops(running).await;
    let before = 2 * (USED.tokens_in + USED.tokens_out);
    for taken in taken(&bench).await {
        // What the third call is known to have used by then, by estimate; not the 2,000 that it held.
        assert!(taken >= before && taken < before + 2_000, "{taken}");
    }
}

#[tokio::test]
async fn a_stop_ends_a_source_that_hangs() {
    let bench = Bench::new().await;
    bench.tool("tracker", "search_issues", |tool| {
        tool["seconds"] = json!(600)
    });
    let model = Scripted::steps(vec![vec![call("tracker__search_issues", json!({}))]]);
    let running = start(
        &bench.converse(vec![model]),
        question("mara", "vp", "What is late?"),
    );
    until("the source has the call", || !bench.calls().is_empty()).await;
    stops(running).await;
    assert_eq!(taken(&bench).await[0], USED.tokens_in + USED.tokens_out);
}

#[tokio::test]
async fn a_stop_ends_a_source_that_does_not_list_its_tools() {
    let bench = Bench::new().await;
    bench.answers("crm", &json!({ "seconds": 600, "tools": [] }));
    let model = Scripted::steps(vec![]);
    let running = start(
        &bench.converse(vec![model.clone()]),
        question("mara", "vp", "What is late?"),
    );
    tokio::time::sleep(Duration::from_millis(300)).await;
    stops(running).await;
    assert!(model.heard().is_empty());
    assert!(
        bench
            .acts()
            .await
            .iter()
            .any(|act| act.starts_with("answer failed"))
    );
}

#[tokio::test]
async fn a_turn_has_an_end_in_time_whatever_hangs() {
    let bench = Bench::new().await;
    let limits = TurnLimits {
        seconds: 1,
        ..TurnLimits::default()
    };
    let model = Scripted::steps(vec![
        vec![call("crm__list_deals", json!({}))],
        vec![Piece::Hang],
    ]);
    let converse = bench.converse_over(bench.store.clone(), vec![model], limits);
    let begun = Instant::now();
    let told = ask(&converse, question("mara", "vp", "Which deals?")).await;
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(told.done.outcome, TurnOutcome::WithoutModel);
    assert!(told.all().contains("48,200"));
}

#[tokio::test]
async fn who_is_disabled_in_mid_answer_gets_no_further_call_and_is_told() {
    let bench = Bench::new().await;
    let model = Scripted::steps(vec![
        vec![call("tracker__search_issues", json!({}))],
        vec![
            claims(json!([late("PAY-1182")])),
            call("tracker__get_issue", json!({})),
        ],
        vec![
            Piece::Wait(Duration::from_millis(300)),
            call("crm__list_deals", json!({})),
        ],
        vec![claims(json!([{ "say": "rows", "of": "R3" }]))],
    ]);
    let mut running = start(
        &bench.converse(vec![model]),
        question("mara", "vp", "What is late, and which deals?"),
    );
    loop {
        let event = running.events.recv().await.unwrap();
        if matches!(&event, TurnEvent::Delta { text } if text.contains("PAY-1182")) {
            break;
        }
    }
    bench
        .user("mara", |user| user.state = UserState::Disabled)
        .await;
    let ended = running.end().await;
    assert_eq!(ended.done.outcome, TurnOutcome::Revoked);
    assert!(
        ended
            .text()
            .trim_end()
            .ends_with("This ends here: your access was withdrawn."),
        "{}",
        ended.text()
    );
    assert!(!ended.all().contains("48,200"));
    assert_eq!(
        bench.called(),
        ["tracker/search_issues", "tracker/get_issue"]
    );
    assert!(
        bench
            .acts()
            .await
            .last()
            .unwrap()
            .starts_with("answer denied")
    );
}

#[tokio::test]
async fn who_is_disabled_hears_no_more_of_a_model_that_talks_on() {
    let bench = Bench::new().await;
    let model = Scripted::steps(vec![
        vec![call("tracker__search_issues", json!({}))],
        vec![
            claims(json!([late("PAY-1182")])),
            call("crm__list_deals", json!({})),
        ],
        vec![say("PAY-1190 "), Piece::Hang],
    ]);
    let mut running = start(
        &bench.converse(vec![model]),
        question("mara", "vp", "What is late?"),
    );
    loop {
        let event = running.events.recv().await.unwrap();
        if matches!(&event, TurnEvent::Delta { text } if text.contains("PAY-1182")) {
            break;
        }
    }
    bench.user("mara", |user| user.roles.clear()).await;
    let begun = Instant::now();
    let ended = running.end().await;
    assert!(
        begun.elapsed() < Duration::from_millis(1_500),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(ended.done.outcome, TurnOutcome::Revoked);
}

#[tokio::test]
async fn who_was_disabled_before_is_told_so_and_nobody_is_asked() {
    let bench = Bench::new().await;
    bench
        .user("mara", |user| user.state = UserState::Disabled)
        .await;
    let model = Scripted::steps(vec![]);
    for role in ["vp", "lead", "nobody"] {
        let told = ask(
            &bench.converse(vec![model.clone()]),
            question("mara", role, "What is late?"),
        )
        .await;
        assert_eq!(told.done.outcome, TurnOutcome::Revoked);
        assert_eq!(
            told.text().trim(),
            "This ends here: your access was withdrawn."
        );
    }
    assert!(model.heard().is_empty());
    assert!(bench.calls().is_empty());
}

#[tokio::test]
async fn a_listener_that_went_away_changes_nothing_in_the_trail() {
    let bench = Bench::with(OBJECTS).await;
    let model = Scripted::steps(vec![
        vec![call("tracker__search_issues", json!({}))],
        vec![claims(json!([late("PAY-1182")]))],
    ]);
    let running = start(
        &bench.converse(vec![model]),
        question("mara", "vp", "What is late?"),
    );
    drop(running.events);
    let done = running.task.await.unwrap().unwrap();
    assert_eq!(done.outcome, TurnOutcome::Answered);
    assert!(
        bench
            .acts()
            .await
            .last()
            .unwrap()
            .starts_with("answer done")
    );
}
