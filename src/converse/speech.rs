//! From what a model says to what is told: sentence by sentence it gets its values, is held against the evidence, cited,
//! and cleared. Nothing is told before its sentence is whole.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::{
    evidence::Place,
    ground::{self, LONGEST_SENTENCE},
    reading::Reading,
    task::TaskWords,
};
use crate::{
    domain::turn::{Citation, TurnGrounding},
    guard::filter,
    text::Language,
};

/// Words of a sentence that says something: it is not said twice. "No." may be.
const FEWEST_WORDS: usize = 4;

/// What becomes of a piece of speech.
#[derive(Debug, Default, PartialEq)]
pub struct Told {
    /// Cleared text.
    pub text: String,
    /// Citations that are new.
    pub citations: Vec<Citation>,
}

/// An answer that was said.
#[derive(Debug)]
pub struct Ended {
    /// What is still to be told.
    pub last: String,
    /// The whole text as it was told.
    pub text: String,
    /// Why places were left out, one each.
    pub reasons: Vec<String>,
    pub grounding: TurnGrounding,
}

/// One answer while it is said.
pub struct Speech {
    language: Language,
    today: Date,
    waiting: String,
    filter: filter::Stream,
    task: TaskWords,
    told: String,
    /// The sentences that the model wrote so far, told or struck.
    heard: BTreeSet<String>,
    spoke: bool,
    asks: bool,
    pub grounding: TurnGrounding,
    struck: Vec<&'static str>,
}

impl Speech {
    pub fn new(language: Language, today: Date, filter: filter::Stream, task: TaskWords) -> Self {
        Self {
            language,
            today,
            waiting: String::new(),
            filter,
            task,
            told: String::new(),
            heard: BTreeSet::new(),
            spoke: false,
            asks: false,
            grounding: TurnGrounding::default(),
            struck: Vec::new(),
        }
    }

    /// More of what the model says; what can be told now.
    pub fn hear(&mut self, text: &str, reading: &mut Reading) -> Told {
        self.waiting.push_str(text);
        let mut told = Told::default();
        while let Some(end) = sentence_end(&self.waiting) {
            let rest = self.waiting.split_off(end);
            let sentence = std::mem::replace(&mut self.waiting, rest);
            self.sentence(&sentence, reading, &mut told);
        }
        told
    }

    /// The model has said all that it says for now: what waits is a sentence, too.
    pub fn pause(&mut self, reading: &mut Reading) -> Told {
        let mut told = Told::default();
        let sentence = std::mem::take(&mut self.waiting);
        self.sentence(&sentence, reading, &mut told);
        if !self.told.is_empty() && !self.told.ends_with(char::is_whitespace) {
            let space = self.filter.push(" ").into_inner();
            self.add(space, &mut told);
        }
        told
    }

    /// What the model said and nobody shall hear: what it thought aloud before it had asked anything.
    pub fn forget(&mut self) {
        self.waiting.clear();
    }

    /// A sentence of Daybrief's own.
    pub fn say(&mut self, text: &str) -> Told {
        let mut told = Told::default();
        self.spoke |= !text.trim().is_empty();
        let cleared = self.filter.push(text).into_inner();
        self.add(cleared, &mut told);
        told
    }

    /// The end: what the filter still held, and what was held back with why.
    pub fn end(mut self) -> Ended {
        let tail = self.filter.finish();
        let mut reasons: Vec<String> = tail
            .reasons
            .iter()
            .map(|reason| reason.name().to_owned())
            .collect();
        reasons.extend(self.struck.iter().map(|reason| (*reason).to_owned()));
        let last = tail.text.into_inner();
        self.told.push_str(&last);
        Ended {
            last,
            text: self.told,
            reasons,
            grounding: self.grounding,
        }
    }

    /// Was nothing said so far? What was said may still wait in the filter.
    pub fn is_silent(&self) -> bool {
        !self.spoke
    }

    /// Does what was said end with a question?
    pub fn asks_back(&self) -> bool {
        self.asks
    }

    /// Was nothing of what the model said let stand?
    pub fn nothing_stood(&self) -> bool {
        self.grounding.kept == 0
    }

    fn add(&mut self, cleared: String, told: &mut Told) {
        self.told.push_str(&cleared);
        told.text.push_str(&cleared);
    }

    fn sentence(&mut self, sentence: &str, reading: &mut Reading, told: &mut Told) {
        let core = sentence.trim();
        if core.is_empty() {
            let space = self.filter.push(sentence).into_inner();
            return self.add(space, told);
        }
        let is_mark = !core.chars().any(char::is_alphanumeric);
        if is_mark {
            let mark = self.filter.push(sentence).into_inner();
            return self.add(mark, told);
        }
        if core.split_whitespace().count() >= FEWEST_WORDS && !self.heard.insert(core.to_owned()) {
            return;
        }
        self.grounding.written += 1;
        if self.task.are_quoted(core) {
            return self.strike("words of its own task");
        }
        let Some((text, mut places)) = self.with_values(core, reading) else {
            return self.strike("a handle that names no value");
        };
        let reader = ground::Reader {
            language: self.language,
            today: self.today,
            evidence: &reading.evidence,
        };
        match reader.check(&text) {
            Ok(found) => places.extend(found),
            Err(struck) => return self.strike(struck.reason()),
        }
        self.grounding.kept += 1;
        let (marks, citations) = reading.cite(places);
        let marks: String = marks.iter().map(|number| format!(" [{number}]")).collect();
        let before = sentence.len() - sentence.trim_start().len();
        let after = sentence.trim_end().len();
        // The marks stand before the full stop, so that they belong to their sentence.
        let stop = text.trim_end_matches(['.', '!', '?', ':']).len();
        let (words, stop) = text.split_at(stop);
        let line = format!(
            "{}{words}{marks}{stop}{}",
            sentence.get(..before).unwrap_or_default(),
            sentence.get(after..).unwrap_or_default()
        );
        self.spoke = true;
        self.asks = core.ends_with('?');
        let cleared = self.filter.push(&line).into_inner();
        self.add(cleared, told);
        told.citations.extend(citations);
    }

    fn strike(&mut self, reason: &'static str) {
        self.grounding.struck += 1;
        self.struck.push(reason);
    }

    /// The sentence with values in place of handles such as `{C1.2.amount}`.
    fn with_values(&self, sentence: &str, reading: &Reading) -> Option<(String, BTreeSet<Place>)> {
        let (mut text, mut places, mut rest) = (String::new(), BTreeSet::new(), sentence);
        while let Some(open) = rest.find('{') {
            let (before, from) = rest.split_at(open);
            text.push_str(before);
            let close = from.find('}')?;
            let handle = from.get(1..close)?.trim();
            let (value, place) = reading.fact(handle, self.language)?;
            text.push_str(&value);
            places.insert(place);
            rest = from.get(close + 1..).unwrap_or_default();
        }
        text.push_str(rest);
        Some((text, places))
    }
}

/// The end of the first sentence that is whole: after a line's end, or after `.`, `!` or `?` before white space. A text
/// without one is cut where a sentence may be no longer.
fn sentence_end(text: &str) -> Option<usize> {
    let mut chars = text.char_indices().peekable();
    let mut before = ' ';
    while let Some((at, c)) = chars.next() {
        let end = at + c.len_utf8();
        if c == '\n' {
            return Some(end);
        }
        let closes = matches!(c, '.' | '!' | '?' | '…');
        if closes && let Some((_, next)) = chars.peek() {
            // "1." at a line's beginning is a mark, "No. 5" and "z. B." are none of our business: they end one, too.
            let is_list_mark = before.is_ascii_digit()
                && text.get(..at).is_some_and(|head| {
                    head.trim_start().len() <= 2 && head.trim().chars().all(|c| c.is_ascii_digit())
                });
            if next.is_whitespace() && !is_list_mark {
                // With the white space that ends it, so that the filter need not wait for the next one.
                return Some(end + next.len_utf8());
            }
        }
        if end >= LONGEST_SENTENCE && c.is_whitespace() {
            return Some(end);
        }
        before = c;
    }
    (text.len() > 2 * LONGEST_SENTENCE).then_some(text.len())
}
