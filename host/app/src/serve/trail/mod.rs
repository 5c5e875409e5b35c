//! Who did what, and when: what people did and what the server did for them, for the people of the organisation.
//!
//! Not the library's audit trail, which has a line for each request and use of a secret and is the operator's. Decided here: what an
//! [`Entry`] says, and that one is never changed. Never a secret, and of a file never more than its path.

#[cfg(test)]
pub(crate) mod conformance;
mod sqlite;

use super::people::Organisation;
use async_trait::async_trait;
use gitlab_sync_host::connection_id::ConnectionId;
use serde::{Deserialize, Serialize};
use std::error::Error;

/// Entries of one page, at most.
pub(crate) const MOST_ON_A_PAGE: usize = 200;

/// One thing that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Entry {
    pub(crate) at_ms: u64,
    pub(crate) organisation: Organisation,
    /// None: it is about the organisation itself, such as a sign-in.
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) actor: Actor,
    /// A word of a closed set, such as `pull` or `connect`.
    pub(crate) action: String,
    /// Whether it was done.
    pub(crate) outcome: Outcome,
    /// For people: `3 files, head 1a2b3c4d`, or why not.
    pub(crate) detail: String,
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub(crate) enum Actor {
    /// A person of the organisation.
    Person { name: String },
    /// GitLab told of a change.
    Delivery,
    /// The folder changed.
    Edit,
    /// It was time to look.
    Poll,
    /// The operator, on the command line.
    Operator,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub(crate) enum Outcome {
    Done,
    /// It will be tried again.
    Failed {
        code: String,
    },
    /// It will not be tried again by itself.
    GivenUp {
        code: String,
    },
}

/// An entry with its place in the trail. Later ones have higher numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Numbered {
    pub(crate) number: i64,
    #[serde(flatten)]
    pub(crate) entry: Entry,
}

/// Which entries are wanted; the newest come first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) organisation: Organisation,
    pub(crate) connection: Option<ConnectionId>,
    /// Only older ones than this.
    pub(crate) before: Option<i64>,
    pub(crate) most: usize,
}

/// The store failed.
#[derive(Debug, thiserror::Error)]
#[error("the trail cannot be used")]
pub(crate) struct TrailError(#[source] pub(crate) Box<dyn Error + Send + Sync>);

/// Keeps entries. What it has answered is on disk.
#[async_trait]
pub(crate) trait Trail: Send + Sync {
    async fn add(&self, entry: Entry) -> Result<(), TrailError>;

    /// The newest first, [`MOST_ON_A_PAGE`] at most.
    async fn page(&self, page: Page) -> Result<Vec<Numbered>, TrailError>;

    /// Older entries go. How many went.
    async fn prune(&self, before_ms: u64) -> Result<u64, TrailError>;
}
