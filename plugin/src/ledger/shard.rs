//! One shard: which files are in it, and how they are written down.
//!
//! The format, the number of files, and for each: how much of its path is that of the one before, the rest, flags, blob id and mark.

use super::coding::{Reader, put_number, put_text, shared_text};
use super::index::check_format;
use super::{FORMAT, LedgerError, Mark};
use crate::blob::BlobId;
use crate::tree::{Entry, Mode};

const EXECUTABLE: u8 = 1;
const MARKED: u8 = 2;

pub(super) fn shard_key(number: usize) -> String {
    format!("base/{number:03x}")
}

/// FNV-1a, folded so that the low bits depend on all of them. `shards` is a power of two.
pub(super) fn shard_of(path: &str, shards: usize) -> usize {
    let hash = path
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    (hash ^ (hash >> 32)) as usize & (shards - 1)
}

/// Calls `visit` with each file, in the order of the paths. None from it is damage too.
pub(super) fn each_file(
    key: &str,
    bytes: &[u8],
    visit: impl FnMut(&str, Entry, Option<Mark>) -> Option<()>,
) -> Result<(), LedgerError> {
    check_format(key, bytes)?;
    let mut fields = Reader(&bytes[1..]);
    read_files(&mut fields, visit).filter(|()| fields.0.is_empty()).ok_or_else(|| LedgerError::Damaged(key.to_owned()))
}

fn read_files(fields: &mut Reader<'_>, mut visit: impl FnMut(&str, Entry, Option<Mark>) -> Option<()>) -> Option<()> {
    let mut path = String::new();
    for _ in 0..fields.number()? {
        let shared = fields.number()?;
        if !path.is_char_boundary(shared) {
            return None;
        }
        path.truncate(shared);
        path.push_str(std::str::from_utf8(fields.text()?).ok()?);
        let [flags] = fields.array()?;
        let mode = if flags & EXECUTABLE == 0 { Mode::Regular } else { Mode::Executable };
        let blob = BlobId::from_bytes(fields.array()?);
        let mark =
            if flags & MARKED == 0 { None } else { Some(Mark::from_number(u64::from_le_bytes(fields.array()?))) };
        visit(&path, Entry { blob, mode }, mark)?;
    }
    Some(())
}

/// Writes a shard down, file by file in the order of the paths.
#[derive(Default)]
pub(super) struct Encoder {
    count: usize,
    previous: String,
    files: Vec<u8>,
}

impl Encoder {
    pub(super) fn add(&mut self, path: &str, entry: Entry, mark: Option<Mark>) {
        let shared = shared_text(&self.previous, path);
        put_number(&mut self.files, shared);
        put_text(&mut self.files, &path.as_bytes()[shared..]);
        let executable = if entry.mode == Mode::Executable { EXECUTABLE } else { 0 };
        self.files.push(executable | mark.map_or(0, |_| MARKED));
        self.files.extend_from_slice(entry.blob.as_bytes());
        if let Some(mark) = mark {
            self.files.extend_from_slice(&mark.number().to_le_bytes());
        }
        self.previous.truncate(shared);
        self.previous.push_str(&path[shared..]);
        self.count += 1;
    }

    pub(super) fn finish(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.files.len() + 4);
        bytes.push(FORMAT);
        put_number(&mut bytes, self.count);
        bytes.extend_from_slice(&self.files);
        bytes
    }
}
