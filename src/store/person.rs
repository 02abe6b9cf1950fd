//! What the store holds of one person: showing it to them, and erasing it.
//!
//! [`treatment`] names every collection: a new one does not compile before somebody has said what becomes of it. A person's
//! rows in the audit trail are `crate::audit`'s, since only who has the key can change them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{
    Store, StoreError,
    driver::{Collection, Document},
    from_body, to_body,
};
use crate::domain::{people::User, run::Run, schedule::Schedule};

/// What stands where a person stood.
pub const ERASED: &str = "erased-person";

/// Documents read at once.
const PAGE: u32 = 500;
/// So often a document is read again that another changed meanwhile.
const MOST_TRIES: usize = 20;
/// Members of a user whose values tell nothing about who it is.
const NOT_TELLING: [&str; 6] = ["id", "roles", "zone", "language", "state", "monthly_tokens"];

/// What tells a person from others: their id, and their name and addresses as they stand in texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    user: String,
    words: Vec<String>,
    /// Their id is also that of a role or a schedule, so that the bare word need not mean them.
    ambiguous: bool,
}

/// What was done to the documents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Erased {
    /// Documents that were theirs alone, by collection.
    pub removed: BTreeMap<&'static str, u64>,
    /// Documents that go on without them, by collection.
    pub changed: BTreeMap<&'static str, u64>,
}

impl Erased {
    /// Was there nothing to do?
    pub fn is_nothing(&self) -> bool {
        self.removed.is_empty() && self.changed.is_empty()
    }

    /// Adds what another pass did.
    pub fn add(&mut self, other: Self) {
        for (name, count) in other.removed {
            *self.removed.entry(name).or_default() += count;
        }
        for (name, count) in other.changed {
            *self.changed.entry(name).or_default() += count;
        }
    }
}

/// What becomes of a document.
enum Fate {
    /// It says nothing of them.
    Stays,
    Goes,
    /// It goes on with this body.
    Becomes(String),
}

/// What a collection's documents have of persons.
enum Treatment {
    /// Nothing.
    Nothing,
    /// The audit trail's: `crate::audit` treats them.
    Trail,
    Documents {
        /// What of a document is theirs to see; nothing where it is not about them.
        shows: fn(&Identity, &Document) -> Option<Value>,
        /// What becomes of it when they are erased. Their handle stands for them where numbers go on.
        fate: fn(&Identity, &str, &Document) -> Result<Fate, StoreError>,
    },
}

/// The one list: every collection and what it has of persons.
fn treatment(c: Collection) -> Treatment {
    match c {
        Collection::Objects => Treatment::Documents {
            shows: objects::shows,
            fate: objects::fate,
        },
        Collection::Runs => Treatment::Documents {
            shows: runs::shows,
            fate: runs::fate,
        },
        Collection::Outbox => Treatment::Documents {
            shows: outbox::shows,
            fate: outbox::fate,
        },
        Collection::Usage => Treatment::Documents {
            shows: usage::shows,
            fate: usage::fate,
        },
        Collection::Conversations => Treatment::Documents {
            shows: talks::shows,
            fate: talks::fate::<crate::domain::turn::Conversation>,
        },
        Collection::Proposals => Treatment::Documents {
            shows: talks::shows,
            fate: talks::fate::<crate::domain::proposal::Proposal>,
        },
        Collection::Tokens => Treatment::Documents {
            shows: talks::shows,
            fate: talks::fate::<super::Token>,
        },
        Collection::Audit
        | Collection::AuditTexts
        | Collection::AuditMarks
        | Collection::AuditSubjects => Treatment::Trail,
        Collection::Pauses | Collection::Secrets | Collection::Pins => Treatment::Nothing,
    }
}

/// What the store holds of persons.
pub struct Person<'a>(pub(super) &'a Store);

impl Person<'_> {
    /// What tells a person from others, from their object, and from addresses that deliveries and runs have of them. With
    /// the id alone where they are not there any more.
    pub async fn identity(&self, user: &str) -> Result<Identity, StoreError> {
        let mut words = Vec::new();
        if let Some(document) = self
            .0
            .driver
            .get(Collection::Objects, &user_key(user))
            .await?
        {
            let value: Value = from_body(Collection::Objects, &document)?;
            let members = value.get("object").and_then(Value::as_object);
            for (name, value) in members.into_iter().flatten() {
                if !NOT_TELLING.contains(&name.as_str()) {
                    texts_of(value, &mut words);
                }
            }
        }
        for c in [Collection::Runs, Collection::Outbox] {
            self.each(c, |document| {
                let value: Value = serde_json::from_str(&document.body).unwrap_or_default();
                addresses_of(&value, user, &mut words);
                // A delivery's id is made of the address: who has that can tell it.
                if c == Collection::Outbox
                    && value.get("user").and_then(Value::as_str) == Some(user)
                {
                    words.push(document.key.clone());
                }
            })
            .await?;
        }
        words.retain(|word| word.chars().count() > 1 && word != user);
        words.sort();
        words.dedup();
        // The longest first, so that a name is struck before a part of it.
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        let mut ambiguous = false;
        for kind in super::Kind::ALL {
            let key = format!("{}/{user}", kind.name());
            ambiguous |= kind != super::Kind::User
                && self
                    .0
                    .driver
                    .get(Collection::Objects, &key)
                    .await?
                    .is_some();
        }
        Ok(Identity {
            user: user.to_owned(),
            words,
            ambiguous,
        })
    }

    /// The person's own object, and the file that it came from.
    pub async fn object(&self, user: &str) -> Result<Option<super::Stored<Value>>, StoreError> {
        self.0.objects().get(super::Kind::User, user).await
    }

    /// Lets the person get and do nothing more, as the first step of erasing them.
    pub async fn disable(&self, user: &str) -> Result<(), StoreError> {
        let key = user_key(user);
        let Some(document) = self.0.driver.get(Collection::Objects, &key).await? else {
            return Ok(());
        };
        let mut value: Value = from_body(Collection::Objects, &document)?;
        if let Some(object) = value.get_mut("object").and_then(Value::as_object_mut) {
            object.insert("state".to_owned(), "disabled".into());
        }
        let body = to_body(Collection::Objects, &key, &value)?;
        self.0
            .driver
            .replace_body(Collection::Objects, &key, document.version, &body)
            .await?;
        self.0.objects().revise().await
    }

    /// Removes the person's object, as the last step.
    pub async fn remove_object(&self, user: &str) -> Result<bool, StoreError> {
        self.0.objects().delete(super::Kind::User, user).await
    }

    /// Shows everything that is theirs, but for the audit trail, by collection.
    pub async fn show(
        &self,
        identity: &Identity,
        mut shown: impl FnMut(&'static str, Value) + Send,
    ) -> Result<(), StoreError> {
        for c in Collection::ALL {
            if let Treatment::Documents { shows, .. } = treatment(c) {
                self.each(c, |document| {
                    if let Some(value) = shows(identity, document) {
                        shown(c.name(), value);
                    }
                })
                .await?;
            }
        }
        Ok(())
    }

    /// Goes once through all documents and erases the person from them, but for their own object and the audit trail.
    pub async fn erase(&self, identity: &Identity, handle: &str) -> Result<Erased, StoreError> {
        let mut erased = Erased::default();
        for c in Collection::ALL {
            let Treatment::Documents { fate, .. } = treatment(c) else {
                continue;
            };
            let mut after: Option<String> = None;
            loop {
                let page = self.0.driver.scan(c, after.as_deref(), PAGE).await?;
                let Some(last) = page.last().map(|document| document.key.clone()) else {
                    break;
                };
                for document in page {
                    self.treat(
                        c,
                        document,
                        &|document| fate(identity, handle, document),
                        &mut erased,
                    )
                    .await?;
                }
                after = Some(last);
            }
        }
        Ok(erased)
    }

    async fn treat(
        &self,
        c: Collection,
        document: Document,
        fate: &(dyn Fn(&Document) -> Result<Fate, StoreError> + Sync),
        erased: &mut Erased,
    ) -> Result<(), StoreError> {
        let driver = &self.0.driver;
        let mut document = document;
        for _ in 0..MOST_TRIES {
            let (key, version) = (document.key.as_str(), document.version);
            let (done, counts) = match fate(&document)? {
                Fate::Stays => return Ok(()),
                Fate::Goes => {
                    driver.delete(c, key).await?;
                    (true, &mut erased.removed)
                }
                Fate::Becomes(body) => (
                    driver.replace_body(c, key, version, &body).await?,
                    &mut erased.changed,
                ),
            };
            if done {
                *counts.entry(c.name()).or_default() += 1;
                return Ok(());
            }
            match driver.get(c, key).await? {
                Some(newer) => document = newer,
                None => return Ok(()),
            }
        }
        Err(StoreError::Contended)
    }

    /// Documents in which the person's name or an address of theirs still stands, by collection: what others said of them,
    /// and whatever was missed.
    pub async fn left(
        &self,
        identity: &Identity,
    ) -> Result<BTreeMap<&'static str, u64>, StoreError> {
        let mut left = BTreeMap::new();
        for c in Collection::ALL {
            let mut count = 0;
            self.each(c, |document| {
                let mut value: Value = serde_json::from_str(&document.body).unwrap_or_default();
                let theirs = identity.strike_words(&mut value)
                    || identity.names(&document.key)
                    || c == Collection::AuditSubjects && document.key == identity.user;
                count += u64::from(theirs);
            })
            .await?;
            if count > 0 {
                left.insert(c.name(), count);
            }
        }
        Ok(left)
    }

    async fn each(
        &self,
        c: Collection,
        mut seen: impl FnMut(&Document) + Send,
    ) -> Result<(), StoreError> {
        let mut after: Option<String> = None;
        loop {
            let page = self.0.driver.scan(c, after.as_deref(), PAGE).await?;
            page.iter().for_each(&mut seen);
            match page.last() {
                Some(last) => after = Some(last.key.clone()),
                None => return Ok(()),
            }
        }
    }
}

impl Identity {
    /// Their id.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The text without them; nothing where they do not stand in it. Their id counts where it is a word of its own.
    pub fn strike(&self, text: &str) -> Option<String> {
        let mut struck = strike_all(text, &self.words, false);
        let id = if self.ambiguous {
            format!("user/{}", self.user)
        } else {
            self.user.clone()
        };
        let before = struck.as_deref().unwrap_or(text);
        if let Some(after) = strike_all(before, std::slice::from_ref(&id), true) {
            struck = Some(after);
        }
        struck
    }

    /// Does their name or an address stand in this text?
    fn names(&self, text: &str) -> bool {
        strike_all(text, &self.words, false).is_some()
    }

    /// Strikes them out of all texts of a value; true where they stood in one.
    pub fn strike_value(&self, value: &mut Value) -> bool {
        change_texts(value, &|text| self.strike(text))
    }

    /// Strikes name and addresses out of all texts of a value, but not the id, which may stand for another thing.
    fn strike_words(&self, value: &mut Value) -> bool {
        change_texts(value, &|text| strike_all(text, &self.words, false))
    }
}

impl Identity {
    /// As [`strike_words`](Self::strike_words), but for a name of one plain word, which may be that of a team or a role.
    fn strike_certain_words(&self, value: &mut Value) -> bool {
        let is_certain = |word: &&String| word.contains(|c: char| !c.is_alphabetic());
        let certain: Vec<String> = self.words.iter().filter(is_certain).cloned().collect();
        change_texts(value, &|text| strike_all(text, &certain, false))
    }
}

fn user_key(user: &str) -> String {
    format!("{}/{user}", super::Kind::User.name())
}

/// All texts of a value.
fn texts_of(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|value| texts_of(value, texts)),
        Value::Object(map) => map.values().for_each(|value| texts_of(value, texts)),
        _ => {}
    }
}

/// The addresses that stand beside a user's id: `{"user": "mara", "to": {"kind": "email", "to": "…"}}`.
fn addresses_of(value: &Value, user: &str, addresses: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if map.get("user").and_then(Value::as_str) == Some(user)
                && let Some(Value::Object(to)) = map.get("to")
            {
                let kind = to.get("kind").and_then(Value::as_str);
                let own = to.iter().filter(|(name, _)| *name != "kind");
                // A folder is a place of the machine, not of a person.
                own.filter(|_| kind != Some("folder"))
                    .for_each(|(_, value)| texts_of(value, addresses));
            }
            map.values()
                .for_each(|value| addresses_of(value, user, addresses));
        }
        Value::Array(list) => list
            .iter()
            .for_each(|value| addresses_of(value, user, addresses)),
        _ => {}
    }
}

/// Changes all texts of a value, also the names of members; true where one was changed.
fn change_texts(value: &mut Value, change: &dyn Fn(&str) -> Option<String>) -> bool {
    match value {
        Value::String(text) => match change(text) {
            Some(changed) => {
                *text = changed;
                true
            }
            None => false,
        },
        Value::Array(list) => list
            .iter_mut()
            .fold(false, |any, value| change_texts(value, change) | any),
        Value::Object(map) => {
            let mut any = map
                .values_mut()
                .fold(false, |any, value| change_texts(value, change) | any);
            if map.keys().any(|name| change(name).is_some()) {
                any = true;
                *map = std::mem::take(map)
                    .into_iter()
                    .map(|(name, value)| (change(&name).unwrap_or(name), value))
                    .collect();
            }
            any
        }
        _ => false,
    }
}

/// Strikes words, in any case, where they do not go on to the left or right; nothing where none stands there. `strict`
/// words go on over `-`, `_`, and over `.`, `@`, `+` before another letter.
fn strike_all(text: &str, words: &[String], strict: bool) -> Option<String> {
    let mut struck: Option<String> = None;
    for word in words {
        let current = struck.as_deref().unwrap_or(text);
        if let Some(next) = strike_one(current, word, strict) {
            struck = Some(next);
        }
    }
    struck
}

fn strike_one(text: &str, word: &str, strict: bool) -> Option<String> {
    let chars: Vec<char> = text.chars().collect();
    let word: Vec<char> = word.chars().collect();
    if word.is_empty() || chars.len() < word.len() {
        return None;
    }
    let same = |a: &char, b: &char| a == b || a.to_lowercase().eq(b.to_lowercase());
    let goes_on = |near: Option<&char>, beyond: Option<&char>| match near {
        None => false,
        Some(c) if c.is_alphanumeric() => true,
        Some('-' | '_') => strict,
        Some('.' | '@' | '+') => strict && beyond.is_some_and(|c| c.is_alphanumeric()),
        Some(_) => false,
    };
    let before = |at: usize, back: usize| at.checked_sub(back).and_then(|at| chars.get(at));
    let (mut out, mut found, mut at) = (String::with_capacity(text.len()), false, 0);
    while let Some(c) = chars.get(at) {
        let end = at + word.len();
        let here = chars
            .get(at..end)
            .is_some_and(|part| part.iter().zip(&word).all(|(a, b)| same(a, b)))
            && !goes_on(before(at, 1), before(at, 2))
            && !goes_on(chars.get(end), chars.get(end + 1));
        if here {
            out.push_str(ERASED);
            found = true;
            at = end;
        } else {
            out.push(*c);
            at += 1;
        }
    }
    found.then_some(out)
}

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
mod objects {
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
mod runs {
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

mod outbox {
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
mod talks {
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
mod usage {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mara() -> Identity {
        Identity {
            user: "mara".to_owned(),
            words: ["Mara Beck", "mara@acme.example", "U0MARA"]
                .map(str::to_owned)
                .to_vec(),
            ambiguous: false,
        }
    }

    #[test]
    fn a_person_is_struck_as_a_word_of_its_own_and_in_any_case() {
        for (text, expected) in [
            ("user/mara", Some("user/erased-person")),
            (
                "`mara` has no mailbox",
                Some("`erased-person` has no mailbox"),
            ),
            (
                "550 <MARA@acme.example> unknown",
                Some("550 <erased-person> unknown"),
            ),
            ("MARA BECK's team", Some("erased-person's team")),
            ("slack-U0MARA.", Some("slack-erased-person.")),
            ("mara. And mara", Some("erased-person. And erased-person")),
            ("mara-jane, mara_2, x.mara@acme2.example, maracuja", None),
            ("Tamara Becker", None),
            ("", None),
        ] {
            assert_eq!(mara().strike(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn an_id_that_is_also_a_role_is_struck_only_where_it_is_a_user() {
        let mara = Identity {
            ambiguous: true,
            ..mara()
        };
        assert_eq!(mara.strike("role mara"), None);
        assert!(mara.strike("user/mara").is_some());
    }

    #[test]
    fn names_of_members_are_struck_too() {
        let mut value = serde_json::json!({ "a": [{ "Mara Beck": 1 }], "b": "x" });
        assert!(mara().strike_value(&mut value));
        assert_eq!(
            value,
            serde_json::json!({ "a": [{ "erased-person": 1 }], "b": "x" })
        );
        assert!(!mara().strike_value(&mut value));
    }

    proptest! {
        #[test]
        fn after_striking_no_word_is_left(parts in prop::collection::vec(
            prop::sample::select(vec!["Mara Beck", "mara", "mara@acme.example", "U0MARA", "x", "ü"]), 0..8),
            gap in prop::sample::select(vec![" ", ", ", "/", "\n"])) {
            let text = parts.join(gap);
            let struck = mara().strike(&text).unwrap_or(text);
            prop_assert_eq!(mara().strike(&struck), None);
        }
    }
}
