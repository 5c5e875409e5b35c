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
//! - [`events`]: what happened, for webhooks; `telling` puts it into words. [`routes`]: the table of all routes.
//!
//! # What is modelled
//!
//! - **Identity**: users, bots, service accounts, groups and subgroups, personal namespaces, members and the end of a
//!   membership; personal, impersonation, project and group access tokens with scopes per endpoint, expiry, revocation,
//!   rotation, revocation of the family on replay; fine-grained tokens and their refusals; deploy tokens for git and LFS;
//!   OAuth access tokens as credentials; sudo.
//! - **Projects**: both entities, listings by offset and keyset, creation, forks, settings, archiving, delayed deletion,
//!   transfer, redirects of old paths.
//! - **Repositories**: real bare git repositories. Branches, tags, the protection of both, tree, blobs, files, archive,
//!   compare, commits, contributors, merge bases, submodules; the Commits and Files API with their order of checks, starts
//!   in other projects of the fork network, LFS pointers on creation. Git over HTTP with protocol v2, shallow and partial
//!   clones, push options, refusals by hook; LFS by the batch API. Push rules and secret push protection ([`push_rules`])
//!   judge the real commits, whichever way they come.
//! - **Webhooks** ([`hooks`]): of projects, groups and the instance; real deliveries to receivers on loopback, signatures,
//!   templates, pauses of failing hooks, the hook log, tests and repetitions; told of pushes, tags, merge requests, notes,
//!   pipelines, jobs, deployments, members, groups, projects, accounts and tokens that are about to expire.
//! - **OAuth**: authorization codes with pages to click, PKCE, refresh, device codes, client credentials, revocation,
//!   introspection, token info.
//! - **GraphQL**: projects, blobs, trees and statistics of merge requests, with complexity, depth and size limits.
//! - **Records**: merge requests that are opened, changed, discussed, approved and merged, with their commits, differences,
//!   versions and history; labels of projects and groups, commit statuses, pipelines with jobs, deployments;
//!   [`seed::records`] makes any number of them, [`running`] makes pipelines move.
//! - **Limits**: throttle with and without headers, limits of single features, body sizes, maintenance mode.
//! - **Trouble**: the fault plan, which can say every refusal of [`error`]; commits of somebody else that land in between; a
//!   clock that can be moved.
//! - **Versions** 15 to 19 and the tiers Free and Premium, where behaviour differs.
//!
//! # Who tried it
//!
//! `git`, `git-lfs`, `glab`, python-gitlab, `@gitbeaker/rest` and a Chromium run against it in this crate's tests, which say
//! on standard error what they could not get. `GITLAB_SYNC_REAL_CLIENTS=required` makes that a failure.
//!
//! # Held against
//!
//! Every route is called in `tests/all/conformance/calls.txt`. `GITLAB_OPENAPI=FILE` compares the answers with GitLab's own
//! description of its API, `GITLAB_RECORDINGS=DIR` with recorded answers and deliveries; without them snapshots of what was
//! verified with both are compared.
//!
//! # What is deliberately not
//!
//! - Issues, releases, wikis, packages, registries, runners, CI variables and job tokens, search, sessions and pages for people.
//! - SSH and deploy keys, dumb HTTP, taking LFS locks, SHA-256 repositories. A fork is there at once.
//! - Signed commits and tags. Custom hooks, push rules of groups, the hundreds of kinds of secrets that GitLab knows, quotas.
//! - Group deletion is a mark only; a deleted project goes for good with `permanently_remove`, not with time.
//! - Of members: invited groups, custom roles, SAML, pending invitations. Nobody is told that a membership ended with time.
//! - Webhooks: receivers beyond loopback; payloads of issues, comments on anything but merge requests, releases, milestones,
//!   reactions, wikis, feature flags, vulnerabilities, deploy tokens and requests for access.
//! - OAuth: passwords (nobody here has one), trusted applications, `OpenID` Connect, CORS. `DPoP`. GraphQL: mutations.
//! - Merge requests of forks, milestones, time tracking, rebase, auto-merge, approval rules; those of the generator name
//!   commits that are in no repository. Jobs run only as [`running`] or the API says, and have no logs or artifacts.
//! - Compression is gzip of whole bodies from 256 bytes on; brotli is not offered.
//!
//! # Where further parts go
//!
//! A noun is `world/<noun>.rs` with a field in [`world::World`], `api/<noun>.rs` with a `routes()` merged in `api.rs`, and
//! what tests need of it in [`admin`] and `control`. What happens is told to [`events::Events`], to which webhooks listen.

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
mod graphql;
pub mod hooks;
pub mod limiter;
mod merging;
pub mod page;
pub mod params;
pub mod push_rules;
pub mod pushes;
pub mod reply;
pub mod rivals;
pub mod routing;
pub mod running;
pub mod seed;
pub mod server;
pub mod simulator;
pub mod tags;
pub mod telling;
pub mod version;
pub mod world;

pub use admin::{Admin, AdminError, ApplicationSpec, CommitSpec, ProjectSpec, TokenSpec, UserSpec};
pub use api::table as routes;
pub use git::actions::Action;
pub use running::{PipelineSpec, RunError};
pub use server::fault::{Canned, Effect, Fault, When};
pub use simulator::{Running, Simulator, SimulatorBuilder, StartError};
pub use version::{Tier, Version};
pub use world::access::{AccessLevel, Visibility};
pub use world::members::Source;
pub use world::push_rules::Terms;
pub use world::settings::Settings;
