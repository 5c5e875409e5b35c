//! Loads the gitlab-sync component and lends it HTTP, secrets, files and state.
//!
//! A product compiles the component once, opens a [`Connection`](connection::Connection) for each tenant with what it grants, and calls it.
//! Every call runs in a store of its own, below limits, and ends with an answer, a refusal that says what to change, or the limit that
//! stopped it.
//!
//! ```no_run
//! use gitlab_sync_host::connection::{Connection, ConnectionParts};
//! use gitlab_sync_host::engine::{Allocation, Engine, EngineOptions};
//! use gitlab_sync_host::{audit, clock, connection_id::ConnectionId, files, grant::Grant, limits::Limits, log, secrets, state};
//! use std::sync::Arc;
//!
//! # async fn sync() -> Result<(), Box<dyn std::error::Error>> {
//! let options = EngineOptions { cache: None, allocation: Allocation::OnDemand, limits: Limits::standard() };
//! let connector = Engine::new(options)?.load(&std::fs::read("connector.wasm")?)?;
//! let profile = connector.about().await?.profile("files-read-write").ok_or("no such profile")?.digest();
//!
//! let store = secrets::directory::DirectoryStore::open("secrets")?;
//! let vault = secrets::vault::Vault::new(Arc::new(store), secrets::master::MasterKey::generate()?);
//! let handbook = Connection::open(&connector, ConnectionParts {
//!     id: ConnectionId::parse("handbook")?,
//!     grant: Grant {
//!         origin: Some("https://gitlab.example.com".into()),
//!         profile: Some("files-read-write".into()),
//!         approved: Some(profile),
//!         ..Grant::default()
//!     },
//!     workspace: Some(Arc::new(files::directory::Directory::open("handbook".as_ref())?)),
//!     state: Arc::new(state::directory::Directory::open("state".as_ref())?),
//!     vault: Arc::new(vault),
//!     log: Arc::new(log::Nowhere),
//!     audit: Arc::new(audit::Nowhere),
//!     clock: Arc::new(clock::SystemClock),
//! }).await?;
//! println!("connected as {}", handbook.connect().await?.username);
//! # Ok(())
//! # }
//! ```
//!
//! The rooms: [`engine`] and [`load`] turn bytes into a connector, [`contract`] lists what it may import, [`manifest`] is what it wants,
//! [`grant`] what an operator gives and [`permission`] what is therefore in force. [`http`], [`secrets`], [`files`], [`state`], [`log`] and
//! [`clock`] are the capabilities; each folder has the same parts: the pure judgement, the trait a product can put its own storage
//! behind, and `lend`, where the contract's words meet it. [`audit`] writes down what happened.
//!
//! This library reads no environment, no home folder and no terminal, and knows nothing of GitLab.

pub mod about;
pub mod audit;
mod bindings;
mod call;
pub mod clock;
pub mod connection;
pub mod connection_id;
pub mod contract;
pub mod engine;
pub mod files;
pub mod grant;
pub mod http;
pub mod limits;
pub mod load;
pub mod log;
pub mod manifest;
pub mod permission;
mod redact;
pub mod secrets;
pub mod state;
pub mod structure;
pub mod sync;
mod trail;

pub use call::{CallError, Limit};
