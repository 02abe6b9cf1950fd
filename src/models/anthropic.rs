//! Anthropic's Messages API, which some vendors and gateways speak too. An answer that must fit a schema is asked for as the one
//! call of a tool that has this schema: what the API enforces.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicU64},
};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
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

const VENDOR: &str = "https://api.anthropic.com";
/// The version of the API that this is written for.
const VERSION: &str = "2023-06-01";

/// A model behind the Messages API.
pub(super) struct Anthropic {
    endpoint: Endpoint,
    ids: Arc<AtomicU64>,
}

impl Anthropic {
    pub fn new(settings: &settings::Model, key: Option<SecretString>) -> Result<Self, SetupError> {
        if settings.base_url.is_none() && key.is_none() {
            return Err(SetupError::NoKey);
        }
        let mut headers = HeaderMap::new();
        headers.insert(
            HeaderName::from_static("anthropic-version"),
            HeaderValue::from_static(VERSION),
        );
        if let Some(key) = &key {
            let mut value =
                HeaderValue::from_str(key.expose_secret().trim()).map_err(|_| SetupError::NoKey)?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static("x-api-key"), value);
        }
        // The address is often written with the version that its paths begin with.
        let path = match &settings.base_url {
            Some(base) if base.trim_end_matches('/').ends_with("/v1") => "messages",
            _ => "v1/messages",
        };
        Ok(Self {
            endpoint: Endpoint::new(settings, VENDOR, path, key, headers)?,
            ids: Arc::default(),
        })
    }
}

#[async_trait]
impl Model for Anthropic {
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
        let form = request.schema.as_ref();
        let reader = Events {
            form: form
                .filter(|_| holds_to_form(&sent.dialect))
                .map(|schema| schema.name.clone()),
            ..Events::default()
        };
        let expected = Expected {
            sent: wire::bytes_of(&request),
            window: settings.context_tokens,
            reserved: reservation.max_tokens(),
            is_form: form.is_some(),
            scrub,
            learnt: self.endpoint.learnt.clone(),
            request: sent,
            ids: self.ids.clone(),
        };
        Ok(answer::events(response, reader, expected, timing, begun))
    }
}

/// Is a model held to a form? Only where the one call that stands for it can be asked for.
fn holds_to_form(dialect: &Dialect) -> bool {
    dialect.takes(Parameter::ResponseFormat) && dialect.takes(Parameter::ToolChoice)
}

/// Arguments as the API takes them back: an object, also where the model wrote none.
fn object(args: &Value) -> Value {
    match args {
        Value::Object(_) => args.clone(),
        other => json!({ "not_an_object": other }),
    }
}

/// What a message says, as blocks.
fn blocks(message: &Message) -> (&'static str, Vec<Value>) {
    let text = |text: &str| {
        // A text of blanks is refused.
        (!text.trim().is_empty()).then(|| json!({ "type": "text", "text": text }))
    };
    match message {
        Message::User(said) => ("user", text(said).into_iter().collect()),
        Message::Assistant { text: said, calls } => {
            // Reasoning that came with the calls is wanted back before them.
            let reasoning = calls
                .iter()
                .filter_map(|call| call.echo.as_ref()?.as_array())
                .flatten()
                .cloned();
            let calls = calls.iter().map(|call| {
                json!({ "type": "tool_use", "id": call.id, "name": call.name, "input": object(&call.args) })
            });
            let said = text(said.trim_end());
            ("assistant", reasoning.chain(said).chain(calls).collect())
        }
        Message::ToolResult { id, content } => (
            "user",
            vec![json!({ "type": "tool_result", "tool_use_id": id, "content": content })],
        ),
    }
}

/// The request in the API's own form, as its server takes it.
fn body(settings: &settings::Model, request: &Request, dialect: &Dialect, left: u32) -> Value {
    // The results of calls made at once stand in one message.
    let mut said: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in wire::messages(request, dialect) {
        let (role, blocks) = blocks(&message);
        match said.last_mut() {
            _ if blocks.is_empty() => {}
            Some((last, known)) if *last == role => known.extend(blocks),
            _ => said.push((role, blocks)),
        }
    }
    let mut messages: Vec<Value> = said
        .into_iter()
        .map(|(role, blocks)| match &blocks[..] {
            [only] if only["type"] == "text" => json!({ "role": role, "content": only["text"] }),
            _ => json!({ "role": role, "content": blocks }),
        })
        .collect();
    let system = wire::system(request, holds_to_form(dialect));
    let mut body = json!({
        "model": settings.model,
        "max_tokens": request.max_output_tokens.saturating_add(dialect.reasoning_tokens.min(left)),
        "stream": dialect.takes(Parameter::Stream),
    });
    let mut tools: Vec<Value> = wire::offered(request, dialect)
        .map(|(tool, schema)| {
            json!({ "name": tool.name, "description": tool.description, "input_schema": schema })
        })
        .collect();
    let form = request.schema.as_ref().filter(|_| holds_to_form(dialect));
    if let Some(schema) = form {
        tools.push(json!({
            "name": schema.name,
            "description": "Takes the answer in its form.",
            "input_schema": schema.schema,
        }));
    }
    let Some(fields) = body.as_object_mut() else {
        return body;
    };
    if dialect.takes(Parameter::SystemRole) {
        fields.insert("system".to_owned(), system.into());
    } else {
        messages.insert(0, json!({ "role": "user", "content": system }));
    }
    fields.insert("messages".to_owned(), messages.into());
    if dialect.takes(Parameter::Temperature) {
        fields.insert("temperature".to_owned(), json!(0));
    }
    if let Some(schema) = form {
        let choice = json!({ "type": "tool", "name": schema.name });
        fields.insert("tool_choice".to_owned(), choice);
    }
    if !tools.is_empty() {
        fields.insert("tools".to_owned(), tools.into());
    }
    body
}

/// Reads the events of a stream, or the one message of an answer that is none.
#[derive(Default)]
struct Events {
    /// The tool that stands for the answer's form.
    form: Option<String>,
    /// The block that comes in: the name of its call.
    call: Option<String>,
    /// Blocks of reasoning, in their order, as they are wanted back.
    reasoning: BTreeMap<u64, Value>,
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

impl Reader for Events {
    fn read(&mut self, value: &Value, answer: &mut Answer) {
        let index = value.get("index").and_then(Value::as_u64);
        let kind = text(value, "/type");
        match kind {
            "message_start" => {
                answer.begins();
                count(value.pointer("/message/usage"), answer);
            }
            "content_block_start" => {
                let block = value.get("content_block").unwrap_or(&Value::Null);
                self.begin(index, block, answer);
            }
            "content_block_delta" => {
                let delta = value.get("delta").unwrap_or(&Value::Null);
                self.go_on(index, delta, answer);
            }
            "content_block_stop" => self.call = None,
            "message_delta" => {
                count(value.get("usage"), answer);
                stop(
                    text(value, "/delta/stop_reason"),
                    self.form.is_some(),
                    answer,
                );
            }
            "message_stop" => answer.done(),
            // A whole answer, from a server that does not stream.
            "message" => {
                let content = value.get("content").and_then(Value::as_array);
                for (index, block) in content.into_iter().flatten().enumerate() {
                    self.begin(u64::try_from(index).ok(), block, answer);
                    self.call = None;
                }
                count(value.get("usage"), answer);
                stop(text(value, "/stop_reason"), self.form.is_some(), answer);
                answer.done();
            }
            "ping" => {}
            _ if kind == "error" || value.get("error").is_some_and(|error| !error.is_null()) => {
                answer.fail_with(value);
            }
            "" if value.get("message").is_some() || value.get("detail").is_some() => {
                answer.fail_with(value);
            }
            _ => {}
        }
    }
}

impl Events {
    fn begin(&mut self, index: Option<u64>, block: &Value, answer: &mut Answer) {
        answer.begins();
        match text(block, "/type") {
            "text" => self.say(text(block, "/text"), answer),
            "thinking" | "redacted_thinking" => {
                answer.reasoning(text(block, "/thinking"));
                self.reasoning.insert(index.unwrap_or(0), block.clone());
            }
            "tool_use" => {
                let name = text(block, "/name");
                self.call = Some(name.to_owned());
                // Most send `{}` here and the arguments after it, some all at once.
                let input = block.get("input").filter(|input| {
                    input.as_object().is_some_and(|input| !input.is_empty()) || input.is_string()
                });
                if self.form.as_deref() == Some(name) {
                    if let Some(input) = input {
                        answer.text(&input.to_string());
                    }
                    return;
                }
                let echo: Vec<Value> = std::mem::take(&mut self.reasoning).into_values().collect();
                let echo = (!echo.is_empty()).then(|| Value::from(echo));
                let piece = CallPiece {
                    index,
                    id: text(block, "/id"),
                    name,
                    arguments: input,
                    echo: echo.as_ref(),
                };
                answer.call(0, &piece);
            }
            _ => {}
        }
    }

    fn go_on(&mut self, index: Option<u64>, delta: &Value, answer: &mut Answer) {
        match text(delta, "/type") {
            "text_delta" => self.say(text(delta, "/text"), answer),
            "input_json_delta" => {
                let json = text(delta, "/partial_json");
                if self.form.is_some() && self.form == self.call {
                    answer.text(json);
                } else {
                    let arguments = Value::from(json);
                    let piece = CallPiece {
                        index,
                        arguments: Some(&arguments),
                        ..CallPiece::default()
                    };
                    answer.call(0, &piece);
                }
            }
            "thinking_delta" => {
                answer.reasoning(text(delta, "/thinking"));
                self.add_reasoning(index, "thinking", text(delta, "/thinking"));
            }
            "signature_delta" => self.add_reasoning(index, "signature", text(delta, "/signature")),
            // Of a server that leaves the kind out.
            "" => self.say(text(delta, "/text"), answer),
            _ => {}
        }
    }

    /// Words beside a form are none of it.
    fn say(&self, words: &str, answer: &mut Answer) {
        if self.form.is_none() {
            answer.text(words);
        }
    }

    fn add_reasoning(&mut self, index: Option<u64>, name: &str, more: &str) {
        let block = self
            .reasoning
            .get_mut(&index.unwrap_or(0))
            .and_then(Value::as_object_mut);
        if let Some(block) = block {
            let known = block.get(name).and_then(Value::as_str).unwrap_or_default();
            let all = format!("{known}{more}");
            block.insert(name.to_owned(), all.into());
        }
    }
}

/// Counts tokens; what is read from a cache is read too.
fn count(usage: Option<&Value>, answer: &mut Answer) {
    let Some(usage @ Value::Object(_)) = usage else {
        return;
    };
    let number = |name: &str| wire::whole_number(usage.get(name)?);
    let read = [
        "input_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
    ];
    let read = read.iter().filter_map(|name| number(name)).sum();
    answer.usage(Some(read), number("output_tokens"));
}

fn stop(reason: &str, is_form: bool, answer: &mut Answer) {
    match reason {
        "" => {}
        "max_tokens" | "model_context_window_exceeded" => answer.stop(Stop::Length),
        "refusal" => answer.stop(Stop::Refused),
        "tool_use" if !is_form => answer.stop(Stop::Calls),
        "tool_use" | "end_turn" | "stop_sequence" | "pause_turn" => answer.stop(Stop::End),
        other => answer.odd_stop(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::ToolCall;

    #[test]
    fn results_of_calls_made_at_once_stand_in_one_message_and_reasoning_goes_back_before_its_calls()
    {
        let call = |id: &str, echo: Option<Value>| ToolCall {
            id: id.to_owned(),
            name: "get".to_owned(),
            args: json!({}),
            echo,
        };
        let result = |id: &str| Message::ToolResult {
            id: id.to_owned(),
            content: "1".to_owned(),
        };
        let thought = json!([{ "type": "thinking", "thinking": "hm", "signature": "s" }]);
        let request = Request {
            system: "x".to_owned(),
            messages: vec![
                Message::User("q".to_owned()),
                Message::Assistant {
                    text: " ".to_owned(),
                    calls: vec![call("a", Some(thought)), call("b", None)],
                },
                result("a"),
                result("b"),
            ],
            schema: None,
            tools: Vec::new(),
            max_output_tokens: 5,
        };
        let settings = settings::Model::new(
            ModelId::new("m").unwrap(),
            settings::ModelKind::Anthropic,
            "m",
        );
        let body = body(&settings, &request, &Dialect::of(&settings), 0);
        let messages = body["messages"].as_array().unwrap();
        assert_eq!(messages.len(), 3);
        assert_eq!(messages[1]["content"][0]["type"], "thinking");
        assert_eq!(messages[1]["content"].as_array().unwrap().len(), 3);
        assert_eq!(messages[2]["content"].as_array().unwrap().len(), 2);
    }
}
