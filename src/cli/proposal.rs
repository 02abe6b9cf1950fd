//! `daybrief proposal`: actions that wait for approval.

use std::path::Path;

use clap::Subcommand;

use super::{confirmed, one, open, print, print_json, print_json_list};
use crate::{
    access::{self, Principal, Surface},
    act::{Approver, Desk, NotDecided, preview},
    app::App,
    domain::{people::Role, proposal::Proposal},
    error::{Problem, Problems},
    ids::{ProposalId, RoleId, UserId},
    provision::Objects,
};

/// Proposals that a list shows.
const LISTED: u32 = 100;
/// Exit code where the person may not decide it.
const DENIED: u8 = 4;

/// `proposal …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The newest proposals.
    List,
    /// The exact call, who suggested it after what, and who may approve it.
    Show { proposal: ProposalId },
    /// Approves the exact call that is shown, and makes it once.
    Approve {
        proposal: ProposalId,
        /// Who approves.
        #[arg(long = "as")]
        user: UserId,
        /// Under which of their roles.
        #[arg(long)]
        role: Option<RoleId>,
        /// Approves without asking again.
        #[arg(long)]
        yes: bool,
    },
    /// Refuses it.
    Reject {
        proposal: ProposalId,
        #[arg(long = "as")]
        user: UserId,
        #[arg(long)]
        role: Option<RoleId>,
    },
}

/// Runs `proposal …`. Exit code 4 where the person may not decide it.
pub async fn run(command: Command, config: &Path, json: bool) -> Result<u8, Problems> {
    let app = open(config).await?;
    let code = decide(&app, command, json).await;
    app.shutdown().await;
    code
}

async fn decide(app: &App, command: Command, json: bool) -> Result<u8, Problems> {
    let objects = app
        .parts
        .objects()
        .await
        .map_err(|error| one(error.into()))?;
    let desk = Desk {
        store: &app.parts.store,
        audit: &app.parts.audit,
        access: &app.parts.maker.access,
        pool: &app.parts.maker.pool,
        clock: app.parts.clock.as_ref(),
    };
    match command {
        Command::List => {
            let proposals = desk.list(LISTED).await.map_err(one)?;
            if json {
                print_json_list(&proposals);
                return Ok(0);
            }
            for proposal in &proposals {
                print(&format!(
                    "{}  {:<9}  {}/{}  by {}, {}",
                    proposal.id,
                    proposal.state.name(),
                    proposal.connector,
                    proposal.tool,
                    proposal.user,
                    proposal.made.strftime("%Y-%m-%d %H:%M UTC"),
                ));
            }
            if proposals.is_empty() {
                print("nothing is proposed");
            }
            Ok(0)
        }
        Command::Show { proposal } => {
            let proposal = find(&desk, &proposal).await?;
            show(&desk, &proposal, &objects, json);
            Ok(0)
        }
        Command::Approve {
            proposal,
            user,
            role,
            yes,
        } => {
            let (principal, role) = approver(&objects, &user, role.as_ref())?;
            let shown = find(&desk, &proposal).await?;
            if !json {
                show(&desk, &shown, &objects, false);
            }
            if !yes && !confirmed("Make exactly this call?") {
                return Err(one(Problem::new("not-approved", "nobody said yes")
                    .advise("run it at a terminal, or with --yes")));
            }
            let by = Approver {
                principal: &principal,
                role: &role,
            };
            let decided = desk
                .approve(&proposal, &shown.digest(), by, &objects)
                .await
                .map_err(one)?;
            told(decided, json)
        }
        Command::Reject {
            proposal,
            user,
            role,
        } => {
            let (principal, role) = approver(&objects, &user, role.as_ref())?;
            let by = Approver {
                principal: &principal,
                role: &role,
            };
            let decided = desk.reject(&proposal, by, &objects).await.map_err(one)?;
            told(decided, json)
        }
    }
}

async fn find(desk: &Desk<'_>, id: &ProposalId) -> Result<Proposal, Problems> {
    desk.get(id).await.map_err(one)?.ok_or_else(|| {
        one(
            Problem::new("unknown-proposal", format!("there is no proposal `{id}`"))
                .advise("`daybrief proposal list` names them"),
        )
    })
}

fn approver(
    objects: &Objects,
    id: &UserId,
    role: Option<&RoleId>,
) -> Result<(Principal, Role), Problems> {
    let user = objects
        .users
        .iter()
        .find(|user| user.id == *id)
        .ok_or_else(|| {
            let known = objects.users.iter().map(|user| user.id.as_str());
            one(
                Problem::new("unknown-user", format!("there is no user `{id}`"))
                    .advise(crate::settings::shape::did_you_mean(id.as_str(), known)),
            )
        })?;
    let surface = Surface::CommandLine;
    let role = access::effective_role(user, &objects.roles, role, &[], surface)
        .map_err(|error| one(Problem::new("no-role", error.to_string())))?;
    let known = objects.roles.iter().find(|known| known.id == role);
    let known = known.cloned().ok_or_else(|| {
        one(Problem::new(
            "no-role",
            format!("there is no role `{role}`"),
        ))
    })?;
    Ok((Principal::person(user.id.clone(), role, surface), known))
}

fn show(desk: &Desk<'_>, proposal: &Proposal, objects: &Objects, json: bool) {
    let approvers = desk.approvers(proposal, objects);
    if json {
        print_json(&serde_json::json!({
            "proposal": proposal, "preview": preview(&proposal.args), "call": proposal.digest(), "approvers": approvers,
        }));
        return;
    }
    let source = objects
        .connectors
        .iter()
        .find(|connector| connector.id == proposal.connector)
        .map_or(proposal.connector.as_str(), |connector| &connector.title);
    print(&format!("{} in {source}", proposal.tool));
    print(&preview(&proposal.args));
    print(&format!("asked: {}", proposal.why));
    if !proposal.after_reading.is_empty() {
        print(&format!(
            "It was suggested after texts from {} had been read; what others wrote there may be behind it.",
            proposal.after_reading.join(", ")
        ));
    }
    print(&format!(
        "suggested by {} as {}, {} until {}",
        proposal.user,
        proposal.role,
        proposal.state.name(),
        proposal.expires.strftime("%Y-%m-%d %H:%M UTC"),
    ));
    let who = if approvers.is_empty() {
        "nobody: give a role `approve` for this tool".to_owned()
    } else {
        approvers.join(", ")
    };
    print(&format!("may be approved by {who}"));
}

fn told(decided: Result<Proposal, NotDecided>, json: bool) -> Result<u8, Problems> {
    match decided {
        Ok(proposal) => {
            if json {
                print_json(&proposal);
            } else {
                print(&format!("{} is {}", proposal.id, proposal.state.name()));
            }
            Ok(0)
        }
        Err(not @ NotDecided::NotAllowed(_)) => {
            if json {
                print_json(&serde_json::json!({ "allowed": false, "why": not.to_string() }));
            } else {
                super::to_stderr(&not.to_string());
            }
            Ok(DENIED)
        }
        Err(not) => Err(one(Problem::new("not-decided", not.to_string()))),
    }
}
