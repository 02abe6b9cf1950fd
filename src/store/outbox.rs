//! Deliveries: one row a brief, recipient and channel.

use jiff::{SignedDuration, Timestamp};

use super::{
    Leased, Store, StoreError,
    driver::{Collection, Content, Fits, Range, Write},
    from_body, kept_until, micros,
    runs::KEPT_DAYS,
    to_body,
};
use crate::{
    domain::delivery::{Delivery, DeliveryState},
    ids::RunId,
};

/// More deliveries of one run than this are not read.
const MOST_OF_A_RUN: u32 = 100_000;

/// The outbox of a store.
pub struct Outbox<'a>(pub(super) &'a Store);

fn content(delivery: &Delivery) -> Result<Content, StoreError> {
    let due = match delivery.state {
        DeliveryState::Waiting { next, .. } => Some(next),
        DeliveryState::Sending { since } => Some(since),
        DeliveryState::InDoubt { ask, .. } => Some(ask),
        _ => None,
    };
    Ok(Content {
        body: to_body(Collection::Outbox, delivery.id.as_str(), delivery)?,
        group: Some(delivery.run.to_string()),
        order: 0,
        due: due.map(micros),
        expires: Some(kept_until(delivery.expires, KEPT_DAYS)),
    })
}

impl Outbox<'_> {
    /// Queues deliveries; those that are queued already stay as they are.
    pub async fn queue(&self, deliveries: &[Delivery]) -> Result<(), StoreError> {
        let writes = deliveries
            .iter()
            .map(|delivery| {
                Ok(Write {
                    collection: Collection::Outbox,
                    key: delivery.id.to_string(),
                    content: content(delivery)?,
                    fits: Fits::Fresh,
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        let mut rest = writes.as_slice();
        // What is queued already does not fit: go on behind it.
        loop {
            let made = self.0.driver.write_all(rest).await?;
            match rest.get(made + 1..) {
                Some(after) if !after.is_empty() => rest = after,
                _ => return Ok(()),
            }
        }
    }

    /// All deliveries of a run.
    pub async fn of_run(&self, run: &RunId) -> Result<Vec<Delivery>, StoreError> {
        self.0
            .driver
            .list(Collection::Outbox, run.as_str(), Range::all(MOST_OF_A_RUN))
            .await?
            .iter()
            .map(|document| from_body(Collection::Outbox, document))
            .collect()
    }

    /// Leases deliveries that are to be tried now.
    pub async fn claim(
        &self,
        now: Timestamp,
        lease: SignedDuration,
        limit: u32,
    ) -> Result<Vec<Leased<Delivery>>, StoreError> {
        self.0.claim(Collection::Outbox, now, lease, limit).await
    }

    /// Lengthens a delivery's lease.
    pub async fn extend(
        &self,
        delivery: &Leased<Delivery>,
        now: Timestamp,
        lease: SignedDuration,
    ) -> Result<(), StoreError> {
        self.0
            .extend(
                Collection::Outbox,
                delivery.id.as_str(),
                delivery,
                now,
                lease,
            )
            .await
    }

    /// Saves a delivery under its lease. While it is being sent the lease is kept, otherwise given back.
    pub async fn save(
        &self,
        delivery: &Leased<Delivery>,
        now: Timestamp,
        lease: SignedDuration,
    ) -> Result<(), StoreError> {
        let until = match delivery.state {
            DeliveryState::Sending { .. } => now.checked_add(lease).ok(),
            _ => None,
        };
        self.0
            .save(
                Collection::Outbox,
                delivery.id.as_str(),
                delivery,
                content(delivery)?,
                until,
            )
            .await
    }
}
