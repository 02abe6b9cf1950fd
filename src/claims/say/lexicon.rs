//! The words around computed values, one file a language.

use std::{collections::HashMap, sync::LazyLock};

use ground::text::Language;
use serde::Deserialize;

/// The words of one language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lexicon {
    pub months: Vec<String>,
    /// From nothing on.
    pub numbers: Vec<String>,
    /// From the first on.
    pub ordinals: Vec<String>,
    /// Templates, by `section.name`.
    t: HashMap<String, HashMap<String, String>>,
}

static ENGLISH: LazyLock<Lexicon> = LazyLock::new(|| read(include_str!("words/en.toml")));
static GERMAN: LazyLock<Lexicon> = LazyLock::new(|| read(include_str!("words/de.toml")));
static FRENCH: LazyLock<Lexicon> = LazyLock::new(|| read(include_str!("words/fr.toml")));
static SPANISH: LazyLock<Lexicon> = LazyLock::new(|| read(include_str!("words/es.toml")));

fn read(text: &str) -> Lexicon {
    // The files are part of the program; a test reads them all.
    toml::from_str(text).unwrap_or_else(|_| Lexicon {
        months: Vec::new(),
        numbers: Vec::new(),
        ordinals: Vec::new(),
        t: HashMap::new(),
    })
}

impl Lexicon {
    pub fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &ENGLISH,
            Language::German => &GERMAN,
            Language::French => &FRENCH,
            Language::Spanish => &SPANISH,
        }
    }

    /// The template of `section.name`.
    pub fn template(&self, key: &str) -> &str {
        let (section, name) = key.split_once('.').unwrap_or((key, ""));
        let found = self.t.get(section).and_then(|section| section.get(name));
        found.map_or("", String::as_str)
    }

    /// A template with its slots filled, each once: what is put in is not read again.
    pub fn fill(&self, key: &str, slots: &[(&str, &str)]) -> String {
        fill(self.template(key), slots)
    }
}

/// Fills `{slot}`s; those that nothing fills are left out. `{Slot}` is `slot` with a capital, where nothing is called so itself.
pub(super) fn fill(template: &str, slots: &[(&str, &str)]) -> String {
    let mut text = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            text.push('{');
            rest = after;
            continue;
        };
        let value = |name: &str| slots.iter().find(|(slot, _)| *slot == name);
        match value(name) {
            Some((_, value)) => text.push_str(value),
            None => {
                let lower = name.to_lowercase();
                text.push_str(&value(&lower).map_or_else(String::new, |(_, v)| capital(v)));
            }
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

/// The text with a capital at its beginning.
pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_languages_file_is_read_and_what_is_filled_in_is_not_read_again() {
        assert_eq!(ENGLISH.months.len(), 12);
        assert!(!ENGLISH.template("rows.one").is_empty());
        assert_eq!(fill("{a} of {b}", &[("a", "{b}"), ("b", "x")]), "{b} of x");
    }
}
