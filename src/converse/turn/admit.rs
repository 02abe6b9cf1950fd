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

/// Whether a question is taken, and as whose.
pub(super) async fn admit<'o>(
    converse: &Converse,
    question: &Question,
    objects: &'o Objects,
    conversation: Option<&Conversation>,
    now: Timestamp,
) -> Result<Who<'o>, Refusal> {
    let words = Words::of(question.language);
    let refuse = |rule: String, text: &str, outcome| Refusal {
        rule,
        text: text.to_owned(),
        outcome,
        retry_after_seconds: None,
    };
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
        return Err(refuse(why.to_owned(), words.revoked, TurnOutcome::Revoked));
    }
    let Some(role) = role else {
        return Err(refuse(
            "the role is not there".to_owned(),
            words.revoked,
            TurnOutcome::Revoked,
        ));
    };
    // A conversation belongs to one person and one role.
    let foreign = conversation.is_some_and(|conversation| {
        Some(&conversation.user) != principal.user.as_ref() || conversation.role != role.id
    });
    if foreign {
        return Err(refuse(
            "the conversation is another's".to_owned(),
            words.revoked,
            TurnOutcome::Refused,
        ));
    }
    if question.text.chars().count() > QUESTION_CHARACTERS {
        let text = with(words.too_long, &QUESTION_CHARACTERS.to_string());
        return Err(refuse(
            "the question is too long".to_owned(),
            &text,
            TurnOutcome::Refused,
        ));
    }
    if let Some(user) = user
        && let Err(limited) = converse.limits.admit_question(user, role, now).await
    {
        let text = with(words.too_often, &limited.to_string());
        let refusal = refuse(limited.to_string(), &text, TurnOutcome::Refused);
        return Err(Refusal {
            retry_after_seconds: limited.retry_after_seconds(),
            ..refusal
        });
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
