//! Can a model do what it is configured for? Asked before it is needed: most that goes wrong with models is silent.

use std::time::Duration;

use futures_util::StreamExt;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::{
    Event, Ledger, Message, Model, ModelError, Request, Schema, Stop, Tool, ToolCall, Usage,
};
use crate::limits::OverBudget;

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ability {
    pub what: &'static str,
    pub ok: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Without it no model chooses in a brief; the others matter for questions.
    pub needed: bool,
}

/// The share of the window that the long prompt fills.
const FILL: (u32, u32) = (1, 2);
/// What stands at the beginning of the long prompt and must be found again.
const MARK: &str = "aubergine";
/// Tokens of a short answer.
const SHORT_ANSWER_TOKENS: u32 = 128;
/// What the tool of the trial gives.
const TEMPERATURE: &str = "17";

fn request(system: &str, user: String) -> Request {
    Request {
        system: system.to_owned(),
        messages: vec![Message::User(user)],
        schema: None,
        tools: Vec::new(),
        max_output_tokens: SHORT_ANSWER_TOKENS,
    }
}

/// Tries a model: does it answer, call a tool and read what it gave, keep a form, read all of a long prompt. Costs a few
/// thousand tokens. What does not come to its end `within` this time is not tried any more.
pub async fn check(
    model: &dyn Model,
    context_tokens: u32,
    ledger: &dyn Ledger,
    within: Duration,
) -> Vec<Ability> {
    let mut trial = Trial {
        model,
        ledger,
        until: Instant::now() + within,
        seconds: within.as_secs(),
        abilities: Vec::new(),
    };
    let question = request("Answer in one word.", "Say yes.".to_owned());
    let answers = trial.ask(question).await.map(|_| ());
    let works = trial.note("answers", true, answers);
    if works {
        let called = trial.call_a_tool().await;
        trial.note("calls a tool and reads what it gave", false, called);
        let kept = trial.keep_a_form().await;
        trial.note("keeps a form (JSON schema)", true, kept);
        let read = trial.read_a_long_prompt(context_tokens).await;
        trial.note("reads prompts of the size configured", true, read);
    }
    let learnt = model.learnt();
    if !learnt.is_empty() {
        trial.abilities.push(Ability {
            what: "learnt from its answers",
            ok: true,
            why: learnt.join("; "),
            needed: false,
        });
    }
    trial.abilities
}

/// A trial of one model.
struct Trial<'t> {
    model: &'t dyn Model,
    ledger: &'t dyn Ledger,
    until: Instant,
    seconds: u64,
    abilities: Vec<Ability>,
}

/// What one answer was.
struct Said {
    text: String,
    calls: Vec<ToolCall>,
}

impl Trial<'_> {
    fn note(&mut self, what: &'static str, needed: bool, outcome: Result<(), String>) -> bool {
        let ok = outcome.is_ok();
        self.abilities.push(Ability {
            what,
            ok,
            why: outcome.err().unwrap_or_default(),
            needed,
        });
        ok
    }

    /// A second time where the first shows that the form must be told in words.
    async fn keep_a_form(&self) -> Result<(), String> {
        let before = self.model.learnt();
        match self.fill_in_a_form().await {
            Err(_) if self.model.learnt() != before => self.fill_in_a_form().await,
            filled => filled,
        }
    }

    async fn fill_in_a_form(&self) -> Result<(), String> {
        let mut form = request(
            "Answer in the form that is asked for.",
            "Which colour has grass?".to_owned(),
        );
        form.schema = Some(Schema {
            name: "answer".to_owned(),
            schema: json!({
                "type": "object",
                "properties": { "colour": { "type": "string" } },
                "required": ["colour"],
                "additionalProperties": false,
            }),
        });
        let said = self.ask(form).await?;
        let json = said
            .text
            .find('{')
            .zip(said.text.rfind('}'))
            .and_then(|(from, to)| said.text.get(from..=to));
        match json.and_then(|json| serde_json::from_str::<Value>(json).ok()) {
            Some(value) if value.get("colour").is_some_and(Value::is_string) => Ok(()),
            _ => Err("its answer was not in the form".to_owned()),
        }
    }

    /// A whole round: the call, what the tool gave, and an answer from it.
    async fn call_a_tool(&self) -> Result<(), String> {
        let mut question = request(
            "Use the tool to answer.",
            "How many degrees has it in Berne now?".to_owned(),
        );
        question.tools = vec![Tool {
            name: "get_weather".to_owned(),
            description: "The weather of a town now.".to_owned(),
            input_schema: json!({
                "type": "object",
                "properties": { "town": { "type": "string" } },
                "required": ["town"],
            })
            .into(),
        }];
        let said = self.ask(question.clone()).await?;
        if !said.calls.iter().any(|call| call.name == "get_weather") {
            return Err("it did not call the tool that it was given".to_owned());
        }
        let results = said.calls.iter().map(|call| Message::ToolResult {
            id: call.id.clone(),
            content: json!({ "town": "Berne", "degrees": TEMPERATURE }).to_string(),
        });
        let results: Vec<Message> = results.collect();
        question.messages.push(Message::Assistant {
            text: said.text,
            calls: said.calls,
        });
        question.messages.extend(results);
        // How well it words the result is no matter here: that it takes it is.
        self.ask(question).await.map(|_| ())
    }

    async fn read_a_long_prompt(&self, context_tokens: u32) -> Result<(), String> {
        // Five bytes a token here, so that the prompt is rather shorter than meant than longer than the window.
        let bytes = usize::try_from(context_tokens / FILL.1 * FILL.0 * 5 / 2).unwrap_or(10_000);
        let filler = "The quick brown fox jumps over the lazy dog. ".repeat(bytes / 45 + 1);
        let long = request(
            "Answer in one word.",
            format!("The secret word is {MARK}.\n{filler}\nWhich is the secret word?"),
        );
        // What is read is told by the server's count; whether a small model remembers it is another question.
        self.ask(long).await.map(|_| ())
    }

    /// One answer, within what is left of the time. What it used is settled, also where it was given up.
    async fn ask(&self, request: Request) -> Result<Said, String> {
        let model = self.model;
        let reservation = self
            .ledger
            .reserve(model.id(), model.bound(&request))
            .await
            .map_err(|error: OverBudget| error.to_string())?;
        let id = reservation.id().to_owned();
        let mut used = Usage::default();
        let prompt = super::estimate(&request);
        let asked = async {
            let begun = model.stream(reservation, request).await;
            if !matches!(&begun, Err(error) if error.was_not_taken()) {
                used.tokens_in = prompt;
            }
            let mut events = begun?;
            let (mut text, mut calls) = (String::new(), Vec::new());
            while let Some(event) = events.next().await {
                match event? {
                    Event::Text(more) => text.push_str(&more),
                    Event::Unheard { .. } => {}
                    Event::Call(call) => calls.push(call),
                    Event::Done { usage, stop } => {
                        used = usage;
                        return match stop {
                            Stop::Nothing(nothing) => Err(ModelError::Nothing(nothing)),
                            stop => Ok((Said { text, calls }, stop)),
                        };
                    }
                }
            }
            Err(ModelError::Shape {
                what: "its answer broke off".to_owned(),
            })
        };
        let outcome = timeout_at(self.until, asked).await;
        self.ledger.settle(&id, used).await;
        match outcome {
            Ok(Ok((_, Stop::Refused))) => Err("it refused to answer".to_owned()),
            Ok(Ok((said, _))) => Ok(said),
            Ok(Err(error)) => Err(format!("it {error}\n  → {}", error.advice())),
            Err(_) => Err(format!(
                "it did not come to an end within {} s",
                self.seconds
            )),
        }
    }
}
