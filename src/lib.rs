//! Daybrief tells each leader every morning what could go wrong today.
//!
//! The modules in layer order. A module may use what stands below it in this list and nothing above
//! (`tests/it/layers.rs` reads the `use` lines and fails otherwise). `docs/architecture.md` has the map.

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

// The command line and the wiring.
pub mod app;
pub mod cli;
pub mod daemon;
pub mod demo;

// Surfaces: where people and machines ask.
pub mod api;

// Flows: what happens over time.
pub mod act;
pub mod converse;
pub mod provision;
pub mod run;
pub mod schedule;

// Steps: one thing in, one thing out.
pub use claims::compute;

pub mod compose;
pub mod deliver;
pub mod gather;
pub mod render;
pub mod signals;

// World: what lies outside the process; each call takes the token of a door.
pub mod channels;
pub mod connectors;
pub mod models;

// Doors: who may, how much, what may leave.
pub mod access;
pub mod audit;
pub mod guard;
pub mod limits;

// Store: aggregates once, drivers twice.
pub mod store;

// Words: the product's nouns as plain values.
pub mod domain;
pub mod prompts;

// Ground: no knowledge of the product; a crate of its own but for what waits to move there.
pub use ground::{
    clock, error, exact, ids, lane, mail_address, money, telemetry, text, text_file, tls, zones,
};
pub mod secrets;
pub mod settings;
pub mod sql;

#[cfg(test)]
mod testing;
