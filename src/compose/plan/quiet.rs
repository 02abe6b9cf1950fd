//! A brief of a day on which nothing new needs its reader.

use super::{Inputs, MOST_NAMED, SUBJECT_CHARS, VALUE_CHARS, Words, date_and_time, fill, say};
use crate::domain::{
    brief::{Brief, Checked},
    finding::{Finding, Reader, Status},
    rich::Rich,
};

use crate::text::{shorten, word_count};

/// Words of a quiet day's text.
const QUIET_WORDS: usize = 45;
/// Characters of the name of one that goes on.
const NAME_CHARS: usize = 60;

/// At most 45 words: what was checked, which date comes next, what goes on.
pub fn say_quiet(brief: &mut Brief, inputs: &Inputs<'_>) {
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
        better => {
            let [one, several] = words.better;
            let said = if better == 1 { one } else { several };
            format!(" {}", fill(said, &[("n", &better.to_string())]))
        }
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
    let [one, several] = words.unchanged;
    let said = fill(
        if unchanged.len() == 1 { one } else { several },
        &[("n", &n), ("names", &names.join("; "))],
    );
    format!(" {}", said.replace(" ()", ""))
}

/// What a finding is called where it is only named.
pub fn name(finding: &Finding, reader: &Reader) -> String {
    let named = [&finding.short, &finding.headline]
        .into_iter()
        .find(|wording| !wording.is_empty());
    named.map_or(String::new(), |wording| {
        let mut text = Rich::default();
        say(&mut text, wording, &finding.facts, reader, VALUE_CHARS);
        text.text()
    })
}
