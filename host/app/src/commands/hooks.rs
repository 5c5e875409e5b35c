//! `webhook status`, `repair`, `rotate` and `follow`: the webhook in GitLab; and the mode that `configure` takes.

use crate::cli::{Follow, Hooking};
use crate::failure::{Exit, Failure};
use crate::operations::hooks::{self, RotateError};
use crate::pages;
use crate::session::Session;
use crate::store::connections::Entry;
use gitlab_sync_host::connection::Connection;
use gitlab_sync_host::sync::{CheckOutcome, WebhookEvents, WebhookMode, WebhookPlace, WebhookReport};

pub(super) async fn repair(session: &Session) -> Result<Exit, Failure> {
    tell(session, &session.connection().await?.ensure_webhook().await?)
}

pub(super) async fn rotate(session: &Session) -> Result<Exit, Failure> {
    let connection = session.connection().await?;
    tell(session, &hooks::rotate(&connection, &session.id, &session.installation).await?)
}

pub(super) async fn follow(arguments: &Follow, session: &Session) -> Result<Exit, Failure> {
    let place = match (arguments.group, arguments.project) {
        (Some(group), _) => WebhookPlace::Group(group),
        (None, project) => WebhookPlace::Project(project.unwrap_or_default()),
    };
    let before = session.connection().await?;
    let mode = mode(Some(arguments.webhook), arguments.webhook_url.clone(), &before).await?;
    let (_, connection) = granting(session.entry().await?, &mode, session).await?;
    tell(session, &connection.set_webhook(place, WebhookEvents::Records, mode).await?)
}

/// Fails when a check does; what could not be checked fails nothing.
pub(super) async fn status(session: &Session) -> Result<Exit, Failure> {
    let connection = session.connection().await?;
    let (webhook, _) = hooks::standing(&connection, &session.id, &session.installation).await?;
    let checks = connection.check_webhook().await?;
    let value = serde_json::json!({ "webhook": webhook, "checks": checks });
    session.output.result(&value, || pages::hooks::status(webhook.as_ref(), &checks, session.installation.now_ms()));
    Ok(if checks.iter().all(|check| check.outcome != CheckOutcome::Failed) { Exit::Done } else { Exit::Failed })
}

/// What a person has to do is no success, and no failure of the command either.
fn tell(session: &Session, report: &WebhookReport) -> Result<Exit, Failure> {
    session.output.result(report, || pages::hooks::report(report));
    if pages::hooks::is_by_hand(&report.webhook) {
        session.output.advise("print the secret to paste: gitlab-sync webhook secret");
    }
    Ok(if report.webhook.by_hand.is_some() { Exit::Refused } else { Exit::Done })
}

/// What was typed; of what was not, what there is already.
pub(super) async fn mode(
    who: Option<Hooking>,
    url: Option<String>,
    connection: &Connection,
) -> Result<WebhookMode, Failure> {
    let before = hooks::before(connection).await?;
    let known = match &before {
        Some(WebhookMode::Auto(url)) => Some(url.clone()),
        Some(WebhookMode::Manual(url)) => url.clone(),
        Some(WebhookMode::None) | None => None,
    };
    let is_asked = who.is_some();
    let who = who.unwrap_or(match before {
        Some(WebhookMode::Auto(_)) => Hooking::Auto,
        Some(WebhookMode::None) => Hooking::None,
        Some(WebhookMode::Manual(_)) | None => Hooking::Manual,
    });
    match (who, url.or(known)) {
        (Hooking::Auto, Some(url)) => Ok(WebhookMode::Auto(url)),
        (Hooking::Auto, None) => Err(Failure::new("it is not known where GitLab should call")
            .hint("give the address of your receiver with `--webhook-url URL`, or choose `--webhook manual`")
            .ending(Exit::Misused)),
        // Without it nobody could tell a webhook that is missing from one that nobody wants.
        (Hooking::Manual, None) if is_asked => Err(Failure::new("it is not known where GitLab should call")
            .hint("give the address of your receiver with `--webhook-url URL`; `diagnose` then looks for it in GitLab")
            .ending(Exit::Misused)),
        (Hooking::Manual, url) => Ok(WebhookMode::Manual(url)),
        (Hooking::None, _) => Ok(WebhookMode::None),
    }
}

/// The connection, with the grant for this mode in force.
pub(super) async fn granting(
    entry: Entry,
    mode: &WebhookMode,
    session: &Session,
) -> Result<(Entry, Connection), Failure> {
    let entry = hooks::grant(entry, mode, &session.installation).await?;
    let connection = session.installation.connection(&entry, session.progress.clone()).await?;
    Ok((entry, connection))
}

impl From<RotateError> for Failure {
    fn from(error: RotateError) -> Self {
        match error {
            RotateError::Waiting => Self::of(&error)
                .hint("paste the present one into GitLab: `gitlab-sync webhook secret`")
                .hint("or end the one before it: `gitlab-sync webhook secret --retire`"),
            RotateError::Trouble(trouble) => trouble.into(),
        }
    }
}
