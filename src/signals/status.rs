//! New, ongoing, worse, better, resolved: a finding against the mark of the brief before.

use jiff::civil::Date;

use crate::domain::finding::{Finding, Mark, Status, Worse};

/// Local dates from the first sighting to today.
fn days(first_seen: Date, today: Date) -> i64 {
    first_seen
        .until(today)
        .map_or(0, |span| i64::from(span.get_days()))
        .max(0)
}

/// The finding's status, and the mark that the next run compares with.
pub(super) fn compare(finding: &Finding, previous: Option<&Mark>, today: Date) -> (Status, Mark) {
    let mut mark = Mark {
        fingerprint: finding.fingerprint.clone(),
        signal: finding.signal.clone(),
        severity: finding.severity,
        first_seen: today,
        unchanged_since: today,
        measure: finding.measure.clone(),
        said: None,
        until: finding.until,
    };
    let Some(before) = previous else {
        return (Status::New, mark);
    };
    mark.first_seen = before.first_seen;
    mark.said = before.said.clone();
    let days = days(before.first_seen, today);
    let moved = before
        .measure
        .as_ref()
        .zip(finding.measure.as_ref())
        .filter(|(old, new)| {
            old.value != new.value && old.unit == new.unit && !counts_time(&new.unit)
        });
    let status = match moved {
        Some((old, new)) => {
            let up = new.value > old.value;
            let (from, to, unit) = (old.value, new.value, new.unit.clone());
            if up == (new.worse == Worse::Up) {
                Status::Worse {
                    from,
                    to,
                    unit,
                    days,
                }
            } else {
                Status::Better {
                    from,
                    to,
                    unit,
                    days,
                }
            }
        }
        None => Status::Ongoing { days },
    };
    if matches!(status, Status::Ongoing { .. }) && before.severity == finding.severity {
        mark.unchanged_since = before.unchanged_since;
    }
    (status, mark)
}

/// A measure of mere time grows by itself every day: that alone makes nothing worse.
fn counts_time(unit: &str) -> bool {
    let first = unit.split_whitespace().next().unwrap_or_default();
    matches!(
        first,
        "day" | "days" | "hour" | "hours" | "minutes" | "weeks" | "months"
    )
}
