//! Mail addresses as people have them: in any script, with international domains (RFC 6531, RFC 5890), quoted, with a plus.

use lettre::Address;

use crate::text::visible;

/// The longest local part, in bytes (RFC 5321, section 4.5.3.1.1).
const MAX_LOCAL_BYTES: usize = 64;

/// An address that mail can be sent to. Its domain is in the ASCII form that every server takes; what stands before the `@`
/// is as its owner writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailAddress {
    local: String,
    domain: String,
}

/// Why a text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAddress {
    #[error("has nothing before or after an `@`")]
    Parts,
    #[error("holds a name or brackets besides the address")]
    NotAlone,
    #[error("has more than {MAX_LOCAL_BYTES} bytes before the `@`, which no server takes")]
    TooLong,
    #[error("has a sign before the `@` that no address has unless it stands in double quotes")]
    Local,
    #[error("has a sign that cannot be seen")]
    Invisible,
    #[error("has a domain that no name server could know")]
    Domain,
}

impl MailAddress {
    /// Reads an address that stands alone.
    pub fn parse(text: &str) -> Result<Self, NoAddress> {
        let (local, domain) = text.rsplit_once('@').ok_or(NoAddress::Parts)?;
        if local.is_empty() || domain.is_empty() {
            return Err(NoAddress::Parts);
        }
        if visible(text) != text {
            return Err(NoAddress::Invisible);
        }
        let is_quoted = local.starts_with('"');
        if domain.contains(['<', '>']) || !is_quoted && local.contains(['<', '>', ':']) {
            return Err(NoAddress::NotAlone);
        }
        if local.len() > MAX_LOCAL_BYTES {
            return Err(NoAddress::TooLong);
        }
        let domain = ascii_domain(domain).ok_or(NoAddress::Domain)?;
        // Any letter beyond ASCII may stand where a letter may (RFC 6531, section 3.3); spaces are none.
        if local.contains(|c: char| !c.is_ascii() && c.is_whitespace()) {
            return Err(NoAddress::Local);
        }
        let in_ascii: String = local
            .chars()
            .map(|c| if c.is_ascii() { c } else { 'x' })
            .collect();
        match Address::new(in_ascii, &domain) {
            Ok(_) => Ok(Self {
                local: local.to_owned(),
                domain,
            }),
            Err(lettre::address::AddressError::InvalidDomain) => Err(NoAddress::Domain),
            Err(_) => Err(NoAddress::Local),
        }
    }

    /// Can it only be reached over servers that take SMTPUTF8 (RFC 6531)? An international domain alone needs none.
    pub fn needs_smtputf8(&self) -> bool {
        !self.local.is_ascii()
    }

    /// The domain where it has no dot: a machine of one's own network, or a slip. An address of a network in brackets is none.
    pub fn local_host(&self) -> Option<String> {
        let named = !self.domain.contains('.') && !self.domain.starts_with('[');
        named.then(|| self.domain.clone())
    }

    /// The domain in ASCII, in lower case.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// What is equal for two addresses that reach one mailbox at every provider we know: case aside.
    pub fn key(&self) -> String {
        format!("{}@{}", self.local.to_lowercase(), self.domain)
    }

    /// Do both certainly name one mailbox? Letters beyond ASCII must be the same: of those, two that look alike in lower
    /// case may be two people's.
    pub fn is_same(&self, other: &Self) -> bool {
        self.domain == other.domain && self.local.eq_ignore_ascii_case(&other.local)
    }
}

impl From<MailAddress> for Address {
    fn from(address: MailAddress) -> Self {
        // It was read: what lettre would refuse are letters that it does not know as such.
        Self::new_dangerous(address.local, address.domain)
    }
}

impl std::fmt::Display for MailAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

/// A domain in the form that name servers and every mail server take (RFC 5890), in lower case. An address of a network is
/// taken in brackets alone.
pub fn ascii_domain(domain: &str) -> Option<String> {
    if domain.starts_with('[') && domain.ends_with(']') {
        return Some(domain.to_ascii_lowercase());
    }
    match url::Host::parse(domain).ok()? {
        url::Host::Domain(domain) if !domain.ends_with('.') => Some(domain),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_as_people_have_them() {
        for (written, sent, needs_smtputf8) in [
            (
                "Ann.Smith+brief@Acme.Example",
                "Ann.Smith+brief@acme.example",
                false,
            ),
            (
                "ann@b\u{fc}cher.example",
                "ann@xn--bcher-kva.example",
                false,
            ),
            (
                "ann@xn--bcher-kva.example",
                "ann@xn--bcher-kva.example",
                false,
            ),
            ("d\u{f6}rte@acme.example", "d\u{f6}rte@acme.example", true),
            ("用户@例子.example", "用户@xn--fsqu00a.example", true),
            ("संस्कृत@डाटा.example", "संस्कृत@xn--c2bd1gb.example", true),
            ("e\u{301}ve@acme.example", "e\u{301}ve@acme.example", true),
            (
                "\"john doe\"@acme.example",
                "\"john doe\"@acme.example",
                false,
            ),
            ("\"a@b\"@acme.example", "\"a@b\"@acme.example", false),
            ("o'neil/x=1@acme.example", "o'neil/x=1@acme.example", false),
            ("root@localhost", "root@localhost", false),
            ("ann@[192.0.2.1]", "ann@[192.0.2.1]", false),
        ] {
            let address = MailAddress::parse(written).unwrap();
            assert_eq!(address.to_string(), sent);
            assert_eq!(address.needs_smtputf8(), needs_smtputf8, "{written}");
            assert_eq!(Address::from(address).to_string(), sent);
        }
    }

    #[test]
    fn what_no_server_could_deliver_is_told_for_what_it_is() {
        let long = format!("{}@acme.example", "x".repeat(65));
        for (written, why) in [
            ("acme.example", NoAddress::Parts),
            ("@acme.example", NoAddress::Parts),
            ("ann@", NoAddress::Parts),
            ("Ann <ann@acme.example>", NoAddress::NotAlone),
            ("mailto:ann@acme.example", NoAddress::NotAlone),
            ("ann b@acme.example", NoAddress::Local),
            ("ann..b@acme.example", NoAddress::Local),
            ("a@b@acme.example", NoAddress::Local),
            ("ann\u{a0}b@acme.example", NoAddress::Local),
            ("ann\u{200b}@acme.example", NoAddress::Invisible),
            (
                "ann@acme.example\r\nBcc: x@evil.example",
                NoAddress::Invisible,
            ),
            ("ann@acme..example", NoAddress::Domain),
            ("ann@acme.example.", NoAddress::Domain),
            ("ann@-acme.example", NoAddress::Domain),
            ("ann@acme example", NoAddress::Domain),
            ("ann@192.0.2.1", NoAddress::Domain),
            (long.as_str(), NoAddress::TooLong),
        ] {
            assert_eq!(MailAddress::parse(written), Err(why), "{written}");
        }
    }

    #[test]
    fn one_mailbox_is_known_in_either_form_and_no_lookalike_is_taken_for_it() {
        let parse = |text| MailAddress::parse(text).unwrap();
        assert!(parse("Ann@B\u{dc}CHER.example").is_same(&parse("ann@xn--bcher-kva.example")));
        assert_eq!(
            parse("D\u{d6}RTE@a.example").key(),
            parse("d\u{f6}rte@A.example").key()
        );
        // The Kelvin sign is `k` in lower case, and another person's.
        assert!(!parse("\u{212a}ate@a.example").is_same(&parse("kate@a.example")));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_and_no_address_ends_a_line(text in "\\PC{0,20}@\\PC{0,20}|.{0,40}") {
            if let Ok(address) = MailAddress::parse(&text) {
                let written = Address::from(address).to_string();
                proptest::prop_assert!(!written.contains(|c: char| c.is_control()));
            }
        }
    }
}
