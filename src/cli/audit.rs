//! `daybrief audit`: the trail.

use std::path::Path;

use clap::Subcommand;

use super::{one, open, print, print_json};
use crate::error::Problems;

/// `audit …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Reads the whole trail and recomputes its chain. Exit code 1 where a row is missing, changed or out of its place.
    Verify,
}

/// Runs `audit …`.
pub async fn run(command: &Command, config: &Path, json: bool) -> Result<u8, Problems> {
    let Command::Verify = command;
    let app = open(config).await?;
    let verified = app
        .parts
        .audit
        .verify()
        .await
        .map_err(|error| one(error.into()))?;
    if json {
        print_json(&verified);
    } else {
        match verified.first_bad {
            None => print(&format!("{} rows, whole", verified.entries)),
            Some(bad) => print(&format!(
                "row {bad} is missing, changed or out of its place"
            )),
        }
    }
    Ok(u8::from(!verified.ok))
}
