//! How far a piece of source reaches in its line, its sentence and its paragraph.

use std::ops::Range;

use super::density;

/// So many words in a row are prose.
const PROSE_WORDS: usize = 4;

/// Words that begin a query.
const STATEMENTS: &[&[u8]] = &[
    b"select", b"update", b"delete", b"insert", b"with", b"from", b"merge", b"exec", b"call",
];

/// Words that begin a piece of source.
const KEYWORDS: &[&[u8]] = &[
    b"if",
    b"for",
    b"while",
    b"match",
    b"switch",
    b"struct",
    b"class",
    b"interface",
    b"enum",
    b"def",
    b"fn",
    b"func",
    b"function",
    b"val",
    b"var",
    b"let",
    b"const",
    b"return",
    b"import",
    b"public",
    b"private",
    b"static",
    b"puts",
    b"print",
    b"echo",
    b"type",
    b"impl",
    b"resource",
    b"module",
    b"mutation",
    b"query",
    b"sub",
    b"try",
    b"async",
    b"await",
    b"new",
    b"lambda",
    b"decimal",
    b"int",
    b"void",
    b"string",
    b"float",
    b"double",
    b"bool",
    b"union",
    b"trait",
    b"namespace",
    b"fields",
    b"elif",
    b"else",
    b"do",
    b"si",
    b"wenn",
];

/// What a sentence quotes after its colon, around a piece of source in it: all of it, as far as nothing in it is prose.
pub fn quoted(plain: &[u8], range: Range<usize>) -> Range<usize> {
    let start = plain
        .get(..range.start)
        .and_then(|head| head.iter().rposition(|&byte| byte == b'\n'))
        .map_or(0, |at| at + 1);
    let before = plain.get(start..range.start).unwrap_or_default();
    let colon = before
        .windows(2)
        .position(|pair| matches!(pair, [b':', next] if next.is_ascii_whitespace()));
    let Some(from) = colon.map(|at| start + at + 2) else {
        return range;
    };
    let before = plain.get(from..range.start).unwrap_or_default();
    if has_prose(before) && !begins_as_source(before) {
        return range;
    }
    let end = command_end(plain, range.end);
    let rest = plain.get(range.end..end).unwrap_or_default();
    from..if has_prose(rest) { range.end } else { end }
}

fn begins_as_source(text: &[u8]) -> bool {
    let first = text.trim_ascii().split(u8::is_ascii_whitespace).next();
    first.is_some_and(|first| {
        let first = first.to_ascii_lowercase();
        KEYWORDS.contains(&first.as_slice()) || STATEMENTS.contains(&first.as_slice())
    })
}

fn has_prose(text: &[u8]) -> bool {
    small_words(text) >= PROSE_WORDS
}

/// Lines of source with those right above and below them that read as source, too, though not by themselves.
pub fn with_lines_beside(plain: &[u8], mut range: Range<usize>) -> Range<usize> {
    const ENOUGH: u32 = 2;
    const ENOUGH_INDENTED: u32 = 1;
    let is_source = |line: &[u8]| {
        let indented = line.starts_with(b"  ") || line.starts_with(b"\t");
        let weight = density::weight_of(line);
        let ends = matches!(line.trim_ascii().last(), Some(b'.' | b'!' | b'?' | b':'));
        let prose = has_prose(line) && !begins_as_source(line);
        let statement =
            line.trim_ascii().ends_with(b";") && line.iter().any(|byte| b"()=*".contains(byte));
        statement || !ends && !prose && (weight >= ENOUGH || indented && weight >= ENOUGH_INDENTED)
    };
    let starts_line = |at: usize| {
        let head = plain.get(..at).unwrap_or_default();
        head.iter()
            .rev()
            .find(|byte| !matches!(byte, b' ' | b'\t'))
            .is_none_or(|byte| *byte == b'\n')
    };
    while starts_line(range.start) {
        let head = plain.get(..range.start).unwrap_or_default();
        let Some(end) = head.iter().rposition(|&byte| byte == b'\n') else {
            break;
        };
        let start = head
            .get(..end)
            .and_then(|head| head.iter().rposition(|&byte| byte == b'\n'))
            .map_or(0, |at| at + 1);
        if start >= end || !is_source(head.get(start..end).unwrap_or_default()) {
            break;
        }
        range.start = start;
    }
    while plain.get(range.end) == Some(&b'\n') {
        let end = line_end(plain, range.end + 1);
        let line = plain.get(range.end + 1..end).unwrap_or_default();
        if line.is_empty() || !is_source(line) {
            break;
        }
        range.end = end;
    }
    range
}

/// Where what is indented below a line of source ends that opens a block.
pub fn block_end(plain: &[u8], from: usize) -> usize {
    let opens = from
        .checked_sub(1)
        .and_then(|at| plain.get(at))
        .is_some_and(|byte| matches!(byte, b':' | b'{'));
    let mut end = from;
    while opens && plain.get(end) == Some(&b'\n') {
        let next = line_end(plain, end + 1);
        let line = plain.get(end + 1..next).unwrap_or_default();
        if !line
            .first()
            .is_some_and(|byte| matches!(byte, b' ' | b'\t'))
        {
            break;
        }
        end = next;
    }
    end
}

/// Source that nothing but short lines part is one: what lies between two lines of source is source.
pub fn joined(plain: &[u8], mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    const LINES_BETWEEN: usize = 3;
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        if let Some(last) = joined.last_mut() {
            let between = plain.get(last.end..range.start).unwrap_or_default();
            let lines = between.iter().filter(|&&byte| byte == b'\n').count();
            let prose = between.split(|&byte| byte == b'\n').any(is_prose);
            if range.start <= last.end || (1..=LINES_BETWEEN).contains(&lines) && !prose {
                last.end = last.end.max(range.end);
                continue;
            }
        }
        joined.push(range);
    }
    joined
}

/// A line that reads as source goes whole; a piece of source in a sentence goes alone.
pub fn source_range(plain: &[u8], found: Range<usize>) -> Range<usize> {
    let start = plain
        .get(..found.start)
        .and_then(|head| head.iter().rposition(|&byte| byte == b'\n'))
        .map_or(0, |at| at + 1);
    let end = line_end(plain, found.end);
    let line = plain.get(start..end).unwrap_or_default();
    if is_prose(line) {
        grown(plain, found.start..piece_end(plain, found.end))
    } else {
        start..end
    }
}

/// A piece of source with what belongs to it in its line: tokens with signs of source, at most four plain ones apart, the
/// name that is given a value, and the word that begins it.
pub fn grown(plain: &[u8], range: Range<usize>) -> Range<usize> {
    const PLAIN_BETWEEN: usize = 4;
    let start = plain
        .get(..range.start)
        .and_then(|head| head.iter().rposition(|&byte| byte == b'\n'))
        .map_or(0, |at| at + 1);
    let end = line_end(plain, range.end);
    let (mut grown, mut between) = (range.clone(), 0);
    for token in tokens(plain, range.end..end) {
        if is_source(plain.get(token.clone()).unwrap_or_default()) {
            grown.end = token.end;
            between = 0;
        } else {
            between += 1;
            if between > PLAIN_BETWEEN {
                break;
            }
        }
    }
    let mut assigns = plain.get(range).is_some_and(begins_with_sign);
    between = 0;
    let mut before: Vec<Range<usize>> = tokens(plain, start..grown.start).collect();
    before.reverse();
    for token in before {
        let text = plain.get(token.clone()).unwrap_or_default();
        if is_source(text) || assigns {
            assigns = begins_with_sign(text);
            grown.start = token.start;
            between = 0;
        } else if KEYWORDS.contains(&text.trim_ascii_start()) {
            grown.start = token.start;
        } else {
            between += 1;
            if between > PLAIN_BETWEEN || matches!(text.last(), Some(b'.' | b'!' | b'?')) {
                break;
            }
        }
    }
    grown.end -= plain.get(grown.clone()).map_or(0, |text| {
        text.iter()
            .rev()
            .take_while(|byte| matches!(byte, b',' | b'.'))
            .count()
    });
    grown
}

/// Words that are not in capitals, as they stand in a sentence.
fn small_words(text: &[u8]) -> usize {
    let words = text.split(u8::is_ascii_whitespace).filter(|word| {
        let bare = word.trim_ascii_end();
        let bare = bare.strip_suffix(b",").unwrap_or(bare);
        bare.len() > 1
            && bare.iter().any(u8::is_ascii_lowercase)
            && bare
                .iter()
                .all(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80)
    });
    words.count()
}

fn begins_with_sign(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    matches!(text.first(), Some(b'=' | b'{' | b'?' | b'|'))
        || text.starts_with(b"<-")
        || text.starts_with(b":=")
        || text.starts_with(b"+=")
        || text.starts_with(b"->")
        || text.starts_with(b">=")
        || text.starts_with(b"<=")
        || text.starts_with(b"==")
}

/// The runs without white space in a place.
pub fn tokens(plain: &[u8], place: Range<usize>) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut at = place.start;
    std::iter::from_fn(move || {
        let rest = plain.get(at..place.end)?;
        let skip = rest
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
        let length = rest
            .iter()
            .skip(skip)
            .take_while(|byte| !byte.is_ascii_whitespace())
            .count();
        if length == 0 {
            return None;
        }
        let token = at + skip..at + skip + length;
        at = token.end;
        Some(token)
    })
}

/// Has a token signs that words, numbers and amounts have not?
pub fn is_source(token: &[u8]) -> bool {
    let has = |of: &[u8]| token.iter().any(|byte| of.contains(byte));
    let pair = |of: [u8; 2]| token.windows(2).any(|pair| pair == of);
    let letter_before = |of: u8| {
        token.windows(2).any(
            |pair| matches!(pair, [a, b] if (a.is_ascii_alphanumeric() || *a == b'_') && *b == of),
        )
    };
    let amount = token
        .strip_prefix(b"$")
        .is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_digit));
    has(b"{}<>=|^\\") || has(b"$") && !amount || letter_before(b'(') || letter_before(b'[') || pair([b':', b':']) || pair([b')', b')'])
        || pair([b')', b';']) || pair([b')', b':']) || pair([b')', b'.']) && token.len() > 2 && !token.ends_with(b").") || pair([b'&', b'&'])
        || token.starts_with(b"!") && token.len() > 1 || token.starts_with(b"@") && token.len() > 1
        || token.windows(3).any(|three| matches!(three, [a, b'_', b] if a.is_ascii_alphanumeric() && b.is_ascii_alphanumeric()))
        || token.starts_with(b"((") || token.starts_with(b"(:")
}

/// A line that ends as a sentence, or has many words in a row that only a sentence has.
fn is_prose(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let words = line
        .split(u8::is_ascii_whitespace)
        .filter(|word| {
            let word = word.trim_ascii();
            let bare = word
                .strip_suffix(b",")
                .or(word.strip_suffix(b"."))
                .or(word.strip_suffix(b":"))
                .unwrap_or(word);
            !bare.is_empty()
                && bare.iter().all(|byte| {
                    byte.is_ascii_alphabetic() || *byte >= 0x80 || matches!(byte, b'\'' | b'-')
                })
        })
        .count();
    words >= 4 || words >= 2 && matches!(line.last(), Some(b'.' | b'!' | b'?'))
}

/// The line up to this place.
pub fn line_before(bytes: &[u8], end: usize) -> &[u8] {
    let head = bytes.get(..end).unwrap_or_default();
    head.trim_ascii_end()
        .rsplit(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default()
}

pub fn line_end(bytes: &[u8], from: usize) -> usize {
    bytes
        .get(from..)
        .and_then(|rest| rest.iter().position(|&byte| byte == b'\n'))
        .map_or(bytes.len(), |at| from + at)
}

/// The end of a piece of source in a sentence: its brackets closed, then the next space.
fn piece_end(bytes: &[u8], from: usize) -> usize {
    let mut depth = 0_usize;
    for (at, &byte) in bytes.iter().enumerate().skip(from) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'\n' | b'`' => return at,
            b' ' | b',' if depth == 0 => return at,
            b'.' if bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace) => return at,
            _ => {}
        }
    }
    bytes.len()
}

pub fn command_end(bytes: &[u8], from: usize) -> usize {
    for (at, &byte) in bytes.iter().enumerate().skip(from) {
        let next = bytes.get(at + 1).copied().unwrap_or(b'\n');
        match byte {
            b'`' => return at,
            b'\n' if at == 0 || bytes.get(at - 1) != Some(&b'\\') => return at,
            b'.' | b'!' | b'?'
                if next.is_ascii_whitespace()
                    && bytes.get(at + 2).is_none_or(u8::is_ascii_uppercase) =>
            {
                return at;
            }
            _ => {}
        }
    }
    bytes.len()
}
