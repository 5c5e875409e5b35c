//! Modes that compute too long, too deep or not at all.

use super::run::Seen;
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};

pub(super) fn endless_loop() -> Seen {
    let mut count = 0_u64;
    loop {
        count = black_box(count).wrapping_add(1);
    }
}

pub(super) fn bulk_loop() -> Seen {
    let mut memory = vec![0_u8; 24 << 20];
    loop {
        memory.fill(black_box(1));
        black_box(&mut memory);
    }
}

#[expect(unconditional_recursion, reason = "that is the mode")]
pub(super) fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 8]);
    recurse(depth + 1) + black_box(frame)[1]
}

pub(super) fn trap() -> Seen {
    std::arch::wasm32::unreachable()
}

pub(super) fn remember() -> Seen {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    Ok(vec![(CALLS.fetch_add(1, Ordering::Relaxed) + 1).to_string()])
}
