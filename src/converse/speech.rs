//! The answer's text on its way out: each sentence of Daybrief's, cleared, in paragraphs.

use crate::guard::filter;

/// An answer that was said.
#[derive(Debug)]
pub struct Ended {
    /// What is still to be told.
    pub last: String,
    /// The whole text as it was told.
    pub text: String,
    /// Why places were left out, one each.
    pub reasons: Vec<String>,
}

/// One answer while it is said.
pub struct Speech {
    filter: filter::Stream,
    told: String,
    /// How what was said last ended.
    last: Last,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Sentence,
    /// Several lines: what follows begins a new one.
    Lines,
}

impl Speech {
    /// An answer of which nothing is said yet.
    pub fn new(filter: filter::Stream) -> Self {
        Self {
            filter,
            told: String::new(),
            last: Last::Nothing,
        }
    }

    /// Says more of the paragraph, or begins a new one where lines stand under each other. Returns what can be told now.
    pub fn say(&mut self, text: &str) -> String {
        let is_lines = text.contains('\n');
        let begins = is_lines && self.last == Last::Sentence;
        self.push(text, begins, is_lines)
    }

    /// Says something in a line of its own. Returns what can be told now.
    pub fn say_line(&mut self, text: &str) -> String {
        self.push(text, self.last == Last::Sentence, true)
    }

    /// White space behind a sentence lets the filter tell it at once.
    fn push(&mut self, text: &str, begins: bool, is_lines: bool) -> String {
        let before = if begins { "\n" } else { "" };
        let after = if is_lines { "\n" } else { " " };
        self.last = if is_lines {
            Last::Lines
        } else {
            Last::Sentence
        };
        let said = format!("{before}{}{after}", without_calls(text));
        let cleared = self.filter.push(&said).into_inner();
        self.told.push_str(&cleared);
        cleared
    }

    /// Ends the answer: what the filter still held, and what was held back with why.
    pub fn end(mut self) -> Ended {
        let tail = self.filter.finish();
        let reasons = tail
            .reasons
            .iter()
            .map(|reason| reason.name().to_owned())
            .collect();
        let last = tail.text.into_inner();
        self.told.push_str(&last);
        Ended {
            last,
            text: self.told.trim_end().to_owned(),
            reasons,
        }
    }
}

/// What makes a call of a name in a chat.
const MARKS_OF_CALLS: [&str; 3] = ["<@", "<#", "<!"];

/// Returns the text without the sign that makes a call of a person, a channel or a group.
pub fn without_calls(text: &str) -> String {
    let mut text = text.to_owned();
    while MARKS_OF_CALLS.iter().any(|mark| text.contains(mark)) {
        for mark in MARKS_OF_CALLS {
            text = text.replace(mark, mark.trim_start_matches('<'));
        }
    }
    text
}
