//! Names of things in a repository: branches, tags, revisions.

use git2::{BranchType, Commit, ErrorCode, Oid, Reference, Repository};

/// The commit that a branch, tag, id or other revision stands for.
pub fn commit<'r>(repository: &'r Repository, revision: &str) -> Option<Commit<'r>> {
    if revision.is_empty() || revision.starts_with('-') {
        return None;
    }
    let named = [format!("refs/heads/{revision}"), format!("refs/tags/{revision}")];
    for name in named {
        if let Some(commit) = repository.find_reference(&name).ok().and_then(|found| found.peel_to_commit().ok()) {
            return Some(commit);
        }
    }
    repository.revparse_single(revision).ok()?.peel_to_commit().ok()
}

/// The tip of a branch.
pub fn tip<'r>(repository: &'r Repository, branch: &str) -> Option<Commit<'r>> {
    repository.find_reference(&format!("refs/heads/{branch}")).ok()?.peel_to_commit().ok()
}

/// All branches in order of name, each with its tip.
pub fn branches(repository: &Repository) -> Result<Vec<(String, Oid)>, git2::Error> {
    let mut found = Vec::new();
    for branch in repository.branches(Some(BranchType::Local))? {
        let reference = branch?.0.into_reference();
        if let Some((name, id)) = short_name(&reference) {
            found.push((name, id));
        }
    }
    found.sort();
    Ok(found)
}

fn short_name(reference: &Reference<'_>) -> Option<(String, Oid)> {
    let name = String::from_utf8_lossy(reference.name_bytes());
    Some((name.strip_prefix("refs/heads/")?.to_owned(), reference.target()?))
}

/// A tag as it is in the repository.
#[derive(Debug, Clone)]
pub struct Tag {
    /// Short name.
    pub name: String,
    /// What the reference points at: the tag object of an annotated tag, else the commit.
    pub target: Oid,
    /// The commit behind it; nothing for a tag of a tree or blob.
    pub commit: Option<Oid>,
    /// Its own message, when it is annotated.
    pub message: Option<String>,
    /// Seconds of its tagger, or of the commit's committer.
    pub seconds: i64,
    /// Whether it has a tagger's date of its own.
    pub annotated: bool,
}

/// The tag of this name.
pub fn tag(repository: &Repository, name: &str) -> Option<Tag> {
    let target = repository.find_reference(&format!("refs/tags/{name}")).ok()?.target()?;
    let object = repository.find_tag(target).ok();
    let commit = repository.find_object(target, None).ok()?.peel_to_commit().ok();
    let own = object.as_ref().and_then(|object| object.tagger().map(|tagger| tagger.when().seconds()));
    let message = object.as_ref().and_then(|object| object.message_bytes());
    Some(Tag {
        name: name.to_owned(),
        target,
        message: message.map(|bytes| String::from_utf8_lossy(bytes).trim_end().to_owned()),
        seconds: own.or_else(|| commit.as_ref().map(|commit| commit.committer().when().seconds())).unwrap_or(0),
        commit: commit.map(|commit| commit.id()),
        annotated: object.is_some(),
    })
}

/// All tags in order of name.
pub fn tags(repository: &Repository) -> Result<Vec<Tag>, git2::Error> {
    let mut names = Vec::new();
    repository.tag_foreach(|_, name| {
        names.extend(name.strip_prefix(b"refs/tags/").map(|name| String::from_utf8_lossy(name).into_owned()));
        true
    })?;
    names.sort();
    Ok(names.iter().filter_map(|name| tag(repository, name)).collect())
}

/// Whether no branch exists.
pub fn is_empty(repository: &Repository) -> bool {
    branches(repository).is_ok_and(|all| all.is_empty())
}

/// Whether git takes this as the name of a branch.
pub fn is_branch_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('-') && Reference::is_valid_name(&format!("refs/heads/{name}"))
}

/// Why a reference did not move.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// Somebody else moved it meanwhile.
    #[error("reference does not point to expected object")]
    Race,
    /// Somebody else is moving it right now.
    #[error("reference is already locked")]
    Locked,
    /// Another branch is in the way: `a` and `a/b`.
    #[error("branch name conflicts with existing branch hierarchy")]
    Hierarchy,
    /// Anything else.
    #[error(transparent)]
    Git(#[from] git2::Error),
}

/// Moves a reference if it still points at `expected`, or makes it if it is expected not to exist.
pub fn compare_and_swap(
    repository: &Repository,
    name: &str,
    expected: Option<Oid>,
    target: Oid,
) -> Result<(), MoveError> {
    let moved = match expected {
        Some(expected) => repository.reference_matching(name, target, true, expected, ""),
        None => repository.reference(name, target, false, ""),
    };
    match moved {
        Ok(_) => Ok(()),
        Err(error) if error.code() == ErrorCode::Modified || error.code() == ErrorCode::NotFound => {
            Err(MoveError::Race)
        }
        Err(error) if error.code() == ErrorCode::Exists => {
            let there = repository.find_reference(name).is_ok();
            Err(if there { MoveError::Race } else { MoveError::Hierarchy })
        }
        Err(error) if error.code() == ErrorCode::Locked => Err(MoveError::Locked),
        Err(error) if error.code() == ErrorCode::Directory || error.message().contains("beneath") => {
            Err(MoveError::Hierarchy)
        }
        Err(error) => Err(error.into()),
    }
}
