//! Servers that mean well and are odd: each is used as it is, or says why it cannot be.

use std::io::{BufRead, BufReader};

use super::*;

fn script() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/odd_mcp.py").to_owned()
}

/// A server over standard input and output that is as odd as this.
fn odd(config: Value) -> Bench {
    bench(process(&[
        python(),
        "-I",
        "-S",
        &script(),
        &config.to_string(),
    ]))
}

/// One over HTTP; ends with the test.
struct OddHttp {
    child: std::process::Child,
    bench: Bench,
}

impl OddHttp {
    fn start(config: Value) -> Self {
        let mut child = std::process::Command::new(python())
            .args(["-I", "-S", &script(), "http", &config.to_string()])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut port)
            .unwrap();
        let url = format!("http://127.0.0.1:{}/mcp", port.trim());
        let launch = Launch::Http {
            url,
            headers: BTreeMap::new(),
            auth: None,
        };
        Self {
            child,
            bench: bench(connector(launch)),
        }
    }
}

impl Drop for OddHttp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn rows() -> Value {
    json!({"rows": [{"id": 1}]})
}

fn tool(name: &str) -> Value {
    json!({"name": name, "description": "rows", "inputSchema": {"type": "object"}})
}

#[tokio::test]
async fn a_list_that_ends_oddly_is_read_to_its_end() {
    for pages in [
        json!([{"tools": [tool("get")], "nextCursor": null}]),
        json!([{"tools": [tool("get")], "nextCursor": ""}]),
        json!([{"tools": [tool("get")], "nextCursor": "p1"}]),
        json!([{"tools": [tool("other")], "nextCursor": ""}, {"tools": [tool("get")]}]),
        json!([{"tools": [tool("other")], "nextCursor": 1}, {"tools": [tool("get")], "nextCursor": 1}]),
    ] {
        let bench = odd(json!({"pages": pages}));
        assert_eq!(bench.value("get", json!({})).await, rows(), "{pages}");
    }
}

#[tokio::test]
async fn a_tool_that_cannot_be_read_costs_itself_alone_and_is_named() {
    let bench = odd(json!({"pages": [{"tools": [
        tool("get"),
        {"name": "bad", "inputSchema": {"type": "object", "properties": []}},
        {"description": "nameless"},
        tool("twice"), {"name": "twice", "inputSchema": {}},
    ]}]}));
    assert_eq!(bench.value("get", json!({})).await, rows());
    let error = bench.call("bad", json!({})).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the server's description of `bad` cannot be read: the `properties` of its input schema are a list and not an object"
    );
    let listing = bench.pool.listing(&ConnectorId::new("c").unwrap()).await;
    let listing = listing.unwrap();
    assert_eq!(listing.tools.len(), 1);
    let unread: Vec<&str> = listing.unread.iter().map(|of| of.tool.as_str()).collect();
    assert_eq!(unread, ["bad", "number 3 of the list", "twice"]);
    assert_eq!(listing.about.name, "odd");
}

#[tokio::test]
async fn a_pipe_may_be_written_as_it_is() {
    for config in [
        json!({"first": "starting up ...\nlistening\n"}),
        json!({"first": "no line end "}),
        json!({"first": "\u{ef}\u{bb}\u{bf}"}),
        json!({"between": "DEBUG {\"rows\": 0}\n\n"}),
        json!({"between": "DEBUG {0} "}),
        json!({"end": "\r\n"}),
        json!({"last_open": true}),
        json!({"ids": "text"}),
        json!({"ids": "float"}),
        json!({"version": null}),
        json!({"version": "1.0"}),
        json!({"handshake": {"capabilities": null}}),
        json!({"handshake": {"capabilities": [], "serverInfo": null}}),
        json!({"handshake": {"protocolVersion": "1.0"}}),
        json!({"handshake": {"protocolVersion": 2}}),
        json!({"handshake": {"protocolVersion": null}}),
        json!({"handshake": {"protocolVersion": "2031-01-01"}}),
    ] {
        let bench = odd(config.clone());
        let answer = bench.call("get", json!({})).await;
        assert_eq!(answer.map(|of| of.value), Ok(rows()), "{config}");
    }
}

#[tokio::test]
async fn an_answer_costs_the_cell_that_cannot_be_read_and_no_more() {
    for (raw, expected) in [
        (
            r#"{"structuredContent": {"rows": [{"n": NaN}]}}"#,
            json!({"rows": [{"n": "NaN"}]}),
        ),
        (
            "{\"structuredContent\": {\"rows\": [{\"n\": \"caf\u{e9}\"}]}}",
            json!({"rows": [{"n": "caf\u{fffd}"}]}),
        ),
        (
            r#"{"content": [{"type": "text", "text": "{\"rows\": [Infinity]}"}]}"#,
            json!({"rows": ["Infinity"]}),
        ),
        (
            r#"{"content": [{"type": "text"}], "rows": [1]}"#,
            json!({"rows": [1]}),
        ),
        (r#"{"rows": [1]}"#, json!({"rows": [1]})),
        ("[1]", json!([1])),
        ("null", json!({"text": ""})),
    ] {
        let bench = odd(json!({"raw": raw}));
        let answer = bench.call("get", json!({})).await;
        assert_eq!(answer.map(|of| of.value), Ok(expected), "{raw}");
    }
    let exact =
        r#"{"structuredContent": {"n": [9007199254740993, 0.10, 12345678901234567890.123]}}"#;
    let value = odd(json!({"raw": exact})).value("get", json!({})).await;
    assert_eq!(
        value.to_string(),
        r#"{"n":[9007199254740993,0.10,12345678901234567890.123]}"#
    );
}

#[tokio::test]
async fn an_error_reaches_who_asked_with_its_words() {
    for (error, words) in [
        (
            json!({"code": -32602, "message": "no project X"}),
            "no project X",
        ),
        (
            json!({"code": "E1", "message": "bad", "data": "field Y"}),
            "bad: field Y",
        ),
        (json!("plainly no"), "plainly no"),
        (json!({"code": 1.5, "message": null, "data": {"a": 1}}), "a"),
    ] {
        let bench = odd(json!({"error": error}));
        let refused = bench.call("get", json!({})).await.unwrap_err();
        assert!(matches!(refused, CallError::Refused { .. }), "{refused}");
        assert!(refused.to_string().contains(words), "{refused}");
    }
}

#[tokio::test]
async fn what_a_server_asks_for_is_answered_and_the_call_goes_on() {
    let requests = [
        json!({"method": "ping"}),
        json!({"method": "roots/list"}),
        json!({"method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 5}}),
        json!({"method": "sampling/createMessage", "params": {"messages": "many"}}),
        json!({"method": "elicitation/create", "params": {"message": "?", "requestedSchema": {"type": "object", "properties": {"n": {"type": "number", "minimum": 0.5}}}}}),
        json!({"method": "elicitation/create", "params": {}}),
        json!({"method": "company/own"}),
        json!({"method": "notifications/progress", "params": {"progressToken": "t", "progress": 0.5}}),
        json!({"method": "notifications/message", "params": {"level": "odd", "data": 1}}),
        json!({"method": "notifications/unheard-of"}),
    ];
    for (at, mut request) in requests.into_iter().enumerate() {
        request["jsonrpc"] = "2.0".into();
        let is_request = !request["method"]
            .as_str()
            .unwrap()
            .starts_with("notifications/");
        for id in [json!(9001 + at), json!(format!("of-server-{at}"))] {
            if is_request {
                request["id"] = id;
            }
            let bench = odd(json!({"ask": [request]}));
            let answer = bench.call("get", json!({})).await;
            assert_eq!(answer.map(|of| of.value), Ok(rows()), "{request}");
        }
    }
}

#[tokio::test]
async fn a_list_that_changes_while_we_run_is_read_again() {
    let bench = odd(json!({
        "pages": [{"tools": [tool("get")]}],
        "change": [{"tools": [tool("get"), tool("new"), {"name": "odd", "inputSchema": 1}]}],
    }));
    assert_eq!(bench.value("get", json!({})).await, rows());
    assert_eq!(bench.value("new", json!({})).await, rows());
}

#[tokio::test]
async fn an_answer_over_http_is_read_by_what_it_is() {
    for http in [
        json!({"kind": "application/json; charset=utf-8"}),
        json!({"kind": "Application/JSON"}),
        json!({"kind": "text/plain"}),
        json!({"kind": null}),
        json!({"kind": "application/vnd.mcp+json"}),
        json!({"accepted": 200}),
        json!({"accepted": 204}),
        json!({"accepted": 200, "accepted_kind": "text/html"}),
        json!({"session": true}),
        json!({"session": true, "get": [404, "text/plain", "no"]}),
        json!({"session": true, "get": [400, "application/json", "{}"]}),
        json!({"session": true, "get": [500, null, ""]}),
        json!({"session": true, "get": [200, "text/html", "<html>"]}),
        json!({"session": true, "get": [200, "text/event-stream", "nonsense\n\n"]}),
        json!({"session": true, "get": [401, null, ""]}),
        json!({"body": "\u{ef}\u{bb}\u{bf}{answer}\r\n"}),
        json!({"body": "[{answer}]"}),
        json!({"sse": "data: {answer}\n\n"}),
        json!({"sse": "\u{ef}\u{bb}\u{bf}event: message\r\ndata: {answer}\r\n\r\n"}),
        json!({"sse": "retry: 500\nid: 1\ndata:\n\nid: 2\ndata: {answer}\n\n"}),
        json!({"sse": ": hello\n\nevent: result\ndata: {answer}"}),
        json!({"sse": "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":1,\"progress\":0.5}}\n\ndata: {answer}\n\n"}),
        json!({"sse": "data: {answer}\n\n", "kind": "text/event-stream; charset=utf-8"}),
    ] {
        let server = OddHttp::start(json!({"http": http}));
        let answer = server.bench.call("get", json!({})).await;
        assert_eq!(answer.map(|of| of.value), Ok(rows()), "{http}");
    }
}

#[tokio::test]
async fn a_failure_over_http_is_told_at_once_and_in_the_servers_words() {
    for (http, words) in [
        (
            json!({"status": 500, "body": "the ledger is closed", "kind": "text/plain"}),
            "the ledger is closed",
        ),
        (
            json!({"status": 400, "body": "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":\"no such field\"}}"}),
            "no such field",
        ),
        (
            json!({"status": 400, "body": "{\"jsonrpc\":\"2.0\",\"id\":\"server-error\",\"error\":{\"code\":-32600,\"message\":\"no such field\"}}"}),
            "HTTP 400",
        ),
        (
            json!({"status": 503, "body": "<html><body>Bad gateway</body></html>", "kind": "text/html"}),
            "HTTP 503",
        ),
        (
            json!({"body": "<html>sign in</html>", "kind": "text/html"}),
            "what answers there is a web page",
        ),
        (json!({"body": ""}), "an empty answer"),
    ] {
        let server = OddHttp::start(json!({"http": http}));
        let error = server.bench.call("get", json!({})).await.unwrap_err();
        assert!(error.to_string().contains(words), "{http}: {error}");
        assert!(
            !matches!(error, CallError::Timeout { .. }),
            "{http}: {error}"
        );
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_by_why_and_not_by_where() {
    let url = "http://127.0.0.1:9/mcp?key=s3cret".to_owned();
    let bench = bench(connector(Launch::Http {
        url,
        headers: BTreeMap::new(),
        auth: None,
    }));
    let error = bench.call("get", json!({})).await.unwrap_err().to_string();
    assert!(error.contains("refused"), "{error}");
    for unsaid in ["127.0.0.1", "s3cret", "the server said"] {
        assert!(!error.contains(unsaid), "{error}");
    }
}

#[tokio::test]
async fn a_stream_that_ends_without_its_answer_is_told_at_once() {
    let server = OddHttp::start(
        json!({"answer": {"content": []}, "http": {"session": true, "body": "", "kind": "text/event-stream"}}),
    );
    let error = server.bench.call("get", json!({})).await.unwrap_err();
    assert!(!matches!(error, CallError::Timeout { .. }), "{error}");
}

#[tokio::test]
async fn a_session_that_the_server_forgot_is_begun_anew_and_the_call_made_in_it() {
    for http in [
        json!({"session": true, "forget": 1}),
        json!({"session": true, "forget400": 1}),
    ] {
        let server = OddHttp::start(json!({"http": http}));
        for _ in 0..3 {
            assert_eq!(server.bench.value("get", json!({})).await, rows(), "{http}");
        }
    }
}
