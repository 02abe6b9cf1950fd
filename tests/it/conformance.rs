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
/// The suite measures this one's waiting to the tenth of a second, and with it how busy the machine is: it runs alone, and
/// one good run of three is enough.
const TIMED: &str = "sse-retry";
const TIMED_RUNS: usize = 3;

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
        let runs = if scenario == TIMED { TIMED_RUNS } else { 1 };
        let mut verdict = run(scenario);
        for _ in 1..runs {
            if !verdict.passed {
                verdict = run(scenario);
            }
        }
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

/// A server in a process of its own; ends with the test.
struct Server(Child);

impl Server {
    /// Starts it, and gives what follows `mark` in a line of its standard output.
    fn start(command: &mut Command, mark: &str) -> (Self, String) {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let server = Self(child);
        let found = stdout
            .lines()
            .map_while(Result::ok)
            .find_map(|line| Some(line.strip_prefix(mark)?.trim().to_owned()));
        (server, found.expect("the server says where it is"))
    }
}

impl Drop for Server {
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
    let (_server, url) = Server::start(
        Command::new(PROGRAM)
            .args([
                "connector",
                "sql",
                "--allow-select",
                "--http",
                "127.0.0.1:0",
                "--dsn",
            ])
            .arg(&database),
        "ready on ",
    );
    let Some(passed) = server_scenarios(&url, &expected_failures_file()) else {
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

/// What is in the folder's files, as bytes.
fn everything_in(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(everything_in(&path));
        } else {
            all.extend(fs::read(path).unwrap());
        }
    }
    all
}

#[test]
fn a_sign_in_lasts_from_one_command_to_the_next_and_is_sealed() {
    let Some(suite) = Suite::installed() else {
        return;
    };
    let (_servers, url) = Server::start(
        Command::new(&suite.node).arg(&suite.script).args([
            "client",
            "--scenario",
            "auth/metadata-default",
        ]),
        "Server URL: ",
    );
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir(root.join("objects")).unwrap();
    fs::write(root.join("daybrief.toml"), "[instance]\nname = 'Acme'\n").unwrap();
    fs::write(
        root.join("objects/crm.toml"),
        format!(
            "[connector]\nid = 'crm'\ntitle = 'CRM'\nurl = '{url}'\nauth = {{ kind = 'authorization-code' }}\n\
             tools = {{ '*' = 'read' }}\n"
        ),
    )
    .unwrap();
    let browser = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/browser");
    let daybrief = |args: &[&str]| {
        let output = Command::new(PROGRAM)
            .arg("--config")
            .arg(root.join("daybrief.toml"))
            .args(args)
            .env("BROWSER", &browser)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(!text.contains("test-token"), "{text}");
        (output.status.success(), text)
    };
    let objects = root.join("objects");
    let (done, text) = daybrief(&["apply", objects.to_str().unwrap(), "--yes"]);
    assert!(done, "{text}");
    let (done, text) = daybrief(&["connector", "tools", "crm"]);
    assert!(
        !done && text.contains("`daybrief connector sign-in crm`"),
        "{text}"
    );
    let (done, text) = daybrief(&["connector", "sign-in", "crm"]);
    assert!(done && text.contains("signed in for crm"), "{text}");
    let (done, text) = daybrief(&["connector", "tools", "crm"]);
    assert!(done && text.contains("test-tool"), "{text}");
    let kept = everything_in(root);
    let is_there = |word: &[u8]| kept.windows(word.len()).any(|window| window == word);
    assert!(is_there(b".oauth/crm"), "the sign-in is not in the store");
    assert!(!is_there(b"test-token"), "a token lies open in the store");
    let (done, text) = daybrief(&["connector", "sign-out", "crm"]);
    assert!(done, "{text}");
    let (done, text) = daybrief(&["connector", "tools", "crm"]);
    assert!(!done && text.contains("nobody has signed in yet"), "{text}");
}
