//! What is taken out of a segment, and what stands in its place.

use std::ops::Range;

use super::Reason;

/// One piece that may not leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// In bytes of the segment.
    pub range: Range<usize>,
    pub reason: Reason,
    pub with: With,
}

/// What stands in the place of a piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum With {
    /// The mark that something was left out.
    Mark,
    /// Nothing: what remains beside it is enough.
    Nothing,
    /// This text of the segment itself, as the words of a link.
    Part(Range<usize>),
    /// The same with points that make no address.
    Inert,
}

/// Renders a segment without its spans. Spans that overlap are taken out as one; marks that meet become one.
pub fn render(segment: &str, mut spans: Vec<Span>, mark: &str) -> String {
    spans.sort_by_key(|span| (span.range.start, std::cmp::Reverse(span.range.end)));
    let mut out = String::with_capacity(segment.len());
    let mut at = 0;
    for span in spans {
        if span.range.end <= at {
            continue;
        }
        if span.range.start > at {
            out.push_str(segment.get(at..span.range.start).unwrap_or_default());
        }
        match (&span.with, span.range.start >= at) {
            (With::Nothing, true) => {}
            (With::Inert, true) => {
                let name = segment.get(span.range.clone()).unwrap_or_default();
                out.push_str(&name.replace('.', &super::hosts::POINT.to_string()));
            }
            (With::Part(part), true) => out.push_str(segment.get(part.clone()).unwrap_or_default()),
            // What overlaps a piece that is gone goes without a mark of its own.
            (_, false) => {}
            (With::Mark, true) => {
                let is_marked = out
                    .trim_end_matches(|c: char| !c.is_alphanumeric() && c != ']')
                    .ends_with(mark);
                if is_marked {
                    let kept = out.rfind(mark).map_or(out.len(), |at| at + mark.len());
                    out.truncate(kept);
                } else {
                    out.push_str(mark);
                }
            }
        }
        at = span.range.end;
    }
    out.push_str(segment.get(at..).unwrap_or_default());
    out
}
