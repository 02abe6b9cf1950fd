//! Faults over streamable HTTP.

use std::io::{BufRead, BufReader};

use super::*;
use crate::domain::finding::GapCause;

/// The misbehaving server over HTTP; ends with the test.
struct Server {
    child: std::process::Child,
    port: u16,
}

impl Server {
    fn start() -> Self {
        let mut child = std::process::Command::new(python())
            .args(["-I", "-S", &hostile_script(), "http"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap();
        Self { child, port }
    }

    fn connector(&self, path: &str) -> Connector {
        connector(Launch::Http {
            url: format!("http://127.0.0.1:{}/{path}", self.port),
            headers: BTreeMap::new(),
            auth: None,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn answers_come_as_json_or_as_an_event_stream() {
    let server = Server::start();
    for path in ["ok", "sse"] {
        let bench = bench(server.connector(path));
        let value = bench.value("echo", json!({"x": "{\"a\":1}"})).await;
        assert_eq!(value, json!({"a": 1}), "{path}");
        bench.pool.shutdown().await;
    }
}

#[tokio::test]
async fn a_body_above_the_limit_is_too_large_for_its_call_alone() {
    let server = Server::start();
    for path in ["ok", "sse"] {
        let mut connector = server.connector(path);
        connector.limits.max_bytes = 100_000;
        let bench = bench(connector);
        let (fits, above) = tokio::join!(
            bench.call("big", json!({"size": 90_000})),
            bench.call("big", json!({"size": 3_000_000})),
        );
        assert!(fits.is_ok(), "{path}: {fits:?}");
        let above = above.unwrap_err();
        assert_eq!(above.cause(), GapCause::TooLarge, "{path}: {above}");
    }
}

#[tokio::test]
async fn a_refused_credential_is_refused_and_names_no_secret() {
    let server = Server::start();
    for path in ["401", "403"] {
        let bench = bench(server.connector(path));
        let error = bench.call("echo", json!({})).await.unwrap_err();
        assert_eq!(error.cause(), GapCause::Refused, "{path}: {error}");
        assert!(matches!(error, CallError::Credential { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_header_carries_the_secret_and_follows_its_rotation() {
    let server = Server::start();
    let mut connector = server.connector("bearer");
    if let Launch::Http { headers, .. } = &mut connector.launch {
        let value = EnvValue::Secret {
            secret: SecretRef::Store("token".to_owned()),
            prefix: "Bearer ".to_owned(),
        };
        headers.insert("authorization".to_owned(), value);
    }
    let bench = bench(connector);
    bench.secrets.set("token", "wrong-value");
    let error = bench.call("echo", json!({})).await.unwrap_err();
    assert!(matches!(error, CallError::Credential { .. }), "{error}");
    assert!(!error.to_string().contains("wrong-value"), "{error}");
    bench.secrets.set("token", "s3cr3t-value");
    assert!(bench.call("echo", json!({})).await.is_ok());
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let server = Server::start();
    let bench = bench(server.connector("redirect"));
    let error = bench.call("echo", json!({})).await.unwrap_err();
    assert_eq!(error.cause(), GapCause::Unreachable, "{error}");
}

#[tokio::test]
async fn a_server_that_is_gone_is_unreachable_and_found_again() {
    let server = Server::start();
    let mut connector = server.connector("ok");
    let port = server.port;
    drop(server);
    let bench = bench(connector.clone());
    let error = bench.call("echo", json!({})).await.unwrap_err();
    assert_eq!(error.cause(), GapCause::Unreachable, "{error}");
    let server = Server::start();
    if let Launch::Http { url, .. } = &mut connector.launch {
        *url = url.replace(&port.to_string(), &server.port.to_string());
    }
    bench.pool.replace(vec![connector]);
    assert!(bench.call("echo", json!({})).await.is_ok());
}

#[tokio::test]
async fn an_address_that_is_none_is_named() {
    for url in ["nowhere", "file:///etc/passwd"] {
        let bench = bench(connector(Launch::Http {
            url: url.to_owned(),
            headers: BTreeMap::new(),
            auth: None,
        }));
        let error = bench.call("echo", json!({})).await.unwrap_err();
        assert!(matches!(error, CallError::Launch { .. }), "{error}");
    }
}
