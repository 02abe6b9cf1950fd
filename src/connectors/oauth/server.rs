//! The authorization server of a connector: found once, at the first sign-in or for the first token, and kept from then
//! on. What a server says later, in a refusal or in its documents, moves no secret and no refresh token: those go to the
//! token endpoint that is kept.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::{Authorizer, authorizer::MOST_LOOKS, discover::Found};
use crate::connectors::error::CallError;

/// What of an authorization server is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Server {
    /// Its name; nothing where it publishes nothing.
    pub issuer: Option<String>,
    pub token_url: String,
    /// The resource indicator (RFC 8707) to ask with.
    pub resource: String,
    /// It takes a client's secret in the body alone.
    pub post_only: bool,
    /// What the server asked for when it was found.
    pub scopes: Vec<String>,
}

/// Any kept text, of which the server is looked at alone: a sign-in, or a server without one.
#[derive(Serialize, Deserialize)]
struct Kept {
    bound_to: String,
    server: Server,
}

impl Kept {
    fn of(text: &SecretString) -> Option<Self> {
        serde_json::from_str(text.expose_secret()).ok()
    }
}

impl Authorizer {
    /// The server that is kept for this connector, with its address and client as they are.
    pub(super) async fn kept_server(&self) -> Result<Option<Server>, CallError> {
        let kept = self.oauth.keeper.load(&self.kept_under()).await;
        let kept = kept.map_err(unreadable)?;
        Ok(kept
            .and_then(|kept| Kept::of(&kept.text))
            .filter(|kept| kept.bound_to == self.binding())
            .map(|kept| kept.server))
    }

    /// Refuses what was found where another server is kept.
    pub(super) async fn is_the_kept_one(&self, found: &Found) -> Result<(), CallError> {
        let Some(kept) = self.kept_server().await? else {
            return Ok(());
        };
        if kept.issuer == found.server.issuer && kept.token_url == found.server.token_url {
            return Ok(());
        }
        let name = |server: &Server| {
            let name = server.issuer.as_ref().unwrap_or(&server.token_url);
            crate::text::shorten(&crate::text::visible(name), 200).to_string()
        };
        Err(CallError::Token {
            what: format!(
                "the server names another authorization server (`{}`) than the one that is kept (`{}`); where that is \
                 right, `daybrief connector sign-out {}` forgets the old one",
                name(&found.server),
                name(&kept),
                self.id
            ),
        })
    }

    /// Keeps the server that gave a client its first token.
    pub(super) async fn keep_server(&self, server: &Server) -> Result<(), CallError> {
        let own = Kept {
            bound_to: self.binding().to_owned(),
            server: server.clone(),
        };
        let text = SecretString::from(serde_json::to_string(&own).unwrap_or_default());
        let name = self.kept_under();
        for _ in 0..MOST_LOOKS {
            let kept = self.oauth.keeper.load(&name).await.map_err(unreadable)?;
            let (seen, held) = match &kept {
                Some(kept) => (Some(kept.version.as_str()), Kept::of(&kept.text)),
                None => (None, None),
            };
            // Another node was faster; its next token is had where it found the server.
            if held.is_some_and(|held| held.bound_to == own.bound_to) {
                return Ok(());
            }
            let replaced = self.oauth.keeper.replace(&name, seen, &text).await;
            if replaced.map_err(unreadable)?.is_some() {
                return Ok(());
            }
        }
        Err(CallError::Token {
            what: "the authorization server could not be kept".to_owned(),
        })
    }
}

fn unreadable(error: crate::connectors::SecretUnavailable) -> CallError {
    CallError::Secret {
        what: error.to_string(),
    }
}
