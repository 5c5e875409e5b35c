//! A digest over structured values, equal only if all of them are equal: each field goes in with its length, so that moving a
//! byte from one field to the next changes it.

use crate::blob::{parse_hex, write_hex};
use sha1::{Digest, Sha1};
use std::fmt;
use std::str::FromStr;

/// SHA-1, as the blob ids that it is mostly taken over. It protects against accidents and races, not against an enemy.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 20]);

/// Not 40 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a digest is 40 hexadecimal digits")]
pub struct FingerprintError;

impl Fingerprint {
    /// From the 20 bytes themselves.
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Fingerprint(bytes)
    }

    /// The 20 bytes.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        parse_hex(text).map(Fingerprint).ok_or(FingerprintError)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

/// Takes the fields one after the other.
pub(crate) struct Fingerprinter(Sha1);

impl Fingerprinter {
    /// `purpose` keeps digests of different things apart, and versions of one thing.
    pub(crate) fn new(purpose: &str) -> Self {
        let mut fields = Fingerprinter(Sha1::new());
        fields.field(purpose.as_bytes());
        fields
    }

    pub(crate) fn field(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> Fingerprint {
        Fingerprint(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_run_into_each_other() {
        let of = |fields: &[&str]| {
            let mut fingerprint = Fingerprinter::new("test");
            fields.iter().for_each(|field| fingerprint.field(field.as_bytes()));
            fingerprint.finish()
        };
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&["a"]), of(&["a", ""]));
        assert_eq!(of(&["a"]).to_string().parse(), Ok(of(&["a"])));
    }
}
