//! Patterns over folded text. They read bytes and ASCII only: folded text has no other letters of interest, and a match may
//! then never depend on tables of Unicode. All run in linear time.

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

/// An identifier of SQL, quoted or not, qualified or not.
const IDENTIFIER: &str = r#"["`\[]?[a-z_\x80-\xff][a-z0-9_$\x80-\xff]*["`\]]?(?:\.["`\[]?[a-z_*][a-z0-9_$\x80-\xff]*["`\]]?){0,3}"#;

/// What one list of patterns may use of memory for what it learns of texts.
const CACHE_BYTES: usize = 4 << 20;

/// Patterns of one list. One pass over a text tells which of them are in it; only those are then searched for.
pub struct Patterns {
    set: RegexSet,
    each: Vec<Regex>,
}

impl Patterns {
    /// The patterns that are in the text, with their places in the list.
    pub fn of<'a>(&'a self, text: &[u8]) -> impl Iterator<Item = (usize, &'a Regex)> + use<'a> {
        // That none is there is told much faster than which are.
        self.set
            .is_match(text)
            .then(|| self.set.matches(text))
            .into_iter()
            .flatten()
            .filter_map(|index| Some((index, self.each.get(index)?)))
    }

    /// Is any of the patterns in the text?
    pub fn are_in(&self, text: &[u8]) -> bool {
        self.set.is_match(text)
    }

    /// All of one list, in its order.
    pub fn each(&self) -> &[Regex] {
        &self.each
    }
}

/// The patterns, compiled. `IDENT` stands for an identifier of SQL. Where one does not compile there is none in the list,
/// which the tests of each list would see.
pub fn compile(patterns: &[&str]) -> Patterns {
    let whole: Vec<String> = patterns
        .iter()
        .map(|pattern| pattern.replace("IDENT", IDENTIFIER))
        .collect();
    let each: Vec<Regex> = whole
        .iter()
        .filter_map(|pattern| {
            RegexBuilder::new(pattern)
                .unicode(false)
                .multi_line(true)
                .build()
                .ok()
        })
        .collect();
    debug_assert_eq!(each.len(), patterns.len(), "a pattern does not compile");
    let set = RegexSetBuilder::new(&whole)
        .unicode(false)
        .multi_line(true)
        .size_limit(64 << 20)
        .dfa_size_limit(CACHE_BYTES)
        .build();
    debug_assert!(set.is_ok(), "the patterns do not compile together");
    Patterns {
        set: set.unwrap_or_else(|_| RegexSet::empty()),
        each,
    }
}
