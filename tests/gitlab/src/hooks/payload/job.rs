//! What hooks are told of a job, which payloads call a build.

use serde_json::{Value, json};

use super::blocks;
use super::{project_block, repository_block};
use crate::app::App;
use crate::clock::{iso_millis, iso_seconds};
use crate::events::ZERO_ID;
use crate::world::pipelines::{Job, Pipeline, Status};

/// The payload. `commit.id` is the pipeline's id, not a commit's.
pub(crate) fn payload(app: &App, row: &Pipeline, job: &Job) -> Option<Value> {
    let world = app.world();
    let project = world.projects.get(row.project_id)?;
    let block = project_block(app, &world, project);
    let web = format!("{}/{}", app.url(), world.project_path(project));
    let commit = blocks::commit(app, project, &web, &row.sha);
    let author = commit["author"].clone();
    let over = row.status.is_over();
    let mut payload = json!({
        "object_kind": "build",
        "ref": row.reference,
        "tag": false,
        "before_sha": ZERO_ID,
        "sha": row.sha,
        "retries_count": 0,
        "build_id": job.id,
        "build_name": job.name,
        "build_stage": job.stage,
        "build_status": job.status.word(),
        "build_created_at": iso_millis(job.created_at),
        "build_started_at": job.started_at.map(iso_millis),
        "build_finished_at": job.finished_at.map(iso_millis),
        "build_duration": job.duration(),
        "build_queued_duration": job.queued(),
        "build_allow_failure": false,
        "build_failure_reason": if job.status == Status::Failed { "script_failure" } else { "unknown_failure" },
        "pipeline_id": row.id,
        "runner": null,
        "project_id": project.id,
        "project_name": format!("{} / {}", world.namespace_name(project.namespace_id), project.name),
        "user": blocks::user(&world, job.user_id),
        "commit": {
            "id": row.id,
            "name": null,
            "sha": row.sha,
            "message": commit["message"],
            "author_name": author["name"],
            "author_email": author["email"],
            "author_url": world.users.get(row.user_id).map(|user| format!("{}/{}", app.url(), user.username)),
            "status": row.status.word(),
            "duration": over.then(|| row.seconds()),
            "started_at": row.jobs.iter().find_map(|job| job.started_at).map(iso_millis),
            "finished_at": over.then(|| iso_millis(row.updated_at)),
        },
        "repository": repository_block(&block),
        "project": blocks::short_project(&block),
        "environment": null,
    });
    if world.settings.version.at_least(18, 4) {
        payload["commit"]["started_at_iso"] = json!(row.jobs.iter().find_map(|job| job.started_at).map(iso_seconds));
        payload["commit"]["finished_at_iso"] = json!(over.then(|| iso_seconds(row.updated_at)));
        for (key, at) in [("created", Some(job.created_at)), ("started", job.started_at), ("finished", job.finished_at)]
        {
            payload[format!("build_{key}_at_iso")] = json!(at.map(iso_seconds));
        }
    }
    Some(payload)
}
