//! How a commit looks on disk. Pure.
//!
//! A file begins with a line that names the format and, by a number, this very file. Each commit follows as one record: its length,
//! its hash, and its writes. A process or machine that dies while writing leaves at most one broken record, at the end; that
//! one was never confirmed to anyone. A broken record anywhere else means that the file was damaged, and nothing in it is trusted.

use sha2::{Digest, Sha256};

use super::Key;

const FORMAT: &str = "gitlab-sync state 1 ";
/// Format, sixteen digits and a line end.
pub(super) const START_BYTES: usize = FORMAT.len() + 17;

const LENGTH_BYTES: usize = 8;
/// Of the length alone: a bad length must not pass for a record that was cut.
const CHECK_BYTES: usize = 4;
const HASH_BYTES: usize = 16;
/// Before a record's writes.
pub(super) const HEAD_BYTES: usize = LENGTH_BYTES + CHECK_BYTES + HASH_BYTES;

/// One thing in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item<'a> {
    Put {
        key: &'a str,
        version: u64,
        bytes: &'a [u8],
    },
    Remove {
        key: &'a str,
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

/// The file's number.
pub(super) fn parse_start(bytes: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(bytes).ok()?;
    u64::from_str_radix(text.strip_prefix(FORMAT)?.strip_suffix('\n')?, 16).ok()
}

/// One record.
pub(super) fn encode<'a>(items: impl IntoIterator<Item = Item<'a>>) -> Vec<u8> {
    let mut record = vec![0; HEAD_BYTES];
    for item in items {
        match item {
            Item::Put { key, version, bytes } => {
                push_key(&mut record, b'p', key);
                record.extend_from_slice(&version.to_le_bytes());
                record.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
                record.extend_from_slice(bytes);
            }
            Item::Remove { key } => push_key(&mut record, b'r', key),
            Item::Floor { version } => {
                record.push(b'f');
                record.extend_from_slice(&version.to_le_bytes());
            }
        }
    }
    let (head, writes) = record.split_at_mut(HEAD_BYTES);
    let length = (writes.len() as u64).to_le_bytes();
    head[..LENGTH_BYTES].copy_from_slice(&length);
    head[LENGTH_BYTES..][..CHECK_BYTES].copy_from_slice(&hash(&length)[..CHECK_BYTES]);
    head[LENGTH_BYTES + CHECK_BYTES..].copy_from_slice(&hash(writes));
    record
}

fn push_key(record: &mut Vec<u8>, kind: u8, key: &str) {
    // A key has at most 128 bytes.
    record.extend_from_slice(&[kind, u8::try_from(key.len()).unwrap_or(u8::MAX)]);
    record.extend_from_slice(key.as_bytes());
}

/// How many bytes of writes follow this head. None: the head is broken.
pub(super) fn length(head: &[u8; HEAD_BYTES]) -> Option<u64> {
    let mut length = [0; LENGTH_BYTES];
    length.copy_from_slice(&head[..LENGTH_BYTES]);
    let is_whole = hash(&length)[..CHECK_BYTES] == head[LENGTH_BYTES..][..CHECK_BYTES];
    is_whole.then(|| u64::from_le_bytes(length))
}

/// The writes, each with where its value begins among them. None: the record is broken.
pub(super) fn decode<'a>(head: &[u8; HEAD_BYTES], writes: &'a [u8]) -> Option<Vec<(Item<'a>, usize)>> {
    if hash(writes) != head[LENGTH_BYTES + CHECK_BYTES..] {
        return None;
    }
    let mut rest = writes;
    let mut items = Vec::new();
    while let Some(kind) = take(&mut rest, 1) {
        let item = match kind[0] {
            b'p' => {
                let key = take_key(&mut rest)?;
                let version = take_number(&mut rest)?;
                let size = usize::try_from(take_number(&mut rest)?).ok()?;
                Item::Put { key, version, bytes: take(&mut rest, size)? }
            }
            b'r' => Item::Remove { key: take_key(&mut rest)? },
            b'f' => Item::Floor { version: take_number(&mut rest)? },
            _ => return None,
        };
        let value = if let Item::Put { bytes, .. } = item { bytes.len() } else { 0 };
        items.push((item, writes.len() - rest.len() - value));
    }
    Some(items)
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

fn take_key<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = take(rest, 1)?[0];
    let key = std::str::from_utf8(take(rest, length.into())?).ok()?;
    Key::parse(key).is_ok().then_some(key)
}

fn take_number(rest: &mut &[u8]) -> Option<u64> {
    take(rest, 8)?.try_into().ok().map(u64::from_le_bytes)
}

fn hash(bytes: &[u8]) -> [u8; HASH_BYTES] {
    let mut short = [0; HASH_BYTES];
    short.copy_from_slice(&Sha256::digest(bytes)[..HASH_BYTES]);
    short
}
