//! Who is signed in: of a browser's key only the sha256, and with which sign-in token it began.
//!
//! Decided here: how long a session lasts without use and altogether, how many one person may have, and what a store of them promises
//! ([`Sessions`], held by [`conformance`]). On disk, so that a restart signs nobody out, and so that several servers may share them. Not decided
//! here: what a browser holds (`web`), and whether the person is still there, which is asked of `people` at each request.

#[cfg(test)]
pub(crate) mod conformance;
mod sqlite;

use super::people::TokenDigest;
use async_trait::async_trait;
use std::error::Error;

const MINUTE_MS: u64 = 60_000;
/// Without a request.
pub(crate) const IDLE_MS: u64 = 60 * MINUTE_MS;
/// Since the sign-in, whatever happens.
pub(crate) const ABSOLUTE_MS: u64 = 12 * 60 * MINUTE_MS;
/// Requests in between are not written down, so that looking at pages does not wait for the disk: a session may end by so much earlier.
pub(crate) const NOTED_EVERY_MS: u64 = MINUTE_MS;
/// Of one person; the one that was used least lately is ended for one more.
pub(crate) const MOST_OF_A_PERSON: usize = 16;

/// The sha256 of a browser's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionDigest([u8; 32]);

impl SessionDigest {
    pub(crate) fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The store failed.
#[derive(Debug, thiserror::Error)]
#[error("the store of sessions cannot be used")]
pub(crate) struct SessionsError(#[source] Box<dyn Error + Send + Sync>);

/// Keeps sessions. What it has answered is on disk.
#[async_trait]
pub(crate) trait Sessions: Send + Sync {
    /// Whoever has this token is signed in with this key from now on.
    async fn begin(&self, key: &SessionDigest, token: &TokenDigest, now_ms: u64) -> Result<(), SessionsError>;

    /// The token that the session began with, if it still lasts; and it lasts on.
    async fn token(&self, key: &SessionDigest, now_ms: u64) -> Result<Option<TokenDigest>, SessionsError>;

    /// It is over at once.
    async fn end(&self, key: &SessionDigest) -> Result<(), SessionsError>;
}
