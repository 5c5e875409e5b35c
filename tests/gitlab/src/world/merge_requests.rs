//! Merge requests with their notes, discussions and approvals.

use std::collections::HashMap;

use jiff::Timestamp;

use super::table::Table;

/// One merge request.
#[derive(Debug, Clone)]
pub struct MergeRequest {
    /// Id on the instance.
    pub id: u64,
    /// Number in the project.
    pub iid: u64,
    /// The target project.
    pub project_id: u64,
    /// Where its commits come from; nothing when that fork is gone.
    pub source_project_id: Option<u64>,
    /// Title, with `Draft: ` when it is one.
    pub title: String,
    /// Free text.
    pub description: String,
    /// Where it stands.
    pub state: State,
    /// Branch to merge.
    pub source_branch: String,
    /// Branch to merge into.
    pub target_branch: String,
    /// Who made it.
    pub author_id: u64,
    /// Who works on it.
    pub assignee_ids: Vec<u64>,
    /// Who is to look at it.
    pub reviewer_ids: Vec<u64>,
    /// Names of labels.
    pub labels: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
    /// When its differences were ready; nothing right after it was made.
    pub prepared_at: Option<Timestamp>,
    /// When and by whom it was merged.
    pub merged: Option<(Timestamp, u64)>,
    /// When and by whom it was closed.
    pub closed: Option<(Timestamp, u64)>,
    /// Head of the source branch.
    pub sha: String,
    /// Where the source branch left the target branch.
    pub base_sha: String,
    /// The merge commit; nothing for fast-forward merges.
    pub merge_commit_sha: Option<String>,
    /// The squashed commit.
    pub squash_commit_sha: Option<String>,
    /// Files of its difference; nothing while it is being prepared.
    pub files: Option<Vec<FileStats>>,
    /// Who approved and when.
    pub approvals: Vec<(u64, Timestamp)>,
    /// Approvals that are needed. Premium.
    pub approvals_required: u32,
    /// Notes by rising id, system notes included.
    pub notes: Vec<Note>,
}

/// Where a merge request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// To be merged.
    Opened,
    /// Given up.
    Closed,
    /// Being merged.
    Locked,
    /// Merged.
    Merged,
}

impl State {
    /// GitLab's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Closed => "closed",
            Self::Locked => "locked",
            Self::Merged => "merged",
        }
    }
}

/// Changed lines of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStats {
    /// Path after.
    pub path: String,
    /// Lines added.
    pub additions: u32,
    /// Lines removed.
    pub deletions: u32,
}

/// One note.
#[derive(Debug, Clone)]
pub struct Note {
    /// Id on the instance.
    pub id: u64,
    /// The discussion it is in: 40 hex digits.
    pub discussion_id: String,
    /// What sort.
    pub kind: NoteKind,
    /// Text.
    pub body: String,
    /// Who wrote it.
    pub author_id: u64,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// When and by whom its thread was resolved.
    pub resolved: Option<(Timestamp, u64)>,
}

/// What sort of note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoteKind {
    /// A comment of its own.
    Comment,
    /// Written by GitLab itself.
    System,
    /// Part of a thread.
    Discussion,
    /// Part of a thread at a line of a file.
    Diff {
        /// Path of the file.
        path: String,
        /// Line after the change.
        line: u32,
    },
}

impl NoteKind {
    /// The word of the entity.
    pub fn word(&self) -> Option<&'static str> {
        match self {
            Self::Comment | Self::System => None,
            Self::Discussion => Some("DiscussionNote"),
            Self::Diff { .. } => Some("DiffNote"),
        }
    }

    /// Whether a thread of this kind can be resolved.
    pub fn is_resolvable(&self) -> bool {
        matches!(self, Self::Discussion | Self::Diff { .. })
    }
}

impl MergeRequest {
    /// Whether it is a draft, which its title says.
    pub fn is_draft(&self) -> bool {
        self.title.starts_with("Draft:")
    }

    /// Whether every thread is resolved.
    pub fn is_resolved(&self) -> bool {
        self.notes.iter().all(|note| !note.kind.is_resolvable() || note.resolved.is_some())
    }

    /// Comments that people wrote.
    pub fn user_notes(&self) -> usize {
        self.notes.iter().filter(|note| note.kind != NoteKind::System).count()
    }
}

/// All merge requests, by id and by project.
#[derive(Debug, Default)]
pub struct MergeRequests {
    table: Table<MergeRequest>,
    // Ids by iid: the first is at 0.
    by_project: HashMap<u64, Vec<u64>>,
    last_note: u64,
}

impl MergeRequests {
    /// Adds the merge request that `build` makes of the next id and iid.
    pub fn add(&mut self, project_id: u64, build: impl FnOnce(u64, u64) -> MergeRequest) -> &mut MergeRequest {
        let ids = self.by_project.entry(project_id).or_default();
        let iid = ids.len() as u64 + 1;
        let row = self.table.add(|id| build(id, iid));
        ids.push(row.id);
        row
    }

    /// Reserves the id of a note.
    pub fn next_note_id(&mut self) -> u64 {
        self.last_note += 1;
        self.last_note
    }

    /// The one with this number in this project.
    pub fn get(&self, project_id: u64, iid: u64) -> Option<&MergeRequest> {
        let ids = self.by_project.get(&project_id)?;
        self.table.get(*ids.get(usize::try_from(iid).ok()?.checked_sub(1)?)?)
    }

    /// The same, to change.
    pub fn get_mut(&mut self, project_id: u64, iid: u64) -> Option<&mut MergeRequest> {
        let id = self.get(project_id, iid)?.id;
        self.table.get_mut(id)
    }

    /// Those of one project by rising number.
    pub fn of(&self, project_id: u64) -> impl Iterator<Item = &MergeRequest> {
        let ids = self.by_project.get(&project_id).map(Vec::as_slice).unwrap_or_default();
        ids.iter().filter_map(|id| self.table.get(*id))
    }

    /// All of them by rising id.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &MergeRequest> {
        self.table.iter()
    }
}
