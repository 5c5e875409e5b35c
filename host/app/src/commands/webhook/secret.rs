//! `webhook secret`: show it, take one that is there, replace it, end the one before.
//!
//! Two are good at once: deliveries of the old one are under way while GitLab is told the new one. The old one is moved aside before the new
//! one is put in its place; where that was cut between the two, the old one is still good, and the same command goes on.

use super::{BEFORE, SLOT, WANTED};
use crate::cli::WebhookSecret;
use crate::failure::{Exit, Failure};
use crate::installation::slot;
use crate::session::Session;
use crate::text::Page;
use gitlab_sync_host::secrets::envelope::Stored;
use gitlab_sync_host::secrets::secret::{Recipe, Secret};
use gitlab_sync_host::secrets::vault::VaultError;

const RETIRE: &str = "gitlab-sync webhook secret --retire";

pub(crate) async fn run(arguments: &WebhookSecret, session: &Session) -> Result<Exit, Failure> {
    session.entry().await?;
    if arguments.retire {
        return retire(session).await;
    }
    if arguments.set {
        return take(session).await;
    }
    if arguments.rotate {
        let new = Secret::generate(Recipe::Whsec).map_err(VaultError::from)?;
        replace(new, session).await?;
    }
    show(session).await
}

/// The one place that shows a secret: its owner has to paste it into GitLab.
async fn show(session: &Session) -> Result<Exit, Failure> {
    let stored = session.installation.vault.reveal(&session.id, &slot(SLOT)).await?;
    let stored = stored.ok_or_else(|| {
        Failure::new("there is no webhook secret yet")
            .hint("choose what to sync first: `gitlab-sync configure`")
            .hint("or take that of a webhook which is there: `gitlab-sync webhook secret --set`")
    })?;
    let secret = String::from_utf8_lossy(stored.secret.expose()).into_owned();
    session.output.talk("In GitLab, under Settings → Webhooks → Add new webhook: the URL of your receiver, this as Secret token, Push events.");
    let before = tell_of_the_one_before(session).await?;
    let value = serde_json::json!({ "secret": secret, "previous_is_good": before });
    session.output.result(&value, || line(&secret));
    Ok(Exit::Done)
}

async fn take(session: &Session) -> Result<Exit, Failure> {
    let given = WANTED.read(&session.output).await?;
    let now = session.installation.vault.reveal(&session.id, &slot(SLOT)).await?;
    // Given twice, it must not push out the one before.
    if !now.is_some_and(|now| now.secret.matches(given.expose())) {
        replace(given, session).await?;
    }
    let before = tell_of_the_one_before(session).await?;
    let value = serde_json::json!({ "set": true, "previous_is_good": before });
    session.output.result(&value, || line("Deliveries with this secret are accepted from now on."));
    Ok(Exit::Done)
}

async fn retire(session: &Session) -> Result<Exit, Failure> {
    let was_there = session.installation.vault.status(&session.id, &slot(BEFORE)).await?.present.is_some();
    session.installation.vault.forget(&session.id, &slot(BEFORE)).await?;
    let value = serde_json::json!({ "retired": was_there });
    session.output.result(&value, || {
        line(if was_there { "The secret before is no good any more." } else { "There was no secret before this one." })
    });
    Ok(Exit::Done)
}

async fn replace(secret: Secret, session: &Session) -> Result<(), Failure> {
    session.installation.vault.rename(&session.id, &slot(SLOT), &slot(BEFORE)).await?;
    let stored = Stored { secret, created_ms: session.installation.now_ms(), expires_ms: None };
    Ok(session.installation.vault.put(&session.id, &slot(SLOT), &stored).await?)
}

async fn tell_of_the_one_before(session: &Session) -> Result<bool, Failure> {
    let is_good = session.installation.vault.status(&session.id, &slot(BEFORE)).await?.present.is_some();
    if is_good {
        session
            .output
            .talk(format!("The secret before is good beside it; once GitLab has the new one, end it: `{RETIRE}`."));
    }
    Ok(is_good)
}

fn line(text: &str) -> Page {
    let mut page = Page::new();
    page.line(text);
    page
}
