//! Slack's form: Block Kit. One message with what is to be read, its thread with what is to be looked up.
//!
//! Nothing is cut inside an item: an item that finds no room stands whole in the thread, and the message counts it.

use serde_json::{Value, json};

use unicode_segmentation::UnicodeSegmentation;

use super::{
    slack_limits::{MAX_HEADER_CHARACTERS, MAX_SECTION_CHARACTERS, characters, check_limits},
    view::{ItemView, Line, View, plain},
};
use crate::{channels::SlackMessage, text::shorten};

/// Characters that a single line (a headline, a body, a notice) keeps at most, far above what a brief's rules allow it.
/// Three of them and their marks fit into one section.
const LINE_MAX_CHARACTERS: usize = 800;
/// A longer address is not linked: it would eat the room of whole items.
const ADDRESS_MAX_CHARACTERS: usize = 1_000;
/// Full sections of one thread reply, below the limit of a message.
const SECTIONS_PER_REPLY: usize = 3;

/// How much of each item stands in the message itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    /// Everything.
    Full,
    /// Bodies and next steps of what is to be watched stand in the thread.
    ShortWatch,
    /// Only what is to be decided, the rest in the thread.
    DecideOnly,
    /// Only headlines of what is to be decided, nothing linked.
    Headlines,
}

pub(super) fn render(view: &View) -> SlackMessage {
    let (blocks, room) = [
        Room::Full,
        Room::ShortWatch,
        Room::DecideOnly,
        Room::Headlines,
    ]
    .into_iter()
    .map(|room| (main_blocks(view, room), room))
    .find(|(blocks, _)| check_limits(blocks).is_ok())
    .unwrap_or_else(|| (vec![header(view)], Room::Headlines));
    SlackMessage {
        text: escape(&fit(&view.subject, MAX_HEADER_CHARACTERS)),
        blocks,
        replies: replies(view, room),
    }
}

fn main_blocks(view: &View, room: Room) -> Vec<Value> {
    let links = room != Room::Headlines;
    let mut blocks = vec![header(view)];
    for notice in view.notices.iter().take(5) {
        blocks.push(section(&format!(":warning: {}", rich(notice, links))));
    }
    if !view.bottom_line.is_empty() {
        let text = rich(&view.bottom_line, links);
        blocks.push(section(&match view.bottom_label {
            Some(label) => format!("*{label}.* {text}"),
            None => text,
        }));
    }
    let mut in_thread = 0;
    for group in &view.sections {
        let listed = group.decide || matches!(room, Room::Full | Room::ShortWatch);
        if !listed {
            in_thread += group.items.len();
            continue;
        }
        blocks.push(divider());
        if group.decide {
            blocks.push(section(&format!("*{}*", group.title)));
            for item in &group.items {
                blocks.push(section(&item_text(
                    item,
                    view,
                    room != Room::Headlines,
                    links,
                )));
            }
        } else {
            let title = format!("*{}*", group.title);
            let lines = group
                .items
                .iter()
                .map(|item| item_text(item, view, room == Room::Full, links));
            blocks.extend(pack(
                std::iter::once(title).chain(lines),
                MAX_SECTION_CHARACTERS,
            ));
        }
    }
    if in_thread > 0 {
        blocks.push(context(&view.words.in_thread(in_thread)));
    }
    if view.more_count > 0 {
        let more = view.words.in_thread(view.more_count);
        blocks.push(context(&match view.words.highs(view.more_high) {
            Some(highs) => format!("{more}, {highs}"),
            None => more,
        }));
    }
    blocks.extend(resolved(view));
    blocks.push(context(&line(&view.checked_short())));
    blocks
}

/// The resolved ones on one line, as many as find room.
fn resolved(view: &View) -> Option<Value> {
    if view.resolved.is_empty() && view.more_resolved.is_none() {
        return None;
    }
    let names: Vec<String> = view
        .resolved
        .iter()
        .map(|resolved| line(format!("{} {}", resolved.tick, resolved.text()).trim_start()))
        .scan(0, |sum, name| {
            *sum += characters(&name) + 3;
            (*sum < MAX_SECTION_CHARACTERS / 2).then_some(name)
        })
        .collect();
    let label = format!("{}{}", view.resolved_label, view.colon.trim_end());
    let mut text = format!("*{label}* {}", names.join(" · "));
    if names.len() < view.resolved.len() {
        text.push_str(" …");
    } else if let Some(more) = &view.more_resolved {
        text.push(' ');
        text.push_str(more);
    }
    Some(context(&text))
}

/// The thread: items that had no room, then where each comes from, what was not checked, why the reader gets this.
fn replies(view: &View, room: Room) -> Vec<(String, Vec<Value>)> {
    let mut parts: Vec<String> = Vec::new();
    for group in &view.sections {
        let whole_above = match room {
            Room::Full => true,
            Room::ShortWatch | Room::DecideOnly => group.decide,
            Room::Headlines => false,
        };
        if !whole_above {
            parts.push(format!("*{}*", group.title));
            parts.extend(group.items.iter().map(|item| {
                let text = item_text(item, view, true, true);
                if characters(&text) <= MAX_SECTION_CHARACTERS {
                    text
                } else {
                    item_text(item, view, true, false)
                }
            }));
        }
    }
    if !view.rest.is_empty() {
        parts.push(format!("*{}*", view.rest_label));
        parts.extend(view.rest.iter().map(one_line));
        parts.extend(view.unlisted.as_deref().map(line));
    }
    if !view.foot.sources.is_empty() {
        parts.push(format!("*{}*", view.foot.sources_label));
        parts.extend(bullets(&view.foot.sources));
        parts.extend(
            view.items()
                .filter(|item| !item.sources.is_empty())
                .map(|item| format!("{} ← {}", item.number, line(&item.sources))),
        );
    }
    if !view.foot.all_gaps.is_empty() {
        parts.push(format!("*{}*", view.foot.not_checked_label));
        parts.extend(bullets(&view.foot.all_gaps));
    }
    parts.extend(
        view.foot
            .apart
            .as_deref()
            .map(|apart| line(&format!("{apart}."))),
    );
    parts.push(format!("*{}*", view.foot.why_label));
    parts.push(line(&view.foot.why));
    if let Some(page) = &view.foot.page {
        parts.push(link(page, view.foot.page_label));
    }
    let mut replies: Vec<(String, Vec<Value>)> = Vec::new();
    for text in packed(parts, MAX_SECTION_CHARACTERS) {
        let block = section(&text);
        match replies.last_mut() {
            Some((_, blocks)) if blocks.len() < SECTIONS_PER_REPLY => blocks.push(block),
            _ => replies.push((view.foot.sources_label.to_owned(), vec![block])),
        }
    }
    replies
}

fn bullets(lines: &[String]) -> impl Iterator<Item = String> {
    lines.iter().map(|text| format!("• {}", line(text)))
}

/// One item: its mark, headline and record; `whole` with body and next step.
fn item_text(item: &ItemView, view: &View, whole: bool, links: bool) -> String {
    let mut text = format!(
        "*{} · {}*  {}",
        item.number,
        line(&item.mark()),
        rich(&item.headline, links)
    );
    let several_lines =
        whole && !(item.body.is_empty() && item.next.is_empty() && item.also.is_empty());
    if whole && !item.body.is_empty() {
        text.push('\n');
        text.push_str(&rich(&item.body, links));
    }
    if whole && !item.next.is_empty() {
        text.push_str(&format!(
            "\n*{}* {}",
            view.next_label,
            rich(&item.next, links)
        ));
    }
    if whole && !item.also.is_empty() {
        text.push('\n');
        text.push_str(&rich(&item.also, links));
    }
    if let Some(open) = item
        .open
        .as_ref()
        .filter(|open| links && linkable(&open.url))
    {
        text.push_str(if several_lines { "\n" } else { "  " });
        text.push_str(&link(&open.url, &open.label));
    }
    text
}

/// An item as its headline alone, linked with its record.
fn one_line(item: &ItemView) -> String {
    let headline = line(&plain(&item.headline));
    let headline = match item.open.as_ref().filter(|open| linkable(&open.url)) {
        Some(open) => link(&open.url, &plain(&item.headline)),
        None => headline,
    };
    format!("{}. {} · {headline}", item.number, item.severity)
}

/// Sections of at most `max` characters, broken between lines only.
fn pack(lines: impl IntoIterator<Item = String>, max: usize) -> Vec<Value> {
    packed(lines, max)
        .iter()
        .map(|text| section(text))
        .collect()
}

fn packed(lines: impl IntoIterator<Item = String>, max: usize) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for line in lines {
        match texts.last_mut() {
            Some(last) if characters(last) + 1 + characters(&line) <= max => {
                last.push('\n');
                last.push_str(&line);
            }
            _ => texts.push(line),
        }
    }
    texts
}

fn header(view: &View) -> Value {
    let text = [&view.subject, &view.title, &view.instance]
        .into_iter()
        .find(|text| !text.trim().is_empty())
        .map_or_else(
            || "Daybrief".to_owned(),
            |text| fit(text, MAX_HEADER_CHARACTERS),
        );
    json!({ "type": "header", "text": { "type": "plain_text", "text": text, "emoji": false } })
}

/// `verbatim`: Slack makes no links of its own from the text.
fn mrkdwn(text: &str) -> Value {
    json!({ "type": "mrkdwn", "text": text, "verbatim": true })
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": mrkdwn(text) })
}

fn context(text: &str) -> Value {
    json!({ "type": "context", "elements": [mrkdwn(text)] })
}

fn divider() -> Value {
    json!({ "type": "divider" })
}

/// A line as mrkdwn, with or without its links; one that is far beyond a brief's rules is shortened, without links.
fn rich(pieces: &Line, links: bool) -> String {
    let whole = plain(pieces);
    if characters(&escape(&whole)) > LINE_MAX_CHARACTERS {
        return line(&whole);
    }
    pieces
        .iter()
        .map(|piece| match &piece.link {
            Some(url) if links && linkable(url) => link(url, &piece.text),
            _ => escape(&piece.text),
        })
        .collect()
}

/// A text as mrkdwn, shortened where it is far beyond a brief's rules.
fn line(text: &str) -> String {
    let escaped = escape(text);
    if characters(&escaped) <= LINE_MAX_CHARACTERS {
        return escaped;
    }
    // An escaped character takes at most five.
    escape(&fit(text, LINE_MAX_CHARACTERS / 5))
}

fn linkable(url: &str) -> bool {
    url.len() <= ADDRESS_MAX_CHARACTERS
}

/// `<url|text>` (docs.slack.dev, "Formatting text for app surfaces").
fn link(url: &str, text: &str) -> String {
    let url = url
        .replace('|', "%7C")
        .replace('<', "%3C")
        .replace('>', "%3E");
    let url = url.replace('&', "&amp;");
    format!("<{url}|{}>", line(&text.replace('|', "¦")))
}

/// A text that mrkdwn shows as it is. `&`, `<` and `>` have entities (docs.slack.dev, "Formatting text for app
/// surfaces"). The marks of bold, italic, struck out, code, quotation and emoji have no escape, and a character of no
/// width beside one is a word's end to some clients and not to others: so what would be a mark is written with the
/// character that looks like it. `_` and `:` inside a word ("PAY_1", "06:58") are no marks and stay.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = None;
    let mut begins = true;
    for (at, c) in text.char_indices() {
        let after = text.get(at + c.len_utf8()..).unwrap_or_default();
        let inside_word = before.is_some_and(char::is_alphanumeric)
            && after.starts_with(|next: char| next.is_alphanumeric());
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' if begins => out.push('›'),
            '>' => out.push_str("&gt;"),
            '*' => out.push('∗'),
            '~' => out.push('∼'),
            '`' => out.push('ˋ'),
            '_' if !inside_word => out.push('ˍ'),
            ':' if names_emoji(after) => out.push('∶'),
            _ => out.push(c),
        }
        begins &= c.is_whitespace() || c == '>';
        before = Some(c);
    }
    out
}

/// Is the text after a colon a name and another colon? Two digits are the minutes of a time.
fn names_emoji(after: &str) -> bool {
    let Some((name, _)) = after.split_once(':') else {
        return false;
    };
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '+' | '\'');
    let is_minutes = name.len() == 2 && name.bytes().all(|byte| byte.is_ascii_digit());
    !name.is_empty() && !is_minutes && name.chars().all(is_part)
}

/// The text if it has at most `max` of Slack's characters, else its beginning, closed by `…` within the limit.
fn fit(text: &str, max: usize) -> String {
    if characters(text) <= max {
        return text.to_owned();
    }
    let mut length = 1;
    let graphemes = text
        .graphemes(true)
        .take_while(|grapheme| {
            length += characters(grapheme);
            length <= max
        })
        .count();
    shorten(text, graphemes + 1)
}
