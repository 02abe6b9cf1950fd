//! A run: one briefing for one audience at one due instant, as data. A crash at any point loses nothing but the
//! step at hand.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    domain::{brief::Brief, delivery::Address},
    error::Problem,
    ids::{BriefingId, RoleId, RunId, ScheduleId, UserId, derived},
    text::Language,
};

/// A run and how far it got.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub id: RunId,
    /// Nothing for a run that a person started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleId>,
    pub briefing: BriefingId,
    pub audience: Audience,
    pub due: Timestamp,
    /// Not sent after this instant.
    pub expires: Timestamp,
    /// Instants before at which it was due and no run was made, because nobody was there to make one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missed: Vec<Timestamp>,
    /// A person had it made beside the schedule's times: it is held against the last due run, and none is held against it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_hand: bool,
    pub state: RunState,
}

/// For whom one brief is made: everyone of one role who reads in the same zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audience {
    pub role: RoleId,
    /// The briefing's.
    pub language: Language,
    /// IANA name.
    pub zone: String,
    pub recipients: Vec<Target>,
}

/// One recipient over one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Nobody where a shared place is addressed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    pub to: Address,
}

/// The states in the order in which they follow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum RunState {
    /// Due: sources are asked and the brief is composed in one step that keeps nothing but its result.
    Due,
    /// Composed and kept; deliveries are not yet queued.
    Composed { brief: Box<Brief> },
    /// Deliveries are in the outbox.
    Delivering { brief: Box<Brief> },
    /// Every delivery has come to its end. `delivered` of `total` arrived.
    Done {
        brief: Box<Brief>,
        delivered: u32,
        total: u32,
    },
    /// Nothing was to be sent: a quiet day with `when_quiet = "skip"`.
    Quiet { brief: Box<Brief> },
    /// It could not be made; the admin was told.
    Failed { problem: Problem },
}

impl RunState {
    /// The state's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Composed { .. } => "composed",
            Self::Delivering { .. } => "delivering",
            Self::Done { .. } => "done",
            Self::Quiet { .. } => "quiet",
            Self::Failed { .. } => "failed",
        }
    }

    /// Will nothing more happen?
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Done { .. } | Self::Quiet { .. } | Self::Failed { .. }
        )
    }

    /// The brief, once composed.
    pub fn brief(&self) -> Option<&Brief> {
        match self {
            Self::Composed { brief }
            | Self::Delivering { brief }
            | Self::Done { brief, .. }
            | Self::Quiet { brief } => Some(brief),
            Self::Due | Self::Failed { .. } => None,
        }
    }
}

impl Run {
    /// Returns whether its brief is one that this person reads under this role: it was sent to them, or to the Slack channel in
    /// which they are now. Every way to read or ask about a brief asks here.
    pub fn is_read_by(&self, user: Option<&UserId>, role: &RoleId, channel: Option<&str>) -> bool {
        let was_sent = matches!(
            self.state,
            RunState::Delivering { .. } | RunState::Done { .. }
        );
        let has_it = |target: &Target| match (&target.user, &target.to) {
            (Some(known), _) => Some(known) == user,
            (None, Address::Slack { to }) => Some(to.as_str()) == channel,
            (None, _) => false,
        };
        self.audience.role == *role && was_sent && self.audience.recipients.iter().any(has_it)
    }
}

impl Audience {
    /// What tells audiences of one schedule apart.
    pub fn key(&self) -> String {
        format!("{}@{}@{}", self.role, self.zone, self.language.tag())
    }

    /// Returns the id of the run of a schedule (or of a person's command, by a fresh text) at a due instant for this audience:
    /// the same three give the same run.
    pub fn run_of(&self, origin: &str, due: Timestamp) -> RunId {
        let text = derived(&[origin, &due.to_string(), &self.key()]);
        RunId::new(text).unwrap_or_else(|_| unreachable!("24 hex digits are a name"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::BriefingId;

    #[test]
    fn a_brief_is_read_by_whom_it_was_sent_to_under_its_role_and_nobody_else() {
        let user = |id: &str| UserId::new(id).unwrap();
        let role = |id: &str| RoleId::new(id).unwrap();
        let slack = |to: &str| Address::Slack { to: to.to_owned() };
        let audience = Audience {
            role: role("vp"),
            language: Language::English,
            zone: "UTC".to_owned(),
            recipients: vec![
                Target {
                    user: Some(user("mara")),
                    to: slack("U1"),
                },
                Target {
                    user: None,
                    to: slack("C1"),
                },
            ],
        };
        let brief = serde_json::from_value(serde_json::json!({
            "run": "0123456789abcdef01234567", "briefing": "b", "title": "t", "role": "vp", "language": "en", "zone": "UTC",
            "due": "2026-11-24T06:10:00Z", "made": "2026-11-24T06:10:00Z", "edition": { "edition": "built-in" },
            "subject": "s", "preheader": "p", "notices": [], "bottom_line": [], "decide": [], "watch": [], "more": 0,
            "resolved": [], "more_resolved": 0, "sources": [], "checked": { "checked": 1, "total": 1 }, "gaps": [],
            "grounding": { "written": 0, "kept": 0, "struck": [] }, "marks": [],
        }));
        let brief: Box<Brief> = Box::new(brief.unwrap());
        let mut run = Run {
            id: audience.run_of("s", Timestamp::UNIX_EPOCH),
            schedule: None,
            briefing: BriefingId::new("b").unwrap(),
            audience,
            due: Timestamp::UNIX_EPOCH,
            expires: Timestamp::UNIX_EPOCH,
            missed: Vec::new(),
            by_hand: false,
            state: RunState::Delivering {
                brief: brief.clone(),
            },
        };
        let (mara, bob) = (user("mara"), user("bob"));
        for (who, under, channel, reads) in [
            (Some(&mara), "vp", None, true),
            (Some(&mara), "team", None, false),
            (Some(&bob), "vp", None, false),
            (Some(&bob), "vp", Some("C1"), true),
            (Some(&bob), "vp", Some("C2"), false),
            (None, "vp", None, false),
        ] {
            assert_eq!(
                run.is_read_by(who, &role(under), channel),
                reads,
                "{who:?} {under} {channel:?}"
            );
        }
        run.state = RunState::Quiet { brief };
        assert!(!run.is_read_by(Some(&mara), &role("vp"), None));
    }
}
