//! Text with links in it, before any channel has given it a form.

use serde::{Deserialize, Serialize};
use url::Url;

/// A piece of text, perhaps a link to the record that it speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Url>,
}

/// A line of text made of spans; neighbours of the same link are one span.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rich(Vec<Span>);

impl Rich {
    /// Text without a link.
    pub fn plain(text: impl Into<String>) -> Self {
        let mut rich = Self::default();
        rich.push(text, None);
        rich
    }

    /// Adds a piece of text at the end.
    pub fn push(&mut self, text: impl Into<String>, link: Option<Url>) {
        let text = text.into();
        if text.is_empty() {
            return;
        }
        match self.0.last_mut() {
            Some(last) if last.link == link => last.text.push_str(&text),
            _ => self.0.push(Span { text, link }),
        }
    }

    /// Adds another text at the end.
    pub fn append(&mut self, other: Self) {
        for span in other.0 {
            self.push(span.text, span.link);
        }
    }

    /// Ends it with a full stop, unless it ends so already: with "Dez.", with "!".
    pub fn close(&mut self) {
        let ends = |text: &str| text.ends_with(['.', '!', '?', '…']);
        if self.0.last().is_some_and(|last| !ends(&last.text)) {
            self.push(".", None);
        }
    }

    /// Its spans, in order.
    pub fn spans(&self) -> &[Span] {
        &self.0
    }

    /// Its spans, to change their texts or links in place.
    pub fn spans_mut(&mut self) -> impl Iterator<Item = &mut Span> {
        self.0.iter_mut()
    }

    /// The text alone.
    pub fn text(&self) -> String {
        self.0.iter().map(|span| span.text.as_str()).collect()
    }

    /// True where there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|span| span.text.trim().is_empty())
    }
}

impl std::fmt::Display for Rich {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|span| f.write_str(&span.text))
    }
}
