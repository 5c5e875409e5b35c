//! Names of organisations and users: what they are made of, so that each is good in an address, a file name and a log line.

use serde::Serialize;
use std::fmt;

/// Longer ones are no names.
const MOST_BYTES: usize = 64;

/// 1 to 64 of `a-z 0-9 -`, not beginning with a dash: also a folder's name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub(crate) struct Organisation(Box<str>);

/// 1 to 64 of `a-z 0-9 . _ + @ -`, beginning with a letter or digit: also an e-mail address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub(crate) struct UserName(Box<str>);

/// Not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NameError {
    #[error("`{0}` is no organisation: 1 to 64 of `a-z 0-9 -`, beginning with a letter or digit")]
    Organisation(String),
    #[error("`{0}` is no user's name: 1 to 64 of `a-z 0-9 . _ + @ -`, beginning with a letter or digit")]
    User(String),
}

impl Organisation {
    pub(crate) fn parse(text: &str) -> Result<Self, NameError> {
        is_name(text, b"-").then(|| Self(text.into())).ok_or_else(|| NameError::Organisation(start(text)))
    }

    /// That of connections which were made without a server.
    pub(crate) fn of_the_command_line() -> Self {
        Self("default".into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl UserName {
    pub(crate) fn parse(text: &str) -> Result<Self, NameError> {
        is_name(text, b".-_+@").then(|| Self(text.into())).ok_or_else(|| NameError::User(start(text)))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_name(text: &str, marks: &[u8]) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let all = text.bytes().all(|byte| plain(byte) || marks.contains(&byte));
    all && text.len() <= MOST_BYTES && text.bytes().next().is_some_and(plain)
}

/// Enough of what somebody typed to know it again.
fn start(text: &str) -> String {
    text.chars().take(MOST_BYTES + 16).collect()
}

impl fmt::Display for Organisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Organisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Debug for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_good_in_an_address_a_file_name_and_a_log_line() {
        let long = "x".repeat(64);
        let table = [
            ("acme", true, true),
            ("acme-42", true, true),
            ("7", true, true),
            (&long, true, true),
            ("ana@example.com", false, true),
            ("ana.lima+sync_1", false, true),
            ("", false, false),
            ("-acme", false, false),
            (".", false, false),
            ("..", false, false),
            ("Acme", false, false),
            ("a/b", false, false),
            ("a b", false, false),
            ("a\n", false, false),
            ("ä", false, false),
            (&"x".repeat(65), false, false),
        ];
        for (text, organisation, user) in table {
            assert_eq!(Organisation::parse(text).is_ok(), organisation, "{text:?}");
            assert_eq!(UserName::parse(text).is_ok(), user, "{text:?}");
        }
        assert_eq!(Organisation::parse("default").unwrap(), Organisation::of_the_command_line());
    }
}
