//! Payloads without `object_kind`: what system hooks, and group hooks for projects, are told of comings and goings.

use serde_json::{Value, json};

use crate::app::App;
use crate::clock::iso_seconds;
use crate::world::World;
use crate::world::access::AccessLevel;
use crate::world::groups::NamespaceKind;
use crate::world::members::Source;
use crate::world::projects::Project;

/// `project_create`.
pub(super) fn project_create(app: &App, project_id: u64) -> Option<Value> {
    let world = app.world();
    let project = world.projects.get(project_id)?;
    let owners = owners(&world, project);
    let first = owners.first();
    Some(json!({
        "event_name": "project_create",
        "created_at": iso_seconds(project.created_at),
        "updated_at": iso_seconds(project.updated_at),
        "name": project.name,
        "path": project.path,
        "path_with_namespace": world.project_path(project),
        "project_id": project.id,
        "project_namespace_id": project.namespace_id,
        "owners": owners,
        "owner_name": first.map(|owner| &owner["name"]),
        "owner_email": first.map(|owner| &owner["email"]),
        "project_visibility": project.visibility.word(),
    }))
}

fn owners(world: &World, project: &Project) -> Vec<Value> {
    let ids: Vec<u64> = match world.namespaces.kind(project.namespace_id) {
        Some(NamespaceKind::User(user)) => vec![user],
        _ => {
            let members = world.members.of(Source::Group(project.namespace_id));
            members.filter(|member| member.access_level == AccessLevel::Owner).map(|member| member.user_id).collect()
        }
    };
    let users = ids.into_iter().filter_map(|id| world.users.get(id));
    users.map(|user| json!({ "name": user.name, "email": user.email })).collect()
}
