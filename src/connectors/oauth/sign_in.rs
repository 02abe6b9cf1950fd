//! A person's sign-in: an address to open in a browser, and what the browser comes back with.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};
use url::Url;

use super::{
    Authorizer,
    ask::token_url_of,
    client::{self, Ask, Proof, TokenRequest},
    discover::{self, Failure, parameter},
    grant::Grant,
    server::Server,
};
use crate::{connectors::error::CallError, domain::connector::Auth, ids::hex};

/// Beginning and finishing take at most this each.
const STEP_WITHIN: Duration = Duration::from_secs(60);

/// A sign-in that waits for the person.
pub struct SignIn {
    authorizer: Arc<Authorizer>,
    url: Url,
    redirect: Url,
    state: String,
    /// What its challenge was made of (RFC 7636).
    verifier: String,
    server: Server,
    names_itself: bool,
    client_id: String,
    client_secret: Option<SecretString>,
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

impl SignIn {
    /// Finds the authorization server, makes Daybrief known to it and asks for the address to open. `redirect` is where
    /// the browser comes back to.
    pub(in crate::connectors) async fn begin(
        authorizer: Arc<Authorizer>,
        redirect: &Url,
    ) -> Result<Self, CallError> {
        let begun = Self::prepare(authorizer.clone(), redirect);
        match tokio::time::timeout(STEP_WITHIN, begun).await {
            Ok(begun) => begun.map_err(|failure| match failure {
                Failure::Own(error) => error,
                Failure::Auth(error) => authorizer.told(error),
            }),
            Err(_) => Err(too_slow()),
        }
    }

    async fn prepare(authorizer: Arc<Authorizer>, redirect: &Url) -> Result<Self, Failure> {
        let Auth::AuthorizationCode {
            client_id,
            client_secret,
            scopes,
            issuer,
        } = &authorizer.auth
        else {
            return Err(Failure::Own(CallError::Launch {
                what:
                    "no person signs in for this connector: its `auth` is not `authorization-code`"
                        .to_owned(),
                advice:
                    "set `auth` of the connector to `authorization-code`, or leave the sign-in away"
                        .to_owned(),
            }));
        };
        let http = authorizer.http()?;
        let challenge = authorizer.challenge();
        let mut found = discover::find(
            &authorizer.url,
            &http,
            challenge.as_deref(),
            issuer.as_deref(),
        )
        .await?;
        authorizer.is_the_kept_one(&found).await?;
        if !found.takes_s256 {
            return Err(Failure::Own(unfit(
                "the authorization server does not say that it takes a challenge with S256 \
                 (`code_challenge_methods_supported`), without which a code can be used by who intercepts it",
            )));
        }
        let mut url = Url::parse(&found.authorization_endpoint)
            .map_err(|_| unfit("the address to sign in at is none"))?;
        http.check(&url).map_err(|what| CallError::Token { what })?;
        // Refused here, before a person is sent there, rather than with the code.
        let token_url = token_url_of(&found.server)?;
        http.check(&token_url)
            .map_err(|what| CallError::Token { what })?;
        let mut wanted = match scopes.as_slice() {
            [] => found.server.scopes.clone(),
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
        let known_as = client_id
            .as_ref()
            .filter(|id| !id.starts_with("https://") || found.knows_documents);
        let (client_id, client_secret) = match known_as {
            Some(id) => {
                let secret = match client_secret {
                    Some(at) => Some(authorizer.secret(&at.secret).await?),
                    None => None,
                };
                (id.clone(), secret)
            }
            None if !found.registers => {
                return Err(Failure::Own(unfit(
                    "the authorization server registers no clients: register Daybrief there and name its \
                     `client_id` in the connector's `auth`",
                )));
            }
            None => {
                let names: Vec<&str> = wanted.iter().map(String::as_str).collect();
                let registered = found
                    .manager
                    .register_client("Daybrief", redirect.as_str(), &names)
                    .with_subscriber(NoSubscriber::default())
                    .await?;
                let secret = registered.client_secret.map(SecretString::from);
                (registered.client_id, secret)
            }
        };
        let (state, verifier) = (random()?, random()?);
        let hashed = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
        {
            let mut query = url.query_pairs_mut();
            query
                .append_pair("response_type", "code")
                .append_pair("client_id", &client_id)
                .append_pair("redirect_uri", redirect.as_str())
                .append_pair("state", &state)
                .append_pair("code_challenge", &hashed)
                .append_pair("code_challenge_method", "S256")
                .append_pair("resource", &found.server.resource);
            if !wanted.is_empty() {
                query.append_pair("scope", &wanted.join(" "));
            }
        }
        Ok(Self {
            authorizer: authorizer.clone(),
            url,
            redirect: redirect.clone(),
            state,
            verifier,
            server: found.server,
            names_itself: found.names_itself,
            client_id,
            client_secret,
            scopes: wanted,
        })
    }

    /// The address for the person's browser.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Does the browser come back from this sign-in? What does not is no reason to end it.
    pub fn expects(&self, redirected: &Url) -> bool {
        parameter(redirected, "state").as_deref() == Some(self.state.as_str())
    }

    /// Is it the answer of the server that was asked (RFC 9207)? One that names another server is that one's, and one
    /// without a name is nobody's where the server says that it names itself.
    fn is_of_the_server(&self, redirected: &Url) -> bool {
        let is_named = redirected.query_pairs().any(|(key, _)| key == "iss");
        if is_named {
            self.server.issuer.is_some() && parameter(redirected, "iss") == self.server.issuer
        } else {
            !self.names_itself
        }
    }

    /// Takes what the browser came back with, and keeps the sign-in. `redirected` is the whole address.
    pub async fn finish(&self, redirected: &Url) -> Result<SignedIn, CallError> {
        if !self.expects(redirected) {
            return Err(unfit("the browser did not come back from this sign-in"));
        }
        if !self.is_of_the_server(redirected) {
            return Err(unfit(
                "the browser came back from another authorization server than the one that was asked",
            ));
        }
        if let Some(error) = parameter(redirected, "error") {
            let more = parameter(redirected, "error_description").unwrap_or_default();
            return Err(CallError::Credential {
                word: self.authorizer.word(&format!("{error} {more}")),
            });
        }
        let code = parameter(redirected, "code").unwrap_or_default();
        let authorizer = &self.authorizer;
        let http = authorizer.http()?;
        let now = authorizer.now();
        let request = TokenRequest {
            url: token_url_of(&self.server)?,
            client_id: &self.client_id,
            proof: Proof::shown(self.client_secret.as_ref(), self.server.post_only),
            ask: Ask::Code {
                code: &code,
                verifier: &self.verifier,
                redirect: self.redirect.as_str(),
            },
            scopes: &[],
            resource: &self.server.resource,
            now,
        };
        let answer = match tokio::time::timeout(STEP_WITHIN, client::ask(&http, request)).await {
            Ok(answer) => answer.map_err(|error| authorizer.no_token(error))?,
            Err(_) => return Err(too_slow()),
        };
        let ends = answer.ends(now);
        let renewable_until = answer.renewable_until(now);
        let scopes = answer.scopes.unwrap_or_else(|| self.scopes.clone());
        let mut renew_with = scopes.clone();
        let offline = "offline_access".to_owned();
        if self.scopes.contains(&offline) && !renew_with.contains(&offline) {
            renew_with.push(offline);
        }
        let grant = Grant {
            id: fresh_id()?,
            bound_to: authorizer.binding().to_owned(),
            server: self.server.clone(),
            challenge: authorizer.challenge(),
            client_id: self.client_id.clone(),
            client_secret: self.registered_secret(),
            access: answer.access.map_err(unfit)?,
            refresh: answer.refresh,
            received: now,
            ends,
            renewable_until,
            scopes,
            renew_with,
            renewing: false,
        };
        let signed_in = SignedIn {
            scopes: grant.scopes.clone(),
            ends: grant.ends,
            renewable: grant.refresh.is_some(),
        };
        authorizer.keep(grant).await?;
        Ok(signed_in)
    }

    /// The secret of the settings is read anew each time; only one that came with a registration is kept.
    fn registered_secret(&self) -> Option<String> {
        match &self.authorizer.auth {
            Auth::AuthorizationCode {
                client_secret: Some(_),
                ..
            } => None,
            _ => self
                .client_secret
                .as_ref()
                .map(|secret| secret.expose_secret().to_owned()),
        }
    }
}

fn unfit(what: &str) -> CallError {
    CallError::Token {
        what: what.to_owned(),
    }
}

fn too_slow() -> CallError {
    CallError::Timeout {
        seconds: u32::try_from(STEP_WITHIN.as_secs()).unwrap_or(u32::MAX),
    }
}

/// A name for a sign-in that no other has.
fn fresh_id() -> Result<String, CallError> {
    Ok(hex(&bytes::<16>()?))
}

/// A text that nobody guesses, of the letters that a verifier may have (RFC 7636, section 4.1).
fn random() -> Result<String, CallError> {
    Ok(URL_SAFE_NO_PAD.encode(bytes::<32>()?))
}

fn bytes<const N: usize>() -> Result<[u8; N], CallError>
where
    [u8; N]: ring::rand::RandomlyConstructable,
{
    let random = ring::rand::SystemRandom::new();
    Ok(ring::rand::generate::<[u8; N]>(&random)
        .map_err(|_| unfit("the system gives no random bytes"))?
        .expose())
}
