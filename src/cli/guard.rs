//! `daybrief guard`: texts from standard input, as they may leave.

use std::io::BufRead;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::{print, print_json, to_stderr};
use crate::guard::filter::{Context, Filter, Outcome};

/// `guard …`
#[derive(Debug, Args)]
pub struct Guard {}

/// One line of the input.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: serde_json::Value,
    text: String,
    #[serde(default)]
    context: Context,
}

/// One line of the output.
#[derive(Debug, Serialize)]
struct Verdict<'l> {
    id: &'l serde_json::Value,
    verdict: &'static str,
    text: &'l str,
    reasons: Vec<&'static str>,
}

/// Reads JSON lines `{"id", "text", "context": {…}}` and prints each text as it may leave. Exit code 1 where a line was not
/// of that form; the others go on.
pub fn run(_: &Guard, json: bool) -> u8 {
    let mut code = 0;
    for (number, line) in std::io::stdin().lock().lines().enumerate() {
        let number = number + 1;
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                to_stderr(&format!("line {number}: cannot be read: {error}"));
                return 1;
            }
        };
        if line.trim().is_empty() {
            continue;
        }
        match serde_json::from_str::<Line>(&line) {
            Ok(line) => show(&line, &Filter::new(&line.context).whole(&line.text), json),
            Err(error) => {
                to_stderr(&format!(
                    "line {number}: is not of the form {{\"id\", \"text\", \"context\"}}: {error}"
                ));
                code = 1;
            }
        }
    }
    code
}

fn show(line: &Line, outcome: &Outcome, json: bool) {
    let reasons: Vec<&'static str> = outcome.reasons.iter().map(|reason| reason.name()).collect();
    if json {
        print_json(&Verdict {
            id: &line.id,
            verdict: outcome.verdict.name(),
            text: &outcome.text,
            reasons,
        });
    } else {
        print(&format!(
            "{}  {}  {}",
            line.id,
            outcome.verdict.name(),
            reasons.join(", ")
        ));
        print(&outcome.text);
    }
}
