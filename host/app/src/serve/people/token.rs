//! The token that somebody signs in with: 256 random bits behind a prefix that scanners for secrets can know.
//!
//! Shown once, when it is made. Kept is its sha256, which is enough for a text that nobody can guess.

use gitlab_sync_host::secrets::secret::{RandomError, Recipe, Secret};
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// How every token begins.
const PREFIX: &str = "gsync_";
/// 32 bytes as hexadecimal digits.
const DIGITS: usize = 64;

/// What is typed to sign in. Never kept and never written down.
#[derive(Clone)]
pub(crate) struct Token(Zeroizing<String>);

/// What is kept of a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TokenDigest([u8; 32]);

impl Token {
    pub(crate) fn generate() -> Result<Self, RandomError> {
        let digits = Secret::generate(Recipe::Hex)?;
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + DIGITS));
        text.push_str(PREFIX);
        text.extend(digits.expose().iter().copied().map(char::from));
        Ok(Self(text))
    }

    /// None: it was not made here, whatever it is.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.trim().strip_prefix(PREFIX)?;
        let good = digits.len() == DIGITS && digits.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
        good.then(|| Self(Zeroizing::new(text.trim().to_owned())))
    }

    pub(crate) fn digest(&self) -> TokenDigest {
        TokenDigest(Sha256::digest(self.0.as_bytes()).into())
    }

    /// For the one who is to sign in with it, once.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl TokenDigest {
    /// As it was kept.
    pub(crate) fn from_bytes(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_again_as_it_was_made_and_never_shown_by_accident() {
        let token = Token::generate().unwrap();
        let read = Token::parse(&format!(" {}\n", token.expose())).unwrap();
        assert!(read.digest() == token.digest() && read.expose().starts_with("gsync_") && read.expose().len() == 70);
        assert_eq!(format!("{token:?} {:?}", token.digest()), "Token(..) TokenDigest(..)");
        assert!(Token::generate().unwrap().digest() != token.digest());
    }

    #[test]
    fn what_was_not_made_here_is_no_token() {
        let digits = "0".repeat(64);
        assert!(Token::parse(&format!("gsync_{digits}")).is_some());
        let (short, upper) = (&digits[1..], "A".repeat(64));
        for text in
            ["", "gsync_", &digits, &format!("glpat_{digits}"), &format!("gsync_{short}"), &format!("gsync_{upper}")]
        {
            assert!(Token::parse(text).is_none(), "{text}");
        }
    }
}
