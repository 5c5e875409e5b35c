//! Who is signed in: random keys in browsers, and what the server knows behind their digests.
//!
//! Decided here: how long a session lasts without use and altogether, that of its key only the sha256 is kept, and what proves that a form
//! came from a page of this session. Not decided here: whether the person is still there and what they may do, which is asked of `people` at
//! each request by the digest of their sign-in token: whose token is removed is signed out.
//!
//! Kept in memory: a restart signs everybody out, and nothing of a session is ever on a disk.

use crate::serve::people::TokenDigest;
use gitlab_sync_host::secrets::secret::{RandomError, Recipe, Secret};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

const MINUTE_MS: u64 = 60_000;
/// Without a request.
pub(crate) const IDLE_MS: u64 = 60 * MINUTE_MS;
/// Since the sign-in, whatever happens.
pub(crate) const ABSOLUTE_MS: u64 = 12 * 60 * MINUTE_MS;

/// Of one person; the oldest of more is ended. Of all people: a bound for the memory.
const MOST_OF_A_PERSON: usize = 16;
const MOST: usize = 100_000;

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

    fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
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

struct Session {
    token: TokenDigest,
    begun_ms: u64,
    seen_ms: u64,
}

impl Session {
    fn is_over(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.seen_ms) >= IDLE_MS || now_ms.saturating_sub(self.begun_ms) >= ABSOLUTE_MS
    }
}

/// All of them.
#[derive(Default)]
pub(crate) struct Sessions {
    sessions: Mutex<HashMap<[u8; 32], Session>>,
}

impl Sessions {
    pub(crate) fn begin(&self, token: TokenDigest, now_ms: u64) -> Result<SessionKey, RandomError> {
        let key = SessionKey::generate()?;
        let mut sessions = self.locked();
        sessions.retain(|_, session| !session.is_over(now_ms));
        make_room(&mut sessions, |session| session.token == token, MOST_OF_A_PERSON);
        make_room(&mut sessions, |_| true, MOST);
        sessions.insert(key.digest(), Session { token, begun_ms: now_ms, seen_ms: now_ms });
        Ok(key)
    }

    /// The token that somebody signed in with, if the session still lasts; and it lasts on.
    pub(crate) fn token(&self, key: &SessionKey, now_ms: u64) -> Option<TokenDigest> {
        let mut sessions = self.locked();
        let session = sessions.get_mut(&key.digest())?;
        if session.is_over(now_ms) {
            sessions.remove(&key.digest());
            return None;
        }
        session.seen_ms = session.seen_ms.max(now_ms);
        Some(session.token)
    }

    pub(crate) fn end(&self, key: &SessionKey) {
        self.locked().remove(&key.digest());
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<[u8; 32], Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the one of these that was seen least lately, if there are as many as there may be.
fn make_room(sessions: &mut HashMap<[u8; 32], Session>, of: impl Fn(&Session) -> bool, most: usize) {
    if sessions.len() < most || sessions.values().filter(|session| of(session)).count() < most {
        return;
    }
    let oldest = sessions.iter().filter(|(_, session)| of(session)).min_by_key(|(_, session)| session.seen_ms);
    if let Some(digest) = oldest.map(|(digest, _)| *digest) {
        sessions.remove(&digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::people::Token;

    fn token(digit: char) -> TokenDigest {
        Token::parse(&format!("gsync_{}", digit.to_string().repeat(64))).unwrap().digest()
    }

    #[test]
    fn a_session_ends_an_hour_after_the_last_request_and_half_a_day_after_the_first() {
        let sessions = Sessions::default();
        let key = sessions.begin(token('a'), 0).unwrap();
        assert!(sessions.token(&key, IDLE_MS - 1) == Some(token('a')));
        assert!(sessions.token(&key, 2 * IDLE_MS - 2).is_some(), "a request begins the hour again");
        assert!(sessions.token(&key, 3 * IDLE_MS - 2).is_none());
        assert!(sessions.token(&key, 0).is_none(), "what has ended stays so");
        let key = sessions.begin(token('a'), 0).unwrap();
        for now in (0..ABSOLUTE_MS).step_by(MINUTE_MS as usize) {
            assert!(sessions.token(&key, now).is_some());
        }
        assert!(sessions.token(&key, ABSOLUTE_MS).is_none());
    }

    #[test]
    fn a_session_ends_by_signing_out_and_no_other_key_has_it() {
        let sessions = Sessions::default();
        let (one, two) = (sessions.begin(token('a'), 0).unwrap(), sessions.begin(token('b'), 0).unwrap());
        assert!(sessions.token(&SessionKey::generate().unwrap(), 1).is_none());
        sessions.end(&one);
        assert!(sessions.token(&one, 1).is_none() && sessions.token(&two, 1) == Some(token('b')));
    }

    #[test]
    fn a_person_has_a_few_sessions_and_the_one_not_used_is_ended() {
        let sessions = Sessions::default();
        let other = sessions.begin(token('b'), 0).unwrap();
        let keys: Vec<_> = (0..=MOST_OF_A_PERSON as u64).map(|now| sessions.begin(token('a'), now).unwrap()).collect();
        let lasting = keys.iter().filter(|key| sessions.token(key, 50).is_some()).count();
        assert!(lasting == MOST_OF_A_PERSON && sessions.token(&keys[0], 50).is_none());
        assert!(sessions.token(&other, 50).is_some());
    }

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
