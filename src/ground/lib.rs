//! The ground: plain tools without knowledge of the product, which everything else stands on.

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

pub mod clock;
pub mod error;
pub mod exact;
pub mod ids;
pub mod lane;
pub mod mail_address;
pub mod money;
pub mod telemetry;
pub mod text;
pub mod text_file;
pub mod tls;
pub mod zones;
