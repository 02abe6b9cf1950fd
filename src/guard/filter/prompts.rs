//! Prompts: what a model was told, marks of roles, and what tells a model to forget it.

mod marks;
mod speech;

use std::{ops::Range, sync::LazyLock};

use aho_corasick::AhoCorasick;

use marks::TELLS;
use speech::{FORGETS, REPORTED, SPEAKS};

use super::{
    Reason,
    fold::{Folded, fold_name},
    spans::{Spans, With},
};

/// Sentences that models were told, which nobody else would say word for word.
#[derive(Debug, Default)]
pub struct Sentences {
    folded: Vec<String>,
    automaton: Option<AhoCorasick>,
}

impl Sentences {
    /// The sentences of these prompts that are long enough to be theirs alone.
    pub fn new<'p>(prompts: impl IntoIterator<Item = &'p str>) -> Self {
        const LEAST_WORDS: usize = 6;
        let folded: Vec<String> = prompts
            .into_iter()
            .flat_map(|prompt| prompt.split(['.', '!', '?', '\n', '{', '}', ':', ';', '%']))
            .map(|sentence| fold_name(sentence.trim().trim_start_matches("- ")))
            .filter(|sentence| sentence.split_whitespace().count() >= LEAST_WORDS)
            .collect();
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(&folded)
            .ok()
            .filter(|_| !folded.is_empty());
        Self { folded, automaton }
    }

    /// Where the first of them begins, in folded text.
    pub fn first_in(&self, folded: &[u8]) -> Option<usize> {
        Some(self.automaton.as_ref()?.find(folded)?.start())
    }
}

/// Those of the shipped prompts.
static SHIPPED: LazyLock<Sentences> = LazyLock::new(|| Sentences::new(crate::prompts::all()));

/// Sentences of the shipped prompts, folded: what any of them is in tells a prompt.
pub fn shipped() -> &'static [String] {
    &SHIPPED.folded
}

/// Is anything in it that tells of a prompt?
pub fn are_in(folded: &Folded<'_>) -> bool {
    let lower = folded.lower.as_bytes();
    [&TELLS, &SPEAKS, &FORGETS]
        .iter()
        .any(|patterns| patterns.are_in(lower))
}

/// `sentences` are those of the context's own prompts.
pub fn find(folded: &Folded<'_>, sentences: &Sentences, spans: &mut Spans) {
    let lower = folded.lower.as_bytes();
    let spoken: Vec<Range<usize>> = spoken(lower).collect();
    let told = TELLS
        .of(lower)
        .filter_map(|(_, form)| form.find(lower))
        .map(|found| found.start())
        .chain(
            spoken
                .iter()
                .filter(|found| quotes(lower, found))
                .map(|found| found.start),
        )
        .chain(SHIPPED.first_in(lower))
        .chain(sentences.first_in(lower))
        .min();
    if let Some(start) = told {
        spans.add(folded, start..lower.len(), Reason::Prompt, With::Mark);
        spans.tell_dump();
    }
    let reported = |at: usize| {
        let before = lower.get(at.saturating_sub(16)..at).unwrap_or_default();
        REPORTED.of(before).next().is_some()
    };
    for found in spoken {
        leave_out(folded, found, spans);
    }
    for (_, form) in FORGETS.of(lower) {
        for found in form.find_iter(lower) {
            let about_a_model = found.as_bytes().windows(6).any(|part| part == b"prompt");
            if about_a_model || !reported(found.start()) {
                leave_out(folded, found.start()..found.end(), spans);
            }
        }
    }
}

/// Where somebody speaks of what they were told. What names who gave it, or whom it is given to, is told of people.
fn spoken(lower: &[u8]) -> impl Iterator<Item = Range<usize>> {
    const OF_PEOPLE: [&[u8]; 19] = [
        b" from ",
        b" by ",
        b" to the ",
        b" to all ",
        b" du ",
        b" de la ",
        b" des ",
        b" aux ",
        b" von ",
        b" vom ",
        b" der ",
        b" an die ",
        b" del ",
        b" a los ",
        b" for the ",
        b" for our ",
        b" f\xc3\xbcr ",
        b" pour l",
        b" para l",
    ];
    let of_people = |found: &Range<usize>| {
        let after = lower.get(found.end..).unwrap_or_default();
        OF_PEOPLE.iter().any(|word| after.starts_with(word))
    };
    SPEAKS
        .of(lower)
        .flat_map(|(_, form)| form.find_iter(lower))
        .map(|found| found.range())
        .filter(move |found| !of_people(found))
}

/// Does its sentence go on with the words themselves, after a colon or in quotes?
fn quotes(lower: &[u8], found: &Range<usize>) -> bool {
    let said = lower.get(found.start..sentence_end(lower, found.end));
    said.is_some_and(|said| {
        said.ends_with(b":")
            || said.windows(2).any(|pair| {
                matches!(pair, [b':', after] if after.is_ascii_whitespace())
                    || matches!(pair, [b'"', _] | [0xc2, 0xab] | [0x80, 0x9c | 0x9e])
            })
    })
}

/// From what was found to the end of its sentence.
fn leave_out(folded: &Folded<'_>, found: Range<usize>, spans: &mut Spans) {
    let end = sentence_end(folded.lower.as_bytes(), found.end);
    spans.add(folded, found.start..end, Reason::Prompt, With::Mark);
}

fn sentence_end(lower: &[u8], from: usize) -> usize {
    let rest = lower.get(from..).unwrap_or_default();
    // The number of an item ends nothing.
    let is_item = |at: usize| {
        let before = rest.get(at.saturating_sub(2)..at).unwrap_or_default();
        matches!(before, [space, digit] if space.is_ascii_whitespace() && digit.is_ascii_digit())
    };
    rest.windows(2)
        .enumerate()
        .position(|(at, pair)| {
            matches!(pair, [b'\n', _])
                || matches!(pair, [b'.' | b'!' | b'?', after] if after.is_ascii_whitespace())
                    && !is_item(at)
        })
        .map_or(lower.len(), |at| from + at)
}
