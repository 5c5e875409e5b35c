//! Clients that nobody here wrote: where they come from, and what happens where they cannot be had.
//!
//! A client is taken from `PATH`, or installed once from its public registry into a folder below the target directory and
//! never into the system. Where neither works its test says so on standard error, past the harness, and ends; with
//! `GITLAB_SYNC_REAL_CLIENTS=required` it fails instead.

mod browser;
mod debian;
mod git_lfs;
mod gitbeaker;
mod glab;
mod npm;
mod obtained;
mod python_gitlab;

use std::process::Command;

use obtained::{DEMAND, installed, is_required, on_path, or_skip, step};

/// What a finished program said, both streams, and its exit code.
#[derive(Debug)]
struct Ran {
    code: i32,
    text: String,
}

impl Ran {
    fn of(command: &mut Command) -> Self {
        let output = tokio::task::block_in_place(|| command.stdin(std::process::Stdio::null()).output().unwrap());
        let text = [output.stdout, output.stderr].concat();
        Self { code: output.status.code().unwrap_or(-1), text: String::from_utf8_lossy(&text).into_owned() }
    }
}
