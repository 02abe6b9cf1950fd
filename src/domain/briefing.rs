//! What a briefing asks and when an answer is a risk (`briefings/*.toml`).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    domain::finding::Worse,
    ids::{BriefingId, ConnectorId, RoleId, SignalId},
    money::Currency,
    text::Language,
};

/// A briefing file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Briefing {
    /// What schedules and `daybrief run` name it by.
    pub id: BriefingId,
    /// What the brief is about, in the reader's words: "Engineering".
    pub title: String,
    /// The role it is written for; others may read it under their own grants.
    pub role: RoleId,
    /// The language that its titles and sentences are written in. All fixed words, numbers and dates of its briefs are in
    /// it; what a reader asks is answered in the reader's own.
    #[serde(default)]
    pub language: Language,
    /// At most this many risks in the brief (1 to 7); the rest is counted.
    #[serde(default = "seven")]
    #[schemars(range(min = 1, max = 7))]
    pub max_risks: u8,
    /// What goes out when there is nothing new and nothing worse.
    #[serde(default)]
    pub when_quiet: WhenQuiet,
    /// Where amounts of several currencies are at stake, those in this one come first (ISO 4217, such as `EUR`); without it
    /// the currencies come in the order of their codes. No amount is held against one of another currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub currency: Option<Currency>,
    /// What it looks for; each as `[[signal]]`.
    #[serde(default)]
    pub signals: Vec<Signal>,
    /// Named dates to say on a quiet day: an expression over one tool's result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_date: Option<NextDate>,
}

fn seven() -> u8 {
    7
}

/// What goes out when there is nothing new and nothing worse.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WhenQuiet {
    /// At most 45 words that say what was checked.
    #[default]
    Short,
    /// Nothing; the schedule's list says "quiet, skipped".
    Skip,
    /// The usual brief with what goes on unchanged.
    Full,
}

/// One call that a signal rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Query {
    /// The source that is asked.
    pub connector: ConnectorId,
    /// One of its read tools.
    pub tool: String,
    /// The call's arguments; each text in it is a template over `today`, `now`, `since_last`.
    #[serde(default)]
    pub args: serde_json::Map<String, serde_json::Value>,
    /// Expression for the list of items in the normalised answer, such as `result.rows`.
    #[serde(default = "result")]
    pub items: String,
}

fn result() -> String {
    "result".to_owned()
}

/// One rule over one tool's answer, perhaps joined with others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Signal {
    /// Stands for it in gaps and marks; keep it once briefs went out.
    pub id: SignalId,
    /// What it looks for, in the reader's words.
    pub title: String,
    #[serde(flatten)]
    pub query: Query,
    /// Records of other sources that belong to an item, each under its name in the expressions.
    #[serde(default, rename = "with")]
    pub joins: BTreeMap<String, Join>,
    /// One finding an item, or one over all of them.
    /// `"each"`: one finding an item. `"all"`: one over all of them, as `items`.
    #[serde(default)]
    pub over: Over,
    /// Values computed first, in the order written; each may use those before it.
    #[serde(default, rename = "let")]
    pub lets: serde_json::Map<String, serde_json::Value>,
    /// Expression: is this item a risk?
    #[serde(default = "always")]
    pub when: String,
    /// Expression that gives `'high'`, `'medium'` or `'low'`.
    #[serde(default = "medium")]
    pub severity: String,
    /// True where `severity` can be high: a gap in this signal is then said at the top of the brief. It is taken for true
    /// unless `severity` itself shows that it gives `'medium'` or `'low'` alone.
    #[serde(default)]
    pub can_be_high: bool,
    /// Expression for what makes the item the same tomorrow; needed unless `over = "all"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The number by which it gets worse or better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measure: Option<MeasureRule>,
    /// What is at stake, as an expression under its unit: `stake = { money = "item.amount|money('EUR')" }`, `{ customers =
    /// "accounts|length" }`, `{ people = "item.users" }`. It orders the findings of one severity across all signals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stake: Option<StakeRule>,
    /// Expression for the day by which it must be settled: of what is equal so far the soonest comes first. Without it `until`
    /// counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    /// Expression for a number: greater comes first among findings of this signal that are equal so far. It is never held
    /// against another signal's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<String>,
    /// Name → expression. Templates below may name these and nothing else.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
    /// Name of a fact → expression for its own link, where it is another record than `link`. Other facts of that record
    /// take it too. Where it gives nothing, the fact has no link.
    #[serde(default)]
    pub fact_links: BTreeMap<String, String>,
    /// A full sentence with a verb and a number.
    pub headline: String,
    /// Why it matters: one or two sentences.
    #[serde(default)]
    pub say: String,
    /// One next step, imperative, with a person where the data have one. Without it the brief asks who looks at it.
    #[serde(default)]
    pub next: String,
    /// What the finding is called in a few words without a verb, where it is only named: on a quiet day, and once it is
    /// over. The headline stands there without it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub short: String,
    /// Expression for the last day on which the item can be found, where a date decides that: a shift's day, a renewal's
    /// date. Found no more after that day, it is said to have passed, not to be resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Expression for the address of the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Expression for the name of whom or what it is about, such as the customer: of several findings of one subject the worst
    /// stands in the brief and counts the others, which are listed below the line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Expression: findings that give the same text have one cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

fn always() -> String {
    "true".to_owned()
}

fn medium() -> String {
    "'medium'".to_owned()
}

/// One finding an item, or one over all items (`items` in the expressions).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Over {
    #[default]
    Each,
    All,
}

/// Records of another source that belong to an item by an equal key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Join {
    #[serde(flatten)]
    pub query: Query,
    /// Expression over `item`, the signal's own record.
    pub left: String,
    /// Expression over `item`, the joined record. Empty and missing keys match nothing.
    pub right: String,
}

/// What is at stake, in one unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StakeRule {
    Money(
        #[schemars(
            description = "Expression for an amount with its currency: `item.amount|money('EUR')`."
        )]
        String,
    ),
    Customers(#[schemars(description = "Expression for a number of customers.")] String),
    People(#[schemars(description = "Expression for a number of people.")] String),
}

impl StakeRule {
    /// The key under which the expression stands, and the expression.
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Money(rule) => ("stake.money", rule),
            Self::Customers(rule) => ("stake.customers", rule),
            Self::People(rule) => ("stake.people", rule),
        }
    }
}

/// The number by which a finding gets worse or better.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MeasureRule {
    /// Expression for a number.
    pub value: String,
    /// What it counts, such as `days late`.
    pub unit: String,
    /// Which way is worse.
    #[serde(default)]
    pub worse: Worse,
}

/// The next date that matters, for the quiet day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NextDate {
    #[serde(flatten)]
    pub query: Query,
    /// Expression over an item: the date.
    pub date: String,
    /// Expression over an item: what happens then.
    pub what: String,
}
