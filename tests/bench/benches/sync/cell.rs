//! One cell of the tables: a job done by a tool at one size and one round trip, measured a few times.
//!
//! Cells are kept in a file below the target folder, one JSON line each, so that a long run can be done in parts and a report needs
//! no measuring.

use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Job {
    /// Into an empty workspace.
    ColdPull,
    /// The branch has not moved.
    NothingNew,
    /// Ten files have changed on the branch.
    PullTen,
    /// Ten files have changed in the workspace.
    PushTen,
    /// Into an empty project.
    FirstPush,
}

/// Who does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Tool {
    /// The component in wasmtime.
    Sandbox,
    /// The same Rust without WebAssembly, over the same host.
    Native,
    Git,
    Python,
}

impl Job {
    pub(crate) const ALL: [Self; 5] = [Self::ColdPull, Self::NothingNew, Self::PullTen, Self::PushTen, Self::FirstPush];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ColdPull => "cold-pull",
            Self::NothingNew => "nothing-new",
            Self::PullTen => "pull-ten",
            Self::PushTen => "push-ten",
            Self::FirstPush => "first-push",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|job| job.name() == name)
    }

    /// For the heading of a table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::ColdPull => "Cold pull of N files",
            Self::NothingNew => "Pull, nothing changed",
            Self::PullTen => "Pull of 10 changed of N",
            Self::PushTen => "Push of 10 changed of N",
            Self::FirstPush => "First push of N files",
        }
    }

    /// What git does for it.
    pub(crate) fn in_git(self) -> &'static str {
        match self {
            Self::ColdPull => "`git clone --depth 1`",
            Self::NothingNew => "`git fetch`",
            Self::PullTen => "`git fetch`, `git merge --ff-only`",
            Self::PushTen => "`git add`, `git commit`, `git push`",
            Self::FirstPush => "`git init`, `git add`, `git commit`, `git push`",
        }
    }
}

impl Tool {
    pub(crate) const ALL: [Self; 4] = [Self::Sandbox, Self::Native, Self::Git, Self::Python];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Native => "native",
            Self::Git => "git",
            Self::Python => "python",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == name)
    }
}

/// One run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// From the start of the first process to the end of the last.
    pub(crate) wall_ms: f64,
    /// Of the last process alone: for a push with git, `git push` without what made the commit.
    pub(crate) last_ms: f64,
    /// As the simulator's log has them.
    pub(crate) requests: u64,
    pub(crate) connections: u64,
    /// On the wire, heads included.
    pub(crate) bytes_up: u64,
    pub(crate) bytes_down: u64,
    /// Of the largest process.
    pub(crate) peak_rss: u64,
    /// Of the guest's linear memory.
    pub(crate) guest_memory: Option<u64>,
    pub(crate) fuel: Option<u64>,
    /// Calls of the export that it took.
    pub(crate) calls: Option<u64>,
}

/// All runs of a cell.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Cell {
    pub(crate) job: Job,
    pub(crate) files: usize,
    pub(crate) round_trip_ms: u64,
    pub(crate) tool: Tool,
    pub(crate) samples: Vec<Sample>,
}

impl Cell {
    /// What it is about, without the runs.
    pub(crate) fn key(&self) -> (Job, usize, u64, Tool) {
        (self.job, self.files, self.round_trip_ms, self.tool)
    }

    /// The median of something.
    pub(crate) fn median(&self, of: impl Fn(&Sample) -> f64) -> f64 {
        median(self.samples.iter().map(of).collect())
    }

    /// The most of something that is counted.
    pub(crate) fn most(&self, of: impl Fn(&Sample) -> u64) -> u64 {
        self.samples.iter().map(of).max().unwrap_or_default()
    }
}

/// The middle value; of an even number, the mean of the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// Below the target folder.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("sync-bench")
}

fn file() -> PathBuf {
    folder().join("cells.jsonl")
}

/// What earlier runs have measured; of a cell that was measured twice, the later one.
pub(crate) fn known() -> Vec<Cell> {
    let text = fs::read_to_string(file()).unwrap_or_default();
    let mut cells: Vec<Cell> = Vec::new();
    // A line that was cut off by a kill is no cell.
    for cell in text.lines().filter_map(|line| serde_json::from_str::<Cell>(line).ok()) {
        cells.retain(|older| older.key() != cell.key());
        cells.push(cell);
    }
    cells.sort_by_key(Cell::key);
    cells
}

/// Adds one.
pub(crate) fn keep(cell: &Cell) {
    let line = serde_json::to_string(cell).expect("plain data");
    fs::create_dir_all(folder()).expect("a folder below the target folder");
    let opened = fs::OpenOptions::new().create(true).append(true).open(file());
    opened.and_then(|mut file| writeln!(file, "{line}")).expect("room below the target folder");
}

/// Removes all.
pub(crate) fn forget() {
    // Nothing to forget is fine.
    let _ = fs::remove_file(file());
}
