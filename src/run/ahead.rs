//! Tells the admin before briefs are due what they will lack: of each fault once a day, whatever number of briefs it concerns,
//! and of none that was there for a moment only.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::{Timestamp, tz::TimeZone};

use super::{Parts, PreflightFinding, preflight, tell_admin};
use crate::{
    domain::{briefing::Briefing, run::Audience},
    ids::derived,
    provision::Objects,
    store::StoreError,
};

/// A brief that is due soon.
pub struct Ahead {
    pub briefing: Briefing,
    pub audiences: Vec<Audience>,
    pub due: Timestamp,
}

/// What is at fault (a connector, a channel, a role) → what is wrong with it, and the briefs that lack it.
type Faults = BTreeMap<String, (BTreeSet<PreflightFinding>, BTreeSet<String>)>;

/// Looks at what these briefs need, twice where something is missing, and tells the admin of what was missing both times.
pub async fn tell_of_missing(
    parts: &Parts,
    objects: &Objects,
    ahead: &[Ahead],
    again_after: Duration,
) -> Result<(), StoreError> {
    let first = look(parts, objects, ahead).await;
    if first.is_empty() {
        tracing::info!(
            briefs = ahead.len(),
            "all that the next briefs need is there"
        );
        return Ok(());
    }
    tokio::time::sleep(again_after).await;
    let lasting: BTreeSet<String> = keys(&first);
    for (thing, (findings, briefs)) in look(parts, objects, ahead).await {
        let findings: BTreeSet<&PreflightFinding> = findings
            .iter()
            .filter(|finding| lasting.contains(&key(finding)))
            .collect();
        let Some(day) = ahead.iter().map(|brief| brief.due).min() else {
            continue;
        };
        if findings.is_empty() {
            continue;
        }
        let day = TimeZone::UTC.to_datetime(day).date().to_string();
        let faults: BTreeSet<String> = findings.iter().map(|finding| key(finding)).collect();
        let faults: Vec<&str> = faults.iter().map(String::as_str).collect();
        let about = format!("preflight/{thing}/{day}/{}", derived(&faults));
        let lines: Vec<String> = findings
            .iter()
            .map(|finding| format!("{}: {}.", finding.on, finding.what))
            .collect();
        let briefs: Vec<String> = briefs.into_iter().collect();
        let text = format!(
            "{} What needs it and is due soon: {}.",
            lines.join(" "),
            briefs.join(", ")
        );
        let subject = format!("{thing} will be missing from {}", counted(briefs.len()));
        tell_admin(parts, &about, &subject, &text).await?;
    }
    Ok(())
}

fn counted(briefs: usize) -> String {
    match briefs {
        1 => "a brief".to_owned(),
        more => format!("{more} briefs"),
    }
}

async fn look(parts: &Parts, objects: &Objects, ahead: &[Ahead]) -> Faults {
    let looks = ahead.iter().map(|brief| async move {
        let findings = preflight(
            parts,
            objects,
            &brief.briefing,
            &brief.audiences,
            Some(brief.due),
        )
        .await;
        (brief, findings)
    });
    let mut faults = Faults::new();
    for (brief, findings) in futures_util::future::join_all(looks).await {
        for finding in findings {
            let (found, briefs) = faults.entry(thing(&finding).to_owned()).or_default();
            found.insert(finding);
            briefs.insert(format!("`{}` ({})", brief.briefing.id, brief.due));
        }
    }
    faults
}

/// What is at fault: of a tool, its connector.
fn thing(finding: &PreflightFinding) -> &str {
    finding.on.split('/').next().unwrap_or(&finding.on)
}

/// Names a fault. Figures, such as how long something took, make no other fault of it.
fn key(finding: &PreflightFinding) -> String {
    let words = finding.what.chars().filter(|c| c.is_alphabetic());
    format!("{}\n{}", finding.on, words.collect::<String>())
}

fn keys(faults: &Faults) -> BTreeSet<String> {
    faults
        .values()
        .flat_map(|(findings, _)| findings.iter().map(key))
        .collect()
}
