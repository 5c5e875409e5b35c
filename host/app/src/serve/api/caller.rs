//! Who asks, and for whose connection. A handler that has one of these as an argument cannot be reached without being allowed to.

use super::Api;
use super::problem::Problem;
use crate::serve::listener::Peer;
use crate::serve::people::{Person, Role, Token};
use crate::store::connections::Entry;
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use gitlab_sync_host::connection_id::ConnectionId;
use std::sync::Arc;

/// Somebody who is signed in, whatever their role.
pub(super) struct Visitor(pub(super) Person);

/// Somebody who may change things.
pub(super) struct Admin(pub(super) Person);

/// One of these.
pub(super) trait Caller: FromRequestParts<Arc<Api>, Rejection = Problem> + Send {
    fn person(&self) -> &Person;
}

/// A connection of the caller's own organisation: `{id}` of the path.
pub(super) struct Own<W> {
    who: W,
    pub(super) entry: Entry,
}

/// A part of the path beside the connection.
pub(super) struct Item(pub(super) String);

impl Caller for Visitor {
    fn person(&self) -> &Person {
        &self.0
    }
}

impl Caller for Admin {
    fn person(&self) -> &Person {
        &self.0
    }
}

impl<W: Caller> Own<W> {
    pub(super) fn person(&self) -> &Person {
        self.who.person()
    }

    pub(super) fn id(&self) -> &ConnectionId {
        &self.entry.id
    }
}

impl FromRequestParts<Arc<Api>> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let peer = parts.extensions.get::<Peer>().map(|peer| peer.0.ip()).ok_or_else(Problem::not_signed_in)?;
        let given = parts.headers.get(AUTHORIZATION).ok_or_else(Problem::not_signed_in)?;
        let token = given.to_str().ok().and_then(|text| text.strip_prefix("Bearer ")).and_then(Token::parse);
        let person = match token {
            Some(token) => api.people.who(&token.digest()).await?,
            None => None,
        };
        person.map(Self).ok_or_else(|| match api.limiter.failed(peer, api.now_ms()) {
            Some(wait_ms) => Problem::too_often(wait_ms),
            None => Problem::not_signed_in(),
        })
    }
}

impl FromRequestParts<Arc<Api>> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let Visitor(person) = Visitor::from_request_parts(parts, api).await?;
        if person.role < Role::Admin {
            return Err(Problem::not_admin());
        }
        Ok(Self(person))
    }
}

impl<W: Caller> FromRequestParts<Arc<Api>> for Own<W> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let who = W::from_request_parts(parts, api).await?;
        let id = part(parts, |name| name == "id").await.and_then(|id| ConnectionId::parse(&id).ok());
        let id = id.ok_or_else(Problem::not_here)?;
        // First, so that nobody else is told that there is one which cannot be read.
        if api.database.organisation(&id).await? != who.person().organisation {
            return Err(Problem::not_here());
        }
        let entry = api.database.entry(&id).await?.ok_or_else(Problem::not_here)?;
        Ok(Self { who, entry })
    }
}

impl FromRequestParts<Arc<Api>> for Item {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Result<Self, Problem> {
        part(parts, |name| name != "id").await.map(Self).ok_or_else(Problem::not_here)
    }
}

/// Decoded.
async fn part(parts: &mut Parts, wanted: impl Fn(&str) -> bool) -> Option<String> {
    let parameters = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    parameters.iter().find(|(name, _)| wanted(name)).map(|(_, value)| value.to_owned())
}
