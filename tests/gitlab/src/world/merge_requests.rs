//! Merge requests with their notes, discussions and approvals.

use std::borrow::Cow;
use std::collections::HashMap;

use jiff::Timestamp;

use super::members::Source;
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
    /// When and by whom title or description were changed last.
    pub edited: Option<(Timestamp, u64)>,
    /// Whether its commits become one when it is merged.
    pub squash: bool,
    /// Whether its source branch goes when it is merged.
    pub remove_source_branch: bool,
    /// Labels put on and taken off, and changes of state.
    pub events: Vec<ResourceEvent>,
    /// Heads that its difference had, oldest first.
    pub versions: Vec<DiffVersion>,
}

/// One entry of a merge request's history that is no note.
#[derive(Debug, Clone)]
pub struct ResourceEvent {
    /// Id, one sequence per kind in GitLab; one for all here.
    pub id: u64,
    /// By whom.
    pub user_id: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: Happened,
}

/// What a [`ResourceEvent`] is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// A label was put on.
    Labelled(String),
    /// A label was taken off.
    Unlabelled(String),
    /// The state changed: `closed`, `reopened`, `merged`.
    Became(&'static str),
}

/// One state of a merge request's difference.
#[derive(Debug, Clone)]
pub struct DiffVersion {
    /// Id on the instance.
    pub id: u64,
    /// Head of the source branch.
    pub head: String,
    /// Where it left the target branch.
    pub base: String,
    /// When it was made.
    pub at: Timestamp,
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

    /// As it is seen at a time: what is being prepared has no difference yet.
    pub fn as_of(&self, now: Timestamp) -> Cow<'_, Self> {
        if self.prepared_at.is_none_or(|at| at <= now) { Cow::Borrowed(self) } else { Cow::Owned(self.unprepared()) }
    }

    /// As it is seen right after it was made.
    pub fn unprepared(&self) -> Self {
        Self { prepared_at: None, files: None, ..self.clone() }
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
    last_event: u64,
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

    /// Reserves the id of an event or of a version of a difference.
    pub fn next_event_id(&mut self) -> u64 {
        self.last_event += 1;
        self.last_event
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

    /// Takes one out. Its number is not used again.
    pub fn remove(&mut self, project_id: u64, iid: u64) {
        if let Some(id) = self.get(project_id, iid).map(|row| row.id) {
            self.table.remove(id);
        }
    }

    /// Follows the new name of a project's label. That of a group is followed in all projects.
    pub fn rename_label(&mut self, old: &str, new: &str, owner: Source) {
        let concerned = |row: &MergeRequest| match owner {
            Source::Project(id) => row.project_id == id,
            Source::Group(_) => true,
        };
        for row in self.table.iter_mut().filter(|row| concerned(row)) {
            row.labels.iter_mut().filter(|label| *label == old).for_each(|label| new.clone_into(label));
        }
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
