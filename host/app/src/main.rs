//! The command line: thin commands over the library `gitlab-sync-host`.
//!
//! What was typed is in `cli`, what it does in `commands` (one file each), what it looks like in `output` and `text`, and how it ends
//! in `failure`. The only crate here that reads the environment, a home folder and a terminal.

mod ask;
mod cli;
mod commands;
#[cfg(feature = "demo")]
mod demo;
mod failure;
mod grant_file;
mod home;
mod installation;
#[cfg(feature = "os-keyring")]
mod keyring;
mod operations;
mod output;
mod pages;
mod progress;
mod reach;
mod review;
mod serve;
mod server;
mod session;
mod store;
mod text;
mod token;
mod toml_text;
mod typed_secret;

use clap::Parser;
use failure::Failure;
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    hide_memory();
    let cli = cli::Cli::parse();
    let output = Arc::new(output::Output::new(&cli.global));
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return end(&output, &Failure::of(&error)),
    };
    let done = runtime.block_on(async {
        // The server ends in an order of its own.
        let interruptible = !matches!(cli.command, cli::Command::Serve(_));
        tokio::select! {
            done = commands::run(cli, &output) => done,
            _ = tokio::signal::ctrl_c(), if interruptible => Err(Failure::interrupted()),
        }
    });
    // A thread that still waits for a key press must not hold up the end.
    runtime.shutdown_background();
    match done.and_then(|exit| output.check_written().map(|()| exit)) {
        Ok(exit) => exit.into(),
        Err(failure) => end(&output, &failure),
    }
}

/// No core dump, and no other process of the same user reads this one: tokens pass through it. Where the system cannot, it goes on.
fn hide_memory() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

fn end(output: &output::Output, failure: &Failure) -> ExitCode {
    output.failure(failure);
    failure.exit().into()
}
