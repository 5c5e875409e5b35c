//! Around every request: its id, one log line, and a count.
//!
//! The line has the route as it is written in this program, never the path as it was asked for: a hook's path is a secret, and a path that
//! is nobody's may be anything.

use super::log::REQUEST;
use super::server::Server;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Asked so often by machines that lines of them would hide the others; they are counted.
const QUIET: [&str; 3] = ["/healthz", "/readyz", "/metrics"];
/// Thousands in a second; one that was not taken has a line.
const HOOKS: &str = "/hooks/";

/// Ids count up from the time at which the process began, so that no two are alike for long.
static NEXT: AtomicU64 = AtomicU64::new(0);

pub(crate) async fn around(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let id = format!("{:x}-{:x}", server.since_ms, NEXT.fetch_add(1, Ordering::Relaxed));
    let method = method(request.method().as_str());
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let since = Instant::now();
    let work = async {
        let answer = next.run(request).await;
        let status = answer.status().as_u16();
        server.metrics.answered(status);
        if !is_quiet(&route, status) {
            let (status, ms) = (status.to_string(), since.elapsed().as_millis().to_string());
            server.log.info("answered", &[("method", method), ("route", &route), ("status", &status), ("ms", &ms)]);
        }
        answer
    };
    let mut answer = REQUEST.scope(id.clone(), work).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        answer.headers_mut().insert(HeaderName::from_static("x-request-id"), value);
    }
    answer
}

fn is_quiet(route: &str, status: u16) -> bool {
    QUIET.contains(&route) || (route.starts_with(HOOKS) && status < 300)
}

/// A method is a word that the caller chose.
fn method(name: &str) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    known.into_iter().find(|known| *known == name).unwrap_or("other")
}
