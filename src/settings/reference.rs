//! `docs/settings.md`, made from the settings' types.

use std::fmt::Write;

use serde_json::Value;

use super::Settings;

/// The reference of `daybrief.toml` in Markdown: every key with its type, default and meaning.
pub fn reference() -> String {
    let root = schemars::schema_for!(Settings).to_value();
    let mut text = String::from(
        "# Settings\n\n`daybrief.toml` holds the settings of one instance. Unknown keys are errors. Relative paths are \
         relative to the file's folder. A secret is never written here: it is named by where it is, `env:NAME`, \
         `file:/path` (its first line) or `store:name`.\n\nThis page is generated from the program's types.\n",
    );
    for (name, schema) in members(&root) {
        let many = schema.get("type").and_then(Value::as_str) == Some("array");
        let target = resolve(&root, schema.get("items").unwrap_or(schema));
        let heading = if many {
            format!("[[{name}]]")
        } else {
            format!("[{name}]")
        };
        let meaning = meaning(&root, target);
        // Writing into a String cannot fail.
        let _ = write!(
            text,
            "\n## `{heading}`\n\n{meaning}\n\n| key | type | default | meaning |\n|---|---|---|---|\n"
        );
        let required = |key: &str| {
            target
                .get("required")
                .and_then(Value::as_array)
                .is_some_and(|required| required.iter().any(|name| name == key))
        };
        for (key, schema) in members(target) {
            let default = match schema.get("default") {
                _ if required(key) => "required".to_owned(),
                None | Some(Value::Null) => "none".to_owned(),
                Some(value) => format!("`{value}`"),
            };
            let _ = writeln!(
                text,
                "| `{key}` | {} | {default} | {} |",
                kind(&root, schema),
                cell(&self::meaning(&root, schema))
            );
        }
    }
    text
}

fn members(schema: &Value) -> impl Iterator<Item = (&str, &Value)> {
    schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, schema)| (name.as_str(), schema))
}

/// The schema behind references and options.
fn resolve<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    let inner = schema
        .get("anyOf")
        .and_then(Value::as_array)
        .and_then(|branches| branches.first())
        .unwrap_or(schema);
    inner
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|name| root.pointer(name.trim_start_matches('#')))
        .unwrap_or(inner)
}

fn words(schema: &Value) -> Vec<(&str, Option<&str>)> {
    let own = schema.get("description").and_then(Value::as_str);
    let listed = schema
        .get("enum")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let single = schema.get("const").and_then(Value::as_str);
    listed
        .filter_map(Value::as_str)
        .map(|word| (word, None))
        .chain(single.map(|word| (word, own)))
        .chain(
            schema
                .get("oneOf")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .flat_map(words),
        )
        .collect()
}

fn kind(root: &Value, schema: &Value) -> String {
    let target = resolve(root, schema);
    let words = words(target);
    if !words.is_empty() {
        let words: Vec<String> = words
            .iter()
            .map(|(word, _)| format!("`\"{word}\"`"))
            .collect();
        return words.join(", ");
    }
    if target.get("format").and_then(Value::as_str) == Some("secret-reference") {
        return "secret".to_owned();
    }
    let name = match target.get("type") {
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str),
        Some(kind) => kind.as_str(),
        None => None,
    };
    match (name, target.get("format").and_then(Value::as_str)) {
        (Some("string"), Some("name")) => "name".to_owned(),
        (Some("string"), _) => "text".to_owned(),
        (Some("integer"), _) => "whole number".to_owned(),
        (Some("number"), _) => "number".to_owned(),
        (Some("boolean"), _) => "true or false".to_owned(),
        (Some("array"), _) => format!(
            "list of {}",
            target
                .get("items")
                .map_or_else(String::new, |items| kind(root, items))
        ),
        _ => "table".to_owned(),
    }
}

/// The doc comment, and what each word means where a key takes words.
pub(super) fn meaning(root: &Value, schema: &Value) -> String {
    let target = resolve(root, schema);
    let own = schema
        .get("description")
        .or_else(|| target.get("description"));
    let is_secret = target.get("format").and_then(Value::as_str) == Some("secret-reference");
    let mut text = match schema.get("description") {
        None if is_secret => String::new(),
        _ => own.and_then(Value::as_str).unwrap_or_default().to_owned(),
    };
    for (word, meaning) in words(target) {
        if let Some(meaning) = meaning {
            let _ = write!(text, " `\"{word}\"`: {meaning}");
        }
    }
    text
}

pub(crate) fn cell(text: &str) -> String {
    text.replace('\n', " ")
        .replace('|', "\\|")
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_in_the_docs_is_what_the_types_say() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md");
        let made = super::reference();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, &made).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(path).unwrap_or_default(),
            made,
            "run the test again with UPDATE_DOCS=1 and look at the difference"
        );
    }
}
