//! One mode: an allocator that lies to the host, which asks it where to write lists and texts.

#![expect(unsafe_code, reason = "an allocator that keeps no promise is what is tested")]

use super::bindings::gitlab_sync::connector::{clock, secrets};
use super::computing;
use super::run::{Ask, Seen};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU8, Ordering};

/// What the next allocation does: 0 is what it should, others count from 1 in `ALLOCATIONS`.
static LIE: AtomicU8 = AtomicU8::new(0);

struct Lying;

#[global_allocator]
static ALLOCATOR: Lying = Lying;

// SAFETY: it breaks the promise of an allocator on purpose, only for what the host writes while `LIE` is set, and the host has to
// stand that. Otherwise it is the system's.
unsafe impl GlobalAlloc for Lying {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let end = || std::arch::wasm32::memory_size(0) << 16;
        let at = match LIE.swap(0, Ordering::Relaxed) {
            1 => end() - 1,
            2 => usize::MAX & !(layout.align() - 1),
            // Texts need no alignment, so this one is read as a list's.
            3 => 17,
            4 => std::arch::wasm32::unreachable(),
            5 => {
                drop(computing::endless_loop());
                0
            }
            6 => usize::try_from(clock::now()).unwrap_or(0),
            7 => {
                std::arch::wasm32::memory_grow(0, 16);
                (end() - layout.size()) & !(layout.align() - 1)
            }
            // Where this very function's constants and statics are.
            8 => (&raw const LIE).expose_provenance() & !(layout.align() - 1),
            _ => {
                // SAFETY: passed on as it came.
                return unsafe { System.alloc(layout) };
            }
        };
        std::ptr::with_exposed_provenance_mut(at)
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: passed on as it came; what a lie returned is never given back.
        unsafe { System.dealloc(at, layout) }
    }
}

pub(super) fn lie(ask: &Ask) -> Seen {
    let number = crate::ALLOCATIONS.iter().position(|name| *name == ask.line(0)).ok_or("no such allocation")?;
    let lie = u8::try_from(number + 1).unwrap_or(0);
    if ask.line(0) == "unaligned" {
        // The reply's list of headers has an alignment of 4.
        let fields = super::wire::fields(&[("a".into(), b"b".into())])?;
        LIE.store(lie, Ordering::Relaxed);
        std::mem::forget(fields.entries());
    } else {
        LIE.store(lie, Ordering::Relaxed);
        std::mem::forget(secrets::status("not a slot"));
    }
    Ok(vec!["the host wrote it".into()])
}
