//! The filter between what was written elsewhere (by a model, or by strangers in a source) and what a person reads.
//!
//! A text is cut into segments ([`cut`]): a fence, a line, a sentence. The verdict about a segment is a pure function of it:
//! no segment changes how another is read, and how a text came in pieces changes nothing.
//!
//! What is looked for, from the certain to the likely:
//! - [`known`]: names, tools, prompts, hosts and secrets of this instance. Exact. A name that is also an everyday word counts
//!   only where it looks technical.
//! - [`secrets`], [`markup`], [`hosts`]: what has the form of a secret, a link, an address or a file, by their own grammars.
//! - [`machine`]: queries, code, errors, logs: one small classifier, trained on `tests/data/guard`.
//!
//! What is found goes, and a mark in the reader's language stands for it; what stands beside it stays.

mod cut;
mod fold;
mod hidden;
mod hosts;
mod known;
mod machine;
mod markup;
mod secrets;
mod spans;
mod stream;

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, ops::Range, sync::Arc};

use serde::{Deserialize, Serialize};

pub use stream::{Stream, Tail};

use super::{Cleared, Guard};
use crate::text::Language;
use fold::Folded;
use known::Known;
use spans::{Span, With};

/// What stands in the place of a piece that was left out.
pub fn left_out(language: Language) -> &'static str {
    match language {
        Language::English => "[left out]",
        Language::German => "[ausgelassen]",
        Language::French => "[omis]",
        Language::Spanish => "[omitido]",
    }
}

/// What stands in the place of a text of which nothing may leave.
pub fn held_back(language: Language) -> &'static str {
    match language {
        Language::English => {
            "This text was held back because it showed internal details instead of an answer."
        }
        Language::German => {
            "Dieser Text wurde zurückgehalten, weil er statt einer Antwort interne Einzelheiten zeigte."
        }
        Language::French => {
            "Ce texte a été retenu, car il montrait des détails internes au lieu d'une réponse."
        }
        Language::Spanish => {
            "Este texto se ha retenido porque mostraba detalles internos en lugar de una respuesta."
        }
    }
}

/// What must not be named, and which links may stand.
#[derive(Debug, Clone, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Context {
    pub tables: Vec<String>,
    pub columns: Vec<String>,
    pub tools: Vec<String>,
    /// What models are told beside the shipped prompts.
    pub prompts: Vec<String>,
    /// Links to these hosts and to hosts below them may stand.
    pub allowed_hosts: Vec<String>,
    /// Hosts of this instance that nobody need know.
    pub hosts: Vec<String>,
    /// The reader may see schemas: machine text, names and tools pass; all else is held back as ever.
    pub schema_role: bool,
    /// Names of machines and files may stand, as in a brief, which says what the reader's own systems hold.
    pub machine_names: bool,
    /// The reader's language, in which it is said that something was left out.
    pub language: Language,
}

/// What was done with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It left as it was.
    Pass,
    /// Pieces of it were left out.
    Redact,
    /// One sentence stands for it: nothing of it was left.
    Block,
}

impl Verdict {
    /// `pass`, `redact` or `block`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Redact => "redact",
            Self::Block => "block",
        }
    }
}

/// Why something was held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A query, code, an error, a log, settings.
    Machine,
    Table,
    Column,
    Tool,
    Host,
    File,
    Link,
    Image,
    Prompt,
    Secret,
    Mention,
    Hidden,
}

impl Reason {
    /// The reason's stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Machine => "machine-text",
            Self::Table => "table-name",
            Self::Column => "column-name",
            Self::Tool => "tool",
            Self::Host => "host",
            Self::File => "file-path",
            Self::Link => "link",
            Self::Image => "image",
            Self::Prompt => "prompt",
            Self::Secret => "secret",
            Self::Mention => "mass-mention",
            Self::Hidden => "hidden-characters",
        }
    }
}

/// A text after the filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub verdict: Verdict,
    pub text: String,
    /// Each reason once, in the order of [`Reason`].
    pub reasons: Vec<Reason>,
}

/// The filter for one context. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Filter {
    parts: Arc<Parts>,
    /// What it is shown is worded by Daybrief around values that were cleared before.
    own_words: bool,
}

#[derive(Debug)]
struct Parts {
    known: Known,
    secrets: super::Secrets,
    links: Guard,
    schema_role: bool,
    addresses: hosts::Rule,
    language: Language,
}

impl Filter {
    /// A filter that knows the names and hosts of this context, and no secrets.
    pub fn new(context: &Context) -> Self {
        Self::with_secrets(context, super::Secrets::default())
    }

    /// A filter that knows the secrets of this instance too.
    pub fn with_secrets(context: &Context, secrets: super::Secrets) -> Self {
        let parts = Arc::new(Parts {
            known: Known::new(context),
            secrets,
            links: Guard::links_to(context.allowed_hosts.iter().cloned()),
            schema_role: context.schema_role,
            addresses: if context.machine_names {
                hosts::Rule::Names
            } else {
                hosts::Rule::Strict
            },
            language: context.language,
        });
        Self {
            parts,
            own_words: false,
        }
    }

    /// Returns the filter of sentences that Daybrief words itself, around values that [`Self::clear_value`] has cleared: no
    /// word of them is taken for machine text or for a name of a schema. Secrets, hosts and links are looked for as ever.
    pub fn of_own_words(&self) -> Self {
        Self {
            parts: self.parts.clone(),
            own_words: true,
        }
    }

    /// The whole text at once: a stream that is fed once.
    pub fn whole(&self, text: &str) -> Outcome {
        let mut stream = self.stream();
        let mut out = stream.push(text).into_inner();
        let tail = stream.finish();
        out.push_str(tail.text.get());
        Outcome {
            verdict: tail.verdict,
            text: out,
            reasons: tail.reasons,
        }
    }

    /// The text as it may leave.
    pub fn clear(&self, text: &str) -> Cleared<String> {
        Cleared(self.whole(text).text)
    }

    /// One value as it may leave: a cell, a name, a figure's label. Where nothing of it may, the mark stands for all of it,
    /// so that it stays as short as a value is.
    pub fn clear_value(&self, value: &str) -> Cleared<String> {
        let outcome = self.whole(value);
        Cleared(match outcome.verdict {
            Verdict::Block => self.mark().to_owned(),
            _ => outcome.text,
        })
    }

    /// A filter for text that comes in pieces.
    pub fn stream(&self) -> Stream {
        Stream::new(self.clone())
    }

    fn mark(&self) -> &'static str {
        left_out(self.parts.language)
    }

    /// What may leave of one segment. Why not all of it goes into `reasons`.
    fn segment(&self, segment: &str, reasons: &mut BTreeSet<Reason>) -> String {
        /// What is left of a segment must pass by itself; one that does not after so many looks goes whole.
        const MAX_LOOKS: usize = 4;
        let mut text = segment.to_owned();
        for _ in 0..MAX_LOOKS {
            let found = self.find(&text);
            if found.is_empty() {
                return text;
            }
            reasons.extend(found.iter().map(|span| span.reason));
            text = spans::render(&text, found, self.mark());
        }
        let end = core(&text, 0..text.len()).end;
        format!("{}{}", self.mark(), text.get(end..).unwrap_or_default())
    }

    fn find(&self, text: &str) -> Vec<Span> {
        let parts = &*self.parts;
        let folded = Folded::new(text);
        let mut spans = Vec::new();
        let all = |reason| Span {
            range: core(text, 0..text.len()),
            reason,
            with: With::Mark,
        };
        if parts.known.echoes_prompt(&folded) {
            return vec![all(Reason::Prompt)];
        }
        for range in parts.secrets.find(text) {
            spans.push(Span {
                range,
                reason: Reason::Secret,
                with: With::Mark,
            });
        }
        secrets::find(&folded, &mut spans);
        markup::find(&folded, &parts.links, &mut spans);
        hosts::find(&folded, &parts.links, parts.addresses, &mut spans);
        if parts.schema_role || self.own_words {
            return spans;
        }
        parts.known.find(&folded, &mut spans);
        if cut::is_fence(text) {
            spans.push(all(Reason::Machine));
        } else if spans.is_empty() {
            for part in machine::find(&folded.plain) {
                let range = core(text, folded.origin(part));
                let piece = text.get(range.clone()).unwrap_or_default();
                if piece.contains(|c: char| c.is_alphanumeric()) && !is_mark(piece) {
                    spans.push(Span {
                        range,
                        reason: Reason::Machine,
                        with: With::Mark,
                    });
                }
            }
        }
        spans
    }
}

/// Returns the first character of a text that a reader does not see, or that turns what is seen.
pub fn hidden_character(text: &str) -> Option<char> {
    let mut cleaner = hidden::Cleaner::default();
    let mut clean = String::with_capacity(text.len());
    cleaner.push(text, &mut clean);
    cleaner.finish(&mut clean);
    // Up to the first change both are the same.
    text.get(cleaner.first_change?..)?.chars().next()
}

/// The text without white space around it, as a range.
fn trimmed(text: &str) -> Range<usize> {
    let start = text.len() - text.trim_start().len();
    start..text.trim_end().len().max(start)
}

/// A range without white space around it and without what ends a sentence.
fn core(text: &str, range: Range<usize>) -> Range<usize> {
    let piece = text.get(range.clone()).unwrap_or_default();
    let inner = trimmed(piece);
    let kept = piece
        .get(inner.clone())
        .unwrap_or_default()
        .trim_end_matches(['.', ',', ';', ':', '!', '?', '…']);
    range.start + inner.start..range.start + inner.start + kept.len()
}

fn is_mark(piece: &str) -> bool {
    [
        Language::English,
        Language::German,
        Language::French,
        Language::Spanish,
    ]
    .iter()
    .any(|language| piece == left_out(*language) || held_back(*language).starts_with(piece))
}
