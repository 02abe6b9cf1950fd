//! All integration tests in one binary, a file per capability. They drive the built program as a person would.

mod access;
mod admin;
mod api;
mod ask;
mod audit;
mod conformance;
mod connector;
mod crowd;
mod daemon;
mod doors;
mod files;
mod gaps;
mod git;
mod guard;
mod languages;
mod layers;
mod mistakes;
mod model;
mod northwind;
mod output;
mod pairs;
mod program;
mod weak;

/// The real language model answers one after the other: who waits for it would run out of time.
static MODEL: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// The value of `DAYBRIEF_TEST_…` that says where a real server is. Where there is none what needs it is left out and
/// named; on a machine that must have all of them (`CI=true` or `DAYBRIEF_PEERS=required`) the test fails.
fn peer(variable: &str) -> Option<String> {
    let value = std::env::var(variable)
        .ok()
        .filter(|value| !value.is_empty());
    if value.is_none() {
        let required = std::env::var("CI").is_ok_and(|ci| ci == "true")
            || std::env::var("DAYBRIEF_PEERS").is_ok_and(|peers| peers == "required");
        assert!(!required, "no peer: {variable} is not set");
        println!("skipped: no peer: {variable}");
    }
    value
}
