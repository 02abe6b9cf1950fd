//! The door out: a channel takes only [`Cleared`] content, and only this module makes it.

pub mod filter;
mod secrets;

use url::Url;

pub use secrets::Secrets;

use crate::{
    domain::{
        brief::Brief,
        finding::{GapCause, Status},
        rich::Rich,
    },
    text::{shorten, visible},
};
use filter::{Context, Filter};

/// The longest subject and preheader, in characters: what is left out may be shorter than what stands for it.
const SUBJECT_CHARACTERS: usize = 70;
const PREHEADER_CHARACTERS: usize = 110;

/// What may leave: links to these hosts only, and no secret of this instance.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    allowed_hosts: Vec<String>,
    secrets: Secrets,
}

impl Guard {
    /// A guard that lets links to these hosts and to hosts below them through, and these secrets not.
    pub fn new(allowed_hosts: impl IntoIterator<Item = String>, secrets: Secrets) -> Self {
        Self {
            secrets,
            ..Self::links_to(allowed_hosts)
        }
    }

    /// A guard over links alone, which knows no secrets.
    pub fn links_to(allowed_hosts: impl IntoIterator<Item = String>) -> Self {
        Self {
            allowed_hosts: allowed_hosts
                .into_iter()
                .map(|host| host.to_lowercase())
                .collect(),
            secrets: Secrets::default(),
        }
    }

    /// The filter of a brief: it says what the reader's own systems hold, so it has no schema to hide and names machines.
    fn filter(&self, language: crate::text::Language) -> Filter {
        let context = Context {
            allowed_hosts: self.allowed_hosts.clone(),
            schema_role: true,
            machine_names: true,
            language,
            ..Context::default()
        };
        Filter::with_secrets(&context, self.secrets.clone())
    }

    /// Clears a brief: secrets and addresses of other hosts are left out wherever they stand, links to other hosts lose the
    /// link, nobody is called by a word, characters that hide or turn text are taken out.
    pub fn clear(&self, mut brief: Brief) -> Cleared<Brief> {
        let filter = self.filter(brief.language);
        let clear = |text: &mut String| *text = filter.clear_value(&visible(text)).into_inner();
        let texts = brief.notices.iter_mut().chain([&mut brief.bottom_line]);
        let items = brief
            .decide
            .iter_mut()
            .chain(&mut brief.watch)
            .chain(&mut brief.rest);
        let (mut all, mut opens): (Vec<&mut Rich>, Vec<_>) = (texts.collect(), Vec::new());
        for item in items {
            all.extend([
                &mut item.headline,
                &mut item.body,
                &mut item.next,
                &mut item.also,
            ]);
            if let Status::Worse { unit, .. } | Status::Better { unit, .. } = &mut item.status {
                clear(unit);
            }
            opens.push(&mut item.open);
        }
        for rich in all {
            for span in rich.spans_mut() {
                clear(&mut span.text);
                span.link.take_if(|link| !self.allows(link));
            }
            // Pieces that are none may make one together.
            let whole = rich.text();
            let cleared = filter.clear_value(&whole).into_inner();
            if cleared != whole {
                *rich = Rich::plain(cleared);
            }
        }
        for open in opens {
            if let Some(open) = open {
                clear(&mut open.label);
            }
            open.take_if(|open| !self.allows(&open.url));
        }
        for resolved in &mut brief.resolved {
            clear(&mut resolved.said);
        }
        for said in brief.marks.iter_mut().filter_map(|mark| mark.said.as_mut()) {
            clear(said);
        }
        for gap in &mut brief.gaps {
            gap.titles.iter_mut().for_each(clear);
            // A server's own words may name hosts that the reader has no business with. A rule's failure is told in ours.
            if !matches!(gap.cause, GapCause::Rule | GapCause::Shape) {
                clear(&mut gap.detail);
            }
        }
        for source in &mut brief.sources {
            clear(&mut source.title);
        }
        clear(&mut brief.title);
        for (text, most) in [
            (&mut brief.subject, SUBJECT_CHARACTERS),
            (&mut brief.preheader, PREHEADER_CHARACTERS),
        ] {
            clear(text);
            *text = shorten(text, most);
        }
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
        let guard = Guard::new(["acme.example".to_owned()], Secrets::default());
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

    fn left_out(text: &str) -> String {
        let guard = Guard::new(["acme.example".to_owned()], Secrets::default());
        guard
            .filter(crate::text::Language::English)
            .clear_value(text)
            .into_inner()
    }

    #[test]
    fn a_strangers_address_does_not_stand_and_all_else_does() {
        for (text, cleared) in [
            ("See https://evil.example/login now", "See [left out] now"),
            ("See (http://evil.example), now.", "See ([left out]), now."),
            ("See evil.example/login?a=1 now", "See [left out] now"),
            ("See www.evil.example now", "See [left out] now"),
            ("See evil.example:8080 now", "See [left out] now"),
            ("See a.b.evil.example now", "See [left out] now"),
            ("https://evil.example/x", "[left out]"),
            (
                "Write to mailto:a@evil.example now",
                "Write to [left out] now",
            ),
            ("See [this](https://evil.example) now", "See this now"),
            (
                "See evil.example. Then pay",
                "See evil\u{2024}example. Then pay",
            ),
            ("Booking.com owes 5", "Booking\u{2024}com owes 5"),
            ("@here and @channel, pay", "here and channel, pay"),
            ("Call @everyone!", "Call everyone!"),
        ] {
            assert_eq!(left_out(text), cleared, "{text}");
            assert_eq!(left_out(cleared), cleared, "{text}");
        }
        for text in [
            "See https://jira.acme.example/browse/PAY-1 now",
            "See jira.acme.example/browse/PAY-1 now",
            "Disk growth on db-3 in web 4.11.3, version 1.2.3.4",
            "Update org.apache.logging in payment-service",
            "Test retry_backoff fails since commit 4f2c9e1; 4.1\u{a0}% of checkouts, EUR 4,200.50.",
            "“CardRetryTimeout” at 10:30, PAY-1190, WEB-877 and !2041 (Jonas).",
            "St. Gallen, J. Weber & Co. KG, a/b",
        ] {
            assert_eq!(left_out(text), text);
        }
    }

    /// Every text of a brief holds an address; what is left of it stands in the report.
    #[test]
    fn no_text_of_a_brief_holds_a_strangers_address() {
        let text = "Go to https://evil.example/login or www.evil.example";
        let mut brief: serde_json::Value = serde_json::json!({
            "run": "0123456789abcdef01234567", "briefing": "b", "title": text, "role": "vp", "language": "en",
            "zone": "UTC", "due": "2026-11-24T06:10:00Z", "made": "2026-11-24T06:10:00Z",
            "edition": { "edition": "built-in" }, "subject": text, "preheader": text,
            "notices": [[{ "text": text }]], "bottom_line": [{ "text": "https://" }, { "text": "evil.example/x", "link": "https://acme.example/1" }],
            "decide": [], "watch": [], "more": 0,
            "resolved": [{ "fingerprint": "f", "said": text, "open_days": 1 }], "more_resolved": 0,
            "sources": [{ "connector": "jira", "title": text }], "checked": { "checked": 1, "total": 1 },
            "gaps": [], "grounding": { "written": 0, "kept": 0, "struck": [] },
            "marks": [{ "fingerprint": "f", "signal": "s", "severity": "high", "first_seen": "2026-11-24",
                "unchanged_since": "2026-11-24", "said": text }],
        });
        brief["decide"] = serde_json::json!([{
            "number": 1, "signal": "s", "fingerprint": "f", "severity": "high",
            "status": { "status": "worse", "from": "1", "to": "2", "unit": text, "days": 1 },
            "headline": [{ "text": text }], "body": [{ "text": text }], "next": [{ "text": text }], "also": [{ "text": text }],
            "open": { "label": text, "url": "https://acme.example/1" }, "evidence": [],
        }]);
        let brief: Brief = serde_json::from_value(brief).unwrap();
        let cleared = Guard::new(["acme.example".to_owned()], Secrets::default())
            .clear(brief)
            .into_inner();
        let all = serde_json::to_string(&cleared).unwrap();
        assert!(!all.contains("evil"), "{all}");
        assert!(all.contains("acme.example/1") && cleared.subject.starts_with("Go to [left out]"));
    }
}
