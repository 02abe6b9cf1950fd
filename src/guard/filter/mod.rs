//! The filter between what a model wrote and what a person reads.
//!
//! A model is treated as an attacker: whatever it writes, no SQL, schema name, code, error text, tool, host, prompt,
//! secret, foreign link or hidden character leaves. Text leaves sentence by sentence. A sentence in which the cheap look
//! ([`scan`]) finds nothing leaves as it is; from one in which it finds something, the text is held to the end of its
//! paragraph and looked at closely, over a folded copy ([`fold`]) with offsets back into the text.
//! One pass over it tells which patterns of a list are in it; only those are then searched for ([`pattern`]).
//!
//! **Names.** A name of the context that is one plain word (`status`, `order`) is ordinary language: it is held back only
//! where it looks technical, that is dot-qualified (`o.status`), in back-ticks or in identifier quotes (`"order"`,
//! `[order]`). A name that holds `_`, a digit or a hump (`customerId`), or cannot be a word, is held back wherever it stands.
//!
//! **Verdicts.** `Redact`: pieces were put in business words or left out. `Block`: nothing sensible is left, or a prompt
//! or secrets are being told; then one clear sentence stands in their place and nothing more of that text leaves.
//!
//! **Again.** What has left passes a second time as it is. What is left of a paragraph of which something was taken out is
//! tried before it leaves ([`stream`]): if it would be read in another way, it is left out too.

mod code;
mod density;
mod errors;
mod extent;
mod fold;
mod hidden;
mod hosts;
mod language;
mod links;
mod locks;
mod mentions;
mod names;
mod pattern;
mod prompts;
mod scan;
mod secrets;
mod spans;
mod sql;
mod stream;
mod structures;
mod triggers;

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, sync::Arc};

use serde::{Deserialize, Serialize};

pub use stream::{LOOK_AHEAD_BYTES, Stream, Tail};

use super::{Cleared, Guard};
use fold::Start;
use names::Names;

/// What stands in the place of a piece for which there are no business words.
pub const LEFT_OUT: &str = "[left out]";

/// What stands in the place of a blocked text.
pub const HELD_BACK: &str =
    "This text was held back because it showed internal details instead of an answer.";

/// What must not be named, and which links may stand.
#[derive(Debug, Clone, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Context {
    pub tables: Vec<String>,
    pub columns: Vec<String>,
    pub tools: Vec<String>,
    /// What the model was told beside the shipped prompts.
    pub prompts: Vec<String>,
    /// Links to these hosts and to hosts below them may stand.
    pub allowed_hosts: Vec<String>,
    /// The reader may see schemas: SQL, names, code, error texts and tools pass; all else is held back as ever.
    pub schema_role: bool,
}

/// What was done with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It left as it was.
    Pass,
    /// Pieces of it were put in other words or left out.
    Redact,
    /// One sentence stands for it, or for all of it from some point on.
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
    Sql,
    Table,
    Column,
    Tool,
    Code,
    Error,
    Host,
    File,
    Link,
    Image,
    Prompt,
    Secret,
    Mention,
    Hidden,
    /// A piece so long without an end that nobody can look at it.
    Unbounded,
}

impl Reason {
    /// The reason's stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sql => "sql",
            Self::Table => "table-name",
            Self::Column => "column-name",
            Self::Tool => "tool",
            Self::Code => "code",
            Self::Error => "error-text",
            Self::Host => "host",
            Self::File => "file-path",
            Self::Link => "link",
            Self::Image => "image",
            Self::Prompt => "prompt",
            Self::Secret => "secret",
            Self::Mention => "mass-mention",
            Self::Hidden => "hidden-characters",
            Self::Unbounded => "unbounded",
        }
    }

    /// Is it something that a reader with `schema_role` may see?
    fn is_schema(self) -> bool {
        matches!(
            self,
            Self::Sql | Self::Table | Self::Column | Self::Tool | Self::Code | Self::Error
        )
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
pub struct Filter(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    names: Names,
    prompts: prompts::Sentences,
    links: Guard,
    schema_role: bool,
}

impl Filter {
    /// A filter that knows the names and hosts of this context.
    pub fn new(context: &Context) -> Self {
        Self(Arc::new(Parts {
            names: if context.schema_role {
                Names::default()
            } else {
                Names::new(context)
            },
            prompts: prompts::Sentences::new(context.prompts.iter().map(String::as_str)),
            links: Guard::new(context.allowed_hosts.iter().cloned()),
            schema_role: context.schema_role,
        }))
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

    /// One value as it may leave: a cell, a name, a figure's label. Where a text would be blocked, and where nothing of the
    /// value is left but marks, [`LEFT_OUT`] stands for all of it, so that it stays as short as a value is.
    pub fn clear_value(&self, value: &str) -> Cleared<String> {
        let outcome = self.whole(value);
        let nothing_left = outcome.verdict != Verdict::Pass
            && !outcome
                .text
                .replace(LEFT_OUT, "")
                .contains(char::is_alphanumeric);
        if outcome.verdict == Verdict::Block || nothing_left {
            return Cleared(LEFT_OUT.to_owned());
        }
        Cleared(outcome.text)
    }

    /// A filter for text that comes in pieces.
    pub fn stream(&self) -> Stream {
        Stream::new(self.clone())
    }

    /// Looks closely at one piece of text until nothing more is found in it. `start` says where in a line it begins.
    fn piece(&self, text: &str, start: Start, bits: scan::Bits) -> spans::Piece {
        /// A replacement may bring together what was apart; what is not quiet after so many looks is left out.
        const LOOKS: usize = 4;
        let mut piece = spans::Piece::untouched(text);
        let mut bits = bits;
        for _ in 0..LOOKS {
            let found = self.find(&fold::Folded::new(&piece.text, start), bits);
            if found.is_empty() {
                return piece;
            }
            let next = found.render(&piece.text);
            piece = piece.then(next);
            if piece.dump {
                // One sentence will stand for the rest: what is left before it must be quiet alone.
                let kept = piece.text.trim_end();
                let length = kept.strip_suffix(LEFT_OUT).unwrap_or(kept).len();
                piece.text.truncate(length);
            }
            // What has become of it must be quiet for every scanner, whichever will look at it next time.
            bits = scan::Bits::ALL;
        }
        if self
            .find(&fold::Folded::new(&piece.text, start), bits)
            .is_empty()
        {
            piece
        } else {
            piece.left_out()
        }
    }

    /// The cheap look: which scanners must run over this text?
    fn look(&self, text: &str) -> scan::Bits {
        scan::look(text, &self.0.names, &self.0.prompts)
    }

    fn find(&self, folded: &fold::Folded<'_>, bits: scan::Bits) -> spans::Spans {
        use scan::Bits;
        let parts = &*self.0;
        let mut spans = spans::Spans::new(parts.schema_role);
        if bits.any(Bits::HOST | Bits::MENTION | Bits::CODE) {
            links::find(folded, &parts.links, &mut spans);
            mentions::find(folded, &mut spans);
        }
        if bits.any(Bits::PROMPT | Bits::CODE) {
            prompts::find(folded, &parts.prompts, &mut spans);
        }
        if bits.any(Bits::SECRET) {
            secrets::find(folded, &mut spans);
        }
        if bits.any(Bits::HOST) {
            hosts::find(folded, &parts.links, &mut spans);
        }
        if parts.schema_role {
            return spans;
        }
        if bits.any(Bits::SQL) {
            sql::find(folded, &parts.names, &mut spans);
        }
        if bits.any(Bits::ERROR | Bits::CODE | Bits::HOST) {
            errors::find(folded, &mut spans);
        }
        if bits.any(Bits::CODE) {
            structures::find(folded, &mut spans);
            code::find(folded, &mut spans);
        }
        if bits.any(Bits::NAME) {
            parts.names.find(folded, &mut spans);
            names::find_unknown(folded, &parts.names, &mut spans);
        }
        spans
    }
}

/// Each reason once, in order.
fn once(reasons: &BTreeSet<Reason>) -> Vec<Reason> {
    reasons.iter().copied().collect()
}
