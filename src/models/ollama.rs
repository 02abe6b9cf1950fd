//! Ollama's chat API. The requests and answers are ollama-rs's; they are sent and read here, since its own stream drops
//! what does not end between two characters and prints to standard error.
//!
//! `num_ctx` is sent always: without it Ollama reads as much as it likes of a long prompt and says nothing.

use async_trait::async_trait;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use ollama_rs::{
    generation::{
        chat::{ChatMessage, ChatMessageResponse, MessageRole, request::ChatMessageRequest},
        tools::{ToolCall as OllamaCall, ToolCallFunction, ToolFunctionInfo, ToolInfo, ToolType},
    },
    models::ModelOptions,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::time::Instant;
use url::Url;

use super::{
    Event, Message, Model, ModelError, Request, SetupError, Stop, ToolCall, Usage,
    wire::{self, Timing},
};
use crate::{ids::ModelId, limits::Reservation, settings};

const USUAL: &str = "http://127.0.0.1:11434";

/// A model of an Ollama server.
pub(super) struct Ollama {
    settings: settings::Model,
    client: reqwest::Client,
    url: Url,
    key: Option<SecretString>,
}

impl Ollama {
    pub fn new(settings: &settings::Model, key: Option<SecretString>) -> Result<Self, SetupError> {
        let base = wire::address(settings.base_url.as_deref().unwrap_or(USUAL))?;
        let url = base
            .join("api/chat")
            .map_err(|_| SetupError::Address(base.to_string()))?;
        Ok(Self {
            settings: settings.clone(),
            client: wire::client()?,
            url,
            key,
        })
    }
}

#[async_trait]
impl Model for Ollama {
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
        let mut answer = self
            .client
            .post(self.url.clone())
            .json(&body(&self.settings, &request));
        if let Some(key) = &self.key {
            answer = answer.bearer_auth(key.expose_secret());
        }
        let answer = timing.first(begun, wire::send(answer)).await?;
        let assembly = Assembly {
            sent: wire::bytes_of(&request),
            window: self.settings.context_tokens,
            ..Assembly::default()
        };
        let pieces = Box::pin(wire::bytes(answer));
        let events = stream::unfold(
            (pieces, assembly),
            |(mut pieces, mut assembly)| async move {
                let events = match pieces.next().await {
                    Some(Ok(piece)) => assembly.take(&piece),
                    Some(Err(error)) => vec![Err(error)],
                    None if assembly.line.is_empty() => return None,
                    // The last line may have no end.
                    None => assembly.take(b"\n"),
                };
                Some((stream::iter(events), (pieces, assembly)))
            },
        )
        .flatten();
        Ok(timing.bound(events, begun))
    }
}

/// The request in the API's own form.
fn body(settings: &settings::Model, request: &Request) -> Value {
    let mut messages = vec![ChatMessage::system(request.system.clone())];
    messages.extend(request.messages.iter().map(|message| match message {
        Message::User(text) => ChatMessage::user(text.clone()),
        Message::Assistant { text, calls } => {
            let mut message = ChatMessage::new(MessageRole::Assistant, text.clone());
            message.tool_calls = calls
                .iter()
                .map(|call| OllamaCall {
                    function: ToolCallFunction {
                        name: call.name.clone(),
                        arguments: call.args.clone(),
                    },
                })
                .collect();
            message
        }
        Message::ToolResult { content, .. } => ChatMessage::tool(content.clone()),
    }));
    let options = ModelOptions::default()
        .num_ctx(settings.context_tokens.into())
        .temperature(0.0)
        .num_predict(i32::try_from(request.max_output_tokens).unwrap_or(i32::MAX));
    let tools = request
        .tools
        .iter()
        .filter_map(|tool| {
            Some(ToolInfo {
                tool_type: ToolType::Function,
                function: ToolFunctionInfo {
                    name: tool.name.clone(),
                    description: tool.description.clone(),
                    parameters: tool.input_schema.clone().try_into().ok()?,
                },
            })
        })
        .collect();
    let chat = ChatMessageRequest::new(settings.model.clone(), messages)
        .options(options)
        .tools(tools);
    let mut body = serde_json::to_value(chat).unwrap_or_default();
    if let Some(body) = body.as_object_mut() {
        body.insert("stream".to_owned(), json!(true));
        if let Some(schema) = &request.schema {
            body.insert("format".to_owned(), schema.schema.clone());
        }
    }
    body
}

/// An answer as it comes in: lines of JSON, cut anywhere.
#[derive(Default)]
struct Assembly {
    line: Vec<u8>,
    calls: u32,
    sent: usize,
    window: u32,
}

impl Assembly {
    fn take(&mut self, piece: &[u8]) -> Vec<Result<Event, ModelError>> {
        let mut events = Vec::new();
        for byte in piece {
            if *byte != b'\n' {
                self.line.push(*byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            if !line.iter().all(u8::is_ascii_whitespace) {
                events.extend(self.line(&line));
            }
        }
        events
    }

    fn line(&mut self, line: &[u8]) -> Vec<Result<Event, ModelError>> {
        let Ok(value) = serde_json::from_slice::<Value>(line) else {
            return vec![Err(ModelError::Shape {
                what: "a line that is no JSON".to_owned(),
            })];
        };
        if value.get("error").is_some() {
            // The text may quote the prompt.
            return vec![Err(wire::denied(200, "the server reported an error"))];
        }
        let count = |key: &str| value.get(key).and_then(Value::as_u64).unwrap_or(0);
        let usage = Usage {
            tokens_in: count("prompt_eval_count"),
            tokens_out: count("eval_count"),
        };
        let reason = value
            .get("done_reason")
            .and_then(Value::as_str)
            .unwrap_or("stop")
            .to_owned();
        let Ok(answer) = serde_json::from_value::<ChatMessageResponse>(value) else {
            return vec![Err(ModelError::Shape {
                what: "a line without a message".to_owned(),
            })];
        };
        let mut events = Vec::new();
        if !answer.message.content.is_empty() {
            events.push(Ok(Event::Text(answer.message.content)));
        }
        for call in answer.message.tool_calls {
            self.calls += 1;
            // This API has no ids: the order tells them apart.
            events.push(Ok(Event::Call(ToolCall {
                id: format!("call-{}", self.calls),
                name: call.function.name,
                args: call.function.arguments,
            })));
        }
        if answer.done {
            if let Err(cut) = wire::read_whole(self.sent, usage.tokens_in, self.window) {
                events.push(Err(cut));
            }
            let stop = match reason.as_str() {
                "length" => Stop::Length,
                _ if self.calls > 0 => Stop::Calls,
                _ => Stop::End,
            };
            events.push(Ok(Event::Done { usage, stop }));
        }
        events
    }
}
