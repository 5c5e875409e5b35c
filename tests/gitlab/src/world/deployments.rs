//! Deployments.

use jiff::Timestamp;

use super::table::Table;

/// One deployment.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// Id on the instance.
    pub id: u64,
    /// Number in the project.
    pub iid: u64,
    /// Its project.
    pub project_id: u64,
    /// Branch or tag.
    pub reference: String,
    /// Commit.
    pub sha: String,
    /// Where to.
    pub environment: String,
    /// Where it stands.
    pub status: DeploymentStatus,
    /// By whom.
    pub user_id: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
    /// Numbers of the merge requests that it brought.
    pub merge_requests: Vec<u64>,
}

/// Where a deployment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeploymentStatus {
    /// Made and not begun.
    Created,
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
    /// Waits for somebody.
    Blocked,
}

impl DeploymentStatus {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Created, Self::Running, Self::Success, Self::Failed, Self::Canceled, Self::Skipped, Self::Blocked];

    /// GitLab's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Skipped => "skipped",
            Self::Blocked => "blocked",
        }
    }

    /// Reads GitLab's word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }
}

impl Deployment {
    /// The environment's name as it stands in addresses.
    pub fn slug(&self) -> String {
        self.environment.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-")
    }

    /// What sort of environment its name says.
    pub fn tier(&self) -> &'static str {
        let name = self.environment.to_lowercase();
        let is = |words: &[&str]| words.iter().any(|word| name.starts_with(word));
        match () {
            () if is(&["dev", "review", "trunk"]) => "development",
            () if is(&["test", "tst", "int", "qa", "acc"]) => "testing",
            () if is(&["st", "mod", "demo"]) => "staging",
            () if is(&["prod", "live"]) => "production",
            () => "other",
        }
    }
}

impl DeploymentStatus {
    /// Whether nothing comes after it.
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Created | Self::Running | Self::Blocked)
    }
}

/// All deployments.
#[derive(Debug, Default)]
pub struct Deployments {
    /// Rows by id.
    pub table: Table<Deployment>,
}

impl Deployments {
    /// Those of one project by rising id.
    pub fn of(&self, project_id: u64) -> impl Iterator<Item = &Deployment> {
        self.table.iter().filter(move |deployment| deployment.project_id == project_id)
    }
}
