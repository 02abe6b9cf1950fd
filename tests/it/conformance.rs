//! The official MCP conformance suite (`@modelcontextprotocol/conformance`): our client against its servers, our servers
//! against its client. What does not apply stands with its reason in `tests/data/conformance-expected-failures.yml`.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
};

use crate::peer;

const PROGRAM: &str = env!("CARGO_BIN_EXE_daybrief");
/// Scenarios that run at once.
const LANES: usize = 3;
/// The suite measures this one's waiting to the tenth of a second, so it runs alone.
const TIMED: &str = "sse-retry";

/// Where the suite lies and what runs it.
struct Suite {
    node: String,
    script: String,
}

/// What the suite says to one run of it.
struct Verdict {
    passed: bool,
    output: String,
}

impl Suite {
    fn installed() -> Option<Self> {
        Some(Self {
            node: peer("DAYBRIEF_TEST_NODE")?,
            script: peer("DAYBRIEF_TEST_CONFORMANCE")?,
        })
    }

    fn run(&self, args: &[&str]) -> Verdict {
        let output = Command::new(&self.node)
            .arg(&self.script)
            .args(args)
            .env("DAYBRIEF", PROGRAM)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Verdict {
            passed: output.status.success(),
            output: format!(
                "{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            ),
        }
    }

    /// The names of the suite's scenarios for `client` or `server`.
    fn scenarios(&self, side: &str) -> BTreeSet<String> {
        let listed = self.run(&["list", &format!("--{side}")]);
        assert!(listed.passed, "{}", listed.output);
        listed
            .output
            .lines()
            .filter_map(|line| line.strip_prefix("  - "))
            .map(|line| line.split_whitespace().next().unwrap().to_owned())
            .collect()
    }
}

fn expected_failures_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/conformance-expected-failures.yml")
}

/// The scenarios of one side that are expected to fail. Each has to say why.
fn expected_failures(file: &Path, side: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(file).unwrap();
    let mut names = BTreeSet::new();
    let mut of = "";
    for line in text.lines() {
        if let Some(key) = line.strip_suffix(':') {
            of = key;
        }
        let Some(entry) = line.strip_prefix("  - ") else {
            continue;
        };
        let (name, reason) = entry.split_once(" # ").unwrap_or((entry, ""));
        assert!(
            reason.ends_with('.'),
            "{name} gives no reason in {}",
            file.display()
        );
        if of == side {
            names.insert(name.to_owned());
        }
    }
    names
}

/// Runs every server scenario of the suite against the server at `url`, and gives the names of those that pass. Fails where
/// one fails that `expected_failures` does not name, and where one passes that it does. Nothing where the suite is not
/// installed.
pub fn server_scenarios(url: &str, expected_failures: &Path) -> Option<BTreeSet<String>> {
    let suite = Suite::installed()?;
    let all = suite.scenarios("server");
    let file = expected_failures.to_str().unwrap();
    let verdict = suite.run(&[
        "server",
        "--url",
        url,
        "--suite",
        "all",
        "--expected-failures",
        file,
    ]);
    assert!(verdict.passed, "{}", verdict.output);
    let expected = self::expected_failures(expected_failures, "server");
    let ran: BTreeSet<String> = all
        .iter()
        .filter(|name| {
            verdict
                .output
                .contains(&format!("=== Running scenario: {name} ==="))
        })
        .cloned()
        .collect();
    assert_eq!(ran, all, "{}", verdict.output);
    Some(all.difference(&expected).cloned().collect())
}

#[test]
fn our_client_passes_every_scenario_that_applies() {
    let Some(suite) = Suite::installed() else {
        return;
    };
    let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/client");
    let client = client.to_str().unwrap();
    let all = suite.scenarios("client");
    assert!(all.len() >= 26, "the suite lists {all:?}");
    let expected = expected_failures(&expected_failures_file(), "client");
    let unknown: Vec<_> = expected.difference(&all).collect();
    assert!(unknown.is_empty(), "the suite has no {unknown:?}");

    let run = |scenario: &str| suite.run(&["client", "--command", client, "--scenario", scenario]);
    let waiting = Mutex::new(all.iter().filter(|name| *name != TIMED).collect::<Vec<_>>());
    let wrong = Mutex::new(Vec::new());
    let judge = |scenario: &str| {
        let verdict = run(scenario);
        if verdict.passed == expected.contains(scenario) {
            let what = if verdict.passed {
                "passes, but is expected to fail"
            } else {
                "fails"
            };
            wrong
                .lock()
                .unwrap()
                .push(format!("{scenario} {what}:\n{}", verdict.output));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                loop {
                    let Some(next) = waiting.lock().unwrap().pop() else {
                        return;
                    };
                    judge(next);
                }
            });
        }
    });
    judge(TIMED);
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// `daybrief connector sql --http`; ends with the test.
struct SqlServer(Child);

impl Drop for SqlServer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn our_sql_server_passes_every_scenario_that_applies() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("empty.sqlite");
    fs::write(&database, "").unwrap();
    let mut child = Command::new(PROGRAM)
        .args([
            "connector",
            "sql",
            "--allow-select",
            "--http",
            "127.0.0.1:0",
            "--dsn",
        ])
        .arg(&database)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let _server = SqlServer(child);
    let url = line.trim().strip_prefix("ready on ").unwrap();
    let Some(passed) = server_scenarios(url, &expected_failures_file()) else {
        return;
    };
    for must in [
        "server-initialize",
        "ping",
        "tools-list",
        "tools-call-error",
        "server-sse-multiple-streams",
        "dns-rebinding-protection",
    ] {
        assert!(passed.contains(must), "{must} does not pass: {passed:?}");
    }
}
