//! The composition root: builds the parts and hands each only what it needs.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use jiff::{Timestamp, tz::TimeZone};
use secrecy::SecretString;
use serde::Serialize;

use crate::{
    access::{Principal, Surface},
    clock::{Clock, SystemClock},
    compose::{self, Inputs},
    connectors::{Connectors, MemoryPins, SecretSource, SecretUnavailable},
    domain::{
        brief::{Brief, Source},
        briefing::Briefing,
        calendar::Calendar,
        connector::Connector,
        finding::{Finding, Gap, Mark, Reader},
        people::Role,
    },
    error::Problem,
    gather::{self, Ask, Asker, Progress},
    guard::{Cleared, Guard},
    ids::{ConnectorId, RunId, derived},
    provision::Objects,
    secrets::SecretRef,
    signals::{self, Context, Outcome},
    text::Language,
};

/// All sources of a run together have so long.
const GATHER_WITHIN: Duration = Duration::from_secs(120);

/// Secrets from the environment and from files.
struct LocalSecrets;

#[async_trait]
impl SecretSource for LocalSecrets {
    async fn secret(&self, reference: &SecretRef) -> Result<SecretString, SecretUnavailable> {
        let unavailable = |why: &str| SecretUnavailable(format!("the secret `{reference}` {why}"));
        match reference {
            SecretRef::Env(name) => std::env::var(name)
                .map(SecretString::from)
                .map_err(|_| unavailable("is not set")),
            SecretRef::File(path) => {
                let text = tokio::fs::read_to_string(path)
                    .await
                    .map_err(|_| unavailable("cannot be read"))?;
                Ok(SecretString::from(
                    text.lines().next().unwrap_or_default().trim().to_owned(),
                ))
            }
            SecretRef::Store(_) => Err(unavailable("is in a store, and this command has none")),
        }
    }
}

/// What a briefing is made with.
pub struct Maker {
    roles: Vec<Role>,
    connectors: BTreeMap<ConnectorId, Connector>,
    calendar: Calendar,
    pool: Connectors,
    guard: Guard,
    clock: Arc<dyn Clock>,
    fingerprint_key: Vec<u8>,
}

/// For whom and as of when a brief is made.
#[derive(Debug, Clone)]
pub struct Occasion<'a> {
    pub role: &'a crate::ids::RoleId,
    pub zone: &'a str,
    pub language: Language,
    pub due: Timestamp,
    /// Marks of the brief before, and when it was due.
    pub previous: &'a [Mark],
    pub since: Option<Timestamp>,
}

/// A brief with what it rests on; in memory only.
#[derive(Debug, Serialize)]
pub struct Made {
    #[serde(flatten)]
    pub brief: Brief,
    pub findings: Vec<Finding>,
}

impl Maker {
    /// A maker over these objects. Starts nothing.
    pub fn new(objects: &Objects, clock: Arc<dyn Clock>, fingerprint_key: Vec<u8>) -> Self {
        let hosts = objects
            .connectors
            .iter()
            .flat_map(|connector| connector.link_hosts.clone());
        Self {
            roles: objects.roles.clone(),
            connectors: objects
                .connectors
                .iter()
                .map(|connector| (connector.id.clone(), connector.clone()))
                .collect(),
            calendar: objects
                .calendars
                .first()
                .cloned()
                .unwrap_or_else(Calendar::weekdays),
            pool: Connectors::new(
                objects.connectors.clone(),
                Arc::new(LocalSecrets),
                Arc::new(MemoryPins::default()),
                // A source answers when it answers, whatever instant the brief is made as of.
                Arc::new(SystemClock),
            ),
            guard: Guard::new(hosts),
            clock,
            fingerprint_key,
        }
    }

    /// Asks, assesses and composes.
    pub async fn make(
        &self,
        briefing: &Briefing,
        occasion: &Occasion<'_>,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Made, Problem> {
        let role = self
            .roles
            .iter()
            .find(|role| role.id == *occasion.role)
            .ok_or_else(|| {
                Problem::new(
                    "unknown-role",
                    format!("there is no role `{}`", occasion.role),
                )
                .advise("define it in a file of the objects' folder")
            })?;
        let zone = TimeZone::get(occasion.zone).map_err(|_| {
            Problem::new(
                "unknown-zone",
                format!("there is no time zone `{}`", occasion.zone),
            )
        })?;
        let now = self.clock.now();
        let context = Context {
            now,
            zone: zone.clone(),
            calendar: &self.calendar,
            fingerprint_key: &self.fingerprint_key,
            previous: occasion.previous,
            since_last: occasion.since,
        };
        let planned = signals::queries(briefing, &context).map_err(|problem| {
            Problem::new("bad-rule", format!("{} {}", problem.field, problem.what)).at(format!(
                "briefing `{}`, signal `{}`",
                briefing.id, problem.signal
            ))
        })?;
        let asks: Vec<Ask> = planned
            .iter()
            .map(|call| Ask {
                connector: call.connector.clone(),
                tool: call.tool.clone(),
                args: call.args.clone(),
            })
            .collect();
        let principal = Principal {
            user: None,
            role: role.id.clone(),
            surface: Surface::CommandLine,
        };
        let asker = Asker {
            principal: &principal,
            role,
            connectors: &self.connectors,
            within: GATHER_WITHIN,
        };
        let outcomes = gather::gather(&asks, &asker, &self.pool, progress).await;

        let assessment = signals::assess(briefing, &context, &|call| {
            let at = planned.iter().position(|planned| planned == call)?;
            Some(match outcomes.get(at)? {
                Ok(answer) => Outcome::Answered {
                    value: &answer.value,
                    as_of: answer.as_of,
                },
                Err(failure) => Outcome::Failed {
                    cause: failure.cause,
                    detail: &failure.detail,
                },
            })
        });
        let reader = Reader {
            language: occasion.language,
            today: context.today(),
            zone,
        };
        let run = RunId::new(derived(&[
            briefing.id.as_str(),
            role.id.as_str(),
            &occasion.due.to_string(),
        ]))
        .map_err(|error| Problem::new("internal", error.to_string()))?;
        let brief = compose::compose(Inputs {
            run,
            briefing,
            role: role.id.clone(),
            reader: &reader,
            zone: occasion.zone,
            due: occasion.due,
            now,
            findings: &assessment.findings,
            resolved: &assessment.resolved,
            marks: assessment.marks,
            gaps: assessment.gaps,
            checked: assessment.checked,
            sources: self.sources(&asks, &outcomes),
            next_date: assessment.next_date,
            since: occasion.since,
        });
        Ok(Made {
            brief,
            findings: assessment.findings,
        })
    }

    /// The brief as it may leave.
    pub fn clear(&self, brief: Brief) -> Cleared<Brief> {
        self.guard.clear(brief)
    }

    /// Ends all connections.
    pub async fn shutdown(&self) {
        self.pool.shutdown().await;
    }

    /// Each source once, with when it answered last.
    fn sources(
        &self,
        asks: &[Ask],
        outcomes: &[Result<gather::Answer, gather::Failure>],
    ) -> Vec<Source> {
        let mut sources: Vec<Source> = Vec::new();
        for (ask, outcome) in asks.iter().zip(outcomes) {
            let as_of = outcome.as_ref().ok().map(|answer| answer.as_of);
            match sources
                .iter_mut()
                .find(|source| source.connector == ask.connector)
            {
                Some(source) => source.as_of = source.as_of.max(as_of),
                None => sources.push(Source {
                    connector: ask.connector.clone(),
                    title: self.connectors.get(&ask.connector).map_or_else(
                        || ask.connector.to_string(),
                        |connector| connector.title.clone(),
                    ),
                    as_of,
                }),
            }
        }
        sources
    }
}

/// Gaps in one line each, for the admin.
pub fn gap_lines(gaps: &[Gap]) -> Vec<String> {
    gaps.iter()
        .map(|gap| {
            let signals: Vec<&str> = gap
                .signals
                .iter()
                .map(crate::ids::SignalId::as_str)
                .collect();
            format!(
                "{} {}: {} ({})",
                gap.connector,
                gap.cause.clause(),
                signals.join(", "),
                gap.detail
            )
        })
        .collect()
}

/// Counts answers by source while they come in.
#[derive(Debug, Default)]
pub struct Tally(Mutex<BTreeMap<ConnectorId, (usize, usize, Duration)>>);

impl Tally {
    /// Takes note of one event.
    pub fn note(&self, event: &Progress) {
        let mut tally = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Progress::Asking { .. } => {}
            Progress::Answered {
                connector, took, ..
            } => {
                let entry = tally.entry(connector.clone()).or_default();
                *entry = (entry.0 + 1, entry.1, entry.2.max(*took));
            }
            Progress::Failed { connector, .. } => {
                tally.entry(connector.clone()).or_default().1 += 1
            }
        }
    }

    /// Source, answers, failures, the longest wait.
    pub fn rows(&self) -> Vec<(ConnectorId, usize, usize, Duration)> {
        let tally = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tally
            .iter()
            .map(|(connector, (answers, failures, took))| {
                (connector.clone(), *answers, *failures, *took)
            })
            .collect()
    }
}

/// The folder of a path's file, created where it is missing.
pub fn folder(path: PathBuf) -> Result<PathBuf, Problem> {
    std::fs::create_dir_all(&path).map_err(|error| {
        Problem::new("unwritable", format!("cannot be made: {error}"))
            .at(path.display().to_string())
    })?;
    Ok(path)
}
