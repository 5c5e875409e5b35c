//! Packages out of npm's registry, for Node to run.

use std::path::PathBuf;
use std::process::Command;

use super::{installed, on_path, step};

/// A folder with this package in it, or why there is none.
pub(super) fn package(name: &str, version: &str) -> Result<PathBuf, String> {
    on_path("node").ok_or("`node` is not on PATH")?;
    let folder = name.trim_start_matches('@').replace('/', "-");
    installed(&format!("npm-{folder}-{version}"), |folder| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"]);
        // By default it waits for minutes where there is no network.
        npm.args(["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=2000"]);
        npm.args(["--fetch-timeout=20000", "--prefix"]).arg(folder).arg(format!("{name}@{version}"));
        step(&mut npm)
    })
}

/// Runs a script beside the package that it imports, with what it has to know.
pub(super) fn node(folder: &std::path::Path, script: &str, told: &serde_json::Value) -> super::Ran {
    let file = folder.join("script.mjs");
    std::fs::write(&file, script).unwrap();
    super::Ran::of(Command::new("node").arg(file).arg(told.to_string()))
}
