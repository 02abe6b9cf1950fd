//! From a server to its authorization server: RFC 9728, RFC 8414 and OpenID Connect discovery, through rmcp.

use std::{collections::HashMap, sync::Arc};

use rmcp::transport::auth::{
    AuthError, AuthorizationManager, AuthorizationMetadata, OAuthClientConfig,
};
use serde_json::Value;
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};
use url::Url;

use super::{http::Http, server::Server};
use crate::connectors::error::CallError;

/// Where servers publish the metadata (RFC 8414), also those of before RFC 9728 (MCP 2025-03-26).
const METADATA_PATH: &str = "/.well-known/oauth-authorization-server";
/// Where OpenID providers do.
const OPENID_PATH: &str = "/.well-known/openid-configuration";

/// An authorization server as it was found.
pub(super) struct Found {
    /// With the metadata set, to register with.
    pub manager: AuthorizationManager,
    pub server: Server,
    pub authorization_endpoint: String,
    pub registers: bool,
    /// It knows clients by the address of their metadata document.
    pub knows_documents: bool,
    /// It names itself in each answer to a browser (RFC 9207).
    pub names_itself: bool,
    /// It takes a challenge with S256 (RFC 7636), and says so.
    pub takes_s256: bool,
}

/// Why there is none, or why it is not taken.
pub(super) enum Failure {
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

/// Finds the authorization server of the server at `url`; `issuer` is the one that an admin named.
pub(super) async fn find(
    url: &Url,
    http: &Http,
    challenge: Option<&str>,
    issuer: Option<&str>,
) -> Result<Found, Failure> {
    // Its words name what was found.
    let found = found(url, http, challenge, issuer);
    found.with_subscriber(NoSubscriber::default()).await
}

async fn found(
    url: &Url,
    http: &Http,
    challenge: Option<&str>,
    issuer: Option<&str>,
) -> Result<Found, Failure> {
    let mut manager =
        AuthorizationManager::new_with_oauth_http_client(url.clone(), Arc::new(http.clone()))
            .await?;
    let resolved = manager.resolve_metadata_from_challenge(challenge).await;
    let metadata = match issuer {
        // What the server says serves for the scopes and the resource alone.
        Some(issuer) => named_metadata(issuer, http).await?,
        None => match resolved {
            Ok(resolution) => resolution.metadata,
            Err(error @ AuthError::AuthorizationServerMismatch { .. }) => {
                own_metadata(url, http).await.ok_or(error)?
            }
            Err(error) => return Err(error.into()),
        },
    };
    let resource = resource(&mut manager, &metadata, url).await;
    manager.set_metadata(metadata.clone());
    let flag = |name: &str| {
        let fields = &metadata.additional_fields;
        fields.get(name).and_then(Value::as_bool) == Some(true)
    };
    Ok(Found {
        server: Server {
            post_only: knows_post_only(&metadata.additional_fields),
            scopes: manager.select_initial_scopes(&[]).await,
            resource,
            issuer: metadata.issuer.clone(),
            token_url: metadata.token_endpoint.clone(),
        },
        manager,
        registers: metadata.registration_endpoint.is_some(),
        knows_documents: flag("client_id_metadata_document_supported"),
        names_itself: flag("authorization_response_iss_parameter_supported"),
        takes_s256: metadata
            .code_challenge_methods_supported
            .is_some_and(|methods| methods.iter().any(|method| method == "S256")),
        authorization_endpoint: metadata.authorization_endpoint,
    })
}

/// The metadata of the authorization server that an admin named, from where it publishes it.
async fn named_metadata(issuer: &str, http: &Http) -> Result<AuthorizationMetadata, CallError> {
    let wrong = |what: String| CallError::Token { what };
    let url = Url::parse(issuer).map_err(|_| wrong("`auth.issuer` is no address".to_owned()))?;
    let path = url.path().trim_end_matches('/');
    for place in [
        format!("{METADATA_PATH}{path}"),
        format!("{OPENID_PATH}{path}"),
        format!("{path}{OPENID_PATH}"),
    ] {
        let mut at = url.clone();
        at.set_query(None);
        at.set_path(&place);
        let body = http.document(at).await;
        let Some(body) = body.map_err(|error| wrong(error.to_string()))? else {
            continue;
        };
        let metadata = serde_json::from_slice::<AuthorizationMetadata>(&body).ok();
        if let Some(metadata) = metadata
            && metadata.issuer.as_deref() == Some(issuer)
        {
            return Ok(metadata);
        }
    }
    Err(wrong(format!(
        "the authorization server that `auth.issuer` names publishes no metadata under that name (`{issuer}`)"
    )))
}

/// Servers of MCP 2025-03-26 are their own authorization server and may call themselves by another path of their own
/// address. RFC 8414 would refuse the name; where all of it is one origin there is nobody to be mixed up with.
async fn own_metadata(url: &Url, http: &Http) -> Option<AuthorizationMetadata> {
    let mut place = url.clone();
    place.set_query(None);
    place.set_path(METADATA_PATH);
    let body = http.document(place).await.ok()??;
    let metadata: AuthorizationMetadata = serde_json::from_slice(&body).ok()?;
    let own = |text: &str| Url::parse(text).is_ok_and(|other| other.origin() == url.origin());
    (metadata.issuer.as_deref().is_some_and(own)
        && own(&metadata.token_endpoint)
        && own(&metadata.authorization_endpoint))
    .then_some(metadata)
}

/// The resource indicator (RFC 8707) that the server's own metadata names; without any, its address.
async fn resource(
    manager: &mut AuthorizationManager,
    metadata: &AuthorizationMetadata,
    url: &Url,
) -> String {
    // rmcp tells it only as part of an authorization address, which it refuses to build for servers that do not offer it.
    let mut lenient = metadata.clone();
    lenient.response_types_supported = None;
    lenient.code_challenge_methods_supported = None;
    manager.set_metadata(lenient);
    let config = OAuthClientConfig::new("resource", url.as_str());
    let built = match manager.configure_client(config) {
        Ok(()) => manager.get_authorization_url(&[]).await.ok(),
        Err(_) => None,
    };
    built
        .and_then(|built| parameter(&Url::parse(&built).ok()?, "resource"))
        .unwrap_or_else(|| url.to_string())
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

/// A parameter of an address, where it stands there once: none may stand there twice (RFC 6749, section 3.1).
pub(super) fn parameter(url: &Url, name: &str) -> Option<String> {
    let mut values = url.query_pairs().filter(|(key, _)| key == name);
    let value = values.next()?.1.into_owned();
    values.next().is_none().then_some(value)
}
