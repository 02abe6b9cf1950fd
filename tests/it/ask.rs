//! Questions over real data: figures are those of the source, what a model makes up is struck, citations open the record.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

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
            "[instance]\nname = \"Northwind\"\nobjects = [\"objects\"]\nzone = \"Europe/Berlin\"\n[questions]\nroute = [\"m\"]\nseconds = 600\n\
             [[model]]\nid = \"m\"\nkind = \"openai\"\nbase_url = \"{model}/v1\"\nmodel = \"m\"\nlocal = true\ncontext_tokens = 8192\n\
             first_token_timeout_seconds = 240\ntimeout_seconds = 400\n"
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
async fn what_the_source_says_is_told_with_its_record_and_what_it_does_not_say_is_not() {
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
    // The truth of tests/data/README.md, computed and worded here; what the model says in its own words is not told.
    for expected in ["11008", "ERNSH", "4,680.9", "11019", "RANCH", "76"] {
        assert!(text.contains(expected), "{expected}: {text} {events:?}");
    }
    assert!(!text.contains("9,999"), "{text}");
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
    assert!(text.contains("123,798.68"), "{text}");
    assert_eq!(events.last().unwrap()["grounding"]["kept"], 2, "{events:?}");

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

/// The model of this address is too small to ask for tools by itself.
fn guide(folder: &Path) {
    let settings = folder.join("daybrief.toml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{text}tools = \"guided\"\n")).unwrap();
}

/// The table of a source.
fn table_of<'e>(events: &'e [Value], source: &str) -> Option<&'e Value> {
    of(events, "table")
        .into_iter()
        .find(|table| table["title"] == source)
}

/// What stands at a mark or at a row of a table opens this.
fn opens(events: &[Value], link: &str) -> bool {
    let rows = of(events, "table")
        .into_iter()
        .flat_map(|table| table["links"].as_array().cloned().unwrap_or_default());
    let citations = of(events, "citation")
        .into_iter()
        .map(|c| c["link"].clone());
    citations.chain(rows).any(|opened| opened == link)
}

#[tokio::test]
async fn a_real_local_model_chooses_what_to_ask_and_says_nothing_that_no_source_said() {
    let Some(url) = peer("DAYBRIEF_TEST_LLAMA") else {
        return;
    };
    let _alone = crate::MODEL.lock().await;
    let folder = tempfile::tempdir().unwrap();
    instance(folder.path(), &url).await;
    guide(folder.path());
    let events = ask(
        folder.path(),
        &["Which orders are not shipped?", "--user", "nancy"],
    );
    let (text, done) = (text_of(&events), events.last().unwrap());
    println!("{text} {done}");
    assert_eq!(done["event"], "done", "{done}");
    assert_eq!(done["usage"]["tool_calls"], 1, "{done}");
    assert!(!of(&events, "citation").is_empty(), "{events:?}");
    assert!(text.contains('['), "{events:?}");
    are_the_open_orders(&events);
}

/// Whatever the model says of them, the orders themselves stand: 21, the first of them 11008, and each opens its record.
fn are_the_open_orders(events: &[Value]) {
    let table = table_of(events, "Northwind").unwrap_or_else(|| panic!("{events:?}"));
    let rows = table["rows"].as_array().unwrap();
    assert_eq!(rows.len() + table["more"].as_u64().unwrap() as usize, 21);
    assert_eq!(rows[0][0], "11008", "{table}");
    assert_eq!(table["links"].as_array().unwrap().len(), rows.len());
    assert!(opens(events, "https://erp.acme.example/orders/11008"));
}

/// The events of an answer to Nancy for which so many calls were made.
fn answered(folder: &Path, question: &str, calls: u64) -> Vec<Value> {
    let events = ask(folder, &[question, "--user", "nancy"]);
    let done = events.last().unwrap();
    println!("{} {done}", text_of(&events));
    assert_eq!(done["outcome"], "answered", "{done} {events:?}");
    assert_eq!(done["usage"]["tool_calls"], calls, "{done}");
    events
}

#[tokio::test]
async fn a_real_local_model_answers_from_a_repository_and_from_two_sources_at_once() {
    let (Some(url), Some(postgres), Some(git)) = (
        peer("DAYBRIEF_TEST_LLAMA"),
        peer("DAYBRIEF_TEST_POSTGRES"),
        peer("DAYBRIEF_TEST_MCP_GIT"),
    ) else {
        return;
    };
    let _alone = crate::MODEL.lock().await;
    let folder = tempfile::tempdir().unwrap();
    instance(folder.path(), &url).await;
    guide(folder.path());
    northwind::move_to_postgres(folder.path(), &postgres, "northwind_guided").await;
    let hash = add_repository(folder.path(), &git);
    let commit = format!("https://git.acme.example/commit/{hash}");

    // A repository alone. Its path is what the right says: the model need not guess it.
    let asked = "Which commits are in the log of the payment service?";
    let events = answered(folder.path(), asked, 1);
    is_the_commit(&events, &commit);

    // Both at once: each gives its own rows, and each is told.
    let asked = "Which orders are not shipped, and which commits are in the log?";
    let events = answered(folder.path(), asked, 2);
    is_the_commit(&events, &commit);
    are_the_open_orders(&events);
}

/// Whatever the model says of it, the commit itself stands and opens.
fn is_the_commit(events: &[Value], commit: &str) {
    let table = table_of(events, "Payment service").unwrap_or_else(|| panic!("{events:?}"));
    assert_eq!(table["rows"].as_array().unwrap().len(), 1, "{table}");
    let told = table.to_string();
    assert!(
        told.contains("Retry cards") && told.contains("Priya Nair"),
        "{told}"
    );
    assert!(opens(events, commit), "{events:?}");
}

/// A repository with one commit beside Northwind, which Nancy may read the log of; the commit's hash.
fn add_repository(folder: &Path, server: &str) -> String {
    let repository = folder.join("payment-service");
    crate::git::repository_with_one_commit(&repository);
    let objects = folder.join("objects/northwind.toml");
    let text = fs::read_to_string(&objects).unwrap();
    let granted = format!(
        "tools = [\"query\"]\n[[role.grants]]\nconnector = \"repository\"\ntools = [\"git_log\"]\n\
         when = [{{ arg = \"repo_path\", equals = \"{}\" }}]\n",
        repository.display()
    );
    fs::write(&objects, text.replace("tools = [\"query\"]\n", &granted)).unwrap();
    fs::write(
        folder.join("objects/repository.toml"),
        format!(
            "[connector]\nid = \"repository\"\ntitle = \"Payment service\"\ncommand = [\"{server}\"]\ntools = {{ git_log = \"read\" }}\n\
             link_hosts = [\"git.acme.example\"]\nlinks = {{ commit = \"https://git.acme.example/commit/{{}}\" }}\n"
        ),
    )
    .unwrap();
    let applied = daybrief(folder, &["apply", "--yes"]);
    assert!(applied.status.success(), "{applied:?}");
    crate::git::head_of(&repository)
}

/// What a scripted model does in one of its turns.
#[derive(Clone)]
enum Step {
    Calls(Vec<(&'static str, Value)>),
    Says(&'static str),
}

/// A server of OpenAI's wire that does one step after the other; its address.
async fn scripted(steps: Vec<Step>) -> String {
    use std::sync::{Arc, Mutex};
    let steps = Arc::new(Mutex::new(steps.into_iter()));
    let answer = move || {
        let step = steps.lock().unwrap().next().unwrap_or(Step::Says("."));
        async move {
            let (delta, reason) = match step {
                Step::Says(text) => (json!({ "content": text }), "stop"),
                Step::Calls(calls) => {
                    let calls: Vec<Value> = calls
                        .iter()
                        .enumerate()
                        .map(|(at, (name, args))| {
                            json!({ "index": at, "id": format!("call{at}"), "type": "function",
                                    "function": { "name": name, "arguments": args.to_string() } })
                        })
                        .collect();
                    (json!({ "tool_calls": calls }), "tool_calls")
                }
            };
            let chunk = |delta: Value, reason: Value| {
                let choice = json!({ "index": 0, "delta": delta, "finish_reason": reason });
                let chunk = json!({ "id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice] });
                format!("data: {chunk}\n\n")
            };
            let body = format!(
                "{}{}data: [DONE]\n\n",
                chunk(delta, Value::Null),
                chunk(json!({}), json!(reason))
            );
            ([("content-type", "text/event-stream")], body)
        }
    };
    let router = axum::Router::new().route("/v1/chat/completions", axum::routing::post(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sources_are_asked_at_once_a_database_server_and_a_repository() {
    let (Some(postgres), Some(git)) = (
        peer("DAYBRIEF_TEST_POSTGRES"),
        peer("DAYBRIEF_TEST_MCP_GIT"),
    ) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("payment-service");
    let model = scripted(vec![
        Step::Calls(vec![
            (
                "northwind__query",
                json!({ "name": "open_orders", "params": { "today": "1998-05-20" } }),
            ),
            (
                "repository__git_log",
                json!({ "repo_path": repository, "max_count": 5 }),
            ),
        ]),
        Step::Calls(vec![(
            "say",
            json!({ "claims": [
                { "say": "rows", "of": "R1", "row": { "order_id": 11008 }, "show": ["customer_id", "value"] },
                { "say": "rows", "of": "R2", "show": ["author"] },
            ] }),
        )]),
        Step::Says("It was made by Bob Smith."),
    ])
    .await;
    instance(folder.path(), &model).await;
    northwind::move_to_postgres(folder.path(), &postgres, "northwind_ask").await;
    let hash = add_repository(folder.path(), &git);
    let events = ask(
        folder.path(),
        &[
            "Which orders are open, and who committed last?",
            "--user",
            "nancy",
        ],
    );
    let text = text_of(&events);
    for expected in ["11008", "ERNSH", "4,680.9", "Priya Nair"] {
        assert!(text.contains(expected), "{expected}: {text} {events:?}");
    }
    assert!(!text.contains("Bob"), "{text}");
    let links: Vec<&str> = of(&events, "citation")
        .iter()
        .filter_map(|citation| citation["link"].as_str())
        .collect();
    assert!(
        links.contains(&"https://erp.acme.example/orders/11008")
            && links.contains(&&*format!("https://git.acme.example/commit/{hash}")),
        "{events:?}"
    );
    assert_eq!(events.last().unwrap()["usage"]["tool_calls"], 2);
}
