//! Objects from TOML files: roles, users, places, connectors, briefings, schedules, calendars. The shipped roles and
//! briefings are in the binary.

mod check;
mod files;
mod in_force;
mod read;
mod reference;
mod stored;

pub use crate::store::Kind;
pub use check::{Checked, advice_on_right, check, path_of, told_of};
pub use in_force::InForce;
pub use read::{read, read_in_part, shipped, sort};
pub use reference::reference;
pub use stored::{Change, ChangeKind, apply, load, plan};

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    domain::{
        briefing::Briefing, calendar::Calendar, connector::Connector, people::Role, people::User,
        place::Place, schedule::Schedule,
    },
    settings::shape::Lines,
};

/// Where an object was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    lines: Lines,
}

/// What files define.
#[derive(Debug, Clone, Default)]
pub struct Objects {
    pub roles: Vec<Role>,
    pub users: Vec<User>,
    pub places: Vec<Place>,
    pub connectors: Vec<Connector>,
    pub briefings: Vec<Briefing>,
    pub schedules: Vec<Schedule>,
    pub calendars: Vec<Calendar>,
    /// Where each was written, by kind and id; nothing for what comes from elsewhere.
    pub origins: BTreeMap<(Kind, String), Origin>,
    /// What the files have besides and could not be read.
    pub unread: Unread,
}

/// What files have and could not be read: a name that is not found may be that of one of these.
#[derive(Debug, Clone, Default)]
pub struct Unread {
    pub ids: BTreeSet<String>,
    /// Not even the names are known.
    pub all: bool,
}

impl Unread {
    /// May an object of this id be among them?
    pub fn may_be(&self, id: &str) -> bool {
        self.all || self.ids.contains(id)
    }
}

/// Equal are the objects themselves; where they were written makes no difference.
impl PartialEq for Objects {
    fn eq(&self, other: &Self) -> bool {
        self.roles == other.roles
            && self.users == other.users
            && self.places == other.places
            && self.connectors == other.connectors
            && self.briefings == other.briefings
            && self.schedules == other.schedules
            && self.calendars == other.calendars
    }
}

impl Objects {
    /// What a role is called.
    pub fn title_of(&self, role: &crate::ids::RoleId) -> Option<String> {
        let role = self.roles.iter().find(|known| known.id == *role)?;
        Some(role.title.clone())
    }

    /// `file:line` of a key of an object, such as `signals[0].tool`; kind and id where no file is known.
    pub fn origin(&self, kind: Kind, id: &str, path: &str) -> String {
        match self.origins.get(&(kind, id.to_owned())) {
            Some(origin) => origin.lines.at(path),
            None => format!("{} `{id}`", kind.name()),
        }
    }

    /// These objects with where `files` have them, as far as they have them just so.
    #[must_use]
    pub fn written_in(mut self, files: &Self) -> Self {
        for ((kind, id), origin) in &files.origins {
            fn same<T: PartialEq>(own: &[T], files: &[T], is: impl Fn(&T) -> bool) -> bool {
                let (own, files) = (own.iter().find(|o| is(o)), files.iter().find(|o| is(o)));
                own.is_some() && own == files
            }
            let id = id.as_str();
            let is_same = match kind {
                Kind::Role => same(&self.roles, &files.roles, |o| o.id.as_str() == id),
                Kind::User => same(&self.users, &files.users, |o| o.id.as_str() == id),
                Kind::Place => same(&self.places, &files.places, |o| o.id.as_str() == id),
                Kind::Connector => {
                    same(&self.connectors, &files.connectors, |o| o.id.as_str() == id)
                }
                Kind::Briefing => same(&self.briefings, &files.briefings, |o| o.id.as_str() == id),
                Kind::Schedule => same(&self.schedules, &files.schedules, |o| o.id.as_str() == id),
                Kind::Calendar => same(&self.calendars, &files.calendars, |o| o.id.as_str() == id),
            };
            if is_same {
                let key = (*kind, id.to_owned());
                self.origins.entry(key).or_insert_with(|| origin.clone());
            }
        }
        self
    }

    /// These objects without those that `gone` names.
    #[must_use]
    pub fn without(mut self, gone: impl Fn(Kind, &str) -> bool) -> Self {
        self.roles.retain(|o| !gone(Kind::Role, o.id.as_str()));
        self.users.retain(|o| !gone(Kind::User, o.id.as_str()));
        self.places.retain(|o| !gone(Kind::Place, o.id.as_str()));
        self.connectors
            .retain(|o| !gone(Kind::Connector, o.id.as_str()));
        self.briefings
            .retain(|o| !gone(Kind::Briefing, o.id.as_str()));
        self.schedules
            .retain(|o| !gone(Kind::Schedule, o.id.as_str()));
        self.calendars
            .retain(|o| !gone(Kind::Calendar, o.id.as_str()));
        self.origins.retain(|(kind, id), _| !gone(*kind, id));
        self
    }

    /// These objects, and those of `base` whose kind and id none of these has.
    #[must_use]
    pub fn over(mut self, base: Self) -> Self {
        fn add<T, I: PartialEq>(own: &mut Vec<T>, base: Vec<T>, id: impl Fn(&T) -> &I) {
            let kept: Vec<T> = base
                .into_iter()
                .filter(|object| !own.iter().any(|known| id(known) == id(object)))
                .collect();
            own.extend(kept);
        }
        add(&mut self.roles, base.roles, |role| &role.id);
        add(&mut self.users, base.users, |user| &user.id);
        add(&mut self.places, base.places, |place| &place.id);
        add(&mut self.connectors, base.connectors, |connector| {
            &connector.id
        });
        add(&mut self.briefings, base.briefings, |briefing| &briefing.id);
        add(&mut self.schedules, base.schedules, |schedule| &schedule.id);
        add(&mut self.calendars, base.calendars, |calendar| &calendar.id);
        for (key, origin) in base.origins {
            self.origins.entry(key).or_insert(origin);
        }
        self.unread.ids.extend(base.unread.ids);
        self.unread.all |= base.unread.all;
        self
    }

    /// Was all that the files have read?
    pub fn is_whole(&self) -> bool {
        let unread = &self.unread;
        !unread.all
            && unread.ids.is_empty()
            && self.origins.values().all(|origin| origin.lines.is_whole())
    }

    /// Where an object was written that was read in part.
    fn in_part(&self, kind: Kind, id: &str) -> Option<&Lines> {
        let lines = &self.origins.get(&(kind, id.to_owned()))?.lines;
        (!lines.is_whole()).then_some(lines)
    }
}
