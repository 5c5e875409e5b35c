//! What push, pull or both would do, without doing it.

use crate::error::Error;
use crate::host::Host;
use crate::plan::{Action, Change as Planned, Direction};
use crate::pull::compare;
use crate::remote::{self, Remote};
use crate::report::{Change, Kind};
use crate::request::Instance;
use crate::session::Session;
use crate::tree::{Side, SkipReason};
use crate::workspace::Workspace;

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
    /// Estimated, of what goes to the branch.
    pub bytes: u64,
}

/// Two requests at most; writes nothing.
pub fn preview(host: &dyn Host, instance: &Instance, direction: Direction) -> Result<Preview, Error> {
    let session = Session::open(host, instance)?;
    let remote = Remote::at(&session, remote::head(&session)?)?;
    let workspace = Workspace::scan(host, &session.selection, &session.ledger)?;
    let plan = compare(&session, &workspace, &remote, direction);
    let size = |change: &Planned| match change.side {
        Side::Branch => workspace.sizes.get(&change.path).copied().unwrap_or_default(),
        Side::Workspace => 0,
    };
    let mut changes: Vec<Change> = plan.changes.iter().map(|change| Change::planned(change, size(change))).collect();
    for dispute in &plan.disputes {
        let reason = dispute.reason.to_string();
        changes.push(Change::because(Kind::Conflict, &dispute.path, Side::Workspace, &reason));
    }
    let of_interest = |reason: &SkipReason| !matches!(reason, SkipReason::OutsideDirectories | SkipReason::NoPattern);
    changes.extend(plan.skips.iter().filter(|skip| of_interest(&skip.reason)).map(Change::skipped));
    let fetched = plan.changes_of(Side::Workspace).filter(|change| fetches(change)).count() + plan.disputes.len();
    let commits = usize::from(plan.changes_of(Side::Branch).next().is_some());
    Ok(Preview {
        digest: plan.digest.to_string(),
        head: remote.head,
        requests: u32::try_from(2 + fetched + commits).unwrap_or(u32::MAX),
        bytes: plan.changes_of(Side::Branch).map(size).sum(),
        changes,
    })
}

fn fetches(change: &Planned) -> bool {
    match &change.action {
        Action::Create { .. } | Action::Merge(_) => true,
        Action::Update { was, entry } => was.blob != entry.blob,
        Action::Move { .. } | Action::Delete { .. } => false,
    }
}
