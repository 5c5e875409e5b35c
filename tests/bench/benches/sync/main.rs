//! A sync side by side: the connector in its sandbox, the same Rust natively, git and python-gitlab, against one simulator.
//!
//! `cargo bench -p bench --bench sync` measures everything and takes most of an hour; `-- --quick` two minutes; `-- --help` lists the
//! rest. Tools take turns, round by round, each in fresh processes and through one relay that makes the round trip (`relay`). Figures
//! are wall times from the start of the first process to the end of the last, requests as the simulator's log has them, bytes and
//! connections on the wire, and memory. Counts decide the exit status; times are told as ratios of one run.

mod arguments;
mod cell;
mod connector;
mod gates;
mod lab;
mod measure;
mod native;
mod peers;
mod plot;
mod relay;
mod report;
mod stopwatch;

use arguments::{Arguments, Readme, Resume};
use cell::{Cell, Job, Sample, Tool};
use lab::Lab;
use measure::Bench;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[expect(clippy::print_stderr, reason = "a benchmark speaks to the person who started it")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [stopwatch::STOPWATCH, steps] => stopwatch::run(steps).map(|()| ExitCode::SUCCESS),
        [connector::ERRAND, errand] => connector::run(errand).map(|()| ExitCode::SUCCESS),
        _ => bench(arguments),
    };
    done.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}

/// Measures and tells.
#[expect(clippy::print_stdout, reason = "a benchmark's output is its table")]
fn bench(arguments: Vec<String>) -> Result<ExitCode, String> {
    let arguments = Arguments::parse(arguments.into_iter())?;
    if arguments.resume != Resume::ReportOnly {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let scratch = scratch(&arguments.folder)?;
        let lab = runtime.block_on(Lab::start(scratch.path(), &arguments.folder.join("homes")));
        Run { arguments: &arguments, lab, python: python(&arguments) }.measure()?;
    }
    let cells = cell::known();
    let report = report::report(&cells);
    println!("{report}");
    if arguments.readme == Readme::Write {
        report::write(&report, &plot::plot(&cells))?;
    }
    Ok(if gates::counts_hold(&cells) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn scratch(folder: &Path) -> Result<tempfile::TempDir, String> {
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    tempfile::TempDir::with_prefix_in("lab-", folder).map_err(|error| error.to_string())
}

#[expect(clippy::print_stderr, reason = "what is left out is said loudly")]
fn python(arguments: &Arguments) -> Option<PathBuf> {
    if !arguments.tools.contains(&Tool::Python) {
        return None;
    }
    let python = peers::python();
    python.inspect_err(|why| eprintln!("SKIPPED: python-gitlab could not be installed, so it WAS NOT RUN: {why}")).ok()
}

struct Run<'a> {
    arguments: &'a Arguments,
    lab: Lab,
    python: Option<PathBuf>,
}

impl Run<'_> {
    fn measure(&mut self) -> Result<(), String> {
        measure::clear_away(&self.lab, usize::MAX);
        for files in self.arguments.files.clone() {
            for round_trip_ms in self.arguments.round_trips_ms.clone() {
                self.lab.relay.set_round_trip(round_trip_ms);
                for job in [Job::ColdPull, Job::FirstPush] {
                    self.measure_from_nothing(job, files, round_trip_ms)?;
                }
                measure::clear_away(&self.lab, files);
            }
            self.measure_from_a_base(files)?;
            measure::clear_away(&self.lab, files);
        }
        Ok(())
    }

    /// Jobs that begin with an empty side, which each round has to itself.
    fn measure_from_nothing(&mut self, job: Job, files: usize, round_trip_ms: u64) -> Result<(), String> {
        let tools = self.tools_for(job, files, round_trip_ms);
        let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); tools.len()];
        for round in 0..self.arguments.rounds_for(files) {
            for (tool, samples) in in_turn(&tools, &mut samples, round) {
                // Once is enough of what takes that long and varies that little.
                if *tool == Tool::Python && round > 0 {
                    continue;
                }
                let place = if job == Job::ColdPull { self.lab.project_of(files) } else { self.lab.empty_project() };
                let bench = Bench::new(*tool, place, self.python.as_deref(), &self.lab)?;
                if job == Job::FirstPush {
                    bench.put_files(&self.lab.sources(files));
                }
                samples.push(bench.run(job, &self.lab)?);
                bench.check(job, files, &Vec::new(), &self.lab)?;
            }
        }
        keep(job, files, round_trip_ms, &tools, samples);
        Ok(())
    }

    /// Jobs between two sides that were equal: each tool goes on from its last round.
    fn measure_from_a_base(&mut self, files: usize) -> Result<(), String> {
        let jobs = [Job::NothingNew, Job::PullTen, Job::PushTen];
        let round_trips = self.arguments.round_trips_ms.clone();
        let wanted = |job: &Job| round_trips.iter().any(|ms| !self.tools_for(*job, files, *ms).is_empty());
        let jobs: Vec<Job> = jobs.into_iter().filter(wanted).collect();
        if jobs.is_empty() {
            return Ok(());
        }
        let mut benches = self.based(files)?;
        let mut round = 0;
        for round_trip_ms in round_trips {
            self.lab.relay.set_round_trip(round_trip_ms);
            for job in &jobs {
                let tools = self.tools_for(*job, files, round_trip_ms);
                benches.sort_by_key(|bench| tools.iter().position(|tool| *tool == bench.tool()));
                let here: Vec<&Bench> = benches.iter().filter(|bench| tools.contains(&bench.tool())).collect();
                let tools: Vec<Tool> = here.iter().map(|bench| bench.tool()).collect();
                let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); tools.len()];
                for _ in 0..self.arguments.rounds_for(files) {
                    let edits = lab::edits(files, round);
                    round += 1;
                    for (bench, samples) in in_turn(&here, &mut samples, round) {
                        bench.change(*job, &edits, &self.lab);
                        samples.push(bench.run(*job, &self.lab)?);
                        bench.check(*job, files, &edits, &self.lab)?;
                    }
                }
                keep(*job, files, round_trip_ms, &tools, samples);
            }
        }
        Ok(())
    }

    /// Every tool with a cold pull behind it, which is not measured here.
    fn based(&mut self, files: usize) -> Result<Vec<Bench>, String> {
        self.lab.relay.set_round_trip(0);
        let mut benches = Vec::new();
        for tool in self.arguments.tools.clone() {
            if !self.has(tool) {
                continue;
            }
            let place = self.lab.project_of(files);
            let bench = Bench::new(tool, place, self.python.as_deref(), &self.lab)?;
            bench.run(Job::ColdPull, &self.lab)?;
            benches.push(bench);
        }
        Ok(benches)
    }

    /// Those that are asked for, there, and not measured yet.
    fn tools_for(&self, job: Job, files: usize, round_trip_ms: u64) -> Vec<Tool> {
        if !self.arguments.jobs.contains(&job) {
            return Vec::new();
        }
        let known = if self.arguments.resume == Resume::Yes { cell::known() } else { Vec::new() };
        let is_known = |tool: Tool| known.iter().any(|cell| cell.key() == (job, files, round_trip_ms, tool));
        self.arguments.tools.iter().copied().filter(|tool| !is_known(*tool) && self.has(*tool)).collect()
    }

    fn has(&self, tool: Tool) -> bool {
        tool != Tool::Python || self.python.is_some()
    }
}

/// Tools and their samples, each round from another one on: so that none is always measured after the same other one.
fn in_turn<'a, T>(
    tools: &'a [T],
    samples: &'a mut [Vec<Sample>],
    round: usize,
) -> impl Iterator<Item = (&'a T, &'a mut Vec<Sample>)> {
    let mut pairs: Vec<_> = tools.iter().zip(samples).collect();
    pairs.rotate_left(round % tools.len().max(1));
    pairs.into_iter()
}

/// Writes them down, and tells how it goes.
#[expect(clippy::print_stderr, reason = "a long run says where it is")]
fn keep(job: Job, files: usize, round_trip_ms: u64, tools: &[Tool], samples: Vec<Vec<Sample>>) {
    for (tool, samples) in tools.iter().zip(samples) {
        let cell = Cell { job, files, round_trip_ms, tool: *tool, samples };
        let (wall, requests) = (cell.median(|sample| sample.wall_ms), cell.most(|sample| sample.requests));
        eprintln!(
            "{} of {files} at {round_trip_ms} ms, {}: {wall:.0} ms, {requests} requests",
            job.name(),
            tool.name()
        );
        cell::keep(&cell);
    }
}

/// Where the README of the benchmarks is.
fn readme_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
