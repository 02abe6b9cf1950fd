//! `/api/v1/proposals`: actions that wait for approval, and deciding them.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Programs, edge, refusal::Refusal, tokens::Caller};
use crate::{
    access::{Clearance, Request, decide_approval},
    act::{Approver, Desk, NotDecided, preview},
    domain::proposal::Proposal,
    ids::{ConnectorId, ProposalId, UserId},
    provision::Objects,
    store::Scope,
};

/// Proposals that are looked at for a list.
const LISTED: u32 = 100;

/// Proposals, the newest first.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ProposalList {
    pub proposals: Vec<ProposalView>,
}

/// A proposal: one exact call.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ProposalView {
    pub id: ProposalId,
    pub connector: ConnectorId,
    pub tool: String,
    /// The exact arguments.
    pub args: Map<String, Value>,
    /// The same as a person is to be shown them: what nobody would see stands by its name.
    pub preview: String,
    /// The question that it was suggested for.
    pub why: String,
    /// Who asked that.
    pub user: UserId,
    /// Sources whose texts had been read before it was suggested: what others wrote there may be behind it.
    pub after_reading: Vec<String>,
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub made: Timestamp,
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub expires: Timestamp,
    /// `open`, `rejected`, `executing`, `done`, `failed`, `unclear` or `expired`.
    pub state: &'static str,
    /// The digest of the call: who approves sends it, so that what is approved is what was shown.
    pub call: String,
    /// May the caller decide it?
    pub may_decide: bool,
}

/// An approval.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveRequest {
    /// `call` of the proposal, as it was shown.
    pub call: String,
}

fn view(proposal: Proposal, may_decide: bool) -> ProposalView {
    ProposalView {
        call: proposal.digest(),
        preview: preview(&proposal.args),
        state: proposal.state.name(),
        id: proposal.id,
        connector: proposal.connector,
        tool: proposal.tool,
        args: proposal.args,
        why: proposal.why,
        user: proposal.user,
        after_reading: proposal.after_reading,
        made: proposal.made,
        expires: proposal.expires,
        may_decide,
    }
}

fn may_decide(caller: &Caller, proposal: &Proposal, objects: &Objects) -> bool {
    let mut connectors = objects.connectors.iter();
    let connector = connectors.find(|connector| connector.id == proposal.connector);
    connector.is_some_and(|connector| {
        decide_approval(&Request {
            role: &caller.role,
            clearance: Clearance::Alone,
            connector,
            tool: &proposal.tool,
            args: &proposal.args,
            surface: caller.principal.surface,
        })
        .allowed
    })
}

fn desk(programs: &Programs) -> Desk<'_> {
    let converse = &programs.converse;
    Desk {
        store: &converse.store,
        audit: &converse.audit,
        access: &converse.access,
        pool: &converse.pool,
        clock: converse.clock.as_ref(),
    }
}

/// The caller's own proposals, and those that they may decide.
pub async fn list(
    State(programs): State<Programs>,
    caller: Caller,
) -> Result<Json<ProposalList>, Refusal> {
    caller.needs(&[Scope::Read, Scope::Approve])?;
    let objects = programs.converse.objects().await?;
    let proposals = desk(&programs).list(LISTED).await?;
    let proposals = proposals.into_iter().filter_map(|proposal| {
        let may = may_decide(&caller, &proposal, &objects);
        let own = proposal.user == caller.user.id && proposal.role == caller.role.id;
        (may || own).then(|| view(proposal, may))
    });
    Ok(Json(ProposalList {
        proposals: proposals.collect(),
    }))
}

/// Approves the exact call that was shown, and makes it once.
pub async fn approve(
    State(programs): State<Programs>,
    caller: Caller,
    Path(text): Path<String>,
    edge::Json(request): edge::Json<ApproveRequest>,
) -> Result<Json<ProposalView>, Refusal> {
    let (id, objects) = begin(&programs, &caller, text).await?;
    // A call that has begun goes on to its end, also where the one who approved it is gone.
    let decided = tokio::spawn(async move {
        let by = by(&caller);
        let desk = desk(&programs);
        desk.approve(&id, &request.call, by, &objects).await
    });
    match decided.await {
        Ok(decided) => told(decided?),
        Err(error) => Err(Refusal::ours(&error)),
    }
}

/// Refuses it.
pub async fn reject(
    State(programs): State<Programs>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<Json<ProposalView>, Refusal> {
    let (id, objects) = begin(&programs, &caller, text).await?;
    let decided = desk(&programs).reject(&id, by(&caller), &objects).await?;
    told(decided)
}

async fn begin(
    programs: &Programs,
    caller: &Caller,
    text: String,
) -> Result<(ProposalId, Arc<Objects>), Refusal> {
    caller.needs(&[Scope::Approve])?;
    let id = ProposalId::new(text).map_err(|_| Refusal::not_found("proposal"))?;
    Ok((id, programs.converse.objects().await?))
}

fn by(caller: &Caller) -> Approver<'_> {
    Approver {
        principal: &caller.principal,
        role: &caller.role,
    }
}

fn told(decided: Result<Proposal, NotDecided>) -> Result<Json<ProposalView>, Refusal> {
    let not = match decided {
        Ok(proposal) => return Ok(Json(view(proposal, true))),
        Err(not) => not,
    };
    let (status, code) = match &not {
        NotDecided::Unknown(_) => return Err(Refusal::not_found("proposal")),
        NotDecided::Over(_) => (StatusCode::CONFLICT, "decided"),
        NotDecided::Changed => (StatusCode::CONFLICT, "changed"),
        NotDecided::NotAllowed(_) => (StatusCode::FORBIDDEN, "not-allowed"),
    };
    Err(Refusal::new(status, code, not.to_string()))
}
