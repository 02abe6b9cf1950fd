//! No process is left behind. Processes are found by a mark on their command line.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use super::*;

/// Set for the copy of this test program that is killed.
const HOLD: &str = "DAYBRIEF_TEST_HOLDS_A_SERVER";

/// Set, to a secret, for the copy of this test program that traces all it does.
const TRACE: &str = "DAYBRIEF_TEST_TRACES_A_CALL";

/// How long a process may take to be gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// Processes that carry this mark and are not merely waiting to be reaped.
fn marked(mark: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|entry| {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0)
                .any(|part| part == mark.as_bytes())
        })
        .count()
}

/// Waits until no process carries the mark; false where some still do.
async fn all_gone(mark: &str) -> bool {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        if marked(mark) == 0 {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

fn mark(name: &str) -> String {
    format!("{name}-{}", crate::ids::fresh())
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_hundred_runs_leave_no_process() {
    let mark = mark("hundred");
    // Each server starts a process of its own that would stay for ten minutes.
    let runs = (0..100).map(|run| {
        let mark = mark.clone();
        async move {
            let bench = bench(hostile(&["parent", &mark]));
            bench.pid().await;
            assert!(marked(&mark) >= 2);
            if run % 2 == 0 {
                bench.pool.shutdown().await;
            }
            // Every other run merely drops its pool.
        }
    });
    use futures_util::StreamExt;
    futures_util::stream::iter(runs)
        .buffer_unordered(4)
        .collect::<Vec<()>>()
        .await;
    assert!(all_gone(&mark).await, "{} left", marked(&mark));
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_server_that_ignores_every_request_to_end_is_killed() {
    let mark = mark("deaf");
    let bench = bench(hostile(&["deaf", "parent", &mark]));
    bench.pid().await;
    let begin = Instant::now();
    bench.pool.shutdown().await;
    assert!(begin.elapsed() < Duration::from_secs(8));
    assert!(all_gone(&mark).await);
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn an_idle_server_ends_and_comes_back() {
    let mark = mark("idle");
    let mut connector = hostile(&[&mark]);
    connector.limits.idle_stop_seconds = 1;
    let bench = bench(connector);
    let first = bench.pid().await;
    assert!(all_gone(&mark).await);
    assert_ne!(bench.pid().await, first);
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn failed_starts_leave_no_process() {
    let mark = mark("mute");
    let mut connector = hostile(&["mute", "parent", &mark]);
    connector.limits.start_timeout_seconds = 1;
    let bench = bench(connector);
    assert!(bench.call("echo", json!({})).await.is_err());
    assert!(all_gone(&mark).await);
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_caller_that_gives_up_leaves_a_connection_for_the_next() {
    let mark = mark("giving-up");
    let bench = bench(hostile(&[&mark]));
    let gave_up = tokio::time::timeout(Duration::from_millis(1), bench.pid()).await;
    assert!(gave_up.is_err());
    let pid = bench.pid().await;
    assert_eq!(marked(&mark), 1);
    assert_eq!(bench.pid().await, pid);
}

/// Not a test by itself: the copy of this program whose whole trace the next test reads.
#[tokio::test]
async fn traces_a_call_for_another_test() {
    let Ok(token) = std::env::var(TRACE) else {
        return;
    };
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::NEW)
        .with_writer(std::io::stderr)
        .init();
    let mut connector = hostile(&[]);
    env(&mut connector, "TOKEN", secret("token"));
    let bench = bench(connector);
    bench.secrets.set("token", &token);
    bench.pid().await;
    assert!(bench.call("die", json!({})).await.is_err());
    bench.pid().await;
    bench.pool.shutdown().await;
}

#[test]
fn no_trace_holds_a_secret() {
    let token = mark("token");
    let copy = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("connectors::tests::processes::traces_a_call_for_another_test")
        .env(TRACE, &token)
        .output()
        .unwrap();
    assert!(copy.status.success());
    let trace = String::from_utf8_lossy(&copy.stderr);
    assert!(trace.contains("TRACE") && trace.contains("connected"));
    let at = trace.find(&token);
    let around = at.map(|at| trace.get(at.saturating_sub(300)..at).unwrap_or_default());
    assert_eq!(around, None);
}

/// Not a test by itself: the copy of this program that the next test kills.
#[tokio::test]
async fn holds_a_server_while_another_test_kills_it() {
    let Ok(mark) = std::env::var(HOLD) else {
        return;
    };
    let bench = bench(hostile(&["deaf", &mark]));
    bench.pid().await;
    println!("holding");
    tokio::time::sleep(Duration::from_secs(60)).await;
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_server_that_ignores_the_end_of_its_input_ends_when_daybrief_is_killed() {
    if !super::super::launch::ties_to_starter() {
        println!("skipped: no util-linux setpriv here");
        return;
    }
    let mark = mark("killed");
    let mut copy = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("connectors::tests::processes::holds_a_server_while_another_test_kills_it")
        .env(HOLD, &mark)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(copy.stdout.take().unwrap());
    let holding = stdout
        .lines()
        .map_while(Result::ok)
        .any(|line| line.contains("holding"));
    assert!(holding);
    assert_eq!(marked(&mark), 1);
    copy.kill().unwrap();
    copy.wait().unwrap();
    assert!(all_gone(&mark).await);
}
