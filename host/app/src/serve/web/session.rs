//! What a browser holds of a session: a random key, and in its forms a proof that follows from it.
//!
//! Decided here: what proves that a form came from a page of this session. Not decided here: how long a session lasts, and what the server
//! keeps of it (`sessions`); whether the person is still there and what they may do, which is asked of `people` at each request by the digest
//! of their sign-in token: whose token is removed is signed out.

use crate::serve::sessions::SessionDigest;
use gitlab_sync_host::secrets::secret::{RandomError, Recipe, Secret};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// 256 bits as hexadecimal digits.
const KEY_DIGITS: usize = 64;

/// What a browser holds: 256 random bits.
pub(crate) struct SessionKey(Zeroizing<String>);

impl SessionKey {
    pub(crate) fn generate() -> Result<Self, RandomError> {
        let digits = Secret::generate(Recipe::Hex)?;
        Ok(Self(Zeroizing::new(digits.expose().iter().copied().map(char::from).collect())))
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let good = text.len() == KEY_DIGITS && text.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
        good.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// What the server keeps of it.
    pub(crate) fn digest(&self) -> SessionDigest {
        SessionDigest::new(Sha256::digest(self.0.as_bytes()).into())
    }

    /// What the forms of this session carry. It follows from the key, and the key does not follow from it.
    pub(crate) fn form_proof(&self) -> FormProof {
        let mut hash = Sha256::new_with_prefix(b"gitlab-sync form\0");
        hash.update(self.0.as_bytes());
        FormProof(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Proves that a form came from a page of this session.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct FormProof(String);

impl FormProof {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The digests are compared, so that how long it takes says nothing of what was expected.
    pub(crate) fn is(&self, given: &str) -> bool {
        Sha256::digest(self.0.as_bytes()) == Sha256::digest(given.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_of_a_form_is_that_of_its_session_alone() {
        let (one, two) = (SessionKey::generate().unwrap(), SessionKey::generate().unwrap());
        let again = SessionKey::parse(one.expose()).unwrap();
        assert!(one.form_proof().is(again.form_proof().as_str()));
        for wrong in [two.form_proof().as_str(), "", one.expose(), &one.form_proof().as_str()[1..]] {
            assert!(!one.form_proof().is(wrong));
        }
    }
}
