//! Looking for bytes without knowing them: a needle is a length and a hash, so that a guest can search its own memory for a secret
//! and the search itself cannot be what is found.

use std::fmt;

/// A text to look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needle {
    length: usize,
    hash: u64,
}

/// Odd and large, so that each byte moves all digits above it. Chance finds one in 2^64 places.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

impl Needle {
    /// The needle for these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self { length: bytes.len(), hash: bytes.iter().fold(0, |hash, byte| push(hash, *byte)) }
    }

    /// From the text that `Display` makes.
    pub fn parse(text: &str) -> Option<Self> {
        let (length, hash) = text.split_once(':')?;
        Some(Self { length: length.parse().ok()?, hash: u64::from_str_radix(hash, 16).ok()? })
    }

    /// How often it is in these bytes. Each is taken once and kept while it is in the window: a guest that searches its own
    /// memory changes some of it meanwhile.
    pub fn count(&self, bytes: impl Iterator<Item = u8>) -> usize {
        let leaving = (1..self.length).fold(1_u64, |power, _| power.wrapping_mul(BASE));
        // A ring of what is in the window; an empty place is 0, which no byte is.
        let mut window = vec![0_u64; self.length];
        let (mut hash, mut found, mut place, mut missing) = (0_u64, 0, 0, self.length);
        for byte in bytes {
            let Some(oldest) = window.get_mut(place) else { return 0 };
            let gone = std::mem::replace(oldest, term(byte));
            hash = push(hash.wrapping_sub(gone.wrapping_mul(leaving)), byte);
            place = if place + 1 == self.length { 0 } else { place + 1 };
            missing = missing.saturating_sub(1);
            found += usize::from(hash == self.hash && missing == 0);
        }
        found
    }

    /// How often it is in these bytes.
    pub fn count_in(&self, bytes: &[u8]) -> usize {
        self.count(bytes.iter().copied())
    }
}

impl fmt::Display for Needle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:x}", self.length, self.hash)
    }
}

fn push(hash: u64, byte: u8) -> u64 {
    hash.wrapping_mul(BASE).wrapping_add(term(byte))
}

/// Not zero, so that leading zeros count.
fn term(byte: u8) -> u64 {
    u64::from(byte) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A search of the memory that the search itself writes to once found nothing, because it took changed bytes out again.
    #[test]
    fn bytes_that_change_while_they_are_searched_do_not_hide_what_comes_after() {
        let reads = std::cell::Cell::new(0_u8);
        let changing = std::iter::repeat_with(|| reads.replace(reads.get() + 1)).take(8);
        assert_eq!(Needle::of(b"secret").count(changing.chain(*b"..secret..")), 1);
    }

    #[test]
    fn a_needle_is_found_as_often_as_it_is_there() {
        let table: [(&[u8], &[u8], usize); 6] = [
            (b"ab", b"abxabab", 3),
            (b"aa", b"aaaa", 3),
            (b"abc", b"ab", 0),
            (b"\0\0", b"\0\0\0", 2),
            (b"x", b"", 0),
            (b"glpat-secret", b"....glpat-secre.....glpat-secret", 1),
        ];
        for (needle, hay, times) in table {
            let needle = Needle::of(needle);
            assert_eq!(needle.count_in(hay), times, "{hay:?}");
            assert_eq!(Needle::parse(&needle.to_string()), Some(needle));
        }
    }
}
