//! One brief in the form of each channel. Pure.

mod html;
mod text;

pub use html::html;
pub use text::{Style, text};

use jiff::{Timestamp, tz::TimeZone};

use crate::domain::{
    brief::{Brief, Edition},
    finding::Status,
    rich::Rich,
};

/// `ongoing 4 days`, `worse 1 → 3 failed runs`.
fn status_words(brief: &Brief, status: &Status) -> String {
    let number = |value: &rust_decimal::Decimal| brief.language.number(*value, None);
    match status {
        Status::New => "new".to_owned(),
        Status::Ongoing { days: 0 } => "ongoing".to_owned(),
        Status::Ongoing { days: 1 } => "ongoing 1 day".to_owned(),
        Status::Ongoing { days } => format!("ongoing {days} days"),
        Status::Worse { from, to, unit, .. } => {
            format!("worse {} → {} {unit}", number(from), number(to))
        }
        Status::Better { from, to, unit, .. } => {
            format!("better {} → {} {unit}", number(from), number(to))
        }
    }
}

/// `06:58` in the brief's zone.
fn clock(brief: &Brief, instant: Timestamp) -> String {
    let zone = TimeZone::get(&brief.zone).unwrap_or(TimeZone::UTC);
    let local = zone.to_datetime(instant);
    format!("{:02}:{:02}", local.hour(), local.minute())
}

/// The line under the brief: how much was checked, when each source answered, who worded it.
fn sources_line(brief: &Brief) -> String {
    let mut parts = vec![format!(
        "Checked {} of {} signals",
        brief.checked.checked, brief.checked.total
    )];
    parts.extend(brief.sources.iter().map(|source| match source.as_of {
        Some(as_of) => format!("{} {}", source.title, clock(brief, as_of)),
        None => format!("{} –", source.title),
    }));
    parts.push(match &brief.edition {
        Edition::Worded { model, local: true } => format!("wording by {model}, a local model"),
        Edition::Worded {
            model,
            local: false,
        } => format!("wording by {model}"),
        Edition::Plain { reason } => format!("fixed wording: {reason}"),
        Edition::BuiltIn | Edition::Quiet | Edition::Nothing => "fixed wording".to_owned(),
    });
    parts.join(" · ")
}

/// `Resolved since the last brief`, each with how long it was open.
fn resolved_lines(brief: &Brief) -> Vec<String> {
    let mut lines: Vec<String> = brief
        .resolved
        .iter()
        .map(|resolved| {
            let days = if resolved.open_days == 1 {
                "day"
            } else {
                "days"
            };
            format!("{} (open {} {days})", resolved.said, resolved.open_days)
        })
        .collect();
    if brief.more_resolved > 0 {
        lines.push(format!("{} more", brief.more_resolved));
    }
    lines
}

/// `+ 2 more below the line of a daily brief`.
fn more_line(brief: &Brief) -> Option<String> {
    (brief.more > 0 && !matches!(brief.edition, Edition::Quiet))
        .then(|| format!("+ {} more", brief.more))
}

/// The sentence with its closing stop.
fn closed(text: &Rich) -> String {
    let text = text.text();
    if text.is_empty() || text.ends_with(['.', '!', '?', '…']) {
        text
    } else {
        format!("{text}.")
    }
}

#[cfg(test)]
pub(crate) mod tests;
