//! How the connection is, and how to end it.

use crate::configure::{Configuration, SETTINGS, WEBHOOK, WEBHOOK_PREVIOUS, readable};
use crate::conflicts;
use crate::error::Error;
use crate::gitlab::client::Client;
use crate::hooks::{self, Webhook};
use crate::host::Host;
use crate::request::Instance;
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
    /// How many files were left alone then, so that they are not equal on both sides.
    pub left_alone: usize,
    /// Waiting to be resolved.
    pub conflicts: u32,
    /// None before the first configuration.
    pub webhook: Option<Webhook>,
}

/// Does not reach the network.
pub fn status(host: &dyn Host) -> Result<Status, Error> {
    let synced: Option<Synced> = synced(host)?;
    Ok(Status {
        configuration: readable(host, Configuration::load(host))?,
        synced_ms: synced.as_ref().map(|synced| synced.at_ms),
        left_alone: synced.as_ref().map_or(0, |synced| synced.left_alone),
        synced_head: synced.map(|synced| synced.head),
        conflicts: conflicts::count(host)?,
        webhook: hooks::known(host)?,
    })
}

/// Removes our webhooks, as far as GitLab lets us, and forgets their secrets and the settings. Files and conflicts stay: they hold
/// what people wrote. Gives what is left in GitLab.
pub fn disconnect(host: &dyn Host, instance: &Instance) -> Result<Vec<String>, Error> {
    let left = hooks::leave(&Client { host, instance })?;
    for slot in [WEBHOOK, WEBHOOK_PREVIOUS] {
        hooks::forget(host, slot)?;
    }
    let mut writes = forget_ledger(host)?;
    for key in [SETTINGS, hooks::KEY] {
        writes.extend(removal(host, key)?);
    }
    host.commit(writes)?;
    hooks::arrival::clear(host)?;
    Ok(left)
}
