//! Commits of somebody else that a test wants to land in the middle of the next API commit: real lost races.

use std::sync::{Arc, Mutex, PoisonError};

use crate::app::App;
use crate::committing::{self, Order};
use crate::world::projects::Project;
use crate::world::users::User;

/// Planned commits by project and branch. Each lands once, between reading the branch and moving it.
#[derive(Debug, Default)]
pub struct Rivals {
    planned: Mutex<Vec<(u64, User, Order)>>,
}

impl Rivals {
    /// Plans a commit.
    pub fn plan(&self, project_id: u64, user: User, order: Order) {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner).push((project_id, user, order));
    }

    /// Lands the first planned commit of this branch, if any.
    pub(crate) fn run(&self, app: &Arc<App>, project: &Project, branch: &str) {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let first = planned.iter().position(|(id, _, order)| *id == project.id && order.branch == branch);
        // Taken out before it runs: it comes through here itself.
        let Some((_, user, order)) = first.map(|at| planned.remove(at)) else { return };
        drop(planned);
        let _ = committing::commit(app, project, &user, &order);
    }
}
