//! What is synced: one project by its number, one branch, and which files of it.
//!
//! Decided here: which projects can be synced, which branch is meant where none is named, and what of an earlier sync stays true
//! under new settings. Not decided here: whether the token may push, which GitLab says when we do.

use serde::{Deserialize, Serialize};

use crate::connect::may_create_projects;
use crate::error::{Code, Error};
use crate::gitlab::client::{Client, json};
use crate::gitlab::project::{self, Branch, Project};
use crate::host::{Host, Put};
use crate::request::Instance;
use crate::selection::Selection;
use crate::session::forget_ledger;

/// Where the settings are kept.
pub(crate) const SETTINGS: &str = "settings";
/// What git calls the first branch where neither GitLab nor the settings say.
const FIRST_BRANCH: &str = "main";
/// The slot of the webhook's secret, and of the one before it during a rotation.
pub(crate) const WEBHOOK: &str = "webhook";
pub(crate) const WEBHOOK_PREVIOUS: &str = "webhook-previous";

/// Which project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// By number.
    Existing(u64),
    /// A new private one of this name.
    Create(String),
}

/// What becomes of a file that both sides changed and that does not merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConflictPolicy {
    /// The branch's version is in place, the workspace's is kept.
    KeepBoth,
    /// The side that is synced from wins.
    LastWriteWins,
    /// Nothing happens until someone resolves it.
    Fail,
}

/// As asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Which project.
    pub goal: Goal,
    /// None: what GitLab says.
    pub branch: Option<String>,
    /// Empty for everywhere.
    pub directories: Vec<String>,
    /// Empty for Markdown and YAML.
    pub patterns: Vec<String>,
    /// What becomes of conflicts.
    pub conflicts: ConflictPolicy,
}

/// As remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// Its number.
    pub project: u64,
    /// Its path when it was configured, for people.
    pub path: String,
    /// Its web address, for people.
    pub web_url: String,
    /// Its default branch when it was configured.
    pub default_branch: Option<String>,
    /// Without `refs/heads/`.
    pub branch: String,
    /// Of the repository.
    pub directories: Vec<String>,
    /// Of file names.
    pub patterns: Vec<String>,
    /// What becomes of conflicts.
    pub conflicts: ConflictPolicy,
}

/// What came of configuring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configured {
    /// The remembered settings.
    pub configuration: Configuration,
    /// None while the branch has no commit.
    pub head: Option<String>,
    /// Sentences to show.
    pub warnings: Vec<String>,
}

impl Configuration {
    /// The settings of this connection.
    pub fn load(host: &dyn Host) -> Result<Option<Self>, Error> {
        let Some(value) = host.get(SETTINGS)? else { return Ok(None) };
        let read = serde_json::from_slice(&value.bytes);
        read.map(Some).map_err(|error| Error::because(Code::StateFailed, &format!("the settings are damaged: {error}")))
    }

    /// The settings, which must be there.
    pub fn require(host: &dyn Host) -> Result<Self, Error> {
        Self::load(host)?.ok_or_else(|| Code::NotConfigured.into())
    }

    /// Which files.
    pub fn selection(&self) -> Result<Selection, Error> {
        select(&self.directories, &self.patterns)
    }
}

/// Remembers what to sync. Moves no file.
pub fn configure(host: &dyn Host, instance: &Instance, settings: Settings) -> Result<Configured, Error> {
    select(&settings.directories, &settings.patterns)?;
    let client = Client { host, instance };
    let project = match &settings.goal {
        Goal::Existing(id) => existing(&client, *id)?,
        Goal::Create(name) => create(&client, name)?,
    };
    let mut warnings = Vec::new();
    let name = branch_name(&settings, &project, &mut warnings);
    let head = head(&client, &project, &name, &mut warnings)?;
    let configuration = Configuration {
        project: project.id,
        path: project.path_with_namespace,
        web_url: project.web_url,
        default_branch: project.default_branch,
        branch: name,
        directories: settings.directories,
        patterns: settings.patterns,
        conflicts: settings.conflicts,
    };
    remember(host, &configuration)?;
    if !host.is_present(WEBHOOK)? {
        host.generate_webhook_secret(WEBHOOK)?;
    }
    Ok(Configured { configuration, head, warnings })
}

fn select(directories: &[String], patterns: &[String]) -> Result<Selection, Error> {
    Selection::new(directories, patterns).map_err(|error| {
        let why = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
        Error::because(Code::InvalidSettings, &format!("{error}{why}"))
    })
}

fn existing(client: &Client<'_>, id: u64) -> Result<Project, Error> {
    let project: Project = client.read(project::project(id))?;
    match project.obstacle() {
        Some(code) => Err(Error::because(code, &format!("`{}`", project.path_with_namespace))),
        None => Ok(project),
    }
}

/// Bot tokens are refused before anything is sent that would create.
fn create(client: &Client<'_>, name: &str) -> Result<Project, Error> {
    if name.trim().is_empty() {
        return Err(Error::because(Code::InvalidSettings, "the new project needs a name"));
    }
    may_create_projects(client)?;
    project::create(client, name.trim())
}

fn branch_name(settings: &Settings, project: &Project, warnings: &mut Vec<String>) -> String {
    let named = settings.branch.clone().filter(|name| !name.is_empty());
    if let Some(name) = named.or_else(|| project.default_branch.clone()) {
        return name;
    }
    warnings.push(format!("The project has no branch yet; the first push makes `{FIRST_BRANCH}`."));
    FIRST_BRANCH.to_owned()
}

/// The branch's head. A branch may only be missing where nothing has ever been committed.
fn head(
    client: &Client<'_>,
    project: &Project,
    name: &str,
    warnings: &mut Vec<String>,
) -> Result<Option<String>, Error> {
    let request = client.get(project::branch(project.id, name));
    let reply = match client.send(&request) {
        Err(error) if error.code == Code::BranchMissing && (project.empty_repo || project.default_branch.is_none()) => {
            return Ok(None);
        }
        Err(error) if error.code == Code::BranchMissing => {
            return Err(Error::because(Code::BranchMissing, &format!("`{name}` in `{}`", project.path_with_namespace)));
        }
        reply => reply?,
    };
    let branch: Branch = json(&request, &reply)?;
    if !branch.can_push {
        warnings.push(format!("The token may not push to `{name}` for now. {}", Code::BranchProtected.remedy()));
    }
    Ok(Some(branch.commit.id))
}

/// Another project or branch has nothing in common with what was synced before; other directories or patterns do.
fn remember(host: &dyn Host, configuration: &Configuration) -> Result<(), Error> {
    let before = host.get(SETTINGS)?;
    let bytes = serde_json::to_vec(configuration).expect("plain data");
    let expected = before.as_ref().map_or(0, |value| value.version);
    let mut writes = vec![Put { key: SETTINGS.into(), bytes: Some(bytes), expected }];
    let same = |old: &Configuration| old.project == configuration.project && old.branch == configuration.branch;
    let old: Option<Configuration> = before.and_then(|value| serde_json::from_slice(&value.bytes).ok());
    if !old.is_some_and(|old| same(&old)) {
        writes.extend(forget_ledger(host)?);
    }
    Ok(host.commit(writes)?)
}
