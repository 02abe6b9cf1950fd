//! The command line: one file per command. It parses, calls and prints; it holds no rules.

mod connector_sql;
mod demo;
mod run;
mod schedule;

use std::io::{IsTerminal, Write};

use clap::{Parser, Subcommand};
use serde::Serialize;

use crate::error::{Problem, Problems};

/// Tells each leader every morning what could go wrong today.
#[derive(Debug, Parser)]
#[command(name = "daybrief", version, about, arg_required_else_help = true)]
pub struct Cli {
    /// Print JSON, for machines.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A sample company: its sources, connectors and briefs, with nothing to set up.
    Demo(demo::Demo),
    /// Makes one brief now and prints it; delivers nothing.
    Run(run::Run),
    /// When things are due.
    #[command(subcommand)]
    Schedule(schedule::Command),
    /// Connectors of our own.
    #[command(subcommand)]
    Connector(ConnectorCommand),
}

#[derive(Debug, Subcommand)]
enum ConnectorCommand {
    /// An MCP server over standard input and output for SQLite, PostgreSQL, MySQL or MariaDB that can only read.
    Sql(connector_sql::Sql),
}

/// Runs a command line; the exit code: 0 done, 1 a problem, 3 done with gaps.
pub async fn main(cli: Cli) -> u8 {
    let json = cli.json;
    let result = match cli.command {
        Command::Demo(command) => demo::run(command, json).await,
        Command::Run(command) => run::run(command, json).await,
        Command::Schedule(command) => schedule::run(&command, json).map(|()| 0).map_err(one),
        Command::Connector(ConnectorCommand::Sql(command)) => {
            connector_sql::run(command).await.map(|()| 0)
        }
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

fn one(problem: Problem) -> Problems {
    Problems(vec![problem])
}

/// Prints a line. A reader that went away ends nothing.
fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn print_json(value: &impl Serialize) {
    if let Ok(text) = serde_json::to_string(value) {
        print(&text);
    }
}

fn on_terminal() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
