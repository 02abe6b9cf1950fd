//! A store that loses its power after so many writes, for tests of what goes on afterwards.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use async_trait::async_trait;

use super::{
    Store, StoreError,
    driver::{Collection, Content, Document, Driver, Fits, Range, Write},
};

struct Faulty {
    inner: Arc<dyn Driver>,
    writes_left: AtomicI64,
}

impl Faulty {
    fn write(&self) -> Result<(), StoreError> {
        if self.writes_left.fetch_sub(1, Ordering::SeqCst) > 0 {
            Ok(())
        } else {
            Err(StoreError::Unavailable("the power is gone".to_owned()))
        }
    }
}

impl Store {
    /// What lies below, to write past everything that guards it.
    pub fn driver(&self) -> &dyn Driver {
        self.driver.as_ref()
    }

    /// The same store, which takes `writes` more writes through this handle and then none.
    pub fn that_fails_after(&self, writes: i64) -> Self {
        Self {
            driver: Arc::new(Faulty {
                inner: self.driver.clone(),
                writes_left: AtomicI64::new(writes),
            }),
        }
    }
}

#[async_trait]
impl Driver for Faulty {
    async fn insert(
        &self,
        c: Collection,
        key: &str,
        content: &Content,
    ) -> Result<bool, StoreError> {
        self.write()?;
        self.inner.insert(c, key, content).await
    }

    /// One by one, as a driver may make them that has no transactions: the power goes between any two.
    async fn write_all(&self, writes: &[Write]) -> Result<usize, StoreError> {
        for (done, write) in writes.iter().enumerate() {
            if write.fits != Fits::Same {
                self.write()?;
            }
            if self.inner.write_all(std::slice::from_ref(write)).await? == 0 {
                return Ok(done);
            }
        }
        Ok(writes.len())
    }

    async fn get(&self, c: Collection, key: &str) -> Result<Option<Document>, StoreError> {
        self.inner.get(c, key).await
    }

    async fn get_all(&self, c: Collection, keys: &[&str]) -> Result<Vec<Document>, StoreError> {
        self.inner.get_all(c, keys).await
    }

    async fn list(
        &self,
        c: Collection,
        group: &str,
        range: Range,
    ) -> Result<Vec<Document>, StoreError> {
        self.inner.list(c, group, range).await
    }

    async fn replace(
        &self,
        c: Collection,
        key: &str,
        version: i64,
        content: &Content,
    ) -> Result<bool, StoreError> {
        self.write()?;
        self.inner.replace(c, key, version, content).await
    }

    async fn delete(&self, c: Collection, key: &str) -> Result<bool, StoreError> {
        self.write()?;
        self.inner.delete(c, key).await
    }

    async fn claim(
        &self,
        c: Collection,
        now: i64,
        until: i64,
        limit: u32,
    ) -> Result<Vec<Document>, StoreError> {
        self.write()?;
        self.inner.claim(c, now, until, limit).await
    }

    async fn save(
        &self,
        c: Collection,
        key: &str,
        fence: i64,
        content: &Content,
        until: Option<i64>,
    ) -> Result<bool, StoreError> {
        self.write()?;
        self.inner.save(c, key, fence, content, until).await
    }

    async fn extend(
        &self,
        c: Collection,
        key: &str,
        fence: i64,
        until: i64,
    ) -> Result<bool, StoreError> {
        self.write()?;
        self.inner.extend(c, key, fence, until).await
    }

    async fn expire(&self, now: i64) -> Result<u64, StoreError> {
        self.write()?;
        self.inner.expire(now).await
    }

    async fn delete_up_to(&self, c: Collection, group: &str, to: i64) -> Result<u64, StoreError> {
        self.write()?;
        self.inner.delete_up_to(c, group, to).await
    }

    async fn scan(
        &self,
        c: Collection,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Document>, StoreError> {
        self.inner.scan(c, after, limit).await
    }

    async fn replace_body(
        &self,
        c: Collection,
        key: &str,
        version: i64,
        body: &str,
    ) -> Result<bool, StoreError> {
        self.write()?;
        self.inner.replace_body(c, key, version, body).await
    }

    async fn scrub(&self) -> Result<bool, StoreError> {
        self.write()?;
        self.inner.scrub().await
    }
}
