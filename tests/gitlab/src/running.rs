//! Pipelines that run: made with their jobs, and moved job by job, each step told to hooks.
//!
//! Nothing is executed: the API's `retry`, `cancel` and `play`, and tests through [`Admin`], say what became of a job.

use serde::Deserialize;

use crate::admin::Admin;
use crate::app::App;
use crate::git::refs;
use crate::telling;
use crate::world::pipelines::{Job, Pipeline, Status};

/// A pipeline to be made.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineSpec {
    /// Of which branch.
    #[serde(rename = "ref")]
    pub reference: String,
    /// By whom.
    pub user_id: u64,
    /// Stage and name of each job, in order.
    pub jobs: Vec<(String, String)>,
}

/// Why a pipeline or job cannot be.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The branch is not there.
    #[error("there is no branch `{0}`")]
    NoBranch(String),
    /// The pipeline is not there, or has no such job.
    #[error("there is no job `{0}`")]
    NoJob(String),
}

impl Admin {
    /// Makes a pipeline whose jobs are pending; its id.
    pub fn create_pipeline(&self, project_id: u64, spec: PipelineSpec) -> Result<u64, RunError> {
        create(self.app(), project_id, spec)
    }

    /// Says what became of a job.
    pub fn move_job(&self, pipeline_id: u64, name: &str, status: Status) -> Result<(), RunError> {
        move_job(self.app(), pipeline_id, |job| job.name == name, status)
            .map(|_| ())
            .ok_or_else(|| RunError::NoJob(name.to_owned()))
    }
}

fn create(app: &App, project_id: u64, spec: PipelineSpec) -> Result<u64, RunError> {
    let sha = app.repositories.with(project_id, |repository| {
        Ok::<_, git2::Error>(refs::tip(repository, &spec.reference).map(|commit| commit.id().to_string()))
    });
    let sha = sha.ok().flatten().ok_or_else(|| RunError::NoBranch(spec.reference.clone()))?;
    let now = app.now();
    let mut world = app.world_mut();
    let mut jobs = Vec::new();
    for (stage, name) in spec.jobs {
        let id = world.pipelines.next_status_id();
        jobs.push(Job { stage, name, ..Job::new(id, spec.user_id, Status::Pending, now) });
    }
    let id = world.pipelines.add(project_id, |id, iid| Pipeline {
        id,
        iid,
        project_id,
        sha,
        reference: spec.reference,
        source: "push",
        status: Status::Pending,
        user_id: spec.user_id,
        created_at: now,
        updated_at: now,
        statuses: Vec::new(),
        jobs,
    });
    let made = world.pipelines.get(id).cloned();
    drop(world);
    if let Some(made) = made {
        made.jobs.iter().for_each(|job| telling::job(app, &made, job));
        telling::pipeline(app, &made);
    }
    Ok(id)
}

/// Moves the job that is meant and tells of it, and of its pipeline when that changed, too.
pub(crate) fn move_job(app: &App, pipeline_id: u64, is_meant: impl Fn(&Job) -> bool, to: Status) -> Option<Job> {
    let now = app.now();
    let mut world = app.world_mut();
    let row = world.pipelines.get_mut(pipeline_id)?;
    let before = row.status;
    let job = row.jobs.iter_mut().find(|job| is_meant(job))?;
    job.status = to;
    match to {
        Status::Pending => (job.started_at, job.finished_at) = (None, None),
        Status::Running => job.started_at = Some(now),
        _ => {
            job.started_at = job.started_at.or(Some(now));
            job.finished_at = Some(now);
        }
    }
    let job = job.clone();
    row.settle(now);
    let row = row.clone();
    drop(world);
    telling::job(app, &row, &job);
    if row.status != before {
        telling::pipeline(app, &row);
    }
    Some(job)
}
