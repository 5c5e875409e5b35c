//! The engine: compiles connectors, keeps them by digest, and drives the clock that stops runaway calls.
//!
//! Decided here: wasmtime's settings, which proposals exist for a component (few), where compiled code is cached. Compiled code is
//! only ever made here and never loaded from elsewhere, so nothing in this crate needs `unsafe`.

use crate::about::About;
use crate::bindings::LentPre;
use crate::call::{self, CallState};
use crate::limits::{Limits, MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLES};
use crate::load::{LoadError, Outline, digest};
use crate::manifest::Profile;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig};

/// How often a running component yields, so that its wall-clock limit can stop it.
const TICK: Duration = Duration::from_millis(10);

/// Where instances get their memory from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// When they need it: for programs that make a few calls.
    OnDemand,
    /// From a pool of this many slots, made once: for servers. More calls than that wait for a slot, as long as a call may take.
    /// Falls back to on-demand where the address space is too small for a pool.
    Pooled(u32),
}

/// What an engine is made of. No default: each product decides.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Where compiled components are kept between runs; the folder must belong to this user alone. None: compile at each start.
    pub cache: Option<PathBuf>,
    /// See [`Allocation`].
    pub allocation: Allocation,
    /// For every call of every connection; grants only lower them.
    pub limits: Limits,
}

/// Why an engine could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Compiled code is trusted when it is read, so nobody else may write it.
    #[error("the cache folder `{}` can be read or written by others (mode {mode:o})", path.display())]
    OpenCache {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The cache folder cannot be used.
    #[error("the cache folder `{}` cannot be used", path.display())]
    Cache {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// wasmtime refused the settings.
    #[error("the WebAssembly engine does not start here")]
    Engine(#[source] wasmtime::Error),
}

impl EngineError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::OpenCache { path, .. } => format!("chmod 700 {}", path.display()),
            Self::Cache { .. } => "choose another folder, or none to compile at each start".into(),
            Self::Engine(_) => "is this a 64-bit machine with enough address space?".into(),
        }
    }
}

/// Compiles connectors and runs their calls. Cheap to clone; one per process is enough.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    engine: wasmtime::Engine,
    linker: Linker<CallState>,
    limits: Limits,
    /// Where compiled components are, and what they say of themselves.
    folder: Option<PathBuf>,
    cache: Option<wasmtime::Cache>,
    /// One for each call.
    places: Semaphore,
    most_calls: usize,
    loaded: Mutex<HashMap<String, Slot>>,
}

/// Where a component is while somebody holds a connector of it. Locked while it is compiled.
type Slot = Arc<Mutex<Weak<Loaded>>>;

/// A compiled and checked component. Cheap to clone.
#[derive(Clone)]
pub struct Connector {
    engine: Engine,
    pub(crate) loaded: Arc<Loaded>,
}

/// What is made of a component's bytes.
pub(crate) struct Loaded {
    pub(crate) pre: LentPre<CallState>,
    pub(crate) about: OnceCell<Arc<About>>,
    pub(crate) profiles: OnceCell<Arc<[Profile]>>,
    outline: Outline,
}

impl Engine {
    /// Makes an engine and starts its clock, which ends with the last clone.
    pub fn new(options: EngineOptions) -> Result<Self, EngineError> {
        let EngineOptions { cache, allocation, limits } = options;
        let folder = cache;
        let cache = folder.as_deref().map(open_cache).transpose()?;
        let engine = match allocation {
            Allocation::OnDemand => wasmtime::Engine::new(&config(&limits, cache.clone())),
            Allocation::Pooled(slots) => pooled(&limits, cache.clone(), slots),
        }
        .map_err(EngineError::Engine)?;
        start_clock(engine.weak());
        let linker = call::linker(&engine).map_err(EngineError::Engine)?;
        let most_calls = match allocation {
            Allocation::OnDemand => Semaphore::MAX_PERMITS,
            Allocation::Pooled(slots) => slots as usize,
        };
        let (places, loaded) = (Semaphore::new(most_calls), Mutex::default());
        Ok(Self { inner: Arc::new(Inner { engine, linker, limits, folder, cache, places, most_calls, loaded }) })
    }

    /// Compiles a component, or finds it by its digest: as long as a connector of it lives in this process, and then in the cache
    /// folder. Takes about a third of a second the first time, so call it off the async threads.
    pub fn load(&self, bytes: &[u8]) -> Result<Connector, LoadError> {
        self.load_digested(bytes, digest(bytes))
    }

    /// As [`load`](Self::load), if the bytes have this digest.
    pub fn load_pinned(&self, bytes: &[u8], expected: &str) -> Result<Connector, LoadError> {
        let found = digest(bytes);
        if found != expected {
            return Err(LoadError::Digest { expected: expected.into(), found });
        }
        self.load_digested(bytes, found)
    }

    fn load_digested(&self, bytes: &[u8], digest: String) -> Result<Connector, LoadError> {
        let slot = self.slot(&digest);
        // Held until it is compiled: two at once of one component would do the work twice.
        let mut slot = locked(&slot);
        let loaded = match slot.upgrade() {
            Some(known) => known,
            None => Arc::new(self.compile(bytes, digest)?),
        };
        *slot = Arc::downgrade(&loaded);
        Ok(Connector { engine: self.clone(), loaded })
    }

    /// The place of a component, among those that are still held.
    fn slot(&self, digest: &str) -> Slot {
        let mut loaded = locked(&self.inner.loaded);
        loaded.retain(|_, slot| Arc::strong_count(slot) > 1 || locked(slot).strong_count() > 0);
        Arc::clone(loaded.entry(digest.into()).or_default())
    }

    fn compile(&self, bytes: &[u8], digest: String) -> Result<Loaded, LoadError> {
        let outline = Outline::skim(bytes, digest)?;
        outline.check()?;
        let component = Component::from_binary(&self.inner.engine, bytes).map_err(|error| explain(bytes, error))?;
        let instance = self.inner.linker.instantiate_pre(&component).map_err(LoadError::Engine)?;
        let pre = LentPre::new(instance).map_err(LoadError::Engine)?;
        Ok(Loaded { pre, about: OnceCell::new(), profiles: OnceCell::new(), outline })
    }

    /// A place for one call, free again when dropped.
    pub(crate) async fn place(&self) -> SemaphorePermit<'_> {
        self.inner.places.acquire().await.expect("it is never closed")
    }

    /// How many calls there can be at once.
    pub(crate) fn places(&self) -> usize {
        self.inner.most_calls
    }

    /// The limits of every call.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// How many components came compiled from the cache folder, and how many did not.
    pub fn cache_hits_and_misses(&self) -> (usize, usize) {
        self.inner.cache.as_ref().map_or((0, 0), |cache| (cache.cache_hits(), cache.cache_misses()))
    }

    pub(crate) fn cache_folder(&self) -> Option<&Path> {
        self.inner.folder.as_deref()
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.inner.engine
    }
}

impl Connector {
    /// What a parser reads in it.
    pub fn outline(&self) -> &Outline {
        &self.loaded.outline
    }

    /// The engine it was compiled for.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }
}

/// The compiler speaks of what it was doing; for bytes that are not valid there is a better sentence.
fn explain(bytes: &[u8], error: wasmtime::Error) -> LoadError {
    Outline::read(bytes).err().unwrap_or(LoadError::Engine(error))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Everything that a connector does not need is off, also where the crate's features already leave it out.
fn config(limits: &Limits, cache: Option<wasmtime::Cache>) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .consume_fuel(true)
        .epoch_interruption(true)
        .shared_memory(false)
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        .wasm_simd(false)
        .wasm_tail_call(false)
        .wasm_multi_memory(false)
        .max_wasm_stack(512 << 10)
        .memory_guard_size(32 << 20)
        // Nobody is shown where in a connector a trap was. Without the two tables there is a sixth less to load.
        .generate_address_map(false)
        .native_unwind_info(cfg!(windows))
        .cache(cache);
    debug_assert!(limits.memory_bytes < 4 << 30, "a linear memory has 32-bit addresses");
    config
}

/// Of a table, overwritten between two calls instead of given back to the system and fetched again: two calls of the system less, and
/// more than a connector's tables have.
const KEPT_TABLE_BYTES: usize = 64 << 10;

/// Slots of 4 GiB of address space each: smaller ones cost bounds checks, measured at 1.4 times the run time.
///
/// Memory is given back after each call. Keeping its pages by `pagemap_scan` would save some tens of microseconds a call, but that scan
/// passes over pages that were swapped out, and the next tenant would find them (bytecodealliance/wasmtime#14357).
fn pooled(limits: &Limits, cache: Option<wasmtime::Cache>, slots: u32) -> wasmtime::Result<wasmtime::Engine> {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(slots)
        .total_core_instances(slots * MAX_CORE_INSTANCES)
        .total_memories(slots * MAX_MEMORIES)
        .total_tables(slots * MAX_TABLES)
        .total_stacks(slots)
        .max_memories_per_component(MAX_MEMORIES)
        .max_tables_per_component(MAX_TABLES)
        .max_core_instances_per_component(MAX_CORE_INSTANCES)
        .max_memory_size(limits.memory_bytes)
        .table_elements(limits.table_elements)
        .table_keep_resident(KEPT_TABLE_BYTES);
    let mut config = config(limits, cache.clone());
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    wasmtime::Engine::new(&config).or_else(|_| wasmtime::Engine::new(&self::config(limits, cache)))
}

/// One thread for the whole engine; it ends by itself when the engine is gone.
fn start_clock(engine: EngineWeak) {
    std::thread::Builder::new()
        .name("gitlab-sync-clock".into())
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
            }
        })
        .expect("the system can start a thread");
}

fn open_cache(path: &Path) -> Result<wasmtime::Cache, EngineError> {
    make_private_folder(path)?;
    let mut config = wasmtime::CacheConfig::new();
    // The lowest level unpacks twice as fast as the usual one, and a file that is used often is not packed again, which takes seconds.
    config
        // A folder of its own: wasmtime removes from it what it does not know.
        .with_directory(path.join("code"))
        .with_files_total_size_soft_limit(256 << 20)
        .with_baseline_compression_level(1)
        .with_optimized_compression_level(1);
    wasmtime::Cache::new(config).map_err(EngineError::Engine)
}

#[cfg(unix)]
fn make_private_folder(path: &Path) -> Result<(), EngineError> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    let cache = |source| EngineError::Cache { path: path.into(), source };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(cache)?;
    let mode = std::fs::metadata(path).map_err(cache)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(EngineError::OpenCache { path: path.into(), mode });
    }
    Ok(())
}

#[cfg(not(unix))]
fn make_private_folder(path: &Path) -> Result<(), EngineError> {
    std::fs::create_dir_all(path).map_err(|source| EngineError::Cache { path: path.into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::CallError;
    use gitlab_sync_component::CONNECTOR;
    use std::error::Error;

    fn engine(allocation: Allocation) -> Engine {
        Engine::new(EngineOptions { cache: None, allocation, limits: Limits::standard() }).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_waits_for_a_place_in_the_pool_as_long_as_it_may_take() {
        let engine = engine(Allocation::Pooled(1));
        let connector = engine.load(CONNECTOR).unwrap();
        let taken = engine.place().await;
        let error = connector.about().await.unwrap_err();
        let cause = error.source().unwrap().downcast_ref::<CallError>().unwrap();
        assert!(matches!(cause, CallError::Busy(1)), "{cause}");
        drop(taken);
        tokio::time::resume();
        connector.about().await.unwrap();
    }

    /// It once lived for ever, with its thread: the components it had loaded held it, and it them.
    #[test]
    fn a_component_is_loaded_once_while_it_is_held_and_the_engine_ends_after_it() {
        let engine = engine(Allocation::OnDemand);
        let weak = engine.wasmtime().weak();
        let first = engine.load(CONNECTOR).unwrap();
        let second = engine.load(CONNECTOR).unwrap();
        assert!(Arc::ptr_eq(&first.loaded, &second.loaded));
        drop((first, second));
        engine.slot("another");
        assert_eq!(locked(&engine.inner.loaded).len(), 1, "what nobody holds is not kept");
        drop(engine);
        // The clock holds it for a moment at each tick.
        let gone = (0..10_000).any(|_| {
            std::thread::sleep(Duration::from_millis(1));
            weak.upgrade().is_none()
        });
        assert!(gone);
    }
}
