//! A run: one briefing for one audience at one due instant, as data. A crash at any point loses nothing but the
//! step at hand.

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{
    domain::{brief::Brief, delivery::Address},
    error::Problem,
    ids::{BriefingId, RoleId, RunId, ScheduleId, UserId, hex},
    text::Language,
};

/// Hex digits of a run's id: 96 bits.
const ID_DIGITS: usize = 24;

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
}

/// Names runs, under a key of the instance: whoever knows when a brief is due and for whom cannot tell its run's id.
#[derive(Clone)]
pub struct RunIds(Arc<[u8]>);

impl RunIds {
    /// The names of the instance that has this key.
    pub fn new(key: &[u8]) -> Self {
        Self(Arc::from(key))
    }

    /// Returns the id of the run of a schedule (or of a person's command, by a fresh text) at a due instant for an audience:
    /// the same three give the same run.
    pub fn of(&self, origin: &str, due: Timestamp, audience: &Audience) -> RunId {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0)
            .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        for part in [origin, &due.to_string(), &audience.key()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        let digits = hex(&mac.finalize().into_bytes());
        let id: String = digits.chars().take(ID_DIGITS).collect();
        RunId::new(id).unwrap_or_else(|_| unreachable!("hex digits are a name"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::BriefingId;

    #[test]
    fn who_knows_what_is_due_and_not_the_key_knows_no_id_of_a_run() {
        let audience = Audience {
            role: RoleId::new("vp").unwrap(),
            language: Language::English,
            zone: "UTC".to_owned(),
            recipients: Vec::new(),
        };
        let id = |key: &str| RunIds::new(key.as_bytes()).of("s", Timestamp::UNIX_EPOCH, &audience);
        assert_eq!(id("ours"), id("ours"));
        assert_ne!(id("ours"), id("another's"));
        let guessed = crate::ids::derived(&["s", "1970-01-01T00:00:00Z", &audience.key()]);
        assert!(!id("ours").as_str().starts_with(&guessed));
        assert_eq!(id("ours").as_str().len(), ID_DIGITS);
    }

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
            id: RunIds::new(b"key").of("s", Timestamp::UNIX_EPOCH, &audience),
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
