//! One measured run: a few processes one after the other, timed and weighed in a process of their own.
//!
//! The system tells the memory of the largest process that someone has waited for, and only the largest of all of them: so each
//! run has a parent of its own, which is this program again.

use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// One process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) folder: PathBuf,
    pub(crate) environment: Vec<(String, String)>,
}

/// What all steps took.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Taken {
    pub(crate) steps_ms: Vec<f64>,
    pub(crate) peak_rss: u64,
    /// What the last step printed.
    pub(crate) said: String,
}

/// The first argument with which this program is a stopwatch.
pub(crate) const STOPWATCH: &str = "--stopwatch";

impl Step {
    pub(crate) fn new(program: impl Into<PathBuf>, arguments: &[&str], folder: &Path) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            folder: folder.to_owned(),
            environment: Vec::new(),
        }
    }

    fn run(&self) -> Result<String, String> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(&self.folder).stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = command.output().map_err(|error| format!("`{}`: {error}", self.program.display()))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("`{} {}` failed: {said}", self.program.display(), self.arguments.join(" ")))
    }
}

/// Runs the steps in a stopwatch of their own.
pub(crate) fn time(steps: &[Step]) -> Result<Taken, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let steps = serde_json::to_string(steps).expect("plain data");
    let folder = std::env::temp_dir();
    let said = Step::new(own, &[STOPWATCH, &steps], &folder).run()?;
    serde_json::from_str(&said).map_err(|error| format!("the stopwatch said `{said}`: {error}"))
}

/// The stopwatch itself.
#[expect(clippy::print_stdout, reason = "what it prints is what its parent reads")]
pub(crate) fn run(steps: &str) -> Result<(), String> {
    let steps: Vec<Step> = serde_json::from_str(steps).map_err(|error| error.to_string())?;
    let mut taken = Taken { steps_ms: Vec::new(), peak_rss: 0, said: String::new() };
    for step in steps {
        let begun = Instant::now();
        taken.said = step.run()?;
        taken.steps_ms.push(begun.elapsed().as_secs_f64() * 1_000.0);
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|error| error.to_string())?;
    // KiB on Linux, bytes on macOS.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1_024 };
    taken.peak_rss = u64::try_from(usage.max_rss()).unwrap_or_default() * unit;
    println!("{}", serde_json::to_string(&taken).expect("plain data"));
    Ok(())
}
