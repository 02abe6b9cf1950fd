//! Names of the context: tables, columns, tools.

use std::{cell::LazyCell, collections::BTreeMap, ops::Range, sync::LazyLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::{
    Context, Reason,
    fold::{Folded, fold_name},
    language,
    pattern::{Patterns, compile},
    spans::{Spans, With},
};
use crate::text::Language;

/// The names, folded, and what each names.
#[derive(Debug, Default)]
pub struct Names {
    automaton: Option<AhoCorasick>,
    /// The names that hold no underscore and are no plain word: nothing else tells that they may be there.
    bare: Option<AhoCorasick>,
    kinds: Vec<(Reason, bool)>,
    known: BTreeMap<String, Reason>,
}

impl Names {
    pub fn new(context: &Context) -> Self {
        let mut known = BTreeMap::new();
        let lists = [
            (Reason::Column, &context.columns),
            (Reason::Table, &context.tables),
            (Reason::Tool, &context.tools),
        ];
        let mut plain = BTreeMap::new();
        for (reason, names) in lists {
            for name in names {
                for part in parts(name) {
                    plain.insert(part.clone(), is_plain_word(name_of(&part, name)));
                    known.insert(part, reason);
                }
            }
        }
        let kinds = known
            .iter()
            .map(|(name, reason)| (*reason, plain.get(name).copied().unwrap_or_default()))
            .collect();
        let automaton = |names: Vec<&String>| {
            AhoCorasick::builder()
                .ascii_case_insensitive(true)
                .match_kind(MatchKind::LeftmostLongest)
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .build(&names)
                .ok()
                .filter(|_| !names.is_empty())
        };
        let is_bare =
            |name: &&String| !name.contains('_') && !plain.get(*name).copied().unwrap_or_default();
        Self {
            automaton: automaton(known.keys().collect()),
            bare: automaton(known.keys().filter(is_bare).collect()),
            kinds,
            known,
        }
    }

    /// What a folded identifier names, quotes and qualifiers aside.
    pub fn kind(&self, identifier: &str) -> Option<Reason> {
        let bare = identifier.rsplit('.').next().unwrap_or(identifier);
        self.known
            .get(bare.trim_matches(|c: char| matches!(c, '"' | '`' | '[' | ']' | ' ')))
            .copied()
    }

    /// May a name be in these bytes, as a whole word, in a form in which it is held back?
    pub fn are_in(&self, bytes: &[u8]) -> bool {
        // An underscore, or what makes a plain word look technical.
        let may = |byte: &u8| matches!(byte, b'_' | b'.' | b'`' | b'"' | b'[');
        let inner = |at: usize| {
            bytes.get(at).is_some_and(|byte| *byte != b'.')
                || bytes
                    .get(at + 1)
                    .is_some_and(|next| !next.is_ascii_whitespace())
        };
        if bytes
            .iter()
            .enumerate()
            .any(|(at, byte)| may(byte) && inner(at))
        {
            return self.matches(bytes).next().is_some();
        }
        self.bare.as_ref().is_some_and(|bare| {
            bare.find_iter(bytes)
                .any(|found| is_whole(bytes, &found.range()))
        })
    }

    fn matches<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = (Range<usize>, Reason)> + 'a {
        self.automaton
            .iter()
            .flat_map(move |automaton| automaton.find_iter(bytes))
            .filter_map(move |found| {
                let &(reason, plain) = self.kinds.get(found.pattern().as_usize())?;
                let range = found.range();
                let holds = is_whole(bytes, &range) && (!plain || looks_technical(bytes, &range));
                holds.then_some((range, reason))
            })
    }

    pub fn find(&self, folded: &Folded<'_>, spans: &mut Spans) {
        let mut language = None;
        for (range, reason) in self.matches(folded.lower.as_bytes()) {
            let language = *language.get_or_insert_with(|| language::of(folded.raw));
            let (range, words) = in_words(&folded.lower, range, reason, language);
            spans.add(folded, range, reason, words);
        }
    }
}

/// A name and, where it is qualified, its parts that are not plain words.
fn parts(name: &str) -> Vec<String> {
    let whole = fold_name(name.trim());
    let mut parts: Vec<String> = whole
        .split('.')
        .filter(|part| *part != whole && !is_plain_word(part))
        .map(str::to_owned)
        .collect();
    // The last part is the name itself, plain or not; those before it are schemas.
    parts.extend(whole.rsplit('.').next().map(str::to_owned));
    parts.push(whole);
    parts.retain(|part| part.chars().count() >= 2);
    parts
}

/// The name as it was given, where the folded form is all of it: its humps count.
fn name_of<'a>(part: &'a str, name: &'a str) -> &'a str {
    let last = name.trim().rsplit('.').next().unwrap_or(name);
    if fold_name(last) == *part { last } else { part }
}

/// Could the name be a word (or words) of a language? Letters only, one case but for the first, a vowel, no run of
/// five consonants, and not begun as names of databases are.
fn is_plain_word(name: &str) -> bool {
    const BEGINNINGS: [&str; 8] = ["tbl", "vw", "fct", "dim", "stg", "sp", "fk", "usr"];
    let lower = name.to_lowercase();
    let all_upper = name.chars().all(|c| !c.is_lowercase());
    let words = name.split(' ').all(|word| {
        let mut run = 0;
        !word.is_empty()
            && word.chars().all(char::is_alphabetic)
            && (all_upper || word.chars().skip(1).all(|c| !c.is_uppercase()))
            && word.to_lowercase().chars().all(|c| {
                run = if matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | 'y') || !c.is_ascii() {
                    0
                } else {
                    run + 1
                };
                run < 5
            })
    });
    words
        && !begins_as_no_word(&lower)
        && (lower.contains(['a', 'e', 'i', 'o', 'u', 'y']) || !lower.is_ascii() || lower.len() <= 3)
        && !BEGINNINGS.iter().any(|beginning| {
            lower.strip_prefix(beginning).is_some_and(|rest| {
                !rest.starts_with(['a', 'e', 'i', 'o', 'u', 'y']) && !rest.is_empty()
            })
        })
}

/// Does a name of four letters or more begin with two consonants with which no word of the four languages begins (`vbak`)?
/// A shorter one may be an abbreviation that everybody says.
fn begins_as_no_word(lower: &str) -> bool {
    const FIRSTS: &str = "bl br bj by ch cl cr cz dr dw dj fl fr fj gl gr gn gh gw kl kr kn kh kw ll mn ph pf pl pr ps pt qu rh \
        sb sc sch sf sh sk sl sm sn sp sq sr st sv sw sz th tr ts tw tz vl vr wh wr zw zl kv hr hy ny my ty gy ly ry sy cy dy fy py";
    const LEAST: usize = 4;
    let consonant = |byte: &u8| byte.is_ascii_lowercase() && !b"aeiouy".contains(byte);
    match lower.as_bytes() {
        [first, second, ..] if lower.len() >= LEAST && consonant(first) && consonant(second) => {
            !FIRSTS
                .split_ascii_whitespace()
                .any(|allowed| allowed.as_bytes() == [*first, *second])
        }
        _ => false,
    }
}

/// Does the name end and begin where an identifier does?
fn is_whole(bytes: &[u8], range: &Range<usize>) -> bool {
    const LONGEST_CHARACTER_BYTES: usize = 4;
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let before = bytes
        .get(range.start.saturating_sub(LONGEST_CHARACTER_BYTES)..range.start)
        .unwrap_or_default();
    let after = bytes
        .get(range.end..(range.end + LONGEST_CHARACTER_BYTES).min(bytes.len()))
        .unwrap_or_default();
    // At the far end a character may be cut; the near one is whole.
    let (before, after) = (
        String::from_utf8_lossy(before),
        String::from_utf8_lossy(after),
    );
    !part(before.chars().next_back()) && !part(after.chars().next())
}

/// Does a plain word stand as an identifier: qualified, or in quotes of code?
fn looks_technical(bytes: &[u8], range: &Range<usize>) -> bool {
    let at = |index: Option<usize>| {
        index
            .and_then(|index| bytes.get(index))
            .copied()
            .unwrap_or(b' ')
    };
    let (before, after) = (at(range.start.checked_sub(1)), at(Some(range.end)));
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let quoted = matches!((before, after), (b'`', b'`') | (b'"', b'"') | (b'[', b']'));
    // 'orders'.'status'
    let pair_before = before == b'\''
        && at(range.start.checked_sub(2)) == b'.'
        && at(range.start.checked_sub(3)) == b'\'';
    let pair_after =
        after == b'\'' && at(Some(range.end + 1)) == b'.' && at(Some(range.end + 2)) == b'\'';
    let is_link_text = before == b'[' && matches!(at(Some(range.end + 1)), b'(' | b'[');
    let qualified_before = before == b'.' && {
        let owner = at(range.start.checked_sub(2));
        word(owner) || matches!(owner, b'"' | b'`' | b']')
    };
    let qualified_after = after == b'.' && {
        let next = at(Some(range.end + 1));
        next.is_ascii_alphabetic() || matches!(next, b'_' | b'"' | b'`' | b'[' | b'*')
    };
    (quoted && !is_link_text) || pair_before || pair_after || qualified_before || qualified_after
}

/// Names of which the context knows nothing: words joined by underscores, all small or all capital, as no language writes.
static UNKNOWN: LazyLock<Patterns> = LazyLock::new(|| {
    compile(&[
        r"\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b|\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b",
        // Fields of SAP's tables, and of what ABAP calls a work area; what a parameter is called.
        r"\b(?:MARA|MARC|MARD|MAKT|MBEW|MSEG|MKPF|VBAK|VBAP|VBEP|VBRK|VBRP|VBUK|LIKP|LIPS|EKKO|EKPO|EKET|EKBE|EBAN|BKPF|BSEG|BSID|BSIK|BSAD|BSAK|KNA1|KNB1|KNVV|LFA1|LFB1|AFKO|AFPO|AUFK|COEP|COSP|CSKS|PLPO|RESB|QALS|QMEL|IDOC|EDIDC|EDID4|DRAW|STKO|STPO|T001W|PA0\d{3})-[A-Z][A-Z0-9_]{3,}\b|\bl[sv]_\w+-\w+\b|\b(?:[Pp]arameters?|[Pp]aram(?:è|e)tres?|[Pp]ar(?:á|a)metros?|[Aa]rguments?|[Aa]rgumentos?)\s+[\x22'\x60(]?[a-z]+(?:[A-Z][a-z0-9]+)+\b",
        // A file of an office, a handle, a part of an address.
        r"^\.(?:pdf|xlsx?|docx?|pptx?|csv|png|jpe?g|gif|zip|txt|odt|ods|mp4|eml|msg|ics)\b|^@|^[\w.-]*@",
    ])
});

/// Is the name of a field in it that is one whatever stands around it?
pub fn fields_are_in(folded: &Folded<'_>) -> bool {
    UNKNOWN
        .each()
        .get(1)
        .is_some_and(|certain| certain.is_match(folded.plain.as_bytes()))
}

/// Finds names that are in no list, and puts something general in their place.
pub fn find_unknown(folded: &Folded<'_>, names: &Names, spans: &mut Spans) {
    let [form, certain, goes_on] = UNKNOWN.each() else {
        return;
    };
    let plain = folded.plain.as_bytes();
    let language = LazyCell::new(|| language::of(folded.raw));
    for found in certain.find_iter(plain) {
        let name = found
            .as_bytes()
            .iter()
            .rposition(|byte| matches!(byte, b' ' | b'"' | b'\'' | b'`' | b'('));
        let start = name.map_or(found.start(), |at| found.start() + at + 1);
        let (range, words) = in_words(&folded.lower, start..found.end(), Reason::Column, *language);
        spans.add(folded, range, Reason::Column, words);
    }
    for found in form.find_iter(plain) {
        let words = found.as_bytes().split(|&byte| byte == b'_').filter(|part| {
            part.iter()
                .filter(|byte| byte.is_ascii_alphabetic())
                .count()
                >= 3
        });
        let rest = plain.get(found.end()..).unwrap_or_default();
        let before = found.start().checked_sub(1).and_then(|at| plain.get(at));
        let known = folded
            .lower
            .get(found.range())
            .is_some_and(|name| names.kind(name).is_some());
        if known
            || words.count() < 2
            || goes_on.is_match(rest)
            || matches!(before, Some(b'@' | b'#' | b'/' | b'.' | b'-'))
            || spans.stands(&folded.origin(found.range()))
        {
            continue;
        }
        let (range, words) = in_words(&folded.lower, found.range(), Reason::Column, *language);
        spans.add(folded, range, Reason::Column, words);
    }
}

/// Nouns that a name stands beside, by what is named; before it or after it.
static NOUNS: LazyLock<Patterns> = LazyLock::new(|| {
    compile(&[
        r#"(?:\b(?:tables?|views?|tabellen?|tablas?)\s+["'`(\[]?)$"#,
        r#"^["'`)\]]?[\s-]+(?:tables?|views?|tabellen?|tablas?)\b"#,
        r#"(?:\b(?:columns?|fields?|spalten?|feld(?:es|er)?|colonnes?|champs?|columnas?|campos?)\s+["'`(\[]?)$"#,
        r#"^["'`)\]]?[\s-]+(?:columns?|fields?|spalten?|feld(?:es|er)?|colonnes?|champs?|columnas?|campos?)\b"#,
        r#"(?:\b(?:tools?|functions?|werkzeuge?s?|outils?|herramientas?)\s+["'`(\[]?)$"#,
        r#"^["'`)\]]?(?:\(\))?[\s-]+(?:tools?|functions?|werkzeuge?s?|outils?|herramientas?)\b"#,
        r#"\b(?:the|our|this|that|your|its)\s+["'`(\[]?$"#,
        r#"\b(?:an?|der|die|das|dem|den|des|eine?[nrms]?|une?|l[ea]s?|du|el|l[oa]s|un[oa]?)\s+["'`(\[]?$"#,
    ])
});

fn nouns(reason: Reason, language: Language) -> [&'static str; 2] {
    match (reason, language) {
        (Reason::Table, Language::English) => ["a table", "table"],
        (Reason::Table, Language::German) => ["eine Tabelle", "Tabelle"],
        (Reason::Table, Language::French) => ["une table", "table"],
        (Reason::Table, Language::Spanish) => ["una tabla", "tabla"],
        (Reason::Column, Language::English) => ["a field", "field"],
        (Reason::Column, Language::German) => ["ein Feld", "Feld"],
        (Reason::Column, Language::French) => ["un champ", "champ"],
        (Reason::Column, Language::Spanish) => ["un campo", "campo"],
        (_, Language::English) => ["a tool", "tool"],
        (_, Language::German) => ["ein Werkzeug", "Werkzeug"],
        (_, Language::French) => ["un outil", "outil"],
        (_, Language::Spanish) => ["una herramienta", "herramienta"],
    }
}

/// The place to replace and the words for it: where the noun stands beside the name already, the name alone goes.
fn in_words(
    lower: &str,
    range: Range<usize>,
    reason: Reason,
    language: Language,
) -> (Range<usize>, With) {
    let range = with_qualifier(lower.as_bytes(), range);
    const NEAR_BYTES: usize = 24;
    let bytes = lower.as_bytes();
    let from = range.start.saturating_sub(NEAR_BYTES);
    let before = bytes.get(from..range.start).unwrap_or_default();
    let after = bytes
        .get(range.end..(range.end + NEAR_BYTES).min(bytes.len()))
        .unwrap_or_default();
    let first = match reason {
        Reason::Table => 0,
        Reason::Column => 2,
        _ => 4,
    };
    let near = |index: usize, text: &[u8]| {
        NOUNS
            .each()
            .get(index)
            .and_then(|noun| noun.find(text))
            .map(|found| found.range())
    };
    let [with_article, noun] = nouns(reason, language);
    // "the table `x`", "the `x` table": the noun says it; the name goes, with its quotes.
    let open =
        |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | b'[' | b'(');
    let close = |byte: &u8| {
        byte.is_ascii_whitespace()
            || matches!(byte, b'"' | b'\'' | b'`' | b']' | b')' | b'(' | b'-')
    };
    if near(first + 1, after).is_some() {
        let quotes = before
            .iter()
            .rev()
            .take_while(|byte| open(byte) && !byte.is_ascii_whitespace())
            .count();
        let gap = after.iter().take_while(|byte| close(byte)).count();
        return (range.start - quotes..range.end + gap, With::Nothing);
    }
    if near(first, before).is_some() {
        let gap = before.iter().rev().take_while(|byte| open(byte)).count();
        let quotes = after
            .iter()
            .take_while(|byte| close(byte) && !byte.is_ascii_whitespace() && **byte != b'-')
            .count();
        return (range.start - gap..range.end + quotes, With::Nothing);
    }
    if near(6, before).is_some() {
        return (range, With::Words(noun.into()));
    }
    let start = near(7, before).map_or(range.start, |article| from + article.start);
    (start..range.end, With::Words(with_article.into()))
}

/// The name with what it is qualified by and what it qualifies: `public.orders`, `o.status`.
fn with_qualifier(bytes: &[u8], mut range: Range<usize>) -> Range<usize> {
    let part = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'"' | b'`' | b'[' | b']')
    };
    let is_dot = |at: usize| bytes.get(at) == Some(&b'.');
    while range.start > 1 && is_dot(range.start - 1) && bytes.get(range.start - 2).is_some_and(part)
    {
        range.start -= 1;
        while range.start > 0 && bytes.get(range.start - 1).is_some_and(part) {
            range.start -= 1;
        }
    }
    while is_dot(range.end) && bytes.get(range.end + 1).is_some_and(part) {
        range.end += 1;
        while bytes.get(range.end).is_some_and(part) {
            range.end += 1;
        }
    }
    range
}
