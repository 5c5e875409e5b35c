//! How the benchmarks measure: samples of a repeated job, told as median, 99th percentile and ratio to an anchor of the same run.
//!
//! An absolute figure of a busy machine says little; the ratio to something that ran in between says more. So jobs are interleaved:
//! each round runs every job once.

pub mod gate;
pub mod lent;
pub mod program;
pub mod timing;

use std::time::{Duration, Instant};

/// One job's name and what it took, round by round.
#[derive(Clone, Debug)]
pub struct Samples {
    name: &'static str,
    taken: Vec<Duration>,
}

/// A job to measure.
pub struct Job<'a> {
    /// What a reader of the table is told.
    pub name: &'static str,
    /// One run of it.
    pub run: Box<dyn FnMut() + 'a>,
}

impl<'a> Job<'a> {
    /// Names a job.
    pub fn new(name: &'static str, run: impl FnMut() + 'a) -> Self {
        Self { name, run: Box::new(run) }
    }
}

/// Runs all jobs `rounds` times in turn, after a tenth as many rounds to warm up.
pub fn interleave(rounds: usize, jobs: &mut [Job<'_>]) -> Vec<Samples> {
    let mut samples: Vec<Samples> =
        jobs.iter().map(|job| Samples { name: job.name, taken: Vec::with_capacity(rounds) }).collect();
    for round in 0..rounds + rounds / 10 + 1 {
        for (job, samples) in jobs.iter_mut().zip(&mut samples) {
            let begun = Instant::now();
            (job.run)();
            let taken = begun.elapsed();
            if round > rounds / 10 {
                samples.taken.push(taken);
            }
        }
    }
    samples
}

impl Samples {
    /// The value below which `share` of the samples lie.
    pub fn quantile(&self, share: f64) -> Duration {
        let mut sorted = self.taken.clone();
        sorted.sort_unstable();
        let last = sorted.len().saturating_sub(1);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a short list")]
        let place = (last as f64 * share).round() as usize;
        sorted.get(place).copied().unwrap_or_default()
    }

    /// The middle.
    pub fn median(&self) -> Duration {
        self.quantile(0.5)
    }
}

/// A Markdown table; the first row is what the ratios refer to.
pub fn table(title: &str, samples: &[Samples]) -> String {
    let anchor = samples.first().map_or(1.0, |first| first.median().as_secs_f64());
    let mut text = format!("\n{title}\n\n| what | median | p99 | ratio |\n|---|---:|---:|---:|\n");
    for row in samples {
        let ratio = row.median().as_secs_f64() / anchor;
        text.push_str(&format!("| {} | {:.1?} | {:.1?} | {ratio:.2} |\n", row.name, row.median(), row.quantile(0.99)));
    }
    text
}
