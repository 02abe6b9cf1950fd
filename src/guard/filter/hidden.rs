//! Characters that hide, turn or command are taken out before anything else looks at the text.

use crate::text::visible;

/// Takes a text in pieces and gives it without hidden characters. Line breaks stay; a lone carriage return and Unicode's
/// separators become line breaks.
#[derive(Debug, Default)]
pub struct Cleaner {
    /// The last character that was given on: a joiner and a variation selector may stand only after some.
    last: Option<char>,
    /// A character of which the next decides: a carriage return, a joiner, a selector.
    waiting: Option<char>,
    /// How many bytes were given on.
    given: usize,
    /// How many had been given on where the first character was taken out or changed.
    pub first_change: Option<usize>,
}

impl Cleaner {
    pub fn push(&mut self, text: &str, into: &mut String) {
        if self.waiting.is_none() && is_plain(text) {
            into.push_str(text);
            self.given += text.len();
            self.last = text.chars().next_back().or(self.last);
            return;
        }
        for c in text.chars() {
            self.take(c, into);
        }
    }

    /// The end of the text.
    pub fn finish(&mut self, into: &mut String) {
        match self.waiting.take() {
            Some('\r') => {
                into.push('\n');
                self.change();
            }
            Some(_) => self.change(),
            None => {}
        }
    }

    fn take(&mut self, c: char, into: &mut String) {
        match self.waiting.take() {
            Some('\r') if c == '\n' => return self.give_all("\r\n", into),
            Some('\r') => {
                self.change();
                self.give_all("\n", into);
            }
            Some('\u{fe0f}') if c == '\u{20e3}' => self.give('\u{fe0f}', into),
            Some('\u{200d}') if is_picture(c) => self.give('\u{200d}', into),
            Some(_) => self.change(),
            None => {}
        }
        match c {
            '\r' => self.waiting = Some(c),
            '\u{200d}'
                if self
                    .last
                    .is_some_and(|last| is_picture(last) || last == '\u{fe0f}') =>
            {
                self.waiting = Some(c);
            }
            // The form of a key: a digit in a box.
            '\u{fe0f}' if self.last.is_some_and(|last| last.is_ascii_digit()) => {
                self.waiting = Some(c)
            }
            '\n' | '\t' => self.give(c, into),
            '\u{fe0f}' if self.last.is_some_and(may_have_form) => self.give(c, into),
            '\u{2028}' | '\u{2029}' => {
                self.change();
                self.give('\n', into);
            }
            _ if is_blank(c) => self.change(),
            _ if c.is_ascii() && !c.is_ascii_control() => self.give(c, into),
            _ => {
                let mut buffer = [0; 4];
                let seen = visible(c.encode_utf8(&mut buffer));
                if seen.as_bytes() != c.encode_utf8(&mut [0; 4]).as_bytes() {
                    self.change();
                }
                self.give_all(&seen, into);
            }
        }
    }

    fn change(&mut self) {
        self.first_change = self.first_change.or(Some(self.given));
    }

    fn give(&mut self, c: char, into: &mut String) {
        into.push(c);
        self.given += c.len_utf8();
        self.last = Some(c);
    }

    fn give_all(&mut self, text: &str, into: &mut String) {
        for c in text.chars() {
            self.give(c, into);
        }
    }
}

/// Can nothing in this text be hidden? Letters of Latin-1 and Latin Extended, and general punctuation that is seen.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.iter().all(|&byte| {
        (b' '..0x7f).contains(&byte) || matches!(byte, b'\n' | b'\t' | 0xc3 | 0x80..=0xbf)
    }) {
        return true;
    }
    text.chars().all(|c| {
        matches!(c, ' '..='~' | '\n' | '\t' | '\u{a0}'..='\u{ac}' | '\u{ae}'..='\u{24f}'
            | '\u{2010}'..='\u{2027}' | '\u{202f}'..='\u{205e}' | '\u{20ac}' | '\u{2190}'..='\u{2193}')
    })
}

/// Characters without ink that [`visible`] knows nothing of: fillers and variation selectors.
fn is_blank(c: char) -> bool {
    matches!(c, '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}'
        | '\u{2800}' | '\u{180b}'..='\u{180d}' | '\u{fe00}'..='\u{fe0f}')
}

/// A picture that may be joined with another: emoji and what stands among them.
fn is_picture(c: char) -> bool {
    matches!(c, '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' | '\u{1f300}'..='\u{1faff}')
}

/// May a selector of the form follow: a symbol, never a letter.
fn may_have_form(c: char) -> bool {
    !c.is_ascii() && !c.is_alphanumeric() && !c.is_whitespace() && !is_blank(c)
}
