//! A tool's arguments, as its input schema names them, for people. Pure.

use serde::Serialize;
use serde_json::Value;

/// The most kinds and choices of an argument that are named.
const MAX_NAMED: usize = 8;

/// One argument. The texts are the server's own: hostile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Argument {
    pub name: String,
    /// `string`, `integer or null`, `array of string`, `one of open, closed`; `any` where the schema does not say.
    #[serde(rename = "type")]
    pub kind: String,
    pub required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// The arguments that a schema names: those that must be given first, else in its order.
pub fn arguments(schema: &Value) -> Vec<Argument> {
    let required = |name: &str| {
        let names = schema.get("required").and_then(Value::as_array);
        names.is_some_and(|names| names.iter().any(|known| known == name))
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    let mut named: Vec<Argument> = properties
        .into_iter()
        .flatten()
        .map(|(name, of)| Argument {
            name: name.clone(),
            kind: kind(of),
            required: required(name),
            description: of
                .get("description")
                .and_then(Value::as_str)
                .map(str::to_owned),
        })
        .collect();
    named.sort_by_key(|argument| !argument.required);
    named
}

fn kind(schema: &Value) -> String {
    if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
        return format!("one of {}", some_of(choices.iter().map(plain), ", "));
    }
    if let Some(only) = schema.get("const") {
        return plain(only);
    }
    for several in ["anyOf", "oneOf"] {
        if let Some(kinds) = schema.get(several).and_then(Value::as_array) {
            return some_of(kinds.iter().map(kind), " or ");
        }
    }
    match schema.get("type") {
        Some(Value::String(of)) if of == "array" => match schema.get("items") {
            Some(items) if items.is_object() => format!("array of {}", kind(items)),
            _ => of.clone(),
        },
        Some(Value::String(of)) => of.clone(),
        Some(Value::Array(kinds)) => some_of(kinds.iter().map(plain), " or "),
        _ if schema.get("properties").is_some() => "object".to_owned(),
        _ => "any".to_owned(),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn some_of(all: impl Iterator<Item = String>, between: &str) -> String {
    let all: Vec<String> = all.collect();
    let named = all.get(..MAX_NAMED).unwrap_or(&all).join(between);
    match all.len() > MAX_NAMED {
        true => format!("{named} …"),
        false => named,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn arguments_are_named_with_their_kind_those_that_must_be_given_first() {
        let schema = json!({"type": "object", "required": ["jql"], "properties": {
            "limit": {"type": "integer", "description": "At most"},
            "fields": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]},
            "jql": {"type": "string"},
            "state": {"enum": ["open", 1, null]},
            "any": {}, "all": true,
            "deep": {"properties": {}},
            "one": {"type": ["string", "null"]},
            "fixed": {"const": "x"},
        }});
        let told: Vec<String> = arguments(&schema)
            .iter()
            .map(|of| format!("{} {} {}", of.name, of.kind, of.required))
            .collect();
        assert_eq!(
            told,
            [
                "jql string true",
                "limit integer false",
                "fields array of string or null false",
                "state one of open, 1, null false",
                "any any false",
                "all any false",
                "deep object false",
                "one string or null false",
                "fixed x false",
            ]
        );
        assert_eq!(arguments(&json!({"type": "object"})), []);
    }
}
