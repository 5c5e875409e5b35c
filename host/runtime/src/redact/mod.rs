//! Finds secrets in bytes, however they are written. Pure.
//!
//! The one place for it: bodies on their way in (`stream`), what the connector is shown of an exchange (`reply`) and what it says
//! itself (`log`) are searched for the same spellings. Decided here: what is found, and that secrets which overlap are found as one, so
//! that no piece of either is left. Not decided here: what stands in their place.
//!
//! Every secret of the vault is long enough to be looked for: a shorter one than [`MIN_SECRET_BYTES`] is never kept, since it would be
//! found everywhere, and where it was found would give it away.
//!
//! Known gaps: a server that works together with the connector can write a secret in ways nobody looks for (reversed, in two halves,
//! base64 with line breaks, or of the whole reply); the server knows it anyway. Of a longer base64 up to five bits of the secret stay on
//! each side, in digits shared with what stands around it.

pub(crate) mod reply;
mod spelling;
pub(crate) mod stream;

use std::ops::Range;

use memchr::memmem::Finder;
use zeroize::Zeroizing;

use crate::secrets::secret::MIN_SECRET_BYTES;

/// All spellings of some secrets.
#[derive(Clone, Default)]
pub(crate) struct Needles {
    all: Vec<(Zeroizing<Vec<u8>>, usize)>,
}

/// A search for needles, made once for a text: making one costs more than looking through a short string with it.
pub(crate) struct Search<'a> {
    finders: Vec<(Finder<'a>, usize)>,
}

/// A place where a secret is, or several that overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) place: Range<usize>,
    /// The number of the secret that begins here; of several the longest.
    pub(crate) secret: usize,
}

impl Needles {
    /// Secrets are counted from 0, in this order.
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut needles = Self::default();
        for (number, secret) in secrets.into_iter().enumerate() {
            needles.add(secret, number);
        }
        needles
    }

    pub(crate) fn add(&mut self, secret: &[u8], number: usize) {
        if secret.len() >= MIN_SECRET_BYTES {
            self.all.extend(spelling::spellings(secret).into_iter().map(|spelling| (spelling, number)));
        }
    }

    /// Bytes of the longest.
    pub(crate) fn longest(&self) -> usize {
        self.all.iter().map(|(needle, _)| needle.len()).max().unwrap_or_default()
    }

    pub(crate) fn search(&self) -> Search<'_> {
        Search { finders: self.all.iter().map(|(needle, number)| (Finder::new(&needle[..]), *number)).collect() }
    }
}

impl Search<'_> {
    /// Where secrets are, in order.
    pub(crate) fn found(&self, text: &[u8]) -> Vec<Found> {
        let mut all = Vec::new();
        for (finder, secret) in &self.finders {
            let mut from = 0;
            while let Some(at) = finder.find(&text[from..]) {
                let start = from + at;
                all.push(Found { place: start..start + finder.needle().len(), secret: *secret });
                from = start + 1;
            }
        }
        all.sort_by_key(|found| (found.place.start, std::cmp::Reverse(found.place.end), found.secret));
        let mut apart: Vec<Found> = Vec::new();
        for found in all {
            match apart.last_mut() {
                Some(last) if found.place.start < last.place.end => {
                    last.place.end = last.place.end.max(found.place.end);
                }
                _ => apart.push(found),
            }
        }
        apart
    }

    /// How many bytes at the end are the beginning of a secret.
    pub(crate) fn begun(&self, text: &[u8]) -> usize {
        let begun = |needle: &[u8]| {
            let most = text.len().min(needle.len() - 1);
            let end = &text[text.len() - most..];
            (0..most).find(|at| needle.starts_with(&end[*at..])).map_or(0, |at| most - at)
        };
        self.finders.iter().map(|(finder, _)| begun(finder.needle())).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_that_overlap_are_found_as_one() {
        let needles = Needles::new([&b"canary-1"[..], b"a canary-1 b", b"ry-1 b and", b"short"]);
        let found = |text: &str| needles.search().found(text.as_bytes());
        let one = |place, secret| vec![Found { place, secret }];
        assert_eq!(found("<canary-1>"), one(1..9, 0));
        assert_eq!(found("<a canary-1 b>"), one(1..13, 1));
        assert_eq!(found("<a canary-1 b and>"), one(1..17, 1));
        assert_eq!(found("<canary-1 b and>"), one(1..15, 0));
        assert_eq!(found("canary-1canary-1").len(), 2);
        assert_eq!(found("canary-short"), []);
    }

    #[test]
    fn the_beginning_of_a_secret_is_seen_at_the_end_of_a_text() {
        let needles = Needles::new([&b"glpat-aglpat-ab"[..]]);
        for (text, begun) in [("", 0), ("x", 0), ("xg", 1), ("glpat-aglpat-a", 14), ("glpat-aglpat-ag", 8)] {
            assert_eq!(needles.search().begun(text.as_bytes()), begun, "{text}");
        }
        assert_eq!(Needles::default().search().begun(b"x"), 0);
    }
}
