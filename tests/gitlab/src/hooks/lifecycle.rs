//! Payloads without `object_kind`: what system hooks and group hooks are told of comings and goings.

use serde_json::{Value, json};

use crate::api::users::merge;
use crate::app::App;
use crate::clock::iso_seconds;
use crate::world::World;
use crate::world::access::AccessLevel;
use crate::world::groups::{Group, NamespaceKind};
use crate::world::members::{Member, Source};
use crate::world::projects::Project;
use crate::world::users::User;

/// `project_create`.
pub(super) fn project_create(app: &App, project_id: u64) -> Option<Value> {
    let world = app.world();
    Some(project(&world, world.projects.get(project_id)?, "project_create"))
}

/// `project_create`, `project_destroy`, `project_update`, and with the old path `project_rename` and `project_transfer`.
pub(crate) fn project(world: &World, project: &Project, event: &str) -> Value {
    let owners = owners(world, project);
    let first = owners.first();
    json!({
        "event_name": event,
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
    })
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

/// `group_create`, `group_destroy`: for system hooks.
pub(crate) fn group(group: &Group, event: &str) -> Value {
    json!({
        "event_name": event,
        "created_at": iso_seconds(group.created_at),
        "updated_at": iso_seconds(group.created_at),
        "name": group.name,
        "path": group.path,
        "full_path": null,
        "group_id": group.id,
    })
}

/// `group_rename`: for system hooks.
pub(crate) fn group_rename(world: &World, renamed: &Group, old_path: &str, old_full_path: &str) -> Value {
    let mut payload = group(renamed, "group_rename");
    payload["full_path"] = world.namespaces.group_full_path(renamed.id).into();
    merge(&mut payload, json!({ "old_path": old_path, "old_full_path": old_full_path }));
    payload
}

/// `subgroup_create`, `subgroup_destroy`: for the hooks of the groups above. Nothing for a top-level group.
pub(crate) fn subgroup(world: &World, group: &Group, event: &str) -> Option<Value> {
    let parent = world.namespaces.group(group.parent_id?)?;
    Some(json!({
        "event_name": event,
        "created_at": iso_seconds(group.created_at),
        "updated_at": iso_seconds(group.created_at),
        "name": group.name,
        "path": group.path,
        "full_path": world.namespaces.group_full_path(group.id),
        "group_id": group.id,
        "parent_group_id": parent.id,
        "parent_name": parent.name,
        "parent_path": parent.path,
        "parent_full_path": world.namespaces.group_full_path(parent.id),
    }))
}

/// What happened to a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Membership {
    /// It began.
    Added,
    /// Its role or end changed.
    Updated,
    /// It ended.
    Removed,
}

/// A membership of a group or a project. Only that of a group is told to group hooks.
pub(crate) fn member(world: &World, member: &Member, what: Membership) -> Option<Value> {
    let user = world.users.get(member.user_id)?;
    match member.source {
        Source::Group(id) => Some(of_group(world.namespaces.group(id)?, user, member, what)),
        Source::Project(id) => Some(of_project(world, world.projects.get(id)?, user, member, what)),
    }
}

fn of_group(group: &Group, user: &User, member: &Member, what: Membership) -> Value {
    let event = match what {
        Membership::Added => "user_add_to_group",
        Membership::Updated => "user_update_for_group",
        Membership::Removed => "user_remove_from_group",
    };
    let mut payload = person(user, member, event);
    let more = json!({
        "group_name": group.name,
        "group_path": group.path,
        "group_id": group.id,
        "group_access": role(member.access_level),
        "group_plan": null,
        "expires_at": member.expires_at.map(|day| format!("{day}T00:00:00Z")),
    });
    merge(&mut payload, more);
    payload
}

fn of_project(world: &World, project: &Project, user: &User, member: &Member, what: Membership) -> Value {
    let event = match what {
        Membership::Added => "user_add_to_team",
        Membership::Updated => "user_update_for_team",
        Membership::Removed => "user_remove_from_team",
    };
    let mut payload = person(user, member, event);
    let more = json!({
        "project_name": project.name,
        "project_path": project.path,
        "project_path_with_namespace": world.project_path(project),
        "project_id": project.id,
        "access_level": role(member.access_level),
        "project_visibility": project.visibility.word(),
    });
    merge(&mut payload, more);
    payload
}

fn person(user: &User, member: &Member, event: &str) -> Value {
    let email = if user.public_email.is_empty() { "[REDACTED]" } else { &user.public_email };
    json!({
        "event_name": event,
        "created_at": iso_seconds(member.created_at),
        "updated_at": iso_seconds(member.created_at),
        "user_username": user.username,
        "user_name": user.name,
        "user_email": email,
        "user_id": user.id,
    })
}

/// `user_create`, `user_destroy`: for system hooks.
pub(crate) fn user(user: &User, event: &str) -> Value {
    json!({
        "event_name": event,
        "created_at": iso_seconds(user.created_at),
        "updated_at": iso_seconds(user.created_at),
        "name": user.name,
        "email": user.email,
        "user_id": user.id,
        "username": user.username,
    })
}

/// A role as payloads spell it.
fn role(level: AccessLevel) -> &'static str {
    match level {
        AccessLevel::Minimal => "Minimal Access",
        AccessLevel::Guest => "Guest",
        AccessLevel::Planner => "Planner",
        AccessLevel::Reporter => "Reporter",
        AccessLevel::SecurityManager => "Security Manager",
        AccessLevel::Developer => "Developer",
        AccessLevel::Maintainer => "Maintainer",
        AccessLevel::Owner => "Owner",
    }
}
