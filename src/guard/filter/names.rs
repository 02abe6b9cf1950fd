//! Names of the connected schemas and tools, and the hosts that links may lead to.

use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder};

use super::{Context, Reason};
use crate::guard::Guard;

/// Longer lists are cut: what is named beyond is not looked for.
const MOST_NAMES: usize = 20_000;
/// Shorter names stand in ordinary text by chance.
const SHORTEST_NAME: usize = 2;
/// The compiled form of all names may take so many bytes.
const PATTERN_BYTES: usize = 64 * 1024 * 1024;

/// What stands in the place of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Named {
    pub reason: Reason,
    pub words: &'static str,
}

/// The names of one context.
#[derive(Debug)]
pub(super) struct Names {
    /// In lower case → what it is.
    known: BTreeMap<String, Named>,
    /// Words of letters, digits and `_`, as identifiers are made of.
    technical: Option<Regex>,
    quoted: Option<Regex>,
    pub guard: Guard,
    pub schema_role: bool,
}

impl Names {
    pub fn new(context: &Context) -> Self {
        let mut known = BTreeMap::new();
        let lists = [
            (&context.columns, Reason::SchemaName, "a field"),
            (&context.tables, Reason::SchemaName, "a table"),
            (&context.tools, Reason::ToolName, "a tool"),
        ];
        for (names, reason, words) in lists {
            for name in names.iter().take(MOST_NAMES) {
                let name = name.trim();
                if name.chars().count() >= SHORTEST_NAME {
                    known.insert(name.to_lowercase(), Named { reason, words });
                }
            }
        }
        let spelled = || {
            [&context.columns, &context.tables, &context.tools]
                .into_iter()
                .flat_map(|names| names.iter().take(MOST_NAMES))
                .map(|name| name.trim())
                .filter(|name| name.chars().count() >= SHORTEST_NAME)
        };
        let technical: Vec<String> = spelled()
            .filter(|name| is_technical(name))
            .map(regex::escape)
            .collect();
        let all: Vec<String> = spelled().map(regex::escape).collect();
        let alternatives = |names: &[String]| names.join("|");
        Self {
            technical: pattern(&technical, |names| {
                format!(
                    r"(?:[A-Za-z_][A-Za-z0-9_]*\.)?(?:{names})(?:\.[A-Za-z_][A-Za-z0-9_]*)?",
                    names = alternatives(names)
                )
            }),
            quoted: pattern(&all, |names| {
                let names = alternatives(names);
                format!(
                    r#"[`"\[](?:{names})[`"\]]|(?:{names})\.[A-Za-z_][A-Za-z0-9_]*|[A-Za-z_][A-Za-z0-9_]*\.(?:{names})"#
                )
            }),
            known,
            guard: Guard::new(context.allowed_hosts.iter().cloned()),
            schema_role: context.schema_role,
        }
    }

    /// The places where a name of the schema or of a tool stands in a folded text.
    pub fn find(&self, text: &str, found: &mut impl FnMut(std::ops::Range<usize>, Named)) {
        for pattern in [&self.technical, &self.quoted].into_iter().flatten() {
            for hit in pattern.find_iter(text) {
                if !stands_alone(text, hit.range()) {
                    continue;
                }
                let name = hit.as_str().to_lowercase();
                let core = name.trim_matches(['`', '"', '[', ']']);
                let is_sentence = core.contains('.') && !self.known.contains_key(core) && {
                    // "…the order.Then" is no qualified name, "orders.status" is.
                    let parts: Vec<&str> = hit.as_str().split('.').collect();
                    parts
                        .last()
                        .is_some_and(|part| part.starts_with(|c: char| c.is_uppercase()))
                        && !parts.iter().any(|part| is_technical(part))
                };
                if is_sentence {
                    continue;
                }
                let named = self.known.get(core).copied().or_else(|| {
                    core.split('.')
                        .rev()
                        .find_map(|part| self.known.get(part).copied())
                });
                if let Some(named) = named {
                    found(hit.range(), named);
                }
            }
        }
    }
}

fn pattern(names: &[String], of: impl Fn(&[String]) -> String) -> Option<Regex> {
    if names.is_empty() {
        return None;
    }
    RegexBuilder::new(&of(names))
        .case_insensitive(true)
        .size_limit(PATTERN_BYTES)
        .build()
        .ok()
}

/// Does it look like an identifier rather than a word: `order_id`, `orderId`, `t1`, `dbo.orders`?
pub(super) fn is_technical(name: &str) -> bool {
    let mut lower_before = false;
    name.chars().any(|c| {
        let capital_within = c.is_uppercase() && lower_before;
        lower_before = c.is_lowercase();
        capital_within || matches!(c, '_' | '.' | '$' | '#') || c.is_ascii_digit()
    })
}

/// Is there no letter, digit or `_` right beside it?
fn stands_alone(text: &str, range: std::ops::Range<usize>) -> bool {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let before = text
        .get(..range.start)
        .and_then(|head| head.chars().next_back());
    let after = text.get(range.end..).and_then(|tail| tail.chars().next());
    !is_word(before) && !is_word(after)
}
