//! The schema of a tool's arguments in the form that every vendor takes: an object with properties, lists with items, nothing
//! that refers elsewhere, no deeper and no longer than vendors allow. What its server wrote stays what a call is checked against:
//! by the server. Pure.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::text::{shorten, visible};

/// Bytes of a schema; what is optional goes first where it is longer.
const MAX_SCHEMA_BYTES: usize = 4_000;
/// How deep schemas are nested.
const MAX_DEPTH: usize = 6;
/// Properties of one object.
const MAX_PROPERTIES: usize = 100;
/// Values among which one is chosen; of more none is told, since a part of them would say that the others are wrong.
const MAX_VALUES: usize = 120;
/// Characters of what a server says of one argument.
const MAX_DESCRIPTION_CHARACTERS: usize = 300;
/// References that are followed, all together.
const MAX_REFERENCES: usize = 200;
/// The longest name of an argument that every vendor takes.
const MAX_NAME_CHARACTERS: usize = 64;

/// A schema that every vendor takes.
#[derive(Debug, Clone, PartialEq)]
pub struct PortableSchema(Value);

/// How much of the schemas of all is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// What nearly every vendor takes.
    Usual,
    /// What the strictest takes: each value has one type, and there is no choice between forms.
    Narrow,
}

impl PortableSchema {
    pub fn new(schema: &Value) -> Self {
        let mut depth = MAX_DEPTH;
        let mut told = portable(schema, Form::Usual, depth, true);
        // Without what is said of each argument, then flatter, then without what need not be given.
        if told.to_string().len() > MAX_SCHEMA_BYTES {
            told = portable(schema, Form::Usual, depth, false);
        }
        while told.to_string().len() > MAX_SCHEMA_BYTES && depth > 1 {
            depth -= 1;
            told = portable(schema, Form::Usual, depth, false);
        }
        if told.to_string().len() > MAX_SCHEMA_BYTES {
            drop_optional(&mut told);
        }
        if told.to_string().len() > MAX_SCHEMA_BYTES {
            told = json!({ "type": "object", "properties": {} });
        }
        Self(told)
    }

    pub fn get(&self) -> &Value {
        &self.0
    }

    /// The schema for the strictest vendor.
    pub(super) fn narrow(&self) -> Value {
        portable(&self.0, Form::Narrow, MAX_DEPTH, true)
    }
}

impl From<Value> for PortableSchema {
    fn from(schema: Value) -> Self {
        Self::new(&schema)
    }
}

fn portable(schema: &Value, form: Form, depth: usize, described: bool) -> Value {
    let mut writer = Writer {
        root: schema,
        form,
        described,
        references: 0,
        following: Vec::new(),
    };
    let root = writer.merged(schema);
    let mut root = writer.object(&root, depth);
    if let Some(root) = root.as_object_mut() {
        // What a tool is for stands beside its schema.
        root.shift_remove("description");
    }
    root
}

fn drop_optional(schema: &mut Value) {
    let needed: BTreeSet<String> = names(schema.get("required")).map(str::to_owned).collect();
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.retain(|name, _| needed.contains(name));
    }
}

fn names(list: Option<&Value>) -> impl Iterator<Item = &str> {
    list.and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

struct Writer<'s> {
    root: &'s Value,
    form: Form,
    described: bool,
    references: usize,
    following: Vec<String>,
}

impl Writer<'_> {
    /// The schema that a reference leads to; nothing where it leads round, or nowhere.
    fn resolved(&mut self, schema: &Value) -> Option<(String, Value)> {
        let reference = schema
            .get("$ref")
            .or_else(|| schema.get("$dynamicRef"))?
            .as_str()?;
        self.references += 1;
        if self.references > MAX_REFERENCES || self.following.iter().any(|known| known == reference)
        {
            return Some((reference.to_owned(), Value::Object(Map::new())));
        }
        let pointer = reference.strip_prefix('#').unwrap_or_default();
        let found = self
            .root
            .pointer(pointer)
            .filter(|_| reference.starts_with('#'));
        let mut found = found.cloned().unwrap_or_else(|| Value::Object(Map::new()));
        // What stands beside the reference says more of it.
        if let (Some(found), Some(beside)) = (found.as_object_mut(), schema.as_object()) {
            for (name, value) in beside.iter().filter(|(name, _)| !name.starts_with('$')) {
                found.insert(name.clone(), value.clone());
            }
        }
        Some((reference.to_owned(), found))
    }

    /// An object whose parts stand in several forms, as one: all that may be given, and what each form needs.
    fn merged(&mut self, schema: &Value) -> Value {
        let followed = self.resolved(schema);
        let schema = followed.as_ref().map_or(schema, |(_, schema)| schema);
        let mut merged = schema.as_object().cloned().unwrap_or_default();
        let mut properties = merged
            .get("properties")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        let mut needed: Vec<String> = names(merged.get("required")).map(str::to_owned).collect();
        if let Some((reference, _)) = &followed {
            self.following.push(reference.clone());
        }
        for name in ["allOf", "anyOf", "oneOf"] {
            let Some(Value::Array(forms)) = merged.shift_remove(name) else {
                continue;
            };
            let forms: Vec<Value> = forms.iter().map(|form| self.merged(form)).collect();
            let mut in_each: Option<BTreeSet<String>> = None;
            for form in &forms {
                for (key, value) in form
                    .get("properties")
                    .and_then(Value::as_object)
                    .into_iter()
                    .flatten()
                {
                    properties
                        .entry(key.clone())
                        .or_insert_with(|| value.clone());
                }
                let own: BTreeSet<String> =
                    names(form.get("required")).map(str::to_owned).collect();
                in_each = Some(match in_each {
                    None => own,
                    Some(known) if name == "allOf" => known.union(&own).cloned().collect(),
                    Some(known) => known.intersection(&own).cloned().collect(),
                });
            }
            needed.extend(in_each.into_iter().flatten());
        }
        if followed.is_some() {
            self.following.pop();
        }
        merged.insert("properties".to_owned(), properties.into());
        merged.insert("required".to_owned(), needed.into());
        merged.into()
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let mut properties = Map::new();
        let known = schema.get("properties").and_then(Value::as_object);
        for (name, property) in known.into_iter().flatten().take(MAX_PROPERTIES) {
            let plain = |c: char| match self.form {
                Form::Usual => !c.is_control(),
                Form::Narrow => c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'),
            };
            let fits = (1..=MAX_NAME_CHARACTERS).contains(&name.len()) && name.chars().all(plain);
            if fits && property != &Value::Bool(false) {
                properties.insert(name.clone(), self.value(property, depth.saturating_sub(1)));
            }
        }
        let mut needed: Vec<&str> = Vec::new();
        for name in names(schema.get("required")) {
            if properties.contains_key(name) && !needed.contains(&name) {
                needed.push(name);
            }
        }
        let mut object = json!({ "type": "object", "properties": properties });
        if let (Some(object), false) = (object.as_object_mut(), needed.is_empty()) {
            object.insert("required".to_owned(), json!(needed));
        }
        self.describe(&mut object, schema, &[]);
        object
    }

    fn value(&mut self, schema: &Value, depth: usize) -> Value {
        if let Some((reference, schema)) = self.resolved(schema) {
            self.following.push(reference);
            let told = self.value(&schema, depth);
            self.following.pop();
            return told;
        }
        let mut notes: Vec<String> = Vec::new();
        // Of forms between which one is chosen, nothing is no form of its own.
        let forms = ["anyOf", "oneOf"]
            .iter()
            .find_map(|name| schema.get(name)?.as_array());
        if let Some(forms) = forms {
            let forms: Vec<&Value> = forms
                .iter()
                .filter(|form| form.get("type").and_then(Value::as_str) != Some("null"))
                .collect();
            match (&forms[..], self.form) {
                ([], _) => {}
                ([form], _) => return self.with_the_words_of(form, schema, depth),
                // Texts to choose from are one choice.
                (forms, _) if constants(forms).is_some() => {
                    let values = constants(forms).unwrap_or_default();
                    return self.with_the_words_of(&json!({ "enum": values }), schema, depth);
                }
                (forms, Form::Usual) if depth > 0 => {
                    let told: Vec<Value> = forms
                        .iter()
                        .map(|form| self.value(form, depth - 1))
                        .collect();
                    let mut choice = json!({ "anyOf": told });
                    self.describe(&mut choice, schema, &[]);
                    return choice;
                }
                ([first, ..], _) => return self.with_the_words_of(first, schema, depth),
            }
        }
        if let Some(Value::Array(parts)) = schema.get("allOf") {
            if let ([part], true) = (&parts[..], schema.get("properties").is_none()) {
                return self.with_the_words_of(part, schema, depth);
            }
            let merged = self.merged(schema);
            return self.object(&merged, depth);
        }
        let kind = kind_of(schema);
        if let Some(format) = schema.get("format").and_then(Value::as_str)
            && format != "date-time"
        {
            notes.push(format!("Format: {format}."));
        }
        if let Some(usual) = schema.get("default").filter(|usual| !usual.is_null()) {
            notes.push(format!("Default: {usual}."));
        }
        let mut told = match kind {
            Some("object") if depth == 0 => json!({ "type": "object", "properties": {} }),
            Some("object") => {
                let merged = self.merged(schema);
                let mut object = self.object(&merged, depth);
                self.describe(&mut object, schema, &notes);
                return object;
            }
            Some("array") => {
                let items = schema
                    .get("prefixItems")
                    .and_then(|items| items.get(0))
                    .or_else(|| schema.get("items"))
                    .map(|items| items.get(0).unwrap_or(items));
                let items = match items {
                    Some(items @ Value::Object(inner)) if !inner.is_empty() && depth > 0 => {
                        let mut told = self.value(items, depth - 1);
                        if let Some(told) = told.as_object_mut()
                            && !told.contains_key("type")
                            && !told.contains_key("anyOf")
                        {
                            told.insert("type".to_owned(), "string".into());
                        }
                        told
                    }
                    _ => json!({ "type": "string" }),
                };
                json!({ "type": "array", "items": items })
            }
            Some(kind) => json!({ "type": kind }),
            // Anything: the strictest vendor wants a type.
            None if self.form == Form::Narrow => json!({ "type": "string" }),
            None => json!({}),
        };
        if let Some(told) = told.as_object_mut() {
            if let (Some(values), Some(kind)) = (values_of(schema), kind) {
                let fit = |value: &Value| {
                    let own = kind_of_value(value);
                    own == Some(kind) || (kind, own) == ("number", Some("integer"))
                };
                // The strictest vendor takes a choice among texts only.
                let all = self.form == Form::Usual || kind == "string";
                if all && values.len() <= MAX_VALUES && values.iter().all(fit) {
                    told.insert("enum".to_owned(), values.into());
                }
            }
            for name in ["minimum", "maximum", "minItems", "maxItems"] {
                if let Some(bound) = schema.get(name).filter(|bound| bound.is_number()) {
                    told.insert(name.to_owned(), bound.clone());
                }
            }
            if schema.get("format").and_then(Value::as_str) == Some("date-time") {
                told.insert("format".to_owned(), "date-time".into());
            }
        }
        self.describe(&mut told, schema, &notes);
        told
    }

    /// One form of several, with what is said of all.
    fn with_the_words_of(&mut self, form: &Value, whole: &Value, depth: usize) -> Value {
        let mut form = form.clone();
        if let Some(form) = form.as_object_mut() {
            for name in ["description", "default"] {
                if let (Some(words), true) = (whole.get(name), !form.contains_key(name)) {
                    form.insert(name.to_owned(), words.clone());
                }
            }
        }
        self.value(&form, depth)
    }

    fn describe(&self, told: &mut Value, schema: &Value, notes: &[String]) {
        if !self.described {
            return;
        }
        let said = schema
            .get("description")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let mut said = said.trim().to_owned();
        for note in notes {
            if !said.contains(note.as_str()) {
                said = format!("{said} {note}").trim().to_owned();
            }
        }
        if let (Some(told), false) = (told.as_object_mut(), said.is_empty()) {
            let said = shorten(&visible(&said), MAX_DESCRIPTION_CHARACTERS);
            told.insert("description".to_owned(), said.into());
        }
    }
}

/// The values of a choice, nothing not among them.
fn values_of(schema: &Value) -> Option<Vec<Value>> {
    let mut values = match (schema.get("enum"), schema.get("const")) {
        (Some(Value::Array(values)), _) => values.clone(),
        (_, Some(value)) => vec![value.clone()],
        _ => return None,
    };
    values.retain(|value| !value.is_null());
    (!values.is_empty()).then_some(values)
}

/// The values of forms each of which is one value.
fn constants(forms: &[&Value]) -> Option<Vec<Value>> {
    let values: Option<Vec<Vec<Value>>> = forms.iter().map(|form| values_of(form)).collect();
    values.map(|values| values.concat())
}

fn kind_of_value(value: &Value) -> Option<&'static str> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    })
}

/// The one type of a schema: its own, the first of several, or what its parts show.
fn kind_of(schema: &Value) -> Option<&'static str> {
    const KINDS: [&str; 6] = ["string", "integer", "number", "boolean", "array", "object"];
    let named = |name: &str| KINDS.into_iter().find(|kind| *kind == name);
    let own = match schema.get("type") {
        Some(Value::String(name)) => named(name),
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).find_map(named),
        _ => None,
    };
    own.or_else(|| {
        let first = values_of(schema)?;
        kind_of_value(first.first()?)
    })
    .or_else(|| schema.get("properties").map(|_| "object"))
    .or_else(|| schema.get("items").map(|_| "array"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(schema: Value) -> Value {
        PortableSchema::new(&schema).0
    }

    /// What a strict vendor complains of.
    fn complaint(schema: &Value, narrow: bool, depth: usize) -> Option<String> {
        if depth > MAX_DEPTH + 2 {
            return Some("too deep".to_owned());
        }
        let object = schema.as_object()?;
        for name in object.keys() {
            if ![
                "type",
                "description",
                "properties",
                "required",
                "items",
                "enum",
                "minimum",
                "maximum",
                "minItems",
                "maxItems",
                "anyOf",
                "format",
            ]
            .contains(&name.as_str())
            {
                return Some(format!("{name} is not known"));
            }
        }
        let kind = object.get("type").and_then(Value::as_str);
        if object.get("type").is_some() && kind.is_none() {
            return Some("a type that is no text".to_owned());
        }
        if narrow && (kind.is_none() || object.contains_key("anyOf")) {
            return Some(format!("no one type: {schema}"));
        }
        if kind == Some("object") && !object.contains_key("properties") {
            return Some("an object without properties".to_owned());
        }
        if kind == Some("array")
            && object
                .get("items")
                .is_none_or(|items| items.get("type").is_none() && items.get("anyOf").is_none())
        {
            return Some("a list without items".to_owned());
        }
        let properties = object
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        let needed: Vec<&str> = names(object.get("required")).collect();
        if needed
            .iter()
            .any(|name| object["properties"].get(name).is_none())
        {
            return Some("what is needed is not there".to_owned());
        }
        let plain = |name: &str| {
            name.chars()
                .all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
        };
        if narrow && properties.clone().any(|(name, _)| !plain(name)) {
            return Some("a name that is not plain".to_owned());
        }
        properties
            .map(|(_, value)| value)
            .chain(object.get("items"))
            .chain(
                object
                    .get("anyOf")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten(),
            )
            .find_map(|inner| complaint(inner, narrow, depth + 1))
    }

    #[test]
    fn what_servers_write_becomes_what_vendors_take() {
        for (what, schema, expected) in [
            (
                "nothing",
                json!(null),
                json!({ "type": "object", "properties": {} }),
            ),
            (
                "a bare object",
                json!({ "type": "object" }),
                json!({ "type": "object", "properties": {} }),
            ),
            (
                "a list without items",
                json!({ "type": "object", "properties": { "ids": { "type": "array" } } }),
                json!({ "type": "object", "properties": { "ids": { "type": "array", "items": { "type": "string" } } } }),
            ),
            (
                "a choice at the top",
                json!({ "anyOf": [
                    { "type": "object", "properties": { "a": { "type": "string" } }, "required": ["a"] },
                    { "type": "object", "properties": { "a": { "type": "string" }, "b": { "type": "integer" } }, "required": ["a", "b"] },
                ] }),
                json!({ "type": "object", "properties": { "a": { "type": "string" }, "b": { "type": "integer" } }, "required": ["a"] }),
            ),
            (
                "all of several at the top",
                json!({ "allOf": [{ "$ref": "#/$defs/A" }, { "properties": { "b": { "type": "boolean" } }, "required": ["b"] }],
                    "$defs": { "A": { "type": "object", "properties": { "a": { "type": "string" } }, "required": ["a"] } } }),
                json!({ "type": "object", "properties": { "a": { "type": "string" }, "b": { "type": "boolean" } }, "required": ["a", "b"] }),
            ),
            (
                "pydantic",
                json!({ "$schema": "x", "title": "T", "type": "object", "additionalProperties": false, "properties": {
                    "day": { "anyOf": [{ "type": "string", "format": "date" }, { "type": "null" }], "default": null, "title": "Day", "description": "The day." },
                    "limit": { "type": "integer", "default": 50, "exclusiveMinimum": 0, "maximum": 100 },
                    "state": { "$ref": "#/$defs/State" }, "kind": { "const": "open" }, "at": { "type": ["string", "null"], "format": "date-time" },
                }, "$defs": { "State": { "enum": ["open", "closed", null], "title": "State" } } }),
                json!({ "type": "object", "properties": {
                    "day": { "type": "string", "description": "The day. Format: date." },
                    "limit": { "type": "integer", "maximum": 100, "description": "Default: 50." },
                    "state": { "type": "string", "enum": ["open", "closed"] }, "kind": { "type": "string", "enum": ["open"] },
                    "at": { "type": "string", "format": "date-time" },
                } }),
            ),
            (
                "names and needs",
                json!({ "type": "object", "properties": { "a b": { "type": "string" }, "": true, "c": true, "d": false, "$filter": {} },
                    "required": ["a b", "c", "c", "gone", 3] }),
                json!({ "type": "object", "properties": { "a b": { "type": "string" }, "c": {}, "$filter": {} }, "required": ["a b", "c"] }),
            ),
            (
                "a tuple, a choice among texts, forms",
                json!({ "type": "object", "properties": {
                    "t": { "type": "array", "prefixItems": [{ "type": "number" }, { "type": "string" }] },
                    "l": { "oneOf": [{ "const": "a" }, { "const": "b" }] },
                    "f": { "anyOf": [{ "type": "string" }, { "type": "array", "items": {} }] },
                    "m": { "type": "object", "additionalProperties": { "type": "string" } },
                } }),
                json!({ "type": "object", "properties": {
                    "t": { "type": "array", "items": { "type": "number" } },
                    "l": { "type": "string", "enum": ["a", "b"] },
                    "f": { "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] },
                    "m": { "type": "object", "properties": {} },
                } }),
            ),
        ] {
            let schema = told(schema);
            assert_eq!(schema, expected, "{what}");
            assert_eq!(complaint(&schema, false, 0), None, "{what}");
            assert_eq!(told(schema.clone()), schema, "{what}: once is enough");
        }
    }

    #[test]
    fn what_goes_round_or_is_too_long_comes_to_an_end() {
        let round = json!({ "type": "object", "properties": { "node": { "$ref": "#/$defs/N" } },
            "$defs": { "N": { "type": "object", "properties": { "next": { "$ref": "#/$defs/N" }, "name": { "type": "string" } } } } });
        let schema = told(round);
        assert_eq!(
            schema["properties"]["node"]["properties"]["name"]["type"],
            "string"
        );
        assert_eq!(complaint(&schema, false, 0), None);
        let to_itself = told(json!({ "$ref": "#", "properties": { "a": { "$ref": "#" } } }));
        assert_eq!(complaint(&to_itself, false, 0), None);

        let many: Map<String, Value> = (0..90)
            .map(|n| {
                (
                    format!("argument_{n}"),
                    json!({ "type": "string", "description": "word ".repeat(50) }),
                )
            })
            .collect();
        let long =
            told(json!({ "type": "object", "properties": many, "required": ["argument_1"] }));
        assert!(long.to_string().len() <= MAX_SCHEMA_BYTES);
        assert_eq!(long["required"], json!(["argument_1"]));
        assert_eq!(long["properties"]["argument_1"]["type"], "string");
    }

    #[test]
    fn our_own_schemas_are_told_whole() {
        let own = ::claims::claim::schema();
        let schema = told(own);
        assert_eq!(complaint(&schema, false, 0), None);
        assert!(schema["properties"]["say"]["enum"].is_array(), "{schema}");
        let narrow = PortableSchema(schema).narrow();
        assert_eq!(complaint(&narrow, true, 0), None, "{narrow}");
    }

    fn any_schema() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!({})),
            Just(json!(true)),
            Just(json!(false)),
            Just(json!(null)),
            Just(json!(3)),
            Just(json!("x")),
            Just(json!({ "type": "string", "format": "uri", "pattern": "^(?=x)" })),
            Just(json!({ "type": ["integer", "null"], "default": 1 })),
            Just(json!({ "enum": [1, "a", null] })),
            Just(json!({ "const": null })),
            Just(json!({ "$ref": "#/$defs/a" })),
            Just(json!({ "$ref": "#" })),
            Just(json!({ "$ref": "https://x.example/y" })),
            Just(json!({ "type": "array" })),
            Just(json!({ "type": "object" })),
            Just(json!({ "type": "array", "items": false })),
            Just(json!({ "type": "file" })),
        ];
        leaf.prop_recursive(5, 40, 4, |inner| {
            let list = prop::collection::vec(inner.clone(), 0..4);
            prop_oneof![
                list.clone().prop_map(|forms| json!({ "anyOf": forms })),
                list.clone().prop_map(|forms| json!({ "oneOf": forms, "description": "d" })),
                list.clone().prop_map(|forms| json!({ "allOf": forms })),
                list.clone().prop_map(|items| json!({ "type": "array", "items": items })),
                inner.clone().prop_map(|items| json!({ "type": "array", "items": items })),
                (inner.clone(), inner).prop_map(|(a, b)| json!({ "type": "object", "properties": { "a": a, "b c": b }, "required": ["a", "b c"], "$defs": { "a": { "$ref": "#/$defs/a" } } })),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_a_server_writes_no_vendor_complains_of_it(schema in any_schema()) {
            let usual = PortableSchema::new(&schema);
            prop_assert_eq!(&usual.0["type"], "object");
            prop_assert_eq!(complaint(&usual.0, false, 0), None, "{}", usual.0);
            let narrow = usual.narrow();
            prop_assert_eq!(complaint(&narrow, true, 0), None, "{}", narrow);
        }
    }
}
