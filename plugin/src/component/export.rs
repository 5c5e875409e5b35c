//! Tells the linker which functions the component exports.

#![expect(
    unsafe_code,
    reason = "the canonical ABI's entry points are unsafe by nature; this generated call is all of it"
)]

use super::bindings;
use super::exports::Connector;

bindings::export!(Connector with_types_in bindings);
