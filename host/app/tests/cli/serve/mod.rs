//! `serve`, the real program, against the simulator.

mod bodies;
mod deliveries;
mod ending;
mod killed;
pub(crate) mod server;
mod tenant;
