//! The command line: one file per command. It parses, calls and prints; it holds no rules.

mod access;
mod apply;
mod ask;
mod audit;
mod check;
mod connector;
mod connector_probe;
mod connector_sign_in;
mod connector_sql;
mod data;
mod demo;
mod guard;
mod progress;
mod proposal;
mod role;
mod run;
mod schedule;
mod secret;
mod serve;
mod shell;
mod token;
mod usage;
mod user;

use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Parser, Subcommand};
use serde::Serialize;

use crate::{
    app::App,
    clock::SystemClock,
    error::{Problem, Problems},
    settings, telemetry,
};

/// Tells each leader every morning what could go wrong today.
#[derive(Debug, Parser)]
#[command(name = "daybrief", version, about, arg_required_else_help = true)]
pub struct Cli {
    /// Print JSON, for machines.
    #[arg(long, global = true)]
    json: bool,
    /// The settings.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "DAYBRIEF_CONFIG",
        default_value = "daybrief.toml"
    )]
    config: PathBuf,
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

/// Runs a command line; the exit code: 0 done, 1 a problem, 3 done with gaps, 4 denied.
pub async fn main(cli: Cli) -> u8 {
    let json = cli.json;
    telemetry::begin(!matches!(cli.command, Command::Serve(_)));
    let config = cli.config.as_path();
    let result = match cli.command {
        Command::Serve(command) => serve::run(command, config).await,
        Command::Check(command) => check::run(&command, config, json).await,
        Command::Apply(command) => apply::run(command, config, json).await,
        Command::Export(command) => apply::export(command, config, json).await,
        Command::Secret(command) => secret::run(command, config, json).await,
        Command::User(command) => user::run(command, config, json).await,
        Command::Role(command) => role::run(&command, config, json).await,
        Command::Access(command) => access::run(&command, config, json).await,
        Command::Audit(command) => audit::run(&command, config, json).await,
        Command::Guard(command) => Ok(guard::run(&command)),
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
    match result {
        Ok(code) => code,
        Err(problems) => {
            if json {
                print_json(&problems);
            } else {
                let _ = writeln!(std::io::stderr(), "{problems}");
            }
            1
        }
    }
}

/// The instance of the settings' file.
async fn open(config: &Path) -> Result<App, Problems> {
    App::open(settings::load(config)?, Arc::new(SystemClock)).await
}

fn one(problem: Problem) -> Problems {
    Problems(vec![problem])
}

/// Prints a line. A reader that went away ends nothing.
fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Prints a line for a person beside the output.
fn to_stderr(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn print_json(value: &impl Serialize) {
    if let Ok(text) = serde_json::to_string(value) {
        print(&text);
    }
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
