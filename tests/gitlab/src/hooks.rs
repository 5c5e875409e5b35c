//! Webhooks: who wants to know what, and the requests that tell them.
//!
//! An event of [`crate::events`] goes through `dispatch` (which hooks, which payload), `request` (headers, signature,
//! template), `sender` (one HTTP exchange) and ends in [`deliveries`] and in the hook's [`breaker`]. There is no retry,
//! as in GitLab. The endpoints that change hooks are `api::hooks`.
//!
//! Receivers are reached on loopback only. A delivery to any other host fails as one to an unknown host does, but is
//! kept with its exact bytes, so a program that holds the simulator needs no receiver:
//!
//! ```no_run
//! # async fn run(gitlab: gitlab_sim::Running) {
//! for delivery in gitlab.deliveries().await {
//!     println!("{} {:?} {} bytes", delivery.url, delivery.header("X-Gitlab-Event"), delivery.body.len());
//! }
//! # }
//! ```
//!
//! Not modelled: following redirects, payloads of issues, wikis, releases, milestones, feature
//! flags, emoji and vulnerabilities.

pub mod branch_filter;
pub mod breaker;
pub mod chains;
pub mod deliveries;
pub(crate) mod dispatch;
pub mod hook;
pub(crate) mod lifecycle;
pub(crate) mod payload;
pub(crate) mod request;
mod sender;
pub mod signing;
pub mod switches;
pub mod target;
pub mod template;
mod tls;
pub mod trigger;
