//! `webhook path`: where `serve` takes deliveries for a connection.

use crate::failure::{Exit, Failure};
use crate::serve::hooks;
use crate::session::Session;
use crate::text::Page;

/// As good as a secret: who has it can make the server verify what they send.
pub(super) async fn run(session: &Session) -> Result<Exit, Failure> {
    session.entry().await?;
    let installation = &session.installation;
    let path = hooks::path(&session.id, &installation.vault, &installation.database, installation.now_ms()).await?;
    let path = path.route();
    session.output.talk("In GitLab, the webhook's URL is the address of your `gitlab-sync serve`, and this after it.");
    session.output.result(&serde_json::json!({ "path": path }), || {
        let mut page = Page::new();
        page.line(path.as_str());
        page
    });
    Ok(Exit::Done)
}
