//! Jobs: lists of a project and of a pipeline, one, and what a person can do to one. Nothing runs here.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use super::commits::{self, Trailers};
use super::pipelines;
use super::users;
use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::clock::iso_millis;
use crate::error::ApiError;
use crate::git::refs;
use crate::page::{self, Page};
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get, post};
use crate::running;
use crate::world::access::AccessLevel;
use crate::world::pipelines::{Job, Pipeline, Status};
use crate::world::projects::Project;

const READ: Access = Access::read("Job: Read");
const WRITE: Access = Access::write("Job: Update");
/// States of GitLab's jobs that no job here is in.
const FURTHER: [&str; 5] = ["created", "manual", "preparing", "scheduled", "waiting_for_resource"];

pub(crate) fn routes() -> Router<Arc<App>> {
    let one = "/api/v4/projects/{id}/jobs/{job_id}";
    Router::new()
        .route("/api/v4/projects/{id}/jobs", get(endpoint(list)))
        .route("/api/v4/projects/{id}/pipelines/{pipeline_id}/jobs", get(endpoint(list_of_pipeline)))
        .route(one, get(endpoint(show)))
        .route(&format!("{one}/retry"), post(endpoint(retry)))
        .route(&format!("{one}/cancel"), post(endpoint(cancel)))
}

fn entity(call: &Call, project: &Project, row: &Pipeline, job: &Job) -> Value {
    let url = commits::project_url(&call.app, project);
    let commit = call.with_repository(project, |repository| {
        let commit = refs::commit(repository, &row.sha);
        Ok(commit.map(|commit| commits::entity(&url, &commit, Trailers::Unread)))
    });
    let world = call.app.world();
    json!({
        "id": job.id,
        "status": job.status.word(),
        "stage": job.stage,
        "name": job.name,
        "ref": row.reference,
        "tag": false,
        "coverage": null,
        "allow_failure": false,
        "created_at": iso_millis(job.created_at),
        "started_at": job.started_at.map(iso_millis),
        "finished_at": job.finished_at.map(iso_millis),
        "erased_at": null,
        "duration": job.duration(),
        "queued_duration": job.queued(),
        "user": world.users.get(job.user_id).map(|user| users::public(&call.app, user)),
        "commit": commit.ok().flatten(),
        "pipeline": pipelines::reference(&call.app, &world, row),
        "failure_reason": (job.status == Status::Failed).then_some("script_failure"),
        "web_url": format!("{url}/-/jobs/{}", job.id),
        "project": { "ci_job_token_scope_enabled": false },
        "artifacts": [],
        "runner": null,
        "runner_manager": null,
        "artifacts_expire_at": null,
        "archived": false,
        "tag_list": [],
        "source": row.source,
    })
}

/// Which states are wanted: one word or several.
fn scope(call: &Call) -> Result<Vec<String>, ApiError> {
    let words: Vec<String> = match call.params.get("scope") {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(word)) => vec![word.clone()],
        _ => Vec::new(),
    };
    let known = |word: &String| Status::parse(word).is_some() || FURTHER.contains(&word.as_str());
    if words.iter().all(known) {
        return Ok(words);
    }
    let all: Vec<&str> = FURTHER.into_iter().chain(Status::ALL.iter().map(|status| status.word())).collect();
    Err(ApiError::bad_request(&format!("Scope contains invalid value(s). Valid values are: {}", all.join(", "))))
}

fn answer(call: &Call, project: &Project, mut rows: Vec<(Pipeline, Job)>) -> Answer {
    let wanted = scope(call)?;
    rows.retain(|(_, job)| wanted.is_empty() || wanted.iter().any(|word| word == job.status.word()));
    rows.sort_by_key(|(_, job)| std::cmp::Reverse(job.id));
    if call.params.text("pagination").as_deref() == Some("keyset") {
        return keyset(call, project, &rows);
    }
    page::paged(call, Page::of(call)?, &rows, |(row, job)| entity(call, project, row, job))
}

/// Falling by id: the only order GitLab has a keyset for here.
fn keyset(call: &Call, project: &Project, rows: &[(Pipeline, Job)]) -> Answer {
    let page = Page::of(call)?;
    let order = call.params.text("order_by").unwrap_or_else(|| "id".into());
    if order != "id" || call.params.text("sort").is_some_and(|sort| sort != "desc") {
        return Err(ApiError::no_keyset());
    }
    let cursor = call.params.text("cursor").and_then(|cursor| cursor.parse::<u64>().ok());
    let rest: Vec<_> = rows.iter().filter(|(_, job)| cursor.is_none_or(|last| job.id < last)).collect();
    let picked = &rest[..rest.len().min(page.size as usize)];
    let shown: Vec<Value> = picked.iter().map(|(row, job)| entity(call, project, row, job)).collect();
    let reply = Reply::ok(&shown)?;
    match picked.last() {
        Some((_, last)) if rest.len() > picked.len() => {
            Ok(page::with_next_link(call, &[("cursor", last.id.to_string())], reply))
        }
        _ => Ok(reply),
    }
}

fn jobs(row: &Pipeline) -> Vec<(Pipeline, Job)> {
    row.jobs.iter().map(|job| (row.clone(), job.clone())).collect()
}

fn list(call: &Call) -> Answer {
    let (_, project) = call.code(READ)?;
    let rows = call.app.world().pipelines.of(project.id).flat_map(jobs).collect();
    answer(call, &project, rows)
}

fn list_of_pipeline(call: &Call) -> Answer {
    let (_, project) = call.code(READ)?;
    let row = pipelines::found(call, &project)?;
    answer(call, &project, jobs(&row))
}

fn found(call: &Call, project: &Project) -> Result<(Pipeline, Job), ApiError> {
    let id: u64 = call.path.get("job_id").parse().map_err(|_| ApiError::invalid_params("job_id is invalid"))?;
    let world = call.app.world();
    let found = world.pipelines.of(project.id).find_map(|row| {
        let job = row.jobs.iter().find(|job| job.id == id)?;
        Some((row.clone(), job.clone()))
    });
    found.ok_or_else(ApiError::nothing_found)
}

fn show(call: &Call) -> Answer {
    let (_, project) = call.code(READ)?;
    let (row, job) = found(call, &project)?;
    Reply::ok(&entity(call, &project, &row, &job))
}

/// Begins a job anew that is over.
fn retry(call: &Call) -> Answer {
    step(call, Status::Pending, Status::is_over, "Job is not retryable")
}

/// Stops a job that is not over.
fn cancel(call: &Call) -> Answer {
    step(call, Status::Canceled, |status| !status.is_over(), "Job is not cancelable")
}

fn step(call: &Call, to: Status, fits: fn(Status) -> bool, text: &str) -> Answer {
    let (_, project) = call.managed(WRITE, AccessLevel::Developer)?;
    let (row, job) = found(call, &project)?;
    if !fits(job.status) {
        return Err(ApiError::message(StatusCode::FORBIDDEN, format!("403 Forbidden - {text}")));
    }
    running::move_job(&call.app, row.id, |other| other.id == job.id, to).ok_or_else(ApiError::nothing_found)?;
    let (row, job) = found(call, &project)?;
    Reply::created(&entity(call, &project, &row, &job))
}
