//! Can a model do what it is configured for? Asked before it is needed: most that goes wrong with local models is silent.

use futures_util::StreamExt;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Event, Ledger, Message, Model, ModelError, Request, Schema, Stop, Tool};
use crate::limits::OverBudget;

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ability {
    pub what: &'static str,
    pub ok: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Without it no brief is worded; the others matter for questions.
    pub needed: bool,
}

/// The share of the window that the long prompt fills.
const FILL: (u32, u32) = (1, 2);
/// What stands at the beginning of the long prompt and must be found again.
const MARK: &str = "aubergine";
/// Tokens of a short answer.
const SHORT_ANSWER_TOKENS: u32 = 128;

fn request(system: &str, user: String) -> Request {
    Request {
        system: system.to_owned(),
        messages: vec![Message::User(user)],
        schema: None,
        tools: Vec::new(),
        max_output_tokens: SHORT_ANSWER_TOKENS,
    }
}

/// Tries a model: does it answer, keep a form, call a tool, read all of a long prompt. Costs a few thousand tokens.
pub async fn check(model: &dyn Model, context_tokens: u32, ledger: &dyn Ledger) -> Vec<Ability> {
    let mut abilities = Vec::new();
    let answers = ask(
        model,
        ledger,
        request("Answer in one word.", "Say yes.".to_owned()),
    )
    .await;
    let works = answers.is_ok();
    abilities.push(ability("answers", true, answers.map(|_| ())));
    if !works {
        return abilities;
    }

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
    let kept = ask(model, ledger, form).await.and_then(|(text, _)| {
        let value: Result<Value, _> = serde_json::from_str(text.trim());
        match value {
            Ok(value) if value.get("colour").is_some_and(Value::is_string) => Ok(()),
            _ => Err("its answer was not in the form".to_owned()),
        }
    });
    abilities.push(ability("keeps a form (JSON schema)", true, kept));

    let mut call = request(
        "Use the tool to answer.",
        "What is the weather in Berne now?".to_owned(),
    );
    call.tools = vec![Tool {
        name: "weather".to_owned(),
        description: "The weather of a town now.".to_owned(),
        input_schema: json!({
            "type": "object",
            "properties": { "town": { "type": "string" } },
            "required": ["town"],
        }),
    }];
    let called = ask(model, ledger, call).await.and_then(|(_, calls)| {
        if calls.iter().any(|name| name == "weather") {
            Ok(())
        } else {
            Err("it did not call the tool that it was given".to_owned())
        }
    });
    abilities.push(ability("calls tools", false, called));

    // Five bytes a token here, so that the prompt is rather shorter than meant than longer than the window.
    let bytes = usize::try_from(context_tokens / FILL.1 * FILL.0 * 5 / 2).unwrap_or(10_000);
    let filler = "The quick brown fox jumps over the lazy dog. ".repeat(bytes / 45 + 1);
    let long = request(
        "Answer in one word.",
        format!("The secret word is {MARK}.\n{filler}\nWhich is the secret word?"),
    );
    // What is read is told by the server's count; whether a small model remembers it is another question.
    let read = ask(model, ledger, long).await.map(|_| ());
    abilities.push(ability("reads prompts of the size configured", true, read));
    abilities
}

fn ability(what: &'static str, needed: bool, outcome: Result<(), String>) -> Ability {
    Ability {
        what,
        ok: outcome.is_ok(),
        why: outcome.err().unwrap_or_default(),
        needed,
    }
}

/// The text and the names of the calls of one answer.
async fn ask(
    model: &dyn Model,
    ledger: &dyn Ledger,
    request: Request,
) -> Result<(String, Vec<String>), String> {
    let reservation = ledger
        .reserve(model.id(), model.bound(&request))
        .await
        .map_err(|error: OverBudget| error.to_string())?;
    let id = reservation.id().to_owned();
    let said = |error: ModelError| error.to_string();
    let outcome = async {
        let mut events = model.stream(reservation, request).await.map_err(said)?;
        let (mut text, mut calls) = (String::new(), Vec::new());
        while let Some(event) = events.next().await {
            match event.map_err(said)? {
                Event::Text(more) => text.push_str(&more),
                Event::Call(call) => calls.push(call.name),
                Event::Done { usage, stop } => {
                    ledger.settle(&id, usage).await;
                    return match stop {
                        Stop::Refused => Err("it refused to answer".to_owned()),
                        _ => Ok((text, calls)),
                    };
                }
            }
        }
        Err("its answer broke off".to_owned())
    };
    outcome.await
}
