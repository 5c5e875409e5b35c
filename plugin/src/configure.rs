//! What is synced: one project by its number, one branch, and which files of it.
//!
//! Decided here: which projects can be synced, which branch is meant where none is named, and what of an earlier sync stays true
//! under new settings. Not decided here: whether the token may push, which GitLab says when we do.

use serde::Serialize;

use crate::author::Author;
use crate::connect::may_create_projects;
use crate::error::{Code, Error};
use crate::gitlab::client::{Client, json};
use crate::gitlab::hook::Place;
use crate::gitlab::project::{self, Branch, Namespace, Project};
use crate::gitlab::role::Role;
use crate::hooks::{self, Events, Mode, Report};
use crate::host::{Host, Level, Put};
use crate::json::{self, Fit, Scalar, Take, Unfit};
use crate::message::Template;
use crate::owner::{self, Ground, Standing};
use crate::report::Step;
use crate::request::Instance;
use crate::selection::Selection;
use crate::session::{forget_ledger, synced};

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConflictPolicy {
    /// The branch's version is in place, the workspace's is kept.
    #[default]
    KeepBoth,
    /// The side that is synced from wins.
    LastWriteWins,
    /// Nothing happens until someone resolves it.
    Fail,
}

/// What the first sync brings where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum First {
    /// The branch gets what the workspace has.
    Push,
    /// The workspace gets what the branch has.
    Pull,
    /// Both get what the other has.
    #[default]
    Merge,
}

/// Who writes here, and what to do about others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ownership {
    /// Of this installation, for commits' trailers. None: nothing is marked or looked for.
    pub mark: Option<String>,
    /// Whether to go on although another installation writes here.
    pub take_over: bool,
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
    /// What the first sync brings where.
    pub first: First,
    /// Of commits, where a push says nothing else.
    pub message: Option<String>,
    /// Of commits. None: the token's user.
    pub author: Option<Author>,
    /// Who writes here.
    pub ownership: Ownership,
    /// Who puts the webhook into GitLab.
    pub webhook: Mode,
}

/// As remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
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
    /// What the first sync brings where.
    pub first: First,
    /// Of commits, with placeholders.
    pub message: Option<String>,
    /// Of commits. None: the token's user.
    pub author: Option<Author>,
    /// This installation's mark in commits.
    pub owner: Option<String>,
    /// Whose the branch is.
    pub standing: Standing,
}

json::object!(Configuration {
    project, path, web_url, branch, directories, patterns, conflicts;
    default_branch, first, message, author, owner, standing
});

impl Take<'_> for ConflictPolicy {
    fn scalar(&mut self, value: Scalar<'_, '_>) -> Fit {
        *self = match value.text()? {
            "keep-both" => Self::KeepBoth,
            "last-write-wins" => Self::LastWriteWins,
            "fail" => Self::Fail,
            _ => return Err(Unfit),
        };
        Ok(())
    }
}

impl Take<'_> for First {
    fn scalar(&mut self, value: Scalar<'_, '_>) -> Fit {
        *self = match value.text()? {
            "push" => Self::Push,
            "pull" => Self::Pull,
            "merge" => Self::Merge,
            _ => return Err(Unfit),
        };
        Ok(())
    }
}

/// What came of configuring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configured {
    /// The remembered settings.
    pub configuration: Configuration,
    /// None while the branch has no commit.
    pub head: Option<String>,
    /// Of the token's user in the project.
    pub role: Option<Role>,
    /// Sentences to show.
    pub warnings: Vec<String>,
    /// What was done about the webhook, unless that is still to be done.
    pub webhook: Option<Report>,
}

impl Configuration {
    /// The settings of this connection.
    pub fn load(host: &dyn Host) -> Result<Option<Self>, Error> {
        let Some(value) = host.get(SETTINGS)? else { return Ok(None) };
        let read = json::read(&value.bytes);
        read.map(Some)
            .map_err(|error| Error::because(Code::SettingsDamaged, &format!("the settings are damaged: {error}")))
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

/// For whoever goes on without: a person who configures anew, or is told to. Anything else fails where settings are damaged.
pub(crate) fn readable<T>(host: &dyn Host, read: Result<Option<T>, Error>) -> Result<Option<T>, Error> {
    match read {
        Err(error) if error.code == Code::SettingsDamaged => {
            host.event(Level::Warn, &error.message, &[]);
            Ok(None)
        }
        read => read,
    }
}

/// Remembers what to sync. Moves no file.
pub fn configure(host: &dyn Host, instance: &Instance, mut settings: Settings) -> Result<Configured, Error> {
    settings.directories = directories(&settings)?;
    owner::check_mark(settings.ownership.mark.as_deref())?;
    settings.message.as_deref().map(Template::parse).transpose()?;
    settings.author.as_ref().map_or(Ok(()), Author::check)?;
    let client = Client { host, instance };
    let project = match &settings.goal {
        Goal::Existing(id) => existing(&client, *id)?,
        Goal::Create(name) => create(&client, name)?,
    };
    let mut warnings = Vec::new();
    let name = branch_name(&settings, &project, &mut warnings);
    let head = head(&client, &project, &name, &mut warnings)?;
    if settings.first == First::Pull && head.is_none() {
        return Err(Error::because(
            Code::RepositoryEmpty,
            &format!("`{}` has nothing to pull", project.path_with_namespace),
        ));
    }
    let role = project.role();
    let ground = Ground { project: project.id, branch: &name, directories: &settings.directories };
    let standing = match &head {
        Some(_) => owner::claim(&client, &ground, &settings.ownership, Configuration::load(host).ok().flatten())?,
        None => Standing::default(),
    };
    let first = first(host, settings.first, &project, &name, &mut warnings)?;
    let configuration = Configuration {
        project: project.id,
        path: project.path_with_namespace,
        web_url: project.web_url,
        default_branch: project.default_branch,
        branch: name,
        directories: settings.directories,
        patterns: settings.patterns,
        conflicts: settings.conflicts,
        first,
        message: settings.message,
        author: settings.author,
        owner: settings.ownership.mark,
        standing,
    };
    let webhook = hooks::want(host, Place::Project(configuration.project), Events::Pushes, settings.webhook)?;
    remember(host, &configuration, webhook)?;
    let webhook = webhook_now(&client, &mut warnings);
    Ok(Configured { configuration, head, role, warnings, webhook })
}

/// Everything else is configured by now, so a failure here is one to come back to.
fn webhook_now(client: &Client<'_>, warnings: &mut Vec<String>) -> Option<Report> {
    match hooks::ensure(client) {
        Ok(report) => {
            if let Some(why) = &report.webhook.kept.by_hand {
                warnings.push(format!("The webhook has to be put into GitLab by hand. {why}."));
            }
            warnings
                .extend(report.left.iter().map(|left| format!("{left} is no longer wanted and could not be removed.")));
            Some(report)
        }
        Err(error) => {
            warnings.push(format!("The webhook is still to be seen to: {error}. Repair it when that is over."));
            None
        }
    }
}

/// Notes that the first sync is over, once nothing of it is left to do.
pub fn after_first(host: &dyn Host, step: &Step) -> Result<(), Error> {
    let Some(configuration) = Configuration::load(host)?.filter(|it| it.first != First::Merge && !step.more) else {
        return Ok(());
    };
    keep(host, &Configuration { first: First::Merge, ..configuration })
}

/// Writes settings that were changed by what a sync found out.
pub(crate) fn keep(host: &dyn Host, configuration: &Configuration) -> Result<(), Error> {
    let expected = host.get(SETTINGS)?.map_or(0, |value| value.version);
    let bytes = serde_json::to_vec(configuration).expect("plain data");
    Ok(host.commit(vec![Put { key: SETTINGS.into(), bytes: Some(bytes), expected }])?)
}

/// As they are kept: sorted, each without a slash at its end, none for the whole repository. What begins with a slash is mostly the
/// folder on this machine, and taken for one of the repository it would select nothing.
fn directories(settings: &Settings) -> Result<Vec<String>, Error> {
    if let Some(absolute) = settings.directories.iter().find(|directory| directory.starts_with('/')) {
        let why = "it begins with `/`, and what is meant is a folder of the repository, such as `docs`";
        let message = format!("the directory `{absolute}` cannot be synced: {why}");
        return Err(Error::because(Code::InvalidSettings, &message));
    }
    Ok(select(&settings.directories, &settings.patterns)?.directories())
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
    let path = name.trim().trim_start_matches('/');
    let (group, name) = path.rsplit_once('/').unwrap_or(("", path));
    if name.trim().is_empty() {
        return Err(Error::because(Code::InvalidSettings, "the new project needs a name"));
    }
    let creator = may_create_projects(client)?;
    let (id, place) = match group {
        "" => (None, creator),
        group => (Some(namespace(client, group)?), Some(group.to_owned())),
    };
    project::create(client, name.trim(), id).map_err(|error| taken(client, place.as_deref(), name.trim(), error))
}

/// GitLab refuses a name that is taken in words of any language, so that it is looked for who has it.
fn taken(client: &Client<'_>, place: Option<&str>, name: &str, error: Error) -> Error {
    let Some(place) = place.filter(|_| error.code == Code::UnexpectedReply) else { return error };
    let namesake = project::namesake(client, name, place).ok().flatten();
    namesake.map_or(error, |other| Error::because(Code::NameTaken, &format!("`{}`", other.path_with_namespace)))
}

/// The number of a group. GitLab says "not found" of those that the token may not see.
fn namespace(client: &Client<'_>, group: &str) -> Result<u64, Error> {
    let found: Result<Namespace, Error> = client.read(project::namespace(group));
    match found {
        Ok(namespace) => Ok(namespace.id),
        Err(error) if error.message.contains("404 Namespace Not Found") => {
            Err(Error::because(Code::InvalidSettings, &format!("there is no group `{group}` that the token may see")))
        }
        Err(error) => Err(error),
    }
}

fn branch_name(settings: &Settings, project: &Project, warnings: &mut Vec<String>) -> String {
    let named = settings.branch.clone().filter(|name| !name.is_empty());
    if let Some(name) = named.or_else(|| project.default_branch.clone()) {
        return name;
    }
    warnings.push(format!("The project has no branch yet; the first push makes `{FIRST_BRANCH}`."));
    FIRST_BRANCH.to_owned()
}

/// There is no first sync where one was finished before.
fn first(
    host: &dyn Host,
    asked: First,
    project: &Project,
    branch: &str,
    warnings: &mut Vec<String>,
) -> Result<First, Error> {
    let before = Configuration::load(host).ok().flatten();
    let same_place = before.is_some_and(|old| old.project == project.id && old.branch == branch);
    if asked == First::Merge || !same_place || synced(host)?.is_none() {
        return Ok(asked);
    }
    warnings.push(format!("`{branch}` was synced before, so the direction of a first sync is left out."));
    Ok(First::Merge)
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
fn remember(host: &dyn Host, configuration: &Configuration, webhook: Put) -> Result<(), Error> {
    let before = host.get(SETTINGS)?;
    let bytes = serde_json::to_vec(configuration).expect("plain data");
    let expected = before.as_ref().map_or(0, |value| value.version);
    let mut writes = vec![Put { key: SETTINGS.into(), bytes: Some(bytes), expected }, webhook];
    let same = |old: &Configuration| old.project == configuration.project && old.branch == configuration.branch;
    let old: Option<Configuration> = before.and_then(|value| json::read(&value.bytes).ok());
    if !old.is_some_and(|old| same(&old)) {
        writes.extend(forget_ledger(host)?);
    }
    Ok(host.commit(writes)?)
}
