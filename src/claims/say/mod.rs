//! Words for computed values, in the reader's language. A sentence takes its words from what was declared, from the columns'
//! own names, and from one file a language; never from a model.

mod beside;
mod compare;
mod lexicon;
mod number;
mod rows;
mod set;
mod term;
mod time;
mod trend;
mod value;
mod which;

use std::sync::Arc;

use ground::text::Language;
use jiff::{civil::Date, tz::TimeZone};
use serde::Serialize;

use crate::{
    computed::{Body, Computed, Origin, SetSaid},
    result::Reader,
};
use lexicon::Lexicon;

/// A claim as a reader gets it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Said {
    pub kind: &'static str,
    /// All of it as plain text: a sentence, or a head with lines.
    pub text: String,
    /// Rows as a grid, for a surface that can draw one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<Grid>,
    /// Steps as a picture's points, for a surface that can draw one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<Point>,
    #[serde(skip)]
    pub origins: Vec<Origin>,
}

/// Rows under labelled columns, as printed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Grid {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// One step of a series.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    pub label: String,
    pub value: String,
    pub is_over: bool,
}

/// Words one claim after the other; knows what it has said before.
pub struct Writer {
    voice: Voice,
    before: Option<SetSaid>,
}

/// What may be told of a text that a source or a model wrote.
pub type Clear = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// How one reader is spoken to.
struct Voice {
    language: Language,
    today: Date,
    zone: TimeZone,
    clear: Option<Clear>,
}

impl Voice {
    /// A text that a source or a model wrote, as it may be told.
    fn cleared(&self, text: &str) -> String {
        self.clear
            .as_ref()
            .map_or_else(|| text.to_owned(), |clear| clear(text))
    }
}

impl Voice {
    fn words(&self) -> &'static Lexicon {
        Lexicon::of(self.language)
    }
}

impl Writer {
    /// A writer at the beginning of an answer.
    pub fn new(reader: &Reader) -> Self {
        Self {
            voice: Voice {
                language: reader.language,
                today: reader.today,
                zone: reader.zone.clone(),
                clear: None,
            },
            before: None,
        }
    }

    /// Lets `clear` decide what is told of each text that a source or a model wrote.
    pub fn clearing(mut self, clear: Clear) -> Self {
        self.voice.clear = Some(clear);
        self
    }

    /// Words one claim.
    pub fn say(&mut self, computed: &Computed) -> Said {
        let before = Before(self.before.as_ref());
        let voice = &self.voice;
        let mut said = Said {
            kind: computed.body.kind(),
            text: String::new(),
            table: None,
            points: Vec::new(),
            origins: computed.origins.clone(),
        };
        match &computed.body {
            Body::Rows(rows) => (said.text, said.table) = voice.rows(rows, &before),
            Body::Value(value) => said.text = voice.value(value, &before),
            Body::Which(which) => said.text = voice.which(which, &before),
            Body::Compare(compare) => said.text = voice.compare(compare, &before),
            Body::Trend(trend) => (said.text, said.points) = voice.trend(trend, &before),
            Body::Quote(quote) => said.text = voice.quote(quote, &before),
            Body::Gap(gap) => said.text = voice.gap(gap),
            Body::Ask(meant) => said.text = voice.ask(meant),
            Body::Assessment(assessment) => said.text = voice.assessment(assessment),
        }
        // Months are written small in some languages, but not where a sentence begins.
        let months = &voice.words().months;
        if months.iter().any(|month| said.text.starts_with(month)) {
            said.text = voice.capital(&said.text);
        }
        // A name that ends with a full stop ends the sentence.
        if said.text.ends_with("..") && !said.text.ends_with("...") {
            said.text.pop();
        }
        self.before = computed.body.set().cloned();
        said
    }
}

/// What the sentence before was about.
struct Before<'s>(Option<&'s SetSaid>);

impl Before<'_> {
    /// Has the scope of this set just been said?
    fn has_scope_of(&self, set: &SetSaid) -> bool {
        self.0.is_some_and(|before| before.source == set.source)
    }

    /// Was the sentence before about exactly these rows?
    fn is(&self, set: &SetSaid) -> bool {
        self.0.is_some_and(|before| {
            let leaned = set.base.as_deref();
            set == before || (leaned == Some(before) && set.adds_nothing())
        })
    }
}

impl SetSaid {
    /// Does it take all rows of its base, as they are?
    fn adds_nothing(&self) -> bool {
        self.conditions.is_empty()
            && self.picked.is_empty()
            && self.except.is_none()
            && self.order.is_none()
            && self.cut.is_none()
            && self.unknown.is_empty()
            && self.base.as_deref().is_some_and(|base| {
                base.group == self.group && base.against == self.against && base.count == self.count
            })
    }
}

impl Body {
    /// Its kind in the language of claims.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Rows(_) => "rows",
            Self::Value(_) => "value",
            Self::Which(_) => "which",
            Self::Compare(_) => "compare",
            Self::Trend(_) => "trend",
            Self::Quote(_) => "quote",
            Self::Gap(_) => "gap",
            Self::Ask(_) => "ask",
            Self::Assessment(_) => "assessment",
        }
    }

    /// The set that it is about.
    fn set(&self) -> Option<&SetSaid> {
        match self {
            Self::Rows(rows) => Some(&rows.set),
            Self::Value(value) => Some(&value.set),
            Self::Which(which) => Some(&which.set),
            Self::Compare(compare) => Some(&compare.a.set),
            Self::Trend(trend) => Some(&trend.set),
            Self::Quote(quote) => Some(&quote.set),
            Self::Gap(_) | Self::Ask(_) | Self::Assessment(_) => None,
        }
    }
}
