//! Addresses: of pages, machines and files. What is one is decided by their own grammars.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::Url;

use super::{
    Guard, Reason,
    fold::Folded,
    spans::{Span, With},
};

/// Names that no public registry gives and that are used as if (RFC 2606, 6761, 6762, 8375, and what Kubernetes and Windows domains have).
const RESERVED: [&str; 14] = [
    "example",
    "test",
    "invalid",
    "localhost",
    "local",
    "internal",
    "intranet",
    "lan",
    "corp",
    "home",
    "arpa",
    "private",
    "svc",
    "localdomain",
];
/// Of these some are names for the public to read.
const PUBLIC_LOOKING: [&str; 3] = ["example", "test", "invalid"];
/// Endings of files that are also endings of domains.
const FILES: [&str; 10] = ["md", "rs", "py", "sh", "pl", "zip", "mov", "ps", "so", "cc"];
/// What may stand around an address and is none of its own.
const AROUND: [char; 22] = [
    '(', ')', '[', ']', '{', '}', '<', '>', '"', '\'', '“', '”', '„', '‘', '’', '«', '»', ',', ';',
    '!', '…', '*',
];

/// A point to the eye that makes no name an address.
pub const POINT: char = '\u{2024}';

/// What becomes of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Every address that may not stand goes.
    Strict,
    /// Names of machines and files stay, as readers know their systems by them; names that a mail program or a chat makes
    /// links of stay as text.
    Names,
}

/// Finds addresses that may not stand.
pub fn find(folded: &Folded<'_>, guard: &Guard, rule: Rule, spans: &mut Vec<Span>) {
    let text = folded.plain.as_str();
    let parts = |c: char| {
        c.is_whitespace() || matches!(c, '|' | '`' | '<' | '>' | '"' | '“' | '”' | '„' | '«' | '»')
    };
    let mut at = 0;
    for word in text.split_inclusive(parts) {
        let start = at;
        at += word.len();
        if !word.contains(['.', ':', '/', '\\', '@']) {
            continue;
        }
        let Some(inner) = core(word.trim_end_matches(parts)) else {
            continue;
        };
        let token = word.get(inner.clone()).unwrap_or_default();
        let range = folded.origin(start + inner.start..start + inner.end);
        let found = address(token, guard);
        let is_name = !token.contains(['/', '\\', '?']);
        let with = match (rule, found) {
            (Rule::Strict, None) => continue,
            (Rule::Strict, Some(_)) => With::Mark,
            (Rule::Names, Some(Reason::File)) => continue,
            (Rule::Names, Some(Reason::Host)) if is_name => continue,
            (Rule::Names, Some(Reason::Link))
                if is_name && token.matches('.').count() == 1 && !token.contains([':', '@']) =>
            {
                With::Inert
            }
            (Rule::Names, Some(_)) => With::Mark,
            (Rule::Names, None) if is_name && is_public_name(token, guard) => With::Inert,
            (Rule::Names, None) => continue,
        };
        if with == With::Inert
            && folded
                .raw
                .get(range.clone())
                .is_some_and(|name| name.contains(POINT))
        {
            continue;
        }
        spans.push(Span {
            range,
            reason: found.unwrap_or(Reason::Link),
            with,
        });
    }
}

/// The word without what stands around it; of a word with an address in it, the address.
fn core(word: &str) -> Option<std::ops::Range<usize>> {
    let mut start = word.len() - word.trim_start_matches(AROUND).len();
    if let Some(at) = word.find("://") {
        let before = word.get(..at)?;
        let scheme = before
            .trim_end_matches(|c: char| {
                c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | ':')
            })
            .len();
        start = start.max(scheme);
    }
    let rest = word.get(start..)?;
    let kept = rest
        .trim_end_matches(AROUND)
        .trim_end_matches(['.', ':', '?', ',', '…'])
        .trim_end_matches(AROUND);
    (!kept.is_empty()).then_some(start..start + kept.len())
}

/// Would a mail program or a chat make a link of this name of two parts?
fn is_public_name(token: &str, guard: &Guard) -> bool {
    let lower = token.to_lowercase();
    let plain = lower
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-'));
    let top = lower.rsplit('.').next().unwrap_or_default();
    plain
        && lower.matches('.').count() == 1
        && !FILES.contains(&top)
        && lower.chars().next().is_some_and(char::is_alphanumeric)
        && top.chars().all(char::is_alphabetic)
        && (PUBLIC_LOOKING.contains(&top)
            || psl::suffix(lower.as_bytes()).is_some_and(|suffix| suffix.is_known()))
        && !Url::parse(&format!("https://{lower}/")).is_ok_and(|url| guard.allows(&url))
}

/// Why a word may not stand as an address; none where it is none, or an allowed one.
pub fn address(token: &str, guard: &Guard) -> Option<Reason> {
    let token = token.trim_start_matches('=');
    let plain: String = token
        .replace("[.]", ".")
        .replace("(.)", ".")
        .replace("hxxp", "http");
    let token = plain.as_str();
    if let Some((scheme, rest)) = token.split_once("://") {
        let is_scheme = !scheme.is_empty()
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | ':'));
        if is_scheme && !rest.is_empty() {
            return match Url::parse(token) {
                Ok(url) if guard.allows(&url) => None,
                Ok(url) if matches!(url.scheme(), "http" | "https" | "ftp") => {
                    Some(if is_inside(url.host_str().unwrap_or_default()) {
                        Reason::Host
                    } else {
                        Reason::Link
                    })
                }
                _ => Some(Reason::Host),
            };
        }
    }
    for scheme in ["mailto:", "javascript:", "data:", "file:", "tel:", "jdbc:"] {
        if let Some(rest) = strip_prefix(token, scheme)
            && !rest.is_empty()
            && (scheme != "data:" || rest.contains(','))
        {
            return Some(Reason::Link);
        }
    }
    if let Some(rest) = token.strip_prefix("//")
        && rest.contains('.')
    {
        return address(&format!("https://{rest}"), guard);
    }
    if token.starts_with("\\\\") && token.len() > 4 {
        return Some(Reason::Host);
    }
    if is_file_path(token) {
        return Some(Reason::File);
    }
    host_and_port(token, guard)
}

fn strip_prefix<'a>(token: &'a str, prefix: &str) -> Option<&'a str> {
    token
        .get(..prefix.len())
        .filter(|head| head.eq_ignore_ascii_case(prefix))?;
    token.get(prefix.len()..)
}

/// An absolute path of two steps or more, one below home or here, or one of Windows.
fn is_file_path(token: &str) -> bool {
    let is_step = |step: &str| {
        !step.is_empty()
            && step.chars().all(|c| {
                c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '$' | '@' | '+' | '~' | '%')
            })
    };
    let steps = |path: &str| {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        parts.iter().all(|part| is_step(part))
            && parts
                .iter()
                .any(|part| part.chars().any(char::is_alphabetic))
    };
    let unix = token.strip_prefix('/').is_some_and(|path| {
        path.contains('/')
            && steps(path)
            && path.split('/').next().is_some_and(|first| first.len() > 1)
    });
    let here = ["./", "../", "~/"].iter().any(|begin| {
        token
            .strip_prefix(begin)
            .is_some_and(|path| !path.is_empty() && steps(path))
    });
    let mut chars = token.chars();
    let windows = matches!((chars.next(), chars.next(), chars.next()), (Some(drive), Some(':'), Some('\\' | '/')) if drive.is_ascii_alphabetic())
        && token.len() > 3;
    unix || here || windows
}

fn host_and_port(token: &str, guard: &Guard) -> Option<Reason> {
    let (before, path) = match token.find(['/', '?', '#']) {
        Some(at) => (token.get(..at)?, token.get(at..)?),
        None => (token, ""),
    };
    // With a user in it it is a mail address, or a way to sign in.
    let (user, host) = before
        .rsplit_once('@')
        .map_or(("", before), |(user, host)| (user, host));
    let bare = host.trim_matches(['[', ']']);
    if is_ip6(bare) {
        return Some(Reason::Host);
    }
    if let Some((ip, port)) = host
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]:"))
        && is_ip6(ip)
        && port.parse::<u16>().is_ok()
    {
        return Some(Reason::Host);
    }
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) => (name, Some(port.parse::<u16>().ok()?)),
        None => (host, None),
    };
    if let Ok(ip) = name.parse::<Ipv4Addr>() {
        // Four numbers are also a version; one that is used inside, or with a port, is a machine.
        let is_used = port.is_some()
            || !path.is_empty()
            || ip.is_private()
            || ip.is_loopback()
            || ip.is_link_local()
            || ip.octets().iter().any(|part| *part >= 32);
        return is_used.then_some(Reason::Host);
    }
    let labels: Vec<&str> = name.split('.').collect();
    let is_label = |label: &&str| {
        !label.is_empty()
            && label
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !labels.iter().all(is_label) || !name.chars().any(char::is_alphabetic) {
        return None;
    }
    if user.is_empty() && name.eq_ignore_ascii_case("localhost") {
        return Some(Reason::Host);
    }
    if labels.len() < 2 {
        // "db-3:5432": a port makes a name a machine; a time or a ratio has no letters.
        let is_machine = port.is_some_and(|port| port >= 20)
            && name.chars().any(char::is_alphabetic)
            && name
                .chars()
                .any(|c| matches!(c, '-' | '_') || c.is_ascii_digit())
            && user.is_empty();
        return is_machine.then_some(Reason::Host);
    }
    if is_inside(name) {
        return (user.is_empty() || !path.is_empty()).then_some(Reason::Host);
    }
    let lower = name.to_lowercase();
    let top = labels.last().copied().unwrap_or_default().to_lowercase();
    let is_public = PUBLIC_LOOKING.contains(&top.as_str())
        || psl::suffix(lower.as_bytes()).is_some_and(|suffix| suffix.is_known())
            && top.chars().any(char::is_alphabetic);
    if !is_public || Url::parse(&format!("https://{lower}/")).is_ok_and(|url| guard.allows(&url)) {
        return None;
    }
    if !user.is_empty() {
        return (port.is_some() || !path.is_empty()).then_some(Reason::Link);
    }
    let is_file = FILES.contains(&top.as_str());
    let is_link = port.is_some()
        || path.len() > 1 && !is_file
        || lower.starts_with("www.")
        || labels.len() > 2 && !is_file;
    // "Booking.com" is a company; "booking.com" is where it is.
    let is_name = name.chars().any(char::is_uppercase);
    (is_link || !is_name && !is_file && PUBLIC_LOOKING.contains(&top.as_str()))
        .then_some(Reason::Link)
}

fn is_ip6(text: &str) -> bool {
    let text = text.split('%').next().unwrap_or(text);
    let text = text.split('/').next().unwrap_or(text);
    text.matches(':').count() >= 2 && text.parse::<Ipv6Addr>().is_ok() && text.len() > 4
}

/// Is it a name that only an internal network knows?
fn is_inside(host: &str) -> bool {
    let lower = host.to_lowercase();
    let top = lower.rsplit('.').next().unwrap_or_default();
    lower.contains('.') && RESERVED.contains(&top) && !PUBLIC_LOOKING.contains(&top)
        || lower
            .parse::<Ipv4Addr>()
            .is_ok_and(|ip| ip.is_private() || ip.is_loopback())
        || lower == "localhost"
        || !lower.contains('.') && !lower.is_empty()
}
