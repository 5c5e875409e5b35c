//! `webhook secret`: show it, take one that is there, replace it, end the one before.
//!
//! Two are good at once: deliveries of the old one are under way while GitLab is told the new one. The connector makes the new one and
//! notes how long the old one counts; it gives the new one to GitLab by itself where it looks after the webhook. Where nothing is
//! configured yet, the old one is moved aside before the new one is put in its place; where that was cut between the two, the old one is
//! still good, and the same command goes on.

use super::WANTED;
use crate::cli::WebhookSecret;
use crate::failure::{Exit, Failure};
use crate::installation::slot;
use crate::operations::hooks::{self, BEFORE, Former, SECRET};
use crate::pages::counted;
use crate::session::Session;
use crate::text::Page;
use gitlab_sync_host::secrets::envelope::Stored;
use gitlab_sync_host::secrets::secret::{Recipe, Secret};
use gitlab_sync_host::secrets::vault::VaultError;
use gitlab_sync_host::sync::{Webhook, WebhookMode};

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
        rotate(session).await?;
    }
    show(session).await
}

/// By the connector, which knows who gives it to GitLab.
async fn rotate(session: &Session) -> Result<(), Failure> {
    let connection = session.connection().await?;
    if connection.status().await?.webhook.is_none() {
        return replace(Secret::generate(Recipe::Whsec).map_err(VaultError::from)?, session).await;
    }
    let report = hooks::rotate(&connection, &session.id, &session.installation).await?;
    if let Some(error) = report.webhook.by_hand {
        session.output.talk(format!("The connector cannot give it to GitLab: {} {}", error.message, error.remedy));
    }
    Ok(())
}

/// The one place that shows a secret: its owner has to paste it into GitLab.
async fn show(session: &Session) -> Result<Exit, Failure> {
    let stored = session.installation.vault.reveal(&session.id, &slot(SECRET)).await?;
    let stored = stored.ok_or_else(|| {
        Failure::new("there is no webhook secret yet")
            .hint("choose what to sync first: `gitlab-sync configure`")
            .hint("or take that of a webhook which is there: `gitlab-sync webhook secret --set`")
    })?;
    let secret = String::from_utf8_lossy(stored.secret.expose()).into_owned();
    let kept = kept(session).await;
    session.output.talk(match &kept {
        Some(Webhook { mode: WebhookMode::Auto(_), by_hand: None, settled: true, .. }) => {
            "The connector has given it to GitLab; nobody has to paste it."
        }
        _ => "In GitLab, under Settings → Webhooks → Add new webhook: the URL of your receiver, this as Secret token, Push events.",
    });
    let before = tell_of_the_one_before(kept.as_ref(), session).await?;
    let value = serde_json::json!({ "secret": secret, "previous_is_good": before });
    session.output.result(&value, || line(&secret));
    Ok(Exit::Done)
}

async fn take(session: &Session) -> Result<Exit, Failure> {
    let given = WANTED.read(&session.output).await?;
    let now = session.installation.vault.reveal(&session.id, &slot(SECRET)).await?;
    // Given twice, it must not push out the one before.
    if !now.is_some_and(|now| now.secret.matches(given.expose())) {
        replace(given, session).await?;
    }
    let kept = kept(session).await;
    let before = tell_of_the_one_before(kept.as_ref(), session).await?;
    let value = serde_json::json!({ "set": true, "previous_is_good": before });
    session.output.result(&value, || line("Deliveries with this secret are accepted from now on."));
    Ok(Exit::Done)
}

async fn retire(session: &Session) -> Result<Exit, Failure> {
    let was_there = hooks::retire(&session.id, &session.installation.vault).await?;
    let value = serde_json::json!({ "retired": was_there });
    session.output.result(&value, || {
        line(if was_there { "The secret before is no good any more." } else { "There was no secret before this one." })
    });
    Ok(Exit::Done)
}

async fn replace(secret: Secret, session: &Session) -> Result<(), Failure> {
    set_aside(session).await?;
    let stored = Stored { secret, created_ms: session.installation.now_ms(), expires_ms: None };
    Ok(session.installation.vault.put(&session.id, &slot(SECRET), &stored).await?)
}

/// The one that GitLab has stays good. Where a person pastes it, the connector notes for how long; one that was not used yet makes room.
async fn set_aside(session: &Session) -> Result<(), Failure> {
    let (kept, vault) = (kept(session).await, &session.installation.vault);
    if !matches!(&kept, Some(Webhook { mode: WebhookMode::Manual(_), .. })) {
        vault.rename(&session.id, &slot(SECRET), &slot(BEFORE)).await?;
        return Ok(());
    }
    match hooks::former(kept.as_ref(), &session.id, vault, session.installation.now_ms()).await? {
        Some(Former::Delivery) => Ok(()),
        _ => Ok(session.connection().await?.rotate_webhook().await.map(drop)?),
    }
}

/// What the connector knows of the webhook. None too where it cannot be asked: a secret is shown all the same.
async fn kept(session: &Session) -> Option<Webhook> {
    session.connection().await.ok()?.status().await.ok()?.webhook
}

async fn tell_of_the_one_before(kept: Option<&Webhook>, session: &Session) -> Result<bool, Failure> {
    let (vault, now_ms) = (&session.installation.vault, session.installation.now_ms());
    let Some(former) = hooks::former(kept, &session.id, vault, now_ms).await? else { return Ok(false) };
    let until = match former {
        Former::Delivery => "until a delivery with this one comes; to end it now".into(),
        Former::Until { ms } => {
            let minutes = usize::try_from(ms.saturating_sub(now_ms).div_ceil(60_000)).unwrap_or(usize::MAX);
            format!("for {} more; to end it now", counted(minutes, "minute"))
        }
        Former::Ended => "beside it; once GitLab has the new one, end it".to_owned(),
    };
    session.output.advise(&format!("The secret before is good {until}: `{RETIRE}`."));
    Ok(true)
}

fn line(text: &str) -> Page {
    let mut page = Page::new();
    page.line(text);
    page
}
