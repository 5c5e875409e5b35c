//! `disconnect`: everything that is kept here goes. GitLab is not asked, so that a token that was revoked or a server that is gone keeps
//! nobody; the connector has made nothing there but commits. A webhook that a person pasted is named, for that person to delete.

use crate::failure::{Exit, Failure};
use crate::session::Session;
use crate::text::{Page, Style, Text};
use gitlab_sync_host::connection::Connection;

pub(crate) async fn run(session: &Session) -> Result<Exit, Failure> {
    let entry = session.entry().await?;
    let (said, left) = match session.connection().await {
        Ok(connection) => {
            let left = hooks_page(&connection).await;
            (connection.disconnect().await.map_err(Failure::from), left)
        }
        Err(failure) => (Err(failure), None),
    };
    session.vault.forget_connection(&session.id).await?;
    session.database.remove_entry(&entry.id).await?;
    let failure = said.err();
    let value =
        serde_json::json!({ "disconnected": entry.id, "workspace": entry.workspace, "left": left, "failure": failure });
    session.output.result(&value, || {
        let mut page = Page::new();
        page.line(
            Text::new()
                .with(Style::Good, "Disconnected")
                .plain(": the token, the webhook secret and the settings are gone"),
        );
        page.line(Text::new().dim(format!("files stay in {} and in GitLab", entry.workspace.display())));
        if let Some(left) = &left {
            page.line(Text::new().dim(format!("if you pasted a webhook there, delete it: {left}")));
        }
        page
    });
    if let Some(failure) = failure {
        session.output.talk(Text::new().with(Style::Warn, "warning: ").plain(failure.message()));
    }
    Ok(Exit::Done)
}

/// Where the project's webhooks are, as it was when it was configured.
async fn hooks_page(connection: &Connection) -> Option<String> {
    let configured = connection.status().await.ok()?.configured?;
    Some(format!("{}/-/hooks", configured.project.web_url)).filter(|_| !configured.project.web_url.is_empty())
}
