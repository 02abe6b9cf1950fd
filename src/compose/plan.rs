//! The deterministic brief: which findings are said, in which order, how long.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, civil::Date};

use super::words::{Words, fill};
use crate::{
    domain::{
        brief::{Brief, Checked, Edition, Grounding, Item, Open, Resolved, Source},
        briefing::{Briefing, WhenQuiet},
        finding::{
            Fact, FactValue, Finding, Gap, Mark, Reader, Severity, Status, Wording, WordingPart,
        },
        rich::Rich,
    },
    ids::{ConnectorId, RoleId, RunId},
    text::{Language, shorten, word_count},
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
/// Ongoing ones that a quiet day names, and the characters of each.
const MOST_NAMED: usize = 3;
const NAME_CHARS: usize = 60;
/// Words of a quiet day's text.
const QUIET_WORDS: usize = 45;
/// Resolved ones that are named.
const MOST_RESOLVED: usize = 3;
/// Characters of one value in a headline or a step, and in a body.
pub(super) const VALUE_CHARS: usize = 80;
pub(super) const BODY_VALUE_CHARS: usize = 200;
/// Headlines below the line.
const MOST_REST: usize = 20;
/// Sources of which it is said in full what was not checked.
const MOST_NOTICES: usize = 3;
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
    // What has no next step is no risk.
    let risks = || {
        inputs
            .findings
            .iter()
            .filter(|finding| !finding.next.is_empty())
    };
    let fresh = risks().any(|finding| matches!(finding.status, Status::New | Status::Worse { .. }));
    // A day with a high risk is not quiet, however long the risk is known.
    let high = risks().any(|finding| finding.severity == Severity::High);
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
        rest: Vec::new(),
        resolved: Vec::new(),
        more_resolved: 0,
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
            brief.more = 0;
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

/// "Mon 23 Nov 07:10".
fn date_and_time(instant: Timestamp, reader: &Reader) -> String {
    let local = reader.zone.to_datetime(instant);
    format!(
        "{} {}",
        reader.language.date(local.date(), reader.today),
        time_of(instant, reader)
    )
}

/// What is said before everything else.
fn notices(inputs: &Inputs<'_>) -> Vec<Rich> {
    let words = Words::of(inputs.reader.language);
    let mut notices = Vec::new();
    let late = inputs.now.duration_since(inputs.due).as_mins();
    if late > LATE_AFTER_MINUTES {
        let (due, made) = (
            time_of(inputs.due, inputs.reader),
            time_of(inputs.now, inputs.reader),
        );
        let said = fill(words.late, &[("due", &due), ("made", &made)]);
        notices.push(Rich::plain(said));
    }
    let mut unchecked: BTreeMap<(bool, &ConnectorId), Vec<&Gap>> = BTreeMap::new();
    for gap in inputs.gaps.iter().filter(|gap| gap.high) {
        unchecked
            .entry((gap.in_part, &gap.connector))
            .or_default()
            .push(gap);
    }
    let mut others: Vec<&str> = Vec::new();
    for ((in_part, connector), gaps) in &unchecked {
        let source = source_title(&inputs.sources, connector);
        if notices.len() < MOST_NOTICES {
            let said = not_checked_notice(source, gaps, *in_part, inputs, words);
            notices.push(Rich::plain(said));
        } else if !others.contains(&source) {
            others.push(source);
        }
    }
    if !others.is_empty() {
        let said = fill(words.others_unchecked, &[("sources", &others.join(", "))]);
        notices.push(Rich::plain(said));
    }
    notices
}

/// What was not checked of one source, why, and when it was last.
fn not_checked_notice(
    source: &str,
    gaps: &[&Gap],
    in_part: bool,
    inputs: &Inputs<'_>,
    words: &Words,
) -> String {
    let clause = gaps
        .first()
        .map(|gap| gap.cause.clause_in(inputs.reader.language))
        .unwrap_or_default();
    let mut titles: Vec<&str> = gaps
        .iter()
        .flat_map(|gap| gap.titles.iter().map(String::as_str))
        .collect();
    let signals: usize = gaps.iter().map(|gap| gap.signals.len()).sum();
    let (n, total) = (signals.to_string(), inputs.checked.total.to_string());
    let and_more = titles
        .len()
        .checked_sub(MOST_NAMED)
        .filter(|more| *more > 0)
        .map(|more| fill(words.and_more, &[("n", &more.to_string())]));
    titles.truncate(MOST_NAMED);
    titles.extend(and_more.as_deref());
    let (label, [one, several]) = if in_part {
        (words.partly_checked, words.incomplete)
    } else {
        (words.not_checked, words.unknown)
    };
    let signals = if signals == 1 { one } else { several };
    let titles = titles.join(", ");
    let values = [
        ("source", source),
        ("cause", clause),
        ("n", &n),
        ("total", &total),
        ("signals", &titles),
    ];
    let mut said = format!("{} {}", fill(label, &values), fill(signals, &values));
    let last_good: Option<Vec<Timestamp>> = gaps.iter().map(|gap| gap.last_good).collect();
    if let Some(last_good) = last_good.and_then(|all| all.into_iter().min()) {
        let when = date_and_time(last_good, inputs.reader);
        said.push(' ');
        said.push_str(&fill(words.last_good, &[("when", &when)]));
    }
    said
}

/// The source's title as the reader knows it; its id where none is named.
fn source_title<'a>(sources: &'a [Source], connector: &'a ConnectorId) -> &'a str {
    sources
        .iter()
        .find(|source| source.connector == *connector)
        .map_or(connector.as_str(), |source| source.title.as_str())
}

/// At most 45 words: what was checked, which date comes next, what goes on.
fn say_quiet(brief: &mut Brief, inputs: &Inputs<'_>) {
    let words = Words::of(brief.language);
    let Checked { checked, total } = inputs.checked;
    let subject = fill(
        words.quiet_subject,
        &[
            ("title", &brief.title),
            ("checked", &checked.to_string()),
            ("total", &total.to_string()),
        ],
    );
    brief.subject = shorten(&subject, SUBJECT_CHARS);
    let since = inputs.since.map_or(String::new(), |since| {
        let when = date_and_time(since, inputs.reader);
        fill(words.quiet_since, &[("when", &when)])
    });
    let mut text = fill(words.quiet, &[("since", &since)]);
    if let Some((date, what)) = &inputs.next_date {
        let date = inputs.reader.language.date(*date, inputs.reader.today);
        let values = [("what", shorten(what, NAME_CHARS)), ("date", date)];
        let values = values
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        text = format!("{text} {}", fill(words.next_date, &values));
    }
    let better = inputs
        .findings
        .iter()
        .filter(|finding| matches!(finding.status, Status::Better { .. }))
        .count();
    let unchanged: Vec<&Finding> = inputs
        .findings
        .iter()
        .filter(|finding| matches!(finding.status, Status::Ongoing { .. }))
        .collect();
    let better = match better {
        0 => String::new(),
        better => format!(" {}", fill(words.better, &[("n", &better.to_string())])),
    };
    // As many are named as there is room for.
    let goes_on = (0..=MOST_NAMED).rev().find_map(|most| {
        let goes_on = goes_on(&unchanged, most, words, inputs.reader);
        let whole = format!("{text}{goes_on}{better}");
        (most == 0 || word_count(&whole) <= QUIET_WORDS).then_some(whole)
    });
    brief.bottom_line = Rich::plain(goes_on.unwrap_or(text));
}

/// How many go on unchanged, with the names of the first `most`.
fn goes_on(unchanged: &[&Finding], most: usize, words: &Words, reader: &Reader) -> String {
    if unchanged.is_empty() {
        return String::new();
    }
    let mut names: Vec<String> = unchanged
        .iter()
        .take(most)
        .map(|finding| shorten(&name(finding, reader), NAME_CHARS))
        .collect();
    if unchanged.len() > most && most > 0 {
        names.push("…".to_owned());
    }
    let n = unchanged.len().to_string();
    let said = fill(words.unchanged, &[("n", &n), ("names", &names.join("; "))]);
    format!(" {}", said.replace(" ()", ""))
}

/// What a finding is called where it is only named.
fn name(finding: &Finding, reader: &Reader) -> String {
    let named = [&finding.short, &finding.headline]
        .into_iter()
        .find(|wording| !wording.is_empty());
    named.map_or(String::new(), |wording| {
        let mut text = Rich::default();
        say(&mut text, wording, &finding.facts, reader, VALUE_CHARS);
        text.text()
    })
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
        .filter(|finding| !finding.next.is_empty())
        .filter_map(|finding| {
            let days = unchanged(finding);
            let stays = days < i64::from(LEAVE_AFTER_DAYS) || finding.severity == Severity::High;
            stays.then_some((finding, days >= i64::from(SHRINK_AFTER_DAYS)))
        })
        .take(most)
        .collect();
    for (finding, one_line) in &said {
        let number = brief.decide.len() + brief.watch.len() + 1;
        let high = finding.severity == Severity::High;
        let to_decide = high && brief.decide.len() < MOST_TO_DECIDE && brief.watch.is_empty();
        let item = item(number, finding, inputs.reader, *one_line || !high);
        if to_decide {
            brief.decide.push(item)
        } else {
            brief.watch.push(item)
        }
    }
    brief.more = inputs.findings.len().saturating_sub(said.len());
    brief.rest = rest(inputs, &said);
    title(brief);
    brief.bottom_line = bottom_line(brief, inputs.findings);
    fit(brief);
    brief.bottom_line = bottom_line(brief, inputs.findings);
}

/// The findings that are not said, each a headline alone, numbered on from those that are.
fn rest(inputs: &Inputs<'_>, said: &[(&Finding, bool)]) -> Vec<Item> {
    by_cause(inputs.findings)
        .into_iter()
        .filter(|finding| {
            !said
                .iter()
                .any(|(said, _)| said.fingerprint == finding.fingerprint)
        })
        .zip(said.len() + 1..)
        .map(|(finding, number)| headline_alone(item(number, finding, inputs.reader, true)))
        .take(MOST_REST)
        .collect()
}

fn headline_alone(mut item: Item) -> Item {
    item.body = Rich::default();
    item.next = Rich::default();
    item
}

/// Makes it shorter from the end until it is read within the minute.
pub(super) fn fit(brief: &mut Brief) {
    while brief.words_above_the_line() > MOST_WORDS && shorten_once(brief) {}
    if brief.items().next().is_some() {
        title(brief);
    }
}

/// Takes the least from a brief that it can do without: steps of what is to be watched, names of what is resolved, what is
/// not high and to be watched before what is said of what is high, then whole items. Items stand below the line then. False
/// where nothing is left to take.
fn shorten_once(brief: &mut Brief) -> bool {
    let is_high = |item: &Item| item.severity == Severity::High;
    for high in [false, true] {
        let step = brief
            .watch
            .iter_mut()
            .rev()
            .find(|item| is_high(item) == high && !item.next.is_empty());
        if let Some(item) = step {
            item.next = Rich::default();
            return true;
        }
    }
    if brief.resolved.len() > 1 {
        brief.resolved.pop();
        brief.more_resolved += 1;
        return true;
    }
    let explained = brief.watch.iter().any(|item| !item.body.is_empty());
    if explained && let Some(item) = brief.watch.pop_if(|item| !is_high(item)) {
        below_the_line(brief, item);
        return true;
    }
    let last_body = |items: &mut [Item]| {
        let item = items.iter_mut().rev().find(|item| !item.body.is_empty());
        item.map(|item| item.body = Rich::default()).is_some()
    };
    if last_body(&mut brief.watch) {
        return true;
    }
    if let Some(item) = brief.watch.pop() {
        below_the_line(brief, item);
        return true;
    }
    if last_body(&mut brief.decide) {
        return true;
    }
    if brief.decide.len() > 1
        && let Some(item) = brief.decide.pop()
    {
        below_the_line(brief, item);
        return true;
    }
    if brief.resolved.pop().is_some() {
        brief.more_resolved += 1;
        return true;
    }
    false
}

fn below_the_line(brief: &mut Brief, item: Item) {
    brief.more += 1;
    brief.rest.insert(0, headline_alone(item));
    brief.rest.truncate(MOST_REST);
}

/// Says more before everything else, and keeps to what is read within the minute.
pub fn add_notices(brief: &mut Brief, notices: Vec<Rich>) {
    brief.notices.extend(notices);
    fit(brief);
}

/// Subject and preheader, from the headlines as they stand.
pub(super) fn title(brief: &mut Brief) {
    let words = Words::of(brief.language);
    let headlines: Vec<String> = brief.items().map(|item| item.headline.text()).collect();
    let Checked { checked, total } = brief.checked;
    let shown = headlines.len();
    let more = |others: usize| match others {
        0 => String::new(),
        others => format!(" {}", fill(words.more, &[("n", &others.to_string())])),
    };
    brief.subject = match (headlines.first(), not_checked(brief, words)) {
        (None, _) => {
            let (n, total) = (total.saturating_sub(checked).to_string(), total.to_string());
            let values = [
                ("title", brief.title.as_str()),
                ("n", &n),
                ("total", &total),
            ];
            fill(words.unchecked_subject, &values)
        }
        (Some(_), Some(unchecked)) => {
            let [one, several] = words.risks;
            let risks = if shown == 1 { one } else { several };
            let risks = fill(risks, &[("n", &shown.to_string())]);
            let values = [
                ("title", brief.title.as_str()),
                ("risks", &risks),
                ("unchecked", &unchecked),
            ];
            format!(
                "{}{}",
                fill(words.degraded_subject, &values),
                more(brief.more)
            )
        }
        (Some(first), None) => {
            let more = more((shown + brief.more).saturating_sub(1));
            let room = SUBJECT_CHARS.saturating_sub(more.chars().count());
            format!("{}{more}", shorten(first, room))
        }
    };
    brief.subject = shorten(&brief.subject, SUBJECT_CHARS);
    brief.preheader = headlines
        .get(1)
        .map(|second| shorten(second, PREHEADER_CHARS))
        .unwrap_or_default();
}

/// The bottom line in fixed wording: how many risks, which share a cause, and what the worst two need of whom. The subject
/// says what the worst is.
fn bottom_line(brief: &Brief, findings: &[Finding]) -> Rich {
    let words = Words::of(brief.language);
    let of = |item: &Item| {
        findings
            .iter()
            .find(|finding| finding.fingerprint == item.fingerprint)
    };
    let shown = brief.items().count();
    if shown == 0 {
        return Rich::plain(match brief.checked.checked {
            0 => words.nothing_checked,
            _ => words.nothing_found,
        });
    }
    let all = shown + brief.more;
    let [one, several] = words.risks;
    let risks = fill(
        if all == 1 { one } else { several },
        &[("n", &all.to_string())],
    );
    let count = match brief.decide.len() {
        0 => fill(words.none_to_decide, &[("risks", &risks)]),
        decide => {
            let values = [("risks", risks.as_str()), ("n", &decide.to_string())];
            fill(words.to_decide, &values)
        }
    };
    let mut line = Rich::plain(count);
    let cause = |item: &Item| of(item).and_then(|finding| finding.cause.as_deref());
    let subject = |item: &Item| of(item).and_then(|finding| finding.subject.as_deref());
    if let Some((_, numbers)) = shared(brief, words, cause) {
        line.push(fill(words.share_cause, &[("numbers", &numbers)]), None);
    } else if let Some((subject, numbers)) = shared(brief, words, subject) {
        let subject = shorten(subject, VALUE_CHARS);
        let values = [("numbers", numbers.as_str()), ("subject", &subject)];
        line.push(fill(words.share_subject, &values), None);
    }
    line.close();
    let mut steps: Vec<Rich> = Vec::new();
    for item in brief.items() {
        let Some(finding) = of(item).filter(|_| !item.next.is_empty()) else {
            continue;
        };
        let step = inside_a_sentence(&item.next, finding, brief.language);
        if !steps.contains(&step) {
            steps.push(step);
        }
    }
    let mut number = 0;
    for (step, before) in steps.into_iter().zip([words.first, words.then]) {
        let mut longer = line.clone();
        longer.push(before, None);
        longer.append(step);
        if word_count(&longer.text()) > BOTTOM_LINE_WORDS {
            break;
        }
        line = longer;
        number += 1;
    }
    if number > 0 {
        line.close();
    }
    line
}

/// What the first items that share it have in common, and their numbers: "1, 2 and 3".
fn shared<'a>(
    brief: &Brief,
    words: &Words,
    of: impl Fn(&Item) -> Option<&'a str>,
) -> Option<(&'a str, String)> {
    brief.items().find_map(|item| {
        let common = of(item)?;
        let mut numbers: Vec<String> = brief
            .items()
            .filter(|other| of(other) == Some(common))
            .map(|other| other.number.to_string())
            .collect();
        let last = numbers.pop().filter(|_| !numbers.is_empty())?;
        Some((
            common,
            format!("{} {} {last}", numbers.join(", "), words.and),
        ))
    })
}

/// A step without its full stop; its first word small, where that is a word of the signal's author and not a name.
fn inside_a_sentence(step: &Rich, finding: &Finding, language: Language) -> Rich {
    let mut step = step.clone();
    if let Some(last) = step.spans_mut().last() {
        last.text = last.text.trim_end_matches(['.', ' ']).to_owned();
    }
    let by_author = matches!(finding.next.0.first(), Some(WordingPart::Words(_)));
    if by_author
        && language != Language::German
        && let Some(first) = step.spans_mut().next()
    {
        let mut chars = first.text.chars();
        if let Some(c) = chars.next() {
            first.text = c.to_lowercase().chain(chars).collect();
        }
    }
    step
}

/// What was not checked of the first source on which a high signal depends: "Sentry not checked" only where none of its
/// signals was.
fn not_checked(brief: &Brief, words: &Words) -> Option<String> {
    let gap = brief.gaps.iter().find(|gap| gap.high)?;
    let of_source = || {
        brief
            .gaps
            .iter()
            .filter(|other| other.connector == gap.connector)
    };
    let signals: BTreeSet<_> = of_source().flat_map(|gap| &gap.signals).collect();
    let whole = !of_source().any(|gap| gap.in_part) && signals.len() >= gap.of;
    let (n, of) = (signals.len().to_string(), gap.of.to_string());
    let values = [
        ("source", source_title(&brief.sources, &gap.connector)),
        ("n", &n),
        ("of", &of),
    ];
    let sentence = if whole {
        words.source_unchecked
    } else {
        words.source_partly
    };
    Some(fill(sentence, &values))
}

fn brief_mark<'a>(marks: &'a [Mark], finding: &Finding) -> Option<&'a Mark> {
    marks
        .iter()
        .find(|mark| mark.fingerprint == finding.fingerprint)
}

/// The findings in their order, those of one cause or subject next to the worst of them.
fn by_cause(findings: &[Finding]) -> Vec<&Finding> {
    let mut ordered: Vec<&Finding> = Vec::with_capacity(findings.len());
    for finding in findings {
        let one = |of: fn(&Finding) -> Option<&String>| {
            ordered.iter().rposition(|other| {
                of(finding).is_some()
                    && of(other) == of(finding)
                    && other.severity == finding.severity
            })
        };
        let same = one(|finding| finding.cause.as_ref())
            .or_else(|| one(|finding| finding.subject.as_ref()));
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
        next: sentence(&finding.next, VALUE_CHARS),
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
                    let mut shown = shorten(&fact.value.display(reader), longest);
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
