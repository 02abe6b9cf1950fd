//! Who gets a schedule's briefs, as audiences: one brief is made for everyone of one role who reads in the same zone, in
//! the briefing's language.

use crate::{
    domain::{
        delivery::Address,
        people::User,
        run::{Audience, Target},
        schedule::{ChannelKind, Recipient, Schedule},
    },
    ids::RoleId,
    provision::Objects,
    text::Language,
};

/// What stands where a person has not chosen.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// IANA name.
    pub zone: String,
    pub language: Language,
}

/// The audiences of a schedule now, each with its recipients once. Who is not active or has lost the role is not among
/// them.
pub fn audiences(schedule: &Schedule, objects: &Objects, defaults: &Defaults) -> Vec<Audience> {
    let mut audiences: Vec<Audience> = Vec::new();
    let language = objects
        .briefings
        .iter()
        .find(|briefing| briefing.id == schedule.briefing)
        .map_or(defaults.language, |briefing| briefing.language);
    let mut add = |role: &RoleId, zone: &str, target: Target| {
        let place = audiences
            .iter_mut()
            .find(|audience| audience.role == *role && audience.zone == zone);
        match place {
            Some(audience) if audience.recipients.contains(&target) => {}
            Some(audience) => audience.recipients.push(target),
            None => audiences.push(Audience {
                role: role.clone(),
                language,
                zone: zone.to_owned(),
                recipients: vec![target],
            }),
        }
    };
    let mut person = |user: &User, role: &RoleId, via: &[ChannelKind]| {
        let zone = user.zone.as_deref().unwrap_or(&defaults.zone);
        for kind in via {
            if let Some(to) = address(user, *kind) {
                let target = Target {
                    user: Some(user.id.clone()),
                    to,
                };
                add(role, zone, target);
            }
        }
    };
    for recipient in &schedule.to {
        match recipient {
            Recipient::User { user, role, via } => {
                let known = objects
                    .users
                    .iter()
                    .find(|known| known.id == *user && known.is_active());
                let role = role.as_ref().or(known.and_then(|user| user.roles.first()));
                if let Some((user, role)) = known.zip(role)
                    && user.roles.contains(role)
                {
                    person(user, role, via);
                }
            }
            Recipient::Role { role, via } => {
                for user in &objects.users {
                    if user.is_active() && user.roles.contains(role) {
                        person(user, role, via);
                    }
                }
            }
            Recipient::SlackChannel { .. } | Recipient::Folder { .. } => {}
        }
    }
    for recipient in &schedule.to {
        let (role, to) = match recipient {
            Recipient::SlackChannel {
                slack_channel,
                role,
            } => (
                role,
                Address::Slack {
                    to: slack_channel.clone(),
                },
            ),
            Recipient::Folder { folder, role } => (
                role,
                Address::Folder {
                    name: folder.clone(),
                },
            ),
            Recipient::User { .. } | Recipient::Role { .. } => continue,
        };
        add(role, &defaults.zone, Target { user: None, to });
    }
    audiences
}

/// Where a person is reached over a channel; nowhere where they have no address there.
pub fn address(user: &User, kind: ChannelKind) -> Option<Address> {
    Some(match kind {
        ChannelKind::Email => Address::Email {
            to: user.email.clone()?,
        },
        ChannelKind::Slack => Address::Slack {
            to: user.slack.clone()?,
        },
        ChannelKind::Folder => Address::Folder {
            name: user.id.to_string(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects() -> Objects {
        let users = [
            "id = 'mara'\nname = 'Mara'\nroles = ['vp', 'ceo']\nemail = 'mara@acme.example'\nzone = 'Europe/Zurich'",
            "id = 'jonas'\nname = 'Jonas'\nroles = ['vp']\nemail = 'jonas@acme.example'\nslack = 'U1'\nzone = 'Europe/Zurich'",
            "id = 'ana'\nname = 'Ana'\nroles = ['vp']\nemail = 'ana@acme.example'\nlanguage = 'es'",
            "id = 'gone'\nname = 'Gone'\nroles = ['vp']\nemail = 'gone@acme.example'\nstate = 'disabled'",
        ];
        Objects {
            briefings: vec![
                toml::from_str("id = 'b'\ntitle = 'B'\nrole = 'vp'\nlanguage = 'de'").unwrap(),
            ],
            users: users
                .iter()
                .map(|text| toml::from_str(text).unwrap())
                .collect(),
            ..Objects::default()
        }
    }

    fn of(to: &str) -> Vec<(String, Vec<String>)> {
        let schedule: Schedule = toml::from_str(&format!(
            "id = 's'\nbriefing = 'b'\nwhen = 'weekdays at 07:00'\nzone = 'UTC'\nto = {to}"
        ))
        .unwrap();
        let defaults = Defaults {
            zone: "UTC".to_owned(),
            language: Language::English,
        };
        audiences(&schedule, &objects(), &defaults)
            .iter()
            .map(|audience| {
                let targets = audience
                    .recipients
                    .iter()
                    .map(|target| target.to.target().to_owned())
                    .collect();
                (audience.key(), targets)
            })
            .collect()
    }

    fn expected(list: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
        list.iter()
            .map(|(key, targets)| {
                (
                    (*key).to_owned(),
                    targets.iter().map(|target| (*target).to_owned()).collect(),
                )
            })
            .collect()
    }

    #[test]
    fn a_role_reaches_all_who_have_it_in_the_briefings_language_grouped_by_zone() {
        assert_eq!(
            of("[{ role = 'vp', via = ['email'] }]"),
            expected(&[
                (
                    "vp@Europe/Zurich@de",
                    &["mara@acme.example", "jonas@acme.example"]
                ),
                ("vp@UTC@de", &["ana@acme.example"]),
            ])
        );
    }

    #[test]
    fn a_person_is_reached_once_over_each_channel() {
        assert_eq!(
            of("[{ user = 'jonas', via = ['email', 'slack'] }, { role = 'vp', via = ['slack'] }]"),
            expected(&[("vp@Europe/Zurich@de", &["jonas@acme.example", "U1"])])
        );
    }

    #[test]
    fn who_lacks_the_role_or_is_disabled_gets_nothing() {
        assert_eq!(
            of(
                "[{ user = 'ana', as = 'ceo', via = ['email'] }, { user = 'gone', via = ['email'] }]"
            ),
            expected(&[])
        );
        assert_eq!(
            of("[{ user = 'mara', as = 'ceo', via = ['email'] }]"),
            expected(&[("ceo@Europe/Zurich@de", &["mara@acme.example"])])
        );
    }

    #[test]
    fn a_place_is_addressed_under_its_clearance() {
        assert_eq!(
            of("[{ slack_channel = 'C1', as = 'vp' }, { folder = 'all', as = 'vp' }]"),
            expected(&[("vp@UTC@de", &["C1", "all"])])
        );
    }
}
