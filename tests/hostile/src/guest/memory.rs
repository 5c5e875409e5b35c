//! Modes that take memory, leave something in it, and look for what others left.

use super::raw;
use super::run::{Ask, Seen};
use crate::Needle;
use std::arch::wasm32::{memory_grow, memory_size};
use std::hint::black_box;

const PAGE: usize = 64 << 10;
const MIB: usize = 1 << 20;

pub(super) fn bomb() -> Seen {
    let mut hoard: Vec<Vec<u8>> = vec![];
    loop {
        hoard.push(black_box(vec![1; MIB]));
    }
}

pub(super) fn at_once() -> Seen {
    let before = memory_size::<0>();
    let answer = memory_grow::<0>(65_536 - before);
    Ok(vec![format!("grow answered {}", answer.cast_signed())])
}

pub(super) fn fill(ask: &Ask) -> Seen {
    let text = ask.line(1).as_bytes();
    let memory: Vec<u8> = text.iter().copied().cycle().take(ask.number(0) * MIB).collect();
    Ok(vec![format!("filled {} bytes", black_box(memory).len())])
}

pub(super) fn search(ask: &Ask) -> Seen {
    let wanted = ask.number(0) * MIB / PAGE;
    let before = memory_size::<0>();
    if wanted > before {
        memory_grow::<0>(wanted - before);
    }
    let bytes = memory_size::<0>() * PAGE;
    let needles = ask.lines().skip(1).map(|line| Needle::parse(line).ok_or(format!("no needle `{line}`")));
    let needles: Vec<Needle> = needles.collect::<Result<_, _>>()?;
    let found = needles.iter().map(|needle| needle.count((1..bytes).map(raw::byte)));
    Ok(std::iter::once(format!("searched {bytes} bytes")).chain(found.map(|times| times.to_string())).collect())
}
