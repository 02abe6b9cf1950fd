//! The audit trail's rows as they lie in the store: numbered from 1, never changed. What stands in them and how they are
//! chained is `crate::audit`'s.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Store, StoreError,
    driver::{Collection, Content, Range},
    from_body, to_body,
};

const GROUP: &str = "all";

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// From 1, without a hole.
    pub number: u64,
    /// What happened.
    pub entry: Value,
    /// Over the number, the entry and the hash of the row before.
    pub hash: String,
}

/// The trail of a store.
pub struct AuditRows<'a>(pub(super) &'a Store);

fn key(number: u64) -> String {
    format!("{number:020}")
}

impl AuditRows<'_> {
    /// The last row.
    pub async fn last(&self) -> Result<Option<AuditRow>, StoreError> {
        let last = self
            .0
            .driver
            .list(Collection::Audit, GROUP, Range::up_to(i64::MAX, 1))
            .await?;
        last.first()
            .map(|document| from_body(Collection::Audit, document))
            .transpose()
    }

    /// Appends rows; false where another node has appended in the meantime, then none of them is there.
    pub async fn append(&self, rows: &[AuditRow]) -> Result<bool, StoreError> {
        let documents = rows
            .iter()
            .map(|row| {
                let key = key(row.number);
                Ok((
                    key.clone(),
                    Content {
                        body: to_body(Collection::Audit, &key, row)?,
                        group: Some(GROUP.to_owned()),
                        order: i64::try_from(row.number).unwrap_or(i64::MAX),
                        ..Content::default()
                    },
                ))
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        Ok(self
            .0
            .driver
            .insert_all(Collection::Audit, &documents)
            .await?
            > 0)
    }

    /// At most `limit` rows from a number on.
    pub async fn from(&self, number: u64, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        let range = Range {
            from: i64::try_from(number).unwrap_or(i64::MAX),
            to: i64::MAX,
            newest_first: false,
            limit,
        };
        self.0
            .driver
            .list(Collection::Audit, GROUP, range)
            .await?
            .iter()
            .map(|document| from_body(Collection::Audit, document))
            .collect()
    }
}
