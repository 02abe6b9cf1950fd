//! The token of one connector: held, renewed, widened, and what is wrong with it.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use rmcp::transport::auth::{AuthError, WWWAuthenticateParams};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use url::Url;

use super::{
    Oauth,
    grant::{Grant, binding},
    http::{Http, Named},
};
use crate::{
    connectors::error::{CallError, ServerWord},
    domain::connector::{Auth, Connector},
    ids::ConnectorId,
    secrets::SecretRef,
};

/// A request renews a token that ends within this.
pub(super) const RENEW_BEFORE: SignedDuration = SignedDuration::from_mins(1);
/// The timer renews a token that ends within this.
const RENEW_AHEAD: SignedDuration = SignedDuration::from_mins(10);
/// Having or renewing a token takes at most this, discovery and exchange together.
pub(super) const RENEW_WITHIN: Duration = Duration::from_secs(25);
/// Attempts to write what another node writes as well.
pub(super) const MOST_LOOKS: usize = 140;
/// A challenge that is longer is not looked at.
const LONGEST_CHALLENGE_BYTES: usize = 4 * 1024;
/// Scopes that are remembered as missing, at most.
const MOST_SCOPES: usize = 64;
/// Past and present secrets that are struck out of a server's words.
const MOST_STRUCK: usize = 16;
/// Under this and the connector's id a sign-in is kept. No person's secret begins with a dot.
const KEPT_UNDER: &str = ".oauth/";

#[derive(Default)]
pub(super) struct State {
    pub(super) grant: Option<Grant>,
    /// The version of what is kept, for a sign-in.
    pub(super) version: Option<String>,
    /// The client's secret or key of this moment.
    pub(super) secret: Option<SecretString>,
    pub(super) challenge: Option<String>,
    /// Scopes that the server said are missing.
    pub(super) missing: BTreeSet<String>,
    pub(super) trouble: Option<CallError>,
    pub(super) struck: VecDeque<SecretString>,
}

/// Has the token of one connector.
pub(in crate::connectors) struct Authorizer {
    pub(super) id: ConnectorId,
    pub(super) url: Url,
    pub(super) auth: Auth,
    pub(super) oauth: Arc<Oauth>,
    bound_to: String,
    /// The hosts that the settings name.
    named: Named,
    /// One renewal at a time.
    pub(super) renewing: tokio::sync::Mutex<()>,
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
        let wrong = |what: String| CallError::Launch {
            what,
            advice: "correct `url` of the connector".to_owned(),
        };
        let mut url =
            Url::parse(url).map_err(|error| wrong(format!("the connector's `url`: {error}")))?;
        url.set_fragment(None);
        oauth
            .reach
            .check(&url)
            .map_err(|why| wrong(format!("the connector's `url`: {why}")))?;
        let in_auth: Vec<Url> = [auth.issuer(), auth.token_url()]
            .into_iter()
            .flatten()
            .filter_map(|text| Url::parse(text).ok())
            .collect();
        Ok(Self {
            named: Named::new(in_auth.iter().chain([&url])),
            id: connector.id.clone(),
            bound_to: binding(&url, auth),
            url,
            auth: auth.clone(),
            oauth,
            renewing: tokio::sync::Mutex::default(),
            state: Mutex::default(),
        })
    }

    /// The client for authorization servers.
    pub(super) fn http(&self) -> Result<Http, CallError> {
        self.oauth.http(self.named.clone())
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

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
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
                state.secret = Some(secret);
            }
        }
        Ok(digest.finalize().into())
    }

    pub(super) fn secret_at(&self) -> Option<&SecretRef> {
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
        let secret = secret.map_err(|error| CallError::Secret {
            what: error.to_string(),
        })?;
        strike(&mut self.state(), secret.clone());
        Ok(secret)
    }

    pub(super) async fn look_at_kept(&self) -> Result<(), CallError> {
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
    pub(in crate::connectors) async fn token(
        self: &Arc<Self>,
    ) -> Result<Option<SecretString>, CallError> {
        let Some(grant) = self.held() else {
            return Ok(None);
        };
        let now = self.now();
        if !grant.ends_within(RENEW_BEFORE, now) {
            self.state().trouble = None;
            return Ok(Some(grant.access.into()));
        }
        // Whoever renews it may not live any more; nobody waits for that before the token is over.
        if grant.renewing && !grant.is_over(now) {
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
        self: &Arc<Self>,
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
    pub(in crate::connectors) async fn keep_fresh(self: &Arc<Self>) -> Result<(), CallError> {
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
        self: &Arc<Self>,
        ahead: SignedDuration,
    ) -> Result<(), CallError> {
        let Some((grant, now)) = self.ending(ahead).await? else {
            return Ok(());
        };
        if now.duration_since(grant.received) < RENEW_BEFORE && !grant.is_over(now) {
            return Ok(());
        }
        self.renew(&grant.access).await?;
        self.lasts(ahead).await
    }

    /// Will the sign-in last for the next `ahead`, as far as the server said? Renews nothing.
    pub(in crate::connectors) async fn lasts(
        self: &Arc<Self>,
        ahead: SignedDuration,
    ) -> Result<(), CallError> {
        let Some((grant, now)) = self.ending(ahead).await? else {
            return Ok(());
        };
        match grant.renewable_until {
            Some(until) if until.duration_since(now) <= ahead => {
                let until = whole(until.max(grant.ends.unwrap_or(until)));
                Err(self.sign_in(&format!("the sign-in ends at {until}")))
            }
            _ => Ok(()),
        }
    }

    /// The sign-in whose token ends within `ahead`, where that can be renewed; says where it cannot be.
    async fn ending(&self, ahead: SignedDuration) -> Result<Option<(Grant, Timestamp)>, CallError> {
        self.look().await?;
        if !self.auth.needs_sign_in() {
            return Ok(None);
        }
        let Some(grant) = self.held() else {
            return Err(self.sign_in("nobody has signed in yet"));
        };
        let now = self.now();
        let Some(ends) = grant.ends else {
            return Ok(None);
        };
        if ends.duration_since(now) > ahead {
            return Ok(None);
        }
        if grant.refresh.is_none() {
            let why = if ends <= now {
                "the sign-in is over and cannot be renewed".to_owned()
            } else {
                format!("the sign-in ends at {} and cannot be renewed", whole(ends))
            };
            return Err(self.sign_in(&why));
        }
        Ok(Some((grant, now)))
    }

    pub(super) fn held(&self) -> Option<Grant> {
        self.state().grant.clone()
    }

    /// The sign-in, with the version in which it is kept.
    pub(super) fn held_version(&self) -> Option<(Grant, Option<String>)> {
        let state = self.state();
        Some((state.grant.clone()?, state.version.clone()))
    }

    pub(in crate::connectors) fn challenge(&self) -> Option<String> {
        let state = self.state();
        let kept = || state.grant.as_ref()?.challenge.clone();
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
            if self.replace(seen.as_deref(), &grant).await?.is_some() {
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
        self.hold(None, None);
        forgotten.map_err(|error| CallError::Secret {
            what: error.to_string(),
        })
    }

    /// Keeps `grant` if what is kept is still what was seen, and gives its version.
    pub(super) async fn replace(
        &self,
        seen: Option<&str>,
        grant: &Grant,
    ) -> Result<Option<String>, CallError> {
        let text = grant.to_text();
        let kept = self
            .oauth
            .keeper
            .replace(&self.kept_under(), seen, &text)
            .await
            .map_err(|error| CallError::Secret {
                what: error.to_string(),
            })?;
        if let Some(version) = &kept {
            self.hold(Some(grant.clone()), Some(version.clone()));
        }
        Ok(kept)
    }

    /// Holds what is now kept, or what was just had.
    pub(super) fn hold(&self, grant: Option<Grant>, version: Option<String>) {
        hold(&mut self.state(), grant, version);
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

/// An instant as it is told: nobody wants to know its fractions of a second.
fn whole(instant: Timestamp) -> Timestamp {
    instant.round(jiff::Unit::Second).unwrap_or(instant)
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
