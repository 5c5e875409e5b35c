//! Push and pull: a loop of bounded calls, until there is no more to do.

use super::Trouble;
use gitlab_sync_host::connection::Connection;
use gitlab_sync_host::sync::{Direction, FirstSync, Options, Step};

/// Calls before something is wrong: each does at least a part of the work.
const MOST_CALLS: usize = 10_000;

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

/// Calls until nothing is left to do. A plan holds for every call: the connector knows what of it is left. What was done before an error
/// is in `steps` too.
pub(crate) async fn all_steps(
    connection: &Connection,
    way: Way,
    options: Options,
    steps: &mut Vec<Step>,
) -> Result<(), MoveError> {
    for _ in 0..MOST_CALLS {
        let step = match way {
            Way::Push => connection.push(options.clone()).await?,
            Way::Pull => connection.pull(options.clone()).await?,
        };
        let more = step.more;
        steps.push(step);
        if !more {
            return Ok(());
        }
    }
    Err(MoveError::Endless)
}
