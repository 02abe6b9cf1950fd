//! Conversations: what was asked and what was said to it, under retention.

use jiff::Timestamp;

use super::{
    Store, StoreError,
    driver::{Collection, Content, Range},
    from_body, kept_until, micros, to_body,
};
use crate::{
    domain::turn::{Conversation, Said},
    ids::{ConversationId, UserId},
};

/// Turns of a conversation that are kept; older ones go.
const MOST_TURNS: usize = 40;
/// More conversations of one person are not listed.
const MOST_LISTED: u32 = 10_000;

/// The conversations of a store.
pub struct Conversations<'a>(pub(super) &'a Store);

impl Conversations<'_> {
    pub async fn get(&self, id: &ConversationId) -> Result<Option<Conversation>, StoreError> {
        self.0
            .driver
            .get(Collection::Conversations, id.as_str())
            .await?
            .map(|document| from_body(Collection::Conversations, &document))
            .transpose()
    }

    /// Adds a turn; makes the conversation where it is not there. It is kept for `keep_days` after its last turn.
    pub async fn add(
        &self,
        conversation: &Conversation,
        said: &Said,
        keep_days: u32,
    ) -> Result<(), StoreError> {
        let key = conversation.id.as_str();
        self.0
            .put(Collection::Conversations, key, |document| {
                let mut kept = document.map_or_else(
                    || Ok(conversation.clone()),
                    |document| from_body(Collection::Conversations, document),
                )?;
                kept.turns.push(said.clone());
                let surplus = kept.turns.len().saturating_sub(MOST_TURNS);
                kept.turns.drain(..surplus);
                Ok(Some(Content {
                    body: to_body(Collection::Conversations, key, &kept)?,
                    group: Some(kept.user.to_string()),
                    order: micros(kept.begun),
                    due: None,
                    expires: Some(kept_until(said.at, keep_days)),
                }))
            })
            .await
    }

    /// A person's conversations, the newest first.
    pub async fn of(&self, user: &UserId) -> Result<Vec<Conversation>, StoreError> {
        self.0
            .driver
            .list(
                Collection::Conversations,
                user.as_str(),
                Range::up_to(micros(Timestamp::MAX), MOST_LISTED),
            )
            .await?
            .iter()
            .map(|document| from_body(Collection::Conversations, document))
            .collect()
    }

    /// Removes a conversation; false where there was none.
    pub async fn delete(&self, id: &ConversationId) -> Result<bool, StoreError> {
        self.0
            .driver
            .delete(Collection::Conversations, id.as_str())
            .await
    }
}
