//! `status` and `diagnose`.

use crate::failure::{Exit, Failure};
use crate::pages;
use crate::session::Session;
use gitlab_sync_host::sync::CheckOutcome;

pub(crate) async fn status(session: &Session) -> Result<Exit, Failure> {
    let entry = session.entry().await?;
    let status = session.connection().await?.status().await?;
    let value = serde_json::json!({
        "connection": entry.id,
        "server": entry.server(),
        "workspace": entry.workspace,
        "profile": entry.grant.profile,
        "status": status,
    });
    session.output.result(&value, || pages::health::status(&entry, &status));
    Ok(Exit::Done)
}

/// Fails when a check does; what could not be checked fails nothing.
pub(crate) async fn diagnose(session: &Session) -> Result<Exit, Failure> {
    let checks = session.connection().await?.diagnose().await?;
    session.output.result(&checks, || pages::health::checks(&checks));
    Ok(if checks.iter().all(|check| check.outcome != CheckOutcome::Failed) { Exit::Done } else { Exit::Failed })
}
