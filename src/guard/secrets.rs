//! The secrets of this instance, as they were resolved: what must leave by no door.

use std::{
    collections::BTreeSet,
    fmt,
    ops::Range,
    sync::{Arc, PoisonError, RwLock},
};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use secrecy::{ExposeSecret, SecretString};

/// A shorter value may be any word, so it is not looked for.
const MIN_BYTES: usize = 6;

/// The values that are known so far. Clones share them: what one part of the program resolves, every door knows.
#[derive(Clone, Default)]
pub struct Secrets(Arc<RwLock<Known>>);

#[derive(Default)]
struct Known {
    values: BTreeSet<String>,
    automaton: Option<AhoCorasick>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

impl Secrets {
    /// Adds a value: itself, and as an address and JSON write it.
    pub fn add(&self, secret: &SecretString) {
        let value = secret.expose_secret().trim();
        if value.len() < MIN_BYTES {
            return;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.values.contains(value) {
            return;
        }
        let escaped = serde_json::Value::from(value).to_string();
        let in_address: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
        known.values.extend([
            value.to_owned(),
            escaped.trim_matches('"').to_owned(),
            in_address,
        ]);
        known.automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&known.values)
            .ok();
    }

    /// Returns where in a text a secret stands.
    pub fn find(&self, text: &str) -> Vec<Range<usize>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let Some(automaton) = &known.automaton else {
            return Vec::new();
        };
        automaton
            .find_iter(text)
            .map(|found| found.range())
            .collect()
    }

    /// Returns the text without secrets, where there are any.
    pub fn without(&self, text: &str, mark: &str) -> Option<String> {
        let found = self.find(text);
        if found.is_empty() {
            return None;
        }
        let (mut out, mut at) = (String::with_capacity(text.len()), 0);
        for range in found {
            out.push_str(text.get(at..range.start).unwrap_or_default());
            out.push_str(mark);
            at = range.end;
        }
        out.push_str(text.get(at..).unwrap_or_default());
        Some(out)
    }
}
