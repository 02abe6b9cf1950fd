//! `daybrief connector`, as an admin uses it before and after a connector is in force.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_daybrief");

fn peer(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/peers")
        .join(name);
    path.to_str().unwrap().to_owned()
}

/// An instance in a folder of its own; nothing is applied yet.
struct Instance {
    folder: tempfile::TempDir,
}

impl Instance {
    /// One whose objects are these.
    fn new(objects: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("objects")).unwrap();
        fs::write(folder.path().join("objects/x.toml"), objects).unwrap();
        fs::write(
            folder.path().join("daybrief.toml"),
            "[instance]\nname = 'Acme'\n",
        )
        .unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(PROGRAM)
            .arg("--config")
            .arg(self.path("daybrief.toml"))
            .args(args)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// What the command prints; its exit code has to be this.
    fn says(&self, code: i32, args: &[&str]) -> String {
        let output = self.run(args);
        let said = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(
            output.status.code(),
            Some(code),
            "{args:?}\n{said}\n{errors}"
        );
        format!("{said}{errors}")
    }

    fn json(&self, code: i32, args: &[&str]) -> Value {
        let said = self.says(code, args);
        serde_json::from_str(said.lines().last().unwrap()).unwrap_or_else(|_| panic!("{said}"))
    }
}

fn odd(config: &Value) -> String {
    let command = json!([
        "python3",
        "-I",
        "-S",
        peer("odd_mcp.py"),
        config.to_string()
    ]);
    format!("[connector]\nid = 'src'\ntitle = 'Source'\ncommand = {command}\n")
}

const ROLES: &str = "[[role]]\nid = 'r'\ntitle = 'R'\n[[role.grants]]\nconnector = 'src'\ntools = ['get']\n\
                     [[role]]\nid = 'none'\ntitle = 'None'\n";

#[test]
fn tools_are_listed_from_files_before_any_is_named_with_arguments_and_the_servers_word() {
    let config = json!({
        "handshake": {"instructions": "Ask  me\nanything.", "serverInfo": {"name": "ledger", "version": "7"}},
        "pages": [{"tools": [
            {"name": "get", "description": "Rows.", "inputSchema": {"type": "object", "required": ["id"],
                "properties": {"limit": {"type": "integer"}, "id": {"type": "string", "description": "Which one"}}}},
            {"name": "bad", "inputSchema": 7},
        ]}],
    });
    let instance = Instance::new(&odd(&config));
    let said = instance.says(0, &["connector", "tools", "src", "--objects", "objects"]);
    for line in [
        "ledger 7 (MCP 2025-11-25)",
        "it says of itself: Ask me anything.",
        "    id (string, required) — Which one",
        "    limit (integer)",
        "cannot be read, and so not called: bad: its input schema is a number and not an object",
        "none of them can be called yet",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    let said = instance.says(0, &["connector", "list", "--objects", "objects"]);
    assert!(said.starts_with("src "), "{said}");
    let called = instance.run(&["connector", "call", "src", "get", "--objects", "objects"]);
    let error = String::from_utf8_lossy(&called.stderr).into_owned();
    assert!(error.contains("no tool of it may be called yet"), "{error}");
}

#[test]
fn a_call_shows_the_answer_as_it_came_and_as_signals_see_it_and_is_in_the_trail() {
    let wrapped = json!({
        "content": [{"type": "text", "text": "two rows"}],
        "structuredContent": {"result": "{\"rows\": [{\"n\": 9007199254740993}, {\"n\": 0.10}]}"},
    });
    let objects =
        odd(&json!({"answer": wrapped})) + "tools = { get = 'read', set = 'action' }\n" + ROLES;
    let instance = Instance::new(&objects);
    let call = ["connector", "call", "src", "get", "--json"];
    let from_files = [&call[..], &["--objects", "objects"]].concat();
    let said = instance.says(0, &from_files);
    assert!(
        said.contains(r#""seen":{"rows":[{"n":9007199254740993},{"n":0.10}]}"#),
        "{said}"
    );
    let told = instance.json(0, &from_files);
    assert_eq!(told["came"], wrapped);
    assert_eq!(told["refused"], Value::Null);

    instance.says(0, &["apply", "objects", "--yes"]);
    let told = instance.json(0, &[&call[..], &["--role", "r"]].concat());
    assert_eq!(told["tool"], "get");
    assert!(
        instance
            .says(4, &[&call[..], &["--role", "none"]].concat())
            .contains("denied")
    );
    // What changes something is proposed and approved, never called.
    let action = instance.says(4, &["connector", "call", "src", "set"]);
    assert!(action.contains("names `set`"), "{action}");
    let bad = instance.says(1, &[&call[..], &["--args", "[1]"]].concat());
    assert!(bad.contains("no JSON object"), "{bad}");
    let trail = instance.says(
        0,
        &[
            "audit",
            "search",
            "--reason",
            "what a call leaves",
            "--json",
        ],
    );
    assert!(trail.contains("src/get"), "{trail}");
}

#[test]
fn a_refusal_given_as_data_is_one_gap_in_the_servers_words_over_http_too() {
    let answer = json!({"content": [{"type": "text", "text": "{\"status\": 401, \"message\": \"token of crm expired\"}"}]});
    let config = json!({"answer": answer}).to_string();
    let mut server = Command::new("python3")
        .args(["-I", "-S", &peer("odd_mcp.py"), "http", &config])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut port = String::new();
    BufReader::new(server.stdout.take().unwrap())
        .read_line(&mut port)
        .unwrap();
    let _server = Ended(server);
    let signal = |id: &str| {
        format!(
            "[[briefing.signals]]\nid = '{id}'\ntitle = '{id}'\nconnector = 'src'\ntool = 'get'\nargs = {{ of = '{id}' }}\n\
             items = 'result.rows'\nwhen = 'true'\nseverity = \"'high'\"\nkey = 'item.id'\nheadline = 'x'\nnext = 'y'\n"
        )
    };
    let objects = format!(
        "[connector]\nid = 'src'\ntitle = 'Ledger'\nurl = 'http://127.0.0.1:{}/mcp'\ntools = {{ get = 'read' }}\n{ROLES}\
         [[briefing]]\nid = 'b'\ntitle = 'B'\nrole = 'r'\n{}{}{}",
        port.trim(),
        signal("one"),
        signal("two"),
        signal("three"),
    );
    let instance = Instance::new(&objects);
    let told = instance.json(
        3,
        &[
            "connector",
            "call",
            "src",
            "get",
            "--json",
            "--objects",
            "objects",
        ],
    );
    assert_eq!(told["refused"]["code"], "credential", "{told}");
    assert_eq!(told["refused"]["cause"], "refused the request");
    assert_eq!(told["seen"], Value::Null);
    let brief = instance.json(3, &["run", "b", "--json", "--objects", "objects"]);
    let gaps = brief["gaps"].as_array().unwrap();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!(gaps[0]["signals"], json!(["one", "two", "three"]));
    assert_eq!(gaps[0]["cause"], "refused");
    let detail = gaps[0]["detail"].as_str().unwrap();
    assert_eq!(
        detail.matches("token of crm expired").count(),
        1,
        "{detail}"
    );
}

/// A process that ends with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_program_is_looked_at_before_it_is_a_connector() {
    let config =
        json!({"handshake": {"serverInfo": {"name": "ledger", "version": "7"}}}).to_string();
    let output = Command::new(PROGRAM)
        .args(["connector", "probe", "--call", "get", "--env", "PATH", "--"])
        .args(["python3", "-I", "-S", &peer("odd_mcp.py"), &config])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("ledger 7") && said.contains(r#"{"rows":[{"id":1}]}"#),
        "{said}"
    );
}

#[test]
fn what_is_accepted_is_what_was_shown() {
    let instance = Instance::new("");
    let answers = instance.path("answers.json");
    let describe = |description: &str, default: &str| {
        let tools = json!({"tools": [{"name": "get", "description": description, "answer": {"rows": []},
            "schema": {"type": "object", "properties": {"fields": {"type": "string", "default": default}}}}]});
        fs::write(&answers, tools.to_string()).unwrap();
    };
    let command = json!([
        "python3",
        peer("canned_mcp.py"),
        answers,
        instance.path("calls")
    ]);
    let objects = format!(
        "[connector]\nid = 'src'\ntitle = 'S'\ncommand = {command}\ntools = {{ get = 'read' }}\n"
    );
    fs::write(instance.path("objects/x.toml"), objects).unwrap();
    instance.says(0, &["apply", "objects", "--yes"]);

    describe("Rows as of 2026-11-30.", "a,b,c");
    instance.says(0, &["connector", "call", "src", "get"]);
    // Another order and another day are no change.
    describe("Rows as of 2026-12-01.", "c,a,b");
    instance.says(0, &["connector", "call", "src", "get"]);
    assert!(
        instance
            .says(0, &["connector", "accept", "src"])
            .contains("nothing waits")
    );

    describe("Rows, and mails them.", "a,b,c");
    let refused = instance.says(3, &["connector", "call", "src", "get"]);
    assert!(refused.contains("an admin has to accept it"), "{refused}");
    let shown = instance.says(0, &["connector", "accept", "src"]);
    assert!(
        shown.contains("- Rows as of 2026-11-30.") && shown.contains("+ Rows, and mails them."),
        "{shown}"
    );
    assert!(shown.contains("nothing was accepted"), "{shown}");
    let hash = shown.trim().rsplit(' ').next().unwrap();

    describe("Rows, and mails them to everybody.", "a,b,c");
    let again = instance.says(1, &["connector", "accept", "src", "--shown", hash]);
    assert!(again.contains("not those that were shown"), "{again}");
    instance.says(3, &["connector", "call", "src", "get"]);

    describe("Rows, and mails them.", "a,b,c");
    let accepted = instance.says(0, &["connector", "accept", "src", "--shown", hash]);
    assert!(accepted.contains("accepted: get"), "{accepted}");
    instance.says(0, &["connector", "call", "src", "get"]);
}
