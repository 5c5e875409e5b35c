//! `keys rotate`: a new master key, and new data keys below it.
//!
//! Decided here: the order. First the new key is kept beside the old one; then every data key is sealed with it; then it takes the old
//! one's place; then each connection gets a new data key, so that whoever has the old master key and an old copy of the store cannot
//! read what is sealed from now on. A kill anywhere in between loses nothing: run again, it goes on with the same new key. No other
//! gitlab-sync works on the store meanwhile.

use crate::cli::{Global, Keys, KeysCommand};
use crate::failure::{Exit, Failure};
use crate::home::{Home, KeyChange, MASTER_KEY};
use crate::output::Output;
use crate::pages::counted;
use crate::store::Database;
use crate::text::{Page, Style, Text};
use gitlab_sync_host::secrets::master::KeyFile;
use gitlab_sync_host::secrets::store::SecretStore;
use gitlab_sync_host::secrets::vault::Vault;
use std::sync::Arc;

pub(crate) async fn run(arguments: &Keys, global: &Global, output: &Output) -> Result<Exit, Failure> {
    let KeysCommand::Rotate = arguments.command;
    let home = Home::open(global.home.as_deref())?;
    let _alone = home.alone()?;
    let store = Arc::new(Database::open(&home.database())?);
    // Away from the async threads: a keyring may wait for a person.
    let change = tokio::task::spawn_blocking(move || home.key_change());
    let change = change.await.map_err(|error| Failure::of(&error))??;
    let file = change.file.clone();
    rotate(store.clone(), change).await?;
    // Beside what a connection keeps there is more that was sealed anew, such as where its deliveries arrive.
    let connections = store.entries().await?.len();
    let value = serde_json::json!({ "connections": connections, "file": file.as_ref().map(KeyFile::path) });
    output.result(&value, || {
        let sealed = format!(": what {} keeps is sealed with the new one", counted(connections, "connection"));
        let next = match &file {
            Some(file) => format!("it is in {}; the old one opens nothing any more", file.path().display()),
            None => format!("from now on give it in {MASTER_KEY}; the old one opens nothing any more"),
        };
        let mut page = Page::new();
        page.line(Text::new().with(Style::Good, "Changed the master key").plain(sealed));
        page.line(Text::new().dim(next));
        page
    });
    Ok(Exit::Done)
}

/// Says for how many connections.
async fn rotate(store: Arc<dyn SecretStore>, change: KeyChange) -> Result<usize, Failure> {
    // Opens whatever either key has sealed, also after a change that was interrupted.
    let vault = Vault::new(store.clone(), change.old);
    let connections = vault.rotate_master(change.new).await?;
    if let Some(file) = change.file {
        file.promote().map_err(|error| Failure::of(&error).hints_of(error.hint()))?;
    }
    for connection in store.connections().await.map_err(|error| Failure::of(&error).hints_of(error.hint()))? {
        vault.rotate_data_key(&connection).await?;
    }
    Ok(connections)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gitlab_sync_host::connection_id::ConnectionId;
    use gitlab_sync_host::secrets::envelope::Stored;
    use gitlab_sync_host::secrets::master::KeySource;
    use gitlab_sync_host::secrets::names::SlotName;
    use gitlab_sync_host::secrets::secret::Secret;
    use gitlab_sync_host::secrets::store::{Change, LockName, Records, StoreError, StoreLock};
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A store that takes so many changes and then no more, as if the process had died.
    struct Dying {
        inner: Database,
        left: AtomicUsize,
    }

    #[async_trait::async_trait]
    impl SecretStore for Dying {
        async fn connections(&self) -> Result<Vec<ConnectionId>, StoreError> {
            self.inner.connections().await
        }

        async fn read(&self, connection: &ConnectionId) -> Result<Records, StoreError> {
            SecretStore::read(&self.inner, connection).await
        }

        async fn apply(&self, connection: &ConnectionId, changes: Vec<Change>) -> Result<(), StoreError> {
            let taken = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            taken.map_err(|_| StoreError::Other("killed".into()))?;
            self.inner.apply(connection, changes).await
        }

        async fn lock(&self, connection: &ConnectionId, name: &LockName) -> Result<StoreLock, StoreError> {
            self.inner.lock(connection, name).await
        }
    }

    const IDS: [&str; 3] = ["one", "two", "three"];

    fn token() -> SlotName {
        SlotName::parse("token").unwrap()
    }

    /// A home with a secret in each connection.
    async fn scene(folder: &Path) -> (Home, Database) {
        let home = Home::open(Some(folder)).unwrap();
        let database = Database::open(&home.database()).unwrap();
        let vault = Vault::new(Arc::new(database.clone()), home.master_key().unwrap());
        for id in IDS {
            let secret = Secret::new(format!("canary of {id}")).unwrap();
            let stored = Stored { secret, created_ms: 1, expires_ms: None };
            vault.put(&ConnectionId::parse(id).unwrap(), &token(), &stored).await.unwrap();
        }
        (home, database)
    }

    async fn opened(database: &Database, key: gitlab_sync_host::secrets::master::MasterKey) -> usize {
        let vault = Vault::new(Arc::new(database.clone()), key);
        let mut opened = 0;
        for id in IDS {
            let stored = vault.reveal(&ConnectionId::parse(id).unwrap(), &token()).await;
            opened += usize::from(stored.is_ok_and(|stored| stored.is_some()));
        }
        opened
    }

    #[tokio::test]
    async fn a_kill_at_any_step_loses_nothing_and_the_next_run_ends_it() {
        for left in 0.. {
            let folder = tempfile::tempdir().unwrap();
            let folder = folder.path().join("home");
            let (home, database) = scene(&folder).await;
            let file = home.key_file();
            let before = file.load().unwrap().unwrap();
            let dying = Arc::new(Dying { inner: database.clone(), left: AtomicUsize::new(left) });
            let done = rotate(dying, home.key_change().unwrap()).await;
            let promoted = file.next().load().unwrap().is_none();
            assert!(promoted || home.master_key().unwrap_err().message().contains("was interrupted"), "{left}");
            // As if the process had died before it could put the new key in its place, too.
            assert_eq!(rotate(Arc::new(database.clone()), home.key_change().unwrap()).await.unwrap(), IDS.len());
            let after = home.master_key().unwrap();
            assert_ne!(after.id(), before.id());
            assert_eq!((opened(&database, before).await, opened(&database, after).await), (0, IDS.len()), "{left}");
            if done.is_ok() {
                assert_eq!(left, 3 * IDS.len(), "two passes of the master key, one of the data keys");
                break;
            }
        }
    }
}
