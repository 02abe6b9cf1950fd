//! Standard output, written in one place: a command whose output did not arrive whole does not end as if it had.

use std::{
    io::{self, Write},
    sync::{Mutex, PoisonError},
};

use serde::Serialize;

use crate::error::Problem;

/// The first error of this process; nothing more is written after it.
static FAILED: Mutex<Option<io::Error>> = Mutex::new(None);

/// Standard output. Every command writes here and nowhere else.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output;

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        keep(io::stdout().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        keep(io::stdout().flush())
    }
}

/// The result, remembered where it is the first error.
fn keep<T>(result: io::Result<T>) -> io::Result<T> {
    if let Err(error) = &result
        && error.kind() != io::ErrorKind::Interrupted
    {
        let mut failed = FAILED.lock().unwrap_or_else(PoisonError::into_inner);
        failed.get_or_insert_with(|| match error.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::from(error.kind()),
        });
    }
    result
}

/// Has writing failed? There is no use in going on then.
pub(super) fn is_over() -> bool {
    let failed = FAILED.lock().unwrap_or_else(PoisonError::into_inner);
    failed.is_some()
}

/// Has whoever read it gone away, as `head` does? That is their will, and no failure.
pub(super) fn reader_is_gone() -> bool {
    let failed = FAILED.lock().unwrap_or_else(PoisonError::into_inner);
    failed.as_ref().is_some_and(is_gone)
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

/// Ends the output: what of it did not arrive, unless its reader went away.
pub(super) fn end() -> Option<Problem> {
    let _ = Output.flush();
    let mut failed = FAILED.lock().unwrap_or_else(PoisonError::into_inner);
    let error = failed.take().filter(|error| !is_gone(error))?;
    Some(
        Problem::new(
            "output",
            format!("what it printed is not whole: it cannot be written: {error}"),
        )
        .at("standard output")
        .advise("make room, or write it elsewhere"),
    )
}

/// Prints a line. What fails is kept for the [`end`].
pub(super) fn print(line: &str) {
    if !is_over() {
        let _ = writeln!(Output, "{line}");
    }
}

/// Prints a part of a line at once.
pub(super) fn print_part(text: &str) {
    if !is_over() {
        let _ = write!(Output, "{text}").and_then(|()| Output.flush());
    }
}

/// A line for each; `[]` where there is none, so that a machine is always told something.
pub(super) fn print_json_list(values: &[impl Serialize]) {
    if values.is_empty() {
        print("[]");
    }
    values.iter().for_each(print_json);
}

/// Prints a value as a line of JSON.
pub(super) fn print_json(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => print(&text),
        Err(error) => {
            let _ = keep::<()>(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
        }
    }
}

/// Prints a line for a person beside the output.
pub(super) fn to_stderr(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
