//! Asks all sources of a run at once. Each call has its own bound and its own fate: one that hangs, dies or floods
//! becomes a failure beside the others' answers, never the end of the run.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{
    access::{Access, CallResult, Clearance, Permit, Principal, Wanted},
    audit::ResultFacts,
    connectors::Connectors,
    domain::{connector::Connector, finding::GapCause, people::Role},
    ids::ConnectorId,
    store::StoreError,
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
        .map(|_| {
            Err(Failure {
                cause: GapCause::Timeout,
                detail: "not asked".to_owned(),
            })
        })
        .collect();
    let permits = permits(asks, asker).await;
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
            let row = permit.as_ref().ok().map(Permit::row);
            let outcome = match tokio::time::timeout_at(until, one(permit, pool)).await {
                Ok(outcome) => outcome,
                Err(_) => Err(Failure {
                    cause: GapCause::Timeout,
                    detail: format!("no answer within the run's {} s", asker.within.as_secs()),
                }),
            };
            (index, ask, row, begun.elapsed(), outcome)
        })
        .collect();
    let mut results = Vec::new();
    while let Some((index, ask, row, took, outcome)) = running.next().await {
        let (connector, tool) = (ask.connector.clone(), ask.tool.clone());
        if let Some(row) = row {
            results.push(CallResult {
                row,
                on: format!("{connector}/{tool}"),
                outcome: match &outcome {
                    Ok((answer, sha256)) => Ok(ResultFacts {
                        bytes: u64::try_from(answer.bytes).unwrap_or(u64::MAX),
                        sha256: sha256.clone(),
                        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                    }),
                    Err(failure) => Err(failure.cause.clause().to_owned()),
                },
            });
        }
        let outcome = outcome.map(|(answer, _)| {
            progress(Progress::Answered {
                connector: connector.clone(),
                tool: tool.clone(),
                bytes: answer.bytes,
                took,
            });
            answer
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
    drop(running);
    // What nobody can account for nobody sees.
    if let Err(error) = asker
        .access
        .results(asker.principal, results, asker.now)
        .await
    {
        let failure = unaudited(&error);
        return asks.iter().map(|_| Err(failure.clone())).collect();
    }
    outcomes
}

fn unaudited(error: &StoreError) -> Failure {
    Failure {
        cause: GapCause::NotAllowed,
        detail: format!("the audit trail cannot be written: {error}"),
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
            let failure = unaudited(&error);
            return asks.iter().map(|_| Err(failure.clone())).collect();
        }
    };
    asks.iter()
        .zip(known)
        .map(|(ask, connector)| {
            let decision = connector.and_then(|_| decided.next());
            match decision {
                Some(Ok(permit)) => Ok(permit),
                Some(Err(denied)) => Err(Failure {
                    cause: GapCause::NotAllowed,
                    detail: format!("{}: {}", denied.rule, denied.why),
                }),
                None => Err(Failure {
                    cause: GapCause::Unreachable,
                    detail: format!("there is no connector `{}`", ask.connector),
                }),
            }
        })
        .collect()
}

/// One answer with the sum over it.
async fn one(
    permit: Result<Permit, Failure>,
    pool: &Connectors,
) -> Result<(Answer, String), Failure> {
    match pool.call(permit?).await {
        Ok(answer) => Ok((
            Answer {
                value: answer.value,
                as_of: answer.as_of,
                bytes: answer.bytes,
            },
            answer.sha256,
        )),
        Err(error) => Err(Failure {
            cause: error.cause(),
            detail: error.to_string(),
        }),
    }
}
