//! Disconnect: everything that is kept here goes, and the webhooks that the connector has made. A token that was revoked or a server that
//! is gone keeps nobody: what is left in GitLab is named, for a person to delete, and so is a webhook that somebody pasted.
//!
//! The hook's path goes first, so that a delivery that arrives while GitLab is asked is nobody's; then the secrets, and last the list's
//! entry with all that waits for it. A job that runs meanwhile finds no token, and what it writes at its end is cleared up by the server.

use super::Trouble;
use crate::installation::Installation;
use crate::serve::hooks;
use crate::store::connections::Entry;
use gitlab_sync_host::connection::Connection;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::log::LogSink;
use gitlab_sync_host::sync::{Webhook, WebhookMode};
use std::sync::Arc;

/// What is left behind.
pub(crate) struct Left {
    /// Where the project's webhooks are in GitLab, if a project was configured and a person pastes its webhook.
    pub(crate) hooks: Option<String>,
    /// What of ours could not be removed in GitLab, in words.
    pub(crate) in_gitlab: Vec<String>,
    /// Why the connector could not clear up by itself; what is kept here is gone all the same.
    pub(crate) failure: Option<Trouble>,
}

pub(crate) async fn disconnect(
    entry: &Entry,
    installation: &Installation,
    log: Arc<dyn LogSink>,
) -> Result<Left, Trouble> {
    installation.database.close_hook(&entry.id).await?;
    let left = match installation.connection(entry, log).await {
        Ok(connection) => {
            let hooks = hooks_page(&connection).await;
            match connection.disconnect().await {
                Ok(in_gitlab) => Left { hooks, in_gitlab, failure: None },
                Err(error) => Left { hooks, in_gitlab: vec![], failure: Some(error.into()) },
            }
        }
        Err(trouble) => Left { hooks: None, in_gitlab: vec![], failure: Some(trouble) },
    };
    forget(&entry.id, installation).await?;
    Ok(left)
}

/// The same for one of which nothing can be read: `why` is told, and what is in GitLab is not known.
pub(crate) async fn discard(id: &ConnectionId, why: Trouble, installation: &Installation) -> Result<Left, Trouble> {
    installation.database.close_hook(id).await?;
    forget(id, installation).await?;
    Ok(Left { hooks: None, in_gitlab: vec![], failure: Some(why) })
}

async fn forget(id: &ConnectionId, installation: &Installation) -> Result<(), Trouble> {
    installation.vault.forget_connection(id).await?;
    hooks::forget(id, &installation.vault).await?;
    Ok(installation.database.remove_entry(id).await?)
}

/// Where the project's webhooks are, as it was when it was configured; unless the connector looks after them.
async fn hooks_page(connection: &Connection) -> Option<String> {
    let status = connection.status().await.ok()?;
    let is_ours = |webhook: &Webhook| matches!(webhook.mode, WebhookMode::Auto(_)) && webhook.by_hand.is_none();
    let configured = status.configured.filter(|_| !status.webhook.as_ref().is_some_and(is_ours))?;
    Some(format!("{}/-/hooks", configured.project.web_url)).filter(|_| !configured.project.web_url.is_empty())
}
