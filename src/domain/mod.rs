//! The product's nouns as plain values, without I/O: what a person defines (roles, users, connectors, briefings,
//! schedules, calendars) and what a run makes of it (findings, gaps, briefs).

pub mod brief;
pub mod briefing;
pub mod calendar;
pub mod connector;
pub mod delivery;
pub mod finding;
pub mod people;
pub mod place;
pub mod proposal;
pub mod rich;
pub mod run;
pub mod schedule;
pub mod turn;
