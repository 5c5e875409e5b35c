//! Keeps the credential out of replies. A server that echoes it, by mistake or on purpose, would hand it to the connector: every
//! occurrence in a header drops the header, and in a body becomes as many asterisks (so that lengths and JSON stay intact).
//!
//! Plain occurrences only: a server that knows the secret can always encode it in a way that nobody recognises.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName};
use memchr::memmem;
use zeroize::Zeroizing;

/// Shorter secrets would be found in innocent places; GitLab's have 20 characters and more.
const MIN_SECRET: usize = 8;

/// Looks for one secret in a stream of bytes.
pub(super) struct Redactor {
    secret: Option<Zeroizing<Vec<u8>>>,
    /// The end of what came, as far as it could be the beginning of the secret.
    held: BytesMut,
}

impl Redactor {
    pub(super) fn new(secret: Option<Zeroizing<Vec<u8>>>) -> Self {
        Self { secret: secret.filter(|secret| secret.len() >= MIN_SECRET), held: BytesMut::new() }
    }

    /// Takes off the headers that hold the secret.
    pub(super) fn strip(&self, headers: &mut HeaderMap) {
        let Some(secret) = &self.secret else { return };
        let holds = |value: &http::HeaderValue| memmem::find(value.as_bytes(), secret).is_some();
        let names: Vec<HeaderName> =
            headers.iter().filter(|(_, value)| holds(value)).map(|(name, _)| name.clone()).collect();
        for name in names {
            headers.remove(name);
        }
    }

    /// Hands on what certainly holds no secret.
    pub(super) fn pass(&mut self, piece: Bytes) -> Bytes {
        let Some(secret) = &self.secret else { return piece };
        // The common case costs a search and no copy.
        if self.held.is_empty() && memmem::find(&piece, secret).is_none() && overlap(&piece, secret) == 0 {
            return piece;
        }
        self.held.extend_from_slice(&piece);
        let mut from = 0;
        while let Some(at) = memmem::find(&self.held[from..], secret) {
            self.held[from + at..from + at + secret.len()].fill(b'*');
            from += at + secret.len();
        }
        let keep = overlap(&self.held[from..], secret);
        self.held.split_to(self.held.len() - keep).freeze()
    }

    /// Hands on the rest.
    pub(super) fn finish(&mut self, last: Bytes) -> Bytes {
        let passed = self.pass(last);
        if self.held.is_empty() {
            return passed;
        }
        let mut all = BytesMut::from(passed);
        all.extend_from_slice(&self.held.split());
        all.freeze()
    }
}

/// How many bytes at the end are a beginning of the secret.
fn overlap(bytes: &[u8], secret: &[u8]) -> usize {
    let longest = bytes.len().min(secret.len() - 1);
    (1..=longest).rev().find(|length| secret.starts_with(&bytes[bytes.len() - length..])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "glpat-aglpat-ab";

    fn redact(text: &str, piece: usize) -> String {
        let mut redactor = Redactor::new(Some(Zeroizing::new(SECRET.into())));
        let mut out = Vec::new();
        for piece in text.as_bytes().chunks(piece) {
            out.extend_from_slice(&redactor.pass(Bytes::copy_from_slice(piece)));
        }
        out.extend_from_slice(&redactor.finish(Bytes::new()));
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn an_echoed_secret_becomes_asterisks_in_any_pieces(
            parts in proptest::collection::vec("(glpat-a|glpat-ab|g|x|glpat-aglpat-ab|glpat-aglpat-a)", 0..12),
            piece in 1_usize..20,
        ) {
            let text = parts.concat();
            prop_assert_eq!(redact(&text, piece), text.replace(SECRET, &"*".repeat(SECRET.len())));
        }
    }

    #[test]
    fn a_header_with_the_secret_is_dropped() {
        let redactor = Redactor::new(Some(Zeroizing::new(SECRET.into())));
        let mut headers = HeaderMap::new();
        headers.insert("x-echo", format!("Bearer {SECRET}").parse().unwrap());
        headers.insert("x-other", "fine".parse().unwrap());
        redactor.strip(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-other"]);
    }
}
