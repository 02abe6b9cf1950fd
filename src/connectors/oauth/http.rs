//! Requests to authorization servers: protected or within this machine, bounded, never redirected by the transport.

use std::{net::IpAddr, time::Duration};

use axum::http::{Response, header};
use reqwest::Url;
use rmcp::transport::auth::{OAuthHttpClient, OAuthHttpClientFuture, OAuthHttpRequest};

use crate::settings::is_private_host;

/// One request with its answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// Metadata documents and token answers are a few kilobytes.
const LARGEST_BODY_BYTES: usize = 256 * 1024;

/// How far Daybrief may go for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    #[default]
    Anywhere,
    /// This machine and private networks (`instance.air_gap`).
    PrivateNetworks,
}

/// How far an instance goes, by its `instance.air_gap`.
pub fn reach(air_gap: bool) -> Reach {
    if air_gap {
        Reach::PrivateNetworks
    } else {
        Reach::Anywhere
    }
}

impl Reach {
    /// May a token be asked for, or sent, at this address? Says why not.
    pub fn check(self, url: &Url) -> Result<(), String> {
        let host = url.host_str().unwrap_or_default();
        let protected = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(host));
        if !protected {
            return Err(format!(
                "`{host}` would be reached without protection: only https, or http on this machine, is used for tokens"
            ));
        }
        if self == Self::PrivateNetworks && !is_private_host(host) {
            return Err(format!(
                "`{host}` is outside the private networks, and `instance.air_gap` is set"
            ));
        }
        Ok(())
    }
}

/// `localhost` by name (RFC 6761) or a loopback address.
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// The client; the text says why there is none.
pub(super) fn client() -> Result<reqwest::Client, String> {
    crate::tls::begin();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(REQUEST_TIMEOUT)
        .user_agent(concat!("daybrief/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| format!("no HTTP client: {error}"))
}

/// Why a request to an authorization server failed. Holds no query and no body.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("{0}")]
    Forbidden(String),
    #[error("`{host}` does not answer: {what}")]
    Silent { host: String, what: String },
    #[error("`{0}` answers with more than {LARGEST_BODY_BYTES} bytes")]
    TooLarge(String),
    #[error("`{0}` does not answer in HTTP as it should")]
    Shape(String),
}

/// Requests to authorization servers.
#[derive(Clone)]
pub(super) struct Http {
    client: reqwest::Client,
    reach: Reach,
}

impl Http {
    pub(super) fn new(client: reqwest::Client, reach: Reach) -> Self {
        Self { client, reach }
    }

    /// A request that is built from this client.
    pub(super) fn post(&self, url: Url) -> reqwest::RequestBuilder {
        self.client.post(url)
    }

    /// The document at an address, where there is one.
    pub(super) async fn document(&self, url: Url) -> Result<Option<Vec<u8>>, HttpError> {
        let (status, _, body) = self.send(self.client.get(url)).await?;
        Ok((status == 200).then_some(body))
    }

    /// Sends one request; gives status, headers and body.
    pub(super) async fn send(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<(u16, header::HeaderMap, Vec<u8>), HttpError> {
        let request = request
            .build()
            .map_err(|_| HttpError::Shape(String::new()))?;
        self.reach
            .check(request.url())
            .map_err(HttpError::Forbidden)?;
        let host = request.url().host_str().unwrap_or_default().to_owned();
        let silent = |error: reqwest::Error| HttpError::Silent {
            host: host.clone(),
            what: cause(error),
        };
        let mut answer = self.client.execute(request).await.map_err(silent)?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(silent)? {
            if body.len() + chunk.len() > LARGEST_BODY_BYTES {
                return Err(HttpError::TooLarge(host));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, headers, body))
    }
}

/// The innermost cause of an error, without the address, which may hold what is secret.
fn cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut at: &dyn std::error::Error = &error;
    while let Some(source) = at.source() {
        at = source;
    }
    at.to_string()
}

impl OAuthHttpClient for Http {
    fn execute(&self, request: OAuthHttpRequest) -> OAuthHttpClientFuture<'_> {
        Box::pin(async move {
            let (parts, body) = request.request.into_parts();
            let url = Url::parse(&parts.uri.to_string())
                .map_err(|_| HttpError::Shape(parts.uri.host().unwrap_or_default().to_owned()))?;
            let host = url.host_str().unwrap_or_default().to_owned();
            let request = self
                .client
                .request(parts.method, url)
                .headers(parts.headers)
                .body(body);
            let (status, headers, body) = self.send(request).await?;
            let mut response = Response::builder().status(status);
            if let Some(own) = response.headers_mut() {
                *own = headers;
            }
            Ok(response.body(body).map_err(|_| HttpError::Shape(host))?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_go_only_where_nobody_can_read_along() {
        let url = |text: &str| Url::parse(text).unwrap();
        for good in [
            "https://auth.example.com/token",
            "http://127.0.0.1:8080/token",
            "http://localhost:1/token",
            "http://[::1]/token",
        ] {
            assert_eq!(Reach::Anywhere.check(&url(good)), Ok(()), "{good}");
        }
        for bad in [
            "http://auth.example.com/token",
            "http://10.0.0.1/token",
            "http://localhost.example.com/token",
            "ftp://127.0.0.1/token",
            "file:///etc/passwd",
        ] {
            assert!(Reach::Anywhere.check(&url(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_air_gap_keeps_tokens_in_the_private_networks() {
        let url = |text: &str| Url::parse(text).unwrap();
        let reach = Reach::PrivateNetworks;
        assert_eq!(reach.check(&url("https://sso.corp/token")), Ok(()));
        assert!(reach.check(&url("https://auth.example.com/token")).is_err());
    }
}
