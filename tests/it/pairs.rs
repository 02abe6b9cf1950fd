//! Public MCP servers in front of the systems they are for: each answer becomes a finding, and its value is compared
//! with what the system itself says.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::{Value, json};

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
