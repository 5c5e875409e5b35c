//! How the connection is, and how to end it.

use crate::configure::{Configuration, SETTINGS, WEBHOOK, WEBHOOK_PREVIOUS};
use crate::conflicts;
use crate::error::Error;
use crate::host::{Host, SecretError};
use crate::session::{Synced, forget_ledger, removal, synced};

/// What is known without asking GitLab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// None before the first configuration.
    pub configuration: Option<Configuration>,
    /// Of the last finished sync.
    pub synced_head: Option<String>,
    /// When that was.
    pub synced_ms: Option<u64>,
    /// Waiting to be resolved.
    pub conflicts: u32,
}

/// Does not reach the network.
pub fn status(host: &dyn Host) -> Result<Status, Error> {
    let synced: Option<Synced> = synced(host)?;
    Ok(Status {
        configuration: Configuration::load(host)?,
        synced_ms: synced.as_ref().map(|synced| synced.at_ms),
        synced_head: synced.map(|synced| synced.head),
        conflicts: conflicts::count(host)?,
    })
}

/// Forgets the webhook secrets and the settings. Files and conflicts stay: they hold what people wrote.
pub fn disconnect(host: &dyn Host) -> Result<(), Error> {
    for slot in [WEBHOOK, WEBHOOK_PREVIOUS] {
        match host.forget(slot) {
            Ok(()) | Err(SecretError::Empty(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut writes = forget_ledger(host)?;
    writes.extend(removal(host, SETTINGS)?);
    Ok(host.commit(writes)?)
}
