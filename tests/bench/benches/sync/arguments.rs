//! What a run measures: the command line after `cargo bench -p bench --bench sync --`.

use crate::cell::{Job, Tool};
use std::path::PathBuf;

/// What was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Arguments {
    pub(crate) jobs: Vec<Job>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) files: Vec<usize>,
    pub(crate) round_trips_ms: Vec<u64>,
    pub(crate) rounds: Option<usize>,
    /// Where repositories and workspaces are while it runs.
    pub(crate) folder: PathBuf,
    pub(crate) resume: Resume,
    pub(crate) readme: Readme,
}

/// What becomes of cells that an earlier run has measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resume {
    /// They are measured again; others stay in the tables.
    No,
    /// They are kept.
    Yes,
    /// Nothing is measured at all.
    ReportOnly,
}

/// Where the tables go beside the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readme {
    Leave,
    Write,
}

const HELP: &str = "\
cargo bench -p bench --bench sync -- [OPTIONS]
  --quick          100 and 1,000 files at 0 and 20 ms, under two minutes
  --only JOBS      of cold-pull,nothing-new,pull-ten,push-ten,first-push
  --files LIST     such as 100,1000 (default 100,1000,10000,100000)
  --rtt LIST       round trips in ms (default 0,20,100)
  --tools LIST     of sandbox,native,git,python
  --rounds N       rounds of each cell (default 5, 3 from 10,000 files, 2 from 100,000)
  --folder PATH    work there; a folder in memory leaves out what the disk costs, for every tool
  --resume         keep the cells that an earlier run has measured
  --report         measure nothing, print what earlier runs have measured
  --fresh          forget earlier runs first
  --write          put tables and plot into tests/bench/README.md";

impl Arguments {
    /// Reads them; the sentence to show otherwise.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self {
            jobs: Job::ALL.to_vec(),
            tools: Tool::ALL.to_vec(),
            files: vec![100, 1_000, 10_000, 100_000],
            round_trips_ms: vec![0, 20, 100],
            rounds: None,
            folder: crate::cell::folder(),
            resume: Resume::No,
            readme: Readme::Leave,
        };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("`{argument}` needs a value\n{HELP}"));
            match argument.as_str() {
                // What cargo itself passes to every benchmark.
                "--bench" => {}
                "--quick" => {
                    (parsed.files, parsed.round_trips_ms, parsed.rounds) = (vec![100, 1_000], vec![0, 20], Some(3));
                }
                "--only" => parsed.jobs = list(&value()?, Job::named)?,
                "--tools" => parsed.tools = list(&value()?, Tool::named)?,
                "--files" => parsed.files = list(&value()?, |text| text.parse().ok())?,
                "--rtt" => parsed.round_trips_ms = list(&value()?, |text| text.parse().ok())?,
                "--rounds" => parsed.rounds = Some(number(&value()?)?),
                "--folder" => parsed.folder = PathBuf::from(value()?),
                "--resume" => parsed.resume = Resume::Yes,
                "--report" => parsed.resume = Resume::ReportOnly,
                "--fresh" => crate::cell::forget(),
                "--write" => parsed.readme = Readme::Write,
                other => return Err(format!("`{other}` is not known\n{HELP}")),
            }
        }
        Ok(parsed)
    }

    /// How often one cell is measured.
    pub(crate) fn rounds_for(&self, files: usize) -> usize {
        self.rounds.unwrap_or(match files {
            100_000.. => 2,
            10_000.. => 3,
            _ => 5,
        })
    }
}

fn list<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, String> {
    text.split(',').map(|part| read(part).ok_or_else(|| format!("`{part}` is not known\n{HELP}"))).collect()
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number\n{HELP}"))
}
