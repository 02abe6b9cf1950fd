//! What an admin is told while they set an instance up: before anything is due, in words that name the place and the way out.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use sqlx::{Connection, Executor, SqliteConnection, sqlite::SqliteConnectOptions};

const QUERIES: &str = r#"
[[query]]
name = "late_orders"
title = "Orders past their date"
sql = "select id, customer, due, amount from orders where due < :day order by id"
params = [{ name = "day", type = "date" }]
"#;

const OBJECTS: &str = r#"
[connector]
id = "shop"
title = "Shop database"
command = ["daybrief", "connector", "sql", "--dsn", "SHOP", "--queries", "QUERIES"]
tools = { query = "read", list_queries = "read" }

[role]
id = "operations"
title = "Operations"
[[role.grants]]
connector = "shop"
tools = ["query"]

[[user]]
id = "olga"
name = "Olga"
roles = ["operations"]

[schedule]
id = "orders"
briefing = "orders"
when = "weekdays at 07:00"
zone = "UTC"
to = [{ user = "olga", via = ["folder"] }]
"#;

const BRIEFING: &str = r#"
[briefing]
id = "orders"
title = "Orders"
role = "operations"

[[signal]]
id = "late"
title = "Late orders"
connector = "shop"
tool = "query"
args = { name = "late_orders", params = { day = "{{ today }}" } }
items = "result.rows"
when = "days_since(item.due) > 2"
severity = "'high' if item.amount > 1000 else 'medium'"
can_be_high = true
key = "item.id"
headline = "Order {{ order }} of {{ customer }} is {{ late }} late"
next = "Call {{ customer }}."
[signal.facts]
order = "item.id"
customer = "item.customer"
late = "days_since(item.due)|days"
"#;

/// An instance over one SQLite file.
struct Instance(tempfile::TempDir);

impl Instance {
    async fn new() -> Self {
        let instance = Self(tempfile::tempdir().unwrap());
        let root = instance.0.path();
        fs::create_dir(root.join("objects")).unwrap();
        fs::write(
            root.join("daybrief.toml"),
            "[instance]\nname = 'Acme'\nobjects = ['objects']\nlisten = '127.0.0.1:0'\n[folder]\npath = 'delivered'\n",
        )
        .unwrap();
        let options = SqliteConnectOptions::new()
            .filename(root.join("shop.db"))
            .create_if_missing(true);
        let mut session = SqliteConnection::connect_with(&options).await.unwrap();
        session
            .execute(
                "create table orders (id integer, customer text, due text, amount real);
                 insert into orders values (1, 'Migros', '2026-01-02', 4000), (2, 'Hartmann', '2026-01-05', 10);",
            )
            .await
            .unwrap();
        session.close().await.unwrap();
        fs::write(root.join("queries.toml"), QUERIES).unwrap();
        let place = |name: &str| root.join(name).display().to_string();
        let objects = OBJECTS
            .replace("SHOP", &place("shop.db"))
            .replace("QUERIES", &place("queries.toml"));
        fs::write(root.join("objects/instance.toml"), objects).unwrap();
        fs::write(root.join("objects/orders.toml"), BRIEFING).unwrap();
        instance
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn change(&self, file: &str, from: &str, to: &str) {
        let path = self.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from} is not in {file}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    }

    fn settings(&self, more: &str) {
        let path = self.path().join("daybrief.toml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, format!("{text}{more}")).unwrap();
    }

    fn output(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_daybrief"))
            .arg("--config")
            .arg(self.path().join("daybrief.toml"))
            .args(args)
            .env_remove("DAYBRIEF_TEST_NO_SUCH")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Exit code, standard output, standard error.
    fn run(&self, args: &[&str]) -> (i32, String, String) {
        let output = self.output(args);
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    }
}

#[tokio::test]
async fn check_finds_what_a_brief_would_lack_before_it_is_due() {
    let instance = Instance::new().await;
    let (code, said, _) = instance.run(&["check"]);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("its sources answered all that it asks"),
        "{said}"
    );
    assert!(
        said.contains("the files are not applied yet: ") && said.contains("`daybrief apply`"),
        "{said}"
    );
    assert_eq!(instance.run(&["apply", "--yes"]).0, 0);
    let (code, said, _) = instance.run(&["check"]);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("✓ objects: all that the files hold is in force"),
        "{said}"
    );

    for (file, from, to, told) in [
        (
            "objects/orders.toml",
            "name = \"late_orders\"",
            "name = \"late_order\"",
            "✗ briefing orders, signal late: `shop` could not answer: there is no query `late_order`",
        ),
        (
            "objects/orders.toml",
            "item.amount > 1000",
            "item.amout > 1000",
            "severity: `item.amout` is not there (nearest: `amount`)",
        ),
        (
            "objects/orders.toml",
            "result.rows",
            "result.row",
            "items `result.row`: `result.row` is not there (nearest: `rows`)",
        ),
        (
            "queries.toml",
            "customer, due",
            "customre, due",
            "✗ briefing orders, signal late: `shop` could not answer",
        ),
        (
            "objects/orders.toml",
            "days_since(item.due) >",
            "days_sinc(item.due) >",
            "objects/orders.toml:14: signal `late`: `when` names `days_sinc`, which is neither there nor a function → did you mean `days_since`?",
        ),
        (
            "objects/orders.toml",
            "severity = \"'high' if item.amount > 1000 else 'medium'\"",
            "severity = \"low\"",
            "`severity` is an expression, and `low` in it is a name, not a text → write \"'low'\"",
        ),
        (
            "objects/instance.toml",
            "tools = [\"query\"]",
            "tools = [\"list_queries\"]",
            "briefing orders, signal late: `shop` may not be asked by this role",
        ),
    ] {
        instance.change(file, from, to);
        let (code, said, _) = instance.run(&["check"]);
        assert_eq!(code, 1, "{to}: {said}");
        assert!(said.contains(told), "{told}\nnot in\n{said}");
        instance.change(file, to, from);
    }

    let (from, to) = ("shop.db", "shop.gone");
    instance.change("objects/instance.toml", from, to);
    let (code, said, _) = instance.run(&["check"]);
    assert_eq!(code, 1, "{said}");
    let gone = format!(
        "the SQLite file {} is not there",
        instance.path().join(to).display()
    );
    assert!(said.contains(&gone), "{said}");
    assert!(said.contains("so nothing can be said of late"), "{said}");
    assert!(
        !instance.path().join("delivered/olga").exists(),
        "nothing is delivered"
    );
}

#[tokio::test]
async fn check_reads_the_files_before_they_are_applied() {
    let instance = Instance::new().await;
    instance.settings("");
    instance.change("daybrief.toml", "[folder]", "admin = 'olga'\n[folder]");
    let (code, said, _) = instance.run(&["check"]);
    assert_eq!(code, 0, "{said}");
    instance.change("daybrief.toml", "['objects']", "['objects', 'nowhere']");
    let (code, said, _) = instance.run(&["check"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("nowhere: cannot be read"), "{said}");
}

#[tokio::test]
async fn apply_tells_a_line_an_object_and_the_lines_of_what_changes() {
    let instance = Instance::new().await;
    let (code, said, _) = instance.run(&["apply", "--dry-run"]);
    assert_eq!(code, 0);
    assert!(said.lines().count() < 40, "{said}");
    assert!(
        said.contains("+ user olga (") && said.contains("objects/instance.toml:"),
        "{said}"
    );
    assert!(said.contains("+ role ceo (shipped)"), "{said}");
    assert!(
        said.contains(" to add, 0 to change, 0 to remove; nothing was applied"),
        "{said}"
    );
    let (_, all, _) = instance.run(&["apply", "--dry-run", "--diff"]);
    assert!(all.lines().count() > 300, "{}", all.lines().count());
    let (_, said, _) = instance.run(&["apply", "--dry-run", "--json"]);
    let last: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!(last["applied"], 0);
    assert!(last["add"].as_u64().unwrap() > 5);
    assert_eq!(instance.run(&["apply", "--yes"]).0, 0);
    let (_, said, _) = instance.run(&["apply", "--yes"]);
    assert_eq!(said, "nothing changes\n");
    let (_, said, _) = instance.run(&["apply", "--yes", "--json"]);
    assert_eq!(
        said,
        "{\"applied\":0,\"add\":0,\"change\":0,\"remove\":0}\n"
    );
    instance.change("objects/instance.toml", "at 07:00", "at 08:00");
    let (_, said, _) = instance.run(&["apply", "--yes"]);
    assert!(
        said.contains("    - when = \"weekdays at 07:00\"\n    + when = \"weekdays at 08:00\""),
        "{said}"
    );
    assert!(
        said.contains("0 to add, 1 to change, 0 to remove\n1 objects applied"),
        "{said}"
    );
}

#[tokio::test]
async fn a_brief_that_is_sent_by_hand_is_told_with_each_delivery() {
    let instance = Instance::new().await;
    assert_eq!(instance.run(&["apply", "--yes"]).0, 0);
    for _ in 0..3 {
        let (code, said, _) = instance.run(&["schedule", "send", "orders"]);
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("1 of 1 delivered"), "{said}");
        assert!(said.contains("    folder olga: sent"), "{said}");
    }
    let (_, said, _) = instance.run(&["schedule", "list"]);
    let last = said.lines().find(|line| line.contains("last")).unwrap();
    assert!(last.ends_with(" UTC: 1 of 1 delivered"), "{said}");
    assert!(
        !last.contains('T') || !last.contains('Z'),
        "one form of time: {last}"
    );

    // A mail server that is not there: the channel's own answer, and nothing waits for ever.
    instance.settings(
        "[email]\nhost = '127.0.0.1'\nport = 9\nfrom = 'daybrief@acme.example'\ntls = 'none'\n",
    );
    instance.change(
        "objects/instance.toml",
        "\"folder\"",
        "\"folder\", \"email\"",
    );
    instance.change(
        "objects/instance.toml",
        "name = \"Olga\"",
        "name = \"Olga\"\nemail = \"olga@acme.example\"",
    );
    let (code, said, why) = instance.run(&["apply", "--yes"]);
    assert_eq!(code, 0, "{said}{why}");
    let (code, said, _) = instance.run(&["schedule", "send", "orders", "--wait", "2"]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("1 of 2 delivered so far"), "{said}");
    assert!(
        said.contains("    email olga@acme.example: not delivered yet: "),
        "{said}"
    );
    let (_, said, _) = instance.run(&["--json", "schedule", "send", "orders", "--wait", "1"]);
    let told: Value = serde_json::from_str(said.trim()).unwrap();
    let mail = told["deliveries"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["channel"] == "email");
    assert_eq!(mail.unwrap()["state"], "waiting", "{told}");
    assert!(
        mail.unwrap()["why"]
            .as_str()
            .is_some_and(|why| !why.is_empty()),
        "{told}"
    );
}

#[tokio::test]
async fn a_model_without_its_key_is_said_to_the_reader_and_to_the_admin() {
    let instance = Instance::new().await;
    instance.settings(
        "[wording]\nroute = ['m']\n[[model]]\nid = 'm'\nkind = 'openai'\nbase_url = 'http://127.0.0.1:9/v1'\nmodel = 'x'\n\
         local = true\napi_key = 'env:DAYBRIEF_TEST_NO_SUCH'\n",
    );
    assert_eq!(instance.run(&["apply", "--yes"]).0, 0);
    let missing = "the secret `env:DAYBRIEF_TEST_NO_SUCH` is not set";
    let (code, said, why) = instance.run(&["run", "orders"]);
    assert_eq!(code, 0, "{said}{why}");
    let said: String = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains("Plain edition: the model is not set up completely"),
        "{said}"
    );
    assert!(
        !said.contains("DAYBRIEF_TEST_NO_SUCH"),
        "a reader is told no name of a secret"
    );
    assert!(why.contains(missing), "{why}");
    let (_, said, why) = instance.run(&["ask", "Which orders are late?", "--role", "operations"]);
    assert!(why.contains(missing), "{why}");
    assert!(!said.contains("no model is set up"), "{said}");
    let (code, said, _) = instance.run(&["check"]);
    assert_eq!(code, 1);
    assert_eq!(said.matches(missing).count(), 1, "{said}");
    let (_, said, _) = instance.run(&["usage", "--json"]);
    let total: u64 = said
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|line| line["tokens_in"].as_u64())
        .sum();
    assert_eq!(total, 0, "{said}");
}

#[tokio::test]
async fn what_is_written_wrongly_on_the_command_line_says_how_it_is_written() {
    let instance = Instance::new().await;
    let (code, _, why) = instance.run(&["run", "orders", "--at", "yesterday"]);
    assert_eq!(code, 2);
    assert!(why.contains("2026-11-24T07:10:00+01:00"), "{why}");
    let (code, said, why) = instance.run(&["run", "orders", "--at", "yesterday", "--json"]);
    assert_eq!((code, said.as_str()), (2, ""));
    let told: Value = serde_json::from_str(why.trim()).unwrap();
    assert_eq!(told[0]["code"], "usage");
    assert!(
        told[0]["what"]
            .as_str()
            .unwrap()
            .contains("2026-11-24T07:10:00+01:00"),
        "{told}"
    );
    let (code, _, why) = instance.run(&["serve", "--listen", "nonsense"]);
    assert_eq!(code, 1);
    assert!(why.contains("`nonsense` is no address: HOST:PORT"), "{why}");
    for (dsn, told) in [
        (
            "env:DAYBRIEF_TEST_NO_SUCH",
            "the variable `DAYBRIEF_TEST_NO_SUCH` is not set",
        ),
        (
            "/nowhere/shop.db",
            "the SQLite file /nowhere/shop.db is not there",
        ),
    ] {
        let (code, _, why) = instance.run(&["connector", "sql", "--dsn", dsn]);
        assert_eq!(code, 1);
        assert!(why.contains(told), "{why}");
    }
}

#[tokio::test]
async fn a_machine_is_told_something_where_there_is_nothing() {
    let instance = Instance::new().await;
    for args in [
        &["usage", "--json"][..],
        &["proposal", "list", "--json"],
        &["user", "list", "--json"],
        &["schedule", "list", "--json"],
        &["token", "list", "--json"],
    ] {
        let (code, said, _) = instance.run(args);
        assert_eq!((code, said.as_str()), (0, "[]\n"), "{args:?}");
    }
}

#[tokio::test]
async fn who_is_erased_leaves_a_list_of_what_the_admin_still_has_to_do() {
    let instance = Instance::new().await;
    assert_eq!(instance.run(&["apply", "--yes"]).0, 0);
    assert_eq!(instance.run(&["schedule", "send", "orders"]).0, 0);
    let (code, _, why) = instance.run(&[
        "data", "erase", "--user", "olga", "--reason", "asked", "--yes",
    ]);
    assert_eq!(code, 1);
    assert!(
        why.contains("to erase a person a reason of at least 8 characters is needed"),
        "{why}"
    );
    assert!(
        !why.contains("trail / say why you look") && !why.contains("read the trail"),
        "{why}"
    );
    let (code, said, why) = instance.run(&[
        "data",
        "erase",
        "--user",
        "olga",
        "--reason",
        "she asked for it",
        "--yes",
    ]);
    assert_eq!(code, 0, "{said}{why}");
    assert!(
        why.contains("objects/instance.toml:") && why.contains(" still defines them"),
        "{why}"
    );
    let delivered = instance.path().join("delivered/olga").display().to_string();
    assert!(why.contains(&delivered), "{why}");
    instance.change(
        "objects/instance.toml",
        "[[user]]\nid = \"olga\"\nname = \"Olga\"\nroles = [\"operations\"]\n",
        "",
    );
    instance.change(
        "objects/instance.toml",
        "{ user = \"olga\", via",
        "{ role = \"operations\", via",
    );
    let (_, said, _) = instance.run(&["apply", "--yes"]);
    assert!(
        said.contains("objects applied") || said.contains("nothing changes"),
        "{said}"
    );
    let (code, said, _) = instance.run(&["check"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("✗ schedule orders: nobody gets it"), "{said}");
    assert!(
        !said.contains("is paused, or its rule") && !said.contains("schedule `orders`: schedule"),
        "{said}"
    );
    let (_, said, _) =
        instance.run(&["user", "invite", "ann@acme.example", "--role", "operations"]);
    assert!(
        !said.contains("may sign in") && said.contains("daybrief ask --user ann"),
        "{said}"
    );
}

/// The blocks of a page: the language and the text of each.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    page.split("```")
        .skip(1)
        .step_by(2)
        .filter_map(|block| block.split_once('\n'))
        .collect()
}

#[test]
fn the_page_that_leads_to_a_brief_works_as_written() {
    if Command::new("sqlite3").arg("--version").output().is_err() {
        println!("skipped: there is no sqlite3");
        return;
    }
    let page = include_str!("../../docs/write-a-briefing.md");
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_daybrief")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let acme = folder.path().join("acme");
    let mut said = String::new();
    for (language, text) in blocks(page) {
        match (language, text.strip_prefix("# file: ")) {
            ("toml", Some(text)) => {
                let (name, text) = text.split_once('\n').unwrap();
                fs::write(acme.join(name), text).unwrap();
            }
            ("sh", _) => {
                let here = if acme.exists() {
                    acme.as_path()
                } else {
                    folder.path()
                };
                let output = Command::new("bash")
                    .args(["-e", "-c", text])
                    .current_dir(here)
                    .env("PATH", &path)
                    .stdin(Stdio::null())
                    .output()
                    .unwrap();
                assert!(output.status.success(), "{text}\n{output:?}");
                said.push_str(&String::from_utf8(output.stdout).unwrap());
            }
            _ => {}
        }
    }
    assert!(
        said.contains("Order 1001 for Migros is 9 days late"),
        "{said}"
    );
    assert!(
        said.contains("✓ briefing orders: its sources answered"),
        "{said}"
    );
    assert!(said.contains("1 of 1 delivered"), "{said}");
    assert!(said.contains("brief.html"), "{said}");
}

/// A process that ends with the test.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_daemon_tells_the_admin_of_a_key_that_is_missing_and_logs_what_it_delivered() {
    let instance = Instance::new().await;
    instance.change("daybrief.toml", "[folder]", "admin = 'olga'\n[folder]");
    instance.settings(
        "[wording]\nroute = ['m']\n[[model]]\nid = 'm'\nkind = 'openai'\nbase_url = 'http://127.0.0.1:9/v1'\nmodel = 'x'\n\
         local = true\napi_key = 'env:DAYBRIEF_TEST_NO_SUCH'\n",
    );
    let log = instance.path().join("serve.log");
    let mut daemon = Running(
        Command::new(env!("CARGO_BIN_EXE_daybrief"))
            .arg("--config")
            .arg(instance.path().join("daybrief.toml"))
            .args(["serve", "--json"])
            .env_remove("DAYBRIEF_TEST_NO_SUCH")
            .env_remove("DAYBRIEF_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap(),
    );
    let mut line = String::new();
    BufReader::new(daemon.0.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    assert!(
        ready["ready"]
            .as_str()
            .is_some_and(|url| url.starts_with("http://127.0.0.1:"))
    );
    let until = Instant::now() + Duration::from_secs(30);
    let said = loop {
        let said = fs::read_to_string(&log).unwrap();
        if said.contains("\"message\":\"delivered\"") {
            break said;
        }
        assert!(Instant::now() < until, "{said}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let delivered = said
        .lines()
        .find(|line| line.contains("\"message\":\"delivered\""));
    let delivered: Value = serde_json::from_str(delivered.unwrap()).unwrap();
    assert_eq!(delivered["channel"], "folder", "{delivered}");
    assert!(delivered["delivery"].is_string() && delivered["run"].is_string());
    let told = files_below(&instance.path().join("delivered/olga"))
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .any(|text| text.contains("DAYBRIEF_TEST_NO_SUCH"));
    assert!(told, "the admin is told which secret is missing");
}

fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found
}
