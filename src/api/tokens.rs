//! Who asks: the token that a request bears, the person behind it, and the one role under which they act.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, request::Parts},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::{Programs, refusal::Refusal};
use crate::{
    access::{Principal, Surface, effective_role},
    audit::{Act, Audit, Entry, Outcome, Record},
    connectors::reachable::bearer,
    domain::people::{Role, User},
    error::Problem,
    ids::{RoleId, TokenId, UserId, fresh},
    store::{Kind, Scope, Store, Token},
};

/// What a token's text begins with, so that scanners for leaked secrets find it.
const PREFIX: &str = "dbt_";
/// The code of the problem that a token opens nothing.
pub const TOKEN_LOST: &str = "token";
/// Random bytes of a token.
const RANDOM_BYTES: usize = 32;
/// A longer text is no token, in bytes.
const LONGEST: usize = 200;
/// A refused token is written into the trail again after this: who asks with it every second fills nothing.
const TOLD_AGAIN: Duration = Duration::from_secs(60);
/// Refused tokens that are remembered for that.
const REMEMBERED: usize = 1_000;

/// A token that somebody wants.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub user: UserId,
    /// Theirs; checked by whoever hands it in.
    pub role: RoleId,
    pub scopes: Vec<Scope>,
    pub name: String,
    pub days: Option<u32>,
}

/// Makes a token. Its text is given once and kept nowhere. `surface` is where its maker acts.
pub async fn make(
    store: &Store,
    audit: &Audit,
    wanted: Wanted,
    surface: &str,
    now: Timestamp,
) -> Result<(Token, SecretString), Problem> {
    let internal = |what: String| Problem::new("internal", what);
    let token = Token {
        id: TokenId::new(fresh()).map_err(|error| internal(error.to_string()))?,
        name: wanted.name,
        user: wanted.user,
        role: wanted.role,
        scopes: wanted.scopes,
        made: now,
        expires: wanted.days.and_then(|days| {
            let span = SignedDuration::from_hours(24 * i64::from(days));
            now.checked_add(span).ok()
        }),
        revoked: None,
    };
    let text = text().map_err(internal)?;
    let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.name()).collect();
    let detail = format!("create, role {}, may {}", token.role, scopes.join(", "));
    audit
        .record(&[changed(&token, detail, surface, now)])
        .await?;
    if !store.tokens().add(text.expose_secret(), &token).await? {
        return Err(internal("the token could not be kept".to_owned()));
    }
    Ok((token, text))
}

/// Revokes a token: its next request is refused, and an answer under way ends. False where there is none of this id.
pub async fn revoke(
    store: &Store,
    audit: &Audit,
    id: &TokenId,
    surface: &str,
    now: Timestamp,
) -> Result<bool, Problem> {
    let known = store.tokens().all().await?;
    let Some(token) = known.iter().find(|token| token.id == *id) else {
        return Ok(false);
    };
    audit
        .record(&[changed(token, "revoke".to_owned(), surface, now)])
        .await?;
    Ok(store.tokens().revoke(id, now).await?.is_some())
}

/// The row of a change. The person stands in it as whom it is about, so that they can be erased.
fn changed(token: &Token, detail: String, surface: &str, now: Timestamp) -> Record {
    let on = format!("token/{}", token.id);
    let mut entry = Entry::new(now, Act::AdminChange, surface, on);
    entry.detail = detail;
    Record::from(entry).about(token.user.to_string())
}

fn text() -> Result<SecretString, String> {
    use rand::TryRng;
    let mut bytes = [0_u8; RANDOM_BYTES];
    rand::rngs::SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|_| "the machine gives no randomness".to_owned())?;
    let text = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes));
    Ok(SecretString::from(text))
}

/// Why a token opens nothing.
fn ended(token: &Token, now: Timestamp) -> Option<&'static str> {
    if token.revoked.is_some() {
        return Some("the token is revoked");
    }
    if token.expires.is_some_and(|expires| expires <= now) {
        return Some("the token has expired");
    }
    None
}

/// Who asks, as they were when the request came.
#[derive(Debug, Clone)]
pub struct Caller {
    pub token: Token,
    text: SecretString,
    pub user: User,
    pub role: Role,
    pub principal: Principal,
}

impl Caller {
    /// Refuses where the token has none of these scopes.
    pub fn needs(&self, any: &[Scope]) -> Result<(), Refusal> {
        if any.iter().any(|scope| self.token.scopes.contains(scope)) {
            return Ok(());
        }
        let wanted: Vec<&str> = any.iter().map(|scope| scope.name()).collect();
        let what = format!("the token may not {}", wanted.join(" or "));
        Err(
            Refusal::new(StatusCode::FORBIDDEN, "out-of-scope", what).advise(format!(
                "make a token with `--scope {}`",
                wanted.first().copied().unwrap_or_default()
            )),
        )
    }

    /// Whether the token opens anything still; why not. The person and the role are watched by whoever answers.
    pub async fn lost(&self, programs: &Programs) -> Option<Problem> {
        let store = &programs.converse.store;
        let lost = match store.tokens().find(self.text.expose_secret()).await {
            Ok(Some(token)) => ended(&token, programs.converse.clock.now())?,
            Ok(None) => "the token is revoked",
            Err(error) => {
                tracing::error!(%error, "a token could not be looked at");
                "the token could not be looked at"
            }
        };
        Some(Problem::new(TOKEN_LOST, lost))
    }
}

impl FromRequestParts<Programs> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &Programs) -> Result<Self, Refusal> {
        caller(state, &parts.headers, Surface::Api).await
    }
}

/// Who asks with these headers, over this surface.
pub async fn caller(
    programs: &Programs,
    headers: &HeaderMap,
    surface: Surface,
) -> Result<Caller, Refusal> {
    let unauthorised =
        |code: &str, what: &str| Refusal::new(StatusCode::UNAUTHORIZED, code, what.to_owned());
    let text = bearer(headers);
    if text.is_empty() {
        return Err(unauthorised("no-token", "the request bears no token")
            .advise("send `Authorization: Bearer dbt_…`; `daybrief token create` makes one"));
    }
    let store = &programs.converse.store;
    let token = match text.len() <= LONGEST && text.starts_with(PREFIX) {
        true => store.tokens().find(text).await?,
        false => None,
    };
    let Some(token) = token else {
        let why = "the token is not known";
        programs.refused.tell(programs, None, surface, why).await?;
        return Err(unauthorised(TOKEN_LOST, why));
    };
    let objects = store.objects();
    let (user, role) = (
        objects.get::<User>(Kind::User, token.user.as_str()).await?,
        objects.get::<Role>(Kind::Role, token.role.as_str()).await?,
    );
    let now = programs.converse.clock.now();
    let refusal = match (ended(&token, now), user, role) {
        (Some(why), _, _) => unauthorised(TOKEN_LOST, why),
        (None, Some(user), Some(role)) if user.object.is_active() => {
            let (user, role) = (user.object, role.object);
            let roles = std::slice::from_ref(&role);
            // Groups are told at a sign-in, and a token does not sign in: roles that come with them alone do not count.
            match effective_role(&user, roles, Some(&role.id), &[], surface) {
                Ok(id) => {
                    return Ok(Caller {
                        principal: Principal::person(user.id.clone(), id, surface),
                        token,
                        text: SecretString::from(text.to_owned()),
                        user,
                        role,
                    });
                }
                Err(error) => Refusal::new(StatusCode::FORBIDDEN, "no-role", error.to_string()),
            }
        }
        (None, Some(user), None) if user.object.is_active() => {
            Refusal::new(StatusCode::FORBIDDEN, "no-role", "the role is not there")
        }
        (None, _, _) => unauthorised(TOKEN_LOST, "the token's person is not let in"),
    };
    let why = refusal.problem.what.clone();
    programs
        .refused
        .tell(programs, Some(&token), surface, &why)
        .await?;
    Err(refusal)
}

/// Tokens that were refused, so that each stands in the trail and none fills it.
#[derive(Debug, Default)]
pub struct Refused(Mutex<BTreeMap<Option<TokenId>, Instant>>);

impl Refused {
    async fn tell(
        &self,
        programs: &Programs,
        token: Option<&Token>,
        surface: Surface,
        why: &str,
    ) -> Result<(), Refusal> {
        let id = token.map(|token| token.id.clone());
        {
            let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            told.retain(|_, at| at.elapsed() < TOLD_AGAIN);
            if told.contains_key(&id) || told.len() >= REMEMBERED {
                return Ok(());
            }
            told.insert(id, Instant::now());
        }
        let on = token.map_or("token".to_owned(), |token| format!("token/{}", token.id));
        let now = programs.converse.clock.now();
        let mut entry = Entry::new(now, Act::SignIn, surface.name(), on);
        entry.user = token.map(|token| token.user.to_string());
        entry.role = token.map(|token| token.role.to_string());
        entry.outcome = Outcome::Denied;
        entry.why = why.to_owned();
        programs.converse.audit.write(&[entry]).await?;
        Ok(())
    }
}
