//! Stores for tests: each new and empty, and gone with the folder that they share.

use super::Database;
use super::connections::Entry;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::grant::Grant;
use gitlab_sync_host::secrets::master::MasterKey;
use gitlab_sync_host::secrets::vault::Vault;
use std::cell::Cell;
use std::sync::Arc;
use tempfile::TempDir;

pub(crate) struct Scratch {
    folder: TempDir,
    made: Cell<u32>,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), made: Cell::new(0) }
    }

    pub(crate) fn store(&self) -> Database {
        self.made.set(self.made.get() + 1);
        Database::open(&self.folder.path().join(format!("{}.sqlite", self.made.get()))).unwrap()
    }

    /// With two connections in it, and their vault.
    pub(crate) async fn two_connections(&self) -> (Database, Vault, [ConnectionId; 2]) {
        let database = self.store();
        let vault = Vault::new(Arc::new(database.clone()), MasterKey::from_bytes([7; 32]));
        let ids = ["one", "two"].map(|id| ConnectionId::parse(id).unwrap());
        for id in &ids {
            let workspace = format!("/srv/{id}").into();
            let entry = Entry { id: id.clone(), workspace, grant: Grant::default(), account: None };
            database.save_entry(&entry, 1).await.unwrap().unwrap();
        }
        (database, vault, ids)
    }
}
