//! `serve`, the real program, against the simulator.

mod api;
mod bodies;
mod deliveries;
#[cfg(feature = "demo")]
mod demo;
mod edits;
mod ending;
mod killed;
mod operating;
pub(crate) mod server;
mod settings;
mod slow;
mod tenant;
