//! A commit of actions on a branch: the service behind the Commits API, the Files API and the admin handle.
//!
//! Order of checks: branch permission, start, target, staleness, LFS, actions, push rules, race. The parameters were judged before, by
//! the endpoint. Nothing moves unless all of it succeeds.

use std::sync::Arc;

use git2::{Commit, Oid, Repository};

use crate::app::App;
use crate::events::PushEvent;
use crate::git::actions::{self, Action, ActionError, clean_path};
use crate::git::refs::{self, MoveError};
use crate::git::write::{self, Person};
use crate::git::{history, lfs, transplant};
use crate::push_rules::{self, Arrival, Way};
use crate::pushes::{self, text};
use crate::world::projects::Project;
use crate::world::users::User;

/// A commit to be made.
#[derive(Debug, Clone)]
pub struct Order {
    /// On which branch.
    pub branch: String,
    /// From where.
    pub start: Start,
    /// What to do when the target exists though a start is given.
    pub overwrite: Overwrite,
    /// Full message.
    pub message: String,
    /// Name and e-mail of the author, each if given.
    pub author: (Option<String>, Option<String>),
    /// The actions, in order.
    pub actions: Vec<GuardedAction>,
    /// `X-Gitlab-Event-UUID` of the request, for recursion detection.
    pub chain: Option<String>,
}

/// An action and the version it was made against.
#[derive(Debug, Clone)]
pub struct GuardedAction {
    /// What.
    pub action: Action,
    /// The commit at which the client read the file.
    pub last_commit_id: Option<String>,
}

/// From where a commit starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// From the tip of its own branch.
    Target,
    /// From the tip of another branch.
    Branch(String),
    /// From a commit.
    Sha(String),
    /// From a commit of another project of the fork network.
    Elsewhere {
        /// Which project.
        project_id: u64,
        /// A branch or a commit of it.
        revision: Revision,
    },
}

/// A place in the history of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revision {
    /// The tip of this branch.
    Branch(String),
    /// This commit, in full.
    Sha(String),
}

/// What to do when the target branch exists though a start is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// Refuse.
    Refuse,
    /// Move it there by force.
    Force,
}

/// Why a commit was not made. The texts are those of the API.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The branch is not for this user.
    #[error("{}", text::API)]
    NotAllowed,
    /// The id to start from is no id.
    #[error("Invalid start_sha '{0}'")]
    InvalidStart(String),
    /// The id to start from is unknown.
    #[error("Cannot find start_sha '{0}'")]
    UnknownStart(String),
    /// There is no branch to start from.
    #[error("You can only create or edit files when you are on a branch")]
    NoBranch,
    /// The target exists.
    #[error("A branch called '{0}' already exists. Switch to that branch in order to make changes")]
    BranchExists(String),
    /// The new branch could not be made.
    #[error("Something went wrong when we tried to create '{0}' for you: {1}")]
    BranchFailed(String, String),
    /// A push check refused.
    #[error("{0}")]
    Refused(&'static str),
    /// A rule of the project refused what is in it.
    #[error("{0}")]
    Rule(String),
    /// A file changed since the client read it.
    #[error("The file has changed since you started editing it: {0}")]
    Stale(String),
    /// An action cannot be applied.
    #[error(transparent)]
    Action(#[from] ActionError),
    /// Author name or e-mail are empty.
    #[error("You must provide an author name and email")]
    NoAuthor,
    /// Somebody else was faster.
    #[error("9:reference update: reference does not point to expected object.")]
    Race,
    /// Somebody else is at it.
    #[error("9:reference update: reference is already locked.")]
    Locked,
    /// The same in the words of servers before 16.
    #[error("Could not update refs/heads/{0}. Please refresh and try again.")]
    OldRace(String),
    /// The repository.
    #[error("Unknown error performing git operation")]
    Git(#[from] git2::Error),
}

/// Makes a commit and tells everyone. Blocks.
pub fn commit(app: &Arc<App>, project: &Project, user: &User, order: &Order) -> Result<Oid, CommitError> {
    let (id, before) = app.repositories.with(project.id, |repository| make(app, repository, project, user, order))?;
    pushes::landed(
        app,
        PushEvent {
            project_id: project.id,
            user_id: user.id,
            changes: vec![pushes::branch_change(&order.branch, before, Some(id))],
            push_options: Vec::new(),
            chain: order.chain.clone(),
        },
    );
    Ok(id)
}

/// Makes the commit; its id, and where the branch stood.
fn make(
    app: &Arc<App>,
    repository: &Repository,
    project: &Project,
    user: &User,
    order: &Order,
) -> Result<(Oid, Option<Oid>), CommitError> {
    let empty = refs::is_empty(repository);
    if !pushes::may_push(&app.world(), user, project, &order.branch, empty) {
        return Err(CommitError::NotAllowed);
    }
    let target = refs::tip(repository, &order.branch);
    let start = find_start(app, repository, order, target.as_ref(), empty)?;
    check_target(project, order, target.as_ref())?;
    check_staleness(app, repository, order, start.as_ref())?;

    let base = start.as_ref().map(Commit::tree).transpose()?;
    let actions = with_pointers(app, repository, project, order, base.as_ref());
    let tree = actions::apply(repository, base, &actions)?;
    let (author, committer) = people(user, order)?;
    let draft = write::Draft {
        message: &order.message,
        author: &author,
        committer: &committer,
        at: app.now(),
        tree,
        parent: start.as_ref(),
    };
    let id = write::commit(repository, &draft)?;
    let arrival = Arrival { project, user, branch: &order.branch, way: Way::Api };
    if let Some(refusal) = push_rules::refusal(app, repository, &arrival, id)? {
        return Err(CommitError::Rule(refusal));
    }
    // A test may have planned that somebody else comes first.
    app.rivals.run(app, project, &order.branch);
    let expected = target.as_ref().map(Commit::id);
    move_branch(app, repository, &order.branch, expected, id)?;
    Ok((id, expected))
}

fn find_start<'r>(
    app: &App,
    repository: &'r Repository,
    order: &Order,
    target: Option<&Commit<'r>>,
    empty: bool,
) -> Result<Option<Commit<'r>>, CommitError> {
    match &order.start {
        Start::Sha(sha) => {
            let found = repository.find_commit(full_id(sha)?).map_err(|_| CommitError::UnknownStart(sha.clone()))?;
            Ok(Some(found))
        }
        Start::Elsewhere { project_id, revision } => {
            let (name, missing) = match revision {
                Revision::Branch(branch) => (format!("refs/heads/{branch}"), CommitError::NoBranch),
                Revision::Sha(sha) => (full_id(sha)?.to_string(), CommitError::UnknownStart(sha.clone())),
            };
            let id = transplant::bring(repository, &app.repositories.path(*project_id), &name)?;
            Ok(Some(repository.find_commit(id.ok_or(missing)?)?))
        }
        _ if empty => Ok(None),
        Start::Branch(branch) => refs::tip(repository, branch).map(Some).ok_or(CommitError::NoBranch),
        Start::Target => target.cloned().map(Some).ok_or(CommitError::NoBranch),
    }
}

fn full_id(sha: &str) -> Result<Oid, CommitError> {
    let id = Oid::from_str(sha).ok().filter(|_| sha.len() == 40);
    id.ok_or_else(|| CommitError::InvalidStart(sha.to_owned()))
}

fn check_target(project: &Project, order: &Order, target: Option<&Commit<'_>>) -> Result<(), CommitError> {
    let other_start = match &order.start {
        Start::Target => false,
        Start::Branch(branch) => *branch != order.branch,
        Start::Sha(_) | Start::Elsewhere { .. } => true,
    };
    match target {
        Some(_) if other_start && order.overwrite == Overwrite::Refuse => {
            Err(CommitError::BranchExists(order.branch.clone()))
        }
        Some(_) if other_start && !pushes::may_force(project, &order.branch) => Err(CommitError::Refused(text::FORCE)),
        Some(_) => Ok(()),
        None if is_hex_name(&order.branch) => Err(CommitError::Refused(text::HEX)),
        None if refs::is_branch_name(&order.branch) => Ok(()),
        None => Err(CommitError::BranchFailed(order.branch.clone(), "Branch name is invalid".into())),
    }
}

/// Names that look like a commit are refused.
pub fn is_hex_name(branch: &str) -> bool {
    branch.len() == 40 && branch.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn check_staleness(
    app: &App,
    repository: &Repository,
    order: &Order,
    start: Option<&Commit<'_>>,
) -> Result<(), CommitError> {
    let Some(start) = start else { return Ok(()) };
    // Before 16 the id itself had to be that of the last commit of the path.
    let by_ancestor = app.world().settings.version.at_least(16, 0);
    for guarded in &order.actions {
        let path = match &guarded.action {
            Action::Create { .. } | Action::Submodule { .. } => continue,
            Action::Move { from, .. } => from,
            Action::Update { path, .. } | Action::Delete { path } | Action::Chmod { path, .. } => path,
        };
        let known = guarded.last_commit_id.as_deref().filter(|id| !id.is_empty());
        let Some(known) = known.and_then(|id| refs::commit(repository, id)) else { continue };
        let Ok(clean) = clean_path(path) else { continue };
        let Some(current) = history::last_touching(repository, start.id(), &clean) else { continue };
        let read = if by_ancestor { history::last_touching(repository, known.id(), &clean) } else { Some(known.id()) };
        if read.is_some_and(|read| read != current) {
            return Err(CommitError::Stale(path.clone()));
        }
    }
    Ok(())
}

/// Contents of created files that `.gitattributes` gives to LFS go to the store, and a pointer into git. Updates do not.
fn with_pointers(
    app: &App,
    repository: &Repository,
    project: &Project,
    order: &Order,
    base: Option<&git2::Tree<'_>>,
) -> Vec<Action> {
    let plain = || order.actions.iter().map(|guarded| guarded.action.clone());
    let Some(base) = base.filter(|_| project.lfs_enabled) else { return plain().collect() };
    let tracked = lfs::Tracked::of(repository, base);
    let folder = app.repositories.path(project.id);
    plain()
        .map(|action| match action {
            Action::Create { path, content, executable } if tracked.covers(path.trim_start_matches('/')) => {
                let pointer = lfs::Pointer::to(&content);
                match lfs::store(&folder, &pointer, &content) {
                    Ok(()) => Action::Create { path, content: pointer.text().into_bytes(), executable },
                    Err(_) => Action::Create { path, content, executable },
                }
            }
            other => other,
        })
        .collect()
}

fn people(user: &User, order: &Order) -> Result<(Person, Person), CommitError> {
    let committer = Person { name: user.name.clone(), email: user.commit_email().to_owned() };
    let author = Person {
        name: order.author.0.clone().unwrap_or_else(|| committer.name.clone()),
        email: order.author.1.clone().unwrap_or_else(|| committer.email.clone()),
    };
    let blank = |text: &str| text.replace(['<', '>'], "").trim().is_empty();
    if blank(&author.name) || blank(&author.email) {
        return Err(CommitError::NoAuthor);
    }
    Ok((author, committer))
}

fn move_branch(
    app: &App,
    repository: &Repository,
    branch: &str,
    expected: Option<Oid>,
    target: Oid,
) -> Result<(), CommitError> {
    let old_words = !app.world().settings.version.at_least(16, 0);
    match refs::compare_and_swap(repository, &format!("refs/heads/{branch}"), expected, target) {
        Ok(()) => Ok(()),
        Err(MoveError::Race | MoveError::Locked) if old_words => Err(CommitError::OldRace(branch.to_owned())),
        Err(MoveError::Race) => Err(CommitError::Race),
        Err(MoveError::Locked) => Err(CommitError::Locked),
        Err(MoveError::Hierarchy) => Err(CommitError::BranchFailed(
            branch.to_owned(),
            "Branch name conflicts with existing branch hierarchy.".into(),
        )),
        Err(MoveError::Git(error)) => Err(error.into()),
    }
}
