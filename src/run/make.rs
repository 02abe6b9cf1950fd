//! Makes a brief: ask, assess, compose, select. What comes in between stays in memory.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use super::selection::Selector;
use crate::{
    access::{Access, Surface},
    clock::Clock,
    compose::{self, Inputs},
    connectors::Connectors,
    domain::{
        brief::Brief,
        briefing::Briefing,
        calendar::Calendar,
        connector::Connector,
        finding::{Finding, Gap, Mark, Reader},
        people::Role,
        run::Run,
    },
    error::Problem,
    gather::Progress,
    ids::{ConnectorId, RunId, ScheduleId},
    limits,
    provision::{self, Objects},
    settings::shape::did_you_mean,
    signals::{self, Context},
    text::Language,
};

/// What briefs are made with.
#[derive(Clone)]
pub struct Maker {
    pub pool: Connectors,
    pub access: Access,
    pub clock: Arc<dyn Clock>,
    /// Under which findings are told apart over time.
    pub fingerprint_key: Arc<[u8]>,
    pub selector: Selector,
}

/// For whom and as of when a brief is made.
#[derive(Debug, Clone)]
pub struct Occasion<'a> {
    pub run: RunId,
    pub role: &'a crate::ids::RoleId,
    pub zone: &'a str,
    pub language: Language,
    pub calendar: Option<&'a Calendar>,
    pub surface: Surface,
    /// Whose budget the model's choice is; the role's where a person has it made.
    pub schedule: Option<&'a ScheduleId>,
    pub due: Timestamp,
    /// Marks of the brief before, and when it was due.
    pub previous: &'a [Mark],
    pub since: Option<Timestamp>,
    /// Due runs before, the last one first: they say when a source was last checked.
    pub earlier: &'a [Run],
}

/// A brief with what it rests on; in memory only.
#[derive(Debug, Serialize)]
pub struct Made {
    #[serde(flatten)]
    pub brief: Brief,
    pub findings: Vec<Finding>,
    /// What its admin should know of how it was made, such as why no model worded it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<Problem>,
}

impl Maker {
    /// Asks, assesses and composes.
    pub async fn make(
        &self,
        objects: &Objects,
        briefing: &Briefing,
        occasion: &Occasion<'_>,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Made, Problem> {
        let role = role(objects, occasion.role)?;
        let zone = zone(occasion.zone)?;
        let connectors: BTreeMap<ConnectorId, Connector> = objects
            .connectors
            .iter()
            .map(|connector| (connector.id.clone(), connector.clone()))
            .collect();
        self.pool.replace(objects.connectors.clone());
        let weekdays = Calendar::weekdays();
        let now = self.clock.now();
        let context = Context {
            now,
            zone: zone.clone(),
            calendar: occasion.calendar.unwrap_or(&weekdays),
            fingerprint_key: &self.fingerprint_key,
            previous: occasion.previous,
            since_last: occasion.since,
        };
        let asked = self
            .ask(
                briefing,
                &context,
                role,
                connectors,
                occasion.surface,
                progress,
            )
            .await?;
        let mut assessment = signals::assess(briefing, &context, &|call| asked.outcome(call));
        for gap in &mut assessment.gaps {
            gap.last_good = last_good(gap, occasion.earlier);
        }
        let reader = Reader {
            language: occasion.language,
            today: context.today(),
            zone,
        };
        let brief = compose::compose(Inputs {
            run: occasion.run.clone(),
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
            sources: asked.sources(),
            next_date: assessment.next_date,
            since: occasion.since,
        });
        let source = match occasion.schedule {
            Some(schedule) => limits::Source::Schedule(schedule.clone()),
            None => limits::Source::Question {
                surface: occasion.surface,
            },
        };
        let ledger = self
            .selector
            .ledger(role, &asked.principal, source, self.clock.as_ref());
        let findings = assessment.findings;
        let mut doubts: Vec<Problem> = assessment
            .doubts
            .iter()
            .map(|doubt| provision::told_of(objects, briefing, doubt))
            .collect();
        let (brief, tried) = self
            .selector
            .select(brief, &findings, &reader, role, &asked.connectors, &ledger)
            .await;
        doubts.extend(tried);
        Ok(Made {
            brief,
            findings,
            doubts,
        })
    }
}

/// The role of this id.
pub fn role<'a>(objects: &'a Objects, id: &crate::ids::RoleId) -> Result<&'a Role, Problem> {
    objects
        .roles
        .iter()
        .find(|role| role.id == *id)
        .ok_or_else(|| {
            let known = objects.roles.iter().map(|role| role.id.as_str());
            Problem::new("unknown-role", format!("there is no role `{id}`"))
                .advise(did_you_mean(id.as_str(), known))
        })
}

/// The zone of an IANA name.
pub fn zone(name: &str) -> Result<TimeZone, Problem> {
    Ok(crate::zones::get(name)?)
}

/// When the signals of a gap were last checked, as the earlier briefs say.
fn last_good(gap: &Gap, earlier: &[Run]) -> Option<Timestamp> {
    let is_of_gap = |other: &Gap| other.signals.iter().any(|id| gap.signals.contains(id));
    earlier
        .iter()
        .filter_map(|run| run.state.brief())
        .filter(|brief| !brief.gaps.iter().any(is_of_gap))
        .flat_map(|brief| &brief.sources)
        .find(|source| source.connector == gap.connector && source.as_of.is_some())?
        .as_of
}
