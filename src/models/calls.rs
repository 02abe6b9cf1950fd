//! Puts the calls of an answer together from their pieces. Servers number them, or give them ids, or neither; send them whole
//! or letter by letter; and send the same whole call twice. Pure.

use serde_json::{Map, Value};

use super::ToolCall;

/// Calls of one answer.
const MAX_CALLS: usize = 64;
/// Bytes of a call's name that are taken: one more than any tool of ours has, so that a longer name is no tool's.
const MAX_NAME_BYTES: usize = 65;
/// Bytes of an id that goes back to its server. Some gateways keep what they have to remember in it.
const MAX_ID_BYTES: usize = 4 * 1024;
/// Ids that we make: nine letters and digits, which the strictest server asks for.
const MAX_IDS: u64 = 100_000;

/// A piece of a call as a server sent it.
#[derive(Debug, Default)]
pub(super) struct CallPiece<'a> {
    pub index: Option<u64>,
    pub id: &'a str,
    pub name: &'a str,
    pub arguments: Option<&'a Value>,
    pub echo: Option<&'a Value>,
}

#[derive(Debug, Default)]
struct Pending {
    index: Option<u64>,
    id: String,
    name: String,
    text: String,
    value: Option<Value>,
    echo: Option<Value>,
}

impl Pending {
    /// Are its arguments whole, as far as can be told?
    fn is_whole(&self) -> bool {
        self.value.is_some()
            || serde_json::from_str::<Value>(&self.text).is_ok_and(|value| value.is_object())
    }
}

/// The calls of one answer.
#[derive(Debug, Default)]
pub(super) struct Calls(Vec<Pending>);

impl Calls {
    /// Takes a piece; `position` is its place within what came at once. How many bytes it brought, whether or not there
    /// is room for them.
    pub fn take(&mut self, position: usize, piece: &CallPiece<'_>) -> usize {
        let echo = piece.echo.filter(|echo| !echo.is_null());
        let rest = echo.map_or(0, |echo| echo.to_string().len());
        let arguments = match piece.arguments {
            None | Some(Value::Null) => 0,
            Some(Value::String(more)) => more.len(),
            Some(value) => value.to_string().len(),
        };
        let bytes = piece.name.len() + piece.id.len() + rest + arguments;
        let Some(call) = self
            .place_of(position, piece)
            .and_then(|at| self.0.get_mut(at))
        else {
            return bytes;
        };
        if call.index.is_none() {
            call.index = piece.index;
        }
        if !piece.id.is_empty() && piece.id.len() <= MAX_ID_BYTES {
            call.id = piece.id.to_owned();
        }
        if !piece.name.is_empty() {
            call.name = name(piece);
        }
        if let Some(echo) = echo {
            call.echo = Some(echo.clone());
        }
        match piece.arguments {
            None | Some(Value::Null) => {}
            Some(Value::String(more)) => {
                // The whole call sent again at its end says nothing new.
                if !(call.is_whole() && *more == call.text) {
                    call.text.push_str(more);
                }
            }
            Some(value) => call.value = Some(value.clone()),
        }
        bytes
    }

    /// The place of the call that a piece belongs to; a new one where there is none, as long as there is room.
    fn place_of(&mut self, position: usize, piece: &CallPiece<'_>) -> Option<usize> {
        let known = |found: Option<usize>| {
            found.filter(|at| {
                let call = self.0.get(*at);
                call.is_some_and(|call| !begins_another(call, piece))
            })
        };
        let last_of = |holds: &dyn Fn(&Pending) -> bool| self.0.iter().rposition(holds);
        let found = match piece.index {
            Some(index) => known(last_of(&|call| call.index == Some(index))),
            None if !piece.id.is_empty() => known(last_of(&|call| call.id == piece.id)),
            None if piece.name.is_empty() && position > 0 => {
                Some(position).filter(|at| *at < self.0.len())
            }
            None => known(self.0.len().checked_sub(1)),
        };
        found.or_else(|| {
            let at = self.0.len();
            (at < MAX_CALLS).then(|| {
                self.0.push(Pending::default());
                at
            })
        })
    }

    /// The whole calls. `next` makes the ids that are missing.
    pub fn end(self, mut next: impl FnMut() -> u64) -> Vec<ToolCall> {
        let mut calls: Vec<ToolCall> = Vec::new();
        for pending in self.0 {
            if pending.name.is_empty() {
                continue;
            }
            let taken = |id: &str| calls.iter().any(|call| call.id == id);
            let mut id = pending.id;
            while id.is_empty() || taken(&id) {
                id = format!("call{:05}", next() % MAX_IDS);
            }
            calls.push(ToolCall {
                id,
                name: pending.name,
                args: pending
                    .value
                    .map_or_else(|| arguments(&pending.text), object),
                echo: pending.echo,
            });
        }
        calls
    }
}

/// The name that a piece gives its call.
fn name(piece: &CallPiece<'_>) -> String {
    let name = piece.name.trim();
    name.get(..name.floor_char_boundary(MAX_NAME_BYTES))
        .unwrap_or_default()
        .to_owned()
}

/// Does this piece begin a call other than this one, though it has its number?
fn begins_another(call: &Pending, piece: &CallPiece<'_>) -> bool {
    if piece.name.is_empty() {
        return false;
    }
    let other_id = !piece.id.is_empty() && !call.id.is_empty() && piece.id != call.id;
    let other_name = !call.name.is_empty() && name(piece) != call.name;
    let same_again = !piece.id.is_empty() && piece.id == call.id;
    other_id || !same_again && (other_name || call.is_whole())
}

/// The arguments of a call as the model wrote them. What is no JSON stays a text: it is no object, so the call is refused
/// and the model is told.
pub(super) fn arguments(text: &str) -> Value {
    let text = text.trim();
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let mut last = None;
    for value in &mut values {
        match value {
            // `{}` before the arguments themselves: a gateway's beginning.
            Ok(value) if last.is_none() || last == Some(Value::Object(Map::new())) => {
                last = Some(value);
            }
            _ => return Value::String(text.to_owned()),
        }
    }
    object(last.unwrap_or(Value::Null))
}

/// Nothing is an empty object; a text that holds an object is that object.
fn object(value: Value) -> Value {
    match value {
        Value::Null => Value::Object(Map::new()),
        Value::String(text) => match serde_json::from_str(&text) {
            Ok(inner @ Value::Object(_)) => inner,
            _ if text.trim().is_empty() => Value::Object(Map::new()),
            _ => Value::String(text),
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(deltas: Value) -> Vec<(String, String, Value)> {
        let mut calls = Calls::default();
        for delta in deltas.as_array().unwrap() {
            for (position, piece) in delta.as_array().unwrap().iter().enumerate() {
                let text = |name: &str| piece[name].as_str().unwrap_or_default();
                let piece = CallPiece {
                    index: piece["index"].as_u64(),
                    id: text("id"),
                    name: text("name"),
                    arguments: piece.get("args"),
                    echo: None,
                };
                calls.take(position, &piece);
            }
        }
        let mut number = 0;
        let next = || {
            number += 1;
            number
        };
        calls
            .end(next)
            .into_iter()
            .map(|call| (call.id, call.name, call.args))
            .collect()
    }

    fn call(id: &str, name: &str, args: Value) -> (String, String, Value) {
        (id.to_owned(), name.to_owned(), args)
    }

    #[test]
    fn calls_come_together_by_number_by_id_and_by_place() {
        let two = [
            call("a", "get", json!({ "n": 1 })),
            call("b", "get", json!({ "n": 2 })),
        ];
        for (what, deltas) in [
            (
                "by number, letter by letter",
                json!([
                    [{ "index": 0, "id": "a", "name": "get", "args": "" }],
                    [{ "index": 0, "args": "{\"n\"" }], [{ "index": 0, "args": ": 1}" }],
                    [{ "index": 1, "id": "b", "name": "get", "args": "{\"n\":2}" }],
                ]),
            ),
            (
                "mixed",
                json!([
                    [{ "index": 0, "id": "a", "name": "get" }, { "index": 1, "id": "b", "name": "get" }],
                    [{ "index": 1, "args": "{\"n\":2}" }, { "index": 0, "args": "{\"n\":1}" }],
                ]),
            ),
            (
                "one number for all",
                json!([
                    [{ "index": 0, "id": "a", "name": "get", "args": "{\"n\":1}" }],
                    [{ "index": 0, "id": "b", "name": "get", "args": "{\"n\":2}" }],
                ]),
            ),
            (
                "by id",
                json!([
                    [{ "id": "a", "name": "get", "args": "{\"n\":" }, { "id": "b", "name": "get", "args": "{\"n\":" }],
                    [{ "id": "a", "args": "1}" }, { "id": "b", "args": "2}" }],
                ]),
            ),
            (
                "by id, whole once more at the end",
                json!([
                    [{ "index": 0, "id": "a", "name": "get", "args": "{\"n\":1}" }, { "index": 1, "id": "b", "name": "get", "args": "{\"n\":2}" }],
                    [{ "index": 0, "id": "a", "name": "get", "args": "{\"n\":1}" }, { "index": 1, "id": "b", "name": "get", "args": "{\"n\":2}" }],
                ]),
            ),
            (
                "objects",
                json!([[{ "id": "a", "name": "get", "args": { "n": 1 } }, { "id": "b", "name": "get", "args": { "n": 2 } }]]),
            ),
        ] {
            assert_eq!(read(deltas), two, "{what}");
        }
        let without = [
            call("call00001", "get", json!({ "n": 1 })),
            call("call00002", "get", json!({ "n": 2 })),
        ];
        for (what, deltas) in [
            (
                "neither number nor id",
                json!([[{ "name": "get", "args": "{\"n\":1}" }, { "name": "get", "args": "{\"n\":2}" }]]),
            ),
            (
                "one number, no ids",
                json!([[{ "index": 0, "id": "", "name": "get", "args": "{\"n\":1}" }], [{ "index": 0, "name": "get", "args": "{\"n\":2}" }]]),
            ),
            (
                "neither, in pieces",
                json!([[{ "name": "get", "args": "{\"n\":" }], [{ "args": "1}" }], [{ "name": "get", "args": "{\"n\":2}" }]]),
            ),
        ] {
            assert_eq!(read(deltas), without, "{what}");
        }
        let same = read(
            json!([[{ "id": "x", "index": 0, "name": "get" }, { "id": "x", "index": 1, "name": "get" }]]),
        );
        assert_eq!(same[0].0, "x");
        assert_ne!(same[1].0, "x", "two calls never share an id");
        assert!(
            read(json!([[{ "id": "x", "args": "{}" }]])).is_empty(),
            "no name, no call"
        );
    }

    #[test]
    fn names_ids_and_calls_are_bounded_and_what_is_too_much_changes_none() {
        let long = "é".repeat(5_000);
        let read_long = read(json!([[{ "id": long, "name": long, "args": "{}" }]]));
        assert_eq!(read_long[0].0, "call00001");
        assert!(read_long[0].1.len() <= MAX_NAME_BYTES && read_long[0].1.len() > 60);
        let many: Vec<Value> = (0..1_000)
            .map(|n| json!([{ "index": n, "id": format!("i{n}"), "name": format!("n{n}"), "args": "{}" }]))
            .collect();
        let calls = read(json!(many));
        assert_eq!(calls.len(), MAX_CALLS);
        for (n, call) in calls.iter().enumerate() {
            assert_eq!((&call.0, &call.1), (&format!("i{n}"), &format!("n{n}")));
        }
        let mut calls = Calls::default();
        let echo = json!("x".repeat(100));
        let piece = CallPiece {
            id: "12345",
            name: "name",
            echo: Some(&echo),
            ..CallPiece::default()
        };
        assert!(calls.take(0, &piece) > 109, "all of it counts");
    }

    #[test]
    fn arguments_are_an_object_in_whatever_form_they_come() {
        for (args, expected) in [
            (json!(null), json!({})),
            (json!(""), json!({})),
            (json!(" "), json!({})),
            (json!("null"), json!({})),
            (json!("{}"), json!({})),
            (json!({ "n": 1 }), json!({ "n": 1 })),
            (json!("\"{\\\"n\\\":1}\""), json!({ "n": 1 })),
            (json!("{}{\"n\":1}"), json!({ "n": 1 })),
            (json!("{\"n\":"), json!("{\"n\":")),
            (json!("[1]"), json!([1])),
        ] {
            let said = read(json!([[{ "index": 0, "id": "a", "name": "get", "args": args }]]));
            assert_eq!(said[0].2, expected, "{args}");
        }
        assert_eq!(
            read(json!([[{ "index": 0, "id": "a", "name": "get" }]]))[0].2,
            json!({})
        );
    }
}
