//! What a handler is given: somebody who looks, or a form that somebody sent. There is no third way to a [`Caller`].

use super::caller::{Caller, parameter};
use super::desk::Desk;
use super::fields::Fields;
use super::origin;
use super::refusal::Refusal;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::Method;
use axum::http::request::Parts;
use std::sync::Arc;
use std::time::Duration;

/// Far more than any form but the editor's holds.
const SMALL: usize = 256 << 10;
/// The editor's: a text as large as the connector shows, and what encoding adds.
pub(crate) const LARGE: usize = 40 << 20;
/// For the whole of a form to arrive.
const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody looks. Changes nothing, and is not made for a form.
pub(crate) struct Seen<C> {
    pub(crate) caller: C,
    /// Behind the question mark.
    pub(crate) fields: Fields,
    /// The part of the path that names a conflict.
    pub(crate) conflict: Option<String>,
}

/// Somebody sent a form of this session.
pub(crate) struct Sent<C, const MOST: usize = SMALL> {
    pub(crate) caller: C,
    pub(crate) fields: Fields,
    pub(crate) conflict: Option<String>,
}

impl<C: Caller> FromRequestParts<Arc<Desk>> for Seen<C> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, desk: &Arc<Desk>) -> Result<Self, Refusal> {
        if parts.method != Method::GET && parts.method != Method::HEAD {
            return Err(Refusal::Foreign);
        }
        let caller = C::of(parts, desk).await?;
        let fields = Fields::parse(parts.uri.query().unwrap_or_default().as_bytes());
        Ok(Self { caller, fields, conflict: parameter(parts, "conflict").await })
    }
}

impl<C: Caller, const MOST: usize> FromRequest<Arc<Desk>> for Sent<C, MOST> {
    type Rejection = Refusal;

    async fn from_request(request: Request, desk: &Arc<Desk>) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        origin::judge(&parts.headers, desk.config().public_url.as_ref()).map_err(|_| Refusal::Foreign)?;
        // Nobody who is not signed in has a long form read.
        let caller = C::of(&mut parts, desk).await?;
        let fields = form(body, MOST, PATIENCE).await?;
        if !caller.visitor().proof().is(fields.text("proof")) {
            return Err(Refusal::Foreign);
        }
        Ok(Self { caller, fields, conflict: parameter(&mut parts, "conflict").await })
    }
}

/// A form that is no longer than this and whole in time.
pub(super) async fn form(body: Body, most: usize, patience: Duration) -> Result<Fields, Refusal> {
    let body = tokio::time::timeout(patience, to_bytes(body, most)).await.map_err(|_| Refusal::Malformed)?;
    Ok(Fields::parse(&body.map_err(|_| Refusal::TooLarge)?))
}
