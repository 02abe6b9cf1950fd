//! What servers really write, made into what the protocol's types hold. Pure.
//!
//! A message is read as plain JSON first and only then given a type, so that one member with an odd type never costs the
//! message: rmcp would drop it, and the call would wait for its time-out. Read so:
//!
//! 1. bytes that are no UTF-8 become U+FFFD; a byte order mark and white space around the message go;
//! 2. `NaN`, `Infinity` and `-Infinity`, which Python writes and JSON does not know, become texts;
//! 3. what stands before the message on its line (a log line without an end) is skipped; several messages on one line,
//!    and a batch, are several messages; a line that holds none is noise;
//! 4. an id that is a number in quotes is that number; `"error": null` is no error, a text is an error's message;
//! 5. a result is handed on as it came, under [`RESULT`]; the handshake's is reduced to what we use of it.

use rmcp::model::{
    ClientJsonRpcMessage, ClientRequest, CustomResult, ErrorCode, ErrorData, RequestId,
    ServerJsonRpcMessage, ServerResult,
};
use serde_json::{Map, Value, json};

use super::events::Event;

/// Where a result, and a refusal, stand in what is handed to rmcp: a form that none of its types mistakes for its own.
const RESULT: &str = "daybrief/result";
const REFUSED: &str = "daybrief/refused";

/// The beginnings of a message that are tried on a line with something before it.
const MAX_BEGINNINGS: usize = 32;

/// The protocol's version where a server names none (MCP 2025-11-25, transports, protocol version header).
const VERSION_OF_SILENCE: &str = "2025-03-26";

/// The longest detail of an error that is told behind its message, in characters.
const MAX_DETAIL_CHARS: usize = 400;

/// What a request got.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reply {
    Result(Value),
    Refused { code: i32, message: String },
}

/// The id of the request that begins a connection, if the message is that.
pub(super) fn handshake_id(message: &ClientJsonRpcMessage) -> Option<&RequestId> {
    match message {
        ClientJsonRpcMessage::Request(request)
            if matches!(request.request, ClientRequest::InitializeRequest(_)) =>
        {
            Some(&request.id)
        }
        _ => None,
    }
}

/// The messages of a line or a body. `handshake` is the id of the request that began the connection.
pub(super) fn messages(bytes: &[u8], handshake: Option<&RequestId>) -> Vec<ServerJsonRpcMessage> {
    values(&String::from_utf8_lossy(bytes))
        .into_iter()
        .filter_map(|value| message(value, handshake))
        .collect()
}

/// A message in an event, as the text that rmcp reads.
#[derive(Debug)]
pub(super) struct Message {
    pub text: String,
    /// It answers a request, be it with a refusal.
    pub is_answer: bool,
}

/// The messages of an event. A refusal is a result here, but for the handshake's own.
pub(super) fn event(event: &Event, handshake: Option<&RequestId>) -> Vec<Message> {
    values(event.data.as_deref().unwrap_or_default())
        .into_iter()
        .filter_map(|value| message(value, handshake))
        .filter_map(|message| {
            // rmcp reads this text through a buffer, in which a code that is no whole number is no number at all.
            let (message, is_answer) = match message {
                ServerJsonRpcMessage::Error(error) => {
                    (refused_result(error.error, error.id?), true)
                }
                ServerJsonRpcMessage::Response(_) => (message, true),
                message => (message, false),
            };
            let text = serde_json::to_string(&message).ok()?;
            Some(Message { text, is_answer })
        })
        .collect()
}

/// The text of an event that refuses.
pub(super) fn refused_event(id: RequestId, code: i32, message: String) -> String {
    let error = ErrorData::new(ErrorCode(code), message, None);
    // Nothing in it cannot be written.
    serde_json::to_string(&refused_result(error, id)).unwrap_or_default()
}

fn refused_result(error: ErrorData, id: RequestId) -> ServerJsonRpcMessage {
    let refused = json!({"code": error.code.0, "message": error.message});
    ServerJsonRpcMessage::response(custom(REFUSED, refused), id)
}

/// What rmcp hands on as the result of a request; nothing where it is none of ours.
pub(super) fn reply(result: ServerResult) -> Option<Reply> {
    let ServerResult::CustomResult(CustomResult(Value::Object(mut held))) = result else {
        return None;
    };
    if let Some(result) = held.remove(RESULT) {
        return Some(Reply::Result(result));
    }
    let refused = held.remove(REFUSED)?;
    let error = error_data(&refused);
    Some(Reply::Refused {
        code: error.code.0,
        message: error.message.into_owned(),
    })
}

/// A refusal as a message of the server's.
pub(super) fn refusal(id: RequestId, code: i32, message: String) -> ServerJsonRpcMessage {
    ServerJsonRpcMessage::error(ErrorData::new(ErrorCode(code), message, None), Some(id))
}

/// Is this the answer to the request with this id? One that names no request answers the one it came for.
pub(super) fn answers(message: &ServerJsonRpcMessage, id: &RequestId) -> bool {
    match message {
        ServerJsonRpcMessage::Response(response) => response.id == *id,
        ServerJsonRpcMessage::Error(error) => error.id.as_ref().is_none_or(|of| of == id),
        _ => false,
    }
}

/// The JSON values in a text; those of a batch one by one.
fn values(text: &str) -> Vec<Value> {
    let text = text.trim_start_matches('\u{feff}').trim();
    let found = parsed(text)
        .or_else(|| parsed(&with_texts_for_bare_words(text)?))
        .or_else(|| behind_noise(text));
    found
        .unwrap_or_default()
        .into_iter()
        .flat_map(|value| match value {
            Value::Array(batch) => batch,
            value => vec![value],
        })
        .filter(Value::is_object)
        .collect()
}

/// All of the text, where it is JSON values one behind the other.
fn parsed(text: &str) -> Option<Vec<Value>> {
    serde_json::Deserializer::from_str(text)
        .into_iter()
        .collect::<Result<Vec<Value>, _>>()
        .ok()
}

/// The messages behind the first place from which the rest is nothing else.
fn behind_noise(text: &str) -> Option<Vec<Value>> {
    text.match_indices('{')
        .take(MAX_BEGINNINGS)
        .filter_map(|(at, _)| {
            let rest = text.get(at..)?;
            parsed(rest).or_else(|| parsed(&with_texts_for_bare_words(rest)?))
        })
        .find(|values| values.iter().any(|value| value.get("jsonrpc").is_some()))
}

/// The text with `NaN`, `Infinity` and `-Infinity` in quotes where they stand outside of them; nothing where none does.
pub(super) fn with_texts_for_bare_words(text: &str) -> Option<String> {
    const WORDS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];
    if !WORDS.iter().any(|word| text.contains(word)) {
        return None;
    }
    let mut out = String::with_capacity(text.len() + 16);
    let (mut quoted, mut escaped, mut changed) = (false, false, false);
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if !quoted && let Some(word) = WORDS.iter().find(|word| rest.starts_with(**word)) {
            out.extend(["\"", word, "\""]);
            at += word.len();
            changed = true;
            continue;
        }
        let Some(c) = rest.chars().next() else { break };
        quoted ^= c == '"' && !escaped;
        escaped = quoted && c == '\\' && !escaped;
        out.push(c);
        at += c.len_utf8();
    }
    changed.then_some(out)
}

fn message(value: Value, handshake: Option<&RequestId>) -> Option<ServerJsonRpcMessage> {
    let Value::Object(mut map) = value else {
        return None;
    };
    let id = map.get("id").and_then(request_id);
    if map.get("method").is_some_and(Value::is_string) {
        return asked(map, id);
    }
    if let Some(error) = map.get("error").filter(|error| !error.is_null()) {
        return Some(ServerJsonRpcMessage::error(error_data(error), id));
    }
    let id = id?;
    match map.remove("result") {
        Some(result) if Some(&id) == handshake => {
            let shaken: ServerResult = handshake_result(&result)?;
            Some(ServerJsonRpcMessage::response(shaken, id))
        }
        Some(result) => Some(ServerJsonRpcMessage::response(custom(RESULT, result), id)),
        None => {
            let what = "the server's answer has neither a result nor an error";
            Some(refusal(id, ErrorCode::INTERNAL_ERROR.0, what.to_owned()))
        }
    }
}

/// A request or a notification of the server's.
fn asked(mut map: Map<String, Value>, id: Option<RequestId>) -> Option<ServerJsonRpcMessage> {
    map.retain(|key, _| matches!(key.as_str(), "method" | "params"));
    if !map.get("params").is_some_and(Value::is_object) {
        map.remove("params");
    }
    map.insert("jsonrpc".to_owned(), "2.0".into());
    if let Some(id) = id {
        map.insert("id".to_owned(), id.into_json_value());
    }
    // From a value and not from text: rmcp's buffers then see plain numbers.
    serde_json::from_value(Value::Object(map)).ok()
}

fn custom(key: &str, value: Value) -> ServerResult {
    ServerResult::CustomResult(CustomResult(Value::Object(Map::from_iter([(
        key.to_owned(),
        value,
    )]))))
}

/// We number our requests; an answer that writes the number as a text is meant for it all the same.
fn request_id(id: &Value) -> Option<RequestId> {
    if let Some(number) = id.as_str().and_then(|text| text.parse().ok()) {
        return Some(RequestId::Number(number));
    }
    serde_json::from_value(id.clone()).ok()
}

/// An error in whatever form a server gives it, with its detail behind its message.
fn error_data(error: &Value) -> ErrorData {
    let code = error.get("code").and_then(|code| match code {
        Value::String(text) => text.parse().ok(),
        code => code.as_i64().and_then(|code| i32::try_from(code).ok()),
    });
    let mut message = match (error, error.get("message")) {
        (Value::String(text), _) | (_, Some(Value::String(text))) => text.clone(),
        (_, Some(other)) if !other.is_null() => other.to_string(),
        _ => error.to_string(),
    };
    let detail = match error.get("data") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(data) => data.to_string(),
    };
    if !detail.is_empty() && !message.contains(&detail) {
        message.push_str(": ");
        message.extend(detail.chars().take(MAX_DETAIL_CHARS));
    }
    ErrorData::new(
        code.map_or(ErrorCode::INTERNAL_ERROR, ErrorCode),
        message,
        None,
    )
}

/// What we use of the handshake's result, in the protocol's own form.
fn handshake_result(result: &Value) -> Option<ServerResult> {
    let text = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(number @ Value::Number(_)) => number.to_string(),
        _ => String::new(),
    };
    let version = result.get("protocolVersion").and_then(Value::as_str);
    let about = result.get("serverInfo");
    let of = |key: &str| text(about.and_then(|about| about.get(key)));
    let mut plain = json!({
        "protocolVersion": version.filter(|version| is_date(version)).unwrap_or(VERSION_OF_SILENCE),
        "capabilities": {"tools": {}},
        "serverInfo": {"name": of("name"), "version": of("version")},
    });
    if let Some(instructions) = result.get("instructions").and_then(Value::as_str)
        && let Some(plain) = plain.as_object_mut()
    {
        plain.insert("instructions".to_owned(), instructions.into());
    }
    serde_json::from_value(plain)
        .ok()
        .map(ServerResult::InitializeResult)
}

/// `2025-06-18`: what the protocol's versions look like.
fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The one reply in these bytes.
    fn replied(bytes: &[u8]) -> (RequestId, Reply) {
        let mut all = messages(bytes, None);
        assert_eq!(all.len(), 1, "{all:?}");
        match all.remove(0) {
            ServerJsonRpcMessage::Response(response) => {
                (response.id, reply(response.result).unwrap())
            }
            ServerJsonRpcMessage::Error(error) => (
                error.id.unwrap(),
                Reply::Refused {
                    code: error.error.code.0,
                    message: error.error.message.into_owned(),
                },
            ),
            other => panic!("{other:?}"),
        }
    }

    /// The one message in an event of this data, as rmcp reads it.
    fn through_rmcp(data: &str, handshake: Option<&RequestId>) -> ServerJsonRpcMessage {
        let of = Event {
            data: Some(data.to_owned()),
            ..Event::default()
        };
        serde_json::from_str(&event(&of, handshake)[0].text).unwrap()
    }

    #[test]
    fn a_result_is_handed_on_with_every_digit_however_its_line_is_written() {
        let plain = r#"{"jsonrpc":"2.0","id":7,"result":{"n":9007199254740993.10,"content":3}}"#;
        let numbered = plain.replace(":7,", ":\"7\",");
        let float = plain.replace(":7,", ":7.0,");
        let nameless = plain.replace("\"jsonrpc\":\"2.0\",", "");
        let both = plain.replace("\"id\"", "\"error\":null,\"id\"");
        for line in [
            plain,
            &format!("\u{feff}{plain}\r"),
            &format!("[{plain}]"),
            &format!("INFO starting {{up}} {plain}"),
            &numbered,
            &float,
            &nameless,
            &both,
        ] {
            let (id, reply) = replied(line.as_bytes());
            assert_eq!(id, RequestId::Number(7), "{line}");
            let Reply::Result(result) = reply else {
                panic!("{line}")
            };
            assert_eq!(
                result.to_string(),
                r#"{"n":9007199254740993.10,"content":3}"#,
                "{line}"
            );
        }
    }

    #[test]
    fn what_python_writes_and_json_does_not_know_costs_its_cell() {
        let line = r#"{"jsonrpc":"2.0","id":1,"result":{"a":NaN,"b":[-Infinity,Infinity],"c":"NaN \" NaN"}}"#;
        let (_, reply) = replied(line.as_bytes());
        let expected = json!({"a": "NaN", "b": ["-Infinity", "Infinity"], "c": "NaN \" NaN"});
        assert_eq!(reply, Reply::Result(expected));
        let (_, reply) = replied(b"{\"id\":1,\"result\":{\"a\":\"caf\xe9\"}}");
        assert_eq!(reply, Reply::Result(json!({"a": "caf\u{fffd}"})));
    }

    #[test]
    fn several_messages_on_a_line_are_several_and_noise_is_none() {
        let two = br#"{"id":1,"result":1}{"id":2,"result":2}"#;
        assert_eq!(messages(two, None).len(), 2);
        for noise in [
            "",
            "   ",
            "listening on {port}",
            "{\"level\":\"info\"}",
            "[1]",
            "null",
            "{\"id\":null}",
        ] {
            assert!(messages(noise.as_bytes(), None).is_empty(), "{noise}");
        }
    }

    #[test]
    fn an_error_is_read_in_every_form_with_its_detail() {
        for (error, code, message) in [
            (r#"{"code":-32602,"message":"bad"}"#, -32602, "bad"),
            (
                r#"{"code":"-32000","message":"bad","data":"no right"}"#,
                -32000,
                "bad: no right",
            ),
            (r#"{"message":{"a":1}}"#, -32603, r#"{"a":1}"#),
            (r#""Unauthorized""#, -32603, "Unauthorized"),
            (
                r#"{"code":1.5,"message":"x","data":{"f":1}}"#,
                -32603,
                r#"x: {"f":1}"#,
            ),
        ] {
            let line = format!(r#"{{"jsonrpc":"2.0","id":3,"error":{error},"result":null}}"#);
            let refused = Reply::Refused {
                code,
                message: message.to_owned(),
            };
            assert_eq!(
                replied(line.as_bytes()),
                (RequestId::Number(3), refused.clone())
            );
            // The same over an event stream, where rmcp reads the text.
            let ServerJsonRpcMessage::Response(response) = through_rmcp(&line, None) else {
                panic!("{line}")
            };
            assert_eq!(reply(response.result), Some(refused));
        }
        let (_, neither) = replied(br#"{"jsonrpc":"2.0","id":3}"#);
        assert!(matches!(neither, Reply::Refused { .. }), "{neither:?}");
    }

    #[test]
    fn an_event_brings_a_result_through_rmcp_as_it_came() {
        for result in [
            r#"{"content":[{"type":"text","text":"x"}],"n":12345678901234567890.50}"#,
            "{}",
            "null",
            r#"{"tools":[{"name":3}],"nextCursor":""}"#,
            r#"{"resultType":"complete"}"#,
        ] {
            let text = format!(r#"{{"jsonrpc":"2.0","id":5,"result":{result}}}"#);
            let ServerJsonRpcMessage::Response(response) = through_rmcp(&text, None) else {
                panic!("{text}")
            };
            assert_eq!(response.id, RequestId::Number(5));
            let Some(Reply::Result(back)) = reply(response.result) else {
                panic!("{text}")
            };
            assert_eq!(back.to_string(), result);
        }
    }

    #[test]
    fn a_handshake_is_made_of_what_there_is() {
        let id = RequestId::Number(0);
        for (result, version, name) in [
            (
                r#"{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}}"#,
                "2025-06-18",
                "s",
            ),
            (
                r#"{"protocolVersion":1,"capabilities":null,"serverInfo":{"name":"s","version":2}}"#,
                VERSION_OF_SILENCE,
                "s",
            ),
            ("{}", VERSION_OF_SILENCE, ""),
            (
                r#"{"protocolVersion":"1.0","capabilities":[]}"#,
                VERSION_OF_SILENCE,
                "",
            ),
            (r#"{"protocolVersion":"2019-01-01"}"#, "2019-01-01", ""),
        ] {
            let line = format!(r#"{{"jsonrpc":"2.0","id":0,"result":{result}}}"#);
            let all = messages(line.as_bytes(), Some(&id));
            let [ServerJsonRpcMessage::Response(response)] = all.as_slice() else {
                panic!("{all:?}")
            };
            let ServerResult::InitializeResult(read) = &response.result else {
                panic!("{response:?}")
            };
            assert_eq!(read.protocol_version.as_str(), version, "{result}");
            assert_eq!(read.server_info.name, name);
            let text = |message| serde_json::to_string(message).unwrap();
            assert_eq!(text(&through_rmcp(&line, Some(&id))), text(&all[0]));
        }
    }

    #[test]
    fn what_a_server_asks_is_read_whatever_its_parameters() {
        for (line, is_request) in [
            (r#"{"jsonrpc":"2.0","id":"a","method":"ping"}"#, true),
            (
                r#"{"jsonrpc":"2.0","id":4,"method":"roots/list","params":null}"#,
                true,
            ),
            (
                r#"{"jsonrpc":"2.0","id":4,"method":"sampling/createMessage","params":{"maxTokens":"many"}}"#,
                true,
            ),
            (
                r#"{"jsonrpc":"2.0","id":4,"method":"elicitation/create","params":[]}"#,
                true,
            ),
            (
                r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":0.5,"progressToken":1}}"#,
                false,
            ),
            (
                r#"{"jsonrpc":"2.0","id":null,"method":"notifications/message","params":{"level":"odd"}}"#,
                false,
            ),
        ] {
            let all = messages(line.as_bytes(), None);
            let [message] = all.as_slice() else {
                panic!("{line}: {all:?}")
            };
            assert_eq!(
                matches!(message, ServerJsonRpcMessage::Request(_)),
                is_request,
                "{line}: {message:?}"
            );
        }
    }
}
