//! The cut of a text into segments: a fence, a line, a sentence. Each verdict is about one of them.
//!
//! Invariant: where a text is cut depends on the text alone, never on the pieces in which it came.

/// The longest segment, in bytes. What is longer is cut there; a fence is held to this size.
pub const MAX_SEGMENT_BYTES: usize = 16 * 1024;

/// The longest segment outside a fence, in bytes.
pub const MAX_LINE_BYTES: usize = 4 * 1024;

const FENCES: [&str; 2] = ["```", "~~~"];

/// Cuts a text that comes in pieces.
#[derive(Debug)]
pub struct Cutter {
    pending: String,
    /// Bytes of `pending` that were looked at.
    seen: usize,
    fence: Option<&'static str>,
    starts_line: bool,
}

impl Default for Cutter {
    fn default() -> Self {
        Self {
            pending: String::new(),
            seen: 0,
            fence: None,
            starts_line: true,
        }
    }
}

impl Cutter {
    /// Takes a piece of the text.
    pub fn push(&mut self, text: &str) {
        self.pending.push_str(text);
    }

    /// Returns the next whole segment; at the end of the text also the last one.
    pub fn next(&mut self, is_end: bool) -> Option<String> {
        let end = match self.end() {
            Some(end) => end,
            None if is_end && !self.pending.is_empty() => self.pending.len(),
            None => return None,
        };
        let rest = self.pending.split_off(end);
        let segment = std::mem::replace(&mut self.pending, rest);
        self.seen = 0;
        self.starts_line = segment.ends_with('\n');
        Some(segment)
    }

    fn end(&mut self) -> Option<usize> {
        let text = self.pending.as_str();
        if self.fence.is_none() && self.starts_line {
            let start = text.trim_start_matches([' ', '\t', '>']);
            // Three signs decide; until they are there nothing is known.
            if start.len() < 3 && !text.contains('\n') {
                return None;
            }
            self.fence = FENCES.into_iter().find(|fence| start.starts_with(fence));
        }
        if let Some(fence) = self.fence {
            let mut at = self.seen;
            while let Some(length) = text.get(at..).and_then(|rest| rest.find('\n')) {
                let line = text.get(at..at + length).unwrap_or_default();
                // The first line opens it.
                let closes = at > 0 && line.trim_matches([' ', '\t', '>', '\r']).starts_with(fence);
                at += length + 1;
                self.seen = at;
                if closes {
                    self.fence = None;
                    return Some(at);
                }
            }
            if text.len() > MAX_SEGMENT_BYTES {
                self.fence = None;
                return Some(boundary(text, MAX_SEGMENT_BYTES));
            }
            return None;
        }
        let chars = text.get(self.seen..).unwrap_or_default().char_indices();
        let from = self.seen;
        for (offset, c) in chars {
            let at = from + offset;
            if c == '\n' {
                return Some(at + 1);
            }
            if c.is_whitespace() && ends_sentence(text.get(..at).unwrap_or_default()) {
                return Some(at + c.len_utf8());
            }
            if at >= MAX_LINE_BYTES {
                return Some(at);
            }
            self.seen = at + c.len_utf8();
        }
        None
    }
}

/// Does a sentence end here? Marks that close something may follow its point.
fn ends_sentence(before: &str) -> bool {
    let closed = before.trim_end_matches(['"', '\'', ')', ']', '”', '“', '»', '’', '*', '_', '`']);
    closed.ends_with(['.', '!', '?', '…']) && !is_short(closed)
}

/// Is it a number or an initial rather than a sentence's end ("1. ", "z. B. ", "J. ")?
fn is_short(closed: &str) -> bool {
    let word = closed
        .trim_end_matches('.')
        .rsplit(char::is_whitespace)
        .next()
        .unwrap_or_default();
    closed.ends_with('.')
        && (word.chars().count() <= 1
            || word.chars().all(|c| c.is_ascii_digit()) && word.len() <= 2)
}

fn boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Is the segment a fence, with its marks?
pub fn is_fence(segment: &str) -> bool {
    let start = segment.trim_start_matches([' ', '\t', '>']);
    FENCES.iter().any(|fence| start.starts_with(fence))
}
