//! By which names an HTTP server of ours may be reached, and the token that a request bears: what our servers have in common.

use axum::http::{HeaderMap, header};
use rmcp::transport::streamable_http_server::StreamableHttpServerConfig;
use tokio_util::sync::CancellationToken;

/// The names of this machine for itself.
const OWN: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The names that a request may use for a server, and the pages that may make one. A request that names another host is
/// refused, as is every request that a web page of another address makes: otherwise a page could have a browser reach a
/// server that listens on this machine alone (DNS rebinding; MCP 2025-11-25, transports, security warning).
#[derive(Debug, Clone)]
pub struct Reachable {
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Reachable {
    /// A server on this port, reached as this machine itself and by the names of `hosts`.
    pub fn new(port: u16, hosts: impl IntoIterator<Item = String>) -> Self {
        let origins = OWN.map(|host| match host.contains(':') {
            true => format!("http://[{host}]:{port}"),
            false => format!("http://{host}:{port}"),
        });
        Self {
            hosts: OWN.map(str::to_owned).into_iter().chain(hosts).collect(),
            origins: origins.to_vec(),
        }
    }

    /// The same, and pages of this origin (`https://daybrief.acme.example`) may ask too.
    #[must_use]
    pub fn and_pages_of(mut self, origin: String) -> Self {
        self.origins.push(origin);
        self
    }

    /// The set-up of an MCP server that holds to it, until `ended`.
    pub fn mcp(&self, ended: CancellationToken) -> StreamableHttpServerConfig {
        StreamableHttpServerConfig::default()
            .with_allowed_hosts(self.hosts.iter().cloned())
            .with_allowed_origins(self.origins.iter().cloned())
            .enforce_origin_validation()
            .with_cancellation_token(ended)
    }

    /// Does a request with these headers hold to it?
    pub fn admits(&self, headers: &HeaderMap) -> bool {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let Some(host) = text(header::HOST).map(without_port) else {
            return false;
        };
        let known = |names: &[String], name: &str| {
            names.iter().any(|known| known.eq_ignore_ascii_case(name))
        };
        known(&self.hosts, host)
            && (!headers.contains_key(header::ORIGIN)
                || text(header::ORIGIN).is_some_and(|origin| known(&self.origins, origin)))
    }
}

/// `localhost:8080` → `localhost`, `[::1]:8080` → `::1`.
fn without_port(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// The token that a request bears (RFC 6750, section 2.1); empty where it bears none.
pub fn bearer(headers: &HeaderMap) -> &str {
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_requests_by_a_known_name_and_of_no_other_page_are_admitted() {
        let reachable = Reachable::new(8080, ["daybrief.acme.example".to_owned()])
            .and_pages_of("https://daybrief.acme.example".to_owned());
        for (host, origin, admitted) in [
            (Some("localhost:8080"), None, true),
            (Some("127.0.0.1"), None, true),
            (Some("[::1]:8080"), None, true),
            (Some("Daybrief.acme.example"), None, true),
            (Some("evil.test"), None, false),
            (Some("evil.test:8080"), None, false),
            (Some("localhost.evil.test"), None, false),
            (None, None, false),
            (Some("localhost:8080"), Some("http://localhost:8080"), true),
            (Some("localhost:8080"), Some("http://localhost:3000"), false),
            (Some("localhost:8080"), Some("https://evil.test"), false),
            (Some("localhost:8080"), Some("null"), false),
            (
                Some("daybrief.acme.example"),
                Some("https://daybrief.acme.example"),
                true,
            ),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [(header::HOST, host), (header::ORIGIN, origin)] {
                if let Some(value) = value {
                    headers.insert(name, value.parse().unwrap());
                }
            }
            assert_eq!(reachable.admits(&headers), admitted, "{host:?} {origin:?}");
        }
    }

    #[test]
    fn a_token_is_borne_in_one_header_only() {
        for (value, token) in [
            ("Bearer dbt_x", "dbt_x"),
            ("bearer dbt_x", "dbt_x"),
            ("Basic dbt_x", ""),
            ("dbt_x", ""),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            assert_eq!(bearer(&headers), token, "{value}");
        }
        assert_eq!(bearer(&HeaderMap::new()), "");
    }
}
