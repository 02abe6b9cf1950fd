//! Which hosts are this machine or in private networks, told by the name alone: nothing is looked up.

use std::net::IpAddr;

/// Endings of names that the public DNS never answers (RFC 6761, RFC 6762, RFC 8375, ICANN's `internal`) or that
/// companies use for their own networks (RFC 6762, appendix G).
const PRIVATE_ENDINGS: [&str; 9] = [
    ".localhost",
    ".local",
    ".internal",
    ".home.arpa",
    ".intranet",
    ".private",
    ".corp",
    ".home",
    ".lan",
];

/// True for loopback, link-local and private addresses (RFC 1918, RFC 4193), names without a dot, and names that end
/// in one of the private endings. Any other name counts as public, whatever it resolves to.
pub fn is_private_host(host: &str) -> bool {
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .trim_end_matches('.')
        .to_ascii_lowercase();
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            address.is_loopback() || address.is_private() || address.is_link_local()
        }
        Ok(IpAddr::V6(address)) => match address.to_ipv4_mapped() {
            Some(address) => {
                address.is_loopback() || address.is_private() || address.is_link_local()
            }
            None => {
                address.is_loopback()
                    || address.is_unique_local()
                    || address.is_unicast_link_local()
            }
        },
        Err(_) => {
            !host.is_empty()
                && !host.contains(':')
                && (!host.contains('.')
                    || PRIVATE_ENDINGS.iter().any(|ending| host.ends_with(ending)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_that_cannot_be_public_are_private() {
        for private in [
            "localhost",
            "ollama",
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "[::1]",
            "::1",
            "fd00::1",
            "smtp.corp",
            "mail.acme.internal",
            "LLM.Local.",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_private_host(private), "{private}");
        }
        for public in [
            "",
            "api.openai.com",
            "8.8.8.8",
            "172.32.0.1",
            "2001:db8::1",
            "local.example.com",
            "::ffff:8.8.8.8",
        ] {
            assert!(!is_private_host(public), "{public}");
        }
    }
}
