//! `status` and `diagnose`.

use crate::failure::{Exit, Failure};
use crate::installation::{TOKEN, slot};
use crate::operations::diagnose;
use crate::pages;
use crate::pages::health::Health;
use crate::session::Session;
use gitlab_sync_host::sync::CheckOutcome;

pub(crate) async fn status(session: &Session) -> Result<Exit, Failure> {
    let entry = session.entry().await?;
    let status = session.connection().await?.status().await?;
    let token = session.installation.vault.status(&session.id, &slot(TOKEN)).await?.present;
    let health = Health {
        entry: &entry,
        status: &status,
        kept: &session.kept().await?,
        token_expires_ms: token.and_then(|dates| dates.expires_ms),
        now_ms: session.installation.now_ms(),
    };
    let value = serde_json::json!({
        "connection": entry.id,
        "server": entry.server(),
        "workspace": entry.workspace,
        "profile": entry.grant.profile,
        "token_expires_ms": health.token_expires_ms,
        "status": status,
        "kept": health.kept,
        "next": health.next(),
    });
    session.output.result(&value, || pages::health::status(&health));
    Ok(Exit::Done)
}

/// Fails when a check does; what could not be checked fails nothing.
pub(crate) async fn diagnose(session: &Session) -> Result<Exit, Failure> {
    let checks = diagnose::diagnose(&session.entry().await?, &session.connection().await?).await?;
    session.output.result(&checks, || pages::health::checks(&checks));
    Ok(if checks.iter().all(|check| check.outcome != CheckOutcome::Failed) { Exit::Done } else { Exit::Failed })
}
