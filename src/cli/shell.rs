//! `daybrief completions` and `daybrief man`: what a shell and a package want to know of the command line.

use std::io;

use clap::{Args, CommandFactory};

use super::{Cli, one, print};
use crate::error::{Problem, Problems};

/// `completions …`
#[derive(Debug, Args)]
pub struct Completions {
    shell: clap_complete::Shell,
}

/// `man …`
#[derive(Debug, Args)]
pub struct Man {
    /// Folder for a page of each command; the page of the program alone on standard output without it.
    #[arg(long, value_name = "DIR")]
    out: Option<std::path::PathBuf>,
}

/// Prints the completions of a shell.
pub fn completions(command: &Completions) -> u8 {
    let mut text = Vec::new();
    clap_complete::generate(command.shell, &mut Cli::command(), "daybrief", &mut text);
    print(String::from_utf8_lossy(&text).trim_end());
    0
}

/// Prints the manual page, or writes the pages of all commands.
pub fn man(command: Man) -> Result<u8, Problems> {
    let problem = |error: io::Error, place: String| {
        one(Problem::new("unwritable", format!("cannot be written: {error}")).at(place))
    };
    match command.out {
        Some(folder) => {
            let place = folder.display().to_string();
            std::fs::create_dir_all(&folder)
                .and_then(|()| clap_mangen::generate_to(Cli::command(), &folder))
                .map_err(|error| problem(error, place))?;
        }
        None => {
            let mut text = Vec::new();
            clap_mangen::Man::new(Cli::command())
                .render(&mut text)
                .map_err(|error| problem(error, "the manual page".to_owned()))?;
            print(String::from_utf8_lossy(&text).trim_end());
        }
    }
    Ok(0)
}
