//! One call: a fresh store, its budgets, and what becomes of them when it ends.
//!
//! Decided here: which limits stop a call and what that is called. Nothing of a call is left for the next: the store, its memory and
//! every request still on its way end with it. A limit that can be answered with an error value (requests, bytes, log lines) is
//! not here but with its capability; only what would go on for ever stops the call.

use crate::limits::Limits;
use wasmtime::component::{HasData, HasSelf, Linker, ResourceTable, ResourceTableError};
use wasmtime::{ResourceLimiter, Store, Trap};
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
    /// The host failed.
    #[error("the call could not be made")]
    Host(#[source] wasmtime::Error),
}

impl CallError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Limit(_) => "call again to go on; if it happens again, sync less at once or raise the limit",
            Self::Trapped(_) => "nothing was lost; report it with the lines before it in the log",
            Self::Host(_) => "see the cause",
        }
    }
}

/// Keeps a call's memory and tables below their limits, and remembers which one struck.
pub(crate) struct Limiter {
    memory_bytes: usize,
    table_elements: usize,
    peak_memory: usize,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { memory_bytes: limits.memory_bytes, table_elements: limits.table_elements, peak_memory: 0 }
    }

    pub(crate) fn peak_memory(&self) -> usize {
        self.peak_memory
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

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        if desired > self.table_elements {
            return Err(wasmtime::Error::new(Struck(Limit::Tables(self.table_elements))));
        }
        Ok(true)
    }

    /// One core module, and the few shims that a component is made of.
    fn instances(&self) -> usize {
        8
    }

    fn memories(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        2
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
    match error.downcast_ref::<Trap>() {
        Some(trap) => CallError::Trapped(last_words.unwrap_or_else(|| trap.to_string())),
        None => CallError::Host(error),
    }
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

/// Everything one call has. Dropped when it ends.
pub(crate) struct CallState {
    table: ResourceTable,
    http: WasiHttpCtx,
    hooks: Box<dyn wasmtime_wasi_http::WasiHttpHooks>,
    limiter: Limiter,
    pub(crate) lent: Lent,
}

pub(crate) struct Lent;

impl WasiHttpView for CallState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut *self.hooks, table: &mut self.table, ctx: &mut self.http }
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
    let mut linker = Linker::new(engine);
    let l = &mut linker;
    io::error::add_to_linker::<_, Resources>(l, |state| &mut state.table)?;
    io::poll::add_to_linker::<_, Resources>(l, |state| &mut state.table)?;
    io::streams::add_to_linker::<_, Resources>(l, |state| &mut state.table)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(l)?;
    own::clock::add_to_linker::<_, HasSelf<CallState>>(l, |state| state)?;
    own::log::add_to_linker::<_, HasSelf<CallState>>(l, |state| state)?;
    own::files::add_to_linker::<_, HasSelf<CallState>>(l, |state| state)?;
    own::state::add_to_linker::<_, HasSelf<CallState>>(l, |state| state)?;
    own::secrets::add_to_linker::<_, HasSelf<CallState>>(l, |state| state)?;
    Ok(linker)
}

/// A store with every budget set.
pub(crate) fn store(
    engine: &wasmtime::Engine,
    limits: &Limits,
    mut state: CallState,
) -> wasmtime::Result<Store<CallState>> {
    state.table.set_max_capacity(limits.handles);
    let mut store = Store::try_new(engine, state)?;
    store.limiter(|state| &mut state.limiter);
    store.set_fuel(limits.fuel)?;
    store.set_hostcall_fuel(limits.crossing_bytes);
    store.set_max_component_handles(limits.handles);
    store.set_epoch_deadline(1);
    store.epoch_deadline_async_yield_and_update(1);
    Ok(store)
}
