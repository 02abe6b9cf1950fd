//! Turns against real MCP servers in child processes and models that misbehave.

pub mod bench;
mod costs;
mod ends;
mod injection;
mod obeying;
mod places;
pub mod scripted;
mod transcripts;
mod turns;
