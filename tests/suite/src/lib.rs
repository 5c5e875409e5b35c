//! The hostile guest as a component. The tests are in `tests/all`.

/// The component that `tests/hostile` is built into.
pub const HOSTILE: &[u8] = include_bytes!(env!("HOSTILE"));
