//! Looks before a brief is due whether it can be made and delivered: every source that it asks, every tool that it needs,
//! every channel that it goes over. Nothing is asked of the business and nothing is sent.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Parts, zone};
use crate::{
    access::{self, Clearance, Request, Surface},
    connectors::Pin,
    domain::{
        briefing::Briefing, calendar::Calendar, connector::Launch, people::Role, run::Audience,
        schedule::ChannelKind,
    },
    error::Problem,
    ids::ConnectorId,
    provision::Objects,
    settings::shape::did_you_mean,
    signals::{self, Context, Planned},
};

/// Tools of a server that are named beside one that it does not have. Their names are the server's own.
const MAX_NAMED: usize = 20;
/// A source's token has to last for the look itself, the time until the brief is due, and the brief.
const TOKEN_FOR: SignedDuration = SignedDuration::from_mins(45);
/// A brief asks its sources for so long after it is due, at most.
const BRIEF_TAKES: SignedDuration = SignedDuration::from_mins(15);

/// Something that a brief will lack.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// A connector, a tool, a channel.
    pub on: String,
    pub what: String,
    /// What to do, where it can be said.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub advice: String,
}

/// What will be missing from this briefing's briefs for these audiences, the next of which is due at `due`; empty where
/// all is well.
pub async fn preflight(
    parts: &Parts,
    objects: &Objects,
    briefing: &Briefing,
    audiences: &[Audience],
    due: Option<Timestamp>,
) -> Vec<Finding> {
    let mut findings = BTreeSet::new();
    let mut needed: BTreeMap<&ConnectorId, BTreeSet<&str>> = BTreeMap::new();
    for signal in &briefing.signals {
        for query in
            std::iter::once(&signal.query).chain(signal.joins.values().map(|join| &join.query))
        {
            needed
                .entry(&query.connector)
                .or_default()
                .insert(&query.tool);
        }
    }
    parts.maker.pool.replace(objects.connectors.clone());
    for audience in audiences {
        let Some(role) = objects.roles.iter().find(|role| role.id == audience.role) else {
            findings.insert(Finding {
                on: format!("role {}", audience.role),
                what: "is not defined".to_owned(),
                advice: String::new(),
            });
            continue;
        };
        match calls(parts, objects, briefing, audience) {
            Ok(calls) => findings.extend(refused(role, objects, &calls)),
            Err(problem) => {
                findings.insert(Finding {
                    on: problem.place.clone().unwrap_or_default(),
                    what: problem.what,
                    advice: String::new(),
                });
            }
        }
    }
    let sources = needed
        .into_iter()
        .map(|(id, tools)| source(parts, objects, id, tools, due));
    findings.extend(
        futures_util::future::join_all(sources)
            .await
            .into_iter()
            .flatten(),
    );
    let kinds: BTreeSet<ChannelKind> = audiences
        .iter()
        .flat_map(|audience| &audience.recipients)
        .map(|target| target.to.channel())
        .collect();
    for kind in kinds {
        let missing = crate::channels::missing(kind);
        let channel = parts.channels.get(&kind).unwrap_or(&missing);
        if let Err(error) = channel.check().await {
            findings.insert(Finding {
                on: format!("channel {kind}"),
                what: error.to_string(),
                advice: String::new(),
            });
        }
    }
    findings.into_iter().collect()
}

/// The calls that a brief for this audience would make now.
fn calls(
    parts: &Parts,
    objects: &Objects,
    briefing: &Briefing,
    audience: &Audience,
) -> Result<Vec<Planned>, Problem> {
    let weekdays = Calendar::weekdays();
    let context = Context {
        now: parts.clock.now(),
        zone: zone(&audience.zone)?,
        calendar: parts.calendar(objects).unwrap_or(&weekdays),
        fingerprint_key: &parts.maker.fingerprint_key,
        previous: &[],
        since_last: None,
    };
    signals::queries(briefing, &context)
        .map_err(|problem| Problem::new("bad-rule", problem.to_string()).at("its rules"))
}

/// The calls that the role may not make, each with the rule that refuses it.
fn refused(role: &Role, objects: &Objects, calls: &[Planned]) -> Vec<Finding> {
    let connector = |id: &ConnectorId| objects.connectors.iter().find(|known| known.id == *id);
    calls
        .iter()
        .filter_map(|call| {
            let decision = access::decide(&Request {
                role,
                clearance: Clearance::Alone,
                connector: connector(&call.connector)?,
                tool: &call.tool,
                args: &call.args,
                surface: Surface::Schedule,
            });
            (!decision.allowed).then(|| Finding {
                on: format!("{}/{}", call.connector, call.tool),
                what: format!("{}: {}", decision.rule, decision.why),
                advice: String::new(),
            })
        })
        .collect()
}

/// What is wrong with a source: it does not start, or a tool is gone or changed.
async fn source(
    parts: &Parts,
    objects: &Objects,
    id: &ConnectorId,
    needed: BTreeSet<&str>,
    due: Option<Timestamp>,
) -> Vec<Finding> {
    let pool = &parts.maker.pool;
    let until_due = due.map(|due| due.duration_since(parts.clock.now()));
    let ahead = until_due.map_or(TOKEN_FOR, |until| until.saturating_add(BRIEF_TAKES));
    let assured = async {
        pool.assure_token(id, TOKEN_FOR).await?;
        pool.check_sign_in(id, ahead).await
    };
    let tools = match assured.await {
        Ok(()) => pool.listing(id).await,
        Err(error) => Err(error),
    };
    let listing = match tools {
        Ok(listing) => listing,
        Err(error) => {
            let hint = error.hint(is_process(objects, id)).unwrap_or_default();
            return vec![Finding {
                on: id.to_string(),
                what: match hint.place {
                    Some(place) => format!("{place}: {error}"),
                    None => error.to_string(),
                },
                advice: hint.advice.unwrap_or_default(),
            }];
        }
    };
    needed
        .into_iter()
        .filter_map(|name| {
            let unread = listing.unread.iter().find(|unread| unread.tool == name);
            let what = match listing.tools.iter().find(|tool| tool.name == name) {
                None => match unread {
                    Some(unread) => format!("its description cannot be read: {}", unread.why),
                    None => {
                        let known = listing.tools.iter().map(|tool| tool.name.as_str());
                        format!(
                            "the server has no such tool: {}",
                            did_you_mean(name, known.take(MAX_NAMED))
                        )
                    }
                },
                Some(tool) if matches!(tool.pin, Pin::Changed { .. }) => format!(
                    "its description changed: look at it and accept it with `daybrief connector accept {id}`"
                ),
                Some(_) => return None,
            };
            Some(Finding {
                on: format!("{id}/{name}"),
                what,
                advice: String::new(),
            })
        })
        .collect()
}

fn is_process(objects: &Objects, id: &ConnectorId) -> bool {
    objects
        .connectors
        .iter()
        .any(|known| known.id == *id && matches!(known.launch, Launch::Process { .. }))
}
