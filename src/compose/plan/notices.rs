//! What a brief says of itself: what was not checked, what comes late.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Inputs, MOST_NAMED, Words, date_and_time, fill, fit, time_of};
use crate::domain::{
    brief::{Brief, Source},
    finding::Gap,
    rich::Rich,
};
use crate::ids::ConnectorId;

/// Sources of which it is said in full what was not checked.
const MOST_NOTICES: usize = 3;
/// A brief made later than this says so, in minutes.
const LATE_AFTER_MINUTES: i64 = 10;

/// What is said before everything else.
pub fn notices(inputs: &Inputs<'_>) -> Vec<Rich> {
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
        .map(|more| {
            let [one, several] = words.and_more;
            let said = if more == 1 { one } else { several };
            fill(said, &[("n", &more.to_string())])
        });
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
pub fn source_title<'a>(sources: &'a [Source], connector: &'a ConnectorId) -> &'a str {
    sources
        .iter()
        .find(|source| source.connector == *connector)
        .map_or(connector.as_str(), |source| source.title.as_str())
}

/// Says more before everything else, and keeps to what is read within the minute.
pub fn add_notices(brief: &mut Brief, notices: Vec<Rich>) {
    brief.notices.extend(notices);
    fit(brief);
}
