//! Slack, by its Web API (docs.slack.dev).
//!
//! The brief is one message; its metadata carry the delivery id, so that the channel's history answers whether it was
//! delivered. What stands in its thread is posted after it and is no part of the delivery: a reply that fails is tried
//! once more and then left out, and never makes a second message. The same holds for replies that a crash prevented.
//!
//! Requests and answers are plain JSON here, not the client's typed models: other apps' messages in a history may have
//! forms that the models do not know, and one of them must not hide ours.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use slack_morphism::{
    SlackApiToken, SlackClient, errors::SlackClientError, hyper_tokio::SlackClientHyperConnector,
};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::{
    Channel, ChannelError, Found, Message, Prepared, Receipt, SetupError, SlackMessage,
    is_loopback,
    slack_codes::{error_of, rate_limited, refuses_blocks},
};
use crate::{
    clock::Clock, domain::delivery::Address, guard::Cleared, ids::DeliveryId, settings::Slack,
};

/// The vendor's own address of the Web API.
const API_URL: &str = "https://slack.com/api";
/// Our metadata's name.
const EVENT_TYPE: &str = "daybrief_delivery";
/// How far back `find` looks, in hours: a delivery expires long before.
const FIND_MAX_HOURS: i64 = 48;
/// Messages of one page of a history (Slack recommends at most 200).
const FIND_PAGE_MESSAGES: usize = 200;
/// Pages that `find` reads before it says that it cannot tell.
const FIND_MAX_PAGES: usize = 20;
/// A post whose answer did not come may still be carried out, or still be missing in the history, for so long.
const SETTLES_WITHIN: Duration = Duration::from_secs(120);
/// The longest wait before a reply is tried again, in seconds.
const REPLY_WAIT_MAX_SECONDS: u64 = 3;

type Client = SlackClient<SlackClientHyperConnector<HttpsConnector<HttpConnector>>>;

/// Delivery to one Slack workspace.
#[derive(Clone)]
pub struct SlackChannel {
    api: Arc<Api>,
    clock: Arc<dyn Clock>,
}

/// The Web API under one token.
struct Api {
    client: Client,
    token: SlackApiToken,
    timeout: Duration,
}

impl SlackChannel {
    /// The channel of these settings. `token` is the value of `settings.token`. Reads the machine's certificates;
    /// connects to nothing.
    pub fn new(
        settings: &Slack,
        token: &SecretString,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        let url = settings.api_url.as_deref().unwrap_or(API_URL);
        let wrong = || SetupError::ApiUrl(url.to_owned());
        let parsed = Url::parse(url).map_err(|_| wrong())?;
        let host = parsed.host_str().ok_or_else(wrong)?;
        let clear = match parsed.scheme() {
            "https" => false,
            "http" if is_loopback(host) => true,
            _ => return Err(wrong()),
        };
        let timeout = Duration::from_secs(settings.timeout_seconds.max(1).into());
        let connector = SlackClientHyperConnector::with_connector(connector(clear, timeout)?)
            .with_slack_api_url(url.trim_end_matches('/'));
        Ok(Self {
            api: Arc::new(Api {
                client: SlackClient::new(connector),
                token: SlackApiToken::new(token.expose_secret().into()),
                timeout,
            }),
            clock,
        })
    }

    /// The conversation of an address: a channel as it is, a member's direct message opened.
    async fn conversation(&self, to: &Address, end: Instant) -> Result<String, ChannelError> {
        let Address::Slack { to } = to else {
            return Err(ChannelError::never("this channel takes Slack only"));
        };
        if !is_slack_id(to) {
            return Err(ChannelError::never(
                "a recipient in Slack is a member id (U…) or a channel id (C…)",
            ));
        }
        if !to.starts_with(['U', 'W']) {
            return Ok(to.clone());
        }
        let answer = self
            .api
            .post("conversations.open", &json!({ "users": to }), end)
            .await
            .map_err(Failure::before)?;
        text_at(&answer, "/channel/id")
            .map(str::to_owned)
            .ok_or_else(|| ChannelError::later("Slack opened a conversation without an id"))
    }

    /// Looks through the history, newest first, down to the oldest instant at which this delivery can have been sent.
    async fn search(
        &self,
        delivery: &DeliveryId,
        channel: &str,
        end: Instant,
    ) -> Result<Found, Failure> {
        let oldest = self
            .clock
            .now()
            .saturating_sub(SignedDuration::from_hours(FIND_MAX_HOURS))
            .map_or(0, jiff::Timestamp::as_second);
        let mut cursor = String::new();
        for _ in 0..FIND_MAX_PAGES {
            let answer = self
                .api
                .get(
                    "conversations.history",
                    &[
                        ("channel", channel.to_owned()),
                        ("oldest", format!("{oldest}.000000")),
                        ("limit", FIND_PAGE_MESSAGES.to_string()),
                        ("include_all_metadata", "true".to_owned()),
                        ("cursor", cursor),
                    ],
                    end,
                )
                .await?;
            let Some(messages) = answer.get("messages").and_then(Value::as_array) else {
                return Ok(Found::CannotTell);
            };
            if let Some(ts) = messages
                .iter()
                .find(|message| is_of(message, delivery))
                .and_then(|message| text_at(message, "/ts"))
            {
                return Ok(Found::Delivered(receipt(channel, ts)));
            }
            cursor = text_at(&answer, "/response_metadata/next_cursor")
                .unwrap_or_default()
                .to_owned();
            if cursor.is_empty() {
                return Ok(Found::NotDelivered);
            }
        }
        Ok(Found::CannotTell)
    }
}

#[async_trait]
impl Channel for SlackChannel {
    async fn prepare(
        &self,
        delivery: &DeliveryId,
        to: &Address,
        message: Cleared<Message>,
    ) -> Result<Box<dyn Prepared>, ChannelError> {
        let Message::Slack(message) = message.into_inner() else {
            return Err(ChannelError::never(
                "this channel takes Slack messages only",
            ));
        };
        let end = self.api.end();
        let channel = self.conversation(to, end).await?;
        // A channel needs no opening, but a connection and a token that stand before delivery begins.
        if !is_member(to) {
            self.api
                .get("auth.test", &[], end)
                .await
                .map_err(Failure::before)?;
        }
        Ok(Box::new(PreparedPost {
            api: Arc::clone(&self.api),
            delivery: delivery.clone(),
            channel,
            message,
        }))
    }

    async fn find(&self, delivery: &DeliveryId, to: &Address) -> Result<Found, ChannelError> {
        let end = self.api.end();
        let channel = self.conversation(to, end).await?;
        match self.search(delivery, &channel, end).await {
            Ok(found) => Ok(found),
            // The app may write there but not read.
            Err(Failure::Refused(code))
                if matches!(
                    code.as_str(),
                    "missing_scope" | "not_in_channel" | "channel_not_found" | "no_permission"
                ) =>
            {
                Ok(Found::CannotTell)
            }
            Err(failure) => Err(failure.before()),
        }
    }

    fn settles_within(&self) -> Duration {
        SETTLES_WITHIN
    }

    async fn check(&self) -> Result<(), ChannelError> {
        let end = self.api.end();
        self.api
            .get("auth.test", &[], end)
            .await
            .map_err(Failure::before)?;
        Ok(())
    }
}

/// A message whose conversation is open. Dropped, nothing was posted.
struct PreparedPost {
    api: Arc<Api>,
    delivery: DeliveryId,
    channel: String,
    message: SlackMessage,
}

#[async_trait]
impl Prepared for PreparedPost {
    async fn commit(self: Box<Self>) -> Result<Receipt, ChannelError> {
        let end = self.api.end();
        let SlackMessage {
            text,
            blocks,
            mut replies,
        } = self.message.clone();
        let posted = match self.post(&text, &blocks, None, end).await {
            // A definite no to the form: the text goes alone, and the blocks one by one into its thread.
            Err(Failure::Refused(code)) if refuses_blocks(&code) => {
                tracing::warn!(code, "Slack refused the blocks; the short form is sent");
                let pieces = blocks.into_iter().map(|block| (text.clone(), vec![block]));
                replies.splice(0..0, pieces);
                self.post(&text, &[], None, end).await
            }
            other => other,
        };
        let ts = posted.map_err(Failure::during)?;
        for (text, blocks) in &replies {
            self.reply(text, blocks, &ts, end).await;
        }
        Ok(receipt(&self.channel, &ts))
    }
}

impl PreparedPost {
    /// Posts one message and gives its timestamp, which is its name in Slack.
    async fn post(
        &self,
        text: &str,
        blocks: &[Value],
        thread: Option<&str>,
        end: Instant,
    ) -> Result<String, Failure> {
        let belonging = match thread {
            Some(ts) => ("thread_ts", json!(ts)),
            None => (
                "metadata",
                json!({
                    "event_type": EVENT_TYPE,
                    "event_payload": { "delivery_id": self.delivery.as_str() },
                }),
            ),
        };
        let mut fields = vec![
            ("channel", json!(self.channel)),
            ("text", json!(text)),
            ("unfurl_links", json!(false)),
            ("unfurl_media", json!(false)),
            belonging,
        ];
        if !blocks.is_empty() {
            fields.push(("blocks", json!(blocks)));
        }
        let body: Value = fields.into_iter().collect();
        let answer = self.api.post("chat.postMessage", &body, end).await?;
        text_at(&answer, "/ts")
            .map(str::to_owned)
            .ok_or_else(|| Failure::Open("Slack took the message and named none".to_owned()))
    }

    /// Posts into the thread, with one more try. The brief is delivered whatever comes of it.
    async fn reply(&self, text: &str, blocks: &[Value], ts: &str, end: Instant) {
        for last in [false, true] {
            let failure = match self.post(text, blocks, Some(ts), end).await {
                Ok(_) => return,
                Err(failure) => failure,
            };
            // What may have been posted is not posted again.
            let again = !last && matches!(failure, Failure::Wait(_) | Failure::Unreached(_));
            if !again {
                let error = failure.before();
                tracing::warn!(%error, "a reply in the brief's thread was left out");
                return;
            }
            let most = Duration::from_secs(REPLY_WAIT_MAX_SECONDS);
            let wait = match failure {
                Failure::Wait(after) => after.unwrap_or(most).min(most),
                _ => Duration::ZERO,
            };
            tokio::time::sleep(wait).await;
        }
    }
}

impl Api {
    fn end(&self) -> Instant {
        Instant::now() + self.timeout
    }

    async fn post(&self, method: &str, body: &Value, end: Instant) -> Result<Value, Failure> {
        let session = self.client.open_session(&self.token);
        let call = session.http_session_api.http_post(method, body, None);
        self.answer(end, call).await
    }

    async fn get(
        &self,
        method: &str,
        parameters: &[(&str, String)],
        end: Instant,
    ) -> Result<Value, Failure> {
        let session = self.client.open_session(&self.token);
        let parameters: Vec<(&str, Option<&String>)> = parameters
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (*name, Some(value)))
            .collect();
        let call = session.http_session_api.http_get(method, &parameters, None);
        self.answer(end, call).await
    }

    async fn answer(
        &self,
        end: Instant,
        call: impl Future<Output = Result<Value, SlackClientError>>,
    ) -> Result<Value, Failure> {
        match timeout_at(end, call).await {
            Ok(Ok(answer)) if answer.get("ok") == Some(&Value::Bool(true)) => Ok(answer),
            Ok(Ok(_)) => Err(Failure::Open("the answer is not Slack's".to_owned())),
            Ok(Err(error)) => Err(Failure::of(&error)),
            Err(_) => Err(Failure::Open(format!(
                "no answer within {} s",
                self.timeout.as_secs()
            ))),
        }
    }
}

/// How a call failed. Nothing of an answer's body is kept: it can hold what was posted.
#[derive(Debug)]
enum Failure {
    /// Slack answered no, with this code.
    Refused(String),
    /// Slack asks to wait.
    Wait(Option<Duration>),
    /// The request did not reach Slack.
    Unreached(String),
    /// A gateway or Slack's edge refused the request (4xx).
    Status(u16),
    /// It may have been carried out.
    Open(String),
}

impl Failure {
    fn of(error: &SlackClientError) -> Self {
        match error {
            SlackClientError::ApiError(error) => Self::Refused(error.code.clone()),
            SlackClientError::RateLimitError(error) => Self::Wait(error.retry_after),
            SlackClientError::HttpError(error) => match error.status_code.as_u16() {
                status @ 400..=499 => Self::Status(status),
                status => Self::Open(format!("HTTP status {status}")),
            },
            SlackClientError::HttpProtocolError(error) => {
                let connect = error
                    .cause
                    .as_ref()
                    .and_then(|cause| cause.downcast_ref::<hyper_util::client::legacy::Error>())
                    .is_some_and(hyper_util::client::legacy::Error::is_connect);
                if connect {
                    Self::Unreached(
                        "cannot be reached: look at the network, a proxy and `[slack] api_url`"
                            .to_owned(),
                    )
                } else {
                    Self::Open("the connection broke".to_owned())
                }
            }
            SlackClientError::ProtocolError(_) => {
                Self::Open("the answer is not Slack's".to_owned())
            }
            _ => Self::Open("the connection broke".to_owned()),
        }
    }

    /// For a call that delivers nothing: nothing is open.
    fn before(self) -> ChannelError {
        match self.during() {
            ChannelError::Unclear { what } => ChannelError::later(what),
            other => other,
        }
    }

    /// For the call that delivers.
    fn during(self) -> ChannelError {
        match self {
            Self::Refused(code) => error_of(&code),
            Self::Wait(after) => rate_limited(after),
            Self::Unreached(what) => ChannelError::later(format!("Slack: {what}")),
            Self::Status(status) => ChannelError::never(format!("Slack: HTTP status {status}")),
            Self::Open(what) => ChannelError::unclear(format!("Slack: {what}")),
        }
    }
}

/// Is it the message of this delivery?
fn is_of(message: &Value, delivery: &DeliveryId) -> bool {
    text_at(message, "/metadata/event_type") == Some(EVENT_TYPE)
        && text_at(message, "/metadata/event_payload/delivery_id") == Some(delivery.as_str())
}

/// The text at a JSON Pointer (RFC 6901).
fn text_at<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

fn receipt(channel: &str, ts: &str) -> Receipt {
    Receipt {
        reference: super::bounded(&format!("{channel}/{ts}")),
    }
}

fn is_member(to: &Address) -> bool {
    to.target().starts_with(['U', 'W'])
}

/// Ids in Slack: a letter for the kind, then capitals and digits.
fn is_slack_id(text: &str) -> bool {
    (2..=32).contains(&text.len())
        && text.starts_with(['C', 'D', 'G', 'U', 'W'])
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// TLS by rustls with ring, whatever provider the process has; the client's own connector would take none but https.
fn connector(clear: bool, timeout: Duration) -> Result<HttpsConnector<HttpConnector>, SetupError> {
    let provider = rustls::crypto::ring::default_provider();
    let builder = hyper_rustls::HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(provider)
        .map_err(|error| SetupError::Tls(error.to_string()))?;
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_connect_timeout(Some(timeout));
    Ok(if clear {
        builder.https_or_http().enable_http1().wrap_connector(http)
    } else {
        builder
            .https_only()
            .enable_all_versions()
            .wrap_connector(http)
    })
}
