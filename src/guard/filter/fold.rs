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
}

impl<'a> Folded<'a> {
    pub fn new(raw: &'a str) -> Self {
        let (plain, origins) = if raw.is_ascii() && !raw.contains(ESCAPED) {
            (raw.to_owned(), None)
        } else {
            let (folded, at) = fold(raw);
            (folded, Some(at))
        };
        Self {
            raw,
            lower: plain.to_ascii_lowercase(),
            plain,
            origins,
        }
    }

    /// The place in the text of a place in the copies, grown to whole characters.
    pub fn origin(&self, range: Range<usize>) -> Range<usize> {
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
