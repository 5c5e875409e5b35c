//! Outbound HTTP: the pure policy by tables, the sender against real servers on loopback.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod hooks;
mod http2;
mod network;
mod policy;
mod replies;
mod sender;
mod support;
