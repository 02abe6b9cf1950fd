//! Sources that fail in every way beside one that answers: the brief comes in time and says what it does not know.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::Value;

/// The time-out of the sources that fail, plus what the rest may take on a busy machine.
const IN_TIME: Duration = Duration::from_secs(3 + 7);

#[test]
fn a_source_that_hangs_one_that_dies_and_one_that_floods_are_three_gaps_and_the_brief_is_in_time() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let server = root.join("tests/peers/hostile_mcp.py");
    let objects = fs::read_to_string(root.join("tests/data/gaps/objects.toml"))
        .unwrap()
        .replace("{server}", server.to_str().unwrap());
    fs::write(folder.path().join("objects.toml"), objects).unwrap();
    let begun = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_daybrief"))
        .args(["run", "morning", "--json", "--out"])
        .arg(folder.path().join("out"))
        .arg("--objects")
        .arg(folder.path())
        .output()
        .unwrap();
    let took = begun.elapsed();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(took < IN_TIME, "{took:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut gaps: Vec<(String, String)> = report["gaps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gap| {
            let text = |key: &str| gap[key].as_str().unwrap().to_owned();
            (text("connector"), text("cause"))
        })
        .collect();
    gaps.sort();
    let pair = |connector: &str, cause: &str| (connector.to_owned(), cause.to_owned());
    assert_eq!(
        gaps,
        [
            pair("dies", "unreachable"),
            pair("floods", "too-large"),
            pair("hangs", "timeout")
        ]
    );
    assert_eq!(report["checked"]["checked"], 1);
    assert_eq!(report["decide"].as_array().unwrap().len(), 1);
    let text = fs::read_to_string(folder.path().join("out/brief.txt")).unwrap();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // What a high signal depends on is said at the top, the others in the foot.
    let top = text.find("Errors did not answer in time").unwrap();
    assert!(top < text.find("BOTTOM LINE").unwrap(), "{text}");
    assert_eq!(report["subject"], "Engineering: 1 risk, Errors not checked");
    for source in ["Pipelines", "Support"] {
        assert!(text.contains(source), "{source}: {text}");
    }
}
