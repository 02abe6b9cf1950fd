//! Renewing a person's sign-in: one request at a time on this node, one node at a time among those that share the store.
//!
//! Who renews says so in what is kept and writes that anew all the while; what is not written anew is of a node that was
//! killed, and another takes over. No clock is compared with another's. Once begun, a renewal comes to its end whether or
//! not who asked for it still waits: the refresh token that it was made with may be worth nothing any more.

use std::{sync::Arc, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::{
    Authorizer,
    ask::token_url_of,
    authorizer::{MOST_LOOKS, RENEW_BEFORE, RENEW_WITHIN},
    client::{self, Ask, Proof, TokenAnswer, TokenError, TokenRequest},
    grant::Grant,
};
use crate::connectors::error::CallError;

/// Who renews a sign-in writes so this often that it still does.
const SIGN_OF_LIFE: Duration = Duration::from_millis(if cfg!(test) { 100 } else { 1500 });
/// Who gave no sign of life for this long is taken for dead.
const DEAD_AFTER: Duration = Duration::from_millis(if cfg!(test) { 600 } else { 5000 });
/// Between two looks at whether another node is done.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Between two attempts to keep what was renewed.
const KEEP_EVERY: Duration = Duration::from_millis(500);
/// Attempts to keep what was renewed, where the store does not answer.
const MOST_KEEPS: usize = 20;
/// How RFC 6749, section 5.2, says that a refresh token is worth nothing, and that scopes are not to be had.
const INVALID_GRANT: &str = "invalid_grant";
const INVALID_SCOPE: &str = "invalid_scope";

impl Authorizer {
    /// Another token than `stale`.
    pub(super) async fn renew(self: &Arc<Self>, stale: &str) -> Result<SecretString, CallError> {
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
    async fn renew_sign_in(self: &Arc<Self>, stale: &str) -> Result<SecretString, CallError> {
        let mut last_sign: Option<(Option<String>, Instant)> = None;
        for _ in 0..MOST_LOOKS {
            let Some((grant, seen)) = self.held_version() else {
                return Err(self.sign_in("nobody has signed in yet"));
            };
            if grant.access != stale && !grant.is_over(self.now()) {
                return Ok(grant.access.into());
            }
            let Some(refresh) = grant.refresh.clone() else {
                return Err(self.sign_in("the sign-in is over and cannot be renewed"));
            };
            let since = match &last_sign {
                Some((version, since)) if *version == seen => *since,
                _ => {
                    let now = Instant::now();
                    last_sign = Some((seen.clone(), now));
                    now
                }
            };
            let is_taken = grant.renewing && since.elapsed() < DEAD_AFTER;
            let turn = Grant {
                renewing: true,
                ..grant
            };
            let taken = match is_taken {
                true => None,
                false => self.replace(seen.as_deref(), &turn).await?,
            };
            let Some(version) = taken else {
                tokio::time::sleep(LOOK_EVERY).await;
                self.look_at_kept().await?;
                continue;
            };
            let own = self.clone();
            let renewal = async move { own.refresh(turn, version, refresh.into()).await };
            return match self.oauth.tasks.spawn(renewal).await {
                Ok(outcome) => outcome,
                Err(_) => Err(CallError::Token {
                    what: "renewing the sign-in came to no end".to_owned(),
                }),
            };
        }
        Err(CallError::Token {
            what: "another node is renewing the sign-in and does not come to an end".to_owned(),
        })
    }

    /// Renews the sign-in and keeps what came of it. The turn is this node's, and kept as this version.
    async fn refresh(
        &self,
        turn: Grant,
        mut version: String,
        refresh: SecretString,
    ) -> Result<SecretString, CallError> {
        let answered = {
            let exchange = tokio::time::timeout(RENEW_WITHIN, self.exchange(&turn, &refresh));
            tokio::pin!(exchange);
            loop {
                tokio::select! {
                    answered = &mut exchange => break answered,
                    () = tokio::time::sleep(SIGN_OF_LIFE) => {
                        // Where it cannot be written, or is no longer this node's, the exchange goes on all the same.
                        if let Ok(Some(newer)) = self.replace(Some(&version), &turn).await {
                            version = newer;
                        }
                    }
                }
            }
        };
        let same = Grant {
            renewing: false,
            ..turn
        };
        let (kept, outcome) = match answered {
            Ok(Ok(answer)) => self.renewed(same, answer),
            Ok(Err(Trouble::Token(TokenError::Refused { code, .. }))) if code == INVALID_GRANT => (
                Grant {
                    refresh: None,
                    ..same
                },
                Err(self.sign_in("the authorization server no longer renews the sign-in")),
            ),
            Ok(Err(Trouble::Token(error))) => (same, Err(self.no_token(error))),
            Ok(Err(Trouble::Own(error))) => (same, Err(error)),
            Err(_) => (
                same,
                Err(CallError::Token {
                    what: format!("no answer within {} s", RENEW_WITHIN.as_secs()),
                }),
            ),
        };
        match &outcome {
            Ok(_) => tracing::info!(connector = self.id.as_str(), "sign-in renewed"),
            Err(error) => tracing::warn!(
                connector = self.id.as_str(),
                cause = error.code(),
                "sign-in not renewed"
            ),
        }
        let used = refresh.expose_secret();
        match self.keep_renewed(kept, version, used).await? {
            // Somebody signed in anew meanwhile, or renewed it; theirs is what counts.
            Some(theirs) => Ok(theirs.access.into()),
            None => outcome,
        }
    }

    /// Keeps what a renewal with the token `used` gave; gives what another kept meanwhile, where that counts more.
    async fn keep_renewed(
        &self,
        kept: Grant,
        version: String,
        used: &str,
    ) -> Result<Option<Grant>, CallError> {
        let mut seen = Some(version);
        for _ in 0..MOST_KEEPS {
            match self.replace(seen.as_deref(), &kept).await {
                Ok(Some(_)) => return Ok(None),
                Ok(None) => {
                    self.look_at_kept().await?;
                    match self.held_version() {
                        // Somebody signed out: what was renewed is not kept either.
                        None => return Ok(None),
                        Some((held, _))
                            if held.id != kept.id || held.refresh.as_deref() != Some(used) =>
                        {
                            return Ok(Some(held));
                        }
                        Some((_, version)) => seen = version,
                    }
                }
                Err(_) => tokio::time::sleep(KEEP_EVERY).await,
            }
        }
        // The old refresh token may be worth nothing: this node at least goes on with the new one, and keeps it with the
        // next renewal.
        self.hold(Some(kept), seen);
        tracing::error!(
            connector = self.id.as_str(),
            "a renewed sign-in could not be kept"
        );
        Ok(None)
    }

    /// The exchange itself, at the token endpoint that is kept and at no other.
    async fn exchange(
        &self,
        grant: &Grant,
        refresh: &SecretString,
    ) -> Result<TokenAnswer, Trouble> {
        let http = self.http()?;
        let secret = self.client_secret(grant).await?;
        let url = token_url_of(&grant.server)?;
        let ask = |scopes| TokenRequest {
            url: url.clone(),
            client_id: &grant.client_id,
            proof: Proof::shown(secret.as_ref(), grant.server.post_only),
            ask: Ask::Refresh(refresh),
            scopes,
            resource: &grant.server.resource,
            now: self.now(),
        };
        let answer = client::ask(&http, ask(grant.renew_with.as_slice())).await;
        match answer {
            // Naming what was given is always right (RFC 6749, section 6), but not everywhere taken.
            Err(TokenError::Refused { code, .. })
                if code == INVALID_SCOPE && !grant.renew_with.is_empty() =>
            {
                Ok(client::ask(&http, ask(&[])).await?)
            }
            answer => Ok(answer?),
        }
    }

    /// The secret that Daybrief shows besides its client id: of the settings, else of its registration.
    async fn client_secret(&self, grant: &Grant) -> Result<Option<SecretString>, CallError> {
        match self.secret_at() {
            Some(at) => self.secret(at).await.map(Some),
            None => Ok(grant.client_secret.clone().map(SecretString::from)),
        }
    }

    /// What is to be kept of an answer, and the token. A new refresh token is kept whatever is wrong with the rest.
    fn renewed(
        &self,
        before: Grant,
        answer: TokenAnswer,
    ) -> (Grant, Result<SecretString, CallError>) {
        let now = self.now();
        let ends = answer.ends(now);
        let renewable_until = answer.renewable_until(now);
        let is_rotated = answer.refresh.is_some();
        let kept = Grant {
            refresh: answer.refresh.or(before.refresh),
            renewable_until: match (before.renewable_until, renewable_until) {
                // What each renewal puts off is no end.
                (Some(old), Some(new)) if new.duration_since(old) > RENEW_BEFORE => None,
                (old, Some(new)) => old.map(|old| old.min(new)),
                (old, None) => old.filter(|_| !is_rotated),
            },
            ..before
        };
        match answer.access {
            Ok(access) => {
                let token = SecretString::from(access.clone());
                let kept = Grant {
                    access,
                    received: now,
                    ends,
                    ..kept
                };
                (kept, Ok(token))
            }
            Err(why) => {
                let error = CallError::Token {
                    what: why.to_owned(),
                };
                (kept, Err(error))
            }
        }
    }
}

/// Why an exchange gave nothing.
enum Trouble {
    Token(TokenError),
    Own(CallError),
}

impl From<TokenError> for Trouble {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

impl From<CallError> for Trouble {
    fn from(error: CallError) -> Self {
        Self::Own(error)
    }
}
