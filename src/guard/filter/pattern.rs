//! Patterns over folded text. They read bytes and ASCII only: folded text has no other letters of interest, and a match may
//! then never depend on tables of Unicode. All run in linear time.

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use super::{fold::Folded, needs::Needs};

/// An identifier of SQL, quoted or not, qualified or not.
const IDENTIFIER: &str = r#"["`\[]?[a-z_\x80-\xff][a-z0-9_$\x80-\xff]*["`\]]?(?:\.["`\[]?[a-z_*][a-z0-9_$\x80-\xff]*["`\]]?){0,3}"#;

/// What one list of patterns may use of memory for what it learns of texts.
const CACHE_BYTES: usize = 4 << 20;

/// Over which copy of a text a list is matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    Folded,
    /// With the case of ASCII letters.
    Kept,
}

/// Patterns of one list, at most [`MOST`].
pub struct Patterns {
    case: Case,
    each: Vec<Regex>,
    /// Tells in one pass whether any of them is in a text.
    set: RegexSet,
    needs: Vec<Needs>,
    /// What a text must hold one pair of for the pattern at this place, and on which of its ways; in the list's order.
    keys: Vec<([u16; 2], u16, u16)>,
}

impl Patterns {
    /// The patterns that may be in the text, with their places in the list.
    pub fn of<'a>(
        &'a self,
        folded: &Folded<'_>,
    ) -> impl Iterator<Item = (usize, &'a Regex)> + use<'a> {
        /// From so many on one pass for all is faster than one for each.
        const MANY: u32 = 3;
        let mut may = 0_u64;
        for &(key, index, way) in &self.keys {
            let bit = 1 << index;
            if may & bit == 0
                && folded.holds_places(key)
                && self
                    .needs
                    .get(usize::from(index))
                    .is_some_and(|needs| folded.may_hold_on(needs, way.into()))
            {
                may |= bit;
            }
        }
        #[cfg(test)]
        for (index, form) in self.each.iter().enumerate() {
            let text = folded.in_case(self.case);
            let is_there = form.is_match(text.as_bytes());
            assert!(!is_there || may >> index & 1 == 1, "{form} is in {text:?}");
        }
        if may.count_ones() >= MANY && !self.set.is_match(folded.in_case(self.case).as_bytes()) {
            may = 0;
        }
        let places = std::iter::from_fn(move || {
            let place = may.trailing_zeros();
            may &= may.wrapping_sub(1);
            (place < u64::BITS).then_some(place as usize)
        });
        places.filter_map(|place| Some((place, self.each.get(place)?)))
    }

    /// The pattern at this place, where it may be in the text.
    pub fn at<'a>(&'a self, index: usize, folded: &Folded<'_>) -> Option<&'a Regex> {
        let needs = self.needs.get(index)?;
        folded.may_hold(needs).then(|| self.each.get(index))?
    }

    /// All of one list, in its order.
    pub fn each(&self) -> &[Regex] {
        &self.each
    }
}

/// A list has at most so many patterns.
pub const MOST: usize = 64;

/// The patterns of a list over the copy without case. `IDENT` stands for an identifier of SQL. Where one does not compile
/// there is none in the list, which the tests of each list would see.
pub fn compile(patterns: &[&str]) -> Patterns {
    compile_for(Case::Folded, patterns)
}

/// The patterns of a list over the copy with case.
pub fn compile_cased(patterns: &[&str]) -> Patterns {
    compile_for(Case::Kept, patterns)
}

fn compile_for(case: Case, patterns: &[&str]) -> Patterns {
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
    debug_assert!(each.len() <= MOST, "a list has too many patterns");
    let set = RegexSetBuilder::new(&whole)
        .unicode(false)
        .multi_line(true)
        .size_limit(64 << 20)
        .dfa_size_limit(CACHE_BYTES)
        .build();
    debug_assert!(set.is_ok(), "the patterns do not compile together");
    let needs: Vec<Needs> = whole.iter().map(|pattern| Needs::of(pattern)).collect();
    let of = |(index, needs): (usize, &Needs)| {
        let keys = needs.keys().into_iter();
        let number = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        keys.map(move |(key, way)| (key, number(index), number(way)))
    };
    Patterns {
        case,
        keys: needs.iter().enumerate().flat_map(of).collect(),
        each,
        set: set.unwrap_or_else(|_| RegexSet::empty()),
        needs,
    }
}
