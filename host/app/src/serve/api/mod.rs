//! The JSON API, version 1: everything that the page does, for programs.
//!
//! Signed in by a user's token as `Authorization: Bearer`; no cookie counts here, so no page of another site can use it. An error is always
//! one shape ([`Problem`]). What the connector says is passed on as the command line prints it with `--json`. [`ROUTES`](routes::all) is
//! one list, from which come both what is answered and the description at `/api/openapi.json`, so that none is ever without the other; the
//! shapes in it are in `schemas.json`, and a test holds real answers against them.
//!
//! Another organisation's connection and one that is not there look the same.

mod body;
mod caller;
mod document;
mod problem;
mod routes;

use self::problem::{Problem, Within};
use super::server::Server;
use super::web::limiter::Limiter;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{any, get};
use std::ops::Deref;
use std::sync::Arc;

/// Of a request's body: the largest is a file that resolves a conflict.
const MOST_BODY_BYTES: usize = 12 << 20;

/// What the handlers share.
pub(crate) struct Api {
    server: Arc<Server>,
    limiter: Limiter,
}

impl Deref for Api {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

/// Every address of the API and its description.
pub(crate) fn router(server: Arc<Server>) -> Router {
    let api = Arc::new(Api { server, limiter: Limiter::default() });
    let document: Arc<str> = document::text(&api.config.base()).into();
    let described = move || async move { ([(CONTENT_TYPE, "application/json")], document.to_string()) };
    let mut router = Router::new().route("/api/openapi.json", get(described));
    for route in routes::all() {
        router = router.route(route.path, route.handler);
    }
    router
        .route("/api/{*nothing}", any(|| async { Problem::not_here() }))
        .method_not_allowed_fallback(|| async { Problem::method() })
        .layer(DefaultBodyLimit::max(MOST_BODY_BYTES))
        .layer(from_fn_with_state(api.clone(), around))
        .with_state(api)
}

/// No answer is for anybody else, and none is for later. What broke within is for the operator.
async fn around(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let mut answer = next.run(request).await;
    if let Some(Within(why)) = answer.extensions().get() {
        api.log.error("a request was not done", &[("why", why)]);
    }
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
