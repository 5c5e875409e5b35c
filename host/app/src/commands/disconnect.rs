//! `disconnect`: the connector cleans up in GitLab, then everything that is kept here goes, whatever GitLab said.

use crate::failure::{Exit, Failure};
use crate::session::Session;
use crate::text::{Page, Style, Text};

pub(crate) async fn run(session: &Session) -> Result<Exit, Failure> {
    let entry = session.entry().await?;
    // A token that was revoked in GitLab must not keep anyone from disconnecting.
    let said = match session.connection().await {
        Ok(connection) => connection.disconnect().await.map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    session.vault.forget_connection(&session.id).await?;
    session.database.remove_entry(&entry.id).await?;
    let failure = said.err();
    let value = serde_json::json!({ "disconnected": entry.id, "workspace": entry.workspace, "failure": failure });
    session.output.result(&value, || {
        let mut page = Page::new();
        page.line(
            Text::new()
                .with(Style::Good, "Disconnected")
                .plain(": the token, the webhook secret and the settings are gone"),
        );
        page.line(Text::new().dim(format!("files stay in {} and in GitLab", entry.workspace.display())));
        page
    });
    if let Some(failure) = failure {
        session.output.talk(Text::new().with(Style::Warn, "warning: ").plain(failure.message()));
    }
    Ok(Exit::Done)
}
