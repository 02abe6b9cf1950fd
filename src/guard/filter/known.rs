//! What this instance holds and nobody may be told by name: tables, columns, tools, prompts, hosts, secrets. Exact.

use std::{
    collections::{BTreeMap, HashSet},
    sync::LazyLock,
};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::{
    Context, Reason,
    fold::{Folded, fold_name},
    spans::{Span, With},
};

/// Words of a prompt that make one shingle, and how many of them in a row are an echo.
const SHINGLE_WORDS: usize = 4;
const MIN_SHINGLES: usize = 3;

#[derive(Debug, Default)]
pub struct Known {
    names: Option<AhoCorasick>,
    /// For each name its reason, and whether it is also an everyday word.
    kinds: Vec<(Reason, bool)>,
    hosts: Option<AhoCorasick>,
    /// Of the prompts of this context; those of the shipped ones are [`SHIPPED`].
    shingles: HashSet<u64>,
}

static SHIPPED: LazyLock<HashSet<u64>> = LazyLock::new(|| shingles(crate::prompts::all()));

impl Known {
    pub fn new(context: &Context) -> Self {
        let mut known: BTreeMap<String, (Reason, bool)> = BTreeMap::new();
        if !context.schema_role {
            for (reason, names) in [
                (Reason::Column, &context.columns),
                (Reason::Table, &context.tables),
                (Reason::Tool, &context.tools),
            ] {
                for name in names {
                    for part in spellings(name) {
                        let is_word = is_everyday(&part, name);
                        // Of two spellings the one that is certain decides.
                        known
                            .entry(part)
                            .and_modify(|kind| kind.1 &= is_word)
                            .or_insert((reason, is_word));
                    }
                }
            }
        }
        let hosts: Vec<String> = context
            .hosts
            .iter()
            .map(|host| host.to_lowercase())
            .collect();
        Self {
            names: automaton(known.keys()),
            kinds: known.into_values().collect(),
            hosts: automaton(hosts),
            shingles: shingles(context.prompts.iter().map(String::as_str)),
        }
    }

    pub fn find(&self, folded: &Folded<'_>, spans: &mut Vec<Span>) {
        let lower = folded.lower.as_str();
        if let Some(names) = &self.names {
            for found in names.find_iter(lower) {
                let Some(&(reason, is_word)) = self.kinds.get(found.pattern().as_usize()) else {
                    continue;
                };
                let (before, after) = (
                    lower.get(..found.start()).unwrap_or_default(),
                    lower.get(found.end()..).unwrap_or_default(),
                );
                let written = folded.plain.get(found.range()).unwrap_or_default();
                if is_whole(before, after)
                    && (!is_word || has_hump(written) || looks_technical(before, after))
                {
                    let mut range = found.range();
                    // Its quotes and its qualifier go with it.
                    if let (Some(open), Some(close)) =
                        (before.chars().next_back(), after.chars().next())
                        && matches!((open, close), ('`', '`') | ('"', '"') | ('[', ']'))
                    {
                        range = range.start - 1..range.end + 1;
                    }
                    spans.push(Span {
                        range: folded.origin(range),
                        reason,
                        with: With::Mark,
                    });
                }
            }
        }
        if let Some(hosts) = &self.hosts {
            for found in hosts.find_iter(lower) {
                let (before, after) = (
                    lower.get(..found.start()).unwrap_or_default(),
                    lower.get(found.end()..).unwrap_or_default(),
                );
                if is_whole(before, after) {
                    spans.push(Span {
                        range: folded.origin(found.range()),
                        reason: Reason::Host,
                        with: With::Mark,
                    });
                }
            }
        }
    }

    /// Is what a model was told told again here? Where shingles of a prompt stand in a row, or are most of a sentence.
    pub fn echoes_prompt(&self, folded: &Folded<'_>) -> bool {
        let words: Vec<String> = words(&folded.lower).collect();
        let (mut run, mut longest, mut hits, mut all) = (0_usize, 0_usize, 0_usize, 0_usize);
        for shingle in words.windows(SHINGLE_WORDS) {
            all += 1;
            let shingle = hash(shingle);
            if self.shingles.contains(&shingle) || SHIPPED.contains(&shingle) {
                hits += 1;
                run += 1;
                longest = longest.max(run);
            } else {
                run = 0;
            }
        }
        longest >= MIN_SHINGLES || hits >= 3 && hits * 3 >= all
    }
}

fn automaton<P: AsRef<[u8]>>(names: impl IntoIterator<Item = P>) -> Option<AhoCorasick> {
    let names: Vec<P> = names.into_iter().collect();
    if names.is_empty() {
        return None;
    }
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostLongest)
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .build(names)
        .ok()
}

/// The shingles of prompts, sentence by sentence; what a template fills in parts them.
fn shingles<'a>(prompts: impl Iterator<Item = &'a str>) -> HashSet<u64> {
    let sentences = prompts.flat_map(|prompt| prompt.split(['\n', '{', '}']));
    sentences
        .flat_map(|sentence| {
            let words: Vec<String> = words(sentence).collect();
            words.windows(SHINGLE_WORDS).map(hash).collect::<Vec<_>>()
        })
        .collect()
}

fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

fn hash(words: &[String]) -> u64 {
    // FNV-1a: the same on every machine.
    words
        .iter()
        .flat_map(|word| word.bytes().chain([b' ']))
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

/// A name as it is, its last part where it is qualified, and, where it has humps or underscores, with either.
fn spellings(name: &str) -> Vec<String> {
    let name = name.trim();
    let mut all = vec![fold_name(name)];
    if let Some((_, last)) = name.rsplit_once('.') {
        all.push(fold_name(last));
    }
    for part in name.split('.') {
        if !is_everyday(&fold_name(part), part) {
            all.push(fold_name(part));
            all.push(fold_name(&part.replace('_', "")));
            all.push(fold_name(&with_underscores(part)));
        }
    }
    all.retain(|part| part.chars().count() >= 3);
    all.sort();
    all.dedup();
    all
}

fn with_underscores(name: &str) -> String {
    let mut out = String::new();
    let mut before = ' ';
    for c in name.chars() {
        if c.is_uppercase() && (before.is_lowercase() || before.is_ascii_digit()) {
            out.push('_');
        }
        out.push(c);
        before = c;
    }
    out
}

/// Could it be a word of a language? Letters alone, without humps, and with vowels as words have them.
fn is_everyday(folded: &str, name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let written = if fold_name(last) == folded {
        last
    } else {
        folded
    };
    let mut run = 0;
    let speaks = folded.split(' ').all(|word| {
        word.chars().all(char::is_alphabetic)
            && word.chars().all(|c| {
                run = if matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | 'y') || !c.is_ascii() {
                    0
                } else {
                    run + 1
                };
                run < 5
            })
    });
    let vowels = folded
        .chars()
        .filter(|c| "aeiouyäöüéèêáíóúàâ".contains(*c))
        .count();
    !has_hump(written) && speaks && vowels * 6 >= folded.chars().count()
}

fn has_hump(name: &str) -> bool {
    name.chars()
        .zip(name.chars().skip(1))
        .any(|(a, b)| a.is_lowercase() && b.is_uppercase())
}

fn is_whole(before: &str, after: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    !part(before.chars().next_back()) && !part(after.chars().next())
}

/// Does it stand as an identifier stands: qualified, in code's quotes, called?
fn looks_technical(before: &str, after: &str) -> bool {
    let (open, close) = (before.chars().next_back(), after.chars().next());
    let quoted = matches!(
        (open, close),
        (Some('`'), Some('`')) | (Some('"'), Some('"')) | (Some('['), Some(']'))
    );
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let qualifies = after
        .strip_prefix('.')
        .is_some_and(|rest| rest.starts_with(word));
    let qualified = before
        .strip_suffix('.')
        .is_some_and(|rest| rest.ends_with(word));
    quoted || qualifies || qualified || after.starts_with('(') && after.len() > 1
}
