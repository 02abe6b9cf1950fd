//! `daybrief connector list` and `tools`: what there is and what it offers.

use serde_json::{Value, json};

use super::{print, print_json, print_json_list};
use crate::{
    connectors::{Argument, Listing, Pin, ServerAbout, ToolInfo},
    domain::connector::{Connector, Launch, ToolClass},
    text::{shorten, visible},
};

/// Characters of a description in a list.
const DESCRIPTION_CHARACTERS: usize = 100;
/// Characters of what a server says of itself.
const INSTRUCTIONS_CHARACTERS: usize = 600;

/// Prints the connectors, a line each.
pub fn list(connectors: &[Connector], json: bool) {
    if json {
        return print_json_list(connectors);
    }
    for connector in connectors {
        let place = match &connector.launch {
            Launch::Process { command, .. } => command.join(" "),
            Launch::Http { url, .. } => url.clone(),
        };
        print(&format!(
            "{:<20} {:<28} {}",
            connector.id,
            connector.title,
            shorten(&visible(&place), DESCRIPTION_CHARACTERS)
        ));
    }
}

/// Prints what a server says of itself and its tools with their arguments. `named` says whether the connector's own
/// `tools` decide what may be called.
pub fn show(listing: &Listing, named: bool, json: bool) {
    if json {
        print_json(&json!({ "server": listing.about, "unread": listing.unread }));
        for tool in &listing.tools {
            let mut line = serde_json::to_value(tool).unwrap_or_default();
            if let Value::Object(line) = &mut line {
                line.insert("arguments".to_owned(), json!(tool.arguments()));
            }
            print_json(&line);
        }
        return;
    }
    about(&listing.about);
    for tool in &listing.tools {
        show_tool(tool, named);
    }
    for unread in &listing.unread {
        print(&format!("cannot be read, and so not called: {unread}"));
    }
    if !named {
        print(
            "none of them can be called yet: name them in the connector's `tools`, such as { \"get_*\" = \"read\" }",
        );
    }
}

fn about(about: &ServerAbout) {
    let name = match about.name.trim() {
        "" => "a server without a name",
        name => name,
    };
    let said = format!("{name} {}", about.version);
    print(&format!(
        "{} (MCP {})",
        shorten(visible(&said).trim(), DESCRIPTION_CHARACTERS),
        visible(&about.protocol)
    ));
    if let Some(instructions) = &about.instructions {
        let words: Vec<String> = instructions.split_whitespace().map(visible).collect();
        let said = shorten(&words.join(" "), INSTRUCTIONS_CHARACTERS);
        print(&format!("it says of itself: {said}"));
    }
}

fn show_tool(tool: &ToolInfo, named: bool) {
    let class = match tool.class {
        _ if !named => "",
        Some(ToolClass::Read) => "read",
        Some(ToolClass::Action) => "action",
        None => "not callable",
    };
    let changed = match tool.pin {
        Pin::Changed { .. } => "CHANGED, refused until it is accepted  ",
        Pin::FirstSeen | Pin::Accepted => "",
    };
    print(&format!(
        "{:<32} {class:<13} {changed}{}",
        visible(&tool.name),
        one_line(tool.description.as_deref())
    ));
    for argument in tool.arguments() {
        print(&format!("    {}", line_of(&argument)));
    }
}

fn line_of(argument: &Argument) -> String {
    let required = match argument.required {
        true => ", required",
        false => "",
    };
    let description = one_line(argument.description.as_deref());
    let dash = match description.is_empty() {
        true => "",
        false => " — ",
    };
    format!(
        "{} ({}{required}){dash}{description}",
        visible(&argument.name),
        shorten(&visible(&argument.kind), DESCRIPTION_CHARACTERS),
    )
}

fn one_line(text: Option<&str>) -> String {
    let text = visible(text.unwrap_or_default());
    let words: Vec<&str> = text.split_whitespace().collect();
    shorten(&words.join(" "), DESCRIPTION_CHARACTERS)
}
