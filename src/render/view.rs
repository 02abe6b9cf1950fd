//! What every rendering shows, with all words, numbers and times already written for the reader. The channels differ
//! in form only.

use std::collections::BTreeSet;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::Serialize;
use url::Url;

use super::{Instance, words::Words};
use crate::{
    domain::{
        brief::{Brief, Item, Source},
        finding::Gap,
        rich::Rich,
    },
    ids::ConnectorId,
    text::{Language, shorten, visible},
};

/// A piece of a line: text, perhaps a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Piece {
    pub text: String,
    pub link: Option<String>,
}

/// A line of text with links.
pub(super) type Line = Vec<Piece>;

#[derive(Debug, Serialize)]
pub(super) struct View {
    #[serde(skip)]
    pub words: &'static Words,
    pub lang: &'static str,
    pub instance: String,
    pub title: String,
    pub subject: String,
    pub preheader: String,
    pub due: String,
    pub notices: Vec<Line>,
    pub bottom_label: Option<&'static str>,
    pub bottom_line: Line,
    pub sections: Vec<Section>,
    pub more: Option<String>,
    #[serde(skip)]
    pub more_count: usize,
    #[serde(skip)]
    pub more_high: usize,
    pub rest_label: &'static str,
    /// Headlines that stand below the line.
    pub rest: Vec<ItemView>,
    /// How many are not listed there either.
    pub unlisted: Option<String>,
    pub resolved_label: &'static str,
    pub resolved: Vec<Resolved>,
    pub more_resolved: Option<String>,
    pub colon: &'static str,
    pub next_label: &'static str,
    pub source_label: &'static str,
    pub foot: Foot,
}

#[derive(Debug, Serialize)]
pub(super) struct Section {
    pub title: &'static str,
    /// True for what is to be decided today.
    pub decide: bool,
    pub items: Vec<ItemView>,
}

#[derive(Debug, Serialize)]
pub(super) struct ItemView {
    pub number: usize,
    /// `high`, `medium`, `low`: names the colour.
    pub level: &'static str,
    pub severity: &'static str,
    pub status: String,
    pub headline: Line,
    pub body: Line,
    pub next: Line,
    /// How many more there are of its subject.
    pub also: Line,
    pub open: Option<OpenView>,
    /// "Jira 06:58, GitLab 06:58".
    pub sources: String,
}

#[derive(Debug, Serialize)]
pub(super) struct OpenView {
    pub label: String,
    pub url: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Resolved {
    /// A tick; none where only its date is over.
    pub tick: &'static str,
    pub said: String,
    pub open: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Foot {
    /// "Checked 18 of 21 signals".
    pub checked: String,
    /// "Jira 06:58", "GitLab –".
    pub sources: Vec<String>,
    /// "data 06:58–06:59"; nothing where a source did not answer.
    pub data: Option<String>,
    pub sources_label: &'static str,
    pub not_checked_label: &'static str,
    /// What a notice does not say already.
    pub gaps: Vec<String>,
    /// All of them, for the details.
    pub all_gaps: Vec<String>,
    pub edition: Option<&'static str>,
    /// That amounts of several currencies are not held against each other.
    pub apart: Option<String>,
    pub why_label: &'static str,
    pub why: String,
    pub page_label: &'static str,
    pub page: Option<String>,
}

impl View {
    pub fn new(brief: &Brief, instance: &Instance) -> Self {
        let words = Words::of(brief.language);
        let times = Times::new(brief);
        let items = |items: &[Item]| {
            items
                .iter()
                .map(|item| item_view(item, brief, words, &times))
                .collect::<Vec<_>>()
        };
        let sections = [
            (words.decide, true, items(&brief.decide)),
            (words.watch, false, items(&brief.watch)),
        ];
        Self {
            words,
            lang: brief.language.tag(),
            instance: visible(&instance.name),
            title: visible(&brief.title),
            subject: visible(&brief.subject),
            preheader: visible(&brief.preheader),
            due: times.full(brief.due),
            notices: brief.notices.iter().map(line).collect(),
            bottom_label: brief.has_bottom_label().then_some(words.bottom_line),
            bottom_line: line(&brief.bottom_line),
            sections: sections
                .into_iter()
                .filter(|(_, _, items)| !items.is_empty())
                .map(|(title, decide, items)| Section {
                    title,
                    decide,
                    items,
                })
                .collect(),
            more: (brief.more > 0).then(|| words.more(brief.more, brief.more_high)),
            more_count: brief.more,
            more_high: brief.more_high,
            rest_label: words.rest,
            rest: items(&brief.rest),
            unlisted: brief
                .more
                .checked_sub(brief.rest.len())
                .filter(|unlisted| *unlisted > 0)
                .map(|unlisted| words.unlisted(unlisted)),
            resolved_label: words.resolved,
            resolved: brief
                .resolved
                .iter()
                .map(|resolved| Resolved {
                    tick: if resolved.passed { "" } else { "✓" },
                    said: visible(&resolved.said),
                    open: (resolved.open_days > 0).then(|| words.open_days(resolved.open_days)),
                })
                .collect(),
            more_resolved: (brief.more_resolved > 0)
                .then(|| words.more_resolved(brief.more_resolved)),
            colon: words.colon,
            next_label: words.next,
            source_label: words.source,
            foot: foot(brief, instance, words, &times),
        }
    }

    /// The foot's first line: what was checked, when, who chose in it.
    pub fn checked_line(&self) -> String {
        let mut parts = vec![self.foot.checked.clone()];
        parts.extend(self.foot.sources.iter().cloned());
        parts.extend(self.foot.edition.map(str::to_owned));
        parts.join(" · ")
    }

    /// The same on less room: the span of times instead of each source, where all answered.
    pub fn checked_short(&self) -> String {
        let Some(data) = &self.foot.data else {
            return self.checked_line();
        };
        let mut parts = vec![self.foot.checked.clone(), data.clone()];
        parts.extend(self.foot.edition.map(str::to_owned));
        parts.join(" · ")
    }

    pub fn items(&self) -> impl Iterator<Item = &ItemView> {
        self.sections.iter().flat_map(|section| &section.items)
    }

    /// Brings a brief that is far beyond its rules to a bounded size: no links inside sentences, texts and addresses of
    /// a bounded length, lists of a bounded number.
    pub fn simplify(&mut self) {
        const TEXT_CHARACTERS: usize = 200;
        const ADDRESS_CHARACTERS: usize = 1_000;
        const LIST_ITEMS: usize = 20;
        let short = |line: &mut Line| {
            let text = shorten(&plain(line), TEXT_CHARACTERS);
            *line = vec![Piece { text, link: None }];
            line.retain(|piece| !piece.text.is_empty());
        };
        let cut = |text: &mut String| *text = shorten(text, TEXT_CHARACTERS);
        for text in [
            &mut self.instance,
            &mut self.title,
            &mut self.subject,
            &mut self.preheader,
            &mut self.foot.why,
        ] {
            cut(text);
        }
        self.notices.truncate(LIST_ITEMS);
        self.notices.iter_mut().for_each(short);
        short(&mut self.bottom_line);
        for section in &mut self.sections {
            section.items.truncate(LIST_ITEMS);
            for item in &mut section.items {
                cut(&mut item.status);
                short(&mut item.headline);
                short(&mut item.body);
                short(&mut item.next);
                short(&mut item.also);
                cut(&mut item.sources);
                item.open
                    .take_if(|open| open.url.len() > ADDRESS_CHARACTERS);
                if let Some(open) = &mut item.open {
                    cut(&mut open.label);
                }
            }
        }
        self.rest.truncate(LIST_ITEMS);
        for item in &mut self.rest {
            short(&mut item.headline);
            cut(&mut item.status);
            item.open = None;
        }
        self.resolved.truncate(LIST_ITEMS);
        self.resolved
            .iter_mut()
            .for_each(|resolved| cut(&mut resolved.said));
        for list in [
            &mut self.foot.sources,
            &mut self.foot.gaps,
            &mut self.foot.all_gaps,
        ] {
            list.truncate(LIST_ITEMS);
            list.iter_mut().for_each(cut);
        }
    }
}

impl ItemView {
    /// "High · new".
    pub fn mark(&self) -> String {
        format!("{} · {}", self.severity, self.status)
    }
}

impl Resolved {
    /// "INFRA-402 disk growth on db-3 (open 6 days)".
    pub fn text(&self) -> String {
        match &self.open {
            Some(open) => format!("{} ({open})", self.said),
            None => self.said.clone(),
        }
    }
}

fn item_view(item: &Item, brief: &Brief, words: &Words, times: &Times) -> ItemView {
    ItemView {
        number: item.number,
        level: item.severity.word(),
        severity: words.severity(item.severity),
        status: visible(&words.status(&item.status, item.severity)),
        headline: line(&item.headline),
        body: line(&item.body),
        next: line(&item.next),
        also: line(&item.also),
        open: item.open.as_ref().and_then(|open| {
            Some(OpenView {
                label: words.button(&visible(&open.label)),
                url: web_link(&open.url)?,
            })
        }),
        sources: item_sources(item, brief, times),
    }
}

/// Each source of the item's evidence once, with its time. Tools and pointers are not for readers.
fn item_sources(item: &Item, brief: &Brief, times: &Times) -> String {
    let mut seen = BTreeSet::new();
    let mut parts = Vec::new();
    for evidence in &item.evidence {
        if seen.insert(&evidence.connector) {
            let title = source_title(brief, &evidence.connector);
            parts.push(format!("{title} {}", times.short(evidence.as_of)));
        }
    }
    parts.join(", ")
}

fn foot(brief: &Brief, instance: &Instance, words: &Words, times: &Times) -> Foot {
    let source = |source: &Source| {
        let when = source
            .as_of
            .map_or_else(|| "–".to_owned(), |instant| times.short(instant));
        // The time stays on the line of its source.
        format!("{}\u{a0}{when}", visible(&source.title))
    };
    let gap = |gap: &Gap| {
        let title = source_title(brief, &gap.connector);
        let cause = gap.cause.clause_in(words.language());
        let count = gap.signals.iter().collect::<BTreeSet<_>>().len();
        let mut about = Vec::new();
        if count > 0 {
            let signals = if gap.in_part {
                words.signals_in_part(count)
            } else {
                words.signals(count)
            };
            let titles: Vec<String> = gap.titles.iter().map(|title| visible(title)).collect();
            about.push(if titles.is_empty() {
                signals
            } else {
                format!("{signals}{}{}", words.colon, titles.join(", "))
            });
        }
        if let Some(last_good) = gap.last_good {
            about.push(words.last_good(&times.near(last_good)));
        }
        if about.is_empty() {
            format!("{title} {cause}")
        } else {
            format!("{title} {cause} ({})", about.join("; "))
        }
    };
    let unsaid = |gap: &&Gap| !gap.high || brief.notices.is_empty();
    Foot {
        checked: words.checked(brief.checked.checked, brief.checked.total),
        sources: brief.sources.iter().map(source).collect(),
        data: times.span(&brief.sources).map(|span| words.data(&span)),
        sources_label: words.sources,
        not_checked_label: words.not_checked,
        gaps: once(brief.gaps.iter().filter(unsaid).map(gap)),
        all_gaps: once(brief.gaps.iter().map(gap)),
        edition: words.edition(&brief.edition),
        apart: words.apart(&brief.ranked_apart),
        why_label: words.why_title,
        why: words.why(
            &visible(&brief.title),
            &instance
                .role
                .as_deref()
                .map_or_else(|| brief.role.to_string(), visible),
            &format!("{} ({})", times.full(brief.due), visible(&brief.zone)),
        ),
        page_label: words.page,
        page: instance.page.as_ref().and_then(web_link),
    }
}

/// The texts in their order, each once.
fn once(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    texts.filter(|text| seen.insert(text.clone())).collect()
}

/// The source's title as the reader knows it; its id where the brief names none.
fn source_title(brief: &Brief, connector: &ConnectorId) -> String {
    brief
        .sources
        .iter()
        .find(|source| source.connector == *connector)
        .map_or_else(|| connector.to_string(), |source| visible(&source.title))
}

/// Instants in the brief's zone. An unknown zone is shown as UTC: nothing here may fail.
struct Times {
    zone: TimeZone,
    today: Date,
    language: Language,
}

impl Times {
    fn new(brief: &Brief) -> Self {
        let zone = crate::zones::get(&brief.zone).unwrap_or(TimeZone::UTC);
        Self {
            today: brief.made.to_zoned_datetime(zone.clone()).date(),
            zone,
            language: brief.language,
        }
    }

    /// "06:58", with the date where it is another day than the brief's.
    fn short(&self, instant: Timestamp) -> String {
        let local = instant.to_zoned_datetime(self.zone.clone());
        if local.date() == self.today {
            format!("{:02}:{:02}", local.hour(), local.minute())
        } else {
            self.full(instant)
        }
    }

    /// "yesterday 07:10".
    fn near(&self, instant: Timestamp) -> String {
        self.language.instant(instant, &self.zone, self.today)
    }

    /// "Tue 24 Nov 07:10".
    fn full(&self, instant: Timestamp) -> String {
        let local = instant.to_zoned_datetime(self.zone.clone());
        format!(
            "{} {:02}:{:02}",
            self.language.date(local.date(), self.today),
            local.hour(),
            local.minute()
        )
    }

    /// "06:58–06:59" over all sources; nothing where one did not answer or there is none.
    fn span(&self, sources: &[Source]) -> Option<String> {
        let answered: Vec<Timestamp> = sources
            .iter()
            .map(|source| source.as_of)
            .collect::<Option<_>>()?;
        let first = self.short(*answered.iter().min()?);
        let last = self.short(*answered.iter().max()?);
        Some(if first == last {
            first
        } else {
            format!("{first}–{last}")
        })
    }
}

/// Links of at most so many characters are not broken at a line's end.
const GLUED_CHARACTERS: usize = 16;

/// A line's pieces, cleaned; links that are not of the web are left out, their text stays.
fn line(rich: &Rich) -> Line {
    if rich.is_empty() {
        return Line::new();
    }
    rich.spans()
        .iter()
        .map(|span| {
            let mut text = visible(&span.text);
            let link = span.link.as_ref().and_then(web_link);
            // A figure and its unit stay on one line.
            if link.is_some() && text.chars().count() <= GLUED_CHARACTERS {
                text = text.replace(' ', "\u{a0}");
            }
            Piece { text, link }
        })
        .collect()
}

/// The address, if a reader's program opens it as a page.
fn web_link(url: &Url) -> Option<String> {
    matches!(url.scheme(), "https" | "http").then(|| url.as_str().to_owned())
}

/// The line's text alone.
pub(super) fn plain(line: &[Piece]) -> String {
    line.iter().map(|piece| piece.text.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_is_no_page_is_dropped_and_its_text_stays() {
        let mut rich = Rich::default();
        rich.push("x", Url::parse("javascript:alert(1)").ok());
        rich.push("2 days", Url::parse("https://acme.example/y").ok());
        let line = line(&rich);
        assert_eq!(plain(&line), "x2\u{a0}days");
        assert_eq!(line[0].link, None);
        assert_eq!(line[1].link.as_deref(), Some("https://acme.example/y"));
    }
}
