//! What has to be done and is not lost: deliveries that were acknowledged, and the jobs they and others lead to.
//!
//! Decided here: that a delivery counts once, that wakes of one kind join into one waiting job, that jobs of one place run one after the
//! other, how often a job is tried, and what a store of them promises ([`Queue`], held by [`conformance`]). Not decided here: what a job
//! does (`worker`).
//!
//! A server takes a job under a lease and prolongs it while it works. A lease that ran out is anyone's, so that several servers can share
//! a store; those of a server that is known to be dead are given back at once. Doing a job twice is harmless, because the connector starts
//! from what is true on both sides; the queue still sees to it that what was done is not done again.

mod backoff;
#[cfg(test)]
pub(crate) mod conformance;
mod sqlite;

pub(crate) use backoff::Backoff;

use super::job::{Cause, Job, JobNumber, Order, Place};
use super::people::Organisation;
use super::problem::Problem;
use async_trait::async_trait;
use gitlab_sync_host::connection_id::ConnectionId;
use serde::Serialize;
use std::error::Error;
use std::time::Duration;

/// A repeat of a delivery is known for so long. GitLab repeats what was cut off within minutes; what somebody sends again by hand on a
/// later day is meant.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// Ended jobs are shown for so long.
pub(crate) const SHOWN: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What arrived for a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) connection: ConnectionId,
    pub(crate) organisation: Organisation,
    pub(crate) place: Place,
    /// Of a delivery, its key makes that it counts once.
    pub(crate) cause: Cause,
    /// None: there is nothing to do, and it is only remembered.
    pub(crate) job: Option<Job>,
    pub(crate) order: Order,
    /// Not before.
    pub(crate) due_ms: u64,
}

/// What became of an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// A new job.
    Queued(JobNumber),
    /// A job that waits already will do it.
    Joined(JobNumber),
    /// There is nothing to do.
    Noted,
    /// A repeat of a delivery that was taken before.
    Repeat,
}

/// A server that takes jobs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Holder(pub(crate) String);

/// How many jobs may be taken, and until when they are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taking {
    pub(crate) now_ms: u64,
    pub(crate) until_ms: u64,
    /// Now.
    pub(crate) most: u32,
    /// Running at once for one organisation, on all servers.
    pub(crate) most_per_organisation: u32,
}

/// The right to end a job that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ticket {
    pub(crate) number: JobNumber,
    pub(crate) holder: Holder,
    /// Counts the tries, this one with them.
    pub(crate) attempt: u32,
}

/// A job that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) ticket: Ticket,
    pub(crate) connection: ConnectionId,
    pub(crate) organisation: Organisation,
    pub(crate) job: Job,
    /// Of the first wake, or of the last person's.
    pub(crate) cause: Cause,
    pub(crate) order: Order,
}

/// How a try ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Done,
    /// To be tried again.
    Again {
        due_ms: u64,
        problem: Problem,
    },
    /// It was broken off by the server, which does not count as a try.
    BrokenOff,
    /// Nothing that happens by itself helps.
    GivenUp(Problem),
}

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stage {
    Waiting,
    Running,
    Done,
    /// Another job took it over.
    Joined,
    /// The dead letters: given up, with the reason.
    Dead,
}

/// A job for people to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Seen {
    pub(crate) number: JobNumber,
    pub(crate) connection: ConnectionId,
    pub(crate) job: Job,
    pub(crate) cause: Cause,
    /// How many asked for it.
    pub(crate) wakes: u32,
    pub(crate) stage: Stage,
    pub(crate) attempts: u32,
    pub(crate) created_ms: u64,
    /// When it is tried next, of one that waits.
    pub(crate) due_ms: u64,
    pub(crate) ended_ms: Option<u64>,
    /// Why the last try failed.
    pub(crate) problem: Option<Problem>,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Depth {
    pub(crate) waiting: u64,
    pub(crate) running: u64,
    pub(crate) dead: u64,
    /// Since when the job waits that could have begun first.
    pub(crate) oldest_due_ms: Option<u64>,
}

/// The store failed.
#[derive(Debug, thiserror::Error)]
#[error("the queue cannot be used")]
pub(crate) struct QueueError(#[source] pub(crate) Box<dyn Error + Send + Sync>);

/// Keeps deliveries and jobs. What it has answered is on disk.
#[async_trait]
pub(crate) trait Queue: Send + Sync {
    /// All of them or none. Gives back what became of each, in order.
    async fn put(&self, arrivals: Vec<Arrival>, now_ms: u64) -> Result<Vec<Put>, QueueError>;

    /// Jobs that are due, in turn between organisations; one at a time of each place and of each connection.
    async fn take(&self, holder: &Holder, taking: Taking) -> Result<Vec<Taken>, QueueError>;

    /// Holds these for longer, which this server has taken. Gives back those that it still has.
    async fn prolong(
        &self,
        holder: &Holder,
        numbers: Vec<JobNumber>,
        until_ms: u64,
    ) -> Result<Vec<JobNumber>, QueueError>;

    /// False: the lease ran out and the job is somebody else's; nothing was changed.
    async fn end(&self, ticket: &Ticket, ending: Ending, now_ms: u64) -> Result<bool, QueueError>;

    /// Gives back everything that this server held; for one that is known to be dead. How many there were.
    async fn give_back(&self, holder: &Holder, now_ms: u64) -> Result<u64, QueueError>;

    /// Nothing of this connection begins until it is let go. What arrives is kept.
    async fn hold(&self, connection: &ConnectionId) -> Result<(), QueueError>;

    async fn let_go(&self, connection: &ConnectionId) -> Result<(), QueueError>;

    /// When the next job that waits is due, later than now or not.
    async fn next_due_ms(&self) -> Result<Option<u64>, QueueError>;

    async fn job(&self, number: JobNumber) -> Result<Option<Seen>, QueueError>;

    /// The newest first.
    async fn jobs(&self, connection: &ConnectionId, most: usize) -> Result<Vec<Seen>, QueueError>;

    async fn depth(&self, now_ms: u64) -> Result<Depth, QueueError>;

    /// Ended jobs older than [`SHOWN`] and deliveries older than [`REMEMBERED`] go.
    async fn prune(&self, now_ms: u64) -> Result<(), QueueError>;

    /// Everything of a connection goes.
    async fn forget(&self, connection: &ConnectionId) -> Result<(), QueueError>;
}
