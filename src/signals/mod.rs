//! Signals: rules over JSON that give findings. Pure: the same answers give the same findings, without a model.
//!
//! An expression (minijinja, fuel-limited) sees `item`, `items`, `result`, the joined records under their names (a
//! list each), the `let`s in the order written, `today` (`YYYY-MM-DD` in the reader's zone), `now` and `since_last`
//! (RFC 3339). [`functions`] has the table of what it may call.

mod assess;
mod engine;
pub mod functions;
mod origin;
mod rules;
mod status;
mod wording;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::{Map, Value};

use crate::{
    domain::{
        brief::Checked,
        briefing::{Briefing, Query, Signal},
        calendar::Calendar,
        finding::{Finding, Gap, GapCause, Mark},
    },
    ids::{ConnectorId, SignalId},
};

pub use assess::assess;

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
    Answered { value: &'a Value, as_of: Timestamp },
    Failed { cause: GapCause, detail: &'a str },
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
}

/// Something wrong with a briefing that can be told before it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleProblem {
    pub signal: SignalId,
    /// `when`, `facts.amount`, `headline` …
    pub field: String,
    pub what: String,
}

/// Everything that is wrong with a briefing's rules, all at once.
pub fn check(briefing: &Briefing) -> Vec<RuleProblem> {
    let mut problems = Vec::new();
    let mut ids = Vec::new();
    for signal in &briefing.signals {
        let mut wrong = |field: &str, what: String| {
            problems.push(RuleProblem {
                signal: signal.id.clone(),
                field: field.to_owned(),
                what,
            });
        };
        if ids.contains(&&signal.id) {
            wrong("id", format!("two signals are called `{}`", signal.id));
        }
        ids.push(&signal.id);
        if signal.key.is_none() && signal.over == crate::domain::briefing::Over::Each {
            wrong(
                "key",
                "is missing: say what makes an item the same tomorrow".to_owned(),
            );
        }
        for (field, expression) in expressions(signal) {
            if let Err(what) = engine::check_expression(&expression) {
                wrong(&field, what);
            }
        }
        for (field, template) in [
            ("headline", &signal.headline),
            ("say", &signal.say),
            ("next", &signal.next),
        ] {
            if let Err(what) = wording::check(template, &signal.facts) {
                wrong(field, what);
            }
        }
        if crate::text::word_count(&signal.headline.replace(['{', '}'], " ")) > 24 {
            wrong(
                "headline",
                "is longer than 16 words once its facts stand in it".to_owned(),
            );
        }
        for name in signal
            .fact_links
            .keys()
            .filter(|name| !signal.facts.contains_key(*name))
        {
            wrong(
                &format!("fact_links.{name}"),
                "links a fact that is not declared".to_owned(),
            );
        }
    }
    problems
}

/// All expressions of a signal with the field that each stands in.
fn expressions(signal: &Signal) -> Vec<(String, String)> {
    let mut found = vec![
        ("items".to_owned(), signal.query.items.clone()),
        ("when".to_owned(), signal.when.clone()),
        ("severity".to_owned(), signal.severity.clone()),
    ];
    let mut optional = |field: &str, expression: &Option<String>| {
        if let Some(expression) = expression {
            found.push((field.to_owned(), expression.clone()));
        }
    };
    optional("key", &signal.key);
    optional("rank", &signal.rank);
    optional("link", &signal.link);
    optional("cause", &signal.cause);
    optional(
        "measure.value",
        &signal.measure.as_ref().map(|measure| measure.value.clone()),
    );
    for (name, value) in &signal.lets {
        if let Value::String(expression) = value {
            found.push((format!("let.{name}"), expression.clone()));
        }
    }
    for (name, expression) in &signal.facts {
        found.push((format!("facts.{name}"), expression.clone()));
    }
    for (name, expression) in &signal.fact_links {
        found.push((format!("fact_links.{name}"), expression.clone()));
    }
    for (name, join) in &signal.joins {
        found.push((format!("with.{name}.items"), join.query.items.clone()));
        found.push((format!("with.{name}.left"), join.left.clone()));
        found.push((format!("with.{name}.right"), join.right.clone()));
    }
    found
}

/// All calls that a briefing needs, each once, in the order of its signals; or the argument that could not be made.
pub fn queries(briefing: &Briefing, context: &Context<'_>) -> Result<Vec<Planned>, RuleProblem> {
    let mut planned: Vec<Planned> = Vec::new();
    let mut keys = std::collections::BTreeSet::new();
    for signal in &briefing.signals {
        for query in
            std::iter::once(&signal.query).chain(signal.joins.values().map(|join| &join.query))
        {
            let call = plan(query, context).map_err(|what| RuleProblem {
                signal: signal.id.clone(),
                field: "args".to_owned(),
                what,
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
mod tests;
