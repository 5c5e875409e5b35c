//! Forks: making one and listing them. A real fork is imported in the background; this one is there at once.

use std::sync::Arc;

use http::StatusCode;
use serde_json::json;

use super::projects::{create, entity};
use crate::app::App;
use crate::auth::{Access, Caller};
use crate::call::{Call, endpoint, is_integer};
use crate::error::ApiError;
use crate::events::Event;
use crate::page::{self, Page};
use crate::pushes;
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get, post};
use crate::world::access::{AccessLevel, Visibility};
use crate::world::members::{Member, Source};
use crate::world::projects::Project;
use crate::world::table::Table;

const READ: Access = Access::read("Project: Read");
const CREATE: Access = Access::write("Project: Fork");

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v4/projects/{id}/fork", post(endpoint(make)))
        .route("/api/v4/projects/{id}/forks", get(endpoint(list)))
}

fn list(call: &Call) -> Answer {
    let (caller, project) = call.code(READ)?;
    let user = caller.as_ref().map(|caller| &caller.user);
    let page = Page::of(call)?;
    let all: Vec<Project> = {
        let world = call.app.world();
        let fits = |fork: &&Project| fork.forked_from == Some(project.id) && world.sees_project(user, fork);
        world.projects.table.iter().rev().filter(fits).cloned().collect()
    };
    page::paged(call, page, &all, |fork| entity::full(&call.app, fork, user))
}

/// The namespace that was asked for by id or path; the caller's own when none was.
fn target(call: &Call, caller: &Caller) -> Result<u64, ApiError> {
    let wanted = ["namespace_id", "namespace_path", "namespace"].into_iter().find_map(|key| call.params.filled(key));
    let Some(wanted) = wanted else { return Ok(caller.user.namespace_id) };
    let world = call.app.world();
    let known = if is_integer(&wanted) {
        wanted.parse().ok().filter(|&id| world.namespaces.kind(id).is_some())
    } else {
        world.namespace_by_path(&wanted)
    };
    known.ok_or_else(|| ApiError::not_found("Namespace"))
}

fn make(call: &Call) -> Answer {
    let caller = call.caller(CREATE)?;
    let (_, source) = call.code(CREATE)?;
    let namespace_id = target(call, &caller)?;
    let mut checks = call.params.checks();
    let visibility = checks.one_of("visibility", &["", "private", "internal", "public"]);
    checks.finish()?;
    let wanted = Visibility::parse(visibility).unwrap_or(source.visibility).min(source.visibility);
    // A fork is never more open than its place.
    let place = call.app.world().namespaces.group(namespace_id).map(|group| group.visibility);
    let visibility = place.map_or(wanted, |place| wanted.min(place));
    let allowed = create::check_namespace(call, &caller.user, namespace_id, visibility);
    allowed.map_err(|_| ApiError::not_found("Target Namespace"))?;
    let fork = add(call, &caller, &source, namespace_id, visibility)?;
    call.app.repositories.copy(source.id, fork.id, &fork.default_branch)?;
    let whole = call.with_repository(&fork, |repository| Ok(!crate::git::refs::is_empty(repository)))?;
    if whole {
        pushes::protect(&mut call.app.world_mut(), fork.id, &fork.default_branch, 40, 40);
    }
    call.app.events.tell(&Event::ProjectCreated { project_id: fork.id });
    let fork = call.app.world().projects.get(fork.id).cloned().unwrap_or(fork);
    Reply::created(&entity::full(&call.app, &fork, Some(&caller.user)))
}

/// Adds the project and makes its maker the owner.
fn add(
    call: &Call,
    caller: &Caller,
    source: &Project,
    namespace_id: u64,
    visibility: Visibility,
) -> Result<Project, ApiError> {
    let now = call.app.now();
    let named = |key: &str, own: &str| call.params.filled(key).unwrap_or_else(|| own.to_owned());
    let mut world = call.app.world_mut();
    let made = world.add_project(|id| Project {
        id,
        namespace_id,
        name: named("name", &source.name),
        path: named("path", &source.path),
        description: call.params.filled("description").or_else(|| source.description.clone()),
        visibility,
        archived: false,
        marked_for_deletion_on: None,
        creator_id: caller.user.id,
        created_at: now,
        updated_at: now,
        last_activity_at: now,
        forked_from: Some(source.id),
        protected_branches: Table::default(),
        protected_tags: Table::default(),
        push_rule: None,
        ..source.clone()
    });
    let taken = ["Project namespace name", "Name", "Path"].map(|what| format!("{what} has already been taken"));
    let id = made.map_err(|_| ApiError::body(StatusCode::CONFLICT, json!({ "message": taken })))?;
    world.members.set(Member {
        source: Source::Project(id),
        user_id: caller.user.id,
        access_level: AccessLevel::Owner,
        created_at: now,
        created_by: None,
        expires_at: None,
    });
    world.projects.get(id).cloned().ok_or_else(ApiError::internal)
}
