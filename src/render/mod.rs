//! One brief, one place per channel that gives it its form. Pure: the same brief gives the same bytes.
//!
//! All forms say the same in the same order: notices, bottom line, what to decide, what to watch, what is resolved, and
//! a foot with what was checked. The words are in `words`, the values in `view`; a channel's own file decides only
//! the form. No form has a link that acts, a script, or anything that is loaded from elsewhere.

mod html;
mod slack;
mod slack_limits;
mod text;
mod view;
mod words;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

use url::Url;

use crate::{
    channels::{EmailMessage, FolderMessage, Message, SlackMessage},
    domain::{brief::Brief, delivery::Address},
};
use view::View;

pub use slack_limits::{LimitExceeded, check_limits};

/// The largest HTML part: Gmail cuts what is longer.
pub const EMAIL_HTML_MAX_BYTES: usize = 100_000;

/// Characters of a line of `text/plain`, so that no mail program breaks it again.
pub const TEXT_WIDTH: usize = 76;

/// What a brief says of the instance that made it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instance {
    /// The company's name, in the foot.
    pub name: String,
    /// The title of the reader's role; its id stands where there is none.
    pub role: Option<String>,
    /// The page on which this very brief can be read, where one is served.
    pub page: Option<Url>,
}

/// The form for one address's channel.
pub fn message(brief: &Brief, instance: &Instance, to: &Address) -> Message {
    match to {
        Address::Email { .. } => Message::Email(email(brief, instance)),
        Address::Slack { .. } => Message::Slack(slack(brief, instance)),
        Address::Folder { .. } => Message::Folder(folder(brief, instance)),
    }
}

/// A mail: one column of at most 600 pixels for every mail program, and the same as plain text.
///
/// The HTML stays under [`EMAIL_HTML_MAX_BYTES`]: where texts or addresses far beyond a brief's rules would break that,
/// the HTML part goes without links inside sentences and with shortened texts; the plain text keeps all.
pub fn email(brief: &Brief, instance: &Instance) -> EmailMessage {
    let mut view = View::new(brief, instance);
    let text = text::body(&view, TEXT_WIDTH);
    let mut html = html::email(&view);
    if html.len() > EMAIL_HTML_MAX_BYTES {
        view.simplify();
        html = html::email(&view);
    }
    EmailMessage {
        to_name: None,
        subject: view.subject,
        text,
        html,
        list: brief.briefing.to_string(),
        language: brief.language.tag().to_owned(),
    }
}

/// A Slack message within Slack's limits; what does not fit stands in its thread, as do sources and gaps.
pub fn slack(brief: &Brief, instance: &Instance) -> SlackMessage {
    slack::render(&View::new(brief, instance))
}

/// The brief as lines of at most `width` characters (at least 40), addresses at the end. With `colour`, severities carry
/// the colours of a terminal (ECMA-48), besides their words.
pub fn text(brief: &Brief, instance: &Instance, width: usize, colour: bool) -> String {
    let style = if colour {
        text::Style::Terminal
    } else {
        text::Style::Plain
    };
    text::whole(&View::new(brief, instance), width, style)
}

/// One HTML page that holds all it needs: no script, nothing loaded from elsewhere.
pub fn web(brief: &Brief, instance: &Instance) -> String {
    html::web(&View::new(brief, instance))
}

/// The files of a brief, the page that a person opens first.
pub fn folder(brief: &Brief, instance: &Instance) -> FolderMessage {
    let slack = slack(brief, instance);
    let replies: Vec<_> = slack
        .replies
        .iter()
        .map(|(text, blocks)| serde_json::json!({ "text": text, "blocks": blocks }))
        .collect();
    let slack = serde_json::json!({
        "text": slack.text, "blocks": slack.blocks, "replies": replies,
    });
    let json = serde_json::to_value(brief).unwrap_or_default();
    FolderMessage {
        mail: email(brief, instance),
        files: vec![
            ("brief.html".to_owned(), web(brief, instance).into_bytes()),
            (
                "brief.txt".to_owned(),
                text(brief, instance, TEXT_WIDTH, false).into_bytes(),
            ),
            ("brief.json".to_owned(), pretty(&json)),
            ("slack.json".to_owned(), pretty(&slack)),
        ],
    }
}

fn pretty(value: &serde_json::Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}
