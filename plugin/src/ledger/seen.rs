//! Ids of contents that were read and that the base does not have (yet), by the marks of the files.
//!
//! A long first push takes many calls, and each must know what all the files hold: without this it would read everything that is not
//! pushed yet, again at each call, and never begin where one call cannot read it all.
//!
//! They can be lost at any time: then the files are read. A mark is of one content at one path, so that what is here stays true
//! whatever happens meanwhile; what no file has any more is left out when they are next written.

use super::coding::checksum;
use super::{FORMAT, Mark, Stored, Write};
use crate::blob::BlobId;
use crate::order;

/// Where they are kept.
pub const SEEN_KEY: &str = "base/seen";

/// A value of the state is at most 8 MiB.
const MOST: usize = 290_000;
const HEAD: usize = 1;
const SIZE: usize = 28;

/// As they are kept: the format, the mark and the id of each in ascending order, and a checksum.
#[derive(Debug, Default)]
pub struct Seen {
    bytes: Vec<u8>,
    version: u64,
}

impl Seen {
    /// What was kept. What is damaged counts as nothing.
    pub fn of(stored: Option<Stored>) -> Self {
        let Some(Stored { bytes, version }) = stored else { return Self::default() };
        let is_whole = |content: &[u8], sum: &[u8; 8]| {
            content.first() == Some(&FORMAT) && content.len() % SIZE == HEAD && checksum(content) == *sum
        };
        let is_sound = bytes.split_last_chunk::<8>().is_some_and(|(content, sum)| is_whole(content, sum));
        Self { bytes: if is_sound { bytes } else { Vec::new() }, version }
    }

    /// Whether there is anything, be it damaged.
    pub fn is_kept(&self) -> bool {
        self.version > 0
    }

    /// What the file of this mark holds.
    pub fn blob(&self, mark: Mark) -> Option<BlobId> {
        let end = self.bytes.len().checked_sub(8)?;
        let (all, _) = self.bytes[HEAD..end].as_chunks::<SIZE>();
        let wanted = mark.number().to_be_bytes();
        let at = all.binary_search_by(|one| one[..8].cmp(&wanted)).ok()?;
        all[at].last_chunk().copied().map(BlobId::from_bytes)
    }

    /// What to commit, so that it is these from now on. None: they are too many.
    pub fn replaced(self, now: &[(Mark, BlobId)]) -> Option<Write> {
        if now.len() > MOST {
            return None;
        }
        let mut places: Vec<&(Mark, BlobId)> = now.iter().collect();
        order::sort(&mut places);
        let mut bytes = self.bytes;
        bytes.clear();
        bytes.reserve_exact(HEAD + now.len() * SIZE + 8);
        bytes.push(FORMAT);
        for (mark, blob) in places {
            bytes.extend_from_slice(&mark.number().to_be_bytes());
            bytes.extend_from_slice(blob.as_bytes());
        }
        bytes.extend(checksum(&bytes));
        Some(Write { key: SEEN_KEY.to_owned(), bytes, expected: self.version })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Mode;

    fn file(number: usize) -> (Mark, BlobId) {
        let text = number.to_string();
        (Mark::of_content(&text, "v", Mode::Regular), BlobId::of(text.as_bytes()))
    }

    fn kept(files: &[(Mark, BlobId)]) -> Stored {
        let write = Seen::default().replaced(files).unwrap();
        assert_eq!((write.key.as_str(), write.expected), (SEEN_KEY, 0));
        Stored { bytes: write.bytes, version: 1 }
    }

    #[test]
    fn what_was_read_is_found_by_its_mark_and_nothing_else_is() {
        let files: Vec<_> = (0..200).map(file).collect();
        for count in [0, 1, 2, 200] {
            let seen = Seen::of(Some(kept(&files[..count])));
            for (at, (mark, blob)) in files.iter().enumerate() {
                assert_eq!(seen.blob(*mark), (at < count).then_some(*blob), "{at} of {count}");
            }
        }
        assert!(!Seen::of(None).is_kept());
    }

    #[test]
    fn damage_counts_as_nothing_and_is_written_over() {
        let files: Vec<_> = (0..3).map(file).collect();
        let whole = kept(&files);
        for at in 0..whole.bytes.len() {
            let mut damaged = whole.clone();
            damaged.bytes[at] ^= 1;
            let seen = Seen::of(Some(damaged));
            assert!(files.iter().all(|(mark, _)| seen.blob(*mark).is_none()), "byte {at}");
            assert_eq!(
                seen.replaced(&files).map(|write| (write.expected, write.bytes)),
                Some((1, whole.bytes.clone()))
            );
        }
        for length in 0..whole.bytes.len() {
            let cut = Stored { bytes: whole.bytes[..length].to_vec(), version: 1 };
            assert_eq!(Seen::of(Some(cut)).blob(files[0].0), None, "{length} bytes");
        }
    }

    #[test]
    fn more_than_a_value_holds_is_not_kept() {
        let one = file(1);
        let write = Seen::default().replaced(&vec![one; MOST]).unwrap();
        assert!(write.bytes.len() <= 8 << 20);
        assert!(Seen::default().replaced(&vec![one; MOST + 1]).is_none());
    }
}
