//! `connect`: find the GitLab, ask it who the token is, and only then keep anything.

use crate::cli::Connect;
use crate::failure::{Exit, Failure};
use crate::pages;
use crate::reach;
use crate::server::Server;
use crate::session::{Session, TOKEN, slot};
use crate::store::connections::Entry;
use crate::token;
use gitlab_sync_host::clock::day_ms;
use gitlab_sync_host::connection::ConnectionError;
use gitlab_sync_host::grant::{Grant, Network};
use gitlab_sync_host::secrets::envelope::Stored;
use gitlab_sync_host::secrets::master::MasterKey;
use gitlab_sync_host::secrets::memory::MemoryStore;
use gitlab_sync_host::secrets::secret::Secret;
use gitlab_sync_host::secrets::vault::Vault;
use gitlab_sync_host::sync::{Connected, Instance};
use std::sync::Arc;

/// Where products that sign in by OAuth keep the address, too.
const VARIABLE: &str = "GITLAB_OAUTH_BASE_URL";

pub(crate) async fn run(arguments: &Connect, session: &Session) -> Result<Exit, Failure> {
    let typed = arguments.url.clone().or_else(|| std::env::var(VARIABLE).ok()).unwrap_or_default();
    let server = Server::parse(&typed).map_err(|error| Failure::of(&error).hint(error.hint()))?;
    let entry = find(arguments, &server, session).await?;
    let secret = token::read(&session.output).await?;
    let connected = keep(&entry, secret, session).await?;
    session.output.result(&connected, || pages::account::connected(&connected, &entry.server()));
    Ok(Exit::Done)
}

/// Where the GitLab is, before anyone is asked for a token.
pub(crate) async fn find(arguments: &Connect, server: &Server, session: &Session) -> Result<Entry, Failure> {
    let entry = entry(arguments, server, session).await?;
    if let Some(other) = session.database.neighbour(&entry).await? {
        return Err(shared_folder(&entry, &other));
    }
    if let Some(failure) = reach::missing(server, &entry.grant.network).await {
        return Err(failure);
    }
    let entry = locate(entry, server, session).await?;
    match session.database.entry(&entry.id).await? {
        Some(known) if known.server() != entry.server() => Err(taken(&known)),
        _ => Ok(entry),
    }
}

fn shared_folder(entry: &Entry, other: &Entry) -> Failure {
    let (own, theirs) = (entry.workspace.display(), other.workspace.display());
    let message = match entry.workspace == other.workspace {
        true => format!("the folder `{own}` is already that of the connection `{}`", other.id),
        false => format!("the folder `{own}` overlaps with `{theirs}` of the connection `{}`", other.id),
    };
    Failure::new(message)
        .hint(format!("give another folder with `--workspace DIR`, or disconnect `{}` first", other.id))
        .ending(Exit::Refused)
}

/// What the connector noted is about the other server.
fn taken(known: &Entry) -> Failure {
    Failure::new(format!("the connection `{}` is with {}", known.id, known.server()))
        .hint("disconnect it first, or name another one with `--connection NAME`")
        .ending(Exit::Refused)
}

/// Asks GitLab whose token it is, and keeps it if it is anyone's.
pub(crate) async fn keep(entry: &Entry, secret: Secret, session: &Session) -> Result<Connected, Failure> {
    let connected = try_out(entry, &secret, session).await.map_err(|failure| explain(failure, &secret))?;
    let expires_ms = connected.expires_on.as_deref().and_then(day_ms);
    let stored = Stored { secret, created_ms: session.now_ms(), expires_ms };
    session.vault.put(&session.id, &slot(TOKEN), &stored).await?;
    session.database.save_entry(entry, session.now_ms()).await?;
    Ok(connected)
}

/// GitLab does not say more of a deploy token than of one that never was. Its prefix is a hint and no proof, so it is only told after
/// the refusal.
fn explain(failure: Failure, secret: &Secret) -> Failure {
    if failure.code() == Some("token-rejected") && secret.expose().starts_with(b"gldt-") {
        return failure.hint(
            "this looks like a deploy token, which GitLab's API does not accept: make a project or group access token instead",
        );
    }
    failure
}

/// Everything but the sub-path.
async fn entry(arguments: &Connect, server: &Server, session: &Session) -> Result<Entry, Failure> {
    let about = session.connector.about().await?;
    let profile = about.profile(&arguments.profile).ok_or_else(|| {
        let names: Vec<_> = about.profiles.iter().map(|profile| format!("`{}`", profile.name)).collect();
        Failure::new(format!("the connector has no profile `{}`", arguments.profile))
            .hint(format!("choose one of {}", names.join(", ")))
    })?;
    let network = Network {
        private_addresses: arguments.private_addresses.clone(),
        plain_text: arguments.plain_text,
        ca_pem: arguments.ca_file.as_deref().map(certificates).transpose()?,
        proxy: arguments.proxy.clone(),
        ..Network::default()
    };
    let grant = Grant {
        origin: Some(server.origin()),
        profile: Some(profile.name.clone()),
        approved: Some(profile.digest()),
        network,
        ..Grant::default()
    };
    let folder = arguments.workspace.clone().unwrap_or_else(|| ".".into());
    let failed = |error| Failure::new(format!("the workspace `{}` cannot be used: {error}", folder.display()));
    let workspace =
        folder.canonicalize().map_err(|error| failed(error).hint("give an existing folder with `--workspace DIR`"))?;
    Ok(Entry { id: session.id.to_string(), workspace, grant })
}

fn certificates(path: &std::path::Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("`{}` cannot be read: {error}", path.display())).hint("give a PEM file"))
}

/// The first sub-path where a GitLab answers. Each is a grant of its own, because a grant covers one base path.
async fn locate(entry: Entry, server: &Server, session: &Session) -> Result<Entry, Failure> {
    let mut refused = None;
    for base in &server.bases {
        let mut entry = entry.clone();
        entry.grant.base_path.clone_from(base);
        let connection = session.open_with(&entry, session.vault.clone(), Arc::new(session.database.clone())).await?;
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
    Err(refused.map_or_else(|| Failure::new("there is no address to ask"), Failure::from))
}

fn is_something_else(error: &ConnectionError) -> bool {
    matches!(error, ConnectionError::Refused(refusal) if refusal.code == "not-a-gitlab")
}

/// With a vault that is gone afterwards: a token that is no good is never kept.
async fn try_out(entry: &Entry, secret: &Secret, session: &Session) -> Result<Connected, Failure> {
    let vault = Arc::new(Vault::new(Arc::new(MemoryStore::default()), MasterKey::generate()?));
    let copy = Secret::new(secret.expose()).expect("it was a secret before");
    let stored = Stored { secret: copy, created_ms: session.now_ms(), expires_ms: None };
    vault.put(&session.id, &slot(TOKEN), &stored).await?;
    let connection = session.open_with(entry, vault, Arc::new(session.database.clone())).await?;
    Ok(connection.connect().await?)
}
