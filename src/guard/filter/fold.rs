//! The folded copy on which everything is matched: compatibility forms (NFKC), one case, Latin letters for those of other
//! scripts that look like them, plain spaces; with offsets back into the text.

use std::ops::Range;

use unicode_normalization::{UnicodeNormalization, char::canonical_combining_class};

/// A text beside its folded copies. `plain` keeps the case of ASCII letters, `lower` has none; both have the same offsets.
pub struct Folded<'a> {
    pub raw: &'a str,
    pub plain: String,
    pub lower: String,
    /// For each byte of the copies the offset in `raw` of the character it comes from; none where the copies are as long
    /// as the text, character for character.
    origins: Option<Vec<usize>>,
    /// How long the copies' beginning is that stands for the text before.
    before: usize,
    /// The ASCII characters that are in the copies, a bit for each.
    there: u128,
}

/// Where in a line a text begins: patterns of whole lines hold for the beginning of one only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    Line,
    Within,
}

/// What stands for the text before, in a copy of a text that begins within a line.
const BEFORE: &str = ". ";

impl<'a> Folded<'a> {
    pub fn new(raw: &'a str, start: Start) -> Self {
        let before = match start {
            Start::Line => "",
            Start::Within => BEFORE,
        };
        let mut plain = before.to_owned();
        let mut origins = None;
        if raw.is_ascii() && !raw.contains(ESCAPED) {
            plain.push_str(raw);
        } else {
            let (folded, at) = fold(raw);
            plain.push_str(&folded);
            origins = Some(at);
        }
        Self {
            raw,
            lower: plain.to_ascii_lowercase(),
            there: plain
                .bytes()
                .filter(u8::is_ascii)
                .fold(0, |there, byte| there | 1 << byte),
            plain,
            origins,
            before: before.len(),
        }
    }

    /// Is one of these ASCII characters in it? What needs one of them is looked for in no other text.
    pub fn holds(&self, signs: &[u8]) -> bool {
        signs
            .iter()
            .any(|sign| self.there >> (sign & 0x7f) & 1 == 1)
    }

    /// Do two capitals stand side by side in it?
    pub fn has_capitals(&self) -> bool {
        let mut before = false;
        self.plain.bytes().any(|byte| {
            let two = before && byte.is_ascii_uppercase();
            before = byte.is_ascii_uppercase();
            two
        })
    }

    /// The place in the text of a place in the copies, grown to whole characters.
    pub fn origin(&self, range: Range<usize>) -> Range<usize> {
        let range = range.start.saturating_sub(self.before)..range.end.saturating_sub(self.before);
        let Some(origins) = &self.origins else {
            return range;
        };
        let at = |index: usize| origins.get(index).copied().unwrap_or(self.raw.len());
        let start = at(range.start);
        let mut end = at(range.end);
        // An end inside what one character became takes the whole character.
        if range.end > range.start && range.end < origins.len() && at(range.end - 1) == end {
            let from = range.end;
            end = origins
                .get(from..)
                .unwrap_or_default()
                .iter()
                .copied()
                .find(|&origin| origin > end)
                .unwrap_or(self.raw.len());
        }
        start..end.max(start)
    }
}

/// A name folded as text is, in lower case.
pub fn fold_name(name: &str) -> String {
    if name.is_ascii() {
        name.to_ascii_lowercase()
    } else {
        fold(name).0.to_ascii_lowercase()
    }
}

/// Markdown's way to write an underscore that is one.
const ESCAPED: &str = "\\_";

fn fold(raw: &str) -> (String, Vec<usize>) {
    let mut plain = String::with_capacity(raw.len());
    let mut origins = Vec::with_capacity(raw.len());
    let mut chars = raw.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && chars.peek().is_some_and(|(_, next)| *next == '_') {
            continue;
        }
        if c.is_ascii() && chars.peek().is_none_or(|(_, next)| next.is_ascii()) {
            plain.push(c);
            origins.push(at);
            continue;
        }
        // A letter with what is combined with it.
        let mut end = at + c.len_utf8();
        while let Some(&(next_at, next)) = chars.peek() {
            if canonical_combining_class(next) == 0 {
                break;
            }
            end = next_at + next.len_utf8();
            chars.next();
        }
        for folded in raw.get(at..end).unwrap_or_default().nfkc() {
            let before = plain.len();
            // A mark that composes with no letter is an ornament (or a disguise).
            if canonical_combining_class(folded) == 0 {
                push_folded(folded, &mut plain);
            }
            origins.extend(std::iter::repeat_n(at, plain.len() - before));
        }
    }
    (plain, origins)
}

fn push_folded(c: char, into: &mut String) {
    if c.is_ascii() {
        into.push(c);
        return;
    }
    if c.is_whitespace() {
        into.push(' ');
        return;
    }
    if let Some(latin) = looks_like(c) {
        into.push(latin);
        return;
    }
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => into.push(looks_like(one).unwrap_or(one)),
        _ => into.push(c),
    }
}

/// The ASCII character that this one is taken for (Unicode TR 39, the common part of its confusables).
fn looks_like(c: char) -> Option<char> {
    Some(match c {
        'а' | 'α' | 'ɑ' => 'a',
        'А' | 'Α' => 'A',
        'В' | 'Β' => 'B',
        'ь' | 'Ь' => 'b',
        'с' | 'ϲ' | 'ᴄ' => 'c',
        'С' | 'Ϲ' => 'C',
        'ԁ' | 'ɗ' => 'd',
        'е' | 'ε' | 'ҽ' | 'є' => 'e',
        'Е' | 'Ε' => 'E',
        'ɡ' | 'ց' => 'g',
        'һ' | 'հ' => 'h',
        'Н' | 'Η' => 'H',
        'і' | 'ι' | 'ı' | 'ɩ' => 'i',
        'І' | 'Ι' | 'Ӏ' | 'ӏ' => 'I',
        'ј' | 'ϳ' => 'j',
        'Ј' => 'J',
        'к' | 'κ' => 'k',
        'К' | 'Κ' => 'K',
        'ⅼ' | 'ǀ' => 'l',
        'М' | 'Μ' => 'M',
        'п' | 'ո' => 'n',
        'Ν' => 'N',
        'о' | 'ο' | 'օ' | 'σ' => 'o',
        'О' | 'Ο' => 'O',
        'р' | 'ρ' => 'p',
        'Р' | 'Ρ' => 'P',
        'ԛ' => 'q',
        'г' => 'r',
        'ѕ' => 's',
        'Ѕ' => 'S',
        'т' | 'τ' => 't',
        'Т' | 'Τ' => 'T',
        'υ' | 'ս' => 'u',
        'ѵ' | 'ν' => 'v',
        'ԝ' | 'ω' => 'w',
        'х' | 'χ' => 'x',
        'Х' | 'Χ' => 'X',
        'у' | 'γ' => 'y',
        'У' | 'Υ' | 'Ү' => 'Y',
        'Ζ' => 'Z',
        '‐' | '‑' | '‒' | '–' | '—' | '−' => '-',
        '‘' | '’' | 'ʼ' | '′' => '\'',
        '“' | '”' | '″' => '"',
        '⁄' | '∕' => '/',
        '։' | '∶' => ':',
        '∗' => '*',
        '。' => '.',
        _ => return None,
    })
}
