//! The program as it is shipped, in a process of its own.

use std::path::Path;
use std::process::Command;

/// The release build, which lies beside the benchmark, with its store in this folder and nothing of this environment.
///
/// # Panics
///
/// If it was not built.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let own = std::env::current_exe().expect("this program has a path");
    let program = own.ancestors().nth(2).expect("it lies in a target folder").join("gitlab-sync");
    assert!(program.is_file(), "first: cargo build --release -p gitlab-sync");
    let mut command = Command::new(program);
    command.current_dir(folder).env_clear().env("GITLAB_SYNC_HOME", folder.join("home")).args(arguments);
    command
}
