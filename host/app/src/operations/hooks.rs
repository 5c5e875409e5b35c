//! The webhook in GitLab: who looks after it, and the grant that it takes.
//!
//! Decided here: that an address which somebody chose is granted with it. The host lets webhooks be made for that one and no other.

use super::Trouble;
use crate::installation::Installation;
use crate::store::connections::Entry;
use gitlab_sync_host::connection::{Connection, ConnectionError};
use gitlab_sync_host::sync::WebhookMode;

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
        let grant = {
            let url = url.clone();
            move |entry: &mut Entry| entry.grant.webhook_url = url
        };
        installation.database.change_entry(&entry.id, grant).await?;
        entry.grant.webhook_url = url;
    }
    Ok(entry)
}
