//! `GET /projects/:id/repository/compare`: commits and differences between two revisions, within the instance's limits.

use std::sync::Arc;

use git2::{Commit, Repository};
use http::StatusCode;
use serde_json::{Value, json};

use super::commits::{self, Trailers};
use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::error::ApiError;
use crate::git::diff::{self, PatchHead, TreeDiff};
use crate::git::history::{self, Order};
use crate::git::refs;
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get};
use crate::world::projects::Project;

const READ: Access = Access::read("Repository: Read");

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/v4/projects/{id}/repository/compare", get(endpoint(compare)))
}

fn compare(call: &Call) -> Answer {
    let (caller, project) = call.code(READ)?;
    let mut checks = call.params.checks();
    let from = checks.required("from");
    let to = checks.required("to");
    let straight = checks.flag("straight", false);
    let head = if checks.flag("unidiff", false) { PatchHead::Unified } else { PatchHead::None };
    checks.finish()?;
    if let Some(other) = call.params.filled("from_project_id") {
        check_fork(call, &project, &other, caller.as_ref().map(|caller| &caller.user))?;
    }
    let limits = call.app.world().settings.diff.clone();
    let url = commits::project_url(&call.app, &project);
    let shown = call.with_repository(&project, |repository| {
        let missing = || ApiError::not_found("Ref");
        let old = refs::commit(repository, &from).ok_or_else(missing)?;
        let new = refs::commit(repository, &to).ok_or_else(missing)?;
        let base = if straight { Some(old.clone()) } else { merge_base(repository, &old, &new) };
        let changes = match &base {
            Some(base) => diff::between(repository, Some(&base.tree()?), Some(&new.tree()?), &limits, head)?,
            None => TreeDiff::default(),
        };
        let list = between(repository, &old, &new, &url)?;
        let dots = if straight { ".." } else { "..." };
        Ok(json!({
            "commit": list.last(),
            "commits": list,
            "diffs": files(call, &changes.files),
            "compare_timeout": changes.overflow,
            "compare_same_ref": old.id() == new.id(),
            "web_url": format!("{url}/-/compare/{}{dots}{}", old.id(), new.id()),
        }))
    })?;
    Reply::ok(&shown)
}

fn check_fork(
    call: &Call,
    project: &Project,
    other: &str,
    user: Option<&crate::world::users::User>,
) -> Result<(), ApiError> {
    let wanted = other.parse().unwrap_or_default();
    if wanted == project.id {
        return Ok(());
    }
    let world = call.app.world();
    let related = world
        .projects
        .get(wanted)
        .filter(|other| project.forked_from == Some(other.id) || other.forked_from == Some(project.id));
    let Some(other_project) = related else {
        let text = format!("Target project id:{other} is not a fork of project id:{}", project.id);
        return Err(ApiError::message(StatusCode::BAD_REQUEST, text));
    };
    if world.sees_project(user, other_project) {
        return Ok(());
    }
    Err(ApiError::forbidden_because("You don't have access to this fork's parent project"))
}

fn merge_base<'r>(repository: &'r Repository, old: &Commit<'_>, new: &Commit<'_>) -> Option<Commit<'r>> {
    repository.merge_base(old.id(), new.id()).ok().and_then(|id| repository.find_commit(id).ok())
}

/// Commits that only `new` reaches, oldest first.
fn between(repository: &Repository, old: &Commit<'_>, new: &Commit<'_>, url: &str) -> Result<Vec<Value>, ApiError> {
    let ids = history::walk(repository, &[new.id()], &[old.id()], Order::Topological)?;
    let shown = ids.iter().rev().map(|&id| Ok(commits::entity(url, &repository.find_commit(id)?, Trailers::Unread)));
    shown.collect()
}

/// `collapsed` and `too_large` came with 18.4.
fn files(call: &Call, files: &[diff::FileDiff]) -> Value {
    let told = call.app.world().settings.version.at_least(18, 4);
    let mut shown = json!(files);
    if !told && let Value::Array(files) = &mut shown {
        for file in files.iter_mut().filter_map(Value::as_object_mut) {
            file.remove("collapsed");
            file.remove("too_large");
        }
    }
    shown
}
