//! Which events of merge requests mean that there is something new to build.

use super::payload::{Attributes, Payload};
use super::reference::commit;

/// A merge request that was opened or reopened, or has new commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CiRun {
    /// Where the merge request is.
    pub project: u64,
    /// Its number there.
    pub iid: u64,
    /// Its newest commit.
    pub commit: String,
    /// Where that is from.
    pub source_branch: String,
    /// Another project: a fork.
    pub source_project: Option<u64>,
    /// Where it is to go.
    pub target_branch: Option<String>,
    /// Its author says that it is not ready.
    pub draft: bool,
}

impl CiRun {
    /// None: nothing new to build, or the delivery does not say what.
    pub(super) fn of(payload: &Payload<'_>, project: Option<u64>) -> Option<Self> {
        let attributes = &payload.object_attributes;
        if !is_news(attributes) {
            return None;
        }
        Some(Self {
            project: project?,
            iid: attributes.iid.get()?,
            commit: commit(&attributes.last_commit.id)?,
            source_branch: attributes.source_branch.owned()?,
            source_project: attributes.source_project_id.get(),
            target_branch: attributes.target_branch.owned(),
            draft: attributes.draft.is_set() || attributes.work_in_progress.is_set(),
        })
    }
}

/// An update names the head before, `oldrev`, only where it brings commits; labels, titles and approvals are updates too.
fn is_news(attributes: &Attributes<'_>) -> bool {
    let is_open = attributes.state.get().is_none_or(|state| state == "opened" || state == "reopened");
    match attributes.action.get() {
        Some("open" | "reopen") => is_open,
        Some("update") => is_open && commit(&attributes.oldrev).is_some(),
        _ => false,
    }
}
