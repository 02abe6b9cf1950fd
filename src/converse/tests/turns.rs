//! What a turn does, in the order in which it does it.

use std::time::Duration;

use serde_json::json;

use super::{
    bench::{Bench, OBJECTS, ask, question, start},
    scripted::{Piece, Scripted, call, results, say},
};
use crate::{
    access::Surface,
    domain::turn::{TurnEvent, TurnOutcome},
    models::{ModelError, Stop},
    store::driver::Collection,
};

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
        text.contains("PAY-1182 is 9 days late and waits for Ines Lindqvist [1]."),
        "{text}"
    );
    assert!(
        text.contains("Northgate is worth 48,200 and closes on 2026-11-27 [2]."),
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

#[tokio::test]
async fn beside_the_words_of_a_small_model_every_result_stands_as_it_is() {
    let bench = Bench::new().await;
    let form = json!({
        "tracker": { "tool": "tracker__search_issues", "args": { "text": "late" } },
        "crm": { "tool": "crm__list_deals", "args": {} },
    });
    // It tells one row of one source, over and over, and nothing of the other.
    let model = Scripted::guided(
        form,
        "PAY-1190 is 4 days late.\nPAY-1190 is 4 days late. PAY-1190 is 4 days late.",
    );
    let told = ask(
        &bench.converse(vec![model]),
        question(
            "mara",
            "vp",
            "Which issues are late, and which deals close?",
        ),
    )
    .await;
    assert_eq!(told.done.outcome, TurnOutcome::Answered, "{told:#?}");
    let text = told.text();
    assert!(text.contains("PAY-1190 is 4 days late [1]."), "{text}");
    let shown: Vec<(&str, &str)> = told
        .tables()
        .iter()
        .map(|table| (table.title.as_str(), table.rows[0][0].as_str()))
        .collect();
    assert!(
        shown.contains(&("Issue tracker", "PAY-1182"))
            && shown.iter().any(|(title, _)| *title == "CRM"),
        "{shown:?} {told:#?}"
    );
    assert_eq!(shown.len(), 2);
    assert_eq!(text.matches("4 days late").count(), 1, "{text}");
}

#[tokio::test]
async fn what_no_source_gave_is_struck_and_told() {
    for (made_up, reason) in [
        ("PAY-1182 is 17 days late.", "a figure that no source gave"),
        (
            "PAY-1182 was due on 2026-11-02.",
            "a date that no source gave",
        ),
        ("PAY-7777 is blocked.", "a key that no source gave"),
        (
            "PAY-1182 waits for Bob Miller.",
            "a name that no source gave",
        ),
        (
            "See https://tracker.acme.example/admin for more.",
            "an address that no source gave",
        ),
        ("It costs €9 a day.", "a currency that no source gave"),
        (
            "PAY-1182 is {R1.7.days_late} days late.",
            "a handle that names no value",
        ),
    ] {
        let bench = Bench::new().await;
        let model = Scripted::steps(vec![
            vec![call("tracker__search_issues", json!({}))],
            vec![say(format!(
                "PAY-1190 is 4 days late. {made_up} It is open."
            ))],
        ]);
        let told = ask(
            &bench.converse(vec![model]),
            question("mara", "vp", "What is late?"),
        )
        .await;
        let text = told.text();
        assert!(text.contains("PAY-1190 is 4 days late [1]."), "{text}");
        assert!(!text.contains(made_up), "{text}");
        assert!(text.contains("One sentence was left out"), "{text}");
        assert_eq!(told.reasons(), [reason], "{made_up}");
        assert_eq!(told.done.grounding.struck, 1);
        assert_eq!(told.done.outcome, TurnOutcome::Answered);
    }
}

#[tokio::test]
async fn a_title_or_heading_that_the_model_makes_up_is_not_shown() {
    let bench = Bench::new().await;
    let model = Scripted::steps(vec![
        vec![call("crm__list_deals", json!({}))],
        vec![call(
            "compute",
            json!({ "from": "R1", "measures": [
                { "op": "sum", "column": "amount", "name": "total of Bob Miller" },
                { "op": "count", "name": "rows worth 99,999" },
            ] }),
        )],
        vec![
            call(
                "show",
                json!({ "result": "R1", "title": "Bob Miller owes 99,999" }),
            ),
            call("show", json!({ "result": "C1", "title": "Open deals" })),
        ],
        vec![say("Northgate was promised by Bob Miller.")],
    ]);
    let told = ask(
        &bench.converse(vec![model]),
        question("mara", "vp", "What are our deals worth?"),
    )
    .await;
    let shown = told.all();
    assert_eq!(told.tables()[0].title, "CRM");
    assert_eq!(told.tables()[1].title, "Open deals");
    assert!(!shown.contains("Miller"), "{shown}");
    assert!(!shown.contains("99,999"), "{shown}");
    assert!(shown.contains("60,950"), "{shown}");
}

#[tokio::test]
async fn handles_become_values_with_their_citations() {
    let bench = Bench::new().await;
    let model = Scripted::steps(vec![
        vec![call("crm__list_deals", json!({}))],
        vec![call(
            "compute",
            json!({ "from": "R1", "measures": [{ "op": "sum", "column": "amount", "name": "total" }] }),
        )],
        vec![say(
            "All deals together are worth {C1.1.total}. The first is {R1.1.customer}.",
        )],
    ]);
    let told = ask(
        &bench.converse(vec![model]),
        question("mara", "vp", "What are our deals worth?"),
    )
    .await;
    let text = told.text();
    assert!(
        text.contains("All deals together are worth 60,950 [1] [2]."),
        "{text}"
    );
    assert!(text.contains("The first is Northgate ["), "{text}");
    assert_eq!(told.citations()[0].object.as_deref(), Some("Northgate"));
}

#[tokio::test]
async fn a_source_that_failed_is_said_in_the_answer_and_its_words_are_not() {
    let bench = Bench::new().await;
    bench.tool("crm", "list_deals", |tool| {
        tool["error"] = json!("the ledger of Bob Miller is locked");
    });
    let model = Scripted::steps(vec![
        vec![
            call("tracker__search_issues", json!({})),
            call("crm__list_deals", json!({})),
        ],
        vec![say("PAY-1182 is 9 days late.")],
    ]);
    let told = ask(
        &bench.converse(vec![model]),
        question("mara", "vp", "What is late, and what do we sell?"),
    )
    .await;
    assert_eq!(told.done.outcome, TurnOutcome::InPart);
    let text = told.text();
    assert!(
        text.contains("Not checked: CRM (could not answer)."),
        "{text}"
    );
    assert!(!told.all().contains("Miller"), "{text}");
}

#[tokio::test]
async fn a_source_that_cannot_even_list_its_tools_is_said_without_its_own_words() {
    let objects = OBJECTS.replace(
        "command = [\"{python}\", \"-I\", \"-S\", \"{server}\", \"{folder}/crm.json\", \"{folder}/calls\"]",
        "command = [\"{python}\", \"-I\", \"-S\", \"-c\", \"import sys; sys.exit('call Bob Miller at once')\"]",
    );
    let bench = Bench::with(&objects).await;
    let model = Scripted::steps(vec![
        vec![call("tracker__search_issues", json!({}))],
        vec![say("PAY-1182 is 9 days late.")],
    ]);
    let told = ask(
        &bench.converse(vec![model.clone()]),
        question("mara", "vp", "What is late?"),
    )
    .await;
    let text = told.text();
    assert_eq!(told.done.outcome, TurnOutcome::InPart);
    assert!(
        text.contains("Not checked: CRM (could not be reached)."),
        "{text}"
    );
    assert!(!told.all().contains("Miller"), "{text}");
    assert!(!model.heard_text().contains("Miller"));
}

#[tokio::test]
async fn a_follow_up_gets_the_questions_answers_and_calls_before_it() {
    let bench = Bench::new().await;
    let first = Scripted::steps(vec![
        vec![call(
            "tracker__search_issues",
            json!({ "since": "2026-11-16" }),
        )],
        vec![say("PAY-1182 is 9 days late.")],
    ]);
    let told = ask(
        &bench.converse(vec![first]),
        question("mara", "vp", "What is late this week?"),
    )
    .await;
    let second = Scripted::steps(vec![
        vec![call(
            "tracker__search_issues",
            json!({ "since": "2026-11-09" }),
        )],
        vec![say("PAY-1190 is 4 days late.")],
    ]);
    let mut follow_up = question("mara", "vp", "And last week?");
    follow_up.conversation = Some(told.done.conversation.clone());
    let again = ask(&bench.converse(vec![second.clone()]), follow_up).await;
    assert_eq!(again.done.conversation, told.done.conversation);
    assert_eq!(again.done.outcome, TurnOutcome::Answered);
    let heard = second.heard_text();
    for expected in [
        "What is late this week?",
        "PAY-1182 is 9 days late [1].",
        "And last week?",
        "tracker/search_issues",
        "2026-11-16",
    ] {
        assert!(heard.contains(expected), "{expected} not in {heard}");
    }
    let since: Vec<_> = bench.calls().iter().map(|call| call.args.clone()).collect();
    assert_eq!(
        since,
        [
            json!({ "since": "2026-11-16" }),
            json!({ "since": "2026-11-09" })
        ]
    );
    let kept = bench
        .store
        .conversations()
        .get(&told.done.conversation)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.turns.len(), 2);
}

#[tokio::test]
async fn a_cell_that_may_not_be_told_is_left_out_in_two_words() {
    let bench = Bench::new().await;
    bench.tool("crm", "list_deals", |tool| {
        tool["answer"] = json!({ "deals": [
            { "account": "Northgate", "note": "DELETE FROM crm_users WHERE id = 4;" },
            { "account": "Southfield", "note": "Wants a call on Friday" },
        ] });
    });
    let model = Scripted::steps(vec![
        vec![call("crm__list_deals", json!({}))],
        vec![call("show", json!({ "result": "R1", "title": "Deals" }))],
        vec![say("Northgate wants a call.")],
    ]);
    let told = ask(
        &bench.converse(vec![model]),
        question("mara", "vp", "Which notes do our deals have?"),
    )
    .await;
    let rows = &told.tables()[0].rows;
    assert_eq!(rows[0], ["Northgate", "[left out]"]);
    assert_eq!(rows[1], ["Southfield", "Wants a call on Friday"]);
}

#[tokio::test]
async fn without_its_model_an_answer_is_what_the_sources_say() {
    let down = || {
        Piece::Fail(ModelError::Unreachable {
            lost: crate::models::Lost::Broke,
            what: "no route".to_owned(),
            advice: String::new(),
        })
    };
    for end in [down(), Piece::Stop(Stop::Refused)] {
        let bench = Bench::new().await;
        let model = Scripted::steps(vec![vec![call("crm__list_deals", json!({}))], vec![end]]);
        let told = ask(
            &bench.converse(vec![model]),
            question("mara", "vp", "Which deals do we have?"),
        )
        .await;
        assert_eq!(told.done.outcome, TurnOutcome::WithoutModel);
        assert!(
            told.text().contains("I cannot answer now"),
            "{}",
            told.text()
        );
        let text = told.text();
        assert!(
            text.starts_with("I cannot answer now: the model ")
                && text.contains(".\nThis is what the sources say: [1]"),
            "{text}"
        );
        let tables = told.tables();
        assert_eq!(tables.len(), 1);
        assert_eq!(tables[0].title, "CRM");
        assert!(told.all().contains("48,200"), "{}", told.all());
        assert_eq!(told.citations()[0].source, "CRM");
    }
    let bench = Bench::new().await;
    let model = Scripted::steps(vec![vec![down()]]);
    let told = ask(
        &bench.converse(vec![model]),
        question("mara", "vp", "Which deals do we have?"),
    )
    .await;
    assert_eq!(told.done.outcome, TurnOutcome::Failed);
    assert!(
        told.text().contains("I cannot answer now"),
        "{}",
        told.text()
    );
}

#[tokio::test]
async fn whoever_may_act_is_told_what_the_vendor_said_and_a_reader_a_short_reason() {
    for (surface, detailed) in [(Surface::Slack, false), (Surface::CommandLine, true)] {
        let bench = Bench::new().await;
        let refused = crate::models::Refusal {
            cause: crate::models::Cause::Key,
            status: Some(401),
            within: false,
            taught: false,
            said: "the vendor's own words".to_owned(),
            fits: None,
        };
        let model = Scripted::steps(vec![vec![Piece::Fail(ModelError::Refused(refused))]]);
        let mut asked = question("mara", "vp", "Which deals do we have?");
        asked.principal.surface = surface;
        let told = ask(&bench.converse(vec![model]), asked).await;
        assert_eq!(
            told.text(),
            "I cannot answer now: the model did not accept Daybrief’s key (401)."
        );
        let problem = told.done.problem;
        assert_eq!(problem.is_some(), detailed, "{problem:?}");
        if let Some(problem) = problem {
            assert!(
                problem.what.contains("(HTTP 401): the vendor's own words"),
                "{problem}"
            );
            assert!(problem.advice.unwrap().contains("api_key"));
        }
    }
}

#[tokio::test]
async fn a_budget_that_is_used_up_asks_no_model_and_says_so() {
    let bench = Bench::new().await;
    bench.role("vp", |role| role.monthly_tokens = 3_000).await;
    let model = Scripted::steps(vec![
        vec![call("crm__list_deals", json!({}))],
        vec![call("crm__list_deals", json!({}))],
        vec![call("crm__list_deals", json!({}))],
        vec![say("Northgate is worth 48,200.")],
    ]);
    let told = ask(
        &bench.converse(vec![model.clone()]),
        question("mara", "vp", "Which deals do we have?"),
    )
    .await;
    // Each call uses 750 of the 3,000 and may use 2,000: the third finds too little.
    assert_eq!(model.heard().len(), 2);
    assert_eq!(told.done.outcome, TurnOutcome::WithoutModel);
    let text = told.text();
    assert!(
        text.contains("budget does not hold this question (1,500 / 3,000)"),
        "{text}"
    );
    assert!(!text.contains("% of your"), "{text}");
    assert!(told.all().contains("48,200"), "{text}");
    assert!(
        bench
            .acts()
            .await
            .contains(&"model-call denied model/scripted".to_owned())
    );
}

#[tokio::test]
async fn more_calls_than_a_turn_may_make_are_refused() {
    let bench = Bench::new().await;
    let many = || {
        (0..9)
            .map(|at| call("tracker__search_issues", json!({ "page": at })))
            .collect()
    };
    let model = Scripted::steps(vec![many(), many(), many()]);
    let told = ask(
        &bench.converse(vec![model.clone()]),
        question("mara", "vp", "What is late?"),
    )
    .await;
    assert_eq!(bench.calls().len(), 12);
    assert_eq!(told.done.usage.tool_calls, 12);
    let refused = results(&model.heard()[2])
        .iter()
        .filter(|result| {
            result["error"]
                .as_str()
                .is_some_and(|why| why.contains("no more calls"))
        })
        .count();
    assert_eq!(refused, 6);
    // The reader is told, too.
    assert_eq!(told.done.outcome, TurnOutcome::InPart);
    let text = told.text();
    assert!(
        text.contains("one question may ask sources 12 times"),
        "{text}"
    );
}

#[tokio::test]
async fn a_sum_over_a_part_of_the_rows_is_told_with_what_it_is_of() {
    let bench = Bench::new().await;
    bench.tool("crm", "list_deals", |tool| {
        tool["answer"]["has_more"] = json!(true);
    });
    let model = Scripted::steps(vec![
        vec![call("crm__list_deals", json!({}))],
        vec![call(
            "compute",
            json!({ "from": "R1", "measures": [{ "op": "sum", "column": "amount", "name": "total" }] }),
        )],
        vec![say("All deals together are worth {C1.1.total}.")],
    ]);
    let told = ask(
        &bench.converse(vec![model.clone()]),
        question("mara", "vp", "What are all deals worth?"),
    )
    .await;
    assert_eq!(told.done.outcome, TurnOutcome::InPart, "{told:#?}");
    let text = told.text();
    assert!(text.contains("worth 60,950 [1]"), "{text}");
    assert!(
        text.contains("Only the first 2 rows of CRM were read; there are more."),
        "{text}"
    );
    let shown = &results(&model.heard()[1])[0];
    assert!(shown["partial"].is_string(), "{shown}");
}

#[test]
fn what_was_read_page_by_page_to_its_end_is_whole() {
    use super::super::reading::{Reading, Sight, View};
    let zone = jiff::tz::TimeZone::UTC;
    let view = View {
        sight: Sight::Values,
        bytes: 10_000,
        zone: &zone,
    };
    let connector: crate::domain::connector::Connector = serde_json::from_value(
        json!({ "id": "crm", "title": "CRM", "command": ["x"], "tools": { "list": "read" } }),
    )
    .unwrap();
    let mut reading = Reading::default();
    let mut read = |args: serde_json::Value, more: bool| {
        let args = args.as_object().unwrap().clone();
        let answer = json!({ "rows": [{ "id": 1 }, { "id": 2 }], "has_more": more });
        let now = jiff::Timestamp::UNIX_EPOCH;
        reading.read(&connector, ("list", &args), answer, now, view);
        reading.partial()
    };
    let first = read(json!({ "kind": "open", "page": 1 }), true);
    assert_eq!(first, [("CRM".to_owned(), 2)]);
    // Another question is no further page.
    assert_eq!(read(json!({ "kind": "won" }), false), first);
    assert_eq!(read(json!({ "kind": "open", "page": 2 }), false), []);
}

#[tokio::test]
async fn an_all_clear_is_not_told_of_a_source_that_did_not_answer() {
    let bench = Bench::new().await;
    bench.tool("crm", "list_deals", |tool| tool["error"] = json!("locked"));
    let model = Scripted::steps(vec![
        vec![call("crm__list_deals", json!({}))],
        vec![say("No deals are late. I have cancelled the rest.")],
    ]);
    let told = ask(
        &bench.converse(vec![model]),
        question("mara", "vp", "Which deals are late?"),
    )
    .await;
    let text = told.text();
    assert!(
        !text.contains("No deals") && !text.contains("cancelled"),
        "{text}"
    );
    assert!(text.contains("Not checked: CRM"), "{text}");
    assert!(!text.contains("No source was asked"), "{text}");
    assert_eq!(
        told.reasons(),
        ["an all-clear that no source gave", "an act that nobody did"]
    );
}

#[tokio::test]
async fn a_question_that_is_too_long_is_refused_before_anybody_is_asked() {
    let bench = Bench::new().await;
    let model = Scripted::steps(vec![]);
    let told = ask(
        &bench.converse(vec![model.clone()]),
        question("mara", "vp", &"why ".repeat(1_001)),
    )
    .await;
    assert_eq!(told.done.outcome, TurnOutcome::Refused);
    assert!(
        told.text().contains("at most 4000 characters"),
        "{}",
        told.text()
    );
    assert!(model.heard().is_empty());
    assert!(bench.calls().is_empty());
    assert!(bench.acts().await[0].starts_with("question denied"));
}

#[tokio::test]
async fn anothers_conversation_is_refused_and_stays_as_it_is() {
    let bench = Bench::new().await;
    let steps = || {
        Scripted::steps(vec![
            vec![call("tracker__search_issues", json!({}))],
            vec![say("PAY-1182 is 9 days late.")],
        ])
    };
    let told = ask(
        &bench.converse(vec![steps()]),
        question("mara", "vp", "What is late?"),
    )
    .await;
    bench.forget_calls();
    for (user, role) in [("jonas", "vp"), ("mara", "outward")] {
        let model = steps();
        let mut foreign = question(user, role, "What did she ask?");
        foreign.conversation = Some(told.done.conversation.clone());
        let refused = ask(&bench.converse(vec![model.clone()]), foreign).await;
        assert_eq!(refused.done.outcome, TurnOutcome::Refused);
        assert!(model.heard().is_empty());
        assert!(!refused.all().contains("PAY-1182"));
    }
    assert!(bench.calls().is_empty());
    let conversations = bench.store.conversations();
    let kept = conversations.get(&told.done.conversation).await;
    assert_eq!(kept.unwrap().unwrap().turns.len(), 1);
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_ask_again() {
    let bench = Bench::new().await;
    bench
        .role("vp", |role| role.questions_per_minute = Some(2))
        .await;
    let model = Scripted::new(true, |_, _| vec![say("Ask me about issues.")]);
    let converse = bench.converse(vec![model.clone()]);
    for _ in 0..2 {
        let told = ask(&converse, question("mara", "vp", "Hello?")).await;
        assert_eq!(told.done.outcome, TurnOutcome::Answered);
    }
    let told = ask(&converse, question("mara", "vp", "Hello?")).await;
    assert_eq!(told.done.outcome, TurnOutcome::Refused);
    assert!(told.text().contains("ask again in 60 s"), "{}", told.text());
    assert_eq!(model.heard().len(), 2);
    let acts = bench.acts().await;
    let refused: Vec<&str> = acts.iter().rev().take(2).map(String::as_str).collect();
    assert!(
        refused[0].starts_with("answer denied conversation/")
            && refused[1].starts_with("question allowed conversation/"),
        "{acts:#?}"
    );
    let other = ask(&converse, question("jonas", "vp", "Hello?")).await;
    assert_eq!(other.done.outcome, TurnOutcome::Answered);
}

#[tokio::test]
async fn the_trail_has_each_step_before_its_effect() {
    let bench = Bench::new().await;
    bench.tool("tracker", "search_issues", |tool| {
        tool["seconds"] = json!(0.5);
    });
    let model = Scripted::steps(vec![
        vec![call("tracker__search_issues", json!({}))],
        vec![say("PAY-1182 is 9 days late.")],
    ]);
    let mut running = start(
        &bench.converse(vec![model]),
        question("mara", "vp", "What is late?"),
    );
    while bench.calls().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The server has the call and has not answered.
    let begun = bench.acts().await;
    assert!(
        begun[0].starts_with("question allowed conversation/"),
        "{begun:#?}"
    );
    assert!(begun.contains(&"tool-call allowed tracker/search_issues".to_owned()));
    assert!(!begun.contains(&"tool-call done tracker/search_issues".to_owned()));
    let mut answered = false;
    while let Some(event) = running.events.recv().await {
        let acts = bench.acts().await;
        let has = |act: &str| acts.iter().any(|known| known.starts_with(act));
        match event {
            TurnEvent::Delta { .. } => {
                assert!(has("tool-call done tracker/search_issues"), "{acts:#?}");
            }
            TurnEvent::Done(_) => {
                assert!(has("answer done conversation/"), "{acts:#?}");
                answered = true;
            }
            _ => {}
        }
    }
    assert!(answered);
    let trail = bench.trail().await;
    let place = |act: &str, outcome: &str| {
        trail
            .iter()
            .position(|row| row.entry["act"] == act && row.entry["outcome"] == outcome)
            .unwrap()
    };
    assert!(place("question", "allowed") < place("model-call", "allowed"));
    assert!(place("model-call", "allowed") < place("tool-call", "allowed"));
    assert!(place("tool-call", "allowed") < place("tool-call", "done"));
    assert!(place("tool-call", "done") < place("answer", "done"));
    assert!(bench.verify().await.ok);
}

#[tokio::test]
async fn a_conversation_keeps_what_was_said_and_no_tool_result() {
    let bench = Bench::new().await;
    let model = Scripted::steps(vec![
        vec![call("tracker__search_issues", json!({}))],
        vec![say("PAY-1182 is 9 days late.")],
    ]);
    let told = ask(
        &bench.converse(vec![model]),
        question("mara", "vp", "What is late?"),
    )
    .await;
    let kept = bench
        .store
        .conversations()
        .get(&told.done.conversation)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.user.as_str(), "mara");
    let said = &kept.turns[0];
    assert_eq!(said.question, "What is late?");
    assert_eq!(said.answer, told.text());
    assert_eq!(said.citations.len(), 1);
    // Nothing of the results but what was said stands anywhere in the store.
    let everything = whole_store(&bench).await;
    assert!(everything.contains("PAY-1182 is 9 days late"));
    for unsaid in [
        "Refunds are slow",
        "Card payments fail",
        "Tomas",
        "Lindqvist",
    ] {
        assert!(!everything.contains(unsaid), "{unsaid}");
    }
}

async fn whole_store(bench: &Bench) -> String {
    let mut everything = String::new();
    for collection in Collection::ALL {
        let documents = bench.store.driver().scan(collection, None, 10_000).await;
        for document in documents.unwrap() {
            everything.push_str(&document.body);
            everything.push('\n');
        }
    }
    everything
}

#[tokio::test]
async fn an_all_clear_needs_a_source_that_showed_nothing_and_an_answer_without_one_says_so() {
    let bench = Bench::new().await;
    let model = Scripted::steps(vec![vec![say("The release goes out as planned.")]]);
    let told = ask(
        &bench.converse(vec![model]),
        question("mara", "vp", "How is the release?"),
    )
    .await;
    let text = told.text();
    assert!(text.ends_with("No source was asked for this."), "{text}");

    let model = Scripted::steps(vec![vec![say("Which release do you mean?")]]);
    let told = ask(
        &bench.converse(vec![model]),
        question("mara", "vp", "How is it?"),
    )
    .await;
    assert_eq!(told.text().trim(), "Which release do you mean?");

    let model = Scripted::steps(vec![
        vec![call("tracker__search_issues", json!({}))],
        vec![say(
            "PAY-1182 is 9 days late. There are no blockers. Everything is fine.",
        )],
    ]);
    let told = ask(
        &bench.converse(vec![model]),
        question("mara", "vp", "What blocks the release?"),
    )
    .await;
    let text = told.text();
    assert!(text.contains("PAY-1182 is 9 days late [1]."), "{text}");
    assert!(
        !text.contains("blockers") && !text.contains("fine"),
        "{text}"
    );
    assert_eq!(told.reasons(), ["an all-clear that no source gave"; 2]);
}

#[tokio::test]
async fn a_tool_that_was_not_offered_is_not_called_and_stands_in_the_trail() {
    let bench = Bench::new().await;
    let model = Scripted::steps(vec![
        vec![
            call("payroll__list_salaries", json!({})),
            call("rm -rf\u{202e} /", json!({})),
        ],
        vec![say("I cannot say.")],
    ]);
    let asked = question("mara", "vp", "What does Ines earn?");
    ask(&bench.converse(vec![model]), asked).await;
    assert!(bench.called().is_empty());
    let denied: Vec<String> = bench.acts().await;
    let denied: Vec<&String> = denied.iter().filter(|act| act.contains("denied")).collect();
    assert_eq!(
        denied,
        [
            "tool-call denied tool/payroll__list_salaries",
            "tool-call denied tool/rm-rf/"
        ]
    );
}
