//! What a run would not tell: rules that no answer of today reaches, and fields that are wanted of every item and that none
//! has. For an admin who looks before a brief is due.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::{Environment, value::Value};

use super::{
    Context, Outcome, Planned, RuleProblem,
    assess::{KeyCount, SignalRun},
    engine,
    expression::Expression,
    names, plan,
    rules::{Let, Rules, eval, key_of, missing, web_link},
    values,
};
use crate::domain::briefing::{Briefing, NextDate, Over, Signal};

/// Items of one answer that are tried.
const MOST_ITEMS: usize = 1_000;

/// The rules that name a field which no item has, though there are items, and a `next_date` that gives nothing. A source that
/// leaves empty fields out may be meant: these are to be looked at, not certainly wrong.
pub fn rehearse<'a>(
    briefing: &Briefing,
    context: &Context<'_>,
    outcome: &dyn Fn(&Planned) -> Option<Outcome<'a>>,
) -> Vec<RuleProblem> {
    let env = engine::environment(context);
    let mut problems = Vec::new();
    for signal in &briefing.signals {
        let run = SignalRun {
            signal,
            context,
            env: &env,
            outcome,
        };
        let lacking = lacking(&run, signal);
        problems.extend(lacking.into_iter().map(|(field, what)| RuleProblem {
            signal: Some(signal.id.clone()),
            field,
            what: format!("finds its field in no item of today: {what}"),
            advice: Some(
                "correct the field's name, or say what counts without it: `|default(…)`".to_owned(),
            ),
        }));
        problems.extend(quiet(&run, signal));
    }
    if let Some(next) = &briefing.next_date
        && let Some((field, what)) = of_date(next, context, &env, outcome)
    {
        problems.push(RuleProblem {
            signal: None,
            field: format!("next_date.{field}"),
            what,
            advice: None,
        });
    }
    problems
}

/// Rules of a signal that quietly take something away: a key that several records share, a link that leads nowhere.
fn quiet(run: &SignalRun<'_, '_, '_, '_>, signal: &Signal) -> Vec<RuleProblem> {
    let (Ok(items), Ok(rules)) = (run.items(&signal.query), Rules::compile(run.env, signal)) else {
        return Vec::new();
    };
    let problem = |field: &str, what: String, advice: &str| RuleProblem {
        signal: Some(signal.id.clone()),
        field: field.to_owned(),
        what,
        advice: Some(advice.to_owned()),
    };
    let scopes = scopes(run, &items.values, Some(&rules));
    let at_risk: Vec<_> = scopes
        .iter()
        .filter(|scope| eval(&rules.when, scope).is_ok_and(|value| value.is_true()))
        .collect();
    let mut found = Vec::new();
    if let (Some(rule), Over::Each) = (&rules.key, signal.over) {
        let keys: Vec<String> = at_risk
            .iter()
            .filter_map(|scope| key_of(&eval(rule, scope).ok()?))
            .collect();
        let count = KeyCount {
            keys: keys.iter().collect::<BTreeSet<_>>().len(),
            records: keys.len(),
        };
        found.extend(count.doubt(&signal.id));
    }
    if let Some(rule) = &rules.link {
        let leads_nowhere = |scope: &&&Vec<(String, Value)>| {
            eval(rule, scope).is_ok_and(|value| {
                let is_text = value.as_str().is_some_and(|text| !text.trim().is_empty());
                is_text && web_link(&value).is_none()
            })
        };
        let count = at_risk.iter().filter(leads_nowhere).count();
        if count > 0 {
            found.push(problem(
                "link",
                format!("gives no web address for {count} records of today, so it is left out"),
                "begin it with https:// and a host of the connector's `link_hosts`",
            ));
        }
    }
    found
}

/// Fields of a signal whose expression names what no item has.
fn lacking(run: &SignalRun<'_, '_, '_, '_>, signal: &Signal) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (name, join) in &signal.joins {
        if let Ok(items) = run.items(&join.query)
            && let Ok(right) = Expression::compile(run.env, &join.right)
        {
            let what = of_all(&right, &scopes(run, &items.values, None));
            found.extend(what.map(|what| (format!("with.{name}.right"), what)));
        }
    }
    let Ok(items) = run.items(&signal.query) else {
        return found;
    };
    let Ok(rules) = Rules::compile(run.env, signal) else {
        return found;
    };
    let scopes = scopes(run, &items.values, Some(&rules));
    for (name, join) in &signal.joins {
        if let Ok(left) = Expression::compile(run.env, &join.left) {
            let what = of_all(&left, &scopes);
            found.extend(what.map(|what| (format!("with.{name}.left"), what)));
        }
    }
    let mut each: Vec<(String, &Expression<'_>)> = Vec::new();
    for (name, rule) in &rules.lets {
        if let Let::Rule(rule) = rule {
            each.push((format!("let.{name}"), rule));
        }
    }
    each.push(("when".to_owned(), &rules.when));
    each.push(("severity".to_owned(), &rules.severity));
    for (name, rule) in [
        ("key", &rules.key),
        ("rank", &rules.rank),
        ("measure.value", &rules.measure),
        ("until", &rules.until),
        ("due", &rules.due),
        ("link", &rules.link),
        ("subject", &rules.subject),
        ("cause", &rules.cause),
    ] {
        each.extend(rule.as_ref().map(|rule| (name.to_owned(), rule)));
    }
    each.extend(
        rules
            .stake
            .as_ref()
            .map(|(field, rule)| ((*field).to_owned(), rule)),
    );
    let named = |field: &str, rules: &'_ BTreeMap<String, _>| -> Vec<String> {
        rules.keys().map(|name| format!("{field}.{name}")).collect()
    };
    each.extend(
        named("facts", &rules.facts)
            .into_iter()
            .zip(rules.facts.values()),
    );
    each.extend(
        named("fact_links", &rules.fact_links)
            .into_iter()
            .zip(rules.fact_links.values()),
    );
    for (field, rule) in each {
        found.extend(of_all(rule, &scopes).map(|what| (field, what)));
    }
    found
}

/// What each item is looked at with: as in a run, but without joined records. A `let` that fails is left out.
fn scopes(
    run: &SignalRun<'_, '_, '_, '_>,
    items: &[Value],
    rules: Option<&Rules<'_>>,
) -> Vec<Vec<(String, Value)>> {
    let all = Value::from(items.to_vec());
    items
        .iter()
        .take(MOST_ITEMS)
        .map(|item| {
            let mut scope = engine::globals(run.context);
            scope.push(("item".to_owned(), item.clone()));
            scope.push(("items".to_owned(), all.clone()));
            for name in run.signal.joins.keys() {
                scope.push((name.clone(), Value::from(Vec::<Value>::new())));
            }
            for (name, rule) in rules.into_iter().flat_map(|rules| &rules.lets) {
                let value = match rule {
                    Let::Value(value) => Some(value.clone()),
                    Let::Rule(rule) => eval(rule, &scope).ok(),
                };
                scope.extend(value.map(|value| (name.clone(), value)));
            }
            scope
        })
        .collect()
}

/// The field that a rule names and none of the items has, unless the rule can do without it.
fn of_all(rule: &Expression<'_>, scopes: &[Vec<(String, Value)>]) -> Option<String> {
    let mut first = None;
    for scope in scopes {
        let value = rule.eval(scope);
        if value.is_ok_and(|value| !value.is_undefined()) {
            return None;
        }
        let what = missing(rule, scope)?;
        first.get_or_insert(what);
    }
    first
}

/// Why the next date is not found, where that is no matter of the source.
fn of_date<'a>(
    next: &NextDate,
    context: &Context<'_>,
    env: &Environment<'_>,
    outcome: &dyn Fn(&Planned) -> Option<Outcome<'a>>,
) -> Option<(&'static str, String)> {
    let planned = match plan(&next.query, context) {
        Ok(planned) => planned,
        Err(what) => return Some(("args", what)),
    };
    let value = match outcome(&planned)? {
        Outcome::Answered { value, .. } => value,
        Outcome::Failed { detail, .. } => return Some(("tool", detail.to_owned())),
    };
    let result = values::of_json(value);
    let rule = Expression::compile(env, &next.query.items).ok()?;
    let list = rule.eval(&[("result".to_owned(), result.clone())]);
    let items: Vec<Value> = match list.ok().filter(|list| !list.is_undefined()) {
        Some(list) => list.try_iter().ok()?.take(MOST_ITEMS).collect(),
        None => {
            let what = names::missing(&rule, "result", &result);
            return Some(("items", what.unwrap_or_else(|| "gives no list".to_owned())));
        }
    };
    let scopes: Vec<_> = items
        .into_iter()
        .map(|item| {
            let mut scope = engine::globals(context);
            scope.push(("item".to_owned(), item));
            scope
        })
        .collect();
    [("date", &next.date), ("what", &next.what)]
        .into_iter()
        .find_map(|(field, text)| {
            let rule = Expression::compile(env, text).ok()?;
            Some((field, of_all(&rule, &scopes)?))
        })
}
