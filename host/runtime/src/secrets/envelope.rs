//! The sealed form of everything the vault keeps.
//!
//! ```text
//! sealed   = version (1 byte, 1) | key id (8) | nonce (12) | AES-256-GCM ciphertext | tag (16)
//! bound to = "gitlab-sync sealed record" | version | length and text of the connection | length and text of the record | key id
//!            (lengths as 2 bytes; this is the associated data, so a record moved elsewhere does not open)
//!
//! record `SLOT`          under the data key: created ms (8) | 1 (1) | expires ms (8) | secret     (0 and zeros: never expires)
//! record `@pending:SLOT` under the data key: ms (8) since when an exchange for this slot has no known outcome
//! record `@key`          count (1) | count x ( length (2) | sealed under a master key: data key's id (8) | data key (32) )
//! ```
//!
//! Numbers are big-endian. Each connection has its own data key; `@key` holds it wrapped by one master key, or by two while the
//! master is being changed. Nonces are random: with one key per connection, 2^32 writes of one connection would have to happen
//! before a repeat is worth a thought, and `Vault::rotate_data_key` starts over.
//!
//! Decided here: the bytes. Not decided here: where they lie (`store`), which key is right (`vault`).
//!
//! Known gaps: the length of a secret shows in the length of its record, and who can write to the store can delete records or put
//! back an older copy of all of a connection's records.

use std::fmt;

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use thiserror::Error;
use zeroize::Zeroizing;

use super::names::ConnectionId;
use super::secret::{RandomError, Secret, random};
use super::store::RecordName;

const VERSION: u8 = 1;
const HEADER: usize = 1 + 8 + 12;
const CONTEXT: &[u8] = b"gitlab-sync sealed record";

/// Names a key; says nothing about its bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 8]);

/// A 32-byte key with its name.
pub(super) struct Key {
    id: KeyId,
    bytes: Zeroizing<[u8; 32]>,
}

/// Where a record belongs.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) connection: &'a ConnectionId,
    pub(super) record: &'a RecordName,
}

/// A secret with its dates.
#[derive(Debug)]
pub struct Stored {
    /// The secret.
    pub secret: Secret,
    /// When it was put there, in milliseconds since 1970 UTC.
    pub created_ms: u64,
    /// When it stops working, if that is known.
    pub expires_ms: Option<u64>,
}

/// Why sealed bytes do not open.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum OpenError {
    /// Written by a newer program, or no record at all.
    #[error("unknown format version {0}")]
    Version(u8),
    /// Too short, or its parts do not add up.
    #[error("damaged")]
    Damaged,
    /// Changed, moved from another place, or sealed by another key of the same id.
    #[error("not authentic: changed, or moved from another slot or connection")]
    NotAuthentic,
}

impl KeyId {
    pub(super) fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&crate::manifest::hex(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Key {
    pub(super) fn new(id: KeyId, bytes: Zeroizing<[u8; 32]>) -> Self {
        Self { id, bytes }
    }

    /// A new data key; its id is random, as data keys are only ever found beside their records.
    pub(super) fn generate() -> Result<Self, RandomError> {
        Ok(Self { id: KeyId(*random()?), bytes: random()? })
    }

    pub(super) fn id(&self) -> KeyId {
        self.id
    }

    pub(super) fn expose(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// Seals for one place and no other.
    pub(super) fn seal(&self, place: Place<'_>, plain: &[u8]) -> Result<Vec<u8>, RandomError> {
        Ok(self.seal_with(&*random()?, place, plain))
    }

    /// The nonce must never be used twice with this key.
    fn seal_with(&self, nonce: &[u8; 12], place: Place<'_>, plain: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(HEADER + plain.len() + 16);
        sealed.push(VERSION);
        sealed.extend(self.id.0);
        sealed.extend(nonce);
        let payload = Payload { msg: plain, aad: &associated(place, self.id) };
        sealed.extend(self.cipher().encrypt(nonce.into(), payload).expect("far below the 64 GiB of one message"));
        sealed
    }

    /// Opens what this key sealed for this place.
    pub(super) fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        if sealed_by(sealed)? != self.id {
            return Err(OpenError::NotAuthentic);
        }
        let (nonce, body) = sealed[1 + 8..].split_first_chunk::<12>().ok_or(OpenError::Damaged)?;
        let payload = Payload { msg: body, aad: &associated(place, self.id) };
        self.cipher().decrypt(nonce.into(), payload).map(Zeroizing::new).map_err(|_| OpenError::NotAuthentic)
    }

    /// This data key, wrapped.
    pub(super) fn wrap(&self, masters: &[&Key], connection: &ConnectionId) -> Result<Vec<u8>, RandomError> {
        let mut plain = Zeroizing::new(Vec::with_capacity(40));
        plain.extend(self.id.0);
        plain.extend(*self.bytes);
        let place = Place { connection, record: &RecordName::Key };
        let mut record = vec![u8::try_from(masters.len()).expect("one or two masters")];
        for master in masters {
            let wrapped = master.seal(place, &plain)?;
            record.extend(u16::try_from(wrapped.len()).expect("77 bytes").to_be_bytes());
            record.extend(wrapped);
        }
        Ok(record)
    }

    /// The data key that one of the masters' wraps holds.
    pub(super) fn unwrap_key(&self, connection: &ConnectionId, wrapped: &[u8]) -> Result<Self, OpenError> {
        let plain = self.open(Place { connection, record: &RecordName::Key }, wrapped)?;
        let (id, bytes) = plain.split_first_chunk::<8>().ok_or(OpenError::Damaged)?;
        let bytes = bytes.try_into().map_err(|_| OpenError::Damaged)?;
        Ok(Self { id: KeyId(*id), bytes: Zeroizing::new(bytes) })
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new((&*self.bytes).into())
    }
}

/// Which key sealed it.
pub(super) fn sealed_by(sealed: &[u8]) -> Result<KeyId, OpenError> {
    match sealed {
        [VERSION, rest @ ..] => rest.first_chunk().copied().map(KeyId).ok_or(OpenError::Damaged),
        [other, ..] => Err(OpenError::Version(*other)),
        [] => Err(OpenError::Damaged),
    }
}

/// The wraps of an `@key` record.
pub(super) fn wraps(record: &[u8]) -> Result<Vec<&[u8]>, OpenError> {
    let (count, mut rest) = record.split_first().ok_or(OpenError::Damaged)?;
    let mut wraps = Vec::new();
    for _ in 0..*count {
        let (length, after) = rest.split_first_chunk().ok_or(OpenError::Damaged)?;
        let (wrap, after) =
            after.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(OpenError::Damaged)?;
        wraps.push(wrap);
        rest = after;
    }
    if rest.is_empty() { Ok(wraps) } else { Err(OpenError::Damaged) }
}

impl Stored {
    pub(super) fn to_plain(&self) -> Zeroizing<Vec<u8>> {
        let mut plain = Zeroizing::new(Vec::with_capacity(17 + self.secret.expose().len()));
        plain.extend(self.created_ms.to_be_bytes());
        plain.push(u8::from(self.expires_ms.is_some()));
        plain.extend(self.expires_ms.unwrap_or(0).to_be_bytes());
        plain.extend(self.secret.expose());
        plain
    }

    pub(super) fn from_plain(plain: &[u8]) -> Result<Self, OpenError> {
        let (created, rest) = plain.split_first_chunk().ok_or(OpenError::Damaged)?;
        let (has_expiry, rest) = rest.split_first().ok_or(OpenError::Damaged)?;
        let (expires, secret) = rest.split_first_chunk().ok_or(OpenError::Damaged)?;
        let expires_ms = (*has_expiry == 1).then_some(u64::from_be_bytes(*expires));
        let secret = Secret::new(secret).map_err(|_| OpenError::Damaged)?;
        Ok(Self { secret, created_ms: u64::from_be_bytes(*created), expires_ms })
    }
}

fn associated(place: Place<'_>, key: KeyId) -> Vec<u8> {
    let mut bytes = CONTEXT.to_vec();
    bytes.push(VERSION);
    for text in [place.connection.as_str(), &place.record.to_string()] {
        bytes.extend(u16::try_from(text.len()).expect("names are short").to_be_bytes());
        bytes.extend(text.as_bytes());
    }
    bytes.extend(key.0);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::master::MasterKey;
    use super::super::names::SlotName;
    use super::*;
    use crate::manifest::hex;

    fn slot(name: &str) -> RecordName {
        RecordName::Slot(SlotName::parse(name).unwrap())
    }

    fn connection(id: &str) -> ConnectionId {
        ConnectionId::parse(id).unwrap()
    }

    fn key(byte: u8) -> Key {
        Key::new(KeyId([byte; 8]), Zeroizing::new([byte; 32]))
    }

    /// Made by an independent implementation (Python `cryptography`), from the description on top of this file.
    #[test]
    fn the_format_of_version_1_stays_what_it_is() {
        let place = Place { connection: &connection("acme-docs"), record: &slot("webhook") };
        let stored = Stored {
            secret: Secret::new("canary-\"é\"\n").unwrap(),
            created_ms: 1_763_600_000_000,
            expires_ms: Some(1_763_700_000_000),
        };
        let sealed = key(7).seal_with(&[9; 12], place, &stored.to_plain());
        assert_eq!(hex(&sealed), VECTOR);
        let master = MasterKey::from_bytes([3; 32]);
        assert_eq!(master.id().to_string(), MASTER_ID);
    }
    const VECTOR: &str = "0107070707070707070909090909090909090909092785850e2030a561a162cb397c4e159ad4d3029d559c8eed\
        4d6def84df5c86d0bccc47851bd2b3e7de7f4534dc";
    const MASTER_ID: &str = "bd568eed73fca7bc";

    #[test]
    fn a_record_opens_only_at_its_place_and_under_its_key() {
        let (here, there) = (connection("1"), connection("2"));
        let (hook, next) = (slot("webhook"), slot("next"));
        let pending = RecordName::Pending(SlotName::parse("webhook").unwrap());
        let sealed = key(1).seal(Place { connection: &here, record: &hook }, b"canary").unwrap();
        assert_eq!(key(1).open(Place { connection: &here, record: &hook }, &sealed).unwrap().as_slice(), b"canary");
        for (connection, record) in [(&there, &hook), (&here, &next), (&here, &pending), (&here, &RecordName::Key)] {
            let error = key(1).open(Place { connection, record }, &sealed).unwrap_err();
            assert_eq!(error, OpenError::NotAuthentic, "{connection} {record}");
        }
        let here = Place { connection: &here, record: &hook };
        assert_eq!(key(2).open(here, &sealed).unwrap_err(), OpenError::NotAuthentic);
        let same_id = Key::new(KeyId([1; 8]), Zeroizing::new([2; 32]));
        assert_eq!(same_id.open(here, &sealed).unwrap_err(), OpenError::NotAuthentic);
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_noticed() {
        let (id, record) = (connection("1"), slot("webhook"));
        let place = Place { connection: &id, record: &record };
        let sealed = key(1).seal(place, b"canary").unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            key(1).open(place, &changed).unwrap_err();
        }
        for length in 0..sealed.len() {
            key(1).open(place, &sealed[..length]).unwrap_err();
        }
    }

    #[test]
    fn a_wrapped_key_opens_under_each_of_its_masters() {
        let (old, new) = (MasterKey::from_bytes([1; 32]), MasterKey::from_bytes([2; 32]));
        let id = connection("1");
        let record = key(5).wrap(&[old.key(), new.key()], &id).unwrap();
        let wraps = wraps(&record).unwrap();
        for (master, wrap) in [(&old, wraps[0]), (&new, wraps[1])] {
            assert_eq!(sealed_by(wrap), Ok(master.id()));
            assert_eq!(master.key().unwrap_key(&id, wrap).unwrap().expose(), &[5; 32]);
            master.key().unwrap_key(&connection("2"), wrap).err().expect("bound to its connection");
        }
        for length in 0..record.len() {
            super::wraps(&record[..length]).unwrap_err();
        }
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_again(
            plain in proptest::collection::vec(any::<u8>(), 8..200), created: u64, expires: Option<u64>,
        ) {
            let (id, record) = (connection("1"), slot("a"));
            let place = Place { connection: &id, record: &record };
            let stored = Stored { secret: Secret::new(plain.clone()).unwrap(), created_ms: created, expires_ms: expires };
            let sealed = key(1).seal(place, &stored.to_plain()).unwrap();
            let opened = Stored::from_plain(&key(1).open(place, &sealed).unwrap()).unwrap();
            prop_assert_eq!(opened.secret.expose(), &plain[..]);
            prop_assert_eq!((opened.created_ms, opened.expires_ms), (created, expires));
        }

        #[test]
        fn arbitrary_bytes_never_open_and_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let (id, record) = (connection("1"), slot("a"));
            let place = Place { connection: &id, record: &record };
            prop_assert!(key(1).open(place, &bytes).is_err());
            let _ = wraps(&bytes);
            let _ = Stored::from_plain(&bytes);
        }
    }
}
