//! Arguments to command to exit code; the only place that ends the process.

use std::process::ExitCode;

use clap::Parser;
use daybrief::cli::{self, Cli};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(cli::misused(&error, std::env::args_os().skip(1))),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            use std::io::Write;
            let _ = writeln!(std::io::stderr(), "the runtime does not start: {error}");
            return ExitCode::from(1);
        }
    };
    ExitCode::from(runtime.block_on(cli::main(cli)))
}
