//! Mentions that call everybody: the word stays, the call goes.

use std::sync::LazyLock;

use super::{
    Reason,
    fold::Folded,
    pattern::{Patterns, compile},
    spans::{Spans, With},
};

static MENTIONS: LazyLock<Patterns> = LazyLock::new(|| {
    compile(&[
        r"(?:^|[^a-z0-9._@-])(@\s?(?:channel|here|everyone|all|room|team))(?:[^a-z0-9_.@-]|[.-](?:[^a-z0-9]|$)|$)",
        r"<!(?:channel|here|everyone|subteam|date)?[^>\s]*>?",
        r"<@&\w+>?",
        r"<at>[^<]*</at>",
    ])
});

pub fn find(folded: &Folded<'_>, spans: &mut Spans) {
    if !folded.holds(b"@<") {
        return;
    }
    let lower = folded.lower.as_bytes();
    let Some(named) = MENTIONS.each().first() else {
        return;
    };
    let mut at = 0;
    // One mention's end may be the next one's beginning.
    while let Some(found) = lower
        .get(at..)
        .and_then(|rest| named.captures(rest))
        .and_then(|found| found.get(1))
    {
        let range = at + found.start()..at + found.end();
        at = range.end;
        spans.add(
            folded,
            range.start..range.start + 1,
            Reason::Mention,
            With::Nothing,
        );
    }
    for form in MENTIONS.each().iter().skip(1) {
        for found in form.find_iter(lower) {
            if found.as_bytes().starts_with(b"<!--") || found.as_bytes().starts_with(b"<!doctype") {
                continue;
            }
            spans.add(
                folded,
                found.range(),
                Reason::Mention,
                With::Words("everyone".into()),
            );
        }
    }
}
