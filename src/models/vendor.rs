//! What a vendor or server says in place of an answer, read from whatever form it has: its cause, and its own reason in words
//! that hold no key and nothing of what was sent.

use std::collections::BTreeSet;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{
    Message, Request,
    error::{Cause, ModelError, Refusal},
};
use crate::text::{shorten, visible};

/// Characters of a vendor's own reason.
const MAX_REASON_CHARACTERS: usize = 240;
/// Letters of a key that tell it.
const KEY_LETTERS: usize = 6;
/// A word of letters and digits this long is a key, or as good as one.
const MIN_KEY_CHARACTERS: usize = 20;
/// Words in a row that are a quotation of what was sent.
const QUOTED_WORDS: usize = 4;

/// What must not stand in a vendor's reason.
#[derive(Default)]
pub(super) struct Scrub {
    key: Option<SecretString>,
    model: String,
    /// What was said to the model, as words with a blank on both sides.
    sent: String,
}

impl Scrub {
    pub fn new(key: Option<&SecretString>, model: &str, request: &Request) -> Self {
        let mut sent = String::from(" ");
        for message in &request.messages {
            let text = match message {
                Message::User(text) | Message::Assistant { text, .. } => text,
                Message::ToolResult { content, .. } => content,
            };
            for word in words(text) {
                sent.push_str(word);
                sent.push(' ');
            }
        }
        Self {
            key: key.cloned(),
            model: model.to_owned(),
            sent,
        }
    }

    /// The reason without keys and quotations of what was sent.
    pub fn clean(&self, reason: &str) -> String {
        let reason = visible(
            &reason
                .chars()
                .take(8 * MAX_REASON_CHARACTERS)
                .collect::<String>(),
        );
        let parts: Vec<&str> = reason.split_whitespace().collect();
        let plain: Vec<String> = parts
            .iter()
            .map(|part| words(part).collect::<Vec<_>>().join(" "))
            .collect();
        let mut cut: BTreeSet<usize> = (0..parts.len())
            .filter(|at| {
                let (part, plain) = (parts.get(*at), plain.get(*at));
                part.zip(plain)
                    .is_some_and(|(part, plain)| self.is_secret(part) || self.is_quoted(plain))
            })
            .collect();
        for (from, run) in plain.windows(QUOTED_WORDS).enumerate() {
            let run = run.join(" ");
            if !run.trim().is_empty() && self.sent.contains(&format!(" {} ", run.trim())) {
                cut.extend(from..from + QUOTED_WORDS);
            }
        }
        let mut said: Vec<&str> = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            let part = if cut.contains(&at) { "…" } else { part };
            if part != "…" || said.last() != Some(&"…") {
                said.push(part);
            }
        }
        shorten(&said.join(" "), MAX_REASON_CHARACTERS)
    }

    /// Is it a key, or a part of one?
    fn is_secret(&self, part: &str) -> bool {
        if part.contains("***") || part.contains("•••") {
            return true;
        }
        if let Some(key) = &self.key {
            let key: Vec<char> = key.expose_secret().chars().collect();
            let length = key.len().min(KEY_LETTERS);
            let told = length > 0
                && key
                    .windows(length)
                    .any(|letters| part.contains(&letters.iter().collect::<String>()));
            if told {
                return true;
            }
        }
        part.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')))
            .any(|word| {
                word.len() >= MIN_KEY_CHARACTERS
                    && word.contains(|c: char| c.is_ascii_digit())
                    && word.contains(|c: char| c.is_ascii_alphabetic())
                    && !self.model.contains(word)
            })
    }

    /// Is it a name, a number or the like that was sent? Words of everyday say nothing.
    fn is_quoted(&self, plain: &str) -> bool {
        plain.split(' ').any(|word| {
            let telling =
                word.contains(|c: char| c.is_ascii_digit() || c.is_uppercase() || !c.is_ascii());
            telling && word.chars().count() > 2 && self.sent.contains(&format!(" {word} "))
        })
    }
}

/// The words of a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
}

/// What a vendor said.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Vendor {
    pub status: Option<u16>,
    /// Its words for the kind: `type`, `code`.
    kinds: Vec<String>,
    /// The parameter that it names.
    pub param: String,
    /// Its reason, as it came: hostile, and perhaps a quotation of what was sent.
    pub message: String,
    is_page: bool,
}

impl Vendor {
    /// What stands in the body of an HTTP error.
    pub fn of_body(status: u16, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let mut said = match serde_json::from_str::<Value>(text.trim()) {
            Ok(value) => Self::of_value(&value),
            Err(_) if text.trim_start().starts_with('<') => Self::of_page(&text),
            Err(_) => Self {
                message: text.trim().to_owned(),
                ..Self::default()
            },
        };
        said.status = Some(status);
        said
    }

    /// A web page: its title says what it is.
    pub fn of_page(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        let title = lower
            .find("<title")
            .and_then(|at| Some(at + lower.get(at..)?.find('>')? + 1))
            .and_then(|from| {
                let to = from + lower.get(from..)?.find("</title")?;
                text.get(from..to)
            });
        Self {
            message: title.unwrap_or_default().trim().to_owned(),
            is_page: true,
            ..Self::default()
        }
    }

    /// An error as JSON: a vendor's own form, or one of those that gateways have.
    pub fn of_value(value: &Value) -> Self {
        let value = match value {
            // Gemini's comes as a list of one.
            Value::Array(list) => list.first().unwrap_or(&Value::Null),
            value => value,
        };
        let mut said = Self::default();
        said.read(value, 0);
        said
    }

    fn read(&mut self, value: &Value, depth: usize) {
        const DEEPEST: usize = 4;
        match value {
            _ if depth > DEEPEST => {}
            Value::String(text) => {
                // Gateways put the answer of another within a text.
                match serde_json::from_str::<Value>(text) {
                    Ok(inner @ (Value::Object(_) | Value::Array(_))) => {
                        self.read(&inner, depth + 1)
                    }
                    _ if self.message.is_empty() => text.clone_into(&mut self.message),
                    _ => {}
                }
            }
            Value::Array(list) => {
                for inner in list.iter().take(3) {
                    self.read(inner, depth + 1);
                }
            }
            Value::Object(map) => {
                for name in ["status", "status_code", "http_status", "code"] {
                    let number = map.get(name).and_then(Value::as_u64);
                    let number = number.and_then(|number| u16::try_from(number).ok());
                    if self.status.is_none() {
                        self.status = number.filter(|number| (400..600).contains(number));
                    }
                }
                for name in ["type", "code", "status", "__type"] {
                    if let Some(Value::String(kind)) = map.get(name) {
                        self.kinds.push(kind.to_ascii_lowercase());
                    }
                }
                for name in ["param", "loc"] {
                    match map.get(name) {
                        Some(Value::String(param)) if self.param.is_empty() => {
                            param.clone_into(&mut self.param);
                        }
                        Some(Value::Array(path)) if self.param.is_empty() => {
                            let path: Vec<String> = path
                                .iter()
                                .map(|step| {
                                    step.as_str()
                                        .map_or_else(|| step.to_string(), str::to_owned)
                                })
                                .filter(|step| step != "body")
                                .collect();
                            self.param = path.join(".");
                        }
                        _ => {}
                    }
                }
                for name in [
                    "error", "errors", "message", "detail", "msg", "Message", "reason",
                ] {
                    if let Some(inner) = map.get(name).filter(|inner| !inner.is_null()) {
                        self.read(inner, depth + 1);
                    }
                }
                // What stood behind a gateway said more.
                if let Some(Value::String(raw)) =
                    map.get("metadata").and_then(|meta| meta.get("raw"))
                {
                    let behind = Self::of_body(0, raw.as_bytes());
                    if !behind.message.is_empty() && !behind.is_page {
                        self.message = format!("{}: {}", self.message, behind.message);
                        self.kinds.extend(behind.kinds);
                    }
                }
            }
            _ => {}
        }
    }

    /// Is this name in what the vendor says, as a word?
    pub fn names(&self, name: &str) -> bool {
        let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        [&self.param, &self.message].iter().any(|text| {
            let text = text.to_ascii_lowercase();
            text.match_indices(&name.to_ascii_lowercase())
                .any(|(at, found)| {
                    let before = text.get(..at).and_then(|text| text.chars().next_back());
                    let after = text
                        .get(at + found.len()..)
                        .and_then(|text| text.chars().next());
                    !is_part(before) && !is_part(after)
                })
        })
    }

    fn is_kind(&self, parts: &[&str]) -> bool {
        self.kinds
            .iter()
            .any(|kind| parts.iter().any(|part| kind.contains(part)))
    }

    fn says(&self, parts: &[&str]) -> bool {
        let message = self.message.to_ascii_lowercase();
        parts.iter().any(|part| message.contains(part))
    }

    /// What it comes from: by the vendor's word for its kind where it has one, by the status else, by its reason last.
    pub fn cause(&self, model: &str) -> Cause {
        const KEY: [&str; 5] = [
            "authentication",
            "invalid_api_key",
            "unauthenticated",
            "unauthorized",
            "401",
        ];
        const QUOTA: [&str; 4] = [
            "insufficient_quota",
            "billing",
            "payment",
            "insufficient_balance",
        ];
        const CONTEXT: [&str; 4] = [
            "context_length",
            "exceed_context",
            "request_too_large",
            "context_window",
        ];
        const CONTEXT_SAID: [&str; 8] = [
            "context length",
            "context window",
            "context size",
            "context_length",
            "maximum context",
            "prompt is too long",
            "input is too long",
            "too many tokens",
        ];
        const QUOTA_SAID: [&str; 5] = [
            "credit balance",
            "insufficient balance",
            "exceeded your current quota",
            "billing",
            "spending limit",
        ];
        let status = self.status.unwrap_or(0);
        if self.is_page {
            return match status {
                401 => Cause::Key,
                407 => Cause::Proxy,
                _ if is_busy(status) => Cause::Overloaded,
                _ => Cause::Page,
            };
        }
        match status {
            300..=399 => return Cause::Moved,
            407 => return Cause::Proxy,
            402 => return Cause::Quota,
            413 => return Cause::Context,
            _ => {}
        }
        if self.is_kind(&QUOTA) || self.says(&QUOTA_SAID) {
            return Cause::Quota;
        }
        if self.is_kind(&CONTEXT) || self.says(&CONTEXT_SAID) {
            return Cause::Context;
        }
        if self.is_kind(&["content_filter", "content_policy", "safety"]) {
            return Cause::Filter;
        }
        // The model wrote a call that its server could not read: it may write a better one.
        if self.is_kind(&["tool_use_failed"]) {
            return Cause::Fault;
        }
        if self.is_kind(&["overloaded", "unavailable"]) || status == 529 || status == 503 {
            return Cause::Overloaded;
        }
        if status == 429 || self.is_kind(&["rate_limit", "resource_exhausted", "throttling"]) {
            return Cause::Rate;
        }
        if status == 401
            || self.is_kind(&KEY)
            || self.says(&["api key not valid", "incorrect api key"])
        {
            return Cause::Key;
        }
        if self.lacks_tools() {
            return Cause::Tools;
        }
        if self.is_kind(&["model_not_found", "deploymentnotfound", "unknown_model"])
            || status == 404 && self.names_model(model)
            || self.says(&[
                "model not exist",
                "invalid model",
                "no such model",
                "is not a valid model",
                "unknown model",
            ])
        {
            return Cause::Model;
        }
        if status == 403 || self.is_kind(&["permission"]) {
            return Cause::Right;
        }
        if matches!(status, 404 | 405) {
            return Cause::Path;
        }
        if is_busy(status)
            || status >= 500
            || self.is_kind(&["server_error", "api_error", "internal"])
        {
            return Cause::Fault;
        }
        match status {
            400 | 415 | 422 => Cause::Parameter,
            _ => Cause::Other,
        }
    }

    /// Does it speak of the model that is set, or of models at all?
    fn names_model(&self, model: &str) -> bool {
        (!model.is_empty() && self.names(model)) || self.names("model") || self.names("deployment")
    }

    /// Does it say that it takes no tools?
    pub fn lacks_tools(&self) -> bool {
        let of_tools = [
            "tools",
            "tool use",
            "tool calling",
            "tool choice",
            "function calling",
        ]
        .iter()
        .any(|name| self.says(&[name]));
        let none = self.says(&[
            "not support tool",
            "not supported",
            "not support function",
            "requires --enable-auto-tool-choice",
            "support tool use",
            "--jinja",
        ]);
        of_tools
            && none
            && !self.says(&[
                "parallel",
                "streaming",
                "temperature",
                "tool_choice parameter",
            ])
    }

    /// The error for whoever may act. `within`: it came within an answer.
    pub fn refusal(&self, scrub: &Scrub, within: bool) -> ModelError {
        let cause = self.cause(&scrub.model);
        let mut said = scrub.clean(&self.message);
        if said.is_empty() {
            said = scrub.clean(self.kinds.first().map_or("", String::as_str));
        }
        ModelError::Refused(Refusal {
            cause,
            status: self.status,
            within,
            taught: false,
            said,
            fits: None,
        })
    }
}

/// Is it a status that passes by itself?
pub(super) fn is_busy(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504 | 529)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Request {
        Request {
            system: String::new(),
            messages: vec![Message::User(text.to_owned())],
            schema: None,
            tools: Vec::new(),
            max_output_tokens: 1,
        }
    }

    #[test]
    fn what_real_servers_say_is_told_with_its_cause() {
        for (status, body, cause, said) in [
            (
                401,
                r#"{"error":{"message":"Incorrect API key provided: sk-proj-****abcd. You can find your API key at https://platform.openai.com/account/api-keys.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
                Cause::Key,
                "Incorrect API key provided: … You can find",
            ),
            (
                401,
                r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"},"request_id":"req_011"}"#,
                Cause::Key,
                "invalid x-api-key",
            ),
            (
                401,
                r#"{"message":"Unauthorized","request_id":"8f2a"}"#,
                Cause::Key,
                "Unauthorized",
            ),
            (
                400,
                r#"[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}]"#,
                Cause::Key,
                "API key not valid.",
            ),
            (
                404,
                r#"{"error":{"message":"The model `gpt-9` does not exist or you do not have access to it.","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#,
                Cause::Model,
                "The model `gpt-9` does not exist",
            ),
            (
                404,
                r#"{"error":"model 'gpt-9' not found"}"#,
                Cause::Model,
                "model 'gpt-9' not found",
            ),
            (
                404,
                r#"{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}"#,
                Cause::Model,
                "The API deployment",
            ),
            (404, r#"{"detail":"Not Found"}"#, Cause::Path, "Not Found"),
            (404, "404 page not found", Cause::Path, "404 page not found"),
            (
                429,
                r#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
                Cause::Quota,
                "You exceeded your current quota",
            ),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}"#,
                Cause::Quota,
                "Your credit balance",
            ),
            (
                402,
                r#"{"error":{"message":"Insufficient Balance","type":"unknown_error","param":null,"code":"invalid_request_error"}}"#,
                Cause::Quota,
                "Insufficient Balance",
            ),
            (
                429,
                r#"{"error":{"message":"Rate limit reached for model `x` on tokens per minute","type":"tokens","code":"rate_limit_exceeded"}}"#,
                Cause::Rate,
                "Rate limit reached",
            ),
            (
                529,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                Cause::Overloaded,
                "Overloaded",
            ),
            (
                503,
                r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#,
                Cause::Overloaded,
                "Loading model",
            ),
            (
                400,
                r#"{"object":"error","message":"This model's maximum context length is 8192 tokens. However, you requested 9182 tokens.","type":"BadRequestError","param":null,"code":400}"#,
                Cause::Context,
                "This model's maximum context length is 8192 tokens.",
            ),
            (
                400,
                r#"{"error":{"code":400,"message":"the request exceeds the available context size, try increasing it","type":"exceed_context_size_error"}}"#,
                Cause::Context,
                "the request exceeds",
            ),
            (
                400,
                r#"{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model.","type":"invalid_request_error","param":"max_tokens","code":"unsupported_parameter"}}"#,
                Cause::Parameter,
                "Unsupported parameter: 'max_tokens'",
            ),
            (
                422,
                r#"{"detail":[{"type":"extra_forbidden","loc":["body","max_completion_tokens"],"msg":"Extra inputs are not permitted"}]}"#,
                Cause::Parameter,
                "Extra inputs are not permitted",
            ),
            (
                400,
                r#"{"error":"registry.ollama.ai/library/gemma:2b does not support tools"}"#,
                Cause::Tools,
                "registry.ollama.ai",
            ),
            (
                400,
                r#"{"object":"error","message":"\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set","type":"BadRequestError","code":400}"#,
                Cause::Tools,
                "\"auto\" tool choice requires",
            ),
            (
                400,
                r#"{"error":{"message":"The response was filtered due to the prompt triggering a policy","type":null,"param":"prompt","code":"content_filter","status":400}}"#,
                Cause::Filter,
                "The response was filtered",
            ),
            (
                403,
                "{\"error\":{\"message\":\"no access\",\"type\":\"permission_error\"}}",
                Cause::Right,
                "no access",
            ),
            (
                403,
                "<html><head><TITLE>Blocked by proxy</TITLE></head></html>",
                Cause::Page,
                "Blocked by proxy",
            ),
            (
                502,
                "<html><head><title>502 Bad Gateway</title></head></html>",
                Cause::Overloaded,
                "502 Bad Gateway",
            ),
            (302, "", Cause::Moved, ""),
            (407, "", Cause::Proxy, ""),
            (
                500,
                r#"{"error":"model requires more system memory (5.6 GiB) than is available (3.1 GiB)"}"#,
                Cause::Fault,
                "model requires more system memory",
            ),
            (
                429,
                r#"{"error":{"message":"Provider returned error","code":429,"metadata":{"raw":"{\"error\":{\"message\":\"x is temporarily rate-limited upstream\"}}"}}}"#,
                Cause::Rate,
                "Provider returned error: x is temporarily",
            ),
        ] {
            let vendor = Vendor::of_body(status, body.as_bytes());
            let scrub = Scrub::new(None, "gpt-9", &request("x"));
            let error = vendor.refusal(&scrub, false);
            let ModelError::Refused(refusal) = &error else {
                panic!("{error:?}");
            };
            assert_eq!(refusal.cause, cause, "{status} {body}");
            assert_eq!(refusal.status, Some(status));
            assert!(refusal.said.starts_with(said), "{said:?} {refusal:?}");
        }
    }

    #[test]
    fn a_reason_holds_no_key_and_nothing_of_what_was_sent() {
        let key = SecretString::from("abc-KEY-4711-xyz");
        let scrub = Scrub::new(
            Some(&key),
            "claude-3-5-sonnet-20241022",
            &request("Is Hartmann late with 4680.90? please look at the open orders of today"),
        );
        for (said, clean) in [
            ("Incorrect key: abc-KEY-4711-xyz.", "Incorrect key: …"),
            (
                "Incorrect key ending in 4711-xyz",
                "Incorrect key ending in …",
            ),
            ("Bad key gsk_1234567890abcdefghij here", "Bad key … here"),
            (
                "claude-3-5-sonnet-20241022 is gone",
                "claude-3-5-sonnet-20241022 is gone",
            ),
            ("you asked: 'Hartmann' owes 4680.90", "you asked: … owes …"),
            (
                "refused: look at the open orders of them",
                "refused: … them",
            ),
            ("look at the window", "look at the window"),
            ("a\u{202e}b\nc", "ab c"),
        ] {
            assert_eq!(scrub.clean(said), clean, "{said}");
        }
        assert!(scrub.clean(&"word ".repeat(1_000)).chars().count() <= MAX_REASON_CHARACTERS + 1);
    }
}
