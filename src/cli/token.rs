//! `daybrief token`: tokens with which other programs ask.

use std::path::Path;

use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde_json::json;

use super::{no_role, one, open, print, print_json, print_json_list, to_stderr, unknown};
use crate::{
    access::{Surface, effective_role},
    api::tokens,
    app::App,
    error::{Problem, Problems},
    ids::{RoleId, TokenId, UserId},
    store::{Scope, Token},
};

/// The longest name, in characters.
const LONGEST_NAME: usize = 80;

/// `token …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Makes a token and prints it, once: it is kept nowhere.
    Create(Create),
    /// Every token, without its text.
    List,
    /// From now on the token opens nothing; what runs with it ends.
    Revoke { token: TokenId },
}

/// `token create …`
#[derive(Debug, Args)]
pub struct Create {
    /// As whom the program asks.
    #[arg(long)]
    user: UserId,
    /// Under which of their roles; their first without it.
    #[arg(long)]
    role: Option<RoleId>,
    /// What it may do: `ask`, `read`, `approve`.
    #[arg(long, required = true)]
    scope: Vec<Scope>,
    /// What it is for.
    #[arg(long, default_value = "")]
    name: String,
    /// It opens nothing any more after so many days; without it, once it is revoked.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3650))]
    expires: Option<u32>,
}

/// Runs `token …`.
pub async fn run(command: Command, config: &Path, json: bool) -> Result<u8, Problems> {
    let app = open(config).await?;
    match command {
        Command::Create(command) => create(&app, command, json).await?,
        Command::List => list(&app, json).await?,
        Command::Revoke { token } => {
            let (parts, now) = (&app.parts, app.parts.clock.now());
            let revoked = tokens::revoke(&parts.store, &parts.audit, &token, "cli", now);
            if !revoked.await.map_err(one)? {
                return Err(one(Problem::new(
                    "unknown-token",
                    format!("there is no token `{token}`"),
                )
                .advise("`daybrief token list` names them")));
            }
            if json {
                print_json(&json!({ "id": token, "state": "revoked" }));
            } else {
                print(&format!("{token} is revoked: its next request fails"));
            }
        }
    }
    Ok(0)
}

async fn create(app: &App, command: Create, json: bool) -> Result<(), Problems> {
    if command.name.chars().count() > LONGEST_NAME {
        let what = format!("the name is longer than {LONGEST_NAME} characters");
        return Err(one(Problem::new("too-long", what)));
    }
    let objects = app.parts.objects().await;
    let objects = objects.map_err(|error| one(error.into()))?;
    let user = objects
        .users
        .iter()
        .find(|user| user.id == command.user)
        .ok_or_else(|| {
            let known = objects.users.iter().map(|user| user.id.as_str());
            one(unknown("user", command.user.as_str(), known))
        })?;
    let role = |surface| {
        let chosen = command.role.as_ref();
        effective_role(user, &objects.roles, chosen, &[], surface)
    };
    let role = role(Surface::Api)
        .or_else(|error| role(Surface::Mcp).map_err(|_| error))
        .map_err(|error| no_role(user, &objects.roles, command.role.as_ref(), &error))?;
    let mut scopes = command.scope;
    scopes.sort_unstable();
    scopes.dedup();
    let wanted = tokens::Wanted {
        user: user.id.clone(),
        role,
        scopes,
        name: command.name,
        days: command.expires,
    };
    let parts = &app.parts;
    let (token, text) = tokens::make(&parts.store, &parts.audit, wanted, "cli", parts.clock.now())
        .await
        .map_err(one)?;
    let text = text.expose_secret();
    if json {
        print_json(&json!({
            "id": token.id, "token": text, "user": token.user, "role": token.role,
            "scopes": token.scopes, "expires": token.expires,
        }));
    } else {
        print(text);
        to_stderr(&format!(
            "This is shown once. Revoke it with  daybrief token revoke {}",
            token.id
        ));
    }
    Ok(())
}

async fn list(app: &App, json: bool) -> Result<(), Problems> {
    let now = app.parts.clock.now();
    let all = app.parts.store.tokens().all().await;
    let all = all.map_err(|error| one(error.into()))?;
    if json {
        print_json_list(&all);
        return Ok(());
    }
    for token in all {
        let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.name()).collect();
        print(&format!(
            "{}  {:<10} {:<16} {:<18} {:<20} {}",
            token.id,
            state(&token, now),
            token.user.as_str(),
            token.role.as_str(),
            scopes.join(","),
            token.name,
        ));
    }
    Ok(())
}

fn state(token: &Token, now: jiff::Timestamp) -> String {
    match (token.revoked, token.expires) {
        (Some(_), _) => "revoked".to_owned(),
        (None, Some(expires)) if expires <= now => "expired".to_owned(),
        (None, Some(expires)) => expires.strftime("%Y-%m-%d").to_string(),
        (None, None) => "active".to_owned(),
    }
}
