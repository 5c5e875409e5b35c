//! The two names every sealed record is bound to: the connection's, which is the whole host's word, and the slot's.
//!
//! Decided here: which texts name a slot at all. Not decided here: which slots a profile has (`policy`).

use std::fmt;

use thiserror::Error;

pub use crate::connection_id::ConnectionId;

/// Which secret: a lower-case letter, then up to 63 of lower-case letters, digits, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotName(String);

/// The text names no slot.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("`{0}` is not a slot: it needs a lower-case letter, then lower-case letters, digits, `-` or `_`, at most 64")]
pub struct NameError(String);

impl SlotName {
    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let mut bytes = text.bytes();
        let good = text.len() <= 64
            && bytes.next().is_some_and(|first| first.is_ascii_lowercase())
            && bytes.all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
        good.then(|| Self(text.to_owned())).ok_or_else(|| NameError(shown(text)))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SlotName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A wrong name may be anything, even a secret put in the wrong place: 12 letters are less than half of a token.
pub(super) fn shown(text: &str) -> String {
    let start: String = text.chars().take(12).map(|letter| if letter.is_control() { '?' } else { letter }).collect();
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
    }
}
