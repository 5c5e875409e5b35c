//! Carries out planned faults on answers.

use std::time::Duration;

use axum::body::Body;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};

use super::body;
use super::fault::{Canned, Effect};
use super::gzip;
use crate::app::App;
use crate::error::ApiError;

/// What is done before the request reaches a route.
pub(crate) enum Before {
    /// Go on.
    Proceed,
    /// Cut the connection.
    Drop,
    /// Answer this instead.
    Answer(Response<Body>),
}

/// Waits, cuts or answers before the request is carried out.
pub(crate) async fn before(app: &App, effects: &[Effect], request: &mut Request<Body>) -> Before {
    for effect in effects {
        match effect {
            Effect::Latency { ms, jitter_ms } => {
                let extra = if *jitter_ms > 0 { app.world_mut().dice.below(jitter_ms + 1) } else { 0 };
                tokio::time::sleep(Duration::from_millis(ms + extra)).await;
            }
            Effect::Drop => return Before::Drop,
            Effect::Answer(canned) => return Before::Answer(answer(canned)),
            Effect::Redirect { status, origin } => {
                let target = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
                return Before::Answer(redirect(*status, &format!("{origin}{}{target}", app.base_path())));
            }
            Effect::EndlessPages => first_page(request),
            _ => {}
        }
    }
    Before::Proceed
}

/// Spoils an answer that is ready. `asked` is the URI before any change.
pub(crate) async fn after(app: &App, effects: &[Effect], asked: &Uri, mut response: Response<Body>) -> Response<Body> {
    for effect in effects {
        response = match effect {
            Effect::AnswerAfter(canned) => answer(canned),
            Effect::CutBody { at } => with_body(response, *at, body::cut).await,
            Effect::TruncateBody { at } => with_body(response, *at, Body::from).await,
            Effect::ContentLength { says } => lie_about_length(response, *says).await,
            Effect::Drip { bytes, every_ms } => {
                let every = Duration::from_millis(*every_ms);
                with_body(response, u64::MAX, |all| body::drip(&all, *bytes, every)).await
            }
            Effect::EndlessPages => point_next(app, response, asked, 1),
            Effect::LoopingPages => point_next(app, response, asked, 0),
            Effect::LinkOrigin { origin } => move_links(app, response, origin),
            Effect::GzipBomb { mib } => bomb(response, *mib),
            Effect::NoPageHeaders => without_page_headers(response),
            _ => response,
        };
    }
    response
}

fn answer(canned: &Canned) -> Response<Body> {
    let status = StatusCode::from_u16(canned.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = ApiError::html(status).into_response();
    if let Some(text) = &canned.body {
        *response.body_mut() = Body::from(text.clone());
    }
    if let Some(kind) = canned.content_type.as_deref().and_then(|kind| HeaderValue::from_str(kind).ok()) {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    for (name, value) in &canned.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

fn redirect(status: u16, target: &str) -> Response<Body> {
    answer(&Canned { headers: vec![("location".into(), target.to_owned())], ..Canned::html(status) })
}

async fn with_body(response: Response<Body>, at: u64, make: impl FnOnce(bytes::Bytes) -> Body) -> Response<Body> {
    let (mut parts, all) = response.into_parts();
    let mut all = body::read(all).await;
    all.truncate(usize::try_from(at).unwrap_or(usize::MAX));
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, make(all))
}

async fn lie_about_length(response: Response<Body>, says: u64) -> Response<Body> {
    let mut response = with_body(response, u64::MAX, body::unsized_body).await;
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(says));
    response
}

fn page_of(uri: &Uri) -> u64 {
    let query = uri.query().unwrap_or_default();
    let page = query.split('&').find_map(|pair| pair.strip_prefix("page="));
    page.and_then(|page| page.parse().ok()).unwrap_or(1)
}

fn with_page(uri: &Uri, page: u64) -> String {
    let query = uri.query().unwrap_or_default();
    let kept = query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("page="));
    let query: Vec<String> = kept.map(str::to_owned).chain([format!("page={page}")]).collect();
    format!("{}?{}", uri.path(), query.join("&"))
}

/// Every page is the first one, so none is empty. A keyset cursor is dropped for the same reason.
fn first_page(request: &mut Request<Body>) {
    let without_cursor = |pair: &&str| !pair.starts_with("page_token=") && !pair.starts_with("id_after=");
    let target = with_page(request.uri(), 1);
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query: Vec<&str> = query.split('&').filter(without_cursor).collect();
    if let Ok(uri) = format!("{path}?{}", query.join("&")).parse() {
        *request.uri_mut() = uri;
    }
}

fn point_next(app: &App, mut response: Response<Body>, asked: &Uri, step: u64) -> Response<Body> {
    let page = page_of(asked);
    let next = page + step;
    let link = format!("<{}{}>; rel=\"next\"", app.url(), with_page(asked, next));
    let headers = response.headers_mut();
    headers.remove("x-total");
    headers.remove("x-total-pages");
    headers.insert("x-page", HeaderValue::from(page));
    headers.insert("x-next-page", HeaderValue::from(next));
    if let Ok(link) = HeaderValue::from_str(&link) {
        headers.insert(header::LINK, link);
    }
    response
}

fn move_links(app: &App, mut response: Response<Body>, origin: &str) -> Response<Body> {
    let link = response.headers().get(header::LINK).and_then(|link| link.to_str().ok());
    let moved = link.map(|link| link.replace(app.origin(), origin));
    if let Some(moved) = moved.and_then(|moved| HeaderValue::from_str(&moved).ok()) {
        response.headers_mut().insert(header::LINK, moved);
    }
    response
}

fn bomb(response: Response<Body>, mib: u32) -> Response<Body> {
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    Response::from_parts(parts, gzip::bomb(mib))
}

fn without_page_headers(mut response: Response<Body>) -> Response<Body> {
    for name in ["x-total", "x-total-pages", "x-page", "x-per-page", "x-next-page", "x-prev-page", "link"] {
        response.headers_mut().remove(name);
    }
    response
}
