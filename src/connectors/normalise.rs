//! One answer form for all servers, so that a signal is written against the data and not against how a server happens
//! to print it. Pure.
//!
//! | the server gave | `result` is |
//! |---|---|
//! | `structuredContent` | that, unchanged |
//! | one text (or embedded text resource) that is a JSON object or array, bare or in one fenced block | that, unchanged |
//! | JSON Lines, or several items that are each JSON | an array of them |
//! | one Markdown table, with or without words around it | `{"rows": [{header: cell}]}` |
//! | CSV with a header (comma, semicolon or tab) | `{"rows": [{header: cell}]}` |
//! | any other text, also a bare number | `{"text": "…"}`, several items on lines of their own |
//! | pictures, sound, binary resources, links | nothing; without any text `{"text": ""}` |
//!
//! Cells: an empty one is `null`; a column becomes numbers only where every filled cell is plainly one:
//! digits, with an optional minus and fraction, at most 15 of them, no leading zero. `007` keeps its zeros.

use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use serde_json::{Map, Value};

use super::tables;

/// The most of an error's text that is handed on, in bytes; the admin sees less.
const ERROR_TEXT_BYTES: usize = 4 * 1024;

/// The answer as `result`, or the text of the tool's own error (hostile).
pub fn normalise(result: CallToolResult) -> Result<Value, String> {
    let failed = result.is_error == Some(true);
    if !failed
        && let Some(structured) = result
            .structured_content
            .filter(|structured| !structured.is_null())
    {
        return Ok(structured);
    }
    let mut texts: Vec<String> = result.content.into_iter().filter_map(text_of).collect();
    if failed {
        let mut text = texts.join(" ");
        let cut = (0..=ERROR_TEXT_BYTES.min(text.len()))
            .rev()
            .find(|at| text.is_char_boundary(*at));
        text.truncate(cut.unwrap_or_default());
        return Err(text);
    }
    if texts.len() > 1
        && let Some(values) = texts.iter().map(|text| json_text(text)).collect()
    {
        return Ok(Value::Array(values));
    }
    let text = match texts.len() {
        1 => texts.pop().unwrap_or_default(),
        _ => texts.join("\n"),
    };
    Ok(from_text(text))
}

fn text_of(content: ContentBlock) -> Option<String> {
    match content {
        ContentBlock::Text(text) => Some(text.text),
        ContentBlock::Resource(embedded) => match embedded.resource {
            ResourceContents::TextResourceContents { text, .. } => Some(text),
            _ => None,
        },
        _ => None,
    }
}

fn from_text(text: String) -> Value {
    if let Some(value) = json_text(&text).or_else(|| json_lines(&text)) {
        return value;
    }
    let (key, value) = match tables::markdown(&text).or_else(|| tables::csv(&text)) {
        Some(rows) => ("rows", Value::Array(rows)),
        None => ("text", Value::String(text)),
    };
    Value::Object(Map::from_iter([(key.to_owned(), value)]))
}

/// A JSON object or array: the whole text, or what stands in its only fenced block. A bare number or quoted word is
/// text, since text it was before somebody looked for JSON in it.
fn json_text(text: &str) -> Option<Value> {
    let text = text.trim_start_matches('\u{feff}').trim();
    json(text).or_else(|| fenced(text).and_then(json))
}

fn json(text: &str) -> Option<Value> {
    if !text.starts_with(['{', '[']) {
        return None;
    }
    serde_json::from_str(text).ok()
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
        result(json!({"content": content.collect::<Vec<_>>()})).unwrap()
    }

    fn result(value: Value) -> Result<Value, String> {
        normalise(serde_json::from_value(value).unwrap())
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
            ("```\n[1]\n```", json!([1])),
            ("Here it is:\n```JSON\n[1]\n```\nDone.", json!([1])),
            ("{\"a\":1}\n\n{\"a\":2}\n", json!([{"a":1},{"a":2}])),
        ] {
            assert_eq!(text(&[given]), expected, "{given}");
        }
        assert_eq!(
            text(&["{\"z\":1,\"a\":2}"]).to_string(),
            "{\"z\":1,\"a\":2}"
        );
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
    fn structured_content_comes_before_text_and_null_does_not_count() {
        let both = json!({"content": [{"type":"text","text":"x"}], "structuredContent": [1]});
        assert_eq!(result(both), Ok(json!([1])));
        let null = json!({"content": [{"type":"text","text":"x"}], "structuredContent": null});
        assert_eq!(result(null), Ok(json!({"text": "x"})));
    }

    #[test]
    fn embedded_text_counts_and_pictures_do_not() {
        let resource = json!({"content": [
            {"type": "image", "data": "aGk=", "mimeType": "image/png"},
            {"type": "resource", "resource": {"uri": "x:1", "text": "{\"a\":1}"}},
            {"type": "resource", "resource": {"uri": "x:2", "blob": "aGk="}},
            {"type": "resource_link", "uri": "x:3", "name": "x"},
        ]});
        assert_eq!(result(resource), Ok(json!({"a": 1})));
        assert_eq!(result(json!({"content": []})), Ok(json!({"text": ""})));
    }

    #[test]
    fn an_error_is_an_error_whatever_it_carries() {
        let error = json!({"isError": true, "structuredContent": {"rows": []},
            "content": [{"type":"text","text":"no such"}, {"type":"text","text":"project"}]});
        assert_eq!(result(error), Err("no such project".to_owned()));
        let long = json!({"isError": true, "content": [{"type":"text","text":"ü".repeat(9000)}]});
        assert_eq!(result(long).unwrap_err().len(), ERROR_TEXT_BYTES);
    }
}
