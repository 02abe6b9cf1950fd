//! From which record a fact is, so that it opens that one and no other.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::Environment;
use url::Url;

use crate::domain::{
    briefing::Signal,
    finding::{Fact, FactValue},
};

/// From what an expression takes its value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Origin {
    /// `item`, `items` or the names of joins.
    sources: BTreeSet<String>,
    /// It picks one of several records: `requests[0].number`.
    picks: bool,
}

/// From what the facts and the addresses of a signal take their values.
#[derive(Debug, Default)]
pub(super) struct Origins {
    facts: BTreeMap<String, Origin>,
    link: Origin,
    fact_links: BTreeMap<String, Origin>,
}

impl Origins {
    pub(super) fn of(env: &Environment<'_>, signal: &Signal) -> Self {
        let records: BTreeSet<&str> = ["item", "items"]
            .into_iter()
            .chain(signal.joins.keys().map(String::as_str))
            .collect();
        let mut lets: BTreeMap<&str, Origin> = BTreeMap::new();
        let origin = |expression: &str, lets: &BTreeMap<&str, Origin>| {
            let picks = ["[", "|first", "|last"]
                .iter()
                .any(|form| expression.replace(' ', "").contains(form));
            let mut origin = Origin {
                picks,
                ..Origin::default()
            };
            let names = env
                .compile_expression(expression)
                .map(|expression| expression.undeclared_variables(false))
                .unwrap_or_default();
            for name in names {
                if let Some(known) = lets.get(name.as_str()) {
                    origin.sources.extend(known.sources.iter().cloned());
                    origin.picks |= known.picks;
                } else if records.contains(name.as_str()) {
                    origin.sources.insert(name);
                }
            }
            origin
        };
        for (name, value) in &signal.lets {
            if let Some(expression) = value.as_str() {
                let found = origin(expression, &lets);
                lets.insert(name, found);
            }
        }
        let table = |expressions: &BTreeMap<String, String>| {
            expressions
                .iter()
                .map(|(name, expression)| (name.clone(), origin(expression, &lets)))
                .collect()
        };
        Self {
            facts: table(&signal.facts),
            link: signal
                .link
                .as_ref()
                .map(|link| origin(link, &lets))
                .unwrap_or_default(),
            fact_links: table(&signal.fact_links),
        }
    }

    /// Gives each fact without an address of its own that of the record it is from. `link` is the finding's, `key` what
    /// makes its item the same; `records` says how many records each join, and `items`, have here.
    ///
    /// A figure over several records opens none of them, nor does a text that names another record ("PAY-1190" in the
    /// row of PAY-1182) or several.
    pub(super) fn link(
        &self,
        facts: &mut BTreeMap<String, Fact>,
        link: Option<&Url>,
        key: &str,
        records: &BTreeMap<&str, usize>,
    ) {
        let mut addresses: BTreeMap<&BTreeSet<String>, Url> = BTreeMap::new();
        let known = facts
            .iter()
            .filter_map(|(name, fact)| Some((self.fact_links.get(name)?, fact.link.as_ref()?)));
        for (origin, address) in link.map(|link| (&self.link, link)).into_iter().chain(known) {
            addresses
                .entry(&origin.sources)
                .or_insert_with(|| address.clone());
        }
        for (name, fact) in facts {
            let Some(origin) = self.facts.get(name) else {
                continue;
            };
            let is_one = origin.picks
                || origin
                    .sources
                    .iter()
                    .all(|source| records.get(source.as_str()).is_none_or(|count| *count < 2));
            if self.fact_links.contains_key(name) || origin.sources.is_empty() || !is_one {
                continue;
            }
            let Some(address) = addresses.get(&origin.sources) else {
                continue;
            };
            let names_the_record = match &fact.value {
                FactValue::Text(text) => {
                    text.contains(|c: char| c.is_ascii_digit())
                        && (text == key || is_in(text, address))
                }
                _ => true,
            };
            if names_the_record {
                fact.link = Some(address.clone());
            }
        }
    }
}

/// Does a part of the address's path, or of its query, say this name ("!2041" in ".../merge_requests/2041")?
fn is_in(name: &str, address: &Url) -> bool {
    let name = name.trim_matches(|c: char| !c.is_alphanumeric());
    let said = address.as_str().split(['/', '?', '&', '=', '#']).skip(3);
    !name.is_empty() && said.into_iter().any(|part| part.eq_ignore_ascii_case(name))
}
