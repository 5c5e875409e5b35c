//! What push, pull or both would do, without doing it.

use crate::blob::BlobId;
use crate::error::Error;
use crate::estimate::estimate;
use crate::gather::{self, Gathered, Need, gather};
use crate::gitlab::client::Client;
use crate::host::Host;
use crate::plan::{Action, Change as Planned, Direction};
use crate::pull::compare;
use crate::report::{Change, Kind};
use crate::request::Instance;
use crate::session::{self, Peek};
use crate::sorted::Map;
use crate::tree::Side;
use crate::unselected::{self, Unselected};

/// Requests to see what the branch holds, at most.
const LOOKING: u32 = 2;

/// A plan as products see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// Names it for `push` and `pull`.
    pub digest: String,
    /// Of the branch.
    pub head: Option<String>,
    /// File by file.
    pub changes: Vec<Change>,
    /// Estimated.
    pub requests: u32,
    /// Of contents, both ways, estimated.
    pub bytes: u64,
    /// What the patterns leave out. Told until a first sync has ended: who has seen it once has chosen.
    pub unselected: Vec<Unselected>,
}

/// Two requests at most; changes no side. None: this call has read as much of the workspace as it may, and the next goes on. Costs what
/// has changed, as the call that does it; so a content that some file elsewhere in the workspace has is counted as one to fetch.
pub fn preview(host: &dyn Host, instance: &Instance, direction: Direction) -> Result<Option<Preview>, Error> {
    let compared = gather::compare(&Client { host, instance }, &Peek::open(host)?);
    let Gathered { session, remote, workspace, .. } = gather(host, instance, compared, Need::Both)?;
    if workspace.is_in_part() {
        return Ok(None);
    }
    let plan = compare(&session, &workspace, &remote, direction);
    let size = |change: &Planned| match change.side {
        Side::Branch => workspace.size(&change.path).unwrap_or_default(),
        Side::Workspace => 0,
    };
    let mut changes: Vec<Change> = plan.changes.iter().map(|change| Change::planned(change, size(change))).collect();
    for dispute in &plan.disputes {
        let reason = dispute.reason.to_string();
        changes.push(Change::because(Kind::Conflict, &dispute.path, Side::Workspace, &reason));
    }
    changes.extend(Change::skipped(&plan.skips));
    let sizes = plan.changes_of(Side::Branch).filter_map(|change| Some((*blob_of(change)?, size(change))));
    let sizes: Map<BlobId, u64> = sizes.collect();
    let estimate = estimate(&plan, &workspace.tree, |blob| sizes.get(blob).copied());
    let unselected = if session::synced(host)?.is_none() { unselected::count(&plan.skips) } else { Vec::new() };
    Ok(Some(Preview {
        digest: plan.digest.to_string(),
        head: remote.head,
        requests: estimate.requests.saturating_add(LOOKING),
        bytes: estimate.bytes,
        changes,
        unselected,
    }))
}

fn blob_of(change: &Planned) -> Option<&BlobId> {
    match &change.action {
        Action::Create { entry } | Action::Update { entry, .. } => Some(&entry.blob),
        Action::Move { .. } | Action::Delete { .. } | Action::Merge(_) => None,
    }
}
