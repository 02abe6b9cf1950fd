//! What the wires have in common: addresses, counting, time-outs, what is sent in every form.

use std::time::Duration;

use futures_util::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use reqwest::Response;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

use super::{Event, Message, ModelError, Request, SetupError, Tool, endpoint, learn::Dialect};
use crate::{
    limits::Reservation,
    settings::{self, ModelParameter},
};

/// Bytes of a token at the least that a tokenizer makes of usual text: what a reservation counts with.
const FEWEST_BYTES_OF_A_TOKEN: usize = 2;
/// Bytes of a token that are usual: what an estimate counts with.
const USUAL_BYTES_OF_A_TOKEN: usize = 4;
/// Bytes of a token at the most: a server that counts fewer tokens has not read all.
const MOST_BYTES_OF_A_TOKEN: usize = 12;
/// Tokens that servers add to a prompt: templates, and how tools are to be called.
const SERVERS_OWN_TOKENS: usize = 2_000;
/// Prompts shorter than this are not looked at for having been cut, in bytes.
const SHORT_PROMPT_BYTES: usize = 2_000;
/// Tokens that a message costs besides its text.
const TOKENS_OF_A_MESSAGE: usize = 16;
/// The longest answer, in bytes of its wire.
pub(super) const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;

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
                    .map(|call| {
                        let echo = call.echo.as_ref().map_or(0, |echo| echo.to_string().len());
                        call.name.len() + call.args.to_string().len() + echo
                    })
                    .sum();
                text.len() + calls
            }
            Message::ToolResult { id, content } => id.len() + content.len(),
        })
        .sum();
    let tools: usize = request
        .tools
        .iter()
        .map(|tool| {
            tool.name.len() + tool.description.len() + tool.input_schema.get().to_string().len()
        })
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

/// Refuses what the reservation does not cover and what does not fit the model's window; how many tokens are left for
/// reasoning.
pub(super) fn admit(
    settings: &settings::Model,
    reservation: &Reservation,
    request: &Request,
) -> Result<u32, ModelError> {
    if reservation.model() != &settings.id || reservation.max_tokens() < bound(request) {
        return Err(ModelError::NotReserved);
    }
    let needed = estimate(request) + u64::from(request.max_output_tokens);
    let window = u64::from(settings.context_tokens);
    if needed > window {
        return Err(ModelError::TooLong { needed, window });
    }
    let left = (reservation.max_tokens() - bound(request)).min(window - needed);
    Ok(u32::try_from(left).unwrap_or(u32::MAX))
}

/// Bytes of what a request says without its tools: what every server counts. Some leave tools out of their count.
pub(super) fn bytes_of_words(request: &Request) -> usize {
    let tools: usize = request
        .tools
        .iter()
        .map(|tool| {
            tool.name.len() + tool.description.len() + tool.input_schema.get().to_string().len()
        })
        .sum();
    bytes_of(request) - tools
}

/// A count of tokens, however it is written.
pub(super) fn whole_number(value: &Value) -> Option<u64> {
    let whole = value.as_u64();
    whole.or_else(|| match value {
        // `20.0`
        Value::Number(number) => number.to_string().split_once('.')?.0.parse().ok(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    })
}

/// The tools that a request offers, each with its schema as the model's server takes it.
pub(super) fn offered<'r>(
    request: &'r Request,
    dialect: &'r Dialect,
) -> impl Iterator<Item = (&'r Tool, Value)> {
    let tools = request.tools.iter();
    let kept = tools.filter(|tool| !dialect.dropped.contains(&tool.name));
    kept.map(|tool| {
        let schema = if dialect.narrow {
            tool.input_schema.narrow()
        } else {
            tool.input_schema.get().clone()
        };
        (tool, schema)
    })
}

/// What a model is told of its task, with the form of its answer where its server holds it to none.
pub(super) fn system(request: &Request, is_held: bool) -> String {
    match &request.schema {
        Some(schema) if !is_held => format!(
            "{}

Answer with one JSON object and nothing else. It must fit this JSON schema:\n{}",
            request.system, schema.schema
        ),
        _ => request.system.clone(),
    }
}

/// The messages of a request; calls one after the other, each with its result, where a server takes no several at once.
pub(super) fn messages(request: &Request, dialect: &Dialect) -> Vec<Message> {
    if dialect.takes(ModelParameter::ParallelToolCalls) {
        return request.messages.clone();
    }
    let mut apart = Vec::new();
    let result_of = |id: &str| {
        let mut all = request.messages.iter();
        all.find(|message| matches!(message, Message::ToolResult { id: of, .. } if of == id))
    };
    for message in &request.messages {
        match message {
            Message::Assistant { text, calls } if calls.len() > 1 => {
                for (at, call) in calls.iter().enumerate() {
                    apart.push(Message::Assistant {
                        text: if at == 0 { text.clone() } else { String::new() },
                        calls: vec![call.clone()],
                    });
                    apart.extend(result_of(&call.id).cloned());
                }
            }
            Message::ToolResult { id, .. } => {
                let told = |message: &Message| matches!(message, Message::ToolResult { id: of, .. } if of == id);
                if !apart.iter().any(told) {
                    apart.push(message.clone());
                }
            }
            other => apart.push(other.clone()),
        }
    }
    apart
}

/// A server's count of tokens, where it can be true of at least `fewest` and at most `most` bytes, or of `hidden` tokens that
/// nobody sees; else what the bytes come to by rule of thumb.
pub(super) fn counted(count: u64, fewest: usize, most: usize, hidden: u64) -> u64 {
    let tokens = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
    // A token has a byte at the least; what servers put around a prompt has no more than this.
    let possible = tokens(most.saturating_add(SERVERS_OWN_TOKENS)).max(hidden);
    if count > 0 && (tokens(fewest / MOST_BYTES_OF_A_TOKEN)..=possible).contains(&count) {
        return count;
    }
    let thumb = tokens(fewest.div_ceil(USUAL_BYTES_OF_A_TOKEN));
    if count > 0 {
        tracing::warn!(count, thumb, "a model counts tokens that cannot be");
    }
    thumb
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
        .map_err(|error| SetupError::Client(crate::tls::no_client(&error)))
}

/// The bytes of an answer up to [`MAX_ANSWER_BYTES`].
pub(super) fn bytes(
    response: Response,
) -> impl Stream<Item = Result<Vec<u8>, ModelError>> + Send + 'static {
    let mut total = 0_usize;
    response.bytes_stream().map(move |chunk| {
        let chunk = chunk.map_err(|error| endpoint::broke(&error))?;
        total = total.saturating_add(chunk.len());
        if total > MAX_ANSWER_BYTES {
            return Err(ModelError::Shape {
                what: format!("more than {MAX_ANSWER_BYTES} bytes"),
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
    fn a_count_that_cannot_be_is_not_taken() {
        let prompt = |count| counted(count, 40_000, 44_000, 0);
        assert_eq!(prompt(9_000), 9_000);
        assert_eq!(prompt(30_000), 30_000, "a language of many tokens");
        for wrong in [0, 1, 3_000, 50_000, 1_000_000_000_000, u64::MAX] {
            assert_eq!(prompt(wrong), 10_000, "{wrong}");
        }
        let answer = |count| counted(count, 400, 400, 4_096);
        assert_eq!(answer(120), 120);
        assert_eq!(answer(4_000), 4_000, "it reasoned in silence");
        for wrong in [0, 20, 1_000_000_000_000] {
            assert_eq!(answer(wrong), 100, "{wrong}");
        }
        assert_eq!(counted(0, 0, 0, 4_096), 0);
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
