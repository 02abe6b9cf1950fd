//! The deterministic brief: which findings are said, in which order, how long.

mod fit;
mod head;
mod notices;
mod quiet;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, civil::Date};

use super::words::{Words, fill};
use crate::{
    domain::{
        brief::{Brief, Checked, Edition, Grounding, Item, Open, Resolved, Source},
        briefing::{Briefing, WhenQuiet},
        finding::{
            Fact, FactValue, Finding, Gap, Mark, Reader, Severity, Stake, Status, Wording,
            WordingPart,
        },
        rich::Rich,
    },
    ids::{RoleId, RunId},
    money::Currency,
    text::shorten,
};
pub use fit::fit;
use fit::headline_alone;
pub(super) use head::bottom_line;
use head::brief_mark;
use head::title;
pub use notices::add_notices;
use notices::notices;
use quiet::{name, say_quiet};

/// Most items under "Decide today".
const MOST_TO_DECIDE: usize = 3;
/// Most items in a brief, whatever the briefing says.
const MOST_ITEMS: usize = 7;
/// Ongoing ones that a quiet day names, and sources that a notice names.
const MOST_NAMED: usize = 3;
/// Words above the details: 60 seconds at 238 words a minute (Brysbaert 2019), rounded down.
pub(super) const MOST_WORDS: usize = 220;
/// Characters of the subject.
pub(super) const SUBJECT_CHARS: usize = 70;
/// Words of the bottom line.
pub(super) const BOTTOM_LINE_WORDS: usize = 45;
/// An ongoing item that did not change for so many days is one line; after the second it is no longer in the daily
/// brief unless it is high.
const SHRINK_AFTER_DAYS: i32 = 3;
const LEAVE_AFTER_DAYS: i32 = 7;
/// Resolved ones that are named.
const MOST_RESOLVED: usize = 3;
/// Characters of one value in a headline or a step, and in a body.
pub(super) const VALUE_CHARS: usize = 80;
pub(super) const BODY_VALUE_CHARS: usize = 200;
/// Headlines below the line.
const MOST_REST: usize = 20;

/// Everything that a brief is made of.
#[derive(Debug, Clone)]
pub struct Inputs<'a> {
    pub run: RunId,
    pub briefing: &'a Briefing,
    pub role: RoleId,
    pub reader: &'a Reader,
    /// IANA name of the reader's zone.
    pub zone: &'a str,
    pub due: Timestamp,
    pub now: Timestamp,
    /// Worst first.
    pub findings: &'a [Finding],
    pub resolved: &'a [Mark],
    pub marks: Vec<Mark>,
    pub gaps: Vec<Gap>,
    pub checked: Checked,
    pub sources: Vec<Source>,
    pub next_date: Option<(Date, String)>,
    /// When the brief before was due.
    pub since: Option<Timestamp>,
}

/// Makes the brief in fixed wording.
pub fn compose(mut inputs: Inputs<'_>) -> Brief {
    let answered = inputs.sources.iter().any(|source| source.as_of.is_some());
    let is_fresh = |finding: &Finding| match finding.status {
        Status::New | Status::Worse { .. } | Status::Raised { .. } => true,
        Status::Ongoing { .. } | Status::Better { .. } => false,
    };
    let fresh = inputs.findings.iter().any(is_fresh);
    // A day with a high risk is not quiet, however long the risk is known and whatever is not said of it.
    let high = inputs.findings.iter().any(is_high);
    let gap_is_high = inputs.gaps.iter().any(|gap| gap.high);
    let may_be_quiet = inputs.checked.checked > 0 && !fresh && !high && !gap_is_high;
    let quiet = may_be_quiet && inputs.briefing.when_quiet != WhenQuiet::Full;
    let mut brief = Brief {
        run: inputs.run.clone(),
        briefing: inputs.briefing.id.clone(),
        title: inputs.briefing.title.clone(),
        role: inputs.role.clone(),
        language: inputs.reader.language,
        zone: inputs.zone.to_owned(),
        due: inputs.due,
        made: inputs.now,
        edition: Edition::BuiltIn,
        subject: String::new(),
        preheader: String::new(),
        notices: notices(&inputs),
        bottom_line: Rich::default(),
        decide: Vec::new(),
        watch: Vec::new(),
        more: 0,
        more_high: 0,
        rest: Vec::new(),
        resolved: Vec::new(),
        more_resolved: 0,
        ranked_apart: ranked_apart(inputs.findings),
        sources: std::mem::take(&mut inputs.sources),
        checked: inputs.checked,
        gaps: std::mem::take(&mut inputs.gaps),
        grounding: Grounding::default(),
        marks: std::mem::take(&mut inputs.marks),
    };
    say_resolved(&mut brief, &inputs);
    if !answered && inputs.checked.total > 0 {
        brief.edition = Edition::Nothing;
        let words = Words::of(brief.language);
        let subject = fill(words.no_source_subject, &[("title", &brief.title)]);
        brief.subject = shorten(&subject, SUBJECT_CHARS);
        brief.bottom_line = Rich::plain(words.no_source);
    } else {
        if !quiet {
            say_items(&mut brief, &inputs);
        }
        if may_be_quiet && brief.items().next().is_none() {
            brief.edition = Edition::Quiet;
            (brief.more, brief.more_high) = (0, 0);
            brief.rest = rest(&inputs, &[]);
            say_quiet(&mut brief, &inputs);
        }
    }
    remember(&mut brief, inputs.findings, inputs.reader);
    brief
}

/// What is found no more, the worst first, under the name that it had. Where only its date is over it has passed: nobody
/// saw it settled.
fn say_resolved(brief: &mut Brief, inputs: &Inputs<'_>) {
    let words = Words::of(brief.language);
    let mut resolved: Vec<&Mark> = inputs.resolved.iter().collect();
    resolved.sort_by_key(|mark| std::cmp::Reverse(mark.severity));
    for mark in resolved {
        let Some(said) = mark
            .said
            .as_ref()
            .filter(|_| brief.resolved.len() < MOST_RESOLVED)
        else {
            brief.more_resolved += 1;
            continue;
        };
        let passed = mark.until.is_some_and(|until| until < inputs.reader.today);
        let has_name = inputs
            .briefing
            .signals
            .iter()
            .any(|signal| signal.id == mark.signal && !signal.short.is_empty());
        let what = [("what", said.as_str())];
        brief.resolved.push(Resolved {
            fingerprint: mark.fingerprint.clone(),
            said: match (passed, has_name) {
                (true, _) => fill(words.passed, &what),
                (false, true) => said.clone(),
                (false, false) => fill(words.was, &what),
            },
            passed,
            open_days: days_between(mark.first_seen, inputs.reader.today).max(1),
        });
    }
}

fn days_between(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
}

fn time_of(instant: Timestamp, reader: &Reader) -> String {
    let local = reader.zone.to_datetime(instant);
    format!("{:02}:{:02}", local.hour(), local.minute())
}

/// "yesterday 07:10".
fn date_and_time(instant: Timestamp, reader: &Reader) -> String {
    reader.language.instant(instant, &reader.zone, reader.today)
}

fn say_items(brief: &mut Brief, inputs: &Inputs<'_>) {
    let most = usize::from(inputs.briefing.max_risks).clamp(1, MOST_ITEMS);
    let unchanged = |finding: &Finding| {
        brief_mark(&brief.marks, finding).map_or(0, |mark| {
            days_between(mark.unchanged_since, inputs.reader.today)
        })
    };
    let stays =
        |finding: &&Finding| unchanged(finding) < i64::from(LEAVE_AFTER_DAYS) || is_high(finding);
    let mut shown = one_of_each_subject(inputs.findings.iter().filter(stays));
    shown.truncate(most);
    let highs = shown.iter().take_while(|finding| is_high(finding)).count();
    let watch = by_cause(&shown.split_off(highs.min(MOST_TO_DECIDE)));
    let decide = by_cause(&shown);
    let said: Vec<&Finding> = decide.iter().chain(&watch).copied().collect();
    for (at, finding) in said.iter().enumerate() {
        let one_line = unchanged(finding) >= i64::from(SHRINK_AFTER_DAYS);
        let item = item(
            at + 1,
            finding,
            inputs.reader,
            one_line || !is_high(finding),
        );
        if at < decide.len() {
            brief.decide.push(item);
        } else {
            brief.watch.push(item);
        }
    }
    list_rest(brief, inputs);
    title(brief);
    brief.bottom_line = bottom_line(brief, inputs.findings, &[]);
    fit(brief);
    // What found no room is listed in its place among the others.
    list_rest(brief, inputs);
    brief.bottom_line = bottom_line(brief, inputs.findings, &[]);
}

/// Lists and counts what is not shown, and says of each that is shown which of those are of its subject.
fn list_rest(brief: &mut Brief, inputs: &Inputs<'_>) {
    let shown: Vec<&Finding> = brief
        .items()
        .filter_map(|item| {
            inputs
                .findings
                .iter()
                .find(|finding| finding.fingerprint == item.fingerprint)
        })
        .collect();
    let highs = |findings: &mut dyn Iterator<Item = &Finding>| {
        findings.filter(|finding| is_high(finding)).count()
    };
    brief.more = inputs.findings.len().saturating_sub(shown.len());
    brief.more_high =
        highs(&mut inputs.findings.iter()).saturating_sub(highs(&mut shown.iter().copied()));
    brief.rest = rest(inputs, &shown);
    for (item, finding) in brief.decide.iter_mut().chain(&mut brief.watch).zip(shown) {
        item.also = also(finding, inputs, &brief.rest);
    }
}

fn is_high(finding: &Finding) -> bool {
    finding.severity == Severity::High
}

/// The findings in their order, of each subject the first.
fn one_of_each_subject<'a>(findings: impl Iterator<Item = &'a Finding>) -> Vec<&'a Finding> {
    let mut subjects = BTreeSet::new();
    findings
        .filter(|finding| match &finding.subject {
            Some(subject) => subjects.insert(subject),
            None => true,
        })
        .collect()
}

/// How many more findings are about the subject of one that is shown, and under which numbers they are listed.
fn also(finding: &Finding, inputs: &Inputs<'_>, listed: &[Item]) -> Rich {
    let Some(subject) = &finding.subject else {
        return Rich::default();
    };
    let others: BTreeSet<_> = inputs
        .findings
        .iter()
        .filter(|other| other.subject.as_ref() == Some(subject))
        .map(|other| &other.fingerprint)
        .filter(|other| **other != finding.fingerprint)
        .collect();
    if others.is_empty() {
        return Rich::default();
    }
    let words = Words::of(inputs.reader.language);
    let numbers: Vec<String> = listed
        .iter()
        .filter(|item| others.contains(&item.fingerprint))
        .map(|item| item.number.to_string())
        .collect();
    let n = others.len().to_string();
    let subject = FactValue::Text(shorten(subject, VALUE_CHARS)).display(inputs.reader);
    let values = [("n", n.as_str()), ("subject", &subject)];
    let [one, several] = words.about_subject;
    let said = fill(if others.len() == 1 { one } else { several }, &values);
    let numbers = match numbers.as_slice() {
        [] => String::new(),
        numbers => format!("{}{}", words.colon, numbers.join(", ")),
    };
    Rich::plain(format!("{said}{numbers}."))
}

/// The currencies of what is at stake in their order, where there are several.
fn ranked_apart(findings: &[Finding]) -> Vec<Currency> {
    let mut currencies = Vec::new();
    for finding in findings {
        if let Some(Stake::Money(money)) = &finding.stake
            && !currencies.contains(&money.currency)
        {
            currencies.push(money.currency);
        }
    }
    if currencies.len() > 1 {
        currencies
    } else {
        Vec::new()
    }
}

/// The findings that are not said, each a headline alone, numbered on from those that are.
fn rest(inputs: &Inputs<'_>, said: &[&Finding]) -> Vec<Item> {
    inputs
        .findings
        .iter()
        .filter(|finding| {
            !said
                .iter()
                .any(|said| said.fingerprint == finding.fingerprint)
        })
        .zip(said.len() + 1..)
        .map(|(finding, number)| headline_alone(item(number, finding, inputs.reader, true)))
        .take(MOST_REST)
        .collect()
}

/// The findings in their order, those of one cause next to the worst of them.
fn by_cause<'a>(findings: &[&'a Finding]) -> Vec<&'a Finding> {
    let mut ordered: Vec<&Finding> = Vec::with_capacity(findings.len());
    for finding in findings {
        let same = ordered.iter().rposition(|other| {
            finding.cause.is_some()
                && other.cause == finding.cause
                && other.severity == finding.severity
        });
        match same {
            Some(at) => ordered.insert(at + 1, finding),
            None => ordered.push(finding),
        }
    }
    ordered
}

fn item(number: usize, finding: &Finding, reader: &Reader, one_line: bool) -> Item {
    let sentence = |wording: &Wording, longest: usize| {
        let mut text = Rich::default();
        say(&mut text, wording, &finding.facts, reader, longest);
        text
    };
    Item {
        number,
        signal: finding.signal.clone(),
        fingerprint: finding.fingerprint.clone(),
        severity: finding.severity,
        status: finding.status.clone(),
        headline: sentence(&finding.headline, VALUE_CHARS),
        body: if one_line {
            Rich::default()
        } else {
            sentence(&finding.body, BODY_VALUE_CHARS)
        },
        next: if finding.next.is_empty() {
            Rich::plain(Words::of(reader.language).no_next)
        } else {
            sentence(&finding.next, VALUE_CHARS)
        },
        also: Rich::default(),
        open: finding.link.as_ref().map(|url| Open {
            label: name_of(url, finding, reader).unwrap_or_else(|| "Open".to_owned()),
            url: url.clone(),
        }),
        evidence: finding.evidence.clone(),
    }
}

/// What the record at this address is called, where a fact of the finding is its name.
fn name_of(url: &url::Url, finding: &Finding, reader: &Reader) -> Option<String> {
    finding.facts.values().find_map(|fact| {
        let is_name = matches!(fact.value, FactValue::Text(_)) && fact.link.as_ref() == Some(url);
        is_name.then(|| fact.value.display(reader))
    })
}

/// Says a sentence with the facts' values, each a link to its record and a text of at most `longest` characters.
pub(super) fn say(
    text: &mut Rich,
    wording: &Wording,
    facts: &BTreeMap<String, Fact>,
    reader: &Reader,
    longest: usize,
) {
    let (open, close) = reader.language.quotation_marks();
    for part in &wording.0 {
        match part {
            WordingPart::Words(words) => {
                // A date may end with the full stop that the sentence has too: "19. Dez."
                let twice = words.starts_with('.')
                    && text
                        .spans()
                        .last()
                        .is_some_and(|last| last.text.ends_with('.'));
                text.push(words.get(usize::from(twice)..).unwrap_or_default(), None);
            }
            WordingPart::Fact(name) => {
                if let Some(fact) = facts.get(name) {
                    let value = fact.value.display_after(&text.text(), reader);
                    let mut shown = shorten(&value, longest);
                    // A rule may have put marks around it.
                    let inside = shown
                        .strip_prefix(open)
                        .and_then(|shown| shown.strip_suffix(close));
                    if let Some(inside) = inside
                        && text.text().ends_with(['“', '„', '«', '"'])
                    {
                        shown = inside.to_owned();
                    }
                    text.push(shown, fact.link.clone());
                }
            }
        }
    }
}

/// Keeps with each mark what its finding was said to be, so that it can be named when it is over.
pub(super) fn remember(brief: &mut Brief, findings: &[Finding], reader: &Reader) {
    let said: BTreeMap<_, _> = brief
        .items()
        .chain(&brief.rest)
        .map(|item| {
            let finding = findings
                .iter()
                .find(|finding| finding.fingerprint == item.fingerprint);
            let name = match finding {
                Some(finding) if !finding.short.is_empty() => name(finding, reader),
                _ => item.headline.text(),
            };
            (item.fingerprint.clone(), name)
        })
        .collect();
    for mark in &mut brief.marks {
        if let Some(name) = said.get(&mark.fingerprint) {
            mark.said = Some(name.clone());
        }
    }
}
