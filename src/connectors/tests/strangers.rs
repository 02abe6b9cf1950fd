//! What stands in place of a server of MCP, and what is said of it: what it is, and what to do.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

/// A server that answers each request with these bytes and closes the connection; with nothing it keeps it open.
async fn stranger(says: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut asked = vec![0; 64 * 1024];
                let _ = stream.read(&mut asked).await;
                let _ = stream.write_all(says.as_bytes()).await;
                if says.is_empty() {
                    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
                }
            });
        }
    });
    port
}

/// What is said of a connector that cannot be used: the error, and what to do.
async fn told(mut connector: Connector) -> (CallError, String) {
    connector.limits.start_timeout_seconds = 5;
    let is_process = matches!(connector.launch, Launch::Process { .. });
    let error = bench(connector).call("x", json!({})).await.unwrap_err();
    let hint = error.hint(is_process).unwrap_or_default();
    let told = format!("{error} → {}", hint.advice.unwrap_or_default());
    (error, told)
}

fn at(url: String) -> Connector {
    connector(Launch::Http {
        url,
        headers: BTreeMap::new(),
        auth: None,
    })
}

/// Words of libraries, which say nothing to an admin.
fn assert_plain(told: &str) {
    for word in [
        "rmcp",
        "hyper",
        "Transport",
        "os error",
        "Unexpected",
        "channel",
        "Client error",
    ] {
        assert!(!told.contains(word), "{word} in {told}");
    }
}

#[tokio::test]
async fn an_answer_over_http_that_is_no_message_is_told_by_what_it_is() {
    const PAGE: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<!doctype html><title>Sign in · Acme</title>";
    const GATEWAY: &str = "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html><head><title>502 Bad Gateway</title></head></html>";
    const REST: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{\"customers\":[{\"name\":\"Hartmann\"}]}";
    const NO_PATH: &str = "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{\"detail\":\"Not Found\"}";
    const OTHER_API: &str = "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{\"error\":{\"message\":\"Invalid URL\"}}";
    const NO_POST: &str =
        "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    const ELSEWHERE: &str = "HTTP/1.1 302 Found\r\nLocation: https://login.acme.example/?secret=1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    const SSH: &str = "SSH-2.0-OpenSSH_9.9\r\n";
    for (says, what, advice) in [
        (
            PAGE,
            "what answers there is a web page and no MCP server (HTTP 200); the page is titled \"Sign in · Acme\"",
            "correct the address: it has to be the one at which",
        ),
        (
            GATEWAY,
            "a proxy answers, and the server behind it does not (HTTP 502)",
            "see that the server runs",
        ),
        (
            REST,
            "what answers there gives JSON that is no message of MCP (HTTP 200) →",
            "most often ends in `/mcp`",
        ),
        (
            NO_PATH,
            "there is nothing at this path of the server (HTTP 404); the server said: \"{\"detail\":\"Not Found\"}\"",
            "correct the path of the address",
        ),
        (
            OTHER_API,
            "there is nothing at this path of the server (HTTP 404); the server said: ",
            "correct the path of the address",
        ),
        (
            NO_POST,
            "this path of the server takes no messages (HTTP 405)",
            "the older transport, over `/sse`, is not spoken here",
        ),
        (
            ELSEWHERE,
            "the address leads elsewhere to `login.acme.example` (HTTP 302)",
            "write the address that is meant",
        ),
        (
            SSH,
            "speaks neither http nor https; it begins with \"SSH-2.0-OpenSSH_9.9\"",
            "correct the host and port in the address",
        ),
    ] {
        let url = format!("http://127.0.0.1:{}/x", stranger(says).await);
        let (_, told) = told(at(url)).await;
        assert!(told.contains(what) && told.contains(advice), "{told}");
        assert!(
            !told.contains("Hartmann") && !told.contains("secret"),
            "{told}"
        );
        assert_plain(&told);
    }
}

#[tokio::test]
async fn an_address_at_which_nobody_or_another_protocol_answers_is_told_as_such() {
    let plain =
        stranger("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .await;
    let (_, of_plain) = told(at(format!("https://127.0.0.1:{plain}/mcp"))).await;
    assert!(
        of_plain.contains(
            "what answers at the address speaks plain http, and the address begins with `https://` → write `http://` in the address"
        ),
        "{of_plain}"
    );
    let tls = stranger("\u{15}\u{3}\u{1}\u{0}\u{2}\u{2}\u{16}").await;
    let (error, of_tls) = told(at(format!("http://127.0.0.1:{tls}/mcp"))).await;
    assert!(matches!(error, CallError::Unreachable { .. }), "{error:?}");
    assert!(
        of_tls.contains("speaks https, and the address begins with `http://`"),
        "{of_tls}"
    );
    let (_, of_nobody) = told(at("http://no-such-host.invalid/mcp".to_owned())).await;
    assert!(
        of_nobody.starts_with("the name of the host is not known → correct the host"),
        "{of_nobody}"
    );
    let silent = stranger("").await;
    let (error, of_silent) = told(at(format!("http://127.0.0.1:{silent}/mcp"))).await;
    assert!(matches!(error, CallError::StartTimeout { .. }), "{error:?}");
    assert!(
        of_silent.contains("takes the connection there and does not answer → correct the address"),
        "{of_silent}"
    );
    for told in [of_plain, of_tls, of_nobody, of_silent] {
        assert_plain(&told);
    }
}

#[tokio::test]
async fn a_program_that_writes_what_is_no_message_is_told_with_its_first_line() {
    let (error, told) = told(process(&[
        "sh",
        "-c",
        "echo; echo 'Server listening on port 3000'; echo more; sleep 60",
    ]))
    .await;
    assert!(matches!(error, CallError::StartTimeout { .. }), "{error:?}");
    assert!(
        told.contains("what it writes on standard output is no message of MCP; it begins: \"Server listening on port 3000\" → standard output is for messages alone"),
        "{told}"
    );
}

#[tokio::test]
async fn a_program_that_ends_is_told_by_all_that_it_wrote() {
    for (script, what) in [
        (
            "echo 'usage: server [--stdio]'; exit 2",
            "no message of MCP; it begins: \"usage: server [--stdio]\"",
        ),
        (
            "echo 'no key' >&2; exit 2",
            "closed the connection; the server said: \"no key\" → start the command by hand",
        ),
        (
            "exit 0",
            "it wrote nothing, neither on standard output nor on standard error → start the command by hand",
        ),
    ] {
        let (error, told) = told(process(&["sh", "-c", script])).await;
        assert!(matches!(error, CallError::Ended { .. }), "{error:?}");
        assert!(told.contains(what), "{told}");
        assert_plain(&told);
    }
}

#[tokio::test]
async fn a_secret_that_a_program_writes_on_standard_output_is_struck() {
    let mut connector = process(&["sh", "-c", "echo \"starting with $TOKEN\"; exit 1"]);
    env(&mut connector, "TOKEN", secret("token"));
    let bench = bench(connector);
    bench.secrets.set("token", "hunter2hunter2");
    let error = bench.call("x", json!({})).await.unwrap_err().to_string();
    assert!(error.contains("starting with ***"), "{error}");
}
