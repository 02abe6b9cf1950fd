//! A word about a brief in the form of one: a line that its channels can carry.

use jiff::Timestamp;

use crate::{
    domain::{
        brief::{Brief, Checked, Edition, Grounding},
        rich::Rich,
        run::Audience,
    },
    ids::{BriefingId, RunId},
    text::shorten,
};

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
        resolved: Vec::new(),
        more_resolved: 0,
        sources: Vec::new(),
        checked: Checked::default(),
        gaps: Vec::new(),
        grounding: Grounding::default(),
        marks: Vec::new(),
    }
}
