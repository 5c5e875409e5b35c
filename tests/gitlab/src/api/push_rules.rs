//! The push rule of a project, and whether pushed contents are searched for secrets.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::clock::iso_millis;
use crate::error::ApiError;
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get};
use crate::version::Tier;
use crate::world::access::AccessLevel;
use crate::world::projects::Project;
use crate::world::push_rules::{PushRule, SECRET_PROTECTION, Terms};

const READ: Access = Access::read("Push Rule: Read");
const WRITE: Access = Access::write("Push Rule: Update");
/// What the setting was called before 17.11.
const FORMER: &str = "pre_receive_secret_detection_enabled";

pub(crate) fn routes() -> Router<Arc<App>> {
    let rule = get(endpoint(show)).post(endpoint(create)).put(endpoint(change)).delete(endpoint(remove));
    Router::new()
        .route("/api/v4/projects/{id}/push_rule", rule)
        .route("/api/v4/projects/{id}/security_settings", get(endpoint(security)).put(endpoint(secure)))
}

/// Push rules are Premium's.
fn managed(call: &Call, access: Access) -> Result<Project, ApiError> {
    let (_, project) = call.managed(access, AccessLevel::Maintainer)?;
    if call.app.world().settings.tier == Tier::Free {
        return Err(ApiError::nothing_found());
    }
    Ok(project)
}

fn missing() -> ApiError {
    ApiError::not_found("Push Rule")
}

fn entity(project: &Project, rule: &PushRule) -> Value {
    let mut shown = serde_json::to_value(&rule.terms).unwrap_or_default();
    shown["id"] = json!(rule.id);
    shown["project_id"] = json!(project.id);
    shown["created_at"] = json!(iso_millis(rule.created_at));
    shown
}

/// The terms as they are after this call: what it does not name stays.
fn terms(call: &Call, before: &Terms) -> Result<Terms, ApiError> {
    let mut all = serde_json::to_value(before).unwrap_or_default();
    let fields: Vec<String> = all.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default();
    let mut checks = call.params.checks();
    for field in fields.into_iter().filter(|field| call.params.has(field)) {
        all[&field] = match &all[&field] {
            Value::Bool(before) => json!(checks.flag(&field, *before)),
            Value::Number(_) => json!(checks.integer(&field, 0).unsigned_abs()),
            _ => json!(call.params.text(&field).unwrap_or_default()),
        };
    }
    checks.finish()?;
    let terms: Terms = serde_json::from_value(all).unwrap_or_default();
    match terms.broken_pattern() {
        Some((field, why)) => {
            let body = json!({ "message": { field: [format!("not valid RE2 syntax: {why}")] } });
            Err(ApiError::body(StatusCode::BAD_REQUEST, body))
        }
        None => Ok(terms),
    }
}

fn keep(call: &Call, project: &Project, rule: Option<PushRule>) -> Result<(), ApiError> {
    let mut world = call.app.world_mut();
    let kept = world.projects.get_mut(project.id).ok_or_else(|| ApiError::not_found("Project"))?;
    kept.push_rule = rule;
    Ok(())
}

fn show(call: &Call) -> Answer {
    let project = managed(call, READ)?;
    Reply::ok(&project.push_rule.as_ref().map(|rule| entity(&project, rule)))
}

fn create(call: &Call) -> Answer {
    let project = managed(call, WRITE)?;
    if project.push_rule.is_some() {
        let body = json!({ "error": "Project push rule exists" });
        return Err(ApiError::body(StatusCode::UNPROCESSABLE_ENTITY, body));
    }
    let terms = terms(call, &Terms::default())?;
    // One per project, so that its number will do.
    let rule = PushRule { id: project.id, created_at: call.app.now(), terms };
    keep(call, &project, Some(rule.clone()))?;
    Reply::created(&entity(&project, &rule))
}

fn change(call: &Call) -> Answer {
    let project = managed(call, WRITE)?;
    let rule = project.push_rule.clone().ok_or_else(missing)?;
    let rule = PushRule { terms: terms(call, &rule.terms)?, ..rule };
    keep(call, &project, Some(rule.clone()))?;
    Reply::ok(&entity(&project, &rule))
}

fn remove(call: &Call) -> Answer {
    let project = managed(call, WRITE)?;
    project.push_rule.as_ref().ok_or_else(missing)?;
    keep(call, &project, None)?;
    Reply::no_content()
}

fn security_entity(project: &Project, is_on: bool) -> Value {
    json!({ "project_id": project.id, SECRET_PROTECTION: is_on, FORMER: is_on })
}

fn security(call: &Call) -> Answer {
    let project = managed(call, READ)?;
    let is_on = project.settings.get(SECRET_PROTECTION) == Some(&Value::Bool(true));
    Reply::ok(&security_entity(&project, is_on))
}

fn secure(call: &Call) -> Answer {
    let project = managed(call, WRITE)?;
    let mut checks = call.params.checks();
    let former = checks.flag(FORMER, false);
    let is_on = checks.flag(SECRET_PROTECTION, former);
    checks.finish()?;
    let mut world = call.app.world_mut();
    let kept = world.projects.get_mut(project.id).ok_or_else(|| ApiError::not_found("Project"))?;
    kept.protect_from_secrets(is_on);
    Reply::ok(&security_entity(&project, is_on))
}
