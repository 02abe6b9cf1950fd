//! `daybrief role`: what each role may ask.

use std::path::Path;

use clap::Subcommand;

use super::{one, open, print, print_json};
use crate::{
    domain::people::{Grant, Role},
    error::{Problem, Problems},
    ids::RoleId,
    settings::shape::did_you_mean,
};

/// `role …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The roles in force.
    List,
    /// What a role may ask and what is kept from it.
    Show { role: RoleId },
}

/// Runs `role …`.
pub async fn run(command: &Command, config: &Path, json: bool) -> Result<u8, Problems> {
    let app = open(config).await?;
    let objects = app
        .parts
        .objects()
        .await
        .map_err(|error| one(error.into()))?;
    match command {
        Command::List => {
            for role in &objects.roles {
                if json {
                    print_json(role);
                } else {
                    let sources: Vec<&str> = role
                        .grants
                        .iter()
                        .map(|grant| grant.connector.as_str())
                        .collect();
                    print(&format!(
                        "{:<20} {:<20} {}",
                        role.id.as_str(),
                        role.title,
                        sources.join(", ")
                    ));
                }
            }
        }
        Command::Show { role } => {
            let role = find(&objects.roles, role).map_err(one)?;
            if json {
                print_json(role);
            } else {
                lines(role).iter().for_each(|line| print(line));
            }
        }
    }
    Ok(0)
}

/// The role of this id, or what else there is.
pub fn find<'r>(roles: &'r [Role], id: &RoleId) -> Result<&'r Role, Problem> {
    roles.iter().find(|role| role.id == *id).ok_or_else(|| {
        let known = roles.iter().map(|role| role.id.as_str());
        Problem::new("unknown-role", format!("there is no role `{id}`"))
            .advise(did_you_mean(id.as_str(), known))
    })
}

/// A role for a person to read.
fn lines(role: &Role) -> Vec<String> {
    let mut lines = vec![format!("{} ({})", role.title, role.id)];
    if !role.prompt.is_empty() {
        lines.push(format!("  {}", role.prompt));
    }
    if !role.groups.is_empty() {
        lines.push(format!("  groups: {}", role.groups.join(", ")));
    }
    if !role.surfaces.is_empty() {
        let names: Vec<&str> = role.surfaces.iter().map(|surface| surface.name()).collect();
        lines.push(format!("  used on: {}", names.join(", ")));
    }
    if role.grants.is_empty() {
        lines.push("  may ask nothing".to_owned());
    }
    for grant in &role.grants {
        lines.push(format!("  {}", grant.connector));
        lines.extend(grant_lines(grant));
    }
    lines
}

fn grant_lines(grant: &Grant) -> Vec<String> {
    let mut lines: Vec<String> = [
        ("reads", &grant.tools),
        ("proposes", &grant.actions),
        ("approves", &grant.approve),
        ("never", &grant.deny),
    ]
    .into_iter()
    .filter(|(_, patterns)| !patterns.is_empty())
    .map(|(verb, patterns)| format!("    {verb:<9} {}", patterns.join(", ")))
    .collect();
    for condition in &grant.when {
        let condition = serde_json::to_string(condition).unwrap_or_default();
        lines.push(format!("    only when {condition}"));
    }
    lines
}
