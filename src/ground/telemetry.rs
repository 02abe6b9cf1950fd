//! Logs. They carry what the program does, never what a source answered.

use std::io::IsTerminal;

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    EnvFilter, fmt,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// What is logged unless the environment says otherwise. Some libraries log whole answers at one level or another: they are
/// never heard, whatever is asked for.
const FILTER: &str = "info,sqlx=warn,hyper=warn,reqwest=warn,tokio_cron_scheduler=warn";
const NEVER: [&str; 3] = ["rmcp=off", "process_wrap=off", "async_openai=off"];

/// The variable that says what is logged, in the form of `EnvFilter`: `debug`, `daybrief::run=debug`.
pub const VARIABLE: &str = "DAYBRIEF_LOG";

/// What commands log, whose answer says itself what went wrong: that somebody may have been at the audit trail, and no more.
const QUIET: &str = "off,daybrief::audit=error";

/// Begins to log on standard error: lines for a person at a terminal, JSON objects otherwise. `quiet` is for commands whose
/// output is their answer: they log next to nothing, each as a sentence for a person.
pub fn begin(quiet: bool) {
    let wanted = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty());
    let as_sentences = quiet && wanted.is_none();
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
    let _ = if as_sentences {
        builder.event_format(Sentences).try_init()
    } else if to_terminal {
        builder.compact().try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
}

/// Events as sentences for a person: `error: MESSAGE: WHAT`, and what to do in a line of its own.
struct Sentences;

impl<S, N> FormatEvent<S, N> for Sentences
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let mut said = Said::default();
        event.record(&mut said);
        writer.write_str(match *event.metadata().level() {
            Level::ERROR => "error: ",
            Level::WARN => "warning: ",
            _ => "",
        })?;
        writer.write_str(&said.message)?;
        for what in &said.rest {
            write!(writer, ": {what}")?;
        }
        writeln!(writer)?;
        match said.advice.is_empty() {
            true => Ok(()),
            false => writeln!(writer, "  → {}", said.advice),
        }
    }
}

/// What an event holds.
#[derive(Default)]
struct Said {
    message: String,
    advice: String,
    rest: Vec<String>,
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            "advice" => value.clone_into(&mut self.advice),
            _ => self.rest.push(value.to_owned()),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_a_sentence_with_what_to_do_below_it() {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = fmt()
            .with_writer(move || writer.clone())
            .event_format(Sentences)
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let tried = std::io::Error::other("fast gave no answer");
            tracing::error!(%tried, advice = "start it", "no model worded the brief");
        });
        let said = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert_eq!(
            said,
            "error: no model worded the brief: fast gave no answer\n  → start it\n"
        );
    }
}
