//! The adapters against a scripted server of all three wires, a real language model, and faults.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, http::StatusCode, response::IntoResponse, routing::post};
use futures_util::StreamExt;
use serde_json::json;
use tokio::net::TcpListener;

use super::*;
use crate::{
    limits::{Budget, OverBudget},
    testing::peer,
};

const KINDS: [ModelKind; 3] = [ModelKind::Openai, ModelKind::Anthropic, ModelKind::Ollama];

pub(super) fn settings(kind: ModelKind, url: &str) -> settings::Model {
    let base = match kind {
        ModelKind::Openai => format!("{url}/v1"),
        _ => url.to_owned(),
    };
    settings::Model {
        base_url: Some(base),
        max_output_tokens: 256,
        local: true,
        first_token_timeout_seconds: 20,
        timeout_seconds: 40,
        ..settings::Model::new(ModelId::new("m").unwrap(), kind, "scripted")
    }
}

pub(super) fn model(settings: &settings::Model) -> Arc<dyn Model> {
    build(settings, Some(SecretString::from("key-4711"))).unwrap()
}

pub(super) fn request(user: &str) -> Request {
    Request {
        system: "Be short.".to_owned(),
        messages: vec![Message::User(user.to_owned())],
        schema: None,
        tools: Vec::new(),
        max_output_tokens: 64,
    }
}

pub(super) fn schema() -> Schema {
    Schema {
        name: "answer".to_owned(),
        schema: json!({
            "type": "object",
            "properties": { "colour": { "type": "string" } },
            "required": ["colour"],
            "additionalProperties": false,
        }),
    }
}

pub(super) struct Said {
    pub text: String,
    pub calls: Vec<ToolCall>,
    pub usage: Usage,
    pub stop: Stop,
}

pub(super) async fn ask(model: &dyn Model, request: Request) -> Result<Said, ModelError> {
    let mut events = model.stream(Reservation::for_test("m"), request).await?;
    let (mut text, mut calls) = (String::new(), Vec::new());
    while let Some(event) = events.next().await {
        match event? {
            Event::Text(more) => text.push_str(&more),
            Event::Unheard { .. } => {}
            Event::Call(call) => calls.push(call),
            Event::Done { usage, stop } => {
                assert!(events.next().await.is_none(), "nothing after the end");
                if let Stop::Nothing(nothing) = stop {
                    return Err(ModelError::Nothing(nothing));
                }
                return Ok(Said {
                    text,
                    calls,
                    usage,
                    stop,
                });
            }
        }
    }
    panic!("the stream ended without its end");
}

/// Counts what is reserved and settled; holds no budget.
#[derive(Default)]
pub(super) struct Free {
    pub settled: Mutex<Vec<Usage>>,
    refuse: bool,
}

#[async_trait]
impl Ledger for Free {
    async fn reserve(&self, model: &ModelId, _: u64) -> Result<Reservation, OverBudget> {
        if self.refuse {
            return Err(OverBudget::Tokens {
                budget: Budget::Company,
                cap: 1,
                left: 0,
                wanted: 1,
                again: jiff::Timestamp::UNIX_EPOCH,
            });
        }
        Ok(Reservation::for_test(model.as_str()))
    }

    async fn settle(&self, _: &str, usage: Usage) {
        self.settled.lock().unwrap().push(usage);
    }
}

#[tokio::test]
async fn a_scripted_server_is_understood_over_every_wire() {
    let Some(url) = peer("DAYBRIEF_TEST_AIMOCK") else {
        return;
    };
    for (kind, name) in KINDS.into_iter().zip(["openai", "anthropic", "ollama"]) {
        let model = model(&settings(kind, &url));
        let said = ask(model.as_ref(), request("ping")).await.unwrap();
        assert_eq!(said.text, "pong, größer als «alles»", "{name}");
        assert_eq!(said.stop, Stop::End, "{name}");

        let mut form = request(&format!("colour of grass, {name}"));
        form.schema = Some(schema());
        let said = ask(model.as_ref(), form).await.unwrap();
        let value: Value = serde_json::from_str(&said.text).unwrap();
        assert_eq!(value, json!({ "colour": "green" }), "{name}");

        let mut tools = request("weather");
        tools.tools = vec![Tool {
            name: "weather".to_owned(),
            description: "The weather now.".to_owned(),
            input_schema:
                json!({ "type": "object", "properties": { "town": { "type": "string" } } }).into(),
        }];
        let said = ask(model.as_ref(), tools).await.unwrap();
        assert_eq!(said.calls.len(), 1, "{name}");
        assert_eq!(said.calls[0].name, "weather", "{name}");
        assert_eq!(said.calls[0].args, json!({ "town": "Berne" }), "{name}");
        assert_eq!(said.stop, Stop::Calls, "{name}");

        let error = ask(model.as_ref(), request("forbidden: s3cret"))
            .await
            .err()
            .unwrap();
        assert!(
            error.status() == Some(401) && error.trouble() == Trouble::Access,
            "{name}: {error:?}"
        );
        assert!(
            !format!("{error:?}").contains("s3cret"),
            "{name}: {error:?}"
        );
    }
}

#[tokio::test]
async fn an_overloaded_model_is_followed_by_the_next_and_each_is_settled() {
    let Some(url) = peer("DAYBRIEF_TEST_AIMOCK") else {
        return;
    };
    let ledger = Free::default();
    let route = Route::new(vec![
        model(&settings(ModelKind::Anthropic, &url)),
        model(&settings(ModelKind::Openai, &url)),
    ]);
    let both = |model: &dyn Model| {
        let _ = model;
        request("overloaded")
    };
    let tried = route.ask(&ledger, false, &both).await.unwrap_err();
    assert!(
        tried
            .iter()
            .all(|tried| tried.status() == Some(529) && tried.trouble() == Trouble::Busy),
        "{tried:?}"
    );
    let asked = AtomicUsize::new(0);
    let second = |_: &dyn Model| {
        let first = asked.fetch_add(1, Ordering::SeqCst) == 0;
        request(if first { "overloaded" } else { "ping" })
    };
    let reply = route.ask(&ledger, false, &second).await.unwrap();
    assert!(reply.text.starts_with("pong"));
    assert_eq!(ledger.settled.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn a_real_language_model_answers_keeps_a_form_and_is_counted() {
    let Some(url) = peer("DAYBRIEF_TEST_LLAMA") else {
        return;
    };
    // It computes beside all other tests: what it takes says nothing here.
    let patient = |kind| settings::Model {
        first_token_timeout_seconds: 240,
        timeout_seconds: 300,
        ..settings(kind, &url)
    };
    for kind in [ModelKind::Openai, ModelKind::Anthropic] {
        let model = model(&patient(kind));
        let said = ask(model.as_ref(), request("Say hello.")).await.unwrap();
        assert!(!said.text.is_empty(), "{kind:?}");
        assert!(
            said.usage.tokens_in > 5 && said.usage.tokens_out > 0,
            "{kind:?} {:?}",
            said.usage
        );
    }
    let model = model(&patient(ModelKind::Openai));
    let mut form = request("Which colour has grass?");
    form.schema = Some(schema());
    let said = ask(model.as_ref(), form).await.unwrap();
    let value: Value = serde_json::from_str(&said.text).unwrap();
    assert!(value["colour"].is_string(), "{value}");

    let abilities = check(
        model.as_ref(),
        2_048,
        &Free::default(),
        Duration::from_secs(900),
    )
    .await;
    let ok = |what: &str| {
        abilities
            .iter()
            .find(|ability| ability.what.starts_with(what))
            .unwrap()
            .ok
    };
    assert!(
        ok("answers") && ok("keeps a form") && ok("reads prompts"),
        "{abilities:?}"
    );
    assert!(
        !ok("calls a tool"),
        "this model is too small to: {abilities:?}"
    );
}

/// A server that answers every request so.
async fn server<F, R>(answer: F) -> String
where
    F: Fn() -> R + Clone + Send + Sync + 'static,
    R: IntoResponse + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let handler = move || {
        let answer = answer.clone();
        async move { answer() }
    };
    let router = Router::new().fallback(post(handler));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn hasty(kind: ModelKind, url: &str) -> settings::Model {
    settings::Model {
        first_token_timeout_seconds: 1,
        timeout_seconds: 2,
        ..settings(kind, url)
    }
}

fn first_piece(kind: ModelKind) -> &'static str {
    match kind {
        ModelKind::Openai => {
            "data: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"half\"}}]}\n\n"
        }
        ModelKind::Anthropic => {
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"half\"}}\n\n"
        }
        ModelKind::Ollama => {
            "{\"model\":\"m\",\"created_at\":\"x\",\"message\":{\"role\":\"assistant\",\"content\":\"half\"},\"done\":false}\n"
        }
    }
}

#[tokio::test]
async fn a_model_that_hangs_before_or_within_its_answer_is_given_up() {
    for kind in KINDS {
        let silent = server(|| {
            Body::from_stream(futures_util::stream::pending::<
                Result<String, std::io::Error>,
            >())
        })
        .await;
        let model = build(&hasty(kind, &silent), None).unwrap();
        let error = ask(model.as_ref(), request("x")).await.err().unwrap();
        assert_eq!(error, ModelError::Timeout { seconds: 1 }, "{kind:?}");

        let stuck = server(move || {
            let first = futures_util::stream::once(async move {
                Ok::<_, std::io::Error>(first_piece(kind).to_owned())
            });
            Body::from_stream(first.chain(futures_util::stream::pending()))
        })
        .await;
        let model = build(&hasty(kind, &stuck), None).unwrap();
        let error = ask(model.as_ref(), request("x")).await.err().unwrap();
        assert_eq!(error, ModelError::Timeout { seconds: 2 }, "{kind:?}");
    }
}

#[tokio::test]
async fn what_is_no_answer_is_an_error_and_no_panic() {
    for kind in KINDS {
        for garbage in [
            "",
            "data: [DONE]\n\n",
            "data: {\n\n",
            "\u{0}\u{1}\u{2}",
            "{}\n",
            "[]\n",
            "<html>busy</html>",
            "data: {\"type\":\"message_stop\"\n",
            first_piece(kind),
        ] {
            let url = server(move || garbage.to_owned()).await;
            let model = build(&hasty(kind, &url), None).unwrap();
            assert!(
                ask(model.as_ref(), request("x")).await.is_err(),
                "{kind:?} {garbage:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    for kind in [ModelKind::Anthropic, ModelKind::Ollama, ModelKind::Openai] {
        let url = server(move || {
            let piece = match kind {
                ModelKind::Ollama => "x".repeat(65_536),
                _ => first_piece(kind).replace("half", &"x".repeat(65_536)),
            };
            let endless =
                futures_util::stream::repeat_with(move || Ok::<_, std::io::Error>(piece.clone()));
            Body::from_stream(endless)
        })
        .await;
        let patient = settings::Model {
            timeout_seconds: 30,
            ..settings(kind, &url)
        };
        let model = build(&patient, None).unwrap();
        let error = ask(model.as_ref(), request("x")).await.err().unwrap();
        assert!(
            matches!(error, ModelError::Shape { .. }),
            "{kind:?} {error:?}"
        );
    }
}

#[tokio::test]
async fn what_passes_is_tried_again_after_what_the_server_asks_for() {
    for kind in [ModelKind::Anthropic, ModelKind::Ollama] {
        let tries = Arc::new(AtomicUsize::new(0));
        let seen = tries.clone();
        let url = server(move || {
            if seen.fetch_add(1, Ordering::SeqCst) == 0 {
                (
                    StatusCode::TOO_MANY_REQUESTS,
                    [("retry-after", "1")],
                    String::new(),
                )
                    .into_response()
            } else {
                (
                    StatusCode::UNAUTHORIZED,
                    "{\"error\":{\"type\":\"bad key\"}}".to_owned(),
                )
                    .into_response()
            }
        })
        .await;
        let model = build(&settings(kind, &url), None).unwrap();
        let begun = std::time::Instant::now();
        let error = ask(model.as_ref(), request("x")).await.err().unwrap();
        assert!(
            error.status() == Some(401) && error.trouble() == Trouble::Access,
            "{error:?}"
        );
        assert!(begun.elapsed() >= Duration::from_secs(1), "{kind:?}");
        assert_eq!(tries.load(Ordering::SeqCst), 2, "{kind:?}");
    }
}

#[tokio::test]
async fn ollama_is_told_its_window_and_a_cut_prompt_is_noticed() {
    let body = "{\"model\":\"m\",\"created_at\":\"x\",\"message\":{\"role\":\"assistant\",\"content\":\"fine\"},\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":2048,\"eval_count\":1}\n";
    let got = Arc::new(Mutex::new(Value::Null));
    let seen = got.clone();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(post(
        move |axum::Json(value): axum::Json<Value>| async move {
            *seen.lock().unwrap() = value;
            body
        },
    ));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let wide = settings::Model {
        context_tokens: 32_000,
        ..settings(ModelKind::Ollama, &url)
    };
    let model = build(&wide, None).unwrap();
    let error = ask(model.as_ref(), request(&"word ".repeat(12_000)))
        .await
        .err()
        .unwrap();
    assert!(
        matches!(error, ModelError::PromptCut { read: 2_048, .. }),
        "{error:?}"
    );
    assert_eq!(got.lock().unwrap()["options"]["num_ctx"], 32_000);
    assert_eq!(
        ask(model.as_ref(), request(&"word ".repeat(3_000)))
            .await
            .unwrap()
            .text,
        "fine"
    );
}

#[tokio::test]
async fn what_is_not_reserved_or_does_not_fit_is_not_sent() {
    // Nobody listens there: an attempt to send would be another error.
    let model = model(&settings(ModelKind::Openai, "http://127.0.0.1:9"));
    let long = request(&"x".repeat(300_000));
    let error = ask(model.as_ref(), long).await.err().unwrap();
    assert_eq!(error, ModelError::NotReserved);
    let long = request(&"x".repeat(40_000));
    let error = ask(model.as_ref(), long).await.err().unwrap();
    assert!(matches!(error, ModelError::TooLong { .. }), "{error:?}");
    let other = Reservation::for_test("another");
    let error = model.stream(other, request("x")).await.err().unwrap();
    assert_eq!(error, ModelError::NotReserved);
}

#[tokio::test]
async fn a_call_that_nobody_took_costs_nothing_and_one_that_may_have_been_taken_counts() {
    let refused = server(|| axum::http::StatusCode::UNAUTHORIZED).await;
    let silent = server(|| {
        Body::from_stream(futures_util::stream::pending::<
            Result<String, std::io::Error>,
        >())
    })
    .await;
    for kind in KINDS {
        for (url, taken) in [
            ("http://127.0.0.1:9", false),
            (refused.as_str(), false),
            (silent.as_str(), true),
        ] {
            let ledger = Free::default();
            // What is refused is tried again for a while, within its time.
            let seconds = if taken { 1 } else { 30 };
            let patient = settings::Model {
                first_token_timeout_seconds: seconds,
                timeout_seconds: seconds,
                ..settings(kind, url)
            };
            let route = Route::new(vec![build(&patient, None).unwrap()]);
            let (heard, _listener) = tokio::sync::mpsc::channel(8);
            let stop = tokio_util::sync::CancellationToken::new();
            let question = |_: &dyn Model| request("x");
            route.ask(&ledger, false, &question).await.unwrap_err();
            route
                .talk(&ledger, false, &question, heard, &stop)
                .await
                .unwrap_err();
            let settled = ledger.settled.lock().unwrap().clone();
            assert_eq!(settled.len(), 2);
            for usage in settled {
                assert_eq!(usage.tokens_in > 0, taken, "{kind:?} {url}: {usage:?}");
                assert_eq!(usage.tokens_out, 0);
            }
        }
    }
}

#[tokio::test]
async fn a_model_that_is_set_up_in_part_says_why_and_costs_nothing() {
    let settings = settings(ModelKind::Openai, "http://127.0.0.1:9");
    let route = Route::new(vec![unavailable(
        &settings,
        "the secret `env:MK` is not set",
    )]);
    let ledger = Free::default();
    let tried = route
        .ask(&ledger, false, &|_| request("x"))
        .await
        .unwrap_err();
    assert_eq!(
        tried[0].to_string(),
        format!(
            "{} cannot be used: the secret `env:MK` is not set",
            settings.id
        )
    );
    assert_eq!(*ledger.settled.lock().unwrap(), [Usage::default()]);
}

#[tokio::test]
async fn a_route_asks_nobody_outside_where_only_local_models_may_see_it() {
    let away = settings::Model {
        local: false,
        ..settings(ModelKind::Openai, "http://127.0.0.1:9")
    };
    let route = Route::new(vec![model(&away)]);
    let ledger = Free::default();
    let tried = route
        .ask(&ledger, true, &|_| request("x"))
        .await
        .unwrap_err();
    assert!(matches!(tried[0], Tried::NotLocal(_)));
    let broke = Free {
        refuse: true,
        ..Free::default()
    };
    let tried = route
        .ask(&broke, false, &|_| request("x"))
        .await
        .unwrap_err();
    assert!(matches!(tried[0], Tried::OverBudget(..)));
    assert!(ledger.settled.lock().unwrap().is_empty());
}

#[test]
fn a_model_that_cannot_be_reached_safely_is_refused_before_anything_is_sent() {
    let settings = settings(ModelKind::Openai, "http://api.example.com");
    assert!(matches!(
        build(&settings, None),
        Err(SetupError::Address(_))
    ));
    let vendor = settings::Model {
        base_url: None,
        ..settings
    };
    assert!(matches!(build(&vendor, None), Err(SetupError::NoKey)));
}
