//! Logs. They carry what the program does, never what a source answered.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

/// What is logged unless the environment says otherwise. Some libraries log whole answers at one level or another: they are
/// never heard, whatever is asked for.
const FILTER: &str = "info,sqlx=warn,hyper=warn,reqwest=warn,tokio_cron_scheduler=warn";
const NEVER: [&str; 3] = ["rmcp=off", "process_wrap=off", "async_openai=off"];

/// The variable that says what is logged, in the form of `EnvFilter`: `debug`, `daybrief::run=debug`.
pub const VARIABLE: &str = "DAYBRIEF_LOG";

/// What commands log, whose answer says itself what went wrong: that somebody may have been at the audit trail, and no more.
const QUIET: &str = "off,daybrief::audit=error";

/// Begins to log on standard error: lines for a person at a terminal, JSON objects otherwise. `quiet` is for commands whose
/// output is their answer: they log next to nothing, in lines.
pub fn begin(quiet: bool) {
    let wanted = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty());
    let wanted = wanted.unwrap_or_else(|| if quiet { QUIET } else { FILTER }.to_owned());
    let filter = NEVER.iter().fold(EnvFilter::new(wanted), |filter, never| {
        match never.parse() {
            Ok(directive) => filter.add_directive(directive),
            Err(_) => filter,
        }
    });
    let to_terminal = std::io::stderr().is_terminal();
    let builder = fmt()
        .with_env_filter(filter)
        .with_ansi(to_terminal)
        .with_writer(std::io::stderr)
        // That a log cannot be written would be told on the very same stream, and end the thread when that fails.
        .log_internal_errors(false);
    // A second call, as in tests, changes nothing.
    let _ = if quiet || to_terminal {
        builder.compact().try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
}
