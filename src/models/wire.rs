//! What the wires have in common: addresses, counting, time-outs, retries, errors that hold nothing of what was sent.

use std::time::Duration;

use futures_util::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use rand::RngExt;
use reqwest::{RequestBuilder, Response, StatusCode, header::RETRY_AFTER};
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

use super::{Event, Message, ModelError, Request, SetupError};
use crate::{
    limits::Reservation,
    settings,
    text::{shorten, visible},
};

/// Bytes of a token at the least that a tokenizer makes of usual text: what a reservation counts with.
const FEWEST_BYTES_OF_A_TOKEN: usize = 2;
/// Bytes of a token that are usual: what an estimate counts with.
const USUAL_BYTES_OF_A_TOKEN: usize = 4;
/// Bytes of a token at the most: a server that counts fewer tokens has not read all.
const MOST_BYTES_OF_A_TOKEN: usize = 12;
/// Prompts shorter than this are not looked at for having been cut, in bytes.
const SHORT_PROMPT_BYTES: usize = 2_000;
/// Tokens that a message costs besides its text.
const TOKENS_OF_A_MESSAGE: usize = 16;
/// Attempts at most, the first among them.
const MOST_ATTEMPTS: u32 = 3;
/// The wait before the second attempt; doubled for each after, plus up to as much again at random.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest that a server may ask us to wait.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// No connection was made: what was to be sent reached nobody.
pub(super) const NO_CONNECTION: &str = "no connection";
/// The longest answer, in bytes of its wire.
pub(super) const LONGEST_ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// What of an error's body is read, in bytes.
const ERROR_BODY_BYTES: usize = 16 * 1024;
/// Characters of a server's own word in an error.
const ERROR_CHARACTERS: usize = 160;

/// The time-outs of a model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    first_seconds: u32,
    whole_seconds: u32,
}

impl Timing {
    pub fn of(settings: &settings::Model) -> Self {
        Self {
            first_seconds: settings.first_token_timeout_seconds.max(1),
            whole_seconds: settings.timeout_seconds.max(1),
        }
    }

    /// The stream with both time-outs on it; it ends with `Done` or its first error.
    pub fn bound(
        self,
        events: impl Stream<Item = Result<Event, ModelError>> + Send + 'static,
        begun: Instant,
    ) -> BoxStream<'static, Result<Event, ModelError>> {
        let whole = begun + Duration::from_secs(self.whole_seconds.into());
        let first = (begun + Duration::from_secs(self.first_seconds.into())).min(whole);
        let state = (Box::pin(events), first, self.first_seconds, false);
        stream::unfold(
            state,
            move |(mut events, until, seconds, ended)| async move {
                if ended {
                    return None;
                }
                let event = match timeout_at(until, events.next()).await {
                    Ok(Some(event)) => event,
                    Ok(None) => Err(ModelError::Shape {
                        what: "the answer ended without its end".to_owned(),
                    }),
                    Err(_) => Err(ModelError::Timeout { seconds }),
                };
                let ended = matches!(event, Ok(Event::Done { .. }) | Err(_));
                Some((event, (events, whole, self.whole_seconds, ended)))
            },
        )
        .boxed()
    }

    /// Waits for the beginning of an answer.
    pub async fn first<T>(
        self,
        begun: Instant,
        work: impl Future<Output = Result<T, ModelError>>,
    ) -> Result<T, ModelError> {
        let until = begun + Duration::from_secs(self.first_seconds.min(self.whole_seconds).into());
        timeout_at(until, work)
            .await
            .unwrap_or(Err(ModelError::Timeout {
                seconds: self.first_seconds,
            }))
    }
}

/// Bytes of all that a request says.
pub(super) fn bytes_of(request: &Request) -> usize {
    let messages: usize = request
        .messages
        .iter()
        .map(|message| match message {
            Message::User(text) => text.len(),
            Message::Assistant { text, calls } => {
                let calls: usize = calls
                    .iter()
                    .map(|call| call.name.len() + call.args.to_string().len())
                    .sum();
                text.len() + calls
            }
            Message::ToolResult { id, content } => id.len() + content.len(),
        })
        .sum();
    let tools: usize = request
        .tools
        .iter()
        .map(|tool| tool.name.len() + tool.description.len() + tool.input_schema.to_string().len())
        .sum();
    let schema = request
        .schema
        .as_ref()
        .map_or(0, |schema| schema.schema.to_string().len());
    request.system.len() + messages + tools + schema
}

/// Tokens that a request may use at most, in and out.
pub(super) fn bound(request: &Request) -> u64 {
    let tokens = bytes_of(request) / FEWEST_BYTES_OF_A_TOKEN
        + TOKENS_OF_A_MESSAGE * (request.messages.len() + 1);
    u64::try_from(tokens).unwrap_or(u64::MAX) + u64::from(request.max_output_tokens)
}

/// Tokens that a request's prompt has by rule of thumb.
pub fn estimate(request: &Request) -> u64 {
    u64::try_from(bytes_of(request) / USUAL_BYTES_OF_A_TOKEN).unwrap_or(u64::MAX)
}

/// Refuses what the reservation does not cover and what does not fit the model's window.
pub(super) fn admit(
    settings: &settings::Model,
    reservation: &Reservation,
    request: &Request,
) -> Result<(), ModelError> {
    if reservation.model() != &settings.id || reservation.max_tokens() < bound(request) {
        return Err(ModelError::NotReserved);
    }
    let needed = estimate(request) + u64::from(request.max_output_tokens);
    let window = u64::from(settings.context_tokens);
    if needed > window {
        return Err(ModelError::TooLong { needed, window });
    }
    Ok(())
}

/// Bytes of what a request says without its tools: what every server counts. Some leave tools out of their count.
pub(super) fn bytes_of_words(request: &Request) -> usize {
    let tools: usize = request
        .tools
        .iter()
        .map(|tool| tool.name.len() + tool.description.len() + tool.input_schema.to_string().len())
        .sum();
    bytes_of(request) - tools
}

/// The arguments of a call as the model wrote them. What is no JSON stays a text: it is no object, so the call is refused
/// and the model is told.
pub(super) fn arguments(text: &str) -> serde_json::Value {
    let text = text.trim();
    if text.is_empty() {
        return serde_json::Value::Object(serde_json::Map::new());
    }
    serde_json::from_str(text).unwrap_or_else(|_| serde_json::Value::String(text.to_owned()))
}

/// Did the server read all of the prompt? By its own count of tokens against what was sent.
pub(super) fn read_whole(bytes: usize, read: u64, window: u32) -> Result<(), ModelError> {
    let fewest = u64::try_from(bytes / MOST_BYTES_OF_A_TOKEN).unwrap_or(u64::MAX);
    let looked_at = bytes >= SHORT_PROMPT_BYTES && read > 0;
    if looked_at && (read < fewest || read >= u64::from(window)) {
        return Err(ModelError::PromptCut {
            sent: u64::try_from(bytes / USUAL_BYTES_OF_A_TOKEN).unwrap_or(u64::MAX),
            read,
        });
    }
    Ok(())
}

/// The address of an API: https, or http where the network is the company's own. With a slash at its end.
pub(super) fn address(text: &str) -> Result<Url, SetupError> {
    let wrong = || SetupError::Address(text.to_owned());
    let mut url = Url::parse(text).map_err(|_| wrong())?;
    let good = match url.scheme() {
        "https" => true,
        "http" => match url.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
            Some(Host::Ipv6(ip)) => ip.is_loopback() || ip.is_unique_local(),
            // A name without a dot, or under a domain of private use (RFC 6762, RFC 9476), is not on the internet.
            Some(Host::Domain(name)) => {
                !name.contains('.')
                    || [".local", ".internal", ".lan", ".home.arpa", ".localhost"]
                        .iter()
                        .any(|suffix| name.ends_with(suffix))
            }
            None => false,
        },
        _ => false,
    };
    if !good || url.query().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err(wrong());
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// A client that follows no redirection: what is sent goes to the address that is set and nowhere else.
pub(super) fn client() -> Result<reqwest::Client, SetupError> {
    crate::tls::begin();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(10))
        .user_agent(concat!("daybrief/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| SetupError::Client(error.to_string()))
}

/// Sends until an answer begins: what may pass is tried again, after what the server asks for.
pub(super) async fn send(request: RequestBuilder) -> Result<Response, ModelError> {
    let mut attempt = 1;
    loop {
        let Some(this) = request.try_clone() else {
            return Err(ModelError::Shape {
                what: "the request cannot be sent twice".to_owned(),
            });
        };
        let (error, asked) = match this.send().await {
            Ok(response) if response.status().is_success() => return Ok(response),
            Ok(response) => {
                let asked = response
                    .headers()
                    .get(RETRY_AFTER)
                    .and_then(|value| value.to_str().ok()?.trim().parse().ok())
                    .map(Duration::from_secs);
                (refusal(response).await, asked)
            }
            Err(error) => (unreachable(&error), None),
        };
        let passes = matches!(
            error,
            ModelError::Busy { .. } | ModelError::Unreachable { .. }
        );
        if !passes || attempt == MOST_ATTEMPTS {
            return Err(error);
        }
        let own = FIRST_WAIT * 2_u32.saturating_pow(attempt - 1);
        let jitter = own.mul_f64(rand::rng().random_range(0.0..1.0));
        tokio::time::sleep(
            asked
                .unwrap_or_default()
                .min(LONGEST_WAIT)
                .max(own + jitter),
        )
        .await;
        attempt += 1;
    }
}

/// Is it a status that passes by itself?
pub(super) fn is_busy(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504 | 529)
}

/// The error of an answer that is none. The server's own word may quote what was sent: only its kind is kept.
async fn refusal(response: Response) -> ModelError {
    let status = response.status();
    if is_busy(status) {
        return ModelError::Busy {
            status: status.as_u16(),
        };
    }
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(Ok(chunk)) = chunks.next().await {
        body.extend_from_slice(&chunk);
        if body.len() > ERROR_BODY_BYTES {
            break;
        }
    }
    let value: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let kind = ["/error/type", "/error/code", "/type"]
        .iter()
        .find_map(|pointer| value.pointer(pointer)?.as_str());
    denied(status.as_u16(), kind.unwrap_or("no reason given"))
}

/// A refusal with the server's word for its kind.
pub(super) fn denied(status: u16, kind: &str) -> ModelError {
    ModelError::Denied {
        status,
        what: shorten(visible(kind).trim(), ERROR_CHARACTERS),
    }
}

/// A connection that failed, without its address, which may hold more than a host.
pub(super) fn unreachable(error: &reqwest::Error) -> ModelError {
    let what = if error.is_connect() {
        NO_CONNECTION
    } else if error.is_timeout() {
        "the connection timed out"
    } else {
        "the connection broke"
    };
    ModelError::Unreachable {
        what: what.to_owned(),
    }
}

/// The bytes of an answer up to [`LONGEST_ANSWER_BYTES`].
pub(super) fn bytes(
    response: Response,
) -> impl Stream<Item = Result<Vec<u8>, ModelError>> + Send + 'static {
    let mut total = 0_usize;
    response.bytes_stream().map(move |chunk| {
        let chunk = chunk.map_err(|error| unreachable(&error))?;
        total = total.saturating_add(chunk.len());
        if total > LONGEST_ANSWER_BYTES {
            return Err(ModelError::Shape {
                what: format!("more than {LONGEST_ANSWER_BYTES} bytes"),
            });
        }
        Ok(chunk.to_vec())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_in_clear_to_private_hosts_only() {
        for (text, good) in [
            ("https://api.example.com/v1", true),
            ("http://127.0.0.1:8000/v1", true),
            ("http://[::1]:8000", true),
            ("http://10.1.2.3:11434", true),
            ("http://vllm:8000/v1", true),
            ("http://gpu.internal/v1", true),
            ("http://api.example.com/v1", false),
            ("http://8.8.8.8/v1", false),
            ("ftp://127.0.0.1/", false),
            ("https://user:pw@api.example.com/", false),
            ("nonsense", false),
        ] {
            assert_eq!(address(text).is_ok(), good, "{text}");
        }
        assert_eq!(
            address("https://a.example/v1").unwrap().as_str(),
            "https://a.example/v1/"
        );
    }

    #[test]
    fn a_prompt_that_was_cut_is_seen_by_the_servers_count() {
        assert!(read_whole(40_000, 9_000, 32_000).is_ok());
        assert!(read_whole(40_000, 2_048, 32_000).is_err(), "far too few");
        assert!(
            read_whole(40_000, 8_192, 8_192).is_err(),
            "the window is full"
        );
        assert!(read_whole(1_000, 3, 8_192).is_ok(), "too short to tell");
        assert!(read_whole(40_000, 0, 8_192).is_ok(), "not counted");
    }
}
