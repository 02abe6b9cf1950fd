//! What of a text may leave: the filter between what a model wrote and what a person reads.
//!
//! A text is taken unit by unit: a line or a sentence, or a block (a code fence, a statement over several lines, an object in
//! braces, a key). Nothing of a unit leaves before the unit is whole and looked at, so nothing leaks in the first tokens; a
//! whole text is the stream fed once. What is held back is said in business words or marked `[left out]`, and counted with its
//! reason. One set of patterns, all matched in linear time, decides whether a unit is looked at closely.
//!
//! A name of a table or column is held back as such where it looks technical: it holds `_`, a dot, a digit or a capital within.
//! A plain word (`status`, `order`) is ordinary language, and held back only in back-ticks, identifier quotes or behind a dot.

mod fold;
mod links;
mod names;
mod patterns;
mod stream;
#[cfg(test)]
mod tests;
mod unit;

use std::sync::Arc;

use serde::Deserialize;

pub use stream::Stream;

use super::Cleared;
use names::Names;

/// What a filter goes by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Context {
    /// Names of the connected schemas.
    pub tables: Vec<String>,
    pub columns: Vec<String>,
    pub tools: Vec<String>,
    /// Links may lead to these hosts and to those below them.
    pub allowed_hosts: Vec<String>,
    /// The reader may see technical detail: statements, names of the schema, code, traces, tools. Never secrets, prompts,
    /// hosts or links elsewhere.
    pub schema_role: bool,
}

/// What became of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    /// Some places were replaced.
    Redact,
    /// Nothing sensible was left; one sentence stands in its place.
    Block,
}

impl Verdict {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Redact => "redact",
            Self::Block => "block",
        }
    }
}

/// Why a place was held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    Sql,
    SchemaName,
    Code,
    StackTrace,
    ToolName,
    Json,
    Host,
    Path,
    Prompt,
    Secret,
    Link,
    Image,
    Mention,
    HiddenCharacters,
}

impl Reason {
    /// Its name in JSON and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sql => "sql",
            Self::SchemaName => "schema-name",
            Self::Code => "code",
            Self::StackTrace => "stack-trace",
            Self::ToolName => "tool-name",
            Self::Json => "json",
            Self::Host => "host",
            Self::Path => "path",
            Self::Prompt => "prompt",
            Self::Secret => "secret",
            Self::Link => "link",
            Self::Image => "image",
            Self::Mention => "mention",
            Self::HiddenCharacters => "hidden-characters",
        }
    }

    /// May whoever sees technical detail see it?
    fn is_technical(self) -> bool {
        matches!(
            self,
            Self::Sql
                | Self::SchemaName
                | Self::Code
                | Self::StackTrace
                | Self::ToolName
                | Self::Json
        )
    }
}

/// What stands where something was left out.
pub(super) const LEFT_OUT: &str = "[left out]";
/// What stands where nothing else is left.
pub(super) const BLOCKED: &str =
    "This answer held only technical or protected detail and is not shown.";
/// With fewer letters and digits than this beside what was left out nothing sensible is left.
pub(super) const FEWEST_SENSIBLE: usize = 12;

/// A whole text as it may leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub verdict: Verdict,
    pub text: String,
    /// One for each place that was held back, in their order.
    pub reasons: Vec<Reason>,
}

/// The end of a stream.
#[derive(Debug)]
pub struct Tail {
    pub text: Cleared<String>,
    /// Of the whole stream.
    pub verdict: Verdict,
    pub reasons: Vec<Reason>,
}

/// A filter for one context. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Filter {
    names: Arc<Names>,
}

impl Filter {
    pub fn new(context: &Context) -> Self {
        Self {
            names: Arc::new(Names::new(context)),
        }
    }

    /// A whole text.
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

    /// A whole text, cleared.
    pub fn clear(&self, text: &str) -> Cleared<String> {
        Cleared(self.whole(text).text)
    }

    /// A text that comes in pieces.
    pub fn stream(&self) -> Stream {
        Stream::new(self.clone())
    }
}
