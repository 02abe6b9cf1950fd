//! `daybrief access`: what is allowed, and by which rule.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::{one, open, print, print_json, role, unknown};
use crate::{
    access::{self, Decision, Request, Standing, Surface},
    domain::{connector::Connector, people::Role},
    error::{Problem, Problems},
    ids::{ConnectorId, RoleId, UserId},
    provision::{self, Objects},
};

/// The exit code of a call that is denied.
const DENIED: u8 = 4;

/// `access …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Says whether a call would be allowed, and by which rule. Exit code 4 where it is denied. Calls nothing.
    Explain(Explain),
}

/// `access explain …`
#[derive(Debug, Args)]
pub struct Explain {
    /// A person; with the first role that they may use here, or with --role if it is theirs.
    #[arg(long, required_unless_present = "role")]
    user: Option<UserId>,
    #[arg(long)]
    role: Option<RoleId>,
    /// The tool, or `CONNECTOR/TOOL` where several connectors have one of that name.
    #[arg(long)]
    tool: String,
    /// The arguments of the call.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    args: String,
    /// Where it is asked: schedule, cli, web, slack, teams, discord, email, api, mcp.
    #[arg(long, default_value = "cli")]
    surface: Surface,
    /// The shared channel in which the answer would be seen; without it the asker alone sees it.
    #[arg(long)]
    channel: Option<String>,
    /// Folder with objects in TOML over the shipped ones, instead of those in force.
    #[arg(long, value_name = "DIR")]
    objects: Option<PathBuf>,
}

/// Runs `access …`.
pub async fn run(command: &Command, config: &Path, json: bool) -> Result<u8, Problems> {
    let Command::Explain(explain) = command;
    let objects = match &explain.objects {
        Some(folder) => provision::read(std::slice::from_ref(folder))?.over(provision::shipped()?),
        None => open(config)
            .await?
            .parts
            .objects()
            .await
            .map_err(|error| one(error.into()))?,
    };
    let decision = decide(explain, &objects).map_err(one)?;
    if json {
        print_json(&json!({
            "allowed": decision.allowed,
            "rule": decision.rule,
            "why": decision.why,
            "only_alone": decision.only_alone,
        }));
    } else {
        let verdict = match (decision.allowed, decision.only_alone, decision.standing) {
            (true, ..) => "allowed",
            (_, true, _) => "denied here, allowed to the asker alone",
            (.., Standing::Revoked) => "denied to this person",
            _ => "denied",
        };
        print(&format!("{verdict}: {} ({})", decision.why, decision.rule));
    }
    Ok(if decision.allowed { 0 } else { DENIED })
}

/// The decision about the call that is described.
fn decide(explain: &Explain, objects: &Objects) -> Result<Decision, Problem> {
    let args: Map<String, Value> = serde_json::from_str(&explain.args).map_err(|_| {
        Problem::new("bad-args", "the arguments are no JSON object")
            .at("--args")
            .advise("write them as '{\"name\": \"value\"}'")
    })?;
    if explain.channel.is_some() && explain.surface == Surface::CommandLine {
        return Err(
            Problem::new("usage", "a channel is one of a surface that people share")
                .at("--channel")
                .advise("name it with --surface: slack, teams, discord or email"),
        );
    }
    let role = match acting(explain, objects)? {
        Ok(role) => role,
        Err(refused) => return Ok(refused),
    };
    let (connector, tool) = match called(&explain.tool, &objects.connectors)? {
        Ok(found) => found,
        Err(refused) => return Ok(refused),
    };
    Ok(access::decide(&Request {
        role,
        clearance: access::clearance(
            explain.surface,
            explain.channel.as_deref(),
            &objects.places,
            &objects.roles,
        ),
        connector,
        tool,
        args: &args,
        surface: explain.surface,
    }))
}

/// The role that acts, or why the person may not act at all.
fn acting<'o>(
    explain: &Explain,
    objects: &'o Objects,
) -> Result<Result<&'o Role, Decision>, Problem> {
    let chosen = explain.role.as_ref();
    let known = chosen
        .map(|id| role::find(&objects.roles, id))
        .transpose()?;
    let Some(id) = &explain.user else {
        return known
            .map(Ok)
            .ok_or_else(|| Problem::new("usage", "name a user or a role"));
    };
    let Some(user) = objects.users.iter().find(|user| user.id == *id) else {
        let known = objects.users.iter().map(|user| user.id.as_str());
        return Err(unknown("user", id.as_str(), known));
    };
    match access::effective_role(user, &objects.roles, chosen, &[], explain.surface) {
        Ok(id) => role::find(&objects.roles, &id).map(Ok),
        Err(none) => Ok(Err(refused(
            &format!("user {id}"),
            &none.to_string(),
            Standing::Revoked,
        ))),
    }
}

/// The connector and the tool that are meant. A tool that no connector names is denied, not a slip of the pen.
fn called<'o, 't>(
    tool: &'t str,
    connectors: &'o [Connector],
) -> Result<Result<(&'o Connector, &'t str), Decision>, Problem> {
    if let Some((id, name)) = tool.split_once('/')
        && ConnectorId::new(id).is_ok()
    {
        let connector = connectors.iter().find(|known| known.id.as_str() == id);
        return Ok(connector.map(|connector| (connector, name)).ok_or_else(|| {
            refused(
                "connectors",
                &format!("there is no connector `{id}`"),
                Standing::Current,
            )
        }));
    }
    let naming: Vec<&Connector> = connectors
        .iter()
        .filter(|connector| connector.class_of(tool).is_some())
        .collect();
    match naming.as_slice() {
        [only] => Ok(Ok((only, tool))),
        [] => Ok(Err(refused(
            "connectors",
            &format!("no pattern in any connector's `tools` names `{tool}`"),
            Standing::Current,
        ))),
        several => {
            let names: Vec<String> = several
                .iter()
                .map(|connector| format!("{}/{tool}", connector.id))
                .collect();
            Err(Problem::new(
                "ambiguous-tool",
                format!("several connectors have a tool `{tool}`"),
            )
            .at("--tool")
            .advise(format!("write one of {}", names.join(", "))))
        }
    }
}

fn refused(rule: &str, why: &str, standing: Standing) -> Decision {
    Decision {
        allowed: false,
        rule: rule.to_owned(),
        why: why.to_owned(),
        only_alone: false,
        standing,
    }
}
