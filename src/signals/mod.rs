//! Signals: rules over JSON that give findings. Pure: the same answers give the same findings, without a model.
//!
//! An expression (minijinja, fuel-limited) sees `item`, `items`, `result`, the joined records under their names (a
//! list each), the `let`s in the order written, `today` (`YYYY-MM-DD` in the reader's zone), `now` and `since_last`
//! (RFC 3339). [`functions`] has the table of what it may call.

mod assess;
mod companies;
mod described;
mod engine;
mod expression;
mod filters;
mod functions;
mod kinds;
mod names;
mod order;
mod origin;
mod rehearse;
mod rules;
mod severity;
mod slips;
mod status;
mod values;
mod weakness;
mod wording;

use std::collections::{BTreeSet, VecDeque};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::{Map, Value};

use crate::{
    domain::{
        brief::Checked,
        briefing::{Briefing, NextDate, Query, Signal, StakeRule},
        calendar::Calendar,
        finding::{Finding, Gap, GapCause, Hint, Mark},
    },
    ids::{ConnectorId, SignalId},
};

pub use assess::assess;
pub use described::{Described, FUNCTIONS, NAMES};
pub use rehearse::rehearse;
pub use severity::may_be_high;
pub use weakness::weaknesses;

/// Values of `let` that are followed to find a circle.
const MAX_LETS_FOLLOWED: usize = 100;

/// What decides an assessment besides the data.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    pub now: Timestamp,
    pub zone: TimeZone,
    pub calendar: &'a Calendar,
    /// The instance's key of fingerprints.
    pub fingerprint_key: &'a [u8],
    /// The marks of the brief before.
    pub previous: &'a [Mark],
    /// When the brief before was made.
    pub since_last: Option<Timestamp>,
}

impl Context<'_> {
    /// The reader's local date.
    pub fn today(&self) -> Date {
        self.zone.to_datetime(self.now).date()
    }
}

/// A call that a briefing needs, each once.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    pub connector: ConnectorId,
    pub tool: String,
    pub args: Map<String, Value>,
}

impl Planned {
    /// What tells calls apart: connector, tool and arguments with sorted keys.
    fn key(&self) -> String {
        format!(
            "{}\u{0}{}\u{0}{}",
            self.connector,
            self.tool,
            crate::text::canonical(&Value::Object(self.args.clone()))
        )
    }
}

/// What became of a planned call.
#[derive(Debug, Clone)]
pub enum Outcome<'a> {
    Answered {
        value: &'a Value,
        as_of: Timestamp,
    },
    Failed {
        cause: GapCause,
        detail: &'a str,
        hint: Option<&'a Hint>,
    },
}

/// What the signals of a briefing found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Assessment {
    /// Worst first.
    pub findings: Vec<Finding>,
    /// Marks of the brief before whose signal was checked and which are not found any more.
    pub resolved: Vec<Mark>,
    /// What the next run compares with.
    pub marks: Vec<Mark>,
    pub gaps: Vec<Gap>,
    pub checked: Checked,
    /// The next date that the briefing names, with what happens then.
    pub next_date: Option<(Date, String)>,
    /// Rules that took nothing away, but do not what they are for.
    pub doubts: Vec<RuleProblem>,
}

/// Something wrong with a briefing that can be told before it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleProblem {
    /// Nothing where it is about the briefing's `next_date`.
    pub signal: Option<SignalId>,
    /// `when`, `facts.amount`, `headline`, `next_date.items` …
    pub field: String,
    pub what: String,
    /// What to do, where more can be said than to correct it.
    pub advice: Option<String>,
}

impl std::fmt::Display for RuleProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.signal {
            Some(signal) => write!(f, "signal `{signal}`: `{}` {}", self.field, self.what),
            None => write!(f, "`{}` {}", self.field, self.what),
        }
    }
}

/// Everything that is wrong with a briefing's rules, all at once.
pub fn check(briefing: &Briefing) -> Vec<RuleProblem> {
    let mut problems = Vec::new();
    let mut ids = Vec::new();
    for signal in &briefing.signals {
        let problem = |field: &str, what: &str, advice: String| RuleProblem {
            signal: Some(signal.id.clone()),
            field: field.to_owned(),
            what: what.to_owned(),
            advice: Some(advice),
        };
        if ids.contains(&&signal.id) {
            problems.push(problem(
                "id",
                "is that of another signal of this briefing too",
                "give each signal an id of its own".to_owned(),
            ));
        }
        ids.push(&signal.id);
        if signal.key.is_none() && signal.over == crate::domain::briefing::Over::Each {
            problems.push(problem(
                "key",
                "is missing: it says what makes an item the same tomorrow",
                "name the field that tells its records apart: `key = \"item.id\"`".to_owned(),
            ));
        }
        problems.extend(expressions(signal).into_iter().filter_map(|rule| {
            let (what, advice) = rule.problem()?;
            let (what, advice) = match in_let(signal, &rule.field, &what) {
                Some(InLet::Told) => return None,
                Some(InLet::Wrong(what, advice)) => (what, Some(advice)),
                None => (what, advice),
            };
            Some(RuleProblem {
                signal: Some(signal.id.clone()),
                field: rule.field,
                what,
                advice,
            })
        }));
        problems.extend(sentences(signal));
        for name in signal
            .fact_links
            .keys()
            .filter(|name| !signal.facts.contains_key(*name))
        {
            problems.push(problem(
                &format!("fact_links.{name}"),
                "links a fact that is not declared",
                format!("declare `{name}` in `facts`, or name a fact that is there"),
            ));
        }
    }
    for rule in briefing.next_date.iter().flat_map(expressions_of_date) {
        if let Some((what, advice)) = rule.problem() {
            problems.push(RuleProblem {
                signal: None,
                field: rule.field,
                what,
                advice,
            });
        }
    }
    problems
}

/// What is wrong with the sentences of a signal.
fn sentences(signal: &Signal) -> Vec<RuleProblem> {
    let mut problems = Vec::new();
    let mut wrong = |field: &str, what: String, advice: String| {
        problems.push(RuleProblem {
            signal: Some(signal.id.clone()),
            field: field.to_owned(),
            what,
            advice: Some(advice),
        });
    };
    for (field, template) in [
        ("headline", &signal.headline),
        ("say", &signal.say),
        ("next", &signal.next),
        ("short", &signal.short),
    ] {
        if let Err((what, advice)) = wording::check(template, &signal.facts) {
            wrong(field, what, advice);
        } else if let Some(fact) = slips::in_single_braces(template, &signal.facts) {
            wrong(
                field,
                format!("has `{fact}` in single braces, which would stand there as they are"),
                format!("write `{{{{ {fact} }}}}`"),
            );
        }
    }
    if signal.headline.trim().is_empty() {
        wrong(
            "headline",
            "is empty, so the risk would have no words".to_owned(),
            "write a full sentence with a verb and a number".to_owned(),
        );
    }
    if crate::text::word_count(&words_of(&signal.headline)) > 24 {
        wrong(
            "headline",
            "is longer than 16 words once its facts stand in it".to_owned(),
            "shorten it, and write the rest into `say`".to_owned(),
        );
    }
    problems
}

/// What is wrong where a value of `let` names one that is computed after it, and what to do.
enum InLet {
    /// One of the others of a circle tells it.
    Told,
    Wrong(String, String),
}

/// Where a value of `let` names one that is computed after it: in another order, or never.
fn in_let(signal: &Signal, field: &str, what: &str) -> Option<InLet> {
    let own = field.strip_prefix("let.")?;
    let place = |name: &str| signal.lets.keys().position(|known| known == name);
    let named = signal
        .lets
        .keys()
        .find(|name| what.starts_with(&format!("names `{name}`")))?;
    if named == own {
        return Some(InLet::Wrong(
            "needs itself".to_owned(),
            format!("`{own}` cannot stand in its own rule: compute it of the record alone"),
        ));
    }
    let Some(circle) = circle(signal, own, named) else {
        return Some(InLet::Wrong(
            format!("names `{named}`, which is computed after it"),
            format!("write `{named}` before `{own}`: each value of `let` sees those before it"),
        ));
    };
    if circle.iter().any(|other| place(other) < place(own)) {
        return Some(InLet::Told);
    }
    let names: Vec<String> = circle.iter().map(|name| format!("`{name}`")).collect();
    Some(InLet::Wrong(
        format!("needs itself: {}", names.join(" → ")),
        "no order helps: compute one of them of the record alone".to_owned(),
    ))
}

/// The shortest circle in which a value of `let` needs itself by way of `named`: both its ends are the value's own name.
fn circle(signal: &Signal, own: &str, named: &str) -> Option<Vec<String>> {
    let mut ways = VecDeque::from([vec![own.to_owned(), named.to_owned()]]);
    let mut seen = BTreeSet::from([named.to_owned()]);
    while let Some(way) = ways.pop_front() {
        let last = way.last()?;
        if last == own {
            return Some(way);
        }
        if seen.len() > MAX_LETS_FOLLOWED {
            return None;
        }
        let Some(Value::String(expression)) = signal.lets.get(last) else {
            continue;
        };
        for next in engine::names_in(expression) {
            if signal.lets.contains_key(&next) && seen.insert(next.clone()) {
                let longer = way.iter().cloned().chain([next]).collect();
                ways.push_back(longer);
            }
        }
    }
    None
}

/// The words and the facts' names of a template, without its tags.
fn words_of(template: &str) -> String {
    let mut words = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{%") {
        words.push_str(before);
        rest = after.split_once("%}").map_or("", |(_, rest)| rest);
    }
    words.push_str(rest);
    words.replace(['{', '}'], " ")
}

/// An expression, the field that it stands in, and the names that it may use.
struct Rule {
    field: String,
    expression: String,
    sees: Vec<String>,
}

impl Rule {
    fn new(field: impl Into<String>, expression: &str, sees: &[&str]) -> Self {
        Self {
            field: field.into(),
            expression: expression.to_owned(),
            sees: sees.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    /// What is wrong with it before it runs, and what to do.
    fn problem(&self) -> Option<(String, Option<String>)> {
        let problem = engine::check_expression(&self.expression, &self.sees).err()?;
        let word = self.expression.trim();
        if self.field == "severity" && ["high", "medium", "low"].contains(&word) {
            return Some((
                format!("is an expression, and `{word}` in it is a name, not a text"),
                Some(format!("write \"'{word}'\"")),
            ));
        }
        Some(problem)
    }
}

/// The names that every expression over an item sees.
const GLOBALS: [&str; 3] = ["today", "now", "since_last"];

/// All expressions of a signal.
fn expressions(signal: &Signal) -> Vec<Rule> {
    let mut found = arguments("args", &signal.query.args);
    found.push(Rule::new("items", &signal.query.items, &["result"]));
    let mut sees: Vec<&str> = GLOBALS.into_iter().chain(["item", "items"]).collect();
    for (name, join) in &signal.joins {
        let at = |key: &str| format!("with.{name}.{key}");
        found.extend(arguments(&at("args"), &join.query.args));
        found.push(Rule::new(at("items"), &join.query.items, &["result"]));
        found.push(Rule::new(at("left"), &join.left, &sees));
        found.push(Rule::new(at("right"), &join.right, &["item"]));
        sees.push(name);
    }
    for (name, value) in &signal.lets {
        if let Value::String(expression) = value {
            found.push(Rule::new(format!("let.{name}"), expression, &sees));
        }
        sees.push(name);
    }
    found.push(Rule::new("when", &signal.when, &sees));
    found.push(Rule::new("severity", &signal.severity, &sees));
    let mut optional = |field: &str, expression: Option<&String>| {
        found.extend(expression.map(|expression| Rule::new(field, expression, &sees)));
    };
    optional("key", signal.key.as_ref());
    optional("rank", signal.rank.as_ref());
    optional("link", signal.link.as_ref());
    optional("cause", signal.cause.as_ref());
    optional("subject", signal.subject.as_ref());
    optional("until", signal.until.as_ref());
    optional("due", signal.due.as_ref());
    optional(
        "measure.value",
        signal.measure.as_ref().map(|measure| &measure.value),
    );
    found.extend(
        signal
            .stake
            .iter()
            .map(StakeRule::parts)
            .map(|(field, expression)| Rule::new(field, expression, &sees)),
    );
    for (name, expression) in &signal.facts {
        found.push(Rule::new(format!("facts.{name}"), expression, &sees));
    }
    for (name, expression) in &signal.fact_links {
        found.push(Rule::new(format!("fact_links.{name}"), expression, &sees));
    }
    found
}

/// The expressions of a briefing's next date.
fn expressions_of_date(next: &NextDate) -> Vec<Rule> {
    let sees: Vec<&str> = GLOBALS.into_iter().chain(["item"]).collect();
    let mut found = arguments("next_date.args", &next.query.args);
    found.push(Rule::new("next_date.items", &next.query.items, &["result"]));
    found.push(Rule::new("next_date.date", &next.date, &sees));
    found.push(Rule::new("next_date.what", &next.what, &sees));
    found
}

/// The expressions in the templates of arguments.
fn arguments(field: &str, args: &Map<String, Value>) -> Vec<Rule> {
    fn each(field: &str, value: &Value, found: &mut Vec<Rule>) {
        match value {
            Value::String(text) => {
                let inside = text.split("{{").skip(1);
                let inside = inside.filter_map(|rest| rest.split_once("}}"));
                found.extend(inside.map(|(inner, _)| Rule::new(field, inner.trim(), &GLOBALS)));
            }
            Value::Array(items) => items.iter().for_each(|item| each(field, item, found)),
            Value::Object(map) => map
                .iter()
                .for_each(|(key, value)| each(&format!("{field}.{key}"), value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for (key, value) in args {
        each(&format!("{field}.{key}"), value, &mut found);
    }
    found
}

/// All calls that a briefing needs, each once, in the order of its signals; or the argument that could not be made.
pub fn queries(briefing: &Briefing, context: &Context<'_>) -> Result<Vec<Planned>, RuleProblem> {
    let mut planned: Vec<Planned> = Vec::new();
    let mut keys = BTreeSet::new();
    for signal in &briefing.signals {
        for query in
            std::iter::once(&signal.query).chain(signal.joins.values().map(|join| &join.query))
        {
            let call = plan(query, context).map_err(|what| RuleProblem {
                signal: Some(signal.id.clone()),
                field: "args".to_owned(),
                what,
                advice: None,
            })?;
            if keys.insert(call.key()) {
                planned.push(call);
            }
        }
    }
    if let Some(next) = &briefing.next_date
        && let Ok(call) = plan(&next.query, context)
        && keys.insert(call.key())
    {
        planned.push(call);
    }
    Ok(planned)
}

/// The call of a query, its argument templates filled in.
fn plan(query: &Query, context: &Context<'_>) -> Result<Planned, String> {
    let engine = engine::environment(context);
    let args = engine::arguments(&engine, &Value::Object(query.args.clone()), context)?;
    let Value::Object(args) = args else {
        return Err("arguments are no table".to_owned());
    };
    Ok(Planned {
        connector: query.connector.clone(),
        tool: query.tool.clone(),
        args,
    })
}

#[cfg(test)]
mod judged;
#[cfg(test)]
mod tests;
