//! The chat API of OpenAI, which vLLM, llama.cpp, Ollama and most vendors and gateways speak too, each a little otherwise. The
//! requests are async-openai's types; answers are read as JSON, since those types refuse what most of these servers say.

use std::sync::{Arc, atomic::AtomicU64};

use async_openai::{
    error::OpenAIError,
    types::chat::{
        ChatCompletionMessageToolCall, ChatCompletionMessageToolCalls,
        ChatCompletionRequestAssistantMessageArgs, ChatCompletionRequestMessage,
        ChatCompletionRequestSystemMessage, ChatCompletionRequestToolMessage,
        ChatCompletionRequestUserMessage, ChatCompletionStreamOptions, ChatCompletionTool,
        ChatCompletionTools, CreateChatCompletionRequest, CreateChatCompletionRequestArgs,
        FunctionCall, FunctionObject, ResponseFormat, ResponseFormatJsonSchema,
    },
};
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    Event, Message, Model, ModelError, Request, SetupError, Stop, ToolCall,
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
    settings::{self, ModelParameter as Parameter, OutputLimit},
};

const VENDOR: &str = "https://api.openai.com/v1";
/// What a server's own mark of a call, which it wants back with it, is called.
const EXTRA: &str = "extra_content";
/// Under these names reasoning comes apart from the text.
const REASONING: [&str; 3] = ["reasoning_content", "reasoning", "thinking"];

/// A model behind the chat API.
pub(super) struct OpenAi {
    endpoint: Endpoint,
    ids: Arc<AtomicU64>,
}

impl OpenAi {
    pub fn new(settings: &settings::Model, key: Option<SecretString>) -> Result<Self, SetupError> {
        if settings.base_url.is_none() && key.is_none() {
            return Err(SetupError::NoKey);
        }
        let mut headers = HeaderMap::new();
        if let Some(key) = &key {
            let bearer = format!("Bearer {}", key.expose_secret().trim());
            let mut bearer = HeaderValue::from_str(&bearer).map_err(|_| SetupError::NoKey)?;
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        Ok(Self {
            endpoint: Endpoint::new(settings, VENDOR, "chat/completions", key, headers)?,
            ids: Arc::default(),
        })
    }
}

#[async_trait]
impl Model for OpenAi {
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
        let make = |dialect: &Dialect| body(settings, &request, dialect, left).unwrap_or_default();
        let opened = self.endpoint.open(&make, &scrub);
        let (response, sent) = timing.first(begun, opened).await?;
        let expected = Expected {
            sent: wire::bytes_of_words(&request),
            window: settings.context_tokens,
            reserved: reservation.max_tokens(),
            is_form: request.schema.is_some(),
            scrub,
            learnt: self.endpoint.learnt.clone(),
            request: sent,
            ids: self.ids.clone(),
        };
        Ok(answer::events(
            response,
            Chunks::default(),
            expected,
            timing,
            begun,
        ))
    }
}

/// The request in the API's own form, as its server takes it.
pub(super) fn body(
    settings: &settings::Model,
    request: &Request,
    dialect: &Dialect,
    left: u32,
) -> Result<Value, OpenAIError> {
    let streams = dialect.takes(Parameter::Stream);
    let mut body = CreateChatCompletionRequestArgs::default();
    body.model(&settings.model)
        .messages(messages(request, dialect)?)
        .stream(streams);
    if streams && dialect.takes(Parameter::StreamOptions) {
        body.stream_options(ChatCompletionStreamOptions {
            include_usage: Some(true),
            include_obfuscation: None,
        });
    }
    let longest = request
        .max_output_tokens
        .saturating_add(dialect.reasoning_tokens.min(left));
    match dialect.limit {
        #[allow(deprecated)]
        OutputLimit::MaxTokens => body.max_tokens(longest),
        OutputLimit::MaxCompletionTokens => body.max_completion_tokens(longest),
    };
    // The vendor's own newer models take no temperature.
    if dialect.takes(Parameter::Temperature) && settings.base_url.is_some() {
        body.temperature(0.0);
    }
    if let (Some(schema), true) = (&request.schema, dialect.takes(Parameter::ResponseFormat)) {
        body.response_format(ResponseFormat::JsonSchema {
            json_schema: ResponseFormatJsonSchema {
                description: None,
                name: schema.name.clone(),
                schema: schema.schema.clone(),
                strict: dialect.takes(Parameter::Strict).then_some(true),
            },
        });
    }
    let tools = tools(request, dialect);
    if !tools.is_empty() {
        body.tools(tools);
        if settings.leave_out.contains(&Parameter::ParallelToolCalls) {
            body.parallel_tool_calls(false);
        }
    }
    let body: CreateChatCompletionRequest = body.build()?;
    let mut body = serde_json::to_value(body)
        .map_err(|error| OpenAIError::JSONDeserialize(error, String::new()))?;
    add_echoes(&mut body, request, dialect);
    Ok(body)
}

fn tools(request: &Request, dialect: &Dialect) -> Vec<ChatCompletionTools> {
    wire::offered(request, dialect)
        .map(|(tool, schema)| {
            ChatCompletionTools::Function(ChatCompletionTool {
                function: FunctionObject {
                    name: tool.name.clone(),
                    description: Some(tool.description.clone()),
                    parameters: Some(schema),
                    strict: None,
                },
            })
        })
        .collect()
}

fn messages(
    request: &Request,
    dialect: &Dialect,
) -> Result<Vec<ChatCompletionRequestMessage>, OpenAIError> {
    let said = wire::messages(request, dialect);
    let system = wire::system(request, dialect.takes(Parameter::ResponseFormat));
    let mut messages: Vec<ChatCompletionRequestMessage> = Vec::new();
    if dialect.takes(Parameter::SystemRole) {
        messages.push(ChatCompletionRequestSystemMessage::from(system.as_str()).into());
    }
    for (at, message) in said.iter().enumerate() {
        messages.push(match message {
            Message::User(text) if at == 0 && !dialect.takes(Parameter::SystemRole) => {
                let text = format!("{system}\n\n{text}");
                ChatCompletionRequestUserMessage::from(text.as_str()).into()
            }
            Message::User(text) => ChatCompletionRequestUserMessage::from(text.as_str()).into(),
            Message::Assistant { text, calls } => {
                let mut assistant = ChatCompletionRequestAssistantMessageArgs::default();
                assistant.content(text.as_str());
                if !calls.is_empty() {
                    let calls: Vec<ChatCompletionMessageToolCalls> =
                        calls.iter().map(as_call).collect();
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
    Ok(messages)
}

fn as_call(call: &ToolCall) -> ChatCompletionMessageToolCalls {
    ChatCompletionMessageToolCalls::Function(ChatCompletionMessageToolCall {
        id: call.id.clone(),
        function: FunctionCall {
            name: call.name.clone(),
            arguments: call.args.to_string(),
        },
    })
}

/// Puts back what a server gave with its calls and wants back with them, which the types do not know.
fn add_echoes(body: &mut Value, request: &Request, dialect: &Dialect) {
    let echoes = request.messages.iter().filter_map(|message| match message {
        Message::Assistant { calls, .. } => Some(calls),
        _ => None,
    });
    let echoes: Vec<(&str, &Value)> = echoes
        .flatten()
        .filter_map(|call| Some((call.id.as_str(), call.echo.as_ref()?)))
        .collect();
    if echoes.is_empty() {
        return;
    }
    let messages = body.get_mut("messages").and_then(Value::as_array_mut);
    for message in messages.into_iter().flatten() {
        let mut reasoning = None;
        let calls = message.get_mut("tool_calls").and_then(Value::as_array_mut);
        for call in calls.into_iter().flatten() {
            let id = call.get("id").and_then(Value::as_str).unwrap_or_default();
            let Some((_, echo)) = echoes.iter().find(|(known, _)| *known == id) else {
                continue;
            };
            if let (Some(call), Some(extra)) = (call.as_object_mut(), echo.get(EXTRA)) {
                call.insert(EXTRA.to_owned(), extra.clone());
            }
            reasoning = reasoning.or_else(|| echo.get("reasoning"));
        }
        if let (true, Some(reasoning), Some(message)) = (
            dialect.sends_reasoning_back,
            reasoning,
            message.as_object_mut(),
        ) {
            message.insert("reasoning_content".to_owned(), reasoning.clone());
        }
    }
}

/// Reads the chunks of a stream, or the one body of an answer that is none.
#[derive(Default)]
struct Chunks {
    /// Its reasoning so far: some servers want it back with the calls that follow from it.
    reasoning: String,
}

impl Reader for Chunks {
    fn read(&mut self, value: &Value, answer: &mut Answer) {
        let failed = value
            .get("error")
            .is_some_and(|error| !error.is_null() && error != &json!({}));
        let choices = value.get("choices").and_then(Value::as_array);
        let is_error = ["object", "type"]
            .iter()
            .any(|name| value.get(name).and_then(Value::as_str) == Some("error"));
        let only_says =
            choices.is_none() && (value.get("detail").is_some() || value.get("message").is_some());
        if failed || is_error || only_says {
            return answer.fail_with(value);
        }
        for usage in [
            value.get("usage"),
            value.pointer("/x_groq/usage"),
            value.pointer("/choices/0/usage"),
        ] {
            count(usage, answer);
        }
        let Some(choice) = choices.and_then(|choices| choices.first()) else {
            return;
        };
        answer.begins();
        // A whole message stands where a stream has its pieces.
        let (delta, is_whole) = match (choice.get("delta"), choice.get("message")) {
            (Some(delta @ Value::Object(_)), _) => (delta, false),
            (_, Some(message @ Value::Object(_))) => (message, true),
            _ => (choice, false),
        };
        self.read_delta(delta, answer);
        let reason = ["finish_reason", "native_finish_reason"]
            .iter()
            .find_map(|name| {
                choice
                    .get(name)?
                    .as_str()
                    .filter(|reason| !reason.is_empty())
            });
        if let Some(reason) = reason {
            stop(reason, answer);
        } else if is_whole {
            answer.stop(Stop::End);
        }
        if delta
            .get("refusal")
            .and_then(Value::as_str)
            .is_some_and(|text| !text.is_empty())
        {
            answer.stop(Stop::Refused);
        }
    }
}

impl Chunks {
    fn read_delta(&mut self, delta: &Value, answer: &mut Answer) {
        for name in REASONING {
            if let Some(text) = delta.get(name).and_then(Value::as_str) {
                self.reasoning.push_str(text);
                answer.reasoning(text);
                break;
            }
        }
        match delta.get("content").or_else(|| delta.get("text")) {
            Some(Value::String(text)) => answer.text(text),
            Some(Value::Array(parts)) => {
                for part in parts {
                    self.read_part(part, answer);
                }
            }
            _ => {}
        }
        let calls = match delta.get("tool_calls") {
            Some(Value::Array(calls)) => calls.as_slice(),
            // One that stands by itself.
            Some(call @ Value::Object(_)) => std::slice::from_ref(call),
            _ => &[],
        };
        for (position, call) in calls.iter().enumerate() {
            self.read_call(position, call, call.get("function").unwrap_or(call), answer);
        }
        if delta.get(EXTRA).is_some() && calls.is_empty() {
            self.read_call(0, delta, &Value::Null, answer);
        }
        if let Some(function @ Value::Object(_)) = delta.get("function_call") {
            self.read_call(0, &Value::Null, function, answer);
        }
    }

    /// A part of a text that comes as a list: words, or reasoning that is a list again.
    fn read_part(&mut self, part: &Value, answer: &mut Answer) {
        let text = part.get("text").and_then(Value::as_str);
        match (part, text) {
            (Value::String(text), _) => answer.text(text),
            (_, Some(text)) => answer.text(text),
            _ => {
                let inner = part.get("thinking").or_else(|| part.get("reasoning"));
                let inner = match inner {
                    Some(Value::Array(parts)) => parts.as_slice(),
                    Some(part) => std::slice::from_ref(part),
                    None => &[],
                };
                for part in inner {
                    let text = part.as_str().or_else(|| part.get("text")?.as_str());
                    answer.reasoning(text.unwrap_or_default());
                }
            }
        }
    }

    fn read_call(&mut self, position: usize, call: &Value, function: &Value, answer: &mut Answer) {
        let text = |of: &'_ Value, name: &str| {
            of.get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let (id, name) = (text(call, "id"), text(function, "name"));
        let extra = call.get(EXTRA).filter(|extra| !extra.is_null());
        // Reasoning goes with the first piece of a call, which names it.
        let reasoning =
            (!name.is_empty() && !self.reasoning.is_empty()).then(|| self.reasoning.clone());
        let echo = match (extra, reasoning) {
            (None, None) => None,
            (extra, reasoning) => {
                let mut echo = serde_json::Map::new();
                if let Some(extra) = extra {
                    echo.insert(EXTRA.to_owned(), extra.clone());
                }
                if let Some(reasoning) = reasoning {
                    echo.insert("reasoning".to_owned(), reasoning.into());
                }
                Some(Value::Object(echo))
            }
        };
        let piece = CallPiece {
            index: call.get("index").and_then(Value::as_u64),
            id: &id,
            name: &name,
            arguments: function
                .get("arguments")
                .or_else(|| function.get("parameters")),
            echo: echo.as_ref(),
        };
        answer.call(position, &piece);
    }
}

fn count(usage: Option<&Value>, answer: &mut Answer) {
    let Some(usage @ Value::Object(_)) = usage else {
        return;
    };
    let number = |names: [&str; 2]| {
        names
            .iter()
            .find_map(|name| wire::whole_number(usage.get(name)?))
    };
    answer.usage(
        number(["prompt_tokens", "input_tokens"]),
        number(["completion_tokens", "output_tokens"]),
    );
}

fn stop(reason: &str, answer: &mut Answer) {
    match reason.to_ascii_lowercase().as_str() {
        "stop" | "eos" | "eos_token" | "end_turn" | "stop_sequence" | "completed" | "complete" => {
            answer.stop(Stop::End)
        }
        "length" | "max_tokens" | "model_length" | "max_output_tokens" => answer.stop(Stop::Length),
        "tool_calls" | "function_call" | "tool_use" | "tool_call" => answer.stop(Stop::Calls),
        "content_filter" | "safety" | "refusal" | "prohibited_content" | "recitation" => {
            answer.stop(Stop::Refused)
        }
        "error" => answer
            .fail_with(&json!({ "message": "it ended with an error", "type": "server_error" })),
        "insufficient_system_resource" => {
            answer.fail_with(&json!({ "message": reason, "type": "overloaded" }));
        }
        _ => answer.odd_stop(reason),
    }
}
