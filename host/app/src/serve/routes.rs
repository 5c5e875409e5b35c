//! Every path that the server answers.

use super::server::Server;
use axum::Router;
use axum::routing::get;
use std::sync::Arc;

pub(crate) fn router(server: Arc<Server>) -> Router {
    Router::new().route("/healthz", get(|| async { "ok\n" })).with_state(server)
}
