//! Ollama's chat API. The requests are ollama-rs's; answers are read as JSON, since its types refuse what servers of this API
//! leave out, and its own stream drops what does not end between two characters.
//!
//! `num_ctx` is sent always: without it Ollama reads as much as it likes of a long prompt and says nothing.

use std::sync::{Arc, atomic::AtomicU64};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use ollama_rs::{
    generation::{
        chat::{ChatMessage, MessageRole, request::ChatMessageRequest},
        tools::{ToolCall as OllamaCall, ToolCallFunction, ToolFunctionInfo, ToolInfo, ToolType},
    },
    models::ModelOptions,
};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    Event, Message, Model, ModelError, Request, SetupError, Stop,
    answer::{self, Answer, Expected, Reader},
    calls::CallPiece,
    endpoint::Endpoint,
    learn::Dialect,
    vendor::Scrub,
    wire::{self, Timing},
};
use crate::{
    ids::ModelId,
    limits::Reservation,
    settings::{self, ModelParameter as Parameter},
};

const USUAL: &str = "http://127.0.0.1:11434";

/// A model of an Ollama server.
pub(super) struct Ollama {
    endpoint: Endpoint,
    ids: Arc<AtomicU64>,
}

impl Ollama {
    pub fn new(settings: &settings::Model, key: Option<SecretString>) -> Result<Self, SetupError> {
        let mut headers = HeaderMap::new();
        if let Some(key) = &key {
            let bearer = format!("Bearer {}", key.expose_secret().trim());
            let mut bearer = HeaderValue::from_str(&bearer).map_err(|_| SetupError::NoKey)?;
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        Ok(Self {
            endpoint: Endpoint::new(settings, USUAL, "api/chat", key, headers)?,
            ids: Arc::default(),
        })
    }
}

#[async_trait]
impl Model for Ollama {
    fn id(&self) -> &ModelId {
        &self.endpoint.settings.id
    }

    fn is_local(&self) -> bool {
        self.endpoint.settings.local
    }

    fn calls_tools(&self) -> bool {
        self.endpoint.learnt.now().calls_tools
    }

    fn bound(&self, request: &Request) -> u64 {
        wire::bound(request) + u64::from(self.endpoint.learnt.now().reasoning_tokens)
    }

    fn learnt(&self) -> Vec<String> {
        self.endpoint.learnt.told()
    }

    async fn stream(
        &self,
        reservation: Reservation,
        request: Request,
    ) -> Result<BoxStream<'static, Result<Event, ModelError>>, ModelError> {
        let settings = &self.endpoint.settings;
        let left = wire::admit(settings, &reservation, &request)?;
        let (begun, timing) = (Instant::now(), Timing::of(settings));
        let scrub = Scrub::new(self.endpoint.key.as_ref(), &settings.model, &request);
        let make = |dialect: &Dialect| body(settings, &request, dialect, left);
        let opened = self.endpoint.open(&make, &scrub);
        let (response, sent) = timing.first(begun, opened).await?;
        let expected = Expected {
            sent: wire::bytes_of(&request),
            window: settings.context_tokens,
            reserved: reservation.max_tokens(),
            is_form: request.schema.is_some(),
            scrub,
            learnt: self.endpoint.learnt.clone(),
            request: sent,
            ids: self.ids.clone(),
        };
        Ok(answer::events(response, Lines, expected, timing, begun))
    }
}

/// The request in the API's own form, as its server takes it.
fn body(settings: &settings::Model, request: &Request, dialect: &Dialect, left: u32) -> Value {
    let mut messages = vec![ChatMessage::system(wire::system(
        request,
        dialect.takes(Parameter::ResponseFormat),
    ))];
    messages.extend(
        wire::messages(request, dialect)
            .into_iter()
            .map(|message| match message {
                Message::User(text) => ChatMessage::user(text),
                Message::Assistant { text, calls } => {
                    let mut message = ChatMessage::new(MessageRole::Assistant, text);
                    message.tool_calls = calls
                        .into_iter()
                        .map(|call| OllamaCall {
                            function: ToolCallFunction {
                                name: call.name,
                                arguments: call.args,
                            },
                        })
                        .collect();
                    message
                }
                Message::ToolResult { content, .. } => ChatMessage::tool(content),
            }),
    );
    let longest = request
        .max_output_tokens
        .saturating_add(dialect.reasoning_tokens.min(left));
    let mut options = ModelOptions::default()
        .num_ctx(settings.context_tokens.into())
        .num_predict(i32::try_from(longest).unwrap_or(i32::MAX));
    if dialect.takes(Parameter::Temperature) {
        options = options.temperature(0.0);
    }
    let tools = wire::offered(request, dialect)
        .filter_map(|(tool, schema)| {
            Some(ToolInfo {
                tool_type: ToolType::Function,
                function: ToolFunctionInfo {
                    name: tool.name.clone(),
                    description: tool.description.clone(),
                    parameters: schema.try_into().ok()?,
                },
            })
        })
        .collect();
    let chat = ChatMessageRequest::new(settings.model.clone(), messages)
        .options(options)
        .tools(tools);
    let mut body = serde_json::to_value(chat).unwrap_or_default();
    if let Some(body) = body.as_object_mut() {
        body.insert("stream".to_owned(), json!(dialect.takes(Parameter::Stream)));
        if let (Some(schema), true) = (&request.schema, dialect.takes(Parameter::ResponseFormat)) {
            body.insert("format".to_owned(), schema.schema.clone());
        }
    }
    body
}

/// Reads the lines of a stream, each a value.
struct Lines;

impl Reader for Lines {
    fn read(&mut self, value: &Value, answer: &mut Answer) {
        if value.get("error").is_some_and(|error| !error.is_null()) {
            return answer.fail_with(value);
        }
        let Some(message) = value.get("message").filter(|message| message.is_object()) else {
            if value.get("detail").is_some() || value.get("message").is_some() {
                answer.fail_with(value);
            } else if value.get("done").and_then(Value::as_bool) == Some(true) {
                end(value, answer);
            }
            return;
        };
        answer.begins();
        let text = |name: &str| {
            message
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        for name in ["thinking", "reasoning", "reasoning_content"] {
            answer.reasoning(text(name));
        }
        answer.text(text("content"));
        let calls = message.get("tool_calls").and_then(Value::as_array);
        for (position, call) in calls.into_iter().flatten().enumerate() {
            let function = call.get("function").unwrap_or(call);
            let text = |of: &Value, name: &str| {
                of.get(name)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            let (id, name) = (text(call, "id"), text(function, "name"));
            let piece = CallPiece {
                // Its own numbers are of one line only; each line's calls are whole.
                index: None,
                id: &id,
                name: &name,
                arguments: Some(
                    function
                        .get("arguments")
                        .or_else(|| function.get("parameters"))
                        .filter(|arguments| !arguments.is_null())
                        .unwrap_or(&EMPTY),
                ),
                echo: None,
            };
            answer.call(position, &piece);
        }
        if value.get("done").and_then(Value::as_bool) == Some(true) {
            end(value, answer);
        }
    }
}

static EMPTY: std::sync::LazyLock<Value> = std::sync::LazyLock::new(|| json!({}));

fn end(value: &Value, answer: &mut Answer) {
    let count = |name: &str| wire::whole_number(value.get(name)?);
    answer.usage(count("prompt_eval_count"), count("eval_count"));
    match value.get("done_reason").and_then(Value::as_str) {
        Some("length") => answer.stop(Stop::Length),
        None | Some("" | "stop") => answer.stop(Stop::End),
        Some(other) => answer.odd_stop(other),
    }
    answer.done();
}
