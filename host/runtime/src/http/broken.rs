//! Why a stream broke, in the words a component may hear: `wasi:io/error` with the sentence alone, and `http-error-code` of
//! `wasi:http/types` with the code.
//!
//! wasmtime's own implementation of the first gives the error's `Debug` text. Where the process runs with `RUST_BACKTRACE` that is the
//! host's whole stack, with its folders: 20 KB that are nobody's business inside the sandbox (found by `endless_reply` of the hostile
//! guest). Its own implementation of the second never finds a code: it looks for the type of the contract, and what a broken body
//! leaves in the stream is the embedder's (wasmtime-wasi-http 48.0.8).

use wasmtime::StoreContextMut;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::io::error;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::{Error, WasiHttpView};

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

/// Takes the place of wasmtime's `http-error-code`. After `wasi:http` was added.
pub(crate) fn add_http_error_code<T: WasiHttpView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let code = |mut store: StoreContextMut<'_, T>, (error,): (Resource<wasmtime::Error>,)| {
        let broken = store.data_mut().http().table.get(&error)?.downcast_ref();
        Ok((broken.and_then(code_of),))
    };
    linker.instance("wasi:http/types@0.2.12")?.func_wrap("http-error-code", code)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// The code of what can break a reply's body (`hooks` gives these and no others).
fn code_of(error: &Error) -> Option<ErrorCode> {
    Some(match error {
        Error::HttpResponseTimeout => ErrorCode::HttpResponseTimeout,
        Error::ConnectionReadTimeout => ErrorCode::ConnectionReadTimeout,
        Error::HttpResponseBodySize(limit) => ErrorCode::HttpResponseBodySize(*limit),
        Error::HttpResponseContentCoding(name) => ErrorCode::HttpResponseContentCoding(name.clone()),
        Error::HttpResponseIncomplete => ErrorCode::HttpResponseIncomplete,
        Error::HttpProtocolError => ErrorCode::HttpProtocolError,
        _ => return None,
    })
}
