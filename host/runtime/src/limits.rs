//! What one call may use up inside the sandbox. Every limit has a number, and reaching it has an error of its own (`CallError`).
//! What it may spend on the network is in `http::budget`: those limits are answered with an error value.

use std::time::Duration;

/// The limits of one call. The host decides; a grant can only lower them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Instructions, roughly. Measured at 100,000 files: a first pull takes half of the standard at 2 KiB each, a push of ten of them a
    /// tenth.
    pub fuel: u64,
    /// Wall-clock time, waiting included.
    pub wall: Duration,
    /// Wall-clock time of a call that does not reach the network. See [`wall_of`](Self::wall_of).
    pub answer: Duration,
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
            fuel: 40_000_000_000,
            wall: Duration::from_secs(120),
            // As long as GitLab waits for the answer to a webhook.
            answer: Duration::from_secs(10),
            // Names of 100,000 files take 64 MiB at most, and 78 with a file of 20 MiB that is pushed among them.
            memory_bytes: 96 << 20,
            table_elements: 10_000,
            handles: 4_096,
            crossing_bytes: 32 << 20,
            host_calls: 1_000_000,
        }
    }

    /// The wall-clock time that a call of this export may take.
    pub fn wall_of(&self, export: &str) -> Duration {
        if LOCAL_EXPORTS.contains(&export) { self.answer.min(self.wall) } else { self.wall }
    }
}

/// Exports that answer from what the host has. `about` stands for all functions of that interface together.
pub const LOCAL_EXPORTS: &[&str] = &["about", "conflict-versions", "conflicts", "resolve", "status", "verify-webhook"];

/// The largest component that is looked at, 4 MiB: ours is a fifth of it.
pub const MAX_COMPONENT_BYTES: usize = 4 << 20;

/// Core instances of a component: its one module, and the shims that it is put together with.
pub const MAX_CORE_INSTANCES: u32 = 4;

/// Linear memories of a component.
pub const MAX_MEMORIES: u32 = 1;

/// Tables of a component: its own, and the one of its shims.
pub const MAX_TABLES: u32 = 2;
