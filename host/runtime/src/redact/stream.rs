//! Keeps the connection's secrets out of replies while they come in. A server that says one back, by mistake or on purpose, would hand
//! it to the connector: every header that holds one is dropped, and in a body it becomes as many asterisks (so that lengths and JSON stay
//! intact). All secrets of the connection, not the credential alone: one that an exchange sent may come back with any later reply.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use memchr::memmem;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use zeroize::Zeroizing;

use super::Needles;
use crate::secrets::secret::MIN_SECRET_BYTES;

/// What is looked for in replies.
#[derive(Default)]
pub(crate) struct Patterns {
    secrets: Vec<Zeroizing<Vec<u8>>>,
    needles: Needles,
    /// For names of headers, which come in lower case and without escapes.
    lower: Vec<Zeroizing<Vec<u8>>>,
}

/// The patterns of the requests that are in flight: made once for all of them, which takes ten microseconds, and gone with the last.
#[derive(Default)]
pub(crate) struct InFlight {
    last: Mutex<Weak<Patterns>>,
}

/// Looks for secrets in a stream of bytes.
#[derive(Default)]
pub(crate) struct Redactor {
    patterns: Arc<Patterns>,
    /// The end of what came, as far as it could be the beginning of a secret.
    held: BytesMut,
    /// So many bytes of it belong to a secret that began before.
    hidden: usize,
}

impl Patterns {
    fn new(secrets: &[(String, Zeroizing<Vec<u8>>)]) -> Self {
        let secrets: Vec<_> = long(secrets).cloned().collect();
        let lower = secrets.iter().map(|secret| Zeroizing::new(secret.to_ascii_lowercase())).collect();
        Self { needles: Needles::new(secrets.iter().map(|secret| &secret[..])), lower, secrets }
    }
}

impl InFlight {
    /// Of these secrets, by their slots.
    pub(crate) fn patterns(&self, secrets: &[(String, Zeroizing<Vec<u8>>)]) -> Arc<Patterns> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = last.upgrade().filter(|known| long(secrets).eq(&known.secrets)) {
            return known;
        }
        let patterns = Arc::new(Patterns::new(secrets));
        *last = Arc::downgrade(&patterns);
        patterns
    }
}

fn long(secrets: &[(String, Zeroizing<Vec<u8>>)]) -> impl Iterator<Item = &Zeroizing<Vec<u8>>> {
    secrets.iter().map(|(_, secret)| secret).filter(|secret| secret.len() >= MIN_SECRET_BYTES)
}

impl Redactor {
    /// One for a reply.
    pub(crate) fn new(patterns: Arc<Patterns>) -> Self {
        Self { patterns, ..Self::default() }
    }

    /// Takes off the headers that hold a secret.
    pub(crate) fn strip(&self, headers: &mut HeaderMap) {
        let named = |name: &[u8]| self.patterns.lower.iter().any(|secret| memmem::find(name, secret).is_some());
        let told = |(name, value): &(&HeaderName, &HeaderValue)| {
            !self.patterns.needles.found(value.as_bytes()).is_empty() || named(name.as_str().as_bytes())
        };
        let names: Vec<HeaderName> = headers.iter().filter(told).map(|(name, _)| name.clone()).collect();
        for name in names {
            headers.remove(name);
        }
    }

    /// Hands on what certainly holds no secret.
    pub(crate) fn pass(&mut self, piece: Bytes) -> Bytes {
        let needles = &self.patterns.needles;
        // The common case costs a search and no copy.
        if self.held.is_empty() && needles.begun(&piece) == 0 && needles.found(&piece).is_empty() {
            return piece;
        }
        self.held.extend_from_slice(&piece);
        let mut places: Vec<_> = needles.found(&self.held).into_iter().map(|found| found.place).collect();
        places.push(0..self.hidden);
        // What may be the beginning of a secret stays as it is until that is known, even where it is the end of another.
        let passed = self.held.len() - needles.begun(&self.held);
        let mut out = self.held.split_to(passed);
        self.hidden = 0;
        for place in places {
            out[place.start.min(passed)..place.end.min(passed)].fill(b'*');
            self.hidden = self.hidden.max(place.end.saturating_sub(passed));
        }
        out.freeze()
    }

    /// Hands on the rest.
    pub(crate) fn finish(&mut self, last: Bytes) -> Bytes {
        let mut all = BytesMut::from(self.pass(last));
        self.held[..self.hidden].fill(b'*');
        all.extend_from_slice(&self.held.split());
        all.freeze()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::spelling::spellings;
    use super::*;

    fn knowing(secrets: &[&[u8]]) -> Redactor {
        let lent: Vec<_> = secrets.iter().map(|secret| (String::new(), Zeroizing::new(secret.to_vec()))).collect();
        Redactor::new(InFlight::default().patterns(&lent))
    }

    fn redact(secret: &[u8], text: &[u8], piece: usize) -> Vec<u8> {
        let mut redactor = knowing(&[b"another-secret", secret]);
        let mut out = Vec::new();
        for piece in text.chunks(piece) {
            out.extend_from_slice(&redactor.pass(Bytes::copy_from_slice(piece)));
        }
        out.extend_from_slice(&redactor.finish(Bytes::new()));
        out
    }

    proptest! {
        // Each case is some hundred searches.
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Pieces of the secret itself around it: every beginning that leads nowhere, and secrets that overlap.
        #[test]
        fn an_echoed_secret_becomes_asterisks_in_any_pieces(
            parts in proptest::collection::vec("(glpat-a|glpat-ab|g|x|glpat-aglpat-ab|glpat-aglpat-a|glpat-aglpat-aglpat-ab)", 0..12),
            piece in 1_usize..20,
        ) {
            let secret = "glpat-aglpat-ab";
            let text = parts.concat();
            let clean = redact(secret.as_bytes(), text.as_bytes(), piece);
            prop_assert_eq!(String::from_utf8(clean).unwrap(), text.replace(secret, &"*".repeat(secret.len())));
        }

        #[test]
        fn every_spelling_of_any_secret_is_found_across_any_pieces(
            secret in proptest::collection::vec(any::<u8>(), 8..40),
            text in "[ -~]{8,40}",
            around in proptest::collection::vec(any::<u8>(), 0..30),
            piece in 1_usize..50,
        ) {
            for secret in [&secret[..], text.as_bytes()] {
                for spelling in spellings(secret) {
                    let whole = [&around[..], &spelling[..], &around[..]].concat();
                    let clean = redact(secret, &whole, piece);
                    prop_assert_eq!(clean.len(), whole.len());
                    prop_assert!(Needles::new([secret]).found(&clean).is_empty());
                    let hidden = &clean[around.len()..around.len() + spelling.len()];
                    prop_assert!(hidden.iter().all(|byte| *byte == b'*'), "{:?}", String::from_utf8_lossy(&spelling));
                    prop_assert_eq!(clean, redact(secret, &whole, usize::MAX), "the pieces make no difference");
                }
            }
        }

        #[test]
        fn what_holds_no_secret_comes_through_as_it_is(bytes in proptest::collection::vec(any::<u8>(), 0..200), piece in 1_usize..50) {
            prop_assert_eq!(redact(b"glpat-aglpat-ab", &bytes, piece), bytes);
        }
    }

    #[test]
    fn patterns_are_shared_by_what_is_in_flight_and_gone_with_the_last_of_it() {
        let lent = |secret: &str| vec![(String::from("slot"), Zeroizing::new(secret.as_bytes().to_vec()))];
        let in_flight = InFlight::default();
        let one = in_flight.patterns(&lent("glpat-Canary-1"));
        assert!(Arc::ptr_eq(&one, &in_flight.patterns(&lent("glpat-Canary-1"))));
        let rotated = in_flight.patterns(&lent("glpat-Canary-2"));
        assert!(!Arc::ptr_eq(&one, &rotated), "a new secret is looked for from the next request on");
        drop(rotated);
        assert!(in_flight.last.lock().unwrap().upgrade().is_none());
    }

    #[test]
    fn a_header_with_the_secret_is_dropped() {
        let redactor = knowing(&[b"webhook-canary", b"glpat-Canary/1", b"glpat-Canary-1"]);
        let mut headers = HeaderMap::new();
        headers.insert("x-echo", "Bearer glpat-Canary/1".parse().unwrap());
        headers.insert("location", "/?private_token=glpat-Canary%2F1".parse().unwrap());
        headers.insert("x-basic", "Basic dXNlcjp3ZWJob29rLWNhbmFyeQ==".parse().unwrap());
        headers.insert("x-glpat-canary-1", "1".parse().unwrap());
        headers.insert("x-other", "fine".parse().unwrap());
        redactor.strip(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-other"]);
    }
}
