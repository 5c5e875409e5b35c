//! One mode: host functions called past the bindings, with arguments that no compiler makes.

#![expect(
    unsafe_code,
    reason = "this guest calls the host's functions by hand, to see that the host checks what it is given"
)]

use super::bindings::wasi::http::types::{Fields, OutgoingRequest};
use super::run::{Ask, Seen};
use super::wire;
use std::hint::black_box;

#[link(wasm_import_module = "gitlab-sync:connector/log@0.1.0")]
unsafe extern "C" {
    #[link_name = "event"]
    fn log_event(level: i32, message: usize, length: usize, fields: usize, count: usize);
}

#[link(wasm_import_module = "gitlab-sync:connector/files@0.1.0")]
unsafe extern "C" {
    #[link_name = "list"]
    fn files_list(prefix: usize, length: usize, has_after: i32, after: usize, after_length: usize, result: usize);
    #[link_name = "apply"]
    fn files_apply(changes: usize, count: usize, result: usize);
}

#[link(wasm_import_module = "gitlab-sync:connector/state@0.1.0")]
unsafe extern "C" {
    #[link_name = "get"]
    fn state_get(key: usize, length: usize, result: usize);
}

/// Bytes of linear memory.
fn end() -> usize {
    std::arch::wasm32::memory_size(0) << 16
}

fn address<T>(bytes: &[T]) -> usize {
    black_box(bytes).as_ptr().expose_provenance()
}

pub(super) fn abuse(ask: &Ask) -> Seen {
    let room = [0_u64; 16];
    let (info, text) = (1, |bytes: &'static [u8]| (address(bytes), bytes.len()));
    let log = |(message, length): (usize, usize), (fields, count): (usize, usize)| {
        // SAFETY: the host has to refuse what does not lie in memory or is no text; that is what is tested.
        unsafe { log_event(info, message, length, fields, count) }
    };
    let fine = text(b"a");
    // SAFETY: as above.
    unsafe {
        match ask.line(0) {
            "text-outside" => log((end() - 4, 100), (8, 0)),
            "text-wraps" => log((usize::MAX - 15, 32), (8, 0)),
            "text-of-4-GiB" => log((16, usize::MAX), (8, 0)),
            "text-not-utf8" => log(text(b"\xff\xfe"), (8, 0)),
            "text-overlong" => log(text(b"\xc0\x80"), (8, 0)),
            "text-surrogate" => log(text(b"\xed\xa0\x80"), (8, 0)),
            "list-outside" => log(fine, (end() - 16, 2)),
            "list-wraps" => log(fine, (usize::MAX - 15, 1)),
            "list-of-2-pow-32" => log(fine, (16, usize::MAX)),
            "list-unaligned" => log(fine, (address(&room) + 1, 1)),
            "unknown-level" => log_event(99, fine.0, fine.1, 8, 0),
            "unknown-option" => files_list(fine.0, fine.1, 7, 0, 0, address(&room)),
            "unknown-variant" => files_apply(address(&black_box([0xffff_ffff_ffff_ffff_u64; 16])), 1, address(&room)),
            "result-outside" => state_get(fine.0, fine.1, end() - 8),
            "result-unaligned" => state_get(fine.0, fine.1, address(&room) + 1),
            "dropped-twice" => {
                let fields = wire::fields(&[])?;
                let number = fields.take_handle();
                drop(Fields::from_handle(number));
                drop(Fields::from_handle(number));
            }
            "used-after-drop" => {
                let fields = wire::fields(&[])?;
                let number = fields.take_handle();
                drop(Fields::from_handle(number));
                std::mem::forget(Fields::from_handle(number).entries());
            }
            "own-for-borrow" => {
                // The constructor takes the headers away, so they are nobody's to read.
                let fields = wire::fields(&[])?;
                let number = fields.handle();
                let request = OutgoingRequest::new(fields);
                std::mem::forget(Fields::from_handle(number).entries());
                drop(request);
            }
            other => return Err(format!("no abuse `{other}`")),
        }
    }
    Ok(vec!["the host took it".into()])
}
