//! What a model's server takes, as far as it is known: set in the settings, or learnt from what it refused. Learnt once, for as
//! long as the process runs.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use serde_json::Value;

use super::{error::Cause, think::Opening, vendor::Vendor};
use crate::settings::{self, ModelParameter as Parameter, OutputLimit};

/// Tokens for reasoning that a model is given once it used its whole answer for it.
const REASONING_TOKENS: u32 = 4_096;

/// What is sent, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dialect {
    pub limit: OutputLimit,
    left_out: BTreeSet<Parameter>,
    pub calls_tools: bool,
    /// Schemas of tools are told in the narrowest form.
    pub narrow: bool,
    /// Tools whose schema is refused even so.
    pub dropped: BTreeSet<String>,
    pub reasoning_tokens: u32,
    /// Its reasoning before a call is sent back to it with the call.
    pub sends_reasoning_back: bool,
    pub opening: Opening,
    /// The other name of the limit was tried.
    switched: bool,
    /// All that may be left out was.
    bare: bool,
}

/// What a refusal taught.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lesson {
    /// The request can be sent again so.
    Again(Box<Dialect>),
    /// It cannot be answered so, but later ones are to be asked otherwise.
    Remember(Box<Dialect>),
}

impl Dialect {
    pub fn of(settings: &settings::Model) -> Self {
        // Servers that speak this API know the older name; the vendor's newer models take the newer one alone.
        let usual = match settings.base_url {
            Some(_) => OutputLimit::MaxTokens,
            None => OutputLimit::MaxCompletionTokens,
        };
        Self {
            limit: settings.output_limit.unwrap_or(usual),
            left_out: settings.leave_out.iter().copied().collect(),
            calls_tools: settings.tools == settings::ToolUse::Native,
            narrow: false,
            dropped: BTreeSet::new(),
            reasoning_tokens: settings.reasoning_tokens,
            sends_reasoning_back: false,
            opening: Opening::Unknown,
            switched: settings.output_limit.is_some(),
            bare: false,
        }
    }

    pub fn takes(&self, parameter: Parameter) -> bool {
        !self.left_out.contains(&parameter)
    }

    /// How to go on after this refusal of `sent`; nothing where it is of another kind.
    pub fn after(&self, said: &Vendor, sent: &Value, model: &str) -> Option<Lesson> {
        let cause = said.cause(model);
        let mut next = self.clone();
        match cause {
            Cause::Tools if has(sent, "tools") => {
                next.calls_tools = false;
                return Some(Lesson::Remember(Box::new(next)));
            }
            // A fault of the server's own may be one of the request's: a template that knows no role.
            Cause::Parameter | Cause::Fault | Cause::Other => {}
            _ => return None,
        }
        if let Some(tool) = tool_meant(said, sent) {
            if self.narrow {
                next.dropped.insert(tool);
            } else {
                next.narrow = true;
            }
            return Some(Lesson::Again(Box::new(next)));
        }
        if said.names("reasoning_content") && !self.sends_reasoning_back && has(sent, "tools") {
            next.sends_reasoning_back = true;
            return Some(Lesson::Again(Box::new(next)));
        }
        if has(sent, self.limit.name()) && said.names(self.limit.name()) && !self.switched {
            next.limit = match self.limit {
                OutputLimit::MaxTokens => OutputLimit::MaxCompletionTokens,
                OutputLimit::MaxCompletionTokens => OutputLimit::MaxTokens,
            };
            next.switched = true;
            return Some(Lesson::Again(Box::new(next)));
        }
        let meant = OPTIONAL
            .iter()
            .find(|(parameter, sent_as, names)| {
                self.takes(*parameter)
                    && is_sent(sent, sent_as)
                    && names.iter().any(|name| said.names(name))
            })
            .map(|(parameter, ..)| *parameter);
        if let Some(parameter) = meant {
            next.left_out.insert(parameter);
            return Some(Lesson::Again(Box::new(next)));
        }
        // It does not say what it refuses: without all that may be left out, once.
        let rest = OPTIONAL.iter().filter(|(parameter, sent_as, _)| {
            let matter_of_form = !matches!(
                parameter,
                Parameter::Stream | Parameter::SystemRole | Parameter::ParallelToolCalls
            );
            matter_of_form && self.takes(*parameter) && is_sent(sent, sent_as)
        });
        let rest: Vec<Parameter> = rest.map(|(parameter, ..)| *parameter).collect();
        let narrower = has(sent, "tools") && !self.narrow;
        if cause != Cause::Parameter || self.bare || rest.is_empty() && !narrower {
            return None;
        }
        next.left_out.extend(rest);
        next.narrow |= narrower;
        next.bare = true;
        Some(Lesson::Again(Box::new(next)))
    }

    /// Takes over what another has learnt.
    fn adopt(&mut self, other: &Self) {
        self.limit = other.limit;
        self.switched |= other.switched;
        self.left_out.extend(&other.left_out);
        self.calls_tools &= other.calls_tools;
        self.narrow |= other.narrow;
        self.dropped.extend(other.dropped.iter().cloned());
        self.reasoning_tokens = self.reasoning_tokens.max(other.reasoning_tokens);
        self.sends_reasoning_back |= other.sends_reasoning_back;
        self.bare |= other.bare;
        if other.opening != Opening::Unknown {
            self.opening = other.opening;
        }
    }

    /// What differs from this beginning, for the admin, each with how to set it.
    fn told(&self, from: &Self) -> Vec<String> {
        let mut told = Vec::new();
        if self.limit != from.limit {
            let name = self.limit.name();
            told.push(format!(
                "takes the longest answer as `{name}` (`output_limit = \"{name}\"`)"
            ));
        }
        for parameter in self.left_out.difference(&from.left_out) {
            let name = parameter.name();
            told.push(format!("takes no `{name}` (`leave_out = [\"{name}\"]`)"));
        }
        if self.calls_tools != from.calls_tools {
            told.push("cannot call tools (`tools = \"guided\"`)".to_owned());
        }
        if self.narrow {
            told.push("takes plain schemas of tools only".to_owned());
        }
        for tool in &self.dropped {
            told.push(format!(
                "refuses the schema of `{tool}`, which it is not offered"
            ));
        }
        if self.reasoning_tokens != from.reasoning_tokens {
            let tokens = self.reasoning_tokens;
            told.push(format!(
                "needs tokens to reason (`reasoning_tokens = {tokens}`)"
            ));
        }
        if self.sends_reasoning_back {
            told.push("wants its reasoning back with its calls".to_owned());
        }
        if self.opening == Opening::Reasoning {
            told.push("begins its answers with reasoning, which is taken out".to_owned());
        }
        told
    }
}

/// What may be left out: as what it stands in a request, and what a refusal calls it.
type Optional = (Parameter, &'static str, &'static [&'static str]);
const OPTIONAL: [Optional; 9] = [
    (Parameter::Temperature, "/temperature", &["temperature"]),
    (
        Parameter::StreamOptions,
        "/stream_options",
        &["stream_options", "include_usage"],
    ),
    (Parameter::ToolChoice, "/tool_choice", &["tool_choice"]),
    (
        Parameter::ParallelToolCalls,
        "/tools",
        &[
            "parallel_tool_calls",
            "parallel tool calls",
            "single tool-calls",
            "single tool call",
        ],
    ),
    (
        Parameter::Strict,
        "/response_format/json_schema/strict",
        &[
            "strict",
            "response_format",
            "json_schema",
            "additionalProperties",
        ],
    ),
    (
        Parameter::ResponseFormat,
        "/response_format",
        &[
            "response_format",
            "json_schema",
            "response format",
            "structured output",
            "guided_json",
            "grammar",
        ],
    ),
    (
        Parameter::ResponseFormat,
        "/format",
        &["format", "grammar", "json_schema"],
    ),
    (
        Parameter::SystemRole,
        "/messages/0/role",
        &["system role", "system message", "developer instruction"],
    ),
    (
        Parameter::Stream,
        "/stream",
        &["stream", "streaming", "streaming mode"],
    ),
];

fn has(sent: &Value, name: &str) -> bool {
    sent.get(name).is_some()
}

fn is_sent(sent: &Value, pointer: &str) -> bool {
    sent.pointer(pointer)
        .is_some_and(|value| !matches!(value, Value::Null | Value::Bool(false)))
}

/// The tool whose schema a refusal speaks of: by its place in the request, or by its name.
fn tool_meant(said: &Vendor, sent: &Value) -> Option<String> {
    let names: Vec<&str> = sent
        .get("tools")?
        .as_array()?
        .iter()
        .filter_map(|tool| {
            tool.pointer("/function/name")
                .or_else(|| tool.get("name"))?
                .as_str()
        })
        .collect();
    let by_place = [&said.param, &said.message].into_iter().find_map(|text| {
        let place = ["tools[", "tools.", "function_declarations["]
            .iter()
            .find_map(|before| text.split_once(before))?
            .1;
        let digits: String = place.chars().take_while(char::is_ascii_digit).collect();
        names.get(digits.parse::<usize>().ok()?).copied()
    });
    let by_name = || names.iter().find(|name| said.names(name)).copied();
    by_place.or_else(by_name).map(str::to_owned)
}

/// What is known of a model's server, shared by all that ask it.
#[derive(Debug)]
pub(super) struct Learnt {
    set: Dialect,
    now: Mutex<Dialect>,
}

impl Learnt {
    pub fn new(settings: &settings::Model) -> Self {
        let set = Dialect::of(settings);
        Self {
            now: Mutex::new(set.clone()),
            set,
        }
    }

    pub fn now(&self) -> Dialect {
        self.now
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Remembers what was learnt, and says what of it is new.
    pub fn remember(&self, dialect: &Dialect) -> Vec<String> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let before = now.told(&self.set);
        now.adopt(dialect);
        let mut told = now.told(&self.set);
        told.retain(|lesson| !before.contains(lesson));
        told
    }

    pub fn opens_with(&self, opening: Opening) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.opening = opening;
    }

    /// Its server took a form and did not hold the model to it: from now on the model is told of the form in words.
    pub fn holds_to_no_form(&self) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.left_out.insert(Parameter::ResponseFormat);
    }

    pub fn needs_to_reason(&self) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if self.set.reasoning_tokens == 0 {
            now.reasoning_tokens = REASONING_TOKENS;
        }
    }

    /// What was learnt, for the admin.
    pub fn told(&self) -> Vec<String> {
        self.now().told(&self.set)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{ids::ModelId, settings::ModelKind};

    fn settings() -> settings::Model {
        settings::Model::new(ModelId::new("m").unwrap(), ModelKind::Openai, "m")
    }

    fn refused(status: u16, message: &str, param: &str) -> Vendor {
        let body = json!({ "error": { "message": message, "param": param } }).to_string();
        Vendor::of_body(status, body.as_bytes())
    }

    fn next(dialect: &Dialect, said: &Vendor, sent: &Value) -> Option<Dialect> {
        match dialect.after(said, sent, "m")? {
            Lesson::Again(next) => Some(*next),
            Lesson::Remember(_) => None,
        }
    }

    #[test]
    fn each_refusal_teaches_one_thing_and_none_is_tried_twice() {
        let gateway = settings::Model {
            base_url: Some("http://127.0.0.1/v1".to_owned()),
            ..settings()
        };
        let first = Dialect::of(&gateway);
        let sent = json!({
            "max_tokens": 5, "temperature": 0, "stream": true, "stream_options": {},
            "response_format": { "json_schema": { "strict": true } },
            "messages": [{ "role": "system", "content": "x" }],
            "tools": [{ "function": { "name": "a__get" } }, { "function": { "name": "b__get" } }],
        });
        let limit = refused(
            400,
            "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
            "max_tokens",
        );
        let second = next(&first, &limit, &sent).unwrap();
        assert_eq!(second.limit, OutputLimit::MaxCompletionTokens);
        let renamed = json!({ "max_completion_tokens": 5, "temperature": 0 });
        let again = refused(
            400,
            "max_completion_tokens is too large",
            "max_completion_tokens",
        );
        let third = next(&second, &again, &renamed);
        assert!(
            third.is_none_or(|third| third.limit == second.limit),
            "not back again"
        );

        for (message, param, left_out) in [
            (
                "Unsupported value: 'temperature' does not support 0",
                "temperature",
                Parameter::Temperature,
            ),
            (
                "`temperature` is deprecated for this model.",
                "",
                Parameter::Temperature,
            ),
            (
                "Unrecognized request argument supplied: stream_options",
                "",
                Parameter::StreamOptions,
            ),
            (
                "This model doesn't support tool use in streaming mode.",
                "",
                Parameter::Stream,
            ),
            (
                "Invalid schema for response_format 'brief'",
                "response_format",
                Parameter::Strict,
            ),
            (
                "This model only supports single tool-calls at once!",
                "",
                Parameter::ParallelToolCalls,
            ),
            ("System role not supported", "", Parameter::SystemRole),
        ] {
            let learnt = next(&first, &refused(400, message, param), &sent).unwrap();
            assert!(!learnt.takes(left_out), "{message}");
            assert_eq!(learnt.left_out.len(), 1, "{message}");
        }
        let looser = next(&first, &refused(400, "no", "response_format"), &sent).unwrap();
        let without = next(&looser, &refused(400, "no", "response_format"), &sent).unwrap();
        assert!(!without.takes(Parameter::ResponseFormat));
    }

    #[test]
    fn a_tool_is_told_more_plainly_before_it_is_left_out() {
        let sent = json!({ "tools": [{ "function": { "name": "a__get" } }, { "function": { "name": "b__get" } }] });
        let first = Dialect::of(&settings());
        let by_name = refused(
            400,
            "Invalid schema for function 'b__get': array schema missing items.",
            "tools[1].function.parameters",
        );
        let narrow = next(&first, &by_name, &sent).unwrap();
        assert!(narrow.narrow && narrow.dropped.is_empty());
        let dropped = next(&narrow, &by_name, &sent).unwrap();
        assert_eq!(dropped.dropped.into_iter().collect::<Vec<_>>(), ["b__get"]);
        let none = refused(400, "gemma does not support tools", "");
        let lesson = first.after(&none, &sent, "m");
        assert!(matches!(lesson, Some(Lesson::Remember(next)) if !next.calls_tools));
    }

    #[test]
    fn what_is_no_matter_of_form_teaches_nothing() {
        let sent = json!({ "max_tokens": 5, "temperature": 0 });
        let first = Dialect::of(&settings());
        for said in [
            refused(401, "bad key, temperature", ""),
            refused(400, "maximum context length is 10, lower max_tokens", ""),
            refused(503, "overloaded: temperature", ""),
            refused(500, "it crashed", ""),
        ] {
            assert_eq!(first.after(&said, &sent, "m"), None, "{said:?}");
        }
        let vague = refused(400, "bad request", "");
        let bare = next(&first, &vague, &sent).unwrap();
        assert!(!bare.takes(Parameter::Temperature));
        assert_eq!(
            next(&bare, &vague, &json!({ "max_tokens": 5 })),
            None,
            "once"
        );
    }

    #[test]
    fn what_was_learnt_is_remembered_and_told_once_with_how_to_set_it() {
        let learnt = Learnt::new(&settings());
        let mut dialect = learnt.now();
        dialect.left_out.insert(Parameter::Temperature);
        let told = learnt.remember(&dialect);
        assert_eq!(
            told,
            ["takes no `temperature` (`leave_out = [\"temperature\"]`)"]
        );
        assert!(learnt.remember(&dialect).is_empty());
        assert!(!learnt.now().takes(Parameter::Temperature));
        assert_eq!(learnt.told(), told);
        let set = Learnt::new(&settings::Model {
            leave_out: vec![Parameter::Temperature],
            ..settings()
        });
        assert!(set.told().is_empty(), "what is set was not learnt");
    }
}
