//! What a question may cost, and what it costs.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{
    bench::{Bench, OBJECTS, ask, question},
    scripted::{Piece, Scripted, USED, say},
};
use crate::{
    domain::turn::TurnOutcome,
    ids::RoleId,
    limits::{Source, Spender},
    models::estimate,
};

const QUESTIONS: usize = 1_000;
/// What the scripted model's bound takes for a call.
const RESERVED: u64 = 2_000;
const ANSWERED: usize = 100;

#[tokio::test]
async fn of_a_thousand_questions_at_once_a_budget_for_a_hundred_answers_a_hundred() {
    let bench = Bench::new().await;
    // None of the hundred is settled before all have asked: the budget holds them by their reservations alone.
    let all_asked = Arc::new(Semaphore::new(0));
    bench
        .role("vp", |role| {
            role.monthly_tokens = RESERVED * ANSWERED as u64;
            role.user_monthly_tokens = Some(u64::MAX / 4);
            role.questions_per_minute = Some(10 * QUESTIONS as u32);
        })
        .await;
    let leave = all_asked.clone();
    let model = Scripted::new(true, move |_, _| {
        vec![Piece::Until(leave.clone()), say("I cannot say.")]
    });
    let converse = bench.converse(vec![model.clone()]);
    let asked = (0..QUESTIONS).map(|number| {
        let converse = converse.clone();
        tokio::spawn(async move {
            let text = format!("Question {number}?");
            ask(&converse, question("mara", "vp", &text)).await
        })
    });
    let waiting: Vec<_> = asked.collect();
    // Those that are refused end by themselves; the others wait for the model.
    while waiting.iter().filter(|task| task.is_finished()).count() < QUESTIONS - ANSWERED {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    all_asked.add_permits(QUESTIONS);
    let (mut answered, mut refused) = (0, 0);
    for task in waiting {
        let told = task.await.unwrap();
        if told.done.usage.model_calls == 1 {
            answered += 1;
        } else {
            assert_eq!(told.done.outcome, TurnOutcome::Failed);
            assert!(
                told.text().contains("budget does not hold this question"),
                "{}",
                told.text()
            );
            refused += 1;
        }
    }
    assert_eq!((answered, refused), (ANSWERED, QUESTIONS - ANSWERED));
    assert_eq!(model.heard().len(), ANSWERED);
    let objects = crate::provision::load(&bench.store).await.unwrap();
    let vp = RoleId::new("vp").unwrap();
    let spender = Spender {
        role: objects.roles.iter().find(|role| role.id == vp).unwrap(),
        user: objects.users.iter().find(|user| user.id.as_str() == "mara"),
        source: Source::Question {
            surface: crate::access::Surface::Slack,
        },
    };
    let now = crate::clock::Clock::now(bench.clock.as_ref());
    let balances = bench.limits.balances(&spender, now).await.unwrap();
    let used = (USED.tokens_in + USED.tokens_out) * ANSWERED as u64;
    for balance in balances {
        assert_eq!(balance.taken, used, "settled to the token: {balance:?}");
    }
}

#[tokio::test]
async fn who_is_near_the_end_of_their_budget_is_told_once() {
    let bench = Bench::new().await;
    bench
        .role("vp", |role| {
            role.monthly_tokens = 1_000_000;
            role.user_monthly_tokens = Some(2_500);
        })
        .await;
    let model = Scripted::new(true, |_, _| vec![say("I cannot say.")]);
    let converse = bench.converse(vec![model]);
    let told = ask(&converse, question("mara", "vp", "What is late?")).await;
    let warning = "With this, 80 % of your budget for this month are used.";
    assert!(told.text().contains(warning), "{}", told.text());
    bench
        .user("mara", |user| user.monthly_tokens = Some(4_000))
        .await;
    let again = ask(&converse, question("mara", "vp", "What is late?")).await;
    assert!(!again.text().contains("of your budget"), "{}", again.text());
}

#[tokio::test]
async fn a_hundred_tools_cost_the_model_no_more_than_those_that_matter() {
    let objects = OBJECTS
        .replace(
            "tools = { search_issues = \"read\", get_issue = \"read\", add_comment = \"action\", delete_project = \"action\" }",
            "tools = { \"*\" = \"read\" }",
        )
        .replace(
            "tools = [\"search_issues\", \"get_issue\"]\nactions = [\"add_comment\"]",
            "tools = [\"*\"]",
        );
    let bench = Bench::with(&objects).await;
    let tool = |name: String, what: String| {
        json!({
            "name": name, "description": what, "answer": {},
            "schema": { "type": "object", "properties": {
                "query": { "type": "string", "description": "Words to look for" },
                "limit": { "type": "integer", "description": "Most rows" },
            } },
        })
    };
    let subjects = [
        "issue",
        "invoice",
        "deal",
        "payment",
        "incident",
        "contract",
        "candidate",
        "shipment",
        "campaign",
        "server",
    ];
    let verbs = [
        "search", "list", "get", "count", "watch", "history", "owners", "links", "labels", "notes",
    ];
    let hundred: Vec<Value> = subjects
        .iter()
        .flat_map(|subject| {
            verbs.iter().map(move |verb| {
                let what = format!("The {verb} of each {subject}, with everything known of it.");
                tool(format!("{verb}_{subject}"), what)
            })
        })
        .collect();
    let relevant: Vec<Value> = hundred
        .iter()
        .filter(|tool| tool["name"].as_str().unwrap().ends_with("_incident"))
        .cloned()
        .collect();
    let mut tokens = Vec::new();
    for tools in [hundred, relevant] {
        bench.answers("tracker", &json!({ "tools": tools }));
        bench.answers("crm", &json!({ "tools": [] }));
        let model = Scripted::steps(vec![vec![say("I cannot say.")]]);
        let asked = question("mara", "vp", "Which incident is still open?");
        ask(&bench.converse(vec![model.clone()]), asked).await;
        let request = &model.heard()[0];
        eprintln!(
            "{} tools offered, {} tokens of prompt",
            request.tools.len(),
            estimate(request)
        );
        tokens.push(estimate(request));
    }
    let (all, few) = (tokens[0], tokens[1]);
    assert!(
        all <= few + few / 10,
        "{all} tokens, of {few} for those that matter"
    );
}
