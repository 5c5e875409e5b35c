//! The project's claims, each as a test whose name is the claim.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

/// What the connector imports and exports, against `wit/`, and `wit/` against the host's list of capabilities.
mod contract;
/// Bytes that are no connector: one clear sentence each.
mod load;
/// Two builds in two folders, one digest.
mod reproducible;
/// Connect, configure, push and pull: the component in the host against the simulator.
mod sync;
/// `wit/deps` against the definitions that wasmtime's crates ship.
mod wasi;

mod sandbox;
/// Servers, secrets to look for, and the contract as `wit-parser` reads it.
mod support;
