//! `status` and `diagnose`.

use crate::failure::{Exit, Failure};
use crate::installation::{TOKEN, slot};
use crate::operations::diagnose;
use crate::pages;
use crate::pages::health::Health;
use crate::session::Session;
use crate::store::connections::Entry;
use gitlab_sync_host::files::directory::Directory;
use gitlab_sync_host::sync::{Check, CheckOutcome};

pub(crate) async fn status(session: &Session) -> Result<Exit, Failure> {
    let entry = session.entry().await?;
    let status = session.installation.notes(&entry, session.progress.clone()).await?.status().await?;
    let token = session.installation.vault.status(&session.id, &slot(TOKEN)).await?.present;
    let away = away(&entry);
    let health = Health {
        entry: &entry,
        status: &status,
        kept: &if away.is_none() { session.kept().await? } else { Vec::new() },
        away: away.as_deref(),
        token_expires_ms: token.and_then(|dates| dates.expires_ms),
        now_ms: session.installation.now_ms(),
    };
    let value = serde_json::json!({
        "connection": entry.id,
        "server": entry.server(),
        "workspace": entry.workspace,
        "workspace_away": health.away,
        "profile": entry.grant.profile,
        "token_expires_ms": health.token_expires_ms,
        "status": status,
        "kept": health.kept,
        "next": session.output.own_words(health.next()),
    });
    session.output.result(&value, || pages::health::status(&health));
    Ok(Exit::Done)
}

/// Fails when a check does; what could not be checked fails nothing.
pub(crate) async fn diagnose(session: &Session) -> Result<Exit, Failure> {
    let entry = session.entry().await?;
    let checks = match away(&entry) {
        None => diagnose::diagnose(&entry, &session.connection().await?).await?,
        Some(why) => {
            let checks =
                diagnose::diagnose(&entry, &session.installation.notes(&entry, session.progress.clone()).await?)
                    .await?;
            without_folder(checks, &entry, &why)
        }
    };
    session.output.result(&checks, || pages::health::checks(&checks));
    Ok(if checks.iter().all(|check| check.outcome != CheckOutcome::Failed) { Exit::Done } else { Exit::Failed })
}

/// Why the folder cannot be opened, if it cannot.
fn away(entry: &Entry) -> Option<String> {
    let error = Directory::open(&entry.workspace).err()?;
    Some(Failure::from(error).innermost().to_owned())
}

/// The connector was lent no folder; what it says of one is about the grant.
fn without_folder(mut checks: Vec<Check>, entry: &Entry, why: &str) -> Vec<Check> {
    for check in checks.iter_mut().filter(|check| check.name == "workspace") {
        check.outcome = CheckOutcome::Failed;
        check.finding = format!("the folder `{}` cannot be opened: {why}", entry.workspace.display());
        check.remedy = Some(pages::health::BRING_BACK.into());
        check.code = Some("workspace-failed".into());
    }
    checks
}
