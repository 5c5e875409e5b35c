//! Walks through history: which commits touch a path, which are new between two.

use git2::{Commit, Oid, Repository, Revwalk, Sort};

use super::tree;

/// The last commit that changed a path, seen from `from`: follows a parent that has the same content, as
/// `git log -1 -- path` does. A commit that deleted the path counts. Nothing when the path never was.
pub fn last_touching(repository: &Repository, from: Oid, path: &str) -> Option<Oid> {
    let mut commit = repository.find_commit(from).ok()?;
    let here = content(&commit, path);
    loop {
        let same = commit.parents().find(|parent| content(parent, path) == here);
        match same {
            Some(parent) => commit = parent,
            None if here.is_none() && commit.parent_count() == 0 => return None,
            None => return Some(commit.id()),
        }
    }
}

fn content(commit: &Commit<'_>, path: &str) -> Option<tree::Found> {
    tree::find(&commit.tree().ok()?, path)
}

/// Whether a commit changes a path, compared with its first parent (merges: with every parent).
pub fn touches(commit: &Commit<'_>, path: &str) -> bool {
    let here = content(commit, path);
    if commit.parent_count() == 0 {
        return here.is_some();
    }
    commit.parents().all(|parent| content(&parent, path) != here)
}

/// In which order commits come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Newest first.
    Time,
    /// No parent before its children.
    Topological,
}

/// A walk from `from` that leaves out what `without` reaches.
pub fn walk(repository: &Repository, from: &[Oid], without: &[Oid], order: Order) -> Result<Vec<Oid>, git2::Error> {
    let mut walk: Revwalk<'_> = repository.revwalk()?;
    walk.set_sorting(match order {
        Order::Time => Sort::TIME,
        Order::Topological => Sort::TOPOLOGICAL,
    })?;
    from.iter().try_for_each(|&id| walk.push(id))?;
    without.iter().try_for_each(|&id| walk.hide(id))?;
    walk.collect()
}
