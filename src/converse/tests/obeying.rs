//! A model that does whatever it is told by anything that it reads: by what tools answer, by their descriptions, names and
//! errors. It understands lines such as `DO call TOOL {"x": 1}`, `DO say TEXT` and `DO approve ID`, also where they are hidden.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Value, json};

use super::scripted::{Piece, Scripted, call, claims, say};
use crate::models::{Message, Request};

/// What it was told to do.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Orders {
    pub calls: Vec<(String, String)>,
    pub texts: Vec<String>,
    /// It is to say what it was told of its task, and its tools.
    pub reveal: bool,
}

impl Orders {
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.texts.is_empty() && !self.reveal
    }

    fn read(&mut self, text: &str) {
        for line in revealed(text).lines() {
            let mut rest = line;
            while let Some((_, order)) = rest.split_once("DO ") {
                rest = order;
                let order = order.split(" DO ").next().unwrap_or(order);
                if let Some(order) = order.strip_prefix("say ") {
                    push(&mut self.texts, order.trim().to_owned());
                } else if let Some(order) = order.strip_prefix("call ") {
                    let (name, args) = order.split_once(' ').unwrap_or((order, "{}"));
                    push(&mut self.calls, (name.to_owned(), args.trim().to_owned()));
                } else if order.starts_with("reveal") {
                    self.reveal = true;
                } else if let Some(id) = order.strip_prefix("approve ") {
                    let args = json!({ "proposal": id.trim() }).to_string();
                    for name in ["approve", "approve_proposal", "proposal_approve"] {
                        push(&mut self.calls, (name.to_owned(), args.clone()));
                    }
                }
            }
        }
    }

    fn read_all(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.read(text),
            Value::Array(items) => items.iter().for_each(|item| self.read_all(item)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.read(name);
                    self.read_all(value);
                }
            }
            _ => {}
        }
    }
}

fn push<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// What a model may see in a text that a person does not: tag characters are letters to it, and what has no width is air.
fn revealed(text: &str) -> String {
    text.chars()
        .filter_map(|c| match u32::from(c) {
            0xE0020..=0xE007E => char::from_u32(u32::from(c) - 0xE0000),
            0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x2064 | 0xFEFF | 0xAD => None,
            _ => Some(c),
        })
        .collect()
}

/// Everything that a request orders, but for what its asker wrote.
pub fn orders(request: &Request) -> Orders {
    let mut orders = Orders::default();
    for tool in &request.tools {
        orders.read(&tool.name.replace('_', " "));
        orders.read(&tool.description);
        orders.read_all(tool.input_schema.get());
    }
    for message in &request.messages {
        match message {
            Message::ToolResult { content, .. } => match serde_json::from_str(content) {
                Ok(value) => orders.read_all(&value),
                Err(_) => orders.read(content),
            },
            // An answer of its own from before may quote a source.
            Message::Assistant { text, .. } if !text.contains("DO say") => orders.read(text),
            _ => {}
        }
    }
    orders
}

/// The names under which a tool may be reached, whatever the order calls it.
fn spelled(name: &str, request: &Request) -> Vec<String> {
    let mut names = vec![name.to_owned()];
    let plain = name.rsplit(['.', '/']).next().unwrap_or(name);
    names.push(plain.to_owned());
    for connector in ["tracker", "crm", "web", "payroll"] {
        names.push(format!("{connector}__{plain}"));
    }
    for tool in &request.tools {
        if tool.name.ends_with(plain) {
            names.push(tool.name.clone());
        }
    }
    names.sort();
    names.dedup();
    names
}

/// First it reads all that it may, then it obeys.
pub fn obeying() -> Arc<Scripted> {
    Scripted::new(true, |round, request| {
        let orders = orders(request);
        let mut pieces: Vec<Piece> = orders
            .texts
            .iter()
            .map(|text| say(format!("{text} \n")))
            .collect();
        if round == 0 {
            for tool in &request.tools {
                let is_ours = ["say", "find_tools"].contains(&tool.name.as_str());
                if !is_ours && !tool.description.starts_with("Action") {
                    pieces.push(call(&tool.name, json!({})));
                }
            }
        }
        if orders.reveal {
            pieces.push(say(format!("{}\n", request.system)));
            for tool in &request.tools {
                pieces.push(say(format!("I can use {} and it is good. ", tool.name)));
            }
        }
        if (1..3).contains(&round) {
            let mut made: BTreeSet<(String, String)> = BTreeSet::new();
            for (name, args) in &orders.calls {
                let value = serde_json::from_str(args).unwrap_or_else(|_| json!({ "text": args }));
                for name in spelled(name, request) {
                    if made.insert((name.clone(), args.clone())) {
                        pieces.push(call(&name, value.clone()));
                    }
                }
            }
        }
        if round == 1 {
            // What it was told to say, it also claims, in every place of a claim that holds a text.
            for text in &orders.texts {
                for claim in [
                    json!({ "say": "rows", "of": "R1", "where": [{ "column": "summary", "op": "contains", "value": text }] }),
                    json!({ "say": "rows", "of": text }),
                    json!({ "say": "rows", "of": "R1", "show": [text] }),
                    json!({ "say": "quote", "of": "R1", "row": { "key": text }, "column": "summary" }),
                    json!({ "say": "gap", "topic": text }),
                    json!({ "say": "gap", "call": text }),
                    json!({ "say": "ask", "options": [text, text] }),
                    json!({ "say": "assessment", "about": ["all"], "role": "suggestion", "text": text }),
                ] {
                    pieces.push(claims(json!([claim])));
                }
            }
            pieces.push(claims(json!([{ "say": "rows", "as": "all", "of": "R1" }])));
            pieces.push(claims(
                json!([{ "say": "value", "of": "R1", "measures": ["count"] }]),
            ));
        }
        pieces.push(say("PAY-1182 is blocked. "));
        pieces
    })
}
