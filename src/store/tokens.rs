//! Tokens with which other programs ask. A token's text is not kept: its document lies under the text's SHA-256, and holds
//! whose it is, what it may do, and until when.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    Store, StoreError,
    driver::{Collection, Content, Range},
    from_body, kept_until, micros, to_body,
};
use crate::ids::{RoleId, TokenId, UserId, hex};

/// All are listed under one name.
const GROUP: &str = "tokens";
/// More tokens than this are not listed.
const MOST_LISTED: u32 = 10_000;
/// A token that has ended is shown in lists so long.
const SHOWN_AFTER_ITS_END_DAYS: u32 = 30;

/// A token, without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    pub id: TokenId,
    /// What its maker calls it.
    pub name: String,
    /// Who acts when a program asks with it.
    pub user: UserId,
    /// The one role under which they act.
    pub role: RoleId,
    pub scopes: Vec<Scope>,
    pub made: Timestamp,
    /// From this instant on it opens nothing; without it until it is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
}

/// What a token may be used for. Everything else is bounded by its role.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Asking questions, and removing one's own conversations.
    Ask,
    /// Reading briefs, conversations, proposals and usage.
    Read,
    /// Deciding proposals.
    Approve,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ask, Self::Read, Self::Approve];

    /// Its word in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Read => "read",
            Self::Approve => "approve",
        }
    }
}

impl std::str::FromStr for Scope {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.name() == text)
            .ok_or("use ask, read or approve")
    }
}

/// The tokens of a store.
pub struct Tokens<'a>(pub(super) &'a Store);

/// Where the token of this text lies. Who looks for it compares hashes, so how long that takes tells nothing of a text; and
/// who reads the store finds no text that opens anything.
fn key(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

fn content(key: &str, token: &Token) -> Result<Content, StoreError> {
    let ended = match (token.expires, token.revoked) {
        (Some(expires), Some(revoked)) => Some(expires.min(revoked)),
        (expires, revoked) => expires.or(revoked),
    };
    Ok(Content {
        body: to_body(Collection::Tokens, key, token)?,
        group: Some(GROUP.to_owned()),
        order: micros(token.made),
        due: None,
        expires: ended.map(|ended| kept_until(ended, SHOWN_AFTER_ITS_END_DAYS)),
    })
}

impl Tokens<'_> {
    /// Keeps the token of this text; false where there is one.
    pub async fn add(&self, text: &str, token: &Token) -> Result<bool, StoreError> {
        let key = key(text);
        self.0
            .driver
            .insert(Collection::Tokens, &key, &content(&key, token)?)
            .await
    }

    /// The token of this text, whether or not it still opens anything.
    pub async fn find(&self, text: &str) -> Result<Option<Token>, StoreError> {
        self.0
            .driver
            .get(Collection::Tokens, &key(text))
            .await?
            .map(|document| from_body(Collection::Tokens, &document))
            .transpose()
    }

    /// All of them, the newest first.
    pub async fn all(&self) -> Result<Vec<Token>, StoreError> {
        Ok(self.listed().await?.into_iter().map(|(_, t)| t).collect())
    }

    /// From now on the token opens nothing. The token as it was before; nothing where there is none of this id.
    pub async fn revoke(&self, id: &TokenId, now: Timestamp) -> Result<Option<Token>, StoreError> {
        let found = self.listed().await?;
        let Some((key, token)) = found.into_iter().find(|(_, token)| token.id == *id) else {
            return Ok(None);
        };
        self.0
            .put(Collection::Tokens, &key, |document| {
                let Some(document) = document else {
                    return Ok(None);
                };
                let mut kept: Token = from_body(Collection::Tokens, document)?;
                if kept.revoked.is_some() {
                    return Ok(None);
                }
                kept.revoked = Some(now);
                content(&key, &kept).map(Some)
            })
            .await?;
        Ok(Some(token))
    }

    async fn listed(&self) -> Result<Vec<(String, Token)>, StoreError> {
        let range = Range::up_to(micros(Timestamp::MAX), MOST_LISTED);
        self.0
            .driver
            .list(Collection::Tokens, GROUP, range)
            .await?
            .iter()
            .map(|document| {
                let token = from_body(Collection::Tokens, document)?;
                Ok((document.key.clone(), token))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_token_is_found_by_its_text_alone_and_its_text_is_nowhere_in_the_store() {
        let store = Store::in_memory().await.unwrap();
        let at: Timestamp = "2026-11-24T06:00:00Z".parse().unwrap();
        let token = Token {
            id: TokenId::new("t1").unwrap(),
            name: "reports".to_owned(),
            user: UserId::new("mara").unwrap(),
            role: RoleId::new("vp").unwrap(),
            scopes: vec![Scope::Ask],
            made: at,
            expires: None,
            revoked: None,
        };
        let text = "dbt_secret-text";
        assert!(store.tokens().add(text, &token).await.unwrap());
        assert!(!store.tokens().add(text, &token).await.unwrap());
        assert_eq!(
            store.tokens().find(text).await.unwrap(),
            Some(token.clone())
        );
        assert_eq!(store.tokens().find("dbt_secret-texu").await.unwrap(), None);
        let found = store
            .driver
            .scan(Collection::Tokens, None, 10)
            .await
            .unwrap();
        assert!(found.iter().all(|document| {
            !document.body.contains("secret-text") && !document.key.contains("secret-text")
        }));
        assert!(!found.is_empty());
        let revoked = store.tokens().revoke(&token.id, at).await.unwrap();
        assert_eq!(revoked, Some(token.clone()));
        let kept = store.tokens().find(text).await.unwrap().unwrap();
        assert_eq!(kept.revoked, Some(at));
        let nobody = TokenId::new("t2").unwrap();
        assert_eq!(store.tokens().revoke(&nobody, at).await.unwrap(), None);
    }
}
