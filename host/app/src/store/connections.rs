//! The program's own list of connections: what was granted, and where the files are. No secret, no sync state.

use super::{Database, DatabaseError, parsed};
use crate::serve::hooks::room;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::grant::Grant;
use rusqlite::{Connection, OptionalExtension, Row};
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
        let text: Option<String> = self.glance(|reader| text(reader, id.as_str()))?;
        let damaged = |source| DatabaseError::Entry { id: id.to_string(), source };
        text.map(|text| parsed(&text)).transpose().map_err(damaged)
    }

    /// All connections that can be read.
    pub(crate) async fn entries(&self) -> Result<Vec<Entry>, DatabaseError> {
        self.read(|connection| {
            let mut select = connection.prepare_cached("SELECT id, entry FROM connections ORDER BY id")?;
            let all = select.query_map([], listed)?;
            // Of the others it is told in lists that people see, and when one of them is asked for.
            all.filter_map(|entry| entry.map(Result::ok).transpose()).collect()
        })
        .await
    }

    /// Another connection whose folder is this one, is in it, or has it in it: the two would bring each other's files to two places.
    pub(crate) async fn neighbour(&self, entry: &Entry) -> Result<Option<Entry>, DatabaseError> {
        let entry = entry.clone();
        self.read(move |connection| neighbour(connection, &entry)).await
    }

    /// Keeps one that is new or was chosen anew. `Err`: it is not kept, because this one has its folder.
    pub(crate) async fn save_entry(&self, entry: &Entry, now_ms: u64) -> Result<Result<(), Entry>, DatabaseError> {
        let entry = entry.clone();
        self.write(move |connection| match neighbour(connection, &entry)? {
            Some(other) => Ok(Err(other)),
            None => save(connection, &entry, now_ms).map(Ok),
        })
        .await
    }

    /// Changes one that is there, whatever others change meanwhile. None: it is not there any more, and does not come back by this.
    pub(crate) async fn change_entry(
        &self,
        id: &ConnectionId,
        change: impl FnOnce(&mut Entry) + Send + 'static,
    ) -> Result<Option<Entry>, DatabaseError> {
        let id = id.clone();
        let changed = self.write(move |connection| {
            let Some(mut entry) = entry(connection, id.as_str())? else { return Ok(Err(())) };
            change(&mut entry);
            save(connection, &entry, 0)?;
            Ok(Ok(entry))
        });
        Ok(changed.await?.ok())
    }

    /// Those of which there is none.
    pub(crate) async fn unlisted(&self, ids: Vec<ConnectionId>) -> Result<Vec<ConnectionId>, DatabaseError> {
        self.read(move |connection| {
            let mut select = connection.prepare_cached("SELECT 1 FROM connections WHERE id = ?1")?;
            let listed: Vec<bool> = ids.iter().map(|id| select.exists([id.as_str()])).collect::<Result<_, _>>()?;
            Ok(ids.into_iter().zip(listed).filter(|(_, listed)| !listed).map(|(id, _)| id).collect())
        })
        .await
    }

    /// Also what the connector noted, what a server had to do for it, and every secret that is still there.
    pub(crate) async fn remove_entry(&self, id: &ConnectionId) -> Result<(), DatabaseError> {
        let id = id.clone();
        self.change(move |connection| remove(connection, &id)).await
    }

    /// What was written down for one that was removed before. False: there is one of this name again, and what there is belongs to it.
    pub(crate) async fn remove_what_is_left(&self, id: &ConnectionId) -> Result<bool, DatabaseError> {
        let id = id.clone();
        let removed = self.write(move |connection| match text(connection, id.as_str())? {
            Some(_) => Ok(Err(())),
            None => remove(connection, &id).map(Ok),
        });
        Ok(removed.await?.is_ok())
    }
}

/// All in one change with the entry: a token that somebody gives before it is removed with it, and one that is given later finds no entry.
fn remove(connection: &Connection, id: &ConnectionId) -> rusqlite::Result<()> {
    for table in ["state", "floors", "claims", "owners", "hooks", "deliveries", "jobs", "holds", "states", "secrets"] {
        connection.execute(&format!("DELETE FROM {table} WHERE connection = ?1"), [id.as_str()])?;
    }
    connection.execute("DELETE FROM secrets WHERE connection = ?1", [room(id).as_str()])?;
    connection.execute("DELETE FROM connections WHERE id = ?1", [id.as_str()]).map(drop)
}

/// Of a row with name and entry. One that cannot be read keeps no other from being told.
pub(crate) fn listed(row: &Row<'_>) -> rusqlite::Result<Result<Entry, DatabaseError>> {
    let id: String = row.get(0)?;
    let entry = row.get(1).and_then(|text: String| parsed(&text));
    Ok(entry.map_err(|source| DatabaseError::Entry { id, source }))
}

fn entry(connection: &Connection, id: &str) -> rusqlite::Result<Option<Entry>> {
    text(connection, id)?.map(|text| parsed(&text)).transpose()
}

fn text(connection: &Connection, id: &str) -> rusqlite::Result<Option<String>> {
    let mut select = connection.prepare_cached("SELECT entry FROM connections WHERE id = ?1")?;
    select.query_row([id], |row| row.get(0)).optional()
}

/// One that is there already stays as old as it is.
fn save(connection: &Connection, entry: &Entry, now_ms: u64) -> rusqlite::Result<()> {
    let text = serde_json::to_string(entry).expect("plain data");
    let insert = "INSERT INTO connections VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET entry = excluded.entry";
    connection.prepare_cached(insert)?.execute((entry.id.as_str(), now_ms, text)).map(drop)
}

fn neighbour(connection: &Connection, entry: &Entry) -> rusqlite::Result<Option<Entry>> {
    let mut select = connection.prepare_cached("SELECT entry FROM connections WHERE id <> ?1")?;
    let mut rows = select.query([entry.id.as_str()])?;
    while let Some(row) = rows.next()? {
        // One that cannot be read moves no file, and is looked at from its own side when it is connected again.
        let Ok(other) = parsed::<Entry>(&row.get::<_, String>(0)?) else { continue };
        if entry.workspace.starts_with(&other.workspace) || other.workspace.starts_with(&entry.workspace) {
            return Ok(Some(other));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::hooks;
    use crate::serve::states::States as _;
    use crate::store::scratch::Scratch;
    use gitlab_sync_host::secrets::envelope::Stored;
    use gitlab_sync_host::secrets::names::SlotName;
    use gitlab_sync_host::secrets::secret::Secret;
    use gitlab_sync_host::secrets::store::SecretStore as _;

    #[tokio::test]
    async fn folders_of_two_connections_do_not_overlap() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("store.sqlite")).unwrap();
        let entry = |id: &str, workspace: &str| {
            let id = ConnectionId::parse(id).unwrap();
            Entry { id, workspace: workspace.into(), grant: Grant::default(), account: None }
        };
        database.save_entry(&entry("one", "/srv/handbook"), 7).await.unwrap().unwrap();
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
        // Both looked before either was kept.
        let refused = database.save_entry(&entry("two", "/srv/handbook/docs"), 8).await.unwrap();
        assert_eq!(refused, Err(entry("one", "/srv/handbook")));
        assert_eq!(database.entry(&ConnectionId::parse("two").unwrap()).await.unwrap(), None);
    }

    /// A token that was being replaced while somebody disconnected brought the connection back, under the organisation `default`.
    #[tokio::test]
    async fn what_is_gone_does_not_come_back_by_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("store.sqlite")).unwrap();
        let id = ConnectionId::parse("handbook").unwrap();
        let entry = Entry { id: id.clone(), workspace: "/srv".into(), grant: Grant::default(), account: None };
        database.save_entry(&entry, 7).await.unwrap().unwrap();
        let url = |entry: &mut Entry| entry.grant.webhook_url = Some("https://sync.example.com/hooks/a".into());
        let profile = |entry: &mut Entry| entry.grant.profile = Some("files-read-write".into());
        database.change_entry(&id, url).await.unwrap();
        let changed = database.change_entry(&id, profile).await.unwrap().unwrap();
        assert!(changed.grant.webhook_url.is_some() && changed.grant.profile.is_some(), "neither is lost");
        assert_eq!(database.entry(&id).await.unwrap(), Some(changed));
        database.remove_entry(&id).await.unwrap();
        assert_eq!(database.change_entry(&id, url).await.unwrap(), None);
        assert_eq!(database.token_given(&id, None).await.unwrap(), None);
        assert_eq!(database.entry(&id).await.unwrap(), None);
        assert_eq!(database.all().await.unwrap(), [], "and nothing is known of it");
    }

    /// The vault had forgotten the connection, and a token given before its entry was removed stayed there, sealed and nobody's.
    #[tokio::test]
    async fn a_secret_that_comes_while_a_connection_is_disconnected_goes_with_its_entry() {
        let scratch = Scratch::new();
        let (database, vault, [one, two]) = scratch.two_connections().await;
        for id in [&one, &two] {
            let stored =
                Stored { secret: Secret::new(*b"glpat-canary-0123456789").unwrap(), created_ms: 1, expires_ms: None };
            vault.put(id, &SlotName::parse("token").unwrap(), &stored).await.unwrap();
        }
        hooks::path(&one, &vault, &database, 1).await.unwrap();
        assert!(!database.remove_what_is_left(&one).await.unwrap(), "it is there");
        assert_eq!(database.connections().await.unwrap().len(), 3, "two tokens and a path");
        database.remove_entry(&one).await.unwrap();
        assert_eq!(database.connections().await.unwrap(), [two], "its token and its path, and nobody else's");
        assert!(database.remove_what_is_left(&one).await.unwrap());
    }

    #[tokio::test]
    async fn a_connection_is_found_again_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("store.sqlite")).unwrap();
        let grant = Grant { origin: Some("https://gitlab.example.com".into()), ..Grant::default() };
        let id = ConnectionId::parse("default").unwrap();
        let entry = Entry { id: id.clone(), workspace: "/files".into(), grant, account: None };
        database.save_entry(&entry, 7).await.unwrap().unwrap();
        let moved = Entry { workspace: "/elsewhere".into(), ..entry };
        database.save_entry(&moved, 8).await.unwrap().unwrap();
        assert_eq!(database.entry(&id).await.unwrap(), Some(moved));
        database.remove_entry(&id).await.unwrap();
        assert_eq!(database.entry(&id).await.unwrap(), None);
    }
}
