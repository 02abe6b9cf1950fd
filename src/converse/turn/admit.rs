//! Who asks, and whether the question is taken.

use jiff::Timestamp;

use super::{QUESTION_CHARACTERS, Who};
use crate::{
    access,
    converse::{
        Converse, Question,
        words::{Words, with},
    },
    domain::turn::{Conversation, TurnOutcome},
    provision::Objects,
};

/// A question that is not answered, and what its asker is told.
pub(super) struct Refusal {
    pub rule: String,
    pub text: String,
    pub outcome: TurnOutcome,
    pub retry_after_seconds: Option<u64>,
}

impl Refusal {
    fn new(rule: impl Into<String>, text: &str, outcome: TurnOutcome) -> Self {
        Self {
            rule: rule.into(),
            text: text.to_owned(),
            outcome,
            retry_after_seconds: None,
        }
    }
}

/// Whether a question may be asked, and as whose.
pub(super) fn admit<'o>(
    question: &Question,
    objects: &'o Objects,
    conversation: Option<&Conversation>,
) -> Result<Who<'o>, Refusal> {
    let words = Words::of(question.language);
    let revoked = |rule| Refusal::new(rule, words.revoked, TurnOutcome::Revoked);
    let refused = |rule, text: &str| Refusal::new(rule, text, TurnOutcome::Refused);
    let principal = &question.principal;
    let role = objects.roles.iter().find(|role| role.id == principal.role);
    let user = principal
        .user
        .as_ref()
        .and_then(|id| objects.users.iter().find(|user| user.id == *id));
    let standing = match (&principal.user, user, role) {
        (_, _, None) => Some("the role is not there"),
        (Some(_), None, _) => Some("the person is not known"),
        (Some(_), Some(user), _) if !user.is_active() => Some("the person is not active"),
        (Some(_), Some(user), Some(role)) if !user.has(role, &principal.groups) => {
            Some("the person does not have the role")
        }
        _ => None,
    };
    if let Some(why) = standing {
        return Err(revoked(why));
    }
    let Some(role) = role else {
        return Err(revoked("the role is not there"));
    };
    // A conversation belongs to one person and one role.
    if let Some(conversation) = conversation {
        if Some(&conversation.user) != principal.user.as_ref() {
            return Err(refused("the conversation is another's", words.revoked));
        }
        if conversation.role != role.id {
            let text = with(words.other_role, conversation.role.as_str());
            return Err(refused(
                "the conversation is held under another role",
                &text,
            ));
        }
    }
    if question.text.chars().count() > QUESTION_CHARACTERS {
        let text = with(words.too_long, &QUESTION_CHARACTERS.to_string());
        return Err(refused("the question is too long", &text));
    }
    Ok(Who {
        role,
        user,
        clearance: access::clearance(
            principal.surface,
            question.channel.as_deref(),
            &objects.places,
            &objects.roles,
        ),
    })
}

/// Counts a question that may be asked, unless there are too many.
pub(super) async fn count(
    converse: &Converse,
    question: &Question,
    who: &Who<'_>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let Some(user) = who.user else {
        return Ok(());
    };
    let limits = &converse.limits;
    limits
        .admit_question(user, who.role, now)
        .await
        .map_err(|limited| {
            let words = Words::of(question.language);
            let text = with(words.too_often, &limited.to_string());
            Refusal {
                retry_after_seconds: limited.retry_after_seconds(),
                ..Refusal::new(limited.to_string(), &text, TurnOutcome::Refused)
            }
        })
}
