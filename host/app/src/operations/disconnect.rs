//! Disconnect: everything that is kept here goes. GitLab is not asked, so that a token that was revoked or a server that is gone keeps
//! nobody; the connector has made nothing there but commits. A webhook that a person pasted is named, for that person to delete.

use super::Trouble;
use crate::installation::Installation;
use crate::store::connections::Entry;
use gitlab_sync_host::connection::Connection;
use gitlab_sync_host::log::LogSink;
use std::sync::Arc;

/// What is left behind.
pub(crate) struct Left {
    /// Where the project's webhooks are in GitLab, if a project was configured.
    pub(crate) hooks: Option<String>,
    /// Why the connector could not clear up by itself; what is kept here is gone all the same.
    pub(crate) failure: Option<Trouble>,
}

pub(crate) async fn disconnect(
    entry: &Entry,
    installation: &Installation,
    log: Arc<dyn LogSink>,
) -> Result<Left, Trouble> {
    let left = match installation.connection(entry, log).await {
        Ok(connection) => {
            let hooks = hooks_page(&connection).await;
            Left { hooks, failure: connection.disconnect().await.err().map(Trouble::from) }
        }
        Err(trouble) => Left { hooks: None, failure: Some(trouble) },
    };
    installation.vault.forget_connection(&entry.id).await?;
    installation.database.remove_entry(&entry.id).await?;
    Ok(left)
}

/// Where the project's webhooks are, as it was when it was configured.
async fn hooks_page(connection: &Connection) -> Option<String> {
    let configured = connection.status().await.ok()?.configured?;
    Some(format!("{}/-/hooks", configured.project.web_url)).filter(|_| !configured.project.web_url.is_empty())
}
