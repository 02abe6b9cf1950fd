//! The command line: one file per command. It parses, calls and prints; it holds no rules.

mod access;
mod apply;
mod ask;
mod audit;
mod check;
mod check_tools;
mod claims;
mod connector;
mod connector_accept;
mod connector_call;
mod connector_probe;
mod connector_sign_in;
mod connector_sql;
mod connector_tools;
mod data;
mod demo;
mod guard;
mod output;
mod progress;
mod proposal;
mod role;
mod run;
mod schedule;
mod schedule_send;
mod secret;
mod serve;
mod shell;
mod token;
mod usage;
mod user;

use std::{
    ffi::OsString,
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Parser, Subcommand};
use jiff::{Timestamp, tz::TimeZone};

use crate::{
    access::NoRole,
    app::App,
    clock::SystemClock,
    domain::people::{Role, User, UserState},
    error::{Problem, Problems},
    ids::RoleId,
    settings::{self, Settings},
    telemetry,
};
use output::{print, print_json, print_json_list, to_stderr};

/// Tells each leader every morning what could go wrong today.
#[derive(Debug, Parser)]
#[command(name = "daybrief", version, about, arg_required_else_help = true)]
pub struct Cli {
    /// Print JSON, for machines.
    #[arg(long, global = true)]
    json: bool,
    /// The settings; daybrief.toml without it.
    #[arg(long, global = true, value_name = "FILE", env = "DAYBRIEF_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A sample company: its sources, connectors and briefs, with nothing to set up.
    Demo(demo::Demo),
    /// The daemon: makes and delivers what is due, until it is told to stop.
    Serve(serve::Serve),
    /// Makes one brief now and prints it; delivers nothing.
    Run(run::Run),
    /// When things are due.
    #[command(subcommand)]
    Schedule(schedule::Command),
    /// Looks whether everything that is set up works.
    Check(check::Check),
    /// Brings the objects of a folder into force; shows the difference first.
    Apply(apply::Apply),
    /// Writes the objects in force into a folder.
    Export(apply::Export),
    /// Connectors: their tools, and our own.
    #[command(subcommand)]
    Connector(connector::Command),
    /// Secrets in the store, encrypted.
    #[command(subcommand)]
    Secret(secret::Command),
    /// People: who is let in, who waits, who is shut out.
    #[command(subcommand)]
    User(user::Command),
    /// Roles: what each may ask.
    #[command(subcommand)]
    Role(role::Command),
    /// What is allowed, and by which rule.
    #[command(subcommand)]
    Access(access::Command),
    /// One question, answered from live data under a role.
    Ask(ask::Ask),
    /// Texts from standard input as JSON lines, as they may leave.
    Guard(guard::Guard),
    /// Claims over tables from standard input as JSON lines, computed and worded, or refused with a reason.
    Claims(claims::Claims),
    /// Actions that wait for approval.
    #[command(subcommand)]
    Proposal(proposal::Command),
    /// Tokens with which other programs ask.
    #[command(subcommand)]
    Token(token::Command),
    /// The audit trail.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Completions for a shell, on standard output.
    Completions(shell::Completions),
    /// The manual page.
    Man(shell::Man),
    /// What was spent on models, by whom, and what is left of the budgets.
    Usage(usage::Usage),
    /// What is kept of one person.
    #[command(subcommand)]
    Data(data::Command),
}

/// Where the settings are, unless another file is named.
const SETTINGS: &str = "daybrief.toml";

/// Runs a command line; the exit code: 0 done, 1 a problem, 3 done with gaps, 4 denied.
pub async fn main(cli: Cli) -> u8 {
    let json = cli.json;
    telemetry::begin(!matches!(cli.command, Command::Serve(_)));
    let config = cli.config.as_deref().unwrap_or(Path::new(SETTINGS));
    let result = match cli.command {
        // These go without settings where there are none, but not without those that were named.
        Command::Run(_)
        | Command::Schedule(_)
        | Command::Connector(connector::Command::Probe(_))
            if cli.config.is_some() && !config.exists() =>
        {
            settings::load(config).map(|_| 0)
        }
        Command::Serve(command) => serve::run(command, config, json).await,
        Command::Check(command) => check::run(&command, config, json).await,
        Command::Apply(command) => apply::run(command, config, json).await,
        Command::Export(command) => apply::export(command, config, json).await,
        Command::Secret(command) => secret::run(command, config, json).await,
        Command::User(command) => user::run(command, config, json).await,
        Command::Role(command) => role::run(&command, config, json).await,
        Command::Access(command) => access::run(&command, config, json).await,
        Command::Audit(command) => audit::run(&command, config, json).await,
        Command::Guard(command) => Ok(guard::run(&command)),
        Command::Claims(command) => Ok(claims::run(&command)),
        Command::Ask(command) => ask::run(command, config, json).await,
        Command::Proposal(command) => proposal::run(command, config, json).await,
        Command::Token(command) => token::run(command, config, json).await,
        Command::Completions(command) => Ok(shell::completions(&command)),
        Command::Man(command) => shell::man(command),
        Command::Usage(command) => usage::run(&command, config, json).await,
        Command::Data(command) => data::run(&command, config, json).await,
        Command::Demo(command) => demo::run(command, json).await,
        Command::Run(command) => run::run(command, config, json).await,
        Command::Schedule(command) => schedule::run(&command, config, json).await,
        Command::Connector(command) => connector::run(command, config, json).await,
    };
    let code = match result {
        Ok(code) => code,
        Err(problems) => {
            if json {
                print_json(&problems);
            } else {
                to_stderr(&problems.to_string());
            }
            1
        }
    };
    finished(code, json)
}

/// The exit code, once all that was printed is out; 1 where it is not whole.
fn finished(code: u8, json: bool) -> u8 {
    let Some(problem) = output::end() else {
        return code;
    };
    let problems = one(problem);
    match serde_json::to_string(&problems) {
        Ok(text) if json => to_stderr(&text),
        _ => to_stderr(&problems.to_string()),
    }
    1
}

/// Tells what is wrong with a command line, or the help that it asks for; the exit code. As JSON on standard error where the
/// arguments ask for that.
pub fn misused(error: &clap::Error, mut arguments: impl Iterator<Item = OsString>) -> u8 {
    let code = u8::try_from(error.exit_code()).unwrap_or(2);
    let json = arguments
        .by_ref()
        .take_while(|argument| argument != "--")
        .any(|argument| argument == "--json");
    if !error.use_stderr() {
        // The help and the version that were asked for.
        print(error.render().to_string().trim_end());
        return finished(code, json);
    }
    if !json {
        let _ = error.print();
        return code;
    }
    let text = error.render().to_string();
    let paragraphs: Vec<String> = text
        .split("\n\n")
        .map(|paragraph| {
            let words: Vec<&str> = paragraph.split_whitespace().collect();
            words.join(" ")
        })
        .filter(|paragraph| !paragraph.is_empty())
        .collect();
    let what = paragraphs.first().map_or("", String::as_str);
    let problem = Problem::new("usage", what.strip_prefix("error: ").unwrap_or(what))
        .advise(paragraphs.get(1..).unwrap_or_default().join(" "));
    if let Ok(text) = serde_json::to_string(&one(problem)) {
        to_stderr(&text);
    }
    code
}

/// The instance of the settings' file.
async fn open(config: &Path) -> Result<App, Problems> {
    App::open(settings::load(config)?, Arc::new(SystemClock)).await
}

/// The settings, where there is a file of them: for commands that can do without an instance.
fn settings_if_there(config: &Path) -> Result<Option<Settings>, Problems> {
    if matches!(config.try_exists(), Ok(false)) {
        return Ok(None);
    }
    settings::load(config).map(Some)
}

/// Tells the person at the command line of models that are set up and cannot be used.
fn tell_of_models(app: &App) {
    for model in &app.settings.models {
        if let Some(problem) = app.problem_of_model(&model.id) {
            to_stderr(&format!("warning: {problem}"));
        }
    }
}

/// There is no object of this kind and id: what to do. Where none is in force, the files were not applied yet.
fn unknown<'k>(kind: &str, id: &str, known: impl IntoIterator<Item = &'k str>) -> Problem {
    let known: Vec<&str> = known.into_iter().collect();
    Problem::new(
        format!("unknown-{kind}"),
        format!("there is no {kind} `{id}`"),
    )
    .advise(if known.is_empty() {
        "none is in force: `daybrief apply` brings those of your files into force".to_owned()
    } else {
        crate::settings::shape::did_you_mean(id, known)
    })
}

/// Why a person cannot act, and all that keeps them from it: a role that nobody has is told beside a person who is shut out.
fn no_role(user: &User, roles: &[Role], chosen: Option<&RoleId>, error: &NoRole) -> Problems {
    let id = &user.id;
    let unknown = chosen.and_then(|chosen| role::find(roles, chosen).err());
    let own: Vec<String> = user.roles.iter().map(|role| format!("`{role}`")).collect();
    let advice = match error {
        NoRole::NotActive(_, UserState::Waiting) => {
            format!("let them in with `daybrief user approve {id}`")
        }
        NoRole::NotActive(..) => format!("let them in again with `daybrief user enable {id}`"),
        // That there is no such role says why it is not theirs.
        NoRole::NotTheirs { .. } if unknown.is_some() => {
            return Problems(unknown.into_iter().collect());
        }
        NoRole::None(_) => format!("name one in `roles` of the user `{id}`"),
        NoRole::NotTheirs { .. } => format!(
            "use one of theirs ({}), or add it to `roles` of the user `{id}`",
            own.join(", ")
        ),
        NoRole::NotHere { surface, .. } => format!(
            "add \"{surface}\" to `surfaces` of a role of theirs ({}), or ask with another role",
            own.join(", ")
        ),
    };
    let problem = Problem::new("no-role", error.to_string()).advise(advice);
    Problems(std::iter::once(problem).chain(unknown).collect())
}

fn one(problem: Problem) -> Problems {
    Problems(vec![problem])
}

/// An instant as it is given on the command line.
fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| {
        "is no instant: write date, time and offset (RFC 3339), such as 2026-11-24T07:10:00+01:00 or 2026-11-24T06:10:00Z"
            .to_owned()
    })
}

/// An instant as a person reads it: local, with its zone, to the minute.
fn local(instant: Timestamp, zone: &TimeZone) -> String {
    let name = match zone.iana_name() {
        Some("Etc/UTC") => "UTC".to_owned(),
        Some(name) => name.to_owned(),
        None => zone.to_offset(instant).to_string(),
    };
    let local = zone.to_datetime(instant).strftime("%a %d %b %Y %H:%M");
    format!("{local} {name}")
}

/// An instant for machines, to the second.
fn seconds(instant: Timestamp) -> String {
    Timestamp::from_second(instant.as_second())
        .unwrap_or(instant)
        .to_string()
}

/// A yes from a person at a terminal; a no where nobody can be asked.
fn confirmed(question: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        return false;
    }
    let mut stderr = std::io::stderr();
    let _ = write!(stderr, "{question} [y/N] ");
    let _ = stderr.flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok()
        && matches!(answer.trim(), "y" | "Y" | "yes" | "Yes")
}

fn on_terminal() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
