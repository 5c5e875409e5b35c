//! The branch as a map of blob ids.
//!
//! Decided here: when a missing branch is an empty one (nothing was ever there) and when it is an error (something was: taken
//! for empty, it would delete every file of the workspace).

use crate::error::{Code, Error};
use crate::gitlab::project::{self, Branch};
use crate::gitlab::tree::{self, Listing};
use crate::session::Session;
use crate::tree::{Skip, Tree};

/// What the branch holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remote {
    /// None while it has no commit.
    pub(crate) head: Option<String>,
    /// All files at that head.
    pub(crate) tree: Tree,
    /// What cannot be synced.
    pub(crate) skips: Vec<Skip>,
}

impl Remote {
    /// The branch as it was when both sides were last equal. No request.
    pub(crate) fn assumed(session: &Session<'_>) -> Option<Self> {
        let head = session.settled_head()?.to_owned();
        Some(Self { head: Some(head), tree: session.ledger.files().clone(), skips: Vec::new() })
    }

    /// The branch as it is at this head. One request, none if nothing has moved.
    pub(crate) fn at(session: &Session<'_>, head: Option<String>) -> Result<Self, Error> {
        let Some(commit) = head else { return Ok(Self::default()) };
        if session.settled_head() == Some(commit.as_str()) {
            return Ok(Self::assumed(session).unwrap_or_default());
        }
        Self::listed(session, commit)
    }

    /// The branch as it is at this commit, listed whatever is known.
    pub(crate) fn listed(session: &Session<'_>, commit: String) -> Result<Self, Error> {
        let project = session.configuration.project;
        let Listing { tree, skips } = tree::list(&session.client, project, &commit, &session.ledger)?;
        Ok(Self { head: Some(commit), tree, skips })
    }
}

/// The branch's head. One request.
pub(crate) fn head(session: &Session<'_>) -> Result<Option<String>, Error> {
    let configuration = &session.configuration;
    let found = session.client.read::<Branch>(project::branch(configuration.project, &configuration.branch));
    match found {
        Ok(branch) => Ok(Some(branch.commit.id)),
        Err(error) if error.code == Code::BranchMissing && session.ledger.files().is_empty() => Ok(None),
        Err(error) if error.code == Code::BranchMissing => {
            Err(Error::because(Code::BranchMissing, &format!("`{}` is gone", configuration.branch)))
        }
        Err(error) => Err(error),
    }
}
