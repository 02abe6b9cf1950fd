//! The deterministic brief: which findings are said, in which order, how long.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};

use crate::{
    domain::{
        brief::{Brief, Checked, Edition, Grounding, Item, Open, Resolved, Source},
        briefing::{Briefing, WhenQuiet},
        finding::{
            Fact, FactValue, Finding, Gap, GapCause, Mark, Reader, Severity, Status, Wording,
            WordingPart,
        },
        rich::Rich,
    },
    ids::{RoleId, RunId},
    text::{shorten, word_count},
};

/// Most items under "Decide today".
const MOST_TO_DECIDE: usize = 3;
/// Most items in a brief, whatever the briefing says.
const MOST_ITEMS: usize = 7;
/// Words above the details: 60 seconds at 238 words a minute (Brysbaert 2019), rounded down.
pub(super) const MOST_WORDS: usize = 220;
/// Characters of the subject and of the preheader.
pub(super) const SUBJECT_CHARS: usize = 70;
const PREHEADER_CHARS: usize = 110;
/// Words of the bottom line.
pub(super) const BOTTOM_LINE_WORDS: usize = 45;
/// An ongoing item that did not change for so many days is one line; after the second it is no longer in the daily
/// brief unless it is high.
const SHRINK_AFTER_DAYS: i32 = 3;
const LEAVE_AFTER_DAYS: i32 = 7;
/// Resolved ones that are named.
const MOST_RESOLVED: usize = 3;
/// A brief made later than this says so, in minutes.
const LATE_AFTER_MINUTES: i64 = 10;

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
    let fresh = inputs
        .findings
        .iter()
        .any(|finding| matches!(finding.status, Status::New | Status::Worse { .. }));
    let gap_is_high = inputs.gaps.iter().any(|gap| gap.high);
    let quiet = answered && !fresh && !gap_is_high && inputs.briefing.when_quiet != WhenQuiet::Full;
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
        resolved: Vec::new(),
        more_resolved: 0,
        sources: std::mem::take(&mut inputs.sources),
        checked: inputs.checked,
        gaps: std::mem::take(&mut inputs.gaps),
        grounding: Grounding::default(),
        marks: std::mem::take(&mut inputs.marks),
    };
    for mark in inputs.resolved {
        match &mark.said {
            Some(said) if brief.resolved.len() < MOST_RESOLVED => brief.resolved.push(Resolved {
                fingerprint: mark.fingerprint.clone(),
                said: said.clone(),
                open_days: days_between(mark.first_seen, inputs.reader.today).max(1),
            }),
            _ => brief.more_resolved += 1,
        }
    }
    if !answered && inputs.checked.total > 0 {
        brief.edition = Edition::Nothing;
        brief.subject = shorten(
            &format!("{}: no brief today, no source answered", brief.title),
            SUBJECT_CHARS,
        );
        brief.bottom_line = Rich::plain(
            "No brief today: no source answered. Nothing is known about this morning's risks.",
        );
    } else if quiet {
        brief.edition = Edition::Quiet;
        say_quiet(&mut brief, &inputs);
    } else {
        say_items(&mut brief, &inputs);
    }
    remember(&mut brief);
    brief
}

fn days_between(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
}

fn time_of(instant: Timestamp, reader: &Reader) -> String {
    let local = reader.zone.to_datetime(instant);
    format!("{:02}:{:02}", local.hour(), local.minute())
}

/// What is said before everything else.
fn notices(inputs: &Inputs<'_>) -> Vec<Rich> {
    let mut notices = Vec::new();
    let late = inputs.now.duration_since(inputs.due).as_mins();
    if late > LATE_AFTER_MINUTES {
        notices.push(Rich::plain(format!(
            "This brief was due {} and was made at {}.",
            time_of(inputs.due, inputs.reader),
            time_of(inputs.now, inputs.reader)
        )));
    }
    let mut unchecked: BTreeMap<&str, (usize, GapCause)> = BTreeMap::new();
    for gap in inputs.gaps.iter().filter(|gap| gap.high) {
        let title = inputs
            .sources
            .iter()
            .find(|source| source.connector == gap.connector)
            .map_or(gap.connector.as_str(), |source| source.title.as_str());
        unchecked.entry(title).or_insert((0, gap.cause)).0 += gap.signals.len();
    }
    for (title, (signals, cause)) in unchecked {
        let verb = if signals == 1 { "is" } else { "are" };
        notices.push(Rich::plain(format!(
            "Not checked: {title} {}. {signals} of {} signals {verb} unknown.",
            cause.clause(),
            inputs.checked.total
        )));
    }
    notices
}

/// At most 45 words: what was checked, what goes on, which date comes next.
fn say_quiet(brief: &mut Brief, inputs: &Inputs<'_>) {
    let Checked { checked, total } = inputs.checked;
    brief.subject = shorten(
        &format!(
            "{}: nothing needs you today ({checked} of {total} checked)",
            brief.title
        ),
        SUBJECT_CHARS,
    );
    let since = inputs.since.map_or(String::new(), |since| {
        let local = inputs.reader.zone.to_datetime(since);
        format!(
            " since {} {}",
            inputs
                .reader
                .language
                .date(local.date(), inputs.reader.today),
            time_of(since, inputs.reader)
        )
    });
    let mut text = format!("Nothing new and nothing worse{since}.");
    if let Some((date, what)) = &inputs.next_date {
        let date = inputs.reader.language.date(*date, inputs.reader.today);
        text.push_str(&format!(" Next date: {}, {date}.", shorten(what, 60)));
    }
    if !inputs.findings.is_empty() {
        text.push_str(&format!(" Ongoing, unchanged: {}.", inputs.findings.len()));
    }
    brief.more = inputs.findings.len();
    brief.bottom_line = Rich::plain(text);
}

fn say_items(brief: &mut Brief, inputs: &Inputs<'_>) {
    let most = usize::from(inputs.briefing.max_risks).clamp(1, MOST_ITEMS);
    let unchanged = |finding: &Finding| {
        brief_mark(&brief.marks, finding).map_or(0, |mark| {
            days_between(mark.unchanged_since, inputs.reader.today)
        })
    };
    let said: Vec<(&Finding, bool)> = by_cause(inputs.findings)
        .into_iter()
        .filter(|finding| !finding.next.0.is_empty())
        .filter_map(|finding| {
            let days = unchanged(finding);
            let stays = days < i64::from(LEAVE_AFTER_DAYS) || finding.severity == Severity::High;
            stays.then_some((finding, days >= i64::from(SHRINK_AFTER_DAYS)))
        })
        .take(most)
        .collect();
    for (finding, one_line) in &said {
        let number = brief.decide.len() + brief.watch.len() + 1;
        let to_decide = finding.severity == Severity::High
            && brief.decide.len() < MOST_TO_DECIDE
            && brief.watch.is_empty();
        let item = item(number, finding, inputs.reader, *one_line || !to_decide);
        if to_decide {
            brief.decide.push(item)
        } else {
            brief.watch.push(item)
        }
    }
    // Shorter from the end until it is read within the minute.
    while brief.words_above_the_line() > MOST_WORDS {
        if let Some(item) = brief
            .watch
            .iter_mut()
            .rev()
            .find(|item| !item.next.is_empty())
        {
            item.next = Rich::default();
        } else if brief.watch.pop().is_some() {
            // One less to watch; it is counted below.
        } else if let Some(item) = brief
            .decide
            .iter_mut()
            .rev()
            .find(|item| !item.body.is_empty())
        {
            item.body = Rich::default();
        } else {
            break;
        }
    }
    let shown = brief.decide.len() + brief.watch.len();
    brief.more = inputs.findings.len().saturating_sub(shown);

    title(brief);
    brief.bottom_line = bottom_line(brief);
}

/// Subject and preheader, from the headlines as they stand.
pub(super) fn title(brief: &mut Brief) {
    let headlines: Vec<String> = brief.items().map(|item| item.headline.text()).collect();
    let Checked { checked, total } = brief.checked;
    brief.subject = match (headlines.first(), not_checked(brief)) {
        (None, _) => {
            let unchecked = total.saturating_sub(checked);
            format!(
                "{}: {unchecked} of {total} signals not checked",
                brief.title
            )
        }
        (Some(_), Some(source)) => {
            let shown = headlines.len();
            let risks = if shown == 1 { "risk" } else { "risks" };
            let more = match brief.more {
                0 => String::new(),
                more => format!(" (+{more} more)"),
            };
            format!(
                "{}: {shown} {risks}, {source} not checked{more}",
                brief.title
            )
        }
        (Some(first), None) => {
            let others = (headlines.len() + brief.more).saturating_sub(1);
            worst_first(first, others)
        }
    };
    brief.subject = shorten(&brief.subject, SUBJECT_CHARS);
    brief.preheader = headlines
        .get(1)
        .map(|second| shorten(second, PREHEADER_CHARS))
        .unwrap_or_default();
}

/// The bottom line in fixed wording: the two worst, as far as they are short enough.
fn bottom_line(brief: &Brief) -> Rich {
    let mut line = Rich::default();
    let mut words = 0;
    for headline in brief.items().map(|item| &item.headline).take(2) {
        words += word_count(&headline.text());
        if words <= BOTTOM_LINE_WORDS {
            if !line.is_empty() {
                line.push(" ", None);
            }
            line.append(headline.clone());
            line.push(".", None);
        }
    }
    if brief.items().next().is_none() {
        line = Rich::plain("What was checked shows nothing that needs you; the rest is unknown.");
    }
    line
}

/// The subject: the worst item, and how many more there are.
fn worst_first(first: &str, others: usize) -> String {
    let suffix = if others > 0 {
        format!(" (+{others} more)")
    } else {
        String::new()
    };
    format!(
        "{}{suffix}",
        shorten(first, SUBJECT_CHARS.saturating_sub(suffix.chars().count()))
    )
}

/// The source that a signal depends on that can be high, and that was not checked.
fn not_checked(brief: &Brief) -> Option<String> {
    let gap = brief.gaps.iter().find(|gap| gap.high)?;
    let source = brief
        .sources
        .iter()
        .find(|source| source.connector == gap.connector);
    Some(source.map_or_else(|| gap.connector.to_string(), |source| source.title.clone()))
}

fn brief_mark<'a>(marks: &'a [Mark], finding: &Finding) -> Option<&'a Mark> {
    marks
        .iter()
        .find(|mark| mark.fingerprint == finding.fingerprint)
}

/// The findings in their order, those of one cause next to the worst of them.
fn by_cause(findings: &[Finding]) -> Vec<&Finding> {
    let mut ordered: Vec<&Finding> = Vec::with_capacity(findings.len());
    for finding in findings {
        let same = finding.cause.as_ref().and_then(|cause| {
            ordered.iter().rposition(|other| {
                other.cause.as_ref() == Some(cause) && other.severity == finding.severity
            })
        });
        match same {
            Some(at) => ordered.insert(at + 1, finding),
            None => ordered.push(finding),
        }
    }
    ordered
}

fn item(number: usize, finding: &Finding, reader: &Reader, one_line: bool) -> Item {
    let sentence = |wording: &Wording| {
        let mut text = Rich::default();
        say(&mut text, wording, &finding.facts, reader);
        text
    };
    Item {
        number,
        signal: finding.signal.clone(),
        fingerprint: finding.fingerprint.clone(),
        severity: finding.severity,
        status: finding.status.clone(),
        headline: sentence(&finding.headline),
        body: if one_line {
            Rich::default()
        } else {
            sentence(&finding.body)
        },
        next: sentence(&finding.next),
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

/// Says a sentence with the facts' values, each a link to its record.
pub(super) fn say(
    text: &mut Rich,
    wording: &Wording,
    facts: &BTreeMap<String, Fact>,
    reader: &Reader,
) {
    let (open, close) = reader.language.quotation_marks();
    for part in &wording.0 {
        match part {
            WordingPart::Words(words) => text.push(words.clone(), None),
            WordingPart::Fact(name) => {
                if let Some(fact) = facts.get(name) {
                    let mut shown = fact.value.display(reader);
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

/// Keeps with each mark the headline that was said, so that it can be named when it is resolved.
pub(super) fn remember(brief: &mut Brief) {
    let said: BTreeMap<_, _> = brief
        .items()
        .map(|item| (item.fingerprint.clone(), item.headline.text()))
        .collect();
    for mark in &mut brief.marks {
        if let Some(headline) = said.get(&mark.fingerprint) {
            mark.said = Some(headline.clone());
        }
    }
}
