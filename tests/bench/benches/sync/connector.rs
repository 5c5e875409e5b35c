//! Our side of a measured run: one process that does one errand for one connection, in the sandbox or natively.
//!
//! Everything is as a product has it: files, state and secrets on disk, the component compiled in a cache folder, a new process for
//! every run. The native way has the same host below it, sender and stores included; only WebAssembly is left out.

use crate::native;
use gitlab_sync_component::CONNECTOR;
use gitlab_sync_host::audit::{self, AuditTrail, Event};
use gitlab_sync_host::connection::{Connection, ConnectionError, ConnectionParts};
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::engine::{Allocation, Connector, Engine, EngineOptions};
use gitlab_sync_host::files::directory::Directory;
use gitlab_sync_host::grant::{Grant, Network};
use gitlab_sync_host::limits::Limits;
use gitlab_sync_host::manifest::Profile;
use gitlab_sync_host::secrets::directory::DirectoryStore;
use gitlab_sync_host::secrets::envelope::Stored;
use gitlab_sync_host::secrets::master::MasterKey;
use gitlab_sync_host::secrets::names::SlotName;
use gitlab_sync_host::secrets::secret::Secret;
use gitlab_sync_host::secrets::vault::Vault;
use gitlab_sync_host::sync::{
    ConflictPolicy, Deletions, FirstSync, Options, Ownership, Settings, Step, Target, WebhookMode,
};
use gitlab_sync_host::{clock, log, state};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The first argument with which this program runs an errand.
pub(crate) const ERRAND: &str = "--errand";
/// Calls after which a job must have come to its end.
const MOST_CALLS: u64 = 200;
const PROFILE: &str = "files-read-write";

/// What to do, for whom.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Errand {
    /// Of the connection: workspace, state, secrets.
    pub(crate) home: PathBuf,
    /// Compiled components.
    pub(crate) cache: PathBuf,
    pub(crate) origin: String,
    pub(crate) what: What,
}

/// What to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum What {
    /// Make the connection: its token and its project.
    Configure {
        token: String,
        project: u64,
    },
    /// In the sandbox.
    Pull,
    Push,
    /// Natively.
    NativePull,
    NativePush,
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) calls: u64,
    pub(crate) changes: u64,
    /// Of the largest call.
    pub(crate) guest_memory: Option<u64>,
    /// Of all calls.
    pub(crate) fuel: Option<u64>,
}

/// Runs an errand and prints what came of it.
#[expect(clippy::print_stdout, reason = "what it prints is what its parent reads")]
pub(crate) fn run(errand: &str) -> Result<(), String> {
    let errand: Errand = serde_json::from_str(errand).map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let done = match &errand.what {
        What::NativePull => native::run(&runtime, &errand, native::Direction::Pull)?,
        What::NativePush => native::run(&runtime, &errand, native::Direction::Push)?,
        _ => runtime.block_on(in_sandbox(&errand))?,
    };
    println!("{}", serde_json::to_string(&done).expect("plain data"));
    Ok(())
}

async fn in_sandbox(errand: &Errand) -> Result<Done, String> {
    let connector = connector(&errand.cache)?;
    if let What::Configure { token, project } = &errand.what {
        return configure(&connector, errand, token, *project).await;
    }
    let trail = Arc::<audit::Memory>::default();
    let connection = open(&connector, errand, trail.clone()).await?;
    let mut done = Done::default();
    while done.calls < MOST_CALLS {
        let options = Options { plan: None, deletions: Deletions::Approved, message: None };
        let step = match errand.what {
            What::Push => connection.push(options).await,
            _ => connection.pull(options).await,
        };
        let Step { changes, more, conflicts, .. } = step.map_err(|error| words(&error))?;
        done.calls += 1;
        done.changes += changes.len() as u64;
        if conflicts > 0 {
            return Err(format!("{conflicts} conflicts in a benchmark that has none"));
        }
        if !more {
            weigh(&trail, &mut done);
            return Ok(done);
        }
    }
    Err("the job does not end".into())
}

fn weigh(trail: &audit::Memory, done: &mut Done) {
    for record in trail.records() {
        // What the component says of itself is asked for in a call too.
        if let Event::Call(call) = record.event {
            done.guest_memory = done.guest_memory.max(Some(call.peak_memory_bytes));
            done.fuel = Some(done.fuel.unwrap_or_default() + call.fuel);
        }
    }
}

async fn configure(connector: &Connector, errand: &Errand, token: &str, project: u64) -> Result<Done, String> {
    fs::create_dir_all(workspace(&errand.home)).map_err(|error| error.to_string())?;
    let secret = Secret::new(token.as_bytes()).map_err(|error| error.to_string())?;
    let stored = Stored { secret, created_ms: 0, expires_ms: None };
    let slot = SlotName::parse("token").expect("a good name");
    vault(&errand.home)?.put(&id(), &slot, &stored).await.map_err(|error| error.to_string())?;
    let profile = profile(connector).await?;
    let profile = serde_json::to_vec(&profile).expect("plain data");
    fs::write(errand.home.join("profile.json"), profile).map_err(|error| error.to_string())?;
    let connection = open(connector, errand, Arc::new(audit::Nowhere)).await?;
    let settings = Settings {
        target: Target::Existing(project),
        branch: None,
        directories: Vec::new(),
        patterns: Vec::new(),
        conflicts: ConflictPolicy::KeepBoth,
        first: FirstSync::Merge,
        message_template: None,
        author: None,
        owner: Some("bench".into()),
        ownership: Ownership::Respect,
        webhook: WebhookMode::Manual(None),
    };
    connection.configure(settings).await.map_err(|error| words(&error))?;
    Ok(Done::default())
}

fn words(error: &ConnectionError) -> String {
    format!("{error}; {}", error.hint())
}

fn connector(cache: &Path) -> Result<Connector, String> {
    let options =
        EngineOptions { cache: Some(cache.to_owned()), allocation: Allocation::OnDemand, limits: Limits::standard() };
    let engine = Engine::new(options).map_err(|error| error.to_string())?;
    engine.load(CONNECTOR).map_err(|error| error.to_string())
}

async fn profile(connector: &Connector) -> Result<Profile, String> {
    let profiles = connector.profiles().await.map_err(|error| error.to_string())?;
    let profile = profiles.iter().find(|profile| profile.name == PROFILE).cloned();
    profile.ok_or_else(|| format!("the connector has no profile `{PROFILE}`"))
}

async fn open(connector: &Connector, errand: &Errand, audit: Arc<dyn AuditTrail>) -> Result<Connection, String> {
    let grant = grant(&errand.origin, &profile(connector).await?);
    let parts = ConnectionParts {
        id: id(),
        grant,
        workspace: Some(Arc::new(files(&errand.home)?)),
        state: Arc::new(notes(&errand.home)?),
        vault: Arc::new(vault(&errand.home)?),
        log: Arc::new(log::Nowhere),
        audit,
        clock: Arc::new(clock::SystemClock),
    };
    Connection::open(connector, parts).await.map_err(|error| error.to_string())
}

/// What it takes to reach the relay.
pub(crate) fn grant(origin: &str, profile: &Profile) -> Grant {
    let network = Network { private_addresses: vec!["127.0.0.1/32".into()], plain_text: true, ..Network::default() };
    Grant {
        origin: Some(origin.to_owned()),
        profile: Some(profile.name.clone()),
        approved: Some(profile.digest()),
        network,
        ..Grant::default()
    }
}

pub(crate) fn id() -> ConnectionId {
    ConnectionId::parse("bench").expect("a good name")
}

/// Where a connection's files are.
pub(crate) fn workspace(home: &Path) -> PathBuf {
    home.join("workspace")
}

pub(crate) fn files(home: &Path) -> Result<Directory, String> {
    Directory::open(&workspace(home)).map_err(|error| error.to_string())
}

pub(crate) fn notes(home: &Path) -> Result<state::directory::Directory, String> {
    state::directory::Directory::open(&home.join("state")).map_err(|error| error.to_string())
}

pub(crate) fn vault(home: &Path) -> Result<Vault, String> {
    let store = DirectoryStore::open(home.join("secrets")).map_err(|error| error.to_string())?;
    Ok(Vault::new(Arc::new(store), MasterKey::from_bytes([7; 32])))
}
