//! What hooks are told of a pipeline.

use serde_json::{Value, json};

use super::blocks::{self, utc};
use super::project_block;
use crate::app::App;
use crate::events::ZERO_ID;
use crate::world::World;
use crate::world::merge_requests::{MergeRequest, State};
use crate::world::pipelines::{Job, Pipeline, Status};
use crate::world::projects::Project;

/// The payload.
pub(crate) fn payload(app: &App, row: &Pipeline) -> Option<Value> {
    let world = app.world();
    let project = world.projects.get(row.project_id)?;
    let block = project_block(app, &world, project);
    let web = format!("{}/{}", app.url(), world.project_path(project));
    let mut stages: Vec<&str> = row.jobs.iter().map(|job| job.stage.as_str()).collect();
    stages.dedup();
    let for_request = world
        .merge_requests
        .of(project.id)
        .find(|request| request.state == State::Opened && request.source_branch == row.reference);
    Some(json!({
        "object_kind": "pipeline",
        "object_attributes": {
            "id": row.id,
            "iid": row.iid,
            "name": null,
            "ref": row.reference,
            "tag": false,
            "sha": row.sha,
            "before_sha": ZERO_ID,
            "source": row.source,
            "status": row.status.word(),
            "detailed_status": detailed(row.status),
            "stages": if stages.is_empty() { vec!["external"] } else { stages },
            "created_at": utc(row.created_at),
            "finished_at": row.status.is_over().then(|| utc(row.updated_at)),
            "duration": row.status.is_over().then(|| row.seconds()),
            "queued_duration": row.jobs.first().and_then(Job::queued),
            "protected_ref": crate::pushes::is_protected(project, &row.reference),
            "variables": [],
            "url": format!("{web}/-/pipelines/{}", row.id),
        },
        "merge_request": for_request.map(|request| request_block(project, request, &web)),
        "user": blocks::user(&world, row.user_id),
        "project": blocks::short_project(&block),
        "commit": blocks::commit(app, project, &web, &row.sha),
        "builds": row.jobs.iter().map(|job| build(&world, job)).collect::<Vec<_>>(),
    }))
}

fn request_block(project: &Project, request: &MergeRequest, web: &str) -> Value {
    let (old, new) = crate::api::merge_requests::entity::merge_status(request);
    json!({
        "id": request.id,
        "iid": request.iid,
        "title": request.title,
        "source_branch": request.source_branch,
        "source_project_id": request.source_project_id,
        "target_branch": request.target_branch,
        "target_project_id": project.id,
        "state": request.state.word(),
        "merge_status": old,
        "detailed_merge_status": new,
        "url": format!("{web}/-/merge_requests/{}", request.iid),
    })
}

fn build(world: &World, job: &Job) -> Value {
    json!({
        "id": job.id,
        "stage": job.stage,
        "name": job.name,
        "status": job.status.word(),
        "created_at": utc(job.created_at),
        "started_at": job.started_at.map(utc),
        "finished_at": job.finished_at.map(utc),
        "duration": job.duration(),
        "queued_duration": job.queued(),
        "failure_reason": (job.status == Status::Failed).then_some("script_failure"),
        "when": "on_success",
        "manual": false,
        "allow_failure": false,
        "user": blocks::user(world, job.user_id),
        "runner": null,
        "artifacts_file": { "filename": null, "size": null },
        "environment": null,
    })
}

/// The word for people.
pub(crate) fn detailed(status: Status) -> &'static str {
    match status {
        Status::Success => "passed",
        other => other.word(),
    }
}
