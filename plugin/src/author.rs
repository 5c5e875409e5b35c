//! Whom commits name as their author, where that is to be somebody else than the token's user.
//!
//! Decided here: which names can stand in a commit. Not decided here: that a commit may carry this author and no other, which is the
//! host's to hold against the grant.

use serde::Serialize;

use crate::error::{Code, Error};
use crate::json;

/// Of each of the two, as GitLab's own columns have it.
const MOST_LETTERS: usize = 255;

/// A name and an address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Author {
    /// Such as `Docs bot`.
    pub name: String,
    /// Such as `docs@example.com`.
    pub email: String,
}

json::object!(Author { name, email; });

impl Author {
    /// Git would leave some letters out, and so name somebody else.
    pub fn check(&self) -> Result<(), Error> {
        let is_plain = |text: &str| {
            let is_framed = text.trim() == text && !text.is_empty() && text.chars().count() <= MOST_LETTERS;
            is_framed && !text.chars().any(|letter| letter.is_control() || matches!(letter, '<' | '>'))
        };
        let (name, email) = (&self.name, &self.email);
        let is_address = email.contains('@') && !email.contains(char::is_whitespace);
        if is_plain(name) && is_plain(email) && is_address {
            return Ok(());
        }
        Err(Error::new(Code::InvalidSettings, format!("`{name} <{email}>` cannot be the author of a commit")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_an_address_that_git_keeps_as_they_are_can_be_an_author() {
        let long = "x".repeat(256);
        for (name, email, good) in [
            ("Docs bot", "docs@example.com", true),
            ("Zo\u{eb} O'Hara, Jr.", "zoe+docs@example.com", true),
            ("", "docs@example.com", false),
            (" ", "docs@example.com", false),
            ("Docs ", "docs@example.com", false),
            ("Docs\nbot", "docs@example.com", false),
            ("Docs <bot>", "docs@example.com", false),
            (&long, "docs@example.com", false),
            ("Docs", "", false),
            ("Docs", "docs", false),
            ("Docs", "docs @example.com", false),
            ("Docs", "<docs@example.com>", false),
        ] {
            let author = Author { name: name.into(), email: email.into() };
            assert_eq!(author.check().is_ok(), good, "{author:?}");
        }
    }
}
