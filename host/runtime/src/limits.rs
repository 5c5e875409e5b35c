//! What one call may use up inside the sandbox. Every limit has a number, and reaching it has an error of its own (`CallError`).
//! What it may spend on the network is in `http::budget`: those limits are answered with an error value.

use std::time::Duration;

/// The limits of one call. The host decides; a grant can only lower them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Instructions, roughly. A cold pull takes 280,000 for a file of 2 KiB, a quarter of them to hash it: half of this for 100,000
    /// files.
    pub fuel: u64,
    /// Wall-clock time, waiting included.
    pub wall: Duration,
    /// Linear memory of the component.
    pub memory_bytes: usize,
    /// Elements of all its tables together.
    pub table_elements: usize,
    /// Handles the component can hold, and resources the host keeps for it, each.
    pub handles: usize,
    /// Bytes that cross the border in one host call, or in the result of the call itself.
    pub crossing_bytes: usize,
    /// Calls of host functions that do not wait for the network.
    pub host_calls: u64,
}

impl Limits {
    /// For a sync of up to 100,000 files: the table of the design, and what a cold start of that size needs.
    pub fn standard() -> Self {
        Self {
            fuel: 60_000_000_000,
            wall: Duration::from_secs(120),
            memory_bytes: 64 << 20,
            table_elements: 10_000,
            handles: 4_096,
            crossing_bytes: 32 << 20,
            host_calls: 1_000_000,
        }
    }
}

/// The largest component that is looked at, 4 MiB: ours is a tenth of it.
pub const MAX_COMPONENT_BYTES: usize = 4 << 20;
