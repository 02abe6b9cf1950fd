//! When briefs are due: rules, zones, calendars, and the ticker that makes runs of them.

pub mod due;
pub mod rule;
mod surprises;
pub mod ticker;
