//! Text that comes in pieces, and leaves segment by segment.

use std::collections::BTreeSet;

use super::{Cleared, Filter, Reason, Verdict, cut::Cutter, held_back, hidden::Cleaner};

/// The filter over one text that comes in pieces.
#[derive(Debug)]
pub struct Stream {
    filter: Filter,
    cleaner: Cleaner,
    cutter: Cutter,
    reasons: BTreeSet<Reason>,
    /// Something was said.
    said: bool,
    /// Signs before anything was said: alone they say nothing either.
    lead: String,
    /// A mark that waits for what comes after: of marks in a row one leaves, and where nothing else does, none.
    waiting: Option<String>,
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
            cutter: Cutter::default(),
            reasons: BTreeSet::new(),
            said: false,
            lead: String::new(),
            waiting: None,
        }
    }

    /// Takes a piece of the text; returns what of it, and of what was held, may leave now.
    pub fn push(&mut self, text: &str) -> Cleared<String> {
        let mut clean = String::new();
        self.cleaner.push(text, &mut clean);
        self.cutter.push(&clean);
        let mut out = String::new();
        while let Some(segment) = self.cutter.next(false) {
            self.tell(&segment, &mut out);
        }
        Cleared(out)
    }

    /// Ends the text; returns the rest of what may leave, and the verdict about all.
    pub fn finish(mut self) -> Tail {
        let mut clean = String::new();
        self.cleaner.finish(&mut clean);
        self.cutter.push(&clean);
        let mut out = String::new();
        while let Some(segment) = self.cutter.next(true) {
            self.tell(&segment, &mut out);
        }
        if self.cleaner.first_change.is_some() {
            self.reasons.insert(Reason::Hidden);
        }
        let is_cut = !self.reasons.is_empty();
        let verdict = match (is_cut, self.said) {
            (false, _) => Verdict::Pass,
            (true, true) => Verdict::Redact,
            (true, false) => Verdict::Block,
        };
        if verdict == Verdict::Pass {
            out.push_str(&self.lead);
        }
        if verdict == Verdict::Block {
            out.push_str(held_back(self.filter.parts.language));
        } else if let Some(mark) = self.waiting.take() {
            out.push_str(mark.trim_end());
        }
        Tail {
            text: Cleared(out),
            verdict,
            reasons: self.reasons.into_iter().collect(),
        }
    }

    fn tell(&mut self, segment: &str, out: &mut String) {
        let mut reasons = BTreeSet::new();
        let told = self.filter.segment(segment, &mut reasons);
        let mark = self.filter.mark();
        let says = |text: &str| text.contains(char::is_alphanumeric);
        if says(&told.replace(mark, "")) {
            out.push_str(&std::mem::take(&mut self.lead));
            if let Some(waiting) = self.waiting.take() {
                out.push_str(&waiting);
            }
            self.said = true;
            out.push_str(&told);
        } else if !reasons.is_empty() {
            // What ends the sentence stays: without it the next one would be read as a part of this.
            let rest = told.rsplit(mark).next().unwrap_or_default();
            let ends = |c: &char| c.is_whitespace() || matches!(c, '.' | '!' | '?' | '…');
            let end: String = rest.chars().filter(ends).collect();
            self.waiting = Some(format!("{mark}{end}"));
        } else if let Some(waiting) = &mut self.waiting {
            // Signs alone between marks say nothing; a blank line parts what stands around it.
            if told.trim().is_empty() {
                waiting.push_str(&told);
            }
        } else if self.said {
            out.push_str(&told);
        } else {
            self.lead.push_str(&told);
        }
        self.reasons.append(&mut reasons);
    }
}
