//! Tells machine text (queries, code, errors, logs, settings, identifiers) from people's prose: one linear classifier over
//! hashed n-grams of characters and of their shapes, 64 KiB of weights.
//!
//! The weights come from `training` over `tests/data/guard` (`tests/train-guard`) and are the same to the byte when it is run
//! again.

#[cfg(test)]
mod training;

use std::{ops::Range, sync::LazyLock};

/// n-grams are hashed into so many buckets.
const BUCKETS: usize = 1 << 16;
/// A piece is machine text from this score on; a shorter one needs more, as it says less.
const SCORE: f32 = 0.5;
/// A short piece says less: what its length asks for beside.
const PER_CHARACTER: f32 = 2.0;
const PER_CHARACTER_SQUARED: f32 = 14.0;
/// Within a piece that is, what goes.
const WITHIN: f32 = -0.25;
/// A shorter piece is no evidence of anything, in characters.
const MIN_CHARACTERS: f32 = 5.0;

/// The weights of the classifier.
struct Weights {
    bias: f32,
    step: f32,
    weights: Vec<i8>,
}

static WEIGHTS: LazyLock<Weights> =
    LazyLock::new(|| Weights::from_bytes(include_bytes!("machine.weights")));

impl Weights {
    fn from_bytes(bytes: &[u8]) -> Self {
        let float = |at: usize| {
            let bytes = bytes
                .get(at..at + 4)
                .and_then(|bytes| bytes.try_into().ok());
            f32::from_le_bytes(bytes.unwrap_or_default())
        };
        Self {
            bias: float(0),
            step: float(4),
            weights: bytes
                .iter()
                .skip(8)
                .map(|byte| byte.cast_signed())
                .collect(),
        }
    }

    /// How much a piece is machine text; above zero it is more likely than not.
    fn score(&self, text: &str) -> f32 {
        let (mut sum, mut count) = (0_i32, 0_u32);
        features(text, |bucket| {
            sum += i32::from(self.weights.get(bucket).copied().unwrap_or_default());
            count += 1;
        });
        sum as f32 * self.step / (count.max(1) as f32).sqrt() + self.bias
    }

    /// The parts of a segment that are machine text.
    fn find(&self, segment: &str) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        let is_machine = |text: &str| {
            let characters = text.trim().chars().count() as f32;
            characters >= MIN_CHARACTERS
                && !is_word(text)
                && self.score(text)
                    > SCORE
                        + PER_CHARACTER_SQUARED / (characters * characters)
                        + PER_CHARACTER / characters
        };
        let chunks = clauses(segment, Cut::Coarse);
        for chunk in &chunks {
            let text = segment.get(chunk.clone()).unwrap_or_default();
            if !is_machine(text) {
                continue;
            }
            let fine = clauses(text, Cut::Fine);
            let mut parts: Vec<Range<usize>> = fine
                .iter()
                .filter(|part| self.score(text.get((*part).clone()).unwrap_or_default()) > WITHIN)
                .map(|part| chunk.start + part.start..chunk.start + part.end)
                .collect();
            if parts.is_empty() {
                parts.push(chunk.clone());
            }
            found.extend(parts);
        }
        if found.is_empty()
            && chunks.len() > 1
            && is_machine(segment)
            && self.score(segment) > 2.0 * SCORE
        {
            found.push(0..segment.len());
        }
        join(found, segment)
    }
}

/// Signs that no word, key of a record, date or amount has within it.
const SIGNS: [char; 14] = [
    '_', '(', ')', '{', '}', '[', ']', '=', ';', '<', '>', '`', '$', '\\',
];

/// Is it one word without a sign of code, as a record's key is? It is no evidence of anything.
fn is_word(text: &str) -> bool {
    let text = text.trim();
    !text.contains(char::is_whitespace) && !text.contains(SIGNS)
}

/// The parts of a segment that are machine text.
pub fn find(segment: &str) -> Vec<Range<usize>> {
    WEIGHTS.find(segment)
}

/// Joins parts between which nothing is said.
fn join(mut parts: Vec<Range<usize>>, segment: &str) -> Vec<Range<usize>> {
    parts.sort_by_key(|part| part.start);
    let mut joined: Vec<Range<usize>> = Vec::new();
    for part in parts {
        match joined.last_mut() {
            Some(last)
                if segment.get(last.end..part.start).is_none_or(|between| {
                    between.chars().filter(|c| c.is_alphanumeric()).count() < 12
                }) =>
            {
                last.end = last.end.max(part.end);
            }
            _ => joined.push(part),
        }
    }
    joined
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// At colons, semicolons, dashes, brackets, code spans, bars and line ends.
    Coarse,
    /// At commas too.
    Fine,
}

/// Cuts a segment into pieces that stand for themselves.
fn clauses(segment: &str, cut: Cut) -> Vec<Range<usize>> {
    let mut cuts = vec![0, segment.len()];
    let mut in_code = false;
    let mut before = ' ';
    let mut chars = segment.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map_or(' ', |(_, next)| *next);
        let end = at + c.len_utf8();
        match c {
            '`' => {
                cuts.push(if in_code { end } else { at });
                in_code = !in_code;
            }
            '\n' => cuts.push(end),
            _ if in_code => {}
            ':' | ';' if next.is_whitespace() => cuts.push(end),
            ',' if cut == Cut::Fine && next.is_whitespace() => cuts.push(end),
            '–' | '—' | '-' | '→' | '|' if next.is_whitespace() && before.is_whitespace() => {
                cuts.push(at)
            }
            '(' | '{' | '«' | '„' | '“' if before.is_whitespace() => cuts.push(at),
            ')' | '}' | '»' | '”' if next.is_whitespace() => cuts.push(end),
            _ => {}
        }
        before = c;
    }
    cuts.sort_unstable();
    cuts.dedup();
    let mut out: Vec<Range<usize>> = Vec::new();
    for (from, to) in cuts.iter().zip(cuts.iter().skip(1)) {
        let text = segment.get(*from..*to).unwrap_or_default();
        match out.last_mut() {
            Some(last) if text.trim().chars().count() < 4 => last.end = *to,
            _ => out.push(*from..*to),
        }
    }
    out
}

/// One byte a character: letters in lower case, digits alike, white space alike, letters beyond ASCII alike.
fn plain(c: char) -> u8 {
    const LETTER: u8 = 0xe4;
    const OTHER: u8 = 0xa0;
    match c {
        _ if c.is_whitespace() => b' ',
        '0'..='9' => b'0',
        _ if c.is_ascii() => (c as u8).to_ascii_lowercase(),
        '’' | '‘' => b'\'',
        '“' | '”' | '„' | '«' | '»' => b'"',
        '–' | '—' => b'-',
        _ if c.is_alphabetic() => LETTER,
        _ => OTHER,
    }
}

fn shape(c: char) -> u8 {
    match c {
        _ if c.is_lowercase() => b'a',
        _ if c.is_uppercase() => b'A',
        _ => match plain(c) {
            0xe4 => b'a',
            other => other,
        },
    }
}

/// Calls `f` with the bucket of each n-gram of a text: of its characters, and of their shapes with runs cut short.
fn features(text: &str, mut f: impl FnMut(usize)) {
    let mut bytes = Vec::with_capacity(text.len() + 2);
    let mut shapes = Vec::with_capacity(text.len() + 2);
    bytes.push(b' ');
    shapes.push(b' ');
    for c in text.chars() {
        let byte = plain(c);
        let is_run = match byte {
            b' ' => bytes.ends_with(b" "),
            b'0' => bytes.ends_with(b"00"),
            _ => false,
        };
        if !is_run {
            bytes.push(byte);
        }
        let shape = shape(c);
        let is_run = match shape {
            b' ' => shapes.ends_with(b" "),
            b'a' | b'A' | b'0' => shapes.ends_with(&[shape, shape]),
            _ => false,
        };
        if !is_run {
            shapes.push(shape);
        }
    }
    bytes.push(b' ');
    shapes.push(b' ');
    let mut grams = |of: &[u8], lengths: &[usize], salt: u32| {
        for &length in lengths {
            let seed = salt ^ (length as u32).wrapping_mul(0x85eb_ca6b);
            for window in of.windows(length) {
                let hash = window.iter().fold(seed, |hash, byte| {
                    (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
                });
                f(mix(hash) as usize % BUCKETS);
            }
        }
    };
    grams(&bytes, &[2, 3, 4, 5], 0x9e37_79b9);
    grams(&shapes, &[3, 4, 6], 0x1234_5678);
}

fn mix(hash: u32) -> u32 {
    let hash = (hash ^ hash >> 15).wrapping_mul(0x2c1b_3c6d);
    hash ^ hash >> 13
}
