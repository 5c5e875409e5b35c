//! Every path that the server answers.

use super::access;
use super::api;
use super::health;
use super::intake;
use super::journal::Journal;
use super::server::Server;
use super::web;
use axum::Router;
use axum::middleware::from_fn_with_state;
use std::sync::Arc;
use tokio::sync::watch;

/// Streams end when `end` says so.
pub(crate) fn router(server: Arc<Server>, journal: Journal, end: watch::Receiver<bool>) -> Router {
    let around = from_fn_with_state(server.clone(), access::around);
    Router::new()
        .merge(health::router(server.clone()))
        .merge(intake::router(server.clone(), journal))
        .merge(api::router(server.clone()))
        .merge(web::router(server, end))
        .layer(around)
}
