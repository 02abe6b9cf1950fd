//! The objects in force as one process knows them: read again when they have changed, whoever changed them.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::{Objects, load};
use crate::{
    clock::Clock,
    store::{Store, StoreError},
};

/// They are read again after this in any case: a change is missed whose writer died before it said so.
const READ_AGAIN: SignedDuration = SignedDuration::from_secs(10);

/// The objects of a store. All clones share what was read.
#[derive(Clone)]
pub struct InForce {
    store: Store,
    clock: Arc<dyn Clock>,
    known: Arc<Mutex<Option<Known>>>,
}

struct Known {
    revision: i64,
    read: Timestamp,
    objects: Arc<Objects>,
}

impl InForce {
    /// The objects of this store.
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            known: Arc::default(),
        }
    }

    /// The objects that are in force at this moment.
    pub async fn objects(&self) -> Result<Arc<Objects>, StoreError> {
        let revision = self.store.objects().revision().await?;
        let now = self.clock.now();
        // Whoever comes while they are read waits for them instead of reading too.
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_ref()
            && known.revision >= revision
            && now.duration_since(known.read).abs() < READ_AGAIN
        {
            return Ok(known.objects.clone());
        }
        let objects = Arc::new(load(&self.store).await?);
        *known = Some(Known {
            revision,
            read: now,
            objects: objects.clone(),
        });
        Ok(objects)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::{ManualClock, SystemClock},
        domain::people::Role,
        ids::RoleId,
        store::{Kind, Stored},
    };

    async fn put(store: &Store, title: &str) {
        let stored = Stored {
            object: Role::without_rights(RoleId::new("vp").unwrap(), title),
            file: None,
            since: "2026-11-24T06:00:00Z".parse().unwrap(),
        };
        let objects = store.objects();
        objects.put(Kind::Role, "vp", &stored).await.unwrap();
    }

    #[tokio::test]
    async fn a_change_is_in_force_for_whoever_asks_next_and_nothing_is_read_twice() {
        let folder = tempfile::tempdir().unwrap();
        let settings = crate::settings::Store::default();
        let store = Store::open(&settings, None, folder.path()).await.unwrap();
        // Another process, such as a command beside the daemon.
        let other = Store::open(&settings, None, folder.path()).await.unwrap();
        let in_force = InForce::new(store.clone(), Arc::new(SystemClock));
        let empty = in_force.objects().await.unwrap();
        assert!(empty.roles.is_empty());
        assert!(Arc::ptr_eq(&empty, &in_force.objects().await.unwrap()));
        put(&other, "VP").await;
        let one = in_force.objects().await.unwrap();
        assert_eq!(one.roles[0].title, "VP");
        assert!(Arc::ptr_eq(&one, &in_force.objects().await.unwrap()));
        put(&store, "Vice President").await;
        let changed = in_force.objects().await.unwrap();
        assert_eq!(changed.roles[0].title, "Vice President");
        assert!(other.objects().delete(Kind::Role, "vp").await.unwrap());
        assert!(in_force.objects().await.unwrap().roles.is_empty());
    }

    #[tokio::test]
    async fn a_change_that_nobody_told_of_is_in_force_after_a_while() {
        let store = Store::in_memory().await.unwrap();
        put(&store, "VP").await;
        let clock = Arc::new(ManualClock::at("2026-11-24T06:00:00Z".parse().unwrap()));
        let in_force = InForce::new(store.clone(), clock.clone());
        in_force.objects().await.unwrap();
        let driver = store.driver();
        let c = crate::store::driver::Collection::Objects;
        assert!(driver.delete(c, "role/vp").await.unwrap());
        assert_eq!(in_force.objects().await.unwrap().roles.len(), 1);
        clock.advance(READ_AGAIN);
        assert!(in_force.objects().await.unwrap().roles.is_empty());
    }
}
