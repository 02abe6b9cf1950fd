//! The door out: a channel takes only [`Cleared`] content, and only this module makes it.

pub mod filter;

use url::Url;

use crate::{
    domain::{brief::Brief, rich::Rich},
    text::visible,
};

/// What may leave: links to these hosts only.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    allowed_hosts: Vec<String>,
}

impl Guard {
    /// A guard that lets links to these hosts and to hosts below them through.
    pub fn new(allowed_hosts: impl IntoIterator<Item = String>) -> Self {
        Self {
            allowed_hosts: allowed_hosts
                .into_iter()
                .map(|host| host.to_lowercase())
                .collect(),
        }
    }

    /// Clears a brief: links to other hosts lose the link, characters that hide or turn text are taken out.
    pub fn clear(&self, mut brief: Brief) -> Cleared<Brief> {
        let texts = brief.notices.iter_mut().chain([&mut brief.bottom_line]);
        let items = brief
            .decide
            .iter_mut()
            .chain(&mut brief.watch)
            .chain(&mut brief.rest);
        let (mut all, mut opens): (Vec<&mut Rich>, Vec<_>) = (texts.collect(), Vec::new());
        for item in items {
            all.extend([&mut item.headline, &mut item.body, &mut item.next]);
            opens.push(&mut item.open);
        }
        for span in all.into_iter().flat_map(Rich::spans_mut) {
            span.text = visible(&span.text);
            span.link.take_if(|link| !self.allows(link));
        }
        for open in opens {
            open.take_if(|open| !self.allows(&open.url));
        }
        for resolved in &mut brief.resolved {
            resolved.said = visible(&resolved.said);
        }
        brief.subject = visible(&brief.subject);
        brief.preheader = visible(&brief.preheader);
        Cleared(brief)
    }

    /// Is it a link that may stand in a brief: https, to a host that is allowed, without a user in it?
    pub fn allows(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default().to_lowercase();
        url.scheme() == "https"
            && url.username().is_empty()
            && url.password().is_none()
            && self.allowed_hosts.iter().any(|allowed| {
                host == *allowed
                    || host
                        .strip_suffix(allowed.as_str())
                        .is_some_and(|rest| rest.ends_with('.'))
            })
    }
}

/// Content that may leave. It cannot be copied and is consumed by sending it.
#[derive(Debug)]
#[must_use = "cleared content that is not sent was cleared in vain"]
pub struct Cleared<T>(T);

impl<T> Cleared<T> {
    /// The content, to send it.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// The content, to look at it.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// The same content in another form. `form` must add nothing: it is for rendering.
    pub fn map<U>(self, form: impl FnOnce(T) -> U) -> Cleared<U> {
        Cleared(form(self.0))
    }

    /// Content that nobody has looked at, for unit tests of what consumes it.
    #[cfg(test)]
    pub fn for_test(content: T) -> Self {
        Self(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_to_allowed_hosts_stay() {
        let guard = Guard::new(["acme.example".to_owned()]);
        for (link, allowed) in [
            ("https://acme.example/x", true),
            ("https://tracker.ACME.example/x", true),
            ("https://evilacme.example/x", false),
            ("https://acme.example.evil.test/x", false),
            ("http://acme.example/x", false),
            ("https://acme.example@evil.test/x", false),
            ("https://user@acme.example/x", false),
            ("javascript:alert(1)", false),
            ("data:text/html,x", false),
        ] {
            assert_eq!(guard.allows(&Url::parse(link).unwrap()), allowed, "{link}");
        }
    }
}
