//! Sign in with the token that the operator gave, and out again.

use super::super::Visitor;
use super::super::desk::Desk;
use super::super::fields::Fields;
use super::super::origin;
use super::super::refusal::{Refusal, notice};
use super::super::sent::{Sent, form};
use super::Answer;
use crate::serve::listener::Peer;
use crate::serve::page::address::{GITLAB, SIGN_IN};
use crate::serve::page::{Frame, Notice, Problem, document, sign_in as view};
use crate::serve::people::Token;
use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

/// Of the form, which has one token in it: nobody is signed in yet, so it costs little.
const MOST_BYTES: usize = 4 << 10;
const PATIENCE: Duration = Duration::from_secs(8);

pub(super) async fn show(State(desk): State<Arc<Desk>>, headers: HeaderMap, RawQuery(query): RawQuery) -> Answer {
    if let Some(key) = desk.transport.read(&headers)
        && desk.person(&key).await?.is_some()
    {
        return Ok(Redirect::to(GITLAB).into_response());
    }
    let fields = Fields::parse(query.unwrap_or_default().as_bytes());
    Ok(page(StatusCode::OK, notice(&fields), None))
}

fn page(status: StatusCode, notice: Option<Notice>, problem: Option<&Problem>) -> Response {
    let frame = Frame { title: "Sign in", signed_in: None, crumbs: &[], notice, again: None };
    (status, Html(document(&frame, &view::html(problem)).into_string())).into_response()
}

/// There is no session whose proof a form could carry; where it comes from is judged by its origin alone.
pub(super) async fn sign_in(
    State(desk): State<Arc<Desk>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    origin::judge(&headers, desk.config().public_url.as_ref()).map_err(|_| Refusal::Foreign)?;
    let fields = form(body, MOST_BYTES, PATIENCE).await?;
    let signed_in = match Token::parse(fields.text("token")) {
        Some(token) => desk.sign_in(&token).await?,
        None => None,
    };
    let Some(key) = signed_in else {
        let from = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Extension(Peer(from))| from.ip());
        if let Some(wait_ms) = desk.limiter.failed(from, desk.now_ms()) {
            return Ok(too_often(wait_ms));
        }
        let problem = Problem::new("this is no sign-in token of this server")
            .remedy("copy the whole of it, from `gsync_` to the end")
            .remedy("if it was removed, ask whoever runs this server for a new one");
        return Ok(page(StatusCode::UNPROCESSABLE_ENTITY, None, Some(&problem)));
    };
    let mut response = Redirect::to(GITLAB).into_response();
    response.headers_mut().insert(SET_COOKIE, desk.transport.set(&key));
    Ok(response)
}

fn too_often(wait_ms: u64) -> Response {
    let seconds = wait_ms.div_ceil(1_000);
    let problem = Problem::new("too many sign-ins failed").remedy(format!("try again in {seconds} seconds"));
    let mut response = page(StatusCode::TOO_MANY_REQUESTS, None, Some(&problem));
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

pub(super) async fn sign_out(State(desk): State<Arc<Desk>>, headers: HeaderMap, _: Sent<Visitor>) -> Answer {
    if let Some(key) = desk.transport.read(&headers) {
        desk.sign_out(&key).await?;
    }
    let mut response = super::done(SIGN_IN, Notice::SignedOut);
    response.headers_mut().insert(SET_COOKIE, desk.transport.clear());
    Ok(response)
}
