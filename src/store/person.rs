//! What the store holds of one person: showing it to them, and erasing it.
//!
//! [`treatment`] names every collection: a new one does not compile before somebody has said what becomes of it. A person's
//! rows in the audit trail are `crate::audit`'s, since only who has the key can change them.

mod fates;
mod identity;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{
    Store, StoreError,
    driver::{Collection, Document},
    from_body, to_body,
};
use fates::{objects, outbox, runs, talks, usage};
pub use identity::Identity;

/// What stands where a person stood.
pub const ERASED: &str = "erased-person";

/// Documents read at once.
const PAGE: u32 = 500;
/// So often a document is read again that another changed meanwhile.
const MOST_TRIES: usize = 20;
/// Members of a user whose values tell nothing about who it is.
const NOT_TELLING: [&str; 6] = ["id", "roles", "zone", "language", "state", "monthly_tokens"];

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
