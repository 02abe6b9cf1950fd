//! Title, preheader and bottom line.

use std::collections::BTreeSet;

use super::{BOTTOM_LINE_WORDS, SUBJECT_CHARS, Words, fill, notices::source_title};
use crate::domain::{
    brief::{Brief, Checked, Item},
    finding::{Finding, Mark, WordingPart},
    rich::Rich,
};
use crate::text::{Language, shorten, shorten_sentence, word_count};

/// Characters of the preheader.
const PREHEADER_CHARS: usize = 110;

/// Subject and preheader, from the headlines as they stand.
pub fn title(brief: &mut Brief) {
    let words = Words::of(brief.language);
    let headlines: Vec<String> = brief.items().map(|item| item.headline.text()).collect();
    let Checked { checked, total } = brief.checked;
    let shown = headlines.len();
    let more = |others: usize| match others {
        0 => String::new(),
        others => {
            let [one, several] = words.more;
            let more = if others == 1 { one } else { several };
            format!(" {}", fill(more, &[("n", &others.to_string())]))
        }
    };
    brief.subject = match (headlines.first(), not_checked(brief, words)) {
        (None, _) => {
            let unchecked = total.saturating_sub(checked);
            let (n, total) = (unchecked.to_string(), total.to_string());
            let values = [
                ("title", brief.title.as_str()),
                ("n", &n),
                ("total", &total),
            ];
            let [one, several] = words.unchecked_subject;
            fill(if unchecked == 1 { one } else { several }, &values)
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
            format!("{}{more}", shorten_sentence(first, room))
        }
    };
    brief.subject = shorten(&brief.subject, SUBJECT_CHARS);
    brief.preheader = headlines
        .get(1)
        .map(|second| shorten_sentence(second, PREHEADER_CHARS))
        .unwrap_or_default();
}

/// The bottom line in fixed wording: how many risks, which share a cause, and what the worst two need of whom. The subject
/// says what the worst is. Where items are `named` by their numbers, it speaks of their steps instead, in that order.
pub fn bottom_line(brief: &Brief, findings: &[Finding], named: &[usize]) -> Rich {
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
            let [one, several] = words.to_decide;
            fill(if all == 1 { one } else { several }, &values)
        }
    };
    let mut line = Rich::plain(count);
    let cause = |item: &Item| of(item).and_then(|finding| finding.cause.as_deref());
    if let Some(numbers) = shared(brief, words, cause) {
        line.push(fill(words.share_cause, &[("numbers", &numbers)]), None);
    }
    line.close();
    let mut steps: Vec<Rich> = Vec::new();
    let chosen: Vec<&Item> = named
        .iter()
        .filter_map(|number| brief.items().find(|item| item.number == *number))
        .collect();
    let spoken_of = if chosen.is_empty() {
        brief.items().collect()
    } else {
        chosen
    };
    for item in spoken_of {
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

/// The numbers of the first items that have this in common: "1, 2 and 3".
fn shared<'a>(
    brief: &Brief,
    words: &Words,
    of: impl Fn(&Item) -> Option<&'a str>,
) -> Option<String> {
    brief.items().find_map(|item| {
        let common = of(item)?;
        let mut numbers: Vec<String> = brief
            .items()
            .filter(|other| of(other) == Some(common))
            .map(|other| other.number.to_string())
            .collect();
        let last = numbers.pop().filter(|_| !numbers.is_empty())?;
        Some(format!("{} {} {last}", numbers.join(", "), words.and))
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
    let [one, several] = words.source_partly;
    let sentence = match (whole, signals.len()) {
        (true, _) => words.source_unchecked,
        (false, 1) => one,
        (false, _) => several,
    };
    Some(fill(sentence, &values))
}

pub fn brief_mark<'a>(marks: &'a [Mark], finding: &Finding) -> Option<&'a Mark> {
    marks
        .iter()
        .find(|mark| mark.fingerprint == finding.fingerprint)
}
