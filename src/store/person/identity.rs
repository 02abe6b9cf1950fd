//! Who a person is in texts, and texts without them.

use serde_json::Value;

use super::ERASED;

/// What tells a person from others: their id, and their name and addresses as they stand in texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub(super) user: String,
    pub(super) words: Vec<String>,
    /// Their id is also that of a role or a schedule, so that the bare word need not mean them.
    pub(super) ambiguous: bool,
}

impl Identity {
    /// Their id.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The text without them; nothing where they do not stand in it. Their id counts where it is a word of its own.
    pub fn strike(&self, text: &str) -> Option<String> {
        let mut struck = strike_all(text, &self.words, false);
        let id = if self.ambiguous {
            format!("user/{}", self.user)
        } else {
            self.user.clone()
        };
        let before = struck.as_deref().unwrap_or(text);
        if let Some(after) = strike_all(before, std::slice::from_ref(&id), true) {
            struck = Some(after);
        }
        struck
    }

    /// Does their name or an address stand in this text?
    pub(super) fn names(&self, text: &str) -> bool {
        strike_all(text, &self.words, false).is_some()
    }

    /// Strikes them out of all texts of a value; true where they stood in one.
    pub fn strike_value(&self, value: &mut Value) -> bool {
        change_texts(value, &|text| self.strike(text))
    }

    /// Strikes name and addresses out of all texts of a value, but not the id, which may stand for another thing.
    pub(super) fn strike_words(&self, value: &mut Value) -> bool {
        change_texts(value, &|text| strike_all(text, &self.words, false))
    }

    /// As [`strike_words`](Self::strike_words), but for a name of one plain word, which may be that of a team or a role.
    pub(super) fn strike_certain_words(&self, value: &mut Value) -> bool {
        let is_certain = |word: &&String| word.contains(|c: char| !c.is_alphabetic());
        let certain: Vec<String> = self.words.iter().filter(is_certain).cloned().collect();
        change_texts(value, &|text| strike_all(text, &certain, false))
    }
}

/// Changes all texts of a value, also the names of members; true where one was changed.
fn change_texts(value: &mut Value, change: &dyn Fn(&str) -> Option<String>) -> bool {
    match value {
        Value::String(text) => match change(text) {
            Some(changed) => {
                *text = changed;
                true
            }
            None => false,
        },
        Value::Array(list) => list
            .iter_mut()
            .fold(false, |any, value| change_texts(value, change) | any),
        Value::Object(map) => {
            let mut any = map
                .values_mut()
                .fold(false, |any, value| change_texts(value, change) | any);
            if map.keys().any(|name| change(name).is_some()) {
                any = true;
                *map = std::mem::take(map)
                    .into_iter()
                    .map(|(name, value)| (change(&name).unwrap_or(name), value))
                    .collect();
            }
            any
        }
        _ => false,
    }
}

/// Strikes words, in any case, where they do not go on to the left or right; nothing where none stands there. `strict`
/// words go on over `-`, `_`, and over `.`, `@`, `+` before another letter.
fn strike_all(text: &str, words: &[String], strict: bool) -> Option<String> {
    let mut struck: Option<String> = None;
    for word in words {
        let current = struck.as_deref().unwrap_or(text);
        if let Some(next) = strike_one(current, word, strict) {
            struck = Some(next);
        }
    }
    struck
}

fn strike_one(text: &str, word: &str, strict: bool) -> Option<String> {
    let chars: Vec<char> = text.chars().collect();
    let word: Vec<char> = word.chars().collect();
    if word.is_empty() || chars.len() < word.len() {
        return None;
    }
    let same = |a: &char, b: &char| a == b || a.to_lowercase().eq(b.to_lowercase());
    let goes_on = |near: Option<&char>, beyond: Option<&char>| match near {
        None => false,
        Some(c) if c.is_alphanumeric() => true,
        Some('-' | '_') => strict,
        Some('.' | '@' | '+') => strict && beyond.is_some_and(|c| c.is_alphanumeric()),
        Some(_) => false,
    };
    let before = |at: usize, back: usize| at.checked_sub(back).and_then(|at| chars.get(at));
    let (mut out, mut found, mut at) = (String::with_capacity(text.len()), false, 0);
    while let Some(c) = chars.get(at) {
        let end = at + word.len();
        let here = chars
            .get(at..end)
            .is_some_and(|part| part.iter().zip(&word).all(|(a, b)| same(a, b)))
            && !goes_on(before(at, 1), before(at, 2))
            && !goes_on(chars.get(end), chars.get(end + 1));
        if here {
            out.push_str(ERASED);
            found = true;
            at = end;
        } else {
            out.push(*c);
            at += 1;
        }
    }
    found.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mara() -> Identity {
        Identity {
            user: "mara".to_owned(),
            words: ["Mara Beck", "mara@acme.example", "U0MARA"]
                .map(str::to_owned)
                .to_vec(),
            ambiguous: false,
        }
    }

    #[test]
    fn a_person_is_struck_as_a_word_of_its_own_and_in_any_case() {
        for (text, expected) in [
            ("user/mara", Some("user/erased-person")),
            (
                "`mara` has no mailbox",
                Some("`erased-person` has no mailbox"),
            ),
            (
                "550 <MARA@acme.example> unknown",
                Some("550 <erased-person> unknown"),
            ),
            ("MARA BECK's team", Some("erased-person's team")),
            ("slack-U0MARA.", Some("slack-erased-person.")),
            ("mara. And mara", Some("erased-person. And erased-person")),
            ("mara-jane, mara_2, x.mara@acme2.example, maracuja", None),
            ("Tamara Becker", None),
            ("", None),
        ] {
            assert_eq!(mara().strike(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn an_id_that_is_also_a_role_is_struck_only_where_it_is_a_user() {
        let mara = Identity {
            ambiguous: true,
            ..mara()
        };
        assert_eq!(mara.strike("role mara"), None);
        assert!(mara.strike("user/mara").is_some());
    }

    #[test]
    fn names_of_members_are_struck_too() {
        let mut value = serde_json::json!({ "a": [{ "Mara Beck": 1 }], "b": "x" });
        assert!(mara().strike_value(&mut value));
        assert_eq!(
            value,
            serde_json::json!({ "a": [{ "erased-person": 1 }], "b": "x" })
        );
        assert!(!mara().strike_value(&mut value));
    }

    proptest! {
        #[test]
        fn after_striking_no_word_is_left(parts in prop::collection::vec(
            prop::sample::select(vec!["Mara Beck", "mara", "mara@acme.example", "U0MARA", "x", "ü"]), 0..8),
            gap in prop::sample::select(vec![" ", ", ", "/", "\n"])) {
            let text = parts.join(gap);
            let struck = mara().strike(&text).unwrap_or(text);
            prop_assert_eq!(mara().strike(&struck), None);
        }
    }
}
