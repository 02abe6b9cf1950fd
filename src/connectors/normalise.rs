//! One answer form for all servers, so that a signal is written against the data and not against how a server happens
//! to print it. Pure. The rules are tried in this order; nothing else is guessed.
//!
//! **What the tool answered with**
//! 1. `isError` → the tool's own error, in its words.
//! 2. `structuredContent`, unless it is nothing or `{}` beside a text → that.
//! 3. Otherwise the texts of `content`: text blocks and embedded text resources, a resource in base64 where its type says
//!    that it is text. Pictures, sound and links count for nothing. Blocks that are data and not blocks stand for
//!    themselves.
//! 4. Neither of them, and other members → those: the result itself is the answer.
//!
//! **How it is read**
//!
//! | it is | `result` is |
//! |---|---|
//! | a JSON object or array | that, every digit kept |
//! | an object whose only member is `result` or `content`, and that is an object, an array or a text (FastMCP's wrapping) | what that member is |
//! | one text that is a JSON object or array: bare, in one fenced block, or quoted once more | that |
//! | JSON Lines, or several texts that are each JSON | an array of them |
//! | an array of texts that are each a JSON object or array | an array of those |
//! | one Markdown table, with or without words around it | `{"rows": [{header: cell}]}` |
//! | CSV with a header (comma, semicolon or tab) | `{"rows": [{header: cell}]}` |
//! | any other text, also a bare number | `{"text": "…"}`, several on lines of their own |
//! | nothing | `{"text": ""}` |
//!
//! In JSON that is text `NaN` and the infinities, which Python writes and JSON does not know, become texts.
//!
//! **Refusals that a server gives as data** are errors of the tool, in its words. The answer is an object, and
//! - its `error` is `true`, a text, or an object with a `message` or a `code`; or there is a list of `errors` beside a `data`
//!   (GraphQL): what is there beside it is not the whole answer; or
//! - it holds no list and no object with anything in it, and `success` or `ok` is `false`, or `status` is `"error"`; or
//! - it holds none, and its `status`, `statusCode`, `status_code` or `code` is 401 or 403, or another from 400 to 599 beside
//!   a text `message`, `error`, `detail` or `title` (RFC 9457).
//!
//! Cells: an empty one is `null`; a column becomes numbers only where every filled cell is plainly one: digits, with an
//! optional minus and fraction, no leading zero, and no more than 15 where there is no fraction. `007` keeps its zeros.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::{tables, wire};

/// The most of an error's text that is handed on, in bytes; the admin sees less.
const ERROR_TEXT_BYTES: usize = 4 * 1024;

/// Members that only wrap what they hold.
const WRAPPERS: [&str; 2] = ["result", "content"];
/// How deep wrappings may lie in each other.
const MAX_WRAPPINGS: usize = 4;

const STATUSES: [&str; 4] = ["status", "statusCode", "status_code", "code"];
/// Where an error says what it is, most telling first.
const EXPLANATIONS: [&str; 6] = [
    "message",
    "error_description",
    "detail",
    "error",
    "title",
    "reason",
];

/// The tool's own error. Hostile text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub text: String,
    /// The source did not accept the login, or it lacks the right: HTTP 401 or 403.
    pub login: bool,
}

/// The result of a call as `result`, or the tool's own error.
pub fn normalise(result: Value) -> Result<Value, Refusal> {
    let mut result = match result {
        Value::Object(result) => result,
        Value::Null => return Ok(of_text(String::new())),
        Value::String(text) => return unwrapped(of_text(text), 0),
        Value::Array(items) => return Ok(Value::Array(of_items(items))),
        scalar => return Ok(of_text(scalar.to_string())),
    };
    let failed = matches!(result.get("isError"), Some(Value::Bool(true)));
    let structured = result
        .remove("structuredContent")
        .filter(|structured| !structured.is_null());
    let pieces = pieces(result.remove("content"));
    if failed {
        return Err(failure(structured, pieces));
    }
    let says_nothing = structured.as_ref().is_none_or(is_empty);
    match structured {
        Some(structured) if !says_nothing || pieces.is_empty() => unwrapped(structured, 0),
        _ if pieces.is_empty() => {
            result.retain(|key, _| !matches!(key.as_str(), "_meta" | "isError" | "resultType"));
            match result.is_empty() {
                true => Ok(of_text(String::new())),
                false => unwrapped(Value::Object(result), 0),
            }
        }
        _ => of_pieces(pieces),
    }
}

/// Something of an answer's content.
enum Piece {
    Text(String),
    Data(Value),
}

/// What counts in `content`, which is a list of blocks; a few servers put a text or an object there.
fn pieces(content: Option<Value>) -> Vec<Piece> {
    match content {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(blocks)) => blocks.into_iter().filter_map(piece).collect(),
        Some(Value::String(text)) => vec![Piece::Text(text)],
        Some(Value::Object(block)) if block.contains_key("type") => {
            piece(Value::Object(block)).into_iter().collect()
        }
        Some(data) => vec![Piece::Data(data)],
    }
}

fn piece(block: Value) -> Option<Piece> {
    let mut block = match block {
        Value::Object(block) => block,
        Value::String(text) => return Some(Piece::Text(text)),
        Value::Null => return None,
        data => return Some(Piece::Data(data)),
    };
    match block.get("type").and_then(Value::as_str) {
        Some("text") | None if block.contains_key("text") => match block.remove("text")? {
            Value::String(text) => Some(Piece::Text(text)),
            Value::Null => None,
            data => Some(Piece::Data(data)),
        },
        Some("resource") => resource_text(block.get("resource")?).map(Piece::Text),
        Some(_) => None,
        None if block.is_empty() => None,
        None => Some(Piece::Data(Value::Object(block))),
    }
}

/// The text of an embedded resource; one in base64 only where its type says that it is text.
fn resource_text(resource: &Value) -> Option<String> {
    if let Some(text) = resource.get("text").and_then(Value::as_str) {
        return Some(text.to_owned());
    }
    let kind = resource.get("mimeType").and_then(Value::as_str)?;
    let kind = kind.split(';').next()?.trim();
    let is_text = kind.starts_with("text/")
        || [
            "application/json",
            "application/x-ndjson",
            "application/csv",
        ]
        .contains(&kind)
        || kind.ends_with("+json");
    let blob = resource.get("blob").and_then(Value::as_str)?;
    let bytes = is_text.then(|| STANDARD.decode(blob).ok())??;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Several pieces are an array where each is JSON, and lines else.
fn of_pieces(mut pieces: Vec<Piece>) -> Result<Value, Refusal> {
    if pieces.len() == 1 {
        return match pieces.pop() {
            Some(Piece::Data(data)) => unwrapped(data, 0),
            Some(Piece::Text(text)) => unwrapped(of_text(text), 0),
            None => Ok(of_text(String::new())),
        };
    }
    let each: Option<Vec<Value>> = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => json_text(text),
            Piece::Data(data) => Some(data.clone()),
        })
        .collect();
    if let Some(each) = each {
        return Ok(Value::Array(each));
    }
    Ok(of_text(lines(pieces, "\n")))
}

fn lines(pieces: Vec<Piece>, between: &str) -> String {
    let texts: Vec<String> = pieces
        .into_iter()
        .map(|piece| match piece {
            Piece::Text(text) => text,
            Piece::Data(data) => data.to_string(),
        })
        .collect();
    texts.join(between)
}

/// What stands within wrappings. A refusal is looked for in each: its `error` may be what wraps.
fn unwrapped(value: Value, depth: usize) -> Result<Value, Refusal> {
    let mut map = match checked(value)? {
        Value::Object(map) => map,
        Value::Array(items) => return Ok(Value::Array(of_items(items))),
        scalar => return Ok(scalar),
    };
    let only = match map.keys().next() {
        Some(key) if map.len() == 1 && depth < MAX_WRAPPINGS => key.clone(),
        _ => return Ok(Value::Object(map)),
    };
    if !WRAPPERS.contains(&only.as_str()) {
        return Ok(Value::Object(map));
    }
    match map.get_mut(&only).map(Value::take) {
        Some(Value::String(text)) => unwrapped(of_text(text), depth + 1),
        Some(inner @ (Value::Array(_) | Value::Object(_))) => unwrapped(inner, depth + 1),
        Some(scalar) => Ok(Value::Object(Map::from_iter([(only, scalar)]))),
        None => Ok(Value::Object(map)),
    }
}

/// The items of an array; what they hold, where each is a text that is JSON.
fn of_items(items: Vec<Value>) -> Vec<Value> {
    let held: Option<Vec<Value>> = items
        .iter()
        .map(|item| json(item.as_str()?.trim()))
        .collect();
    held.unwrap_or(items)
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty)
}

/// The tool's error: its text, read as data where it is.
fn failure(structured: Option<Value>, pieces: Vec<Piece>) -> Refusal {
    let text = lines(pieces, " ");
    let said = json_text(&text).or(structured);
    match said {
        Some(Value::Object(map)) => Refusal {
            login: status_of(&map).is_some_and(is_login),
            text: match text.trim().is_empty() {
                true => cut(explanation(&map)),
                false => cut(text),
            },
        },
        Some(value) if text.trim().is_empty() => Refusal {
            login: false,
            text: cut(value.to_string()),
        },
        _ => Refusal {
            login: false,
            text: cut(text),
        },
    }
}

fn cut(mut text: String) -> String {
    let cut = (0..=ERROR_TEXT_BYTES.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at));
    text.truncate(cut.unwrap_or_default());
    text
}

/// The answer, unless it is a refusal given as data.
fn checked(value: Value) -> Result<Value, Refusal> {
    let Value::Object(map) = &value else {
        return Ok(value);
    };
    let status = status_of(map);
    if !(says_error(map) || !holds_data(map) && says_no(map, status)) {
        return Ok(value);
    }
    Err(Refusal {
        login: status.is_some_and(is_login),
        text: cut(explanation(map)),
    })
}

fn says_error(map: &Map<String, Value>) -> bool {
    let own = match map.get("error") {
        Some(Value::Bool(error)) => *error,
        Some(Value::String(error)) => !error.trim().is_empty(),
        Some(Value::Object(error)) => error.contains_key("message") || error.contains_key("code"),
        _ => false,
    };
    let graphql = map.contains_key("data")
        && matches!(map.get("errors"), Some(Value::Array(errors)) if !errors.is_empty());
    own || graphql
}

fn says_no(map: &Map<String, Value>, status: Option<u64>) -> bool {
    let is_false = |key: &str| map.get(key) == Some(&Value::Bool(false));
    let is_told = || {
        ["message", "error", "detail", "title"]
            .iter()
            .any(|key| map.get(*key).is_some_and(Value::is_string))
    };
    is_false("success")
        || is_false("ok")
        || map.get("status").and_then(Value::as_str) == Some("error")
        || status.is_some_and(|status| is_login(status) || is_told())
}

/// Does it hold a list or an object with anything in it?
fn holds_data(map: &Map<String, Value>) -> bool {
    map.values().any(|value| match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => false,
    })
}

/// The HTTP status of a failure that the object names, or its error does.
fn status_of(map: &Map<String, Value>) -> Option<u64> {
    let named = |map: &Map<String, Value>| {
        STATUSES.iter().find_map(|key| {
            let status = match map.get(*key)? {
                Value::String(text) if text.len() == 3 => text.parse().ok(),
                value => value.as_u64(),
            };
            status.filter(|status| (400..=599).contains(status))
        })
    };
    named(map).or_else(|| named(map.get("error")?.as_object()?))
}

fn is_login(status: u64) -> bool {
    matches!(status, 401 | 403)
}

/// What the object says of its failure: its own words, or all of it.
fn explanation(map: &Map<String, Value>) -> String {
    let told = EXPLANATIONS.iter().find_map(|key| match map.get(*key)? {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Object(inner) => Some(explanation(inner)),
        _ => None,
    });
    let first_error = || match map.get("errors")? {
        Value::Array(errors) => match errors.first()? {
            Value::Object(error) => Some(explanation(error)),
            other => Some(other.to_string()),
        },
        _ => None,
    };
    let told = told
        .or_else(first_error)
        .unwrap_or_else(|| Value::Object(map.clone()).to_string());
    match status_of(map) {
        Some(status) if !told.contains(&status.to_string()) => format!("{status}: {told}"),
        _ => told,
    }
}

fn of_text(text: String) -> Value {
    if let Some(value) = json_text(&text).or_else(|| json_lines(&text)) {
        return value;
    }
    let (key, value) = match tables::markdown(&text).or_else(|| tables::csv(&text)) {
        Some(rows) => ("rows", Value::Array(rows)),
        None => ("text", Value::String(text)),
    };
    Value::Object(Map::from_iter([(key.to_owned(), value)]))
}

/// A JSON object or array: the whole text, what stands in its only fenced block, or in its quotes. A bare number or
/// quoted word is text, since text it was before somebody looked for JSON in it.
fn json_text(text: &str) -> Option<Value> {
    let text = text.trim_start_matches('\u{feff}').trim();
    json(text)
        .or_else(|| fenced(text).and_then(json))
        .or_else(|| {
            let inner: String = text
                .starts_with('"')
                .then(|| serde_json::from_str(text).ok())??;
            json(inner.trim())
        })
}

fn json(text: &str) -> Option<Value> {
    if !text.starts_with(['{', '[']) {
        return None;
    }
    serde_json::from_str(text)
        .ok()
        .or_else(|| serde_json::from_str(&wire::with_texts_for_bare_words(text)?).ok())
}

/// What stands in the text's one block fenced with ```` ```json ````, or with bare fences that the text begins and
/// ends with.
fn fenced(text: &str) -> Option<&str> {
    let (before, rest) = text.split_once("```")?;
    let (language, rest) = rest.split_once('\n')?;
    let (block, after) = rest.split_once("```")?;
    let labelled = language.trim().eq_ignore_ascii_case("json");
    let bare = language.trim().is_empty() && before.is_empty() && after.is_empty();
    let only_one = !after.contains("```");
    (only_one && (labelled || bare)).then(|| block.trim())
}

/// Two or more lines that are each a JSON object or array.
fn json_lines(text: &str) -> Option<Value> {
    let text = text.trim_start_matches('\u{feff}');
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines().nth(1)?;
    lines()
        .map(json)
        .collect::<Option<Vec<_>>>()
        .map(Value::Array)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(parts: &[&str]) -> Value {
        let content = parts
            .iter()
            .map(|part| json!({"type": "text", "text": part}));
        normalise(json!({"content": content.collect::<Vec<_>>()})).unwrap()
    }

    fn structured(value: Value) -> Result<Value, Refusal> {
        normalise(json!({"content": [], "structuredContent": value}))
    }

    fn refused(value: Value) -> (String, bool) {
        let refusal = structured(value).unwrap_err();
        (refusal.text, refusal.login)
    }

    #[test]
    fn json_stays_as_the_server_gave_it() {
        for (given, expected) in [
            (
                r#"{"b":1,"a":[1.50,"007"]}"#,
                // A number keeps the digits that it was written with.
                serde_json::from_str(r#"{"b":1,"a":[1.50,"007"]}"#).unwrap(),
            ),
            ("  [1, 2]\n", json!([1, 2])),
            ("\u{feff}{}", json!({})),
            ("```json\n{\"a\":1}\n```", json!({"a":1})),
            ("\u{feff}```\r\n[1]\r\n```", json!([1])),
            ("Here it is:\n```JSON\n[1]\n```\nDone.", json!([1])),
            ("{\"a\":1}\n\n{\"a\":2}\n", json!([{"a":1},{"a":2}])),
            ("\u{feff}{\"a\":1}\r\n{\"a\":2}", json!([{"a":1},{"a":2}])),
            (r#""{\"a\":1}""#, json!({"a":1})),
            (
                r#"{"a":NaN,"b":-Infinity,"c":"NaN"}"#,
                json!({"a":"NaN","b":"-Infinity","c":"NaN"}),
            ),
        ] {
            assert_eq!(text(&[given]), expected, "{given}");
        }
        let exact = r#"{"z":9007199254740993,"a":[0.10,12345678901234567890.123]}"#;
        assert_eq!(text(&[exact]).to_string(), exact);
    }

    #[test]
    fn several_items_are_an_array_where_each_is_json_and_lines_else() {
        assert_eq!(
            text(&["{\"a\":1}", "```json\n{\"a\":2}\n```"]),
            json!([{"a":1},{"a":2}])
        );
        assert_eq!(text(&["Found:", "[1]"]), json!({"text": "Found:\n[1]"}));
        assert_eq!(
            text(&["Found:", "| a |\n|---|\n| 1 |"]),
            json!({"rows": [{"a": 1}]})
        );
    }

    #[test]
    fn what_is_not_json_is_text() {
        for given in [
            "42",
            "\"word\"",
            "null",
            "{not json}",
            "Hello, world\nGood, day",
            "```sql\nselect 1\n```",
            "```json\n[1]\n```\n```json\n[2]\n```",
            "",
        ] {
            assert_eq!(text(&[given]), json!({ "text": given }), "{given}");
        }
    }

    #[test]
    fn structured_content_comes_before_text_and_nothing_does_not_count() {
        let beside = |structured: Value| {
            normalise(
                json!({"content": [{"type":"text","text":"x"}], "structuredContent": structured}),
            )
        };
        assert_eq!(beside(json!([1])), Ok(json!([1])));
        assert_eq!(beside(json!({"a": []})), Ok(json!({"a": []})));
        assert_eq!(beside(json!(null)), Ok(json!({"text": "x"})));
        assert_eq!(beside(json!({})), Ok(json!({"text": "x"})));
        assert_eq!(structured(json!({})), Ok(json!({})));
    }

    #[test]
    fn a_wrapping_is_taken_off_and_a_value_in_it_stays() {
        for (given, expected) in [
            (
                json!({"result": "{\"issues\": [1], \"total\": 1}"}),
                json!({"issues": [1], "total": 1}),
            ),
            (json!({"result": [{"a": 1}]}), json!([{"a": 1}])),
            (json!({"result": {"result": "[1]"}}), json!([1])),
            (
                json!({"result": "a,b\n1,2"}),
                json!({"rows": [{"a": 1, "b": 2}]}),
            ),
            (
                json!({"content": "id\tname\r\n7\tA\r\n"}),
                json!({"rows": [{"id": 7, "name": "A"}]}),
            ),
            (
                json!({"content": "\u{feff}id;name\n007;A"}),
                json!({"rows": [{"id": "007", "name": "A"}]}),
            ),
            (
                json!({"result": "all is well"}),
                json!({"text": "all is well"}),
            ),
            (json!({"result": []}), json!([])),
            (json!({"result": 42}), json!({"result": 42})),
            (json!({"result": null}), json!({"result": null})),
            (
                json!({"result": [], "resultType": "vector"}),
                json!({"result": [], "resultType": "vector"}),
            ),
            (json!({"rows": "a,b\n1,2"}), json!({"rows": "a,b\n1,2"})),
        ] {
            assert_eq!(structured(given.clone()), Ok(expected.clone()), "{given}");
            // The same given as text, but for what is no object there.
            assert_eq!(text(&[&given.to_string()]), expected, "{given}");
        }
    }

    #[test]
    fn embedded_text_counts_and_pictures_do_not() {
        let resource = json!({"content": [
            {"type": "image", "data": "aGk=", "mimeType": "image/png"},
            {"type": "resource", "resource": {"uri": "x:1", "text": "{\"a\":1}"}},
            {"type": "resource", "resource": {"uri": "x:2", "blob": "aGk="}},
            {"type": "resource_link", "uri": "x:3", "name": "x"},
        ]});
        assert_eq!(normalise(resource), Ok(json!({"a": 1})));
        let blob = json!({"content": [{"type": "resource", "resource":
            {"uri": "x:1", "mimeType": "text/csv; charset=utf-8", "blob": STANDARD.encode("a,b\n1,2\n")}}]});
        assert_eq!(normalise(blob), Ok(json!({"rows": [{"a": 1, "b": 2}]})));
    }

    #[test]
    fn content_that_is_missing_or_no_list_of_blocks_is_read_as_what_it_is() {
        for (given, expected) in [
            (json!({"content": []}), json!({"text": ""})),
            (json!({}), json!({"text": ""})),
            (
                json!({"_meta": {"a": 1}, "isError": false}),
                json!({"text": ""}),
            ),
            (json!({"content": null, "rows": [1]}), json!({"rows": [1]})),
            (json!({"content": "[1]"}), json!([1])),
            (json!({"content": ["[1]"]}), json!([1])),
            (
                json!({"content": {"type": "text", "text": "[1]"}}),
                json!([1]),
            ),
            (json!({"content": [{"text": "[1]"}]}), json!([1])),
            (
                json!({"content": [{"type": "text", "text": {"a": 1}}]}),
                json!({"a": 1}),
            ),
            (
                json!({"content": [{"id": 1}, {"id": 2}]}),
                json!([{"id": 1}, {"id": 2}]),
            ),
            (json!([{"id": 1}]), json!([{"id": 1}])),
        ] {
            assert_eq!(normalise(given.clone()), Ok(expected), "{given}");
        }
    }

    #[test]
    fn an_error_is_an_error_whatever_it_carries() {
        let told = |value: Value| normalise(value).unwrap_err();
        let error = json!({"isError": true, "structuredContent": {"rows": []},
            "content": [{"type":"text","text":"no such"}, {"type":"text","text":"project"}]});
        assert_eq!(told(error).text, "no such project");
        let long = json!({"isError": true, "content": [{"type":"text","text":"ü".repeat(9000)}]});
        assert_eq!(told(long).text.len(), ERROR_TEXT_BYTES);
        let structured =
            json!({"isError": true, "structuredContent": {"error": {"message": "gone"}}});
        assert_eq!(told(structured).text, "gone");
        let login =
            json!({"isError": true, "content": [{"type":"text","text":"{\"status\": 401}"}]});
        assert!(told(login).login);
        assert_eq!(told(json!({"isError": true})).text, "");
    }

    #[test]
    fn a_refusal_given_as_data_is_an_error_in_its_own_words() {
        for (given, words, login) in [
            (json!({"status": 401}), "{\"status\":401}", true),
            (
                json!({"status": 401, "message": "bad token"}),
                "401: bad token",
                true,
            ),
            (
                json!({"statusCode": "403", "detail": "no right"}),
                "403: no right",
                true,
            ),
            (
                json!({"status": 404, "title": "Not Found"}),
                "404: Not Found",
                false,
            ),
            (json!({"code": 500, "message": "boom"}), "500: boom", false),
            (
                json!({"error": "unknown project"}),
                "unknown project",
                false,
            ),
            (json!({"error": true, "reason": "closed"}), "closed", false),
            (
                json!({"error": {"code": 403, "message": "denied"}}),
                "403: denied",
                true,
            ),
            (json!({"error": "partial", "rows": [1]}), "partial", false),
            (json!({"success": false, "message": "no"}), "no", false),
            (
                json!({"ok": false, "error": "invalid_auth"}),
                "invalid_auth",
                false,
            ),
            (
                json!({"status": "error", "message": "Query failed"}),
                "Query failed",
                false,
            ),
            (
                json!({"data": null, "errors": [{"message": "no field"}]}),
                "no field",
                false,
            ),
            (
                json!({"result": "{\"error\": \"wrapped\"}"}),
                "wrapped",
                false,
            ),
        ] {
            assert_eq!(refused(given.clone()), (words.to_owned(), login), "{given}");
        }
    }

    /// What `call` of a file of recorded answers is.
    fn recorded(file: &str, call: usize) -> Result<Value, Refusal> {
        let path = format!(
            "{}/tests/data/answers/{file}.json",
            env!("CARGO_MANIFEST_DIR")
        );
        let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        normalise(file["answers"][call]["result"].clone())
    }

    #[test]
    fn what_real_servers_answer_can_be_addressed() {
        for (file, call, pointer, expected) in [
            ("mcp-atlassian", 0, "/issues/0/key", json!("JIRA820-286")),
            ("mcp-atlassian", 1, "/0/key", json!("JIRA820")),
            ("clickhouse", 0, "/0/n", json!("9007199254740993")),
            ("clickhouse", 1, "", json!([])),
            ("mongodb", 0, "/documents/0/number", json!("R-1")),
            ("mongodb", 2, "/documents", json!([])),
            ("notion", 0, "/object", json!("list")),
            ("prometheus", 0, "/result/1/value/1", json!("1")),
            ("prometheus", 1, "/result/1", json!("1812.5")),
            ("prometheus", 3, "/status", json!("healthy")),
            ("redis", 0, "/amount", json!("4680.90")),
            ("redis", 1, "/2/due", json!("2026-11-23")),
            ("redis", 2, "/1", json!("a1")),
            ("redis", 3, "/text", json!("4680.90")),
            ("redis", 4, "/result", json!(6)),
            ("redis", 5, "/0", json!("deal:3")),
            ("redis", 6, "/keys/1", json!("deal:1")),
            ("redis", 7, "/result", json!(true)),
            (
                "redis",
                9,
                "/text",
                json!("Hash 'nope' is empty or does not exist."),
            ),
            ("git", 1, "/text", json!("* master")),
        ] {
            let answer = recorded(file, call).unwrap();
            assert_eq!(
                answer.pointer(pointer),
                Some(&expected),
                "{file} {call}: {answer}"
            );
        }
        for (file, call, words, login) in [
            ("mcp-atlassian", 2, "Issue NOPE-1 not found", false),
            (
                "clickhouse",
                2,
                "Unknown table expression identifier 'nope'",
                false,
            ),
            ("notion", 1, "404: ", false),
            ("notion-refused", 0, "401: API token is invalid.", true),
            ("prometheus", 4, "400 Client Error", false),
            ("redis-down", 1, "Connection refused", false),
            ("git", 2, "outside the allowed repository", false),
        ] {
            let refusal = recorded(file, call).unwrap_err();
            assert!(refusal.text.contains(words), "{file} {call}: {refusal:?}");
            assert_eq!(refusal.login, login, "{file} {call}");
        }
    }

    #[test]
    fn data_that_only_looks_like_a_refusal_stays() {
        for given in [
            json!({"error": null, "rows": []}),
            json!({"error": "", "rows": []}),
            json!({"error": false, "rows": []}),
            json!({"error": {"title": "TypeError", "count": 3}}),
            json!({"errors": [{"message": "x"}]}),
            json!({"ok": false, "failing": ["db"]}),
            json!({"success": true}),
            json!({"status": 503, "url": "https://shop.example"}),
            json!({"status": "open", "message": "x"}),
            json!({"code": 401, "rows": [1]}),
            json!({"status": 200, "message": "fine"}),
            json!([{"error": "x"}]),
        ] {
            assert_eq!(structured(given.clone()), Ok(given));
        }
    }
}
