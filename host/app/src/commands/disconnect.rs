//! `disconnect`: what is gone, and what is left for a person to delete in GitLab.

use crate::failure::{Exit, Failure};
use crate::operations::disconnect::{discard, disconnect};
use crate::session::Session;
use crate::store::DatabaseError;
use crate::text::{Page, Style, Text};

pub(crate) async fn run(session: &Session) -> Result<Exit, Failure> {
    let (workspace, left) = match session.installation.database.entry(&session.id).await {
        Err(damaged @ DatabaseError::Entry { .. }) => {
            (None, discard(&session.id, damaged.into(), &session.installation).await?)
        }
        _ => {
            let entry = session.entry().await?;
            let left = disconnect(&entry, &session.installation, session.progress.clone()).await?;
            (Some(entry.workspace), left)
        }
    };
    let failure = left.failure.map(Failure::from);
    let value = serde_json::json!({
        "disconnected": session.id, "workspace": workspace, "left": left.hooks, "left_in_gitlab": left.in_gitlab, "failure": failure,
    });
    session.output.result(&value, || {
        let mut page = Page::new();
        page.line(
            Text::new()
                .with(Style::Good, "Disconnected")
                .plain(": the token, the webhook secret and the settings are gone"),
        );
        let folder = workspace.as_ref().map_or("the folder".into(), |folder| folder.display().to_string());
        page.line(Text::new().dim(format!("files stay in {folder} and in GitLab")));
        if let Some(hooks) = &left.hooks {
            page.line(Text::new().dim(format!("if you pasted a webhook there, delete it: {hooks}")));
        }
        for left in &left.in_gitlab {
            page.line(Text::new().with(Style::Warn, "left in GitLab: ").plain(left));
        }
        page
    });
    if let Some(failure) = failure {
        session.output.talk(Text::new().with(Style::Warn, "warning: ").plain(failure.message()));
    }
    Ok(Exit::Done)
}
