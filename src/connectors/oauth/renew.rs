//! Renewing a person's sign-in: one request at a time on this node, one node at a time among those that share the store.

use std::time::Duration;

use jiff::SignedDuration;
use rmcp::transport::auth::{
    AuthError, CredentialStore, InMemoryCredentialStore, OAuthClientConfig, OAuthTokenResponse,
    StoredCredentials,
};
use secrecy::{ExposeSecret, SecretString};
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};

use super::{
    Authorizer,
    authorizer::{MOST_LOOKS, RENEW_BEFORE, RENEW_WITHIN},
    discover,
    grant::Grant,
    sign_in::Answered,
};
use crate::connectors::error::CallError;

/// A node that renews is waited for so long: what renewing takes, and a little.
const TURN: SignedDuration = SignedDuration::from_secs(30);
/// Between two looks at whether it is done.
const LOOK_EVERY: Duration = Duration::from_millis(250);

impl Authorizer {
    /// Another token than `stale`.
    pub(super) async fn renew(&self, stale: &str) -> Result<SecretString, CallError> {
        let _one = self.renewing.lock().await;
        self.look().await?;
        if let Some(held) = self.held()
            && held.access != stale
            && !held.ends_within(RENEW_BEFORE, self.now())
        {
            return Ok(held.access.into());
        }
        if self.auth.needs_sign_in() {
            self.renew_sign_in(stale).await
        } else {
            self.ask_as_client().await
        }
    }

    /// Takes the turn to renew a sign-in, or waits for who has it.
    async fn renew_sign_in(&self, stale: &str) -> Result<SecretString, CallError> {
        for _ in 0..MOST_LOOKS {
            let Some(grant) = self.held() else {
                return Err(self.sign_in("nobody has signed in yet"));
            };
            let now = self.now();
            if grant.access != stale && !grant.is_over(now) {
                return Ok(grant.access.into());
            }
            let Some(refresh) = grant.refresh.clone() else {
                return Err(self.sign_in("the sign-in is over and cannot be renewed"));
            };
            let seen = self.state().version.clone();
            let turn = Grant {
                renewing_until: now.checked_add(TURN).ok(),
                ..grant.clone()
            };
            let is_taken = grant.renewing_until.is_some_and(|until| until > now);
            if is_taken || !self.replace(seen.as_deref(), &turn).await? {
                tokio::time::sleep(LOOK_EVERY).await;
                self.look_at_kept().await?;
                continue;
            }
            return self.refresh(turn, refresh).await;
        }
        Err(CallError::Token {
            what: "another node is renewing the sign-in and does not come to an end".to_owned(),
        })
    }

    /// Renews the sign-in. The turn is this node's.
    async fn refresh(&self, turn: Grant, refresh: String) -> Result<SecretString, CallError> {
        let seen = self.state().version.clone();
        let exchanged = self
            .exchange(&turn, refresh)
            .with_subscriber(NoSubscriber::default());
        let outcome = match tokio::time::timeout(RENEW_WITHIN, exchanged).await {
            Ok(outcome) => outcome,
            Err(_) => Err(AuthError::TokenRefreshFailed(format!(
                "no answer within {} s",
                RENEW_WITHIN.as_secs()
            ))),
        };
        let (kept, outcome) = match outcome {
            Ok(answer) => {
                let fresh = self.renewed(&turn, &answer);
                let access = SecretString::from(fresh.access.clone());
                tracing::info!(connector = self.id.as_str(), "sign-in renewed");
                (fresh, Ok(access))
            }
            Err(AuthError::TokenRefreshRejected(_) | AuthError::AuthorizationRequired) => (
                Grant {
                    refresh: None,
                    renewing_until: None,
                    ..turn
                },
                Err(self.sign_in("the authorization server no longer renews the sign-in")),
            ),
            Err(error) => (
                Grant {
                    renewing_until: None,
                    ..turn
                },
                Err(self.told(error)),
            ),
        };
        if let Err(error) = &outcome {
            tracing::warn!(
                connector = self.id.as_str(),
                cause = error.code(),
                "sign-in not renewed"
            );
        }
        if !self.replace(seen.as_deref(), &kept).await? {
            // Somebody signed in anew meanwhile; theirs is what counts.
            self.look_at_kept().await?;
            let held = self.held().filter(|grant| grant.id != kept.id);
            return held.map_or(outcome, |grant| Ok(grant.access.into()));
        }
        outcome
    }

    /// The exchange itself, at the authorization server that gave the sign-in and at no other.
    async fn exchange(
        &self,
        grant: &Grant,
        refresh: String,
    ) -> Result<OAuthTokenResponse, AuthError> {
        let internal = |error: CallError| AuthError::InternalError(error.to_string());
        let http = self.oauth.http().map_err(internal)?;
        let secret = self.client_secret(grant).await.map_err(internal)?;
        let (mut manager, metadata) =
            discover::manager(&self.url, &http, grant.challenge.as_deref()).await?;
        if metadata.issuer != grant.issuer {
            return Err(AuthError::AuthorizationServerMismatch {
                expected_issuer: grant.issuer.clone().unwrap_or_default(),
                received_issuer: metadata.issuer.unwrap_or_default(),
            });
        }
        let mut config = OAuthClientConfig::new(&grant.client_id, self.url.as_str());
        if let Some(secret) = &secret {
            config = config.with_client_secret(secret.expose_secret());
        }
        manager.configure_client(config)?;
        let stale: OAuthTokenResponse = serde_json::from_value(serde_json::json!({
            "access_token": grant.access, "token_type": "bearer", "refresh_token": refresh,
        }))
        .map_err(|error| AuthError::InternalError(error.to_string()))?;
        let store = InMemoryCredentialStore::new();
        store
            .save(StoredCredentials::new(
                grant.client_id.clone(),
                Some(stale),
                grant.scopes.clone(),
                None,
            ))
            .await?;
        manager.set_credential_store(store);
        manager.refresh_token().await
    }

    /// The secret that Daybrief shows besides its client id: of the settings, else of its registration.
    async fn client_secret(&self, grant: &Grant) -> Result<Option<SecretString>, CallError> {
        match self.secret_at() {
            Some(at) => self.secret(at).await.map(Some),
            None => Ok(grant.client_secret.clone().map(SecretString::from)),
        }
    }

    fn renewed(&self, before: &Grant, answer: &OAuthTokenResponse) -> Grant {
        let answered = Answered::of(answer);
        let now = self.now();
        Grant {
            access: answered.access,
            refresh: answered.refresh.or_else(|| before.refresh.clone()),
            received: now,
            ends: answered.lasts.and_then(|lasts| now.checked_add(lasts).ok()),
            renewing_until: None,
            ..before.clone()
        }
    }
}
