//! What a delivery is judged with by somebody who has no connection: the connector over a vault and a state that are gone afterwards.

use super::WANTED;
use crate::failure::Failure;
use crate::installation::{load, slot};
use crate::operations::hooks::{BEFORE, SECRET};
use crate::output::Output;
use gitlab_sync_component::CONNECTOR;
use gitlab_sync_host::audit::Nowhere as Untold;
use gitlab_sync_host::clock::Clock;
use gitlab_sync_host::connection::{Connection, ConnectionParts};
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::engine::{Allocation, EngineOptions};
use gitlab_sync_host::grant::Grant;
use gitlab_sync_host::limits::Limits;
use gitlab_sync_host::log::Nowhere;
use gitlab_sync_host::manifest::WorkspaceUse;
use gitlab_sync_host::secrets::envelope::Stored;
use gitlab_sync_host::secrets::master::MasterKey;
use gitlab_sync_host::secrets::memory::MemoryStore;
use gitlab_sync_host::secrets::vault::Vault;
use gitlab_sync_host::state::memory::Memory;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The smallest profile with a webhook's secret. Nothing else of it is used: no file and no server is lent.
const PROFILE: &str = "files-read-only";

/// The secret and, in a second line, the one before.
pub(super) async fn secrets(file: Option<&Path>, output: &Output) -> Result<Zeroizing<String>, Failure> {
    match file {
        None => WANTED.text(output).await,
        Some(file) if file == Path::new("-") => read(|text| std::io::Read::read_to_string(&mut std::io::stdin(), text)),
        Some(file) => read(|text| std::io::Read::read_to_string(&mut std::fs::File::open(file)?, text))
            .map_err(|failure| failure.about(file)),
    }
}

fn read(into: impl FnOnce(&mut String) -> std::io::Result<usize>) -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    into(&mut text).map_err(|error| Failure::of(&error))?;
    Ok(text)
}

/// A connection that can judge deliveries and nothing else. Without a secret it rejects them all.
pub(super) async fn connection(
    secrets: &str,
    clock: Arc<dyn Clock>,
    cache: Option<PathBuf>,
) -> Result<Connection, Failure> {
    let options = EngineOptions { cache, allocation: Allocation::OnDemand, limits: Limits::standard() };
    let connector = load(CONNECTOR, options).await?;
    let about = connector.about().await?;
    let profile = about.profile(PROFILE).ok_or_else(|| Failure::new(format!("there is no profile `{PROFILE}`")))?;
    let id = ConnectionId::parse("unconnected").expect("it is a name");
    let vault =
        Vault::new(Arc::new(MemoryStore::default()), MasterKey::generate().map_err(|error| Failure::of(&error))?);
    let lines = secrets.lines().map(str::trim).filter(|line| !line.is_empty());
    for (name, line) in [SECRET, BEFORE].into_iter().zip(lines) {
        let stored = Stored { secret: WANTED.secret(line)?, created_ms: clock.now_ms(), expires_ms: None };
        vault.put(&id, &slot(name), &stored).await?;
    }
    let parts = ConnectionParts {
        id,
        grant: Grant {
            origin: Some("https://not-connected.invalid".into()),
            profile: Some(PROFILE.into()),
            approved: Some(profile.digest()),
            workspace: Some(WorkspaceUse::None),
            ..Grant::default()
        },
        workspace: None,
        state: Arc::new(Memory::default()),
        vault: Arc::new(vault),
        log: Arc::new(Nowhere),
        audit: Arc::new(Untold),
        clock,
    };
    Ok(Connection::open(&connector, parts).await?)
}
