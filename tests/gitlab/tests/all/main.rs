//! Everything that is asked of the simulator over the wire. One file per noun, test names are sentences.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod front_door;
mod support;
