//! One tenant whose connector is the hostile guest, with everything it is lent on disk, and the search for what must not be there.

use super::canary::Canary;
use super::connector::{hostile, limits};
use super::server::Server;
use super::trap::Trap;
use gitlab_sync_host::audit;
use gitlab_sync_host::clock::Clock;
use gitlab_sync_host::connection::{Connection, ConnectionError, ConnectionParts, OpenError};
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::engine::Connector;
use gitlab_sync_host::files::directory::Directory;
use gitlab_sync_host::grant::{Grant, LimitGrant, Network};
use gitlab_sync_host::http::resolve::{Resolve, SystemResolver};
use gitlab_sync_host::log::{Event, LogSink, Progress};
use gitlab_sync_host::manifest::{Profile, WorkspaceUse};
use gitlab_sync_host::secrets::directory::DirectoryStore;
use gitlab_sync_host::secrets::envelope::Stored;
use gitlab_sync_host::secrets::master::MasterKey;
use gitlab_sync_host::secrets::names::SlotName;
use gitlab_sync_host::secrets::secret::Secret;
use gitlab_sync_host::secrets::vault::Vault;
use gitlab_sync_host::state::{self, StateStore};
use gitlab_sync_host::{CallError, Limit};
use hostile_guest::Mode;
use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// How a tenant differs from the usual one.
pub(crate) struct Setup {
    pub(crate) id: &'static str,
    pub(crate) profile: &'static str,
    /// Another digest than that of the profile.
    pub(crate) approved: Option<String>,
    pub(crate) connector: Connector,
    pub(crate) limits: LimitGrant,
    pub(crate) workspace: Option<WorkspaceUse>,
    /// Another host name for the server.
    pub(crate) host: Option<&'static str>,
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) state: Option<Arc<dyn StateStore>>,
    pub(crate) vault: Option<Arc<Vault>>,
    pub(crate) server: Option<Arc<Server>>,
    /// Nothing but this. None: what the profile needs.
    pub(crate) grant: Option<Grant>,
}

impl Setup {
    /// The profile that allows most, under limits that are reached soon.
    pub(crate) fn usual() -> Self {
        Self {
            id: "tenant",
            profile: "hostile-open",
            approved: None,
            connector: hostile(&limits()),
            limits: LimitGrant { bytes: Some(16 << 20), in_flight: Some(4), ..LimitGrant::default() },
            workspace: None,
            host: None,
            resolver: Arc::new(SystemResolver),
            state: None,
            vault: None,
            server: None,
            grant: None,
        }
    }
}

/// What a call came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The observations of the page.
    Seen(Vec<String>),
    /// The guest's own error.
    Refused(String),
    Stopped(CallError),
}

impl Outcome {
    pub(crate) fn seen(self) -> Vec<String> {
        match self {
            Self::Seen(seen) => seen,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn limit(self) -> Limit {
        match self {
            Self::Stopped(CallError::Limit(limit)) => limit,
            other => panic!("no limit but {}", shorten(&format!("{other:?}"))),
        }
    }

    /// The words of a trap.
    pub(crate) fn trapped(self) -> String {
        match self {
            Self::Stopped(CallError::Trapped(words)) => words,
            other => panic!("no trap but {}", shorten(&format!("{other:?}"))),
        }
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(2_000).collect()
}

/// Everything the guest has said.
#[derive(Default)]
pub(crate) struct Heard {
    events: Mutex<Vec<Event>>,
    progress: Mutex<Vec<Progress>>,
}

impl LogSink for Heard {
    fn event(&self, event: Event) {
        self.events.lock().unwrap().push(event);
    }

    fn progress(&self, progress: Progress) {
        self.progress.lock().unwrap().push(progress);
    }
}

impl Heard {
    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    pub(crate) fn progress(&self) -> Vec<Progress> {
        self.progress.lock().unwrap().clone()
    }
}

/// Time stands still, so that a guest has nothing to measure with.
pub(crate) struct Noon;

impl Clock for Noon {
    fn now_ms(&self) -> u64 {
        1_795_000_000_000
    }
}

/// A tenant with a server of its own.
pub(crate) struct Tenant {
    pub(crate) connection: Connection,
    pub(crate) server: Arc<Server>,
    /// Nobody may come here.
    pub(crate) trap: Trap,
    pub(crate) token: Canary,
    pub(crate) webhook: Canary,
    pub(crate) heard: Arc<Heard>,
    pub(crate) audit: Arc<audit::Memory>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) id: ConnectionId,
    folder: TempDir,
    said: Mutex<String>,
}

impl Tenant {
    pub(crate) async fn usual() -> Self {
        Self::open(Setup::usual()).await
    }

    pub(crate) async fn open(setup: Setup) -> Self {
        Self::try_open(setup).await.unwrap()
    }

    pub(crate) async fn try_open(setup: Setup) -> Result<Self, OpenError> {
        let server = match &setup.server {
            Some(server) => server.clone(),
            None => Arc::new(Server::start().await),
        };
        let trap = Trap::set().await;
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("workspace")).unwrap();
        let vault = setup.vault.clone().unwrap_or_else(|| vault(&folder.path().join("vault")));
        let id = ConnectionId::parse(setup.id).unwrap();
        let (token, webhook) = (Canary::new(&format!("glpat-{id}")), Canary::new(&format!("hook-{id}")));
        for (slot, canary) in [("token", &token), ("webhook", &webhook)] {
            let secret = Secret::new(canary.secret().as_bytes()).unwrap();
            let stored = Stored { secret, created_ms: 1, expires_ms: None };
            vault.put(&id, &SlotName::parse(slot).unwrap(), &stored).await.unwrap();
        }
        let (heard, audit) = (Arc::<Heard>::default(), Arc::<audit::Memory>::default());
        let on_disk = || Arc::new(state::directory::Directory::open(&folder.path().join("state")).unwrap());
        let parts = ConnectionParts {
            id: id.clone(),
            grant: match &setup.grant {
                Some(grant) => grant.clone(),
                None => grant(&setup, &server).await,
            },
            workspace: Some(Arc::new(Directory::open(&folder.path().join("workspace")).unwrap())),
            state: setup.state.unwrap_or_else(|| on_disk()),
            vault: vault.clone(),
            log: heard.clone(),
            audit: audit.clone(),
            clock: Arc::new(Noon),
        };
        let connection = Connection::open_with_resolver(&setup.connector, parts, setup.resolver).await?;
        let said = Mutex::default();
        Ok(Self { connection, server, trap, token, webhook, heard, audit, vault, id, folder, said })
    }

    pub(crate) fn workspace(&self) -> std::path::PathBuf {
        self.folder.path().join("workspace")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// One hostile call.
    pub(crate) async fn run(&self, mode: Mode, parameter: impl Into<String>) -> Outcome {
        let answer = self.connection.projects(mode.name(), Some(parameter.into())).await;
        let outcome = match answer {
            Ok(page) => Outcome::Seen(page.projects.into_iter().map(|project| project.path).collect()),
            Err(ConnectionError::Refused(refusal)) => {
                self.keep(&format!("{refusal:?}"));
                Outcome::Refused(refusal.message)
            }
            Err(ConnectionError::Stopped(error)) => {
                let causes = std::iter::successors(error.source(), |cause| (*cause).source());
                self.keep(&causes.map(ToString::to_string).collect::<String>());
                self.keep(error.hint());
                Outcome::Stopped(error)
            }
            Err(other) => panic!("{other}"),
        };
        self.keep(&format!("{outcome:?}"));
        outcome
    }

    fn keep(&self, text: &str) {
        self.said.lock().unwrap().push_str(text);
    }

    /// What has to hold after every hostile call: the next call works, nobody was reached who may not be, and the token is nowhere
    /// but in the one header of the one server.
    pub(crate) async fn stands(&self) {
        assert_eq!(self.run(Mode::RememberBetweenCalls, "").await.seen(), ["1"]);
        assert_eq!(self.trap.hits(), 0, "someone came to the trap");
        self.holds_no_secret_in_memory().await;
        self.holds_no_secret_outside();
    }

    async fn holds_no_secret_in_memory(&self) {
        for canary in [&self.token, &self.webhook] {
            let found = self.run(Mode::SearchMemory, format!("0\n{}", canary.needles())).await.seen();
            assert_eq!(found.len(), 1 + canary.count_of_forms(), "{found:?}");
            assert!(found[1..].iter().all(|times| times == "0"), "a secret is in the guest's memory: {found:?}");
        }
    }

    fn holds_no_secret_outside(&self) {
        let texts = [
            ("results and errors", self.said.lock().unwrap().clone()),
            ("log", format!("{:?} {:?}", self.heard.events(), self.heard.progress())),
            ("audit trail", format!("{:?}", self.audit.records())),
            ("connection", format!("{:?}", self.connection.permission())),
            ("vault", format!("{:?}", self.vault)),
        ];
        for canary in [&self.token, &self.webhook] {
            for (place, text) in &texts {
                assert_eq!(canary.found_in(text.as_bytes()), Vec::<&str>::new(), "in the {place}");
            }
            assert_eq!(canary.found_below(self.folder()), Vec::<String>::new());
        }
        self.token_is_only_in_its_header();
    }

    fn token_is_only_in_its_header(&self) {
        let header = format!("private-token: {}", self.token.secret());
        let raw = String::from_utf8_lossy(&self.server.raw()).replace(&header, "");
        assert_eq!(self.token.found_in(raw.as_bytes()), Vec::<&str>::new(), "on the wire outside its header");
        for request in self.server.requests() {
            let tokens = request.values("private-token");
            let withheld = request.line().contains("/open/");
            assert_eq!(tokens.len(), usize::from(!withheld), "{}", request.head);
            assert!(tokens.iter().all(|token| *token == self.token.secret()), "{}", request.head);
        }
    }
}

/// A vault on disk with a key of its own.
pub(crate) fn vault(folder: &Path) -> Arc<Vault> {
    let store = DirectoryStore::open(folder).unwrap();
    Arc::new(Vault::new(Arc::new(store), MasterKey::generate().unwrap()))
}

async fn grant(setup: &Setup, server: &Server) -> Grant {
    let about = setup.connector.about().await.ok();
    let profile = about.as_deref().and_then(|about| about.profile(setup.profile));
    Grant {
        origin: Some(match setup.host {
            Some(host) => format!("http://{host}:{}", server.port()),
            None => format!("http://{}", server.authority()),
        }),
        profile: Some(setup.profile.into()),
        approved: setup.approved.clone().or(profile.map(Profile::digest)),
        workspace: setup.workspace,
        network: Network { private_addresses: vec!["127.0.0.1/32".into()], plain_text: true, ..Network::default() },
        limits: setup.limits.clone(),
        ..Grant::default()
    }
}

/// A search that cannot fail proves nothing: half a token in a file of the workspace has to be noticed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_with_a_leak_does_not_stand() {
    let tenant = Tenant::usual().await;
    let half = &tenant.token.secret()[tenant.token.secret().len() / 2..];
    std::fs::write(tenant.workspace().join("leak.md"), format!("see {half}.")).unwrap();
    let stands = tokio::spawn(async move { tenant.stands().await }).await;
    let panic = stands.unwrap_err().into_panic();
    assert!(panic.downcast_ref::<String>().unwrap().contains("leak.md: second half"));
}
