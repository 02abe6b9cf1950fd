//! Faults over standard input and output.

use super::*;
use crate::domain::finding::GapCause;

#[tokio::test]
async fn a_call_gives_the_normalised_answer_with_its_size_and_hash() {
    let bench = bench(hostile(&[]));
    let before = Timestamp::now();
    let answer = bench.call("echo", json!({"x": "[1, 2]"})).await.unwrap();
    assert_eq!(answer.value, json!([1, 2]));
    let raw = r#"{"content":[{"type":"text","text":"[1, 2]"}]}"#;
    assert_eq!(answer.bytes, raw.len());
    assert_eq!(answer.sha256, hex(&Sha256::digest(raw)));
    assert!(answer.as_of >= before && answer.as_of <= Timestamp::now());
    assert!(!format!("{answer:?}").contains("[1, 2]"));
    bench.pool.shutdown().await;
    let error = bench.call("echo", json!({})).await.unwrap_err();
    assert_eq!(error, CallError::Stopping);
}

#[tokio::test]
async fn arguments_arrive_as_the_permit_has_them() {
    let bench = bench(hostile(&[]));
    let args = json!({"z": [1, {"a": null}], "b": "ü\n", "n": 0.5});
    assert_eq!(bench.value("args", args.clone()).await, args);
}

#[tokio::test]
async fn many_calls_share_one_process() {
    let bench = bench(hostile(&[]));
    let pids = futures_util::future::join_all((0..40).map(|_| bench.pid())).await;
    assert!(pids.iter().all(|pid| *pid == pids[0]), "{pids:?}");
}

#[tokio::test]
async fn noise_on_standard_output_and_a_flood_on_standard_error_do_no_harm() {
    let bench = bench(hostile(&["noise", "loud"]));
    for _ in 0..20 {
        assert_eq!(
            bench.value("echo", json!({"x": "a"})).await,
            json!({"text": "a"})
        );
    }
}

#[tokio::test]
async fn a_server_that_dies_is_reported_and_started_again() {
    let mut connector = hostile(&[]);
    env(&mut connector, "TOKEN", secret("token"));
    let bench = bench(connector);
    bench.secrets.set("token", "hunter2hunter2");
    let first = bench.pid().await;
    let error = bench.call("die", json!({})).await.unwrap_err();
    assert_eq!(error.cause(), GapCause::Unreachable);
    let text = error.to_string();
    assert!(text.contains("the server said: \"dying of ***\""), "{text}");
    assert_ne!(bench.pid().await, first);
}

#[tokio::test]
async fn a_secret_is_struck_out_of_a_tools_error_and_the_error_is_cut() {
    let mut connector = hostile(&[]);
    env(&mut connector, "TOKEN", secret("token"));
    let bench = bench(connector);
    bench.secrets.set("token", "hunter2hunter2");
    let error = bench.call("leak", json!({})).await.unwrap_err().to_string();
    assert!(
        error.contains("token ***") && !error.contains("hunter2"),
        "{error}"
    );
    let error = bench.call("fail", json!({})).await.unwrap_err();
    assert_eq!(error.cause(), GapCause::Failed);
    let text = error.to_string();
    assert!(text.contains("no such project") && !text.contains(char::is_control));
    assert!(text.chars().count() < SERVER_WORD_CHARS + 80, "{text}");
}

#[tokio::test]
async fn another_secret_means_another_process() {
    let mut connector = hostile(&[]);
    env(&mut connector, "TOKEN", secret("token"));
    let bench = bench(connector);
    let error = bench.call("pid", json!({})).await.unwrap_err();
    assert!(matches!(error, CallError::Secret { .. }), "{error}");
    bench.secrets.set("token", "one");
    let first = bench.pid().await;
    assert_eq!(bench.pid().await, first);
    bench.secrets.set("token", "two");
    let env = bench.value("env", json!({})).await;
    assert_eq!(env["TOKEN"], "two");
    assert_ne!(bench.pid().await, first);
}

#[tokio::test]
async fn a_server_sees_only_the_environment_that_is_meant_for_it() {
    let mut connector = hostile(&[]);
    env(&mut connector, "OWN", EnvValue::Plain("yes".to_owned()));
    let env = bench(connector).value("env", json!({})).await;
    assert_eq!(env["OWN"], "yes");
    for name in env.as_object().unwrap().keys() {
        // Python itself sets this one where no locale is set.
        let known = PASSED_ON.contains(&name.as_str()) || name == "OWN" || name == "LC_CTYPE";
        assert!(known, "{name}");
    }
}

#[tokio::test]
async fn a_hanging_call_ends_in_its_time_and_a_stuck_server_is_replaced() {
    let mut connector = hostile(&[]);
    connector.limits.timeout_seconds = 1;
    let bench = bench(connector);
    let first = bench.pid().await;
    for _ in 0..2 {
        let error = bench.call("hang", json!({})).await.unwrap_err();
        assert_eq!(error, CallError::Timeout { seconds: 1 });
    }
    assert_ne!(bench.pid().await, first);
}

#[tokio::test]
async fn only_the_call_that_is_answered_too_largely_fails() {
    for modes in [&[][..], &["id-last"]] {
        let mut connector = hostile(modes);
        connector.limits.max_bytes = 100_000;
        let bench = bench(connector);
        let first = bench.pid().await;
        let fits = bench.call("big", json!({"size": 99_000}));
        let above = bench.call("big", json!({"size": 100_001}));
        let far_above = bench.call("big", json!({"size": 3_000_000}));
        let (fits, above, far_above) = tokio::join!(fits, above, far_above);
        assert!(fits.is_ok());
        let too_large = CallError::TooLarge {
            limit_bytes: 100_000,
        };
        assert_eq!(above.unwrap_err(), too_large);
        assert_eq!(far_above.unwrap_err(), too_large);
        assert_eq!(bench.pid().await, first);
    }
}

#[tokio::test]
async fn an_answer_without_end_is_broken_off() {
    let mut connector = hostile(&[]);
    connector.limits.max_bytes = 50_000;
    let bench = bench(connector);
    let error = bench.call("endless", json!({})).await.unwrap_err();
    assert_eq!(error.cause(), GapCause::TooLarge, "{error}");
    assert!(bench.pid().await > 0);
}

#[tokio::test]
async fn a_server_that_ends_at_once_is_not_hammered() {
    let bench = bench(hostile(&["stillborn"]));
    let calls = (0..20).map(|_| bench.call("echo", json!({})));
    for result in futures_util::future::join_all(calls).await {
        let error = result.unwrap_err();
        assert!(
            error.to_string().contains("cannot open the ledger"),
            "{error}"
        );
        assert_eq!(error.cause(), GapCause::Unreachable);
    }
    let mut starts = 0;
    loop {
        match bench.call("echo", json!({})).await.unwrap_err() {
            CallError::BackingOff { last, .. } => {
                assert!(last.contains("cannot open the ledger"), "{last}");
                break;
            }
            _ => starts += 1,
        }
    }
    assert!(starts <= 3, "{starts}");
}

#[tokio::test]
async fn a_server_that_never_answers_the_handshake_is_given_up() {
    let mut connector = hostile(&["mute"]);
    connector.limits.start_timeout_seconds = 1;
    let error = bench(connector).call("echo", json!({})).await.unwrap_err();
    assert!(
        matches!(error, CallError::StartTimeout { seconds: 1, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_list_without_end_and_a_tool_listed_twice_alike_cost_nothing() {
    let error = bench(hostile(&["pages"])).call("echo", json!({})).await;
    assert!(matches!(error, Err(CallError::UnknownTool { .. })));
    assert!(
        bench(hostile(&["twice"]))
            .call("echo", json!({}))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_tool_that_is_not_there_or_not_allowed_is_not_called() {
    let mut connector = hostile(&[]);
    let error = bench(connector.clone()).call("nothing", json!({})).await;
    assert!(matches!(error, Err(CallError::UnknownTool { .. })));
    connector.tools = BTreeMap::from([("echo".to_owned(), ToolClass::Action)]);
    let bench = bench(connector);
    for tool in ["echo", "pid"] {
        let error = bench.call(tool, json!({})).await.unwrap_err();
        assert_eq!(error.cause(), GapCause::NotAllowed);
    }
    let elsewhere = Permit::for_test("other", "echo", Map::new());
    let error = bench.pool.call(elsewhere).await.unwrap_err();
    assert!(matches!(error, CallError::UnknownConnector(_)));
}

#[tokio::test]
async fn a_changed_description_stops_the_tool_until_it_is_accepted() {
    let bench = bench(hostile(&[]));
    let id = ConnectorId::new("c").unwrap();
    assert!(bench.call("echo", json!({})).await.is_ok());
    let tools = bench.pool.tools(&id).await.unwrap();
    assert!(tools.iter().all(|tool| tool.pin == Pin::FirstSeen));
    let before = tools
        .iter()
        .find(|tool| tool.name == "echo")
        .unwrap()
        .hash
        .clone();

    bench.call("change", json!({})).await.unwrap();
    let error = bench.call("echo", json!({})).await.unwrap_err();
    assert_eq!(error.cause(), GapCause::ToolChanged);
    let tools = bench.pool.tools(&id).await.unwrap();
    let echo = tools.iter().find(|tool| tool.name == "echo").unwrap();
    assert_eq!(echo.pin, Pin::Changed { accepted: before });
    assert_ne!(echo.hash, tools[0].hash);

    assert!(bench.pins.accept(&id, "echo"));
    assert!(bench.call("echo", json!({})).await.is_ok());
    let error = bench.call("pid", json!({})).await.unwrap_err();
    assert_eq!(error.cause(), GapCause::ToolChanged);
}

#[tokio::test]
async fn what_is_misconfigured_is_named() {
    let error = bench(process(&["no-such-program"]))
        .call("echo", json!({}))
        .await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("no-such-program"), "{error}");
}
