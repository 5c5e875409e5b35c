//! The hostile guest, compiled once for each set of limits.

use gitlab_sync_host::engine::{Allocation, Connector, Engine, EngineOptions};
use gitlab_sync_host::limits::Limits;
use hostile_guest::AboutMode;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use suite::HOSTILE;

/// Small enough to be reached in no time, and large enough for a machine under load.
pub(crate) fn limits() -> Limits {
    Limits {
        fuel: 60_000_000_000,
        wall: Duration::from_secs(120),
        answer: Duration::from_secs(120),
        memory_bytes: 48 << 20,
        table_elements: 10_000,
        handles: 500,
        crossing_bytes: 4 << 20,
        host_calls: 3_000,
    }
}

/// With so little fuel that a loop ends at once.
pub(crate) fn short_of_fuel() -> Limits {
    Limits { fuel: 100_000_000, ..limits() }
}

/// With so little time that a wait ends soon.
pub(crate) fn short_of_time() -> Limits {
    Limits { wall: Duration::from_millis(1_500), fuel: u64::MAX / 2, ..limits() }
}

pub(crate) fn engine(limits: Limits, allocation: Allocation) -> Engine {
    Engine::new(EngineOptions { cache: None, allocation, limits }).unwrap()
}

/// The hostile guest under these limits. Compiling takes about a third of a second, so it is done once.
pub(crate) fn hostile(limits: &Limits) -> Connector {
    static COMPILED: Mutex<Vec<Connector>> = Mutex::new(vec![]);
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = compiled.iter().find(|connector| connector.engine().limits() == limits) {
        return known.clone();
    }
    let connector = engine(limits.clone(), Allocation::OnDemand).load(HOSTILE).unwrap();
    compiled.push(connector.clone());
    connector
}

/// The hostile guest with another way to describe itself.
pub(crate) fn describing(mode: AboutMode, limits: &Limits) -> Connector {
    let component = mode.written_into(HOSTILE).unwrap();
    hostile(limits).engine().load(&component).unwrap()
}
