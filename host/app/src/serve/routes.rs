//! Every path that the server answers.

use super::intake;
use super::journal::Journal;
use super::server::Server;
use axum::Router;
use axum::routing::get;
use std::sync::Arc;

pub(crate) fn router(server: Arc<Server>, journal: Journal) -> Router {
    Router::new().route("/healthz", get(|| async { "ok\n" })).merge(intake::router(server, journal))
}
