//! The token of one connector: held, renewed, widened, and what is wrong with it.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use rmcp::transport::auth::{
    AuthError, CredentialStore, InMemoryCredentialStore, OAuthClientConfig, OAuthTokenResponse,
    StoredCredentials, WWWAuthenticateParams,
};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};
use url::Url;

use super::{
    Oauth,
    client::{self, Proof, TokenError, TokenRequest},
    discover,
    grant::{Grant, binding},
    http::Http,
};
use crate::{
    connectors::error::{CallError, ServerWord},
    domain::connector::{Auth, Connector},
    ids::ConnectorId,
    secrets::SecretRef,
};

/// A request renews a token that ends within this.
const RENEW_BEFORE: SignedDuration = SignedDuration::from_mins(1);
/// The timer renews a token that ends within this.
const RENEW_AHEAD: SignedDuration = SignedDuration::from_mins(10);
/// Renewing takes at most this, discovery and exchange together; a node that renews is waited for a little longer.
const RENEW_WITHIN: Duration = Duration::from_secs(25);
const TURN: SignedDuration = SignedDuration::from_secs(30);
/// Between two looks at whether the node that renews is done, and how many there are at most.
const LOOK_EVERY: Duration = Duration::from_millis(250);
const MOST_LOOKS: usize = 140;
/// A challenge that is longer is not looked at.
const LONGEST_CHALLENGE_BYTES: usize = 4 * 1024;
/// Scopes that are remembered as missing, at most.
const MOST_SCOPES: usize = 64;
/// Past and present secrets that are struck out of a server's words.
const MOST_STRUCK: usize = 16;
/// Under this and the connector's id a sign-in is kept. No person's secret begins with a dot.
const KEPT_UNDER: &str = ".oauth/";

#[derive(Default)]
struct State {
    grant: Option<Grant>,
    /// The version of what is kept, for a sign-in.
    version: Option<String>,
    /// The client's secret or key of this moment.
    secret: Option<SecretString>,
    challenge: Option<String>,
    /// Scopes that the server said are missing.
    missing: BTreeSet<String>,
    trouble: Option<CallError>,
    struck: VecDeque<SecretString>,
}

/// Has the token of one connector.
pub(in crate::connectors) struct Authorizer {
    pub(super) id: ConnectorId,
    pub(super) url: Url,
    pub(super) auth: Auth,
    pub(super) oauth: Arc<Oauth>,
    bound_to: String,
    /// One renewal at a time.
    renewing: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

impl Authorizer {
    /// The authorizer of a connector at `url`, or why its settings cannot have one.
    pub(in crate::connectors) fn new(
        connector: &Connector,
        url: &str,
        auth: &Auth,
        oauth: Arc<Oauth>,
    ) -> Result<Self, CallError> {
        let wrong = |what: String| CallError::Launch { what };
        let mut url =
            Url::parse(url).map_err(|error| wrong(format!("the connector's `url`: {error}")))?;
        url.set_fragment(None);
        oauth
            .reach
            .check(&url)
            .map_err(|why| wrong(format!("the connector's `url`: {why}")))?;
        Ok(Self {
            id: connector.id.clone(),
            bound_to: binding(&url, auth),
            url,
            auth: auth.clone(),
            oauth,
            renewing: tokio::sync::Mutex::default(),
            state: Mutex::default(),
        })
    }

    pub(super) fn kept_under(&self) -> String {
        format!("{KEPT_UNDER}{}", self.id)
    }

    pub(super) fn binding(&self) -> &str {
        &self.bound_to
    }

    pub(super) fn now(&self) -> Timestamp {
        self.oauth.clock.now()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of the secret, or the sign-in, of this moment, and gives what tells it from others: a connection is
    /// never shared between two.
    pub(in crate::connectors) async fn look(&self) -> Result<[u8; 32], CallError> {
        let mut digest = Sha256::new();
        digest.update(self.bound_to.as_bytes());
        if self.auth.needs_sign_in() {
            self.look_at_kept().await?;
            let state = self.state();
            digest.update(state.grant.as_ref().map_or("", |grant| grant.id.as_str()));
        } else if let Some(at) = self.secret_at() {
            let secret = self.secret(at).await?;
            digest.update(secret.expose_secret());
            let mut state = self.state();
            let same = state
                .secret
                .as_ref()
                .is_some_and(|held| held.expose_secret() == secret.expose_secret());
            if !same {
                state.grant = None;
                strike(&mut state, secret.clone());
                state.secret = Some(secret);
            }
        }
        Ok(digest.finalize().into())
    }

    fn secret_at(&self) -> Option<&SecretRef> {
        match &self.auth {
            Auth::ClientCredentials { client_secret, .. } => Some(&client_secret.secret),
            Auth::PrivateKey { private_key, .. } => Some(&private_key.secret),
            Auth::AuthorizationCode { client_secret, .. } => {
                client_secret.as_ref().map(|at| &at.secret)
            }
        }
    }

    pub(super) async fn secret(&self, at: &SecretRef) -> Result<SecretString, CallError> {
        let secret = self.oauth.secrets.secret(at).await;
        secret.map_err(|error| CallError::Secret {
            what: error.to_string(),
        })
    }

    async fn look_at_kept(&self) -> Result<(), CallError> {
        let kept = self.oauth.keeper.load(&self.kept_under()).await;
        let kept = kept.map_err(|error| CallError::Secret {
            what: error.to_string(),
        })?;
        let mut state = self.state();
        let version = kept.as_ref().map(|kept| kept.version.clone());
        if version == state.version {
            return Ok(());
        }
        let grant = kept
            .and_then(|kept| serde_json::from_str::<Grant>(kept.text.expose_secret()).ok())
            .filter(|grant| grant.bound_to == self.bound_to);
        hold(&mut state, grant, version);
        Ok(())
    }

    /// The token to send, renewed where it is about to end; nothing where there is none yet.
    pub(in crate::connectors) async fn token(&self) -> Result<Option<SecretString>, CallError> {
        let Some(grant) = self.held() else {
            return Ok(None);
        };
        let now = self.now();
        if !grant.ends_within(RENEW_BEFORE, now) {
            self.state().trouble = None;
            return Ok(Some(grant.access.into()));
        }
        let renewed = self.renew(&grant.access).await;
        match self.settled(renewed) {
            Ok(fresh) => Ok(Some(fresh)),
            // Good for a moment still; the next request tries again.
            Err(_) if !grant.is_over(now) => Ok(Some(grant.access.into())),
            Err(error) => Err(error),
        }
    }

    /// The server said 401, so the request was not executed: another token than the one that was sent, or why there is
    /// none.
    pub(in crate::connectors) async fn refused(
        &self,
        sent: Option<&SecretString>,
        challenge: &str,
    ) -> Result<SecretString, CallError> {
        self.note_challenge(challenge);
        let outcome = match sent {
            None if self.auth.needs_sign_in() && self.held().is_none() => {
                Err(self.sign_in("nobody has signed in yet"))
            }
            sent => {
                self.renew(sent.map_or("", |sent| sent.expose_secret()))
                    .await
            }
        };
        self.settled(outcome)
    }

    /// The server said 403. Where it names scopes that were not asked for yet and no person has to agree: a token with
    /// them. Nothing where a token changes nothing.
    pub(in crate::connectors) async fn forbidden(
        &self,
        sent: Option<&SecretString>,
        challenge: &str,
    ) -> Option<Result<SecretString, CallError>> {
        let params = WWWAuthenticateParams::parse(challenge, &self.url);
        if !params.is_insufficient_scope() {
            return None;
        }
        self.note_challenge(challenge);
        let named: Vec<String> = params
            .scope
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        let new = {
            let mut state = self.state();
            let room = MOST_SCOPES.saturating_sub(state.missing.len());
            let before = state.missing.len();
            state.missing.extend(named.iter().take(room).cloned());
            state.missing.len() > before
        };
        if self.auth.needs_sign_in() {
            let why = format!(
                "the server wants a wider consent ({})",
                crate::text::shorten(&crate::text::visible(&named.join(" ")), 100)
            );
            return Some(self.settled(Err(self.sign_in(&why))));
        }
        let _one = self.renewing.lock().await;
        if let Some(held) = self.held()
            && sent.is_some_and(|sent| sent.expose_secret() != held.access)
        {
            // Another request has widened it meanwhile.
            return Some(Ok(held.access.into()));
        }
        if !new {
            return None;
        }
        let outcome = self.ask_as_client().await;
        Some(self.settled(outcome))
    }

    /// Why the last request that was refused got no token.
    pub(in crate::connectors) fn trouble(&self) -> Option<CallError> {
        self.state().trouble.clone()
    }

    /// Everything that must not stand in a server's words.
    pub(in crate::connectors) fn struck(&self) -> Vec<SecretString> {
        self.state().struck.iter().cloned().collect()
    }

    /// Renews a sign-in that ends soon.
    pub(in crate::connectors) async fn keep_fresh(&self) -> Result<(), CallError> {
        if !self.auth.needs_sign_in() {
            return Ok(());
        }
        self.look().await?;
        match self.held() {
            Some(grant) if grant.refresh.is_some() => {
                if grant.ends_within(RENEW_AHEAD, self.now()) {
                    self.renew(&grant.access).await?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Will there be a token for the next `ahead`? Renews the present one where it ends before and is not just new, and
    /// says what is in the way.
    pub(in crate::connectors) async fn assure(
        &self,
        ahead: SignedDuration,
    ) -> Result<(), CallError> {
        self.look().await?;
        if !self.auth.needs_sign_in() {
            return Ok(());
        }
        let Some(grant) = self.held() else {
            return Err(self.sign_in("nobody has signed in yet"));
        };
        let now = self.now();
        let lasts = grant
            .ends
            .is_none_or(|ends| ends.duration_since(now) > ahead);
        let is_new = now.duration_since(grant.received) < RENEW_BEFORE && !grant.is_over(now);
        if lasts || is_new {
            return Ok(());
        }
        self.renew(&grant.access).await.map(|_| ())
    }

    pub(super) fn held(&self) -> Option<Grant> {
        self.state().grant.clone()
    }

    pub(in crate::connectors) fn challenge(&self) -> Option<String> {
        let state = self.state();
        let kept = || {
            state
                .grant
                .as_ref()
                .and_then(|grant| grant.challenge.clone())
        };
        state.challenge.clone().or_else(kept)
    }

    /// Scopes that the server said are missing.
    pub(super) fn missing(&self) -> Vec<String> {
        self.state().missing.iter().cloned().collect()
    }

    /// Keeps a new sign-in, whatever was kept before.
    pub(super) async fn keep(&self, grant: Grant) -> Result<(), CallError> {
        let lost = |what: String| CallError::Token { what };
        for _ in 0..MOST_LOOKS {
            self.look_at_kept().await?;
            let seen = self.state().version.clone();
            if self.replace(seen.as_deref(), &grant).await? {
                self.state().missing.clear();
                self.state().trouble = None;
                return Ok(());
            }
        }
        Err(lost("the sign-in could not be kept".to_owned()))
    }

    /// Forgets the sign-in; false where there was none.
    pub(in crate::connectors) async fn forget(&self) -> Result<bool, CallError> {
        let forgotten = self.oauth.keeper.forget(&self.kept_under()).await;
        hold(&mut self.state(), None, None);
        forgotten.map_err(|error| CallError::Secret {
            what: error.to_string(),
        })
    }

    /// Keeps `grant` if what is kept is still what was seen.
    async fn replace(&self, seen: Option<&str>, grant: &Grant) -> Result<bool, CallError> {
        let text = grant.to_text();
        let kept = self
            .oauth
            .keeper
            .replace(&self.kept_under(), seen, &text)
            .await
            .map_err(|error| CallError::Secret {
                what: error.to_string(),
            })?;
        let Some(version) = kept else {
            return Ok(false);
        };
        hold(&mut self.state(), Some(grant.clone()), Some(version));
        Ok(true)
    }

    fn note_challenge(&self, challenge: &str) {
        if !challenge.is_empty() && challenge.len() <= LONGEST_CHALLENGE_BYTES {
            self.state().challenge = Some(challenge.to_owned());
        }
    }

    fn settled<T>(&self, outcome: Result<T, CallError>) -> Result<T, CallError> {
        self.state().trouble = outcome.as_ref().err().cloned();
        outcome
    }

    pub(super) fn sign_in(&self, why: &str) -> CallError {
        CallError::SignIn {
            connector: self.id.clone(),
            why: why.to_owned(),
        }
    }

    /// Another token than `stale`.
    async fn renew(&self, stale: &str) -> Result<SecretString, CallError> {
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
        let answered = super::sign_in::Answered::of(answer);
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

    /// Asks for a token as a client of its own.
    async fn ask_as_client(&self) -> Result<SecretString, CallError> {
        let http = self.oauth.http()?;
        let asked = tokio::time::timeout(RENEW_WITHIN, self.client_token(&http)).await;
        let grant = match asked {
            Ok(grant) => grant?,
            Err(_) => {
                return Err(CallError::Token {
                    what: format!("no answer within {} s", RENEW_WITHIN.as_secs()),
                });
            }
        };
        let access = SecretString::from(grant.access.clone());
        hold(&mut self.state(), Some(grant), None);
        Ok(access)
    }

    async fn client_token(&self, http: &Http) -> Result<Grant, CallError> {
        let (client_id, token_url) = match &self.auth {
            Auth::ClientCredentials {
                client_id,
                token_url,
                ..
            }
            | Auth::PrivateKey {
                client_id,
                token_url,
                ..
            } => (client_id, token_url.as_deref()),
            Auth::AuthorizationCode { .. } => {
                return Err(self.sign_in("nobody has signed in yet"));
            }
        };
        let secret = self.state().secret.clone().unwrap_or_default();
        let challenge = self.challenge();
        let mut scopes: Vec<String> = self.auth.scopes().to_vec();
        let place = match token_url {
            Some(token_url) => Place {
                audience: token_url.to_owned(),
                token_url: token_url.to_owned(),
                resource: self.url.to_string(),
                post_only: false,
            },
            None => {
                let found = discover::manager(&self.url, http, challenge.as_deref()).await;
                let (mut manager, metadata) = found.map_err(|error| self.told(error))?;
                if scopes.is_empty() {
                    // Offline access is for people who go away; a client can ask again at any time.
                    scopes = manager.select_initial_scopes(&[]).await;
                    scopes.retain(|scope| scope != "offline_access");
                }
                Place {
                    resource: discover::resource(&mut manager, &metadata, &self.url)
                        .with_subscriber(NoSubscriber::default())
                        .await,
                    post_only: knows_post_only(&metadata.additional_fields),
                    audience: metadata
                        .issuer
                        .unwrap_or_else(|| metadata.token_endpoint.clone()),
                    token_url: metadata.token_endpoint,
                }
            }
        };
        for scope in self.missing() {
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        let url = Url::parse(&place.token_url).map_err(|_| CallError::Token {
            what: "the address of the token endpoint is none".to_owned(),
        })?;
        let proof = match &self.auth {
            Auth::PrivateKey { .. } => Proof::Signed {
                key: &secret,
                audience: &place.audience,
            },
            _ if place.post_only => Proof::Post(&secret),
            _ => Proof::Basic(&secret),
        };
        let now = self.now();
        let request = TokenRequest {
            url,
            client_id,
            proof,
            scopes: &scopes,
            resource: &place.resource,
            now,
        };
        let answer = client::ask(http, request)
            .await
            .map_err(|error| match error {
                TokenError::Http(error) => CallError::Token {
                    what: error.to_string(),
                },
                TokenError::Refused(text) => CallError::Credential {
                    word: self.word(&text),
                },
                TokenError::BadKey | TokenError::NoRandomness => CallError::Secret {
                    what: error.to_string(),
                },
            })?;
        tracing::info!(connector = self.id.as_str(), "token had");
        Ok(Grant {
            id: String::new(),
            bound_to: self.bound_to.clone(),
            issuer: None,
            challenge,
            client_id: client_id.clone(),
            client_secret: None,
            access: answer.access_token,
            refresh: None,
            received: now,
            ends: answer
                .expires_in
                .filter(|seconds| *seconds >= 0)
                .and_then(|seconds| now.checked_add(SignedDuration::from_secs(seconds)).ok()),
            scopes: answer.scope.map_or(scopes, |scope| {
                scope.split_whitespace().map(str::to_owned).collect()
            }),
            renewing_until: None,
        })
    }

    /// A server's words, fit for the admin.
    pub(super) fn word(&self, text: &str) -> ServerWord {
        ServerWord::new(text, &self.struck())
    }

    /// What is to be said of an error of rmcp's.
    pub(super) fn told(&self, error: AuthError) -> CallError {
        let refused = matches!(
            error,
            AuthError::TokenExchangeFailed(_)
                | AuthError::AuthorizationFailed(_)
                | AuthError::RegistrationFailed(_)
                | AuthError::TokenRefreshRejected(_)
        );
        let text = match &error {
            AuthError::DiscoveryRequestFailed { url, source } => format!(
                "`{}` was asked for the way to a token: {source}",
                url.host_str().unwrap_or_default()
            ),
            error => error.to_string(),
        };
        if refused {
            return CallError::Credential {
                word: self.word(&text),
            };
        }
        CallError::Token {
            what: self.word(&text).plain().to_owned(),
        }
    }
}

/// Where a client asks for a token, and as what.
struct Place {
    token_url: String,
    audience: String,
    resource: String,
    post_only: bool,
}

/// Does the server take a secret in the body alone? Without a list it takes the header (RFC 8414, section 2).
fn knows_post_only(fields: &std::collections::HashMap<String, serde_json::Value>) -> bool {
    let methods = fields
        .get("token_endpoint_auth_methods_supported")
        .and_then(|methods| methods.as_array());
    methods.is_some_and(|methods| {
        let has = |method: &str| methods.iter().any(|known| known.as_str() == Some(method));
        has("client_secret_post") && !has("client_secret_basic")
    })
}

fn hold(state: &mut State, grant: Option<Grant>, version: Option<String>) {
    for secret in grant.iter().flat_map(Grant::secrets) {
        strike(state, secret);
    }
    state.grant = grant;
    state.version = version;
}

fn strike(state: &mut State, secret: SecretString) {
    let known = state
        .struck
        .iter()
        .any(|struck| struck.expose_secret() == secret.expose_secret());
    if !known {
        if state.struck.len() >= MOST_STRUCK {
            state.struck.pop_front();
        }
        state.struck.push_back(secret);
    }
}
