//! `daybrief guard`: what may leave of texts, and why not all.

use std::io::{BufRead, BufWriter, Write};

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{output::Output, to_stderr};
use crate::{
    guard::filter::{Context, Filter, Reason, Verdict},
    text_file,
};

/// `guard`
#[derive(Debug, Args)]
pub struct Guard {}

/// One line of the input.
#[derive(Debug, Deserialize)]
struct Line {
    #[serde(default)]
    id: Value,
    text: String,
    #[serde(default)]
    context: Option<Context>,
}

/// One line of the output.
#[derive(Debug, Serialize)]
struct Cleared {
    id: Value,
    verdict: Verdict,
    text: String,
    reasons: Vec<&'static str>,
}

/// Runs `guard`: one line of output for each of the input; 1 where a line could not be read.
pub fn run(_: &Guard) -> u8 {
    let mut out = BufWriter::new(Output);
    let mut code = 0;
    for (number, line) in (1_usize..).zip(std::io::stdin().lock().split(b'\n')) {
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                to_stderr(&format!("line {number}: cannot be read: {error}"));
                code = 1;
                break;
            }
        };
        let line = text_file::line(&line);
        if line.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice::<Line>(line) {
            Ok(line) => {
                // Each answer leaves at once: whoever asks may wait for it.
                if write(&mut out, clear(line))
                    .and_then(|()| out.flush())
                    .is_err()
                {
                    break;
                }
            }
            Err(error) => {
                code = 1;
                to_stderr(&format!(
                    "line {number}: not an object with `text` (and `id`, `context`): {error}"
                ));
            }
        }
    }
    code
}

fn clear(line: Line) -> Cleared {
    let outcome = Filter::new(&line.context.unwrap_or_default()).whole(&line.text);
    Cleared {
        id: line.id,
        verdict: outcome.verdict,
        text: outcome.text,
        reasons: outcome.reasons.into_iter().map(Reason::name).collect(),
    }
}

fn write(out: &mut impl Write, cleared: Cleared) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, &cleared)?;
    out.write_all(b"\n")
}
