//! What the server does by itself or on demand, and why.

use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::sync::{Deletions, Options};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One piece of work for one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Job {
    /// The branch's changes into the workspace. Of an unchanged branch it costs one request, so it is also how a head is looked at.
    Pull,
    /// The workspace's changes into the branch.
    Push,
    /// Pull, then push; the first one goes the way that was configured.
    Sync,
}

impl Job {
    pub(crate) const ALL: [Self; 3] = [Self::Pull, Self::Push, Self::Sync];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Sync => "sync",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|job| job.as_str() == text)
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a job is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub(crate) enum Cause {
    /// GitLab told that something happened.
    Delivery {
        /// Equal for repeats of one delivery.
        key: String,
        /// Such as `push`.
        kind: String,
    },
    /// Somebody pressed a button.
    Person {
        /// Who.
        name: String,
    },
    /// The folder changed.
    Edit,
    /// It was time to look.
    Poll,
}

/// How somebody wants it done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    /// Digest of the plan that was looked at: this and nothing else.
    pub(crate) plan: Option<String>,
    /// Go on although many files would be deleted.
    pub(crate) approve_deletions: bool,
    /// First lines of the commit's message.
    pub(crate) message: Option<String>,
}

impl Order {
    /// As the connector is told.
    pub(crate) fn options(&self) -> Options {
        let deletions = if self.approve_deletions { Deletions::Approved } else { Deletions::Brake };
        Options { plan: self.plan.clone(), deletions, message: self.message.clone() }
    }
}

/// A job that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wake {
    pub(crate) connection: ConnectionId,
    pub(crate) job: Job,
    pub(crate) cause: Cause,
    /// Of a person; `Order::default()` for all others.
    pub(crate) order: Order,
}

impl Wake {
    pub(crate) fn new(connection: ConnectionId, job: Job, cause: Cause) -> Self {
        Self { connection, job, cause, order: Order::default() }
    }
}

/// Names a job in the queue, and in an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct JobNumber(pub(crate) i64);

impl fmt::Display for JobNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Jobs of one place are done one after the other: a branch of a project, or a connection that has none yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place(pub(crate) String);
