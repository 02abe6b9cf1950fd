//! What makes a brief weaker than its signals could be: seen from the rules alone, before anything is asked.

use std::collections::BTreeMap;

use minijinja::machinery::{ast::Expr, parse_expr};

use super::{RuleProblem, may_be_high};
use crate::domain::briefing::{Briefing, Signal};

/// Functions that give a time, by the unit that their name begins with.
const TIME_UNITS: [&str; 4] = ["minutes", "hours", "days", "months"];
/// Filters that give a count.
const COUNTS: [&str; 2] = ["length", "count"];

/// Returns what weakens the briefs of a briefing. None of it keeps a brief from being made.
pub fn weaknesses(briefing: &Briefing) -> Vec<RuleProblem> {
    let mut found = Vec::new();
    for signal in &briefing.signals {
        let mut weak = |field: &str, what: &str, advice: &str| {
            found.push(RuleProblem {
                signal: Some(signal.id.clone()),
                field: field.to_owned(),
                what: what.to_owned(),
                advice: Some(advice.to_owned()),
            });
        };
        if signal.next.trim().is_empty() {
            weak(
                "next",
                "is missing, so its findings tell nobody what to do",
                "add one next step, imperative, with a person where the data have one: `next = \"Call {{ owner }}.\"`",
            );
        }
        if !signal.can_be_high && may_be_high(signal) {
            weak(
                "severity",
                "can be high and `can_be_high` is not set; its gaps are told as if it were",
                "add `can_be_high = true`, so that the file says what the brief does",
            );
        }
    }
    found.extend(mixed_ranks(briefing));
    found
}

/// What a rank counts, where the rule tells.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    Time(&'static str),
    Count,
    /// As the signal's measure says.
    Named(String),
    /// A value of the data.
    Value,
}

impl Unit {
    fn words(&self) -> String {
        match self {
            Self::Time(unit) => (*unit).to_owned(),
            Self::Count => "a count".to_owned(),
            Self::Named(unit) => unit.clone(),
            Self::Value => "a value of its records".to_owned(),
        }
    }
}

/// A rank orders the findings of its own signal. Where several signals have one, of different units, and none says what is at
/// stake, their author may have meant them to be compared.
fn mixed_ranks(briefing: &Briefing) -> Option<RuleProblem> {
    let mut units: BTreeMap<Unit, &Signal> = BTreeMap::new();
    let unstaked = briefing
        .signals
        .iter()
        .filter(|signal| signal.stake.is_none());
    for signal in unstaked {
        if let Some(unit) = rank_unit(signal) {
            units.entry(unit).or_insert(signal);
        }
    }
    // A value beside one that is named may be of that very unit.
    let is_told = |unit: &Unit| matches!(unit, Unit::Time(_) | Unit::Count);
    let named = units.keys().filter(|unit| **unit != Unit::Value).count();
    if units.len() < 2 || named < 2 && !units.keys().any(is_told) {
        return None;
    }
    let parts: Vec<String> = units
        .iter()
        .map(|(unit, signal)| format!("`{}` by {}", signal.id, unit.words()))
        .collect();
    let first = units.values().next()?;
    Some(RuleProblem {
        signal: Some(first.id.clone()),
        field: "rank".to_owned(),
        what: format!(
            "counts something else than that of other signals, so it orders its own findings alone: {}",
            parts.join(", ")
        ),
        advice: Some(
            "say what is at stake in each, by which all are ordered: `stake = { money = \"item.amount|money('EUR')\" }`"
                .to_owned(),
        ),
    })
}

fn rank_unit(signal: &Signal) -> Option<Unit> {
    let rank = signal.rank.as_deref()?.trim();
    if let Some(measure) = &signal.measure
        && measure.value.trim() == rank
    {
        return Some(Unit::Named(measure.unit.clone()));
    }
    unit_of(&parse_expr(rank).ok()?)
}

/// What an expression counts; nothing for a bare number.
fn unit_of(expression: &Expr<'_>) -> Option<Unit> {
    match expression {
        Expr::Const(_) => None,
        Expr::Call(call) => match &call.expr {
            Expr::Var(function) => Some(time_unit(function.id).unwrap_or(Unit::Value)),
            _ => Some(Unit::Value),
        },
        Expr::Filter(filter) if COUNTS.contains(&filter.name) => Some(Unit::Count),
        Expr::Filter(filter) => filter.expr.as_ref().and_then(unit_of),
        Expr::UnaryOp(operation) => unit_of(&operation.expr),
        // A number takes its unit from the other side: `100 - days_until(x)`.
        Expr::BinOp(pair) => unit_of(&pair.left).or_else(|| unit_of(&pair.right)),
        Expr::IfExpr(branches) => {
            unit_of(&branches.true_expr).or_else(|| branches.false_expr.as_ref().and_then(unit_of))
        }
        _ => Some(Unit::Value),
    }
}

fn time_unit(function: &str) -> Option<Unit> {
    let unit = TIME_UNITS.into_iter().find(|unit| {
        function
            .strip_prefix(unit)
            .is_some_and(|rest| rest.starts_with('_'))
    })?;
    Some(Unit::Time(unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(signals: &[&str]) -> String {
        let mut text = "id = 'b'\ntitle = 'B'\nrole = 'r'\n".to_owned();
        for (at, signal) in signals.iter().enumerate() {
            text.push_str(&format!(
                "[[signals]]\nid = 's{at}'\ntitle = 'S'\nconnector = 'c'\ntool = 't'\nkey = 'item.id'\nheadline = 'Late'\n{signal}\n"
            ));
        }
        let lines: Vec<String> = weaknesses(&toml::from_str(&text).unwrap())
            .iter()
            .map(ToString::to_string)
            .collect();
        lines.join("\n")
    }

    #[test]
    fn a_signal_without_a_next_step_is_told() {
        assert!(told(&[""]).contains("signal `s0`: `next` is missing"));
        assert!(told(&["next = ' '"]).contains("`next` is missing"));
        assert_eq!(told(&["next = 'Call.'"]), "");
    }

    #[test]
    fn a_severity_that_can_be_high_is_told_where_its_gaps_would_not_be() {
        for severity in [
            "'high'",
            "'high' if item.x > 5 else 'medium'",
            "'low' if item.x else ('medium' if item.y else \\\"high\\\")",
            "item.severity",
            "level",
            "'HIGH'|lower",
        ] {
            let signal = format!("next = 'Call.'\nseverity = \"{severity}\"");
            assert!(
                told(&[&signal]).contains("`severity` can be high"),
                "{severity}"
            );
            assert_eq!(told(&[&format!("{signal}\ncan_be_high = true")]), "");
        }
        for severity in ["'medium'", "'low' if item.priority == 'high' else 'medium'"] {
            assert_eq!(
                told(&[&format!("next = 'Call.'\nseverity = \"{severity}\"")]),
                ""
            );
        }
    }

    #[test]
    fn ranks_of_different_units_are_told_once_with_what_each_counts() {
        let rank = |rank: &str| format!("next = 'Call.'\nrank = \"{rank}\"");
        let of = |ranks: &[&str]| {
            let signals: Vec<String> = ranks.iter().map(|text| rank(text)).collect();
            told(&signals.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let mixed = of(&[
            "100 - days_until(item.due)",
            "hours_since(item.at)|round",
            "item.amount",
        ]);
        assert!(
            mixed.contains("`s1` by hours")
                && mixed.contains("`s0` by days")
                && mixed.contains("`s2` by a value"),
            "{mixed}"
        );
        assert_eq!(mixed.lines().count(), 1);
        assert!(of(&["items|length", "item.amount"]).contains("by a count"));
        let measured = |unit: &str| {
            format!(
                "next = 'Call.'\nrank = 'item.x'\nmeasure = {{ value = 'item.x', unit = '{unit}' }}"
            )
        };
        let (eur, users) = (measured("EUR"), measured("users"));
        assert!(told(&[&eur, &users]).contains("by EUR"));
        for alike in [
            &[eur.as_str(), rank("item.amount").as_str()][..],
            &[&rank("item.amount"), &rank("account[0].value"), &rank("1")],
            &[
                &rank("days_since(item.a)"),
                &rank("days_until(item.b) * -1"),
            ],
            &[&rank("item.amount")],
            &[
                &format!(
                    "{}\nstake = {{ people = 'item.n' }}",
                    rank("days_since(item.a)")
                ),
                &rank("item.amount"),
            ],
        ] {
            assert_eq!(told(alike), "");
        }
    }
}
