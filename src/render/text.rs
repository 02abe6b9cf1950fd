//! Plain lines: `text/plain` of a mail, and the terminal. Addresses stand at the end under numbers, so that they do not
//! break the reading.

use unicode_segmentation::UnicodeSegmentation;

use super::view::{ItemView, Line, View, plain};

/// No line is wrapped narrower, in characters.
const MIN_WIDTH: usize = 40;

/// Whether severities carry colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Terminal,
}

/// The body of a mail, whose subject stands above it.
pub(super) fn body(view: &View, width: usize) -> String {
    let mut page = Page::new(view, width, Style::Plain);
    page.body(view);
    page.out
}

/// The whole brief with its subject.
pub(super) fn whole(view: &View, width: usize, style: Style) -> String {
    let mut page = Page::new(view, width, style);
    page.gap();
    if style == Style::Terminal {
        page.out.push_str("\u{1b}[1m");
    }
    page.wrapped("", "", &view.subject);
    if style == Style::Terminal {
        page.out.push_str("\u{1b}[0m");
    }
    page.body(view);
    page.out
}

struct Page {
    out: String,
    width: usize,
    style: Style,
    links: Vec<String>,
}

impl Page {
    fn new(view: &View, width: usize, style: Style) -> Self {
        let mut page = Self {
            out: String::new(),
            width: width.max(MIN_WIDTH),
            style,
            links: Vec::new(),
        };
        page.line(&format!("{} · {}", view.title, view.due));
        page
    }

    fn body(&mut self, view: &View) {
        for notice in &view.notices {
            let text = self.rich(notice);
            self.gap();
            self.wrapped("! ", "  ", &text);
        }
        if !view.bottom_line.is_empty() {
            self.gap();
            if let Some(label) = view.bottom_label {
                self.title(label);
            }
            let text = self.rich(&view.bottom_line);
            self.wrapped("", "", &text);
        }
        for section in &view.sections {
            self.gap();
            self.title(section.title);
            for (index, item) in section.items.iter().enumerate() {
                if index > 0 && section.decide {
                    self.gap();
                }
                self.item(item, view.next_label);
            }
        }
        if let Some(more) = &view.more {
            self.gap();
            self.wrapped("", "", more);
        }
        if !view.resolved.is_empty() || view.more_resolved.is_some() {
            self.gap();
            self.title(view.resolved_label);
            for resolved in &view.resolved {
                let tick = format!("{:<3}", resolved.tick);
                self.wrapped(&tick, "   ", &resolved.text());
            }
            if let Some(more) = &view.more_resolved {
                self.wrapped("   ", "   ", more);
            }
        }
        self.foot(view);
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    fn gap(&mut self) {
        self.out.push('\n');
    }

    fn title(&mut self, text: &str) {
        let title = text.to_uppercase();
        match self.style {
            Style::Plain => self.line(&title),
            Style::Terminal => self.line(&format!("\u{1b}[1m{title}\u{1b}[0m")),
        }
    }

    fn item(&mut self, item: &ItemView, next_label: &str) {
        let number = format!("{:<3}", format!("{} ", item.number));
        let indent = " ".repeat(number.len());
        let mark = format!(
            "[{} · {}]",
            item.severity.to_uppercase(),
            item.status.replace(' ', "\u{a0}")
        );
        let headline = self.rich_of(item, &item.headline);
        let begin = self.out.len();
        self.wrapped(&number, &indent, &format!("{mark}  {headline}"));
        self.paint(begin, item);
        if !item.body.is_empty() {
            let body = self.rich_of(item, &item.body);
            self.wrapped(&indent, &indent, &body);
        }
        if !item.next.is_empty() {
            let next = self.rich_of(item, &item.next);
            self.wrapped(&indent, &indent, &format!("{next_label} {next}"));
        }
        if !item.also.is_empty() {
            self.wrapped(&indent, &indent, &plain(&item.also));
        }
        if let Some(open) = &item.open {
            let text = self.reference(&open.label, &open.url);
            self.wrapped(&indent, &indent, &format!("→ {text}"));
        }
    }

    /// An item as its headline alone, with its record's number.
    fn one_line(&mut self, item: &ItemView) {
        let number = format!("{:<3}", format!("{} ", item.number));
        let indent = " ".repeat(number.len());
        let mut text = format!("[{}] ", item.severity.to_uppercase());
        match &item.open {
            Some(open) => text.push_str(&self.reference(&plain(&item.headline), &open.url)),
            None => text.push_str(&self.rich(&item.headline)),
        }
        self.wrapped(&number, &indent, &text);
    }

    /// Colours the severity's word in the item's first line.
    fn paint(&mut self, begin: usize, item: &ItemView) {
        if self.style == Style::Plain {
            return;
        }
        let code = match item.level {
            "high" => "1;31",
            "medium" => "33",
            _ => "2",
        };
        let word = item.severity.to_uppercase();
        if let Some(at) = self
            .out
            .get(begin..)
            .and_then(|text| text.find(&word))
            .map(|at| begin + at)
        {
            self.out.insert_str(at + word.len(), "\u{1b}[0m");
            self.out.insert_str(at, &format!("\u{1b}[{code}m"));
        }
    }

    /// The line's text with each link's number, once a line, behind the phrase that the link's last piece is part of.
    fn rich(&mut self, line: &Line) -> String {
        self.numbered(line, None)
    }

    /// The text of an item's line. What its own record says carries no number: the item ends with that link.
    fn rich_of(&mut self, item: &ItemView, line: &Line) -> String {
        self.numbered(line, item.open.as_ref().map(|open| open.url.as_str()))
    }

    fn numbered(&mut self, line: &Line, own: Option<&str>) -> String {
        let mut text = plain(line);
        let mut end = 0;
        let mut marks = Vec::new();
        for (at, piece) in line.iter().enumerate() {
            end += piece.text.len();
            let after = line.get(at + 1..).unwrap_or_default();
            let Some(link) = piece.link.as_deref().filter(|link| Some(*link) != own) else {
                continue;
            };
            if after
                .iter()
                .any(|later| later.link.as_deref() == Some(link))
            {
                continue;
            }
            // Up to the next link, which would be taken for this one's.
            let until_link = after.iter().position(|later| later.link.is_some());
            let rest = text.get(end..).unwrap_or_default();
            let free: usize = after
                .iter()
                .take(until_link.unwrap_or(usize::MAX))
                .map(|later| later.text.len())
                .sum();
            let phrase = phrase_end(rest);
            let place = if until_link.is_none() || phrase <= free {
                phrase
            } else {
                closers(rest)
            };
            marks.push((end + place, self.number(link)));
        }
        for (place, number) in marks.into_iter().rev() {
            let before = text.get(..place).unwrap_or_default().trim_end();
            let after = text.get(before.len()..).unwrap_or_default();
            text = format!("{before}\u{a0}[{number}]{after}");
        }
        text
    }

    fn reference(&mut self, text: &str, url: &str) -> String {
        format!("{}\u{a0}[{}]", text.trim_end(), self.number(url))
    }

    fn number(&mut self, url: &str) -> usize {
        match self.links.iter().position(|known| known == url) {
            Some(at) => at + 1,
            None => {
                self.links.push(url.to_owned());
                self.links.len()
            }
        }
    }

    fn foot(&mut self, view: &View) {
        self.gap();
        self.line(&"-".repeat(self.width));
        if !view.rest.is_empty() {
            self.title(view.rest_label);
            for item in &view.rest {
                self.one_line(item);
            }
            if let Some(unlisted) = &view.unlisted {
                self.wrapped("   ", "   ", unlisted);
            }
            self.gap();
        }
        let mut parts = vec![view.foot.checked.clone()];
        parts.extend(view.foot.sources.iter().cloned());
        parts.extend(view.foot.edition.map(str::to_owned));
        self.wrapped("", "", &parts.join(" · "));
        if let Some(apart) = &view.foot.apart {
            self.wrapped("", "", &format!("{apart}."));
        }
        if !view.foot.gaps.is_empty() {
            let gaps = view.foot.gaps.join("; ");
            let label = view.foot.not_checked_label;
            self.wrapped("", "", &format!("{label}{}{gaps}.", view.colon));
        }
        self.wrapped(
            "",
            "",
            &format!("{}{}{}", view.foot.why_label, view.colon, view.foot.why),
        );
        if let Some(page) = &view.foot.page {
            let text = self.reference(view.foot.page_label, page);
            self.wrapped("", "", &text);
        }
        self.wrapped("", "", &view.instance);
        if self.links.is_empty() {
            return;
        }
        self.gap();
        for (index, url) in std::mem::take(&mut self.links).iter().enumerate() {
            self.line(&format!("[{}] {url}", index + 1));
        }
    }

    /// The text in lines of at most the page's width, a word that is longer on a line of its own.
    fn wrapped(&mut self, first: &str, rest: &str, text: &str) {
        let mut line = first.to_owned();
        let mut empty = true;
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            if !empty && length(&line) + 1 + length(word) > self.width {
                let full = std::mem::replace(&mut line, rest.to_owned());
                self.line(&unglued(&full));
                empty = true;
            }
            if !empty {
                line.push(' ');
            }
            line.push_str(word);
            empty = false;
        }
        if !empty {
            self.line(&unglued(&line));
        }
    }
}

/// How long the marks are that close what stands before the text.
fn closers(text: &str) -> usize {
    text.len()
        - text
            .trim_start_matches(['”', '“', '»', '\u{202f}', '"', '’', '\'', ')', ']'])
            .len()
}

/// Words that begin another phrase.
const JOINING: [&str; 10] = [
    "and", "or", "but", "und", "oder", "aber", "et", "ou", "y", "o",
];

/// Where the phrase ends that goes on with this text: before a mark of punctuation that white space or nothing follows, a
/// bracket, or a word that begins another phrase.
fn phrase_end(text: &str) -> usize {
    let begin = closers(text);
    let rest = text.get(begin..).unwrap_or_default();
    let end = rest.char_indices().find(|(at, c)| {
        let after = rest.get(at + c.len_utf8()..).unwrap_or_default();
        let closed = after.get(closers(after)..).unwrap_or_default();
        matches!(c, '.' | ',' | ';' | ':' | '!' | '?')
            && !closed.starts_with(|c: char| !c.is_whitespace())
            || *c == '('
            || *c == ' ' && JOINING.contains(&after.split(' ').next().unwrap_or_default())
    });
    begin + end.map_or(rest.len(), |(at, _)| at)
}

fn length(text: &str) -> usize {
    text.graphemes(true).count()
}

/// No-break spaces have done their work once lines are broken.
fn unglued(line: &str) -> String {
    line.replace('\u{a0}', " ")
}
