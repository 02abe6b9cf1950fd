//! What would be taken and then quietly do nothing: days on which nothing is worked, folders that are refused when a brief is
//! due, links that the guard takes out.

use serde_json::{Map, Value};
use url::Url;

use super::Check;
use crate::{
    access::condition_path,
    domain::{
        briefing::{Briefing, Query},
        connector::{Connector, ToolClass, matches_pattern},
        people::{Role, User},
        place::{Place, Surface},
    },
    guard::{Guard, Secrets},
    ids::RoleId,
    mail_address::MailAddress,
    provision::{Kind, Objects},
    settings::{
        Settings,
        shape::{did_you_mean, is_slip_of, written},
    },
};

impl Check<'_> {
    pub(super) fn calendars(&mut self) {
        let objects = self.objects;
        for calendar in &objects.calendars {
            if calendar.working_days.is_empty() {
                self.error(
                    "empty",
                    (Kind::Calendar, calendar.id.as_str(), "working_days"),
                    "`working_days` names no day, so nothing that uses it is ever due",
                    "name them, such as [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"]; leave the key out for Monday to Friday",
                );
            }
        }
    }

    pub(super) fn place_channel(&mut self, place: &Place) {
        let is_id = place.channel.starts_with(['C', 'G', 'D']);
        if place.surface == Surface::Slack && !place.channel.trim().is_empty() && !is_id {
            self.error(
                "bad-channel",
                (Kind::Place, place.id.as_str(), "channel"),
                &format!(
                    "`channel` is {}, which is no channel id, so nobody ever asks from there",
                    written(&place.channel)
                ),
                "copy it from the channel's details in Slack: it begins with C or G",
            );
        }
    }

    /// An address may lead to a machine of one's own network, but seldom does.
    pub(super) fn domain_of(&mut self, user: &User) {
        let address = user.email.as_deref().map(MailAddress::parse);
        if let Some(Ok(address)) = address
            && let Some(domain) = address.local_host()
        {
            self.warn(
                "odd-mailbox",
                (Kind::User, user.id.as_str(), "email"),
                &format!("the domain `{domain}` of `email` has no dot"),
                "write it in full, such as \"ann@acme.example\", unless it is a machine of your network",
            );
        }
    }

    pub(super) fn link_hosts(&mut self, connector: &Connector) {
        let id = connector.id.as_str();
        for (index, host) in connector.link_hosts.iter().enumerate() {
            if !is_host(host) {
                self.error(
                    "bad-host",
                    (Kind::Connector, id, &format!("link_hosts[{index}]")),
                    &format!("`{host}` is no host name, so no link is let through by it"),
                    "write the name alone: \"jira.acme.example\", without https:// and path",
                );
            }
        }
        let guard = Guard::new(connector.link_hosts.iter().cloned(), Secrets::default());
        for (column, link) in &connector.links {
            let url = Url::parse(&link.replace("{}", "1")).ok();
            if !url.is_some_and(|url| guard.allows(&url)) {
                self.error(
                    "bad-link",
                    (Kind::Connector, id, &format!("links.{column}")),
                    &format!(
                        "`links.{column}` leads to no host of `link_hosts`, so it is never shown"
                    ),
                    "begin it with https:// and a host, and name that host in `link_hosts`",
                );
            }
        }
    }

    /// Warns of links that begin with an address which the guard takes out.
    pub(super) fn links(&mut self, briefing: &Briefing) {
        let id = briefing.id.as_str();
        let guard = guard(self.objects, self.settings);
        for (index, signal) in briefing.signals.iter().enumerate() {
            let own = signal.link.iter().map(|link| ("link".to_owned(), link));
            let others = signal
                .fact_links
                .iter()
                .map(|(name, link)| (format!("fact_links.{name}"), link));
            for (field, link) in own.chain(others) {
                for url in addresses_in(link) {
                    if guard.allows(&url) {
                        continue;
                    }
                    let host = url.host_str().unwrap_or_default();
                    let (why, advice) = if url.scheme() == "https" {
                        (
                            format!("leads to `{host}`, which is allowed nowhere"),
                            format!(
                                "add \"{host}\" to `link_hosts` of the connector `{}`",
                                signal.query.connector
                            ),
                        )
                    } else {
                        (
                            format!("leads to `{host}` without https"),
                            "begin it with https://".to_owned(),
                        )
                    };
                    self.warn(
                        "link-taken-out",
                        (Kind::Briefing, id, &format!("signals[{index}].{field}")),
                        &format!(
                            "signal `{}`: `{field}` {why}, so it is left out of the brief",
                            signal.id
                        ),
                        advice,
                    );
                }
            }
        }
    }
}

/// What a person may do about a call that a role may not make: the tool is not there, is not classified, acts, is denied, is
/// granted on a condition, or is not granted. `why` is what `access` said, which names the condition.
pub fn advice_on_right(objects: &Objects, query: &Query, role: &RoleId, why: &str) -> String {
    let (id, tool) = (&query.connector, query.tool.as_str());
    let Some(connector) = objects.connectors.iter().find(|known| known.id == *id) else {
        return format!("grant it to the role `{role}`, or remove the signal");
    };
    match connector.class_of(tool) {
        None => {
            let known = connector.tools.keys().map(String::as_str);
            match did_you_mean(tool, known) {
                near if near.starts_with("did you mean") => {
                    format!(
                        "correct `tool` ({near}), or name `{tool}` in `tools` of the connector `{id}`"
                    )
                }
                _ => format!(
                    "name `{tool}` in `tools` of the connector `{id}` as \"read\", if the server has it (`daybrief connector tools {id}`); or correct `tool`"
                ),
            }
        }
        Some(ToolClass::Action) => format!(
            "a brief only reads: ask a tool that reads, or, if `{tool}` changes nothing, classify it as \"read\" in `tools` of the connector `{id}`"
        ),
        Some(ToolClass::Read) => {
            let known = objects.roles.iter().find(|known| known.id == *role);
            known
                .and_then(|role| advice_on_grants(objects, query, role, why))
                .unwrap_or_else(|| {
                    format!("grant `{tool}` of `{id}` to the role `{role}`, or remove the signal")
                })
        }
    }
}

/// What to do where the role has the right and something in a grant takes it away for this call.
fn advice_on_grants(objects: &Objects, query: &Query, role: &Role, why: &str) -> Option<String> {
    let grants = || {
        let grants = role.grants.iter().enumerate();
        grants.filter(|(_, grant)| grant.connector == query.connector)
    };
    let place = |path: &str| objects.origin(Kind::Role, role.id.as_str(), path);
    for (number, grant) in grants() {
        let mut denying = grant.deny.iter().enumerate();
        if let Some((at, pattern)) =
            denying.find(|(_, pattern)| matches_pattern(pattern, &query.tool))
        {
            return Some(format!(
                "take `{pattern}` out of `deny` of the role `{}` ({}), or remove the signal",
                role.id,
                place(&format!("grants[{number}].deny[{at}]"))
            ));
        }
    }
    let conditions = grants().flat_map(|(number, grant)| {
        let when = grant.when.iter().enumerate();
        when.map(move |(at, condition)| (condition_path(number, at), condition))
    });
    let (path, condition) = conditions
        .into_iter()
        .find(|(path, _)| why.contains(path.as_str()))?;
    let arg = &condition.arg;
    let given = paths_of(&query.args);
    let slip = given.iter().find(|known| is_slip_of(arg, known));
    Some(match slip {
        Some(near) if !given.contains(arg) => format!(
            "correct `arg` of the condition ({}): did you mean `{near}`, which the signal gives?",
            place(&path)
        ),
        _ => format!(
            "give `{arg}` in `args` of the signal as the condition of the role `{}` allows it, or change the condition ({})",
            role.id,
            place(&path)
        ),
    })
}

/// The names of arguments, with dots into tables, as conditions name them.
fn paths_of(args: &Map<String, Value>) -> Vec<String> {
    let mut found = Vec::new();
    for (name, value) in args {
        found.push(name.clone());
        let below = value.as_object().map(paths_of).unwrap_or_default();
        found.extend(below.iter().map(|below| format!("{name}.{below}")));
    }
    found
}

/// The guard over what these objects and settings allow.
fn guard(objects: &Objects, settings: &Settings) -> Guard {
    let instance = settings
        .instance
        .url
        .as_deref()
        .and_then(|url| Url::parse(url).ok())
        .and_then(|url| url.host_str().map(str::to_owned));
    Guard::new(
        objects
            .connectors
            .iter()
            .flat_map(|connector| connector.link_hosts.iter().cloned())
            .chain(settings.guard.allowed_hosts.iter().cloned())
            .chain(instance),
        Secrets::default(),
    )
}

/// The addresses with which texts of an expression begin: `'https://jira.example/browse/' ~ item.key`.
fn addresses_in(expression: &str) -> Vec<Url> {
    expression
        .split(['\'', '"'])
        .skip(1)
        .step_by(2)
        .filter(|text| text.starts_with("https://") || text.starts_with("http://"))
        .filter_map(|text| Url::parse(text).ok())
        .filter(|url| url.host_str().is_some_and(|host| !host.is_empty()))
        .collect()
}

fn is_host(text: &str) -> bool {
    !text.is_empty()
        && !text.contains(['/', ':', '@', '*', ' '])
        && Url::parse(&format!("https://{text}/")).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_an_expression_are_its_texts_that_begin_with_one() {
        let hosts = |text: &str| -> Vec<String> {
            addresses_in(text)
                .iter()
                .map(|url| url.host_str().unwrap_or_default().to_owned())
                .collect()
        };
        assert_eq!(
            hosts("'https://a.example/x/' ~ item.id if item.id else \"http://b.example\""),
            ["a.example", "b.example"]
        );
        assert_eq!(hosts("item.url"), [""; 0]);
        assert_eq!(hosts("'see https://a.example'"), [""; 0]);
    }

    #[test]
    fn a_host_is_a_name_alone() {
        for good in ["jira.acme.example", "jira", "10.0.0.7"] {
            assert!(is_host(good), "{good}");
        }
        for bad in [
            "",
            "https://jira.acme.example",
            "jira.acme.example/x",
            "*.acme.example",
            "jira:8443",
        ] {
            assert!(!is_host(bad), "{bad}");
        }
    }
}
