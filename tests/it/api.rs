//! The API and the MCP server of the built program, as another program asks it: with curl, a scripted model and the official
//! MCP conformance suite.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
};
use serde_json::{Value, json};

use crate::{conformance::server_scenarios, peer};

const PROGRAM: &str = env!("CARGO_BIN_EXE_daybrief");

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The sample company's daemon, with a model where one is given.
struct Instance {
    folder: tempfile::TempDir,
    url: String,
    _daemon: Running,
}

impl Instance {
    fn new(model: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let laid_out = Command::new(PROGRAM)
            .args(["demo", "--json", "--out"])
            .arg(folder.path())
            .output()
            .unwrap();
        assert!(laid_out.status.success(), "{laid_out:?}");
        let mut settings =
            "[instance]\nname = 'Acme'\nobjects = ['objects']\nlisten = '127.0.0.1:0'\n\
             [folder]\npath = 'delivered'\n[api]\nmcp = true\n"
                .to_owned();
        if let Some(url) = model {
            settings.push_str(&format!(
                "[questions]\nroute = ['scripted']\n[[model]]\nid = 'scripted'\nkind = 'openai'\n\
                 base_url = '{url}/v1'\nmodel = 'scripted'\nlocal = true\ncontext_tokens = 64000\napi_key = 'env:TEST_MODEL_KEY'\n"
            ));
        }
        fs::write(folder.path().join("daybrief.toml"), settings).unwrap();
        let log = fs::File::create(folder.path().join("serve.log")).unwrap();
        let mut child = command(folder.path(), &["serve"])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let url = line.trim().strip_prefix("ready on ").map(str::to_owned);
        let daemon = Running(child);
        Self {
            url: url.unwrap_or_else(|| panic!("{line:?}")),
            folder,
            _daemon: daemon,
        }
    }

    fn run(&self, args: &[&str]) -> String {
        let output = command(self.folder.path(), args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn token(&self, user: &str, scopes: &[&str]) -> String {
        let mut args = vec!["token", "create", "--user", user];
        for scope in scopes {
            args.extend(["--scope", *scope]);
        }
        self.run(&args)
    }

    fn curl(&self, token: &str, method: &str, path: &str, body: Option<&Value>) -> Command {
        let mut curl = Command::new("curl");
        curl.args(["-sN", "-m", "60", "-X", method, "-H"])
            .arg(format!("Authorization: Bearer {token}"))
            .arg(format!("{}{path}", self.url));
        if let Some(body) = body {
            curl.args(["-H", "Content-Type: application/json", "-d"])
                .arg(body.to_string());
        }
        curl
    }

    fn asks(&self, token: &str, question: &str) -> Command {
        let body = json!({ "question": question });
        self.curl(token, "POST", "/api/v1/ask", Some(&body))
    }

    /// Status and answer.
    fn get(&self, token: &str, path: &str) -> (String, Value) {
        told(self.curl(token, "GET", path, None))
    }
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .arg("--config")
        .arg(folder.join("daybrief.toml"))
        .args(args)
        .env("TEST_MODEL_KEY", "key");
    command
}

fn told(mut curl: Command) -> (String, Value) {
    let output = curl.args(["-w", "\n%{http_code}"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (
        status.to_owned(),
        serde_json::from_str(body).unwrap_or(Value::Null),
    )
}

/// The events of an answer while it is given.
struct Events {
    _curl: Running,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Events {
    fn of(mut curl: Command) -> Self {
        let mut child = curl.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            _curl: Running(child),
            lines,
        }
    }
}

impl Iterator for Events {
    type Item = (String, Value);

    fn next(&mut self) -> Option<Self::Item> {
        let mut kind = None;
        for line in self.lines.by_ref().map_while(Result::ok) {
            if let Some(name) = line.strip_prefix("event: ") {
                kind = Some(name.to_owned());
            }
            if let (Some(kind), Some(data)) = (&kind, line.strip_prefix("data: ")) {
                return Some((kind.clone(), serde_json::from_str(data).unwrap()));
            }
        }
        None
    }
}

fn eventually(mut holds: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + Duration::from_secs(20);
    while Instant::now() < until {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    false
}

#[test]
fn a_program_asks_live_data_and_is_told_step_by_step() {
    let Some(model) = peer("DAYBRIEF_TEST_AIMOCK") else {
        return;
    };
    let instance = Instance::new(Some(&model));
    let token = instance.token("mara", &["ask", "read"]);
    let question = "query the issue tracker: which work is blocked?";
    let events: Vec<_> = Events::of(instance.asks(&token, question)).collect();
    let kinds: Vec<&str> = events.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds.first(), Some(&"step"), "{events:?}");
    assert_eq!(kinds.last(), Some(&"done"), "{events:?}");
    let (_, done) = events.last().unwrap();
    assert_eq!(done["usage"]["tool_calls"], 1, "{events:?}");
    // A mark stands for a source that is told before the words that bear it.
    let at = |kind: &str| kinds.iter().position(|known| *known == kind);
    assert!(at("citation").unwrap() < kinds.len() - 1, "{kinds:?}");
    assert!(at("delta").is_some(), "{kinds:?}");

    let mut whole = instance.asks(&token, question);
    whole.args(["-H", "Accept: application/json"]);
    let (status, answer) = told(whole);
    assert_eq!(status, "200", "{answer}");
    assert!(answer["citations"][0]["source"].is_string(), "{answer}");
    let kept = format!(
        "/api/v1/conversations/{}",
        done["conversation"].as_str().unwrap()
    );
    assert_eq!(
        instance.get(&token, &kept).1["turns"][0]["question"],
        question
    );
    let other = instance.token("lena", &["ask", "read"]);
    assert_eq!(instance.get(&other, &kept).0, "404");
    let only_read = instance.token("mara", &["read"]);
    assert_eq!(told(instance.asks(&only_read, question)).0, "403");
    let large = told(instance.asks(&token, &"x".repeat(70_000)));
    assert_eq!(
        (large.0.as_str(), &large.1["code"]),
        ("413", &json!("too-large"))
    );
    // An assistant that gives a token for progress is told each step before the answer.
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {
            "name": "ask", "arguments": { "question": question }, "_meta": { "progressToken": "p1" },
        },
    });
    let mut assistant = instance.curl(&token, "POST", "/mcp", Some(&call));
    assistant.args(["-H", "Accept: application/json, text/event-stream"]);
    let told = String::from_utf8(assistant.output().unwrap().stdout).unwrap();
    let messages: Vec<Value> = told
        .lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
        .collect();
    let (answer, before) = messages.split_last().unwrap();
    let content = &answer["result"]["structuredContent"];
    let cited = content["citations"].as_array().unwrap();
    assert!(
        cited.iter().any(|citation| citation["object"] == "INT-311"),
        "{messages:?}"
    );
    let steps: Vec<&Value> = before.iter().map(|message| &message["params"]).collect();
    assert!(steps.len() >= 2, "{messages:?}");
    assert!(
        before
            .iter()
            .all(|message| message["method"] == "notifications/progress")
    );
    assert!(steps.iter().all(|step| step["progressToken"] == "p1"));
    assert!(
        steps
            .windows(2)
            .all(|two| two[0]["progress"].as_f64() < two[1]["progress"].as_f64())
    );
    assert!(
        steps[0]["message"]
            .as_str()
            .unwrap()
            .contains("Issue tracker")
    );
    // The trail has all of it, and verifies.
    assert!(
        instance
            .run(&["audit", "verify", "--json"])
            .contains("\"ok\":true")
    );
}

#[test]
fn an_answer_under_way_ends_with_the_person_the_token_and_the_connection() {
    let Some(model) = peer("DAYBRIEF_TEST_AIMOCK") else {
        return;
    };
    let instance = Instance::new(Some(&model));
    let question = "query the issue tracker: which work is blocked, told slowly";
    let token = instance.token("mara", &["ask", "read"]);
    let begin = |token: &str| {
        let mut events = Events::of(instance.asks(token, question));
        let (kind, data) = events.next().unwrap();
        assert_eq!(kind, "step", "{data}");
        events
    };
    // The connection.
    drop(begin(&token));
    let cancelled = || {
        let (_, list) = instance.get(&token, "/api/v1/conversations");
        let Some(id) = list["conversations"][0]["id"].as_str() else {
            return false;
        };
        let (_, kept) = instance.get(&token, &format!("/api/v1/conversations/{id}"));
        kept["turns"][0]["outcome"] == "cancelled"
    };
    assert!(eventually(cancelled), "the turn went on");
    // The token.
    let made: Value = serde_json::from_str(&instance.run(&[
        "--json", "token", "create", "--user", "mara", "--scope", "ask",
    ]))
    .unwrap();
    let revoked = made["token"].as_str().unwrap();
    let events = begin(revoked);
    instance.run(&["token", "revoke", made["id"].as_str().unwrap()]);
    let rest: Vec<_> = events.collect();
    let (kind, problem) = &rest[rest.len() - 2];
    assert_eq!(
        (kind.as_str(), &problem["what"]),
        ("problem", &json!("the token is revoked")),
        "{rest:?}"
    );
    assert_eq!(told(instance.asks(revoked, question)).0, "401");
    // The person.
    let events = begin(&token);
    instance.run(&["user", "disable", "mara"]);
    let rest: Vec<_> = events.collect();
    let (_, done) = rest.last().unwrap();
    assert_eq!(done["outcome"], "revoked", "{rest:?}");
    assert!(
        rest.iter()
            .any(|(_, data)| data.to_string().contains("access was withdrawn")),
        "{rest:?}"
    );
    assert_eq!(told(instance.asks(&token, question)).0, "401");
}

#[test]
fn a_token_is_printed_once_and_lies_nowhere() {
    let instance = Instance::new(None);
    let token = instance.token("mara", &["read"]);
    assert_eq!(instance.get(&token, "/api/v1/usage").0, "200");
    assert!(!instance.run(&["token", "list", "--json"]).contains(&token));
    let mut files: Vec<PathBuf> = vec![instance.folder.path().join("serve.log")];
    let data = fs::read_dir(instance.folder.path().join("data")).unwrap();
    files.extend(data.map(|entry| entry.unwrap().path()));
    let mut read = 0;
    for file in files.iter().filter(|path| path.is_file()) {
        let bytes = fs::read(file).unwrap();
        read += bytes.len();
        let found = bytes
            .windows(token.len())
            .any(|window| window == token.as_bytes());
        assert!(!found, "{}", file.display());
    }
    assert!(read > 10_000, "{read}");
    let refused = command(
        instance.folder.path(),
        &[
            "token", "create", "--user", "mara", "--role", "finance", "--scope", "ask",
        ],
    );
    let refused = { refused }.output().unwrap();
    assert!(!refused.status.success(), "another's role: {refused:?}");
}

#[test]
fn a_brief_is_there_for_whom_it_went_to_under_its_role_alone() {
    let instance = Instance::new(None);
    instance.run(&["schedule", "send", "vp-engineering-morning"]);
    let token = instance.token("mara", &["read"]);
    // Beside what was sent by hand stand the demo's own briefs of this morning and the one before.
    let list = instance.get(&token, "/api/v1/briefs").1;
    let briefs = list["briefs"].as_array().unwrap();
    assert!(briefs.len() > 1, "{list}");
    let dues: Vec<&str> = briefs
        .iter()
        .map(|brief| brief["due"].as_str().unwrap())
        .collect();
    assert!(
        dues.is_sorted_by(|a, b| a > b),
        "the newest first: {dues:?}"
    );
    let path = format!(
        "/api/v1/briefs/{}",
        list["briefs"][0]["run"].as_str().unwrap()
    );
    let (status, brief) = instance.get(&token, &path);
    assert_eq!(status, "200");
    assert_eq!(brief["briefing"], "vp-engineering-morning");
    assert!(!brief["decide"].as_array().unwrap().is_empty(), "{brief}");
    assert!(brief["bottom_line"].as_str().unwrap().len() > 10, "{brief}");
    for other in ["lena", "ines"] {
        let other = instance.token(other, &["read"]);
        assert_eq!(instance.get(&other, &path).0, "404");
        let theirs = instance.get(&other, "/api/v1/briefs").1;
        let theirs = theirs["briefs"].as_array().unwrap();
        assert!(theirs.iter().all(|known| known["run"] != brief["run"]));
    }
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "latest_brief" },
    });
    let mut assistant = instance.curl(&token, "POST", "/mcp", Some(&call));
    assistant.args(["-H", "Accept: application/json, text/event-stream"]);
    let told = String::from_utf8(assistant.output().unwrap().stdout).unwrap();
    assert!(told.contains(brief["run"].as_str().unwrap()), "{told}");
    // Each reading is in the trail, by whom and with which token; the others' tries are none.
    let why = [
        "audit",
        "search",
        "--reason",
        "who reads the briefs?",
        "--json",
    ];
    let trail = instance.run(&[&why[..], &["--act", "delivery", "--person", "mara"]].concat());
    let read = trail
        .lines()
        .filter(|row| row.contains("with token/"))
        .count();
    assert_eq!(read, 2, "{trail}");
}

/// Where requests go, and what they bear there.
#[derive(Clone)]
struct Bearing {
    to: String,
    own_port: u16,
    token: String,
    client: reqwest::Client,
}

/// Hands a request on with the token, under the names of the server behind.
async fn hand_on(State(bearing): State<Bearing>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let port = bearing.to.rsplit(':').next().unwrap().to_owned();
    let mut headers = parts.headers;
    for name in ["host", "origin"] {
        let Some(value) = headers.get(name).and_then(|value| value.to_str().ok()) else {
            continue;
        };
        let value = value.replace(&format!(":{}", bearing.own_port), &format!(":{port}"));
        headers.insert(name, value.parse().unwrap());
    }
    headers.remove("content-length");
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let answer = bearing
        .client
        .request(parts.method, format!("{}{}", bearing.to, parts.uri))
        .headers(headers)
        .bearer_auth(&bearing.token)
        .body(body)
        .send()
        .await
        .unwrap();
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        if name != "transfer-encoding" {
            response = response.header(name, value);
        }
    }
    response
        .body(Body::from_stream(answer.bytes_stream()))
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_server_for_assistants_passes_every_scenario_that_applies() {
    // The suite can send no token, so this stands before the daemon and adds it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let instance = Instance::new(None);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own_port = listener.local_addr().unwrap().port();
    let bearing = Bearing {
        to: instance.url.clone(),
        own_port,
        token: instance.token("mara", &["ask", "read"]),
        client: reqwest::Client::new(),
    };
    let router = Router::new().fallback(hand_on).with_state(bearing);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let ran = tokio::task::spawn_blocking(move || {
        let expected = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data/conformance-expected-failures-daemon.yml");
        server_scenarios(&format!("http://127.0.0.1:{own_port}/mcp"), &expected)
    });
    let Some(passed) = ran.await.unwrap() else {
        return;
    };
    for must in [
        "server-initialize",
        "ping",
        "tools-list",
        "tools-call-error",
        "dns-rebinding-protection",
    ] {
        assert!(passed.contains(must), "{must} does not pass: {passed:?}");
    }
    drop(instance);
}
