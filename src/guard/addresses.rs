//! Addresses and mentions in the texts of a brief. What stands there comes from systems in which strangers write: a mail
//! program makes a link of each address that it finds in it, and a chat calls everybody for a word.
//!
//! The filter says what an address is. Names of machines and libraries stay, as readers know their systems by them.

use super::{
    Guard,
    filter::{Context, Filter, LEFT_OUT, Outcome, Reason},
};

/// A dot to the eye that makes no name an address.
const DOT: char = '\u{2024}';

/// Marks that may stand around an address and are none of its own.
const AROUND: [char; 22] = [
    '(', ')', '[', ']', '{', '}', '<', '>', '"', '\'', '“', '”', '„', '‘', '’', '«', '»', ',', ';',
    '!', '…', '*',
];

/// Takes out of a brief's texts what may not be a link.
pub(super) struct Addresses {
    filter: Filter,
}

impl Addresses {
    /// Addresses of these hosts may stand.
    pub(super) fn new(guard: &Guard) -> Self {
        Self {
            filter: Filter::new(&Context {
                allowed_hosts: guard.allowed_hosts.clone(),
                // A brief says what the reader's own systems hold: it has no schema to tell.
                schema_role: true,
                ..Context::default()
            }),
        }
    }

    /// The text without addresses that may not stand and without calls to everybody; all else as it is.
    pub(super) fn left_out(&self, text: &str) -> String {
        // The whole is looked at first: a number of four parts is a version where the word before says so.
        let whole = self.filter.whole(text);
        let is_found = is_address(&whole) || has(&whole, Reason::Mention) || self.is_brand(text);
        if !is_found {
            return text.to_owned();
        }
        let mut out = String::with_capacity(text.len());
        for piece in text.split_inclusive(char::is_whitespace) {
            let word = piece.trim_end();
            out.push_str(&self.word(word));
            out.push_str(piece.get(word.len()..).unwrap_or_default());
        }
        out
    }

    fn word(&self, word: &str) -> String {
        // Of a link with a text, as Markdown writes it, nothing stays.
        let core = if word.contains("](") {
            word
        } else {
            word.trim_matches(AROUND)
        };
        let core = core.trim_end_matches(['.', ':', '?', ',']);
        let Some((before, after)) = word.split_once(core).filter(|_| !core.is_empty()) else {
            return word.to_owned();
        };
        let found = self.filter.whole(core);
        if has(&found, Reason::Mention) {
            return word.replace('@', "");
        }
        if is_address(&found) && !self.is_machine(core) {
            let is_name = core
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '.' | DOT | '-'))
                && core.matches(['.', DOT]).count() == 1;
            // "monday.com" is also a company: its name stays, what a program could open does not.
            return if is_name {
                format!("{before}{}{after}", core.replace('.', &DOT.to_string()))
            } else {
                format!("{before}{LEFT_OUT}{after}")
            };
        }
        if self.is_brand(core) {
            return format!("{before}{}{after}", core.replace('.', &DOT.to_string()));
        }
        word.to_owned()
    }

    /// Does it hold "Booking.com"? The filter takes that for a company; to a mail program it is a link all the same.
    fn is_brand(&self, text: &str) -> bool {
        has(&self.filter.whole(&text.to_lowercase()), Reason::Link)
    }

    /// Is it the name of a machine or a library ("db-3", "org.apache.logging") rather than an address? In capitals the
    /// filter knows an address by its last part alone.
    fn is_machine(&self, core: &str) -> bool {
        let plain = core
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
        let has_letter = core.chars().any(char::is_alphabetic);
        plain && has_letter && !is_address(&self.filter.whole(&core.to_uppercase()))
            || !core.contains(['.', ':', '/', '@'])
    }
}

fn has(outcome: &Outcome, reason: Reason) -> bool {
    outcome.reasons.contains(&reason)
}

fn is_address(outcome: &Outcome) -> bool {
    [Reason::Link, Reason::Image, Reason::Host]
        .iter()
        .any(|reason| has(outcome, *reason))
}
