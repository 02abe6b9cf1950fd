//! Links, images, HTML and calls to everybody, as Markdown, chats and mail programs read them.

use std::{ops::Range, sync::LazyLock};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use regex::Regex;
use url::Url;

use super::{
    Guard, Reason,
    fold::Folded,
    spans::{Span, With},
};

static CALLS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)(?:^|[^a-z0-9._@-])(@)\s?(?:channel|here|everyone|all|room|team)(?:[^a-z0-9_.@-]|[.-](?:[^a-z0-9]|$)|$)|(<!(?:channel|here|everyone|subteam)[^>\s]*>?|<@&\w+>?|<at>[^<]*</at>)").ok()
});

/// Finds what a reader's program would open, load, run or call.
pub fn find(folded: &Folded<'_>, guard: &Guard, spans: &mut Vec<Span>) {
    let raw = folded.raw;
    if raw.contains(['[', '<', '!']) {
        markdown(raw, guard, spans);
    }
    // What is no image by the grammar may be one to a reader's program.
    let mut at = 0;
    while let Some(found) = raw.get(at..).and_then(|rest| rest.find("![")) {
        let start = at + found;
        at = start + 2;
        if raw.get(at..).is_some_and(|rest| rest.contains("](")) {
            spans.push(Span {
                range: start..start + 1,
                reason: Reason::Image,
                with: With::Nothing,
            });
        }
    }
    if raw.contains(['@', '<'])
        && let Some(calls) = CALLS.as_ref()
    {
        for found in calls.captures_iter(&folded.plain) {
            let (found, with) = match (found.get(1), found.get(2)) {
                (Some(at), _) => (at, With::Nothing),
                (_, Some(call)) => (call, With::Mark),
                _ => continue,
            };
            spans.push(Span {
                range: folded.origin(found.range()),
                reason: Reason::Mention,
                with,
            });
        }
    }
}

fn markdown(raw: &str, guard: &Guard, spans: &mut Vec<Span>) {
    let mut open: Vec<(Range<usize>, bool, Option<Range<usize>>)> = Vec::new();
    for (event, range) in Parser::new_ext(raw, Options::empty()).into_offset_iter() {
        match event {
            Event::Start(Tag::Link { dest_url, .. }) => {
                open.push((range, is_allowed(&dest_url, guard), None));
            }
            Event::Start(Tag::Image { .. }) => {
                spans.push(Span {
                    range: range.clone(),
                    reason: Reason::Image,
                    with: With::Mark,
                });
                open.push((range, true, None));
            }
            Event::End(TagEnd::Link | TagEnd::Image) => {
                if let Some((range, false, inner)) = open.pop() {
                    let with = inner.map_or(With::Mark, With::Part);
                    spans.push(Span {
                        range,
                        reason: Reason::Link,
                        with,
                    });
                }
            }
            Event::Html(html) | Event::InlineHtml(html) => {
                let lower = html.to_lowercase();
                let reason = if lower.starts_with("<img") || lower.contains("src") {
                    Reason::Image
                } else {
                    Reason::Link
                };
                // "Vec<String>" and "<PAY-1>" are text; what has attributes, or hides, does something.
                if lower.contains('=')
                    || lower.starts_with("<!")
                    || lower.starts_with("<script")
                    || lower.starts_with("<style")
                {
                    spans.push(Span {
                        range,
                        reason,
                        with: With::Mark,
                    });
                }
            }
            _ => {
                if let Some((_, _, inner)) = open.last_mut() {
                    *inner = Some(
                        inner
                            .as_ref()
                            .map_or(range.clone(), |known| known.start..range.end),
                    );
                }
            }
        }
    }
}

fn is_allowed(target: &str, guard: &Guard) -> bool {
    Url::parse(target).is_ok_and(|url| guard.allows(&url))
}
