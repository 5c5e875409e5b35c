//! Starting and stopping an instance.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::admin::Admin;
use crate::app::App;
use crate::hooks::deliveries::Delivery;
use crate::hooks::dispatch;
use crate::server::gate::Gate;
use crate::server::listen;
use crate::server::tls::{self, IdentityError};
use crate::version::{Tier, Version};
use crate::world::World;
use crate::world::settings::Settings;
use crate::{api, control};

/// Entry point: `Simulator::builder()`.
#[derive(Debug)]
pub struct Simulator;

impl Simulator {
    /// An instance to configure.
    pub fn builder() -> SimulatorBuilder {
        SimulatorBuilder::default()
    }
}

/// An instance to be started.
#[derive(Debug, Default)]
pub struct SimulatorBuilder {
    settings: Settings,
    base_path: String,
    port: u16,
    transport: Transport,
    seed: u64,
    repositories: Option<PathBuf>,
    origin: Option<String>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Transport {
    #[default]
    Clear,
    Tls,
}

/// Why an instance did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No port, no folder, no thread.
    #[error("the simulator could not start")]
    Io(#[from] std::io::Error),
    /// No certificate.
    #[error("the simulator has no certificate")]
    Identity(#[from] IdentityError),
    /// The base path is not one.
    #[error("the base path `{0}` must begin with a slash and not end with one")]
    BasePath(String),
}

impl SimulatorBuilder {
    /// Mounts the instance under a path such as `/gitlab`.
    #[must_use]
    pub fn base_path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.base_path);
        self
    }

    /// Says that it is this version, and behaves like it.
    #[must_use]
    pub fn version(mut self, version: Version) -> Self {
        self.settings.version = version;
        self
    }

    /// Is licensed for this tier.
    #[must_use]
    pub fn tier(mut self, tier: Tier) -> Self {
        self.settings.tier = tier;
        self
    }

    /// All other switches. Overrides version and tier set before.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Listens on this port; 0 (the default) takes a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Speaks TLS, with a certificate of an authority made at start.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.transport = Transport::Tls;
        self
    }

    /// Makes different secrets and bot names.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Keeps the repositories in this folder instead of a temporary one.
    #[must_use]
    pub fn repositories(mut self, folder: PathBuf) -> Self {
        self.repositories = Some(folder);
        self
    }

    /// Says in URLs that it is reached at this origin, as an instance behind a proxy does.
    #[must_use]
    pub fn external_origin(mut self, origin: &str) -> Self {
        self.origin = Some(origin.to_owned());
        self
    }

    /// Starts on a runtime of its own, so that neither side's blocking holds up the other.
    pub async fn start(self) -> Result<Running, StartError> {
        let valid = self.base_path.is_empty() || (self.base_path.starts_with('/') && !self.base_path.ends_with('/'));
        if !valid {
            return Err(StartError::BasePath(self.base_path));
        }
        let identity = match self.transport {
            Transport::Tls => Some(tls::identity()?),
            Transport::Clear => None,
        };
        let (folder, temporary) = match self.repositories {
            Some(folder) => (folder, None),
            None => {
                let temporary = TempDir::with_prefix("gitlab-sim-")?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let app = Arc::new(App::new(World::new(self.settings, self.seed), folder, self.base_path));
        let socket = std::net::TcpListener::bind(("127.0.0.1", self.port))?;
        socket.set_nonblocking(true)?;
        let scheme = if identity.is_some() { "https" } else { "http" };
        let own = format!("{scheme}://127.0.0.1:{}", socket.local_addr()?.port());
        app.set_origin(self.origin.unwrap_or_else(|| own.clone()));

        let (config, ca_pem) = identity.map(|identity| (identity.config, identity.ca_pem)).unzip();
        let gate = Gate {
            routes: api::routes().with_state(Arc::clone(&app)),
            control: control::routes().with_state(Arc::clone(&app)),
            app: Arc::clone(&app),
        };
        // Listens before anything can happen.
        let heard = app.events.listen();
        let teller = Arc::clone(&app);
        let (stop, stopped) = oneshot::channel::<()>();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let thread = std::thread::Builder::new().name("gitlab-sim".into()).spawn(move || {
            runtime.block_on(async move {
                let Ok(listener) = TcpListener::from_std(socket) else { return };
                tokio::spawn(dispatch::run(teller, heard));
                tokio::select! {
                    () = listen::listen(listener, config, gate) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        })?;
        let url = format!("{own}{}", app.base_path());
        Ok(Running { app, url, ca_pem, stop: Some(stop), thread: Some(thread), _temporary: temporary })
    }
}

/// An instance that serves until it is dropped.
#[derive(Debug)]
pub struct Running {
    app: Arc<App>,
    url: String,
    ca_pem: Option<String>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _temporary: Option<TempDir>,
}

impl Running {
    /// Where it listens, base path included, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The authority that signed its certificate, when it speaks TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// Every webhook delivery made so far, with its exact headers and bytes, whether or not there was a receiver. Waits
    /// until everything that happened before this call has been told, at most for the time a delivery may take.
    pub async fn deliveries(&self) -> Vec<Delivery> {
        let told = self.app.events.told();
        while !self.app.deliveries.is_settled(told) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.app.deliveries.all()
    }

    /// The handle to change the world and to look at the log.
    pub fn admin(&self) -> Admin {
        Admin::new(Arc::clone(&self.app))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic on that thread was reported there already.
            let _ = thread.join();
        }
    }
}
