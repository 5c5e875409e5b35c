//! One file of the workspace that is to be changed, and what has to be here for that.

use crate::blob::BlobId;
use crate::conflict::Dispute;
use crate::path::RepoPath;
use crate::plan::{self, Action};
use crate::sorted::Set;
use crate::tree::Entry;

/// From a plan, or one on which both sides disagree.
#[derive(Clone)]
pub(super) enum Task {
    Planned(plan::Change),
    Disputed(Dispute),
}

impl Task {
    /// The content that is wanted from the branch, for tasks that need nothing else.
    pub(super) fn new_content(&self) -> Option<(&RepoPath, &BlobId)> {
        let Self::Planned(change) = self else { return None };
        match &change.action {
            Action::Create { entry } => Some((&change.path, &entry.blob)),
            Action::Update { was, entry } if was.blob != entry.blob => Some((&change.path, &entry.blob)),
            _ => None,
        }
    }

    /// A content of the branch that it needs.
    pub(super) fn theirs(&self) -> Option<(&RepoPath, &BlobId)> {
        match self {
            Self::Disputed(dispute) => Some((&dispute.path, &dispute.theirs.as_ref()?.blob)),
            Self::Planned(change) => match &change.action {
                Action::Merge(versions) => Some((&change.path, &versions.theirs.blob)),
                _ => self.new_content(),
            },
        }
    }

    /// A content of the last sync that it needs.
    pub(super) fn base(&self) -> Option<(&RepoPath, &BlobId)> {
        match self {
            Self::Disputed(dispute) => Some((&dispute.path, &dispute.base.as_ref()?.blob)),
            Self::Planned(change) => match &change.action {
                Action::Merge(versions) => Some((&change.path, &versions.base.blob)),
                _ => None,
            },
        }
    }

    /// Whether others may have to wait for it.
    pub(super) fn makes_room(&self) -> bool {
        matches!(self, Self::Planned(change) if matches!(change.action, Action::Delete { .. } | Action::Move { .. }))
    }
}

/// Blobs of the branch that these tasks cannot be done without, each once.
pub(super) fn needed(tasks: &[Task]) -> Set<BlobId> {
    let mut ids = Vec::new();
    let mut need = |entry: Option<Entry>| ids.extend(entry.map(|entry| entry.blob));
    for task in tasks {
        match task {
            Task::Disputed(dispute) => {
                need(dispute.base);
                need(dispute.theirs);
            }
            Task::Planned(change) => match &change.action {
                Action::Create { entry } => need(Some(*entry)),
                Action::Update { was, entry } if was.blob != entry.blob => need(Some(*entry)),
                Action::Merge(versions) => {
                    need(Some(versions.base));
                    need(Some(versions.theirs));
                }
                Action::Update { .. } | Action::Move { .. } | Action::Delete { .. } => {}
            },
        }
    }
    ids.into_iter().collect()
}
