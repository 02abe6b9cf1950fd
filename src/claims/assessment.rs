//! What a model may say in its own words: no figure, no quantifier. Closed lists of small words, not of meanings.

use std::{collections::HashSet, sync::LazyLock};

use crate::refusal::{Code, Refusal};

/// Small words that make a statement checkable, in four languages: numbers, fractions, ordinals, months, weekdays, quantifiers.
static WORDS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    include_str!("assessment.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace)
        .collect()
});

/// Checks a text that is to stand as an assessment.
pub fn check(text: &str) -> Result<(), Refusal> {
    if text.chars().any(char::is_numeric) {
        return Err(Refusal::new(
            Code::Literal,
            "an assessment holds no figure and no date",
        ));
    }
    let plain = ground::text::visible(text).to_lowercase().replace('’', "'");
    let found = plain
        .split(|c: char| !c.is_alphanumeric())
        .find(|word| WORDS.contains(word));
    match found {
        Some(word) => Err(Refusal::new(
            Code::Literal,
            format!(
                "an assessment holds no number word, ordinal, month, weekday or quantifier: `{word}`"
            ),
        )),
        None => Ok(()),
    }
}
