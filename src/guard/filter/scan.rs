//! The cheap look: one pass over the bytes and one over the trigger words say which scanners must look closely.
//! It may cry wolf; it must not miss what a scanner would find.

use std::ops::{BitOr, BitOrAssign, Range};

use super::{
    LEFT_OUT, errors,
    fold::{Folded, Start},
    names::{self, Names},
    prompts::{self, Sentences},
    secrets,
    triggers::TRIGGERS,
};

/// Which scanners must run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bits(u16);

impl Bits {
    pub const SQL: Self = Self(1);
    pub const NAME: Self = Self(1 << 1);
    pub const CODE: Self = Self(1 << 2);
    pub const ERROR: Self = Self(1 << 3);
    pub const HOST: Self = Self(1 << 4);
    pub const PROMPT: Self = Self(1 << 5);
    pub const SECRET: Self = Self(1 << 6);
    pub const MENTION: Self = Self(1 << 7);

    /// Every scanner.
    pub const ALL: Self = Self(u16::MAX);

    pub fn any(self, of: Self) -> bool {
        self.0 & of.0 != 0
    }

    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for Bits {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Bits {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// Which scanners must look at this text?
pub fn look(text: &str, names: &Names, told: &Sentences) -> Bits {
    if !text.is_ascii() && text.chars().any(must_fold) {
        look_folded(&Folded::new(text, Start::Line).lower, names, told)
    } else {
        look_folded(text, names, told)
    }
}

fn look_folded(text: &str, names: &Names, told: &Sentences) -> Bits {
    let bytes = text.as_bytes();
    let mut bits = shape(bytes);
    let mut perhaps = Bits::default();
    if let Some(automaton) = &TRIGGERS.automaton {
        for found in automaton.find_overlapping_iter(bytes) {
            let Some(trigger) = TRIGGERS.kinds.get(found.pattern().as_usize()) else {
                continue;
            };
            let known = if trigger.perhaps {
                bits | perhaps
            } else {
                bits
            };
            if !known.any(trigger.bits)
                && is_word(
                    bytes,
                    found.start()..found.end(),
                    trigger.begins,
                    trigger.ends,
                )
            {
                if trigger.perhaps {
                    perhaps |= trigger.bits;
                } else {
                    bits |= trigger.bits;
                }
            }
        }
    }
    bits |= confirmed(text, perhaps.without(bits));
    if !bits.any(Bits::NAME) && names.are_in(bytes) {
        bits |= Bits::NAME;
    }
    if !bits.any(Bits::PROMPT) && told.first_in(bytes).is_some() {
        bits |= Bits::PROMPT;
    }
    bits
}

/// Does a scanner find anything?
type Finds = fn(&Folded<'_>) -> bool;

/// Those of the scanners that everyday words call for which find something in this text by itself.
fn confirmed(text: &str, perhaps: Bits) -> Bits {
    let mut bits = Bits::default();
    if perhaps.is_empty() {
        return bits;
    }
    let folded = Folded::new(text, Start::Line);
    let scanners: [(Bits, Finds); 4] = [
        (Bits::PROMPT, prompts::are_in),
        (Bits::ERROR, errors::are_in),
        (Bits::SECRET, secrets::codes_are_in),
        (Bits::NAME, names::fields_are_in),
    ];
    for (scanner, finds) in scanners {
        if perhaps.any(scanner) && finds(&folded) {
            bits |= scanner;
        }
    }
    bits
}

/// Does what was found begin and end, where it must, as a word does?
fn is_word(bytes: &[u8], range: Range<usize>, begins: bool, ends: bool) -> bool {
    let letter = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
    let open = range.start > 0 && letter(range.start - 1) && letter(range.start);
    let goes_on = letter(range.end) && letter(range.end - 1);
    !(begins && open || ends && goes_on)
}

/// A character for which the text must be folded before it can be looked at. Letters of Latin and what stands between
/// words need no folding.
fn must_fold(c: char) -> bool {
    !matches!(c, '\0'..='\u{24f}' | '\u{2018}'..='\u{201f}' | '\u{2013}' | '\u{2014}' | '\u{2022}' | '\u{2026}'
        | '\u{202f}' | '\u{2030}' | '\u{20ac}' | '\u{2190}'..='\u{2193}')
        || matches!(
            c,
            'ı' | '\u{aa}' | '\u{b2}' | '\u{b3}' | '\u{b9}' | '\u{ba}'
        )
}

/// How a byte counts for the shape of a text.
#[derive(Clone, Copy)]
enum Class {
    Plain,
    Gap,
    Odd,
}

const fn class(byte: u8) -> Class {
    match byte {
        b' ' | b'\n' | b'\t' => Class::Gap,
        b'(' | b':' | b'.' | b'/' | b'\\' | b'`' | b'{' | b'}' | b'<' | b'>' | b'=' | b';'
        | b'$' | b'|' | b'~' | b'"' | b'\'' | b'@' | b'!' | b'#' | b']' | b'&' | b'_' | b'^'
        | b'-' | b'?' => Class::Odd,
        _ => Class::Plain,
    }
}

/// A run without a gap of this length that holds a digit may be a secret.
const LONG_RUN_BYTES: usize = 20;

fn shape(bytes: &[u8]) -> Bits {
    let mut bits = Bits::default();
    let (mut run, mut singles) = (0, 0);
    for (at, &byte) in bytes.iter().enumerate() {
        match class(byte) {
            Class::Plain => {}
            Class::Gap => {
                // Letters that stand alone, one after the other, spell a word.
                singles = if at - run == 1 { singles + 1 } else { 0 };
                if singles >= 3 {
                    bits |= Bits::SQL | Bits::CODE;
                }
                if at - run >= LONG_RUN_BYTES {
                    bits |= long_run(bytes.get(run..at).unwrap_or_default());
                }
                run = at + 1;
            }
            Class::Odd => bits |= odd(bytes, at, byte),
        }
    }
    if bytes.len() - run >= LONG_RUN_BYTES {
        bits |= long_run(bytes.get(run..).unwrap_or_default());
    }
    bits
}

fn long_run(run: &[u8]) -> Bits {
    let digits = run.iter().filter(|byte| byte.is_ascii_digit()).count();
    let slashes = run.iter().filter(|&&byte| byte == b'/').count();
    let mut bits = Bits::default();
    if digits > 0 {
        bits |= Bits::SECRET;
    }
    if slashes > 1 {
        bits |= Bits::HOST;
    }
    bits
}

/// What an odd byte means with its neighbours.
fn odd(bytes: &[u8], at: usize, byte: u8) -> Bits {
    let before = if at == 0 {
        b' '
    } else {
        bytes.get(at - 1).copied().unwrap_or(b' ')
    };
    let after = bytes.get(at + 1).copied().unwrap_or(b'\n');
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte >= 0x80 || byte == b'_';
    let yes = |is: bool, bits: Bits| if is { bits } else { Bits::default() };
    let quote = |byte: u8| matches!(byte, b'"' | b'\'' | b'`');
    match byte {
        b'(' => yes(letter(before) || quote(before), Bits::CODE | Bits::SQL),
        b':' if after == b'/' || after == b'@' => Bits::HOST,
        b':' if after == b'*' => Bits::SQL,
        b':' if after == b':' => Bits::CODE | Bits::HOST | Bits::SQL,
        b':' if quote(before) || before == b'}' || before == b']' => Bits::CODE | Bits::HOST,
        b':' if after.is_ascii_digit() && !before.is_ascii_digit() => Bits::HOST,
        b':' if after.is_ascii_digit() => yes(is_port_or_address(bytes, at), Bits::HOST),
        b':' if before.is_ascii_alphanumeric() || before == b'_' => {
            yes(after.is_ascii_whitespace() && is_key(bytes, at), Bits::CODE)
                | yes(letter(after), Bits::HOST)
        }
        b'.' if before.is_ascii_digit() && after.is_ascii_digit() => {
            yes(dotted_digits(bytes, at), Bits::HOST)
        }
        b'.' if before == b'[' && after == b']' || before == b'(' && after == b')' => Bits::HOST,
        b'.' if before == b' ' && after == b' ' => Bits::HOST,
        // Letters that dots part spell a word.
        b'.' if letter(before) && letter(after) && bytes.get(at + 2) == Some(&b'.') => {
            Bits::HOST | Bits::NAME | Bits::SQL
        }
        b'.' if after == b'/' || after == b'.' && before == b' ' => Bits::HOST,
        b'.' => {
            yes(
                letter(after) || quote(after) && quote(before) || after == b'[',
                Bits::HOST | Bits::NAME,
            ) | yes(before == b']' && letter(after), Bits::HOST)
        }
        b'/' if letter(before) => yes(letter(after) && has_second_slash(bytes, at), Bits::HOST),
        b'/' => yes(
            letter(after) || after == b'/' || after == b'.',
            Bits::HOST | Bits::CODE,
        ),
        b'\\' => Bits::HOST | Bits::CODE | yes(after == b'_', Bits::NAME),
        b'`' => Bits::CODE | Bits::NAME | Bits::SQL,
        b'{' | b'}' => Bits::CODE | Bits::SQL,
        b'<' | b'>' if after == b' ' || after.is_ascii_digit() => Bits::CODE | Bits::SQL,
        b'<' | b'>' => Bits::CODE | Bits::HOST | Bits::MENTION | Bits::PROMPT | Bits::SQL,
        b'=' => Bits::CODE | Bits::SECRET | Bits::SQL | Bits::HOST,
        b';' => yes(
            matches!(after, b'\n' | b'\r') || matches!(before, b')' | b'}' | b'\'' | b'"'),
            Bits::CODE | Bits::SQL,
        ),
        b'$' => yes(
            !after.is_ascii_digit() && after != b'\n' && before != b'S',
            Bits::CODE,
        ),
        b'|' => yes(
            letter(before) || before == b'<' || before == b'|' || after == b'|' || after == b'>',
            Bits::CODE | Bits::PROMPT,
        ),
        b'~' => yes(after == b'/' || after == b'~', Bits::HOST | Bits::CODE),
        b'"' | b'\'' => {
            yes(matches!(after, b':' | b'.'), Bits::CODE | Bits::NAME)
                | yes(before == b'[' || before == b'\'', Bits::CODE)
        }
        b'@' => Bits::MENTION | Bits::HOST | yes(before == b' ' || before == b'\n', Bits::CODE),
        b'!' => yes(after == b'[' || after == b'=', Bits::HOST | Bits::CODE),
        b'#' => yes(matches!(after, b'!' | b'#'), Bits::CODE | Bits::PROMPT),
        b'&' => yes(
            after == b'&' || after == b'#' || after.is_ascii_lowercase(),
            Bits::CODE | Bits::HOST,
        ),
        b']' => {
            yes(matches!(after, b'(' | b'[' | b':'), Bits::HOST | Bits::CODE)
                | yes(
                    matches!(after, b'\n' | b'\r')
                        && (before.is_ascii_alphabetic() || before == b']')
                        && !is_mark(bytes, at),
                    Bits::CODE,
                )
        }
        b'_' => yes(
            letter(before) && letter(after),
            Bits::CODE | Bits::NAME | Bits::SQL,
        ),
        b'^' => Bits::CODE,
        b'-' if letter(before) && letter(after) && bytes.get(at + 2) == Some(&b'-') => Bits::SQL,
        // An option of a command; "- " and "-5" are none.
        b'-' => yes(
            before == b' ' && (after.is_ascii_alphabetic() || after == b'-'),
            Bits::CODE,
        ),
        b'?' => yes(after == b'.' || after == b':', Bits::CODE),
        _ => Bits::default(),
    }
}

/// Does the filter's own mark end with this bracket?
fn is_mark(bytes: &[u8], at: usize) -> bool {
    bytes
        .get(..=at)
        .is_some_and(|head| head.ends_with(LEFT_OUT.as_bytes()))
}

/// The word around a place, and where the place is in it.
fn word_at(bytes: &[u8], at: usize) -> (&[u8], usize) {
    const LONGEST: usize = 64;
    let head = bytes
        .get(at.saturating_sub(LONGEST)..at)
        .unwrap_or_default();
    let back = head
        .iter()
        .rev()
        .take_while(|byte| !byte.is_ascii_whitespace())
        .count();
    let tail = bytes
        .get(at..(at + LONGEST).min(bytes.len()))
        .unwrap_or_default();
    let on = tail
        .iter()
        .take_while(|byte| !byte.is_ascii_whitespace())
        .count();
    (bytes.get(at - back..at + on).unwrap_or_default(), back)
}

/// Is a colon between digits that of an address or a port and not of a time or a score?
fn is_port_or_address(bytes: &[u8], at: usize) -> bool {
    let (word, back) = word_at(bytes, at);
    let ahead = word.get(back + 1..).unwrap_or_default();
    let digits = ahead
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    digits > 2 || word.iter().filter(|&&byte| byte == b':').count() > 2 || word.contains(&b'.')
}

/// Three or more dots in a run of digits: an address, not a number, a version or a date.
fn dotted_digits(bytes: &[u8], at: usize) -> bool {
    let (word, _) = word_at(bytes, at);
    word.iter().filter(|&&byte| byte == b'.').count() >= 3
}

fn has_second_slash(bytes: &[u8], at: usize) -> bool {
    let (word, _) = word_at(bytes, at);
    word.iter().filter(|&&byte| byte == b'/').count() >= 2 || word.contains(&b'.')
}

/// Does the line up to this colon hold one identifier alone, as a key does?
fn is_key(bytes: &[u8], at: usize) -> bool {
    const LONGEST: usize = 48;
    let head = bytes
        .get(at.saturating_sub(LONGEST)..at)
        .unwrap_or_default();
    let line = head
        .rsplit(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = line
        .trim_ascii()
        .strip_prefix(b"- ")
        .unwrap_or(line.trim_ascii());
    !line.is_empty()
        && line
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}
