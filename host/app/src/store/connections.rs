//! The program's own list of connections: what was granted, and where the files are. No secret, no sync state.

use super::{Database, DatabaseError, parsed};
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::grant::Grant;
use rusqlite::OptionalExtension;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One connection, as the operator made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// What `--connection` names.
    pub(crate) id: ConnectionId,
    /// The folder with the files.
    pub(crate) workspace: PathBuf,
    /// What the connector may do.
    pub(crate) grant: Grant,
    /// Whose token it is, as GitLab said when it was given. None: it was given to an older version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<Account>,
}

/// Whose token it is and what it is not good for. No secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) username: String,
    pub(crate) name: String,
    /// In words, such as `personal access token`.
    pub(crate) kind: String,
    /// Why it cannot create a project. None: it can.
    pub(crate) cannot_create: Option<String>,
}

impl Entry {
    /// Where the GitLab is, with its sub-path.
    pub(crate) fn server(&self) -> String {
        format!("{}{}", self.grant.origin.as_deref().unwrap_or_default(), self.grant.base_path)
    }
}

impl Database {
    pub(crate) async fn entry(&self, id: &ConnectionId) -> Result<Option<Entry>, DatabaseError> {
        self.glance(|reader| {
            let mut select = reader.prepare_cached("SELECT entry FROM connections WHERE id = ?1")?;
            select.query_row([id.as_str()], |row| parsed(&row.get::<_, String>(0)?)).optional()
        })
    }

    /// All connections.
    pub(crate) async fn entries(&self) -> Result<Vec<Entry>, DatabaseError> {
        self.read(|connection| {
            let mut select = connection.prepare_cached("SELECT entry FROM connections ORDER BY id")?;
            select.query_map([], |row| parsed(&row.get::<_, String>(0)?))?.collect()
        })
        .await
    }

    /// Another connection whose folder is this one, is in it, or has it in it: the two would bring each other's files to two places.
    pub(crate) async fn neighbour(&self, entry: &Entry) -> Result<Option<Entry>, DatabaseError> {
        let id = entry.id.to_string();
        let others: Vec<Entry> = self
            .read(move |connection| {
                let mut select = connection.prepare("SELECT entry FROM connections WHERE id <> ?1")?;
                select.query_map([id], |row| parsed(&row.get::<_, String>(0)?))?.collect()
            })
            .await?;
        let own = &entry.workspace;
        let overlaps = |other: &Entry| own.starts_with(&other.workspace) || other.workspace.starts_with(own);
        Ok(others.into_iter().find(overlaps))
    }

    pub(crate) async fn save_entry(&self, entry: &Entry, now_ms: u64) -> Result<(), DatabaseError> {
        let text = serde_json::to_string(entry).expect("plain data");
        let id = entry.id.to_string();
        let insert =
            "INSERT INTO connections VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET entry = excluded.entry";
        self.change(move |connection| connection.execute(insert, (id, now_ms.cast_signed(), text)).map(drop)).await
    }

    /// Also what the connector noted and what a server had to do for it; the vault forgets the secrets.
    pub(crate) async fn remove_entry(&self, id: &ConnectionId) -> Result<(), DatabaseError> {
        let id = id.to_string();
        self.change(move |connection| {
            for table in ["state", "floors", "claims", "owners", "hooks", "deliveries", "jobs", "holds", "states"] {
                connection.execute(&format!("DELETE FROM {table} WHERE connection = ?1"), [&id])?;
            }
            connection.execute("DELETE FROM connections WHERE id = ?1", [&id]).map(drop)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn folders_of_two_connections_do_not_overlap() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("store.sqlite")).unwrap();
        let entry = |id: &str, workspace: &str| {
            let id = ConnectionId::parse(id).unwrap();
            Entry { id, workspace: workspace.into(), grant: Grant::default(), account: None }
        };
        database.save_entry(&entry("one", "/srv/handbook"), 7).await.unwrap();
        for (id, workspace, overlaps) in [
            ("two", "/srv/handbook", true),
            ("two", "/srv/handbook/docs", true),
            ("two", "/srv", true),
            ("two", "/srv/handbook2", false),
            ("two", "/other", false),
            ("one", "/srv/handbook", false),
        ] {
            let found = database.neighbour(&entry(id, workspace)).await.unwrap();
            assert_eq!(found.map(|entry| entry.id.to_string()), overlaps.then(|| "one".to_owned()), "{workspace}");
        }
    }

    #[tokio::test]
    async fn a_connection_is_found_again_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("store.sqlite")).unwrap();
        let grant = Grant { origin: Some("https://gitlab.example.com".into()), ..Grant::default() };
        let id = ConnectionId::parse("default").unwrap();
        let entry = Entry { id: id.clone(), workspace: "/files".into(), grant, account: None };
        database.save_entry(&entry, 7).await.unwrap();
        let moved = Entry { workspace: "/elsewhere".into(), ..entry };
        database.save_entry(&moved, 8).await.unwrap();
        assert_eq!(database.entry(&id).await.unwrap(), Some(moved));
        database.remove_entry(&id).await.unwrap();
        assert_eq!(database.entry(&id).await.unwrap(), None);
    }
}
