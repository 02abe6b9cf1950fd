//! The filter as others check it: texts that must not leave, and texts that must leave as they are.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
};

use serde_json::Value;

/// `daybrief guard --json` over these lines, in a folder without settings.
fn guard(input: Vec<u8>) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_daybrief"))
        .args(["guard", "--json"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    output
}

fn lines(bytes: &[u8]) -> Vec<Value> {
    bytes
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.trim_ascii().is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

/// Each line of a corpus beside what the program made of it.
fn corpus(name: &str) -> Vec<(Value, Value)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/guard")
        .join(name);
    let input = fs::read(path).unwrap();
    let given = lines(&input);
    let output = guard(input);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let made = lines(&output.stdout);
    assert_eq!(given.len(), made.len());
    given
        .into_iter()
        .zip(made)
        .inspect(|(given, made)| assert_eq!(given["id"], made["id"]))
        .collect()
}

/// Of a class of texts that must not leave, so many in a hundred are caught. Prompts told in other words and codes told in a
/// sentence are no promise of the filter: prompts hold no secret (`check` refuses one), and only what has a form is known.
const CAUGHT: [(&str, usize); 9] = [
    ("sql", 98),
    ("code", 97),
    ("error", 97),
    ("tool", 98),
    ("name", 98),
    ("host", 97),
    ("link", 95),
    ("hidden", 80),
    ("mention", 95),
];
/// Of a text's characters beside what must not leave, so many in a hundred stay.
const KEPT: usize = 60;

#[test]
fn what_must_not_leave_does_not_and_most_of_what_stands_beside_it_does() {
    let mut classes: BTreeMap<String, (usize, usize, usize, usize)> = BTreeMap::new();
    let all = ["must-not-pass.jsonl", "last-fresh-bad.jsonl"]
        .into_iter()
        .flat_map(corpus);
    for (given, made) in all {
        let text = made["text"].as_str().unwrap();
        let never: Vec<&str> = given["never"]
            .as_array()
            .unwrap()
            .iter()
            .map(|never| never.as_str().unwrap())
            .collect();
        let leaked = made["verdict"] == "pass" || never.iter().any(|never| text.contains(never));
        let length = |text: &str| text.chars().count();
        let beside = length(given["text"].as_str().unwrap())
            .saturating_sub(never.iter().map(|never| length(never)).sum());
        let kept = if made["verdict"] == "block" {
            0
        } else {
            length(&text.replace("[left out]", "")).min(beside)
        };
        let class = classes
            .entry(given["class"].as_str().unwrap().to_owned())
            .or_default();
        class.0 += 1;
        class.1 += usize::from(!leaked);
        class.2 += beside;
        class.3 += kept;
        if leaked {
            println!("leaked: {given}\n     as: {made}");
        }
    }
    for (class, (all, caught, beside, kept)) in &classes {
        println!("{class}: {caught} of {all} caught, {kept} of {beside} characters beside it kept");
    }
    for (class, least) in CAUGHT {
        let (all, caught, _, _) = classes[class];
        assert!(caught * 100 >= all * least, "{class}: {caught} of {all}");
    }
    let (beside, kept) = classes
        .values()
        .fold((0, 0), |sum, class| (sum.0 + class.2, sum.1 + class.3));
    assert!(kept * 100 >= beside * KEPT, "{kept} of {beside} characters");
}

#[test]
fn ordinary_business_language_leaves_as_it_is() {
    let all: Vec<_> = ["must-pass.jsonl", "last-fresh-good.jsonl"]
        .into_iter()
        .flat_map(corpus)
        .collect();
    let touched: Vec<_> = all
        .iter()
        .filter(|(given, made)| made["verdict"] != "pass" || made["text"] != given["text"])
        .collect();
    for (given, made) in &touched {
        println!("touched: {given}\n     as: {made}");
    }
    println!("{} of {} touched", touched.len(), all.len());
    assert!(
        touched.iter().all(|(given, _)| given["set"] != "own"),
        "what the program says itself is held back"
    );
    assert!(
        touched.len() * 200 <= all.len(),
        "{} of {} touched",
        touched.len(),
        all.len()
    );
}

#[test]
fn a_line_that_cannot_be_read_is_told_by_its_number_and_the_others_go_on() {
    let input = "{\"id\":1,\"text\":\"Sales fell.\"}\n\nnot json\n{\"id\":3}\n{\"id\":\"d\",\"text\":\"See jira_search.\",\"context\":{\"tools\":[\"jira_search\"]}}";
    let output = guard(input.as_bytes().to_vec());
    assert_eq!(output.status.code(), Some(1));
    let made = lines(&output.stdout);
    assert_eq!(made.len(), 2);
    assert_eq!(
        made[0],
        serde_json::json!({"id": 1, "verdict": "pass", "text": "Sales fell.", "reasons": []})
    );
    assert_eq!(
        made[1],
        serde_json::json!({"id": "d", "verdict": "redact", "text": "See [left out].", "reasons": ["tool"]})
    );
    let said = String::from_utf8(output.stderr).unwrap();
    let told: Vec<&str> = said.lines().collect();
    assert_eq!(told.len(), 2, "{said}");
    assert!(
        told[0].starts_with("line 3: ") && told[1].starts_with("line 4: "),
        "{said}"
    );
    assert!(told[1].contains("text"), "{said}");
}
