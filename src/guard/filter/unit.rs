//! One unit of text: what of it is held back, and what stands there instead.

use std::ops::Range;

use super::{
    LEFT_OUT, Reason,
    fold::{Folded, is_hidden},
    links::{self, Instead},
    names::Names,
    patterns::{self, Reach},
};

/// A unit as it may leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cleared {
    pub text: String,
    pub reasons: Vec<Reason>,
}

/// What is put in a range of the text.
#[derive(Debug, Clone)]
struct Change {
    at: Range<usize>,
    reason: Option<Reason>,
    instead: String,
}

/// What is left may look like something else than before; so often it is looked at again.
const MOST_LOOKS: usize = 4;

/// Looks at a unit, and at what is left of it until nothing changes any more.
pub(super) fn clear(text: &str, names: &Names) -> Cleared {
    let mut cleared = look(text, names);
    for _ in 1..MOST_LOOKS {
        if cleared.reasons.is_empty() {
            break;
        }
        let again = look(&cleared.text, names);
        if again.text == cleared.text {
            break;
        }
        cleared.text = again.text;
        cleared.reasons.extend(again.reasons);
    }
    cleared
}

fn look(text: &str, names: &Names) -> Cleared {
    let folded = Folded::new(text);
    let mut changes: Vec<Change> = Vec::new();
    let mut keep: Vec<Range<usize>> = Vec::new();
    if may_hold_links(&folded.text) {
        for place in links::find(&folded.text, names) {
            let instead = match place.instead {
                Instead::Words(words) => words.to_owned(),
                Instead::Piece(piece) => {
                    folded.text.get(piece).unwrap_or_default().trim().to_owned()
                }
                Instead::Itself => {
                    keep.push(place.at);
                    continue;
                }
            };
            // A link's words are looked at, too.
            let instead = if instead.starts_with('[') {
                instead
            } else {
                inner(&instead, names)
            };
            changes.push(Change {
                at: place.at,
                reason: Some(place.reason),
                instead,
            });
        }
    }
    let kept = |at: &Range<usize>, keep: &[Range<usize>]| {
        keep.iter()
            .any(|kept| kept.start <= at.start && at.end <= kept.end)
    };
    if !names.schema_role {
        inline_code(&folded.text, names, &mut |at, reason| {
            changes.push(Change {
                at,
                reason: Some(reason),
                instead: LEFT_OUT.to_owned(),
            });
        });
        names.find(&folded.text, &mut |at, named| {
            if !kept(&at, &keep) {
                changes.push(Change {
                    at,
                    reason: Some(named.reason),
                    instead: named.words.to_owned(),
                });
            }
        });
    }
    for pattern in patterns::hits(&folded.text) {
        if names.schema_role && pattern.reason.is_technical() {
            continue;
        }
        for found in pattern.regex.captures_iter(&folded.text) {
            let Some(hit) = found.get(1).or(found.get(0)) else {
                continue;
            };
            if hit.is_empty() || kept(&hit.range(), &keep) || is_ours(hit.as_str()) {
                continue;
            }
            let at = reach(&folded.text, hit.range(), pattern.reach);
            changes.push(Change {
                at,
                reason: Some(pattern.reason),
                instead: pattern.words.to_owned(),
            });
            if pattern.reach == Reach::Unit {
                break;
            }
        }
    }
    write(text, &folded, changes)
}

/// The words of a link, without links of their own.
fn inner(text: &str, names: &Names) -> String {
    let mut changes: Vec<Change> = Vec::new();
    let folded = Folded::new(text);
    for pattern in patterns::hits(text) {
        if names.schema_role && pattern.reason.is_technical() {
            continue;
        }
        for hit in pattern.regex.find_iter(text) {
            changes.push(Change {
                at: reach(text, hit.range(), pattern.reach),
                reason: None,
                instead: pattern.words.to_owned(),
            });
        }
    }
    for place in links::find(text, names) {
        if place.instead != Instead::Itself {
            changes.push(Change {
                at: place.at,
                reason: None,
                instead: LEFT_OUT.to_owned(),
            });
        }
    }
    write(text, &folded, changes).text
}

/// A cheap look: is there anything that a link, an image or a mention has?
fn may_hold_links(text: &str) -> bool {
    text.bytes()
        .any(|byte| matches!(byte, b'/' | b'<' | b'[' | b'@' | b':' | b'.'))
}

/// A mark of ours, or a citation such as `[1]`.
fn is_ours(hit: &str) -> bool {
    let core = hit.trim();
    core == LEFT_OUT
        || core
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .is_some_and(|digits| !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()))
}

/// Back-ticks around what is no plain word.
fn inline_code(text: &str, names: &Names, found: &mut impl FnMut(Range<usize>, Reason)) {
    let mut rest = 0;
    while let Some(open) = text.get(rest..).and_then(|tail| tail.find('`')) {
        let open = rest + open;
        let ticks = text.get(open..).map_or(1, |tail| {
            tail.bytes().take_while(|byte| *byte == b'`').count()
        });
        let from = open + ticks;
        let close = text
            .get(from..)
            .and_then(|tail| tail.find('`'))
            .map(|at| from + at);
        let end = close.unwrap_or(text.trim_end().len().max(from));
        let inside = text.get(from..end).unwrap_or_default();
        let is_plain = inside.chars().all(|c| {
            c.is_alphanumeric() || matches!(c, ' ' | '-' | '!' | '#' | '.' | ',' | '%' | '’')
        }) && !super::names::is_technical(&inside.replace(['.', '#'], ""))
            || looks_like_a_key(inside);
        let after = close.map_or(end, |close| close + ticks.min(text.len() - close));
        let mut after = after.min(text.len());
        while !text.is_char_boundary(after) {
            after += 1;
        }
        if !is_plain && !inside.trim().is_empty() {
            let mut is_name = false;
            names.find(text.get(open..after).unwrap_or_default(), &mut |_, _| {
                is_name = true;
            });
            if !is_name {
                found(open..after, Reason::Code);
            }
        }
        rest = after.max(open + 1);
        if rest >= text.len() {
            break;
        }
    }
}

/// `PAY-1182`, `v4.12`, `!2041`: what people quote.
fn looks_like_a_key(text: &str) -> bool {
    !text.contains(['_', '(', '=', '/', '\\', '$', ' '])
        && text.chars().any(|c| c.is_ascii_digit())
        && !text.contains('.')
        || text
            .trim_start_matches('v')
            .chars()
            .all(|c| c.is_ascii_digit() || c == '.')
}

/// How far a hit reaches.
fn reach(text: &str, hit: Range<usize>, reach: Reach) -> Range<usize> {
    match reach {
        Reach::Hit => hit,
        Reach::Unit => 0..text.len(),
        Reach::Statement => {
            let tail = text.get(hit.end..).unwrap_or_default();
            let quoted = text
                .get(..hit.start)
                .and_then(|head| head.chars().next_back())
                .filter(|c| matches!(c, '`' | '"' | '\''));
            let end = match quoted {
                Some(quote) => tail.rfind(quote),
                None => tail.rfind(';').map(|at| at + 1),
            };
            hit.start..end.map_or(text.len(), |end| hit.end + end)
        }
        Reach::Braces => {
            let mut depth = 0_usize;
            for (at, c) in text.get(hit.start..).unwrap_or_default().char_indices() {
                match c {
                    '{' | '[' => depth += 1,
                    '}' | ']' => {
                        depth = depth.saturating_sub(1);
                        if depth == 0 {
                            return hit.start..hit.start + at + 1;
                        }
                    }
                    _ => {}
                }
            }
            hit.start..text.len()
        }
    }
}

/// The text with its changes; what overlaps is one place. Hidden characters go wherever they stand.
fn write(text: &str, folded: &Folded<'_>, mut changes: Vec<Change>) -> Cleared {
    for change in &mut changes {
        change.at = folded.back(change.at.clone(), text);
        // White space at the end of a unit parts it from the next.
        let piece = text.get(change.at.clone()).unwrap_or_default();
        change.at.end = change.at.start + piece.trim_end().len();
    }
    changes.retain(|change| change.at.end > change.at.start);
    changes.sort_by_key(|change| (change.at.start, std::cmp::Reverse(change.at.end)));
    let mut merged: Vec<Change> = Vec::new();
    for change in changes {
        match merged.last_mut() {
            Some(last) if change.at.start < last.at.end => {
                if change.at.end > last.at.end {
                    // Parts of both: neither's words say what the whole was.
                    last.at.end = change.at.end;
                    last.instead = LEFT_OUT.to_owned();
                    last.reason = last.reason.or(change.reason);
                }
            }
            _ => merged.push(change),
        }
    }
    let (mut out, mut reasons, mut from) = (String::with_capacity(text.len()), Vec::new(), 0);
    let copy = |piece: &str, out: &mut String, reasons: &mut Vec<Reason>| {
        let before = out.len();
        out.extend(piece.chars().filter(|c| !is_hidden(*c)));
        if out.len() - before < piece.len() {
            reasons.push(Reason::HiddenCharacters);
        }
    };
    for change in merged {
        copy(
            text.get(from..change.at.start).unwrap_or_default(),
            &mut out,
            &mut reasons,
        );
        reasons.extend(change.reason);
        if !(change.instead == LEFT_OUT && out.trim_end().ends_with(LEFT_OUT)) {
            out.push_str(&change.instead);
        }
        from = change.at.end;
    }
    copy(text.get(from..).unwrap_or_default(), &mut out, &mut reasons);
    Cleared { text: out, reasons }
}
