//! The running instance: what every request can reach.

use std::path::PathBuf;
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jiff::Timestamp;

use crate::clock::Clock;
use crate::events::Events;
use crate::git::repositories::Repositories;
use crate::hooks::chains::Chains;
use crate::hooks::deliveries::Deliveries;
use crate::limiter::Limiter;
use crate::rivals::Rivals;
use crate::server::fault::FaultPlan;
use crate::server::log::RequestLog;
use crate::world::World;

/// The instance. Lives behind an `Arc` as the state of every route.
#[derive(Debug)]
pub struct App {
    world: RwLock<World>,
    /// The bare repositories.
    pub repositories: Repositories,
    /// What happened.
    pub events: Events,
    /// What time it is.
    pub clock: Clock,
    /// Every request received.
    pub log: RequestLog,
    /// What goes wrong on purpose.
    pub faults: FaultPlan,
    /// Who asked how often.
    pub limiter: Limiter,
    /// Commits planned to come in between.
    pub rivals: Rivals,
    /// What webhooks were told.
    pub deliveries: Deliveries,
    /// Which webhooks caused which.
    pub chains: Chains,
    base_path: String,
    origin: OnceLock<String>,
}

impl App {
    /// An instance that does not serve yet.
    pub(crate) fn new(world: World, repositories: PathBuf, base_path: String) -> Self {
        Self {
            world: RwLock::new(world),
            repositories: Repositories::new(repositories),
            events: Events::default(),
            clock: Clock::default(),
            log: RequestLog::default(),
            faults: FaultPlan::default(),
            limiter: Limiter::default(),
            rivals: Rivals::default(),
            deliveries: Deliveries::default(),
            chains: Chains::default(),
            base_path,
            origin: OnceLock::new(),
        }
    }

    /// The world, to read. A panic of one request must not take the instance down, so poison is ignored.
    pub fn world(&self) -> RwLockReadGuard<'_, World> {
        self.world.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The world, to change.
    pub fn world_mut(&self) -> RwLockWriteGuard<'_, World> {
        self.world.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time the instance believes in.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The path under which the instance is mounted: empty or `/gitlab`.
    pub fn base_path(&self) -> &str {
        &self.base_path
    }

    /// Scheme, host and port, without the base path (`X-Gitlab-Instance`).
    pub fn origin(&self) -> &str {
        self.origin.get().map_or("http://127.0.0.1", String::as_str)
    }

    /// The external URL: origin and base path, without a slash at the end.
    pub fn url(&self) -> String {
        format!("{}{}", self.origin(), self.base_path)
    }

    pub(crate) fn set_origin(&self, origin: String) {
        // Set once, right after the port is known and before the first request.
        let _ = self.origin.set(origin);
    }
}
