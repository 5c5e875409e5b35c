//! Protected tags: list, one, protect, unprotect.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use super::protected_branches::grant_entity;
use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::pushes;
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get};
use crate::world::access::AccessLevel;
use crate::world::projects::Project;
use crate::world::protected_tags::ProtectedTag;

const READ: Access = Access::read("Protected Tag: Read");
const WRITE: Access = Access::write("Protected Tag: Create");

pub(crate) fn routes() -> Router<Arc<App>> {
    let all = "/api/v4/projects/{id}/protected_tags";
    Router::new()
        .route(all, get(endpoint(list)).post(endpoint(create)))
        .route(&format!("{all}/{{name}}"), get(endpoint(show)).delete(endpoint(remove)))
}

fn entity(call: &Call, protection: &ProtectedTag) -> Value {
    let lines: Vec<Value> = protection.create.iter().map(|grant| grant_entity(call, grant)).collect();
    json!({ "name": protection.name, "create_access_levels": lines })
}

fn managed(call: &Call, access: Access) -> Result<Project, ApiError> {
    call.managed(access, AccessLevel::Maintainer).map(|(_, project)| project)
}

fn named<'p>(call: &Call, project: &'p Project) -> Result<&'p ProtectedTag, ApiError> {
    let mut all = project.protected_tags.iter();
    all.find(|protection| protection.name == call.path.get("name")).ok_or_else(ApiError::record_not_found)
}

fn list(call: &Call) -> Answer {
    let project = managed(call, READ)?;
    let all: Vec<ProtectedTag> = project.protected_tags.iter().cloned().collect();
    page::paged(call, Page::of(call)?, &all, |protection| entity(call, protection))
}

fn show(call: &Call) -> Answer {
    let project = managed(call, READ)?;
    Reply::ok(&entity(call, named(call, &project)?))
}

fn create(call: &Call) -> Answer {
    let project = managed(call, WRITE)?;
    let mut checks = call.params.checks();
    let name = checks.required("name");
    let level = checks.integer("create_access_level", 40);
    if ![0, 30, 40, 60].contains(&level) {
        checks.complain("create_access_level does not have a valid value".into());
    }
    checks.finish()?;
    if project.protected_tags.iter().any(|protection| protection.name == name) {
        let body = json!({ "message": ["Name has already been taken"] });
        return Err(ApiError::body(StatusCode::UNPROCESSABLE_ENTITY, body));
    }
    let mut world = call.app.world_mut();
    let create = vec![pushes::grant(&mut world, u8::try_from(level).unwrap_or(40))];
    let project = world.projects.get_mut(project.id).ok_or_else(|| ApiError::not_found("Project"))?;
    let made = project.protected_tags.add(|id| ProtectedTag { id, name, create }).clone();
    drop(world);
    Reply::created(&entity(call, &made))
}

fn remove(call: &Call) -> Answer {
    let project = managed(call, WRITE)?;
    let id = named(call, &project)?.id;
    if let Some(project) = call.app.world_mut().projects.get_mut(project.id) {
        project.protected_tags.remove(id);
    }
    Reply::no_content()
}
