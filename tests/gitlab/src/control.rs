//! The admin handle over HTTP, under `/-/sim/`, for tests that live in another process.
//!
//! Bodies are the specs of [`crate::admin`] and the types of [`crate::server::fault`] in JSON.

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, post, put};
use http::StatusCode;
use jiff::SignedDuration;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::admin::{Admin, AdminError, ApplicationSpec, CommitSpec, ProjectSpec, TokenSpec, UserSpec};
use crate::api::create_commit;
use crate::app::App;
use crate::call::{Call, endpoint};
use crate::error::ApiError;
use crate::hooks::deliveries::{Delivery, Outcome};
use crate::reply::{Answer, Reply};
use crate::running::PipelineSpec;
use crate::seed;
use crate::server::fault::Fault;
use crate::server::log::Entry;
use crate::telling;
use crate::world::access::{AccessLevel, Visibility};
use crate::world::members::Source;
use crate::world::pipelines::Status;
use crate::world::projects::Project;
use crate::world::push_rules::Terms;

/// The simulator's own routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/-/sim/log", get(endpoint(read_log)).delete(endpoint(clear_log)))
        .route("/-/sim/totals", get(endpoint(totals)))
        .route("/-/sim/faults", post(endpoint(add_fault)).delete(endpoint(clear_faults)))
        .route("/-/sim/clock", post(endpoint(advance_clock)))
        .route("/-/sim/settings", get(endpoint(read_settings)).put(endpoint(change_settings)))
        .route("/-/sim/deliveries", get(endpoint(deliveries)).delete(endpoint(clear_deliveries)))
        .route("/-/sim/users", post(endpoint(create_user)))
        .route("/-/sim/groups", post(endpoint(create_group)))
        .route("/-/sim/projects", post(endpoint(create_project)))
        .route("/-/sim/projects/{id}/move", post(endpoint(move_project)))
        .route("/-/sim/projects/{id}/commits", post(endpoint(commit)))
        .route("/-/sim/projects/{id}/push-rule", put(endpoint(set_push_rule)))
        .route("/-/sim/projects/{id}/secret-protection", put(endpoint(protect_from_secrets)))
        .route("/-/sim/members", post(endpoint(add_member)))
        .route("/-/sim/tokens", post(endpoint(create_token)))
        .route("/-/sim/records", post(endpoint(make_records)))
        .route("/-/sim/applications", post(endpoint(create_application)))
        .route("/-/sim/tokens/{id}", delete(endpoint(revoke_token)))
        .route("/-/sim/projects/{id}/pipelines", post(endpoint(create_pipeline)))
        .route("/-/sim/pipelines/{id}/jobs/{name}", post(endpoint(move_job)))
        .route("/-/sim/expiry-notices", post(endpoint(tell_of_expiring_tokens)))
}

fn admin(call: &Call) -> Admin {
    Admin::new(Arc::clone(&call.app))
}

fn spec<T: DeserializeOwned>(call: &Call) -> Result<T, ApiError> {
    let map = call.params.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    serde_json::from_value(Value::Object(map)).map_err(|error| refuse(&error))
}

fn refuse(error: &dyn std::error::Error) -> ApiError {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    ApiError::text(StatusCode::UNPROCESSABLE_ENTITY, format!("{error}{cause}\n"))
}

fn id(call: &Call) -> Result<u64, ApiError> {
    call.path.get("id").parse().map_err(|_| ApiError::record_not_found())
}

fn read_log(call: &Call) -> Answer {
    Reply::ok(&call.app.log.entries().iter().map(Entry::data).collect::<Vec<_>>())
}

fn clear_log(call: &Call) -> Answer {
    call.app.log.clear();
    Reply::no_content()
}

fn totals(call: &Call) -> Answer {
    Reply::ok(&json!({ "totals": call.app.log.totals(), "routes": call.app.log.per_route() }))
}

/// What webhooks were told so far: bodies as text, and `status` null while there is no answer.
fn deliveries(call: &Call) -> Answer {
    let shown = |delivery: &Delivery| {
        json!({
            "id": delivery.id,
            "hook_id": delivery.hook_id,
            "url": delivery.url,
            "headers": delivery.headers,
            "body": String::from_utf8_lossy(&delivery.body),
            "status": match &delivery.outcome {
                Outcome::Answered(answer) => Some(answer.status),
                _ => None,
            },
        })
    };
    Reply::ok(&call.app.deliveries.all().iter().map(shown).collect::<Vec<_>>())
}

fn clear_deliveries(call: &Call) -> Answer {
    call.app.deliveries.clear();
    Reply::no_content()
}

fn add_fault(call: &Call) -> Answer {
    call.app.faults.add(spec::<Fault>(call)?);
    Reply::no_content()
}

fn clear_faults(call: &Call) -> Answer {
    call.app.faults.clear();
    Reply::no_content()
}

fn advance_clock(call: &Call) -> Answer {
    let mut checks = call.params.checks();
    let seconds = checks.integer("seconds", 0);
    checks.finish()?;
    call.app.clock.advance(SignedDuration::from_secs(seconds));
    Reply::no_content()
}

fn read_settings(call: &Call) -> Answer {
    Reply::ok(&call.app.world().settings)
}

/// Only the given keys change.
fn change_settings(call: &Call) -> Answer {
    let mut world = call.app.world_mut();
    let mut all = serde_json::to_value(&world.settings).map_err(|error| refuse(&error))?;
    for (key, value) in call.params.iter() {
        all[key] = value.clone();
    }
    world.settings = serde_json::from_value(all).map_err(|error| refuse(&error))?;
    Reply::ok(&world.settings)
}

fn create_user(call: &Call) -> Answer {
    let user = admin(call).create_user(spec::<UserSpec>(call)?);
    Reply::created(&json!({ "id": user.id, "username": user.username }))
}

fn create_group(call: &Call) -> Answer {
    let mut checks = call.params.checks();
    let path = checks.required("path");
    checks.finish()?;
    let word = call.params.text("visibility").unwrap_or_default();
    let id = admin(call).create_group(&path, Visibility::parse(&word).unwrap_or_default());
    Reply::created(&json!({ "id": id, "full_path": path }))
}

fn create_project(call: &Call) -> Answer {
    let made = admin(call).create_project(&spec::<ProjectSpec>(call)?);
    let project = made.map_err(|error: AdminError| refuse(&error))?;
    Reply::created(&json!({ "id": project.id, "path": project.path }))
}

fn move_project(call: &Call) -> Answer {
    let mut checks = call.params.checks();
    let path = checks.required("path");
    checks.finish()?;
    admin(call).move_project(id(call)?, &path).map_err(|error| refuse(&error))?;
    Reply::no_content()
}

/// What the body does not name is not asked for.
fn set_push_rule(call: &Call) -> Answer {
    admin(call).set_push_rule(id(call)?, spec::<Terms>(call)?).map_err(|error| refuse(&error))?;
    Reply::no_content()
}

fn protect_from_secrets(call: &Call) -> Answer {
    let mut checks = call.params.checks();
    let is_on = checks.flag("enabled", true);
    checks.finish()?;
    let protect = |project: &mut Project| project.protect_from_secrets(is_on);
    admin(call).change_project(id(call)?, protect).map_err(|error| refuse(&error))?;
    Reply::no_content()
}

/// The body of the Commits API, past all permissions.
fn commit(call: &Call) -> Answer {
    let order = create_commit::read_by_hand(call)?;
    let actions = order.actions.into_iter().map(|guarded| guarded.action).collect();
    let spec = CommitSpec { branch: order.branch, message: order.message, user_id: None, actions };
    let made = admin(call).commit(id(call)?, spec).map_err(|error| refuse(&error))?;
    Reply::created(&json!({ "id": made }))
}

fn add_member(call: &Call) -> Answer {
    let mut checks = call.params.checks();
    let user = checks.integer("user_id", 0);
    let project = checks.integer("project_id", 0);
    let group = checks.integer("group_id", 0);
    let level = checks.integer("access_level", 30);
    checks.finish()?;
    let level = u8::try_from(level).ok().and_then(|level| AccessLevel::try_from(level).ok());
    let level = level.ok_or_else(|| ApiError::invalid_params("access_level does not have a valid value"))?;
    let source =
        if project > 0 { Source::Project(project.unsigned_abs()) } else { Source::Group(group.unsigned_abs()) };
    admin(call).add_member(source, user.unsigned_abs(), level);
    Reply::no_content()
}

fn create_token(call: &Call) -> Answer {
    let token = admin(call).create_token(spec::<TokenSpec>(call)?);
    Reply::created(&json!({ "id": token.id, "user_id": token.user_id, "token": token.secret }))
}

/// The generator: `projects` and `merge_requests` in all.
fn make_records(call: &Call) -> Answer {
    let mut checks = call.params.checks();
    let mut count = |key, default| usize::try_from(checks.integer(key, default)).unwrap_or(0);
    let (projects, merge_requests) = (count("projects", 50), count("merge_requests", 10_000));
    checks.finish()?;
    let made = seed::records(&admin(call), projects, merge_requests).map_err(|error| refuse(&error))?;
    let token = made.token.secret;
    Reply::created(&json!({ "group": made.group, "projects": made.projects, "users": made.users, "token": token }))
}

fn create_application(call: &Call) -> Answer {
    let made = admin(call).create_application(&spec::<ApplicationSpec>(call)?);
    Reply::created(&json!({ "id": made.id, "client_id": made.uid, "client_secret": made.secret }))
}

fn revoke_token(call: &Call) -> Answer {
    admin(call).revoke_token(id(call)?);
    Reply::no_content()
}

fn create_pipeline(call: &Call) -> Answer {
    let made = admin(call).create_pipeline(id(call)?, spec::<PipelineSpec>(call)?);
    Reply::created(&json!({ "id": made.map_err(|error| refuse(&error))? }))
}

fn move_job(call: &Call) -> Answer {
    let mut checks = call.params.checks();
    let word = checks.required("status");
    let status = Status::parse(&word);
    if status.is_none() {
        checks.complain("status does not have a valid value".into());
    }
    checks.finish()?;
    let status = status.unwrap_or(Status::Pending);
    admin(call).move_job(id(call)?, call.path.get("name"), status).map_err(|error| refuse(&error))?;
    Reply::no_content()
}

fn tell_of_expiring_tokens(call: &Call) -> Answer {
    Reply::ok(&json!({ "told": telling::of_expiring_tokens(&call.app) }))
}
