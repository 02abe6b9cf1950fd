//! What weakens a brief and keeps none from being made: told by `apply` from the files, by `check` from the servers too.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::json;

const BRIEFING: &str = "
[role]
id = 'r'
title = 'R'
[[role.grants]]
connector = 'tracker'
tools = ['*']
[briefing]
id = 'b'
title = 'B'
role = 'r'
[[signal]]
id = 's'
title = 'S'
connector = 'tracker'
tool = 'get_issue'
key = 'item.id'
headline = 'An issue is late'
severity = \"'high' if item.late else 'low'\"
";

fn daybrief(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_daybrief"))
        .args(args)
        .current_dir(folder)
        .env_remove("DAYBRIEF_CONFIG")
        .output()
        .unwrap()
}

#[test]
fn what_weakens_a_brief_is_told_before_it_is_due() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let server = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/canned_mcp.py");
    let tools = json!({ "tools": [
        { "name": "get_issue", "answer": [] },
        { "name": "wipe", "annotations": { "destructiveHint": true } },
        { "name": "create_issue", "annotations": {} },
        { "name": "close_month", "annotations": { "readOnlyHint": true } },
        { "name": "delete_draft", "annotations": {} },
    ] });
    fs::write(root.join("tracker.json"), tools.to_string()).unwrap();
    fs::create_dir(root.join("objects")).unwrap();
    fs::write(
        root.join("daybrief.toml"),
        "[instance]\nname = 'A'\nobjects = ['objects']\n",
    )
    .unwrap();
    let command = json!([
        "python3",
        server,
        root.join("tracker.json"),
        root.join("calls")
    ]);
    fs::write(
        root.join("objects/all.toml"),
        format!(
            "[connector]\nid = 'tracker'\ntitle = 'Tracker'\ncommand = {command}\n\
             tools = {{ '*' = 'read', delete_draft = 'read' }}\n{BRIEFING}"
        ),
    )
    .unwrap();

    let applied = daybrief(root, &["apply", "--yes"]);
    let told = String::from_utf8_lossy(&applied.stderr);
    assert!(applied.status.success(), "{told}");
    for part in [
        "all.toml:5: connector `tracker`: `tools` has every tool as one that reads",
        "signal `s`: `next` is missing",
        "signal `s`: `severity` can be high and `can_be_high` is not set",
    ] {
        assert!(told.contains(part), "{part}\nnot in\n{told}");
    }

    let checked = daybrief(root, &["check"]);
    let lines = String::from_utf8_lossy(&checked.stdout);
    assert!(
        lines.contains("that seem to write: `create_issue`, `wipe` →"),
        "{lines}"
    );
    assert!(lines.contains("`next` is missing"), "{lines}");
}
