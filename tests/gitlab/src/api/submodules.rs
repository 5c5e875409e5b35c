//! `PUT /projects/:id/repository/submodules/:submodule`: moves a submodule that is there to another commit.

use std::sync::Arc;

use git2::Oid;
use http::StatusCode;

use super::{commits, create_commit};
use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::committing::{self, GuardedAction, Order, Overwrite, Start};
use crate::error::ApiError;
use crate::git::actions::Action;
use crate::git::{refs, tree};
use crate::reply::{Answer, Reply};
use crate::routing::{Router, put};
use crate::world::access::AccessLevel;
use crate::world::projects::Project;

const WRITE: Access = Access::write("Submodule: Update");

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/v4/projects/{id}/repository/submodules/{submodule}", put(endpoint(update)))
}

fn refuse(text: &str) -> ApiError {
    ApiError::message(StatusCode::BAD_REQUEST, text)
}

/// The checks of the git service, in its order.
fn check(call: &Call, project: &Project, branch: &str, path: &str, sha: &str) -> Result<Oid, ApiError> {
    call.with_repository(project, |repository| {
        if refs::is_empty(repository) {
            return Err(refuse("The repository is empty"));
        }
        let tip = refs::tip(repository, branch)
            .ok_or_else(|| refuse("You can only create or edit files when you are on a branch"))?;
        let id = Oid::from_str(sha).ok().filter(|_| sha.len() == 40).ok_or_else(|| refuse("Invalid parameters"))?;
        let entry = tree::find(&tip.tree()?, path).filter(|found| found.mode == tree::SUBMODULE);
        let entry = entry.ok_or_else(|| refuse("Invalid submodule path"))?;
        if entry.id == id {
            return Err(refuse(&format!("The submodule {path} is already at {sha}")));
        }
        Ok(id)
    })
}

fn update(call: &Call) -> Answer {
    let (caller, project) = call.managed(WRITE, AccessLevel::Developer)?;
    let mut checks = call.params.checks();
    let sha = checks.required("commit_sha");
    let branch = checks.required("branch");
    checks.finish()?;
    call.require_writable(&project)?;
    let path = call.path.get("submodule");
    let id = check(call, &project, &branch, path, &sha)?;
    let message = call.params.filled("commit_message");
    let order = Order {
        branch,
        start: Start::Target,
        overwrite: Overwrite::Refuse,
        message: message.unwrap_or_else(|| format!("Update submodule {path} with oid {sha}")),
        author: (None, None),
        actions: vec![GuardedAction { action: Action::Submodule { path: path.into(), id }, last_commit_id: None }],
        chain: create_commit::chain(call),
    };
    let made =
        committing::commit(&call.app, &project, &caller.user, &order).map_err(|error| refuse(&error.to_string()))?;
    let shown = call.with_repository(&project, |repository| {
        commits::detail(&call.app, &project, repository, &repository.find_commit(made)?, true)
    })?;
    Reply::ok(&shown)
}
