//! Why a stream broke, in the words a component may hear: `wasi:io/error` with the sentence alone.
//!
//! wasmtime's own implementation gives the error's `Debug` text. Where the process runs with `RUST_BACKTRACE` that is the host's whole
//! stack, with its folders: 20 KB that are nobody's business inside the sandbox (found by `endless_reply` of the hostile guest).

use wasmtime::component::{HasData, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::io::error;

/// The resources of a call, as far as broken streams go.
pub(crate) struct Broken<'a>(pub(crate) &'a mut ResourceTable);

/// How the linker names it.
pub(crate) struct HasBroken;

impl HasData for HasBroken {
    type Data<'a> = Broken<'a>;
}

impl error::Host for Broken<'_> {}

impl error::HostError for Broken<'_> {
    fn to_debug_string(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<String> {
        Ok(self.0.get(&error)?.to_string())
    }

    fn drop(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<()> {
        self.0.delete(error)?;
        Ok(())
    }
}
