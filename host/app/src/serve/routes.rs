//! Every path that the server answers.

use super::access;
use super::api;
use super::health;
use super::intake;
use super::journal::Journal;
use super::server::Server;
use axum::Router;
use axum::middleware::from_fn_with_state;
use std::sync::Arc;

pub(crate) fn router(server: Arc<Server>, journal: Journal) -> Router {
    let around = from_fn_with_state(server.clone(), access::around);
    Router::new()
        .merge(health::router(server.clone()))
        .merge(intake::router(server.clone(), journal))
        .merge(api::router(server))
        .layer(around)
}
