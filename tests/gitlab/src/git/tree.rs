//! Listings of trees, and looking up one path.

use git2::{Commit, ObjectType, Oid, Repository, Tree};
use serde::Serialize;

/// One entry of a listing, with the keys of the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Object id.
    pub id: String,
    /// Last part of the path.
    pub name: String,
    /// `tree`, `blob` or `commit`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Full path.
    pub path: String,
    /// Six octal digits.
    pub mode: String,
}

/// Whether subtrees are listed too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Only direct entries.
    Flat,
    /// All below.
    Recursive,
}

/// The tree at a path of a commit; the root for an empty path.
pub fn at<'r>(repository: &'r Repository, commit: &Commit<'r>, path: &str) -> Option<Tree<'r>> {
    let root = commit.tree().ok()?;
    let path = path.trim_matches('/');
    if path.is_empty() || path == "." {
        return Some(root);
    }
    let entry = root.get_path(std::path::Path::new(path)).ok()?;
    entry.to_object(repository).ok()?.peel_to_tree().ok()
}

/// All entries, in git's order; a tree comes before what is in it.
pub fn list(repository: &Repository, tree: &Tree<'_>, path: &str, depth: Depth) -> Result<Vec<Entry>, git2::Error> {
    let mut found = Vec::new();
    let prefix = path.trim_matches('/');
    let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    walk(repository, tree, &prefix, depth, &mut found)?;
    Ok(found)
}

fn walk(
    repository: &Repository,
    tree: &Tree<'_>,
    prefix: &str,
    depth: Depth,
    found: &mut Vec<Entry>,
) -> Result<(), git2::Error> {
    for entry in tree {
        let name = String::from_utf8_lossy(entry.name_bytes()).into_owned();
        let kind = match entry.kind() {
            Some(ObjectType::Tree) => "tree",
            Some(ObjectType::Commit) => "commit",
            _ => "blob",
        };
        let path = format!("{prefix}{name}");
        let mode = format!("{:06o}", entry.filemode());
        found.push(Entry { id: entry.id().to_string(), name, kind, path: path.clone(), mode });
        if kind == "tree" && depth == Depth::Recursive {
            walk(repository, &repository.find_tree(entry.id())?, &format!("{path}/"), depth, found)?;
        }
    }
    Ok(())
}

/// Trees, then blobs, then submodules, as the server orders one response.
pub fn grouped(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_by_key(|entry| match entry.kind {
        "tree" => 0,
        "blob" => 1,
        _ => 2,
    });
    entries
}

/// What a path of a commit holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Object id.
    pub id: Oid,
    /// Mode as a number.
    pub mode: i32,
}

/// The mode of a directory.
pub const TREE: i32 = 0o040_000;
/// The mode of a submodule.
pub const SUBMODULE: i32 = 0o160_000;
/// The mode of an executable file.
pub const EXECUTABLE: i32 = 0o100_755;
/// The mode of a file.
pub const FILE: i32 = 0o100_644;

/// Looks a path up in a tree.
pub fn find(tree: &Tree<'_>, path: &str) -> Option<Found> {
    let entry = tree.get_path(std::path::Path::new(path)).ok()?;
    Some(Found { id: entry.id(), mode: entry.filemode() })
}
