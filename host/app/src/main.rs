//! The command line: thin commands over the library `gitlab-sync-host`.
//!
//! What was typed is in `cli`, what it does in `commands` (one file each), what it looks like in `output` and `text`, and how it ends
//! in `failure`. The only crate here that reads the environment, a home folder and a terminal.

mod cli;
mod commands;
mod failure;
mod grant_file;
mod home;
mod output;
mod review;
mod server;
mod store;
mod text;
mod token;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let output = output::Output::new(cli.global.color, cli.global.json);
    match commands::run(cli.command, &output) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output.failure(&failure);
            failure.exit().into()
        }
    }
}
