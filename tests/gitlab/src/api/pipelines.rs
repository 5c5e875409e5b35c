//! Pipelines: list and one. They come from commit statuses and from the generator; nothing runs here.

use std::sync::Arc;

use serde_json::{Value, json};

use super::users::{self, merge};
use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::clock::iso_millis;
use crate::error::ApiError;
use crate::hooks::payload::pipeline::detailed;
use crate::page::{self, Page};
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get};
use crate::world::World;
use crate::world::pipelines::{Job, Pipeline, Status};
use crate::world::projects::Project;

const READ: Access = Access::read("Pipeline: Read");

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v4/projects/{id}/pipelines", get(endpoint(list)))
        .route("/api/v4/projects/{id}/pipelines/{pipeline_id}", get(endpoint(show)))
}

/// What jobs and merge requests say of a pipeline.
pub(crate) fn reference(app: &App, world: &World, pipeline: &Pipeline) -> Value {
    json!({
        "id": pipeline.id,
        "iid": pipeline.iid,
        "project_id": pipeline.project_id,
        "sha": pipeline.sha,
        "ref": pipeline.reference,
        "status": pipeline.status.word(),
        "source": pipeline.source,
        "created_at": iso_millis(pipeline.created_at),
        "updated_at": iso_millis(pipeline.updated_at),
        "web_url": format!("{}{}", app.url(), web_path(world, pipeline)),
    })
}

fn web_path(world: &World, pipeline: &Pipeline) -> String {
    let path = world.projects.get(pipeline.project_id).map(|project| world.project_path(project)).unwrap_or_default();
    format!("/{path}/-/pipelines/{}", pipeline.id)
}

/// What the merge request of its head says of a pipeline.
pub(crate) fn detail(app: &App, world: &World, row: &Pipeline) -> Value {
    let mut shown = reference(app, world, row);
    let over = row.status.is_over();
    let more = json!({
        "before_sha": crate::events::ZERO_ID,
        "tag": false,
        "yaml_errors": null,
        "user": world.users.get(row.user_id).map(|user| users::basic(app, user)),
        "started_at": row.jobs.iter().filter_map(|job| job.started_at).min().map(iso_millis),
        "finished_at": over.then(|| iso_millis(row.updated_at)),
        "committed_at": null,
        "duration": over.then(|| row.seconds()),
        "queued_duration": row.jobs.first().and_then(Job::queued),
        "coverage": null,
        "detailed_status": detailed_status(app, world, row),
        "archived": false,
    });
    merge(&mut shown, more);
    shown
}

/// A status for people.
fn detailed_status(app: &App, world: &World, row: &Pipeline) -> Value {
    let (word, group) = (detailed(row.status), row.status.word());
    json!({
        "icon": format!("status_{group}"),
        "text": word,
        "label": word,
        "group": group,
        "tooltip": word,
        "has_details": true,
        "details_path": format!("{}{}", app.base_path(), web_path(world, row)),
        "illustration": null,
        "favicon": format!("/assets/ci_favicons/favicon_status_{group}.png"),
    })
}

/// The pipeline of the route.
pub(crate) fn found(call: &Call, project: &Project) -> Result<Pipeline, ApiError> {
    let id = call.path.get("pipeline_id").parse().map_err(|_| ApiError::invalid_params("pipeline_id is invalid"))?;
    let world = call.app.world();
    let row = world.pipelines.get(id).filter(|row| row.project_id == project.id);
    row.cloned().ok_or_else(ApiError::record_not_found)
}

/// In lists.
fn entity(app: &App, world: &World, pipeline: &Pipeline) -> Value {
    let mut shown = reference(app, world, pipeline);
    shown["name"] = Value::Null;
    shown
}

fn list(call: &Call) -> Answer {
    let (_, project) = call.code(READ)?;
    let page = Page::of(call)?;
    let mut checks = call.params.checks();
    let order = checks.one_of("order_by", &["id", "status", "ref", "updated_at", "user_id"]);
    let rising = checks.one_of("sort", &["desc", "asc"]) == "asc";
    let after = checks.time("updated_after");
    let before = checks.time("updated_before");
    checks.finish()?;
    let (reference, sha) = (call.params.filled("ref"), call.params.filled("sha"));
    let status = call
        .params
        .filled("status")
        .map(|word| Status::parse(&word).ok_or_else(|| ApiError::invalid_params("status does not have a valid value")));
    let status = status.transpose()?;
    let world = call.app.world();
    let fits = |pipeline: &&Pipeline| {
        reference.as_ref().is_none_or(|name| *name == pipeline.reference)
            && sha.as_ref().is_none_or(|sha| *sha == pipeline.sha)
            && status.is_none_or(|status| status == pipeline.status)
            && after.is_none_or(|after| pipeline.updated_at >= after)
            && before.is_none_or(|before| pipeline.updated_at <= before)
    };
    let mut rows: Vec<&Pipeline> = world.pipelines.of(project.id).filter(fits).collect();
    match order {
        "updated_at" => rows.sort_by_key(|row| (row.updated_at, row.id)),
        "status" => rows.sort_by_key(|row| (row.status.word(), row.id)),
        "ref" => rows.sort_by(|a, b| (&a.reference, a.id).cmp(&(&b.reference, b.id))),
        "user_id" => rows.sort_by_key(|row| (row.user_id, row.id)),
        _ => {}
    }
    if !rising {
        rows.reverse();
    }
    let all: Vec<Value> = rows.into_iter().map(|row| entity(&call.app, &world, row)).collect();
    drop(world);
    page::paged(call, page, &all, Clone::clone)
}

fn show(call: &Call) -> Answer {
    let (_, project) = call.code(READ)?;
    let row = &found(call, &project)?;
    let world = call.app.world();
    let mut shown = detail(&call.app, &world, row);
    shown["name"] = Value::Null;
    Reply::ok(&shown)
}
