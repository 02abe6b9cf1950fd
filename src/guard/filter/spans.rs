//! What the scanners found, brought into one order, and the text with it replaced.

use std::{borrow::Cow, collections::BTreeSet, ops::Range};

use super::{LEFT_OUT, Reason, fold::Folded};

/// What comes in the place of a piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum With {
    /// [`LEFT_OUT`].
    Mark,
    /// The thing in business words.
    Words(Cow<'static, str>),
    /// Nothing: the brackets of a link whose text stays.
    Nothing,
}

#[derive(Debug, Clone)]
struct Span {
    range: Range<usize>,
    reason: Reason,
    with: With,
}

/// What was found in one piece of text.
#[derive(Debug)]
pub struct Spans {
    found: Vec<Span>,
    /// Links and addresses that may stand; what is found inside them is part of them.
    may_stand: Vec<Range<usize>>,
    /// Found is a text that tells a prompt: nothing after it leaves.
    dump: bool,
    schema_role: bool,
}

impl Spans {
    pub fn new(schema_role: bool) -> Self {
        Self {
            found: Vec::new(),
            may_stand: Vec::new(),
            dump: false,
            schema_role,
        }
    }

    /// A place in the folded copies.
    pub fn add(&mut self, folded: &Folded<'_>, range: Range<usize>, reason: Reason, with: With) {
        self.add_raw(folded.raw, folded.origin(range), reason, with);
    }

    /// A place in the text itself. White space at its ends stays where something comes in its place.
    pub fn add_raw(&mut self, raw: &str, range: Range<usize>, reason: Reason, with: With) {
        if self.schema_role && reason.is_schema() {
            return;
        }
        let Some(piece) = raw.get(range.clone()) else {
            return;
        };
        let (mut start, mut end) = (range.start, range.end);
        if with != With::Nothing {
            start += piece.len() - piece.trim_start().len();
            end -= piece.trim_start().len() - piece.trim().len();
        }
        // A joiner or a selector goes with what it belongs to.
        end += raw.get(end..).map_or(0, |rest| {
            rest.len()
                - rest
                    .trim_start_matches(['\u{200d}', '\u{fe0f}', '\u{20e3}'])
                    .len()
        });
        // What is left out already is not left out again.
        let inside = raw.get(start..end).unwrap_or_default();
        if start < end
            && inside.trim_matches(|c: char| !c.is_alphanumeric() && c != '[' && c != ']')
                != LEFT_OUT
        {
            self.found.push(Span {
                range: start..end,
                reason,
                with,
            });
        }
    }

    /// Lets a place of the text stand, whatever is found inside it but secrets and names.
    pub fn let_stand(&mut self, range: Range<usize>) {
        self.may_stand.push(range);
    }

    /// Does this place lie in one that may stand?
    pub fn stands(&self, range: &Range<usize>) -> bool {
        self.may_stand
            .iter()
            .any(|may| may.start <= range.start && range.end <= may.end)
    }

    pub fn tell_dump(&mut self) {
        self.dump = true;
    }

    pub fn is_empty(&self) -> bool {
        let mut found = self.found.iter();
        !self.dump && found.all(|span| self.is_part_of_what_stands(span))
    }

    fn is_part_of_what_stands(&self, span: &Span) -> bool {
        !matches!(
            span.reason,
            Reason::Secret | Reason::Table | Reason::Column | Reason::Tool | Reason::Prompt
        ) && self.stands(&span.range)
    }

    /// The text with everything replaced that was found.
    pub fn render(mut self, raw: &str) -> Piece {
        let mut found = std::mem::take(&mut self.found);
        found.retain(|span| !self.is_part_of_what_stands(span));
        let reasons: BTreeSet<Reason> = found.iter().map(|span| span.reason).collect();
        let secret_bytes = found
            .iter()
            .filter(|span| span.reason == Reason::Secret)
            .map(|span| span.range.len())
            .sum();
        for span in &mut found {
            // Of a link with a name or a secret in it nothing stays.
            if let Some(around) = self.may_stand.iter().find(|may| {
                may.start <= span.range.start && span.range.end <= may.end && **may != span.range
            }) {
                *span = Span {
                    range: around.clone(),
                    reason: span.reason,
                    with: With::Mark,
                };
            }
        }
        let merged = merge(found, raw);
        let mut piece = Piece {
            text: String::with_capacity(raw.len()),
            reasons,
            dump: self.dump,
            secret_bytes,
            kept_words: 0,
            said: false,
        };
        let mut at = 0;
        for span in merged {
            let between = raw.get(at..span.range.start).unwrap_or_default();
            let nothing_between = !between.contains(char::is_alphanumeric);
            at = span.range.end;
            match span.with {
                With::Mark if nothing_between && piece.text.trim_end().ends_with(LEFT_OUT) => {
                    continue;
                }
                _ => {}
            }
            piece.keep(between);
            match span.with {
                With::Mark => piece.text.push_str(LEFT_OUT),
                With::Words(words) => {
                    piece.said = true;
                    piece.text.push_str(&words);
                }
                With::Nothing => {}
            }
        }
        piece.keep(raw.get(at..).unwrap_or_default());
        piece
    }
}

/// The spans in order, those that touch made one.
fn merge(mut found: Vec<Span>, raw: &str) -> Vec<Span> {
    for span in &mut found {
        if span.with != With::Nothing {
            span.range = with_quotes(raw, span.range.clone());
        }
    }
    found.sort_by(|a, b| {
        (a.range.start, b.range.end, a.reason).cmp(&(b.range.start, a.range.end, b.reason))
    });
    let mut merged: Vec<Span> = Vec::with_capacity(found.len());
    for span in found {
        match merged.last_mut() {
            Some(last) if span.range.start < last.range.end => {
                if last.range.end < span.range.end {
                    last.range.end = span.range.end;
                    if last.with != span.with {
                        last.with = With::Mark;
                    }
                }
            }
            _ => merged.push(span),
        }
    }
    merged
}

/// The place with the back-ticks or quotes right around it.
fn with_quotes(raw: &str, mut range: Range<usize>) -> Range<usize> {
    let bytes = raw.as_bytes();
    loop {
        let before = range.start.checked_sub(1).and_then(|at| bytes.get(at));
        let after = bytes.get(range.end);
        match (before, after) {
            (Some(b'`'), Some(b'`')) | (Some(b'"'), Some(b'"')) | (Some(b'\''), Some(b'\'')) => {
                range = range.start - 1..range.end + 1;
            }
            _ => return range,
        }
    }
}

/// A piece of text as it may leave, and what happened to it.
#[derive(Debug)]
pub struct Piece {
    pub text: String,
    pub reasons: BTreeSet<Reason>,
    /// A prompt is being told.
    pub dump: bool,
    /// Bytes of secrets that were in it.
    pub secret_bytes: usize,
    /// Words of its own that are left.
    pub kept_words: usize,
    /// Something was put in business words.
    pub said: bool,
}

impl Piece {
    pub fn untouched(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            reasons: BTreeSet::new(),
            dump: false,
            secret_bytes: 0,
            kept_words: words(text),
            said: false,
        }
    }

    /// What another look made of this piece's text.
    pub fn then(self, next: Self) -> Self {
        Self {
            reasons: self.reasons.into_iter().chain(next.reasons).collect(),
            dump: self.dump || next.dump,
            secret_bytes: self.secret_bytes + next.secret_bytes,
            kept_words: self.kept_words.min(next.kept_words),
            said: self.said || next.said,
            text: next.text,
        }
    }

    /// The piece with nothing of its text left but the white space around it.
    pub fn left_out(self) -> Self {
        let end = self.text.len() - self.text.trim_end().len();
        let white = self.text.get(self.text.len() - end..).unwrap_or_default();
        Self {
            text: format!("{LEFT_OUT}{white}"),
            kept_words: 0,
            said: false,
            ..self
        }
    }

    fn keep(&mut self, text: &str) {
        self.kept_words += words(text);
        self.text.push_str(text);
    }
}

/// Words of at least two letters, [`LEFT_OUT`] not counted.
pub fn words(text: &str) -> usize {
    if text.is_ascii() {
        let mut letters = 0;
        let mut words = 0;
        for byte in text.bytes() {
            letters = if byte.is_ascii_alphanumeric() {
                letters + 1
            } else {
                0
            };
            words += usize::from(letters == 2);
        }
        return words.saturating_sub(2 * text.matches(LEFT_OUT).count());
    }
    let all = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| {
            word.chars()
                .filter(|c| c.is_alphanumeric())
                .nth(1)
                .is_some()
        })
        .count();
    all.saturating_sub(2 * text.matches(LEFT_OUT).count())
}
