//! The name of one tenant's connection: what keeps its state, its secrets and its audit lines apart from all others.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// 1 to 64 of `a-z 0-9 -`: good as a folder's name on any platform, and as a column.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ConnectionId(Box<str>);

/// Not a connection's name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not a connection: 1 to 64 of `a-z 0-9 -`")]
pub struct ConnectionIdError(String);

impl ConnectionId {
    /// Checks length and letters.
    pub fn parse(text: &str) -> Result<Self, ConnectionIdError> {
        let letters = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if !letters || text.is_empty() || text.len() > 64 {
            return Err(ConnectionIdError(text.chars().take(80).collect()));
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl TryFrom<String> for ConnectionId {
    type Error = ConnectionIdError;

    fn try_from(text: String) -> Result<Self, ConnectionIdError> {
        Self::parse(&text)
    }
}

impl From<ConnectionId> for String {
    fn from(id: ConnectionId) -> Self {
        id.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_named_by_small_letters_digits_and_dashes() {
        for good in ["a", "acme-42", &"x".repeat(64)] {
            assert_eq!(ConnectionId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "A", "a/b", "..", "a b", "ä", "a\0", &"x".repeat(65)] {
            assert!(ConnectionId::parse(bad).is_err(), "{bad:?}");
        }
    }
}
