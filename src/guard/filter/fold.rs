//! The text as it is matched: compatibility forms folded (NFKC), look-alike letters as the Latin ones that they imitate, hidden
//! characters gone; with the way back to the text.

use unicode_normalization::UnicodeNormalization;

/// A text in its folded form.
#[derive(Debug)]
pub(super) struct Folded<'t> {
    pub text: std::borrow::Cow<'t, str>,
    /// Byte of the folded text → byte of the text; nothing where both are the same.
    back: Option<Vec<usize>>,
}

impl<'t> Folded<'t> {
    pub fn new(text: &'t str) -> Self {
        if text.is_ascii() || !text.chars().any(needs_folding) {
            return Self {
                text: text.into(),
                back: None,
            };
        }
        let (mut folded, mut back) = (String::with_capacity(text.len()), Vec::new());
        for (at, c) in text.char_indices() {
            if is_hidden(c) {
                continue;
            }
            let mut push = |c: char| {
                let before = folded.len();
                folded.push(c);
                back.extend(std::iter::repeat_n(at, folded.len() - before));
            };
            match latin(c) {
                Some(latin) => push(latin),
                None => std::iter::once(c)
                    .nfkc()
                    .for_each(|c| push(latin(c).unwrap_or(c))),
            }
        }
        back.push(text.len());
        Self {
            text: folded.into(),
            back: Some(back),
        }
    }

    /// The range of the text that a range of the folded text stands for.
    pub fn back(&self, range: std::ops::Range<usize>, text: &str) -> std::ops::Range<usize> {
        let Some(back) = &self.back else {
            return range;
        };
        let at = |at: usize| back.get(at).copied().unwrap_or(text.len());
        let (from, mut to) = (at(range.start), at(range.end));
        // The last character is taken whole, with hidden ones after it.
        if to <= from {
            to = text.len();
        }
        while !text.is_char_boundary(to) {
            to += 1;
        }
        from..to
    }
}

/// Characters without width, that turn the direction of writing, or that name no glyph.
pub(super) fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e000}'..='\u{f8ff}' | '\u{fff0}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}')
        || c.is_control() && !matches!(c, '\n' | '\t' | '\r')
}

fn needs_folding(c: char) -> bool {
    is_hidden(c)
        || matches!(c,
            '\u{300}'..='\u{52f}' | '\u{1d00}'..='\u{1dbf}' | '\u{2100}'..='\u{214f}' | '\u{2460}'..='\u{24ff}'
            | '\u{ff00}'..='\u{ffef}' | '\u{1d400}'..='\u{1d7ff}' | '\u{2024}' | '\u{2044}' | '\u{2215}' | '\u{a789}')
}

/// Letters of other scripts that look like Latin ones (a part of Unicode TR 39's confusables).
fn latin(c: char) -> Option<char> {
    Some(match c {
        'а' | 'α' => 'a',
        'А' | 'Α' => 'A',
        'В' | 'Β' => 'B',
        'с' | 'ϲ' => 'c',
        'С' | 'Ϲ' => 'C',
        'ԁ' => 'd',
        'е' | 'ε' => 'e',
        'Е' | 'Ε' => 'E',
        'һ' => 'h',
        'Н' | 'Η' => 'H',
        'і' | 'ι' | 'ӏ' => 'i',
        'І' | 'Ι' => 'I',
        'ј' => 'j',
        'Ј' => 'J',
        'К' | 'Κ' | 'к' | 'κ' => 'K',
        'М' | 'Μ' => 'M',
        'Ν' => 'N',
        'о' | 'ο' | 'σ' => 'o',
        'О' | 'Ο' => 'O',
        'р' | 'ρ' => 'p',
        'Р' | 'Ρ' => 'P',
        'ѕ' => 's',
        'Ѕ' => 'S',
        'Т' | 'Τ' | 'т' | 'τ' => 'T',
        'υ' => 'u',
        'ν' => 'v',
        'ѡ' | 'ω' => 'w',
        'х' | 'χ' => 'x',
        'Х' | 'Χ' => 'X',
        'у' | 'γ' => 'y',
        'У' | 'Υ' => 'Y',
        'Ζ' => 'Z',
        '\u{2024}' => '.',
        '\u{2044}' | '\u{2215}' => '/',
        '\u{a789}' => ':',
        _ => return None,
    })
}
