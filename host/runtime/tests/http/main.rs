//! Outbound HTTP: the pure policy by tables, the sender against real servers on loopback.

mod hooks;
mod network;
mod policy;
mod replies;
mod sender;
mod support;
