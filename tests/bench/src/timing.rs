//! Whether a difference of two times is more than chance, in the manner of dudect: Welch's t between classes whose samples were taken in
//! random order.
//!
//! On a busy machine single batches differ for reasons of their own, so there are many, and the median of their t counts: a leak is in all
//! of them. Above 10 it is a leak, below 4.5 none that these samples show; between them the run says so and is to be repeated.

use std::process::ExitCode;

/// Of the largest median of t: in words, and how the run ends.
pub fn verdict(worst: f64) -> (String, ExitCode) {
    let (words, exit) = match worst {
        t if t < 4.5 => ("no difference shows", ExitCode::SUCCESS),
        t if t < 10.0 => ("undecided: run it again on a quiet machine", ExitCode::SUCCESS),
        _ => ("the time tells something: NOT held", ExitCode::FAILURE),
    };
    (format!("gate: largest |median of t| {worst:.2}: {words}"), exit)
}

/// Another order each time, the same in each run.
pub fn shuffle(order: &mut [usize], state: &mut u64) {
    for last in (1..order.len()).rev() {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        order.swap(last, (*state % (last as u64 + 1)) as usize);
    }
}

/// The middle one.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// How far the second mean is from the first, in standard errors.
pub fn welch(left: &[f64], right: &[f64]) -> f64 {
    // Interrupts and other programs: the slowest twentieth of both says nothing about the comparison.
    let mut all = [left, right].concat();
    all.sort_by(f64::total_cmp);
    let cut = all[all.len() / 20 * 19];
    let ((count, mean, variance), (other_count, other_mean, other_variance)) =
        (moments(left, cut), moments(right, cut));
    let error = (variance / count + other_variance / other_count).sqrt();
    if error == 0.0 { 0.0 } else { (other_mean - mean) / error }
}

fn moments(times: &[f64], cut: f64) -> (f64, f64, f64) {
    let kept: Vec<f64> = times.iter().copied().filter(|time| *time <= cut).collect();
    let count = kept.len() as f64;
    let mean = kept.iter().sum::<f64>() / count;
    (count, mean, kept.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0))
}
