//! Writing a commit and moving its branch.

use git2::{Commit, Oid, Repository, Signature, Time};
use jiff::Timestamp;

/// Who writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Display name.
    pub name: String,
    /// E-mail.
    pub email: String,
}

impl Person {
    /// Git's own form, in UTC. Angle brackets and line breaks have no place in it and are left out.
    pub fn signature(&self, at: Timestamp) -> Result<Signature<'static>, git2::Error> {
        let clean = |text: &str| text.replace(['<', '>', '\n', '\r', '\0'], "");
        Signature::new(&clean(&self.name), &clean(&self.email), &Time::new(at.as_second(), 0))
    }
}

/// A commit to be written.
#[derive(Debug)]
pub struct Draft<'a, 'r> {
    /// Full message.
    pub message: &'a str,
    /// Who wrote the change.
    pub author: &'a Person,
    /// Who commits it.
    pub committer: &'a Person,
    /// When.
    pub at: Timestamp,
    /// What it holds.
    pub tree: Oid,
    /// What it follows.
    pub parent: Option<&'a Commit<'r>>,
}

/// Writes the object; no reference moves.
pub fn commit(repository: &Repository, draft: &Draft<'_, '_>) -> Result<Oid, git2::Error> {
    let tree = repository.find_tree(draft.tree)?;
    let author = draft.author.signature(draft.at)?;
    let committer = draft.committer.signature(draft.at)?;
    let parents: Vec<&Commit<'_>> = draft.parent.into_iter().collect();
    repository.commit(None, &author, &committer, draft.message, &tree, &parents)
}
