//! Every path that the server answers.

use super::access;
use super::health;
use super::server::Server;
use axum::Router;
use axum::middleware::from_fn_with_state;
use std::sync::Arc;

pub(crate) fn router(server: Arc<Server>) -> Router {
    let around = from_fn_with_state(server.clone(), access::around);
    Router::new().merge(health::routes()).layer(around).with_state(server)
}
