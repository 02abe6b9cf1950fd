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
        _ if finding.severity > before.severity => Status::Raised {
            from: before.severity,
            days,
        },
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
    crate::text::is_unit_of_time(unit.trim().strip_prefix("working ").unwrap_or(unit))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn finding(severity: &str, value: &str, unit: &str) -> Finding {
        serde_json::from_value(serde_json::json!({
            "signal": "s", "fingerprint": "f", "severity": severity, "status": { "status": "new" }, "rank": "0",
            "measure": { "value": value, "unit": unit }, "facts": {}, "headline": [], "body": [], "next": [], "evidence": [],
        }))
        .unwrap()
    }

    fn second(first: &Finding, then: &Finding) -> Status {
        let (_, mark) = compare(first, None, date(2026, 11, 23));
        compare(then, Some(&mark), date(2026, 11, 24)).0
    }

    #[test]
    fn what_became_more_severe_is_worse_whatever_its_measure_did() {
        let first = finding("medium", "3", "open orders");
        for value in ["3", "2", "4"] {
            assert_eq!(
                second(&first, &finding("high", value, "open orders")),
                Status::Raised {
                    from: crate::domain::finding::Severity::Medium,
                    days: 1
                }
            );
        }
        let same = second(&first, &finding("medium", "4", "open orders"));
        assert!(matches!(same, Status::Worse { .. }), "{same:?}");
    }

    #[test]
    fn a_measure_of_mere_time_makes_nothing_worse_in_any_language() {
        for unit in [
            "days late",
            "day",
            "working days",
            "Tage überfällig",
            "Arbeitstage",
            "Std.",
            "jours de retard",
            "heures",
            "días de retraso",
            "meses",
        ] {
            let then = second(&finding("high", "3", unit), &finding("high", "4", unit));
            assert_eq!(then, Status::Ongoing { days: 1 }, "{unit}");
        }
    }
}
