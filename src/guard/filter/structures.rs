//! Data written for machines: fences, JSON, YAML, XML, GraphQL, queries of document stores, calls of tools.

use std::{ops::Range, sync::LazyLock};

use super::{
    Reason,
    fold::Folded,
    pattern::{Patterns, compile, compile_with},
    spans::{Spans, With},
};

static FENCES: LazyLock<Patterns> =
    LazyLock::new(|| compile(&[r"(?:```|~~~)(?s:.*?)(?:```+|~~~+|\z)"]));

/// What opens a bracket that belongs to a machine.
static OPENINGS: LazyLock<Patterns> = LazyLock::new(|| {
    compile(&[
        r#"\{\s*["'][^"'\n]+["']\s*:"#,
        r#"\[\s*\{"#,
        r#"\{\s*\$?[a-z_][\w.$-]*\s*:\s*(?:["'\d\[{$-]|true\b|false\b|null\b)"#,
        r#"\[\s*"[^"\n]*"\s*,\s*""#,
        r"\b(?:query|mutation|subscription)\s+\w*\s*(?:\([^)]*\))?\s*\{|\bfragment\s+\w+\s+on\s+\w+\s*\{",
        r"\{\s*\w+\s*(?:\([^)]*\))?\s*\{",
        r"\bdb\.(?:\w+\.)*\w+\s*\(|\bdb\[['\x22]",
        r"\{\{|\{%|\{#",
        r"\$(?:match|group|lookup|project|unwind|gte?|lte?|in|nin|ne|eq|set|push|regex|exists|sum|avg|sort|limit|where|expr|elemmatch|or|and|not)\b",
        r"(?:^|\s)[.#]?[a-z][\w-]*\s*\{\s*[a-z-]+\s*:[^}]*;\s*\}",
    ])
});

/// What speaks of calls of tools.
static CALLS: LazyLock<Patterns> = LazyLock::new(|| {
    compile(&[
        r"</?(?:tool_calls?|function_calls?|tool_use|tool_result|tool_response|function_results?|invoke|parameter|function|tools?|antml:\w+)\b[^>]*>?(?s:.*(?:</(?:tool_calls?|function_calls?|tool_use|tool_result|tool_response|function_results?|invoke|parameter|function|tools?|antml:\w+)>))?",
        r"\[tool_calls?\][^\n]*|\bto=functions\.\S+[^\n]*|\bfunctions\.\w+\S*",
        r"\b(?:tool_calls?|function_calls?|tool_use|tool_call_id|tool_choice|call_id|tool_name|tool_input|tool_result|tools/call|tools/list)\b",
        r"^\s*action\s*:\s*\w+\s*\n\s*action\s+input\s*:[^\n]*|^\s*action\s+input\s*:[^\n]*",
        r"\b(?:call|toolu|fc)_[a-z0-9]{6,}\b|\bmcp__\w+|\bmcp\.\w+\.\w+",
        // A key with a hump or an underscore and a value that only machines write.
        r"\b[a-z]+(?:_[a-z0-9]+)+\s*:\s*(?:true|false|null|none|undefined)\b",
    ])
});

static LINES: LazyLock<Patterns> = LazyLock::new(|| {
    compile(&[
        // A key of YAML with its value or its children.
        r"^\s*(?:-\s+)?[a-z_][\w.-]*:(?:\s.*)?$",
        r"^---\s*$|^\s*apiVersion:\s|^%YAML",
        // A key that no list of a person's has, or a value of a machine's.
        r#"^\s*(?:-\s+)?(?:[a-z]+[_.-][\w.-]*:|\w+:\s*(?:true|false|null|~|["'{\[|>].*)\s*$)|^\s{2,}[a-z_][\w-]*:"#,
        // INI, TOML, properties, environments.
        r#"^\s*\[{1,2}[\w.-]+\]{1,2}\s*$"#,
        r#"^\s*(?:export\s+)?[\w.-]+\s*=\s*(?:["'\d\[{/]|true\b|false\b|\w+:).*$"#,
    ])
});

/// A tag may be one of a page's.
#[derive(Clone, Copy)]
enum Look {
    Tag,
}

static MARKUP: LazyLock<Patterns<Look>> = LazyLock::new(|| {
    compile_with(
        &[r"<\?xml(?s:.*)>|<\?xml[^\n]*|<\?php(?s:.*)"],
        &[
            (
                Look::Tag,
                r"<([a-z][\w:.-]*)(?:\s+[\w:.-]+\s*=[^<>]*)?>(?s:.*)</[a-z][\w:.-]*\s*>",
            ),
            (
                Look::Tag,
                r"</[a-z][\w:.-]*\s*>|<[a-z][\w:.-]*(?:\s+[\w:.-]+\s*=\s*(?:\x22[^\x22]*\x22|'[^']*'))+\s*/?>|<[a-z][\w:.-]*\s*/>",
            ),
        ],
    )
});

pub fn find(folded: &Folded<'_>, spans: &mut Spans) {
    let lower = folded.lower.as_bytes();
    let fences = folded.holds(b"`~").then_some(&FENCES);
    for found in fences
        .into_iter()
        .flat_map(|fences| fences.of(lower))
        .flat_map(|(_, form)| form.find_iter(lower))
    {
        spans.add(folded, found.range(), Reason::Code, With::Mark);
    }
    let openings = folded.holds(b"{[$(").then_some(&OPENINGS);
    for (_, form) in openings.into_iter().flat_map(|openings| openings.of(lower)) {
        let mut done = 0;
        for found in form.find_iter(lower) {
            if found.start() < done {
                continue;
            }
            let range = balanced(lower, found.range());
            done = range.end;
            spans.add(folded, range, Reason::Code, With::Mark);
        }
    }
    for found in CALLS.of(lower).flat_map(|(_, form)| form.find_iter(lower)) {
        spans.add(folded, found.range(), Reason::Tool, With::Mark);
    }
    if folded.holds(b"<") {
        markup(folded, lower, spans);
    }
    keys(folded, spans);
}

/// From the opening to the bracket that closes it, with a bracket right before it; to the end where none does.
fn balanced(lower: &[u8], found: Range<usize>) -> Range<usize> {
    let start = match found.start.checked_sub(1).and_then(|at| lower.get(at)) {
        Some(b'[' | b'(') => found.start - 1,
        _ => found.start,
    };
    let (mut depth, mut opened, mut quoted) = (0_usize, false, false);
    for (at, &byte) in lower.iter().enumerate().skip(start) {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' => quoted = false,
            b'{' | b'[' | b'(' if !quoted => {
                depth += 1;
                opened = true;
            }
            b'}' | b']' | b')' if !quoted => depth = depth.saturating_sub(1),
            b' ' | b',' | b'.' if !opened && at >= found.end => return start..at,
            _ => {}
        }
        if opened && depth == 0 {
            // A chain of calls goes on: `.sort({…})`.
            let goes_on = lower.get(at + 1) == Some(&b'.')
                && lower.get(at + 2).is_some_and(u8::is_ascii_alphabetic);
            if !goes_on {
                return start..at + 1;
            }
        }
    }
    start..lower.len()
}

fn markup(folded: &Folded<'_>, lower: &[u8], spans: &mut Spans) {
    const OF_PAGES: &[&[u8]] = &[
        b"a",
        b"b",
        b"i",
        b"u",
        b"s",
        b"em",
        b"strong",
        b"p",
        b"br",
        b"ul",
        b"ol",
        b"li",
        b"div",
        b"span",
        b"h1",
        b"h2",
        b"h3",
        b"h4",
        b"h5",
        b"h6",
        b"table",
        b"tr",
        b"td",
        b"th",
        b"tbody",
        b"thead",
        b"code",
        b"pre",
        b"html",
        b"body",
        b"head",
        b"title",
        b"font",
        b"center",
        b"sub",
        b"sup",
        b"small",
        b"mark",
        b"del",
        b"ins",
        b"blockquote",
        b"label",
        b"main",
        b"section",
        b"article",
        b"at",
        b"details",
        b"summary",
        b"header",
        b"footer",
        b"figure",
        b"dl",
        b"dt",
        b"dd",
        b"q",
        b"cite",
        b"kbd",
        b"abbr",
        b"big",
        b"marquee",
    ];
    for (look, form) in MARKUP.of(lower) {
        for found in form.captures_iter(lower) {
            let Some(all) = found.get(0) else { continue };
            let text = all.as_bytes();
            let name: &[u8] = match found.get(1) {
                Some(name) => name.as_bytes(),
                None => text
                    .trim_ascii_start()
                    .strip_prefix(b"</")
                    .or(text.strip_prefix(b"<"))
                    .unwrap_or_default(),
            };
            let name = name
                .split(|byte| !byte.is_ascii_alphanumeric())
                .next()
                .unwrap_or_default();
            if look.is_some() && OF_PAGES.contains(&name) {
                continue;
            }
            spans.add(folded, all.range(), Reason::Code, With::Mark);
        }
    }
}

/// Blocks of two lines or more that are keys and values of a machine.
fn keys(folded: &Folded<'_>, spans: &mut Spans) {
    let plain = folded.plain.as_bytes();
    let [key, head, telling, section, pair] = LINES.each() else {
        return;
    };
    if !plain.trim_ascii().contains(&b'\n') {
        return;
    }
    let (mut start, mut keyed, mut telling_lines) = (None, 0, 0);
    let (mut at, mut childless) = (0, false);
    for line in plain
        .split_inclusive(|&byte| byte == b'\n')
        .chain([&b""[..]])
    {
        let text = line.trim_ascii_end();
        let is_child = start.is_some()
            && (text.starts_with(b"  ") || text.trim_ascii_start().starts_with(b"- "))
            && !text.is_empty();
        let is_pair = pair.is_match(text);
        // A key without a value, and what it holds below it.
        telling_lines += 2 * usize::from(is_child && childless && text.starts_with(b"  "));
        childless = key.is_match(text) && text.ends_with(b":");
        if !text.is_empty()
            && (key.is_match(text)
                || head.is_match(text)
                || section.is_match(text)
                || is_pair
                || is_child)
        {
            start = start.or(Some(at));
            keyed += 1;
            telling_lines += usize::from(
                telling.is_match(text)
                    || head.is_match(text)
                    || section.is_match(text)
                    || is_pair && text.contains(&b'='),
            );
        } else if let Some(from) = start.take() {
            if keyed >= 2 && telling_lines >= 1 && (telling_lines >= 2 || keyed <= 3) {
                spans.add(folded, from..at, Reason::Code, With::Mark);
            }
            (keyed, telling_lines) = (0, 0);
            childless = false;
        }
        at += line.len();
    }
}
