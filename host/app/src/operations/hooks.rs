//! The webhook in GitLab: who looks after it, the grant that it takes, and a new secret for it.
//!
//! Decided here: that an address which somebody chose is granted with it, since the host lets webhooks be made for that one and no other;
//! and that no secret is replaced while GitLab still has the one before it, which would then be good for nothing.

use super::Trouble;
use crate::installation::{Installation, slot};
use crate::store::connections::Entry;
use gitlab_sync_host::connection::{Connection, ConnectionError};
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::secrets::vault::{Vault, VaultError};
use gitlab_sync_host::sync::{Webhook, WebhookMode, WebhookReport};

/// Where the connector keeps the webhook's secret, and the one before it.
pub(crate) const SECRET: &str = "webhook";
pub(crate) const BEFORE: &str = "webhook-previous";

/// Who looked after it until now. None: nothing was chosen yet.
pub(crate) async fn before(connection: &Connection) -> Result<Option<WebhookMode>, ConnectionError> {
    Ok(connection.status().await?.webhook.map(|webhook| webhook.mode))
}

/// The connection's entry with the grant for this mode, as it is kept from now on. A connection that was opened before has the grant
/// that it had.
pub(crate) async fn grant(mut entry: Entry, mode: &WebhookMode, installation: &Installation) -> Result<Entry, Trouble> {
    let url = match mode {
        WebhookMode::Auto(url) => Some(url.clone()),
        WebhookMode::Manual(_) | WebhookMode::None => None,
    };
    if entry.grant.webhook_url != url {
        let grant = move |entry: &mut Entry| entry.grant.webhook_url = url;
        installation.database.change_entry(&entry.id, grant.clone()).await?;
        grant(&mut entry);
    }
    Ok(entry)
}

/// How long the secret before the present one is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Former {
    /// Until GitLab has used the present one.
    Delivery,
    Until {
        ms: u64,
    },
    /// Until somebody ends it.
    Ended,
}

impl Former {
    /// Whether GitLab may still have to be given the present one.
    pub(crate) fn is_needed(self) -> bool {
        !matches!(self, Self::Until { .. })
    }
}

/// None: the present one is the only one that counts.
pub(crate) async fn former(
    kept: Option<&Webhook>,
    id: &ConnectionId,
    vault: &Vault,
    now_ms: u64,
) -> Result<Option<Former>, VaultError> {
    if vault.status(id, &slot(BEFORE)).await?.present.is_none() {
        return Ok(None);
    }
    Ok(match kept.and_then(|kept| kept.previous_until_ms) {
        None => Some(Former::Ended),
        Some(0) => Some(Former::Delivery),
        Some(ms) => Some(Former::Until { ms }).filter(|_| ms > now_ms),
    })
}

/// How the webhook stands, and the secret before the present one. Of one that a person has ended the connector does not know that.
pub(crate) async fn standing(
    connection: &Connection,
    id: &ConnectionId,
    installation: &Installation,
) -> Result<(Option<Webhook>, Option<Former>), Trouble> {
    let mut kept = connection.status().await?.webhook;
    let former = former(kept.as_ref(), id, &installation.vault, installation.now_ms()).await?;
    if let (Some(kept), None) = (&mut kept, former) {
        kept.previous_until_ms = None;
    }
    Ok((kept, former))
}

/// Why there is no new secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RotateError {
    #[error("GitLab has not used the present secret yet, and the one before it is still good")]
    Waiting,
    #[error(transparent)]
    Trouble(Trouble),
}

impl<E: Into<Trouble>> From<E> for RotateError {
    fn from(error: E) -> Self {
        Self::Trouble(error.into())
    }
}

/// A new secret: given to GitLab where the connector looks after the webhook, else to be pasted there.
pub(crate) async fn rotate(
    connection: &Connection,
    id: &ConnectionId,
    installation: &Installation,
) -> Result<WebhookReport, RotateError> {
    let (kept, former) = standing(connection, id, installation).await?;
    // The connector goes on with its own, and makes no third.
    if kept.is_some_and(|kept| matches!(kept.mode, WebhookMode::Auto(_))) || !former.is_some_and(Former::is_needed) {
        return Ok(connection.rotate_webhook().await?);
    }
    // One that was cut is done by this.
    let report = connection.ensure_webhook().await?;
    match (former, standing(connection, id, installation).await?.1) {
        (Some(Former::Ended), Some(Former::Delivery)) => Ok(report),
        _ => Err(RotateError::Waiting),
    }
}

/// The secret before the present one is good for nothing from now on. Whether there was one.
pub(crate) async fn retire(id: &ConnectionId, vault: &Vault) -> Result<bool, VaultError> {
    let was_there = vault.status(id, &slot(BEFORE)).await?.present.is_some();
    vault.forget(id, &slot(BEFORE)).await?;
    Ok(was_there)
}
