//! What reads as written for machines in whatever language: words with signs that no sentence has, close together.
//!
//! Each word is weighed by its form alone. Words that weigh something and stand close together add up; a run that is heavy
//! enough is source, though no pattern knows its language.

use std::ops::Range;

use super::extent::{line_end, tokens};

/// Plain words that may stand between two that weigh something.
const PLAIN_BETWEEN: usize = 2;
/// A run that weighs this much and holds [`FEWEST_CERTAIN`] certain words is source.
const HEAVY: u32 = 4;
const FEWEST_CERTAIN: usize = 2;
/// A run that weighs this much needs only one.
const VERY_HEAVY: u32 = 6;
/// A run that weighs this much needs none, where it has [`FEWEST_SIGNS`] signs of sums.
const HEAVIEST: u32 = 8;
const FEWEST_SIGNS: usize = 2;

/// Signs that stand alone in source, and also where people write sums and tables.
const SIGNS: &[&[u8]] = &[
    b"=", b"*", b"+", b"|", b"<", b">", b"->", b"=>", b"@", b"?", b"~", b"%", b"<=", b">=",
];
/// Signs that stand alone in source only.
const CERTAIN_SIGNS: &[&[u8]] = &[
    b"==", b"!=", b"<>", b"<-", b"+=", b"-=", b"*=", b":=", b"&&", b"||", b"*.", b"+.", b"-.",
    b"/.", b"++", b"|>", b">>", b"<<", b"::", b"===", b"!==", b"^", b"??", b"{", b"}", b"};",
    b");", b"});",
];
/// Words of many languages of programming.
const KEYWORDS: &[&[u8]] = &[
    b"let",
    b"val",
    b"var",
    b"const",
    b"def",
    b"func",
    b"fun",
    b"function",
    b"void",
    b"int",
    b"bool",
    b"elif",
    b"endif",
    b"enddo",
    b"endwhile",
    b"wend",
    b"foreach",
    b"println",
    b"printf",
    b"echo",
    b"sub",
    b"private",
    b"public",
    b"static",
    b"byval",
    b"byref",
    b"dim",
    b"null",
    b"nil",
    b"then",
    b"float",
    b"double",
    b"string",
];
/// Ends of files that people name.
const FILES: &[&[u8]] = &[
    b".pdf", b".xls", b".xlsx", b".doc", b".docx", b".dotx", b".ppt", b".pptx", b".csv", b".png",
    b".jpg", b".jpeg", b".zip", b".txt", b".odt", b".ods", b".eml", b".msg", b".ics", b".mp4",
];

/// What a word weighs.
#[derive(Clone, Copy, Default)]
struct Weight {
    weight: u32,
    /// No sentence has it.
    certain: bool,
}

const PLAIN: Weight = Weight {
    weight: 0,
    certain: false,
};
const LIGHT: Weight = Weight {
    weight: 1,
    certain: false,
};
const MEDIUM: Weight = Weight {
    weight: 2,
    certain: false,
};
const CERTAIN: Weight = Weight {
    weight: 2,
    certain: true,
};
/// Enough by itself.
const ALONE: Weight = Weight {
    weight: HEAVY,
    certain: true,
};

/// What the words of a line weigh together.
pub fn weight_of(line: &[u8]) -> u32 {
    tokens(line, 0..line.len())
        .filter_map(|token| line.get(token))
        .map(|token| weigh(token).weight)
        .sum()
}

/// The runs that read as source, line by line.
pub fn runs(plain: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    while start < plain.len() {
        let end = line_end(plain, start);
        let mut run = Run::default();
        let (mut before, mut after_sign): (Option<Range<usize>>, bool) = (None, false);
        for token in tokens(plain, start..end) {
            let text = plain.get(token.clone()).unwrap_or_default();
            let weight = weigh(text);
            let is_sign = SIGNS.contains(&text) || CERTAIN_SIGNS.contains(&text);
            if weight.weight > 0 {
                // A table parts its cells by bars.
                run.signs += usize::from(SIGNS.contains(&text) && text != b"|");
                // What a sign stands between belongs to it.
                let from = before.filter(|_| is_sign).unwrap_or(token.clone());
                run.add(from.start..token.end, weight);
            } else {
                if after_sign {
                    run.add(token.clone(), PLAIN);
                } else {
                    run.between += 1;
                }
                let ends = text.len() > 2 && matches!(text.last(), Some(b'.' | b'!' | b'?'));
                if ends || run.between > PLAIN_BETWEEN {
                    found.extend(std::mem::take(&mut run).source());
                }
            }
            (before, after_sign) = (Some(token), is_sign);
        }
        found.extend(run.source());
        start = end + 1;
    }
    found
}

#[derive(Default)]
struct Run {
    range: Option<Range<usize>>,
    weight: u32,
    certain: usize,
    alone: bool,
    signs: usize,
    between: usize,
}

impl Run {
    fn add(&mut self, token: Range<usize>, weight: Weight) {
        self.weight += weight.weight;
        self.certain += usize::from(weight.certain);
        self.alone |= weight.weight >= HEAVY;
        self.between = 0;
        let start = self.range.as_ref().map_or(token.start, |range| range.start);
        self.range = Some(start..token.end);
    }

    fn source(self) -> Option<Range<usize>> {
        let heavy = self.weight >= HEAVY && self.certain >= FEWEST_CERTAIN
            || self.weight >= VERY_HEAVY && self.certain > 0
            || self.weight >= HEAVIEST && self.signs >= FEWEST_SIGNS;
        self.range.filter(|_| heavy || self.alone)
    }
}

/// What a run without white space weighs.
fn weigh(token: &[u8]) -> Weight {
    if CERTAIN_SIGNS.contains(&token) {
        return CERTAIN;
    }
    if SIGNS.contains(&token) {
        return LIGHT;
    }
    let word = bare(token);
    // What ends a statement ends a clause, too.
    let ended = if token.ends_with(b";") { LIGHT } else { PLAIN };
    if is_word(word) {
        return heavier(words(word), ended);
    }
    let ends_as_file = || {
        FILES.iter().any(|end| {
            let tail = word
                .len()
                .checked_sub(end.len())
                .and_then(|at| word.get(at..));
            tail.is_some_and(|tail| tail.eq_ignore_ascii_case(end))
        })
    };
    if word.len() < 2 || has(word, b"://") || word.contains(&b'@') || ends_as_file() {
        return PLAIN;
    }
    let amount = word
        .first()
        .is_some_and(|byte| byte.is_ascii_digit() || matches!(byte, b'$' | b'+' | b'-' | b'#'));
    if amount {
        return PLAIN;
    }
    [
        signs(word),
        call(word),
        underscores(word),
        humps(word),
        words(word),
    ]
    .into_iter()
    .fold(ended, heavier)
}

fn heavier(one: Weight, other: Weight) -> Weight {
    let heavy = |weight: &Weight| (weight.weight, weight.certain);
    if heavy(&other) > heavy(&one) {
        other
    } else {
        one
    }
}

/// Is it as most words are: letters of one case, but for the first?
fn is_word(word: &[u8]) -> bool {
    let rest = word.get(1..).unwrap_or_default();
    let first = word
        .first()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80);
    first
        && (rest
            .iter()
            .all(|byte| byte.is_ascii_lowercase() || *byte >= 0x80)
            || word.iter().all(u8::is_ascii_uppercase))
}

/// A word without the marks of a sentence around it.
fn bare(token: &[u8]) -> &[u8] {
    let opens = |byte: &u8| matches!(byte, b'"' | b'\'' | b'(' | b'*') || *byte >= 0x80;
    let closes = |byte: &u8| {
        matches!(byte, b'"' | b'\'' | b'.' | b',' | b';' | b':' | b'!' | b'?') || *byte >= 0x80
    };
    let start = token.iter().take_while(|byte| opens(byte)).count();
    let rest = token.get(start..).unwrap_or_default();
    let end = rest.iter().rev().take_while(|byte| closes(byte)).count();
    rest.get(..rest.len() - end).unwrap_or_default()
}

fn has(word: &[u8], sign: &[u8]) -> bool {
    word.windows(sign.len()).any(|part| part == sign)
}

fn signs(word: &[u8]) -> Weight {
    let around = |sign: &[u8], is: fn(u8, u8) -> bool| {
        word.windows(sign.len() + 2).any(|part| {
            part.get(1..=sign.len()) == Some(sign)
                && matches!((part.first(), part.last()), (Some(&a), Some(&b)) if is(a, b))
        })
    };
    let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let twice: [&[u8]; 6] = [b"::", b":=", b"&&", b"||", b"==", b"!="];
    if twice.iter().any(|sign| has(word, sign)) {
        return CERTAIN;
    }
    // FAC->TOTAL, item->price; "Hamburg->Lyon" is a way.
    if around(b"->", |a, b| {
        a == b'_'
            || b == b'_'
            || a.is_ascii_uppercase() && b.is_ascii_uppercase()
            || a.is_ascii_lowercase() && b.is_ascii_lowercase()
    }) {
        return CERTAIN;
    }
    let quote = |byte: u8| matches!(byte, b'"' | b'\'');
    let sets = word
        .windows(3)
        .any(|part| matches!(part, [a, b'=', b] if letter(*a) && (letter(*b) || quote(*b))));
    let braces = word.windows(2).any(|part| {
        matches!(part, [b'{', b] if b.is_ascii_lowercase())
            || matches!(part, [a, b'}'] if a.is_ascii_lowercase())
    });
    // <0.1841.0>, <main>
    let angles = word.starts_with(b"<") && word.ends_with(b">") && word.len() > 3;
    let index = word.windows(3).any(
        |part| matches!(part, [a, b'[', b] if letter(*a) && (b.is_ascii_digit() || quote(*b))),
    );
    if angles && word.iter().filter(|&&byte| byte == b'.').count() > 1 {
        return ALONE;
    }
    if sets || braces || angles || index || has(word, b"</") || has(word, b"/>") {
        return CERTAIN;
    }
    PLAIN
}

/// A name right before its bracket, and in the bracket what no ending is ("Kunde(n)").
fn call(word: &[u8]) -> Weight {
    let Some(open) = word.iter().position(|&byte| byte == b'(') else {
        return PLAIN;
    };
    let (name, inside) = word.split_at(open);
    let inside = inside.get(1..).unwrap_or_default();
    let ending = inside.strip_suffix(b")").unwrap_or(inside);
    let is_ending = ending
        .iter()
        .all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'/' | b'*'))
        && ending.len() <= 5;
    let is_name = name.len() > 1
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$'));
    let capital = name.first().is_some_and(u8::is_ascii_uppercase)
        && inside
            .first()
            .is_some_and(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let joined = name.iter().any(|byte| matches!(byte, b'_' | b'.')) || humps_of(name) > 0;
    if !is_name || is_ending {
        PLAIN
    } else if capital && !joined {
        LIGHT
    } else {
        CERTAIN
    }
}

/// Words that underscores join.
fn underscores(word: &[u8]) -> Weight {
    let parts: Vec<&[u8]> = word
        .split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
        .max_by_key(|part| part.len())
        .unwrap_or_default()
        .split(|&byte| byte == b'_')
        .collect();
    if parts.len() < 2 || parts.iter().any(|part| part.is_empty()) {
        return PLAIN;
    }
    let mixed = |part: &&[u8]| {
        let digits = part
            .windows(2)
            .filter(|pair| matches!(pair, [a, b] if a.is_ascii_digit() != b.is_ascii_digit()))
            .count();
        digits >= 3 || humps_of(part) >= 2
    };
    if parts.iter().any(mixed) {
        return ALONE;
    }
    let one_case = parts
        .iter()
        .all(|part| part.iter().all(|byte| byte.is_ascii_lowercase()))
        || parts
            .iter()
            .all(|part| part.iter().all(|byte| byte.is_ascii_uppercase()));
    if one_case && parts.iter().all(|part| part.len() > 2) {
        CERTAIN
    } else {
        LIGHT
    }
}

/// Capitals that follow a small letter and begin a word.
fn humps_of(word: &[u8]) -> usize {
    let inner = word.windows(3).filter(|three| {
        matches!(three, [a, b, c] if a.is_ascii_lowercase() && b.is_ascii_uppercase() && c.is_ascii_lowercase())
    });
    inner.count()
}

fn humps(word: &[u8]) -> Weight {
    // What people call by a name with a hump: easyJet, PowerPoint, MitarbeiterInnen.
    match humps_of(word) {
        0 => PLAIN,
        1 if word.first().is_some_and(u8::is_ascii_lowercase) => MEDIUM,
        1 => PLAIN,
        2 => MEDIUM,
        _ => ALONE,
    }
}

fn words(word: &[u8]) -> Weight {
    const LONGEST_KEYWORD: usize = 8;
    let pairs = |sign: u8, is: fn(&u8) -> bool| {
        word.contains(&sign)
            && word
                .split(|&byte| byte == sign)
                .all(|part| part.len() > 1 && part.iter().all(is))
    };
    let capitals = word.len() > 2 && word.iter().all(u8::is_ascii_uppercase);
    let is_keyword = || {
        (2..=LONGEST_KEYWORD).contains(&word.len())
            && KEYWORDS
                .iter()
                .any(|keyword| keyword.eq_ignore_ascii_case(word))
    };
    let light = capitals
        || pairs(b'-', u8::is_ascii_uppercase)
        || pairs(b':', u8::is_ascii_lowercase)
        || is_keyword();
    if light { LIGHT } else { PLAIN }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Vec<&str> {
        let runs = runs(text.as_bytes());
        runs.into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn words_with_signs_of_source_that_stand_close_together_are_source() {
        for (text, found) in [
            (
                "So it is FAC->TOTAL taken with FAC->RATE here.",
                "FAC->TOTAL taken with FAC->RATE",
            ),
            ("It ended as Process <0.1841.0> did.", "<0.1841.0>"),
            (
                "See DM_Gateway_MashupAccessError there.",
                "DM_Gateway_MashupAccessError",
            ),
            (
                "COMPUTE WS-INT ROUNDED MODE = WS-BAL * WS-RATE",
                "COMPUTE WS-INT ROUNDED MODE = WS-BAL * WS-RATE",
            ),
            ("a = x /. 2 *. y", "a = x /. 2 *. y"),
        ] {
            let runs = source(text);
            assert!(
                runs.iter().any(|run| found.ends_with(run)),
                "{text}: {runs:?}"
            );
        }
    }

    #[test]
    fn what_people_write_with_signs_is_not() {
        for text in [
            "Margin = price * volume, as ever.",
            "easyJet and airBaltic fly Hamburg->Lyon and Lyon->Porto.",
            "Each Kunde(n) and MitarbeiterInnen got S, M or L (n=212, p=0.03).",
            "| SKU | DE | FR | NL | EUR | USD |",
            "WICHTIG: BITTE ALLE KASSEN UM 18 UHR SCHLIESSEN",
            "Files Budget_2025.xlsx and Budget_2026.xlsx are on the share.",
            "The EU-DSGVO applies to SAP-ERP, CRM and HR-IT alike.",
        ] {
            assert_eq!(source(text), [""; 0], "{text}");
        }
    }
}
