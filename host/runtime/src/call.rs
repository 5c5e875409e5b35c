//! One call: a fresh store, its budgets, and what becomes of them when it ends.
//!
//! Decided here: which limits stop a call and what that is called. Nothing of a call is left for the next: the store, its memory and
//! every request still on its way end with it. A limit that can be answered with an error value (requests, bytes, log lines) is
//! not here but with its capability; only what would go on for ever stops the call.

use crate::audit::{self, AuditError, AuditTrail};
use crate::bindings::Lent as Guest;
use crate::bindings::gitlab_sync::connector::types;
use crate::clock::{Clock, SystemClock};
use crate::connection_id::ConnectionId;
use crate::engine::Connector;
use crate::files::Workspace;
use crate::files::lend::LentFiles;
use crate::http;
use crate::http::broken::{self, Broken, HasBroken};
use crate::http::call::Refusal;
use crate::http::credential::NoCredential;
use crate::http::hooks::Hooks;
use crate::http::sender::{Sender, SenderConfig};
use crate::limits::{Limits, MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLES};
use crate::log::lend::LentLog;
use crate::log::{self, LogSink};
use crate::manifest::Profile;
use crate::permission::Permission;
use crate::secrets::connection::{ConnectionSecrets, Parts};
use crate::secrets::master::MasterKey;
use crate::secrets::memory::MemoryStore;
use crate::secrets::names::NameError;
use crate::secrets::transport::CallTransport;
use crate::secrets::vault::{Vault, VaultError};
use crate::state::lend::LentState;
use crate::state::{self, StateStore};
use crate::trail::Trail;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasmtime::component::{HasData, HasSelf, Linker, ResourceTable, ResourceTableError};
use wasmtime::{PoolConcurrencyLimitError, ResourceLimiter, Store, Trap};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// The limit that stopped a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// Instructions.
    #[error("it computed too long: more than {0} units of fuel")]
    Fuel(u64),
    /// Wall-clock time.
    #[error("it took longer than {0} ms")]
    Time(u128),
    /// Linear memory.
    #[error("it asked for more than {0} bytes of memory")]
    Memory(usize),
    /// Table elements.
    #[error("it asked for tables of more than {0} elements")]
    Tables(usize),
    /// Handles.
    #[error("it held more than {0} handles")]
    Handles(usize),
    /// Bytes that cross the border.
    #[error("it passed more than {0} bytes at once")]
    Crossing(usize),
    /// Host calls.
    #[error("it called the host more than {0} times")]
    HostCalls(u64),
    /// Native stack.
    #[error("it called itself too deep")]
    Stack,
}

impl Limit {
    /// The word for it in the audit trail.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fuel(_) => "fuel",
            Self::Time(_) => "time",
            Self::Memory(_) => "memory",
            Self::Tables(_) => "tables",
            Self::Handles(_) => "handles",
            Self::Crossing(_) => "crossing",
            Self::HostCalls(_) => "host-calls",
            Self::Stack => "stack",
        }
    }
}

/// What a call did not survive. The connector's own refusals are not here: they are values.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// A budget was used up.
    #[error("the connector was stopped: {0}")]
    Limit(Limit),
    /// It trapped, which is a mistake in it. The text is its last words, if it had any.
    #[error("the connector failed: {0}")]
    Trapped(String),
    /// The engine's pool was in use by others all the time that a call may take. Nothing of this one was done.
    #[error("all {0} places for calls are taken")]
    Busy(usize),
    /// The host failed.
    #[error("the call could not be made")]
    Host(#[source] wasmtime::Error),
    /// The call was made, but the trail has a hole.
    #[error("the call is not written down")]
    Audit(#[source] AuditError),
}

impl CallError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Limit(_) => "call again to go on; if it happens again, sync less at once or raise the limit",
            Self::Busy(_) => "call again later, or give the engine a larger pool",
            Self::Trapped(_) => "nothing was lost; report it with the lines before it in the log",
            Self::Host(_) => "see the cause",
            Self::Audit(_) => "make room for the audit trail and look what the call has done",
        }
    }
}

/// Keeps a call's memory and tables below their limits, and remembers how much it had.
pub(crate) struct Limiter {
    memory_bytes: usize,
    table_elements: usize,
    peak_memory: usize,
    elements: usize,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { memory_bytes: limits.memory_bytes, table_elements: limits.table_elements, peak_memory: 0, elements: 0 }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        if desired > self.memory_bytes {
            return Err(wasmtime::Error::new(Struck(Limit::Memory(self.memory_bytes))));
        }
        self.peak_memory = self.peak_memory.max(desired);
        Ok(true)
    }

    /// Of all tables together.
    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let elements = self.elements.saturating_add(desired.saturating_sub(current));
        if elements > self.table_elements {
            return Err(wasmtime::Error::new(Struck(Limit::Tables(self.table_elements))));
        }
        self.elements = elements;
        Ok(true)
    }

    fn instances(&self) -> usize {
        MAX_CORE_INSTANCES as usize
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES as usize
    }

    fn tables(&self) -> usize {
        MAX_TABLES as usize
    }
}

/// A limit on its way out of the engine.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct Struck(pub(crate) Limit);

/// What an error of the engine means. `last_words` is the message of the guest's panic.
pub(crate) fn classify(error: wasmtime::Error, limits: &Limits, last_words: Option<String>) -> CallError {
    if let Some(Struck(limit)) = error.downcast_ref() {
        return CallError::Limit(*limit);
    }
    if let Some(limit) = limit_of_engine(&error, limits) {
        return CallError::Limit(limit);
    }
    if is_hosts_own(&error) {
        return CallError::Host(error);
    }
    // A trap, or a host function used in a way it is not for, such as with a handle that was never given.
    let cause = error.downcast_ref::<Trap>().map_or_else(|| error.root_cause().to_string(), ToString::to_string);
    CallError::Trapped(last_words.unwrap_or(cause))
}

/// The few failures during a call that are not the connector's.
fn is_hosts_own(error: &wasmtime::Error) -> bool {
    error.downcast_ref::<VaultError>().is_some() || error.downcast_ref::<PoolConcurrencyLimitError>().is_some()
}

/// A refusal's code as a word for the audit trail. It comes from the connector, so it may be anything.
fn word_of(code: &str) -> &str {
    let is_code = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if code.len() <= 64 && code.bytes().all(is_code) { code } else { "refused" }
}

/// The engine's own limits. Two of them have no type that could be asked for, so their sentence is read; `tests/hostile` would notice
/// a new wording.
fn limit_of_engine(error: &wasmtime::Error, limits: &Limits) -> Option<Limit> {
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => return Some(Limit::Fuel(limits.fuel)),
        Some(Trap::Interrupt) => return Some(Limit::Time(limits.wall.as_millis())),
        Some(Trap::StackOverflow) => return Some(Limit::Stack),
        _ => {}
    }
    if matches!(error.downcast_ref(), Some(ResourceTableError::Full)) {
        return Some(Limit::Handles(limits.handles));
    }
    let says = |words: &str| error.chain().any(|cause| cause.to_string().contains(words));
    if says("store handle limit exceeded") {
        return Some(Limit::Handles(limits.handles));
    }
    says("fuel allocated for hostcalls").then_some(Limit::Crossing(limits.crossing_bytes))
}

/// What one connection lends to each of its calls.
pub(crate) struct Lending {
    pub(crate) id: ConnectionId,
    pub(crate) profile: Profile,
    pub(crate) permission: Permission,
    pub(crate) sender: Arc<Sender>,
    pub(crate) workspace: Option<Arc<dyn Workspace>>,
    pub(crate) state: Arc<dyn StateStore>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) log: Arc<dyn LogSink>,
    pub(crate) audit: Arc<dyn AuditTrail>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Lending {
    /// Nothing at all, for calls that need nothing.
    pub(crate) fn nothing() -> Self {
        let permission = Permission::nothing();
        Self {
            id: ConnectionId::parse("nobody").expect("it is a good name"),
            profile: Profile::nothing(),
            sender: Arc::new(Sender::new(permission.clone(), SenderConfig::new(Arc::new(NoCredential)))),
            permission,
            workspace: None,
            state: Arc::new(state::memory::Memory::default()),
            vault: Arc::new(Vault::new(Arc::new(MemoryStore::default()), MasterKey::from_bytes([0; 32]))),
            log: Arc::new(log::Nowhere),
            audit: Arc::new(audit::Nowhere),
            clock: Arc::new(SystemClock),
        }
    }
}

/// Everything one call has. Dropped when it ends.
pub(crate) struct CallState {
    table: ResourceTable,
    http: WasiHttpCtx,
    hooks: Hooks,
    limiter: Limiter,
    host_calls: u64,
    most_host_calls: u64,
    ends: Instant,
    pub(crate) lent: Lent,
}

/// The capabilities of our own, as one call has them.
pub(crate) struct Lent {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) log: LentLog,
    pub(crate) files: LentFiles,
    pub(crate) state: LentState,
    pub(crate) secrets: ConnectionSecrets,
}

impl CallState {
    fn new(lending: &Lending, limits: &Limits, trail: &Arc<Trail>) -> Result<Self, NameError> {
        let network = http::call::Call::new(lending.sender.clone(), trail.clone());
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        Ok(Self {
            table,
            http: WasiHttpCtx::new(),
            hooks: Hooks::new(network.clone()),
            limiter: Limiter::new(limits),
            host_calls: 0,
            most_host_calls: limits.host_calls,
            ends: Instant::now() + limits.wall,
            lent: Lent::new(lending, network, trail)?,
        })
    }

    /// What is left of the call's wall-clock time.
    pub(crate) fn time_left(&self) -> Duration {
        self.ends.saturating_duration_since(Instant::now())
    }

    /// Called first by every function of our own interfaces. Those of WASI cost fuel and handles instead.
    pub(crate) fn count_host_call(&mut self) -> wasmtime::Result<()> {
        self.host_calls += 1;
        if self.host_calls > self.most_host_calls {
            return Err(wasmtime::Error::new(Struck(Limit::HostCalls(self.most_host_calls))));
        }
        Ok(())
    }
}

impl Lent {
    fn new(lending: &Lending, network: http::call::Call, trail: &Arc<Trail>) -> Result<Self, NameError> {
        let clock = lending.clock.clone();
        let parts = Parts {
            vault: lending.vault.clone(),
            connection: lending.id.clone(),
            transport: Arc::new(CallTransport { call: network }),
            observer: trail.clone(),
            clock: Arc::new(move || clock.now_ms()),
        };
        Ok(Self {
            clock: lending.clock.clone(),
            log: LentLog::new(lending.log.clone(), lending.vault.clone(), lending.id.clone()),
            files: LentFiles::new(lending.workspace.clone(), lending.permission.workspace(), trail.clone()),
            state: LentState::new(lending.state.clone(), lending.id.clone()),
            secrets: ConnectionSecrets::new(parts, &lending.profile)?,
        })
    }
}

/// A call of the guest: bindings and store in, answer out.
pub(crate) type Calling<'a, T> = Pin<Box<dyn Future<Output = wasmtime::Result<Result<T, types::Error>>> + Send + 'a>>;

type Outcome<T> = Result<Result<T, types::Error>, CallError>;

/// What became of a call, and what the host refused meanwhile.
pub(crate) type Ended<T> = (Outcome<T>, Vec<Refusal>);

/// Runs one call in a store of its own and writes it down.
pub(crate) async fn run<T>(
    connector: &Connector,
    lending: &Lending,
    export: &'static str,
    body: impl for<'s> FnOnce(&'s Guest, &'s mut Store<CallState>) -> Calling<'s, T>,
) -> Ended<T> {
    let (limits, started) = (connector.engine().limits(), Instant::now());
    let wall = limits.wall_of(export);
    let trail = Arc::new(Trail::new(lending.audit.clone(), lending.clock.clone(), lending.id.clone()));
    let (outcome, refusals, spent) = match tokio::time::timeout(wall, connector.engine().place()).await {
        Ok(_place) => run_in_place(connector, lending, wall, &trail, body).await,
        Err(_) => (Err(CallError::Busy(connector.engine().places())), Vec::new(), Spent::default()),
    };
    trail.ended(audit::Call {
        export: export.into(),
        outcome: word_of_outcome(&outcome).into(),
        fuel: spent.fuel,
        peak_memory_bytes: spent.peak_memory as u64,
        ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    });
    (trail.hole().map_or(outcome, |hole| Err(CallError::Audit(hole))), refusals)
}

/// What a call has used.
#[derive(Default)]
struct Spent {
    fuel: u64,
    peak_memory: usize,
}

async fn run_in_place<T>(
    connector: &Connector,
    lending: &Lending,
    wall: Duration,
    trail: &Arc<Trail>,
    body: impl for<'s> FnOnce(&'s Guest, &'s mut Store<CallState>) -> Calling<'s, T>,
) -> (Outcome<T>, Vec<Refusal>, Spent) {
    let limits = connector.engine().limits();
    let mut store = match store(connector, lending, trail) {
        Ok(store) => store,
        Err(error) => return (Err(CallError::Host(error)), Vec::new(), Spent::default()),
    };
    let called = async {
        let guest = connector.loaded.pre.instantiate_async(&mut store).await?;
        body(&guest, &mut store).await
    };
    let outcome = match tokio::time::timeout(wall, called).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(classify(error, limits, store.data_mut().lent.log.last_words())),
        Err(_) => Err(CallError::Limit(Limit::Time(wall.as_millis()))),
    };
    // A call that says what it did says it of files that stay.
    let settled = store.data_mut().lent.files.settle().await;
    let outcome = outcome.and_then(|answer| match settled {
        Ok(()) => Ok(answer),
        Err(error) => Err(CallError::Host(wasmtime::Error::new(error))),
    });
    store.data_mut().lent.log.finish();
    let fuel = limits.fuel - store.get_fuel().unwrap_or(limits.fuel);
    let spent = Spent { fuel, peak_memory: store.data().limiter.peak_memory };
    (outcome, store.data().hooks.call().refusals(), spent)
}

/// The word for it in the audit trail.
fn word_of_outcome<T>(outcome: &Outcome<T>) -> &str {
    match outcome {
        Ok(Ok(_)) => "done",
        Ok(Err(refused)) => word_of(&refused.code),
        Err(CallError::Limit(limit)) => limit.name(),
        Err(CallError::Trapped(_)) => "trapped",
        Err(CallError::Busy(_)) => "busy",
        Err(CallError::Host(_) | CallError::Audit(_)) => "host",
    }
}

impl WasiHttpView for CallState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}

/// How the streams of wasmtime's own crates reach the call's resources.
struct Resources;

impl HasData for Resources {
    type Data<'a> = &'a mut ResourceTable;
}

/// Everything a component can be lent, and nothing else: a component that asks for more does not link.
pub(crate) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<CallState>> {
    use crate::bindings::gitlab_sync::connector as own;
    use wasmtime_wasi::p2::bindings::io;
    let mut linker = Linker::<CallState>::new(engine);
    let l = &mut linker;
    io::error::add_to_linker::<_, HasBroken>(l, |state| Broken(&mut state.table))?;
    io::poll::add_to_linker::<_, Resources>(l, |state| &mut state.table)?;
    io::streams::add_to_linker::<_, Resources>(l, |state| &mut state.table)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(l)?;
    broken::add_http_error_code(l)?;
    own::clock::add_to_linker::<_, HasSelf<CallState>>(l, |state| state)?;
    own::log::add_to_linker::<_, HasSelf<CallState>>(l, |state| state)?;
    own::files::add_to_linker::<_, HasSelf<CallState>>(l, |state| state)?;
    own::state::add_to_linker::<_, HasSelf<CallState>>(l, |state| state)?;
    own::secrets::add_to_linker::<_, HasSelf<CallState>>(l, |state| state)?;
    Ok(linker)
}

/// A store with every budget set.
fn store(connector: &Connector, lending: &Lending, trail: &Arc<Trail>) -> wasmtime::Result<Store<CallState>> {
    let limits = connector.engine().limits();
    let state = CallState::new(lending, limits, trail).map_err(wasmtime::Error::new)?;
    let mut store = Store::try_new(connector.engine().wasmtime(), state)?;
    store.limiter(|state| &mut state.limiter);
    store.set_fuel(limits.fuel)?;
    store.set_hostcall_fuel(limits.crossing_bytes);
    store.set_max_component_handles(limits.handles);
    // Not a deadline but a pause: at each tick the call gives way, so that the wall clock can end it.
    store.set_epoch_deadline(1);
    store.epoch_deadline_async_yield_and_update(1);
    Ok(store)
}
