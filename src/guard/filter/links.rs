//! Links and images, in every form that a channel makes one of: Markdown, HTML, Slack's, autolinks, bare addresses.

use std::{ops::Range, sync::LazyLock};

use url::Url;

use super::{
    Reason,
    fold::Folded,
    pattern::{Patterns, compile, compile_with},
    spans::{Spans, With},
};
use crate::guard::Guard;

/// Over the folded text in lower case.
static FORMS: LazyLock<Patterns> = LazyLock::new(|| {
    compile(&[
        // An image, with its address or its label.
        r"!\[[^\]]*\]\s?(?:\([^)]*\)?|\[[^\]]*\])",
        // A link with a text.
        r"\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(\s*(<[^>]*>|[^\s()]*(?:\([^\s()]*\)[^\s()]*)*)(?:\s+[^)]*)?\s*\)",
        // Slack's link with a text; an autolink.
        r"<((?:[a-z][a-z0-9+.-]*:|//|www\.)[^\s<>|]+)(?:\|([^<>]*))?>",
        // What an address that opens a link begins with.
        r#"\b[a-z][a-z0-9+.-]{1,20}:[/\\]{1,3}[^\s<>"'`|]*|\bwww\d?\.[^\s<>"'`|]+|\b(?:javascript|vbscript)\s*:\s*[^\s]+|\bdata:[a-z]+/[^\s]*|\bdata:[^\s,]*,[^\s]+|\bdata:[^\s;]*;base64[^\s]*|\b(?:mailto|tel|sms|blob|view-source|callto|slack|msteams):[^\s<>"'`|]+"#,
        r#"(?:^|[\s("'=\]])(//[a-z0-9][a-z0-9.-]*(?:\.[a-z]{2,}|/[\w.-])[^\s<>"'`|)]*)"#,
        r"&#x?[0-9a-f]+;?",
    ])
});

/// What becomes of a tag that does not go with all it holds.
#[derive(Clone, Copy)]
enum Look {
    Image,
    Tag,
}

/// HTML: what goes with all it holds, and tags of which the text stays.
static HTML: LazyLock<Patterns<Look>> = LazyLock::new(|| {
    compile_with(
        &[
            r"<(?:script|style|iframe|object|embed|svg|form|video|audio|template|noscript|math)\b(?:[^>]*>(?s:.*?)(?:</(?:script|style|iframe|object|embed|svg|form|video|audio|template|noscript|math)\s*>|\z)|[^>]*\z)",
            r"<!--(?s:.*?)(?:-->|\z)",
            r"<!doctype[^>]*>",
        ],
        &[
            (
                Look::Image,
                r"<(?:img|image|picture|source|input|button|meta|link|base|frame|area|track|textarea)\b[^>]*(?:>|\z)",
            ),
            (
                Look::Tag,
                r"</?(?:a|b|i|u|s|em|strong|p|br|hr|ul|ol|li|div|span|h[1-6]|table|thead|tbody|tr|td|th|code|pre|small|big|sub|sup|font|center|blockquote|q|cite|details|summary|section|article|header|footer|nav|main|label|mark|del|ins|html|head|body|title|marquee|figure|figcaption|caption|kbd|abbr|dl|dt|dd)(?:[\s/][^<>]*)?>",
            ),
        ],
    )
});

pub fn find(folded: &Folded<'_>, allowed: &Guard, spans: &mut Spans) {
    let lower = folded.lower.as_bytes();
    if let Some(form) = FORMS.each().first().filter(|_| folded.holds(b"!")) {
        for found in form.find_iter(lower) {
            spans.add(folded, found.range(), Reason::Image, With::Mark);
        }
    }
    if folded.holds(b"<") {
        html(folded, lower, spans);
    }
    texts(folded, lower, allowed, spans);
    bare(folded, lower, allowed, spans);
}

fn html(folded: &Folded<'_>, lower: &[u8], spans: &mut Spans) {
    for (look, form) in HTML.of(lower) {
        for found in form.find_iter(lower) {
            let (reason, with) = match look {
                Some(Look::Image) => (Reason::Image, With::Mark),
                Some(Look::Tag) => (Reason::Link, With::Nothing),
                None => (Reason::Link, With::Mark),
            };
            spans.add(folded, found.range(), reason, with);
        }
    }
}

/// Links that have a text: it stays where the address may not.
fn texts(folded: &Folded<'_>, lower: &[u8], allowed: &Guard, spans: &mut Spans) {
    if let Some(form) = FORMS.each().get(1).filter(|_| folded.holds(b"[")) {
        for found in form.captures_iter(lower) {
            let (Some(all), Some(text), Some(address)) = (found.get(0), found.get(1), found.get(2))
            else {
                continue;
            };
            let raw = folded
                .raw
                .get(folded.origin(address.range()))
                .unwrap_or_default();
            if may_stand(allowed, raw.trim_matches(['<', '>'])) && all.end() - address.end() <= 2 {
                spans.let_stand(folded.origin(address.range()));
                continue;
            }
            spans.add(
                folded,
                all.start()..text.start(),
                Reason::Link,
                With::Nothing,
            );
            spans.add(folded, text.end()..all.end(), Reason::Link, With::Nothing);
        }
    }
    if let Some(form) = FORMS.each().get(2).filter(|_| folded.holds(b"<")) {
        for found in form.captures_iter(lower) {
            let (Some(all), Some(address)) = (found.get(0), found.get(1)) else {
                continue;
            };
            let raw = folded
                .raw
                .get(folded.origin(address.range()))
                .unwrap_or_default();
            if may_stand(allowed, raw) {
                spans.let_stand(folded.origin(address.range()));
                continue;
            }
            match found.get(2) {
                Some(text) if !text.is_empty() => {
                    spans.add(
                        folded,
                        all.start()..text.start(),
                        Reason::Link,
                        With::Nothing,
                    );
                    spans.add(folded, text.end()..all.end(), Reason::Link, With::Nothing);
                }
                _ => spans.add(folded, all.range(), Reason::Link, With::Mark),
            }
        }
    }
}

/// Addresses in the text.
fn bare(folded: &Folded<'_>, lower: &[u8], allowed: &Guard, spans: &mut Spans) {
    let Some(form) = FORMS.each().get(3) else {
        return;
    };
    for found in form.find_iter(lower) {
        let range = without_punctuation(lower, found.range());
        let address = range.clone();
        let place = folded.origin(range);
        let raw = folded.raw.get(place.clone()).unwrap_or_default();
        if spans.stands(&place) {
            continue;
        }
        if may_stand(allowed, raw) {
            spans.let_stand(place);
        } else {
            let with = if is_store(lower.get(address.clone()).unwrap_or_default()) {
                With::Words("the database".into())
            } else {
                With::Mark
            };
            spans.add(folded, address, Reason::Link, with);
        }
    }
    if let Some(form) = FORMS.each().get(4).filter(|_| folded.holds(b"/")) {
        for found in form.captures_iter(lower).filter_map(|found| found.get(1)) {
            spans.add(folded, found.range(), Reason::Link, With::Mark);
        }
    }
    if let Some(form) = FORMS.each().get(5).filter(|_| folded.holds(b"&")) {
        for found in form.find_iter(lower) {
            spans.add(folded, found.range(), Reason::Hidden, With::Nothing);
        }
    }
}

/// Does the address open a database?
fn is_store(address: &[u8]) -> bool {
    const SCHEMES: [&[u8]; 9] = [
        b"postgres",
        b"mysql",
        b"mariadb",
        b"mongodb",
        b"redis",
        b"sqlite",
        b"sqlserver",
        b"mssql",
        b"oracle",
    ];
    SCHEMES.iter().any(|scheme| address.starts_with(scheme))
}

fn may_stand(allowed: &Guard, raw: &str) -> bool {
    // What a browser would read in another way than a person is no link of ours.
    !raw.contains(['\\', '\t', '\n', '@'])
        && raw
            .get(..8)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
        && Url::parse(raw).is_ok_and(|url| allowed.allows(&url) && url.port().is_none())
}

/// The address without what ends the sentence around it.
fn without_punctuation(bytes: &[u8], mut range: Range<usize>) -> Range<usize> {
    while range.end > range.start {
        let address = bytes.get(range.clone()).unwrap_or_default();
        let count = |of: u8| address.iter().filter(|&&byte| byte == of).count();
        let last = address.last().copied().unwrap_or_default();
        let ends = match last {
            b'.' | b',' | b';' | b':' | b'!' | b'?' | b'*' | b'_' => true,
            b')' => count(b')') > count(b'('),
            b']' => count(b']') > count(b'['),
            b'}' => count(b'}') > count(b'{'),
            _ => false,
        };
        if !ends {
            break;
        }
        range.end -= 1;
    }
    range
}
