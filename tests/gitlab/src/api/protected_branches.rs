//! Protected branches: list, one, protect, change, unprotect.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::pushes;
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get};
use crate::version::Tier;
use crate::world::access::AccessLevel;
use crate::world::projects::Project;
use crate::world::protected_branches::{BranchGrant, ProtectedBranch};

const READ: Access = Access::read("Protected Branch: Read");
const WRITE: Access = Access::write("Protected Branch: Create");

pub(crate) fn routes() -> Router<Arc<App>> {
    let all = "/api/v4/projects/{id}/protected_branches";
    Router::new()
        .route(all, get(endpoint(list)).post(endpoint(create)))
        .route(&format!("{all}/{{name}}"), get(endpoint(show)).patch(endpoint(change)).delete(endpoint(remove)))
}

fn description(level: u8) -> String {
    match level {
        0 => "No one".into(),
        60 => "Admins".into(),
        40 => "Maintainers".into(),
        30 => "Developers + Maintainers".into(),
        other => other.to_string(),
    }
}

/// One line of an access list.
pub(crate) fn grant_entity(call: &Call, grant: &BranchGrant) -> Value {
    let mut shown = json!({
        "id": grant.id,
        "access_level": grant.access_level,
        "access_level_description": description(grant.access_level),
        "deploy_key_id": null,
    });
    if call.app.world().settings.tier >= Tier::Premium {
        shown["user_id"] = json!(grant.user_id);
        shown["group_id"] = json!(grant.group_id);
    }
    shown
}

fn entity(call: &Call, protection: &ProtectedBranch) -> Value {
    let premium = call.app.world().settings.tier >= Tier::Premium;
    let lines = |grants: &[BranchGrant]| grants.iter().map(|grant| grant_entity(call, grant)).collect::<Vec<_>>();
    let mut shown = json!({
        "id": protection.id,
        "name": protection.name,
        "push_access_levels": lines(&protection.push),
        "merge_access_levels": lines(&protection.merge),
        "allow_force_push": protection.allow_force_push,
    });
    if premium {
        shown["unprotect_access_levels"] = json!(lines(&protection.unprotect));
        shown["code_owner_approval_required"] = json!(protection.code_owner_approval_required);
        shown["inherited"] = json!(false);
    }
    shown
}

fn managed(call: &Call, access: Access) -> Result<Project, ApiError> {
    Ok(call.managed(access, AccessLevel::Maintainer)?.1)
}

fn list(call: &Call) -> Answer {
    let project = managed(call, READ)?;
    let page = Page::of(call)?;
    let search = call.params.filled("search").unwrap_or_default();
    let all: Vec<&ProtectedBranch> = project.protected_branches.iter().filter(|p| p.name.contains(&search)).collect();
    page::paged(call, page, &all, |protection| entity(call, protection))
}

fn named<'p>(call: &Call, project: &'p Project) -> Result<&'p ProtectedBranch, ApiError> {
    let name = call.path.get("name");
    project.protected_branches.iter().find(|protection| protection.name == name).ok_or_else(ApiError::nothing_found)
}

fn show(call: &Call) -> Answer {
    let project = managed(call, READ)?;
    Reply::ok(&entity(call, named(call, &project)?))
}

fn level(call: &Call, key: &str, allowed: &[u8]) -> Result<Option<u8>, ApiError> {
    let Some(text) = call.params.filled(key) else { return Ok(None) };
    let level = text.parse().ok().filter(|level| allowed.contains(level));
    level.map(Some).ok_or_else(|| ApiError::invalid_params(&format!("{key} does not have a valid value")))
}

/// `allowed_to_push` and its siblings: single users, groups or levels. Premium.
fn allowed(call: &Call, key: &str) -> Vec<(u8, Option<u64>, Option<u64>)> {
    let none = Vec::new();
    let list = call.params.get(key).and_then(Value::as_array).unwrap_or(&none);
    let id = |line: &Value, key: &str| line.get(key).and_then(Value::as_u64);
    let line = |line: &Value| {
        let level = id(line, "access_level").and_then(|level| u8::try_from(level).ok());
        (level.unwrap_or(40), id(line, "user_id"), id(line, "group_id"))
    };
    list.iter().map(line).collect()
}

fn create(call: &Call) -> Answer {
    let project = managed(call, WRITE)?;
    let mut checks = call.params.checks();
    let name = checks.required("name");
    let force = checks.flag("allow_force_push", false);
    let owners = checks.flag("code_owner_approval_required", false);
    checks.finish()?;
    if project.protected_branches.iter().any(|protection| protection.name == name) {
        return Err(ApiError::message(StatusCode::CONFLICT, format!("Protected branch '{name}' already exists")));
    }
    let push = level(call, "push_access_level", &[0, 30, 40, 60])?;
    let merge = level(call, "merge_access_level", &[0, 30, 40, 60])?;
    let unprotect = level(call, "unprotect_access_level", &[30, 40, 60])?;
    let mut world = call.app.world_mut();
    let premium = world.settings.tier >= Tier::Premium;
    let made = pushes::protect(&mut world, project.id, &name, push.unwrap_or(40), merge.unwrap_or(40));
    let mut made = made.ok_or_else(|| ApiError::not_found("Project"))?;
    made.allow_force_push = force;
    made.code_owner_approval_required = owners && premium;
    made.unprotect = unprotect.map(|level| pushes::grant(&mut world, level)).into_iter().collect();
    if premium {
        for (key, grants, level) in [
            ("allowed_to_push", &mut made.push, push),
            ("allowed_to_merge", &mut made.merge, merge),
            ("allowed_to_unprotect", &mut made.unprotect, unprotect),
        ] {
            let given = allowed(call, key);
            // Named lines stand in place of the default level, beside an explicit one.
            if !given.is_empty() && level.is_none() {
                grants.clear();
            }
            for (level, user_id, group_id) in given {
                grants.push(BranchGrant { user_id, group_id, ..pushes::grant(&mut world, level) });
            }
        }
    }
    if let Some(project) = world.projects.get_mut(project.id) {
        project.protected_branches.put(made.id, made.clone());
    }
    drop(world);
    Reply::created(&entity(call, &made))
}

fn change(call: &Call) -> Answer {
    let project = managed(call, WRITE)?;
    let mut made = named(call, &project)?.clone();
    let mut checks = call.params.checks();
    made.allow_force_push = checks.flag("allow_force_push", made.allow_force_push);
    made.code_owner_approval_required = checks.flag("code_owner_approval_required", made.code_owner_approval_required);
    checks.finish()?;
    let mut world = call.app.world_mut();
    for (key, word, grants) in [
        ("allowed_to_push", "Push", &mut made.push),
        ("allowed_to_merge", "Merge", &mut made.merge),
        ("allowed_to_unprotect", "Unprotect", &mut made.unprotect),
    ] {
        for line in call.params.get(key).and_then(Value::as_array).unwrap_or(&Vec::new()) {
            let id = line.get("id").and_then(Value::as_u64);
            if line.get("_destroy").and_then(Value::as_bool) == Some(true) {
                grants.retain(|grant| Some(grant.id) != id);
                continue;
            }
            let level = line.get("access_level").and_then(Value::as_u64).and_then(|level| u8::try_from(level).ok());
            let user_id = line.get("user_id").and_then(Value::as_u64);
            let taken = grants.iter().any(|grant| user_id.is_none() && Some(grant.access_level) == level);
            match grants.iter_mut().find(|grant| Some(grant.id) == id) {
                Some(grant) => grant.access_level = level.unwrap_or(grant.access_level),
                None if taken => {
                    let text = format!("{word} access levels access level has already been taken");
                    return Err(ApiError::message(StatusCode::UNPROCESSABLE_ENTITY, text));
                }
                None => grants.push(BranchGrant { user_id, ..pushes::grant(&mut world, level.unwrap_or(40)) }),
            }
        }
    }
    if let Some(project) = world.projects.get_mut(project.id) {
        project.protected_branches.put(made.id, made.clone());
    }
    drop(world);
    Reply::ok(&entity(call, &made))
}

fn remove(call: &Call) -> Answer {
    let project = managed(call, WRITE)?;
    let id = named(call, &project)?.id;
    if let Some(project) = call.app.world_mut().projects.get_mut(project.id) {
        project.protected_branches.remove(id);
    }
    Reply::no_content()
}
