//! `daybrief connector call`: one call of a reading tool, with the answer as it came and as signals see it.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{connector, one, print, print_json, role};
use crate::{
    access::{self, Clearance, Ended, Principal, Surface, Wanted},
    app::App,
    audit::ResultFacts,
    connectors::CallError,
    domain::{
        connector::{Connector, ToolClass},
        finding::Hint,
        people::Role,
    },
    error::{Problem, Problems},
    ids::{ConnectorId, RoleId, UserId},
    provision::Objects,
    settings::shape::did_you_mean,
    text::visible_lines,
};

/// The exit code of a call that no right allows.
const DENIED: u8 = 4;
/// The exit code of a call that the source did not answer.
const UNANSWERED: u8 = 3;
/// The role of whoever sits at this machine and names nobody: all reading tools of the one connector.
const OPERATOR: &str = "connector-call";

/// `connector call …`
#[derive(Debug, Args)]
pub struct Call {
    connector: ConnectorId,
    tool: String,
    /// The arguments of the call, a JSON object.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    args: String,
    /// As this person, under the first of their roles or --role.
    #[arg(long, conflicts_with = "objects")]
    user: Option<UserId>,
    /// Under this role's rights. Without a person or a role, all reading tools of the connector may be called.
    #[arg(long)]
    role: Option<RoleId>,
    /// Folder with objects in TOML over the shipped ones, instead of those in force.
    #[arg(long, value_name = "DIR")]
    objects: Option<PathBuf>,
}

/// What became of the call, for machines.
#[derive(Serialize)]
struct Outcome<'a> {
    connector: &'a ConnectorId,
    tool: &'a str,
    args: &'a Map<String, Value>,
    /// The result as the server gave it; nothing where it gave none.
    came: Option<Value>,
    /// `result` of a signal; nothing where the answer is a refusal.
    seen: Option<Value>,
    refused: Option<Refused>,
    bytes: Option<usize>,
    sha256: Option<String>,
    took_ms: u64,
}

#[derive(Serialize)]
struct Refused {
    code: &'static str,
    what: String,
    /// What a brief says of it.
    cause: &'static str,
    /// Where it comes from and what to do, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<Hint>,
}

/// Makes the call. Exit code 3 where the source did not answer or refused, 4 where no right allows it.
pub async fn run(command: Call, config: &Path, json: bool) -> Result<u8, Problems> {
    let args: Map<String, Value> = serde_json::from_str(&command.args).map_err(|error| {
        one(
            Problem::new("bad-args", format!("is no JSON object: {error}"))
                .at("--args")
                .advise("write them as '{\"name\": \"value\"}'"),
        )
    })?;
    let (app, objects) = connector::instance(config, command.objects.as_deref()).await?;
    let outcome = call(&app, &objects, &command, &args, json).await;
    app.shutdown().await;
    outcome
}

async fn call(
    app: &App,
    objects: &Objects,
    command: &Call,
    args: &Map<String, Value>,
    json: bool,
) -> Result<u8, Problems> {
    let connector = connector::find(&objects.connectors, &command.connector).map_err(one)?;
    let (principal, role) = acting(objects, command, connector).map_err(one)?;
    app.parts.maker.pool.replace(objects.connectors.clone());
    let parts = &app.parts;
    let began = parts.clock.now();
    let wanted = Wanted {
        connector,
        tool: &command.tool,
        args: args.clone(),
    };
    let decided = parts
        .maker
        .access
        .permits(&principal, &role, Clearance::Alone, vec![wanted], began)
        .await
        .map_err(|error| one(error.into()))?;
    let permit = match decided.into_iter().next() {
        Some(Ok(permit)) => permit,
        Some(Err(denied)) => {
            let problem = Problem::new("denied", denied.why).at(denied.rule);
            match json {
                true => print_json(&one(problem)),
                false => super::to_stderr(&problem.to_string()),
            }
            return Ok(DENIED);
        }
        None => return Err(one(Problem::new("internal", "nothing was decided"))),
    };
    if permit.class() == ToolClass::Action {
        return Err(one(Problem::new(
            "action",
            format!("`{}` changes something", command.tool),
        )
        .at(format!("connector `{}`", connector.id))
        .advise(
            "only reading tools are called so; an action is proposed and approved",
        )));
    }
    let row = permit.row();
    let watch = std::time::Instant::now();
    let told = parts.maker.pool.told(permit).await;
    let took = watch.elapsed();
    let (came, seen) = match told {
        Ok(told) => (Some(told.result.clone()), told.seen()),
        Err(error) => (None, Err(error)),
    };
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    // How it ended is in the trail before anybody sees what came.
    let ended = Ended {
        row,
        on: format!("{}/{}", connector.id, command.tool),
        at: began.checked_add(took).unwrap_or(began),
        result: match &seen {
            Ok(answer) => Ok(ResultFacts {
                bytes: u64::try_from(answer.bytes).unwrap_or(u64::MAX),
                sha256: answer.sha256.clone(),
                took_ms,
            }),
            Err(error) => Err(error.cause().clause()),
        },
    };
    parts
        .maker
        .access
        .ended(&principal, vec![ended])
        .await
        .map_err(|error| one(error.into()))?;
    let code = match &seen {
        Ok(_) => 0,
        Err(_) => UNANSWERED,
    };
    let outcome = Outcome {
        connector: &connector.id,
        tool: &command.tool,
        args,
        came,
        refused: seen
            .as_ref()
            .err()
            .map(|error| refused(error, connector::is_process(connector))),
        bytes: seen.as_ref().ok().map(|answer| answer.bytes),
        sha256: seen.as_ref().ok().map(|answer| answer.sha256.clone()),
        seen: seen.ok().map(|answer| answer.value),
        took_ms,
    };
    match json {
        true => print_json(&outcome),
        false => show(&outcome),
    }
    Ok(code)
}

fn refused(error: &CallError, is_process: bool) -> Refused {
    Refused {
        code: error.code(),
        what: error.to_string(),
        cause: error.cause().clause(),
        hint: error.hint(is_process),
    }
}

fn show(outcome: &Outcome<'_>) {
    let text = |value: &Value| {
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        visible_lines(&text)
    };
    if let Some(came) = &outcome.came {
        print("as it came:");
        print(&text(came));
    }
    if let Some(seen) = &outcome.seen {
        print("as signals see it, `result`:");
        print(&text(seen));
    }
    if let Some(refused) = &outcome.refused {
        let hint = refused.hint.clone().unwrap_or_default();
        let place = hint
            .place
            .map_or(String::new(), |place| format!("{place}: "));
        print(&format!("no answer: {place}{}", refused.what));
        if let Some(advice) = hint.advice {
            print(&format!("  → {advice}"));
        }
    }
}

/// Who calls, and under which role.
fn acting(
    objects: &Objects,
    command: &Call,
    connector: &Connector,
) -> Result<(Principal, Role), Problem> {
    let surface = Surface::CommandLine;
    if let Some(id) = &command.user {
        let user = objects.users.iter().find(|user| user.id == *id);
        let user = user.ok_or_else(|| {
            let known = objects.users.iter().map(|user| user.id.as_str());
            Problem::new("unknown-user", format!("there is no user `{id}`"))
                .advise(did_you_mean(id.as_str(), known))
        })?;
        let role =
            access::effective_role(user, &objects.roles, command.role.as_ref(), &[], surface)
                .map_err(|error| Problem::new("no-role", error.to_string()))?;
        let role = role::find(&objects.roles, &role)?;
        let principal = Principal::person(user.id.clone(), role.id.clone(), surface);
        return Ok((principal, role.clone()));
    }
    let role = match &command.role {
        Some(id) => role::find(&objects.roles, id)?.clone(),
        None => operator(connector)?,
    };
    Ok((Principal::nobody(role.id.clone(), surface), role))
}

/// The role of whoever names none.
fn operator(connector: &Connector) -> Result<Role, Problem> {
    if connector.tools.is_empty() {
        return Err(Problem::new("no-tools", "no tool of it may be called yet")
            .at(format!("connector `{}`", connector.id))
            .advise("name the tool in its `tools`, such as { \"get_*\" = \"read\" }"));
    }
    toml::from_str(&format!(
        "id = '{OPERATOR}'\ntitle = '{OPERATOR}'\n[[grants]]\nconnector = '{}'\ntools = ['*']",
        connector.id
    ))
    .map_err(|error| Problem::new("internal", error.to_string()))
}
