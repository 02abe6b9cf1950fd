//! `daybrief connector`: what the connectors' servers offer, and servers of our own.

use std::path::Path;

use clap::Subcommand;
use serde_json::json;

use super::{
    connector_probe, connector_sign_in, connector_sql, one, open, print, print_json,
    print_json_list,
};
use crate::{
    app::App,
    audit::{Act, Entry, Outcome},
    connectors::{CallError, Pin, ToolInfo},
    domain::connector::ToolClass,
    error::{Problem, Problems},
    ids::ConnectorId,
    store::PinRow,
    text::{shorten, visible},
};

/// Characters of a tool's description in a list.
const DESCRIPTION_CHARACTERS: usize = 100;

/// `connector …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The connectors in force.
    List,
    /// Starts a connector and lists its tools: what may be called, and what changed since it was accepted.
    Tools { connector: ConnectorId },
    /// Accepts the changed description of a tool, or of all its tools.
    Accept {
        connector: ConnectorId,
        tool: Option<String>,
    },
    /// Signs a person in for a connector whose server wants it. The sign-in is kept and renewed from then on.
    SignIn(connector_sign_in::SignIn),
    /// Forgets the sign-in of a connector.
    SignOut { connector: ConnectorId },
    /// Looks at a server that is no connector yet: reaches it and lists its tools.
    Probe(connector_probe::Probe),
    /// An MCP server for SQLite, PostgreSQL, MySQL or MariaDB that can only read.
    Sql(connector_sql::Sql),
}

/// Runs `connector …`.
pub async fn run(command: Command, config: &Path, json: bool) -> Result<u8, Problems> {
    match command {
        Command::Sql(command) => connector_sql::run(command).await.map(|()| 0),
        Command::SignIn(command) => connector_sign_in::run(command, config, json).await,
        Command::SignOut { connector } => connector_sign_in::out(&connector, config, json).await,
        Command::Probe(command) => connector_probe::run(command, config, json).await,
        Command::List => {
            let app = open(config).await?;
            let objects = app
                .parts
                .objects()
                .await
                .map_err(|error| one(error.into()))?;
            if json {
                print_json_list(&objects.connectors);
                return Ok(0);
            }
            for connector in &objects.connectors {
                print(&format!("{:<20} {}", connector.id, connector.title));
            }
            Ok(0)
        }
        Command::Tools { connector } => {
            let app = open(config).await?;
            let tools = tools(&app, &connector).await;
            app.shutdown().await;
            for tool in tools? {
                show(&tool, json);
            }
            Ok(0)
        }
        Command::Accept { connector, tool } => {
            let app = open(config).await?;
            accept(&app, &connector, tool.as_deref(), json).await
        }
    }
}

async fn tools(app: &App, connector: &ConnectorId) -> Result<Vec<ToolInfo>, Problems> {
    let objects = app
        .parts
        .objects()
        .await
        .map_err(|error| one(error.into()))?;
    app.parts.maker.pool.replace(objects.connectors);
    app.parts
        .maker
        .pool
        .tools(connector)
        .await
        .map_err(|error| told(connector, &error))
}

/// A connector's failure as a person reads it.
pub(super) fn told(connector: &ConnectorId, error: &CallError) -> Problems {
    one(Problem::new(error.code(), error.to_string()).at(format!("connector `{connector}`")))
}

fn show(tool: &ToolInfo, json: bool) {
    if json {
        print_json(tool);
        return;
    }
    let class = match tool.class {
        Some(ToolClass::Read) => "read",
        Some(ToolClass::Action) => "action",
        None => "not callable",
    };
    let changed = match tool.pin {
        Pin::Changed { .. } => "  CHANGED: refused until it is accepted",
        Pin::FirstSeen | Pin::Accepted => "",
    };
    let description = visible(tool.description.as_deref().unwrap_or_default());
    print(&format!(
        "{:<32} {class:<13}{changed} {}",
        visible(&tool.name),
        shorten(description.trim(), DESCRIPTION_CHARACTERS)
    ));
}

async fn accept(
    app: &App,
    connector: &ConnectorId,
    tool: Option<&str>,
    json: bool,
) -> Result<u8, Problems> {
    let pins = app.parts.store.pins();
    let rows = pins
        .of(connector)
        .await
        .map_err(|error| one(error.into()))?;
    let waiting: Vec<PinRow> = rows
        .into_iter()
        .filter(|row| row.waiting.is_some() && tool.is_none_or(|tool| tool == row.tool))
        .collect();
    let mut accepted = Vec::new();
    for row in waiting {
        let Some((hash, description)) = row.waiting.clone() else {
            continue;
        };
        app.parts
            .audit
            .write(&[Entry {
                at: app.parts.clock.now(),
                act: Act::ToolAccepted,
                user: None,
                role: None,
                surface: "cli".to_owned(),
                on: format!("{connector}/{}", visible(&row.tool)),
                outcome: Outcome::Allowed,
                why: String::new(),
                detail: hash.clone(),
            }])
            .await
            .map_err(|error| one(error.into()))?;
        // Only what was waiting when the command looked: a description that changed again waits for another look.
        pins.change(connector, &row.tool, |before| {
            let before = before?;
            (before.waiting.as_ref().map(|waiting| &waiting.0) == Some(&hash)).then(|| PinRow {
                accepted: hash.clone(),
                waiting: None,
                description: description.clone(),
                tool: before.tool,
            })
        })
        .await
        .map_err(|error| one(error.into()))?;
        accepted.push(visible(&row.tool));
    }
    if json {
        print_json(&json!({ "accepted": accepted }));
    } else if accepted.is_empty() {
        print("nothing waits to be accepted");
    } else {
        print(&format!("accepted: {}", accepted.join(", ")));
    }
    Ok(0)
}
