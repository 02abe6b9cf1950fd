//! One ranking across the signals of a briefing.
//!
//! How bad comes first; then what is at stake, where it is declared; then how soon; then the order in which the briefing has its
//! signals; and within one signal its `rank`. What is at stake is compared within one unit alone. Units stand in a fixed order:
//! money (the briefing's currency before others, those by their codes), customers, people, and what declares nothing.

use std::cmp::Reverse;

use rust_decimal::Decimal;

use crate::domain::{
    briefing::Briefing,
    finding::{Finding, Stake},
};

/// Where a unit stands among the others; the code tells currencies apart.
type Unit = (u8, String);

/// Brings the worst to the front.
pub(super) fn sort(findings: &mut [Finding], briefing: &Briefing) {
    findings.sort_by_cached_key(|finding| {
        let position = briefing
            .signals
            .iter()
            .position(|signal| signal.id == finding.signal);
        let (unit, amount) = stake(finding, briefing);
        // What has no date comes after what has one.
        let due = finding.due.or(finding.until);
        (
            Reverse(finding.severity),
            unit,
            Reverse(amount),
            (due.is_none(), due),
            position,
            Reverse(finding.rank),
            finding.fingerprint.clone(),
            // Of one key only what is said tells them apart.
            serde_json::to_string(&finding.facts).unwrap_or_default(),
        )
    });
}

fn stake(finding: &Finding, briefing: &Briefing) -> (Unit, Decimal) {
    match &finding.stake {
        Some(Stake::Money(money)) if Some(money.currency) == briefing.currency => {
            ((0, String::new()), money.amount)
        }
        Some(Stake::Money(money)) => ((1, money.currency.code().to_owned()), money.amount),
        Some(Stake::Customers(number)) => ((2, String::new()), *number),
        Some(Stake::People(number)) => ((3, String::new()), *number),
        None => ((4, String::new()), Decimal::ZERO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Findings by name, severity, stake, due and rank; the name's first letter is the signal.
    fn findings(rows: &[(&str, &str, &str, &str, &str)]) -> Vec<Finding> {
        rows.iter()
            .map(|(name, severity, stake, due, rank)| {
                let stake = match stake.split_once(' ') {
                    Some(("customers", number)) => serde_json::json!({ "customers": number }),
                    Some(("people", number)) => serde_json::json!({ "people": number }),
                    Some((currency, amount)) => {
                        serde_json::json!({ "money": { "amount": amount, "currency": currency } })
                    }
                    None => serde_json::Value::Null,
                };
                let due = (!due.is_empty()).then_some(*due);
                serde_json::from_value(serde_json::json!({
                    "signal": &name[..1], "fingerprint": name, "severity": severity, "status": { "status": "new" },
                    "rank": rank, "stake": stake, "due": due, "facts": {}, "headline": [], "body": [], "next": [], "evidence": [],
                }))
                .unwrap()
            })
            .collect()
    }

    fn sorted(currency: Option<&str>, rows: &[(&str, &str, &str, &str, &str)]) -> Vec<String> {
        let signals: Vec<_> = ["a", "b"]
            .map(|id| serde_json::json!({ "id": id, "title": "t", "connector": "c", "tool": "q", "headline": "h" }))
            .into();
        let briefing: Briefing = serde_json::from_value(serde_json::json!({
            "id": "b", "title": "B", "role": "r", "currency": currency, "signals": signals,
        }))
        .unwrap();
        let mut findings = findings(rows);
        sort(&mut findings, &briefing);
        findings.into_iter().map(|one| one.fingerprint.0).collect()
    }

    #[test]
    fn a_cash_warning_is_not_item_seven_under_seven_tickets() {
        let ticket = |name| (name, "high", "", "2026-11-24", "900000");
        let mut rows: Vec<_> = ["a1", "a2", "a3", "a4", "a5", "a6", "a7"]
            .map(ticket)
            .into();
        rows.push(("b-cash", "high", "EUR 690000", "", "1"));
        rows.push(("b-low", "medium", "EUR 9000000", "", "1"));
        let order = sorted(None, &rows);
        assert_eq!((order[0].as_str(), order[8].as_str()), ("b-cash", "b-low"));
    }

    #[test]
    fn units_stand_in_their_order_and_are_never_held_against_each_other() {
        let rows = [
            ("a-none", "high", "", "", "999999"),
            ("a-people", "high", "people 900000", "", "0"),
            ("a-customers", "high", "customers 2", "", "0"),
            ("b-usd", "high", "USD 5000000", "", "0"),
            ("a-eur", "high", "EUR 10", "", "0"),
            ("a-eur-more", "high", "EUR 11", "", "0"),
        ];
        assert_eq!(
            sorted(None, &rows),
            [
                "a-eur-more",
                "a-eur",
                "b-usd",
                "a-customers",
                "a-people",
                "a-none"
            ]
        );
        assert_eq!(sorted(Some("USD"), &rows)[0], "b-usd");
    }

    #[test]
    fn of_equals_the_soonest_comes_first_then_the_briefings_order_and_rank_within_one_signal() {
        let rows = [
            ("b1", "high", "", "", "1"),
            ("b2", "high", "", "", "2"),
            ("a1", "high", "", "", "0.5"),
            ("b3", "high", "", "2026-12-24", "0"),
            ("b4", "high", "", "2026-11-24", "0"),
        ];
        assert_eq!(sorted(None, &rows), ["b4", "b3", "a1", "b2", "b1"]);
    }
}
