//! How the connection is, and how to end it.

use crate::configure::{Configuration, SETTINGS, WEBHOOK, WEBHOOK_PREVIOUS};
use crate::conflicts;
use crate::connect;
use crate::error::{Code, Error};
use crate::gitlab::client::Client;
use crate::gitlab::hook::{self, Hook};
use crate::gitlab::project::{self, Branch, Project};
use crate::host::{Host, SecretError};
use crate::request::Instance;
use crate::session::{Synced, forget_ledger, removal, synced};

/// What is known without asking GitLab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// None before the first configuration.
    pub configuration: Option<Configuration>,
    /// Of the last finished sync.
    pub synced_head: Option<String>,
    /// When that was.
    pub synced_ms: Option<u64>,
    /// Waiting to be resolved.
    pub conflicts: u32,
}

/// One thing a sync needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// Whether it is there.
    pub passed: bool,
    /// What was seen, and for a failed check what to do.
    pub finding: String,
}

/// Does not reach the network.
pub fn status(host: &dyn Host) -> Result<Status, Error> {
    let synced: Option<Synced> = synced(host)?;
    Ok(Status {
        configuration: Configuration::load(host)?,
        synced_ms: synced.as_ref().map(|synced| synced.at_ms),
        synced_head: synced.map(|synced| synced.head),
        conflicts: conflicts::count(host)?,
    })
}

/// Probes everything a sync needs. Stops asking GitLab where the answer would be the same as before.
pub fn diagnose(host: &dyn Host, instance: &Instance) -> Result<Vec<Check>, Error> {
    let mut checks = vec![workspace(host), secret(host)];
    match connect::connect(host, instance) {
        Ok(connected) => {
            checks.push(pass("server", format!("`{instance}` answers")));
            checks.push(token(&connected));
        }
        Err(error) => {
            checks.push(fail("server", &error));
            return Ok(checks);
        }
    }
    let Some(configuration) = Configuration::load(host)? else {
        checks.push(fail("settings", &Code::NotConfigured.into()));
        return Ok(checks);
    };
    let client = Client { host, instance };
    checks.push(project(&client, &configuration));
    checks.push(branch(&client, &configuration));
    checks.push(webhook(&client, &configuration));
    Ok(checks)
}

/// Forgets the webhook secrets and the settings. Files and conflicts stay: they hold what people wrote.
pub fn disconnect(host: &dyn Host) -> Result<(), Error> {
    for slot in [WEBHOOK, WEBHOOK_PREVIOUS] {
        match host.forget(slot) {
            Ok(()) | Err(SecretError::Empty(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut writes = forget_ledger(host)?;
    writes.extend(removal(host, SETTINGS)?);
    Ok(host.commit(writes)?)
}

fn pass(name: &'static str, finding: String) -> Check {
    Check { name, passed: true, finding }
}

fn fail(name: &'static str, error: &Error) -> Check {
    Check { name, passed: false, finding: format!("{}. {}", error.message, error.code.remedy()) }
}

fn workspace(host: &dyn Host) -> Check {
    match host.list("", None) {
        Ok(listing) if listing.more => pass("workspace", "it can be read, and holds more than 10,000 files".into()),
        Ok(listing) => pass("workspace", format!("it can be read, and holds {} files", listing.entries.len())),
        Err(error) => fail("workspace", &error.into()),
    }
}

fn secret(host: &dyn Host) -> Check {
    match host.is_present(WEBHOOK) {
        Ok(true) => pass("webhook secret", "it is there".into()),
        Ok(false) => fail("webhook secret", &Code::SecretMissing.into()),
        Err(error) => fail("webhook secret", &error.into()),
    }
}

fn token(connected: &connect::Connected) -> Check {
    let writes = connected.abilities.iter().find(|ability| ability.job == "write-files");
    let expiry = connected.warnings.first().map(|warning| format!(" {warning}")).unwrap_or_default();
    match writes {
        Some(ability) if ability.allowed => pass("token", format!("`{}` may write files.{expiry}", connected.username)),
        Some(ability) => fail("token", &Error::because(Code::TokenScope, &ability.reason)),
        None => fail("token", &Code::TokenScope.into()),
    }
}

fn project(client: &Client<'_>, configuration: &Configuration) -> Check {
    let found = client.read::<Project>(project::project(configuration.project));
    match found.and_then(|project| project.obstacle().map_or(Ok(project), |code| Err(code.into()))) {
        Ok(project) => pass("project", format!("`{}`", project.path_with_namespace)),
        Err(error) => fail("project", &error),
    }
}

fn branch(client: &Client<'_>, configuration: &Configuration) -> Check {
    match client.read::<Branch>(project::branch(configuration.project, &configuration.branch)) {
        Ok(branch) if branch.can_push => pass("branch", format!("`{}` can be pushed to", branch.name)),
        Ok(branch) => fail("branch", &Error::because(Code::BranchProtected, &format!("`{}`", branch.name))),
        Err(error) => fail("branch", &error),
    }
}

/// What GitLab shows to maintainers only; others are told what to look at.
fn webhook(client: &Client<'_>, configuration: &Configuration) -> Check {
    let hooks = match hook::list(client, configuration.project) {
        Ok(hooks) => hooks,
        Err(error) if matches!(error.code, Code::RoleTooLow | Code::TokenScope | Code::Denied) => {
            let finding = "The token may not see webhooks. In Settings → Webhooks check four things: the URL, the secret, \
                           that Push events is on, and the branch.";
            return Check { name: "webhook", passed: false, finding: finding.into() };
        }
        Err(error) => return fail("webhook", &error),
    };
    let wakes = |hook: &&Hook| hook.push_events && hook.covers(&configuration.branch);
    match hooks.iter().find(wakes) {
        None if hooks.is_empty() => fail("webhook", &Code::HookMissing.into()),
        None => fail("webhook", &Error::because(Code::HookMissing, "no webhook sends Push events of the branch")),
        Some(hook) if hook.is_disabled() => fail("webhook", &Code::HookDisabled.into()),
        Some(hook) => pass("webhook", format!("webhook {} sends Push events of `{}`", hook.id, configuration.branch)),
    }
}
