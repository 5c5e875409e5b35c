//! The border of the component: generated bindings on one side, the domain's plain types on the other.
//!
//! Decided here: nothing but how values cross. `lent` is what the host gives, `http` how requests go out several at a time,
//! `exports`, `sync` and `hooks` what products call, `export` the one place where the linker is told.

mod bindings;
mod export;
mod exports;
mod hooks;
mod http;
mod lent;
mod sync;
mod webhook;
