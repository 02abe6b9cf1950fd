//! What a model is asked, and what becomes of its answer.

use std::collections::BTreeMap;

use minijinja::context;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::{
    form::{self, Form},
    ground::{self, Evidence, JOINING, Refusal},
    plan,
    words::{Words, fill},
};
use crate::{
    domain::{
        brief::{Brief, Edition, Item, Struck},
        finding::{FactValue, Finding, Reader, Wording, WordingPart},
        people::Role,
        rich::Rich,
    },
    prompts,
    text::word_count,
};

/// Limits of what a model may write, in words (rules of the brief).
const HEADLINE_WORDS: usize = 16;
const BODY_WORDS: usize = 35;
const NEXT_WORDS: usize = 25;
const MOST_SENTENCES: usize = 2;
/// Tokens of an answer: a headline, a body and a step for each of seven items, with handles.
const ANSWER_TOKENS: u32 = 1_600;
/// The longest answer that is read, in bytes.
const LONGEST_ANSWER_BYTES: usize = 64 * 1024;

/// What a model may see of the facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    Values,
    /// Kinds and comparisons, never a value.
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

/// The findings of a brief's items, in their order, each under its id.
fn items<'a>(brief: &'a Brief, findings: &'a [Finding]) -> Vec<(String, &'a Item, &'a Finding)> {
    brief
        .items()
        .filter_map(|item| {
            let finding = findings
                .iter()
                .find(|finding| finding.fingerprint == item.fingerprint)?;
            Some((format!("F{}", item.number), item, finding))
        })
        .collect()
}

/// Is there something that a model could word?
pub fn can_be_worded(brief: &Brief) -> bool {
    brief.edition == Edition::BuiltIn && brief.items().next().is_some()
}

/// The prompt for a brief in fixed wording.
pub fn prompt(
    brief: &Brief,
    findings: &[Finding],
    reader: &Reader,
    role: &Role,
    company: &str,
    sight: Sight,
    form: Form,
) -> Prompt {
    let items = items(brief, findings);
    let data: Map<String, Value> = items
        .iter()
        .map(|(id, item, finding)| {
            let facts: Map<String, Value> = finding
                .facts
                .iter()
                .map(|(name, fact)| {
                    let mut shown = json!({ "kind": fact.value.kind() });
                    if let (Sight::Values, Some(shown)) = (sight, shown.as_object_mut()) {
                        shown.insert("value".to_owned(), fact.value.display(reader).into());
                    }
                    (name.clone(), shown)
                })
                .collect();
            let mut data = json!({
                "severity": item.severity,
                "headline": with_handles(id, &finding.headline),
                "next": with_handles(id, &finding.next),
                "facts": facts,
            });
            if let (false, Some(data)) = (item.body.is_empty(), data.as_object_mut()) {
                data.insert("body".to_owned(), with_handles(id, &finding.body).into());
            }
            (id.clone(), data)
        })
        .collect();
    let mut all = json!({ "findings": data });
    let same_cause: Vec<&String> = items
        .iter()
        .filter(|(_, _, finding)| {
            finding.cause.is_some()
                && items
                    .iter()
                    .filter(|(_, _, other)| other.cause == finding.cause)
                    .count()
                    > 1
        })
        .map(|(id, ..)| id)
        .collect();
    if let Some(all) = all.as_object_mut() {
        all.insert("same_cause".to_owned(), json!(same_cause));
        if sight == Sight::Blind {
            all.insert("greatest_first".to_owned(), json!(comparisons(&items)));
        }
    }
    let system = prompts::render(
        "company.md",
        context! { company => company, role => &role.title, role_prompt => &role.prompt },
    );
    let user = prompts::render(
        "briefing.md",
        context! { title => &brief.title, words => JOINING.join(", "), data => format!("{all:#}") },
    );
    Prompt {
        system,
        user,
        schema: form::schema(&items, form),
        max_output_tokens: ANSWER_TOKENS,
    }
}

/// A sentence with its handles written out.
pub(super) fn with_handles(id: &str, wording: &Wording) -> String {
    wording
        .0
        .iter()
        .map(|part| match part {
            WordingPart::Words(words) => words.clone(),
            WordingPart::Fact(fact) => format!("{{{id}.{fact}}}"),
        })
        .collect()
}

/// Facts of one kind across the items, the greatest first.
fn comparisons(items: &[(String, &Item, &Finding)]) -> BTreeMap<String, Vec<String>> {
    let mut kinds: BTreeMap<String, Vec<(Decimal, String)>> = BTreeMap::new();
    for (id, _, finding) in items {
        for (name, fact) in &finding.facts {
            let (kind, size) = match &fact.value {
                FactValue::Money(money) => (format!("money {}", money.currency), money.amount),
                FactValue::Count { count, of } => (format!("count {of}"), Decimal::from(*count)),
                FactValue::Percent(size) => ("percent".to_owned(), *size),
                FactValue::Days(days) => ("days".to_owned(), Decimal::from(*days)),
                FactValue::WorkingDays(days) => ("working days".to_owned(), Decimal::from(*days)),
                FactValue::Hours(size) => ("hours".to_owned(), *size),
                FactValue::Text(_)
                | FactValue::Number(_)
                | FactValue::Date(_)
                | FactValue::Instant(_) => continue,
            };
            kinds
                .entry(kind)
                .or_default()
                .push((size, format!("{id}.{name}")));
        }
    }
    kinds
        .into_iter()
        .filter(|(_, facts)| facts.len() > 1)
        .map(|(kind, mut facts)| {
            facts.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
            (kind, facts.into_iter().map(|(_, handle)| handle).collect())
        })
        .collect()
}

/// What a model wrote, as it came.
struct Answer {
    bottom_line: String,
    /// Item's id → field → text.
    items: BTreeMap<String, BTreeMap<&'static str, String>>,
}

const FIELDS: [&str; 3] = ["headline", "body", "next"];

/// Reads an answer; also where something stands around the JSON.
fn read(answer: &str) -> Option<Answer> {
    if answer.len() > LONGEST_ANSWER_BYTES {
        return None;
    }
    let json = answer.get(answer.find('{')?..=answer.rfind('}')?)?;
    let value: Value = serde_json::from_str(json).ok()?;
    let text = |value: &Value, key: &str| {
        value
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let items = value
        .as_object()?
        .iter()
        .filter(|(_, item)| item.is_object())
        .map(|(id, item)| {
            let fields = FIELDS
                .iter()
                .map(|field| (*field, text(item, field)))
                .collect();
            (id.clone(), fields)
        })
        .collect();
    Some(Answer {
        bottom_line: text(&value, "bottom_line"),
        items,
    })
}

/// The brief with as much of a model's wording as holds. What was struck stands in fixed wording; order, severity, status,
/// links and evidence are not the model's to change. Its `grounding` says what was kept and why the rest was not.
pub fn word(
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
    let known: Vec<(String, Finding)> = items(&brief, findings)
        .into_iter()
        .map(|(id, _, finding)| (id, finding.clone()))
        .collect();
    let fixed = brief.clone();
    let mut report = Report::default();
    for item in brief.decide.iter_mut().chain(&mut brief.watch) {
        let id = format!("F{}", item.number);
        let (Some((id, finding)), Some(written)) = (
            known.iter().find(|(known, _)| *known == id),
            answer.items.get(&id),
        ) else {
            continue;
        };
        let evidence = Evidence::new(vec![(id, finding)]);
        let field = |name: &str| written.get(name).map(String::as_str).unwrap_or_default();
        let places = [
            (
                &mut item.headline,
                "headline",
                (HEADLINE_WORDS, 1, plan::VALUE_CHARS),
            ),
            (
                &mut item.body,
                "body",
                (BODY_WORDS, MOST_SENTENCES, plan::BODY_VALUE_CHARS),
            ),
            (&mut item.next, "next", (NEXT_WORDS, 1, plan::VALUE_CHARS)),
        ];
        for (place, name, limits) in places {
            let own = match name {
                "headline" => &finding.headline,
                "body" => &finding.body,
                _ => &finding.next,
            };
            // What is one line stays one line, and what the signal does not say is not said by a model.
            if place.is_empty() || own.is_empty() || field(name).is_empty() {
                continue;
            }
            let text = ground_text(field(name), limits, own, &known, reader, |_| Ok(&evidence));
            match report.take(&format!("{id}.{name}"), field(name), text) {
                Some(mut text) => {
                    if name != "headline" {
                        text.close();
                    }
                    *place = text;
                }
                None => continue,
            }
        }
    }
    say_bottom_line(&mut brief, &known, &answer, reader, &mut report);
    if brief.words_above_the_line() > plan::MOST_WORDS {
        report.struck.push(Struck {
            place: "brief".to_owned(),
            reason: Refusal::TooLong.reason().to_owned(),
        });
        report.kept = 0;
        brief = fixed;
    }
    brief.grounding.written = report.written;
    brief.grounding.kept = report.kept;
    brief.grounding.struck = report.struck;
    if brief.grounding.kept == 0 {
        return plain(brief, Plain::Untraced);
    }
    brief.edition = Edition::Worded {
        model: model.to_owned(),
        local,
    };
    plan::title(&mut brief);
    plan::remember(&mut brief, findings, reader);
    brief
}

/// Why no model's words stand in a brief.
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
    /// Nothing of its answer could be traced to the evidence.
    Untraced,
}

/// Why a brief is in fixed wording, with the HTTP status of the model's server where there is one.
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

/// The brief in fixed wording, with why it is so.
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

/// Counts what was written, kept and struck.
#[derive(Default)]
struct Report {
    written: usize,
    kept: usize,
    struck: Vec<Struck>,
}

impl Report {
    fn take(&mut self, place: &str, text: &str, outcome: Result<Rich, Refusal>) -> Option<Rich> {
        let sentences = ground::sentences(text).len().max(1);
        self.written += sentences;
        match outcome {
            Ok(rich) => {
                self.kept += sentences;
                Some(rich)
            }
            Err(refusal) => {
                self.struck.push(Struck {
                    place: place.to_owned(),
                    reason: refusal.reason().to_owned(),
                });
                None
            }
        }
    }
}

/// Checks a text sentence by sentence and puts the values in. `own` is the sentence that it would stand for: what that
/// says with a fact cannot be said without any.
fn ground_text<'e>(
    text: &str,
    (most_words, most_sentences, longest_value): (usize, usize, usize),
    own: &Wording,
    known: &[(String, Finding)],
    reader: &Reader,
    evidence: impl Fn(&str) -> Result<&'e Evidence<'e>, Refusal>,
) -> Result<Rich, Refusal> {
    let sentences = ground::sentences(text);
    if sentences.is_empty() {
        return Err(Refusal::Empty);
    }
    if sentences.len() > most_sentences {
        return Err(Refusal::TooLong);
    }
    let mut said = Rich::default();
    let mut facts = 0;
    for (at, sentence) in sentences.into_iter().enumerate() {
        let parts = evidence(sentence)?.check(sentence)?;
        if at > 0 {
            said.push(". ", None);
        }
        for (item, part) in parts {
            let finding = item
                .as_ref()
                .and_then(|item| known.iter().find(|(id, _)| id == item))
                .map(|(_, finding)| finding);
            match (part, finding) {
                (WordingPart::Words(words), _) => said.push(words, None),
                (part, Some(finding)) => {
                    facts += 1;
                    let wording = Wording(vec![part]);
                    plan::say(&mut said, &wording, &finding.facts, reader, longest_value);
                }
                (WordingPart::Fact(_), None) => return Err(Refusal::UnknownHandle),
            }
        }
    }
    let needs_fact = own
        .0
        .iter()
        .any(|part| matches!(part, WordingPart::Fact(_)));
    if needs_fact && facts == 0 {
        return Err(Refusal::Empty);
    }
    if word_count(&said.text()) > most_words {
        return Err(Refusal::TooLong);
    }
    Ok(capitalised(said))
}

/// The text with a capital letter at its beginning.
fn capitalised(mut text: Rich) -> Rich {
    if let Some(first) = text.spans_mut().next() {
        let mut chars = first.text.chars();
        if let Some(c) = chars.next() {
            first.text = c.to_uppercase().chain(chars).collect();
        }
    }
    text
}

/// The bottom line: each sentence speaks of one item, or of items with one cause.
fn say_bottom_line(
    brief: &mut Brief,
    known: &[(String, Finding)],
    answer: &Answer,
    reader: &Reader,
    report: &mut Report,
) {
    if answer.bottom_line.is_empty() {
        return;
    }
    let single: BTreeMap<&str, Evidence<'_>> = known
        .iter()
        .map(|(id, finding)| (id.as_str(), Evidence::new(vec![(id, finding)])))
        .collect();
    let mut causes: BTreeMap<&str, Vec<(&str, &Finding)>> = BTreeMap::new();
    for (id, finding) in known {
        if let Some(cause) = &finding.cause {
            causes.entry(cause).or_default().push((id, finding));
        }
    }
    let joint: BTreeMap<&str, Evidence<'_>> = causes
        .into_iter()
        .map(|(cause, findings)| (cause, Evidence::new(findings)))
        .collect();
    let evidence = |sentence: &str| {
        let items = ground::items_of(sentence);
        let mut items = items.into_iter();
        let Some(first) = items.next() else {
            // A sentence without any fact says nothing that could be traced.
            return Err(Refusal::Empty);
        };
        let cause = |id: &str| {
            known
                .iter()
                .find(|(known, _)| known == id)
                .and_then(|(_, finding)| finding.cause.as_deref())
        };
        if items.len() == 0 {
            return single.get(first).ok_or(Refusal::UnknownHandle);
        }
        let shared = cause(first).filter(|shared| items.all(|item| cause(item) == Some(shared)));
        shared
            .and_then(|shared| joint.get(shared))
            .ok_or(Refusal::ForeignHandle)
    };
    let limits = (plan::BOTTOM_LINE_WORDS, MOST_SENTENCES, plan::VALUE_CHARS);
    let text = ground_text(
        &answer.bottom_line,
        limits,
        &Wording::default(),
        known,
        reader,
        evidence,
    );
    if let Some(mut line) = report.take("bottom_line", &answer.bottom_line, text) {
        line.close();
        brief.bottom_line = line;
    }
}
