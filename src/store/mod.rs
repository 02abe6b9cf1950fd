//! Store.
pub mod drivers;
