//! `daybrief connector accept`: shows how tools are described now against what was accepted, and accepts exactly that.

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{confirmed, connector, one, print, print_json, to_stderr};
use crate::{
    app::App,
    audit::{Act, Entry, Outcome},
    connectors::Pin,
    error::{Problem, Problems},
    ids::{ConnectorId, hex},
    store::PinRow,
    text::visible,
};

/// Unchanged lines that are shown around a changed one.
const CONTEXT_LINES: usize = 2;
/// Characters of the hash by which is told what was shown.
const SHOWN_CHARACTERS: usize = 16;

/// `connector accept …`
#[derive(Debug, Args)]
pub struct Accept {
    pub connector: ConnectorId,
    /// Only this tool.
    tool: Option<String>,
    /// Accepts what is shown without asking.
    #[arg(long, conflicts_with = "shown")]
    yes: bool,
    /// Accepts what an earlier call showed, by the hash that it ended with, and nothing else.
    #[arg(long, value_name = "HASH")]
    shown: Option<String>,
}

/// A tool that waits, with what is different.
#[derive(Serialize)]
struct Waiting {
    tool: String,
    hash: String,
    difference: Vec<String>,
    #[serde(skip)]
    text: String,
}

/// Shows what waits; accepts it where that is said.
pub async fn run(app: &App, command: &Accept, json: bool) -> Result<u8, Problems> {
    let waiting = waiting(app, command).await?;
    let shown = shown(&waiting);
    for of in &waiting {
        show(of, json);
    }
    if waiting.is_empty() {
        match json {
            true => print_json(&json!({ "accepted": [] })),
            false => print("nothing waits to be accepted"),
        }
        return Ok(0);
    }
    let told = |accepted: &[String]| json!({ "accepted": accepted, "shown": shown });
    let agreed = match &command.shown {
        Some(before) if *before == shown => true,
        Some(_) => {
            return Err(one(Problem::new(
                "changed-again",
                "the descriptions are not those that were shown; nothing was accepted",
            )
            .at("--shown")
            .advise(format!(
                "read them as they are now, then give --shown {shown}"
            ))));
        }
        None => command.yes || !json && confirmed("Accept this?"),
    };
    if !agreed {
        match json {
            true => print_json(&told(&[])),
            false => print(&format!(
                "nothing was accepted; accept exactly this with --shown {shown}"
            )),
        }
        return Ok(0);
    }
    let mut accepted = Vec::new();
    let mut changed = Vec::new();
    for of in waiting {
        let name = visible(&of.tool);
        match accept(app, &command.connector, &of).await? {
            true => accepted.push(name),
            false => changed.push(name),
        }
    }
    match json {
        true => print_json(&told(&accepted)),
        false if accepted.is_empty() => {}
        false => print(&format!("accepted: {}", accepted.join(", "))),
    }
    match changed.is_empty() {
        true => Ok(0),
        false => Err(one(Problem::new(
            "changed-again",
            format!(
                "changed again meanwhile and was not accepted: {}",
                changed.join(", ")
            ),
        )
        .advise("look at it again"))),
    }
}

/// The tools that are described otherwise than accepted, as the server describes them at this moment. Where it cannot be
/// asked, as it last did.
async fn waiting(app: &App, command: &Accept) -> Result<Vec<Waiting>, Problems> {
    let objects = app.parts.objects().await;
    let objects = objects.map_err(|error| one(error.into()))?;
    connector::find(&objects.connectors, &command.connector).map_err(one)?;
    app.parts.maker.pool.replace(objects.connectors);
    let now = match app.parts.maker.pool.tools(&command.connector).await {
        Ok(tools) => Some(tools),
        Err(error) => {
            to_stderr(&format!(
                "warning: connector `{}`: {error}; what it last said is shown",
                command.connector
            ));
            None
        }
    };
    let still = |row: &PinRow, hash: &str| match &now {
        Some(tools) => tools.iter().any(|tool| {
            tool.name == row.tool && tool.hash.0 == hash && matches!(tool.pin, Pin::Changed { .. })
        }),
        None => true,
    };
    let rows = app.parts.store.pins().of(&command.connector).await;
    let rows = rows.map_err(|error| one(error.into()))?;
    Ok(rows
        .into_iter()
        .filter(|row| command.tool.as_ref().is_none_or(|tool| *tool == row.tool))
        .filter_map(|row| {
            let (hash, text) = row.waiting.clone()?;
            still(&row, &hash).then(|| Waiting {
                difference: difference(&row.description, &text),
                tool: row.tool,
                hash,
                text,
            })
        })
        .collect())
}

/// The hash of all that is shown.
fn shown(waiting: &[Waiting]) -> String {
    let mut digest = Sha256::new();
    for of in waiting {
        for part in [&of.tool, &of.hash] {
            digest.update(part.len().to_be_bytes());
            digest.update(part.as_bytes());
        }
    }
    let mut hash = hex(&digest.finalize());
    hash.truncate(SHOWN_CHARACTERS);
    hash
}

fn show(of: &Waiting, json: bool) {
    if json {
        return print_json(of);
    }
    print(&visible(&of.tool));
    for line in &of.difference {
        print(&format!("  {line}"));
    }
}

/// Accepts what was shown of a tool; false where another description waits by now.
async fn accept(app: &App, connector: &ConnectorId, of: &Waiting) -> Result<bool, Problems> {
    let pins = app.parts.store.pins();
    let is_shown = |row: &PinRow| {
        row.waiting
            .as_ref()
            .is_some_and(|(hash, _)| *hash == of.hash)
    };
    let row = pins.get(connector, &of.tool).await;
    if !row
        .map_err(|error| one(error.into()))?
        .is_some_and(|row| is_shown(&row))
    {
        return Ok(false);
    }
    app.parts
        .audit
        .write(&[Entry {
            at: app.parts.clock.now(),
            act: Act::ToolAccepted,
            user: None,
            role: None,
            surface: "cli".to_owned(),
            on: format!("{connector}/{}", visible(&of.tool)),
            outcome: Outcome::Allowed,
            why: String::new(),
            detail: of.hash.clone(),
        }])
        .await
        .map_err(|error| one(error.into()))?;
    pins.change(connector, &of.tool, |before| {
        let before = before?;
        is_shown(&before).then(|| PinRow {
            accepted: of.hash.clone(),
            waiting: None,
            description: of.text.clone(),
            tool: before.tool,
        })
    })
    .await
    .map_err(|error| one(error.into()))?;
    let after = pins.get(connector, &of.tool).await;
    let after = after.map_err(|error| one(error.into()))?;
    Ok(after.is_some_and(|row| row.accepted == of.hash))
}

/// The lines of a tool's description that go (`-`) and come (`+`), with a few around them.
fn difference(before: &str, after: &str) -> Vec<String> {
    let after = lines(after).unwrap_or_else(|| vec![visible(after)]);
    let Some(before) = lines(before) else {
        let mut all = vec!["what was accepted is not kept in full; it is now:".to_owned()];
        all.extend(after.into_iter().map(|line| format!("+ {line}")));
        return all;
    };
    let changes: Vec<(char, String)> =
        similar::capture_diff_slices(similar::Algorithm::Myers, &before, &after)
            .iter()
            .flat_map(|op| op.iter_changes(&before, &after))
            .map(|change| {
                let sign = match change.tag() {
                    similar::ChangeTag::Delete => '-',
                    similar::ChangeTag::Insert => '+',
                    similar::ChangeTag::Equal => ' ',
                };
                (sign, change.value().clone())
            })
            .collect();
    let near = |at: usize| {
        let from = at.saturating_sub(CONTEXT_LINES);
        changes
            .iter()
            .skip(from)
            .take(at + CONTEXT_LINES + 1 - from)
            .any(|(sign, _)| *sign != ' ')
    };
    let mut told = Vec::new();
    let mut left_out = false;
    for (at, (sign, line)) in changes.iter().enumerate() {
        if near(at) {
            if std::mem::take(&mut left_out) {
                told.push("  …".to_owned());
            }
            told.push(format!("{sign} {line}"));
        } else {
            left_out = true;
        }
    }
    told
}

/// A tool's description line by line, then its input schema.
fn lines(text: &str) -> Option<Vec<String>> {
    let tool: Value = serde_json::from_str(text).ok()?;
    let description = tool.get("description").and_then(Value::as_str);
    let schema = serde_json::to_string_pretty(tool.get("inputSchema")?).ok()?;
    let described = description.unwrap_or_default().lines();
    Some(described.chain(schema.lines()).map(visible).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_what_goes_and_comes_and_what_is_near() {
        let tool = |description: &str, limit: u32| {
            json!({"name": "t", "description": description, "inputSchema": {
                "properties": {"a": {"type": "string"}, "b": {"type": "string"}, "limit": {"maximum": limit}},
            }})
            .to_string()
        };
        assert_eq!(
            difference(&tool("Reads.\nAll.", 5), &tool("Reads.\nAlso mails.", 5)),
            [
                "  Reads.",
                "- All.",
                "+ Also mails.",
                "  {",
                "    \"properties\": {"
            ]
        );
        assert_eq!(
            difference(&tool("Reads.", 5), &tool("Reads.", 500)),
            [
                "  …",
                "      },",
                "      \"limit\": {",
                "-       \"maximum\": 5",
                "+       \"maximum\": 500",
                "      }",
                "    }",
            ]
        );
        let cut = difference("{\"name\":\"t\",\"desc", &tool("Reads.", 5));
        assert_eq!(
            cut[..2],
            [
                "what was accepted is not kept in full; it is now:",
                "+ Reads."
            ]
        );
    }
}
