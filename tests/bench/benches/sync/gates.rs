//! The cost targets: which are held, in words and as an exit status.
//!
//! Counts are the same on every machine, so a count that is too high fails the run. Times are ratios of medians taken in turn; on a
//! busy machine they move, so they are told and decide nothing.

use crate::cell::{Cell, Job, Tool};

/// What a run's guest may use at 100,000 files.
const GUEST_MEMORY: u64 = 64 << 20;
/// Requests that the connector has in flight at once, and two more.
const CONNECTIONS: u64 = 8 + 2;

/// How many times the instructions ten times the files may take.
const GROWTH: u64 = 2;

/// What a gate is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Count,
    Time,
}

/// One target and what was measured.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    pub(crate) kind: Kind,
    pub(crate) what: String,
    pub(crate) target: String,
    pub(crate) measured: String,
    pub(crate) held: bool,
}

/// All targets for which something was measured.
pub(crate) fn gates(cells: &[Cell]) -> Vec<Gate> {
    let ours: Vec<&Cell> = cells.iter().filter(|cell| cell.tool == Tool::Sandbox).collect();
    let mut gates = Vec::new();
    for (job, most) in [(Job::ColdPull, 3), (Job::NothingNew, 1), (Job::PullTen, 2), (Job::PushTen, 1)] {
        let of_job: Vec<&Cell> = ours.iter().copied().filter(|cell| cell.job == job).collect();
        let what = format!("{}: requests", job.title());
        gates.extend(count(&what, &of_job, most, |cell| cell.most(|sample| sample.requests)));
    }
    gates.extend(count("connections, every job", &ours, CONNECTIONS, |cell| cell.most(|sample| sample.connections)));
    let largest: Vec<&Cell> = ours.iter().copied().filter(|cell| cell.files == 100_000).collect();
    let memory = |cell: &Cell| cell.most(|sample| sample.guest_memory.unwrap_or_default());
    gates.extend(count("guest memory at 100,000 files, bytes", &largest, GUEST_MEMORY, memory));
    gates.extend([Job::PullTen, Job::PushTen].into_iter().filter_map(|job| growth(&ours, job)));
    for job in Job::ALL {
        gates.extend(ratio(cells, job));
    }
    gates
}

/// That a call costs what changed: ten times the files take no more than [`GROWTH`] times the instructions. A mark of each file is
/// taken in all the same, and its part of the ledger that holds the ten is larger with more files, up to a shard for each.
fn growth(ours: &[&Cell], job: Job) -> Option<Gate> {
    let fuel = |files: usize| {
        let cells = ours.iter().filter(|cell| cell.job == job && cell.files == files);
        cells.map(|cell| cell.most(|sample| sample.fuel.unwrap_or_default())).max().filter(|fuel| *fuel > 0)
    };
    let (few, many) = (fuel(1_000)?, fuel(10_000)?);
    Some(Gate {
        kind: Kind::Count,
        what: format!("{}: instructions at 10,000 files beside 1,000", job.title()),
        target: format!("≤ {GROWTH} times"),
        measured: format!("{many} to {few}"),
        held: many <= few * GROWTH,
    })
}

/// Whether every counted target is held.
pub(crate) fn counts_hold(cells: &[Cell]) -> bool {
    gates(cells).iter().all(|gate| gate.held || gate.kind == Kind::Time)
}

fn count(what: &str, cells: &[&Cell], most: u64, of: impl Fn(&Cell) -> u64) -> Option<Gate> {
    let measured = cells.iter().map(|cell| of(cell)).max()?;
    let (target, held) = (format!("≤ {most}"), measured <= most);
    Some(Gate { kind: Kind::Count, what: what.into(), target, measured: measured.to_string(), held })
}

/// The worst size and round trip, from 1,000 files on.
fn ratio(cells: &[Cell], job: Job) -> Option<Gate> {
    let of = |tool: Tool| cells.iter().filter(move |cell| (cell.job, cell.tool) == (job, tool) && cell.files >= 1_000);
    let ratios = of(Tool::Sandbox).filter_map(|ours| {
        let git = of(Tool::Git).find(|git| (git.files, git.round_trip_ms) == (ours.files, ours.round_trip_ms))?;
        Some((paired(ours, git), ours.files, ours.round_trip_ms))
    });
    let (worst, files, ms) = ratios.max_by(|one, other| one.0.total_cmp(&other.0))?;
    Some(Gate {
        kind: Kind::Time,
        what: format!("{}: wall beside {}", job.title(), job.in_git()),
        target: "≤ 1.0 from 1,000 files on".into(),
        measured: format!("at most {worst:.2} ({files} files, {ms} ms)"),
        held: worst <= 1.0,
    })
}

/// The median of the ratios of runs that were taken in turn.
pub(crate) fn paired(ours: &Cell, theirs: &Cell) -> f64 {
    let pairs = ours.samples.iter().zip(&theirs.samples);
    crate::cell::median(pairs.map(|(ours, theirs)| ours.wall_ms / theirs.wall_ms).collect())
}
