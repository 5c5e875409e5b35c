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
mod python_gitlab;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// The variable that makes an absent client a failure.
const DEMAND: &str = "GITLAB_SYNC_REAL_CLIENTS";

fn is_required() -> bool {
    std::env::var(DEMAND).as_deref() == Ok("required")
}

/// The client if it could be had. If not, everybody hears of it.
fn or_skip(client: &str, had: Result<PathBuf, String>) -> Option<PathBuf> {
    let why = match had {
        Ok(program) => return Some(program),
        Err(why) => why,
    };
    assert!(!is_required(), "{client} could not be had: {why}");
    // Not by the macro, whose words the harness swallows.
    let line = format!("SKIPPED: {client} WAS NOT RUN, a client that we did not write. It could not be had: {why}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    None
}

/// A folder that `fill` filled once for all test processes that share the target directory. What failed once is not
/// tried again by the next test.
fn installed(name: &str, fill: impl FnOnce(&Path) -> Result<(), String>) -> Result<PathBuf, String> {
    static FAILED: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients");
    let text = |error: std::io::Error| error.to_string();
    fs::create_dir_all(&root).map_err(text)?;
    let turn = File::create(root.join(format!("{name}.lock"))).map_err(text)?;
    turn.lock().map_err(text)?;
    let folder = root.join(name);
    let complete = folder.join("complete");
    if complete.exists() {
        return Ok(folder);
    }
    if let Some(why) = FAILED.lock().unwrap().get(name) {
        return Err(why.clone());
    }
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(text)?;
    let filled = fill(&folder).and_then(|()| fs::write(&complete, name).map_err(text));
    if let Err(why) = &filled {
        FAILED.lock().unwrap().insert(name.to_owned(), why.clone());
    }
    filled.map(|()| folder)
}

/// A program on `PATH`.
fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Runs a step of an installation.
fn step(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("`{name}`: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("`{name}`: {}", said.trim().lines().last().unwrap_or("no word of why")))
}

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
