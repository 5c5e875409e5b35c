//! Whether the time of `secrets.matches` tells anything about the secret, in the manner of dudect: classes of candidates in random
//! order, and Welch's t between each class and one of the same candidate length that matches nowhere. (How long it takes for a long
//! candidate tells only what the asker knows.) The last rows have secrets of other lengths, and are held against the same anchor. (Opening a
//! sealed secret before it is compared does take time by its length; what is measured here is the comparison.)
//!
//! `cargo bench -p bench --bench matches`. How the figures are judged is in `bench::timing`. What a guest can measure is coarser: it has a
//! clock of milliseconds.

#![expect(clippy::print_stdout, reason = "a benchmark's output is its table")]

use bench::timing::{self, median, shuffle, welch};
use gitlab_sync_host::secrets::secret::Secret;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

const SECRET: &[u8; 64] = b"0123456789abcdeffedcba98765432100123456789abcdeffedcba9876543210";
const SHORT_SECRET: &[u8] = b"0123456789abcdef";
const LONG_SECRET: [u8; 1_024] = [b'0'; 1_024];
const BATCHES: usize = 25;
/// Of each class in each batch. One sample is the time of a few comparisons, so that it is well above the clock's grain.
const SAMPLES: usize = 10_000;
const REPEATED: usize = 4;

struct Class {
    name: &'static str,
    secret: Arc<Secret>,
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
    let arc = |bytes: &[u8]| Arc::new(Secret::new(bytes).expect("a secret"));
    let (secret, short, longest) = (arc(SECRET), arc(SHORT_SECRET), arc(&LONG_SECRET));
    let named = [
        ("64 bytes that match nowhere", &secret, vec![b'x'; 64], 0),
        ("32 bytes that match nowhere", &secret, vec![b'x'; 32], 1),
        ("63 bytes that match nowhere", &secret, vec![b'x'; 63], 2),
        ("65 bytes that match nowhere", &secret, vec![b'x'; 65], 3),
        ("the same 64 again, for comparison", &secret, vec![b'x'; 64], 0),
        ("equal", &secret, SECRET.to_vec(), 0),
        ("differs in the first byte", &secret, changed(0), 0),
        ("differs in the middle", &secret, changed(32), 0),
        ("differs in the last byte", &secret, changed(63), 0),
        ("its first half", &secret, SECRET[..32].to_vec(), 1),
        ("all but its last byte", &secret, SECRET[..63].to_vec(), 2),
        ("one byte behind it", &secret, long, 3),
        ("64 bytes against a secret of 16", &short, vec![b'x'; 64], 0),
        ("64 bytes against a secret of 1,024", &longest, vec![b'x'; 64], 0),
        ("the first 32 of a secret of 1,024", &longest, vec![b'0'; 32], 1),
    ];
    let class = |(name, secret, candidate, anchor): (_, &Arc<Secret>, _, _)| {
        let times = Vec::with_capacity(BATCHES * SAMPLES);
        Class { name, secret: secret.clone(), candidate, anchor, times }
    };
    named.map(class).into()
}

fn main() -> ExitCode {
    let mut classes = classes();
    let mut order: Vec<usize> = (0..classes.len()).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    // All candidates from one place: where a buffer lies in memory makes a difference too.
    let mut buffer = [0_u8; 128];
    for _ in 0..BATCHES * SAMPLES {
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

fn report(classes: &[Class]) -> ExitCode {
    println!("\n`secrets.matches` of a secret of 64 bytes, {BATCHES} batches of {SAMPLES} samples for each\n");
    println!("| candidate | median | median of t |\n|---|---:|---:|");
    let mut worst = 0.0_f64;
    for class in classes {
        let batches = class.times.chunks(SAMPLES).zip(classes[class.anchor].times.chunks(SAMPLES));
        let t = median(batches.map(|(own, anchor)| welch(anchor, own)).collect());
        worst = worst.max(t.abs());
        println!("| {} | {:.1} ns | {t:.2} |", class.name, median(class.times.clone()) / REPEATED as f64);
    }
    let (verdict, exit) = timing::verdict(worst);
    println!("\n{verdict}");
    exit
}
