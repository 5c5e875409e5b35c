//! `serve`, the real program, against the simulator.

mod api;
mod bodies;
mod deliveries;
mod edits;
mod ending;
mod killed;
mod operating;
pub(crate) mod server;
mod tenant;
