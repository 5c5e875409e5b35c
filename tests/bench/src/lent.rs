//! What a connection is lent when nothing of it is measured: everything in memory, and one secret.

use gitlab_sync_host::connection::ConnectionParts;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::grant::Grant;
use gitlab_sync_host::secrets::secret::Secret;
use gitlab_sync_host::secrets::{
    envelope::Stored, master::MasterKey, memory::MemoryStore, names::SlotName, vault::Vault,
};
use gitlab_sync_host::{audit, clock, files, log, state};
use std::sync::Arc;

/// For one connection with this secret in this slot.
pub async fn in_memory(grant: Grant, slot: &str, secret: &str) -> ConnectionParts {
    let id = ConnectionId::parse("bench").expect("a name");
    let vault = Vault::new(Arc::new(MemoryStore::default()), MasterKey::from_bytes([1; 32]));
    let secret = Secret::new(secret).expect("a secret");
    let slot = SlotName::parse(slot).expect("a slot");
    vault.put(&id, &slot, &Stored { secret, created_ms: 0, expires_ms: None }).await.expect("a vault");
    ConnectionParts {
        id,
        grant,
        workspace: Some(Arc::new(files::memory::Memory::default())),
        state: Arc::new(state::memory::Memory::default()),
        vault: Arc::new(vault),
        log: Arc::new(log::Nowhere),
        audit: Arc::new(audit::Nowhere),
        clock: Arc::new(clock::SystemClock),
    }
}
