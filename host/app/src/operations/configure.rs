//! Configure: which project, branch and files, with nobody else of this store writing the same.
//!
//! Who wants a project that others may want too has it alone from the look for a clash to the claim, so that whoever is refused was not
//! configured either. The branch that was looked for is the one that the connector is told.

use super::pickers::{PickError, all_branches};
use super::{Trouble, hooks};
use crate::installation::Installation;
use crate::store::claims::{Claim, Clash};
use crate::store::connections::Entry;
use gitlab_sync_host::connection::Connection;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::secrets::vault::VaultError;
use gitlab_sync_host::sync::{
    Author, Configured, ConflictPolicy, Direction, FirstSync, Ownership, Settings, Target, WebhookMode,
};

/// The profile that writes files. Others claim nothing.
const WRITES: &str = "files-read-write";

/// What was chosen.
pub(crate) struct Choice {
    pub(crate) target: Target,
    /// None: what GitLab says.
    pub(crate) branch: Option<String>,
    /// Of the repository; empty for all of it.
    pub(crate) directories: Vec<String>,
    /// Empty for Markdown and YAML.
    pub(crate) patterns: Vec<String>,
    pub(crate) conflicts: ConflictPolicy,
    pub(crate) first: FirstSync,
    /// Of the commits; None: ours.
    pub(crate) message_template: Option<String>,
    pub(crate) author: Authorship,
    pub(crate) ownership: Ownership,
    /// Who puts the webhook into GitLab; None: as it was.
    pub(crate) webhook: Option<WebhookMode>,
}

/// Whom commits name as their author.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Authorship {
    /// Whom they named until now.
    #[default]
    AsBefore,
    /// The token's user.
    User,
    /// Somebody else, for whom the connection has the grant.
    Other(Author),
}

/// Why nothing was configured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigureError {
    #[error("this connection may not push")]
    ReadOnly,
    /// Between the connections of this store; between stores, the connector looks for marks in the branch.
    #[error("the connection `{other}` writes to `{branch}` of project {project} already")]
    Clash { other: ConnectionId, branch: String, project: u64 },
    #[error(transparent)]
    Pick(#[from] PickError),
    #[error(transparent)]
    Trouble(Trouble),
}

impl<E: Into<Trouble>> From<E> for ConfigureError {
    fn from(error: E) -> Self {
        Self::Trouble(error.into())
    }
}

/// Whether the connection was granted to write files.
pub(crate) fn may_write(entry: &Entry) -> bool {
    entry.grant.profile.as_deref() == Some(WRITES)
}

/// Moves no file; makes the project, if a new one was chosen.
pub(crate) async fn configure(
    mut choice: Choice,
    entry: &Entry,
    connection: &Connection,
    installation: &Installation,
) -> Result<Configured, ConfigureError> {
    let writes = may_write(entry);
    if choice.first == FirstSync::Push && !writes {
        return Err(ConfigureError::ReadOnly);
    }
    let directories = choice.directories.clone();
    let claim = |project, branch| Claim { server: entry.server(), project, branch, directories: directories.clone() };
    let mut _alone = None;
    if let (Target::Existing(project), true) = (&choice.target, writes) {
        let project = *project;
        _alone = Some(installation.database.claiming(&entry.server(), project).await.map_err(VaultError::from)?);
        choice.branch = branch(&choice, connection, project).await?;
        let wanted = claim(project, choice.branch.clone().unwrap_or_default());
        installation.database.clash(&entry.id, &wanted).await?.map_or(Ok(()), |clash| Err(clashed(clash, project)))?;
    }
    let owner = if writes { Some(installation.database.mark().await?) } else { None };
    let webhook = match choice.webhook.clone() {
        Some(mode) => mode,
        None => hooks::before(connection).await?.unwrap_or(WebhookMode::Manual(None)),
    };
    let author = match &choice.author {
        Authorship::AsBefore => connection.status().await?.configured.and_then(|before| before.author),
        Authorship::User => None,
        Authorship::Other(author) => Some(author.clone()),
    };
    let configured = connection.configure(settings(choice, author, owner, webhook)).await?;
    let claim = claim(configured.project.id, configured.branch.clone());
    let claimed = installation.database.claim(&entry.id, writes.then_some(&claim)).await?;
    claimed.map_err(|clash| clashed(clash, claim.project))?;
    Ok(configured)
}

fn settings(choice: Choice, author: Option<Author>, owner: Option<String>, webhook: WebhookMode) -> Settings {
    Settings {
        target: choice.target,
        branch: choice.branch,
        directories: choice.directories,
        patterns: choice.patterns,
        conflicts: choice.conflicts,
        first: choice.first,
        message_template: choice.message_template,
        author,
        owner,
        ownership: choice.ownership,
        webhook,
    }
}

/// The connection's entry with the grant for this author, as it is kept from now on. A connection that was opened before has the
/// grant that it had.
pub(crate) async fn grant_author(
    mut entry: Entry,
    author: &Authorship,
    installation: &Installation,
) -> Result<Entry, Trouble> {
    let (name, email) = match author {
        Authorship::AsBefore => return Ok(entry),
        Authorship::User => (None, None),
        Authorship::Other(Author { name, email }) => (Some(name.clone()), Some(email.clone())),
    };
    (entry.grant.author_name, entry.grant.author_email) = (name, email);
    keep_grant(&entry, installation).await?;
    Ok(entry)
}

/// Writes down what this entry grants of webhooks and authors, and nothing else of it.
pub(crate) async fn keep_grant(entry: &Entry, installation: &Installation) -> Result<(), Trouble> {
    let granted = entry.grant.clone();
    let change = move |entry: &mut Entry| {
        entry.grant.webhook_url = granted.webhook_url;
        (entry.grant.author_name, entry.grant.author_email) = (granted.author_name, granted.author_email);
    };
    installation.database.change_entry(&entry.id, change).await?;
    Ok(())
}

/// Which way the first sync goes.
pub(crate) fn direction(first: FirstSync) -> Direction {
    match first {
        FirstSync::Push => Direction::Push,
        FirstSync::Pull => Direction::Pull,
        FirstSync::Merge => Direction::Both,
    }
}

/// The one that was named, or GitLab's default. None: the repository has none yet.
async fn branch(choice: &Choice, connection: &Connection, project: u64) -> Result<Option<String>, PickError> {
    if let Some(named) = choice.branch.clone().filter(|named| !named.is_empty()) {
        return Ok(Some(named));
    }
    let branches = all_branches(connection, project, "").await?;
    Ok(branches.into_iter().find(|branch| branch.default).map(|branch| branch.name))
}

fn clashed(clash: Clash, project: u64) -> ConfigureError {
    ConfigureError::Clash { other: clash.other, branch: clash.branch, project }
}
