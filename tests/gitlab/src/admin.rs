//! The handle with which a test changes the world past the API, and looks at what happened.
//!
//! Here is what concerns the instance as a whole; each noun has a file with its specs and the methods that take them. The
//! same over HTTP, for other processes, is `control`.

mod commits;
mod projects;
mod tokens;
mod users;

use std::sync::Arc;

use jiff::SignedDuration;

use crate::app::App;
use crate::committing::CommitError;
use crate::server::fault::Fault;
use crate::server::log::RequestLog;
use crate::world::PathError;
use crate::world::settings::Settings;

pub use commits::CommitSpec;
pub use projects::ProjectSpec;
pub(crate) use tokens::add_bot;
pub use tokens::{ApplicationSpec, TokenSpec};
pub use users::UserSpec;
pub(crate) use users::add_user;

/// The handle. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Admin {
    app: Arc<App>,
}

/// Why the world could not be changed that way.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The path of a project.
    #[error("the project could not be placed")]
    Path(#[from] PathError),
    /// Something that is not there.
    #[error("there is no {what} `{which}`")]
    Missing {
        /// What was looked for.
        what: &'static str,
        /// Under which name or id.
        which: String,
    },
    /// The repository.
    #[error("the repository refused")]
    Git(#[from] git2::Error),
    /// A commit.
    #[error("the commit could not be made")]
    Commit(#[from] CommitError),
}

impl Admin {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    /// The instance itself, for everything this handle has no word for.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// The log of requests.
    pub fn log(&self) -> &RequestLog {
        &self.app.log
    }

    /// Plans a fault.
    pub fn fault(&self, fault: Fault) {
        self.app.faults.add(fault);
    }

    /// Drops all planned faults.
    pub fn clear_faults(&self) {
        self.app.faults.clear();
    }

    /// Moves the instance's clock.
    pub fn advance_clock(&self, by: SignedDuration) {
        self.app.clock.advance(by);
    }

    /// Stops the instance's clock, so that no limit's period ends in the middle of a test. It can still be moved.
    pub fn stop_clock(&self) {
        self.app.clock.stop();
    }

    /// Changes the switches.
    pub fn settings(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.app.world_mut().settings);
    }
}

fn missing(what: &'static str, which: &str) -> AdminError {
    AdminError::Missing { what, which: which.to_owned() }
}
