//! Who asks, and for whose connection. Each of these types is made in one place, and only if it is true.

use super::desk::Desk;
use super::refusal::Refusal;
use super::session::FormProof;
use crate::serve::page::frame::SignedIn;
use crate::serve::people::{Person, Role};
use crate::store::connections::Entry;
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use gitlab_sync_host::connection_id::ConnectionId;

/// Somebody who is signed in, whatever their role.
pub(crate) struct Visitor {
    person: Person,
    proof: FormProof,
}

/// Somebody who is signed in and may change things.
pub(crate) struct Admin(Visitor);

/// A connection of the caller's organisation.
pub(crate) struct Own<W> {
    who: W,
    entry: Entry,
}

/// What a handler may ask for.
pub(crate) trait Caller: Sized + Send {
    /// Looks at cookie and path. Says the same of what is another organisation's and of what is not there.
    fn of(parts: &mut Parts, desk: &Desk) -> impl Future<Output = Result<Self, Refusal>> + Send;

    fn visitor(&self) -> &Visitor;
}

impl Visitor {
    pub(crate) fn person(&self) -> &Person {
        &self.person
    }

    pub(crate) fn proof(&self) -> &FormProof {
        &self.proof
    }

    pub(crate) fn signed_in(&self) -> SignedIn<'_> {
        SignedIn { person: &self.person, proof: &self.proof }
    }
}

impl<W> Own<W> {
    pub(crate) fn id(&self) -> &ConnectionId {
        &self.entry.id
    }

    pub(crate) fn entry(&self) -> &Entry {
        &self.entry
    }
}

impl Caller for Visitor {
    async fn of(parts: &mut Parts, desk: &Desk) -> Result<Self, Refusal> {
        let key = desk.transport.read(&parts.headers).ok_or(Refusal::SignedOut)?;
        let person = desk.person(&key).await?.ok_or(Refusal::SignedOut)?;
        Ok(Self { person, proof: key.form_proof() })
    }

    fn visitor(&self) -> &Visitor {
        self
    }
}

impl Caller for Admin {
    async fn of(parts: &mut Parts, desk: &Desk) -> Result<Self, Refusal> {
        let visitor = Visitor::of(parts, desk).await?;
        match visitor.person.role {
            Role::Admin => Ok(Self(visitor)),
            Role::Viewer => Err(Refusal::NotAdmin),
        }
    }

    fn visitor(&self) -> &Visitor {
        &self.0
    }
}

impl<W: Caller> Caller for Own<W> {
    async fn of(parts: &mut Parts, desk: &Desk) -> Result<Self, Refusal> {
        // Who they are comes first: nobody else learns whether a name is good.
        let who = W::of(parts, desk).await?;
        let id = parameter(parts, "id").await.and_then(|id| ConnectionId::parse(&id).ok()).ok_or(Refusal::NotHere)?;
        let entry = desk.entry_of(&id, &who.visitor().person.organisation).await?;
        Ok(Self { who, entry: entry.ok_or(Refusal::NotHere)? })
    }

    fn visitor(&self) -> &Visitor {
        self.who.visitor()
    }
}

/// A part of the path, decoded.
pub(super) async fn parameter(parts: &mut Parts, name: &str) -> Option<String> {
    let parameters = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
}
