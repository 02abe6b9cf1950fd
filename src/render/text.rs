//! The brief as plain text: for a terminal and for a mail's text part.

use super::{clock, closed, more_line, resolved_lines, sources_line, status_words};
use crate::domain::brief::{Brief, Item};

/// With or without a terminal's bold and faint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    Terminal,
}

impl Style {
    fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }
    fn faint(self, text: &str) -> String {
        self.wrap("2", text)
    }
    fn wrap(self, code: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Terminal => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}

/// The brief in lines of at most `width` characters.
pub fn text(brief: &Brief, width: usize, style: Style) -> String {
    let mut lines = vec![style.bold(&brief.subject), String::new()];
    let mut paragraph = |lines: &mut Vec<String>, indent: usize, text: &str| {
        lines.extend(
            wrap(text, width.saturating_sub(indent))
                .into_iter()
                .map(|line| format!("{:indent$}{line}", "")),
        );
    };
    for notice in &brief.notices {
        paragraph(&mut lines, 0, &notice.text());
        lines.push(String::new());
    }
    if !brief.bottom_line.is_empty() {
        if !brief.decide.is_empty() || !brief.watch.is_empty() {
            lines.push(style.bold("BOTTOM LINE"));
        }
        paragraph(&mut lines, 0, &brief.bottom_line.text());
        lines.push(String::new());
    }
    for (title, items) in [("DECIDE TODAY", &brief.decide), ("WATCH", &brief.watch)] {
        if items.is_empty() {
            continue;
        }
        lines.push(style.bold(title));
        for item in items {
            item_lines(brief, item, style, &mut lines, &mut paragraph);
        }
        lines.push(String::new());
    }
    if let Some(more) = more_line(brief) {
        lines.extend([more, String::new()]);
    }
    let resolved = resolved_lines(brief);
    if !resolved.is_empty() {
        lines.push(style.bold("RESOLVED SINCE THE LAST BRIEF"));
        for line in resolved {
            paragraph(&mut lines, 0, &format!("✓ {line}"));
        }
        lines.push(String::new());
    }
    lines.push("-".repeat(width.min(78)));
    for line in wrap(&sources_line(brief), width) {
        lines.push(style.faint(&line));
    }
    lines.push(style.faint(&format!("Due {} {}", clock(brief, brief.due), brief.zone)));
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

fn item_lines(
    brief: &Brief,
    item: &Item,
    style: Style,
    lines: &mut Vec<String>,
    paragraph: &mut impl FnMut(&mut Vec<String>, usize, &str),
) {
    let mark = format!(
        "{}  [{} · {}]",
        item.number,
        item.severity.word().to_uppercase(),
        status_words(brief, &item.status)
    );
    lines.push(style.bold(&mark));
    paragraph(lines, 3, &item.headline.text());
    if !item.body.is_empty() {
        paragraph(lines, 3, &closed(&item.body));
    }
    if !item.next.is_empty() {
        paragraph(lines, 3, &format!("Next: {}", closed(&item.next)));
    }
    if let Some(open) = &item.open {
        lines.push(format!("   {}", style.faint(open.url.as_str())));
    }
}

/// Breaks at white space; a word longer than the width stands alone.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
