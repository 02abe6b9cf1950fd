//! Two corpora that were written without knowledge of the filter: what must not pass, and what must.

use std::{
    collections::BTreeMap,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

/// Shares that a filter must reach to be one: of the bad caught, of the good touched, in thousandths.
const FEWEST_CAUGHT: usize = 990;
const MOST_TOUCHED: usize = 5;

fn corpus(name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/guard")
        .join(name);
    std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What the program says of each text, by id.
fn verdicts(lines: &[Value]) -> BTreeMap<String, Value> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_daybrief"))
        .args(["guard", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input: String = lines
        .iter()
        .map(|line| {
            let context = line.get("context").cloned().unwrap_or(json!({}));
            let line = json!({ "id": line["id"], "text": line["text"], "context": context });
            format!("{line}\n")
        })
        .collect();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout)
        .unwrap()
        .split('\n')
        .filter(|line| !line.is_empty())
        .map(|line| {
            let said: Value = serde_json::from_str(line).unwrap();
            (said["id"].as_str().unwrap().to_owned(), said)
        })
        .collect()
}

#[test]
fn of_what_must_not_pass_hardly_anything_does() {
    let lines = corpus("must-not-pass.jsonl");
    assert!(lines.len() >= 500);
    let said = verdicts(&lines);
    let missed: Vec<&str> = lines
        .iter()
        .filter(|line| {
            let said = &said[line["id"].as_str().unwrap()];
            let text = said["text"].as_str().unwrap();
            let never = line["never"].as_array().unwrap();
            said["verdict"] == "pass"
                || never
                    .iter()
                    .any(|never| text.contains(never.as_str().unwrap()))
        })
        .map(|line| line["id"].as_str().unwrap())
        .collect();
    let caught = lines.len() - missed.len();
    println!("caught {caught} of {}: missed {missed:?}", lines.len());
    assert!(caught * 1000 >= lines.len() * FEWEST_CAUGHT, "{missed:?}");
}

#[test]
fn of_what_must_pass_hardly_anything_is_touched() {
    let lines = corpus("must-pass.jsonl");
    assert!(lines.len() >= 500);
    let said = verdicts(&lines);
    let touched: Vec<&str> = lines
        .iter()
        .filter(|line| {
            let said = &said[line["id"].as_str().unwrap()];
            said["verdict"] != "pass" || said["text"] != line["text"]
        })
        .map(|line| line["id"].as_str().unwrap())
        .collect();
    println!("touched {} of {}: {touched:?}", touched.len(), lines.len());
    assert!(
        touched.len() * 1000 <= lines.len() * MOST_TOUCHED,
        "{touched:?}"
    );
}
