//! The door to the models: no token is spent without a [`Reservation`], and only this module makes one.
//!
//! A role has a budget of tokens for each calendar month. What a call may use at most is taken out of it before the call
//! and what it did use is put in its place after. A call whose end nobody saw counts as if it had used all.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use crate::{
    domain::people::Role,
    ids::{ModelId, RoleId, fresh},
    store::{Month, Reserved, Store, StoreError},
};

/// A call is over in any case after this; a reservation older than it counts as spent.
const RESERVATION_ENDS: SignedDuration = SignedDuration::from_mins(30);

/// The right to make one model call of at most so many tokens. It cannot be copied and is consumed by the call.
#[derive(Debug)]
#[must_use = "a reservation that is not used holds budget back"]
pub struct Reservation {
    id: String,
    role: RoleId,
    model: ModelId,
    max_tokens: u64,
}

impl Reservation {
    /// The row of the store that holds it.
    pub fn id(&self) -> &str {
        &self.id
    }
    pub fn role(&self) -> &RoleId {
        &self.role
    }
    /// The model it was made for; another is refused.
    pub fn model(&self) -> &ModelId {
        &self.model
    }
    /// Tokens in and out that the call may use at most.
    pub fn max_tokens(&self) -> u64 {
        self.max_tokens
    }

    /// A reservation that no budget stands behind, for unit tests of what consumes one.
    #[cfg(test)]
    pub fn for_test(model: &str) -> Self {
        Self {
            id: "test".to_owned(),
            role: RoleId::new("test").unwrap(),
            model: ModelId::new(model).unwrap(),
            max_tokens: 100_000,
        }
    }
}

/// Why nothing was reserved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OverBudget {
    #[error("the month's budget of {budget} tokens does not hold {wanted} more: {taken} are taken")]
    Budget {
        budget: u64,
        taken: u64,
        wanted: u64,
    },
    /// Without the store nothing can be reserved, so nothing is spent.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The budgets of one store.
#[derive(Clone)]
pub struct Limits {
    store: Store,
    /// In which zone a month begins.
    zone: TimeZone,
}

impl Limits {
    pub fn new(store: Store, zone: TimeZone) -> Self {
        Self { store, zone }
    }

    fn month(&self, at: Timestamp) -> String {
        let date = self.zone.to_datetime(at).date();
        format!("{:04}-{:02}", date.year(), date.month())
    }

    /// Takes `tokens` out of the role's month, or says why not. Parallel calls cannot take more than there is.
    pub async fn reserve(
        &self,
        role: &Role,
        model: &ModelId,
        tokens: u64,
        now: Timestamp,
    ) -> Result<Reservation, OverBudget> {
        let id = format!("{}.{}", self.month(now), fresh());
        let until = now.checked_add(RESERVATION_ENDS).unwrap_or(Timestamp::MAX);
        self.store
            .usage()
            .change(role.id.as_str(), &self.month(now), |month| {
                settle_what_ended(month, now);
                let taken = month.taken();
                if taken.saturating_add(tokens) > role.monthly_tokens {
                    return Err(OverBudget::Budget {
                        budget: role.monthly_tokens,
                        taken,
                        wanted: tokens,
                    });
                }
                month.reserved.insert(
                    id.clone(),
                    Reserved {
                        model: model.to_string(),
                        tokens,
                        until,
                    },
                );
                Ok(())
            })
            .await??;
        Ok(Reservation {
            id,
            role: role.id.clone(),
            model: model.clone(),
            max_tokens: tokens,
        })
    }

    /// Puts what a call used in the place of what was reserved for it. Settling twice changes nothing.
    pub async fn settle(
        &self,
        role: &RoleId,
        reservation: &str,
        tokens_in: u64,
        tokens_out: u64,
    ) -> Result<(), StoreError> {
        // The month in which it was reserved stands in its id: it may be another than now's.
        let month = reservation.split('.').next().unwrap_or_default();
        self.store
            .usage()
            .change(role.as_str(), month, |month| {
                if let Some(reserved) = month.reserved.remove(reservation) {
                    let spent = month.spent.entry(reserved.model).or_default();
                    spent.tokens_in = spent.tokens_in.saturating_add(tokens_in);
                    spent.tokens_out = spent.tokens_out.saturating_add(tokens_out);
                    spent.calls += 1;
                }
                Ok::<(), StoreError>(())
            })
            .await?
    }

    /// What a role's month holds now.
    pub async fn month_of(&self, role: &RoleId, now: Timestamp) -> Result<Month, StoreError> {
        self.store
            .usage()
            .get(role.as_str(), &self.month(now))
            .await
    }
}

/// Reservations whose calls must be over count as spent: nobody saw what they used.
fn settle_what_ended(month: &mut Month, now: Timestamp) {
    let ended: Vec<String> = month
        .reserved
        .iter()
        .filter(|(_, reserved)| reserved.until <= now)
        .map(|(id, _)| id.clone())
        .collect();
    for id in ended {
        if let Some(reserved) = month.reserved.remove(&id) {
            let spent = month.spent.entry(reserved.model).or_default();
            spent.tokens_in = spent.tokens_in.saturating_add(reserved.tokens);
            spent.calls += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(budget: u64) -> Role {
        toml::from_str(&format!("id = 'r'\ntitle = 'R'\nmonthly_tokens = {budget}")).unwrap()
    }

    fn model() -> ModelId {
        ModelId::new("m").unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    async fn limits() -> Limits {
        Limits::new(Store::in_memory().await.unwrap(), TimeZone::UTC)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn calls_at_once_cannot_take_more_than_there_is() {
        let (limits, role) = (limits().await, role(1_000));
        let now = at("2026-11-24T06:00:00Z");
        let calls = (0..50).map(|_| {
            let (limits, role) = (limits.clone(), role.clone());
            tokio::spawn(async move { limits.reserve(&role, &model(), 100, now).await })
        });
        let won: Vec<Reservation> = futures_util::future::join_all(calls)
            .await
            .into_iter()
            .filter_map(|call| call.unwrap().ok())
            .collect();
        assert_eq!(won.len(), 10);
        for reservation in won {
            limits
                .settle(&role.id, reservation.id(), 30, 20)
                .await
                .unwrap();
        }
        assert_eq!(limits.month_of(&role.id, now).await.unwrap().taken(), 500);
    }

    #[tokio::test]
    async fn a_call_whose_end_nobody_saw_counts_whole_and_a_late_word_changes_nothing() {
        let (limits, role) = (limits().await, role(1_000));
        let lost = limits
            .reserve(&role, &model(), 600, at("2026-11-24T06:00:00Z"))
            .await
            .unwrap();
        let later = at("2026-11-24T07:00:00Z");
        assert!(matches!(
            limits.reserve(&role, &model(), 500, later).await,
            Err(OverBudget::Budget { taken: 600, .. })
        ));
        let held = limits.reserve(&role, &model(), 400, later).await.unwrap();
        limits.settle(&role.id, lost.id(), 1, 1).await.unwrap();
        assert_eq!(
            limits.month_of(&role.id, later).await.unwrap().taken(),
            1_000
        );
        limits.settle(&role.id, held.id(), 10, 5).await.unwrap();
        limits.settle(&role.id, held.id(), 10, 5).await.unwrap();
        assert_eq!(limits.month_of(&role.id, later).await.unwrap().taken(), 615);
    }

    #[tokio::test]
    async fn a_month_begins_in_the_companys_zone_and_a_call_is_settled_where_it_was_reserved() {
        let store = Store::in_memory().await.unwrap();
        let limits = Limits::new(store, TimeZone::get("Europe/Berlin").unwrap());
        let role = role(100);
        let (november, december) = (at("2026-11-30T22:59:00Z"), at("2026-11-30T23:01:00Z"));
        let held = limits
            .reserve(&role, &model(), 100, november)
            .await
            .unwrap();
        assert!(limits.reserve(&role, &model(), 100, december).await.is_ok());
        limits.settle(&role.id, held.id(), 7, 0).await.unwrap();
        assert_eq!(
            limits.month_of(&role.id, november).await.unwrap().taken(),
            7
        );
        assert_eq!(
            limits.month_of(&role.id, december).await.unwrap().taken(),
            100
        );
    }
}
