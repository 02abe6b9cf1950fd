//! Questions over real data: figures are those of the source, what a model makes up is struck, citations open the record.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::{northwind, peer};

/// An instance over Northwind that the model at this address answers for.
async fn instance(folder: &Path, model: &str) {
    northwind::lay_out(folder).await;
    let objects = folder.join("objects/northwind.toml");
    let text = fs::read_to_string(&objects).unwrap();
    let text = text.replace(
        "tools = { query = \"read\" }",
        "tools = { query = \"read\" }\nlink_hosts = [\"erp.acme.example\"]\nlinks = { order_id = \"https://erp.acme.example/orders/{}\" }",
    );
    fs::write(&objects, text).unwrap();
    fs::write(
        folder.join("objects/people.toml"),
        "[user]\nid = \"nancy\"\nname = \"Nancy\"\nroles = [\"operations\"]\n",
    )
    .unwrap();
    fs::write(
        folder.join("daybrief.toml"),
        format!(
            "[instance]\nname = \"Northwind\"\nobjects = [\"objects\"]\nzone = \"Europe/Berlin\"\n[questions]\nroute = [\"m\"]\nseconds = 400\n\
             [[model]]\nid = \"m\"\nkind = \"openai\"\nbase_url = \"{model}/v1\"\nmodel = \"m\"\nlocal = true\ncontext_tokens = 8192\n\
             first_token_timeout_seconds = 120\ntimeout_seconds = 240\n"
        ),
    )
    .unwrap();
    let applied = daybrief(folder, &["apply", "--yes"]);
    assert!(applied.status.success(), "{applied:?}");
}

fn daybrief(folder: &Path, args: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_daybrief"))
        .arg("--config")
        .arg(folder.join("daybrief.toml"))
        .args(args)
        .output()
        .unwrap()
}

/// The events of an answer.
fn ask(folder: &Path, args: &[&str]) -> Vec<Value> {
    let mut all = vec!["--json", "ask"];
    all.extend(args);
    let output = daybrief(folder, &all);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(
        output.status.code().is_some_and(|code| code != 1),
        "{output:?}"
    );
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn text_of(events: &[Value]) -> String {
    events
        .iter()
        .filter(|event| event["event"] == "delta")
        .map(|event| event["text"].as_str().unwrap())
        .collect()
}

fn of<'e>(events: &'e [Value], kind: &str) -> Vec<&'e Value> {
    events
        .iter()
        .filter(|event| event["event"] == kind)
        .collect()
}

#[tokio::test]
async fn what_the_source_says_is_told_with_its_record_and_what_it_does_not_say_is_struck() {
    let Some(url) = peer("DAYBRIEF_TEST_AIMOCK") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    instance(folder.path(), &url).await;
    let events = ask(
        folder.path(),
        &[
            "Which orders are past their required date?",
            "--user",
            "nancy",
        ],
    );
    let text = text_of(&events);
    // The truth of tests/data/README.md; the model says 9,999.00 of the second.
    assert!(
        text.contains("Order 11008 for ERNSH is worth 4,680.90"),
        "{text} {events:?}"
    );
    assert!(
        text.contains("Order 11019 for RANCH is worth 76.00"),
        "{text}"
    );
    assert!(!text.contains("9,999"), "{text}");
    assert!(text.contains("One sentence was left out"), "{text}");
    let citations = of(&events, "citation");
    let opened: Vec<&str> = citations
        .iter()
        .filter_map(|citation| citation["link"].as_str())
        .collect();
    assert!(
        opened.contains(&"https://erp.acme.example/orders/11008")
            && opened.contains(&"https://erp.acme.example/orders/11019"),
        "{citations:?}"
    );
    let done = events.last().unwrap();
    assert_eq!(done["event"], "done", "{done}");
    assert_eq!(done["outcome"], "answered", "{done}");
    assert_eq!(done["grounding"]["struck"], 1, "{done}");
    assert!(!of(&events, "step").is_empty());

    // A sum over all rows is computed, whatever the model could have seen of them.
    let conversation = done["conversation"].as_str().unwrap();
    let events = ask(
        folder.path(),
        &[
            "And the revenue by month?",
            "--user",
            "nancy",
            "--conversation",
            conversation,
        ],
    );
    let text = text_of(&events);
    assert!(text.contains("In 1998-04 revenue was 123,798.68"), "{text}");
    assert!(
        !text.contains("In 1998-03 revenue was 123,798.68"),
        "{text}"
    );
    assert!(text.contains("All months together brought"), "{text}");

    // What was said is kept, who asked is in the trail, and the budget knows of it.
    let trail = daybrief(
        folder.path(),
        &[
            "--json",
            "audit",
            "search",
            "--person",
            "nancy",
            "--reason",
            "a test looks",
        ],
    );
    let trail = String::from_utf8(trail.stdout).unwrap();
    for act in ["question", "tool-call", "model-call", "answer"] {
        assert!(trail.contains(act), "{act}: {trail}");
    }
    let usage = daybrief(folder.path(), &["--json", "usage", "--by", "user"]);
    assert!(
        String::from_utf8_lossy(&usage.stdout).contains("nancy"),
        "{usage:?}"
    );
    let verified = daybrief(folder.path(), &["--json", "audit", "verify"]);
    assert!(String::from_utf8_lossy(&verified.stdout).contains("\"ok\":true"));
}

#[tokio::test]
async fn a_real_local_model_chooses_what_to_ask_and_says_nothing_that_no_source_said() {
    let Some(url) = peer("DAYBRIEF_TEST_LLAMA") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    instance(folder.path(), &url).await;
    let settings = folder.path().join("daybrief.toml");
    let text = fs::read_to_string(&settings).unwrap();
    // It is too small to ask for tools by itself.
    fs::write(&settings, format!("{text}tools = \"guided\"\n")).unwrap();
    let events = ask(
        folder.path(),
        &["Which orders are not shipped?", "--user", "nancy"],
    );
    let (text, done) = (text_of(&events), events.last().unwrap());
    println!("{text} {done}");
    assert_eq!(done["event"], "done", "{done}");
    assert_eq!(done["usage"]["tool_calls"], 1, "{done}");
    assert!(!of(&events, "citation").is_empty(), "{events:?}");
    // What it cannot put into words stands as a table: 21 orders, the first of them 11008.
    let grounded = text.contains('[');
    if of(&events, "table").is_empty() {
        assert!(grounded, "{events:?}");
        return;
    }
    let table = of(&events, "table")[0];
    let rows = table["rows"].as_array().unwrap();
    assert_eq!(rows.len() + table["more"].as_u64().unwrap() as usize, 21);
    assert_eq!(rows[0][0], "11008", "{table}");
}
