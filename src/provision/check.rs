//! What objects mean together: names that lead nowhere, rights that are missing, people who cannot be reached.

mod quiet;
mod rights;

pub use quiet::advice_on_right;

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use super::{Kind, Objects};
use crate::{
    access, channels,
    domain::{
        briefing::{Briefing, Query, Signal},
        connector::{Auth, Connector, EnvValue, Launch, ToolClass},
        people::User,
        schedule::{ChannelKind, Recipient, Schedule},
    },
    error::Problem,
    ids::{ModelId, RoleId, SignalId, UserId},
    mail_address::MailAddress,
    schedule::rule::Rule,
    settings::{
        ModelKind, Settings, StoreKind, is_private_host,
        shape::{did_you_mean, written},
    },
    signals::{self, RuleProblem},
    zones,
};

/// A problem of a briefing's rules, with its line.
pub fn told_of(objects: &Objects, briefing: &Briefing, doubt: &RuleProblem) -> Problem {
    let path = path_of(briefing, doubt.signal.as_ref(), &doubt.field);
    let place = objects.origin(Kind::Briefing, briefing.id.as_str(), &path);
    let mut problem = Problem::new("rule", format!("briefing {}, {doubt}", briefing.id)).at(place);
    problem.advice = doubt.advice.clone();
    problem
}

/// The path of a signal's key in its briefing.
pub fn path_of(briefing: &Briefing, signal: Option<&SignalId>, field: &str) -> String {
    let signals = &briefing.signals;
    let index = signals.iter().position(|known| Some(&known.id) == signal);
    match index {
        Some(index) => format!("signals[{index}].{field}"),
        None => field.to_owned(),
    }
}

/// A zone of a schedule that stands for each recipient's own.
const RECIPIENT_ZONE: &str = "recipient";

/// Where a key of an object is.
fn at<'a>(kind: Kind, id: &'a str, path: &'a str) -> At<'a> {
    (kind, id, path)
}

/// What was found: errors keep objects from being applied, warnings do not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    pub errors: Vec<Problem>,
    pub warnings: Vec<Problem>,
}

/// Checks all objects together and against the settings. A shipped role, and a shipped briefing that no schedule names,
/// may stay incomplete: not every company has their sources.
pub fn check(objects: &Objects, settings: &Settings) -> Checked {
    let mut check = Check {
        objects,
        settings,
        is_whole: objects.is_whole() && settings.is_whole(),
        shipped: super::shipped().unwrap_or_default(),
        found: Checked::default(),
    };
    for connector in &objects.connectors {
        check.connector(connector);
    }
    for role in &objects.roles {
        check.role(role);
    }
    check.calendars();
    check.users();
    check.places();
    for briefing in &objects.briefings {
        check.briefing(briefing);
    }
    for schedule in &objects.schedules {
        check.schedule(schedule);
    }
    check.instance();
    check.idle_models();
    check.idle_settings();
    check.found
}

struct Check<'o> {
    objects: &'o Objects,
    settings: &'o Settings,
    /// All was read. Else only what is certain is told: nothing that may follow from what could not be read.
    is_whole: bool,
    /// What is in the binary: equal to it is what nobody has changed, wherever it was read from.
    shipped: Objects,
    found: Checked,
}

/// An object's kind, id and key: where a problem is.
type At<'a> = (Kind, &'a str, &'a str);

impl Check<'_> {
    fn problem(&self, code: &str, at: At<'_>, what: &str, advice: impl Into<String>) -> Problem {
        let (kind, id, path) = at;
        let object = format!("{} `{id}`", kind.name());
        let place = self.objects.origin(kind, id, path);
        // Where no file is known the place is the object itself.
        let what = if place == object {
            what.to_owned()
        } else {
            format!("{object}: {what}")
        };
        Problem::new(code, what).at(place).advise(advice)
    }

    fn error(&mut self, code: &str, at: At<'_>, what: &str, advice: impl Into<String>) {
        let (kind, id, path) = at;
        let known = self.objects.origins.contains_key(&(kind, id.to_owned()));
        let in_part = self.objects.in_part(kind, id);
        // Of what is in force beside the files nothing new is to be said.
        if !self.is_whole && (!known || in_part.is_some_and(|lines| lines.is_doubtful(path))) {
            return;
        }
        let problem = self.problem(code, at, what, advice);
        self.found.errors.push(problem);
    }

    fn warn(&mut self, code: &str, at: At<'_>, what: &str, advice: impl Into<String>) {
        if !self.is_whole {
            return;
        }
        let problem = self.problem(code, at, what, advice);
        self.found.warnings.push(problem);
    }

    fn ids(&self, kind: Kind) -> Vec<&str> {
        let objects = self.objects;
        match kind {
            Kind::Calendar => objects.calendars.iter().map(|o| o.id.as_str()).collect(),
            Kind::Connector => objects.connectors.iter().map(|o| o.id.as_str()).collect(),
            Kind::Role => objects.roles.iter().map(|o| o.id.as_str()).collect(),
            Kind::User => objects.users.iter().map(|o| o.id.as_str()).collect(),
            Kind::Briefing => objects.briefings.iter().map(|o| o.id.as_str()).collect(),
            Kind::Place => objects.places.iter().map(|o| o.id.as_str()).collect(),
            Kind::Schedule => objects.schedules.iter().map(|o| o.id.as_str()).collect(),
        }
    }

    /// Tells where `wanted` is not among the objects of `kind`.
    fn exists(&mut self, at: At<'_>, kind: Kind, wanted: &str) -> bool {
        let known = self.ids(kind);
        if known.contains(&wanted) {
            return true;
        }
        if self.objects.unread.may_be(wanted) {
            return false;
        }
        let advice = did_you_mean(wanted, known);
        let what = format!("there is no {} `{wanted}`", kind.name());
        self.error(&format!("unknown-{}", kind.name()), at, &what, advice);
        false
    }

    fn connector(&mut self, connector: &Connector) {
        let id = connector.id.as_str();
        if connector.tools.is_empty() {
            self.error(
                "empty",
                at(Kind::Connector, id, "tools"),
                "`tools` is empty, so none of its tools can be called",
                format!(
                    "name its tools and their class, such as `\"jira_get_*\" = \"read\"`; `daybrief connector tools {id} --objects DIR` lists them"
                ),
            );
        }
        for pattern in connector
            .tools
            .keys()
            .filter(|pattern| pattern.trim().is_empty())
        {
            self.error(
                "empty",
                at(Kind::Connector, id, &format!("tools.{pattern}")),
                "a pattern of `tools` is empty",
                "write the name of a tool, with `*` for any run of characters",
            );
        }
        self.broad_reading(connector);
        self.link_hosts(connector);
        let (values, name) = match &connector.launch {
            Launch::Process { command, env, .. } => {
                if command.first().is_none_or(String::is_empty) {
                    self.error(
                        "empty",
                        at(Kind::Connector, id, "command"),
                        "`command` names no program",
                        "write the program and its arguments: [\"program\", \"argument\"]",
                    );
                }
                (env, "env")
            }
            Launch::Http { url, headers, auth } => {
                self.connector_url(connector, url);
                if let Some(auth) = auth {
                    self.connector_auth(connector, headers, auth);
                }
                (headers, "headers")
            }
        };
        for (key, value) in values {
            if matches!(value, EnvValue::Plain(text) if !text.is_empty()) && is_secret_name(key) {
                self.error(
                    "secret-in-clear",
                    at(Kind::Connector, id, &format!("{name}.{key}")),
                    &format!("`{name}.{key}` holds a secret in clear"),
                    format!(
                        "write `{key} = {{ secret = \"env:…\" }}`, and replace the value at its source"
                    ),
                );
            }
        }
    }

    /// Warns where every tool counts as one that reads: what writes is then called without anybody's approval.
    fn broad_reading(&mut self, connector: &Connector) {
        let id = connector.id.as_str();
        let objects = self.objects;
        for (pattern, _) in connector
            .tools
            .iter()
            .filter(|(pattern, class)| **class == ToolClass::Read && is_everything(pattern))
        {
            // A tool that somebody takes for one that acts, and that this pattern has as one that reads.
            let grants = objects.roles.iter().flat_map(|role| &role.grants);
            let acting = grants
                .filter(|grant| grant.connector == connector.id)
                .flat_map(|grant| grant.actions.iter().chain(&grant.approve))
                .find(|tool| connector.class_of(tool) == Some(ToolClass::Read));
            let (what, advice) = match acting {
                Some(tool) => (
                    format!(
                        "`tools` has every tool as one that reads, and a role is granted `{tool}` as an action"
                    ),
                    format!("add `\"{tool}\" = \"action\"`, and name the tools that read"),
                ),
                None => (
                    "`tools` has every tool as one that reads, also one that writes and those that the server adds later"
                        .to_owned(),
                    format!("name the tools that read; `daybrief connector tools {id}` lists them"),
                ),
            };
            let path = format!("tools.{pattern}");
            self.warn("broad-read", at(Kind::Connector, id, &path), &what, advice);
        }
    }

    fn connector_auth(
        &mut self,
        connector: &Connector,
        headers: &BTreeMap<String, EnvValue>,
        auth: &Auth,
    ) {
        let id = connector.id.as_str();
        if headers
            .keys()
            .any(|name| name.eq_ignore_ascii_case("authorization"))
        {
            self.error(
                "two-credentials",
                at(Kind::Connector, id, "auth"),
                "`auth` and an `authorization` header exclude each other",
                "remove the one that the server does not want",
            );
        }
        let named = [
            ("token_url", auth.token_url(), "the token endpoint"),
            ("issuer", auth.issuer(), "the authorization server"),
        ];
        for (key, text, what) in named {
            let Some(text) = text else { continue };
            let why = match Url::parse(text) {
                Ok(url) => crate::connectors::reach(self.settings.instance.air_gap)
                    .check(&url)
                    .err(),
                Err(_) => Some("it is no web address".to_owned()),
            };
            if let Some(why) = why {
                self.error(
                    "bad-url",
                    at(Kind::Connector, id, &format!("auth.{key}")),
                    &format!("`auth.{key}` cannot be used: {why}"),
                    format!("name {what} with https://, or leave it out where the server says where it is"),
                );
            }
        }
    }

    fn connector_url(&mut self, connector: &Connector, url: &str) {
        let at = (Kind::Connector, connector.id.as_str(), "url");
        let parsed = Url::parse(url).ok();
        let Some((url, host)) = parsed.as_ref().and_then(|url| Some((url, url.host_str()?))) else {
            return self.error(
                "bad-url",
                at,
                "`url` is no web address",
                "begin it with https:// and name a host",
            );
        };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let is_loopback = host == "localhost"
            || bare
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback());
        if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback) {
            self.error(
                "unprotected",
                at,
                "`url` is neither https nor on this machine",
                "use https, or http to 127.0.0.1 or localhost",
            );
        }
        if !url.username().is_empty() || url.password().is_some() {
            self.error(
                "secret-in-clear",
                at,
                "`url` holds a user or password",
                "give it in `headers` as a reference to a secret",
            );
        }
        if self.settings.instance.air_gap && !is_private_host(host) {
            self.error(
                "leaves-network",
                at,
                &format!("`url` leads to `{host}`, and `instance.air_gap` is set"),
                "name a host of a private network, or set `air_gap = false`",
            );
        }
    }

    fn users(&mut self) {
        let objects = self.objects;
        let mut addresses: BTreeMap<(&str, String), &UserId> = BTreeMap::new();
        for user in &objects.users {
            let id = user.id.as_str();
            let by_group =
                || !self.is_whole || objects.roles.iter().any(|role| !role.groups.is_empty());
            if user.is_active() && user.roles.is_empty() && !by_group() {
                self.error(
                    "empty",
                    (Kind::User, id, "roles"),
                    "has no role",
                    "name one in `roles`; to shut a person out set `state = \"disabled\"`",
                );
            }
            for (index, role) in user.roles.iter().enumerate() {
                let path = format!("roles[{index}]");
                self.exists((Kind::User, id, &path), Kind::Role, role.as_str());
            }
            if let Some(zone) = &user.zone {
                self.zone((Kind::User, id, "zone"), zone);
            }
            if let Some(Err(why)) = user.email.as_deref().map(MailAddress::parse) {
                self.error(
                    "bad-mailbox",
                    (Kind::User, id, "email"),
                    &format!(
                        "`email` is {}, which is no address: it {why}",
                        written(user.email.as_deref().unwrap_or_default())
                    ),
                    "write it alone: \"ann@acme.example\"",
                );
            }
            self.domain_of(user);
            if let Some(slack) = &user.slack
                && !(slack.starts_with(['U', 'W'])
                    && slack
                        .chars()
                        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()))
            {
                self.error(
                    "bad-member",
                    (Kind::User, id, "slack"),
                    &format!("`slack` is {}, which is no member id", written(slack)),
                    "copy it from the profile in Slack: it begins with U or W",
                );
            }
            for (key, value) in [
                (
                    "email",
                    user.email.as_ref().map(|email| {
                        MailAddress::parse(email)
                            .map_or_else(|_| email.to_lowercase(), |email| email.key())
                    }),
                ),
                ("slack", user.slack.clone()),
            ] {
                let Some(value) = value else { continue };
                if let Some(first) = addresses.insert((key, value), &user.id) {
                    let place = objects.origin(Kind::User, first.as_str(), key);
                    self.error(
                        "two-of-one-address",
                        (Kind::User, id, key),
                        &format!("has the same `{key}` as the user `{first}` ({place})"),
                        "give each person their own",
                    );
                }
            }
        }
    }

    fn zone(&mut self, at: At<'_>, zone: &str) {
        if let Err(unknown) = zones::get(zone) {
            let what = format!("there is no IANA time zone `{zone}`");
            self.error("unknown-zone", at, &what, unknown.advice());
        }
    }

    fn briefing(&mut self, briefing: &Briefing) {
        let id = briefing.id.as_str();
        let shipped = self.shipped.briefings.contains(briefing);
        let scheduled = self
            .objects
            .schedules
            .iter()
            .any(|schedule| schedule.briefing == briefing.id);
        if shipped && !scheduled {
            return;
        }
        let role_known = self.exists(
            (Kind::Briefing, id, "role"),
            Kind::Role,
            briefing.role.as_str(),
        );
        for (path, query) in queries(briefing) {
            let path = format!("{path}.connector");
            self.exists(
                (Kind::Briefing, id, &path),
                Kind::Connector,
                query.connector.as_str(),
            );
        }
        self.links(briefing);
        if role_known {
            self.gaps((Kind::Briefing, id, "role"), briefing, &briefing.role);
        }
        // What nobody has changed is ours to better.
        if !shipped {
            self.weaknesses(briefing);
        }
    }

    /// Warns of what makes its briefs weaker than they could be.
    fn weaknesses(&mut self, briefing: &Briefing) {
        for weak in signals::weaknesses(briefing) {
            let signals = &briefing.signals;
            let index = signals
                .iter()
                .position(|signal| Some(&signal.id) == weak.signal.as_ref());
            let key = match weak.field.as_str() {
                // What is missing has no line of its own.
                "next" => "id",
                field => field,
            };
            let path = index.map_or(key.to_owned(), |index| format!("signals[{index}].{key}"));
            let advice = weak.advice.clone().unwrap_or_default();
            self.warn(
                "weak",
                (Kind::Briefing, briefing.id.as_str(), &path),
                &weak.to_string(),
                advice,
            );
        }
    }

    /// Warns of signals that `role` may not read: they are gaps in each brief.
    fn gaps(&mut self, at: At<'_>, briefing: &Briefing, role: &RoleId) {
        let objects = self.objects;
        let Some(role) = objects.roles.iter().find(|known| known.id == *role) else {
            return;
        };
        let refusal = |query: &Query| {
            let connector = objects
                .connectors
                .iter()
                .find(|known| known.id == query.connector)?;
            let decision = access::callable(role, connector, &query.tool);
            (!decision.allowed).then(|| {
                let why = format!("{} ({})", decision.why, decision.rule);
                let advice = advice_on_right(objects, query, &role.id, &why);
                (why, advice)
            })
        };
        let refused: Vec<(&Signal, (String, String))> = briefing
            .signals
            .iter()
            .filter_map(|signal| {
                let joined = signal.joins.values().map(|join| &join.query);
                let why = std::iter::once(&signal.query)
                    .chain(joined)
                    .find_map(refusal)?;
                Some((signal, why))
            })
            .collect();
        let Some((_, (why, advice))) = refused.first() else {
            return;
        };
        let names: Vec<String> = refused
            .iter()
            .map(|(signal, _)| format!("`{}`", signal.id))
            .collect();
        self.warn(
            "always-gaps",
            at,
            &format!(
                "{} of {} signals of `{}` will always be gaps for the role `{}`: {}; the first: {why}",
                refused.len(),
                briefing.signals.len(),
                briefing.id,
                role.id,
                names.join(", ")
            ),
            advice.clone(),
        );
    }

    fn schedule(&mut self, schedule: &Schedule) {
        let objects = self.objects;
        let id = schedule.id.as_str();
        self.exists(
            at(Kind::Schedule, id, "briefing"),
            Kind::Briefing,
            schedule.briefing.as_str(),
        );
        if let Some(calendar) = &schedule.calendar {
            self.exists(
                at(Kind::Schedule, id, "calendar"),
                Kind::Calendar,
                calendar.as_str(),
            );
        }
        if schedule.zone != RECIPIENT_ZONE {
            self.zone(at(Kind::Schedule, id, "zone"), &schedule.zone);
        }
        let advice = "correct `when`, and see what it gives with `daybrief schedule next`";
        let when = at(Kind::Schedule, id, "when");
        match Rule::parse(&schedule.when) {
            Ok(rule) => {
                for surprise in rule.surprises() {
                    self.warn("surprise", when, &surprise.to_string(), advice);
                }
            }
            Err(error) => self.error("bad-rule", when, &error.to_string(), advice),
        }
        if schedule.to.is_empty() {
            self.error(
                "empty",
                at(Kind::Schedule, id, "to"),
                "nobody gets it",
                "name a recipient in `to`",
            );
        }
        let briefing = objects
            .briefings
            .iter()
            .find(|known| known.id == schedule.briefing);
        for (index, recipient) in schedule.to.iter().enumerate() {
            let path = |key: &str| format!("to[{index}].{key}");
            let role = match recipient {
                Recipient::User { user, role, via } => {
                    self.user_recipient(schedule, index, user, role.as_ref(), via)
                }
                Recipient::Role { role, via } => {
                    self.role_recipient(schedule, index, role, via);
                    Some(role)
                }
                Recipient::SlackChannel {
                    slack_channel,
                    role,
                } => {
                    self.configured(
                        at(Kind::Schedule, id, &path("slack_channel")),
                        ChannelKind::Slack,
                    );
                    if !slack_channel.starts_with(['C', 'G']) {
                        self.error(
                            "bad-channel",
                            at(Kind::Schedule, id, &path("slack_channel")),
                            &format!(
                                "`slack_channel` is {}, which is no channel id",
                                written(slack_channel)
                            ),
                            "copy it from the channel's details in Slack: it begins with C or G",
                        );
                    }
                    self.exists(
                        at(Kind::Schedule, id, &path("as")),
                        Kind::Role,
                        role.as_str(),
                    )
                    .then_some(role)
                    .inspect(|role| self.clearance(schedule, index, slack_channel, role))
                }
                Recipient::Folder { role, folder } => {
                    self.configured(at(Kind::Schedule, id, &path("folder")), ChannelKind::Folder);
                    if !channels::is_plain_name(folder) {
                        self.error(
                            "bad-folder",
                            at(Kind::Schedule, id, &path("folder")),
                            &format!(
                                "`folder` is {}, which is not the name of a folder below the one in the settings",
                                written(folder)
                            ),
                            "use 1 to 100 of A-Z, a-z, 0-9, '-', '_', '.', beginning with a letter or digit",
                        );
                    }
                    self.exists(
                        at(Kind::Schedule, id, &path("as")),
                        Kind::Role,
                        role.as_str(),
                    )
                    .then_some(role)
                }
            };
            if let (Some(briefing), Some(role)) = (briefing, role)
                && *role != briefing.role
            {
                self.gaps(
                    at(Kind::Schedule, id, &format!("to[{index}]")),
                    briefing,
                    role,
                );
            }
        }
    }

    /// The role that a person is addressed with.
    fn user_recipient<'s>(
        &mut self,
        schedule: &'s Schedule,
        index: usize,
        user: &UserId,
        role: Option<&'s RoleId>,
        via: &[ChannelKind],
    ) -> Option<&'s RoleId>
    where
        Self: 's,
    {
        let id = schedule.id.as_str();
        let path = format!("to[{index}]");
        self.channels((Kind::Schedule, id, &format!("{path}.via")), via);
        if !self.exists(
            (Kind::Schedule, id, &format!("{path}.user")),
            Kind::User,
            user.as_str(),
        ) {
            return None;
        }
        let objects = self.objects;
        let user = objects.users.iter().find(|known| known.id == *user)?;
        if objects.in_part(Kind::User, user.id.as_str()).is_some() {
            return None;
        }
        if !user.is_active() {
            self.warn(
                user.state.name(),
                (Kind::Schedule, id, &format!("{path}.user")),
                &format!(
                    "the user `{}` is {} and gets nothing",
                    user.id,
                    user.state.name()
                ),
                "remove the recipient, or let the user in",
            );
        }
        for (kind, place) in unreachable(user, via) {
            self.error(
                "unreachable",
                (Kind::Schedule, id, &format!("{path}.via")),
                &format!(
                    "the user `{}` is to get it via {kind} and has no {place}",
                    user.id
                ),
                format!("add `{kind} = …` to the user, or use another channel"),
            );
        }
        if let Some(role) = role {
            let at = format!("{path}.as");
            if !self.exists((Kind::Schedule, id, &at), Kind::Role, role.as_str()) {
                return None;
            }
            if !user.roles.contains(role) {
                let own: Vec<&str> = user.roles.iter().map(RoleId::as_str).collect();
                self.error(
                    "not-their-role",
                    (Kind::Schedule, id, &at),
                    &format!("the user `{}` does not have the role `{role}`", user.id),
                    format!(
                        "give it to the user, or use one of theirs: {}",
                        own.join(", ")
                    ),
                );
            }
        }
        role
    }

    fn role_recipient(
        &mut self,
        schedule: &Schedule,
        index: usize,
        role: &RoleId,
        via: &[ChannelKind],
    ) {
        let id = schedule.id.as_str();
        let (role_path, via_path) = (format!("to[{index}].role"), format!("to[{index}].via"));
        self.channels((Kind::Schedule, id, &via_path), via);
        if !self.exists((Kind::Schedule, id, &role_path), Kind::Role, role.as_str()) {
            return;
        }
        let objects = self.objects;
        let mut anyone = false;
        for user in &objects.users {
            if !user.is_active() || !user.roles.contains(role) {
                continue;
            }
            anyone = true;
            for (kind, place) in unreachable(user, via) {
                self.warn(
                    "unreachable",
                    (Kind::Schedule, id, &via_path),
                    &format!(
                        "the user `{}` has the role `{role}`, is to get it via {kind} and has no {place}",
                        user.id
                    ),
                    format!("add `{kind} = …` to the user"),
                );
            }
        }
        if !anyone {
            self.warn(
                "nobody",
                (Kind::Schedule, id, &role_path),
                &format!("nobody has the role `{role}`"),
                "give it to a user, or remove the recipient",
            );
        }
    }

    fn channels(&mut self, at: At<'_>, via: &[ChannelKind]) {
        if via.is_empty() {
            self.error(
                "empty",
                at,
                "`via` names no channel",
                "write `via = [\"email\"]`, \"slack\" or \"folder\"",
            );
        }
        for kind in via {
            self.configured(at, *kind);
        }
    }

    fn configured(&mut self, at: At<'_>, kind: ChannelKind) {
        let settings = self.settings;
        if !settings.is_whole() {
            return;
        }
        let (there, name) = match kind {
            ChannelKind::Email => (settings.email.is_some(), "email"),
            ChannelKind::Slack => (settings.slack.is_some(), "slack"),
            ChannelKind::Folder => (settings.folder.is_some(), "folder"),
        };
        if !there {
            self.error(
                "no-channel",
                at,
                &format!("the settings have no [{name}]"),
                format!("add [{name}] to daybrief.toml, or use another channel"),
            );
        }
    }

    /// Warns of models that nothing ever asks: no route of the settings names them, and no role.
    fn idle_models(&mut self) {
        let settings = self.settings;
        if !self.is_whole {
            return;
        }
        let roles = self.objects.roles.iter().flat_map(|role| &role.models);
        let named: BTreeSet<&ModelId> = settings
            .wording
            .route
            .iter()
            .chain(&settings.questions.route)
            .chain(roles)
            .collect();
        for (index, model) in settings.models.iter().enumerate() {
            if named.contains(&model.id) {
                continue;
            }
            let id = &model.id;
            self.found.warnings.push(
                Problem::new(
                    "idle-model",
                    format!("the model `{id}` is set up and never asked: no route names it"),
                )
                .at(settings.place(&format!("model[{index}].id")))
                .advise(format!(
                    "add \"{id}\" to `route` of `[wording]` for briefs, or of `[questions]` for answers, or to `models` of a role"
                )),
            );
        }
    }

    /// Warns of settings that are written and do nothing beside the others.
    fn idle_settings(&mut self) {
        let settings = self.settings;
        if !self.is_whole {
            return;
        }
        let mut idle = |path: &str, why: &str, advice: &str| {
            self.found.warnings.push(
                Problem::new("idle-setting", format!("`{path}` does nothing: {why}"))
                    .at(settings.place(path))
                    .advise(advice),
            );
        };
        if settings.store.kind == StoreKind::Sqlite && settings.store.url.is_some() {
            idle(
                "store.url",
                "the store is a file of the data folder",
                "set `kind = \"mongodb\"` beside it, or remove it",
            );
        }
        if settings.limits.currency.is_some() && settings.limits.company_monthly_cost.is_none() {
            idle(
                "limits.currency",
                "it is that of `company_monthly_cost`, which is not set",
                "set `company_monthly_cost`, or remove it",
            );
        }
        for (index, model) in settings.models.iter().enumerate() {
            if model.output_limit.is_some() && model.kind != ModelKind::Openai {
                idle(
                    &format!("model[{index}].output_limit"),
                    "it is for models of the kind `openai`",
                    "remove it, or correct `kind`",
                );
            }
        }
    }

    /// The settings that name objects.
    fn instance(&mut self) {
        let instance = &self.settings.instance;
        for (key, kind, wanted) in [
            ("calendar", Kind::Calendar, &instance.calendar),
            ("admin", Kind::User, &instance.admin),
        ] {
            let known = self.ids(kind);
            if let Some(wanted) = wanted
                && !known.contains(&wanted.as_str())
                && !self.objects.unread.may_be(wanted)
            {
                let advice = did_you_mean(wanted, known);
                let path = format!("instance.{key}");
                self.found.errors.push(
                    Problem::new(
                        format!("unknown-{}", kind.name()),
                        format!(
                            "`{path}` names `{wanted}`, and there is no {} of that id",
                            kind.name()
                        ),
                    )
                    .at(self.settings.place(&path))
                    .advise(advice),
                );
            }
        }
    }
}

/// Channels of `via` that do not reach the person, each with what is missing.
fn unreachable(user: &User, via: &[ChannelKind]) -> Vec<(&'static str, &'static str)> {
    via.iter()
        .filter_map(|kind| match kind {
            ChannelKind::Email if user.email.is_none() => Some(("email", "address")),
            ChannelKind::Slack if user.slack.is_none() => Some(("slack", "member id")),
            _ => None,
        })
        .collect()
}

/// Every call of a briefing, with the path of its keys.
fn queries(briefing: &Briefing) -> Vec<(String, &Query)> {
    let mut found = Vec::new();
    for (index, signal) in briefing.signals.iter().enumerate() {
        found.push((format!("signals[{index}]"), &signal.query));
        for (name, join) in &signal.joins {
            found.push((format!("signals[{index}].with.{name}"), &join.query));
        }
    }
    found.extend(
        briefing
            .next_date
            .iter()
            .map(|next| ("next_date".to_owned(), &next.query)),
    );
    found
}

/// Does a pattern name every tool?
fn is_everything(pattern: &str) -> bool {
    !pattern.is_empty() && pattern.chars().all(|c| c == '*')
}

/// Does the name of a variable or header say that its value is a secret? Its last words decide: `TOKEN_FILE` is a path.
fn is_secret_name(name: &str) -> bool {
    let words: Vec<String> = name.split(['_', '-', '.']).map(str::to_lowercase).collect();
    match words.as_slice() {
        [.., first, last] if last == "key" => {
            ["api", "private", "access", "secret"].contains(&first.as_str())
        }
        [.., last] => [
            "token",
            "password",
            "passwd",
            "pass",
            "secret",
            "apikey",
            "authorization",
            "cookie",
            "credentials",
        ]
        .contains(&last.as_str()),
        [] => false,
    }
}

#[cfg(test)]
mod tests;
