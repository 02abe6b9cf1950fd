//! A brief as it would be made now, without one: everything is asked as in a run and looked at by the same rules. Nothing is
//! kept, no model is asked, nothing is delivered.

use std::collections::BTreeMap;

use super::{Parts, asked::Asked, make};
use crate::{
    access::Surface,
    domain::{briefing::Briefing, calendar::Calendar, finding::Gap, run::Audience},
    error::Problem,
    provision::Objects,
    signals::{self, Context, RuleProblem},
};

/// What a brief would lack.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rehearsal {
    /// Signals that could not be checked, or not on every item; `detail` is the source's own word, for the admin.
    pub gaps: Vec<Gap>,
    /// Rules that no item of today has the field for: to be looked at.
    pub doubts: Vec<RuleProblem>,
}

/// Asks once what a briefing needs, under an audience's role, and assesses it.
pub async fn rehearse(
    parts: &Parts,
    objects: &Objects,
    briefing: &Briefing,
    audience: &Audience,
) -> Result<Rehearsal, Problem> {
    let role = make::role(objects, &audience.role)?;
    let connectors: BTreeMap<_, _> = objects
        .connectors
        .iter()
        .map(|connector| (connector.id.clone(), connector.clone()))
        .collect();
    parts.maker.pool.replace(objects.connectors.clone());
    let weekdays = Calendar::weekdays();
    let context = Context {
        now: parts.clock.now(),
        zone: make::zone(&audience.zone)?,
        calendar: parts.calendar(objects).unwrap_or(&weekdays),
        fingerprint_key: &parts.maker.fingerprint_key,
        previous: &[],
        since_last: None,
    };
    let asked: Asked = parts
        .maker
        .ask(
            briefing,
            &context,
            role,
            connectors,
            Surface::Schedule,
            &|_| {},
        )
        .await?;
    let outcome = |call: &signals::Planned| asked.outcome(call);
    // One signal at a time: a brief tells the gaps of one source together, and an admin wants each reason; each once.
    let each = briefing.signals.iter().flat_map(|signal| {
        let alone = Briefing {
            signals: vec![signal.clone()],
            next_date: None,
            ..briefing.clone()
        };
        signals::assess(&alone, &context, &outcome).gaps
    });
    let mut gaps: Vec<Gap> = Vec::new();
    for gap in each {
        let of = |gap: &Gap| (gap.connector.clone(), gap.cause, gap.detail.clone());
        match gaps.iter_mut().find(|known| of(known) == of(&gap)) {
            Some(known) => {
                known.signals.extend(gap.signals);
                known.titles.extend(gap.titles);
                known.high |= gap.high;
            }
            None => gaps.push(gap),
        }
    }
    Ok(Rehearsal {
        gaps,
        doubts: signals::rehearse(briefing, &context, &outcome),
    })
}
