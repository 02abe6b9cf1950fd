//! Public MCP servers in front of the systems they are for: each answer becomes a finding, and its value is compared
//! with what the system itself says.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use mongodb::bson::{self, doc};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::{Connection, Executor, Row};

use crate::peer;

/// The morning of all these briefs, 07:00 in Zurich.
const MORNING: &str = "2026-11-24T07:00:00+01:00";

/// What opens the emulated systems; jira820 takes any token.
const TOKEN: &str = "admin-service-token";

/// A folder with the objects of a pair, its placeholders filled in.
struct Pair {
    folder: tempfile::TempDir,
}

impl Pair {
    fn new(name: &str, fill: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pairs");
        let mut objects = fs::read_to_string(data.join(format!("{name}.toml"))).unwrap();
        let place = folder.path().display().to_string();
        for (name, value) in fill.iter().chain(&[("folder", place.as_str())]) {
            objects = objects.replace(&format!("{{{name}}}"), value);
        }
        fs::create_dir(folder.path().join("objects")).unwrap();
        fs::write(folder.path().join("objects/pair.toml"), objects).unwrap();
        fs::write(folder.path().join("token"), TOKEN).unwrap();
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The report of the morning's brief; nothing is kept.
    fn report(&self) -> Value {
        let output = daybrief(self.path())
            .args(["run", "morning", "--json", "--at", MORNING])
            .args(["--zone", "Europe/Zurich", "--objects", "objects"])
            .output()
            .unwrap();
        read(&output)
    }
}

fn daybrief(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daybrief"));
    command.current_dir(folder);
    command
}

fn read(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// The findings as (signal, headline), in order, where nothing was left unchecked.
fn found(report: &Value) -> Vec<(String, String)> {
    assert_eq!(report["gaps"], json!([]), "{report:#}");
    let checked = &report["checked"];
    assert_eq!(checked["checked"], checked["total"], "{report:#}");
    let mut found: Vec<(String, String)> = ["decide", "watch"]
        .iter()
        .flat_map(|section| report[section].as_array().unwrap())
        .map(|item| {
            let spans = item["headline"].as_array().unwrap();
            let words = spans.iter().map(|span| span["text"].as_str().unwrap());
            (item["signal"].as_str().unwrap().to_owned(), words.collect())
        })
        .collect();
    found.sort();
    found
}

fn pair(signal: &str, headline: impl Into<String>) -> (String, String) {
    (signal.to_owned(), headline.into())
}

/// Every signal of the report is a gap, and none found anything.
fn assert_all_gaps(report: &Value) {
    assert_eq!(report["findings"], json!([]), "{report:#}");
    assert_eq!(report["checked"]["checked"], 0, "{report:#}");
    assert_ne!(report["gaps"], json!([]), "{report:#}");
}

/// What a system answers over HTTP, asked past its MCP server.
fn get(args: &[&str]) -> Value {
    let output = Command::new("curl")
        .arg("-sfS")
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
    read(&output)
}

/// Calendar days from a date or instant to the morning.
fn days_since(date: &str) -> i32 {
    let day: jiff::civil::Date = date[..10].parse().unwrap();
    (jiff::civil::date(2026, 11, 24) - day).get_days()
}

#[test]
fn issues_of_jira_are_found_through_the_public_server() {
    let (Some(server), Some(jira)) = (
        peer("DAYBRIEF_TEST_MCP_ATLASSIAN"),
        peer("DAYBRIEF_TEST_JIRA"),
    ) else {
        return;
    };
    let brief = Pair::new("jira", &[("server", &server), ("jira", &jira)]);

    let overdue = "jql=statusCategory != Done and duedate <= \"2026-08-26\"";
    let search = format!("{jira}/rest/api/2/search");
    let known = get(&[
        "-G",
        &search,
        "--data-urlencode",
        overdue,
        "-d",
        "maxResults=50",
    ]);
    let mut expected: Vec<_> = known["issues"]
        .as_array()
        .unwrap()
        .iter()
        .map(|issue| {
            let field = |name: &str| days_since(issue["fields"][name].as_str().unwrap());
            let key = issue["key"].as_str().unwrap();
            pair(
                "overdue",
                format!(
                    "{key} is {} days late and was touched {} days ago",
                    field("duedate"),
                    field("updated")
                ),
            )
        })
        .collect();
    expected.sort();
    assert!((3..=7).contains(&expected.len()), "{expected:?}");
    assert_eq!(found(&brief.report()), expected);
}

/// How often the server is started. It lists the fields of a search in another order at each start.
const STARTS: usize = 20;

#[test]
fn the_tools_of_jira_stay_accepted_over_twenty_starts() {
    let (Some(server), Some(jira)) = (
        peer("DAYBRIEF_TEST_MCP_ATLASSIAN"),
        peer("DAYBRIEF_TEST_JIRA"),
    ) else {
        return;
    };
    let kept = Pair::new("jira", &[("server", &server), ("jira", &jira)]);
    let settings =
        "[instance]\nname = \"Acme\"\nzone = \"Europe/Zurich\"\nobjects = [\"objects\"]\n";
    fs::write(kept.path().join("daybrief.toml"), settings).unwrap();
    let applied = daybrief(kept.path())
        .args(["apply", "--yes"])
        .output()
        .unwrap();
    assert!(applied.status.success(), "{applied:?}");
    for start in 1..=STARTS {
        let listed = daybrief(kept.path())
            .args(["connector", "tools", "jira", "--json"])
            .output()
            .unwrap();
        assert!(listed.status.success(), "{listed:?}");
        let tools: Vec<Value> = String::from_utf8(listed.stdout)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .filter(|line: &Value| line["pin"].is_object())
            .collect();
        assert!(tools.len() > 30, "{tools:?}");
        for tool in tools {
            let state = tool["pin"]["state"].as_str().unwrap();
            assert!(
                ["accepted", "first-seen"].contains(&state),
                "start {start}: {tool:#}"
            );
        }
    }
    let brief = daybrief(kept.path())
        .args(["run", "morning", "--json", "--at", MORNING])
        .output()
        .unwrap();
    assert!(!found(&read(&brief)).is_empty());
}

/// Invoices as (number, customer, amount, due, paid). Two numbers are not told apart by a double.
const INVOICES: [(u64, &str, &str, &str, bool); 7] = [
    (
        9_007_199_254_740_993,
        "Hartmann",
        "4680.90",
        "2026-11-10",
        false,
    ),
    (
        9_007_199_254_740_992,
        "Hartmann",
        "1319.11",
        "2026-11-20",
        false,
    ),
    (3, "Lindt", "95.00", "2026-11-01", false),
    (4, "Migros", "2000.00", "2026-12-01", false),
    (5, "Coop", "999.99", "2026-11-23", false),
    (6, "Coop", "0.02", "2026-11-22", false),
    (7, "Coop", "5000.00", "2026-11-01", true),
];

#[test]
fn sums_of_clickhouse_are_found_through_the_public_server() {
    let Some(server) = peer("DAYBRIEF_TEST_MCP_CLICKHOUSE") else {
        return;
    };
    let brief = Pair::new("clickhouse", &[("server", &server)]);
    fill_warehouse(&server, &brief.path().join("warehouse"));

    let due = |customer: &str| {
        let rows = INVOICES
            .iter()
            .filter(|row| row.1 == customer && row.3 < "2026-11-24" && !row.4);
        let owed: Decimal = rows
            .clone()
            .map(|row| row.2.parse::<Decimal>().unwrap())
            .sum();
        let since = rows.clone().map(|row| days_since(row.3)).max().unwrap();
        (owed, rows.count(), since)
    };
    let (hartmann, of_hartmann, since_hartmann) = due("Hartmann");
    let (coop, of_coop, since_coop) = due("Coop");
    assert_eq!(
        (hartmann.to_string(), coop.to_string()),
        ("6000.01".into(), "1000.01".into())
    );
    let report = brief.report();
    assert_eq!(
        found(&report),
        [
            pair(
                "unpaid",
                format!("Coop owes EUR 1,000.01 on {of_coop} invoices for {since_coop} days")
            ),
            pair(
                "unpaid",
                format!(
                    "Hartmann owes EUR 6,000.01 on {of_hartmann} invoices for {since_hartmann} days"
                )
            ),
        ]
    );
    // The highest number, to its last digit.
    assert!(
        report.to_string().contains("9007199254740993"),
        "{report:#}"
    );
}

#[test]
fn what_clickhouse_refuses_is_a_gap_though_its_server_calls_it_an_answer() {
    let Some(server) = peer("DAYBRIEF_TEST_MCP_CLICKHOUSE") else {
        return;
    };
    let brief = Pair::new("clickhouse-refused", &[("server", &server)]);
    assert_all_gaps(&brief.report());
}

/// Writes the invoices with chDB itself, from the environment that the server lives in.
fn fill_warehouse(server: &str, place: &Path) {
    let rows: Vec<String> = INVOICES
        .iter()
        .map(|(id, customer, amount, due, paid)| {
            let paid = if *paid {
                format!("'{due}'")
            } else {
                "null".to_owned()
            };
            format!("({id}, '{customer}', {amount}, '{due}', {paid})")
        })
        .collect();
    let statements = [
        "create database shop".to_owned(),
        "create table shop.invoices (id UInt64, customer String, amount Decimal(18, 2), due Date, paid Nullable(Date)) \
         engine = MergeTree order by id"
            .to_owned(),
        format!("insert into shop.invoices values {}", rows.join(", ")),
    ];
    let script = "import sys\nfrom chdb import session\nopen_ = session.Session(sys.argv[1])\n\
                  for statement in sys.argv[2:]: open_.query(statement)\nopen_.close()\n";
    let output = Command::new(PathBuf::from(server).with_file_name("python"))
        .args(["-c", script])
        .arg(place)
        .args(statements)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// One answer of Redis in JSON, past the MCP server.
fn ask_redis(redis: &str, command: &[&str]) -> Value {
    let output = Command::new("redis-cli")
        .args(["-u", redis, "--json"])
        .args(command)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    read(&output)
}

#[test]
fn hashes_and_lists_of_redis_are_found_through_the_public_server() {
    let (Some(server), Some(redis)) =
        (peer("DAYBRIEF_TEST_MCP_REDIS"), peer("DAYBRIEF_TEST_REDIS"))
    else {
        return;
    };
    let deal = [
        "hset",
        "pairs:deal",
        "id",
        "4711",
        "customer",
        "Hartmann",
        "amount",
        "4680.90",
    ];
    ask_redis(
        &redis,
        &[&deal[..], &["moved", "2026-11-10", "stage", "open"]].concat(),
    );
    ask_redis(&redis, &["del", "pairs:queue", "pairs:jobs"]);
    ask_redis(
        &redis,
        &["rpush", "pairs:queue", "007", "1002", "1003", "1004"],
    );

    let brief = Pair::new("redis", &[("server", &server), ("redis", &redis)]);
    let jobs = [
        r#"{"id": 9007199254740993, "tries": 9}"#,
        r#"{"id": 9007199254740992, "tries": 4}"#,
    ];
    ask_redis(&redis, &[&["rpush", "pairs:jobs"], &jobs[..]].concat());
    let moved = ask_redis(&redis, &["hget", "pairs:deal", "moved"]);
    let still = days_since(moved.as_str().unwrap());
    let waiting = ask_redis(&redis, &["llen", "pairs:queue"]);
    assert_eq!(
        found(&brief.report()),
        [
            pair(
                "deal",
                format!("Hartmann has not moved for {still} days and is worth CHF 4,680.90")
            ),
            pair("job", "Job 9007199254740993 was tried 9 times"),
            pair("queue", format!("{waiting} orders wait, 007 before all")),
        ]
    );
}

#[test]
fn a_redis_that_is_not_there_is_a_gap_though_its_server_calls_it_an_answer() {
    let Some(server) = peer("DAYBRIEF_TEST_MCP_REDIS") else {
        return;
    };
    let brief = Pair::new(
        "redis",
        &[("server", &server), ("redis", "redis://127.0.0.1:1/0")],
    );
    assert_all_gaps(&brief.report());
}

#[test]
fn samples_of_prometheus_are_found_through_the_public_server() {
    let (Some(server), Some(prometheus)) = (
        peer("DAYBRIEF_TEST_MCP_PROMETHEUS"),
        peer("DAYBRIEF_TEST_PROMETHEUS"),
    ) else {
        return;
    };
    let brief = Pair::new(
        "prometheus",
        &[("server", &server), ("prometheus", &prometheus)],
    );

    let ask = format!("{prometheus}/api/v1/query");
    let query = "query=max_over_time(queue_depth{queue=\"orders\"}[1h])";
    let time = format!("time={MORNING}");
    let known = get(&[
        "-G",
        &ask,
        "--data-urlencode",
        query,
        "--data-urlencode",
        &time,
    ]);
    assert_eq!(known["data"]["result"][0]["value"][1], "1812.5");
    assert_eq!(
        found(&brief.report()),
        [
            pair("depth", "The queue orders held 1,812.5 messages at 07:00"),
            pair("depth", "The queue refunds held 1,001 messages at 07:00"),
        ]
    );
}

#[tokio::test]
async fn documents_of_mongodb_are_found_through_the_public_server() {
    let (Some(node), Some(server), Some(mongo)) = (
        peer("DAYBRIEF_TEST_NODE"),
        peer("DAYBRIEF_TEST_MCP_MONGODB"),
        peer("DAYBRIEF_TEST_MONGO"),
    ) else {
        return;
    };
    let client = mongodb::Client::with_uri_str(&mongo).await.unwrap();
    let invoices = client
        .database("pairs")
        .collection::<bson::Document>("invoices");
    invoices.drop().await.unwrap();
    let documents = INVOICES
        .iter()
        .map(|(number, customer, amount, due, paid)| {
            doc! {
                "number": format!("R-{number}"),
                "customer": *customer,
                "amount": amount.parse::<bson::Decimal128>().unwrap(),
                "due": bson::DateTime::parse_rfc3339_str(format!("{due}T00:00:00Z")).unwrap(),
                "transfer": i64::try_from(*number).unwrap(),
                "paid": *paid,
            }
        });
    invoices.insert_many(documents).await.unwrap();

    let fill = [
        ("node", &*node),
        ("server", &server),
        ("mongo", &mongo),
        ("database", "pairs"),
    ];
    let brief = Pair::new("mongodb", &fill);
    let morning = bson::DateTime::parse_rfc3339_str(MORNING).unwrap();
    let least = "1000".parse::<bson::Decimal128>().unwrap();
    let wanted = doc! { "paid": false, "due": { "$lt": morning }, "amount": { "$gte": least } };
    assert_eq!(invoices.count_documents(wanted.clone()).await.unwrap(), 2);
    let report = brief.report();
    assert_eq!(
        found(&report),
        [
            pair(
                "unpaid",
                "R-9007199254740992 of Hartmann over EUR 1,319.11 is 4 days late"
            ),
            pair(
                "unpaid",
                "R-9007199254740993 of Hartmann over EUR 4,680.90 is 14 days late"
            ),
        ]
    );
}

#[test]
fn a_board_of_notion_is_found_through_the_public_server() {
    let (Some(node), Some(server), Some(notion)) = (
        peer("DAYBRIEF_TEST_NODE"),
        peer("DAYBRIEF_TEST_MCP_NOTION"),
        peer("DAYBRIEF_TEST_NOTION"),
    ) else {
        return;
    };
    let headers = [
        &format!("Authorization: Bearer {TOKEN}"),
        "Notion-Version: 2025-09-03",
    ];
    let post = |path: &str| {
        let url = format!("{notion}/v1/{path}");
        get(&["-H", headers[0], "-H", headers[1], "--json", "{}", &url])
    };
    let all = post("search");
    let board = all["results"]
        .as_array()
        .unwrap()
        .iter()
        .find(|found| found["object"] == "data_source")
        .unwrap()["id"]
        .as_str()
        .unwrap();
    let fill = [
        ("node", node.as_str()),
        ("server", &server),
        ("notion", &notion),
        ("board", board),
    ];
    let brief = Pair::new("notion", &fill);

    let known = post(&format!("data_sources/{board}/query"));
    let mut expected: Vec<_> = known["results"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|page| page["properties"]["Status"]["select"]["name"] == "In progress")
        .map(|page| {
            let title = page["properties"]["title"]["title"][0]["plain_text"]
                .as_str()
                .unwrap();
            let still = days_since(page["last_edited_time"].as_str().unwrap());
            pair("stuck", format!("“{title}” has not moved for {still} days"))
        })
        .collect();
    expected.sort();
    assert!(!expected.is_empty());
    assert_eq!(found(&brief.report()), expected);

    // A token that is refused comes as data, and without an error.
    fs::write(brief.path().join("token"), "wrong-token").unwrap();
    let refused = brief.report();
    assert_all_gaps(&refused);
    assert!(!refused.to_string().contains("wrong-token"));
}

/// Runs the brief over an address in front of PostgreSQL, and sees that nothing can be written through it.
async fn through_a_pooler(address: &str, postgres: &str, table: &str) {
    let mut session = sqlx::PgConnection::connect(postgres).await.unwrap();
    for statement in [
        format!("drop table if exists {table} cascade"),
        format!(
            "create table {table} (id bigint, customer text, due date, amount numeric(12, 2), shipped date)"
        ),
        format!(
            "insert into {table} values (9007199254740993, 'Hartmann', '2026-11-10', 4680.90, null), (2, 'Lindt', '2026-11-20', 95, '2026-11-21'), (3, 'Migros', '2026-12-01', 2000, null)"
        ),
        format!(
            "create or replace function {table}_count() returns bigint language plpgsql as $$ begin insert into {table} values (0); return 1; end $$"
        ),
        format!("create or replace view {table}_counted as select {table}_count() as id"),
    ] {
        session
            .execute(sqlx::AssertSqlSafe(statement))
            .await
            .unwrap();
    }
    let brief = Pair::new("pgbouncer", &[("dsn", address)]);
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pairs");
    let queries = fs::read_to_string(data.join("pgbouncer-queries.toml")).unwrap();
    fs::write(
        brief.path().join("queries.toml"),
        queries.replace("{table}", table),
    )
    .unwrap();
    let objects = brief.path().join("objects/pair.toml");

    assert_eq!(
        found(&brief.report()),
        [pair(
            "late",
            "Order 9007199254740993 for Hartmann is 14 days late"
        )]
    );
    let writes = fs::read_to_string(&objects)
        .unwrap()
        .replace("open_orders", "counted");
    fs::write(&objects, writes).unwrap();
    assert_all_gaps(&brief.report());
    let count = sqlx::query(sqlx::AssertSqlSafe(format!("select count(*) from {table}")));
    let count: i64 = count.fetch_one(&mut session).await.unwrap().get(0);
    assert_eq!(count, 3, "a session behind a pooler can write");
}

#[tokio::test]
async fn postgresql_is_read_through_pgbouncer_as_debian_ships_it() {
    let (Some(pooler), Some(postgres)) = (
        peer("DAYBRIEF_TEST_PGBOUNCER"),
        peer("DAYBRIEF_TEST_POSTGRES"),
    ) else {
        return;
    };
    through_a_pooler(&pooler, &postgres, "pooled").await;
}

#[tokio::test]
async fn postgresql_is_read_only_behind_a_pgbouncer_that_ignores_options() {
    let (Some(pooler), Some(postgres)) = (
        peer("DAYBRIEF_TEST_PGBOUNCER_IGNORES"),
        peer("DAYBRIEF_TEST_POSTGRES"),
    ) else {
        return;
    };
    through_a_pooler(&pooler, &postgres, "pooled_ignoring").await;
}

#[tokio::test]
async fn postgresql_is_read_through_a_pgbouncer_that_lends_sessions_by_transaction() {
    let (Some(pooler), Some(postgres)) = (
        peer("DAYBRIEF_TEST_PGBOUNCER_LENDS"),
        peer("DAYBRIEF_TEST_POSTGRES"),
    ) else {
        return;
    };
    through_a_pooler(&pooler, &postgres, "pooled_lending").await;
}
