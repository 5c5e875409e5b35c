//! The marks of everything that the workspace held when the base was saved: what the host is told to be known.
//!
//! Eight bytes for each file, read as one value by calls that ask what is new, a moment's work beside the host's walk through as many
//! files. They are written where everything was looked at; what has changed since is kept beside them (`since`).
//!
//! They can be lost at any time: then all files are listed, as on the first day. So they are not in the index, but what is kept beside
//! names both by their checksums: marks that are damaged, or of another time, count as lost.
//!
//! They are kept by the shards of their files, so that the path of a file that has gone is found in one shard.

use super::coding::checksum;
use super::{Stored, Write};
use crate::order;

/// Where they are kept.
pub const MARKS_KEY: &str = "base/marks";

/// A value of the state is at most 8 MiB. Above a million files there are none.
const MOST: usize = 1_000_000;
/// That they are kept by shards, and what belongs to them elsewhere.
const MARKS_FORMAT: u8 = 3;
const HEAD: usize = 1 + 8;

/// Each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// Of the files of one shard after the other, then of names; in ascending order in each of these groups.
    pub(super) numbers: Vec<u64>,
    /// Where the group of each shard ends.
    ends: Vec<u64>,
}

impl Marks {
    /// None of so many shards.
    pub(super) fn of_shards(count: usize) -> Self {
        Marks { ends: vec![0; count], ..Marks::default() }
    }

    /// None: they are not those that were meant.
    pub(super) fn decode(bytes: &[u8], expected: [u8; 8]) -> Option<Self> {
        let (content, sum) = bytes.split_last_chunk::<8>()?;
        let (head, numbers) = content.split_first_chunk::<HEAD>()?;
        let (numbers, rest) = numbers.as_chunks::<8>();
        let is_whole = head[0] == MARKS_FORMAT && rest.is_empty();
        if !is_whole || *sum != expected || checksum(content) != expected {
            return None;
        }
        let shards = usize::try_from(u64::from_le_bytes(*head.last_chunk()?)).ok()?;
        let (ends, numbers) = numbers.split_at_checked(shards)?;
        let [ends, numbers] = [ends, numbers].map(read);
        let is_in_order = ends.is_sorted() && ends.last().is_none_or(|last| *last <= numbers.len() as u64);
        is_in_order.then_some(Marks { numbers, ends })
    }

    fn encode(&self) -> Vec<u8> {
        let length = HEAD + (self.ends.len() + self.numbers.len()) * 8;
        let mut bytes = Vec::with_capacity(length + 8);
        bytes.resize(length, 0);
        bytes[0] = MARKS_FORMAT;
        bytes[1..HEAD].copy_from_slice(&(self.ends.len() as u64).to_le_bytes());
        let (pieces, _) = bytes[HEAD..].as_chunks_mut::<8>();
        let (ends, numbers) = pieces.split_at_mut(self.ends.len());
        ends.iter_mut().zip(&self.ends).for_each(|(piece, number)| *piece = number.to_le_bytes());
        numbers.iter_mut().zip(&self.numbers).for_each(|(piece, number)| *piece = number.to_le_bytes());
        bytes.extend(checksum(&bytes));
        bytes
    }

    /// Whether a file of that shard has this mark.
    pub(super) fn is_of_shard(&self, number: u64, shard: usize) -> bool {
        self.group(shard).binary_search(&number).is_ok()
    }

    fn group(&self, group: usize) -> &[u64] {
        let end = |group: usize| self.ends.get(group).map_or(self.numbers.len(), |end| *end as usize);
        &self.numbers[group.checked_sub(1).map_or(0, end)..end(group)]
    }

    /// With those that come, and without the others. Each edit says in which group; that of names is the last. What lies between two
    /// edits is copied as it is.
    pub(super) fn changed(&self, mut edits: Vec<(usize, u64, bool)>) -> Self {
        order::sort(&mut edits);
        let mut edits = edits.into_iter().peekable();
        let mut numbers = Vec::with_capacity(self.numbers.len() + edits.len());
        let mut ends = Vec::with_capacity(self.ends.len());
        for group in 0..=self.ends.len() {
            let mut rest = self.group(group);
            while let Some((_, number, comes)) = edits.next_if(|edit| edit.0 == group) {
                let (before, after) = rest.split_at(rest.partition_point(|next| *next < number));
                numbers.extend_from_slice(before);
                rest = after.strip_prefix(&[number]).unwrap_or(after);
                if comes && numbers.last() != Some(&number) {
                    numbers.push(number);
                }
            }
            numbers.extend_from_slice(rest);
            ends.push(numbers.len() as u64);
        }
        ends.pop();
        Marks { numbers, ends }
    }

    /// Their checksum, and what to commit if they have changed and are not too many.
    pub(super) fn save(&self, before: Before) -> ([u8; 8], Option<Write>) {
        let bytes = self.encode();
        let sum = bytes.last_chunk().copied().unwrap_or_default();
        let is_kept = before.is_other(&bytes) && self.numbers.len() <= MOST;
        (sum, is_kept.then(|| Write { key: MARKS_KEY.to_owned(), bytes, expected: before.version }))
    }
}

fn read(numbers: &[[u8; 8]]) -> Vec<u64> {
    numbers.iter().map(|number| u64::from_le_bytes(*number)).collect()
}

/// What was kept before.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Before {
    pub(super) version: u64,
    sum: Option<[u8; 8]>,
}

impl Before {
    pub(super) fn of(stored: Option<&Stored>) -> Self {
        let sum = stored.and_then(|stored| stored.bytes.last_chunk().copied());
        Before { version: stored.map_or(0, |stored| stored.version), sum }
    }

    /// Whether these end in another checksum.
    pub(super) fn is_other(&self, bytes: &[u8]) -> bool {
        self.sum.as_ref() != bytes.last_chunk()
    }
}
