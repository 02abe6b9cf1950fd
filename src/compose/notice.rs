//! A word about a brief in the form of one: a line that its channels can carry.

use jiff::Timestamp;

use crate::{
    domain::{
        brief::{Brief, Checked, Edition, Grounding},
        rich::Rich,
        run::Audience,
    },
    ids::{BriefingId, RunId},
    text::{Language, shorten},
};

use super::words::{Words, fill};

/// What a word is made of.
#[derive(Debug, Clone)]
pub struct Notice<'a> {
    pub run: RunId,
    pub briefing: BriefingId,
    pub title: String,
    pub audience: &'a Audience,
    pub due: Timestamp,
    pub now: Timestamp,
    pub edition: Edition,
    pub subject: String,
    pub text: String,
}

/// Makes it.
pub fn notice(notice: Notice<'_>) -> Brief {
    Brief {
        run: notice.run,
        briefing: notice.briefing,
        title: notice.title,
        role: notice.audience.role.clone(),
        language: notice.audience.language,
        zone: notice.audience.zone.clone(),
        due: notice.due,
        made: notice.now,
        edition: notice.edition,
        subject: shorten(&notice.subject, super::plan::SUBJECT_CHARS),
        preheader: String::new(),
        notices: Vec::new(),
        bottom_line: Rich::plain(notice.text),
        decide: Vec::new(),
        watch: Vec::new(),
        more: 0,
        more_high: 0,
        rest: Vec::new(),
        resolved: Vec::new(),
        more_resolved: 0,
        ranked_apart: Vec::new(),
        sources: Vec::new(),
        checked: Checked::default(),
        gaps: Vec::new(),
        grounding: Grounding::default(),
        marks: Vec::new(),
    }
}

/// Subject and text of the line that readers get instead of a brief whose time was over, with when it was due and when its
/// time ended.
pub fn too_late(language: Language, title: &str, due: &str, expired: &str) -> (String, String) {
    let words = Words::of(language);
    (
        fill(words.too_late_subject, &[("title", title)]),
        fill(words.too_late, &[("due", due), ("expired", expired)]),
    )
}

/// That briefs before this one were not made, since when.
pub fn missed(language: Language, count: usize, since: &str) -> Rich {
    let words = Words::of(language);
    let [one, several] = words.missed;
    let said = if count == 1 { one } else { several };
    let n = count.to_string();
    Rich::plain(fill(said, &[("n", &n), ("since", since)]))
}

/// That the brief due then may not have arrived everywhere.
pub fn not_reached(language: Language, due: &str) -> Rich {
    Rich::plain(fill(Words::of(language).not_reached, &[("due", due)]))
}

/// That nothing was sent on so many quiet days.
pub fn quiet_days(language: Language, count: usize) -> Rich {
    let [one, several] = Words::of(language).quiet_days;
    let said = if count == 1 { one } else { several };
    Rich::plain(fill(said, &[("n", &count.to_string())]))
}
