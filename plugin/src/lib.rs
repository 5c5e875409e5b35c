//! spike
#[cfg(target_family = "wasm")]
mod component;
