//! Text that comes in pieces, and leaves sentence by sentence.
//!
//! What leaves depends on the text alone, never on how it was cut into pieces: every decision is made on a whole sentence
//! or line, or after [`LOOK_AHEAD_BYTES`] of text without an end.

use std::collections::BTreeSet;

use super::{
    Cleared, Filter, HELD_BACK, LEFT_OUT, Reason, Verdict,
    fold::Start,
    hidden::Cleaner,
    once,
    scan::Bits,
    spans::{Piece, words},
};

/// So much text is held at most: a paragraph, a code block, a query. What has no end by then is looked at as it is, and what
/// is held back in it is held back up to its end.
pub const LOOK_AHEAD_BYTES: usize = 4096;

/// Secrets of this many bytes, and more of them than text, are a dump.
const DUMP_BYTES: usize = 200;

/// The filter over one text that comes in pieces.
#[derive(Debug)]
pub struct Stream {
    filter: Filter,
    cleaner: Cleaner,
    /// Text without hidden characters that has not left yet.
    pending: String,
    held: Held,
    dropping: Option<Until>,
    /// Nothing sensible has left yet: marks and business words wait for it.
    lead: Option<String>,
    kept_words: usize,
    said: bool,
    kept_bytes: usize,
    secret_bytes: usize,
    blocked: bool,
    /// What has left ends with a line break, or nothing has.
    starts_line: bool,
    /// Text that was filtered before is only tried: what would be done with it again?
    trial: bool,
    /// Bytes of clean text that are done with.
    consumed: usize,
    ends_with_space: bool,
    reasons: BTreeSet<Reason>,
}

/// What is known of the pending text, so that no byte is looked at twice.
#[derive(Debug, Default)]
struct Held {
    /// Up to here the sentences are whole.
    whole: usize,
    /// Up to here the end of a sentence was looked for.
    searched: usize,
    bits: Bits,
    fences: usize,
    braces: usize,
    parens: usize,
    keys: bool,
    /// The last line begins as a person's does in a conversation with a model: what answers it is to be seen with it.
    asked: bool,
}

/// How a held text ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// With a blank line.
    Paragraph,
    /// With the whole text.
    Text,
    /// It does not: so much is held at most.
    Bound,
}

/// What ends a stretch of text of which nothing leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    Fence,
    KeyEnd,
    Line,
    Braces(usize),
    BlankLine,
    Space,
}

/// The end of a stream.
#[derive(Debug)]
pub struct Tail {
    /// What had been held.
    pub text: Cleared<String>,
    /// Of the whole stream.
    pub verdict: Verdict,
    /// Of the whole stream, each once.
    pub reasons: Vec<Reason>,
}

impl Stream {
    pub(super) fn new(filter: Filter) -> Self {
        Self {
            filter,
            cleaner: Cleaner::default(),
            pending: String::new(),
            held: Held::default(),
            dropping: None,
            lead: Some(String::new()),
            kept_words: 0,
            said: false,
            kept_bytes: 0,
            secret_bytes: 0,
            blocked: false,
            starts_line: true,
            trial: false,
            consumed: 0,
            ends_with_space: true,
            reasons: BTreeSet::new(),
        }
    }

    /// Takes the next piece and gives what may leave now.
    pub fn push(&mut self, text: &str) -> Cleared<String> {
        if self.blocked {
            return Cleared(String::new());
        }
        self.cleaner.push(text, &mut self.pending);
        Cleared(self.go(false))
    }

    /// The end of the text: what was held, and what was done with all of it.
    pub fn finish(mut self) -> Tail {
        let mut out = String::new();
        if !self.blocked {
            self.cleaner.finish(&mut self.pending);
            out = self.go(true);
        }
        // What came after a block was not looked at.
        if self
            .cleaner
            .first_change
            .is_some_and(|at| !self.blocked || at < self.consumed)
        {
            self.reasons.insert(Reason::Hidden);
        }
        if let Some(lead) = self.lead.take() {
            if !self.blocked && self.reasons.iter().any(|reason| *reason != Reason::Hidden) {
                self.blocked = true;
                out.push_str(HELD_BACK);
            } else if !self.blocked {
                out.push_str(&lead);
            }
        }
        let verdict = match (self.blocked, self.reasons.is_empty()) {
            (true, _) => Verdict::Block,
            (false, true) => Verdict::Pass,
            (false, false) => Verdict::Redact,
        };
        Tail {
            text: Cleared(out),
            verdict,
            reasons: once(&self.reasons),
        }
    }

    fn go(&mut self, ended: bool) -> String {
        let mut out = String::new();
        let pending = std::mem::take(&mut self.pending);
        let mut at = 0;
        while at < pending.len() && !self.blocked {
            let rest = pending.get(at..).unwrap_or_default();
            let used = if let Some(until) = self.dropping {
                self.drop_text(rest, until, ended)
            } else {
                self.segment(rest, ended, &mut out)
            };
            if used == 0 {
                break;
            }
            at += used;
            self.consumed += used;
        }
        if !self.blocked {
            self.pending = pending;
            self.pending.drain(..at);
        }
        out
    }

    /// Gives one segment on and tells its length; 0 where its end has not come yet.
    fn segment(&mut self, rest: &str, ended: bool, out: &mut String) -> usize {
        loop {
            let Some(end) = self.sentence_end(rest, ended) else {
                if ended && self.held.whole == rest.len() {
                    self.close(rest, rest.len(), End::Text, out);
                    return rest.len();
                }
                return self.forced(rest, out);
            };
            let sentence = rest.get(self.held.whole..end).unwrap_or_default();
            let first = self.held.whole == 0;
            let bits = self.filter.look(sentence);
            self.held.bits |= bits;
            self.held.whole = end;
            self.held.searched = end;
            if first && bits.is_empty() {
                self.held = Held::default();
                self.give_clean(sentence, out);
                return end;
            }
            let before = rest.get(..end - sentence.len()).unwrap_or_default();
            let starts_line = before.ends_with('\n') || before.is_empty() && self.starts_line;
            self.count(sentence, starts_line);
            let is_last = ended && end == rest.len();
            if is_last || (!self.is_open() && is_blank_line(rest, end)) {
                let how = if is_last { End::Text } else { End::Paragraph };
                self.close(rest, end, how, out);
                return end;
            }
            if end >= LOOK_AHEAD_BYTES {
                return self.forced(rest, out);
            }
        }
    }

    /// What has no end within the bound: cut at white space within it.
    fn forced(&mut self, rest: &str, out: &mut String) -> usize {
        if rest.len() < LOOK_AHEAD_BYTES {
            return 0;
        }
        let bound = rest.floor_char_boundary(LOOK_AHEAD_BYTES);
        let head = rest.get(..bound).unwrap_or_default();
        let Some(cut) = head.rfind(char::is_whitespace).map(|space| {
            space
                + head
                    .get(space..)
                    .and_then(|tail| tail.chars().next())
                    .map_or(1, char::len_utf8)
        }) else {
            self.dropping = Some(Until::Space);
            self.held = Held::default();
            let mut piece = Piece::untouched("").left_out();
            piece.reasons.insert(Reason::Unbounded);
            self.give(piece, out);
            return bound;
        };
        let piece = head.get(..cut).unwrap_or_default();
        self.held.bits |= self.filter.look(piece);
        self.held.fences = piece.matches("```").count();
        if self.held.bits.is_empty() {
            self.held = Held::default();
            self.give_clean(piece, out);
        } else {
            self.close(rest, cut, End::Bound, out);
        }
        cut
    }

    /// Looks at the held text closely and gives what may leave of it.
    fn close(&mut self, rest: &str, end: usize, how: End, out: &mut String) {
        let held = std::mem::take(&mut self.held);
        let text = rest.get(..end).unwrap_or_default();
        let start = if self.starts_line {
            Start::Line
        } else {
            Start::Within
        };
        let piece = self.filter.piece(text, start, held.bits);
        if how == End::Bound
            && !piece.reasons.is_empty()
            && piece.text.trim_end().ends_with(LEFT_OUT)
        {
            self.dropping = Some(if held.fences % 2 == 1 {
                Until::Fence
            } else if held.keys {
                Until::KeyEnd
            } else if held.braces > 0 && piece.reasons.contains(&Reason::Code) {
                Until::Braces(held.braces)
            } else {
                Until::BlankLine
            });
        }
        let piece = if piece.reasons.is_empty() {
            piece
        } else {
            self.settled(piece, how)
        };
        self.give(piece, out);
    }

    /// The piece, or what of it would stay as it is were it filtered again: what is left of a text must not depend on what
    /// was taken out of it.
    fn settled(&mut self, piece: Piece, how: End) -> Piece {
        if self.trial {
            // Something was found in it: that is all that a trial asks for.
            self.blocked = true;
            return piece;
        }
        if self.is_dump(&piece) {
            return self.settled_before_block(piece);
        }
        if how == End::Bound || self.stays(&piece.text, how) {
            return piece;
        }
        piece.left_out()
    }

    /// The piece, cut back until what is left of it stays as it is with the sentence after it that stands for the rest.
    fn settled_before_block(&self, mut piece: Piece) -> Piece {
        // The sentence that stands for the rest stands for its last mark too.
        if let Some(kept) = piece.text.trim_end().strip_suffix(LEFT_OUT) {
            piece.text.truncate(kept.len());
        }
        while !piece.text.is_empty() {
            let joint = joint(self.ends_with_space, &piece.text);
            let text = format!("{}{joint}{HELD_BACK}", piece.text);
            if self.stays(&text, End::Text) {
                break;
            }
            let kept = last_boundary(&piece.text);
            piece.text.truncate(kept);
            piece.kept_words = words(&piece.text);
        }
        piece
    }

    /// Would this text leave as it is, and nothing of it be held at its end, were it filtered where it stands now?
    fn stays(&self, text: &str, how: End) -> bool {
        let mut trial = Self::new(self.filter.clone());
        trial.trial = true;
        trial.lead = None;
        trial.starts_line = self.starts_line;
        let mut again = trial.push(text).into_inner();
        let nothing_held = trial.pending.is_empty() && !trial.cleaner.is_waiting();
        if how == End::Text {
            if trial.blocked {
                return false;
            }
            let tail = trial.finish();
            again.push_str(tail.text.get());
            return again == text && tail.verdict == Verdict::Pass;
        }
        again == text && nothing_held && !trial.blocked
    }

    /// Is this piece, after those before it, so much of a prompt or of secrets that nothing more may leave?
    fn is_dump(&self, piece: &Piece) -> bool {
        let secrets = self.secret_bytes + piece.secret_bytes;
        piece.dump || secrets > DUMP_BYTES && secrets > self.kept_bytes + kept_bytes(piece)
    }

    fn give_clean(&mut self, text: &str, out: &mut String) {
        if self.lead.is_none() {
            self.kept_bytes += text.len();
            self.ends_with_space = text.ends_with(char::is_whitespace);
            self.starts_line = text.ends_with('\n');
            out.push_str(text);
            return;
        }
        self.give(Piece::untouched(text), out);
    }

    fn give(&mut self, piece: Piece, out: &mut String) {
        let dump = self.is_dump(&piece);
        self.kept_words += piece.kept_words;
        self.said |= piece.said;
        self.kept_bytes += kept_bytes(&piece);
        self.secret_bytes += piece.secret_bytes;
        self.reasons.extend(piece.reasons);
        let text = if let Some(lead) = &mut self.lead {
            let marks_again = lead.trim_end().ends_with(LEFT_OUT) && piece.text.trim() == LEFT_OUT;
            if !marks_again && lead.len() < LOOK_AHEAD_BYTES && !piece.text.is_empty() {
                lead.push_str(&piece.text);
                self.starts_line = lead.ends_with('\n');
            }
            let clean = self.reasons.is_empty();
            let least = if clean || self.said { 1 } else { 2 };
            let sensible = self.kept_words >= least || clean && has_sign(lead);
            if sensible {
                std::mem::take(lead)
            } else {
                String::new()
            }
        } else {
            piece.text
        };
        if !text.is_empty() {
            self.lead = None;
            self.ends_with_space = text.ends_with(char::is_whitespace);
            self.starts_line = text.ends_with('\n');
            out.push_str(&text);
        }
        if dump {
            self.block(out);
        }
    }

    /// Nothing more leaves but the sentence that says so.
    fn block(&mut self, out: &mut String) {
        self.blocked = true;
        self.lead = None;
        out.push_str(joint(self.ends_with_space, ""));
        out.push_str(HELD_BACK);
    }

    /// Text of which nothing leaves: how much of it is done with.
    fn drop_text(&mut self, rest: &str, until: Until, ended: bool) -> usize {
        let end = match until {
            Until::Fence => rest.find("```").map(|at| at + 3),
            Until::KeyEnd => rest.find("-----END").map(|at| at + 8),
            Until::Line => rest.find('\n'),
            Until::BlankLine => rest.find("\n\n"),
            Until::Space => rest.find(char::is_whitespace),
            Until::Braces(depth) => {
                let mut depth = depth;
                let closed = rest.bytes().position(|byte| {
                    match byte {
                        b'{' => depth += 1,
                        b'}' => depth -= 1,
                        _ => {}
                    }
                    depth == 0
                });
                self.dropping = Some(Until::Braces(depth));
                match closed {
                    Some(at) => Some(at + 1),
                    None => return rest.len(),
                }
            }
        };
        if let Some(end) = end {
            self.dropping = (until == Until::KeyEnd).then_some(Until::Line);
            return end;
        }
        if ended {
            return rest.len();
        }
        // The beginning of what ends it may have come already.
        let keep = match until {
            Until::KeyEnd => 7,
            Until::Fence => 2,
            _ => 1,
        };
        rest.floor_char_boundary(rest.len().saturating_sub(keep))
    }

    /// The end of the sentence or line that follows what is whole already.
    fn sentence_end(&mut self, rest: &str, ended: bool) -> Option<usize> {
        let bytes = rest.as_bytes();
        let from = self.held.searched.max(self.held.whole);
        let limit = bytes.len().min(LOOK_AHEAD_BYTES);
        for (at, &byte) in bytes.iter().enumerate().take(limit).skip(from) {
            if byte == b'\n' {
                return Some(at + 1);
            }
            if byte == b' ' && ends_sentence(bytes.get(self.held.whole..at).unwrap_or_default()) {
                return Some(at + 1);
            }
        }
        self.held.searched = limit.max(from);
        (ended && bytes.len() < LOOK_AHEAD_BYTES && self.held.whole < bytes.len())
            .then_some(bytes.len())
    }

    fn count(&mut self, sentence: &str, starts_line: bool) {
        if starts_line && !sentence.trim().is_empty() {
            self.held.asked = self.held.bits.any(Bits::PROMPT) && is_asked(sentence);
        }
        self.held.fences += sentence.matches("```").count();
        if sentence.contains("-----BEGIN") {
            self.held.keys = true;
        }
        if sentence.contains("-----END") {
            self.held.keys = false;
        }
        for byte in sentence.bytes() {
            match byte {
                b'{' => self.held.braces += 1,
                b'}' => self.held.braces = self.held.braces.saturating_sub(1),
                b'(' => self.held.parens += 1,
                b')' => self.held.parens = self.held.parens.saturating_sub(1),
                _ => {}
            }
        }
    }

    /// Is something open that a blank line does not end?
    fn is_open(&self) -> bool {
        self.held.fences % 2 == 1
            || self.held.keys
            || self.held.braces > 0
            || self.held.asked
            || self.held.parens > 0 && self.held.bits.any(Bits::SQL)
    }
}

/// What parts a text from the sentence that stands for the rest; `before` says how ends what stands before the text.
fn joint(before_ends_with_space: bool, text: &str) -> &'static str {
    let spaced = if text.is_empty() {
        before_ends_with_space
    } else {
        text.ends_with(char::is_whitespace)
    };
    if spaced { "" } else { " " }
}

/// Where the last sentence or line of a text begins.
fn last_boundary(text: &str) -> usize {
    let bytes = text.trim_end().as_bytes();
    (1..bytes.len())
        .rev()
        .find(|&at| match bytes.get(at - 1) {
            Some(b'\n') => true,
            Some(b' ') => ends_sentence(bytes.get(..at - 1).unwrap_or_default()),
            _ => false,
        })
        .unwrap_or(0)
}

/// Bytes of a piece in which something is left.
fn kept_bytes(piece: &Piece) -> usize {
    if piece.kept_words > 0 {
        piece.text.len()
    } else {
        0
    }
}

/// Does the line begin with the name of the one who asks?
fn is_asked(line: &str) -> bool {
    const ROLES: [&str; 9] = [
        "human",
        "user",
        "utilisateur",
        "utilisatrice",
        "usuario",
        "usuaria",
        "benutzer",
        "benutzerin",
        "nutzer",
    ];
    let line = line.trim_start_matches([' ', '\t', '>', '*', '#']);
    let name = line.split(':').next().unwrap_or_default();
    let name = name.trim_matches(|c: char| c.is_whitespace() || c == '*');
    name.len() < line.len() && ROLES.iter().any(|role| name.eq_ignore_ascii_case(role))
}

/// Does a sentence end here: a full stop or the like, quotes and brackets after it?
fn ends_sentence(bytes: &[u8]) -> bool {
    let mut tail = bytes
        .iter()
        .rev()
        .skip_while(|byte| matches!(byte, b'"' | b'\'' | b')' | b']' | b'*' | b'_'));
    matches!(tail.next(), Some(b'.' | b'!' | b'?')) || bytes.ends_with("…".as_bytes())
}

/// Does the text up to here end with a line that is blank?
fn is_blank_line(text: &str, end: usize) -> bool {
    let head = text.get(..end).unwrap_or_default();
    head.strip_suffix('\n').is_some_and(|head| {
        head.trim_end_matches([' ', '\t', '\r']).ends_with('\n') || head.trim().is_empty()
    })
}

fn has_sign(text: &str) -> bool {
    words(text) > 0 || text.chars().any(|c| !c.is_whitespace())
}
