//! Asks all sources of a run at once. Each call has its own bound and its own fate: one that hangs, dies or floods
//! becomes a failure beside the others' answers, never the end of the run.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{
    access::{Access, Clearance, Ended, Permit, Principal, Wanted},
    audit::ResultFacts,
    connectors::{self, Connectors},
    domain::{
        connector::{Connector, Launch},
        finding::{GapCause, Hint},
        people::Role,
    },
    ids::ConnectorId,
};

/// One question to one source.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    pub connector: ConnectorId,
    pub tool: String,
    pub args: Map<String, Value>,
}

/// A source's answer, in memory for this run only.
#[derive(Debug, Clone)]
pub struct Answer {
    pub value: Value,
    pub as_of: Timestamp,
    /// Its size as the server gave it.
    pub bytes: usize,
}

/// Why a source gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub cause: GapCause,
    /// For the admin; holds nothing of the business.
    pub detail: String,
    /// For the admin: where it comes from and what to do, where that is known.
    pub hint: Option<Hint>,
}

impl Failure {
    fn new(cause: GapCause, detail: impl Into<String>) -> Self {
        Self {
            cause,
            detail: detail.into(),
            hint: None,
        }
    }
}

/// What happens while sources are asked, for whoever watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    Asking {
        connector: ConnectorId,
        tool: String,
    },
    Answered {
        connector: ConnectorId,
        tool: String,
        bytes: usize,
        took: Duration,
    },
    Failed {
        connector: ConnectorId,
        tool: String,
        cause: GapCause,
    },
}

/// Who asks, under which rights, and until when.
pub struct Asker<'a> {
    pub principal: &'a Principal,
    pub role: &'a Role,
    /// Who will see the answers.
    pub clearance: Clearance<'a>,
    pub access: &'a Access,
    pub connectors: &'a BTreeMap<ConnectorId, Connector>,
    /// When the permits are asked for.
    pub now: Timestamp,
    /// All answers that are not in by then are failures.
    pub within: Duration,
}

/// Asks everything at once; the outcomes stand in the order of `asks`.
pub async fn gather(
    asks: &[Ask],
    asker: &Asker<'_>,
    pool: &Connectors,
    progress: &(dyn Fn(Progress) + Sync),
) -> Vec<Result<Answer, Failure>> {
    let mut outcomes: Vec<Result<Answer, Failure>> = asks
        .iter()
        .map(|_| Err(Failure::new(GapCause::Timeout, "not asked")))
        .collect();
    let permits = permits(asks, asker).await;
    let rows: Vec<Option<u64>> = permits
        .iter()
        .map(|permit| permit.as_ref().ok().map(Permit::row))
        .collect();
    let until = tokio::time::Instant::now() + asker.within;
    let mut running: FuturesUnordered<_> = asks
        .iter()
        .zip(permits)
        .enumerate()
        .map(|(index, (ask, permit))| async move {
            progress(Progress::Asking {
                connector: ask.connector.clone(),
                tool: ask.tool.clone(),
            });
            let begun = tokio::time::Instant::now();
            let outcome = match tokio::time::timeout_at(until, one(permit, asker, ask, pool)).await
            {
                Ok(outcome) => outcome,
                Err(_) => Err(Failure::new(
                    GapCause::Timeout,
                    format!("no answer within the run's {} s", asker.within.as_secs()),
                )),
            };
            (index, ask, begun.elapsed(), outcome)
        })
        .collect();
    let mut ended = Vec::new();
    while let Some((index, ask, took, outcome)) = running.next().await {
        let (connector, tool) = (ask.connector.clone(), ask.tool.clone());
        if let Some(row) = rows.get(index).copied().flatten() {
            ended.push(ended_call(row, ask, asker.now, took, &outcome));
        }
        let outcome = outcome.map(|answer| {
            progress(Progress::Answered {
                connector: connector.clone(),
                tool: tool.clone(),
                bytes: answer.bytes,
                took,
            });
            Answer {
                value: answer.value,
                as_of: answer.as_of,
                bytes: answer.bytes,
            }
        });
        if let Err(failure) = &outcome {
            progress(Progress::Failed {
                connector,
                tool,
                cause: failure.cause,
            });
        }
        if let Some(place) = outcomes.get_mut(index) {
            *place = outcome;
        }
    }
    // Sizes and hashes are in the trail before anything is made of the answers.
    if let Err(error) = asker.access.ended(asker.principal, ended).await {
        let failure = Failure::new(
            GapCause::NotAllowed,
            format!("the audit trail cannot be written: {error}"),
        );
        outcomes.fill(Err(failure));
    }
    outcomes
}

/// The row of how a call ended.
fn ended_call(
    row: u64,
    ask: &Ask,
    begun: Timestamp,
    took: Duration,
    outcome: &Result<connectors::Answer, Failure>,
) -> Ended {
    Ended {
        row,
        on: format!("{}/{}", ask.connector, ask.tool),
        at: begun.checked_add(took).unwrap_or(begun),
        result: match outcome {
            Ok(answer) => Ok(ResultFacts {
                bytes: u64::try_from(answer.bytes).unwrap_or(u64::MAX),
                sha256: answer.sha256.clone(),
                took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            }),
            Err(failure) => Err(failure.cause.clause()),
        },
    }
}

/// A permit for each question, all asked for at once: one write into the audit trail.
async fn permits(asks: &[Ask], asker: &Asker<'_>) -> Vec<Result<Permit, Failure>> {
    let known: Vec<Option<&Connector>> = asks
        .iter()
        .map(|ask| asker.connectors.get(&ask.connector))
        .collect();
    let wanted = asks
        .iter()
        .zip(&known)
        .filter_map(|(ask, connector)| {
            Some(Wanted {
                connector: (*connector)?,
                tool: &ask.tool,
                args: ask.args.clone(),
            })
        })
        .collect();
    let decided = asker
        .access
        .permits(
            asker.principal,
            asker.role,
            asker.clearance,
            wanted,
            asker.now,
        )
        .await;
    let mut decided = match decided {
        Ok(decided) => decided.into_iter(),
        Err(error) => {
            let failure = Failure::new(
                GapCause::NotAllowed,
                format!("the audit trail cannot be written: {error}"),
            );
            return asks.iter().map(|_| Err(failure.clone())).collect();
        }
    };
    asks.iter()
        .zip(known)
        .map(|(ask, connector)| {
            let decision = connector.and_then(|_| decided.next());
            match decision {
                Some(Ok(permit)) => Ok(permit),
                Some(Err(denied)) => Err(Failure::new(
                    GapCause::NotAllowed,
                    format!("{}: {}", denied.rule, denied.why),
                )),
                None => Err(Failure::new(
                    GapCause::Unreachable,
                    format!("there is no connector `{}`", ask.connector),
                )),
            }
        })
        .collect()
}

async fn one(
    permit: Result<Permit, Failure>,
    asker: &Asker<'_>,
    ask: &Ask,
    pool: &Connectors,
) -> Result<connectors::Answer, Failure> {
    let is_process = asker
        .connectors
        .get(&ask.connector)
        .is_some_and(|connector| matches!(connector.launch, Launch::Process { .. }));
    pool.call(permit?).await.map_err(|error| Failure {
        cause: error.cause(),
        detail: error.why(),
        hint: error.hint(is_process),
    })
}
