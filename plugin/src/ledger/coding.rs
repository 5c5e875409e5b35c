//! Numbers, texts and checksums, as they are in what is saved.

use crate::path;

/// Of damage and of edits, not of forgery: whoever could forge it has the files themselves. Each step is a bijection of the state
/// and of eight bytes, so no change of one piece goes unnoticed, and it takes a twentieth of the time of a cryptographic one.
pub(super) fn checksum(bytes: &[u8]) -> [u8; 8] {
    let (pieces, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let length = (bytes.len() as u64).to_le_bytes();
    let sum = pieces.iter().chain([&last, &length]).fold(0x9e37_79b9_7f4a_7c15_u64, |sum, piece| {
        let mixed = (sum ^ u64::from_le_bytes(*piece)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        mixed ^ (mixed >> 29)
    });
    let sum = sum.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (sum ^ (sum >> 32)).to_le_bytes()
}

/// Seven bits to a byte, the low ones first.
pub(super) fn put_number(bytes: &mut Vec<u8>, mut number: usize) {
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

pub(super) fn put_text(bytes: &mut Vec<u8>, text: &[u8]) {
    put_number(bytes, text.len());
    bytes.extend_from_slice(text);
}

/// What is left to read. Reading past the end is None.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn number(&mut self) -> Option<usize> {
        let mut number = 0;
        for shift in [0, 7, 14, 21] {
            let [byte] = self.array()?;
            number |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(text)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }
}

/// How many bytes both begin with, up to a whole character.
pub(super) fn shared_text(one: &str, other: &str) -> usize {
    let mut shared = path::shared(one, other);
    while !other.is_char_boundary(shared) {
        shared -= 1;
    }
    shared
}
