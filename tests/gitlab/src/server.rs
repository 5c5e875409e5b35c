//! The way a request takes before and after the routes: connection, log, faults, throttle, headers, compression.

pub mod body;
pub mod fault;
pub mod gate;
pub mod gzip;
pub mod listen;
pub mod log;
pub mod spoil;
pub mod throttle;
pub mod tls;
