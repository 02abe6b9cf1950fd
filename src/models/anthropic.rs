//! Anthropic's Messages API, over its own stream of events. An answer that must fit a schema is asked for as the one call
//! of a tool that has this schema: what the API enforces.

use async_trait::async_trait;
use eventsource_stream::{Event as SseEvent, Eventsource};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::time::Instant;
use url::Url;

use super::{
    Event, Message, Model, ModelError, Request, SetupError, Stop, ToolCall, Usage,
    wire::{self, Timing},
};
use crate::{ids::ModelId, limits::Reservation, settings};

const VENDOR: &str = "https://api.anthropic.com";
/// The version of the API that this is written for.
const VERSION: &str = "2023-06-01";

/// A model behind the Messages API.
pub(super) struct Anthropic {
    settings: settings::Model,
    client: reqwest::Client,
    url: Url,
    headers: HeaderMap,
}

impl Anthropic {
    pub fn new(settings: &settings::Model, key: Option<SecretString>) -> Result<Self, SetupError> {
        if settings.base_url.is_none() && key.is_none() {
            return Err(SetupError::NoKey);
        }
        let base = wire::address(settings.base_url.as_deref().unwrap_or(VENDOR))?;
        let url = base
            .join("v1/messages")
            .map_err(|_| SetupError::Address(base.to_string()))?;
        let mut headers = HeaderMap::new();
        headers.insert(
            HeaderName::from_static("anthropic-version"),
            HeaderValue::from_static(VERSION),
        );
        if let Some(key) = key {
            let mut value =
                HeaderValue::from_str(key.expose_secret()).map_err(|_| SetupError::NoKey)?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static("x-api-key"), value);
        }
        Ok(Self {
            settings: settings.clone(),
            client: wire::client()?,
            url,
            headers,
        })
    }
}

#[async_trait]
impl Model for Anthropic {
    fn id(&self) -> &ModelId {
        &self.settings.id
    }

    fn is_local(&self) -> bool {
        self.settings.local
    }

    fn calls_tools(&self) -> bool {
        self.settings.tools == settings::ToolUse::Native
    }

    fn bound(&self, request: &Request) -> u64 {
        wire::bound(request)
    }

    async fn stream(
        &self,
        reservation: Reservation,
        request: Request,
    ) -> Result<BoxStream<'static, Result<Event, ModelError>>, ModelError> {
        wire::admit(&self.settings, &reservation, &request)?;
        let (begun, timing) = (Instant::now(), Timing::of(&self.settings));
        let answer = self
            .client
            .post(self.url.clone())
            .headers(self.headers.clone())
            .json(&body(&self.settings, &request));
        let answer = timing.first(begun, wire::send(answer)).await?;
        let assembly = Assembly {
            schema: request.schema.as_ref().map(|schema| schema.name.clone()),
            sent: wire::bytes_of(&request),
            window: self.settings.context_tokens,
            ..Assembly::default()
        };
        let pieces = Box::pin(wire::bytes(answer).eventsource());
        let events = stream::unfold(
            (pieces, assembly),
            |(mut pieces, mut assembly)| async move {
                let events = match pieces.next().await? {
                    Ok(piece) => assembly.take(&piece),
                    Err(eventsource_stream::EventStreamError::Transport(error)) => vec![Err(error)],
                    Err(_) => vec![Err(ModelError::Shape {
                        what: "a broken stream".to_owned(),
                    })],
                };
                Some((stream::iter(events), (pieces, assembly)))
            },
        )
        .flatten();
        Ok(timing.bound(events, begun))
    }
}

/// Arguments as the API takes them back: an object, also where the model wrote none.
fn object(args: &Value) -> Value {
    match args {
        Value::Object(_) => args.clone(),
        other => json!({ "not_an_object": other }),
    }
}

/// The request in the API's own form.
fn body(settings: &settings::Model, request: &Request) -> Value {
    let messages: Vec<Value> = request
        .messages
        .iter()
        .map(|message| match message {
            Message::User(text) => json!({ "role": "user", "content": text }),
            Message::Assistant { text, calls } => {
                let text = (!text.is_empty()).then(|| json!({ "type": "text", "text": text }));
                let calls = calls.iter().map(|call| {
                    json!({ "type": "tool_use", "id": call.id, "name": call.name, "input": object(&call.args) })
                });
                let content: Vec<Value> = text.into_iter().chain(calls).collect();
                json!({ "role": "assistant", "content": content })
            }
            Message::ToolResult { id, content } => json!({
                "role": "user",
                "content": [{ "type": "tool_result", "tool_use_id": id, "content": content }],
            }),
        })
        .collect();
    let mut body = json!({
        "model": settings.model,
        "system": request.system,
        "messages": messages,
        "max_tokens": request.max_output_tokens,
        "temperature": 0,
        "stream": true,
    });
    let mut tools: Vec<Value> = request
        .tools
        .iter()
        .map(|tool| {
            json!({ "name": tool.name, "description": tool.description, "input_schema": tool.input_schema })
        })
        .collect();
    if let Some(schema) = &request.schema {
        tools.push(json!({
            "name": schema.name,
            "description": "Takes the answer in its form.",
            "input_schema": schema.schema,
        }));
        if let Some(body) = body.as_object_mut() {
            body.insert(
                "tool_choice".to_owned(),
                json!({ "type": "tool", "name": schema.name }),
            );
        }
    }
    if let (false, Some(body)) = (tools.is_empty(), body.as_object_mut()) {
        body.insert("tools".to_owned(), tools.into());
    }
    body
}

/// An answer as it comes in, in pieces.
#[derive(Default)]
struct Assembly {
    /// The tool that stands for the answer's form.
    schema: Option<String>,
    /// The call that comes in: id, name, arguments so far.
    call: Option<(String, String, String)>,
    usage: Usage,
    stop: Option<Stop>,
    sent: usize,
    window: u32,
}

impl Assembly {
    fn take(&mut self, piece: &SseEvent) -> Vec<Result<Event, ModelError>> {
        let broken = |what: &str| {
            vec![Err(ModelError::Shape {
                what: what.to_owned(),
            })]
        };
        let Ok(data) = serde_json::from_str::<Value>(&piece.data) else {
            return broken("an event that is no JSON");
        };
        let text = |pointer: &str| {
            data.pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let number = |pointer: &str| data.pointer(pointer).and_then(Value::as_u64);
        match text("/type") {
            "message_start" => {
                // What is read from a cache is read too.
                self.usage.tokens_in = [
                    "/message/usage/input_tokens",
                    "/message/usage/cache_read_input_tokens",
                    "/message/usage/cache_creation_input_tokens",
                ]
                .iter()
                .filter_map(|pointer| number(pointer))
                .sum();
                Vec::new()
            }
            "content_block_start" if text("/content_block/type") == "tool_use" => {
                self.call = Some((
                    text("/content_block/id").to_owned(),
                    text("/content_block/name").to_owned(),
                    String::new(),
                ));
                Vec::new()
            }
            "content_block_delta" => match (text("/delta/type"), &mut self.call) {
                ("text_delta", _) if self.schema.is_none() => {
                    vec![Ok(Event::Text(text("/delta/text").to_owned()))]
                }
                ("input_json_delta", Some((_, name, arguments))) => {
                    let json = text("/delta/partial_json");
                    if self.schema.as_deref() == Some(name) {
                        vec![Ok(Event::Text(json.to_owned()))]
                    } else {
                        arguments.push_str(json);
                        Vec::new()
                    }
                }
                _ => Vec::new(),
            },
            "content_block_stop" => match self.call.take() {
                Some((id, name, arguments)) if self.schema.as_ref() != Some(&name) => {
                    let args = wire::arguments(&arguments);
                    vec![Ok(Event::Call(ToolCall { id, name, args }))]
                }
                _ => Vec::new(),
            },
            "message_delta" => {
                if let Some(tokens) = number("/usage/output_tokens") {
                    self.usage.tokens_out = tokens;
                }
                self.stop = Some(match text("/delta/stop_reason") {
                    "max_tokens" | "model_context_window_exceeded" => Stop::Length,
                    "refusal" => Stop::Refused,
                    "tool_use" if self.schema.is_none() => Stop::Calls,
                    _ => Stop::End,
                });
                Vec::new()
            }
            "message_stop" => {
                let mut events = Vec::new();
                if let Err(cut) = wire::read_whole(self.sent, self.usage.tokens_in, self.window) {
                    events.push(Err(cut));
                }
                events.push(Ok(Event::Done {
                    usage: self.usage,
                    stop: self.stop.unwrap_or(Stop::End),
                }));
                events
            }
            "error" => vec![Err(match text("/error/type") {
                "overloaded_error" => ModelError::Busy { status: 529 },
                "rate_limit_error" => ModelError::Busy { status: 429 },
                kind => wire::denied(200, kind),
            })],
            _ => Vec::new(),
        }
    }
}
