//! The marks of everything that the workspace held when the base was saved: what the host is told to be known.
//!
//! Eight bytes for each file, read and written as one value: the one thing in a call of few changes that grows with what is there.
//! For 100,000 files it is 800 kB, a moment's work beside the host's walk through as many files.
//!
//! They can be lost at any time: then all files are listed, as on the first day. So they are not in the index, but name it by its
//! checksum: marks that are damaged, or saved beside another base, count as lost.

use super::coding::checksum;
use super::{FORMAT, Stored, Write};
use crate::order;

/// Where they are kept.
pub const MARKS_KEY: &str = "base/marks";

/// A value of the state is at most 8 MiB. Above a million files there are none.
const MOST: usize = 1_000_000;
const HEAD: usize = 1 + 8 + 8;

/// In ascending order, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) numbers: Vec<u64>,
    /// Of the base.
    pub(super) files: usize,
}

impl Marks {
    /// None: lost.
    pub(super) fn decode(bytes: &[u8], index: &[u8]) -> Option<Self> {
        let (content, sum) = bytes.split_last_chunk::<8>()?;
        let (head, numbers) = content.split_first_chunk::<HEAD>()?;
        let (numbers, rest) = numbers.as_chunks::<8>();
        let is_whole = head[0] == FORMAT && rest.is_empty() && checksum(content) == *sum;
        if !is_whole || head[1..9] != checksum(index) {
            return None;
        }
        let files = u64::from_le_bytes(*head.last_chunk()?);
        let numbers = numbers.iter().map(|number| u64::from_le_bytes(*number)).collect();
        Some(Marks { numbers, files: usize::try_from(files).ok()? })
    }

    fn encode(&self, index: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; HEAD + self.numbers.len() * 8];
        bytes[0] = FORMAT;
        bytes[1..9].copy_from_slice(&checksum(index));
        bytes[9..HEAD].copy_from_slice(&(self.files as u64).to_le_bytes());
        let (pieces, _) = bytes[HEAD..].as_chunks_mut::<8>();
        pieces.iter_mut().zip(&self.numbers).for_each(|(piece, number)| *piece = number.to_le_bytes());
        bytes.extend(checksum(&bytes));
        bytes
    }

    /// Without those of `gone`, and with those of `come`. What lies between two of these is copied as it is.
    pub(super) fn changed(
        &self,
        gone: impl Iterator<Item = u64>,
        come: impl Iterator<Item = u64>,
        files: usize,
    ) -> Self {
        let (gone, come) = (gone.map(|number| (number, false)), come.map(|number| (number, true)));
        let mut edits: Vec<(u64, bool)> = gone.chain(come).collect();
        order::sort(&mut edits);
        let mut rest = self.numbers.as_slice();
        let mut numbers = Vec::with_capacity(rest.len() + edits.len());
        for (number, comes) in edits {
            let (before, after) = rest.split_at(rest.partition_point(|next| *next < number));
            numbers.extend_from_slice(before);
            rest = after.strip_prefix(&[number]).unwrap_or(after);
            if comes && numbers.last() != Some(&number) {
                numbers.push(number);
            }
        }
        numbers.extend_from_slice(rest);
        Marks { numbers, files }
    }

    /// What to commit beside this index. None: nothing.
    pub(super) fn save(&self, index: &[u8], before: Before) -> Option<Write> {
        let bytes = self.encode(index);
        let is_news = before.sum.as_ref() != bytes.last_chunk();
        let is_kept = is_news && self.numbers.len() <= MOST;
        is_kept.then(|| Write { key: MARKS_KEY.to_owned(), bytes, expected: before.version })
    }
}

/// What was kept before.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Before {
    version: u64,
    sum: Option<[u8; 8]>,
}

impl Before {
    pub(super) fn of(stored: Option<&Stored>) -> Self {
        let sum = stored.and_then(|stored| stored.bytes.last_chunk().copied());
        Before { version: stored.map_or(0, |stored| stored.version), sum }
    }
}
