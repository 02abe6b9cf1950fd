//! Patterns over folded text. They read bytes and ASCII only: folded text has no other letters of interest, and a match may
//! then never depend on tables of Unicode. All run in linear time.

use regex::bytes::{Regex, RegexBuilder};

/// An identifier of SQL, quoted or not, qualified or not.
const IDENTIFIER: &str =
    r#"["`\[]?[a-z_][a-z0-9_$]*["`\]]?(?:\.["`\[]?[a-z_*][a-z0-9_$]*["`\]]?){0,3}"#;

/// The patterns, compiled. `IDENT` stands for an identifier of SQL. One that does not compile is left out, which the tests
/// of each list would see.
pub fn compile(patterns: &[&str]) -> Vec<Regex> {
    let compiled: Vec<Regex> = patterns
        .iter()
        .filter_map(|pattern| {
            RegexBuilder::new(&pattern.replace("IDENT", IDENTIFIER))
                .unicode(false)
                .multi_line(true)
                .build()
                .ok()
        })
        .collect();
    debug_assert_eq!(compiled.len(), patterns.len(), "a pattern does not compile");
    compiled
}
