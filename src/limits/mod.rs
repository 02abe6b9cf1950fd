//! The door to the models: no token is spent without a [`Reservation`], and only this module makes one.

use crate::ids::{ModelId, RoleId};

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
