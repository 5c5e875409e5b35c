//! The branch as a map of blob ids: all of it, or what may not be at rest.
//!
//! Decided here: when a missing branch is an empty one (nothing was ever there) and when it is an error (something was: taken
//! for empty, it would delete every file of the workspace).

use crate::attributes::{self, Attributes};
use crate::blob::BlobId;
use crate::delta::{self, Delta};
use crate::error::{Code, Error};
use crate::gitlab::blob::{self, Contents};
use crate::gitlab::commit::Commit;
use crate::gitlab::compare::{Comparison, compare};
use crate::gitlab::project::{self, Branch, Project};
use crate::gitlab::tree::{self, Listing};
use crate::history::History;
use crate::order;
use crate::owner;
use crate::path::RepoPath;
use crate::session::{self, Session};
use crate::tree::{Skip, Tree};

/// What the branch holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remote {
    /// None while it has no commit.
    pub(crate) head: Option<String>,
    /// The files at that head; of a session in part those that were asked for.
    pub(crate) tree: Tree,
    /// How many there are beside these.
    pub(crate) elsewhere: usize,
    /// What cannot be synced.
    pub(crate) skips: Vec<Skip>,
    /// Whether nobody has asked: it is taken to be what it was.
    pub(crate) is_assumed: bool,
    /// Whether it follows from the base.
    pub(crate) history: History,
}

impl Remote {
    /// The branch as it was when both sides were last equal. No request.
    pub(crate) fn assumed(session: &Session<'_>) -> Option<Self> {
        let head = session.settled_head()?.to_owned();
        let (tree, elsewhere) = (session.ledger.files().clone(), session.ledger.elsewhere());
        Some(Self { head: Some(head), tree, elsewhere, ..Self::default() })
    }

    /// How many files it has.
    pub(crate) fn len(&self) -> usize {
        self.tree.len() + self.elsewhere
    }

    /// The branch as it is at this commit, listed whatever is known.
    pub(crate) fn listed(session: &mut Session<'_>, commit: String) -> Result<Self, Error> {
        let project = session.configuration.project;
        let Listing { tree, skips } = tree::list(&session.client, project, &commit, &session.ledger)?;
        session.learn(attributes(session, &tree)?)?;
        Ok(Self { head: Some(commit), tree, skips, ..Self::default() })
    }
}

/// The branch as it is now, with the contents that came along, where it was compared with the last sync already. One request more if
/// little has changed, none if nothing has. Refused if another installation writes there now.
pub(crate) fn given(session: &mut Session<'_>, compared: Option<Comparison>) -> Result<(Remote, Contents), Error> {
    let history = match compared {
        Some(Comparison::Unlisted(history)) => Some(history),
        Some(compared) => {
            let history = compared.history();
            return match changed(session, compared)? {
                Some(known) => Ok(known),
                None => whole(session, history),
            };
        }
        None => None,
    };
    let Some(commit) = head(session)? else { return Ok((Remote::default(), Contents::new())) };
    // Before the first sync, configuring has looked.
    if !session.ledger.files().is_empty() && !owner::is_own(session, &commit) {
        owner::respect(session, None)?;
    }
    let history = history.map_or_else(|| since_the_base(session, &commit), Ok)?;
    Ok((Remote { history, ..Remote::listed(session, commit.id)? }, Contents::new()))
}

/// Whether the branch follows from all that the base is from. One request more where that is not its head or the one before; what GitLab
/// does not say counts as rewritten, so that nothing is lost.
fn since_the_base(session: &Session<'_>, commit: &Commit) -> Result<History, Error> {
    let (project, branch) = (session.configuration.project, &session.configuration.branch);
    let is_before = |base: &String| {
        let compared = || compare(&session.client, project, base, branch);
        let is_near = commit.id == *base || commit.parent_ids.contains(base);
        is_near || compared().is_some_and(|compared| compared.history() == History::Continued)
    };
    let follows = session::base_heads(session.host())?.iter().all(is_before);
    Ok(if follows { History::Continued } else { History::Rewritten })
}

/// What the comparison comes to. None: it is not good enough. Refused if another installation writes there now.
pub(crate) fn changed(session: &Session<'_>, compared: Comparison) -> Result<Option<(Remote, Contents)>, Error> {
    if let Comparison::Moved { marked, .. } = &compared {
        owner::respect(session, Some(marked))?;
    }
    Ok(match delta::of(session, Some(compared)) {
        Delta::Same => Remote::assumed(session).map(|remote| (remote, Contents::new())),
        Delta::Moved(remote, contents) => Some((remote, contents)),
        Delta::Unknown => None,
    })
}

/// The branch as it is now, listed, after a comparison that was not good enough.
pub(crate) fn whole(session: &mut Session<'_>, history: History) -> Result<(Remote, Contents), Error> {
    let remote = head(session)?.map_or(Ok(Remote::default()), |commit| Remote::listed(session, commit.id))?;
    Ok((Remote { history, ..remote }, Contents::new()))
}

/// What the tree's files of attributes say, each of them: one that was left out could be the one that keeps a file in LFS. Most
/// repositories have none, and this costs nothing.
fn attributes(session: &Session<'_>, tree: &Tree) -> Result<Attributes, Error> {
    let is_one = |path: &&RepoPath| path.file_name() == attributes::FILE_NAME;
    let files: Vec<(&RepoPath, BlobId)> =
        tree.keys().filter(is_one).filter_map(|path| Some((path, tree.get(path)?.blob))).collect();
    let mut ids: Vec<BlobId> = files.iter().map(|(_, id)| *id).collect();
    order::sort(&mut ids);
    ids.dedup();
    let contents = blob::fetch(&session.client, session.configuration.project, &ids)?;
    let text = |id: &BlobId| contents.get(id).map(|bytes| String::from_utf8_lossy(bytes));
    let texts: Vec<_> = files.iter().filter_map(|(path, id)| Some((path.as_str(), text(id)?))).collect();
    Ok(Attributes::parse(texts.iter().map(|(path, text)| (*path, &**text))))
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
