//! Which hosts are this machine or in private networks, told by the name alone: nothing is looked up.

use std::net::{IpAddr, Ipv4Addr};

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

/// True for an address that the public internet routes to a host of its own: not this machine, no private, link-local,
/// shared or reserved network, and no cloud's address for its own metadata (IANA's registries of special-purpose
/// addresses; Azure's 168.63.129.16). An address that carries another one in it is judged by that one.
pub fn is_public_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, e, f, g, h] = address.segments();
            let embedded = |high: u16, low: u16| {
                is_public_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
            };
            match [a, b, c, d, e, f] {
                // IPv4-mapped and, translated, RFC 6052.
                [0, 0, 0, 0, 0, 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => embedded(g, h),
                // 6to4 (RFC 3056).
                [0x2002, high, low, ..] => embedded(high, low),
                // Benchmarks, ORCHID, Teredo and what else is assigned to protocols (RFC 2928); documentation.
                [0x2001, second, ..] => second >= 0x0200 && second != 0x0db8,
                // Only 2000::/3 is given out as global unicast; of it, 3fff::/20 is documentation (RFC 9637).
                [0x3fff, second, ..] => second >= 0x1000,
                [first, ..] => first & 0xe000 == 0x2000,
            }
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !matches!(
        address.octets(),
        [0 | 10 | 127 | 224.., ..]
            | [100, 64..=127, ..]
            | [169, 254, ..]
            | [172, 16..=31, ..]
            | [192, 168, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
            | [168, 63, 129, 16]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_public_where_the_internet_routes_to_it() {
        for inside in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "168.63.129.16",
            "169.254.169.254",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:a9fe:a9fe::1",
            "2001::1",
            "2001:db8::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public_address(inside.parse().unwrap()), "{inside}");
        }
        for public in [
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2001:4860:4860::8888",
            "2a00:1450::1",
        ] {
            assert!(is_public_address(public.parse().unwrap()), "{public}");
        }
    }

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
