//! What a model may choose in a brief: which findings the bottom line names, which are shown as belonging together, and which
//! optional sentences are left out. It words nothing: every sentence is the signal's own, and whatever it answers, order,
//! severity, figures and links stay as they are.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::context;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    plan,
    words::{Words, fill},
};
use crate::{
    domain::{
        brief::{Brief, Edition, Item, Struck},
        finding::{Finding, Reader, Wording, WordingPart},
        people::Role,
        rich::Rich,
    },
    prompts,
};

/// Findings that the bottom line names.
const MAX_NAMED: usize = 2;
/// Groups of findings that belong together, and findings of one.
const MAX_GROUPS: usize = 3;
const MAX_IN_A_GROUP: usize = 4;
/// Tokens of an answer: three short lists of ids.
const ANSWER_TOKENS: u32 = 300;
/// The longest answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 16 * 1024;

/// What a model may see of the facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    Values,
    /// Sentences with the names of facts in place of their values.
    Blind,
}

/// What a model is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    pub system: String,
    pub user: String,
    /// JSON Schema of the answer.
    pub schema: Value,
    pub max_output_tokens: u32,
}

/// What there is to choose in a brief.
struct Choices<'a> {
    /// The items in their order, each under its id: `F1`.
    items: Vec<(String, &'a Item, &'a Finding)>,
    /// Those that the bottom line may name.
    nameable: Vec<String>,
    /// Sentences that may be left out, each under its id (`F1.2`: the second of the body of `F1`).
    optional: Vec<String>,
}

impl<'a> Choices<'a> {
    fn of(brief: &'a Brief, findings: &'a [Finding]) -> Self {
        let items: Vec<(String, &Item, &Finding)> = brief
            .items()
            .filter_map(|item| {
                let finding = findings
                    .iter()
                    .find(|finding| finding.fingerprint == item.fingerprint)?;
                Some((format!("F{}", item.number), item, finding))
            })
            .collect();
        // What is to be decided today is named before what is to be watched.
        let to_decide = brief.decide.len();
        let nameable = items
            .iter()
            .enumerate()
            .filter(|(at, (_, item, _))| {
                !item.next.is_empty() && (to_decide == 0 || *at < to_decide)
            })
            .map(|(_, (id, ..))| id.clone())
            .collect();
        let optional = items
            .iter()
            .filter(|(_, item, _)| !item.body.is_empty())
            .flat_map(|(id, _, finding)| {
                let sentences = sentences(&finding.body).len();
                // The first says what it is about: it stays.
                (2..=sentences).map(move |number| format!("{id}.{number}"))
            })
            .collect();
        Self {
            items,
            nameable,
            optional,
        }
    }

    fn ids(&self) -> Vec<&str> {
        self.items.iter().map(|(id, ..)| id.as_str()).collect()
    }

    /// Is there anything to choose?
    fn are_any(&self) -> bool {
        self.items.len() > 1 || !self.optional.is_empty()
    }

    fn schema(&self) -> Value {
        let list = |among: &[&str], most: usize| json!({ "type": "array", "items": { "type": "string", "enum": among }, "maxItems": most });
        let nameable: Vec<&str> = self.nameable.iter().map(String::as_str).collect();
        let optional: Vec<&str> = self.optional.iter().map(String::as_str).collect();
        let mut properties = Map::new();
        if !nameable.is_empty() {
            properties.insert("name".to_owned(), list(&nameable, MAX_NAMED));
        }
        if self.items.len() > 1 {
            let group = list(&self.ids(), MAX_IN_A_GROUP);
            let groups = json!({ "type": "array", "items": group, "maxItems": MAX_GROUPS });
            properties.insert("together".to_owned(), groups);
        }
        if !optional.is_empty() {
            properties.insert("leave_out".to_owned(), list(&optional, optional.len()));
        }
        let required: Vec<&String> = properties.keys().collect();
        json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": false })
    }
}

/// Is there something in the brief that a model could choose?
pub fn can_be_selected(brief: &Brief, findings: &[Finding]) -> bool {
    brief.edition == Edition::BuiltIn && Choices::of(brief, findings).are_any()
}

/// Returns what a model is asked about a brief in fixed wording.
pub fn prompt(
    brief: &Brief,
    findings: &[Finding],
    reader: &Reader,
    role: &Role,
    company: &str,
    sight: Sight,
) -> Prompt {
    let choices = Choices::of(brief, findings);
    let said = |wording: &Wording, finding: &Finding| match sight {
        Sight::Values => {
            let mut text = Rich::default();
            plan::say(
                &mut text,
                wording,
                &finding.facts,
                reader,
                plan::VALUE_CHARS,
            );
            text.text()
        }
        Sight::Blind => with_names(wording),
    };
    let data: Map<String, Value> = choices
        .items
        .iter()
        .map(|(id, item, finding)| {
            let mut data = json!({
                "severity": item.severity,
                "headline": said(&finding.headline, finding),
                "next": said(&finding.next, finding),
            });
            let body: Map<String, Value> = sentences(&finding.body)
                .iter()
                .zip(1..)
                .map(|(sentence, number)| {
                    (format!("{id}.{number}"), said(sentence, finding).into())
                })
                .collect();
            if let (false, Some(data)) = (item.body.is_empty(), data.as_object_mut()) {
                data.insert("body".to_owned(), body.into());
            }
            (id.clone(), data)
        })
        .collect();
    let system = prompts::render(
        "company.md",
        context! { company => company, role => &role.title, role_prompt => &role.prompt },
    );
    let user = prompts::render(
        "briefing.md",
        context! {
            title => &brief.title,
            name => choices.nameable.join(", "),
            several => choices.items.len() > 1,
            optional => choices.optional.join(", "),
            data => format!("{:#}", json!({ "findings": data })),
        },
    );
    Prompt {
        system,
        user,
        schema: choices.schema(),
        max_output_tokens: ANSWER_TOKENS,
    }
}

/// A sentence with the names of its facts in place of their values.
fn with_names(wording: &Wording) -> String {
    wording
        .0
        .iter()
        .map(|part| match part {
            WordingPart::Words(words) => words.clone(),
            WordingPart::Fact(fact) => format!("<{fact}>"),
        })
        .collect()
}

/// The sentences of a text, parted where its author's own words end one; a value parts nothing.
fn sentences(wording: &Wording) -> Vec<Wording> {
    let mut all: Vec<Wording> = Vec::new();
    let mut current: Vec<WordingPart> = Vec::new();
    for part in &wording.0 {
        let WordingPart::Words(words) = part else {
            current.push(part.clone());
            continue;
        };
        let mut rest = words.as_str();
        while let Some((head, tail)) = rest.split_once(". ") {
            current.push(WordingPart::Words(format!("{head}.")));
            all.push(Wording(std::mem::take(&mut current)));
            rest = tail;
        }
        if !rest.is_empty() {
            current.push(WordingPart::Words(rest.to_owned()));
        }
    }
    if !current.is_empty() {
        all.push(Wording(current));
    }
    all
}

/// Returns how many sentences a text has.
#[cfg(test)]
pub(super) fn sentences_of(wording: &Wording) -> usize {
    sentences(wording).len()
}

/// What a model chose, as it came.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    name: Vec<String>,
    together: Vec<Vec<String>>,
    leave_out: Vec<String>,
}

/// Reads an answer; also where something stands around the JSON.
fn read(answer: &str) -> Option<Answer> {
    if answer.len() > MAX_ANSWER_BYTES {
        return None;
    }
    let json = answer.get(answer.find('{')?..=answer.rfind('}')?)?;
    serde_json::from_str(json).ok()
}

/// Counts what was chosen and what was refused.
#[derive(Default)]
struct Report {
    written: usize,
    struck: Vec<Struck>,
}

impl Report {
    /// Takes the chosen ids that are among those offered, each once.
    fn among<'c>(
        &mut self,
        place: &str,
        chosen: &'c [String],
        offered: &[&str],
        most: usize,
    ) -> Vec<&'c str> {
        self.written += chosen.len();
        let mut seen = BTreeSet::new();
        let known: Vec<&str> = chosen
            .iter()
            .map(String::as_str)
            .filter(|id| offered.contains(id) && seen.insert(*id))
            .take(most)
            .collect();
        for _ in known.len()..chosen.len() {
            self.struck.push(Struck {
                place: place.to_owned(),
                reason: "not among what could be chosen".to_owned(),
            });
        }
        known
    }
}

/// Returns the brief with what a model chose. What it chose and could not is told in its `grounding`; a brief that would be
/// too long with it stands as it was.
pub fn select(
    mut brief: Brief,
    findings: &[Finding],
    reader: &Reader,
    answer: &str,
    model: &str,
    local: bool,
) -> Brief {
    let Some(answer) = read(answer) else {
        return plain(brief, Plain::Form);
    };
    let fixed = brief.clone();
    let choices = Choices::of(&fixed, findings);
    let mut report = Report::default();
    let offered: Vec<&str> = choices.nameable.iter().map(String::as_str).collect();
    let named = report.among("name", &answer.name, &offered, MAX_NAMED);
    let optional: Vec<&str> = choices.optional.iter().map(String::as_str).collect();
    let left_out = report.among("leave_out", &answer.leave_out, &optional, optional.len());
    let mut beside: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for group in answer.together.iter().take(MAX_GROUPS) {
        let group = report.among("together", group, &choices.ids(), MAX_IN_A_GROUP);
        for id in &group {
            let others = group.iter().filter(|other| *other != id);
            beside.entry(id).or_default().extend(others);
        }
    }
    let words = Words::of(brief.language);
    for item in brief.decide.iter_mut().chain(&mut brief.watch) {
        let id = format!("F{}", item.number);
        let finding = choices.items.iter().find(|(known, ..)| *known == id);
        if let Some((_, _, finding)) = finding
            && left_out.iter().any(|left| is_of(left, &id))
        {
            item.body = body_without(&id, finding, reader, &left_out);
        }
        let others = beside.get(id.as_str()).into_iter().flatten();
        let numbers: Vec<&str> = others.filter_map(|other| other.strip_prefix('F')).collect();
        if !numbers.is_empty() {
            let said = fill(words.see_also, &[("numbers", &numbers.join(", "))]);
            let before = if item.also.is_empty() { "" } else { " " };
            item.also.push(format!("{before}{said}"), None);
        }
    }
    let numbers: Vec<usize> = named
        .iter()
        .filter_map(|id| id.strip_prefix('F')?.parse().ok())
        .collect();
    brief.bottom_line = plan::bottom_line(&brief, findings, &numbers);
    let mut kept = report.written - report.struck.len();
    if brief.words_above_the_line() > plan::MOST_WORDS {
        brief = fixed.clone();
        kept = 0;
        report.struck.push(Struck {
            place: "brief".to_owned(),
            reason: "the brief would be longer than it may be".to_owned(),
        });
    }
    brief.grounding.written = report.written;
    brief.grounding.kept = kept;
    brief.grounding.struck = report.struck;
    brief.edition = Edition::Selected {
        model: model.to_owned(),
        local,
    };
    plan::remember(&mut brief, findings, reader);
    brief
}

/// Is this the id of a sentence of this finding?
fn is_of(sentence: &str, finding: &str) -> bool {
    sentence
        .rsplit_once('.')
        .is_some_and(|(of, _)| of == finding)
}

/// A finding's body without the sentences that were left out.
fn body_without(id: &str, finding: &Finding, reader: &Reader, left_out: &[&str]) -> Rich {
    let mut body = Rich::default();
    let kept = sentences(&finding.body)
        .into_iter()
        .zip(1..)
        .filter(|(_, number)| !left_out.contains(&format!("{id}.{number}").as_str()));
    for (at, (sentence, _)) in kept.enumerate() {
        if at > 0 {
            body.push(" ", None);
        }
        plan::say(
            &mut body,
            &sentence,
            &finding.facts,
            reader,
            plan::BODY_VALUE_CHARS,
        );
    }
    body.close();
    body
}

/// Why no model chose in a brief.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plain {
    Timeout,
    Refused,
    OverBudget,
    /// Sources that only a local model may see, and there is none.
    NotLocal,
    /// Something that it needs is missing, such as its key.
    NotSetUp,
    Unanswered,
    Unreachable,
    /// Its key or its right.
    Access,
    /// What its vendor allows is used up.
    Quota,
    Busy,
    /// The brief was longer than it reads.
    TooLong,
    /// What is set does not fit its server.
    Misfit,
    /// What came was no answer.
    Unreadable,
    /// It did not come to an end within its longest answer.
    Unfinished,
    /// Its answer was not in the form asked for.
    Form,
}

/// Why a brief is the plain edition, with the HTTP status of the model's server where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Why {
    pub reason: Plain,
    pub status: Option<u16>,
}

impl From<Plain> for Why {
    fn from(reason: Plain) -> Self {
        Self {
            reason,
            status: None,
        }
    }
}

/// Returns the brief as it was composed, with why no model chose in it.
pub fn plain(mut brief: Brief, why: impl Into<Why>) -> Brief {
    let (words, why) = (Words::of(brief.language), why.into());
    let mut reason = words.plain_reason(why.reason).to_owned();
    if let Some(status) = why.status {
        reason = format!("{reason} ({status})");
    }
    let said = fill(words.plain, &[("reason", &reason)]);
    brief.notices.insert(0, Rich::plain(said));
    plan::fit(&mut brief);
    brief.edition = Edition::Plain { reason };
    brief
}
