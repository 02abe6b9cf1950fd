//! What may be said about results: computed exactly from rows in memory, never guessed.
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

pub mod compute;
