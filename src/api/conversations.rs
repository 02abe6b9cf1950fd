//! `/api/v1/conversations`: what the caller asked under the token's role, and what was said to it.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Programs, refusal::Refusal, tokens::Caller};
use crate::{
    audit::Act,
    domain::turn::{Citation, Conversation, TurnOutcome},
    ids::{ConversationId, RunId},
    store::Scope,
    text::shorten,
};

/// Conversations of a list.
const LISTED: usize = 100;
/// Characters of the question that a conversation is listed under.
const TITLE_CHARACTERS: usize = 120;

/// Conversations, the newest first.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ConversationList {
    pub conversations: Vec<Listed>,
}

/// A conversation in a list.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Listed {
    pub id: ConversationId,
    /// Its first question that is kept.
    pub title: String,
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub begun: Timestamp,
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub last: Timestamp,
    pub turns: usize,
}

/// A conversation.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ConversationView {
    pub id: ConversationId,
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub begun: Timestamp,
    /// Where it is held: `api`, `mcp`, `slack`.
    pub surface: String,
    /// The run whose brief it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<RunId>,
    /// The last turns, oldest first.
    pub turns: Vec<TurnView>,
}

/// A question with what was said to it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TurnView {
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: Timestamp,
    pub question: String,
    pub answer: String,
    pub outcome: TurnOutcome,
    pub citations: Vec<Citation>,
}

/// Is it a conversation of this person under this role?
fn is_own(caller: &Caller, conversation: &Conversation) -> bool {
    conversation.user == caller.user.id && conversation.role == caller.role.id
}

/// The caller's conversation. Another's is told as one that is not there.
pub async fn own(
    programs: &Programs,
    caller: &Caller,
    id: &ConversationId,
) -> Result<Conversation, Refusal> {
    let found = programs.converse.store.conversations().get(id).await?;
    found
        .filter(|conversation| is_own(caller, conversation))
        .ok_or_else(|| Refusal::not_found("conversation"))
}

/// An id of a path; what cannot be one names nothing.
fn id(text: String) -> Result<ConversationId, Refusal> {
    ConversationId::new(text).map_err(|_| Refusal::not_found("conversation"))
}

/// The caller's conversations.
pub async fn list(
    State(programs): State<Programs>,
    caller: Caller,
) -> Result<Json<ConversationList>, Refusal> {
    caller.needs(&[Scope::Read])?;
    let store = &programs.converse.store;
    let all = store.conversations().of(&caller.user.id).await?;
    let conversations = all
        .into_iter()
        .filter(|conversation| is_own(&caller, conversation))
        .take(LISTED)
        .map(|conversation| {
            let turns = &conversation.turns;
            let title = turns.first().map_or("", |said| said.question.as_str());
            Listed {
                title: shorten(title, TITLE_CHARACTERS),
                begun: conversation.begun,
                last: turns.last().map_or(conversation.begun, |said| said.at),
                turns: turns.len(),
                id: conversation.id,
            }
        })
        .collect();
    Ok(Json(ConversationList { conversations }))
}

/// One of them.
pub async fn get(
    State(programs): State<Programs>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<Json<ConversationView>, Refusal> {
    caller.needs(&[Scope::Read])?;
    let conversation = own(&programs, &caller, &id(text)?).await?;
    let turns = conversation.turns.into_iter();
    Ok(Json(ConversationView {
        id: conversation.id,
        begun: conversation.begun,
        surface: conversation.surface,
        about: conversation.about,
        turns: turns
            .map(|said| TurnView {
                at: said.at,
                question: said.question,
                answer: said.answer,
                outcome: said.outcome,
                citations: said.citations,
            })
            .collect(),
    }))
}

/// Removes one of them.
pub async fn remove(
    State(programs): State<Programs>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Refusal> {
    caller.needs(&[Scope::Ask])?;
    let conversation = own(&programs, &caller, &id(text)?).await?;
    let converse = &programs.converse;
    let on = format!("conversation/{}", conversation.id);
    let mut entry = caller
        .principal
        .entry(converse.clock.now(), Act::ObjectChange, on);
    entry.detail = "remove".to_owned();
    converse.audit.write(&[entry]).await?;
    let conversations = converse.store.conversations();
    conversations.delete(&conversation.id).await?;
    Ok(StatusCode::NO_CONTENT)
}
