//! What a briefing asks, and what became of it: one way for briefs and for whoever looks before they are due.

use std::{collections::BTreeMap, time::Duration};

use super::Maker;
use crate::{
    access::{Clearance, Principal, Surface},
    domain::{brief::Source, briefing::Briefing, connector::Connector, people::Role},
    error::Problem,
    gather::{self, Ask, Asker, Progress},
    ids::ConnectorId,
    signals::{self, Context, Outcome, Planned},
};

/// All sources of a run together have so long.
const GATHER_WITHIN: Duration = Duration::from_secs(120);

/// The calls of a briefing with their outcomes; in memory only.
pub(super) struct Asked {
    pub(super) principal: Principal,
    pub(super) connectors: BTreeMap<ConnectorId, Connector>,
    planned: Vec<Planned>,
    outcomes: Vec<Result<gather::Answer, gather::Failure>>,
}

impl Maker {
    /// Asks all that a briefing needs, under a role, each call with its permit.
    pub(super) async fn ask(
        &self,
        briefing: &Briefing,
        context: &Context<'_>,
        role: &Role,
        connectors: BTreeMap<ConnectorId, Connector>,
        surface: Surface,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Asked, Problem> {
        let planned = signals::queries(briefing, context).map_err(|problem| {
            Problem::new("bad-rule", problem.to_string()).at(format!("briefing `{}`", briefing.id))
        })?;
        let asks: Vec<Ask> = planned
            .iter()
            .map(|call| Ask {
                connector: call.connector.clone(),
                tool: call.tool.clone(),
                args: call.args.clone(),
            })
            .collect();
        let principal = Principal::nobody(role.id.clone(), surface);
        let asker = Asker {
            principal: &principal,
            role,
            // A brief is made for the role of its readers or for the role that clears their place.
            clearance: Clearance::Alone,
            access: &self.access,
            connectors: &connectors,
            now: self.clock.now(),
            within: GATHER_WITHIN,
        };
        let outcomes = gather::gather(&asks, &asker, &self.pool, progress).await;
        Ok(Asked {
            principal,
            connectors,
            planned,
            outcomes,
        })
    }
}

impl Asked {
    /// What became of a call.
    pub(super) fn outcome(&self, call: &Planned) -> Option<Outcome<'_>> {
        let at = self.planned.iter().position(|planned| planned == call)?;
        Some(match self.outcomes.get(at)? {
            Ok(answer) => Outcome::Answered {
                value: &answer.value,
                as_of: answer.as_of,
            },
            Err(failure) => Outcome::Failed {
                cause: failure.cause,
                detail: &failure.detail,
                hint: failure.hint.as_ref(),
            },
        })
    }

    /// Each source once, with when it answered last.
    pub(super) fn sources(&self) -> Vec<Source> {
        let mut sources: Vec<Source> = Vec::new();
        for (call, outcome) in self.planned.iter().zip(&self.outcomes) {
            let as_of = outcome.as_ref().ok().map(|answer| answer.as_of);
            match sources
                .iter_mut()
                .find(|source| source.connector == call.connector)
            {
                Some(source) => source.as_of = source.as_of.max(as_of),
                None => sources.push(Source {
                    connector: call.connector.clone(),
                    title: self.connectors.get(&call.connector).map_or_else(
                        || call.connector.to_string(),
                        |connector| connector.title.clone(),
                    ),
                    as_of,
                }),
            }
        }
        sources
    }
}
