//! Connect: find the GitLab, ask it who the token is, and only then keep anything.

use super::Trouble;
use crate::installation::{Installation, TOKEN, slot};
use crate::pages::account::kind_words;
use crate::server::Server;
use crate::store::connections::{Account, Entry};
use gitlab_sync_host::clock::day_ms;
use gitlab_sync_host::connection::ConnectionError;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::files::HOST_FOLDER;
use gitlab_sync_host::grant::{Grant, Network};
use gitlab_sync_host::log::LogSink;
use gitlab_sync_host::secrets::envelope::Stored;
use gitlab_sync_host::secrets::master::MasterKey;
use gitlab_sync_host::secrets::memory::MemoryStore;
use gitlab_sync_host::secrets::secret::{Secret, SecretError};
use gitlab_sync_host::secrets::vault::Vault;
use gitlab_sync_host::sync::{Connected, Instance};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a new connection shall be.
pub(crate) struct Wish {
    pub(crate) id: ConnectionId,
    pub(crate) server: Server,
    /// An existing folder.
    pub(crate) workspace: PathBuf,
    /// Of the connector's profiles. Naming it approves it as the connector has it today.
    pub(crate) profile: String,
    pub(crate) network: Network,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("the connector has no profile `{name}`")]
    NoProfile { name: String, known: Vec<String> },
    #[error("the workspace `{}` cannot be used: {source}", folder.display())]
    NoFolder { folder: PathBuf, source: std::io::Error },
    /// Two connections would bring each other's files to two places.
    #[error("{}", shared(own, theirs, other))]
    SharedFolder { own: PathBuf, theirs: PathBuf, other: ConnectionId },
    /// What the connector noted is about the files of the other folder: those that are not in this one would count as deleted.
    #[error("the connection `{id}` was synced with the folder `{}`", folder.display())]
    OtherFolder { id: ConnectionId, folder: PathBuf },
    /// Keys and notes would be files to sync.
    #[error("connections and keys are kept below the folder `{}`", own.display())]
    OwnHome { own: PathBuf },
    /// What the connector noted is about the other server.
    #[error("the connection `{id}` is with {server}")]
    Taken { id: ConnectionId, server: String },
    #[error("there is no address to ask")]
    NoAddress,
    #[error("the connection `{0}` was disconnected meanwhile")]
    Gone(ConnectionId),
    /// The token begins like one that GitLab's API does not accept. GitLab does not say more of a deploy token than of one that never
    /// was; the prefix is a hint and no proof, so it is only told after the refusal.
    #[error(transparent)]
    DeployToken(Trouble),
    #[error(transparent)]
    Trouble(Trouble),
}

impl<E: Into<Trouble>> From<E> for ConnectError {
    fn from(error: E) -> Self {
        Self::Trouble(error.into())
    }
}

/// Why what was given is not tried with GitLab at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("no token was given")]
    Missing,
    #[error("what was given is not a token")]
    Malformed,
    #[error(transparent)]
    Length(#[from] SecretError),
}

/// A token as it was pasted. Its form is not judged further: GitLab changes it now and then.
pub(crate) fn token(text: &str) -> Result<Secret, TokenError> {
    let text = text.trim();
    match text.bytes().all(|byte| byte.is_ascii_graphic()) {
        _ if text.is_empty() => Err(TokenError::Missing),
        true => Ok(Secret::new(text.as_bytes())?),
        false => Err(TokenError::Malformed),
    }
}

fn shared(own: &Path, theirs: &Path, other: &ConnectionId) -> String {
    match own == theirs {
        true => format!("the folder `{}` is already that of the connection `{other}`", own.display()),
        false => {
            format!("the folder `{}` overlaps with `{}` of the connection `{other}`", own.display(), theirs.display())
        }
    }
}

/// Where the GitLab is, before anyone is asked for a token.
pub(crate) async fn find(
    wish: Wish,
    installation: &Installation,
    log: Arc<dyn LogSink>,
) -> Result<Entry, ConnectError> {
    let server = wish.server.clone();
    let entry = entry(wish, installation).await?;
    if let Some(other) = installation.database.neighbour(&entry).await? {
        return Err(has_the_folder(entry, other));
    }
    if installation.home.lies_in(&entry.workspace) {
        return Err(ConnectError::OwnHome { own: entry.workspace });
    }
    let mut entry = locate(entry, &server, installation, log.clone()).await?;
    if let Some(known) = installation.database.entry(&entry.id).await? {
        if known.server() != entry.server() {
            return Err(ConnectError::Taken { server: known.server(), id: known.id });
        }
        if known.workspace != entry.workspace
            && !is_moved(&known, &entry)
            && was_synced(&known, installation, log).await?
        {
            return Err(ConnectError::OtherFolder { id: known.id, folder: known.workspace });
        }
        // What `configure` has granted since stays: the webhook is looked after as before, and commits have the same author.
        entry.grant.webhook_url = known.grant.webhook_url;
        (entry.grant.author_name, entry.grant.author_email) = (known.grant.author_name, known.grant.author_email);
    }
    Ok(entry)
}

/// Whether it is the same folder at another place: the journal's folder came along, and the old place is empty.
fn is_moved(known: &Entry, entry: &Entry) -> bool {
    !known.workspace.exists() && entry.workspace.join(HOST_FOLDER).is_dir()
}

/// Without a look at the folder, which may be gone.
async fn was_synced(known: &Entry, installation: &Installation, log: Arc<dyn LogSink>) -> Result<bool, Trouble> {
    Ok(installation.notes(known, log).await?.status().await?.synced_ms.is_some())
}

fn has_the_folder(entry: Entry, other: Entry) -> ConnectError {
    ConnectError::SharedFolder { own: entry.workspace, theirs: other.workspace, other: other.id }
}

/// Asks GitLab whose token it is, and keeps it and the connection if it is anyone's.
pub(crate) async fn keep(
    entry: &Entry,
    secret: Secret,
    installation: &Installation,
    log: Arc<dyn LogSink>,
) -> Result<Connected, ConnectError> {
    let connected = ask(entry, &secret, installation, log).await?;
    let entry = Entry { account: Some(account(&connected)), ..entry.clone() };
    if let Err(other) = installation.database.save_entry(&entry, installation.now_ms()).await? {
        return Err(has_the_folder(entry, other));
    }
    give(&entry.id, secret, connected, installation).await
}

/// The same for a connection that is there. One that is disconnected meanwhile stays gone.
pub(crate) async fn renew(
    entry: &Entry,
    secret: Secret,
    installation: &Installation,
    log: Arc<dyn LogSink>,
) -> Result<Connected, ConnectError> {
    let connected = ask(entry, &secret, installation, log).await?;
    let account = account(&connected);
    let changed = installation.database.change_entry(&entry.id, |entry| entry.account = Some(account)).await?;
    changed.ok_or_else(|| ConnectError::Gone(entry.id.clone()))?;
    give(&entry.id, secret, connected, installation).await
}

/// Whose token it is.
async fn ask(
    entry: &Entry,
    secret: &Secret,
    installation: &Installation,
    log: Arc<dyn LogSink>,
) -> Result<Connected, ConnectError> {
    match try_out(entry, secret, installation, log).await {
        Err(trouble) if trouble.code() == Some("token-rejected") && secret.expose().starts_with(b"gldt-") => {
            Err(ConnectError::DeployToken(trouble))
        }
        tried => Ok(tried?),
    }
}

async fn give(
    id: &ConnectionId,
    secret: Secret,
    connected: Connected,
    installation: &Installation,
) -> Result<Connected, ConnectError> {
    let expires_ms = connected.expires_on.as_deref().and_then(day_ms);
    let stored = Stored { secret, created_ms: installation.now_ms(), expires_ms };
    installation.vault.put(id, &slot(TOKEN), &stored).await?;
    if installation.database.token_given(id, connected.expires_on.clone()).await?.is_none() {
        installation.vault.forget_connection(id).await?;
        return Err(ConnectError::Gone(id.clone()));
    }
    Ok(connected)
}

fn account(connected: &Connected) -> Account {
    let create = connected.abilities.iter().find(|ability| ability.job == "create-project");
    Account {
        username: connected.username.clone(),
        name: connected.name.clone(),
        kind: kind_words(connected.token_kind).into(),
        cannot_create: create.filter(|ability| !ability.allowed).map(|ability| ability.reason.clone()),
    }
}

/// Everything but the sub-path.
async fn entry(wish: Wish, installation: &Installation) -> Result<Entry, ConnectError> {
    let Wish { id, server, workspace, profile: name, network } = wish;
    let about = installation.connector.about().await?;
    let Some(profile) = about.profile(&name) else {
        let known = about.profiles.iter().map(|profile| profile.name.clone()).collect();
        return Err(ConnectError::NoProfile { name, known });
    };
    let grant = Grant {
        origin: Some(server.origin()),
        profile: Some(profile.name.clone()),
        approved: Some(profile.digest()),
        network,
        ..Grant::default()
    };
    match workspace.canonicalize() {
        Ok(workspace) => Ok(Entry { id, workspace, grant, account: None }),
        Err(source) => Err(ConnectError::NoFolder { folder: workspace, source }),
    }
}

/// The first sub-path where a GitLab answers. Each is a grant of its own, because a grant covers one base path.
async fn locate(
    entry: Entry,
    server: &Server,
    installation: &Installation,
    log: Arc<dyn LogSink>,
) -> Result<Entry, ConnectError> {
    let mut refused = None;
    for base in &server.bases {
        let mut entry = entry.clone();
        entry.grant.base_path.clone_from(base);
        let connection = installation.connection_with(&entry, installation.vault.clone(), log.clone()).await?;
        let place =
            Instance { scheme: server.scheme.clone(), authority: server.authority.clone(), base_path: base.clone() };
        match connection.locate(vec![place]).await {
            Ok(Instance { base_path, .. }) => {
                entry.grant.base_path = base_path;
                return Ok(entry);
            }
            // Another sub-path does not help a server that cannot be reached.
            Err(error) if !is_something_else(&error) => return Err(error.into()),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    Err(refused.map_or(ConnectError::NoAddress, ConnectError::from))
}

fn is_something_else(error: &ConnectionError) -> bool {
    matches!(error, ConnectionError::Refused(refusal) if refusal.code == "not-a-gitlab")
}

/// With a vault that is gone afterwards: a token that is no good is never kept.
async fn try_out(
    entry: &Entry,
    secret: &Secret,
    installation: &Installation,
    log: Arc<dyn LogSink>,
) -> Result<Connected, Trouble> {
    let vault = Arc::new(Vault::new(Arc::new(MemoryStore::default()), MasterKey::generate()?));
    let copy = Secret::new(secret.expose()).expect("it was a secret before");
    let stored = Stored { secret: copy, created_ms: installation.now_ms(), expires_ms: None };
    vault.put(&entry.id, &slot(TOKEN), &stored).await?;
    let connection = installation.connection_with(entry, vault, log).await?;
    Ok(connection.connect().await?)
}
