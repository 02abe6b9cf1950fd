//! Rights that lead nowhere: grants, conditions, and the clearances of places.

use std::collections::BTreeMap;

use super::{At, Check};
use crate::{
    access::condition_path,
    domain::{
        connector::matches_pattern,
        people::{Condition, Grant, Role},
        place::Surface,
        schedule::Schedule,
    },
    ids::{PlaceId, RoleId},
    provision::Kind,
    settings::shape::{did_you_mean, written},
};

impl Check<'_> {
    pub(super) fn role(&mut self, role: &Role) {
        let id = role.id.as_str();
        for (index, grant) in role.grants.iter().enumerate() {
            if !self.shipped.roles.contains(role) {
                let path = format!("grants[{index}].connector");
                self.exists(
                    (Kind::Role, id, &path),
                    Kind::Connector,
                    grant.connector.as_str(),
                );
            }
            for (condition, what) in grant.when.iter().enumerate() {
                let path = condition_path(index, condition);
                self.condition((Kind::Role, id, &path), grant, what);
            }
            for (key, patterns) in [
                ("tools", &grant.tools),
                ("actions", &grant.actions),
                ("approve", &grant.approve),
                ("deny", &grant.deny),
            ] {
                if patterns.iter().any(|pattern| pattern.trim().is_empty()) {
                    self.error(
                        "empty",
                        (Kind::Role, id, &format!("grants[{index}].{key}")),
                        &format!("a pattern of `{key}` is empty"),
                        "write the name of a tool, with `*` for any run of characters",
                    );
                }
            }
        }
        for (index, model) in role.models.iter().enumerate() {
            let known = self.settings.models.iter().map(|model| model.id.as_str());
            let is_known = known.clone().any(|known| known == model.as_str());
            if !is_known && self.settings.is_whole() {
                let advice = did_you_mean(model.as_str(), known);
                self.error(
                    "unknown-model",
                    (Kind::Role, id, &format!("models[{index}]")),
                    &format!("the settings have no model `{model}`"),
                    advice,
                );
            }
        }
    }

    /// A condition that can never hold, or that is about nothing, is a slip of the pen.
    fn condition(&mut self, at: At<'_>, grant: &Grant, condition: &Condition) {
        let (_, _, path) = at;
        let named = match condition.arg.as_str() {
            "" => format!("the condition `{path}`"),
            arg => format!("the condition `{path}` on {}", written(arg)),
        };
        let told: [(bool, &str, &str); 5] = [
            (
                condition.arg.split('.').any(str::is_empty),
                "names no argument in `arg`",
                "write `arg = \"project\"`, with dots into tables: `arg = \"params.region\"`",
            ),
            (
                condition.equals.is_none()
                    && condition.one_of.is_none()
                    && condition.at_least.is_none()
                    && condition.at_most.is_none()
                    && condition.statement.is_none(),
                "has no rule, so it never holds",
                "add `equals`, `one_of`, `at_least`, `at_most`, or `statement` with `tables`",
            ),
            (
                matches!((condition.at_least, condition.at_most), (Some(least), Some(most)) if least > most),
                "has `at_least` above `at_most`, so it never holds",
                "exchange the two",
            ),
            (
                condition.statement.is_some() && condition.tables.is_empty(),
                "lists no tables, so no statement is allowed that reads any",
                "add `tables = [\"…\"]`",
            ),
            (
                condition.statement.is_none()
                    && !(condition.tables.is_empty() && condition.dialect.is_none()),
                "has `tables` or `dialect` without `statement`",
                "add `statement = \"select\"`",
            ),
        ];
        for (wrong, what, advice) in told {
            if wrong {
                self.error("bad-condition", at, &format!("{named} {what}"), advice);
            }
        }
        // A tool that the grant does not name is not what was meant: the condition would guard nothing.
        let allowing = || {
            grant
                .tools
                .iter()
                .chain(&grant.actions)
                .chain(&grant.approve)
        };
        for tool in &condition.tools {
            let meets =
                |pattern: &String| matches_pattern(pattern, tool) || matches_pattern(tool, pattern);
            if !allowing().any(meets) {
                self.error(
                    "bad-condition",
                    at,
                    &format!(
                        "{named} is about the tool `{tool}`, which the grant on `{}` does not name",
                        grant.connector
                    ),
                    did_you_mean(tool, allowing().map(String::as_str)),
                );
            }
        }
    }

    pub(super) fn places(&mut self) {
        let objects = self.objects;
        let mut channels: BTreeMap<(Surface, &str), &PlaceId> = BTreeMap::new();
        for place in &objects.places {
            let id = place.id.as_str();
            if self.exists((Kind::Place, id, "as"), Kind::Role, place.role.as_str())
                && objects
                    .roles
                    .iter()
                    .any(|role| role.id == place.role && !role.is_used_on(place.surface))
            {
                self.error(
                    "not-used-here",
                    (Kind::Place, id, "as"),
                    &format!(
                        "the role `{}` is not used on `{}`, so nothing may be seen there",
                        place.role, place.surface
                    ),
                    "name another role, or add the surface to the role's `surfaces`",
                );
            }
            if !matches!(
                place.surface,
                Surface::Slack | Surface::Teams | Surface::Discord | Surface::Email
            ) {
                self.error(
                    "no-place",
                    (Kind::Place, id, "surface"),
                    &format!("nobody shares a place on `{}`", place.surface),
                    "use slack, teams, discord or email",
                );
            }
            self.place_channel(place);
            if place.channel.trim().is_empty() {
                self.error(
                    "empty",
                    (Kind::Place, id, "channel"),
                    "`channel` is empty",
                    "copy the channel's id from its details on the platform",
                );
            }
            if let Some(first) = channels.insert((place.surface, &place.channel), &place.id) {
                let origin = objects.origin(Kind::Place, first.as_str(), "channel");
                self.error(
                    "two-of-one-channel",
                    (Kind::Place, id, "channel"),
                    &format!("is the channel of the place `{first}` ({origin}) too"),
                    "keep one: a channel has one clearance",
                );
            }
        }
    }

    /// A channel has one clearance, whether it is written to or asks.
    pub(super) fn clearance(
        &mut self,
        schedule: &Schedule,
        index: usize,
        channel: &str,
        role: &RoleId,
    ) {
        let objects = self.objects;
        let place = objects
            .places
            .iter()
            .find(|place| place.surface == Surface::Slack && place.channel == channel);
        if let Some(place) = place
            && place.role != *role
        {
            let origin = objects.origin(Kind::Place, place.id.as_str(), "as");
            self.error(
                "two-clearances",
                (
                    Kind::Schedule,
                    schedule.id.as_str(),
                    &format!("to[{index}].as"),
                ),
                &format!(
                    "`{channel}` gets it as `{role}`, and the place `{}` ({origin}) clears it as `{}`",
                    place.id, place.role
                ),
                "write the same role in both",
            );
        }
    }
}
