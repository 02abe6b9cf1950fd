//! What a turn does, in the order in which it does it.

use std::time::Duration;

use serde_json::json;

use super::{
    bench::{Bench, OBJECTS, ask, question, start},
    scripted::{Piece, Scripted, call, claims, late, results, say},
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
        vec![claims(json!([
            { "say": "rows", "of": "R1", "row": { "key": "PAY-1182" }, "show": ["days_late", "assignee"] },
            { "say": "rows", "of": "R2", "row": { "customer": "Northgate" }, "show": ["amount", "closes"] },
        ]))],
    ]);
    let told = ask(
        &bench.converse(vec![model]),
        question("mara", "vp", "What is late, and which deal closes?"),
    )
    .await;
    assert_eq!(told.done.outcome, TurnOutcome::Answered, "{told:#?}");
    let text = told.text();
    let order = [
        "PAY-1182",
        "9",
        "Ines Lindqvist",
        "[1]",
        "Northgate",
        "48,200",
        "27 November",
        "[2]",
    ];
    let mut rest = text.as_str();
    for expected in order {
        let (_, after) = rest
            .split_once(expected)
            .unwrap_or_else(|| panic!("{expected}: {text}"));
        rest = after;
    }
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
async fn what_a_small_model_asked_for_is_told_as_it_is() {
    let bench = Bench::new().await;
    let form = json!({
        "tracker": { "tool": "tracker__search_issues", "args": { "text": "late" } },
        "crm": { "tool": "crm__list_deals", "args": {} },
    });
    let model = Scripted::guided(form);
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
    assert!(text.contains("[1]") && text.contains("[2]"), "{text}");
}

#[tokio::test]
async fn no_word_of_a_models_own_is_told_and_no_claim_that_the_rows_do_not_give() {
    for wrong in [
        late("PAY-7777"),
        json!({ "say": "rows", "of": "R1", "show": ["salary"] }),
        json!({ "say": "value", "of": "R7", "measures": ["count"] }),
        json!({ "say": "value", "of": "R1", "measures": [{ "sum": "assignee" }] }),
        json!({ "say": "rows", "of": "R1", "title": "Bob Miller owes 99,999" }),
        json!({ "say": "gap", "topic": "Bob Miller owes 99,999" }),
        json!({ "say": "ask", "options": ["Bob Miller owes 99,999"] }),
        json!({ "say": "assessment", "about": ["late"], "role": "guess", "text": "Bob Miller owes 99,999." }),
        json!("Bob Miller owes 99,999"),
    ] {
        let bench = Bench::new().await;
        let mut right = late("PAY-1190");
        right["as"] = json!("late");
        let model = Scripted::steps(vec![
            vec![call("tracker__search_issues", json!({}))],
            vec![
                say("Bob Miller owes 99,999. All is fine. I have cancelled the rest."),
                claims(json!([right, wrong])),
            ],
            vec![say("Bob Miller was told.")],
        ]);
        let told = ask(
            &bench.converse(vec![model.clone()]),
            question("mara", "vp", "What is late?"),
        )
        .await;
        let text = told.text();
        assert!(text.contains("PAY-1190") && text.contains("[1]"), "{text}");
        for made_up in ["Miller", "99,999", "fine", "cancelled"] {
            assert!(!told.all().contains(made_up), "{wrong}: {}", told.all());
        }
        // The model is told why, and may mend it once.
        let answers = &results(&model.heard()[2])[0]["said"];
        assert!(
            answers[0].is_string() && answers[1]["refused"].is_string(),
            "{answers}"
        );
        let grounding = told.done.grounding;
        assert_eq!(
            (grounding.written, grounding.kept, grounding.struck),
            (2, 1, 1)
        );
        assert_eq!(told.done.outcome, TurnOutcome::Answered);
    }
}

#[tokio::test]
async fn what_was_said_ends_the_turn_and_a_refused_claim_is_mended_once() {
    let bench = Bench::new().await;
    let wrong = json!([{ "say": "rows", "of": "R9" }]);
    let model = Scripted::steps(vec![
        vec![call("crm__list_deals", json!({}))],
        vec![claims(wrong.clone())],
        vec![claims(wrong)],
        vec![claims(
            json!([{ "say": "value", "of": "R1", "measures": ["count"] }]),
        )],
    ]);
    let told = ask(
        &bench.converse(vec![model.clone()]),
        question("mara", "vp", "What are our deals worth?"),
    )
    .await;
    assert_eq!(model.heard().len(), 3);
    // Nothing stood: what the sources say stands for it.
    assert!(
        told.text().contains("This is what the sources say ["),
        "{}",
        told.text()
    );
    assert_eq!(told.tables()[0].title, "CRM");

    let model = Scripted::steps(vec![
        vec![call("crm__list_deals", json!({}))],
        vec![claims(
            json!([{ "say": "value", "of": "R1", "measures": [{ "sum": "amount" }] }]),
        )],
        vec![say("never asked for")],
    ]);
    let told = ask(
        &bench.converse(vec![model.clone()]),
        question("mara", "vp", "What are our deals worth?"),
    )
    .await;
    assert_eq!(model.heard().len(), 2);
    assert!(
        told.text().contains("60,950") && told.text().contains("[1]"),
        "{}",
        told.text()
    );
}

#[tokio::test]
async fn a_claim_of_before_is_said_again_over_fresh_rows() {
    let bench = Bench::new().await;
    let first = Scripted::steps(vec![
        vec![call("crm__list_deals", json!({}))],
        vec![claims(
            json!([{ "say": "value", "as": "worth", "of": "R1", "measures": [{ "sum": "amount" }] }]),
        )],
    ]);
    let told = ask(
        &bench.converse(vec![first]),
        question("mara", "vp", "What are our deals worth?"),
    )
    .await;
    assert!(told.text().contains("60,950"), "{}", told.text());
    bench.tool("crm", "list_deals", |tool| {
        tool["answer"]["deals"].as_array_mut().unwrap().pop();
    });
    let again = |of: Option<&str>| {
        let mut claim = json!({ "say": "again", "claim": "worth" });
        if let Some(of) = of {
            claim["of"] = json!(of);
        }
        Scripted::steps(vec![
            vec![call("crm__list_deals", json!({}))],
            vec![claims(json!([claim]))],
        ])
    };
    let follow_up = |text: &str| {
        let mut asked = question("mara", "vp", text);
        asked.conversation = Some(told.done.conversation.clone());
        asked
    };
    let fresh = ask(
        &bench.converse(vec![again(Some("R1"))]),
        follow_up("And now?"),
    )
    .await;
    assert!(fresh.text().contains("48,200"), "{}", fresh.text());
    // Which results it speaks of has to be said: those of before are gone.
    let vague = again(None);
    let refused = ask(&bench.converse(vec![vague.clone()]), follow_up("And now?")).await;
    assert_eq!(refused.done.grounding.struck, 1, "{refused:#?}");
    let answers = &results(&vague.heard()[2])[0]["said"];
    assert_eq!(answers[0]["refused"], "id", "{answers}");
}

#[tokio::test]
async fn what_was_read_and_not_spoken_of_is_named() {
    let bench = Bench::new().await;
    let model = Scripted::steps(vec![
        vec![
            call("tracker__search_issues", json!({})),
            call("crm__list_deals", json!({})),
        ],
        vec![claims(json!([late("PAY-1182")]))],
    ]);
    let told = ask(
        &bench.converse(vec![model]),
        question("mara", "vp", "What is late?"),
    )
    .await;
    assert!(
        told.text().ends_with("Read and not spoken of: CRM (2)."),
        "{}",
        told.text()
    );
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
        vec![claims(json!([late("PAY-1182")]))],
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
        vec![claims(json!([late("PAY-1182")]))],
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
        vec![claims(json!([late("PAY-1182")]))],
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
        vec![claims(json!([late("PAY-1190")]))],
    ]);
    let mut follow_up = question("mara", "vp", "And last week?");
    follow_up.conversation = Some(told.done.conversation.clone());
    let again = ask(&bench.converse(vec![second.clone()]), follow_up).await;
    assert_eq!(again.done.conversation, told.done.conversation);
    assert_eq!(again.done.outcome, TurnOutcome::Answered);
    let heard = second.heard_text();
    for expected in [
        "What is late this week?",
        "PAY-1182",
        "days_late",
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
        vec![say("Northgate wants a call.")],
    ]);
    let told = ask(
        &bench.converse(vec![model]),
        question("mara", "vp", "Which notes do our deals have?"),
    )
    .await;
    assert_eq!(
        told.done.grounding.written, 0,
        "the model claimed nothing: {told:#?}"
    );
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
                && text.contains("This is what the sources say ["),
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
async fn no_sum_is_told_over_a_part_of_the_rows() {
    let bench = Bench::new().await;
    bench.tool("crm", "list_deals", |tool| {
        tool["answer"]["has_more"] = json!(true);
    });
    let model = Scripted::steps(vec![
        vec![call("crm__list_deals", json!({}))],
        vec![claims(json!([
            { "say": "value", "of": "R1", "measures": [{ "sum": "amount" }] },
            { "say": "value", "of": "R1", "measures": ["count"] },
        ]))],
    ]);
    let told = ask(
        &bench.converse(vec![model.clone()]),
        question("mara", "vp", "What are all deals worth?"),
    )
    .await;
    assert_eq!(told.done.outcome, TurnOutcome::InPart, "{told:#?}");
    let text = told.text();
    assert!(!text.contains("60,950"), "{text}");
    assert!(
        text.contains("Only the first 2 rows of CRM were read; there are more."),
        "{text}"
    );
    let shown = &results(&model.heard()[1])[0];
    assert!(shown["partial"].is_string(), "{shown}");
    let answers = &results(&model.heard()[2])[0]["said"];
    assert_eq!(answers[0]["refused"], "cut", "{answers}");
    assert!(
        answers[1]
            .as_str()
            .is_some_and(|said| said.contains("least")),
        "{answers}"
    );
}

#[test]
fn what_was_read_page_by_page_to_its_end_is_whole() {
    use super::super::reading::{Reading, Sight, View};
    let view = View {
        sight: Sight::Values,
        bytes: 10_000,
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
            vec![claims(json!([late("PAY-1182")]))],
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
        vec![claims(json!([late("PAY-1182")]))],
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
        vec![claims(json!([late("PAY-1182")]))],
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
    assert!(everything.contains("PAY-1182"));
    assert_eq!(
        said.claims.len(),
        0,
        "a claim without an id cannot be said again"
    );
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
async fn an_answer_without_a_source_says_so_and_nothing_of_the_models() {
    let bench = Bench::new().await;
    let model = Scripted::steps(vec![vec![say("The release goes out as planned.")]]);
    let told = ask(
        &bench.converse(vec![model]),
        question("mara", "vp", "How is the release?"),
    )
    .await;
    assert_eq!(told.text().trim(), "No source was asked for this.");

    let model = Scripted::steps(vec![vec![claims(json!([
        { "say": "gap", "topic": "release" },
    ]))]]);
    let told = ask(
        &bench.converse(vec![model]),
        question("mara", "vp", "How is the release?"),
    )
    .await;
    assert!(told.text().contains("release"), "{}", told.text());
    assert_eq!(told.done.outcome, TurnOutcome::Answered);
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
