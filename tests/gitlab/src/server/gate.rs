//! What happens to every request before and after the routes.
//!
//! Order: log, base path, planned faults, maintenance, throttle, route, common headers and conditional answer, spoiling,
//! compression. The simulator's own `/-/sim/` goes past all of it.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::MatchedPath;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body::Body as _;
use sha1::{Digest, Sha1};
use tower_service::Service;

use super::body::{self, AtEnd, Metered};
use super::log::Entry;
use super::spoil::{self, Before};
use super::{gzip, throttle};
use crate::app::App;
use crate::error::ApiError;

/// Seconds after which a client may try again during maintenance.
const MAINTENANCE_RETRY_SECONDS: u32 = 900;
/// Bodies above this size get no `ETag`: hashing them costs more than a test gains.
const MAX_HASHED: u64 = 4 << 20;

/// The connection is to be cut without an answer.
#[derive(Debug, thiserror::Error)]
#[error("cut by the fault plan")]
pub(crate) struct Cut;

/// All routes behind the gate.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) app: Arc<App>,
    /// GitLab's own routes, below the base path.
    pub(crate) routes: Router,
    /// The simulator's own routes.
    pub(crate) control: Router,
}

impl Gate {
    /// Answers one request of one connection.
    pub(crate) async fn serve<B>(self, connection: u64, request: Request<B>) -> Result<Response<Body>, Cut>
    where
        B: http_body::Body<Data = bytes::Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let below = below(self.app.base_path(), request.uri());
        if let Some(uri) = below.clone().filter(|uri| uri.path().starts_with("/-/sim/")) {
            return Ok(ask(self.control.clone(), with_uri(request.map(Body::new), uri)).await);
        }
        let app = Arc::clone(&self.app);
        let entry = entry(connection, &request);
        let (received, sent) = (Arc::clone(&entry.request_bytes), Arc::clone(&entry.response_bytes));
        let number = app.log.begin(entry);
        let guard = AtEnd::new({
            let app = Arc::clone(&app);
            move || app.log.ended()
        });
        let request = request.map(|body| Body::new(Metered::new(body, received, None)));
        let (response, route) = match below {
            Some(uri) => self.answer(with_uri(request, uri)).await?,
            None => (ApiError::html(StatusCode::NOT_FOUND).into_response(), None),
        };
        app.log.answered(number, response.status().as_u16(), route.as_deref());
        Ok(response.map(|body| Body::new(Metered::new(body, sent, Some(guard)))))
    }

    async fn answer(self, mut request: Request<Body>) -> Result<(Response<Body>, Option<String>), Cut> {
        let app = self.app;
        let asked = request.uri().clone();
        let effects = app.faults.effects(request.method().as_str(), asked.path());
        match spoil::before(&app, &effects, &mut request).await {
            Before::Proceed => {}
            Before::Drop => return Err(Cut),
            Before::Answer(response) => return Ok((response, None)),
        }
        let headers = request.headers().clone();
        let method = request.method().clone();
        let started = Instant::now();
        let verdict = throttle::judge(&app, &request);
        let refusal = verdict.as_ref().and_then(throttle::Verdict::refusal).or_else(|| maintenance(&app, &request));
        let mut response = match refusal {
            Some(refusal) => refusal,
            None => ask(self.routes, without_last_slash(request)).await,
        };
        let route = response.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
        if asked.path().starts_with("/api/") {
            response = with_etag(&method, &headers, response).await;
            common_headers(&app, started, response.headers_mut());
        }
        if let Some(verdict) = verdict {
            verdict.describe(app.now(), response.headers_mut());
        }
        let response = gzip::compress(&headers, response).await;
        Ok((spoil::after(&app, &effects, &asked, response).await, route))
    }
}

/// The URI below the base path, or nothing when it is not below it.
fn below(base_path: &str, uri: &Uri) -> Option<Uri> {
    let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let rest = target.strip_prefix(base_path)?;
    let rest = if rest.is_empty() { "/" } else { rest };
    if rest.starts_with('/') { rest.parse().ok() } else { None }
}

/// The API is the same with a slash at the end of the path: `/api/graphql/` is how glab asks.
fn without_last_slash(request: Request<Body>) -> Request<Body> {
    let uri = request.uri();
    let Some(path) = uri.path().strip_suffix('/').filter(|path| path.starts_with("/api/")) else { return request };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    match format!("{path}{query}").parse() {
        Ok(uri) => with_uri(request, uri),
        Err(_) => request,
    }
}

fn with_uri(mut request: Request<Body>, uri: Uri) -> Request<Body> {
    *request.uri_mut() = uri;
    request
}

async fn ask(mut routes: Router, request: Request<Body>) -> Response<Body> {
    routes.call(request).await.unwrap_or_else(|never| match never {})
}

fn entry<B>(connection: u64, request: &Request<B>) -> Entry {
    let headers = request.headers().iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    Entry {
        number: 0,
        connection,
        protocol: format!("{:?}", request.version()),
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        request_bytes: Arc::new(AtomicU64::new(0)),
        status: 0,
        response_bytes: Arc::new(AtomicU64::new(0)),
        route: request.uri().path().to_owned(),
    }
}

/// Maintenance mode lets reads through, and git's reads, which are POSTs.
fn maintenance(app: &App, request: &Request<Body>) -> Option<Response<Body>> {
    let text = app.world().settings.maintenance.clone()?;
    let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    if reads || request.uri().path().ends_with("/git-upload-pack") {
        return None;
    }
    let text = if text.is_empty() { "GitLab is undergoing maintenance".to_owned() } else { text };
    Some(ApiError::unavailable(&text, MAINTENANCE_RETRY_SECONDS).into_response())
}

/// Adds a weak `ETag` to a good JSON answer, and answers 304 when the client has it already.
async fn with_etag(method: &Method, request: &HeaderMap, response: Response<Body>) -> Response<Body> {
    let small = response.body().size_hint().exact().is_some_and(|size| size <= MAX_HASHED);
    let good = response.status() == StatusCode::OK || response.status() == StatusCode::CREATED;
    if !small || !good || response.headers().contains_key(header::ETAG) {
        return response;
    }
    let (mut parts, all) = response.into_parts();
    let all = body::read(all).await;
    let digest: String = Sha1::digest(&all).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("W/\"{digest}\"");
    let known = request.get(header::IF_NONE_MATCH).is_some_and(|have| have.as_bytes() == tag.as_bytes());
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, tag);
    }
    if known && (*method == Method::GET || *method == Method::HEAD) {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(all))
}

fn common_headers(app: &App, started: Instant, headers: &mut HeaderMap) {
    let id = app.world_mut().dice.hex(26).to_uppercase();
    let meta = format!("{{\"correlation_id\":\"{id}\",\"version\":\"1\"}}");
    let runtime = format!("{:.6}", started.elapsed().as_secs_f64());
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.entry(name).or_insert(value);
        }
    };
    put("cache-control", "max-age=0, private, must-revalidate");
    put("vary", "Origin");
    put("x-content-type-options", "nosniff");
    put("x-frame-options", "SAMEORIGIN");
    put("x-gitlab-meta", &meta);
    put("x-request-id", &id);
    put("x-runtime", &runtime);
    put("strict-transport-security", "max-age=63072000");
    put("referrer-policy", "strict-origin-when-cross-origin");
    put("server", "nginx");
}
