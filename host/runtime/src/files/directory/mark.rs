//! The version of a file on disk: a mark that is cheap to take and that no edit leaves as it was.
//!
//! The mark is the file's size, time of change, time of status change and inode: an edit moves at least one of them, if the clock of
//! the file system has moved since. It may not have: kernels stamp with their tick (up to 10 ms), FAT in steps of 2 s. So a file whose
//! time of change is less than [`RACY`] ago (or in the future) gets a hash of its bytes into the mark; git does the same with
//! what it calls racily clean entries.
//!
//! The files we write ourselves are dated [`RACY`] back, and a bit. Any later edit is then at least that far away in time, their mark
//! needs no hash, and it stays the same from the moment a batch returns.

use std::fmt::Write as _;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use crate::files::Version;

/// The coarsest clock of a file system that we know: FAT's.
pub(super) const RACY: Duration = Duration::from_secs(2);

/// What the file system says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) size: u64,
    /// Nanoseconds since 1970.
    pub(super) modified: i128,
    pub(super) changed: i128,
    pub(super) inode: u64,
    /// Permission bits.
    pub(super) mode: u32,
}

/// A version, as taken apart again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    size: u64,
    modified: i128,
    changed: i128,
    inode: u64,
    hash: Option<String>,
}

impl Stat {
    pub(super) fn of(file: &std::fs::File) -> io::Result<Self> {
        Ok(Self::from(&rustix::fs::fstat(file)?))
    }

    pub(super) fn is_executable(&self) -> bool {
        self.mode & 0o100 != 0
    }

    /// Whether an edit now could leave the file's times as they are.
    pub(super) fn is_racy(&self, now: i128) -> bool {
        now - self.modified < nanos(RACY)
    }

    /// The same but for the time of status change, which a rename moves.
    pub(super) fn is_same_content(&self, other: &Self) -> bool {
        (self.size, self.modified, self.inode) == (other.size, other.modified, other.inode)
    }

    /// The mark of a file that is not racy.
    pub(super) fn mark(&self) -> Mark {
        let Self { size, modified, changed, inode, .. } = *self;
        Mark { size, modified, changed, inode, hash: None }
    }

    /// The mark of a racy file with these bytes.
    pub(super) fn mark_with(&self, bytes: &[u8]) -> Mark {
        self.mark_with_hash(digest(bytes))
    }

    pub(super) fn mark_with_hash(&self, hash: String) -> Mark {
        Mark { hash: Some(hash), ..self.mark() }
    }
}

#[expect(
    clippy::unnecessary_cast,
    clippy::useless_conversion,
    reason = "the widths of these fields differ by platform"
)]
impl From<&rustix::fs::Stat> for Stat {
    fn from(stat: &rustix::fs::Stat) -> Self {
        let time = |seconds: i64, part: i64| i128::from(seconds) * 1_000_000_000 + i128::from(part);
        Self {
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            modified: time(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            changed: time(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
            inode: stat.st_ino as u64,
            mode: u32::from(stat.st_mode) & 0o777,
        }
    }
}

impl Mark {
    pub(super) fn version(&self) -> Version {
        let (modified, changed) = (self.modified.cast_unsigned(), self.changed.cast_unsigned());
        let mut text = format!("{:x}.{modified:x}.{changed:x}.{:x}", self.size, self.inode);
        if let Some(hash) = &self.hash {
            write!(text, ".{hash}").expect("a string takes all");
        }
        Version::new(text)
    }

    /// None: it was not this workspace that gave it.
    pub(super) fn parse(version: &Version) -> Option<Self> {
        let mut parts = version.as_str().split('.');
        let mark = Self {
            size: u64::from_str_radix(parts.next()?, 16).ok()?,
            modified: u128::from_str_radix(parts.next()?, 16).ok()?.cast_signed(),
            changed: u128::from_str_radix(parts.next()?, 16).ok()?.cast_signed(),
            inode: u64::from_str_radix(parts.next()?, 16).ok()?,
            hash: parts.next().map(str::to_owned),
        };
        parts.next().is_none().then_some(mark)
    }

    /// Whether the file was like this, as far as can be said without its bytes.
    pub(super) fn fits(&self, stat: &Stat) -> bool {
        Self { hash: None, ..self.clone() } == stat.mark()
    }

    /// As `fits`, after a rename, which moves the time of status change.
    pub(super) fn fits_moved(&self, stat: &Stat) -> bool {
        (self.size, self.modified, self.inode) == (stat.size, stat.modified, stat.inode)
    }

    /// None: the bytes need not be looked at.
    pub(super) fn hash(&self) -> Option<&str> {
        self.hash.as_deref()
    }
}

/// Nanoseconds since 1970.
pub(super) fn now() -> i128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(nanos).unwrap_or_default()
}

/// The date for a file that is written now: just not racy.
pub(super) fn date_for_new_files() -> i128 {
    now() - nanos(RACY) - nanos(RACY) / 2
}

pub(super) fn digest(bytes: &[u8]) -> String {
    short(&Sha256::digest(bytes))
}

/// 128 bits are enough to tell contents apart.
pub(super) fn short(digest: &[u8]) -> String {
    crate::manifest::hex(&digest[..16])
}

fn nanos(duration: Duration) -> i128 {
    i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_comes_back_as_the_mark_it_was() {
        let stat = Stat { size: 7, modified: -1, changed: i128::from(i64::MAX) * 1_000_000_000, inode: 9, mode: 0o644 };
        for mark in [stat.mark(), stat.mark_with(b"x")] {
            assert_eq!(Mark::parse(&mark.version()), Some(mark.clone()));
            assert!(mark.fits(&stat));
        }
        for foreign in ["", "1", "1.2.3", "1.2.3.x", "1.2.3.4.5.6", "../../a"] {
            assert_eq!(Mark::parse(&Version::new(foreign)), None, "{foreign}");
        }
    }

    #[test]
    fn a_file_is_racy_for_two_seconds_and_when_it_is_from_the_future() {
        let at = |modified| Stat { size: 0, modified, changed: 0, inode: 0, mode: 0 };
        let table = [(0, true), (1_999_999_999, true), (2_000_000_000, false), (-5_000_000_000, true)];
        for (age, racy) in table {
            assert_eq!(at(1_000 - age).is_racy(1_000), racy, "{age} ns old");
        }
        assert!(!at(date_for_new_files()).is_racy(now()));
    }
}
