//! Pipelines, and the statuses of commits that other systems reported into them.

use std::collections::HashMap;

use jiff::Timestamp;

use super::table::Table;

/// One pipeline.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// Id on the instance.
    pub id: u64,
    /// Number in the project.
    pub iid: u64,
    /// Its project.
    pub project_id: u64,
    /// Of which commit.
    pub sha: String,
    /// Of which branch or tag.
    pub reference: String,
    /// `push`, `external`, ...
    pub source: &'static str,
    /// Where it stands.
    pub status: Status,
    /// By whom.
    pub user_id: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
    /// What was reported, oldest first.
    pub statuses: Vec<CommitStatus>,
    /// What runs, in order of stages. An external pipeline has none.
    pub jobs: Vec<Job>,
}

/// One job.
#[derive(Debug, Clone)]
pub struct Job {
    /// Id on the instance, in one sequence with statuses.
    pub id: u64,
    /// Its name in the pipeline.
    pub name: String,
    /// Its stage.
    pub stage: String,
    /// Where it stands.
    pub status: Status,
    /// By whom.
    pub user_id: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it began to run.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
}

impl Job {
    /// A job without a name in the stage `test`.
    pub fn new(id: u64, user_id: u64, status: Status, at: Timestamp) -> Self {
        Self {
            id,
            name: String::new(),
            stage: "test".into(),
            status,
            user_id,
            created_at: at,
            started_at: (status != Status::Pending).then_some(at),
            finished_at: status.is_over().then_some(at),
        }
    }

    /// Seconds it has run.
    pub fn duration(&self) -> Option<f64> {
        Some(self.finished_at?.duration_since(self.started_at?).as_secs_f64())
    }

    /// Seconds it waited.
    pub fn queued(&self) -> Option<f64> {
        Some(self.started_at?.duration_since(self.created_at).as_secs_f64())
    }
}

impl Pipeline {
    /// Whole seconds from its making to its last change.
    pub fn seconds(&self) -> i64 {
        self.updated_at.duration_since(self.created_at).as_secs()
    }

    /// Takes its own status from those of its jobs, if it has any.
    pub fn settle(&mut self, now: Timestamp) {
        let all: Vec<Status> = self.jobs.iter().map(|job| job.status).collect();
        if !all.is_empty() {
            self.status = Status::of_all(&all);
        }
        self.updated_at = now;
    }
}

/// One reported status.
#[derive(Debug, Clone)]
pub struct CommitStatus {
    /// Id on the instance.
    pub id: u64,
    /// What it is the status of: `default` when nobody said.
    pub name: String,
    /// The status.
    pub status: Status,
    /// Free text.
    pub description: Option<String>,
    /// Where more is to be read.
    pub target_url: Option<String>,
    /// Per cent of code that tests reach.
    pub coverage: Option<f64>,
    /// Who reported it.
    pub author_id: u64,
    /// When it was reported first.
    pub created_at: Timestamp,
    /// When it began to run.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
}

/// Where a pipeline or status stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Waits.
    Pending,
    /// Runs.
    Running,
    /// Went well.
    Success,
    /// Did not.
    Failed,
    /// Was stopped.
    Canceled,
    /// Was left out.
    Skipped,
}

impl Status {
    /// All of them, in the order of the API's description.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Running, Self::Success, Self::Failed, Self::Canceled, Self::Skipped];

    /// GitLab's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Skipped => "skipped",
        }
    }

    /// Reads GitLab's word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }

    /// The verb of the state machine that leads here.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Pending => "enqueue",
            Self::Running => "run",
            Self::Success => "success",
            Self::Failed => "drop",
            Self::Canceled => "cancel",
            Self::Skipped => "skip",
        }
    }

    /// Whether nothing comes after it.
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }

    /// Whether the state machine goes from here to `next`. What is over is begun anew instead.
    pub fn leads_to(self, next: Self) -> bool {
        match self {
            Self::Pending => next != Self::Pending,
            Self::Running => !matches!(next, Self::Running | Self::Pending),
            _ => false,
        }
    }

    /// What several of them make together.
    pub fn of_all(all: &[Self]) -> Self {
        let has = |wanted: Self| all.contains(&wanted);
        let first =
            [Self::Running, Self::Pending, Self::Failed, Self::Canceled].into_iter().find(|&status| has(status));
        match first {
            Some(Self::Pending) if all.iter().any(|status| status.is_over()) => Self::Running,
            Some(status) => status,
            None if all.iter().all(|&status| status == Self::Skipped) => Self::Skipped,
            None => Self::Success,
        }
    }
}

/// All pipelines.
#[derive(Debug, Default)]
pub struct Pipelines {
    table: Table<Pipeline>,
    // An import asks for the pipelines of each of thousands of merge requests.
    by_project: HashMap<u64, Vec<u64>>,
    last_status: u64,
}

impl Pipelines {
    /// Adds the pipeline that `build` makes of the next id and number.
    pub fn add(&mut self, project_id: u64, build: impl FnOnce(u64, u64) -> Pipeline) -> u64 {
        let ids = self.by_project.entry(project_id).or_default();
        let iid = ids.len() as u64 + 1;
        let id = self.table.add(|id| build(id, iid)).id;
        ids.push(id);
        id
    }

    /// The one with this id.
    pub fn get(&self, id: u64) -> Option<&Pipeline> {
        self.table.get(id)
    }

    /// The one with this id, to change.
    pub fn get_mut(&mut self, id: u64) -> Option<&mut Pipeline> {
        self.table.get_mut(id)
    }

    /// Those of one project by rising id.
    pub fn of(&self, project_id: u64) -> impl DoubleEndedIterator<Item = &Pipeline> {
        let ids = self.by_project.get(&project_id).map(Vec::as_slice).unwrap_or_default();
        ids.iter().filter_map(|id| self.table.get(*id))
    }

    /// Reserves the id of a status.
    pub fn next_status_id(&mut self) -> u64 {
        self.last_status += 1;
        self.last_status
    }
}

#[cfg(test)]
mod tests {
    use super::Status::{Canceled, Failed, Pending, Running, Skipped, Success};
    use super::*;

    #[test]
    fn the_state_machine_goes_forward_only() {
        for (from, to, expected) in [
            (Pending, Running, true),
            (Pending, Success, true),
            (Running, Running, false),
            (Running, Pending, false),
            (Running, Failed, true),
            (Success, Failed, false),
        ] {
            assert_eq!(from.leads_to(to), expected, "{from:?} to {to:?}");
        }
    }

    #[test]
    fn a_pipeline_is_what_its_statuses_make_together() {
        for (all, expected) in [
            (vec![Success, Success], Success),
            (vec![Success, Failed], Failed),
            (vec![Success, Running, Failed], Running),
            (vec![Pending], Pending),
            (vec![Pending, Success], Running),
            (vec![Skipped, Skipped], Skipped),
            (vec![Canceled, Success], Canceled),
        ] {
            assert_eq!(Status::of_all(&all), expected, "{all:?}");
        }
    }
}
