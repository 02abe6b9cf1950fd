//! Asking for a token as a client of its own.

use std::collections::HashMap;

use jiff::SignedDuration;
use secrecy::SecretString;
use serde_json::Value;
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};
use url::Url;

use super::{
    Authorizer,
    authorizer::RENEW_WITHIN,
    client::{self, Proof, TokenError, TokenRequest},
    discover,
    grant::Grant,
    http::Http,
};
use crate::{connectors::error::CallError, domain::connector::Auth};

impl Authorizer {
    /// Asks for a token as a client of its own.
    pub(super) async fn ask_as_client(&self) -> Result<SecretString, CallError> {
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
        self.hold(Some(grant), None);
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
            bound_to: self.binding().to_owned(),
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
}

/// Where a client asks for a token, and as what.
struct Place {
    token_url: String,
    audience: String,
    resource: String,
    post_only: bool,
}

/// Does the server take a secret in the body alone? Without a list it takes the header (RFC 8414, section 2).
fn knows_post_only(fields: &HashMap<String, Value>) -> bool {
    let methods = fields
        .get("token_endpoint_auth_methods_supported")
        .and_then(|methods| methods.as_array());
    methods.is_some_and(|methods| {
        let has = |method: &str| methods.iter().any(|known| known.as_str() == Some(method));
        has("client_secret_post") && !has("client_secret_basic")
    })
}
