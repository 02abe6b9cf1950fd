//! Patterns over folded text. They read bytes and ASCII only: folded text has no other letters of interest, and a match may
//! then never depend on tables of Unicode. All run in linear time.

use std::convert::Infallible;

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

/// An identifier of SQL, quoted or not, qualified or not.
const IDENTIFIER: &str = r#"["`\[]?[a-z_\x80-\xff][a-z0-9_$\x80-\xff]*["`\]]?(?:\.["`\[]?[a-z_*][a-z0-9_$\x80-\xff]*["`\]]?){0,3}"#;

/// What one list of patterns may use of memory for what it learns of texts.
const CACHE_BYTES: usize = 4 << 20;

/// Patterns of one list. One pass over a text tells which of them are in it; only those are then searched for. Those that
/// need a second look carry a name for it.
pub struct Patterns<Look = Infallible> {
    set: RegexSet,
    each: Vec<Regex>,
    /// Of the last ones.
    looks: Vec<Look>,
}

impl<Look: Copy> Patterns<Look> {
    /// The patterns that are in the text, with the second look that each needs.
    pub fn of<'a>(
        &'a self,
        text: &[u8],
    ) -> impl Iterator<Item = (Option<Look>, &'a Regex)> + use<'a, Look> {
        let plain = self.each.len().saturating_sub(self.looks.len());
        // That none is there is told much faster than which are.
        self.set
            .is_match(text)
            .then(|| self.set.matches(text))
            .into_iter()
            .flatten()
            .filter_map(move |index| {
                let look = index.checked_sub(plain).and_then(|at| self.looks.get(at));
                Some((look.copied(), self.each.get(index)?))
            })
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
    compile_with(patterns, &[])
}

/// As [`compile`], with those that need a second look.
pub fn compile_with<Look: Copy>(plain: &[&str], special: &[(Look, &str)]) -> Patterns<Look> {
    let whole: Vec<String> = plain
        .iter()
        .chain(special.iter().map(|(_, pattern)| pattern))
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
    debug_assert_eq!(each.len(), whole.len(), "a pattern does not compile");
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
        looks: special.iter().map(|(look, _)| *look).collect(),
    }
}
