//! A text as it comes: cut into units, each looked at when it is whole.

use super::{
    BLOCKED, FEWEST_SENSIBLE, Filter, LEFT_OUT, Reason, Tail, Verdict,
    unit::{self, Cleared as Unit},
};
use crate::guard::Cleared;

/// The longest unit, in bytes: the look-ahead of a stream. A block that is not closed by then is looked at as it is, and the
/// rest of it is held back until it closes.
pub const LONGEST_UNIT: usize = 8 * 1024;
/// Words that begin a statement over several lines.
const STATEMENTS: [&str; 14] = [
    "select", "insert", "update", "delete", "create", "alter", "drop", "with", "merge", "grant",
    "truncate", "begin", "declare", "explain",
];

/// What is under way over several units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    None,
    /// Within a fence of back-ticks or tildes, until it closes.
    Fence(u8),
    /// Within a key or certificate.
    Pem,
    /// After a trace began: lines that go on with it.
    Trace,
}

/// A text that comes in pieces.
#[derive(Debug)]
pub struct Stream {
    filter: Filter,
    waiting: String,
    block: Block,
    reasons: Vec<Reason>,
    /// What is to be told once something sensible stands beside it.
    held: String,
    sensible: usize,
    changed: bool,
}

impl Stream {
    pub(super) fn new(filter: Filter) -> Self {
        Self {
            filter,
            waiting: String::new(),
            block: Block::None,
            reasons: Vec::new(),
            held: String::new(),
            sensible: 0,
            changed: false,
        }
    }

    /// More of the text; what of it may leave now.
    pub fn push(&mut self, text: &str) -> Cleared<String> {
        self.waiting.push_str(text);
        let mut out = String::new();
        let mut from = 0;
        while let Some(end) = self.unit_end(from) {
            let unit = self.waiting.get(from..end).unwrap_or_default().to_owned();
            self.take(&unit, &mut out);
            from = end;
        }
        self.waiting.drain(..from);
        Cleared(out)
    }

    /// The end of the text.
    pub fn finish(mut self) -> Tail {
        let mut out = String::new();
        let rest = std::mem::take(&mut self.waiting);
        if !rest.is_empty() {
            self.take(&rest, &mut out);
        }
        let nothing_left = self.changed && self.sensible < FEWEST_SENSIBLE;
        if nothing_left {
            out = BLOCKED.to_owned();
        } else {
            out.push_str(&std::mem::take(&mut self.held));
        }
        let verdict = match (self.changed, nothing_left) {
            (false, _) => Verdict::Pass,
            (true, false) => Verdict::Redact,
            (true, true) => Verdict::Block,
        };
        Tail {
            text: Cleared(out),
            verdict,
            reasons: self.reasons,
        }
    }

    /// The end of the unit that begins at `from`, if it is whole.
    fn unit_end(&self, from: usize) -> Option<usize> {
        let text = self.waiting.get(from..)?;
        if text.is_empty() {
            return None;
        }
        let end = match self.block {
            Block::None => block_end(text).unwrap_or_else(|| line_or_sentence_end(text)),
            _ => text.find('\n').map(|at| at + 1),
        };
        let end = end.or_else(|| (text.len() > LONGEST_UNIT).then(|| cut(text)));
        end.map(|end| from + end)
    }

    fn take(&mut self, unit: &str, out: &mut String) {
        let cleared = match self.block {
            Block::None => self.begin(unit),
            Block::Fence(mark) => {
                let line = unit.trim_start();
                let closes = line.bytes().take_while(|byte| *byte == mark).count() >= 3;
                if closes {
                    self.block = Block::None;
                }
                held_back(unit)
            }
            Block::Pem => {
                if unit.contains("-----END") || unit.trim().is_empty() {
                    self.block = Block::None;
                }
                held_back(unit)
            }
            Block::Trace => {
                let goes_on = unit.starts_with([' ', '\t'])
                    || ["at ", "caused by", "...", "file \"", "note:"]
                        .iter()
                        .any(|begin| unit.trim_start().to_lowercase().starts_with(begin));
                if goes_on && !unit.trim().is_empty() {
                    held_back(unit)
                } else {
                    self.block = Block::None;
                    self.begin(unit)
                }
            }
        };
        self.tell(unit, cleared, out);
    }

    fn begin(&mut self, unit: &str) -> Unit {
        let line = unit.trim_start();
        let names = &self.filter.names;
        for mark in [b'`', b'~'] {
            let ticks = line.bytes().take_while(|byte| *byte == mark).count();
            if ticks >= 3 && !names.schema_role {
                let closed = line
                    .trim_end()
                    .get(ticks..)
                    .is_some_and(|rest| rest.contains(if mark == b'`' { "```" } else { "~~~" }));
                if !closed {
                    self.block = Block::Fence(mark);
                }
                return Unit {
                    text: with_white_space(unit, LEFT_OUT),
                    reasons: vec![Reason::Code],
                };
            }
        }
        let cleared = unit::clear(unit, names);
        if cleared.reasons.contains(&Reason::StackTrace) {
            self.block = Block::Trace;
        }
        if unit.contains("-----BEGIN") && !unit.contains("-----END") {
            self.block = Block::Pem;
        }
        cleared
    }

    fn tell(&mut self, unit: &str, cleared: Unit, out: &mut String) {
        self.changed |= cleared.text != unit;
        self.reasons.extend(cleared.reasons);
        let said = cleared
            .text
            .replace(LEFT_OUT, "")
            .replace("[link left out]", "")
            .replace("[image left out]", "");
        self.sensible += said.chars().filter(|c| c.is_alphanumeric()).count();
        // Two marks in a row say no more than one.
        let repeats = cleared.text.trim() == LEFT_OUT && self.held.trim_end().ends_with(LEFT_OUT);
        if !repeats {
            self.held.push_str(&cleared.text);
        }
        if !self.changed || self.sensible >= FEWEST_SENSIBLE {
            // A mark at the end waits for what follows, so that it can stand for both.
            let ready = self.held.trim_end();
            let keep = if ready.ends_with(LEFT_OUT) {
                ready.len() - LEFT_OUT.len()
            } else {
                self.held.len()
            };
            let rest = self.held.split_off(keep);
            out.push_str(&std::mem::replace(&mut self.held, rest));
        }
    }
}

/// Nothing of a unit within a block.
fn held_back(unit: &str) -> Unit {
    let _ = unit;
    Unit {
        text: String::new(),
        reasons: Vec::new(),
    }
}

/// The words with the white space at the end of a unit.
fn with_white_space(unit: &str, words: &str) -> String {
    let end = unit.get(unit.trim_end().len()..).unwrap_or_default();
    format!("{words}{end}")
}

/// The end of a statement or an object that begins here, if one does: the inner nothing is "not yet".
fn block_end(text: &str) -> Option<Option<usize>> {
    let line = text.trim_start();
    let begins_object = line.starts_with('{')
        || line
            .strip_prefix('[')
            .is_some_and(|rest| rest.trim_start().starts_with(['{', '"', '[']));
    let first: String = line
        .chars()
        .take(12)
        .take_while(|c| c.is_alphabetic())
        .flat_map(char::to_lowercase)
        .collect();
    let begins_statement = STATEMENTS.contains(&first.as_str());
    // Whether it begins a block is known once its first word is.
    if line.len() < 12 && !text.contains('\n') && !begins_object {
        let may_become = line.is_empty() || STATEMENTS.iter().any(|word| word.starts_with(&first));
        let ends = line.contains(|c: char| !c.is_alphabetic());
        return (may_become && !ends).then_some(None);
    }
    if begins_object {
        return Some(
            closing_brace(text)
                .map(|end| line_or_sentence_end(&text[end..]).map_or(end, |more| end + more))
                .or(None),
        );
    }
    if !begins_statement {
        return None;
    }
    // A sentence of ordinary words on one line is over at its end.
    let first_line = text.find('\n').map(|at| at + 1);
    let sentence = line_or_sentence_end(text);
    match (sentence, first_line) {
        (Some(end), line) if line.is_none_or(|line| end < line) => Some(Some(end)),
        (_, None) => Some(None),
        (_, Some(line)) => {
            let head = text.get(..line).unwrap_or_default();
            let is_sentence = head.trim_end().ends_with(['.', '!', '?', ':', ';']);
            if is_sentence {
                return Some(Some(line));
            }
            let blank = text.find("\n\n").map(|at| at + 1);
            let closed = text.find(";\n").map(|at| at + 2);
            match (blank, closed) {
                (Some(a), Some(b)) => Some(Some(a.min(b))),
                (a, b) => Some(a.or(b)),
            }
        }
    }
}

fn closing_brace(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// The end of a line, or of a sentence: `.`, `!` or `?` before white space, with that white space's first character.
fn line_or_sentence_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'\n' => return Some(at + 1),
            b'.' | b'!' | b'?' if bytes.get(at + 1) == Some(&b' ') => return Some(at + 2),
            _ => {}
        }
        if at >= LONGEST_UNIT {
            return Some(cut(text));
        }
    }
    None
}

/// Where a text that is too long is cut: at white space, else at a character.
fn cut(text: &str) -> usize {
    let mut end = LONGEST_UNIT.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let head = text.get(..end).unwrap_or_default();
    head.rfind(char::is_whitespace).map_or(end, |at| {
        at + head
            .get(at..)
            .and_then(|tail| tail.chars().next())
            .map_or(1, char::len_utf8)
    })
}
