//! `serve`, the real program, against the simulator.

mod addresses;
mod api;
mod authors;
mod bodies;
mod deliveries;
#[cfg(feature = "demo")]
mod demo;
mod edits;
mod ending;
mod flat;
mod killed;
mod kills;
mod operating;
mod parting;
mod plans;
pub(crate) mod server;
mod settings;
mod slow;
mod strangers;
mod tenant;
