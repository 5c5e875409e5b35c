//! Whether the time of `secrets.matches` tells anything about the secret, in the manner of dudect: classes of candidates in random
//! order, and Welch's t between each class and one of the same candidate length that matches nowhere. (How long it takes for a long
//! candidate tells only what the asker knows.) The last row has another secret: the secret is hashed too, so its length in blocks of 64
//! bytes shows, as it does from the format of such secrets.
//!
//! `cargo bench -p bench --bench matches`. A |t| above 10 is a leak, below 4.5 is none that these samples show. Between them lies what
//! a busy machine does; then the run says so and is to be repeated. What a guest can measure is coarser: it has a clock of
//! milliseconds.

#![expect(clippy::print_stdout, reason = "a benchmark's output is its table")]

use gitlab_sync_host::secrets::secret::Secret;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

const SECRET: &[u8; 64] = b"0123456789abcdeffedcba98765432100123456789abcdeffedcba9876543210";
const SHORT_SECRET: &[u8] = b"0123456789abcdef";
/// Of each class. One sample is the time of a few comparisons, so that it is well above the clock's grain.
const SAMPLES: usize = 200_000;
const REPEATED: usize = 4;

struct Class {
    name: &'static str,
    secret: Secret,
    candidate: Vec<u8>,
    /// The class it is compared with.
    anchor: usize,
    times: Vec<f64>,
}

fn classes() -> Vec<Class> {
    let changed = |at: usize| {
        let mut candidate = SECRET.to_vec();
        candidate[at] ^= 1;
        candidate
    };
    let long = [SECRET.as_slice(), b"x"].concat();
    let named: [(&'static str, &[u8], Vec<u8>, usize); 13] = [
        ("64 bytes that match nowhere", SECRET, vec![b'x'; 64], 0),
        ("32 bytes that match nowhere", SECRET, vec![b'x'; 32], 1),
        ("63 bytes that match nowhere", SECRET, vec![b'x'; 63], 2),
        ("65 bytes that match nowhere", SECRET, vec![b'x'; 65], 3),
        ("the same 64 again, for comparison", SECRET, vec![b'x'; 64], 0),
        ("equal", SECRET, SECRET.to_vec(), 0),
        ("differs in the first byte", SECRET, changed(0), 0),
        ("differs in the middle", SECRET, changed(32), 0),
        ("differs in the last byte", SECRET, changed(63), 0),
        ("its first half", SECRET, SECRET[..32].to_vec(), 1),
        ("all but its last byte", SECRET, SECRET[..63].to_vec(), 2),
        ("one byte behind it", SECRET, long, 3),
        ("64 bytes against a secret of 16", SHORT_SECRET, vec![b'x'; 64], 12),
    ];
    let class = |(name, secret, candidate, anchor): (&'static str, &[u8], Vec<u8>, usize)| {
        let secret = Secret::new(secret).expect("a secret");
        Class { name, secret, candidate, anchor, times: Vec::with_capacity(SAMPLES) }
    };
    named.map(class).into()
}

fn main() -> ExitCode {
    let mut classes = classes();
    let mut order: Vec<usize> = (0..classes.len()).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    // All candidates from one place: where a buffer lies in memory makes a difference too.
    let mut buffer = [0_u8; 128];
    for _ in 0..SAMPLES {
        shuffle(&mut order, &mut state);
        for &at in &order {
            let class = &mut classes[at];
            let candidate = &mut buffer[..class.candidate.len()];
            candidate.copy_from_slice(&class.candidate);
            let begun = Instant::now();
            for _ in 0..REPEATED {
                black_box(class.secret.matches(black_box(candidate)));
            }
            class.times.push(begun.elapsed().as_nanos() as f64);
        }
    }
    report(&classes)
}

fn shuffle(order: &mut [usize], state: &mut u64) {
    for last in (1..order.len()).rev() {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        order.swap(last, usize::try_from(*state % (last as u64 + 1)).expect("it is small"));
    }
}

fn report(classes: &[Class]) -> ExitCode {
    // Interrupts and other programs: the slowest twentieth of all says nothing about the comparison.
    let mut all: Vec<f64> = classes.iter().flat_map(|class| class.times.iter().copied()).collect();
    all.sort_by(f64::total_cmp);
    let cut = all[all.len() / 20 * 19];
    let moments: Vec<Moments> = classes.iter().map(|class| Moments::of(&class.times, cut)).collect();
    println!("\n`secrets.matches` of a secret of 64 bytes, {SAMPLES} samples of {REPEATED} for each\n");
    println!("| candidate | mean | t |\n|---|---:|---:|");
    let mut worst = 0.0_f64;
    for (class, own) in classes.iter().zip(&moments) {
        let t = moments[class.anchor].welch(own);
        worst = worst.max(t.abs());
        println!("| {} | {:.1} ns | {t:.2} |", class.name, own.mean / REPEATED as f64);
    }
    let (verdict, exit) = match worst {
        t if t < 4.5 => ("no difference shows", ExitCode::SUCCESS),
        t if t < 10.0 => ("undecided: run it again on a quiet machine", ExitCode::SUCCESS),
        _ => ("the time tells something: NOT held", ExitCode::FAILURE),
    };
    println!("\ngate: largest |t| {worst:.2}: {verdict}");
    exit
}

struct Moments {
    count: f64,
    mean: f64,
    variance: f64,
}

impl Moments {
    fn of(times: &[f64], cut: f64) -> Self {
        let kept: Vec<f64> = times.iter().copied().filter(|time| *time <= cut).collect();
        let count = kept.len() as f64;
        let mean = kept.iter().sum::<f64>() / count;
        let variance = kept.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
        Self { count, mean, variance }
    }

    fn welch(&self, other: &Self) -> f64 {
        let error = (self.variance / self.count + other.variance / other.count).sqrt();
        if error == 0.0 { 0.0 } else { (other.mean - self.mean) / error }
    }
}
