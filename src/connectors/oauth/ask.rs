//! Asking for a token as a client of its own.

use secrecy::SecretString;
use url::Url;

use super::{
    Authorizer,
    authorizer::RENEW_WITHIN,
    client::{self, Ask, Proof, TokenError, TokenRequest},
    discover::{self, Failure},
    grant::Grant,
    server::Server,
};
use crate::{connectors::error::CallError, domain::connector::Auth};

impl Authorizer {
    /// Asks for a token as a client of its own.
    pub(super) async fn ask_as_client(&self) -> Result<SecretString, CallError> {
        let asked = tokio::time::timeout(RENEW_WITHIN, self.client_token()).await;
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

    async fn client_token(&self) -> Result<Grant, CallError> {
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
        let http = self.http()?;
        let secret = self.state().secret.clone().unwrap_or_default();
        let (server, is_new) = match token_url {
            Some(token_url) => {
                let server = Server {
                    issuer: self.auth.issuer().map(str::to_owned),
                    token_url: token_url.to_owned(),
                    resource: self.url.to_string(),
                    ..Server::default()
                };
                (server, false)
            }
            None => match self.kept_server().await? {
                Some(server) => (server, false),
                None => (self.found_server().await?, true),
            },
        };
        let mut scopes: Vec<String> = self.auth.scopes().to_vec();
        if scopes.is_empty() {
            // Offline access is for people who go away; a client can ask again at any time.
            scopes = server.scopes.clone();
            scopes.retain(|scope| scope != "offline_access");
        }
        for scope in self.missing() {
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        let proof = match &self.auth {
            Auth::PrivateKey { .. } => Proof::Signed {
                key: &secret,
                audience: server.issuer.as_deref().unwrap_or(&server.token_url),
            },
            _ => Proof::shown(Some(&secret), server.post_only),
        };
        let now = self.now();
        let request = TokenRequest {
            url: token_url_of(&server)?,
            client_id,
            proof,
            ask: Ask::Own,
            scopes: &scopes,
            resource: &server.resource,
            now,
        };
        let answer = client::ask(&http, request)
            .await
            .map_err(|error| self.no_token(error))?;
        let ends = answer.ends(now);
        let access = answer.access.map_err(|why| CallError::Token {
            what: why.to_owned(),
        })?;
        if is_new {
            self.keep_server(&server).await?;
        }
        tracing::info!(connector = self.id.as_str(), "token had");
        Ok(Grant {
            id: String::new(),
            bound_to: self.binding().to_owned(),
            server,
            challenge: None,
            client_id: client_id.clone(),
            client_secret: None,
            access,
            refresh: None,
            received: now,
            ends,
            renewable_until: None,
            scopes: answer.scopes.unwrap_or(scopes),
            renew_with: Vec::new(),
            renewing: false,
        })
    }

    /// The authorization server as the connector's server, or the admin, names it now.
    async fn found_server(&self) -> Result<Server, CallError> {
        let http = self.http()?;
        let challenge = self.challenge();
        let found = discover::find(&self.url, &http, challenge.as_deref(), self.auth.issuer());
        match found.await {
            Ok(found) => Ok(found.server),
            Err(Failure::Own(error)) => Err(error),
            Err(Failure::Auth(error)) => Err(self.told(error)),
        }
    }

    /// What is said of a token that was not had.
    pub(super) fn no_token(&self, error: TokenError) -> CallError {
        match error {
            TokenError::Refused { text, .. } => CallError::Credential {
                word: self.word(&text),
            },
            TokenError::BadKey | TokenError::NoRandomness => CallError::Secret {
                what: error.to_string(),
            },
            TokenError::Http(_) | TokenError::BadClient => CallError::Token {
                what: error.to_string(),
            },
        }
    }
}

/// The address of the token endpoint.
pub(super) fn token_url_of(server: &Server) -> Result<Url, CallError> {
    Url::parse(&server.token_url).map_err(|_| CallError::Token {
        what: "the address of the token endpoint is none".to_owned(),
    })
}
