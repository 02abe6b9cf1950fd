//! `daybrief audit`: the trail.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use jiff::{Timestamp, civil, tz::TimeZone};

use super::{
    one, open,
    output::{self, Output},
    print, print_json, to_stderr,
};
use crate::{
    app::App,
    audit::{Act, AuditError, Format, Outcome, Query, Reader, Seen},
    error::{Problem, Problems},
    zones,
};

/// `audit …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Reads the whole trail and recomputes its chain. Exit code 1 where a row is missing, changed or out of its place.
    Verify,
    /// Rows, the newest first. Who searches says why, and that is a row itself.
    Search(Search),
    /// All rows of a time, the oldest first, to standard output or a file.
    Export(Export),
}

/// Which rows.
#[derive(Debug, Args)]
pub struct Which {
    /// Not before this: `2026-11-24`, or an instant such as `2026-11-24T06:00:00Z`.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before this.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Why you look; kept in the trail.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// `audit search …`
#[derive(Debug, Args)]
pub struct Search {
    #[command(flatten)]
    which: Which,
    /// Who acted, or whom it concerned: the id of a user.
    #[arg(long, value_name = "USER")]
    person: Option<String>,
    #[arg(long)]
    role: Option<String>,
    /// A connector: rows about its tools.
    #[arg(long, value_name = "CONNECTOR")]
    source: Option<String>,
    /// Such as `tool-call`, `question`, `delivery`.
    #[arg(long)]
    act: Option<Act>,
    /// `allowed`, `denied`, `done`, `failed` or `unclear`.
    #[arg(long)]
    outcome: Option<Outcome>,
    /// Words that all stand in the row or its text.
    #[arg(long, value_name = "WORDS")]
    text: Option<String>,
    /// At most so many rows.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Rows below this number: where a search before has ended.
    #[arg(long, value_name = "NUMBER")]
    below: Option<u64>,
}

/// `audit export …`
#[derive(Debug, Args)]
pub struct Export {
    #[command(flatten)]
    which: Which,
    #[arg(long, value_enum, default_value = "jsonl")]
    format: Format,
    /// A file that is not yet there; standard output without it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Runs `audit …`.
pub async fn run(command: &Command, config: &Path, json: bool) -> Result<u8, Problems> {
    let app = open(config).await?;
    match command {
        Command::Verify => verify(&app, json).await,
        Command::Search(command) => search(&app, command, json).await,
        Command::Export(command) => export(&app, command, json).await,
    }
}

async fn verify(app: &App, json: bool) -> Result<u8, Problems> {
    let verified = app
        .parts
        .audit
        .verify()
        .await
        .map_err(|error| one(error.into()))?;
    if json {
        print_json(&verified);
    } else {
        match (verified.first_bad, verified.what) {
            (Some(bad), Some(what)) => print(&format!("row {bad} {}", what.words())),
            _ if verified.unsealed > 0 => print(&format!(
                "{} rows, whole; {} persons behind them are not sealed before the next row is written",
                verified.entries, verified.unsealed
            )),
            _ => print(&format!("{} rows, whole", verified.entries)),
        }
    }
    Ok(u8::from(!verified.ok))
}

async fn search(app: &App, command: &Search, json: bool) -> Result<u8, Problems> {
    let (reader, query) = asked(app, &command.which)?;
    let query = Query {
        person: command.person.clone(),
        role: command.role.clone(),
        source: command.source.clone(),
        act: command.act,
        outcome: command.outcome,
        text: command.text.clone(),
        below: command.below,
        ..query
    };
    let now = app.parts.clock.now();
    let found = app
        .parts
        .audit
        .search(&reader, &query, command.limit, now)
        .await
        .map_err(|error| one(error.into()))?;
    for row in &found.rows {
        if json {
            print_json(row);
        } else {
            print(&line(row));
        }
    }
    if let Some(below) = found.below {
        to_stderr(&format!("there may be more: go on with `--below {below}`"));
    } else if found.rows.is_empty() {
        to_stderr("no row is like that");
    }
    Ok(0)
}

/// A row for a person.
fn line(row: &Seen) -> String {
    let mut text = format!(
        "{:>8}  {}  {:<13} {:<8} {}",
        row.number,
        row.at,
        row.act.name(),
        row.outcome.name(),
        visible(&row.on),
    );
    for (word, part) in [("by", &row.user), ("about", &row.about), ("as", &row.role)] {
        if let Some(part) = part {
            text.push_str(&format!("  {word} {}", visible(part)));
        }
    }
    for part in [&row.why, &row.detail] {
        if !part.is_empty() {
            text.push_str(&format!("  {}", visible(part)));
        }
    }
    if let Some(said) = &row.text {
        text.push_str(&format!("\n          “{}”", visible(said)));
    }
    text
}

/// Text that cannot move a terminal's cursor.
fn visible(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

async fn export(app: &App, command: &Export, json: bool) -> Result<u8, Problems> {
    let (reader, query) = asked(app, &command.which)?;
    let unwritable = |path: &Path, error: std::io::Error| {
        one(Problem::new("output", format!("cannot be made: {error}"))
            .at(path.display().to_string()))
    };
    let file = command
        .out
        .as_deref()
        .map(|path| private_file(path).map_err(|error| unwritable(path, error)))
        .transpose()?;
    let mut out: Box<dyn Write + Send> = match &file {
        Some(file) => Box::new(std::io::BufWriter::new(file)),
        None => Box::new(std::io::BufWriter::new(Output)),
    };
    let now = app.parts.clock.now();
    let exported = app
        .parts
        .audit
        .export(&reader, &query, command.format, &mut out, now)
        .await;
    drop(out);
    // Some disks are found to be full only now.
    let exported = exported.and_then(|exported| {
        file.as_ref().map_or(Ok(()), std::fs::File::sync_all)?;
        Ok(exported)
    });
    let exported = match exported {
        Ok(exported) => exported,
        Err(_) if output::reader_is_gone() => return Ok(0),
        // What standard output did not take is told with its end.
        Err(_) if output::is_over() => return Ok(1),
        Err(error) => {
            let is_of_file = matches!(error, AuditError::Output(_) | AuditError::Csv(_));
            let mut problem = Problem::from(error);
            if let Some(path) = &command.out {
                // What is cut must not lie there as if it were whole.
                let _ = std::fs::remove_file(path);
                if is_of_file {
                    problem = problem.at(path.display().to_string());
                }
            }
            return Err(one(problem));
        }
    };
    if let Some(path) = &command.out {
        if json {
            print_json(&exported);
        } else {
            print(&format!("{} rows in {}", exported.rows, path.display()));
        }
    }
    Ok(0)
}

/// A new file that its owner alone reads.
pub(super) fn private_file(path: &Path) -> std::io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Who looks, and at which time.
fn asked(app: &App, which: &Which) -> Result<(Reader, Query), Problems> {
    let reader = Reader::new(None, "cli", &which.reason).map_err(|error| one(error.into()))?;
    let zone = zones::get(&app.settings.instance.zone).unwrap_or(TimeZone::UTC);
    let time = |name: &str, text: &Option<String>| {
        let text = text.as_deref();
        text.map(|text| instant(text, &zone).ok_or_else(|| bad_time(name)))
            .transpose()
    };
    let query = Query {
        from: time("--from", &which.from)?,
        to: time("--to", &which.to)?,
        ..Query::default()
    };
    if let (Some(from), Some(to)) = (query.from, query.to)
        && from >= to
    {
        return Err(one(Problem::new(
            "bad-time",
            "--from is not before --to, so no row is between them",
        )
        .advise(
            "exchange the two; --to is the first instant that is not looked at",
        )));
    }
    Ok((reader, query))
}

/// An instant, or the beginning of a day in the company's zone.
fn instant(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if let Ok(instant) = text.parse() {
        return Some(instant);
    }
    let day: civil::Date = text.parse().ok()?;
    let midnight = day.to_datetime(civil::Time::midnight());
    zone.to_timestamp(midnight).ok()
}

fn bad_time(name: &str) -> Problems {
    one(Problem::new("bad-time", "this is no time")
        .at(name)
        .advise("write a day, `2026-11-24`, or an instant, `2026-11-24T06:00:00Z`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_in_the_companys_zone() {
        let berlin = zones::get("Europe/Berlin").unwrap();
        assert_eq!(
            instant("2026-11-24", &berlin).unwrap().to_string(),
            "2026-11-23T23:00:00Z"
        );
        assert_eq!(
            instant("2026-11-24T06:00:00Z", &berlin)
                .unwrap()
                .to_string(),
            "2026-11-24T06:00:00Z"
        );
        assert!(instant("yesterday", &berlin).is_none());
    }
}
