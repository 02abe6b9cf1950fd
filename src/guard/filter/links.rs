//! Links, images and mentions: what leads elsewhere, loads something, or calls everybody.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;
use url::Url;

use super::{Reason, names::Names};

/// A place with what stands there instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub at: Range<usize>,
    pub reason: Reason,
    pub instead: Instead,
}

/// What stands in the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Instead {
    Words(&'static str),
    /// This piece of the folded text: a link's own words.
    Piece(Range<usize>),
    /// Nothing is changed: it may stand as it is, and nothing else is looked for in it.
    Itself,
}

const NO_LINK: &str = "[link left out]";
const NO_IMAGE: &str = "[image left out]";

static IMAGE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)!\[[^\]\n]*\](?:\([^)\n]*\)?|\[[^\]\n]*\])|<\s*(?:img|image|picture|video|audio|iframe|object|embed|svg|link|script|style|form|meta|base)\b[^>\n]*>?").ok()
});
static MARKDOWN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\[([^\[\]\n]{1,300})\]\(\s*<?([^)\s>]+)>?(?:\s+[^)\n]*)?\)").ok()
});
static REFERENCE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?m)^\s*\[[^\]\n]+\]:\s*\S+.*$").ok());
static SLACK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"<((?:[a-zA-Z][a-zA-Z0-9+.-]*:)?(?://)?[^|<>\s]+[.:/][^|<>\s]*)(?:\|([^<>\n]*))?>")
        .ok()
});
static ANCHOR: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?i)<a\s[^>\n]*href\s*=\s*["']?([^"'\s>]+)[^>\n]*>([^<\n]*)(?:</a>)?"#).ok()
});
static BARE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?i)\b(?:[a-z][a-z0-9+.-]{1,20}:)?//[^\s<>"'`)\]|]+|\b(?:javascript|vbscript|data|blob|file|about|mailto|tel|sms|intent):[^\s<>"')\]]+"#).ok()
});
static DOMAIN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?i)\b(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?\.)+(?:com|net|org|io|dev|app|ai|co|biz|info|xyz|site|online|top|click|link|zip|mov|ru|cn|test|example|invalid|me|tv|cc|ly|gl|to|tk|onion|cloud|shop)(?:[/?#][^\s<>"'`)\]|]*)"#).ok()
});
static MENTION: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)<!(channel|here|everyone|subteam\^[^>|]*)(?:\|[^>]*)?>|(?:^|[^\w.@])@(channel|here|everyone|all|team)\b|<@&?!?[a-z0-9]+(?:\|[^>]*)?>").ok()
});

/// Every link, image and mention of a folded text. Links that may stay are among them, so that nobody looks into them again.
pub(super) fn find(text: &str, names: &Names) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    let has = |needle: &str| text.contains(needle);
    let (brackets, slashes, colon) = (has("["), has("//"), has(":"));
    let mut add = |at: Range<usize>, reason: Reason, instead: Instead| {
        let inside = places
            .iter()
            .any(|place| place.at.start < at.end && at.start < place.at.end);
        if !inside {
            places.push(Place {
                at,
                reason,
                instead,
            });
        }
    };
    if brackets || has("<") {
        for hit in hits(&IMAGE, text) {
            add(hit.range(), Reason::Image, Instead::Words(NO_IMAGE));
        }
    }
    if brackets {
        for found in captures(&MARKDOWN, text) {
            let (Some(whole), Some(words), Some(target)) =
                (found.get(0), found.get(1), found.get(2))
            else {
                continue;
            };
            let instead = if allowed(target.as_str(), names) {
                Instead::Itself
            } else {
                Instead::Piece(words.range())
            };
            add(whole.range(), Reason::Link, instead);
        }
        if colon {
            for hit in hits(&REFERENCE, text) {
                add(hit.range(), Reason::Link, Instead::Words(NO_LINK));
            }
        }
    }
    if has("<") {
        for found in captures(&ANCHOR, text) {
            let (Some(whole), Some(target), Some(words)) =
                (found.get(0), found.get(1), found.get(2))
            else {
                continue;
            };
            let _ = target;
            add(whole.range(), Reason::Link, Instead::Piece(words.range()));
        }
        for found in captures(&MENTION, text) {
            mention(&found, &mut add);
        }
        for found in captures(&SLACK, text) {
            let (Some(whole), Some(target)) = (found.get(0), found.get(1)) else {
                continue;
            };
            let instead = match found.get(2) {
                _ if allowed(target.as_str(), names) => Instead::Itself,
                Some(words) => Instead::Piece(words.range()),
                None => Instead::Words(NO_LINK),
            };
            add(whole.range(), Reason::Link, instead);
        }
    } else if has("@") {
        for found in captures(&MENTION, text) {
            mention(&found, &mut add);
        }
    }
    if slashes || colon {
        for hit in hits(&BARE, text) {
            let target = hit
                .as_str()
                .trim_end_matches(['.', ',', ';', ':', '!', '?', '*', '_']);
            let at = hit.start()..hit.start() + target.len();
            // "Stand: 12" and "mailto:mara@acme.example" are no links elsewhere.
            let scheme = target.split(':').next().unwrap_or_default().to_lowercase();
            if is_database(&scheme) {
                continue;
            }
            let instead = if allowed(target, names) {
                Instead::Itself
            } else {
                Instead::Words(NO_LINK)
            };
            add(at, Reason::Link, instead);
        }
    }
    if has(".") {
        for hit in hits(&DOMAIN, text) {
            let target = hit
                .as_str()
                .trim_end_matches(['.', ',', ';', ':', '!', '?']);
            let at = hit.start()..hit.start() + target.len();
            // An address of mail is no link.
            let before = text
                .get(..at.start)
                .and_then(|head| head.chars().next_back());
            if before == Some('@') {
                continue;
            }
            let instead = if allowed(&format!("https://{target}"), names) {
                Instead::Itself
            } else {
                Instead::Words(NO_LINK)
            };
            add(at, Reason::Link, instead);
        }
    }
    places
}

fn mention(found: &regex::Captures<'_>, add: &mut impl FnMut(Range<usize>, Reason, Instead)) {
    match (found.get(0), found.get(1), found.get(2)) {
        (Some(whole), Some(word), _) => {
            add(whole.range(), Reason::Mention, Instead::Piece(word.range()))
        }
        (_, _, Some(word)) => add(
            word.start() - 1..word.end(),
            Reason::Mention,
            Instead::Piece(word.range()),
        ),
        (Some(whole), ..) => add(whole.range(), Reason::Mention, Instead::Words("somebody")),
        _ => {}
    }
}

/// Schemes that `patterns` knows as addresses of servers.
fn is_database(scheme: &str) -> bool {
    !matches!(
        scheme,
        "" | "http"
            | "https"
            | "javascript"
            | "vbscript"
            | "data"
            | "blob"
            | "file"
            | "about"
            | "mailto"
            | "tel"
            | "sms"
            | "intent"
    )
}

/// May a link lead there: https, to an allowed host, with no user in it?
fn allowed(target: &str, names: &Names) -> bool {
    Url::parse(target).is_ok_and(|url| names.guard.allows(&url))
        // What a parser reads otherwise than a person is no address of ours.
        && !target.contains(['\\', '@'])
        && target.is_ascii()
}

fn hits<'t>(
    pattern: &'static LazyLock<Option<Regex>>,
    text: &'t str,
) -> impl Iterator<Item = regex::Match<'t>> {
    pattern
        .as_ref()
        .into_iter()
        .flat_map(move |pattern| pattern.find_iter(text))
}

fn captures<'t>(
    pattern: &'static LazyLock<Option<Regex>>,
    text: &'t str,
) -> impl Iterator<Item = regex::Captures<'t>> {
    pattern
        .as_ref()
        .into_iter()
        .flat_map(move |pattern| pattern.captures_iter(text))
}

#[cfg(test)]
pub(super) fn all_compile() -> bool {
    [
        &IMAGE, &MARKDOWN, &REFERENCE, &SLACK, &ANCHOR, &BARE, &DOMAIN, &MENTION,
    ]
    .into_iter()
    .all(|pattern| pattern.is_some())
}
