use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UdpSocket},
};

use super::*;
use crate::{
    audit::{Act, Entry, Outcome, Record},
    clock::SystemClock,
    settings::SyslogWay,
    store::Store,
};

fn at() -> Timestamp {
    "2026-11-24T06:00:00.123456789Z".parse().unwrap()
}

async fn trail(rows: u64) -> Audit {
    let audit = Audit::new(Store::in_memory().await.unwrap(), [7; 32]);
    for row in 0..rows {
        audit.record(&[record(row)]).await.unwrap();
    }
    audit
}

fn record(row: u64) -> Record {
    let mut entry = Entry::new(at(), Act::Question, "slack", format!("turn/{row}"));
    entry.user = Some("mara".to_owned());
    entry.outcome = Outcome::Denied;
    entry.why = "mara may not".to_owned();
    entry.detail = "a \"quoted\" ] and \\ and a\nline".to_owned();
    Record::from(entry).text("SECRETTEXT")
}

/// Forwards until all rows are sent, or for so long.
async fn forwarded(audit: &Audit, target: Target) -> bool {
    let stop = CancellationToken::new();
    let done = stop.clone();
    let task = forward(
        audit.clone(),
        target,
        Arc::new(SystemClock),
        stop,
        move |lag| {
            if lag == 0 {
                done.cancel();
            }
        },
    );
    tokio::time::timeout(Duration::from_secs(30), task)
        .await
        .is_ok()
}

/// The values of a message's structured data, as RFC 5424 says they are read.
fn values(message: &str) -> Vec<(String, String)> {
    let begin = message.find('[').unwrap() + 1;
    let mut chars = message[begin..]
        .chars()
        .skip_while(|c| *c != ' ')
        .peekable();
    let mut values = Vec::new();
    while chars.next() == Some(' ') {
        let name: String = std::iter::from_fn(|| chars.next_if(|c| *c != '=')).collect();
        assert_eq!((chars.next(), chars.next()), (Some('='), Some('"')));
        let mut value = String::new();
        loop {
            match chars.next().unwrap() {
                '\\' => value.push(chars.next().unwrap()),
                '"' => break,
                ']' => panic!("a bracket that is not escaped: {message}"),
                c => value.push(c),
            }
        }
        values.push((name, value));
    }
    values
}

fn check(message: &str, row: u64) {
    // Facility 13, severity 4: denied is a warning.
    assert!(
        message.starts_with("<108>1 2026-11-24T06:00:00.123456Z "),
        "{message}"
    );
    assert!(
        message.len() <= 2048 && !message.contains('\n'),
        "{message}"
    );
    assert!(message.contains(" daybrief "), "{message}");
    let values = values(message);
    let value = |name: &str| {
        let found = values.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(value("number"), Some((row + 1).to_string().as_str()));
    assert_eq!(value("act"), Some("question"));
    assert_eq!(value("detail"), Some("a \"quoted\" ] and \\ and a line"));
    assert_eq!(value("why"), None);
    assert!(value("user").unwrap().starts_with("p-"));
    assert_eq!(value("hash").unwrap().len(), 64);
    assert!(!message.contains("SECRETTEXT") && !message.contains("mara"));
}

#[tokio::test]
async fn rows_go_to_syslog_over_udp_without_texts_and_names() {
    let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let host = receiver.local_addr().unwrap().to_string();
    let audit = trail(3).await;
    assert!(forwarded(&audit, Target::Syslog(SyslogWay::Udp, host)).await);
    let mut buffer = [0; 4096];
    for row in 0..3 {
        let read = receiver.recv(&mut buffer).await.unwrap();
        check(std::str::from_utf8(&buffer[..read]).unwrap(), row);
    }
}

/// The messages of a TCP stream, each preceded by its length.
fn framed(mut all: &str) -> Vec<String> {
    let mut messages = Vec::new();
    while !all.is_empty() {
        let (length, rest) = all.split_once(' ').unwrap();
        let (message, rest) = rest.split_at(length.parse().unwrap());
        messages.push(message.to_owned());
        all = rest;
    }
    messages
}

#[tokio::test]
async fn rows_go_to_syslog_over_tcp_and_again_where_the_receiver_broke_off() {
    let receiver = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = receiver.local_addr().unwrap().to_string();
    let audit = trail(450).await;
    let receiving = tokio::spawn(async move {
        // The first connection is reset before anything was read.
        let (first, _) = receiver.accept().await.unwrap();
        first.set_zero_linger().unwrap();
        drop(first);
        let mut messages = Vec::new();
        while messages.len() < 450 {
            let (mut stream, _) = receiver.accept().await.unwrap();
            let mut all = String::new();
            stream.read_to_string(&mut all).await.unwrap();
            stream.shutdown().await.unwrap();
            messages.extend(framed(&all));
        }
        messages
    });
    assert!(forwarded(&audit, Target::Syslog(SyslogWay::Tcp, host)).await);
    let messages = receiving.await.unwrap();
    assert_eq!(messages.len(), 450);
    for (row, message) in messages.iter().enumerate() {
        check(message, u64::try_from(row).unwrap());
    }
}

#[derive(Clone, Default)]
struct Sink {
    bodies: Arc<Mutex<Vec<Value>>>,
    refused: Arc<AtomicU64>,
}

async fn collector(sink: Sink) -> String {
    let take = async |State(sink): State<Sink>, Json(body): Json<Value>| {
        // The first answer is that of a collector which is overloaded.
        if sink.refused.fetch_add(1, Ordering::SeqCst) == 0 {
            return (StatusCode::SERVICE_UNAVAILABLE, Json(Value::Null));
        }
        sink.bodies.lock().unwrap().push(body);
        (
            StatusCode::OK,
            Json(serde_json::json!({ "partialSuccess": {} })),
        )
    };
    let app = Router::new().route("/v1/logs", post(take)).with_state(sink);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

#[tokio::test]
async fn rows_go_to_a_collector_from_where_the_cursor_stands() {
    let sink = Sink::default();
    let settings = settings::Audit {
        otlp: Some(collector(sink.clone()).await),
        ..settings::Audit::default()
    };
    let target = Target::all(&settings).remove(0);
    let audit = trail(250).await;
    assert_eq!(audit.unsent(&target).await.unwrap(), 250);
    assert!(forwarded(&audit, target.clone()).await);
    assert_eq!(audit.unsent(&target).await.unwrap(), 0);
    // Another process goes on behind them, without waiting for the first one's lease.
    let other = Audit::new(audit.store.clone(), [7; 32]);
    other.record(&[record(250)]).await.unwrap();
    assert!(forwarded(&other, target.clone()).await);
    assert_eq!(other.unsent(&target).await.unwrap(), 0);

    let bodies = sink.bodies.lock().unwrap();
    let records: Vec<&Value> = bodies
        .iter()
        .flat_map(|body| {
            let records = body.pointer("/resourceLogs/0/scopeLogs/0/logRecords");
            records.unwrap().as_array().unwrap()
        })
        .collect();
    assert_eq!(records.len(), 251);
    for (row, record) in records.iter().enumerate() {
        assert_eq!(record["timeUnixNano"], "1795500000123456789");
        assert_eq!(record["severityText"], "WARN");
        assert_eq!(
            record["body"]["stringValue"],
            format!("question turn/{row} denied")
        );
        let attributes = record["attributes"].as_array().unwrap();
        let number = &attributes[0];
        assert_eq!(number["key"], "daybrief.audit.number");
        assert_eq!(number["value"]["stringValue"], (row + 1).to_string());
    }
    let all = format!("{bodies:?}");
    assert!(!all.contains("SECRETTEXT") && !all.contains("mara"));
}

#[tokio::test]
async fn of_two_nodes_one_sends_until_it_falls_silent() {
    let sink = Sink::default();
    sink.refused.store(1, Ordering::SeqCst);
    let url = format!("{}/v1/logs", collector(sink.clone()).await);
    let (audit, target) = (trail(3).await, Target::Otlp(url));
    crate::tls::begin();
    let client = reqwest::Client::new();
    let now = Timestamp::now();
    audit.send_batch(&target, "a", &client, now).await.unwrap();
    audit.record(&[record(3)]).await.unwrap();
    audit.send_batch(&target, "b", &client, now).await.unwrap();
    assert_eq!(audit.unsent(&target).await.unwrap(), 1);
    let later = now.checked_add(LEASE).unwrap();
    audit
        .send_batch(&target, "b", &client, later)
        .await
        .unwrap();
    assert_eq!(audit.unsent(&target).await.unwrap(), 0);
}

#[tokio::test]
async fn a_receiver_that_is_not_there_holds_up_no_append_and_its_lag_is_told() {
    let audit = trail(2).await;
    let stop = CancellationToken::new();
    let lag = Arc::new(AtomicU64::new(0));
    let told = lag.clone();
    let nobody = Target::Syslog(SyslogWay::Tcp, "127.0.0.1:1".to_owned());
    let task = tokio::spawn(forward(
        audit.clone(),
        nobody,
        Arc::new(SystemClock),
        stop.clone(),
        move |rows| told.store(rows, Ordering::SeqCst),
    ));
    while lag.load(Ordering::SeqCst) != 2 {
        tokio::task::yield_now().await;
    }
    audit.record(&[record(2)]).await.unwrap();
    stop.cancel();
    task.await.unwrap();
}

#[test]
fn targets_are_read_from_the_settings() {
    let settings = settings::Audit {
        syslog: Some("tcp://[::1]:601".to_owned()),
        otlp: Some("http://collector:4318/".to_owned()),
        ..settings::Audit::default()
    };
    assert_eq!(
        Target::all(&settings),
        [
            Target::Syslog(SyslogWay::Tcp, "[::1]:601".to_owned()),
            Target::Otlp("http://collector:4318/v1/logs".to_owned()),
        ]
    );
    for bad in [
        "127.0.0.1:514",
        "udp://127.0.0.1",
        "http://127.0.0.1:514",
        "tcp://me:secret@host:514",
        "udp://:514",
        "tcp://host:514/path",
    ] {
        assert_eq!(settings::syslog(bad), None, "{bad}");
    }
}
