//! Who may use the server: organisations with people in them, each of whom signs in with a token.
//!
//! Decided here: that a person belongs to one organisation and has one role and one token; that of a token only the sha256 is kept; what
//! a store of people promises ([`People`], held by [`conformance`]). Not decided here: what a role may do (each route), and how long somebody
//! stays signed in (`web`). An organisation is there as long as somebody is in it; its connections are listed elsewhere.
//!
//! A token is looked up by its digest. How long that takes may tell something of the digest of the guess, which the guesser knows, and
//! nothing of a digest that is kept: one bit more of the token right changes all of it.

#[cfg(test)]
pub(crate) mod conformance;
mod names;
mod sqlite;
mod token;

pub(crate) use names::{NameError, Organisation, UserName};
pub(crate) use token::{Token, TokenDigest};

use async_trait::async_trait;
use serde::Serialize;
use std::error::Error;
use std::fmt;

/// What somebody may do. The later one may everything that the earlier one may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    /// Sees connections, and never a secret.
    Viewer,
    /// Makes connections, changes them, and lets others in.
    Admin,
}

impl Role {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Admin => "admin",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Viewer, Self::Admin].into_iter().find(|role| role.as_str() == text)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One who may sign in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct Person {
    pub(crate) organisation: Organisation,
    pub(crate) name: UserName,
    pub(crate) role: Role,
}

/// As a list shows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Listed {
    #[serde(flatten)]
    pub(crate) person: Person,
    pub(crate) since_ms: u64,
}

/// Why the store of people did not do it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeopleError {
    #[error("there is a user `{name}` in `{organisation}` already")]
    Taken { organisation: Organisation, name: UserName },
    #[error("the store of users cannot be used")]
    Store(#[source] Box<dyn Error + Send + Sync>),
}

impl PeopleError {
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Taken { .. } => Some("remove that one first, or take another name"),
            Self::Store(_) => None,
        }
    }
}

/// Keeps people. What it has answered is on disk.
#[async_trait]
pub(crate) trait People: Send + Sync {
    /// Whose token this is.
    async fn who(&self, token: &TokenDigest) -> Result<Option<Person>, PeopleError>;

    /// Lets somebody in with this token.
    async fn add(&self, person: &Person, token: &TokenDigest, now_ms: u64) -> Result<(), PeopleError>;

    /// By organisation and name; all organisations without one.
    async fn list(&self, organisation: Option<&Organisation>) -> Result<Vec<Listed>, PeopleError>;

    /// The token is no good from now on. Whether there was such a user.
    async fn remove(&self, organisation: &Organisation, name: &UserName) -> Result<bool, PeopleError>;
}
