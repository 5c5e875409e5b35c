//! How a commit looks on disk. Pure.
//!
//! A file begins with a line that names the format and, by a number, this very file. Each commit follows as one record: a head with its
//! lengths and a hash, a table of its writes, and the values. The table has the hash of each value, so that a file is opened by its
//! tables alone and a value is checked when it is read.
//!
//! A process or machine that dies while writing leaves at most one broken record, at the end; that one was never confirmed to anyone. A
//! broken record anywhere else means that the file was damaged, and nothing in it is trusted. Behind the last record is a seal, which
//! is written when that record is on disk and overwritten by the next: what is before it needs no second look, and what is behind it was
//! never confirmed.

use sha2::{Digest, Sha256};

use super::Key;

const FORMAT: &str = "gitlab-sync state 2 ";
/// Had one hash for a whole record, so that opening a file read all of it.
const OLDER: &str = "gitlab-sync state 1 ";
/// Format, sixteen digits and a line end.
pub(super) const START_BYTES: usize = FORMAT.len() + 17;

const LENGTH_BYTES: usize = 8;
/// Of the lengths alone: a bad length must not pass for a record that was cut.
const CHECK_BYTES: usize = 4;
const HASH_BYTES: usize = 16;
/// Before a record's table.
pub(super) const HEAD_BYTES: usize = 2 * LENGTH_BYTES + CHECK_BYTES + HASH_BYTES;
/// A seal is a record of nothing; any other is longer.
pub(super) const SEAL_BYTES: usize = HEAD_BYTES;

/// What the first line of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// The file's number.
    Number(u64),
    /// It was written by a version before this one.
    Older,
    Damaged,
}

/// How much follows a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lengths {
    pub(super) table: u64,
    pub(super) values: u64,
}

/// Of a table or a value, cut to half of it: it finds damage, and keeps nobody from writing what he likes.
pub(super) type Hash = [u8; HASH_BYTES];

/// One thing in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// The values follow the table in the order of their puts.
    Put {
        key: Key,
        version: u64,
        size: u64,
        hash: Hash,
    },
    Remove {
        key: Key,
    },
    /// New keys start above this version.
    Floor {
        version: u64,
    },
}

/// The first line of the file with that number.
pub(super) fn start(number: u64) -> String {
    format!("{FORMAT}{number:016x}\n")
}

pub(super) fn parse_start(bytes: &[u8]) -> Start {
    if bytes.starts_with(OLDER.as_bytes()) {
        return Start::Older;
    }
    let text = std::str::from_utf8(bytes).ok();
    let digits = text.and_then(|text| text.strip_prefix(FORMAT)?.strip_suffix('\n'));
    let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    number.map_or(Start::Damaged, Start::Number)
}

/// Head and table of a record; the values go behind it.
pub(super) fn encode<'a>(items: impl IntoIterator<Item = &'a Item>) -> Vec<u8> {
    let mut record = vec![0; HEAD_BYTES];
    let mut values = 0;
    for item in items {
        match item {
            Item::Put { key, version, size, hash } => {
                push_key(&mut record, b'p', key);
                record.extend_from_slice(&version.to_le_bytes());
                record.extend_from_slice(&size.to_le_bytes());
                record.extend_from_slice(hash);
                values += size;
            }
            Item::Remove { key } => push_key(&mut record, b'r', key),
            Item::Floor { version } => {
                record.push(b'f');
                record.extend_from_slice(&version.to_le_bytes());
            }
        }
    }
    let (head, table) = record.split_at_mut(HEAD_BYTES);
    let (lengths, hashes) = head.split_at_mut(2 * LENGTH_BYTES);
    lengths[..LENGTH_BYTES].copy_from_slice(&(table.len() as u64).to_le_bytes());
    lengths[LENGTH_BYTES..].copy_from_slice(&values.to_le_bytes());
    hashes[..CHECK_BYTES].copy_from_slice(&hash(lengths)[..CHECK_BYTES]);
    hashes[CHECK_BYTES..].copy_from_slice(&hash(table));
    record
}

/// What says that all before it is on disk.
pub(super) fn seal() -> Vec<u8> {
    encode([])
}

fn push_key(record: &mut Vec<u8>, kind: u8, key: &Key) {
    // A key has at most 128 bytes.
    record.extend_from_slice(&[kind, u8::try_from(key.as_str().len()).unwrap_or(u8::MAX)]);
    record.extend_from_slice(key.as_str().as_bytes());
}

/// How much follows this head. None: the head is broken.
pub(super) fn lengths(mut head: &[u8]) -> Option<Lengths> {
    let lengths = head.get(..2 * LENGTH_BYTES)?;
    let (table, values) = (take_number(&mut head)?, take_number(&mut head)?);
    (hash(lengths)[..CHECK_BYTES] == *take(&mut head, CHECK_BYTES)?).then_some(Lengths { table, values })
}

/// What the table behind a head says. None: it is broken.
pub(super) fn decode(head: &[u8], table: &[u8]) -> Option<Vec<Item>> {
    if hash(table) != head.get(HEAD_BYTES - HASH_BYTES..)? {
        return None;
    }
    let mut rest = table;
    let mut items = Vec::new();
    let mut left = lengths(head)?.values;
    while let Some(kind) = take(&mut rest, 1) {
        items.push(match kind[0] {
            b'p' => {
                let key = take_key(&mut rest)?;
                let (version, size) = (take_number(&mut rest)?, take_number(&mut rest)?);
                left = left.checked_sub(size)?;
                Item::Put { key, version, size, hash: take(&mut rest, HASH_BYTES)?.try_into().ok()? }
            }
            b'r' => Item::Remove { key: take_key(&mut rest)? },
            b'f' => Item::Floor { version: take_number(&mut rest)? },
            _ => return None,
        });
    }
    (left == 0).then_some(items)
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

fn take_key(rest: &mut &[u8]) -> Option<Key> {
    let length = take(rest, 1)?[0];
    Key::parse(std::str::from_utf8(take(rest, length.into())?).ok()?).ok()
}

fn take_number(rest: &mut &[u8]) -> Option<u64> {
    take(rest, LENGTH_BYTES)?.try_into().ok().map(u64::from_le_bytes)
}

pub(super) fn hash(bytes: &[u8]) -> Hash {
    let mut short = [0; HASH_BYTES];
    short.copy_from_slice(&Sha256::digest(bytes)[..HASH_BYTES]);
    short
}
