//! From a server to its authorization server: RFC 9728, RFC 8414 and OpenID Connect discovery, through rmcp.

use std::sync::Arc;

use rmcp::transport::auth::{
    AuthError, AuthorizationManager, AuthorizationMetadata, OAuthClientConfig,
};
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};
use url::Url;

use super::http::Http;

/// Where servers of before RFC 9728 publish the metadata (MCP 2025-03-26).
const LEGACY_PATH: &str = "/.well-known/oauth-authorization-server";

/// rmcp's manager for this server, with the authorization server's metadata found and set.
pub(super) async fn manager(
    url: &Url,
    http: &Http,
    challenge: Option<&str>,
) -> Result<(AuthorizationManager, AuthorizationMetadata), AuthError> {
    let found = async {
        let mut manager =
            AuthorizationManager::new_with_oauth_http_client(url.clone(), Arc::new(http.clone()))
                .await?;
        let metadata = match manager.resolve_metadata_from_challenge(challenge).await {
            Ok(resolution) => resolution.metadata,
            Err(error @ AuthError::AuthorizationServerMismatch { .. }) => {
                own_metadata(url, http).await.ok_or(error)?
            }
            Err(error) => return Err(error),
        };
        manager.set_metadata(metadata.clone());
        Ok((manager, metadata))
    };
    // Its words name what was found and, later, what was exchanged.
    found.with_subscriber(NoSubscriber::default()).await
}

/// Servers of MCP 2025-03-26 are their own authorization server and may call themselves by another path of their own
/// address. RFC 8414 would refuse the name; where all of it is one origin there is nobody to be mixed up with.
async fn own_metadata(url: &Url, http: &Http) -> Option<AuthorizationMetadata> {
    let mut place = url.clone();
    place.set_query(None);
    place.set_path(LEGACY_PATH);
    let body = http.document(place).await.ok()??;
    let metadata: AuthorizationMetadata = serde_json::from_slice(&body).ok()?;
    let own = |text: &str| Url::parse(text).is_ok_and(|other| other.origin() == url.origin());
    (metadata.issuer.as_deref().is_some_and(own)
        && own(&metadata.token_endpoint)
        && own(&metadata.authorization_endpoint))
    .then_some(metadata)
}

/// The resource indicator (RFC 8707) that the server's own metadata names; without any, its address.
pub(super) async fn resource(
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
    manager.set_metadata(metadata.clone());
    built
        .and_then(|built| parameter(&Url::parse(&built).ok()?, "resource"))
        .unwrap_or_else(|| url.to_string())
}

/// A parameter of an address.
pub(super) fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}
