//! `daybrief claims`: what may be said of tables, and what not, without a model.

use std::io::{BufRead, BufWriter, Write};

use ::claims::{claim, line::Line};
use clap::Args;
use jiff::tz::TimeZone;

use super::{
    output::{Output, print_json},
    to_stderr,
};
use crate::{
    clock::{Clock, SystemClock},
    text_file,
};

/// `claims`
#[derive(Debug, Args)]
pub struct Claims {
    /// Print the JSON schema of a claim.
    #[arg(long)]
    schema: bool,
}

/// Runs `claims`: the schema, or one line of output for each of the input; 1 where a line could not be read.
pub fn run(command: &Claims) -> u8 {
    if command.schema {
        print_json(&claim::schema());
        return 0;
    }
    let mut out = BufWriter::new(Output);
    let mut code = 0;
    let today = TimeZone::UTC.to_datetime(SystemClock.now()).date();
    for (number, line) in (1_usize..).zip(std::io::stdin().lock().split(b'\n')) {
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                to_stderr(&format!("line {number}: cannot be read: {error}"));
                return 1;
            }
        };
        let line = text_file::line(&line);
        if line.trim_ascii().is_empty() {
            continue;
        }
        let answer = serde_json::from_slice::<Line>(line)
            .map_err(|error| error.to_string())
            .and_then(|line| line.answer(today));
        let written = match answer {
            Ok(answer) => serde_json::to_writer(&mut out, &answer)
                .map_err(std::io::Error::from)
                .and_then(|()| out.write_all(b"\n"))
                // Each answer leaves at once: whoever asks may wait for it.
                .and_then(|()| out.flush()),
            Err(error) => {
                code = 1;
                to_stderr(&format!(
                    "line {number}: not an object with `results` and `claims` (and `id`, `language`, `today`, `question`): {error}"
                ));
                Ok(())
            }
        };
        if written.is_err() {
            break;
        }
    }
    code
}
