//! `daybrief user`: who is let in, who waits, who is shut out.

use std::path::Path;

use clap::Subcommand;
use jiff::Timestamp;
use serde_json::json;

use super::{confirmed, one, open, print, print_json, print_json_list, role, to_stderr, unknown};
use crate::{
    app::App,
    audit::{Act, Entry, Record},
    domain::people::{User, UserState},
    error::{Problem, Problems},
    ids::{RoleId, UserId},
    mail_address::MailAddress,
    store::{Kind, Stored},
};

/// The longest id that is made of an address, in characters.
const LONGEST_ID: usize = 60;

/// `user …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Everybody who is known.
    List,
    /// Lets someone in: schedules of their roles reach them at this address, and questions may be asked as them.
    Invite {
        email: String,
        /// Their roles; the first stands where none is chosen.
        #[arg(long, required = true)]
        role: Vec<RoleId>,
        /// The name; what stands before the @ without it.
        #[arg(long)]
        name: Option<String>,
        /// Invites without asking, also to an address that looks like a slip.
        #[arg(long)]
        yes: bool,
    },
    /// Lets someone in who waits.
    Approve {
        user: UserId,
        /// Roles besides those they have.
        #[arg(long)]
        role: Vec<RoleId>,
    },
    /// Shuts someone out: from now on they get nothing and may do nothing.
    Disable { user: UserId },
    /// Lets someone in again.
    Enable { user: UserId },
}

/// Runs `user …`.
pub async fn run(command: Command, config: &Path, json: bool) -> Result<u8, Problems> {
    let app = open(config).await?;
    match command {
        Command::List => list(&app, json).await?,
        Command::Invite {
            email,
            role,
            name,
            yes,
        } => {
            if !yes {
                not_a_slip(email.trim())?;
            }
            invite(&app, &email, role, name, json).await?;
        }
        Command::Approve { user, role } => approve(&app, &user, role, json).await?,
        Command::Disable { user } => {
            let known = find(&app, &user).await?;
            let user = with_state(&known, UserState::Disabled);
            bring(&app, &known, user, "disable", json).await?;
        }
        Command::Enable { user } => {
            let known = find(&app, &user).await?;
            if known.object.state == UserState::Waiting {
                return Err(one(Problem::new(
                    "waiting",
                    format!("`{user}` waits to be let in for the first time"),
                )
                .advise(format!("use `daybrief user approve {user}`"))));
            }
            let user = with_state(&known, UserState::Active);
            bring(&app, &known, user, "enable", json).await?;
        }
    }
    Ok(0)
}

fn with_state(known: &Stored<User>, state: UserState) -> User {
    User {
        state,
        ..known.object.clone()
    }
}

async fn everybody(app: &App) -> Result<Vec<Stored<User>>, Problems> {
    app.parts
        .store
        .objects()
        .all::<User>(Kind::User)
        .await
        .map_err(|error| one(error.into()))
}

async fn find(app: &App, id: &UserId) -> Result<Stored<User>, Problems> {
    let users = everybody(app).await?;
    let problem = unknown(
        "user",
        id.as_str(),
        users.iter().map(|known| known.object.id.as_str()),
    );
    users
        .into_iter()
        .find(|known| known.object.id == *id)
        .ok_or_else(|| one(problem))
}

async fn list(app: &App, json: bool) -> Result<(), Problems> {
    let users: Vec<User> = everybody(app)
        .await?
        .into_iter()
        .map(|stored| stored.object)
        .collect();
    if json {
        print_json_list(&users);
        return Ok(());
    }
    for user in users {
        let roles: Vec<&str> = user.roles.iter().map(RoleId::as_str).collect();
        print(&format!(
            "{:<20} {:<9} {:<28} {}",
            user.id.as_str(),
            user.state.name(),
            user.email.as_deref().unwrap_or("-"),
            roles.join(", ")
        ));
    }
    Ok(())
}

/// Asks before somebody is let in under an address whose domain is known to no name server but one's own.
fn not_a_slip(email: &str) -> Result<(), Problems> {
    let Some(domain) = MailAddress::parse(email)
        .ok()
        .and_then(|known| known.local_host())
    else {
        return Ok(());
    };
    let what = format!(
        "the domain `{domain}` of `{email}` has no dot, so mail reaches it in your own network alone"
    );
    if confirmed(&format!("{what}. Invite them all the same?")) {
        return Ok(());
    }
    Err(one(Problem::new("odd-mailbox", what).advise(format!(
        "write it in full, such as {email}.example; where `{domain}` is a machine of your network, add `--yes`"
    ))))
}

async fn invite(
    app: &App,
    email: &str,
    roles: Vec<RoleId>,
    name: Option<String>,
    json: bool,
) -> Result<(), Problems> {
    let email = email.trim();
    let address = MailAddress::parse(email).map_err(|why| {
        one(
            Problem::new("bad-mailbox", format!("`{email}` is no address: it {why}"))
                .advise("write it alone: ann@acme.example"),
        )
    })?;
    let users = everybody(app).await?;
    let same = users.iter().find(|known| {
        known
            .object
            .email
            .as_deref()
            .and_then(|known| MailAddress::parse(known).ok())
            .is_some_and(|known| known.key() == address.key())
    });
    if let Some(known) = same {
        let (id, state) = (&known.object.id, known.object.state);
        return Err(one(Problem::new(
            "two-of-one-address",
            format!("`{email}` is known: `{id}`, {}", state.name()),
        )
        .advise(match state {
            UserState::Waiting => format!("let them in with `daybrief user approve {id}`"),
            UserState::Disabled => format!("let them in again with `daybrief user enable {id}`"),
            UserState::Active => "they are let in already".to_owned(),
        })));
    }
    known_roles(app, &roles).await?;
    let local = email.split('@').next().unwrap_or_default();
    let taken = |id: &UserId| users.iter().any(|known| known.object.id == *id);
    let id = id_of(local, &taken).map_err(one)?;
    let user = User {
        id,
        name: name.unwrap_or_else(|| local.to_owned()),
        email: Some(email.to_owned()),
        slack: None,
        roles,
        zone: None,
        language: None,
        monthly_tokens: None,
        state: UserState::Active,
    };
    put(app, &user, None, "invite").await?;
    say(
        &user,
        json,
        &format!(
            "{0} is let in: schedules for their roles reach them at {email}, `daybrief ask --user {0}` asks as them, and \
             `daybrief token create --user {0}` lets their programs ask; a portal to sign in to is not there yet",
            user.id
        ),
    );
    Ok(())
}

async fn approve(app: &App, id: &UserId, roles: Vec<RoleId>, json: bool) -> Result<(), Problems> {
    let known = find(app, id).await?;
    if known.object.state == UserState::Disabled {
        return Err(one(Problem::new("disabled", format!("`{id}` is disabled"))
            .advise(format!("use `daybrief user enable {id}`"))));
    }
    known_roles(app, &roles).await?;
    let gets_a_role = roles.iter().any(|role| !known.object.roles.contains(role));
    if known.object.state == UserState::Active && !gets_a_role {
        return Err(one(Problem::new(
            "active",
            format!("`{id}` is let in already, and has all of these roles"),
        )
        .advise("nothing is to be done: `daybrief user list` shows who waits")));
    }
    let mut user = known.object.clone();
    for role in roles {
        if !user.roles.contains(&role) {
            user.roles.push(role);
        }
    }
    if user.roles.is_empty() && !any_by_group(app).await? {
        return Err(one(Problem::new(
            "no-role",
            format!("`{id}` has no role, and none comes with a group"),
        )
        .advise(format!("name one: `daybrief user approve {id} --role …`"))));
    }
    user.state = UserState::Active;
    bring(app, &known, user, "approve", json).await
}

async fn any_by_group(app: &App) -> Result<bool, Problems> {
    let objects = app
        .parts
        .objects()
        .await
        .map_err(|error| one(error.into()))?;
    Ok(objects.roles.iter().any(|role| !role.groups.is_empty()))
}

async fn known_roles(app: &App, roles: &[RoleId]) -> Result<(), Problems> {
    let objects = app
        .parts
        .objects()
        .await
        .map_err(|error| one(error.into()))?;
    for id in roles {
        role::find(&objects.roles, id).map_err(one)?;
    }
    Ok(())
}

/// Brings someone into force as they shall be. Who is so already is left as they are.
async fn bring(
    app: &App,
    before: &Stored<User>,
    after: User,
    how: &str,
    json: bool,
) -> Result<(), Problems> {
    if before.object != after {
        put(app, &after, before.file.clone(), how).await?;
        if before.file.is_some() {
            to_stderr(&format!(
                "note: `{}` is defined in a file: write it there too, or the next `apply` takes this back",
                after.id
            ));
        }
    }
    let words = match after.state {
        UserState::Active => "is let in",
        UserState::Waiting => "waits",
        UserState::Disabled => "is shut out: the next click, message and delivery fail",
    };
    say(&after, json, &format!("{} {words}", after.id));
    Ok(())
}

/// The row of a change. The person stands in it as whom it is about, so that they can be erased.
fn changed(user: &User, how: &str, now: Timestamp) -> Record {
    let mut entry = Entry::new(now, Act::ObjectChange, "cli", "user");
    entry.detail = how.to_owned();
    Record::from(entry).about(user.id.to_string())
}

/// Writes the change into the audit trail, then into the store.
async fn put(app: &App, user: &User, file: Option<String>, how: &str) -> Result<(), Problems> {
    let now = app.parts.clock.now();
    let done = async {
        app.parts.audit.record(&[changed(user, how, now)]).await?;
        let stored = Stored {
            object: user,
            file,
            since: now,
        };
        app.parts
            .store
            .objects()
            .put(Kind::User, user.id.as_str(), &stored)
            .await
    };
    done.await.map_err(|error| one(error.into()))
}

fn say(user: &User, json: bool, words: &str) {
    if json {
        print_json(&json!({ "id": user.id, "state": user.state, "roles": user.roles }));
    } else {
        print(words);
    }
}

/// A free id made of what stands before the @.
fn id_of(local: &str, taken: &dyn Fn(&UserId) -> bool) -> Result<UserId, Problem> {
    let text: String = local
        .to_lowercase()
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') {
                c
            } else {
                '-'
            }
        })
        .take(LONGEST_ID)
        .collect();
    let text = text.trim_matches(['-', '.', '_']);
    let text = if text.is_empty() { "user" } else { text };
    let problem = |error: crate::ids::BadName| Problem::new("internal", error.to_string());
    let first = UserId::new(text).map_err(problem)?;
    if !taken(&first) {
        return Ok(first);
    }
    for number in 2..10_000 {
        let id = UserId::new(format!("{text}-{number}")).map_err(problem)?;
        if !taken(&id) {
            return Ok(id);
        }
    }
    Err(Problem::new(
        "no-id",
        format!("no id is free that begins with `{text}`"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gives_a_free_id() {
        let taken = |id: &UserId| ["ann", "ann-2"].contains(&id.as_str());
        for (local, id) in [
            ("Mara.Keller", "mara.keller"),
            ("ann", "ann-3"),
            ("ann+news", "ann-news"),
            ("_x_", "x"),
            ("ü", "user"),
        ] {
            assert_eq!(id_of(local, &taken).unwrap().as_str(), id, "{local}");
        }
    }
}
