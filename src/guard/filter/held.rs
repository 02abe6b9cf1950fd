//! What a text holds, as far as patterns ask for it ([`super::needs`]): told in one pass, kept in a kilobyte.

/// A letter, a digit or an underscore, in a pair.
pub const WORD: u8 = 1;
/// A digit, in a pair.
pub const DIGIT: u8 = 2;
/// A letter, in a pair.
pub const LETTER: u8 = 3;

/// Places for runs of three bytes, by hash; for neighbours of which at least one is a sign or a digit, by hash; for each ASCII
/// sign; and one that is always held. White space counts as one space, letters have no case. What is told to be held may not
/// be, where two share a place; what is told not to be held is not.
#[derive(Debug, Clone)]
pub struct Held {
    places: [u64; WORDS],
    /// A bit for each ASCII sign or digit.
    pub signs: u128,
    /// The most bytes side by side that are no white space.
    pub longest: usize,
}

const GRAM_BITS: u32 = 13;
const PAIR_BITS: u32 = 10;
const PAIRS: u16 = 1 << GRAM_BITS;
const SIGNS: u16 = PAIRS + (1 << PAIR_BITS);
const RUNS: u16 = SIGNS + 128;
/// A place that every text holds.
pub const ALWAYS: u16 = RUNS + RUN_BYTES.len() as u16;
const WORDS: usize = ALWAYS as usize / 64 + 1;

/// There is a place for a run without white space of at least so many bytes.
const RUN_BYTES: [usize; 5] = [10, 13, 16, 20, 30];

impl Held {
    pub fn of(lower: &[u8]) -> Self {
        let mut places = [0; WORDS];
        let mut signs = 0_u128;
        let (mut run, mut before, mut begun, mut longest) = (0_u32, KINDS[0], 0, 0);
        for (at, &byte) in lower.iter().enumerate() {
            let kind = KINDS.get(usize::from(byte)).copied().unwrap_or(KINDS[0]);
            run = run << 8 | u32::from(kind.byte);
            set(&mut places, gram_place(run));
            if kind.is_sign || before.is_sign {
                set_pairs(&mut places, before, kind);
                signs |= sign(kind.byte);
            }
            if kind.byte == b' ' {
                longest = longest.max(at - begun);
                begun = at + 1;
            }
            before = kind;
        }
        longest = longest.max(lower.len() - begun);
        // Spaces and letters beside a sign are none.
        signs &= SIGNS_ONLY;
        for byte in (0..128).filter(|byte| signs >> byte & 1 == 1) {
            set(&mut places, sign_place(byte));
        }
        set(&mut places, ALWAYS);
        for place in run_place(longest).into_iter().flat_map(|last| RUNS..=last) {
            set(&mut places, place);
        }
        Self {
            places,
            signs,
            longest,
        }
    }

    pub fn holds(&self, place: u16) -> bool {
        self.places
            .get(usize::from(place >> 6))
            .is_some_and(|word| word >> (place & 63) & 1 == 1)
    }
}

/// What a byte is in a pair.
#[derive(Clone, Copy)]
struct Kind {
    /// White space is a space.
    byte: u8,
    is_sign: bool,
    /// [`WORD`], and [`DIGIT`] or [`LETTER`]; the byte itself where it is none.
    word: u8,
    narrow: u8,
}

#[allow(clippy::indexing_slicing)] // A constant with a place past the end does not compile.
const KINDS: [Kind; 256] = {
    let mut kinds = [Kind {
        byte: b' ',
        is_sign: false,
        word: b' ',
        narrow: b' ',
    }; 256];
    let mut byte = 0_u8;
    loop {
        let folded = plain(byte);
        let is_word = byte.is_ascii_alphanumeric() || byte == b'_';
        kinds[byte as usize] = Kind {
            byte: folded,
            is_sign: is_sign(byte),
            word: if is_word { WORD } else { folded },
            narrow: match byte {
                b'0'..=b'9' => DIGIT,
                b'a'..=b'z' => LETTER,
                _ => folded,
            },
        };
        if byte == u8::MAX {
            break;
        }
        byte += 1;
    }
    kinds
};

/// The bits of signs and digits.
const SIGNS_ONLY: u128 = {
    let (mut signs, mut byte) = (0, 0_u8);
    while byte < 128 {
        signs |= (is_sign(byte) as u128) << byte;
        byte += 1;
    }
    signs
};

fn set_pairs(places: &mut [u64; WORDS], before: Kind, after: Kind) {
    for one in [before.byte, before.word, before.narrow] {
        for other in [after.byte, after.word, after.narrow] {
            set(places, pair(one, other));
        }
    }
}

fn set(places: &mut [u64; WORDS], place: u16) {
    if let Some(word) = places.get_mut(usize::from(place >> 6)) {
        *word |= 1 << (place & 63);
    }
}

const fn plain(byte: u8) -> u8 {
    match byte {
        b'\t'..=b'\r' => b' ',
        _ => byte,
    }
}

const fn is_sign(byte: u8) -> bool {
    byte.is_ascii_punctuation() || byte.is_ascii_digit()
}

/// The place of the last three bytes of a run.
fn gram_place(run: u32) -> u16 {
    let hash = (run & 0x00ff_ffff).wrapping_mul(0x9e37_79b1) >> (32 - GRAM_BITS);
    u16::try_from(hash).unwrap_or_default()
}

/// The place of a run of three bytes in what is held.
pub fn gram(bytes: &[u8]) -> u16 {
    gram_place(
        bytes
            .iter()
            .fold(0, |run, &byte| run << 8 | u32::from(plain(byte))),
    )
}

/// The place of two neighbours: bytes, or one byte and what stands for several.
pub fn pair(before: u8, after: u8) -> u16 {
    let both = u32::from(before) << 8 | u32::from(after);
    let hash = both.wrapping_mul(0x9e37_79b1) >> (32 - PAIR_BITS);
    PAIRS + u16::try_from(hash).unwrap_or_default()
}

/// Is it kept whether these two are neighbours?
pub fn is_told(before: u8, after: u8) -> bool {
    let kind = |byte: u8| matches!(byte, WORD | DIGIT | LETTER);
    let sign = |byte: u8| is_sign(byte) || byte == DIGIT;
    !(kind(before) && kind(after)) && (sign(before) || sign(after))
}

/// The place of the longest run that one of so many bytes tells of.
pub fn run_place(bytes: usize) -> Option<u16> {
    let shorter = RUN_BYTES.iter().filter(|least| **least <= bytes).count();
    Some(RUNS + u16::try_from(shorter.checked_sub(1)?).ok()?)
}

/// The place of an ASCII sign.
pub fn sign_place(byte: u8) -> u16 {
    SIGNS + u16::from(byte & 0x7f)
}

/// The bit of an ASCII sign.
fn sign(byte: u8) -> u128 {
    if byte.is_ascii() { 1 << byte } else { 0 }
}

/// The bits of ASCII signs and digits.
pub fn signs(bytes: &[u8]) -> u128 {
    let all = bytes.iter().fold(0, |signs, &byte| signs | sign(byte));
    all & SIGNS_ONLY
}
