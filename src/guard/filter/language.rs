//! In which language a piece of text is written, to put things in words of that language.

use crate::text::Language;

/// Words that are frequent in one of the languages and rare in the others.
const MARKS: [(Language, &[&str]); 4] = [
    (
        Language::English,
        &["the", "and", "of", "to", "is", "are", "with", "for", "you"],
    ),
    (
        Language::German,
        &[
            "der", "die", "das", "und", "ist", "sind", "mit", "für", "wir", "nicht", "ein", "eine",
            "im", "aus",
        ],
    ),
    (
        Language::French,
        &[
            "le", "les", "et", "est", "sont", "avec", "pour", "nous", "des", "du", "une", "dans",
            "au",
        ],
    ),
    (
        Language::Spanish,
        &[
            "el", "los", "las", "y", "es", "son", "con", "para", "del", "una", "por", "al", "en",
        ],
    ),
];

/// The language whose frequent words stand most often in the text; English where none does.
pub fn of(text: &str) -> Language {
    let mut counts = [0_usize; 4];
    for word in text.split(|c: char| !c.is_alphanumeric()).take(200) {
        let word = word.to_lowercase();
        for ((_, marks), count) in MARKS.iter().zip(&mut counts) {
            *count += usize::from(marks.contains(&word.as_str()));
        }
    }
    let mut best = (Language::English, 0);
    for ((language, _), count) in MARKS.iter().zip(counts) {
        if count > best.1 {
            best = (*language, count);
        }
    }
    best.0
}
