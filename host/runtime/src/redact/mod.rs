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

use zeroize::Zeroizing;

use crate::secrets::secret::MIN_SECRET_BYTES;

/// So many bytes of each spelling are looked for first; none is shorter.
const WINDOW: usize = MIN_SECRET_BYTES;
/// And they are looked for by the last three of them.
const BLOCK: usize = 3;
const BLOCKS: usize = 1 << 13;
/// Three bytes that are in no window: the next one begins behind the first of them.
const PAST: u8 = (WINDOW - BLOCK + 1) as u8;

/// All spellings of some secrets.
///
/// Found in one pass however many there are, by the method of Wu and Manber: the table says for three bytes of the text how far the
/// window may move on at least, and for most it is all the way past them. A search for one after the other cost as many passes as there
/// are spellings, a dozen for each secret of the connection, over archives of hundreds of megabytes.
#[derive(Clone, Default)]
pub(crate) struct Needles {
    all: Vec<Needle>,
    /// By the hash of three bytes. None while there is nothing to look for.
    steps: Option<Box<[u8; BLOCKS]>>,
}

/// One spelling.
#[derive(Clone)]
struct Needle {
    bytes: Zeroizing<Vec<u8>>,
    /// A hash of its first bytes: most of what looks like a needle at three bytes differs here.
    window: u32,
    secret: usize,
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
        if secret.len() < MIN_SECRET_BYTES {
            return;
        }
        let steps = self.steps.get_or_insert_with(|| Box::new([PAST; BLOCKS]));
        for spelling in spelling::spellings(secret) {
            for (step, block) in (0_u8..).zip(spelling[..WINDOW].windows(BLOCK).rev()) {
                let known = &mut steps[hash(block)];
                *known = step.min(*known);
            }
            self.all.push(Needle { window: hash_of_window(&spelling), bytes: spelling, secret: number });
        }
    }

    /// Bytes of the longest.
    pub(crate) fn longest(&self) -> usize {
        self.all.iter().map(|needle| needle.bytes.len()).max().unwrap_or_default()
    }

    /// Where secrets are, in order.
    pub(crate) fn found(&self, text: &[u8]) -> Vec<Found> {
        let mut apart: Vec<Found> = Vec::new();
        for found in self.each(text) {
            match apart.last_mut() {
                Some(last) if found.place.start < last.place.end => {
                    last.place.end = last.place.end.max(found.place.end);
                }
                _ => apart.push(found),
            }
        }
        apart
    }

    /// The longest that begins at each place.
    fn each(&self, text: &[u8]) -> Vec<Found> {
        let (mut all, mut end) = (Vec::new(), WINDOW);
        let Some(steps) = &self.steps else { return all };
        while let Some(block) = text.get(end - BLOCK..end) {
            let step = steps[hash(block)];
            if step > 0 {
                end += usize::from(step);
                continue;
            }
            let (start, first) = (end - WINDOW, hash_of_window(&text[end - WINDOW..]));
            let here = |needle: &&Needle| needle.window == first && text[start..].starts_with(&needle.bytes);
            let longest =
                self.all.iter().filter(here).max_by_key(|needle| (needle.bytes.len(), usize::MAX - needle.secret));
            all.extend(longest.map(|needle| Found { place: start..start + needle.bytes.len(), secret: needle.secret }));
            end += 1;
        }
        all
    }

    /// How many bytes at the end are the beginning of a secret.
    pub(crate) fn begun(&self, text: &[u8]) -> usize {
        let mut first = [false; 256];
        self.all.iter().for_each(|needle| first[usize::from(needle.bytes[0])] = true);
        let end = &text[text.len().saturating_sub(self.longest().saturating_sub(1))..];
        let begins =
            |end: &[u8]| self.all.iter().any(|needle| needle.bytes.len() > end.len() && needle.bytes.starts_with(end));
        let at = (0..end.len()).find(|at| first[usize::from(end[*at])] && begins(&end[*at..]));
        at.map_or(0, |at| end.len() - at)
    }
}

fn hash_of_window(bytes: &[u8]) -> u32 {
    let number = u64::from_le_bytes(bytes[..WINDOW].try_into().expect("a window is eight bytes"));
    (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

fn hash(block: &[u8]) -> usize {
    let number = u32::from_le_bytes([block[0], block[1], block[2], 0]);
    // The upper bits of a product with an odd constant depend on all of its bits.
    (number.wrapping_mul(0x9e37_79b1) >> 19) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Texts of few letters, in which secrets and their beginnings occur by chance, against the plainest search.
        #[test]
        fn the_one_pass_finds_what_looking_everywhere_finds(
            secrets in proptest::collection::vec("[ab/]{8,10}", 1..4), text in "[ab/]{0,60}", inside in 0..60_usize,
        ) {
            let needles = Needles::new(secrets.iter().map(String::as_bytes));
            let at = inside.min(text.len());
            let text = [&text[..at], &secrets[0], &text[at..]].concat();
            let mut hidden = vec![false; text.len()];
            for Needle { bytes: needle, .. } in &needles.all {
                for start in 0..text.len() {
                    if text.as_bytes()[start..].starts_with(needle) {
                        hidden[start..start + needle.len()].fill(true);
                    }
                }
            }
            let mut found = vec![false; text.len()];
            needles.found(text.as_bytes()).into_iter().for_each(|one| found[one.place].fill(true));
            prop_assert_eq!(found, hidden);
        }
    }

    #[test]
    fn secrets_that_overlap_are_found_as_one() {
        let needles = Needles::new([&b"canary-1"[..], b"a canary-1 b", b"ry-1 b and", b"short"]);
        let found = |text: &str| needles.found(text.as_bytes());
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
            assert_eq!(needles.begun(text.as_bytes()), begun, "{text}");
        }
        assert_eq!(Needles::default().begun(b"x"), 0);
    }
}
