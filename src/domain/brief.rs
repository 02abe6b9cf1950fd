//! The brief: what is said to people, and kept. It holds nothing of the business beyond the words that it says.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    domain::{
        finding::{Evidence, Fingerprint, Gap, Mark, Severity, Status},
        rich::Rich,
    },
    ids::{BriefingId, ConnectorId, RoleId, RunId, SignalId},
    money::Currency,
    text::{Language, word_count},
};

/// A composed brief.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brief {
    pub run: RunId,
    pub briefing: BriefingId,
    /// The briefing's title: "Engineering".
    pub title: String,
    pub role: RoleId,
    pub language: Language,
    /// IANA zone in which its times are written.
    pub zone: String,
    /// The instant it was due.
    pub due: Timestamp,
    /// The instant it was composed.
    pub made: Timestamp,
    pub edition: Edition,
    /// The judgement in one line, at most 70 characters.
    pub subject: String,
    /// At most 110 characters; empty where there is nothing second.
    pub preheader: String,
    /// Said before everything else: late, sources not checked, plain edition. Each one sentence or two.
    pub notices: Vec<Rich>,
    /// At most two sentences, 45 words.
    pub bottom_line: Rich,
    /// At most three.
    pub decide: Vec<Item>,
    pub watch: Vec<Item>,
    /// Risks that are neither to decide nor to watch; counted.
    pub more: usize,
    /// How many of those are high.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_high: usize,
    /// The worst of those, each a headline alone: they stand below the line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rest: Vec<Item>,
    pub resolved: Vec<Resolved>,
    /// Resolved ones that are not named.
    pub more_resolved: usize,
    /// Currencies of what is at stake, in the order in which they stand, where there are several: their amounts are not held
    /// against each other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranked_apart: Vec<Currency>,
    pub sources: Vec<Source>,
    pub checked: Checked,
    pub gaps: Vec<Gap>,
    pub grounding: Grounding,
    /// What the next run compares with, of every finding, also those not shown.
    pub marks: Vec<Mark>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Who chose in it, or why nobody did. Its sentences are always the signals' own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "edition", rename_all = "kebab-case")]
pub enum Edition {
    /// A model chose what is named first, what stands side by side and what is left out.
    Selected { model: String, local: bool },
    /// As it was composed: no model is set, or there was nothing to choose.
    BuiltIn,
    /// As it was composed, because the model failed; why, in words for a reader.
    Plain { reason: String },
    /// Nothing new and nothing worse: no model was asked.
    Quiet,
    /// No source answered.
    Nothing,
    /// Its time was over before it could be made: one line says so instead.
    TooLate,
    /// Not a brief: a word to the admin about one.
    Notice,
}

/// One risk as it stands in the brief.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its number in the brief, from 1.
    pub number: usize,
    pub signal: SignalId,
    pub fingerprint: Fingerprint,
    pub severity: Severity,
    pub status: Status,
    pub headline: Rich,
    /// Empty on an item of one line.
    pub body: Rich,
    pub next: Rich,
    /// How many more there are of its subject, and under which numbers they stand below the line.
    #[serde(default, skip_serializing_if = "Rich::is_empty")]
    pub also: Rich,
    /// The record to open, with its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<Open>,
    pub evidence: Vec<Evidence>,
}

/// A link that stands as a button.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    pub label: String,
    pub url: Url,
}

/// A risk that is gone since the brief before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    pub fingerprint: Fingerprint,
    /// What it is called, from what was said last.
    pub said: String,
    /// Only its date is over: whether it was settled is not known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passed: bool,
    /// Local dates from the first sighting to the last.
    pub open_days: i64,
}

/// A source that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    pub connector: ConnectorId,
    pub title: String,
    /// When it answered last; nothing where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
}

/// How many signals were checked of how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    pub checked: usize,
    pub total: usize,
}

/// What became of a model's choices.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grounding {
    /// Choices that the model made.
    pub written: usize,
    pub kept: usize,
    pub struck: Vec<Struck>,
}

/// A choice that was not let through. Its text is not kept: it may say what must not be said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Struck {
    /// What it was to decide: `name`, `together`, `leave_out`.
    pub place: String,
    /// Why, such as "not among what could be chosen".
    pub reason: String,
}

impl Brief {
    /// The items in reading order.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.decide.iter().chain(&self.watch)
    }

    /// Words above the line under which the details stand, for the rule that they are read in 60 s: all that a form shows
    /// there, from the subject to what is resolved, with headings, numbers and marks; without link marks and the labels of
    /// links. A test in `render` counts them in a form.
    pub fn words_above_the_line(&self) -> usize {
        let rich = |text: &Rich| word_count(&text.text());
        let labels = Labels::of(self.language);
        let heading = |shown: bool, words: usize| if shown { words } else { 0 };
        let item = |item: &Item| {
            1 + 1
                + labels.status(&item.status)
                + rich(&item.headline)
                + rich(&item.body)
                + rich(&item.next)
                + heading(!item.next.is_empty(), labels.next)
                + rich(&item.also)
        };
        let resolved = |resolved: &Resolved| {
            word_count(&resolved.said) + heading(resolved.open_days > 0, OPEN_DAYS_WORDS)
        };
        let any_resolved = !self.resolved.is_empty() || self.more_resolved > 0;
        word_count(&self.subject)
            + word_count(&self.title)
            + DUE_WORDS
            + self.notices.iter().map(rich).sum::<usize>()
            + heading(self.has_bottom_label(), labels.bottom_line)
            + rich(&self.bottom_line)
            + heading(!self.decide.is_empty(), labels.decide)
            + heading(!self.watch.is_empty(), labels.watch)
            + self.items().map(item).sum::<usize>()
            + heading(self.more > 0, labels.more)
            + heading(self.more_high > 0, labels.more_high)
            + heading(any_resolved, RESOLVED_LABEL_WORDS)
            + self.resolved.iter().map(resolved).sum::<usize>()
            + heading(self.more_resolved > 0, MORE_RESOLVED_WORDS)
    }

    /// Does a heading stand above its bottom line? Not where that is all there is.
    pub fn has_bottom_label(&self) -> bool {
        let short = matches!(
            self.edition,
            Edition::Quiet | Edition::Nothing | Edition::TooLate | Edition::Notice
        );
        !short && !self.bottom_line.is_empty()
    }
}

/// Words of what all languages say with as many: "Tue 24 Nov 07:10", "open 6 days", "Resolved since the last
/// brief", "and 2 more".
const DUE_WORDS: usize = 4;
const OPEN_DAYS_WORDS: usize = 3;
const RESOLVED_LABEL_WORDS: usize = 5;
const MORE_RESOLVED_WORDS: usize = 3;

/// How many words the labels of a form have, of which the languages have different numbers.
struct Labels {
    bottom_line: usize,
    decide: usize,
    watch: usize,
    next: usize,
    ongoing: usize,
    unchanged: usize,
    more: usize,
    more_high: usize,
}

impl Labels {
    fn of(language: Language) -> Self {
        let [
            bottom_line,
            decide,
            watch,
            next,
            ongoing,
            unchanged,
            more,
            more_high,
        ] = match language {
            Language::English => [2, 2, 1, 1, 3, 1, 4, 1],
            Language::German => [2, 2, 1, 2, 3, 1, 4, 1],
            Language::French => [1, 3, 2, 2, 3, 1, 4, 1],
            Language::Spanish => [2, 2, 1, 2, 4, 2, 3, 2],
        };
        Self {
            bottom_line,
            decide,
            watch,
            next,
            ongoing,
            unchanged,
            more,
            more_high,
        }
    }

    fn status(&self, status: &Status) -> usize {
        match status {
            Status::New => 1,
            Status::Ongoing { days } if *days < 1 => self.unchanged,
            Status::Ongoing { .. } => self.ongoing,
            Status::Raised { .. } => 3,
            Status::Worse { unit, .. } | Status::Better { unit, .. } => 3 + word_count(unit),
        }
    }
}
