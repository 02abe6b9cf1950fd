//! Secrets as they lie in the store: sealed, under their names. Opening them is `crate::secrets::vault`'s.

use super::{
    Store, StoreError,
    driver::{Collection, Content, Range},
    from_body, to_body,
};
use crate::secrets::vault::Sealed;

const GROUP: &str = "all";
const MOST: u32 = 10_000;

/// The sealed secrets of a store.
pub struct SealedSecrets<'a>(pub(super) &'a Store);

impl SealedSecrets<'_> {
    pub async fn get(&self, name: &str) -> Result<Option<Sealed>, StoreError> {
        self.0
            .driver
            .get(Collection::Secrets, name)
            .await?
            .map(|document| from_body(Collection::Secrets, &document))
            .transpose()
    }

    /// Makes a secret unless there is one of this name.
    pub async fn make(&self, name: &str, sealed: &Sealed) -> Result<(), StoreError> {
        self.change(name, sealed, |exists| !exists).await
    }

    /// Makes or replaces a secret.
    pub async fn put(&self, name: &str, sealed: &Sealed) -> Result<(), StoreError> {
        self.change(name, sealed, |_| true).await
    }

    /// Replaces a secret that is still as it was seen (nothing: there was none); false where it is not.
    pub async fn replace(
        &self,
        name: &str,
        seen: Option<&Sealed>,
        sealed: &Sealed,
    ) -> Result<bool, StoreError> {
        let content = Content {
            body: to_body(Collection::Secrets, name, sealed)?,
            group: Some(GROUP.to_owned()),
            ..Content::default()
        };
        let mut replaced = false;
        self.0
            .put(Collection::Secrets, name, |before| {
                let before: Option<Sealed> = before
                    .map(|document| from_body(Collection::Secrets, document))
                    .transpose()?;
                replaced = before.as_ref() == seen;
                Ok(replaced.then(|| content.clone()))
            })
            .await?;
        Ok(replaced)
    }

    async fn change(
        &self,
        name: &str,
        sealed: &Sealed,
        wanted: impl Fn(bool) -> bool + Send,
    ) -> Result<(), StoreError> {
        let content = Content {
            body: to_body(Collection::Secrets, name, sealed)?,
            group: Some(GROUP.to_owned()),
            ..Content::default()
        };
        self.0
            .put(Collection::Secrets, name, |before| {
                Ok(wanted(before.is_some()).then(|| content.clone()))
            })
            .await
    }

    /// The names of all secrets, in order.
    pub async fn names(&self) -> Result<Vec<String>, StoreError> {
        let documents = self
            .0
            .driver
            .list(Collection::Secrets, GROUP, Range::all(MOST))
            .await?;
        Ok(documents.into_iter().map(|document| document.key).collect())
    }

    /// Removes a secret; false where there was none.
    pub async fn delete(&self, name: &str) -> Result<bool, StoreError> {
        self.0.driver.delete(Collection::Secrets, name).await
    }
}
