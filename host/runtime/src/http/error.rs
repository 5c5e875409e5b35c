//! Why a request that was asked for has no (complete) reply.

use std::error::Error as _;

use thiserror::Error;

use super::budget::BudgetError;
use super::connect::ConnectError;
use super::credential::CredentialError;
use super::denied::Denied;
use super::gzip::GzipError;

/// One request's failure.
#[derive(Clone, Debug, Error)]
pub enum SendError {
    /// By the policy; nothing was sent.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The call has spent what it may.
    #[error(transparent)]
    Budget(#[from] BudgetError),
    /// The credential could not be attached; nothing was sent.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// There is no connection; nothing was sent.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A wait was too long.
    #[error("{0}")]
    Timeout(Wait),
    /// The guest gave its body up, or it has another length than declared.
    #[error("the request's body was cut off")]
    RequestBody,
    /// The reply is larger than the rule allows.
    #[error("the reply has more than the rule's {limit} bytes")]
    ReplyTooLarge {
        /// Decoded bytes.
        limit: u64,
    },
    /// The reply's encoding is not one that was asked for.
    #[error("the reply has the unknown content encoding `{0}`")]
    Encoding(String),
    /// The reply's encoding is damaged or a bomb.
    #[error(transparent)]
    Gzip(#[from] GzipError),
    /// The server closed the connection in the middle.
    #[error("the connection was closed before the reply was complete")]
    Incomplete,
    /// What came is not HTTP, or broke in a way that has no own name.
    #[error("the connection failed: {0}")]
    Protocol(String),
}

/// What was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// A connection.
    Connection,
    /// The server taking the next piece of the request, or the guest writing it.
    Upload,
    /// The head of the reply.
    FirstByte,
    /// The next piece of the reply.
    NextBytes,
    /// The end of it all.
    Total,
}

impl std::fmt::Display for Wait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Connection => "no connection came about in time",
            Self::Upload => "the request's body stopped for too long",
            Self::FirstByte => "the reply did not begin in time",
            Self::NextBytes => "the reply stopped for too long",
            Self::Total => "the request took too long as a whole",
        })
    }
}

impl SendError {
    /// What to change, if a person could.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Denied(denied) => Some(denied.hint()),
            Self::Credential(error) => error.hint(),
            Self::Connect(error) => error.hint(),
            _ => None,
        }
    }

    /// Finds our own reason inside an error of the HTTP client.
    pub(super) fn from_client(error: &hyper_util::client::legacy::Error) -> Self {
        let mut cause = error.source();
        while let Some(error) = cause {
            if let Some(known) = error.downcast_ref::<Self>() {
                return known.clone();
            }
            if let Some(known) = error.downcast_ref::<ConnectError>() {
                return known.clone().into();
            }
            if let Some(known) = error.downcast_ref::<hyper::Error>().filter(|error| is_cut(error)) {
                return Self::from_hyper(known);
            }
            cause = error.source();
        }
        Self::Protocol(innermost(error))
    }

    /// Reads an error of the connection.
    pub(super) fn from_hyper(error: &hyper::Error) -> Self {
        if is_cut(error) {
            return Self::Incomplete;
        }
        Self::Protocol(innermost(error))
    }
}

fn is_cut(error: &hyper::Error) -> bool {
    let reset = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    let cut = |error: &std::io::Error| {
        use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
    };
    error.is_incomplete_message() || error.is_closed() || error.is_body_write_aborted() || reset.is_some_and(cut)
}

/// The last cause says most: "invalid HTTP version parsed".
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
