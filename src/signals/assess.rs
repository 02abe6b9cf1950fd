//! From answers to findings.

use std::collections::{BTreeMap, BTreeSet};

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use minijinja::{Environment, value::Value};
use rust_decimal::Decimal;
use sha2::Sha256;

use super::{
    Assessment, Context, Outcome, Planned, RuleProblem, engine,
    expression::{Expression, truth},
    functions, names, order, plan,
    rules::{LONGEST_TEXT, Let, Rules, day, eval, eval_if_there, key_of, one_line, web_link},
    severity::may_be_high,
    status, values, wording,
};
use crate::{
    domain::{
        brief::Checked,
        briefing::{Briefing, Over, Query, Signal},
        finding::{
            Evidence, Fact, FactValue, Finding, Fingerprint, Gap, GapCause, Hint, Measure,
            Severity, Stake, Wording, WordingPart,
        },
    },
    ids::{ConnectorId, SignalId, hex},
};

/// Items of one answer that are looked at; the rest is a gap.
const MOST_ITEMS: usize = 50_000;

/// Failed items of one signal that are named to the admin.
const MOST_NAMED: usize = 5;

/// Why a signal could not be checked.
pub(super) struct Unchecked {
    connector: ConnectorId,
    cause: GapCause,
    detail: String,
    hint: Option<Hint>,
}

/// Finds what is at risk. `outcome` says what became of each planned call.
pub fn assess<'a>(
    briefing: &Briefing,
    context: &Context<'_>,
    outcome: &dyn Fn(&Planned) -> Option<Outcome<'a>>,
) -> Assessment {
    let mut result = Assessment::default();
    let mut checked: BTreeSet<&SignalId> = BTreeSet::new();
    let mut findings: Vec<Finding> = Vec::new();
    let env = engine::environment(context);
    for signal in &briefing.signals {
        result.checked.total += 1;
        match (SignalRun {
            signal,
            context,
            env: &env,
            outcome,
        })
        .run(&mut result.gaps)
        {
            Ok((found, whole)) => {
                // With a record that could not be read, what is not found may be in that record.
                if whole {
                    checked.insert(&signal.id);
                }
                findings.extend(found);
            }
            Err(unchecked) => add_gap(&mut result.gaps, signal, unchecked, Extent::Whole),
        }
    }
    for gap in &mut result.gaps {
        gap.of = asking(briefing, &gap.connector);
    }
    result.checked = Checked {
        checked: checked.len(),
        total: result.checked.total,
    };

    let today = context.today();
    let previous: BTreeMap<&Fingerprint, _> = context
        .previous
        .iter()
        .map(|mark| (&mark.fingerprint, mark))
        .collect();
    order::sort(&mut findings, briefing);
    result.doubts = tell_apart(&mut findings, context.fingerprint_key);
    for finding in &mut findings {
        let (status, mark) =
            status::compare(finding, previous.get(&finding.fingerprint).copied(), today);
        finding.status = status;
        result.marks.push(mark);
    }
    let position = |id: &SignalId| briefing.signals.iter().position(|signal| signal.id == *id);
    for mark in context.previous {
        if findings
            .iter()
            .any(|finding| finding.fingerprint == mark.fingerprint)
        {
            continue;
        }
        if checked.contains(&mark.signal) {
            result.resolved.push(mark.clone());
        } else if position(&mark.signal).is_some() {
            result.marks.push(mark.clone());
        }
    }
    result.findings = findings;
    result.next_date = next_date(briefing, context, &env, outcome);
    result
}

/// Gives records of one key their own identity, the worst keeping the key's: a risk is not left out because another is called
/// the same. What is the same in everything that is said of it is one record that came twice. Returns the signals whose key
/// tells too few of them apart.
fn tell_apart(findings: &mut Vec<Finding>, key: &[u8]) -> Vec<RuleProblem> {
    let mut seen: BTreeMap<Fingerprint, Vec<Finding>> = BTreeMap::new();
    let mut shared: BTreeMap<SignalId, KeyCount> = BTreeMap::new();
    findings.retain_mut(|finding| {
        let alike = seen.entry(finding.fingerprint.clone()).or_default();
        let plain = Finding {
            evidence: Vec::new(),
            ..finding.clone()
        };
        if alike.contains(&plain) {
            return false;
        }
        let count = shared.entry(finding.signal.clone()).or_default();
        count.records += 1;
        count.keys += usize::from(alike.is_empty());
        if !alike.is_empty() {
            let nth = format!("{}\u{0}{}", finding.fingerprint.0, alike.len());
            finding.fingerprint = fingerprint(key, &finding.signal, &nth);
        }
        alike.push(plain);
        true
    });
    let doubts = shared.iter();
    doubts
        .filter_map(|(signal, count)| count.doubt(signal))
        .collect()
}

/// How many records a key tells apart.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct KeyCount {
    pub(super) keys: usize,
    pub(super) records: usize,
}

impl KeyCount {
    /// What follows where several records share a key.
    pub(super) fn doubt(self, signal: &SignalId) -> Option<RuleProblem> {
        (self.keys < self.records).then(|| RuleProblem {
            signal: Some(signal.clone()),
            field: "key".to_owned(),
            what: format!(
                "tells only {} of {} records of today apart: all are told, but which of them is new, goes on or is resolved \
                 cannot be known",
                self.keys, self.records
            ),
            advice: Some("name what is different in each record, such as its id".to_owned()),
        })
    }
}

/// How many signals ask a connector.
fn asking(briefing: &Briefing, connector: &ConnectorId) -> usize {
    let asks = |signal: &&Signal| {
        signal.query.connector == *connector
            || signal
                .joins
                .values()
                .any(|join| join.query.connector == *connector)
    };
    briefing.signals.iter().filter(asks).count()
}

/// How much of a signal is unchecked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    /// Some of its records.
    Part,
}

/// Adds a gap, or its signal to the gap of the same connector and cause.
fn add_gap(gaps: &mut Vec<Gap>, signal: &Signal, unchecked: Unchecked, extent: Extent) {
    let same = gaps.iter_mut().find(|gap| {
        gap.connector == unchecked.connector
            && gap.cause == unchecked.cause
            && gap.cause != GapCause::Rule
    });
    match same {
        Some(gap) => {
            gap.high |= may_be_high(signal);
            add_detail(&mut gap.detail, signal, &unchecked.detail);
            gap.hint = both(gap.hint.take(), unchecked.hint);
            if !gap.signals.contains(&signal.id) {
                gap.signals.push(signal.id.clone());
                gap.titles.push(signal.title.clone());
            }
        }
        None => gaps.push(Gap {
            connector: unchecked.connector,
            signals: vec![signal.id.clone()],
            titles: vec![signal.title.clone()],
            of: 0,
            in_part: extent == Extent::Part,
            last_good: None,
            high: may_be_high(signal),
            cause: unchecked.cause,
            detail: unchecked.detail,
            hint: unchecked.hint,
        }),
    }
}

/// The hints of two failures as one: what both say is said once.
fn both(first: Option<Hint>, second: Option<Hint>) -> Option<Hint> {
    let (Some(first), Some(second)) = (first.clone(), second.clone()) else {
        return first.or(second);
    };
    let join = |first: Option<String>, second: Option<String>| match (first, second) {
        (Some(first), Some(second)) if !first.contains(&second) => {
            Some(format!("{first}; {second}"))
        }
        (first, second) => first.or(second),
    };
    Some(Hint {
        place: join(first.place, second.place),
        advice: join(first.advice, second.advice),
    })
}

/// Adds another reason to those of a gap: each is told once, and no more than a few.
fn add_detail(all: &mut String, signal: &Signal, detail: &str) {
    const BETWEEN: &str = "; ";
    let reason = detail.strip_prefix(&format!("{}: ", signal.id));
    let known = all.contains(reason.unwrap_or(detail));
    if !known && all.matches(BETWEEN).count() + 1 < MOST_NAMED {
        all.push_str(BETWEEN);
        all.push_str(detail);
    }
}

/// The earliest date ahead that the briefing names.
fn next_date<'a>(
    briefing: &Briefing,
    context: &Context<'_>,
    env: &Environment<'_>,
    outcome: &dyn Fn(&Planned) -> Option<Outcome<'a>>,
) -> Option<(jiff::civil::Date, String)> {
    let next = briefing.next_date.as_ref()?;
    let planned = plan(&next.query, context).ok()?;
    let Some(Outcome::Answered { value, .. }) = outcome(&planned) else {
        return None;
    };
    let scope = |item: Value| {
        let mut values = engine::globals(context);
        values.push(("item".to_owned(), item));
        values
    };
    let items = Expression::compile(env, &next.query.items).ok()?;
    let items = items
        .eval(&[("result".to_owned(), values::of_json(value))])
        .ok()?;
    let (date, what) = (
        Expression::compile(env, &next.date).ok()?,
        Expression::compile(env, &next.what).ok()?,
    );
    let mut earliest: Option<(jiff::civil::Date, String)> = None;
    for item in items.try_iter().ok()?.take(MOST_ITEMS) {
        // One without a date is none; where one cannot be read, none is known to be the earliest.
        let scope = scope(item);
        let date = match eval_if_there(&date, &scope).ok()? {
            Some(date) if !date.is_none() => day(env, &date).ok()?,
            _ => continue,
        };
        let what = eval_if_there(&what, &scope).ok()?;
        let Some(what) = what.as_ref().and_then(|what| what.as_str()) else {
            continue;
        };
        let found = (date, crate::text::shorten(what, LONGEST_TEXT));
        if date >= context.today() && earliest.as_ref().is_none_or(|known| found < *known) {
            earliest = Some(found);
        }
    }
    earliest
}

/// One signal over its answers.
pub(super) struct SignalRun<'s, 'e, 'o, 'a> {
    pub(super) signal: &'s Signal,
    pub(super) context: &'s Context<'s>,
    pub(super) env: &'e Environment<'e>,
    pub(super) outcome: &'o dyn Fn(&Planned) -> Option<Outcome<'a>>,
}

/// The items of a query with what an evidence pointer needs.
pub(super) struct Items {
    pub(super) values: Vec<Value>,
    as_of: Timestamp,
    base: String,
}

impl Items {
    fn evidence(&self, query: &Query, index: usize) -> Evidence {
        Evidence {
            connector: query.connector.clone(),
            tool: query.tool.clone(),
            pointer: format!("{}/{index}", self.base),
            as_of: self.as_of,
        }
    }
}

impl SignalRun<'_, '_, '_, '_> {
    /// The findings, and whether all items could be read; those on which a rule fails become a gap beside them. Only what
    /// decides whether there is a finding, and which, can keep one back.
    fn run(&self, gaps: &mut Vec<Gap>) -> Result<(Vec<Finding>, bool), Unchecked> {
        let query = &self.signal.query;
        let items = self.items(query)?;
        let rules = Rules::compile(self.env, self.signal).map_err(|(field, what)| Unchecked {
            connector: query.connector.clone(),
            cause: GapCause::Rule,
            detail: format!("{}: {field}: {what}", self.signal.id),
            hint: None,
        })?;
        let joined = self.joined()?;
        let mut findings = Vec::new();
        let mut failed: Vec<String> = Vec::new();
        let mut failures = 0_usize;
        let all = Value::from(items.values.clone());
        let single = [Value::from(())];
        let each: &[Value] = match self.signal.over {
            Over::Each => &items.values,
            Over::All => &single,
        };
        for (index, item) in each.iter().enumerate() {
            let mut scope = engine::globals(self.context);
            scope.push(("item".to_owned(), item.clone()));
            scope.push(("items".to_owned(), all.clone()));
            let unread = match self.one(&rules, scope, &joined, items.evidence(query, index)) {
                Ok(Some(Found { finding, unread })) => {
                    findings.push(finding);
                    unread
                }
                Ok(None) => Vec::new(),
                Err(unread) => vec![unread],
            };
            failures += usize::from(!unread.is_empty());
            for (field, what) in unread {
                let why = format!("{field}: {what}");
                // Most often all fail alike: the first says it.
                let is_new = !failed.iter().any(|known| known.ends_with(&why));
                if is_new && failed.len() < MOST_NAMED {
                    failed.push(format!("item {index}: {why}"));
                }
            }
        }
        if failures > 0 {
            let detail = format!(
                "{}: a rule failed on {failures} of {} items: {}",
                self.signal.id,
                each.len(),
                failed.join("; ")
            );
            if failures == each.len() && findings.is_empty() {
                return Err(Unchecked {
                    connector: query.connector.clone(),
                    cause: GapCause::Rule,
                    detail,
                    hint: None,
                });
            }
            add_gap(
                gaps,
                self.signal,
                Unchecked {
                    connector: query.connector.clone(),
                    cause: GapCause::Rule,
                    detail,
                    hint: None,
                },
                Extent::Part,
            );
        }
        Ok((findings, failures == 0))
    }

    pub(super) fn items(&self, query: &Query) -> Result<Items, Unchecked> {
        let unchecked = |cause: GapCause, detail: String| Unchecked {
            connector: query.connector.clone(),
            cause,
            detail,
            hint: None,
        };
        let planned = plan(query, self.context).map_err(|what| {
            unchecked(GapCause::Rule, format!("{}: args: {what}", self.signal.id))
        })?;
        let (value, as_of) = match (self.outcome)(&planned) {
            Some(Outcome::Answered { value, as_of }) => (value, as_of),
            Some(Outcome::Failed {
                cause,
                detail,
                hint,
            }) => {
                return Err(Unchecked {
                    hint: hint.cloned(),
                    ..unchecked(cause, detail.to_owned())
                });
            }
            None => return Err(unchecked(GapCause::Unreachable, "was not asked".to_owned())),
        };
        let shape = |what: String| {
            unchecked(
                GapCause::Shape,
                format!("{}: items `{}`: {what}", self.signal.id, query.items),
            )
        };
        let result = values::of_json(value);
        let rule = Expression::compile(self.env, &query.items)
            .map_err(|error| shape(engine::reason(&error)))?;
        let list = rule.eval(&[("result".to_owned(), result.clone())]);
        let list = match list {
            Ok(list) if !list.is_undefined() => list,
            other => {
                let why = other.map_or_else(
                    |error| engine::reason(&error),
                    |_| "gives nothing".to_owned(),
                );
                return Err(shape(
                    names::missing(&rule, "result", &result).unwrap_or(why),
                ));
            }
        };
        if !matches!(
            list.kind(),
            minijinja::value::ValueKind::Seq | minijinja::value::ValueKind::Iterable
        ) {
            return Err(shape(names::no_list(&list)));
        }
        let values: Vec<Value> = list
            .try_iter()
            .map_err(|error| shape(engine::reason(&error)))?
            .take(MOST_ITEMS + 1)
            .collect();
        if values.len() > MOST_ITEMS {
            return Err(unchecked(
                GapCause::TooLarge,
                format!("{}: more than {MOST_ITEMS} items", self.signal.id),
            ));
        }
        let path = query.items.strip_prefix("result").filter(|path| {
            path.chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
        });
        Ok(Items {
            values,
            as_of,
            base: path.unwrap_or("").replace('.', "/"),
        })
    }

    /// Each join's records by their key.
    fn joined(&self) -> Result<BTreeMap<String, Joined>, Unchecked> {
        let mut joined = BTreeMap::new();
        for (name, join) in &self.signal.joins {
            let items = self.items(&join.query)?;
            let unread = |what: String| Unchecked {
                connector: join.query.connector.clone(),
                cause: GapCause::Rule,
                detail: format!("{}: with.{name}.right: {what}", self.signal.id),
                hint: None,
            };
            let right = Expression::compile(self.env, &join.right)
                .map_err(|error| unread(engine::reason(&error)))?;
            let mut records: BTreeMap<String, Vec<(Value, Evidence)>> = BTreeMap::new();
            for (index, record) in items.values.iter().enumerate() {
                // A record without the key belongs to nothing.
                let scope = [("item".to_owned(), record.clone())];
                let key = eval_if_there(&right, &scope).map_err(unread)?;
                if let Some(key) = key.as_ref().and_then(key_of) {
                    records
                        .entry(key)
                        .or_default()
                        .push((record.clone(), items.evidence(&join.query, index)));
                }
            }
            joined.insert(
                name.clone(),
                Joined {
                    left: join.left.clone(),
                    records,
                },
            );
        }
        Ok(joined)
    }

    /// One item: nothing where it is no risk, or the field that failed and why.
    fn one(
        &self,
        rules: &Rules<'_>,
        mut scope: Vec<(String, Value)>,
        joined: &BTreeMap<String, Joined>,
        own: Evidence,
    ) -> Result<Option<Found>, Unread> {
        let mut evidence = vec![own];
        for (name, join) in joined {
            let left = Expression::compile(self.env, &join.left)
                .map_err(|error| engine::reason(&error))
                .and_then(|left| eval_if_there(&left, &scope))
                .map_err(|what| (format!("with.{name}.left"), what))?;
            let matches = left
                .as_ref()
                .and_then(key_of)
                .and_then(|key| join.records.get(&key))
                .map(Vec::as_slice)
                .unwrap_or_default();
            evidence.extend(matches.iter().map(|(_, evidence)| evidence.clone()));
            scope.push((
                name.clone(),
                matches.iter().map(|(record, _)| record.clone()).collect(),
            ));
        }
        for (name, rule) in &rules.lets {
            let value = match rule {
                Let::Value(value) => value.clone(),
                Let::Rule(rule) => {
                    eval(rule, &scope).map_err(|what| (format!("let.{name}"), what))?
                }
            };
            scope.push((name.clone(), value));
        }
        let at = |field: &str| {
            let field = field.to_owned();
            move |what: String| (field, what)
        };
        let holds = eval(&rules.when, &scope)
            .and_then(|value| truth(&value).map_err(|error| engine::reason(&error)));
        if !holds.map_err(at("when"))? {
            return Ok(None);
        }
        let severity = match eval(&rules.severity, &scope)
            .map_err(at("severity"))?
            .as_str()
        {
            Some("high") => Severity::High,
            Some("medium") => Severity::Medium,
            Some("low") => Severity::Low,
            _ => {
                return Err((
                    "severity".to_owned(),
                    "gives none of 'high', 'medium', 'low'".to_owned(),
                ));
            }
        };
        let key = match &rules.key {
            Some(key) => key_of(&eval(key, &scope).map_err(at("key"))?)
                .ok_or_else(|| ("key".to_owned(), "gives nothing".to_owned()))?,
            None => String::new(),
        };
        let number = |rule: &Expression<'_>, field: &str| -> Result<Decimal, Unread> {
            let value = eval(rule, &scope).map_err(at(field))?;
            functions::decimal(&value).map_err(at(field))
        };
        // From here on nothing keeps the finding back: what cannot be read is left out of it and told as a gap.
        let mut unread: Vec<Unread> = Vec::new();
        let rank = rules.rank.as_ref().map(|rule| number(rule, "rank"));
        let rank = read(rank, &mut unread).unwrap_or_default();
        let measure = match (&rules.measure, &self.signal.measure) {
            (Some(rule), Some(measure)) => {
                let value = read(Some(number(rule, "measure.value")), &mut unread);
                value.map(|value| Measure {
                    value: value.round_dp(4).normalize(),
                    unit: measure.unit.clone(),
                    worse: measure.worse,
                })
            }
            _ => None,
        };
        let stake = rules.stake.as_ref().map(|(field, rule)| {
            if *field != "stake.money" {
                let number = number(rule, field)?;
                return Ok(match *field {
                    "stake.customers" => Stake::Customers(number),
                    _ => Stake::People(number),
                });
            }
            let value = eval(rule, &scope).map_err(at(field))?;
            match functions::fact(&value).map_err(at(field))? {
                FactValue::Money(money) => Ok(Stake::Money(money)),
                _ => Err((
                    (*field).to_owned(),
                    "gives no amount with a currency, such as `item.amount|money('EUR')`"
                        .to_owned(),
                )),
            }
        });
        let stake = read(stake, &mut unread);
        // A link, a subject or a cause that is not there is none; one that could not be read is told.
        let there = |rule: Option<&Expression<'_>>, field: &str| {
            rule.map(|rule| eval_if_there(rule, &scope).map_err(at(field)))
        };
        let mut date = |rule: Option<&Expression<'_>>, field: &str| {
            let date = rule.map(|rule| match eval(rule, &scope).map_err(at(field))? {
                none if none.is_none() => Ok(None),
                value => day(self.env, &value).map(Some).map_err(at(field)),
            });
            read(date, &mut unread).flatten()
        };
        let until = date(rules.until.as_ref(), "until");
        let due = date(rules.due.as_ref(), "due");
        let mut facts = BTreeMap::new();
        for (name, rule) in &rules.facts {
            let field = format!("facts.{name}");
            let value = eval(rule, &scope)
                .and_then(|value| functions::fact(&value))
                .map_err(at(&field));
            let mut value = read(Some(value), &mut unread)
                .unwrap_or_else(|| FactValue::Text(UNREAD_FACT.to_owned()));
            if let FactValue::Text(text) = &mut value {
                *text = one_line(text);
            }
            let link = there(rules.fact_links.get(name), &format!("fact_links.{name}"));
            let link = read(link, &mut unread).flatten();
            let link = link.as_ref().and_then(web_link);
            facts.insert(name.clone(), Fact { value, link });
        }
        let link = read(there(rules.link.as_ref(), "link"), &mut unread).flatten();
        let link = link.as_ref().and_then(web_link);
        let subject = read(there(rules.subject.as_ref(), "subject"), &mut unread).flatten();
        let cause = read(there(rules.cause.as_ref(), "cause"), &mut unread).flatten();
        let records: BTreeMap<&str, usize> = scope
            .iter()
            .filter(|(name, _)| name == "items" || joined.contains_key(name))
            .map(|(name, records)| (name.as_str(), records.len().unwrap_or_default()))
            .collect();
        rules
            .origins
            .link(&mut facts, link.as_ref(), &key, &records);
        let mut sentence = |field: &str, template: &str| {
            let said = wording::wording(template, &facts).map_err(|what| (field.to_owned(), what));
            read(Some(said), &mut unread)
        };
        let headline = sentence("headline", &self.signal.headline)
            .unwrap_or_else(|| Wording(vec![WordingPart::Words(self.signal.title.clone())]));
        let body = sentence("say", &self.signal.say).unwrap_or_default();
        let next = sentence("next", &self.signal.next).unwrap_or_default();
        let short = sentence("short", &self.signal.short).unwrap_or_default();
        let finding = Finding {
            signal: self.signal.id.clone(),
            fingerprint: fingerprint(self.context.fingerprint_key, &self.signal.id, &key),
            severity,
            status: crate::domain::finding::Status::New,
            measure,
            stake,
            due,
            rank,
            headline,
            body,
            next,
            short,
            until,
            link,
            subject: subject
                .as_ref()
                .and_then(key_of)
                .map(|subject| one_line(&subject)),
            cause: cause.as_ref().and_then(key_of),
            facts,
            evidence,
        };
        Ok(Some(Found { finding, unread }))
    }
}

/// A field of a signal that could not be read on an item, and why.
type Unread = (String, String);

/// A finding, and what of it could not be read.
struct Found {
    finding: Finding,
    unread: Vec<Unread>,
}

/// Stands in a sentence for a fact that could not be read.
const UNREAD_FACT: &str = "?";

/// What was read, or nothing with why beside it.
fn read<T>(value: Option<Result<T, Unread>>, unread: &mut Vec<Unread>) -> Option<T> {
    match value? {
        Ok(value) => Some(value),
        Err(why) => {
            unread.push(why);
            None
        }
    }
}

/// A join's records by key, and the expression for an item's key.
struct Joined {
    left: String,
    records: BTreeMap<String, Vec<(Value, Evidence)>>,
}

fn fingerprint(key: &[u8], signal: &SignalId, item: &str) -> Fingerprint {
    let mut mac = Hmac::<Sha256>::new_from_slice(key)
        .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
    mac.update(&(signal.as_str().len() as u64).to_be_bytes());
    mac.update(signal.as_str().as_bytes());
    mac.update(item.as_bytes());
    Fingerprint(hex(&mac.finalize().into_bytes()))
}
