//! A GitLab that behaves like GitLab, in the parts that a connector uses.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use gitlab_sim::{ProjectSpec, Simulator, TokenSpec, UserSpec};
//!
//! let gitlab = Simulator::builder().base_path("/gitlab").start().await?;
//! let admin = gitlab.admin();
//! let alice = admin.create_user(UserSpec::person("alice"));
//! let project = admin.create_project(&ProjectSpec::at("demo/handbook"))?;
//! let token = admin.create_token(TokenSpec::personal(alice.id, &["api"]));
//! # let _ = (project, token);
//! # Ok(()) }
//! ```
//!
//! # Where things are
//!
//! - [`simulator`] starts and stops; [`admin`] changes the world from a test, `control` does so over HTTP (`/-/sim/`).
//! - `server`: one request's way before and after the routes: [`server::log`], [`server::fault`], throttle, compression.
//! - [`world`]: what the instance knows; `git`: what the repositories hold.
//! - [`call`], [`params`], [`page`], [`reply`], [`error`], [`auth`]: what every endpoint is made of.
//! - `api`: the endpoints, one file per noun.
//! - [`events`]: what happened, for webhooks.
//!
//! # Where further parts go
//!
//! A noun is `world/<noun>.rs` with a field in [`world::World`], `api/<noun>.rs` with a `routes()` merged in `api.rs`, and
//! what tests need of it in [`admin`] and `control`. Webhooks listen to [`events::Events`] (one task, started beside the
//! listener in [`simulator`]); OAuth fills [`world::oauth_tokens`], which authentication reads already; GraphQL is one more
//! route beside the API.

pub mod admin;
mod api;
pub mod app;
pub mod auth;
pub mod call;
pub mod clock;
pub mod committing;
mod control;
pub mod error;
pub mod events;
pub mod git;
pub mod hooks;
pub mod limiter;
pub mod page;
pub mod params;
pub mod pushes;
pub mod reply;
pub mod rivals;
pub mod seed;
pub mod server;
pub mod simulator;
pub mod version;
pub mod world;

pub use admin::{Admin, AdminError, CommitSpec, ProjectSpec, TokenSpec, UserSpec};
pub use git::actions::Action;
pub use server::fault::{Canned, Effect, Fault, When};
pub use simulator::{Running, Simulator, SimulatorBuilder, StartError};
pub use version::{Tier, Version};
pub use world::access::{AccessLevel, Visibility};
pub use world::members::Source;
pub use world::settings::Settings;
