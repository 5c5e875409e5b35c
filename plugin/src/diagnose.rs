//! Everything a sync needs, probed one after the other.
//!
//! Decided here: what is looked at, and whether what was seen is good, bad, or cannot be seen with this token. What is bad has the code
//! and the remedy that a sync would fail with. GitLab is asked no more once the answer would be the same as before.

use crate::configure::{Configuration, Ownership, WEBHOOK};
use crate::connect::{self, Connected};
use crate::error::{Code, Error};
use crate::gitlab::client::Client;
use crate::gitlab::hook::{self, Hook};
use crate::gitlab::project::{self, Branch, Project};
use crate::host::Host;
use crate::owner::{self, Ground};
use crate::request::Instance;

/// Whether a thing is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is.
    Passed,
    /// It is not.
    Failed(Code),
    /// The token or the profile may not see it.
    Unchecked,
}

/// One thing a sync needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// Whether it is there.
    pub outcome: Outcome,
    /// What was seen.
    pub finding: String,
    /// What to do, unless it passed.
    pub remedy: Option<String>,
}

impl Check {
    fn pass(name: &'static str, finding: impl Into<String>) -> Self {
        Self { name, outcome: Outcome::Passed, finding: finding.into(), remedy: None }
    }

    fn fail(name: &'static str, error: &Error) -> Self {
        let remedy = Some(error.code.remedy().to_owned());
        Self { name, outcome: Outcome::Failed(error.code), finding: error.message.clone(), remedy }
    }

    fn unchecked(name: &'static str, finding: impl Into<String>, remedy: &str) -> Self {
        Self { name, outcome: Outcome::Unchecked, finding: finding.into(), remedy: Some(remedy.to_owned()) }
    }

    fn of(name: &'static str, outcome: Result<String, Error>) -> Self {
        match outcome {
            Ok(finding) => Self::pass(name, finding),
            Err(error) => Self::fail(name, &error),
        }
    }
}

/// Probes everything a sync needs.
pub fn diagnose(host: &dyn Host, instance: &Instance) -> Result<Vec<Check>, Error> {
    let mut checks = vec![workspace(host)];
    match connect::connect(host, instance) {
        Ok(connected) => {
            let version = connected.version.as_ref().map_or(String::new(), |version| format!(", GitLab {version}"));
            checks.push(Check::pass("server", format!("`{instance}` answers{version}")));
            checks.push(token(&connected));
        }
        Err(error) => {
            checks.push(Check::fail(blamed(&error), &error));
            return Ok(checks);
        }
    }
    let Some(configuration) = Configuration::load(host)? else {
        checks.push(Check::fail("settings", &Code::NotConfigured.into()));
        return Ok(checks);
    };
    let client = Client { host, instance };
    checks.extend(project(&client, &configuration));
    checks.push(branch(&client, &configuration));
    checks.extend(owner(&client, &configuration));
    checks.push(secret(host));
    checks.extend(webhook(&client, &configuration));
    Ok(checks)
}

/// A server that rejects a token is there.
fn blamed(error: &Error) -> &'static str {
    match error.code {
        Code::TokenRejected | Code::TokenExpired | Code::TokenScope | Code::SecretMissing => "token",
        _ => "server",
    }
}

fn workspace(host: &dyn Host) -> Check {
    match host.list("", None) {
        Ok(listing) if listing.more => Check::pass("workspace", "it can be read, and holds more than 10,000 files"),
        Ok(listing) => {
            let files = if listing.entries.len() == 1 { "file" } else { "files" };
            Check::pass("workspace", format!("it can be read, and holds {} {files}", listing.entries.len()))
        }
        Err(error) => Check::fail("workspace", &error.into()),
    }
}

fn secret(host: &dyn Host) -> Check {
    match host.is_present(WEBHOOK) {
        Ok(true) => Check::pass("webhook secret", "it is there"),
        Ok(false) => Check::fail("webhook secret", &Code::SecretMissing.into()),
        Err(error) => Check::fail("webhook secret", &error.into()),
    }
}

fn token(connected: &Connected) -> Check {
    let writes = connected.abilities.iter().find(|ability| ability.job == "write-files");
    let expiry = connected.warnings.first().map(|warning| format!(". {warning}")).unwrap_or_default();
    match writes {
        Some(ability) if ability.allowed => {
            Check::pass("token", format!("`{}` may write files{expiry}", connected.username))
        }
        Some(ability) => Check::fail("token", &Error::because(Code::TokenScope, &ability.reason)),
        None => Check::fail("token", &Code::TokenScope.into()),
    }
}

fn project(client: &Client<'_>, configuration: &Configuration) -> Vec<Check> {
    let found = client.read::<Project>(project::project(configuration.project));
    let found = found.and_then(|project| project.obstacle().map_or(Ok(project), |code| Err(code.into())));
    let project = match found {
        Ok(project) => project,
        Err(error) => return vec![Check::fail("project", &error)],
    };
    let role = match project.role() {
        Some(role @ ("Guest" | "Planner" | "Reporter")) => {
            Check::fail("role", &Error::because(Code::RoleTooLow, &format!("it is {role}")))
        }
        Some(role) => Check::pass("role", role),
        None => Check::unchecked("role", "GitLab does not say", "Look under Manage → Members in the project."),
    };
    vec![Check::pass("project", format!("`{}`", project.path_with_namespace)), role]
}

fn branch(client: &Client<'_>, configuration: &Configuration) -> Check {
    match client.read::<Branch>(project::branch(configuration.project, &configuration.branch)) {
        Ok(branch) if branch.can_push => Check::pass("branch", format!("`{}` can be pushed to", branch.name)),
        Ok(branch) => Check::fail("branch", &Error::because(Code::BranchProtected, &format!("`{}`", branch.name))),
        Err(error) => Check::fail("branch", &error),
    }
}

/// Nothing to say for a connection that only reads.
fn owner(client: &Client<'_>, configuration: &Configuration) -> Option<Check> {
    let mark = configuration.owner.clone()?;
    let Configuration { project, branch, directories, .. } = configuration;
    let ground = Ground { project: *project, branch, directories };
    let ownership = Ownership { mark: Some(mark), take_over: false };
    let claimed = owner::claim(client, &ground, &ownership, Some(configuration.clone()));
    Some(Check::of("ownership", claimed.map(|_| "no other installation commits here".to_owned())))
}

/// What GitLab shows to maintainers only; others are told what to look at.
fn webhook(client: &Client<'_>, configuration: &Configuration) -> Vec<Check> {
    let hooks = match hook::list(client, configuration.project) {
        Ok(hooks) => hooks,
        Err(error) if matches!(error.code, Code::RoleTooLow | Code::TokenScope | Code::Denied) => return by_hand(),
        Err(error) => return vec![Check::fail("webhook", &error)],
    };
    let branch = &configuration.branch;
    // The one that would wake us, if any: the best of them.
    let merit = |hook: &&Hook| (hook.push_events, hook.covers(branch), !hook.is_disabled());
    let Some(hook) = hooks.iter().max_by_key(merit) else {
        return vec![Check::fail("webhook", &Code::HookMissing.into())];
    };
    let id = hook.id;
    let missing = |why: String| Err(Error::because(Code::HookMissing, &why));
    let is_on = |good: bool, yes: String, no: String| if good { Ok(yes) } else { missing(no) };
    let events = is_on(hook.push_events, "on".into(), format!("Push events are off in webhook {id}"));
    let covers = is_on(
        hook.covers(branch),
        format!("`{branch}` is covered"),
        format!("the branch filter of webhook {id} leaves out `{branch}`"),
    );
    let enabled = if hook.is_disabled() { Err(Code::HookDisabled.into()) } else { Ok("GitLab calls it".to_owned()) };
    vec![
        Check::pass("webhook", format!("webhook {id}")),
        Check::unchecked(
            "webhook URL",
            format!("GitLab calls `{}`", hook.shown_url()),
            "Check that this is the address where the product receives webhooks.",
        ),
        Check::of("webhook Push events", events),
        Check::of("webhook branch", covers),
        Check::of("webhook state", enabled),
        last_delivery(client, configuration.project, id),
    ]
}

fn last_delivery(client: &Client<'_>, project: u64, hook: u64) -> Check {
    const NAME: &str = "webhook delivery";
    let by_hand = "Look at Recent events of the webhook in Settings → Webhooks, or send a test there.";
    match hook::last_delivery(client, project, hook) {
        Ok(Some(delivery)) if delivery.is_success() => {
            Check::pass(NAME, format!("the last one was answered {}", delivery.response_status))
        }
        Ok(Some(delivery)) if delivery.response_status == "401" => {
            Check::fail(NAME, &Error::because(Code::HookSecret, "the last delivery was answered 401"))
        }
        Ok(Some(delivery)) => Check::fail(
            NAME,
            &Error::because(Code::HookFailing, &format!("the last one was answered `{}`", delivery.response_status)),
        ),
        Ok(None) => Check::unchecked(NAME, "there was none in the last seven days", by_hand),
        Err(_) => Check::unchecked(NAME, "GitLab does not show them, which it does since 17.3", by_hand),
    }
}

fn by_hand() -> Vec<Check> {
    let see = |name, remedy| Check::unchecked(name, "the token may not see webhooks", remedy);
    vec![
        see(
            "webhook URL",
            "In Settings → Webhooks, check that the URL is the address where the product receives webhooks.",
        ),
        see("webhook Secret token", "In Settings → Webhooks, paste the secret of this connection again."),
        see("webhook Push events", "In Settings → Webhooks, check that Push events is on."),
        see("webhook branch", "In Settings → Webhooks, check that the branch filter lets the branch through."),
    ]
}
