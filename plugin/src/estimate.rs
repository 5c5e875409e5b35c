//! What carrying out a plan takes of the network. An estimate: which route is taken is decided where it is taken, and the sizes
//! of files on the branch are not known before they are read.

use crate::blob::BlobId;
use crate::host::Portion;
use crate::plan::{Action, Plan};
use crate::sorted::Set;
use crate::tree::{Entry, Side, Tree};

/// Contents that one GraphQL request brings.
const BLOBS_PER_REQUEST: usize = 100;
/// From this many contents on, one archive is cheaper than batches of them.
const ARCHIVE_FROM: usize = 300;
/// A page of Markdown, for contents of unknown size.
const USUAL_BYTES: u64 = 4 << 10;

/// Requests and bytes of contents, both ways.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Estimate {
    /// How many requests.
    pub requests: u32,
    /// How many bytes.
    pub bytes: u64,
}

/// What `plan` takes. `size` knows some of the contents.
pub fn estimate(plan: &Plan, workspace: &Tree, size: impl Fn(&BlobId) -> Option<u64>) -> Estimate {
    let bytes = |blob: &BlobId| size(blob).unwrap_or(USUAL_BYTES);
    let down = downloads(plan, workspace);
    let up: Vec<BlobId> = plan.changes_of(Side::Branch).filter_map(|change| uploaded(&change.action)).collect();
    let bytes_up = up.iter().map(bytes).sum::<u64>();
    let batches = if down.len() >= ARCHIVE_FROM { 1 } else { down.len().div_ceil(BLOBS_PER_REQUEST) };
    let has_commit = plan.changes_of(Side::Branch).next().is_some();
    let commits = if has_commit { bytes_up.div_ceil(Portion::STANDARD.commit as u64).max(1) } else { 0 };
    Estimate { requests: batches as u32 + commits as u32, bytes: bytes_up + down.iter().map(bytes).sum::<u64>() }
}

/// The contents that must be read from the branch, each once: those that no file of the workspace has.
pub fn downloads(plan: &Plan, workspace: &Tree) -> Set<BlobId> {
    let mut wanted = Vec::new();
    for change in plan.changes_of(Side::Workspace) {
        match &change.action {
            Action::Create { entry } => wanted.extend([entry.blob]),
            Action::Update { was, entry } if was.blob != entry.blob => wanted.extend([entry.blob]),
            Action::Merge(merge) => wanted.extend([merge.base.blob, merge.theirs.blob]),
            Action::Update { .. } | Action::Move { .. } | Action::Delete { .. } => {}
        }
    }
    for dispute in &plan.disputes {
        wanted.extend([dispute.base, dispute.theirs].into_iter().flatten().map(|entry: Entry| entry.blob));
    }
    let mut wanted: Set<BlobId> = wanted.into_iter().collect();
    let blobs = workspace.values().map(|entry| entry.blob);
    let here: Set<BlobId> = blobs.filter(|blob| wanted.contains(blob)).collect();
    wanted.retain(|blob| !here.contains(blob));
    wanted
}

fn uploaded(action: &Action) -> Option<BlobId> {
    match action {
        Action::Create { entry } => Some(entry.blob),
        Action::Update { was, entry } if was.blob != entry.blob => Some(entry.blob),
        Action::Merge(merge) => Some(merge.ours.blob),
        Action::Update { .. } | Action::Move { .. } | Action::Delete { .. } => None,
    }
}
