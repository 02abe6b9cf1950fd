//! When a briefing is due, for whom, and where it goes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{BriefingId, CalendarId, RoleId, ScheduleId, UserId};

/// A schedule. It belongs to no person: who made it decides nothing about what a recipient sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Schedule {
    /// What `daybrief schedule` names it by.
    pub id: ScheduleId,
    /// The briefing that is made.
    pub briefing: BriefingId,
    /// Cron of five fields, or plain words: "weekdays at 07:00", "monthly on the last day at 17:00". In cron Sunday is 0 and 7,
    /// names may be ranges over the end (`sat-mon`, `nov-feb`), `L` is a month's last day, and where day and weekday are both
    /// given a day that fits either counts. "Monthly on the 31st" leaves out the months that have none.
    pub when: String,
    /// IANA zone that `when` is read in, or `recipient` for each recipient's own.
    pub zone: String,
    /// The calendar of its days off; without it every day counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<CalendarId>,
    /// What happens when a due instant falls on a day off in the calendar.
    #[serde(default)]
    pub on_day_off: OnDayOff,
    /// Who gets it: people, everyone of a role, Slack channels, folders.
    pub to: Vec<Recipient>,
    /// A brief later than this is not sent; the reader gets one line instead. In minutes.
    #[serde(default = "four_hours")]
    #[schemars(range(min = 1))]
    pub expires_after_minutes: u32,
    /// It rests.
    #[serde(default)]
    pub paused: bool,
}

fn four_hours() -> u32 {
    240
}

/// What a schedule does on a day off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnDayOff {
    /// That due instant does not exist.
    Skip,
    /// It moves to the same local time on the next working day (once, if several move there).
    #[default]
    NextWorkingDay,
    /// The calendar changes nothing.
    Send,
}

/// Who gets a brief, and over which channels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Recipient {
    /// One person, under the role named or their first.
    User {
        /// A person.
        user: UserId,
        /// The role that it is made for: theirs, or the one that clears a channel or folder.
        #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
        role: Option<RoleId>,
        /// The channels over which it reaches them.
        via: Vec<ChannelKind>,
    },
    /// Everyone who has this role when the brief is due.
    Role {
        /// Everyone of this role.
        role: RoleId,
        /// The channels over which it reaches them.
        via: Vec<ChannelKind>,
    },
    /// A Slack channel by its id (`C…`), cleared for the role named.
    SlackChannel {
        /// A Slack channel by its id (`C…`).
        slack_channel: String,
        /// The role that clears it.
        #[serde(rename = "as")]
        role: RoleId,
    },
    /// A folder of the machine, cleared for the role named.
    Folder {
        /// A folder below the one in the settings.
        folder: String,
        /// The role that clears it.
        #[serde(rename = "as")]
        role: RoleId,
    },
}

/// The kinds of channels to a person.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ChannelKind {
    Email,
    Slack,
    Folder,
}

impl ChannelKind {
    /// Its name in settings, metrics and audit.
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Slack => "slack",
            Self::Folder => "folder",
        }
    }
}

impl std::fmt::Display for ChannelKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
