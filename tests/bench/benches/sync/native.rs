//! The connector's own Rust without WebAssembly, over the same host: the same policy, pool, workspace and state.
//!
//! What is missing is the sandbox alone: no component to load, no border to cross, no fuel, no bound on memory. Failures of a request
//! are not told apart here: a benchmark runs against a server in good health, and ends at the first one that is not.

use crate::connector::{Done, Errand, files, grant, id, notes, vault};
use bytes::Bytes;
use gitlab_sync_connector::host::{
    Clock, Content, Entry, ExchangeError, Expectation, FileChange, FileError, Files, Http, HttpError, Level, Listing,
    Log, News, Put, Reply, SecretError, Secrets, State, StateError, Value,
};
use gitlab_sync_connector::pull::{self, Deletions, Options};
use gitlab_sync_connector::push;
use gitlab_sync_connector::request::{Instance, Request};
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::files::{self as lent, Workspace, WorkspacePath};
use gitlab_sync_host::http::call::Call;
use gitlab_sync_host::http::credential::{CredentialError, CredentialSource};
use gitlab_sync_host::http::error::SendError;
use gitlab_sync_host::http::record::NoObserver;
use gitlab_sync_host::http::reply::ReplyBody;
use gitlab_sync_host::http::sender::{Sender, SenderConfig};
use gitlab_sync_host::http::timeouts::Shorter;
use gitlab_sync_host::http::upload::GuestBody;
use gitlab_sync_host::manifest::Profile;
use gitlab_sync_host::permission::Permission;
use gitlab_sync_host::secrets::vault::Vault;
use gitlab_sync_host::state::{self as notes_of, StateStore};
use http_body_util::{BodyExt, Empty, Full};
use std::cell::RefCell;
use std::future::Future;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::{Handle, Runtime};
use tokio::task::{JoinHandle, JoinSet};
use zeroize::Zeroizing;

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Pull,
    Push,
}

/// Calls after which a job must have come to its end.
const MOST_CALLS: u64 = 200;

/// Runs the job to its end.
pub(crate) fn run(runtime: &Runtime, errand: &Errand, direction: Direction) -> Result<Done, String> {
    let profile = std::fs::read(errand.home.join("profile.json")).map_err(|error| error.to_string())?;
    let profile: Profile = serde_json::from_slice(&profile).map_err(|error| error.to_string())?;
    let permission = Permission::new(&profile, &grant(&errand.origin, &profile)).map_err(|error| error.to_string())?;
    let _inside = runtime.enter();
    let sender = Arc::new(Sender::new(permission, SenderConfig::new(Arc::new(Token(vault(&errand.home)?)))));
    let (workspace, state) = (Arc::new(files(&errand.home)?), Arc::new(notes(&errand.home)?));
    let authority = errand.origin.trim_start_matches("http://").to_owned();
    let instance = Instance { scheme: "http".into(), authority, base_path: String::new() };
    let mut done = Done::default();
    while done.calls < MOST_CALLS {
        let host = Lent {
            handle: runtime.handle().clone(),
            call: Call::new(sender.clone(), Arc::new(NoObserver)),
            workspace: workspace.clone(),
            ahead: RefCell::default(),
            state: state.clone(),
            id: id(),
        };
        let options = Options { plan: None, deletions: Deletions::Approved, message: None };
        let step = match direction {
            Direction::Pull => pull::pull(&host, &instance, &options),
            Direction::Push => push::push(&host, &instance, &options),
        };
        let step = step.map_err(|error| error.to_string())?;
        done.calls += 1;
        done.changes += step.changes.len() as u64;
        if !step.more {
            return Ok(done);
        }
    }
    Err("the job does not end".into())
}

/// The vault as the sender's source of the credential.
struct Token(Vault);

#[async_trait::async_trait]
impl CredentialSource for Token {
    async fn secrets(&self) -> Result<Vec<(String, Zeroizing<Vec<u8>>)>, CredentialError> {
        let all = self.0.reveal_all(&id()).await;
        let all = all.map_err(|error| CredentialError::Vault { message: error.to_string(), hint: error.hint() })?;
        Ok(all.into_iter().map(|(slot, stored)| (slot.to_string(), stored.secret.expose().to_vec().into())).collect())
    }
}

/// What became of a batch.
type Made = Result<Vec<lent::Version>, lent::FileError>;

struct Lent {
    handle: Handle,
    call: Call,
    workspace: Arc<dyn Workspace>,
    ahead: RefCell<Option<JoinHandle<Made>>>,
    state: Arc<dyn StateStore>,
    id: ConnectionId,
}

impl Lent {
    fn block<T>(&self, future: impl Future<Output = T>) -> T {
        self.handle.block_on(future)
    }
}

impl Http for Lent {
    fn send(&self, requests: &[Request]) -> Vec<Result<Reply, HttpError>> {
        let mut flights = JoinSet::new();
        for (place, request) in requests.iter().enumerate() {
            let (call, request) = (self.call.clone(), outgoing(request));
            // How many are in flight at once is bounded by the call's budget.
            flights.spawn_on(async move { (place, whole(&call, request).await) }, &self.handle);
        }
        let mut outcomes = self.block(flights.join_all());
        outcomes.sort_unstable_by_key(|(place, _)| *place);
        outcomes.into_iter().map(|(_, outcome)| outcome.map_err(|error| failure(&error))).collect()
    }

    fn stream(&self, request: &Request, take: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> Result<Reply, HttpError> {
        let failed = |error| failure(&error);
        let (mut reply, mut body) = self.block(head(&self.call, outgoing(request))).map_err(failed)?;
        // Between the pieces, what takes them asks for other things, so each is waited for on its own.
        while let Some(frame) = self.block(body.frame()) {
            let Ok(data) = frame.map_err(failed)?.into_data() else { continue };
            if !(200..300).contains(&reply.status) {
                reply.body.extend_from_slice(&data);
            } else if take(&data).is_break() {
                break;
            }
        }
        Ok(reply)
    }
}

async fn whole(call: &Call, request: http::Request<GuestBody>) -> Result<Reply, SendError> {
    let (mut reply, body) = head(call, request).await?;
    reply.body = body.collect().await?.to_bytes().to_vec();
    Ok(reply)
}

async fn head(call: &Call, request: http::Request<GuestBody>) -> Result<(Reply, ReplyBody), SendError> {
    let (head, body) = call.forward(request, Shorter::default()).await?.into_parts();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    Ok((Reply { status: head.status.as_u16(), headers, body: Vec::new() }, body))
}

/// With the headers that the component sends.
fn outgoing(request: &Request) -> http::Request<GuestBody> {
    let uri = format!("http://{}{}", request.instance.authority, request.path_with_query());
    let builder = http::Request::builder().method(request.method.name()).uri(uri).header("accept", "application/json");
    let built = match &request.body {
        None => builder.body(Empty::new().map_err(|never| match never {}).boxed_unsync()),
        Some(body) => builder
            .header("content-type", "application/json")
            .header("content-length", body.length())
            .body(Full::new(Bytes::from(body.to_bytes())).map_err(|never| match never {}).boxed_unsync()),
    };
    built.expect("the connector builds good requests")
}

fn failure(error: &SendError) -> HttpError {
    HttpError::Denied(Some(error.to_string()))
}

impl Files for Lent {
    fn list(&self, _: &str, after: Option<&str>) -> Result<Listing, FileError> {
        let listing = self.block(self.workspace.list(None, after)).map_err(|error| refused(&error))?;
        Ok(Listing { entries: entries(listing.entries), skipped: skipped(listing.skipped), more: listing.more })
    }

    fn news(&self, known: &[u64], paths: &[String]) -> Result<News, FileError> {
        let paths = paths.iter().map(|path| parse(path)).collect::<Result<Vec<_>, _>>()?;
        let told = lent::news::news(&*self.workspace, known.to_vec(), &paths);
        let told = self.block(told).map_err(|error| refused(&error))?;
        let (missing, too_many) = (told.missing, told.too_many);
        Ok(News { entries: entries(told.entries), skipped: skipped(told.skipped), missing, too_many })
    }

    fn look(&self, paths: &[String]) -> Result<Vec<Option<Entry>>, FileError> {
        let paths = paths.iter().map(|path| parse(path)).collect::<Result<Vec<_>, _>>()?;
        let found = self.block(self.workspace.look(&paths)).map_err(|error| refused(&error))?;
        Ok(found.into_iter().map(|found| entries(found.into_iter().collect()).pop()).collect())
    }

    fn read(&self, paths: &[String]) -> Result<Vec<Content>, FileError> {
        let paths = paths.iter().map(|path| parse(path)).collect::<Result<Vec<_>, _>>()?;
        let contents = self.block(self.workspace.read(&paths)).map_err(|error| refused(&error))?;
        let content = |content: lent::Content| Content {
            path: content.path.to_string(),
            bytes: content.bytes,
            version: content.version.as_str().into(),
        };
        Ok(contents.into_iter().map(content).collect())
    }

    fn apply(&self, batch: Vec<FileChange>) -> Result<Vec<String>, FileError> {
        Ok(told(self.block(self.workspace.begin(checked(batch)?)).map_err(|error| refused(&error))?))
    }

    fn apply_ahead(&self, batch: Vec<FileChange>) -> Result<Vec<String>, FileError> {
        let before =
            self.ahead.take().map(|going| self.block(going).map_err(|error| FileError::Storage(error.to_string())));
        let before = before.transpose()?.transpose().map_err(|error| refused(&error))?.unwrap_or_default();
        if !batch.is_empty() {
            let (workspace, batch) = (self.workspace.clone(), checked(batch)?);
            self.ahead.replace(Some(self.handle.spawn(async move { workspace.begin(batch).await })));
        }
        Ok(told(before))
    }
}

fn checked(batch: Vec<FileChange>) -> Result<lent::Batch, FileError> {
    let changes = batch.into_iter().map(change).collect::<Result<Vec<_>, _>>()?;
    lent::Batch::new(changes).map_err(|error| refused(&error))
}

fn told(versions: Vec<lent::Version>) -> Vec<String> {
    versions.into_iter().map(|version| version.as_str().into()).collect()
}

fn entries(listed: Vec<lent::Entry>) -> Vec<Entry> {
    let entry = |entry: lent::Entry| Entry {
        path: entry.path.to_string(),
        size: entry.size,
        version: entry.version.as_str().into(),
        executable: entry.executable,
    };
    listed.into_iter().map(entry).collect()
}

fn skipped(listed: Vec<lent::Skipped>) -> Vec<(String, String)> {
    listed.into_iter().map(|skipped| (skipped.path, skipped.reason)).collect()
}

fn change(change: FileChange) -> Result<lent::Change, FileError> {
    let expectation = |expected| match expected {
        Expectation::Absent => lent::Expectation::Absent,
        Expectation::Version(version) => lent::Expectation::Version(lent::Version::new(version)),
    };
    Ok(match change {
        FileChange::Write { path, bytes, executable, expected } => {
            lent::Change::Write(lent::Write { path: parse(&path)?, bytes, executable, expected: expectation(expected) })
        }
        FileChange::Delete { path, expected } => {
            lent::Change::Delete(lent::Delete { path: parse(&path)?, expected: expectation(expected) })
        }
    })
}

fn parse(path: &str) -> Result<WorkspacePath, FileError> {
    WorkspacePath::parse(path).map_err(|error| FileError::Unsafe(path.into(), error.to_string()))
}

fn refused(error: &lent::FileError) -> FileError {
    FileError::Storage(error.to_string())
}

impl State for Lent {
    fn get(&self, key: &str) -> Result<Option<Value>, StateError> {
        let value = self.block(self.state.get(&self.id, &name(key)?)).map_err(|error| lost(&error))?;
        Ok(value.map(|value| Value { bytes: value.bytes, version: value.version }))
    }

    fn commit(&self, writes: Vec<Put>) -> Result<(), StateError> {
        let put = |put: Put| Ok(notes_of::Put { key: name(&put.key)?, bytes: put.bytes, expected: put.expected });
        let writes = writes.into_iter().map(put).collect::<Result<Vec<_>, StateError>>()?;
        // As the host does before it keeps anything of what was written.
        self.block(self.workspace.settle()).map_err(|error| StateError::Storage(error.to_string()))?;
        self.block(self.state.commit(&self.id, writes)).map_err(|error| lost(&error))
    }
}

fn name(key: &str) -> Result<notes_of::Key, StateError> {
    notes_of::Key::parse(key).map_err(|error| lost(&error))
}

fn lost(error: &notes_of::StateError) -> StateError {
    StateError::Storage(error.to_string())
}

/// A pull or a push uses no secret but the token, which the sender adds.
impl Secrets for Lent {
    fn made_ms(&self, _: &str) -> Result<Option<u64>, SecretError> {
        Err(none())
    }

    fn rename(&self, _: &str, _: &str) -> Result<(), SecretError> {
        Err(none())
    }

    fn exchange(&self, _: &Request) -> Result<Reply, ExchangeError> {
        Err(ExchangeError::Denied("this host lends no secrets".into()))
    }

    fn is_present(&self, _: &str) -> Result<bool, SecretError> {
        Err(none())
    }

    fn generate_webhook_secret(&self, _: &str) -> Result<(), SecretError> {
        Err(none())
    }

    fn forget(&self, _: &str) -> Result<(), SecretError> {
        Err(none())
    }

    fn matches(&self, _: &str, _: &[u8]) -> Result<bool, SecretError> {
        Err(none())
    }

    fn verify_signature(&self, _: &str, _: &[u8], _: &[u8]) -> Result<bool, SecretError> {
        Err(none())
    }
}

fn none() -> SecretError {
    SecretError::Denied("this host lends no secrets".into())
}

impl Log for Lent {
    fn event(&self, _: Level, _: &str, _: &[(&str, &str)]) {}

    fn progress(&self, _: u64, _: u64, _: &str) {}
}

impl Clock for Lent {
    fn now_ms(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
    }

    fn wait(&self, ms: u32) -> bool {
        std::thread::sleep(Duration::from_millis(ms.into()));
        true
    }
}
