//! A person's sign-in: an address to open in a browser, and what the browser comes back with.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use rmcp::transport::auth::{
    AuthError, AuthorizationManager, AuthorizationMetadata, OAuthClientConfig, OAuthTokenResponse,
};
use secrecy::ExposeSecret;
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};
use url::Url;

use super::{Authorizer, discover, grant::Grant};
use crate::{connectors::error::CallError, domain::connector::Auth, ids::hex};

/// Beginning and finishing take at most this each.
const STEP_WITHIN: Duration = Duration::from_secs(60);

/// A sign-in that waits for the person.
pub struct SignIn {
    authorizer: Arc<Authorizer>,
    manager: AuthorizationManager,
    url: Url,
    state: String,
    issuer: Option<String>,
    client_id: String,
    client_secret: Option<String>,
    scopes: Vec<String>,
}

/// What a sign-in gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    pub scopes: Vec<String>,
    /// When the token ends; nothing where the server did not say.
    pub ends: Option<Timestamp>,
    /// Is it renewed without the person?
    pub renewable: bool,
}

/// The parts of a token answer.
pub(super) struct Answered {
    pub access: String,
    pub refresh: Option<String>,
    pub lasts: Option<SignedDuration>,
    pub scopes: Option<Vec<String>>,
}

impl Answered {
    pub(super) fn of(answer: &OAuthTokenResponse) -> Self {
        // Its traits are of a crate that is rmcp's own; its JSON is the standard's (RFC 6749, section 5.1).
        let answer = serde_json::to_value(answer).unwrap_or_default();
        let text = |key: &str| answer.get(key).and_then(|value| value.as_str());
        Self {
            access: text("access_token").unwrap_or_default().to_owned(),
            refresh: text("refresh_token").map(str::to_owned),
            lasts: answer
                .get("expires_in")
                .and_then(serde_json::Value::as_i64)
                .map(SignedDuration::from_secs),
            scopes: text("scope")
                .map(|scopes| scopes.split_whitespace().map(str::to_owned).collect()),
        }
    }
}

impl SignIn {
    /// Finds the authorization server, makes Daybrief known to it and asks for the address to open. `redirect` is where
    /// the browser comes back to.
    pub(in crate::connectors) async fn begin(
        authorizer: Arc<Authorizer>,
        redirect: &Url,
    ) -> Result<Self, CallError> {
        let begun = async {
            let begun =
                Self::prepare(&authorizer, redirect).with_subscriber(NoSubscriber::default());
            tokio::time::timeout(STEP_WITHIN, begun).await
        };
        let Ok(begun) = begun.await else {
            return Err(CallError::Timeout {
                seconds: u32::try_from(STEP_WITHIN.as_secs()).unwrap_or(u32::MAX),
            });
        };
        let Prepared {
            manager,
            metadata,
            config,
            url,
            scopes,
        } = begun.map_err(|failure| match failure {
            Failure::Own(error) => error,
            Failure::Auth(error) => authorizer.told(error),
        })?;
        let unfit = |what: String| CallError::Token { what };
        let url =
            Url::parse(&url).map_err(|_| unfit("the address to sign in at is none".to_owned()))?;
        authorizer.oauth.reach.check(&url).map_err(unfit)?;
        let state = discover::parameter(&url, "state").unwrap_or_default();
        Ok(Self {
            authorizer,
            manager,
            url,
            state,
            issuer: metadata.issuer,
            client_id: config.client_id,
            client_secret: config.client_secret,
            scopes,
        })
    }

    async fn prepare(authorizer: &Authorizer, redirect: &Url) -> Result<Prepared, Failure> {
        let Auth::AuthorizationCode {
            client_id,
            client_secret,
            scopes,
        } = &authorizer.auth
        else {
            return Err(Failure::Own(CallError::Launch {
                what:
                    "no person signs in for this connector: its `auth` is not `authorization-code`"
                        .to_owned(),
            }));
        };
        let http = authorizer.oauth.http()?;
        let challenge = authorizer.challenge();
        let (mut manager, metadata) =
            discover::manager(&authorizer.url, &http, challenge.as_deref()).await?;
        let mut wanted = match scopes.as_slice() {
            [] => manager.select_initial_scopes(&[]).await,
            scopes => scopes.to_vec(),
        };
        // A wider consent does not give up what was agreed to before.
        let before = authorizer.held().map(|grant| grant.scopes);
        let missing = authorizer.missing();
        if !missing.is_empty() {
            for scope in before.into_iter().flatten().chain(missing) {
                if !wanted.contains(&scope) {
                    wanted.push(scope);
                }
            }
        }
        let names: Vec<&str> = wanted.iter().map(String::as_str).collect();
        let knows_documents = metadata
            .additional_fields
            .get("client_id_metadata_document_supported")
            .and_then(serde_json::Value::as_bool)
            .unwrap_or_default();
        let known_as = client_id
            .as_ref()
            .filter(|id| !id.starts_with("https://") || knows_documents);
        let config = match known_as {
            Some(id) => {
                let config = OAuthClientConfig::new(id, redirect.as_str());
                match client_secret {
                    Some(at) => {
                        let secret = authorizer.secret(&at.secret).await?;
                        config.with_client_secret(secret.expose_secret())
                    }
                    None => config,
                }
            }
            None if metadata.registration_endpoint.is_none() => {
                return Err(Failure::Own(CallError::Token {
                    what: "the authorization server registers no clients: register Daybrief there and name its \
                           `client_id` in the connector's `auth`"
                        .to_owned(),
                }));
            }
            None => {
                manager
                    .register_client("Daybrief", redirect.as_str(), &names)
                    .await?
            }
        };
        manager.configure_client(config.clone())?;
        let url = manager.get_authorization_url(&names).await?;
        Ok(Prepared {
            manager,
            metadata,
            config,
            url,
            scopes: wanted,
        })
    }

    /// The address for the person's browser.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Does the browser come back from this sign-in? What does not is no reason to end it.
    pub fn expects(&self, redirected: &Url) -> bool {
        !self.state.is_empty()
            && discover::parameter(redirected, "state").as_deref() == Some(self.state.as_str())
    }

    /// Takes what the browser came back with, and keeps the sign-in. `redirected` is the whole address.
    pub async fn finish(&self, redirected: &Url) -> Result<SignedIn, CallError> {
        if !self.expects(redirected) {
            return Err(CallError::Token {
                what: "the browser did not come back from this sign-in".to_owned(),
            });
        }
        if let Some(error) = discover::parameter(redirected, "error") {
            let more = discover::parameter(redirected, "error_description").unwrap_or_default();
            return Err(CallError::Credential {
                word: self.authorizer.word(&format!("{error} {more}")),
            });
        }
        let code = discover::parameter(redirected, "code").unwrap_or_default();
        let issuer = discover::parameter(redirected, "iss");
        let exchanged = self
            .manager
            .exchange_code_for_token_with_issuer(&code, &self.state, issuer.as_deref())
            .with_subscriber(NoSubscriber::default());
        let answer = match tokio::time::timeout(STEP_WITHIN, exchanged).await {
            Ok(answer) => answer.map_err(|error| self.authorizer.told(error))?,
            Err(_) => {
                return Err(CallError::Timeout {
                    seconds: u32::try_from(STEP_WITHIN.as_secs()).unwrap_or(u32::MAX),
                });
            }
        };
        let answered = Answered::of(&answer);
        let now = self.authorizer.now();
        let grant = Grant {
            id: fresh_id()?,
            bound_to: self.authorizer.binding().to_owned(),
            issuer: self.issuer.clone(),
            challenge: self.authorizer.challenge(),
            client_id: self.client_id.clone(),
            client_secret: self.registered_secret(),
            access: answered.access,
            refresh: answered.refresh,
            received: now,
            ends: answered.lasts.and_then(|lasts| now.checked_add(lasts).ok()),
            scopes: answered.scopes.unwrap_or_else(|| self.scopes.clone()),
            renewing_until: None,
        };
        let signed_in = SignedIn {
            scopes: grant.scopes.clone(),
            ends: grant.ends,
            renewable: grant.refresh.is_some(),
        };
        self.authorizer.keep(grant).await?;
        Ok(signed_in)
    }

    /// The secret of the settings is read anew each time; only one that came with a registration is kept.
    fn registered_secret(&self) -> Option<String> {
        match &self.authorizer.auth {
            Auth::AuthorizationCode {
                client_secret: Some(_),
                ..
            } => None,
            _ => self.client_secret.clone(),
        }
    }
}

/// A sign-in before its address was looked at.
struct Prepared {
    manager: AuthorizationManager,
    metadata: AuthorizationMetadata,
    config: OAuthClientConfig,
    url: String,
    scopes: Vec<String>,
}

enum Failure {
    Own(CallError),
    Auth(AuthError),
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self::Own(error)
    }
}

impl From<AuthError> for Failure {
    fn from(error: AuthError) -> Self {
        Self::Auth(error)
    }
}

/// A name for a sign-in that no other has.
fn fresh_id() -> Result<String, CallError> {
    let random = ring::rand::SystemRandom::new();
    let bytes: [u8; 16] = ring::rand::generate(&random)
        .map_err(|_| CallError::Token {
            what: "the system gives no random bytes".to_owned(),
        })?
        .expose();
    Ok(hex(&bytes))
}
