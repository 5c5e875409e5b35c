//! Namespaces: groups and personal namespaces in one list.

use std::sync::Arc;

use serde_json::{Value, json};

use super::users::merge;
use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get};
use crate::world::World;
use crate::world::access::AccessLevel;
use crate::world::groups::NamespaceKind;
use crate::world::users::User;

const READ: Access = Access::read("Namespace: Read");

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v4/namespaces", get(endpoint(list)))
        .route("/api/v4/namespaces/{id}", get(endpoint(show)))
        .route("/api/v4/namespaces/{id}/exists", get(endpoint(exists)))
}

/// The form that projects carry.
pub(crate) fn basic(app: &App, world: &World, id: u64) -> Value {
    let path = world.namespace_path(id);
    let (kind, parent, url) = match world.namespaces.kind(id) {
        Some(NamespaceKind::User(_)) => ("user", None, format!("{}/{path}", app.url())),
        _ => (
            "group",
            world.namespaces.group(id).and_then(|group| group.parent_id),
            format!("{}/groups/{path}", app.url()),
        ),
    };
    let name = match world.namespaces.group(id) {
        Some(group) => group.name.clone(),
        None => world.namespace_name(id),
    };
    json!({
        "id": id,
        "name": name,
        "path": path.rsplit('/').next(),
        "kind": kind,
        "full_path": path,
        "parent_id": parent,
        "avatar_url": null,
        "web_url": url,
    })
}

fn full(app: &App, world: &World, id: u64) -> Value {
    let mut shown = basic(app, world, id);
    let count = world.projects.table.iter().filter(|project| project.namespace_id == id).count();
    let mut more = json!({ "billable_members_count": 1, "plan": "default", "trial": false, "trial_ends_on": null });
    if world.namespaces.group(id).is_some() {
        let members = world.members.of(crate::world::members::Source::Group(id)).count();
        merge(
            &mut more,
            json!({ "members_count_with_descendants": members, "root_repository_size": 0, "projects_count": count }),
        );
    }
    merge(&mut shown, more);
    shown
}

fn visible(world: &World, user: &User) -> Vec<u64> {
    let groups = world.namespaces.groups().filter(|group| user.admin || world.group_role(user.id, group.id).is_some());
    let mut all: Vec<u64> = groups.map(|group| group.id).chain([user.namespace_id]).collect();
    all.sort_unstable();
    all
}

fn list(call: &Call) -> Answer {
    let caller = call.caller(READ)?;
    let page = Page::of(call)?;
    let mut checks = call.params.checks();
    let owned = checks.flag("owned_only", false);
    let top = checks.flag("top_level_only", false);
    checks.finish()?;
    let search = call.params.filled("search").unwrap_or_default().to_lowercase();
    let world = call.app.world();
    let mut all = visible(&world, &caller.user);
    all.retain(|&id| {
        let owner = id == caller.user.namespace_id || world.group_role(caller.user.id, id) == Some(AccessLevel::Owner);
        let below = world.namespaces.group(id).is_some_and(|group| group.parent_id.is_some());
        let text = format!("{} {}", world.namespace_path(id), world.namespace_name(id)).to_lowercase();
        (!owned || owner) && !(top && below) && text.contains(&search)
    });
    let shown: Vec<Value> = all.iter().map(|&id| full(&call.app, &world, id)).collect();
    drop(world);
    page::paged(call, page, &shown, Clone::clone)
}

fn show(call: &Call) -> Answer {
    let caller = call.caller(READ)?;
    let world = call.app.world();
    let wanted = call.path.get("id");
    let id = wanted
        .parse()
        .ok()
        .filter(|&id| world.namespaces.kind(id).is_some())
        .or_else(|| world.namespace_by_path(wanted));
    let id =
        id.filter(|id| visible(&world, &caller.user).contains(id)).ok_or_else(|| ApiError::not_found("Namespace"))?;
    Reply::ok(&full(&call.app, &world, id))
}

fn exists(call: &Call) -> Answer {
    call.caller(READ)?;
    let world = call.app.world();
    let name = call.path.get("id");
    let parent = call.params.filled("parent_id").and_then(|id| id.parse().ok());
    let path = parent.map_or_else(|| name.to_owned(), |parent| format!("{}/{name}", world.namespace_path(parent)));
    let exists = world.namespace_by_path(&path).is_some();
    let suggests: Vec<String> = if exists { vec![format!("{name}1")] } else { Vec::new() };
    Reply::ok(&json!({ "exists": exists, "suggests": suggests }))
}
