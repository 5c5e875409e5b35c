//! A host as a product has it: real folders for files, state and secrets, a real audit trail, and one connection.
//!
//! When it is dropped, every byte that it has written anywhere is searched for the token.

use super::lab::{File, Lab};
use crate::support::canary::Canary;
use async_trait::async_trait;
use gitlab_sync_component::CONNECTOR;
use gitlab_sync_host::audit::{Flush, JsonLines};
use gitlab_sync_host::connection::{Connection, ConnectionError, ConnectionParts, Refusal};
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::engine::{Allocation, Connector, Engine, EngineOptions};
use gitlab_sync_host::files::directory::Directory;
use gitlab_sync_host::files::{Batch, Content, Entry, FileError, Listing, Version, Workspace, WorkspacePath};
use gitlab_sync_host::grant::{Grant, Network};
use gitlab_sync_host::limits::Limits;
use gitlab_sync_host::log::{Event, LogSink, Progress};
use gitlab_sync_host::manifest::Profile;
use gitlab_sync_host::secrets::directory::DirectoryStore;
use gitlab_sync_host::secrets::envelope::Stored;
use gitlab_sync_host::secrets::master::MasterKey;
use gitlab_sync_host::secrets::names::SlotName;
use gitlab_sync_host::secrets::secret::Secret;
use gitlab_sync_host::secrets::vault::Vault;
use gitlab_sync_host::state::{Key, Put, StateError, StateStore, Value};
use gitlab_sync_host::sync::{
    Change, Configured, ConflictPolicy, Deletions, Direction, FirstSync, Options, Ownership, Settings, Step, SyncPlan,
    Target, WebhookMode,
};
use gitlab_sync_host::{clock, state};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tempfile::TempDir;

/// Calls after which a job must have come to its end.
const MOST_CALLS: usize = 20;

/// The engine that all tests share, compiled once and kept between runs.
fn connector() -> Connector {
    static SHARED: OnceLock<Connector> = OnceLock::new();
    SHARED.get_or_init(|| connector_below(Limits::standard())).clone()
}

/// An engine of its own, for tests of limits. Takes the compiled code from the cache.
pub(crate) fn connector_below(limits: Limits) -> Connector {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    let options = EngineOptions { cache: Some(cache), allocation: Allocation::OnDemand, limits };
    Engine::new(options).unwrap().load(CONNECTOR).unwrap()
}

/// What a test wants to be otherwise.
pub(crate) struct Setup<'a> {
    /// None: the lab's canary.
    pub(crate) token: Option<&'a str>,
    /// Changes what is granted.
    pub(crate) grant: fn(&mut Grant),
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self { token: None, grant: |_| {} }
    }
}

/// One host.
pub(crate) struct Product {
    pub(crate) connection: Connection,
    parts: Parts,
}

/// What lasts longer than one opening of the connection.
struct Parts {
    folder: Folder,
    grant: Grant,
    vault: Arc<Vault>,
    told: Arc<Told>,
    clock: Arc<Hurry>,
    canaries: Vec<Canary>,
}

enum Folder {
    Own(TempDir),
    Other(PathBuf),
}

impl Folder {
    fn path(&self) -> &Path {
        match self {
            Self::Own(folder) => folder.path(),
            Self::Other(folder) => folder,
        }
    }
}

/// Everything that the connector or the host has said to anyone.
#[derive(Default)]
struct Told {
    lines: Mutex<Vec<String>>,
}

impl Told {
    fn keep(&self, line: String) {
        self.lines.lock().unwrap().push(line);
    }
}

impl LogSink for Told {
    fn event(&self, event: Event) {
        self.keep(format!("{event:?}"));
    }

    fn progress(&self, progress: Progress) {
        self.keep(format!("{progress:?}"));
    }
}

impl Product {
    pub(crate) async fn new(lab: &Lab, setup: Setup<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("workspace")).unwrap();
        let mut grant = grant(lab.gitlab.url()).await;
        grant.network.ca_pem = lab.gitlab.ca_pem().map(str::to_owned);
        (setup.grant)(&mut grant);
        let token = setup.token.unwrap_or(lab.canary.secret());
        let other = setup.token.map(Canary::of);
        let canaries = [lab.canary.clone()].into_iter().chain(other).collect();
        let (vault, folder) = (vault(folder.path()), Folder::Own(folder));
        let parts = Parts { vault, folder, grant, told: Arc::default(), clock: Arc::default(), canaries };
        parts.put_token(token).await;
        Self { connection: parts.open(&connector()).await, parts }
    }

    /// In a folder that another process has made. `dies` is asked before and after each use of the workspace and of the state.
    pub(crate) async fn at(folder: &Path, url: &str, dies: Fuse) -> Self {
        let grant = grant(url).await;
        let (vault, folder) = (vault(folder), Folder::Other(folder.to_owned()));
        let (told, clock) = Default::default();
        let parts = Parts { vault, folder, grant, told, clock, canaries: Vec::new() };
        let dies = Arc::new(dies);
        let mut lent = parts.lent();
        lent.workspace = lent.workspace.map(|store| Arc::new(Mined { store, fuse: dies.clone() }) as _);
        lent.state = Arc::new(Mined { store: lent.state, fuse: dies });
        Self { connection: Connection::open(&connector(), lent).await.unwrap(), parts }
    }

    /// The same connection with another grant. The profile that it names is approved.
    pub(crate) async fn granting(self, change: impl FnOnce(&mut Grant)) -> Self {
        let mut parts = self.parts;
        change(&mut parts.grant);
        let about = connector().about().await.unwrap();
        parts.grant.approved = parts.grant.profile.as_deref().and_then(|name| about.profile(name)).map(Profile::digest);
        Self { connection: parts.open(&connector()).await, parts }
    }

    /// Time passes here.
    pub(crate) fn later(&self, seconds: u64) {
        self.parts.clock.ahead_ms.fetch_add(seconds * 1000, Ordering::Relaxed);
    }

    /// With its folder lent through something else.
    pub(crate) async fn through(lab: &Lab, wrap: impl FnOnce(Arc<dyn Workspace>) -> Arc<dyn Workspace>) -> Self {
        let mut product = Self::new(lab, Setup::default()).await;
        let mut lent = product.parts.lent();
        lent.workspace = lent.workspace.map(wrap);
        product.connection = Connection::open(&connector(), lent).await.unwrap();
        product
    }

    /// The same connection with another engine, as after a restart of the host.
    pub(crate) async fn with(&self, connector: &Connector) -> Connection {
        self.parts.open(connector).await
    }

    pub(crate) fn folder(&self) -> &Path {
        self.parts.folder.path()
    }

    /// As the audit trail has it.
    pub(crate) fn fuel_of_last_call(&self) -> u64 {
        let lines = std::fs::read_to_string(self.folder().join("audit.jsonl")).unwrap();
        let line: serde_json::Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
        line["fuel"].as_u64().unwrap()
    }

    /// Fuel and the most memory of the last call, as the audit trail has them.
    pub(crate) fn cost_of_last_call(&self) -> (u64, u64) {
        let lines = std::fs::read_to_string(self.folder().join("audit.jsonl")).unwrap();
        let line: serde_json::Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
        (line["fuel"].as_u64().unwrap(), line["peak_memory_bytes"].as_u64().unwrap())
    }

    /// Everything again from what is on disk.
    pub(crate) async fn restart(&mut self) {
        self.connection = self.parts.open(&connector()).await;
    }

    /// Another token, as after a rotation.
    pub(crate) async fn put_token(&self, token: &str) {
        self.parts.put_token(token).await;
    }

    /// A secret that somebody typed.
    pub(crate) async fn put_secret(&self, slot: &str, text: &str) {
        let stored = Stored { secret: Secret::new(text.as_bytes()).unwrap(), created_ms: 1, expires_ms: None };
        self.parts.vault.put(&id(), &SlotName::parse(slot).unwrap(), &stored).await.unwrap();
    }

    /// The webhook secret, as the product shows it to the person who pastes it into GitLab.
    pub(crate) async fn webhook_secret(&self) -> String {
        let slot = SlotName::parse("webhook").unwrap();
        let stored = self.parts.vault.reveal(&id(), &slot).await.unwrap().unwrap();
        String::from_utf8(stored.secret.expose().to_vec()).unwrap()
    }

    // ---- Calls. What they answer is kept, to be searched for the token. ----

    /// The answer of a call that ended by itself.
    pub(crate) fn told<T: Debug>(&self, outcome: Result<T, ConnectionError>) -> Result<T, Refusal> {
        self.parts.told.keep(format!("{outcome:?}"));
        match outcome {
            Ok(answer) => Ok(answer),
            Err(ConnectionError::Refused(refusal)) => {
                assert!(!refusal.message.is_empty() && refusal.remedy.ends_with('.'), "{refusal:?}");
                Err(refusal)
            }
            Err(error) => panic!("{error}: {}\n{}", error.hint(), self.log()),
        }
    }

    pub(crate) async fn configure(&self, project: u64) -> Configured {
        self.configure_as(settings(project)).await.unwrap()
    }

    pub(crate) async fn configure_as(&self, settings: Settings) -> Result<Configured, Refusal> {
        self.told(self.connection.configure(settings).await)
    }

    pub(crate) async fn plan(&self, direction: Direction) -> SyncPlan {
        self.told(self.connection.plan(direction).await).unwrap()
    }

    /// Pushes to the end.
    pub(crate) async fn push(&self) -> Result<Done, Refusal> {
        self.push_as(options()).await
    }

    pub(crate) async fn push_as(&self, options: Options) -> Result<Done, Refusal> {
        let mut done = Done::default();
        for _ in 0..MOST_CALLS {
            if done.add(self.told(self.connection.push(options.clone()).await)?) {
                return Ok(done);
            }
        }
        panic!("the push does not end: {done:?}");
    }

    /// Pulls to the end.
    pub(crate) async fn pull(&self) -> Result<Done, Refusal> {
        self.pull_as(options()).await
    }

    pub(crate) async fn pull_as(&self, options: Options) -> Result<Done, Refusal> {
        let mut done = Done::default();
        for _ in 0..MOST_CALLS {
            if done.add(self.told(self.connection.pull(options.clone()).await)?) {
                return Ok(done);
            }
        }
        panic!("the pull does not end: {done:?}");
    }

    // ---- The workspace, as people change it. ----

    pub(crate) fn workspace(&self) -> PathBuf {
        self.folder().join("workspace")
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.workspace().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(crate) fn rename(&self, from: &str, to: &str) {
        let (from, to) = (self.workspace().join(from), self.workspace().join(to));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::rename(from, to).unwrap();
    }

    pub(crate) fn remove(&self, path: &str) {
        std::fs::remove_file(self.workspace().join(path)).unwrap();
    }

    pub(crate) fn executable(&self, path: &str, mode: u32) {
        std::fs::set_permissions(self.workspace().join(path), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn text(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.workspace().join(path)).ok()
    }

    pub(crate) fn files(&self) -> BTreeMap<String, File> {
        let mut files = BTreeMap::new();
        collect(&self.workspace(), "", &mut files);
        files
    }

    /// What the connector and the host have said, for failures.
    pub(crate) fn log(&self) -> String {
        self.parts.told.lines.lock().unwrap().join("\n")
    }
}

fn vault(folder: &Path) -> Arc<Vault> {
    let store = DirectoryStore::open(folder.join("secrets")).unwrap();
    Arc::new(Vault::new(Arc::new(store), MasterKey::from_bytes([7; 32])))
}

/// What it takes to reach this simulator.
async fn grant(url: &str) -> Grant {
    let profile = connector().about().await.unwrap().profile("files-read-write").unwrap().digest();
    let (scheme, rest) = url.split_once("://").unwrap();
    let (authority, base_path) = rest.split_once('/').map_or((rest, String::new()), |(a, b)| (a, format!("/{b}")));
    let network =
        Network { private_addresses: vec!["127.0.0.1/32".into()], plain_text: scheme == "http", ..Network::default() };
    Grant {
        origin: Some(format!("{scheme}://{authority}")),
        base_path,
        profile: Some("files-read-write".into()),
        approved: Some(profile),
        network,
        ..Grant::default()
    }
}

impl Parts {
    async fn open(&self, connector: &Connector) -> Connection {
        Connection::open(connector, self.lent()).await.unwrap()
    }

    fn lent(&self) -> ConnectionParts {
        let folder = self.folder.path();
        ConnectionParts {
            id: id(),
            grant: self.grant.clone(),
            workspace: Some(Arc::new(Directory::open(&folder.join("workspace")).unwrap())),
            state: Arc::new(state::directory::Directory::open(&folder.join("state")).unwrap()),
            vault: self.vault.clone(),
            log: self.told.clone(),
            audit: Arc::new(JsonLines::open(&folder.join("audit.jsonl"), Flush::System, 32 << 20, 1).unwrap()),
            clock: self.clock.clone(),
        }
    }

    async fn put_token(&self, token: &str) {
        let secret = Secret::new(token.as_bytes()).unwrap();
        let stored = Stored { secret, created_ms: 0, expires_ms: None };
        self.vault.put(&id(), &SlotName::parse("token").unwrap(), &stored).await.unwrap();
    }
}

/// Kills the process at one of its uses of the host's storage.
pub(crate) struct Fuse {
    left: AtomicU64,
}

impl Fuse {
    /// At this moment: 1 is before the first use, 2 after it, 3 before the second.
    pub(crate) fn at(moment: u64) -> Self {
        Self { left: AtomicU64::new(moment) }
    }

    /// Never.
    pub(crate) fn none() -> Self {
        Self::at(u64::MAX)
    }

    fn burn(&self) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            std::process::abort();
        }
    }
}

/// A store with a fuse.
struct Mined<S: ?Sized> {
    store: Arc<S>,
    fuse: Arc<Fuse>,
}

impl<S: ?Sized> Mined<S> {
    async fn through<T>(&self, call: impl Future<Output = T>) -> T {
        self.fuse.burn();
        let outcome = call.await;
        self.fuse.burn();
        outcome
    }
}

#[async_trait]
impl Workspace for Mined<dyn Workspace> {
    async fn list(&self, below: Option<&WorkspacePath>, after: Option<&str>) -> Result<Listing, FileError> {
        self.through(self.store.list(below, after)).await
    }

    async fn look(&self, paths: &[WorkspacePath]) -> Result<Vec<Option<Entry>>, FileError> {
        self.through(self.store.look(paths)).await
    }

    async fn read(&self, paths: &[WorkspacePath]) -> Result<Vec<Content>, FileError> {
        self.through(self.store.read(paths)).await
    }

    async fn apply(&self, batch: Batch) -> Result<Vec<Version>, FileError> {
        self.through(self.store.apply(batch)).await
    }

    async fn begin(&self, batch: Batch) -> Result<Vec<Version>, FileError> {
        self.through(self.store.begin(batch)).await
    }

    async fn settle(&self) -> Result<(), FileError> {
        self.store.settle().await
    }
}

#[async_trait]
impl StateStore for Mined<dyn StateStore> {
    async fn get(&self, connection: &ConnectionId, key: &Key) -> Result<Option<Value>, StateError> {
        self.through(self.store.get(connection, key)).await
    }

    async fn commit(&self, connection: &ConnectionId, writes: Vec<Put>) -> Result<(), StateError> {
        self.through(self.store.commit(connection, writes)).await
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let said = self.told.lines.lock().unwrap().join("\n");
        for canary in &self.canaries {
            assert_eq!(canary.found_in(said.as_bytes()), Vec::<&str>::new(), "the token was told");
            assert_eq!(canary.found_below(self.folder.path()), Vec::<String>::new(), "the token is on disk");
        }
    }
}

/// What came of a job that may have taken several calls.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) changes: Vec<Change>,
    pub(crate) conflicts: u32,
    pub(crate) head: Option<String>,
}

impl Done {
    fn add(&mut self, step: Step) -> bool {
        self.changes.extend(step.changes);
        (self.conflicts, self.head) = (step.conflicts, step.head);
        !step.more
    }

    /// `create a.md`, in order.
    pub(crate) fn summary(&self) -> Vec<String> {
        let line = |change: &Change| format!("{:?} {}", change.action, change.path);
        self.changes.iter().map(line).map(|line| line.replace("Action::", "").to_lowercase()).collect()
    }
}

fn id() -> ConnectionId {
    ConnectionId::parse("handbook").unwrap()
}

pub(crate) fn settings(project: u64) -> Settings {
    Settings {
        target: Target::Existing(project),
        branch: None,
        directories: Vec::new(),
        patterns: Vec::new(),
        conflicts: ConflictPolicy::KeepBoth,
        first: FirstSync::Merge,
        message_template: None,
        author: None,
        owner: Some("suite".into()),
        ownership: Ownership::Respect,
        webhook: WebhookMode::Manual(None),
    }
}

/// A clock that never lets anyone wait, and can be ahead.
#[derive(Default)]
struct Hurry {
    ahead_ms: AtomicU64,
}

impl clock::Clock for Hurry {
    fn now_ms(&self) -> u64 {
        clock::Clock::now_ms(&clock::SystemClock) + self.ahead_ms.load(Ordering::Relaxed)
    }

    fn wait(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}

pub(crate) fn options() -> Options {
    Options { plan: None, deletions: Deletions::Brake, message: None }
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, File>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = format!("{prefix}{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            // The host's own notes are no files of the product.
            if path != ".gitlab-sync" {
                collect(&entry.path(), &format!("{path}/"), files);
            }
            continue;
        }
        let mode = entry.metadata().unwrap().permissions().mode();
        files.insert(path, (std::fs::read(entry.path()).unwrap(), mode & 0o100 != 0));
    }
}
