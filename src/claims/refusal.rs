//! Why a claim is not said, as data that a model can act on. Never shown to a reader.

use serde::Serialize;

/// Names that a refusal lists at most.
const MAX_NAMES: usize = 12;
/// Characters of a reason at most.
const MAX_WHY: usize = 200;

/// What stands against a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The claim does not have the form of one.
    Form,
    /// There is no such column, or it holds something else.
    Column,
    /// No row has this key.
    Row,
    /// Several rows where one is meant.
    Many,
    /// The rows are not all there are.
    Cut,
    /// It does not add up: a rate, a key, or what overlaps.
    Adds,
    /// Several currencies or units.
    Units,
    /// Periods that cannot be compared.
    Periods,
    /// A key that is not unique.
    Key,
    /// A row without its partner.
    Partner,
    /// A value that cannot be printed or compared.
    Literal,
    /// No such result or claim, or one that was refused.
    Id,
    /// A series with steps missing.
    GapInSeries,
    /// More than is computed with.
    Limit,
}

/// A claim that is not said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The claim's own id.
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub refused: Code,
    pub why: String,
    /// What there is instead.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub has: Vec<String>,
}

impl Refusal {
    pub(crate) fn new(refused: Code, why: impl AsRef<str>) -> Self {
        Self {
            id: None,
            refused,
            why: ground::text::shorten(&ground::text::visible(why.as_ref()), MAX_WHY),
            has: Vec::new(),
        }
    }

    pub(crate) fn having<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        let names = names.into_iter().take(MAX_NAMES).map(Into::into);
        self.has = names.map(|name| ground::text::shorten(&name, 60)).collect();
        self
    }

    pub(crate) fn of(mut self, id: Option<&str>) -> Self {
        self.id = self.id.or_else(|| id.map(str::to_owned));
        self
    }

    pub(crate) fn overflow(_: ground::exact::NotExact) -> Self {
        Self::new(Code::Limit, "it has more digits than are computed with")
    }
}
