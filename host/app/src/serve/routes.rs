//! Every path that the server answers.

use super::access;
use super::health;
use super::server::Server;
use super::web;
use axum::Router;
use axum::middleware::from_fn_with_state;
use std::sync::Arc;
use tokio::sync::watch;

/// Streams end when `end` says so.
pub(crate) fn router(server: Arc<Server>, end: watch::Receiver<bool>) -> Router {
    let around = from_fn_with_state(server.clone(), access::around);
    let pages = web::router(server.clone(), end);
    Router::new().merge(health::routes()).with_state(server).merge(pages).layer(around)
}
