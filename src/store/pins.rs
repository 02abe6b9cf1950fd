//! Descriptions of tools: the accepted one, and one that waits for an admin.

use serde::{Deserialize, Serialize};

use super::{
    Store, StoreError,
    driver::{Collection, Content, Range},
    from_body, to_body,
};
use crate::ids::ConnectorId;

const MOST_OF_A_CONNECTOR: u32 = 10_000;

/// A tool's pin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinRow {
    pub tool: String,
    /// SHA-256 of the accepted description, in hex.
    pub accepted: String,
    /// What the server says now, where it is another: hash and description. Hostile text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<(String, String)>,
    /// The accepted description. Hostile text.
    pub description: String,
}

/// The pins of a store.
pub struct PinRows<'a>(pub(super) &'a Store);

fn key(connector: &ConnectorId, tool: &str) -> String {
    format!("{connector}/{tool}")
}

impl PinRows<'_> {
    pub async fn get(
        &self,
        connector: &ConnectorId,
        tool: &str,
    ) -> Result<Option<PinRow>, StoreError> {
        self.0
            .driver
            .get(Collection::Pins, &key(connector, tool))
            .await?
            .map(|document| from_body(Collection::Pins, &document))
            .transpose()
    }

    /// All pins of a connector, by tool.
    pub async fn of(&self, connector: &ConnectorId) -> Result<Vec<PinRow>, StoreError> {
        self.0
            .driver
            .list(
                Collection::Pins,
                connector.as_str(),
                Range::all(MOST_OF_A_CONNECTOR),
            )
            .await?
            .iter()
            .map(|document| from_body(Collection::Pins, document))
            .collect()
    }

    /// Changes a pin as one step: `change` gets what is there and gives what shall be; nothing leaves it.
    pub async fn change(
        &self,
        connector: &ConnectorId,
        tool: &str,
        change: impl Fn(Option<PinRow>) -> Option<PinRow> + Sync,
    ) -> Result<(), StoreError> {
        let key = key(connector, tool);
        self.0
            .put(Collection::Pins, &key, |document| {
                let before = document
                    .map(|document| from_body(Collection::Pins, document))
                    .transpose()?;
                change(before)
                    .map(|row| {
                        Ok(Content {
                            body: to_body(Collection::Pins, &key, &row)?,
                            group: Some(connector.to_string()),
                            ..Content::default()
                        })
                    })
                    .transpose()
            })
            .await
    }
}
