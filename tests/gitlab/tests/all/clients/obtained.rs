//! Where clients come from: `PATH`, or a public registry, once for all test processes. Also for the tests of the server's pages.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// The variable that makes an absent client a failure.
pub(crate) const DEMAND: &str = "GITLAB_SYNC_REAL_CLIENTS";

pub(crate) fn is_required() -> bool {
    std::env::var(DEMAND).as_deref() == Ok("required")
}

/// The client if it could be had. If not, everybody hears of it.
pub(crate) fn or_skip(client: &str, had: Result<PathBuf, String>) -> Option<PathBuf> {
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
pub(crate) fn installed(name: &str, fill: impl FnOnce(&Path) -> Result<(), String>) -> Result<PathBuf, String> {
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
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Runs a step of an installation.
pub(crate) fn step(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("`{name}`: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("`{name}`: {}", said.trim().lines().last().unwrap_or("no word of why")))
}
