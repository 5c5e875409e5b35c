//! The two names every sealed record is bound to.
//!
//! Decided here: which texts are names at all. Not decided here: which slots a profile has (`policy`).

use std::fmt;

use thiserror::Error;

/// Whose secrets: the product's own id of one connection, 1 to 64 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(String);

/// Which secret: a lower-case letter, then up to 63 of lower-case letters, digits, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotName(String);

/// The text is no name.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum NameError {
    /// Not a connection id.
    #[error("`{0}` is not a connection id: it needs 1 to 64 visible ASCII characters")]
    Connection(String),
    /// Not a slot name.
    #[error(
        "`{0}` is not a slot: it needs a lower-case letter, then lower-case letters, digits, `-` or `_`, at most 64"
    )]
    Slot(String),
}

impl ConnectionId {
    /// Reads an id.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let good = (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        good.then(|| Self(text.to_owned())).ok_or_else(|| NameError::Connection(shown(text)))
    }

    /// The id as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SlotName {
    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let mut bytes = text.bytes();
        let good = text.len() <= 64
            && bytes.next().is_some_and(|first| first.is_ascii_lowercase())
            && bytes.all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
        good.then(|| Self(text.to_owned())).ok_or_else(|| NameError::Slot(shown(text)))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for SlotName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A wrong name may be anything, even a secret put in the wrong place: only its harmless beginning is repeated.
pub(super) fn shown(text: &str) -> String {
    let start: String = text.chars().take(16).map(|letter| if letter.is_control() { '?' } else { letter }).collect();
    if start.len() < text.len() { format!("{start}…") } else { start }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_they_say_and_nothing_else() {
        for good in ["webhook", "a", "refresh_token", "webhook-next", &"x".repeat(64)] {
            assert_eq!(SlotName::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "Webhook", "1a", "-a", "a.b", "a b", "@key", "a/b", "ä", "a\n", &"x".repeat(65)] {
            SlotName::parse(bad).unwrap_err();
        }
        for good in ["7", "acme/docs", "..", "018f-uuid", "a:b@c", &"x".repeat(64)] {
            assert_eq!(ConnectionId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a\0", "ü", &"x".repeat(65)] {
            ConnectionId::parse(bad).unwrap_err();
        }
    }
}
