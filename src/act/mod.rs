//! Proposed actions: what a conversation suggests, who may approve it, and doing it once.
//!
//! A proposal is one exact call. It moves `open → executing → done | failed | unclear`, each move a write that only one
//! can win; `executing` is written before the call is made. So a call is made at most once, whoever clicks how often and
//! whatever crashes: what is found `executing` later was begun by somebody whose end nobody saw, and is told as unclear.

mod preview;
#[cfg(test)]
mod tests;

pub use preview::preview;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::{
    access::{Access, Clearance, Decision, Principal, Wanted},
    audit::{Act, Audit, Outcome, Record, ResultFacts},
    clock::Clock,
    connectors::{CallError, Connectors},
    domain::{
        connector::Connector,
        people::{Role, User},
        proposal::{Proposal, ProposalState},
    },
    error::Problem,
    guard::filter,
    ids::{ConversationId, ProposalId, UserId},
    provision::Objects,
    store::Store,
    text::{shorten, visible},
};

/// A proposal that nobody has decided by then is over.
const OPEN_FOR: SignedDuration = SignedDuration::from_hours(24);
/// A call that is not over by then has an end that nobody will see.
const EXECUTES_FOR: SignedDuration = SignedDuration::from_mins(15);
/// Characters of the question that a proposal keeps as its reason.
const WHY_CHARACTERS: usize = 300;
/// Bytes of the arguments of a proposal.
const MOST_ARGUMENT_BYTES: usize = 32 * 1024;
/// Characters of an error that is kept.
const ERROR_CHARACTERS: usize = 200;

/// Where proposals are made and decided.
#[derive(Clone, Copy)]
pub struct Desk<'a> {
    pub store: &'a Store,
    pub audit: &'a Audit,
    pub access: &'a Access,
    pub pool: &'a Connectors,
    pub clock: &'a dyn Clock,
}

/// What somebody's conversation suggests.
#[derive(Debug, Clone)]
pub struct Suggestion<'a> {
    pub principal: &'a Principal,
    pub role: &'a Role,
    pub clearance: Clearance<'a>,
    pub connector: &'a Connector,
    pub tool: &'a str,
    pub args: Map<String, Value>,
    pub why: &'a str,
    pub conversation: &'a ConversationId,
    /// Titles of the sources that had been read before.
    pub after_reading: Vec<String>,
}

/// Why a proposal was not decided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotDecided {
    #[error("there is no proposal `{0}`")]
    Unknown(String),
    /// Somebody was first, or it is over.
    #[error("the proposal is {0} already")]
    Over(&'static str),
    #[error("{}: {}", .0.rule, .0.why)]
    NotAllowed(Decision),
    /// What was shown is not what stands there.
    #[error("the proposal is another than the one that was shown")]
    Changed,
}

/// Who decides.
#[derive(Debug, Clone, Copy)]
pub struct Approver<'a> {
    pub principal: &'a Principal,
    pub role: &'a Role,
}

impl Desk<'_> {
    /// Keeps a suggestion as a proposal, if the proposer's role may propose this very call. Nothing is done.
    pub async fn propose(
        &self,
        suggestion: Suggestion<'_>,
    ) -> Result<Result<Proposal, Decision>, Problem> {
        let now = self.clock.now();
        let Some(user) = &suggestion.principal.user else {
            return Ok(Err(Decision::by_rule(
                "people",
                "a proposal needs a person",
            )));
        };
        let bytes = Value::Object(suggestion.args.clone()).to_string().len();
        if bytes > MOST_ARGUMENT_BYTES {
            return Ok(Err(Decision::by_rule(
                "proposals",
                "the arguments are too long",
            )));
        }
        if let Some(refused) = hides(suggestion.connector, suggestion.tool, &suggestion.args) {
            return Ok(Err(refused));
        }
        let call = Wanted {
            connector: suggestion.connector,
            tool: suggestion.tool,
            args: suggestion.args.clone(),
        };
        let decision = self
            .access
            .proposal(
                suggestion.principal,
                suggestion.role,
                suggestion.clearance,
                &call,
            )
            .await?;
        let id = ProposalId::new(crate::ids::fresh())
            .map_err(|error| Problem::new("internal", error.to_string()))?;
        let mut entry = suggestion.principal.entry(
            now,
            Act::Proposal,
            format!("{}/{}", suggestion.connector.id, suggestion.tool),
        );
        entry.detail = format!("proposal {id}");
        if !decision.allowed {
            entry.outcome = Outcome::Denied;
            entry.why = format!("{}: {}", decision.rule, decision.why);
        }
        let arguments = self.audit.arguments(&suggestion.args);
        self.audit
            .record(&[Record::from(entry).arguments(arguments)])
            .await?;
        if !decision.allowed {
            return Ok(Err(decision));
        }
        let proposal = Proposal {
            id,
            connector: suggestion.connector.id.clone(),
            tool: suggestion.tool.to_owned(),
            args: suggestion.args,
            why: shorten(&visible(suggestion.why), WHY_CHARACTERS),
            user: user.clone(),
            role: suggestion.role.id.clone(),
            conversation: suggestion.conversation.clone(),
            after_reading: suggestion.after_reading,
            made: now,
            expires: now.checked_add(OPEN_FOR).unwrap_or(Timestamp::MAX),
            state: ProposalState::Open,
        };
        self.store.proposals().add(&proposal).await?;
        Ok(Ok(proposal))
    }

    /// The newest proposals. One whose time is over is told as expired, one whose execution nobody finished as unclear.
    pub async fn list(&self, limit: u32) -> Result<Vec<Proposal>, Problem> {
        let now = self.clock.now();
        let proposals = self.store.proposals().newest(limit).await?;
        Ok(proposals
            .into_iter()
            .map(|proposal| as_of(proposal, now))
            .collect())
    }

    /// One proposal, as it stands now.
    pub async fn get(&self, id: &ProposalId) -> Result<Option<Proposal>, Problem> {
        let now = self.clock.now();
        let proposal = self.store.proposals().get(id).await?;
        Ok(proposal.map(|proposal| as_of(proposal, now)))
    }

    /// Refuses a proposal.
    pub async fn reject(
        &self,
        id: &ProposalId,
        approver: Approver<'_>,
        objects: &Objects,
    ) -> Result<Result<Proposal, NotDecided>, Problem> {
        let proposal = match self
            .decidable(id, None, approver, objects, Act::Rejection)
            .await?
        {
            Ok(proposal) => proposal,
            Err(not) => return Ok(Err(not)),
        };
        let state = ProposalState::Rejected {
            by: person(approver.principal)?,
            at: self.clock.now(),
        };
        if !self
            .store
            .proposals()
            .advance(&proposal, state.clone())
            .await?
        {
            return Ok(Err(self.over(id).await?));
        }
        Ok(Ok(Proposal { state, ..proposal }))
    }

    /// Approves a proposal and makes its call, once. `digest` is [`Proposal::digest`] of what the approver was shown. The
    /// call is made under the proposer's rights as they are now, and needs the approver's right to approve it.
    pub async fn approve(
        &self,
        id: &ProposalId,
        digest: &str,
        approver: Approver<'_>,
        objects: &Objects,
    ) -> Result<Result<Proposal, NotDecided>, Problem> {
        let proposal = match self
            .decidable(id, Some(digest), approver, objects, Act::Approval)
            .await?
        {
            Ok(proposal) => proposal,
            Err(not) => return Ok(Err(not)),
        };
        let (by, at) = (person(approver.principal)?, self.clock.now());
        let connectors: BTreeMap<_, _> = objects
            .connectors
            .iter()
            .map(|connector| (connector.id.clone(), connector))
            .collect();
        let (Some(connector), Some(role)) = (
            connectors.get(&proposal.connector).copied(),
            objects.roles.iter().find(|role| role.id == proposal.role),
        ) else {
            return Ok(Err(NotDecided::NotAllowed(Decision::by_rule(
                "proposals",
                "its source or its proposer's role is not there any more",
            ))));
        };
        let executing = ProposalState::Executing {
            by: by.clone(),
            role: approver.role.id.clone(),
            at,
        };
        if !self
            .store
            .proposals()
            .advance(&proposal, executing.clone())
            .await?
        {
            return Ok(Err(self.over(id).await?));
        }
        let proposal = Proposal {
            state: executing,
            ..proposal
        };
        let proposer = Principal::person(
            proposal.user.clone(),
            proposal.role.clone(),
            approver.principal.surface,
        );
        let call = Wanted {
            connector,
            tool: &proposal.tool,
            args: proposal.args.clone(),
        };
        let permit = self
            .access
            .approved(
                (&proposer, role),
                (approver.principal, approver.role),
                call,
                self.clock.now(),
            )
            .await?;
        let begun = tokio::time::Instant::now();
        let permit = match permit {
            Ok(permit) => permit,
            Err(decision) => {
                let why = format!("{}: {}", decision.rule, decision.why);
                let at = self.clock.now();
                let failed = ProposalState::Failed { by, at, why };
                self.store.proposals().advance(&proposal, failed).await?;
                return Ok(Err(NotDecided::NotAllowed(decision)));
            }
        };
        let number = permit.row();
        self.pool.replace(objects.connectors.clone());
        let outcome = self.pool.call(permit).await;
        let at = self.clock.now();
        let mut entry = approver.principal.entry(
            at,
            Act::Action,
            format!("{}/{}", proposal.connector, proposal.tool),
        );
        entry.detail = format!("proposal {id}");
        let mut facts = None;
        let state = match outcome {
            Ok(answer) => {
                entry.outcome = Outcome::Done;
                facts = Some(ResultFacts {
                    bytes: u64::try_from(answer.bytes).unwrap_or(u64::MAX),
                    sha256: answer.sha256.clone(),
                    took_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
                });
                ProposalState::Done {
                    by,
                    at,
                    answer: answer.sha256,
                }
            }
            Err(error) if certainly_not_done(&error) => {
                entry.outcome = Outcome::Failed;
                entry.why = shorten(&error.to_string(), ERROR_CHARACTERS);
                let why = entry.why.clone();
                ProposalState::Failed { by, at, why }
            }
            Err(error) => {
                entry.outcome = Outcome::Unclear;
                entry.why = shorten(&error.to_string(), ERROR_CHARACTERS);
                ProposalState::Unclear { by, at }
            }
        };
        let mut record = Record::from(entry).answers(number);
        if let Some(facts) = facts {
            record = record.result(facts);
        }
        self.audit.record(&[record]).await?;
        self.store
            .proposals()
            .advance(&proposal, state.clone())
            .await?;
        Ok(Ok(Proposal { state, ..proposal }))
    }

    /// The proposal, if it is open, is the one that was shown, and this person may decide it. What was decided about that is
    /// in the trail.
    async fn decidable(
        &self,
        id: &ProposalId,
        shown: Option<&str>,
        approver: Approver<'_>,
        objects: &Objects,
        act: Act,
    ) -> Result<Result<Proposal, NotDecided>, Problem> {
        let Some(proposal) = self.get(id).await? else {
            return Ok(Err(NotDecided::Unknown(id.to_string())));
        };
        let connector = objects
            .connectors
            .iter()
            .find(|connector| connector.id == proposal.connector);
        let decision = match connector {
            Some(connector) => {
                self.access
                    .approval(
                        approver.principal,
                        approver.role,
                        Clearance::Alone,
                        &Wanted {
                            connector,
                            tool: &proposal.tool,
                            args: proposal.args.clone(),
                        },
                    )
                    .await?
            }
            None => Decision::by_rule("proposals", "its source is not there any more"),
        };
        // The admin may have taken that back since it was proposed.
        let hides = connector
            .filter(|_| act == Act::Approval)
            .and_then(|connector| hides(connector, &proposal.tool, &proposal.args));
        let decision = hides.filter(|_| decision.allowed).unwrap_or(decision);
        let is_open = proposal.state == ProposalState::Open;
        let is_shown = shown.is_none_or(|digest| digest == proposal.digest());
        let mut entry = approver.principal.entry(
            self.clock.now(),
            act,
            format!("{}/{}", proposal.connector, proposal.tool),
        );
        entry.detail = format!("proposal {id}, call {}", proposal.digest());
        if !decision.allowed {
            entry.outcome = Outcome::Denied;
            entry.why = format!("{}: {}", decision.rule, decision.why);
        } else if !is_open {
            entry.outcome = Outcome::Denied;
            entry.why = format!("it is {} already", proposal.state.name());
        } else if !is_shown {
            entry.outcome = Outcome::Denied;
            entry.why = "it is another than the one that was shown".to_owned();
        }
        self.audit.write(&[entry]).await?;
        if !decision.allowed {
            return Ok(Err(NotDecided::NotAllowed(decision)));
        }
        if !is_open {
            return Ok(Err(NotDecided::Over(proposal.state.name())));
        }
        if !is_shown {
            return Ok(Err(NotDecided::Changed));
        }
        Ok(Ok(proposal))
    }

    async fn over(&self, id: &ProposalId) -> Result<NotDecided, Problem> {
        let state = self.get(id).await?.map_or("gone", |now| now.state.name());
        Ok(NotDecided::Over(state))
    }

    /// Who may approve a proposal now, by name.
    pub fn approvers(&self, proposal: &Proposal, objects: &Objects) -> Vec<String> {
        let Some(connector) = objects
            .connectors
            .iter()
            .find(|connector| connector.id == proposal.connector)
        else {
            return Vec::new();
        };
        let may = |user: &User| {
            objects.roles.iter().any(|role| {
                user.roles.contains(&role.id)
                    && crate::access::decide_approval(&crate::access::Request {
                        role,
                        clearance: Clearance::Alone,
                        connector,
                        tool: &proposal.tool,
                        args: &proposal.args,
                        surface: crate::access::Surface::Web,
                    })
                    .allowed
            })
        };
        objects
            .users
            .iter()
            .filter(|user| user.is_active() && may(user))
            .map(|user| user.name.clone())
            .collect()
    }
}

/// A proposal as of an instant: expired where nobody decided in time, unclear where nobody saw its call end.
fn as_of(mut proposal: Proposal, now: Timestamp) -> Proposal {
    match &proposal.state {
        ProposalState::Open if proposal.expires <= now => proposal.state = ProposalState::Expired,
        ProposalState::Executing { by, at, .. }
            if at.checked_add(EXECUTES_FOR).is_ok_and(|until| until <= now) =>
        {
            proposal.state = ProposalState::Unclear {
                by: by.clone(),
                at: *at,
            };
        }
        _ => {}
    }
    proposal
}

/// The refusal of a call whose arguments hold what a person would not see, unless the admin lets this tool have it.
fn hides(connector: &Connector, tool: &str, args: &Map<String, Value>) -> Option<Decision> {
    if connector.may_hide(tool) {
        return None;
    }
    let c = args.iter().find_map(|(key, value)| {
        filter::hidden_character(key).or_else(|| hidden_character(value))
    })?;
    let why = format!(
        "an argument holds U+{:04X}, which nobody who approves it would see; the connector's `hidden_characters` names the \
         tools that may have such characters",
        u32::from(c)
    );
    Some(Decision::by_rule("proposals", &why))
}

/// Returns a character of the arguments, keys included, that a preview would not show.
fn hidden_character(value: &Value) -> Option<char> {
    match value {
        Value::String(text) => filter::hidden_character(text),
        Value::Array(items) => items.iter().find_map(hidden_character),
        Value::Object(fields) => fields.iter().find_map(|(key, value)| {
            filter::hidden_character(key).or_else(|| hidden_character(value))
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn person(principal: &Principal) -> Result<UserId, Problem> {
    principal
        .user
        .clone()
        .ok_or_else(|| Problem::new("no-person", "an approval needs a person"))
}

/// Did the call certainly not reach the tool?
fn certainly_not_done(error: &CallError) -> bool {
    matches!(
        error,
        CallError::UnknownConnector(_)
            | CallError::NotAllowed { .. }
            | CallError::UnknownTool { .. }
            | CallError::ToolChanged { .. }
            | CallError::Busy { .. }
            | CallError::QueueFull { .. }
            | CallError::StartTimeout { .. }
            | CallError::Launch { .. }
            | CallError::Unreachable { .. }
            | CallError::BackingOff { .. }
            | CallError::Stopping
            // The tool itself said that it did not do it.
            | CallError::Refused { .. }
            | CallError::Own { .. }
    )
}
