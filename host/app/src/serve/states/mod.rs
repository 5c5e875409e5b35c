//! What the server knows of each connection beside the connector's own notes: whether it syncs by itself, how the last job ended, and
//! how its hook does.
//!
//! Decided here: what a [`State`] says and how each [`Change`] changes it, which is pure; what a store of them promises ([`States`]).

#[cfg(test)]
pub(crate) mod conformance;
mod sqlite;

use super::job::Job;
use super::problem::Problem;
use async_trait::async_trait;
use gitlab_sync_host::connection_id::ConnectionId;
use serde::{Deserialize, Serialize};
use std::error::Error;

/// Of one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    /// Edits are pushed by themselves.
    pub(crate) auto_sync: bool,
    /// Why nothing is done until a person has done something. Deliveries are still taken and wait.
    pub(crate) paused: Option<Problem>,
    /// The last job that ended well.
    pub(crate) done: Option<Done>,
    /// Why the last job did not end well; none once one has.
    pub(crate) problem: Option<Problem>,
    /// Waiting to be resolved, as of the last job.
    pub(crate) conflicts: u32,
    /// The last delivery whose sender was proved.
    pub(crate) delivery: Option<Delivered>,
    /// What GitLab says of the hook, if somebody has asked.
    pub(crate) hook: Option<Hook>,
    /// The day on which the token dies, `2027-01-31`, as far as GitLab has told.
    pub(crate) token_expires_on: Option<String>,
}

/// A job that ended well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) job: Job,
    pub(crate) at_ms: u64,
    /// Files that were changed on either side.
    pub(crate) files: u32,
    /// The branch's head afterwards.
    pub(crate) head: Option<String>,
}

/// A delivery whose sender was proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Delivered {
    pub(crate) at_ms: u64,
    /// Such as `push`.
    pub(crate) kind: String,
    /// `token` or `signature`.
    pub(crate) proof: String,
}

/// What GitLab says of the hook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hook {
    /// `healthy`, `disabled`, `missing`, `changed`, or `manual` where nobody may ask.
    pub(crate) health: String,
    /// Why, or what was done about it.
    pub(crate) note: String,
    pub(crate) looked_ms: u64,
}

/// What happened to a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    AutoSync(bool),
    Paused(Problem),
    Resumed,
    Done { done: Done, conflicts: u32 },
    Failed(Problem),
    Delivered(Delivered),
    Conflicts(u32),
    Hook(Hook),
    TokenExpires(Option<String>),
}

impl State {
    pub(crate) fn apply(&mut self, change: Change) {
        match change {
            Change::AutoSync(on) => self.auto_sync = on,
            Change::Paused(problem) => self.paused = Some(problem),
            Change::Resumed => (self.paused, self.problem) = (None, None),
            Change::Done { done, conflicts } => {
                (self.done, self.problem, self.conflicts) = (Some(done), None, conflicts);
            }
            Change::Failed(problem) => self.problem = Some(self.since_when(problem)),
            Change::Delivered(delivered) => self.delivery = Some(delivered),
            Change::Conflicts(conflicts) => self.conflicts = conflicts,
            Change::Hook(hook) => self.hook = Some(hook),
            Change::TokenExpires(day) => self.token_expires_on = day,
        }
    }

    /// The same problem again has been there since it began.
    fn since_when(&self, problem: Problem) -> Problem {
        match &self.problem {
            Some(known) if known.code == problem.code => Problem { since_ms: known.since_ms, ..problem },
            _ => problem,
        }
    }
}

/// The store failed.
#[derive(Debug, thiserror::Error)]
#[error("the states of connections cannot be used")]
pub(crate) struct StatesError(#[source] pub(crate) Box<dyn Error + Send + Sync>);

/// Keeps states. What it has answered is on disk.
#[async_trait]
pub(crate) trait States: Send + Sync {
    /// The default one for a connection that nothing is known of.
    async fn get(&self, id: &ConnectionId) -> Result<State, StatesError>;

    /// All changes in order, whatever others change meanwhile. Gives back what came of them.
    async fn change(&self, id: &ConnectionId, changes: Vec<Change>) -> Result<State, StatesError>;

    /// As `change`, for many at once.
    async fn change_all(&self, changes: Vec<(ConnectionId, Vec<Change>)>) -> Result<(), StatesError>;

    /// Every connection that something is known of.
    async fn all(&self) -> Result<Vec<(ConnectionId, State)>, StatesError>;

    /// As if the connection had never been there.
    async fn forget(&self, id: &ConnectionId) -> Result<(), StatesError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_that_goes_on_keeps_its_beginning_and_success_ends_it() {
        let problem = |code: &str, since_ms| Problem {
            code: code.into(),
            message: String::new(),
            remedy: String::new(),
            since_ms,
        };
        let mut state = State::default();
        let since = |state: &State| state.problem.as_ref().map(|problem| problem.since_ms);
        state.apply(Change::Failed(problem("host-unreachable", 1)));
        state.apply(Change::Failed(problem("host-unreachable", 2)));
        assert_eq!(since(&state), Some(1));
        state.apply(Change::Failed(problem("rate-limited", 3)));
        assert_eq!(since(&state), Some(3));
        let done = Done { job: Job::Pull, at_ms: 4, files: 0, head: None };
        state.apply(Change::Done { done, conflicts: 2 });
        assert_eq!((since(&state), state.conflicts), (None, 2));
    }
}
