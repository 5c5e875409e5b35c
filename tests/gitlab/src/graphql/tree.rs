//! `repository.tree`: one folder, or all below it, in three lists.

use async_graphql::{Enum, ID, Object, Result, SimpleObject};

use super::connection::{Connection, Wish, with_pages};
use super::scalars::gid;
use crate::app::App;
use crate::git::refs;
use crate::git::tree::{self, Depth, Entry};
use crate::world::projects::Project;

/// `EntryType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(rename_items = "lowercase")]
pub(crate) enum EntryType {
    Blob,
    Commit,
    Tree,
}

/// A folder.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct TreeEntry {
    id: ID,
    sha: String,
    name: String,
    path: String,
    flat_path: String,
    #[graphql(name = "type")]
    kind: EntryType,
}

/// A file.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(name = "Blob")]
pub(crate) struct TreeBlob {
    id: ID,
    sha: String,
    name: String,
    path: String,
    flat_path: String,
    mode: Option<String>,
    #[graphql(name = "type")]
    kind: EntryType,
}

/// A submodule.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct Submodule {
    id: ID,
    sha: String,
    name: String,
    path: String,
    flat_path: String,
    #[graphql(name = "type")]
    kind: EntryType,
}

/// The entries of a folder.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    entries: Vec<Entry>,
}

impl Tree {
    /// Reads it; nothing when revision or folder are not there.
    pub(crate) fn read(app: &App, project: &Project, revision: &str, path: &str, depth: Depth) -> Result<Option<Self>> {
        let entries = app.repositories.with(project.id, |repository| {
            let commit = refs::commit(repository, revision);
            let folder = commit.and_then(|commit| tree::at(repository, &commit, path));
            folder.map(|folder| tree::list(repository, &folder, path, depth)).transpose()
        })?;
        Ok(entries.map(|entries| Self { entries }))
    }

    fn of(&self, kind: &str) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.kind == kind)
    }
}

#[Object]
impl Tree {
    #[graphql(complexity = "with_pages(child_complexity + 1, first)")]
    async fn trees(&self, first: Option<i32>, after: Option<String>) -> Connection<TreeEntry> {
        let entries = self.of("tree").map(|entry| TreeEntry {
            id: gid("Gitlab::Graphql::Representation::TreeEntry", &entry.id),
            sha: entry.id.clone(),
            name: entry.name.clone(),
            path: entry.path.clone(),
            flat_path: entry.path.clone(),
            kind: EntryType::Tree,
        });
        Connection::of(&entries.collect::<Vec<_>>(), &Wish { first, after })
    }

    #[graphql(complexity = "with_pages(child_complexity + 1, first)")]
    async fn blobs(&self, first: Option<i32>, after: Option<String>) -> Connection<TreeBlob> {
        let entries = self.of("blob").map(|entry| TreeBlob {
            id: gid("Gitlab::Graphql::Representation::TreeEntry", &entry.id),
            sha: entry.id.clone(),
            name: entry.name.clone(),
            path: entry.path.clone(),
            flat_path: entry.path.clone(),
            mode: Some(entry.mode.clone()),
            kind: EntryType::Blob,
        });
        Connection::of(&entries.collect::<Vec<_>>(), &Wish { first, after })
    }

    #[graphql(complexity = "with_pages(child_complexity + 1, first)")]
    async fn submodules(&self, first: Option<i32>, after: Option<String>) -> Connection<Submodule> {
        let entries = self.of("commit").map(|entry| Submodule {
            id: gid("Gitlab::Graphql::Representation::SubmoduleTreeEntry", &entry.id),
            sha: entry.id.clone(),
            name: entry.name.clone(),
            path: entry.path.clone(),
            flat_path: entry.path.clone(),
            kind: EntryType::Commit,
        });
        Connection::of(&entries.collect::<Vec<_>>(), &Wish { first, after })
    }
}
