use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{super::*, fresh_delivery, peer};
use crate::{clock::SystemClock, settings::Slack};

fn channel(url: &str, token: &str) -> SlackChannel {
    let settings = Slack {
        token: "env:UNUSED".to_owned().try_into().unwrap(),
        api_url: Some(url.to_owned()),
        timeout_seconds: 5,
    };
    SlackChannel::new(&settings, &SecretString::from(token), Arc::new(SystemClock)).unwrap()
}

fn to(id: &str) -> Address {
    Address::Slack { to: id.to_owned() }
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": text, "verbatim": true } })
}

fn message() -> SlackMessage {
    SlackMessage {
        text: "Release 4.12 at risk".to_owned(),
        blocks: vec![section(
            "*1 · High*  <https://jira.acme.example/1|PAY-1> &amp; more",
        )],
        replies: vec![("Sources".to_owned(), vec![section("• Jira 06:58")])],
    }
}

fn cleared(message: SlackMessage) -> Cleared<Message> {
    Cleared::for_test(Message::Slack(message))
}

/// Calls the emulator's API as a test reads it.
async fn call(url: &str, token: &str, method: &str, parameters: &[(&str, &str)]) -> Value {
    let address = url::Url::parse_with_params(&format!("{url}/{method}"), parameters).unwrap();
    let text = get(address, token).await;
    serde_json::from_str(&text).unwrap()
}

async fn get(address: url::Url, token: &str) -> String {
    // No TLS is spoken here, but the client wants to know its provider.
    crate::tls::begin();
    reqwest::Client::new()
        .get(address)
        .bearer_auth(token)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap()
}

async fn channel_id(url: &str, token: &str, name: &str) -> String {
    let answer = call(url, token, "conversations.list", &[]).await;
    answer["channels"]
        .as_array()
        .unwrap()
        .iter()
        .find(|channel| channel["name"] == name)
        .and_then(|channel| channel["id"].as_str())
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_brief_arrives_in_a_channel_with_its_thread_and_is_found_again() {
    let (Some(url), Some(token)) = (
        peer("DAYBRIEF_TEST_SLACK"),
        peer("DAYBRIEF_TEST_SLACK_TOKEN"),
    ) else {
        return;
    };
    let id = channel_id(&url, &token, "leadership").await;
    let channel = channel(&url, &token);
    channel.check().await.unwrap();
    let delivery = fresh_delivery();
    let prepared = channel
        .prepare(&delivery, &to(&id), cleared(message()))
        .await
        .unwrap();
    assert_eq!(
        channel.find(&delivery, &to(&id)).await.unwrap(),
        Found::NotDelivered
    );
    let receipt = prepared.commit().await.unwrap();
    assert_eq!(
        channel.find(&delivery, &to(&id)).await.unwrap(),
        Found::Delivered(receipt.clone())
    );
    assert_eq!(
        channel.find(&fresh_delivery(), &to(&id)).await.unwrap(),
        Found::NotDelivered
    );
    let (_, ts) = receipt.reference.split_once('/').unwrap();
    let thread = call(
        &url,
        &token,
        "conversations.replies",
        &[("channel", &id), ("ts", ts)],
    )
    .await;
    let messages = thread["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 2, "{thread}");
    assert_eq!(messages[0]["text"], "Release 4.12 at risk");
    assert_eq!(messages[0]["blocks"], json!(message().blocks));
    assert_eq!(messages[1]["blocks"], json!(message().replies[0].1));
    assert_eq!(messages[1]["thread_ts"], ts);
}

#[tokio::test]
async fn a_brief_reaches_a_member_in_their_direct_messages() {
    let (Some(url), Some(token)) = (
        peer("DAYBRIEF_TEST_SLACK"),
        peer("DAYBRIEF_TEST_SLACK_TOKEN"),
    ) else {
        return;
    };
    let users = call(&url, &token, "users.list", &[]).await;
    let member = users["members"][0]["id"].as_str().unwrap().to_owned();
    let channel = channel(&url, &token);
    let delivery = fresh_delivery();
    let prepared = channel
        .prepare(&delivery, &to(&member), cleared(message()))
        .await
        .unwrap();
    let receipt = prepared.commit().await.unwrap();
    assert!(receipt.reference.starts_with('D'), "{receipt:?}");
    assert_eq!(
        channel.find(&delivery, &to(&member)).await.unwrap(),
        Found::Delivered(receipt)
    );
}

#[tokio::test]
async fn the_emulator_refuses_a_channel_that_is_not_there_for_good() {
    let (Some(url), Some(token)) = (
        peer("DAYBRIEF_TEST_SLACK"),
        peer("DAYBRIEF_TEST_SLACK_TOKEN"),
    ) else {
        return;
    };
    let prepared = channel(&url, &token)
        .prepare(&fresh_delivery(), &to("C0NOTHERE"), cleared(message()))
        .await
        .unwrap();
    let error = prepared.commit().await.unwrap_err();
    assert!(matches!(error, ChannelError::Never { .. }), "{error:?}");
    assert!(error.to_string().contains("channel_not_found"), "{error}");
}

/// How a scripted Slack answers one request to a method.
type Answer = fn(&Value) -> Response;

#[derive(Clone)]
struct Scripted {
    posts: Arc<Mutex<Vec<Value>>>,
    post: Answer,
    history: Answer,
}

fn ok(body: &Value) -> Response {
    (
        [(header::CONTENT_TYPE, "application/json")],
        body.to_string(),
    )
        .into_response()
}

fn posted(_: &Value) -> Response {
    ok(&json!({ "ok": true, "channel": "C1", "ts": "1795484085.000003" }))
}

fn no_messages(_: &Value) -> Response {
    ok(&json!({ "ok": true, "messages": [] }))
}

/// Serves until the test ends; gives its address and what is posted to it.
async fn serve(post: Answer, history: Answer) -> (String, Arc<Mutex<Vec<Value>>>) {
    let posts = Arc::new(Mutex::new(Vec::new()));
    let scripted = Scripted {
        posts: Arc::clone(&posts),
        post,
        history,
    };
    let app = Router::new().fallback(answer).with_state(scripted);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, posts)
}

async fn answer(
    State(scripted): State<Scripted>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    assert_eq!(headers[header::AUTHORIZATION], "Bearer xoxb-1");
    match uri.path() {
        "/api/auth.test" => ok(&json!({ "ok": true })),
        "/api/conversations.history" => (scripted.history)(&json!(uri.query())),
        "/api/chat.postMessage" => {
            let body: Value = serde_json::from_slice(&body).unwrap();
            scripted.posts.lock().unwrap().push(body.clone());
            (scripted.post)(&body)
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn deliver(post: Answer) -> (Result<Receipt, ChannelError>, Vec<Value>) {
    let (url, posts) = serve(post, no_messages).await;
    let prepared = channel(&url, "xoxb-1")
        .prepare(&fresh_delivery(), &to("C1"), cleared(message()))
        .await
        .unwrap();
    assert!(posts.lock().unwrap().is_empty());
    let result = prepared.commit().await;
    let posts = posts.lock().unwrap().clone();
    (result, posts)
}

fn refuse_blocks(body: &Value) -> Response {
    if body["blocks"].is_array() && body["thread_ts"].is_null() {
        ok(&json!({ "ok": false, "error": "msg_blocks_too_long" }))
    } else {
        posted(body)
    }
}

#[tokio::test]
async fn a_post_says_whose_delivery_it_is_and_unfolds_no_links() {
    let (result, posts) = deliver(posted).await;
    assert_eq!(result.unwrap().reference, "C1/1795484085.000003");
    assert_eq!(posts.len(), 2);
    assert_eq!(posts[0]["metadata"]["event_type"], "daybrief_delivery");
    assert_eq!(
        posts[0]["metadata"]["event_payload"]["delivery_id"]
            .as_str()
            .unwrap()
            .len(),
        24
    );
    assert!(posts[0]["thread_ts"].is_null());
    assert_eq!(posts[1]["thread_ts"], "1795484085.000003");
    assert!(posts[1]["metadata"].is_null());
    for post in &posts {
        assert_eq!(post["unfurl_links"], false);
        assert_eq!(post["unfurl_media"], false);
    }
}

#[tokio::test]
async fn each_answer_of_slack_has_its_outcome() {
    let wait: Answer = |_| {
        (
            StatusCode::TOO_MANY_REQUESTS,
            [
                (header::RETRY_AFTER, "17"),
                (header::CONTENT_TYPE, "application/json"),
            ],
            r#"{"ok":false,"error":"ratelimited"}"#,
        )
            .into_response()
    };
    let (result, _) = deliver(wait).await;
    assert!(
        matches!(result, Err(ChannelError::Later { after: Some(after), .. }) if after.as_secs() == 17)
    );
    let (result, _) = deliver(|_| ok(&json!({ "ok": false, "error": "not_in_channel" }))).await;
    assert!(matches!(result, Err(ChannelError::Never { .. })));
    // What the answer holds besides its code may be the brief itself.
    let (result, _) =
        deliver(|body| ok(&json!({ "ok": false, "error": "invalid_auth", "sent": body["text"] })))
            .await;
    let error = result.unwrap_err();
    assert!(matches!(error, ChannelError::Never { .. }), "{error:?}");
    assert!(!format!("{error:?}").contains("Release") && !format!("{error:?}").contains("xoxb"));
    for unclear in [
        |_: &Value| StatusCode::BAD_GATEWAY.into_response(),
        |_: &Value| ok(&json!({ "ok": false, "error": "internal_error" })),
        |_: &Value| (StatusCode::OK, "a login page").into_response(),
    ] {
        let (result, posts) = deliver(unclear).await;
        assert!(
            matches!(result, Err(ChannelError::Unclear { .. })),
            "{result:?}"
        );
        assert_eq!(posts.len(), 1);
    }
}

#[tokio::test]
async fn refused_blocks_go_into_the_thread_of_the_short_form() {
    let (result, posts) = deliver(refuse_blocks).await;
    result.unwrap();
    // Refused; the short form; its block; the reply.
    assert_eq!(posts.len(), 4);
    assert!(posts[1]["blocks"].is_null());
    assert_eq!(
        posts[1]["metadata"]["event_payload"],
        posts[0]["metadata"]["event_payload"]
    );
    assert_eq!(posts[2]["blocks"], json!(message().blocks));
    assert!(posts[2]["thread_ts"].is_string() && posts[3]["thread_ts"].is_string());
}

#[tokio::test]
async fn a_reply_that_fails_changes_nothing_of_the_delivery() {
    let (result, posts) = deliver(|body| {
        if body["thread_ts"].is_string() {
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        } else {
            posted(body)
        }
    })
    .await;
    result.unwrap();
    let main = posts.iter().filter(|post| post["thread_ts"].is_null());
    assert_eq!(main.count(), 1);
    assert_eq!(posts.len(), 2, "what may have been posted is not repeated");
}

#[tokio::test]
async fn a_history_with_foreign_messages_is_read_to_its_end() {
    let history: Answer = |query| {
        let query = query.as_str().unwrap_or_default();
        assert!(query.contains("include_all_metadata=true") && query.contains("oldest="));
        if query.contains("cursor=next") {
            ok(&json!({ "ok": true, "messages": [{
                "ts": "5.0",
                "metadata": {
                    "event_type": "daybrief_delivery",
                    "event_payload": { "delivery_id": "0123456789abcdef01234567" },
                },
            }] }))
        } else {
            // Another app's metadata have forms of their own.
            ok(&json!({
                "ok": true,
                "messages": [
                    { "ts": "7.0", "metadata": { "event_type": "x", "event_payload": { "n": 1, "o": {} } } },
                    { "type": "something_new", "ts": "6.0", "blocks": [{ "type": "unknown" }] },
                ],
                "response_metadata": { "next_cursor": "next" },
            }))
        }
    };
    let (url, _) = serve(posted, history).await;
    let channel = channel(&url, "xoxb-1");
    let delivery = DeliveryId::new("0123456789abcdef01234567").unwrap();
    assert_eq!(
        channel.find(&delivery, &to("C1")).await.unwrap(),
        Found::Delivered(Receipt {
            reference: "C1/5.0".to_owned()
        })
    );
    assert_eq!(
        channel.find(&fresh_delivery(), &to("C1")).await.unwrap(),
        Found::NotDelivered
    );
}

#[tokio::test]
async fn a_history_that_cannot_be_read_cannot_tell() {
    let endless: Answer = |_| {
        ok(&json!({
            "ok": true, "messages": [], "response_metadata": { "next_cursor": "again" },
        }))
    };
    let forbidden: Answer = |_| ok(&json!({ "ok": false, "error": "missing_scope" }));
    for history in [endless, forbidden] {
        let (url, _) = serve(posted, history).await;
        let found = channel(&url, "xoxb-1")
            .find(&fresh_delivery(), &to("C1"))
            .await
            .unwrap();
        assert_eq!(found, Found::CannotTell);
    }
}

#[tokio::test]
async fn nobody_listening_means_later() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api", listener.local_addr().unwrap());
    drop(listener);
    let error = channel(&url, "xoxb-1").check().await.unwrap_err();
    assert!(matches!(error, ChannelError::Later { .. }), "{error:?}");
}

#[tokio::test]
async fn what_is_no_slack_id_is_refused_without_a_call() {
    let channel = channel("http://127.0.0.1:1/api", "xoxb-1");
    for id in ["", "mara", "#general", "C1&x=y", "c123", "C"] {
        let error = channel
            .prepare(&fresh_delivery(), &to(id), cleared(message()))
            .await
            .err()
            .unwrap();
        assert!(matches!(error, ChannelError::Never { .. }), "{id:?}");
    }
}

#[test]
fn a_token_goes_in_clear_to_this_machine_only() {
    let make = |url: &str| {
        let settings = Slack {
            token: "env:UNUSED".to_owned().try_into().unwrap(),
            api_url: Some(url.to_owned()),
            timeout_seconds: 5,
        };
        SlackChannel::new(
            &settings,
            &SecretString::from("xoxb-1"),
            Arc::new(SystemClock),
        )
    };
    for url in [
        "https://slack.com/api",
        "http://127.0.0.1:9/api",
        "http://[::1]:9/api",
    ] {
        assert!(make(url).is_ok(), "{url}");
    }
    for url in [
        "http://slack.com/api",
        "http://127.0.0.1.evil.example/",
        "ftp://x/",
        "slack",
    ] {
        assert!(matches!(make(url), Err(SetupError::ApiUrl(_))), "{url}");
    }
}
