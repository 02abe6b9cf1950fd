//! Secrets by their makers' forms, as a data file has them; and words so mixed that only a password is.

use std::sync::LazyLock;

use regex::{Regex, RegexSet};

use super::{
    Reason,
    fold::Folded,
    spans::{Span, With},
};

#[derive(serde::Deserialize)]
struct File {
    form: Vec<Form>,
}
#[derive(serde::Deserialize)]
struct Form {
    is: String,
}

struct Forms {
    set: RegexSet,
    each: Vec<Regex>,
}

static FORMS: LazyLock<Forms> = LazyLock::new(|| {
    let file: File = toml::from_str(include_str!("secrets.toml"))
        .unwrap_or_else(|error| unreachable!("the embedded forms are read in tests: {error}"));
    let texts: Vec<&str> = file.form.iter().map(|form| form.is.as_str()).collect();
    let compiled = RegexSet::new(&texts).and_then(|set| {
        let each = texts
            .iter()
            .map(|text| Regex::new(text))
            .collect::<Result<_, _>>()?;
        Ok(Forms { set, each })
    });
    compiled.unwrap_or_else(|error| unreachable!("the embedded forms compile in tests: {error}"))
});

/// Finds what has a secret's form.
pub fn find(folded: &Folded<'_>, spans: &mut Vec<Span>) {
    let text = folded.plain.as_str();
    for form in FORMS
        .set
        .matches(text)
        .into_iter()
        .filter_map(|at| FORMS.each.get(at))
    {
        for found in form.captures_iter(text) {
            let Some(value) = found.name("value").or_else(|| found.get(0)) else {
                continue;
            };
            spans.push(Span {
                range: folded.origin(value.range()),
                reason: Reason::Secret,
                with: With::Mark,
            });
        }
    }
    let mut at = 0;
    for word in text.split_inclusive(char::is_whitespace) {
        let token = word.trim().trim_matches([
            '"', '\'', '`', '(', ')', '„', '“', '”', '«', '»', ',', '.', ';', ':',
        ]);
        if is_mixed(token)
            && let Some(offset) = word.find(token)
        {
            let range = at + offset..at + offset + token.len();
            spans.push(Span {
                range: folded.origin(range),
                reason: Reason::Secret,
                with: With::Mark,
            });
        }
        at += word.len();
    }
}

/// Letters of both cases, digits and a sign that no product, file or key of a record has within it.
fn is_mixed(token: &str) -> bool {
    const MIN_CHARACTERS: usize = 8;
    let has = |is: fn(&char) -> bool| token.chars().any(|c| is(&c));
    token.is_ascii()
        && token.len() >= MIN_CHARACTERS
        && !token.contains("://")
        && has(char::is_ascii_lowercase)
        && has(char::is_ascii_uppercase)
        && has(char::is_ascii_digit)
        && token
            .trim_matches(|c: char| !c.is_ascii_alphanumeric())
            .contains(['!', '#', '$', '%', '^', '*', '~', '?'])
        || token.len() >= 32
            && token.is_ascii()
            && has(char::is_ascii_lowercase)
            && has(char::is_ascii_uppercase)
            && has(char::is_ascii_digit)
            && token
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '_' | '-'))
            && !token.contains("--")
            && token.matches(['/', '-', '_']).count() * 8 < token.len()
}
