//! What safe Rust cannot do and a hostile guest can: read all of its memory, and make up handles.

#![expect(unsafe_code, reason = "this guest reads its own memory from end to end and uses handles it was never given")]

use super::bindings::wasi::http::types::{Fields, FutureIncomingResponse, IncomingBody, OutgoingBody, OutgoingRequest};
use super::bindings::wasi::io::streams::{InputStream, OutputStream};

/// The byte at this address of linear memory, which has to be below its size and not 0: Rust has no reference to address 0.
pub(super) fn byte(address: usize) -> u8 {
    // SAFETY: the address is inside linear memory, all of which can be read; volatile, so nothing is assumed of it.
    unsafe { std::ptr::with_exposed_provenance::<u8>(std::hint::black_box(address)).read_volatile() }
}

/// One use of a handle that was made up, of each kind of resource.
pub(super) fn forge(kind: &str, handle: u32) {
    // SAFETY: the host has to refuse each of these; that is what is tested.
    unsafe {
        match kind {
            "input-stream" => drop(InputStream::from_handle(handle).blocking_read(1)),
            "output-stream" => drop(OutputStream::from_handle(handle).check_write()),
            "fields" => drop(Fields::from_handle(handle).entries()),
            "request" => drop(OutgoingRequest::from_handle(handle).body()),
            "reply" => drop(FutureIncomingResponse::from_handle(handle).get()),
            "incoming-body" => drop(IncomingBody::from_handle(handle).stream()),
            "drop" => drop(OutgoingBody::from_handle(handle)),
            _ => {}
        }
    }
}
