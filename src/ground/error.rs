//! The one shape in which a problem reaches a person, whatever part it came from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A problem as a person sees it: on the command line, from the API, in logs.
///
/// None of its texts is built from a secret or from business data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// Stable, machine-readable, `kebab-case`.
    pub code: String,
    /// What happened, one sentence.
    pub what: String,
    /// Where: a file and line, a setting, a connector.
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What to do about it, imperative.
    #[serde(rename = "do", default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Problem {
    /// A problem with its code and what happened.
    pub fn new(code: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            what: what.into(),
            place: None,
            advice: None,
        }
    }

    /// Says where it happened.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.what)?;
        if let Some(advice) = &self.advice {
            write!(f, "\n  → {advice}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

/// Several problems, found in one go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problems(pub Vec<Problem>);

impl std::fmt::Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
