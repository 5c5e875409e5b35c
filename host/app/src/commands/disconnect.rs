//! `disconnect`: everything that is kept here goes, and the webhooks that the connector has made. A token that was revoked or a server
//! that is gone keeps nobody: what is left in GitLab is named, for a person to delete, and so is a webhook that was pasted.

use crate::failure::{Exit, Failure};
use crate::session::Session;
use crate::text::{Page, Style, Text};
use gitlab_sync_host::connection::Connection;
use gitlab_sync_host::sync::{Webhook, WebhookMode};

pub(crate) async fn run(session: &Session) -> Result<Exit, Failure> {
    let entry = session.entry().await?;
    let (said, pasted) = match session.connection().await {
        Ok(connection) => {
            let pasted = pasted_at(&connection).await;
            (connection.disconnect().await.map_err(Failure::from), pasted)
        }
        Err(failure) => (Err(failure), None),
    };
    session.vault.forget_connection(&session.id).await?;
    session.database.remove_entry(&entry.id).await?;
    let (left, failure) = match said {
        Ok(left) => (left, None),
        Err(failure) => (vec![], Some(failure)),
    };
    let value = serde_json::json!({
        "disconnected": entry.id, "workspace": entry.workspace, "pasted": pasted, "left": left, "failure": failure,
    });
    session.output.result(&value, || {
        let mut page = Page::new();
        page.line(
            Text::new()
                .with(Style::Good, "Disconnected")
                .plain(": the token, the webhook secret and the settings are gone"),
        );
        page.line(Text::new().dim(format!("files stay in {} and in GitLab", entry.workspace.display())));
        if let Some(pasted) = &pasted {
            page.line(Text::new().dim(format!("if you pasted a webhook there, delete it: {pasted}")));
        }
        for left in &left {
            page.line(Text::new().with(Style::Warn, "left in GitLab: ").plain(left));
        }
        page
    });
    if let Some(failure) = failure {
        session.output.talk(Text::new().with(Style::Warn, "warning: ").plain(failure.message()));
    }
    Ok(Exit::Done)
}

/// Where the project's webhooks are, as it was when it was configured; unless the connector looks after them.
async fn pasted_at(connection: &Connection) -> Option<String> {
    let status = connection.status().await.ok()?;
    let is_ours = |webhook: &Webhook| matches!(webhook.mode, WebhookMode::Auto(_)) && webhook.by_hand.is_none();
    let configured = status.configured.filter(|_| !status.webhook.as_ref().is_some_and(is_ours))?;
    Some(format!("{}/-/hooks", configured.project.web_url)).filter(|_| !configured.project.web_url.is_empty())
}
