//! A server's list of tools, read tool by tool: one that cannot be read costs that tool and not the source. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use super::writing;
use crate::text::{shorten, visible};

/// A server's list has at most so many pages and tools; what is above is left unread, and told.
const MAX_PAGES: usize = 64;
const MAX_TOOLS: usize = 2_000;
/// Pages in a row that bring no new tool, after which no further one is asked for.
const MAX_IDLE_PAGES: usize = 3;
/// The longest name of a tool (MCP 2025-11-25, tool names, has 128), in bytes.
const MAX_NAME_BYTES: usize = 256;
/// Characters of a name that is told in a sentence.
const NAME_CHARACTERS: usize = 80;

/// A tool as the server describes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Described {
    pub description: Option<String>,
    pub input_schema: Map<String, Value>,
    /// What its annotations say of whether it writes.
    pub writes: Option<bool>,
}

/// A tool that cannot be read, and so not called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnreadTool {
    /// Its name, or its place in the list. The server's own text: hostile.
    pub tool: String,
    pub why: String,
}

/// What is to be asked for next.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// Nothing: the list is at its end.
    Done,
    /// The page behind this cursor.
    Page(String),
    /// The page behind an empty cursor: most servers mean the end by it, a few mean a page. No answer is an end, too.
    PerhapsPage,
}

/// A list that is being read, page by page.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub tools: BTreeMap<String, Described>,
    pub unread: Vec<UnreadTool>,
    cursors: BTreeSet<String>,
    pages: usize,
    idle_pages: usize,
    seen: usize,
}

/// A page that is no list of tools.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoList;

impl Listing {
    /// Takes in a page: the result of `tools/list`.
    pub(super) fn take(&mut self, page: &Value) -> Result<Next, NoList> {
        // A few servers give the list alone.
        let listed = page.get("tools").unwrap_or(page);
        let listed = listed.as_array().ok_or(NoList)?;
        let known = self.tools.len() + self.unread.len();
        for tool in listed {
            self.seen += 1;
            if self.tools.len() >= MAX_TOOLS {
                self.leave(
                    "all further tools".to_owned(),
                    &format!("the server lists more than {MAX_TOOLS}"),
                );
                return Ok(Next::Done);
            }
            self.take_tool(tool);
        }
        self.pages += 1;
        match self.tools.len() + self.unread.len() > known {
            true => self.idle_pages = 0,
            false => self.idle_pages += 1,
        }
        let cursor = match page.get("nextCursor") {
            None | Some(Value::Null) => return Ok(Next::Done),
            Some(Value::String(cursor)) => cursor.clone(),
            Some(other) => other.to_string(),
        };
        if self.idle_pages >= MAX_IDLE_PAGES || !self.cursors.insert(cursor.clone()) {
            return Ok(Next::Done);
        }
        if self.pages >= MAX_PAGES {
            self.leave(
                "all further tools".to_owned(),
                &format!("the list has more than {MAX_PAGES} pages"),
            );
            return Ok(Next::Done);
        }
        Ok(match cursor.is_empty() {
            true => Next::PerhapsPage,
            false => Next::Page(cursor),
        })
    }

    fn take_tool(&mut self, tool: &Value) {
        let (name, described) = match read(tool) {
            Ok(read) => read,
            Err(why) => {
                let name = match tool.get("name").and_then(Value::as_str) {
                    Some(name) if !name.trim().is_empty() => name.to_owned(),
                    _ => format!("number {} of the list", self.seen),
                };
                // Two of a name that cannot be told apart are both lost.
                self.tools.remove(&name);
                return self.leave(name, &why);
            }
        };
        if self.unread.iter().any(|unread| unread.tool == name) {
            return;
        }
        match self.tools.get(&name) {
            // A page that comes again.
            Some(before) if *before == described => {}
            Some(_) => {
                self.tools.remove(&name);
                self.leave(name, "the server lists it twice, described differently");
            }
            None => {
                self.tools.insert(name, described);
            }
        }
    }

    fn leave(&mut self, tool: String, why: &str) {
        if !self.unread.iter().any(|unread| unread.tool == tool) {
            let why = why.to_owned();
            self.unread.push(UnreadTool { tool, why });
        }
    }
}

impl std::fmt::Display for UnreadTool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tool = shorten(&visible(&self.tool), NAME_CHARACTERS);
        write!(f, "{tool}: {}", self.why)
    }
}

/// A tool of the list, with its name; or what is wrong with it.
fn read(tool: &Value) -> Result<(String, Described), String> {
    let Value::Object(tool) = tool else {
        return Err(format!("is {} and not a description", kind(tool)));
    };
    let name = match tool.get("name") {
        Some(Value::String(name)) if name.trim().is_empty() => {
            return Err("has an empty name".to_owned());
        }
        Some(Value::String(name)) if name.len() > MAX_NAME_BYTES => {
            return Err(format!("its name is longer than {MAX_NAME_BYTES} bytes"));
        }
        Some(Value::String(name)) => name.clone(),
        None | Some(Value::Null) => return Err("has no name".to_owned()),
        Some(other) => return Err(format!("its name is {} and not a text", kind(other))),
    };
    let description = match tool.get("description") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => return Err(format!("its description is {} and not a text", kind(other))),
    };
    let input_schema = match tool.get("inputSchema") {
        // Servers of tools without arguments leave it out.
        None | Some(Value::Null) => Map::from_iter([("type".to_owned(), "object".into())]),
        Some(Value::Object(schema)) => schema.clone(),
        Some(other) => {
            return Err(format!(
                "its input schema is {} and not an object",
                kind(other)
            ));
        }
    };
    check(&input_schema)?;
    Ok((
        name,
        Described {
            description,
            input_schema,
            writes: writing::annotated(tool),
        },
    ))
}

/// Can arguments be made by this schema? They are an object with named members.
fn check(schema: &Map<String, Value>) -> Result<(), String> {
    let is_object = match schema.get("type") {
        None | Some(Value::Null) => true,
        Some(Value::String(of)) => of == "object",
        Some(Value::Array(of)) => of.iter().any(|of| of == "object"),
        Some(_) => false,
    };
    if !is_object {
        return Err("its input schema is not one of an object".to_owned());
    }
    match schema.get("properties") {
        None | Some(Value::Null) => {}
        Some(Value::Object(properties)) => {
            let odd = properties
                .iter()
                .find(|(_, of)| !of.is_object() && !of.is_boolean());
            if let Some((name, of)) = odd {
                let name = shorten(&visible(name), NAME_CHARACTERS);
                return Err(format!(
                    "its input schema describes `{name}` by {} and not by an object",
                    kind(of)
                ));
            }
        }
        Some(other) => {
            return Err(format!(
                "the `properties` of its input schema are {} and not an object",
                kind(other)
            ));
        }
    }
    match schema.get("required") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Array(names)) if names.iter().all(Value::is_string) => Ok(()),
        Some(_) => Err("the `required` of its input schema is not a list of names".to_owned()),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tool(name: &str) -> Value {
        json!({"name": name, "description": "x", "inputSchema": {"type": "object"}})
    }

    /// Reads a list from a server that answers each cursor as told.
    fn list(server: impl Fn(Option<&str>, usize) -> Value) -> (Vec<String>, usize, Listing) {
        let mut listing = Listing::default();
        let (mut cursor, mut asked) = (None, 0);
        loop {
            let page = server(cursor.as_deref(), asked);
            asked += 1;
            cursor = match listing.take(&page).unwrap() {
                Next::Done => break,
                Next::Page(next) => Some(next),
                Next::PerhapsPage => Some(String::new()),
            };
        }
        (listing.tools.keys().cloned().collect(), asked, listing)
    }

    #[test]
    fn a_list_ends_at_an_empty_or_repeated_cursor_and_an_empty_one_is_followed_once() {
        let (tools, asked, _) = list(|_, _| json!({"tools": [tool("a")], "nextCursor": null}));
        assert_eq!((tools.as_slice(), asked), (&["a".to_owned()][..], 1));
        for cursor in [json!(""), json!("p1"), json!(7)] {
            let (tools, asked, _) =
                list(|_, _| json!({"tools": [tool("a")], "nextCursor": cursor}));
            assert_eq!(
                (tools.as_slice(), asked),
                (&["a".to_owned()][..], 2),
                "{cursor}"
            );
        }
        let (tools, asked, _) = list(|cursor, _| match cursor {
            None => json!({"tools": [tool("a")], "nextCursor": ""}),
            Some(_) => json!({"tools": [tool("b")]}),
        });
        assert_eq!((tools, asked), (vec!["a".to_owned(), "b".to_owned()], 2));
        let (tools, asked, _) = list(|cursor, _| match cursor {
            None => json!({"tools": [], "nextCursor": "p"}),
            Some("p") => json!({"tools": [], "nextCursor": "q"}),
            Some(_) => json!({"tools": [tool("late")]}),
        });
        assert_eq!((tools.as_slice(), asked), (&["late".to_owned()][..], 3));
    }

    #[test]
    fn a_list_without_end_is_read_as_far_as_it_is_bounded() {
        let (tools, asked, _) =
            list(|_, asked| json!({"tools": [tool("a")], "nextCursor": format!("p{asked}")}));
        assert_eq!((tools.len(), asked), (1, 1 + MAX_IDLE_PAGES));
        let (tools, asked, listing) = list(
            |_, asked| json!({"tools": [tool(&format!("t{asked}"))], "nextCursor": format!("p{asked}")}),
        );
        assert_eq!((tools.len(), asked), (MAX_PAGES, MAX_PAGES));
        assert_eq!(
            listing.unread[0].to_string(),
            "all further tools: the list has more than 64 pages"
        );
        let many: Vec<Value> = (0..=MAX_TOOLS).map(|at| tool(&at.to_string())).collect();
        let (tools, _, listing) = list(|_, _| json!({"tools": many, "nextCursor": "more"}));
        assert_eq!((tools.len(), listing.unread.len()), (MAX_TOOLS, 1));
    }

    #[test]
    fn a_tool_that_cannot_be_read_costs_that_tool_and_is_named() {
        let page = json!({"tools": [
            tool("good"),
            {"name": "no-schema"},
            {"name": "null-schema", "inputSchema": null, "description": null},
            {"name": "text-schema", "inputSchema": "object"},
            {"name": "list", "inputSchema": {"type": "array"}},
            {"name": "props", "inputSchema": {"type": "object", "properties": []}},
            {"name": "prop", "inputSchema": {"type": "object", "properties": {"a": "string"}}},
            {"name": "required", "inputSchema": {"type": "object", "required": "a"}},
            {"name": "told", "description": ["x"], "inputSchema": {}},
            {"description": "nameless"},
            {"name": 7, "inputSchema": {}},
            {"name": " ", "inputSchema": {}},
            "a word",
            null,
            tool("twice"),
            {"name": "twice", "description": "other", "inputSchema": {}},
            tool("twice"),
            tool("good"),
        ]});
        let mut listing = Listing::default();
        assert_eq!(listing.take(&page), Ok(Next::Done));
        let read: Vec<&String> = listing.tools.keys().collect();
        assert_eq!(read, ["good", "no-schema", "null-schema"]);
        let unread: Vec<String> = listing.unread.iter().map(ToString::to_string).collect();
        assert_eq!(
            unread,
            [
                "text-schema: its input schema is a text and not an object",
                "list: its input schema is not one of an object",
                "props: the `properties` of its input schema are a list and not an object",
                "prop: its input schema describes `a` by a text and not by an object",
                "required: the `required` of its input schema is not a list of names",
                "told: its description is a list and not a text",
                "number 10 of the list: has no name",
                "number 11 of the list: its name is a number and not a text",
                "number 12 of the list: has an empty name",
                "number 13 of the list: is a text and not a description",
                "number 14 of the list: is nothing and not a description",
                "twice: the server lists it twice, described differently",
            ]
        );
    }

    #[test]
    fn a_bare_list_is_one_and_what_is_none_is_refused() {
        let mut bare = Listing::default();
        assert_eq!(bare.take(&json!([tool("a")])), Ok(Next::Done));
        assert_eq!(bare.tools.len(), 1);
        for page in [json!({}), json!(null), json!({"tools": {"a": {}}})] {
            assert_eq!(Listing::default().take(&page), Err(NoList), "{page}");
        }
    }
}
