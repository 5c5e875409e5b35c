//! Git's name of a file's content, computed here so that content which is already known is never downloaded and content which
//! was downloaded is checked.
//!
//! Only SHA-1 repositories: GitLab does not offer SHA-256 ones over its API. A chosen-prefix collision would let a person with
//! write access swap one of their own contents for another of their own, which they can do anyway.

use sha1::{Digest, Sha1};
use std::fmt;
use std::str::FromStr;

/// `sha1("blob <length>\0" + bytes)`, as git has it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId([u8; 20]);

/// Not 40 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a blob id of 40 hexadecimal digits")]
pub struct BlobIdError(String);

impl BlobId {
    /// Of the empty file.
    pub const EMPTY: BlobId = BlobId([
        0xe6, 0x9d, 0xe2, 0x9b, 0xb2, 0xd1, 0xd6, 0x43, 0x4b, 0x8b, 0x29, 0xae, 0x77, 0x5a, 0xd8, 0xc2, 0xe4, 0x8c,
        0x53, 0x91,
    ]);

    /// The id of this content.
    pub fn of(content: &[u8]) -> Self {
        let mut hasher = BlobHasher::new(content.len() as u64);
        hasher.update(content);
        hasher.finish()
    }

    /// From the 20 bytes themselves.
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        BlobId(bytes)
    }

    /// The 20 bytes.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl FromStr for BlobId {
    type Err = BlobIdError;

    fn from_str(text: &str) -> Result<Self, BlobIdError> {
        parse_hex(text).map(BlobId).ok_or_else(|| BlobIdError(text.chars().take(64).collect()))
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

/// The same in pieces, for content that arrives as a stream. Git's header holds the length, so it must be known first.
pub struct BlobHasher(Sha1);

impl BlobHasher {
    /// For content of exactly this many bytes.
    pub fn new(length: u64) -> Self {
        BlobHasher(Sha1::new().chain_update(format!("blob {length}\0")))
    }

    /// The next bytes of the content.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The id. If other than the announced number of bytes came, it is the id of nothing, so a check against it fails.
    pub fn finish(self) -> BlobId {
        BlobId(self.0.finalize().into())
    }
}

/// 20 bytes of 40 hexadecimal digits in either case.
pub(crate) fn parse_hex(text: &str) -> Option<[u8; 20]> {
    let digits = text.as_bytes();
    if digits.len() != 40 {
        return None;
    }
    let mut bytes = [0; 20];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = (high * 16 + low) as u8;
    }
    Some(bytes)
}

pub(crate) fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_that_git_hash_object_prints() {
        let table: &[(&[u8], &str)] = &[
            (b"", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
            (b"hello\n", "ce013625030ba8dba906f756967f9e9ca394464a"),
            (b"\xef\xbb\xbfa\r\n", "f4daaaa1e76a2a149d105a7d9f59736034bc29c2"),
        ];
        for (content, id) in table {
            assert_eq!(BlobId::of(content).to_string(), *id);
        }
        assert_eq!(BlobId::of(b""), BlobId::EMPTY);
    }

    #[test]
    fn a_stream_gives_the_same_id_as_the_whole() {
        let content = vec![7_u8; 100_000];
        let mut hasher = BlobHasher::new(content.len() as u64);
        content.chunks(977).for_each(|chunk| hasher.update(chunk));
        assert_eq!(hasher.finish(), BlobId::of(&content));
    }

    #[test]
    fn an_id_reads_back_from_its_text_and_nothing_else_does() {
        let id = BlobId::of(b"x");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        for bad in ["", "e69de29", &"g".repeat(40), &"0".repeat(64), "é69de29bb2d1d6434b8b29ae775ad8c2e48c539"] {
            assert!(bad.parse::<BlobId>().is_err(), "{bad}");
        }
    }
}
