//! Everything a sync needs, probed one after the other.
//!
//! Decided here: what is looked at, and whether what was seen is good, bad, or cannot be seen with this token. What is bad has the code
//! and the remedy that a sync would fail with. GitLab is asked no more once the answer would be the same as before.

use crate::configure::{Configuration, Ownership};
use crate::connect::{self, Connected};
use crate::error::{Code, Error};
use crate::gitlab::client::Client;
use crate::gitlab::project::{self, Branch, Project};
use crate::gitlab::role::Role;
use crate::hooks;
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
    pub(crate) fn pass(name: &'static str, finding: impl Into<String>) -> Self {
        Self { name, outcome: Outcome::Passed, finding: finding.into(), remedy: None }
    }

    pub(crate) fn fail(name: &'static str, error: &Error) -> Self {
        let remedy = Some(error.code.remedy().to_owned());
        Self { name, outcome: Outcome::Failed(error.code), finding: error.message.clone(), remedy }
    }

    pub(crate) fn unchecked(name: &'static str, finding: impl Into<String>, remedy: &str) -> Self {
        Self { name, outcome: Outcome::Unchecked, finding: finding.into(), remedy: Some(remedy.to_owned()) }
    }

    pub(crate) fn of(name: &'static str, outcome: Result<String, Error>) -> Self {
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
    let configuration = match Configuration::require(host) {
        Err(error) if matches!(error.code, Code::NotConfigured | Code::SettingsDamaged) => {
            checks.push(Check::fail("settings", &error));
            return Ok(checks);
        }
        configuration => configuration?,
    };
    let client = Client { host, instance };
    let project = project(&client, &configuration);
    let is_hindered = project.iter().any(|check| check.name == "project" && check.outcome != Outcome::Passed);
    checks.extend(project);
    checks.push(match is_hindered {
        // GitLab says of each branch then that it cannot be pushed to, protected or not.
        true => Check::unchecked("branch", "not looked at", "Put the project right first."),
        false => branch(&client, &configuration),
    });
    checks.extend(owner(&client, &configuration));
    checks.extend(hooks::check(&client)?);
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

fn token(connected: &Connected) -> Check {
    let writes = connected.abilities.iter().find(|ability| ability.job == "write-files");
    let expiry = connected.warnings.first().map(|warning| format!(". {warning}")).unwrap_or_default();
    match writes.and_then(|ability| Some((ability.refused?, &ability.reason))) {
        None => Check::pass("token", format!("`{}` may write files{expiry}", connected.username)),
        Some((code, reason)) => Check::fail("token", &Error::because(code, reason)),
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
        Some(role) if role < Role::Developer => {
            Check::fail("role", &Error::because(Code::RoleTooLow, &format!("it is {}", role.name())))
        }
        Some(role) => Check::pass("role", role.name()),
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
