//! What each kind of document shows of a person, and what becomes of it when they are erased.

use serde_json::Value;

use super::{Fate, Identity, user_key};
use crate::{
    domain::{people::User, run::Run, schedule::Schedule},
    store::{
        StoreError,
        driver::{Collection, Document},
        from_body, to_body,
    },
};

/// A document's body without what `change` takes out; it stays where nothing was, and goes where the rest would have no
/// form of its kind any more.
fn rewritten<T: serde::de::DeserializeOwned>(
    c: Collection,
    document: &Document,
    change: impl FnOnce(&mut Value) -> bool,
) -> Result<Fate, StoreError> {
    let mut value: Value = from_body(c, document)?;
    if !change(&mut value) {
        return Ok(Fate::Stays);
    }
    let body = to_body(c, &document.key, &value)?;
    Ok(match serde_json::from_str::<T>(&body) {
        Ok(_) => Fate::Becomes(body),
        Err(_) => Fate::Goes,
    })
}

/// Schedules name them as a recipient; other objects may name them in a text. Their own object goes last, apart from this.
pub(super) mod objects {
    use super::*;
    use crate::store::Stored;

    fn is_kind(document: &Document, kind: crate::store::Kind) -> bool {
        let rest = document.key.strip_prefix(kind.name());
        rest.is_some_and(|rest| rest.starts_with('/'))
    }

    fn is_theirs(identity: &Identity, recipient: &Value) -> bool {
        recipient.get("user").and_then(Value::as_str) == Some(&identity.user)
    }

    pub fn shows(identity: &Identity, document: &Document) -> Option<Value> {
        let value: Value = serde_json::from_str(&document.body).ok()?;
        if document.key == user_key(&identity.user) {
            return Some(value);
        }
        let recipients = value.pointer("/object/to")?.as_array()?;
        let own: Vec<&Value> = recipients
            .iter()
            .filter(|recipient| is_theirs(identity, recipient))
            .collect();
        (is_kind(document, crate::store::Kind::Schedule) && !own.is_empty()).then(|| {
            serde_json::json!({
                "schedule": value.pointer("/object/id"),
                "briefing": value.pointer("/object/briefing"),
                "when": value.pointer("/object/when"),
                "to": own,
            })
        })
    }

    pub fn fate(identity: &Identity, _: &str, document: &Document) -> Result<Fate, StoreError> {
        if document.key == user_key(&identity.user) {
            return Ok(Fate::Stays);
        }
        let change = |value: &mut Value| {
            let recipients = value
                .pointer_mut("/object/to")
                .and_then(Value::as_array_mut);
            let fewer = recipients.is_some_and(|recipients| {
                let before = recipients.len();
                recipients.retain(|recipient| !is_theirs(identity, recipient));
                recipients.len() < before
            });
            identity.strike_certain_words(value) | fewer
        };
        // An object that would not be one any more stays, and is told as what is left.
        let fate = if is_kind(document, crate::store::Kind::Schedule) {
            rewritten::<Stored<Schedule>>(Collection::Objects, document, change)?
        } else if is_kind(document, crate::store::Kind::User) {
            rewritten::<Stored<User>>(Collection::Objects, document, change)?
        } else {
            rewritten::<Stored<Value>>(Collection::Objects, document, change)?
        };
        Ok(match fate {
            Fate::Goes => Fate::Stays,
            fate => fate,
        })
    }
}

/// A brief that went to them alone goes; one that went to others too goes on without their name.
pub(super) mod runs {
    use super::*;

    fn recipients(value: &mut Value) -> Option<&mut Vec<Value>> {
        value.pointer_mut("/audience/recipients")?.as_array_mut()
    }

    fn is_theirs(identity: &Identity, target: &Value) -> bool {
        target.get("user").and_then(Value::as_str) == Some(&identity.user)
    }

    pub fn shows(identity: &Identity, document: &Document) -> Option<Value> {
        let mut value: Value = serde_json::from_str(&document.body).ok()?;
        // Who else got it is none of theirs.
        let own = recipients(&mut value)?;
        own.retain(|target| is_theirs(identity, target));
        (!own.is_empty()).then_some(value)
    }

    pub fn fate(identity: &Identity, _: &str, document: &Document) -> Result<Fate, StoreError> {
        let mut value: Value = from_body(Collection::Runs, document)?;
        let all = recipients(&mut value).map_or(0, |all| all.len());
        let others = recipients(&mut value).map_or(0, |all| {
            all.retain(|target| !is_theirs(identity, target));
            all.len()
        });
        if all > 0 && others == 0 {
            return Ok(Fate::Goes);
        }
        rewritten::<Run>(Collection::Runs, document, |value| {
            if let Some(all) = recipients(value) {
                all.retain(|target| !is_theirs(identity, target));
            }
            identity.strike_words(value) | (others < all)
        })
    }
}

pub(super) mod outbox {
    use super::*;
    use crate::domain::delivery::Delivery;

    fn is_theirs(identity: &Identity, value: &Value) -> bool {
        value.get("user").and_then(Value::as_str) == Some(&identity.user)
    }

    pub fn shows(identity: &Identity, document: &Document) -> Option<Value> {
        let value: Value = serde_json::from_str(&document.body).ok()?;
        is_theirs(identity, &value).then_some(value)
    }

    pub fn fate(identity: &Identity, _: &str, document: &Document) -> Result<Fate, StoreError> {
        let value: Value = from_body(Collection::Outbox, document)?;
        if is_theirs(identity, &value) {
            return Ok(Fate::Goes);
        }
        rewritten::<Delivery>(Collection::Outbox, document, |value| {
            identity.strike_words(value)
        })
    }
}

/// Conversations, proposals and tokens belong to one person and go with them; those of others go on without their name.
pub(super) mod talks {
    use super::*;

    pub fn shows(identity: &Identity, document: &Document) -> Option<Value> {
        let value: Value = serde_json::from_str(&document.body).ok()?;
        let is_theirs = value.get("user").and_then(Value::as_str) == Some(&identity.user);
        is_theirs.then_some(value)
    }

    pub fn fate<T: serde::de::DeserializeOwned>(
        identity: &Identity,
        _: &str,
        document: &Document,
    ) -> Result<Fate, StoreError> {
        if shows(identity, document).is_some() {
            return Ok(Fate::Goes);
        }
        // The collection only names the place in an error.
        rewritten::<T>(Collection::Conversations, document, |value| {
            identity.strike_value(value)
        })
    }
}

/// Numbers by month, day and minute: they go on under the person's handle.
pub(super) mod usage {
    use super::*;
    use crate::store::{Day, Minute, Month};

    fn is_day(document: &Document) -> bool {
        document.key.starts_with("day/")
    }

    fn is_minute(document: &Document) -> bool {
        document.key.starts_with("minute/")
    }

    fn budget(user: &str) -> String {
        format!("user/{user}")
    }

    pub fn shows(identity: &Identity, document: &Document) -> Option<Value> {
        let value: Value = serde_json::from_str(&document.body).ok()?;
        let own = if is_day(document) {
            let rows = value.get("rows")?.as_array()?;
            let own: Vec<&Value> = rows
                .iter()
                .filter(|row| row.get("user").and_then(Value::as_str) == Some(&identity.user))
                .collect();
            (!own.is_empty()).then(|| serde_json::json!(own))?
        } else {
            let spent = value.get("spent")?.get(budget(&identity.user))?;
            serde_json::json!({ "tokens": spent })
        };
        Some(serde_json::json!({ "of": document.key, "usage": own }))
    }

    pub fn fate(
        identity: &Identity,
        handle: &str,
        document: &Document,
    ) -> Result<Fate, StoreError> {
        let c = Collection::Usage;
        let (own, theirs) = (budget(&identity.user), budget(handle));
        // Names of budgets and users are texts of their own here: each is renamed as a whole, so that numbers stay apart.
        let rename = |text: &str| match text {
            text if text == own => Some(theirs.clone()),
            text if text == identity.user => Some(handle.to_owned()),
            _ => None,
        };
        let change = |value: &mut Value| {
            // A role or a schedule may have the same id: only what stands for a person is renamed.
            let renamed = rename_users(value, &rename, &own);
            identity.strike_value(value) | renamed
        };
        if is_minute(document) {
            return rewritten::<Minute>(c, document, change);
        }
        if !is_day(document) {
            return rewritten::<Month>(c, document, change);
        }
        let fate = rewritten::<Day>(c, document, change)?;
        let Fate::Becomes(body) = fate else {
            return Ok(fate);
        };
        // The rows of a day stand in their order.
        let mut day: Day = serde_json::from_str(&body).map_err(|_| StoreError::Unreadable {
            collection: c.name(),
            key: document.key.clone(),
            what: "its rows".to_owned(),
        })?;
        day.rows.sort_by(|a, b| a.of.cmp(&b.of));
        Ok(Fate::Becomes(to_body(c, &document.key, &day)?))
    }

    /// Renames a person where one stands: as `user`, as a member of `users`, and as the name of a budget.
    fn rename_users(
        value: &mut Value,
        rename: &dyn Fn(&str) -> Option<String>,
        budget: &str,
    ) -> bool {
        match value {
            Value::Object(map) => {
                let mut any = false;
                if let Some(Value::String(user)) = map.get_mut("user")
                    && let Some(renamed) = rename(user)
                {
                    *user = renamed;
                    any = true;
                }
                if let Some(Value::Object(users)) = map.get_mut("users") {
                    any |= rename_keys(users, &|key| rename(key));
                }
                any |= rename_keys(map, &|key| (key == budget).then(|| rename(key)).flatten());
                for value in map.values_mut() {
                    any |= rename_users(value, rename, budget);
                }
                any
            }
            Value::Array(list) => list.iter_mut().fold(false, |any, value| {
                let renamed = match value {
                    Value::String(text) if text == budget => rename(text).is_some_and(|renamed| {
                        *text = renamed;
                        true
                    }),
                    value => rename_users(value, rename, budget),
                };
                any | renamed
            }),
            _ => false,
        }
    }

    fn rename_keys(
        map: &mut serde_json::Map<String, Value>,
        rename: &dyn Fn(&str) -> Option<String>,
    ) -> bool {
        if !map.keys().any(|key| rename(key).is_some()) {
            return false;
        }
        *map = std::mem::take(map)
            .into_iter()
            .map(|(key, value)| (rename(&key).unwrap_or(key), value))
            .collect();
        true
    }
}
