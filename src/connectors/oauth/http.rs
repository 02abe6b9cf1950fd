//! Requests to authorization servers: protected or within this machine, bounded, never redirected by the transport.
//!
//! Where they go is said by others: by a server's refusal, by documents. So an address that is not public is asked only
//! where an admin named its host, by the connector's own address or in its `auth`. What a name resolves to is
//! judged when it is dialled, so that no answer of the DNS comes in between.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::http::{Response, header};
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use rmcp::transport::auth::{OAuthHttpClient, OAuthHttpClientFuture, OAuthHttpRequest};

use crate::settings::{is_private_host, is_public_address};

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

/// The two clients: for hosts that an admin named, and for all others.
#[derive(Clone)]
pub(super) struct Clients {
    named: reqwest::Client,
    public: reqwest::Client,
}

/// The clients; the text says why there are none.
pub(super) fn clients() -> Result<Clients, String> {
    crate::tls::begin();
    let builder = || {
        reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(REQUEST_TIMEOUT)
            .user_agent(concat!("daybrief/", env!("CARGO_PKG_VERSION")))
    };
    let built = |builder: reqwest::ClientBuilder| {
        builder
            .build()
            .map_err(|error| format!("no HTTP client: {error}"))
    };
    Ok(Clients {
        named: built(builder())?,
        public: built(builder().dns_resolver(Arc::new(PublicOnly { proxies: proxies() })))?,
    })
}

/// The hosts of the proxies that the environment names: they resolve to what they resolve to.
fn proxies() -> BTreeSet<String> {
    [
        "HTTPS_PROXY",
        "https_proxy",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
    ]
    .iter()
    .filter_map(|name| std::env::var(name).ok())
    .filter_map(|text| {
        let url = Url::parse(&text).or_else(|_| Url::parse(&format!("http://{text}")));
        url.ok()?.host_str().map(str::to_owned)
    })
    .collect()
}

/// Resolves names to public addresses alone.
struct PublicOnly {
    proxies: BTreeSet<String>,
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let is_proxy = self.proxies.contains(name.as_str());
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0))
                .await?
                .filter(|address| is_proxy || is_public_address(address.ip()))
                .collect();
            if found.is_empty() {
                return Err(inside(name.as_str()).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// What is said of a host that is not public.
fn inside(host: &str) -> String {
    format!(
        "`{host}` is no public address, and the connector does not name it: where it is the right authorization server, \
         set `auth.issuer`"
    )
}

/// The hosts that an admin named.
#[derive(Clone, Default)]
pub(super) struct Named(Arc<BTreeSet<String>>);

impl Named {
    pub(super) fn new<'a>(urls: impl IntoIterator<Item = &'a Url>) -> Self {
        let hosts = urls.into_iter().filter_map(Url::host_str);
        Self(Arc::new(hosts.map(str::to_owned).collect()))
    }

    fn has(&self, url: &Url) -> bool {
        url.host_str().is_some_and(|host| self.0.contains(host))
    }
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
    clients: Clients,
    reach: Reach,
    named: Named,
}

impl Http {
    pub(super) fn new(clients: Clients, reach: Reach, named: Named) -> Self {
        Self {
            clients,
            reach,
            named,
        }
    }

    /// May this address be asked, or opened? What a name resolves to is judged when it is dialled.
    pub(super) fn check(&self, url: &Url) -> Result<(), String> {
        self.reach.check(url)?;
        let host = url.host_str().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let is_inside = match bare.parse::<IpAddr>() {
            Ok(address) => !is_public_address(address),
            Err(_) => is_loopback(host),
        };
        if is_inside && !self.named.has(url) {
            return Err(inside(host));
        }
        Ok(())
    }

    fn client(&self, url: &Url) -> &reqwest::Client {
        if self.named.has(url) {
            &self.clients.named
        } else {
            &self.clients.public
        }
    }

    /// A request that is built from this client.
    pub(super) fn post(&self, url: Url) -> reqwest::RequestBuilder {
        self.client(&url).post(url)
    }

    /// The document at an address, where there is one.
    pub(super) async fn document(&self, url: Url) -> Result<Option<Vec<u8>>, HttpError> {
        let (status, _, body) = self.send(self.client(&url).get(url)).await?;
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
        self.check(request.url()).map_err(HttpError::Forbidden)?;
        let host = request.url().host_str().unwrap_or_default().to_owned();
        let silent = |error: reqwest::Error| HttpError::Silent {
            host: host.clone(),
            what: cause(error),
        };
        let client = self.client(request.url());
        let mut answer = client.execute(request).await.map_err(silent)?;
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
                .client(&url)
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
    fn an_address_inside_is_asked_only_where_an_admin_named_its_host() {
        let url = |text: &str| Url::parse(text).unwrap();
        let own = url("https://10.0.0.5:8443/mcp");
        let http = Http::new(
            clients().unwrap(),
            Reach::Anywhere,
            Named::new([&own, &url("https://[fd00::5]/realms/x")]),
        );
        for good in [
            "https://10.0.0.5:8443/token",
            "https://10.0.0.5/token",
            "https://[fd00::5]/token",
            "https://auth.example.com/token",
            "https://8.8.8.8/token",
        ] {
            assert_eq!(http.check(&url(good)), Ok(()), "{good}");
        }
        for bad in [
            "https://10.0.0.6:8443/token",
            "https://169.254.169.254/latest/meta-data",
            "https://[::ffff:169.254.169.254]/",
            "https://[fd00:ec2::254]/",
            "https://[fe80::1]/",
            "https://192.168.0.1/",
            "http://127.0.0.1:6379/",
            "http://localhost:6379/",
            "https://2852039166/",
            "https://0x7f.1/",
        ] {
            assert!(http.check(&url(bad)).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_an_address_inside_is_not_dialled() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let there = Url::parse(&format!("https://localhost:{port}/token")).unwrap();
        let open = Http::new(clients().unwrap(), Reach::Anywhere, Named::default());
        // The resolver's own word, without the look at the name before it.
        let client = &open.clients.public;
        let asked = client.post(there.clone()).send().await.unwrap_err();
        assert!(cause(asked).contains("auth.issuer"));
        assert!(open.document(there).await.is_err());
        let nobody = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(nobody.is_err(), "it was dialled");
    }

    #[test]
    fn an_air_gap_keeps_tokens_in_the_private_networks() {
        let url = |text: &str| Url::parse(text).unwrap();
        let reach = Reach::PrivateNetworks;
        assert_eq!(reach.check(&url("https://sso.corp/token")), Ok(()));
        assert!(reach.check(&url("https://auth.example.com/token")).is_err());
    }
}
