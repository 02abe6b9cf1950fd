//! Who may come in, and with which role they act. Pure: what the identity provider said and what is stored come in.

use crate::{
    domain::{
        people::{Role, User, UserState},
        place::Surface,
    },
    ids::{RoleId, UserId},
    mail_address::{MailAddress, ascii_domain},
};

/// What an identity provider says of someone who signs in. Whoever makes one has verified the token that it came in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    pub email: String,
    /// The provider vouches that the address is theirs (OpenID Connect Core 1.0, section 5.1).
    pub email_verified: bool,
    pub name: String,
    pub groups: Vec<String>,
}

/// Who is let in.
#[derive(Debug, Clone, Copy)]
pub struct Admission<'a> {
    /// Domains of addresses whose people may come by themselves; nobody may where empty.
    pub domains: &'a [String],
    /// Who comes by themselves waits for an admin.
    pub approval: bool,
    /// Everybody who is known: invited, let in before, waiting or shut out.
    pub users: &'a [User],
}

/// What becomes of someone who signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admitted {
    /// They are in, with these roles; the first stands where none is chosen. Without a user they are new.
    Known {
        user: Option<UserId>,
        roles: Vec<RoleId>,
    },
    /// An admin must let them in, or give them a role.
    Waiting,
    /// Why they are not let in, for them to read.
    Refused(&'static str),
}

/// Whether someone who signed in is let in, and with which roles.
pub fn admit(claims: &Claims, rules: &Admission<'_>, roles: &[Role]) -> Admitted {
    if !claims.email_verified {
        return Admitted::Refused("the address is not verified");
    }
    let Ok(address) = MailAddress::parse(claims.email.trim()) else {
        return Admitted::Refused("there is no address");
    };
    let mut theirs = rules.users.iter().filter(|user| {
        let known = user.email.as_deref().map(str::trim);
        known
            .and_then(|known| MailAddress::parse(known).ok())
            .is_some_and(|known| known.is_same(&address))
    });
    let user = match (theirs.next(), theirs.next()) {
        (user, None) => user,
        // Whose rights would count is not known.
        (_, Some(_)) => return Admitted::Refused("two people have this address"),
    };
    match user.map(|user| user.state) {
        Some(UserState::Disabled) => return Admitted::Refused("this person is disabled"),
        Some(UserState::Waiting) => return Admitted::Waiting,
        Some(UserState::Active) => {}
        None if !rules
            .domains
            .iter()
            .any(|known| ascii_domain(known).is_some_and(|known| known == address.domain())) =>
        {
            return Admitted::Refused("addresses of this domain are not let in");
        }
        None if rules.approval => return Admitted::Waiting,
        None => {}
    }
    let given = user.map_or(&[][..], |user| &user.roles);
    let roles = roles_of(given, roles, &claims.groups);
    if roles.is_empty() {
        return Admitted::Waiting;
    }
    Admitted::Known {
        user: user.map(|user| user.id.clone()),
        roles,
    }
}

/// The roles that are given and those that come with groups, each once, as far as they are defined.
fn roles_of(given: &[RoleId], roles: &[Role], groups: &[String]) -> Vec<RoleId> {
    let mut found: Vec<RoleId> = Vec::new();
    let given = given
        .iter()
        .filter(|id| roles.iter().any(|role| role.id == **id));
    let by_group = roles
        .iter()
        .filter(|role| role.groups.iter().any(|group| groups.contains(group)))
        .map(|role| &role.id);
    for id in given.chain(by_group) {
        if !found.contains(id) {
            found.push(id.clone());
        }
    }
    found
}

/// Why someone has no role to act with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRole {
    #[error("`{0}` is {state}", state = .1.name())]
    NotActive(UserId, UserState),
    #[error("`{0}` has no role")]
    None(UserId),
    #[error("`{user}` does not have the role `{role}`")]
    NotTheirs { user: UserId, role: RoleId },
    #[error("no role of `{user}` may be used on {surface}")]
    NotHere { user: UserId, surface: Surface },
}

/// The one role with which someone acts in a conversation: the chosen one if it is theirs, else the first of theirs that
/// may be used here.
pub fn effective_role(
    user: &User,
    roles: &[Role],
    chosen: Option<&RoleId>,
    groups: &[String],
    surface: Surface,
) -> Result<RoleId, NoRole> {
    if !user.is_active() {
        return Err(NoRole::NotActive(user.id.clone(), user.state));
    }
    let theirs = roles_of(&user.roles, roles, groups);
    if theirs.is_empty() {
        return Err(NoRole::None(user.id.clone()));
    }
    if let Some(chosen) = chosen
        && !theirs.contains(chosen)
    {
        return Err(NoRole::NotTheirs {
            user: user.id.clone(),
            role: chosen.clone(),
        });
    }
    let usable = |id: &RoleId| {
        roles
            .iter()
            .any(|role| role.id == *id && role.is_used_on(surface))
    };
    theirs
        .into_iter()
        .filter(|id| chosen.is_none_or(|chosen| chosen == id))
        .find(usable)
        .ok_or_else(|| NoRole::NotHere {
            user: user.id.clone(),
            surface,
        })
}

#[cfg(test)]
mod tests;
