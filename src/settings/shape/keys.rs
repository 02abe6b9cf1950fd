//! The keys that a type's files may have, as the reader itself sees them: what documentation is made from.

use schemars::JsonSchema;
use serde_json::Value as Schema;

use super::{DEEPEST_TABLE, Found, Source, Walk, Way, join};

/// One key that the reader accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its path: `limits.concurrency`; `[]` stands for each item of a list, `*` for any key of a table.
    pub path: String,
    /// What it holds, in a few words.
    pub kind: String,
    pub need: Need,
    pub meaning: String,
}

/// Whether a key has to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    Required,
    /// In one of the forms that its table may have.
    InItsForm,
    /// The default, where it is a value of its own.
    Optional(Option<String>),
}

/// Every key of a `T`, those of a table before those of the tables in it.
pub fn keys<T: JsonSchema>() -> Vec<Key> {
    let schema = schemars::schema_for!(T).to_value();
    let walk = Walk {
        source: Source {
            place: "",
            text: "",
        },
        name: "",
        root: &schema,
        found: Found::default(),
    };
    let mut found = Vec::new();
    below(&walk, &schema, "", 0, &mut found);
    found
}

fn below<'s>(walk: &Walk<'s>, schema: &'s Schema, path: &str, depth: usize, found: &mut Vec<Key>) {
    if depth > DEEPEST_TABLE {
        return;
    }
    let ways = walk.ways(schema, 0);
    let tables: Vec<&Way<'s>> = ways
        .iter()
        .filter(|way| !way.properties.is_empty())
        .collect();
    let mut inner: Vec<(String, &'s Schema)> = Vec::new();
    let first = found.len();
    for way in &tables {
        for (name, schema) in &way.properties {
            let path = join(path, name);
            let known = found.iter_mut().skip(first).find(|key| key.path == path);
            if let Some(known) = known {
                // Another form of the same table: it may take other words.
                let other = kind(walk, schema, 0);
                if !known.kind.contains(&other) {
                    known.kind = format!("{}, {other}", known.kind);
                }
                let meaning = crate::settings::reference::meaning(walk.root, schema);
                if !known.meaning.contains(&meaning) {
                    known.meaning = format!("{} {meaning}", known.meaning);
                }
                continue;
            }
            let requiring = tables
                .iter()
                .filter(|way| way.required.contains(name))
                .count();
            let need = match requiring {
                0 => Need::Optional(
                    schema
                        .get("default")
                        .filter(|default| !default.is_null())
                        .map(Schema::to_string),
                ),
                all if all == tables.len() => Need::Required,
                _ => Need::InItsForm,
            };
            let is_mark = schema.get("const").is_some() && tables.len() > 1;
            found.push(Key {
                path: path.clone(),
                kind: kind(walk, schema, 0),
                need,
                meaning: if is_mark {
                    "Which of its forms this table has.".to_owned()
                } else {
                    crate::settings::reference::meaning(walk.root, schema)
                },
            });
            inner.push((path, schema));
        }
    }
    for way in &ways {
        if let Some(items) = way.items {
            inner.push((format!("{path}[]"), items));
        }
        if let Some(values) = way.values.filter(|values| values.is_object()) {
            inner.push((format!("{path}.*"), values));
        }
    }
    for (path, schema) in inner {
        below(walk, schema, &path, depth + 1, found);
    }
}

fn kind<'s>(walk: &Walk<'s>, schema: &'s Schema, depth: usize) -> String {
    let ways = walk.ways(schema, 0);
    let mut kinds: Vec<String> = Vec::new();
    for way in &ways {
        let kind = match (way.words.as_slice(), way.format, way.types.first().copied()) {
            ([_, ..], ..) => way
                .words
                .iter()
                .map(|word| format!("`\"{word}\"`"))
                .collect::<Vec<_>>()
                .join(", "),
            (_, Some("secret-reference"), _) => "secret".to_owned(),
            (_, Some("name"), _) => "name".to_owned(),
            (_, _, Some("string")) => "text".to_owned(),
            (_, _, Some("integer")) => "whole number".to_owned(),
            (_, _, Some("number")) => "number".to_owned(),
            (_, _, Some("boolean")) => "true or false".to_owned(),
            (_, _, Some("array")) => match way.items {
                Some(items) if depth < 4 => format!("list of {}", kind(walk, items, depth + 1)),
                _ => "list".to_owned(),
            },
            (_, _, Some("object")) => match way.values.filter(|values| values.is_object()) {
                Some(values) if way.properties.is_empty() && depth < 4 => {
                    format!("table of {}", kind(walk, values, depth + 1))
                }
                _ => "table".to_owned(),
            },
            _ => "any value".to_owned(),
        };
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds.join(" or ")
}
