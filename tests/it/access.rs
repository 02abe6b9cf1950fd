//! Who may what, and who is let in, as an admin sees it on the command line.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

const OBJECTS: &str = r#"
[[connector]]
id = "crm"
title = "CRM"
command = ["crm"]
tools = { query = "read", add_note = "action", "list_*" = "read" }

[[connector]]
id = "ledger"
title = "Ledger"
command = ["ledger"]
tools = { query = "read", select = "read" }

[[role]]
id = "analyst"
title = "Analyst"
[[role.grants]]
connector = "ledger"
tools = ["select"]
when = [{ arg = "sql", statement = "select", tables = ["v_orders"] }]

[[place]]
id = "all-hands"
surface = "slack"
channel = "C1"
as = "member"

[[place]]
id = "sales"
surface = "slack"
channel = "C2"
as = "vp-sales"

[[user]]
id = "lena"
name = "Lena"
roles = ["vp-sales", "analyst"]

[[user]]
id = "gone"
name = "Gone"
roles = ["vp-sales"]
state = "disabled"
"#;

fn daybrief(folder: &Path, args: &[&str]) -> (i32, Value, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_daybrief"))
        .args(args)
        .args(["--json", "--config"])
        .arg(folder.join("daybrief.toml"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let last = text.lines().last().unwrap_or("null").to_owned();
    (
        output.status.code().unwrap(),
        serde_json::from_str(&last).unwrap(),
        text,
    )
}

fn instance() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("objects")).unwrap();
    fs::write(folder.path().join("objects/all.toml"), OBJECTS).unwrap();
    fs::write(
        folder.path().join("daybrief.toml"),
        "[instance]\nname = 'Acme'\nobjects = ['objects']\n",
    )
    .unwrap();
    folder
}

#[test]
fn explain_says_whether_a_call_is_allowed_and_by_which_rule() {
    let folder = instance();
    let objects = folder.path().join("objects");
    for (args, code, allowed, alone) in [
        (
            vec!["--role", "vp-sales", "--tool", "crm/query"],
            0,
            true,
            false,
        ),
        (
            vec!["--user", "lena", "--tool", "crm/query"],
            0,
            true,
            false,
        ),
        (
            vec![
                "--role",
                "vp-sales",
                "--tool",
                "crm/query",
                "--surface",
                "slack",
            ],
            0,
            true,
            false,
        ),
        (
            vec![
                "--role",
                "vp-sales",
                "--tool",
                "add_note",
                "--surface",
                "web",
            ],
            0,
            true,
            false,
        ),
        (
            vec![
                "--role",
                "vp-sales",
                "--tool",
                "add_note",
                "--surface",
                "schedule",
            ],
            4,
            false,
            false,
        ),
        (
            vec!["--role", "member", "--tool", "crm/query"],
            4,
            false,
            false,
        ),
        (
            vec!["--role", "vp-sales", "--tool", "ledger/query"],
            4,
            false,
            false,
        ),
        (
            vec!["--role", "vp-sales", "--tool", "crm/nothing"],
            4,
            false,
            false,
        ),
        (
            vec!["--role", "vp-sales", "--tool", "nowhere/query"],
            4,
            false,
            false,
        ),
        (
            vec!["--role", "vp-sales", "--tool", "nothing"],
            4,
            false,
            false,
        ),
        (
            vec!["--user", "gone", "--tool", "crm/query"],
            4,
            false,
            false,
        ),
        (
            vec!["--user", "lena", "--role", "ceo", "--tool", "crm/query"],
            4,
            false,
            false,
        ),
        (
            vec![
                "--role",
                "vp-sales",
                "--tool",
                "crm/query",
                "--surface",
                "slack",
                "--channel",
                "C2",
            ],
            0,
            true,
            false,
        ),
        (
            vec![
                "--role",
                "vp-sales",
                "--tool",
                "crm/query",
                "--surface",
                "slack",
                "--channel",
                "C1",
            ],
            4,
            false,
            true,
        ),
        (
            vec![
                "--role",
                "vp-sales",
                "--tool",
                "crm/query",
                "--surface",
                "slack",
                "--channel",
                "C9",
            ],
            4,
            false,
            true,
        ),
        (
            vec![
                "--role",
                "vp-sales",
                "--tool",
                "crm/query",
                "--surface",
                "teams",
                "--channel",
                "C2",
            ],
            4,
            false,
            true,
        ),
        (
            vec![
                "--role",
                "analyst",
                "--tool",
                "select",
                "--args",
                r#"{"sql": "select * from v_orders"}"#,
            ],
            0,
            true,
            false,
        ),
        (
            vec![
                "--role",
                "analyst",
                "--tool",
                "select",
                "--args",
                r#"{"sql": "select * from pay"}"#,
            ],
            4,
            false,
            false,
        ),
        (
            vec!["--role", "analyst", "--tool", "select"],
            4,
            false,
            false,
        ),
    ] {
        let mut all = vec!["access", "explain", "--objects", objects.to_str().unwrap()];
        all.extend(args);
        let (got, said, _) = daybrief(folder.path(), &all);
        assert_eq!(got, code, "{all:?}: {said}");
        assert_eq!(said["allowed"], allowed, "{all:?}: {said}");
        assert_eq!(said["only_alone"], alone, "{all:?}: {said}");
        assert!(said["rule"].as_str().is_some_and(|rule| !rule.is_empty()));
        assert!(said["why"].as_str().is_some_and(|why| !why.is_empty()));
    }
}

#[test]
fn what_explain_cannot_tell_is_a_clear_problem() {
    let folder = instance();
    let objects = folder.path().join("objects");
    for (args, part) in [
        (
            vec!["--role", "vp-sales", "--tool", "query"],
            "crm/query, ledger/query",
        ),
        (
            vec!["--role", "vp-sale", "--tool", "crm/query"],
            "did you mean `vp-sales`?",
        ),
        (
            vec!["--user", "lean", "--tool", "crm/query"],
            "did you mean `lena`?",
        ),
        (
            vec!["--role", "vp-sales", "--tool", "crm/query", "--args", "[]"],
            "no JSON object",
        ),
        (
            vec![
                "--role",
                "vp-sales",
                "--tool",
                "crm/query",
                "--channel",
                "C1",
            ],
            "--surface",
        ),
    ] {
        let mut all = vec!["access", "explain", "--objects", objects.to_str().unwrap()];
        all.extend(args);
        let (code, _, text) = daybrief(folder.path(), &all);
        assert_eq!(code, 1, "{all:?}");
        assert!(text.contains(part), "{part} not in {text}");
    }
}

#[test]
fn people_are_let_in_and_shut_out_and_each_change_is_in_the_trail() {
    let folder = instance();
    let run = |args: &[&str]| daybrief(folder.path(), args);
    assert_eq!(run(&["apply", "--yes"]).0, 0);
    let (code, said, _) = run(&["user", "invite", "Ann.Lee@acme.example", "--role", "member"]);
    assert_eq!(code, 0);
    assert_eq!(
        said,
        json!({"id": "ann.lee", "state": "active", "roles": ["member"]})
    );
    // The same address again, and a role that is not there.
    assert_eq!(
        run(&["user", "invite", "ann.lee@ACME.example", "--role", "member"]).0,
        1
    );
    assert_eq!(
        run(&["user", "invite", "bob@acme.example", "--role", "membr"]).0,
        1
    );
    assert_eq!(run(&["user", "invite", "bob", "--role", "member"]).0, 1);

    let asks = |user: &str| run(&["access", "explain", "--user", user, "--tool", "crm/query"]).0;
    assert_eq!(asks("lena"), 0);
    assert_eq!(run(&["user", "disable", "lena"]).1["state"], "disabled");
    assert_eq!(asks("lena"), 4);
    assert_eq!(
        run(&["user", "approve", "lena"]).0,
        1,
        "disabled is not waiting"
    );
    assert_eq!(run(&["user", "enable", "lena"]).1["state"], "active");
    assert_eq!(asks("lena"), 0);
    let (_, said, _) = run(&["user", "approve", "ann.lee", "--role", "support"]);
    assert_eq!(said["roles"], json!(["member", "support"]));
    let (_, _, text) = run(&["user", "list"]);
    assert_eq!(text.lines().count(), 3, "{text}");

    let (_, verified, _) = run(&["audit", "verify"]);
    assert_eq!(verified["ok"], true);
    let before = verified["entries"].as_u64().unwrap();
    assert_eq!(run(&["user", "disable", "gone"]).0, 0);
    assert_eq!(
        run(&["audit", "verify"]).1["entries"],
        before,
        "nothing changed, nothing is written"
    );
    assert_eq!(run(&["user", "disable", "ann.lee"]).0, 0);
    assert_eq!(run(&["audit", "verify"]).1["entries"], before + 1);
    assert_eq!(
        run(&["role", "show", "analyst"]).1["grants"][0]["connector"],
        "ledger"
    );
    assert_eq!(run(&["role", "list"]).2.lines().count(), 8);
}

#[test]
fn the_examples_in_the_docs_mean_what_they_say() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/roles.md");
    let page = fs::read_to_string(page).unwrap();
    let examples: Vec<&str> = page
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert_eq!(examples.len(), 2);
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in ["role", "place"].iter().zip(&examples) {
        fs::write(folder.path().join(format!("{name}.toml")), text).unwrap();
    }
    fs::write(
        folder.path().join("connector.toml"),
        "[connector]\nid = 'ledger'\ntitle = 'Ledger'\ncommand = ['x']\n[connector.tools]\n'*' = 'read'\nadd_note = 'action'\n",
    )
    .unwrap();
    let objects = folder.path().to_str().unwrap();
    for (tool, args, channel, code) in [
        (
            "select",
            r#"{"sql": "select day::date from v_orders"}"#,
            "",
            0,
        ),
        (
            "select",
            r#"{"sql": "select * from v_orders"}"#,
            "C0123456789",
            4,
        ),
        ("select", r#"{"sql": "select * from pay"}"#, "", 4),
        (
            "get_project",
            r#"{"project": "ENG", "params": {"region": "EU"}}"#,
            "",
            0,
        ),
        (
            "get_project",
            r#"{"project": "ENG", "params": {"region": "US"}}"#,
            "",
            4,
        ),
        ("get_project", "{}", "", 4),
        ("get_totals", r#"{"limit": 100}"#, "", 0),
        ("get_totals", r#"{"limit": 101}"#, "", 4),
        ("get_payroll", "{}", "", 4),
        ("add_note", "{}", "", 0),
    ] {
        let tool = format!("ledger/{tool}");
        let mut all = vec![
            "access",
            "explain",
            "--objects",
            objects,
            "--role",
            "analyst",
        ];
        all.extend(["--tool", &tool, "--args", args]);
        if channel.is_empty() {
            all.extend(["--surface", "web"]);
        } else {
            all.extend(["--surface", "slack", "--channel", channel]);
        }
        let (got, said, _) = daybrief(folder.path(), &all);
        assert_eq!(got, code, "{tool} {args}: {said}");
    }
}
