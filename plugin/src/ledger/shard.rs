//! One shard: which files are in it, and how they are written down.

use super::coding::Reader;
use super::index::check_format;
use super::{EXECUTABLE, LedgerError, MARKED, Mark};
use crate::blob::BlobId;
use crate::path::RepoPath;
use crate::tree::{Entry, Mode};

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

pub(super) fn decode_shard(
    key: &str,
    bytes: &[u8],
    files: &mut Vec<(RepoPath, Entry)>,
    marks: &mut Vec<(RepoPath, Mark)>,
) -> Result<(), LedgerError> {
    check_format(key, bytes)?;
    let mut fields = Reader(&bytes[1..]);
    decode_files(&mut fields, files, marks)
        .filter(|()| fields.0.is_empty())
        .ok_or_else(|| LedgerError::Damaged(key.to_owned()))
}

pub(super) fn decode_files(
    fields: &mut Reader<'_>,
    files: &mut Vec<(RepoPath, Entry)>,
    marks: &mut Vec<(RepoPath, Mark)>,
) -> Option<()> {
    let mut text = String::new();
    for _ in 0..fields.number()? {
        let shared = fields.number()?;
        if !text.is_char_boundary(shared) {
            return None;
        }
        text.truncate(shared);
        text.push_str(std::str::from_utf8(fields.text()?).ok()?);
        let path = RepoPath::parse(&text).ok()?;
        let [flags] = fields.array()?;
        let mode = if flags & EXECUTABLE == 0 { Mode::Regular } else { Mode::Executable };
        let blob = BlobId::from_bytes(fields.array()?);
        if flags & MARKED != 0 {
            marks.push((path.clone(), Mark(fields.array()?)));
        }
        files.push((path, Entry { blob, mode }));
    }
    Some(())
}
