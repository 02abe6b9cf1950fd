//! What may be said about results: computed exactly from rows in memory, never guessed, and worded by us.
//!
//! A model writes [`claim::Claim`]s: which rows, which columns, what is asked of them. [`Evaluator`] computes each over
//! [`result::Results`] and gives [`computed::Computed`], a value with all that its sentence owes, or a [`refusal::Refusal`].
//! [`say::Writer`] words it in the reader's language.
//!
//! Pure: no clock, no store, no network.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::todo,
        clippy::dbg_macro
    )
)]

pub mod assessment;
pub mod claim;
pub mod compute;
pub mod computed;
mod evaluate;
pub mod line;
pub mod menu;
pub mod period;
pub mod refusal;
pub mod result;
pub mod say;
pub mod words;

pub use evaluate::Evaluator;
