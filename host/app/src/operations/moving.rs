//! Push and pull: a loop of bounded calls, until there is no more to do.
//!
//! Decided here: how two processes at one connection get along, such as a timer and someone by hand. They take turns, call by call, so
//! that no file is moved twice; and where something else of the connection was changed during a call, it is made again.

use super::Trouble;
use crate::store::Database;
use gitlab_sync_host::connection::{Connection, ConnectionError};
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::sync::{Direction, FirstSync, Options, Step};
use std::time::Duration;

/// Calls before something is wrong: each does at least a part of the work.
const MOST_CALLS: usize = 10_000;
/// How often a call is made that was disturbed.
const TRIES: u32 = 3;
/// Longer than others look away who wait for their turn.
const YIELD: Duration = Duration::from_millis(30);

/// Whose files are moved.
#[derive(Clone, Copy)]
pub(crate) struct Mover<'m> {
    pub(crate) id: &'m ConnectionId,
    pub(crate) connection: &'m Connection,
    pub(crate) database: &'m Database,
}

/// Which call moves the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Push,
    Pull,
}

/// Why the files were not moved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MoveError {
    #[error("the connector always says that there is more to do")]
    Endless,
    #[error(transparent)]
    Trouble(Trouble),
}

impl<E: Into<Trouble>> From<E> for MoveError {
    fn from(error: E) -> Self {
        Self::Trouble(error.into())
    }
}

/// The first sync goes the way that was configured, and all others both; a pull first, so that what merges here is pushed together
/// with what was changed here.
pub(crate) async fn ways(connection: &Connection) -> Result<(&'static [Way], Direction), Trouble> {
    let first = connection.status().await?.configured.map(|configured| configured.first);
    Ok(match first {
        Some(FirstSync::Push) => (&[Way::Push], Direction::Push),
        Some(FirstSync::Pull) => (&[Way::Pull], Direction::Pull),
        Some(FirstSync::Merge) | None => (&[Way::Pull, Way::Push], Direction::Both),
    })
}

impl Mover<'_> {
    /// Calls until nothing is left to do. A plan holds for every call: the connector knows what of it is left. What was done before an
    /// error is in `steps` too.
    pub(crate) async fn all_steps(&self, way: Way, options: Options, steps: &mut Vec<Step>) -> Result<(), MoveError> {
        for _ in 0..MOST_CALLS {
            let step = self.step(way, &options).await?;
            let more = step.more;
            steps.push(step);
            if !more {
                return Ok(());
            }
        }
        Err(MoveError::Endless)
    }

    /// One bounded call, when it is this process's turn.
    pub(crate) async fn step(&self, way: Way, options: &Options) -> Result<Step, Trouble> {
        let turn = self.database.turn(self.id).await.map_err(Trouble::of_turn)?;
        let step = self.undisturbed(way, options).await?;
        drop(turn);
        if step.more {
            tokio::time::sleep(YIELD).await;
        }
        Ok(step)
    }

    /// What else may write beside a turn, such as resolving a conflict, is over in a moment.
    async fn undisturbed(&self, way: Way, options: &Options) -> Result<Step, ConnectionError> {
        let mut tries = 1;
        loop {
            let outcome = match way {
                Way::Push => self.connection.push(options.clone()).await,
                Way::Pull => self.connection.pull(options.clone()).await,
            };
            match outcome {
                Err(ConnectionError::Refused(refusal)) if refusal.code == "state-changed" && tries < TRIES => {
                    tries += 1;
                }
                outcome => return outcome,
            }
        }
    }
}
