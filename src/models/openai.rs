//! The chat API of OpenAI, which vLLM, llama.cpp and most gateways speak too.

use std::collections::BTreeMap;

use async_openai::{
    Client,
    config::OpenAIConfig,
    error::OpenAIError,
    types::chat::{
        ChatCompletionMessageToolCall, ChatCompletionMessageToolCallChunk,
        ChatCompletionMessageToolCalls, ChatCompletionRequestAssistantMessageArgs,
        ChatCompletionRequestMessage, ChatCompletionRequestSystemMessage,
        ChatCompletionRequestToolMessage, ChatCompletionRequestUserMessage,
        ChatCompletionStreamOptions, ChatCompletionTool, ChatCompletionTools,
        CreateChatCompletionRequest, CreateChatCompletionRequestArgs,
        CreateChatCompletionStreamResponse, FinishReason, FunctionCall, FunctionObject,
        ResponseFormat, ResponseFormatJsonSchema,
    },
};
use async_trait::async_trait;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::{
    Event, Message, Model, ModelError, Request, SetupError, Stop, ToolCall, Usage,
    wire::{self, Timing},
};
use crate::{ids::ModelId, limits::Reservation, settings};

const VENDOR: &str = "https://api.openai.com/v1";

/// A model behind the chat API.
pub(super) struct OpenAi {
    settings: settings::Model,
    client: Client<OpenAIConfig>,
}

impl OpenAi {
    pub fn new(settings: &settings::Model, key: Option<SecretString>) -> Result<Self, SetupError> {
        if settings.base_url.is_none() && key.is_none() {
            return Err(SetupError::NoKey);
        }
        let url = wire::address(settings.base_url.as_deref().unwrap_or(VENDOR))?;
        let config = OpenAIConfig::new()
            .with_api_base(url.as_str().trim_end_matches('/'))
            .with_api_key(key.as_ref().map_or("none", |key| key.expose_secret()));
        Ok(Self {
            settings: settings.clone(),
            client: Client::build(wire::client()?, config),
        })
    }
}

#[async_trait]
impl Model for OpenAi {
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
        let (bytes, window) = (wire::bytes_of_words(&request), self.settings.context_tokens);
        let body = body(&self.settings, &request).map_err(|error| failure(&error))?;
        let answer = timing
            .first(begun, async {
                let begun = self.client.chat().create_stream(body).await;
                begun.map_err(|error| match error {
                    // Before the stream only the body of an HTTP error is read as JSON.
                    OpenAIError::JSONDeserialize(..) => ModelError::Foreign,
                    error => failure(&error),
                })
            })
            .await?;
        let state = (answer, Assembly::default());
        let events = stream::unfold(state, move |(mut answer, mut assembly)| async move {
            let events = match answer.next().await {
                Some(Ok(chunk)) => assembly.take(chunk),
                Some(Err(error)) => vec![Err(failure(&error))],
                // The last chunk with the usage comes after the reason to stop, so the end is told here.
                None if assembly.ended => return None,
                None => {
                    assembly.ended = true;
                    assembly.end(bytes, window)
                }
            };
            Some((stream::iter(events), (answer, assembly)))
        })
        .flatten();
        Ok(timing.bound(events, begun))
    }
}

/// The request in the API's own form.
fn body(
    settings: &settings::Model,
    request: &Request,
) -> Result<CreateChatCompletionRequest, OpenAIError> {
    let mut messages: Vec<ChatCompletionRequestMessage> =
        vec![ChatCompletionRequestSystemMessage::from(request.system.as_str()).into()];
    for message in &request.messages {
        messages.push(match message {
            Message::User(text) => ChatCompletionRequestUserMessage::from(text.as_str()).into(),
            Message::Assistant { text, calls } => {
                let mut assistant = ChatCompletionRequestAssistantMessageArgs::default();
                assistant.content(text.as_str());
                if !calls.is_empty() {
                    let calls: Vec<ChatCompletionMessageToolCalls> = calls
                        .iter()
                        .map(|call| {
                            ChatCompletionMessageToolCalls::Function(
                                ChatCompletionMessageToolCall {
                                    id: call.id.clone(),
                                    function: FunctionCall {
                                        name: call.name.clone(),
                                        arguments: call.args.to_string(),
                                    },
                                },
                            )
                        })
                        .collect();
                    assistant.tool_calls(calls);
                }
                assistant.build()?.into()
            }
            Message::ToolResult { id, content } => ChatCompletionRequestToolMessage {
                tool_call_id: id.clone(),
                content: content.as_str().into(),
            }
            .into(),
        });
    }
    let mut body = CreateChatCompletionRequestArgs::default();
    body.model(&settings.model)
        .messages(messages)
        .stream(true)
        .stream_options(ChatCompletionStreamOptions {
            include_usage: Some(true),
            include_obfuscation: None,
        });
    // Servers that speak this API know the older name; the vendor's newer models take the newer one alone.
    if settings.base_url.is_some() {
        #[allow(deprecated)]
        body.max_tokens(request.max_output_tokens).temperature(0.0);
    } else {
        body.max_completion_tokens(request.max_output_tokens);
    }
    if let Some(schema) = &request.schema {
        body.response_format(ResponseFormat::JsonSchema {
            json_schema: ResponseFormatJsonSchema {
                description: None,
                name: schema.name.clone(),
                schema: schema.schema.clone(),
                strict: Some(true),
            },
        });
    }
    if !request.tools.is_empty() {
        let tools: Vec<ChatCompletionTools> = request
            .tools
            .iter()
            .map(|tool| {
                ChatCompletionTools::Function(ChatCompletionTool {
                    function: FunctionObject {
                        name: tool.name.clone(),
                        description: Some(tool.description.clone()),
                        parameters: Some(tool.input_schema.clone()),
                        strict: None,
                    },
                })
            })
            .collect();
        body.tools(tools);
    }
    body.build()
}

/// The library's error without what it quotes.
fn failure(error: &OpenAIError) -> ModelError {
    match error {
        OpenAIError::Reqwest(error) => wire::unreachable(error),
        OpenAIError::ApiError(answer) if wire::is_busy(answer.status_code) => ModelError::Busy {
            status: answer.status_code.as_u16(),
        },
        OpenAIError::ApiError(answer) => {
            let kind = answer.api_error.r#type.as_deref();
            let kind = kind.or(answer.api_error.code.as_deref());
            wire::denied(
                answer.status_code.as_u16(),
                kind.unwrap_or("no reason given"),
            )
        }
        OpenAIError::JSONDeserialize(error, _) => ModelError::Shape {
            what: format!("JSON, column {}", error.column()),
        },
        _ => ModelError::Shape {
            what: "a broken stream".to_owned(),
        },
    }
}

/// An answer as it comes in, in pieces.
#[derive(Default)]
struct Assembly {
    /// Calls by their index: id, name, arguments so far.
    calls: BTreeMap<u32, (String, String, String)>,
    usage: Option<Usage>,
    stop: Option<Stop>,
    bytes: usize,
    ended: bool,
}

impl Assembly {
    fn take(
        &mut self,
        chunk: CreateChatCompletionStreamResponse,
    ) -> Vec<Result<Event, ModelError>> {
        let mut events = Vec::new();
        if let Some(usage) = chunk.usage {
            self.usage = Some(Usage {
                tokens_in: usage.prompt_tokens.into(),
                tokens_out: usage.completion_tokens.into(),
            });
        }
        let Some(choice) = chunk.choices.into_iter().next() else {
            return events;
        };
        if let Some(reason) = choice.finish_reason {
            self.stop = Some(match reason {
                FinishReason::Stop => Stop::End,
                FinishReason::Length => Stop::Length,
                FinishReason::ToolCalls | FinishReason::FunctionCall => Stop::Calls,
                FinishReason::ContentFilter => Stop::Refused,
            });
        }
        if choice.delta.refusal.is_some_and(|text| !text.is_empty()) {
            self.stop = Some(Stop::Refused);
        }
        for piece in choice.delta.tool_calls.into_iter().flatten() {
            self.add(piece);
        }
        if let Some(text) = choice.delta.content.filter(|text| !text.is_empty()) {
            self.bytes = self.bytes.saturating_add(text.len());
            events.push(Ok(Event::Text(text)));
        }
        if self.bytes > wire::LONGEST_ANSWER_BYTES {
            events.push(Err(ModelError::Shape {
                what: format!("more than {} bytes", wire::LONGEST_ANSWER_BYTES),
            }));
        }
        events
    }

    fn add(&mut self, piece: ChatCompletionMessageToolCallChunk) {
        let call = self.calls.entry(piece.index).or_default();
        if let Some(id) = piece.id.filter(|id| !id.is_empty()) {
            call.0 = id;
        }
        let function = piece.function.unwrap_or_default();
        if let Some(name) = function.name.filter(|name| !name.is_empty()) {
            call.1 = name;
        }
        let arguments = function.arguments.unwrap_or_default();
        self.bytes = self.bytes.saturating_add(arguments.len() + 1);
        call.2.push_str(&arguments);
    }

    fn end(&mut self, sent: usize, window: u32) -> Vec<Result<Event, ModelError>> {
        let Some(stop) = self.stop else {
            return vec![Err(ModelError::Unreachable {
                what: "the answer broke off".to_owned(),
            })];
        };
        let mut events = Vec::new();
        for (id, name, arguments) in std::mem::take(&mut self.calls).into_values() {
            let args = wire::arguments(&arguments);
            events.push(Ok(Event::Call(ToolCall { id, name, args })));
        }
        let usage = self.usage.unwrap_or(Usage {
            tokens_in: u64::try_from(sent / 4).unwrap_or(u64::MAX),
            tokens_out: u64::try_from(self.bytes / 4).unwrap_or(u64::MAX),
        });
        if let Err(cut) = wire::read_whole(sent, usage.tokens_in, window) {
            events.push(Err(cut));
        }
        events.push(Ok(Event::Done { usage, stop }));
        events
    }
}
