//! Real servers. Each is named by an environment variable; see `tests/it/support.rs` for the same rule.

use super::*;

fn peer(name: &str) -> Option<String> {
    let variable = format!("DAYBRIEF_TEST_{name}");
    if let Ok(place) = std::env::var(&variable)
        && !place.is_empty()
    {
        return Some(place);
    }
    let set = |name: &str, to: &str| std::env::var(name).is_ok_and(|value| value == to);
    assert!(
        !set("CI", "true") && !set("DAYBRIEF_PEERS", "required"),
        "no peer: {name} (set {variable})"
    );
    println!("skipped: no peer: {name}");
    None
}

fn git(folder: &std::path::Path, args: &[&str]) {
    let done = std::process::Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@acme.test"])
        .args(args)
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(done.success());
}

#[tokio::test]
async fn the_git_server_tells_of_a_repository() {
    let Some(program) = peer("MCP_GIT") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "--quiet"]);
    git(
        folder.path(),
        &[
            "commit",
            "--quiet",
            "--allow-empty",
            "-m",
            "Begin the ledger",
        ],
    );
    let path = folder.path().to_str().unwrap();
    let bench = bench(process(&[&program, "--repository", path]));
    let log = bench
        .value("git_log", json!({"repo_path": path, "max_count": 1}))
        .await;
    assert!(log.to_string().contains("Begin the ledger"), "{log}");
    let error = bench
        .call("git_log", json!({"repo_path": "/no/such"}))
        .await;
    assert!(matches!(error, Err(CallError::Refused { .. })), "{error:?}");
    bench.pool.shutdown().await;
}

#[tokio::test]
async fn the_time_server_gives_json() {
    let Some(program) = peer("MCP_TIME") else {
        return;
    };
    let bench = bench(process(&[&program, "--local-timezone", "Europe/Berlin"]));
    let now = bench
        .value("get_current_time", json!({"timezone": "Asia/Tokyo"}))
        .await;
    assert_eq!(now["timezone"], "Asia/Tokyo");
    bench.pool.shutdown().await;
}

#[tokio::test]
async fn the_everything_server_works_over_standard_input_and_output() {
    let Some(script) = peer("MCP_EVERYTHING") else {
        return;
    };
    let bench = bench(process(&["node", &script]));
    everything(&bench).await;
    bench.pool.shutdown().await;
}

async fn everything(bench: &Bench) {
    let echo = bench.value("echo", json!({"message": "hello"})).await;
    assert_eq!(echo, json!({"text": "Echo: hello"}));
    let structured = bench
        .value("get-structured-content", json!({"location": "Chicago"}))
        .await;
    assert!(structured["temperature"].is_number(), "{structured}");
    let error = bench
        .call("get-structured-content", json!({"location": "Nowhere"}))
        .await;
    assert!(matches!(error, Err(CallError::Refused { .. })), "{error:?}");
    let image = bench.value("get-tiny-image", json!({})).await;
    assert!(image["text"].is_string(), "{image}");
    let calls = (0..8).map(|a| async move {
        let sum = bench.value("get-sum", json!({"a": a, "b": 1})).await;
        assert!(
            sum["text"].as_str().unwrap().contains(&(a + 1).to_string()),
            "{sum}"
        );
    });
    futures_util::future::join_all(calls).await;
}

#[tokio::test]
async fn the_everything_server_works_over_streamable_http() {
    let Some(script) = peer("MCP_EVERYTHING") else {
        return;
    };
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .unwrap()
        .port();
    let mut server = tokio::process::Command::new("node")
        .args([&script, "streamableHttp"])
        .env("PORT", port.to_string())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let begin = std::time::Instant::now();
    while tokio::net::TcpStream::connect(("127.0.0.1", port))
        .await
        .is_err()
    {
        assert!(
            begin.elapsed() < Duration::from_secs(20),
            "the server did not open its port"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let bench = bench(connector(Launch::Http {
        url: format!("http://127.0.0.1:{port}/mcp"),
        headers: BTreeMap::new(),
        auth: None,
    }));
    everything(&bench).await;
    bench.pool.shutdown().await;
    server.kill().await.unwrap();
}

#[tokio::test]
async fn the_filesystem_server_reads_csv_as_rows() {
    let Some(script) = peer("MCP_FILESYSTEM") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("orders.csv");
    std::fs::write(&file, "id,total\n007,12.5\n008,3\n").unwrap();
    let bench = bench(process(&["node", &script, folder.path().to_str().unwrap()]));
    let file = file.to_str().unwrap();
    let answer = bench.value("read_text_file", json!({"path": file})).await;
    // This server wraps its text once more as structured content; what stands in it is read all the same.
    assert_eq!(
        answer,
        json!({ "rows": [{ "id": "007", "total": 12.5 }, { "id": "008", "total": 3 }] })
    );
    let error = bench
        .call("read_text_file", json!({"path": "/etc/hostname"}))
        .await;
    assert!(matches!(error, Err(CallError::Refused { .. })), "{error:?}");
    bench.pool.shutdown().await;
}
