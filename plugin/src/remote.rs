//! The branch as a map of blob ids.
//!
//! Decided here: when a missing branch is an empty one (nothing was ever there) and when it is an error (something was: taken
//! for empty, it would delete every file of the workspace).

use crate::attributes::{self, Attributes};
use crate::blob::BlobId;
use crate::delta::{self, Delta};
use crate::error::{Code, Error};
use crate::gitlab::blob::{self, Contents};
use crate::gitlab::commit::Commit;
use crate::gitlab::compare::{self, Comparison};
use crate::gitlab::project::{self, Branch, Project};
use crate::gitlab::tree::{self, Listing};
use crate::owner;
use crate::path::RepoPath;
use crate::session::Session;
use crate::tree::{Skip, Tree};

/// Files of attributes that are read; repositories have one, rarely a few.
const ATTRIBUTE_FILES: usize = 64;

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

    /// The branch as it is at this commit, listed whatever is known.
    pub(crate) fn listed(session: &mut Session<'_>, commit: String) -> Result<Self, Error> {
        let project = session.configuration.project;
        let Listing { tree, skips } = tree::list(&session.client, project, &commit, &session.ledger)?;
        session.learn(attributes(session, &tree)?)?;
        Ok(Self { head: Some(commit), tree, skips })
    }
}

/// The branch as it is now, with the contents that came along. One request if it has not moved, two if little has changed.
pub(crate) fn now(session: &mut Session<'_>) -> Result<(Remote, Contents), Error> {
    let configuration = &session.configuration;
    let base = session.settled_head();
    let compared =
        base.and_then(|base| compare::compare(&session.client, configuration.project, base, &configuration.branch));
    given(session, compared)
}

/// The same where it was compared with the last sync already. Refused if another installation writes there now.
pub(crate) fn given(session: &mut Session<'_>, compared: Option<Comparison>) -> Result<(Remote, Contents), Error> {
    let is_known = compared.is_some();
    if let Some(Comparison::Moved { marked, .. }) = &compared {
        owner::respect(session, Some(marked))?;
    }
    match (delta::of(session, compared), Remote::assumed(session)) {
        (Delta::Same, Some(remote)) => return Ok((remote, Contents::new())),
        (Delta::Moved(remote, contents), _) => return Ok((remote, contents)),
        _ => {}
    }
    let Some(commit) = head(session)? else { return Ok((Remote::default(), Contents::new())) };
    // Before the first sync, configuring has looked.
    if !is_known && !session.ledger.files().is_empty() && !owner::is_own(session, &commit) {
        owner::respect(session, None)?;
    }
    Ok((Remote::listed(session, commit.id)?, Contents::new()))
}

/// What the tree's files of attributes say. Most repositories have none, and this costs nothing.
fn attributes(session: &Session<'_>, tree: &Tree) -> Result<Attributes, Error> {
    let is_one = |path: &&RepoPath| path.file_name() == attributes::FILE_NAME;
    let files: Vec<(&RepoPath, BlobId)> = tree
        .keys()
        .filter(is_one)
        .take(ATTRIBUTE_FILES)
        .filter_map(|path| Some((path, tree.get(path)?.blob)))
        .collect();
    let mut ids: Vec<BlobId> = files.iter().map(|(_, id)| *id).collect();
    ids.sort_unstable();
    ids.dedup();
    let contents = blob::fetch(&session.client, session.configuration.project, &ids)?;
    let text = |id: &BlobId| contents.get(id).and_then(|bytes| std::str::from_utf8(bytes).ok());
    Ok(Attributes::parse(files.iter().filter_map(|(path, id)| Some((path.as_str(), text(id)?)))))
}

/// The branch's head. One request.
fn head(session: &Session<'_>) -> Result<Option<Commit>, Error> {
    let configuration = &session.configuration;
    let found = session.client.read::<Branch>(project::branch(configuration.project, &configuration.branch));
    match found {
        Ok(branch) => Ok(Some(branch.commit)),
        Err(error) if error.code == Code::BranchMissing && session.ledger.files().is_empty() => Ok(None),
        Err(error) if error.code == Code::BranchMissing => Err(branch_is_gone(session)),
        Err(error) => Err(error),
    }
}

/// With the default branch of today, if that is another one: most often it was renamed.
pub(crate) fn branch_is_gone(session: &Session<'_>) -> Error {
    let configuration = &session.configuration;
    let project = session.client.read::<Project>(project::project(configuration.project)).ok();
    let default = project.and_then(|project| project.default_branch).filter(|name| *name != configuration.branch);
    let hint = default.map(|name| format!("; the project's default branch is `{name}`")).unwrap_or_default();
    Error::because(Code::BranchMissing, &format!("`{}` is gone{hint}", configuration.branch))
}
