//! The version of a file on disk: a mark that is cheap to take and that no edit leaves as it was.
//!
//! It is taken of the file's size, time of change, time of status change and inode: an edit moves at least one of them, if the clock
//! of the file system has moved since. It may not have: kernels stamp with their tick (up to 10 ms), FAT in steps of 2 s. So a file
//! whose time of change is less than [`RACY`] ago (or in the future) gets a hash of its bytes into the mark; git does the same with
//! what it calls racily clean entries.
//!
//! Of all that only a hash leaves the host: times in nanoseconds would be a fine clock for the connector, and inodes are nobody's
//! business inside the sandbox. So a version is never taken apart again; it is taken once more of what is there and compared, and what
//! a batch has to know of a file between check and rename stays on this side ([`Seen`]). The hash has no key, for there is no place to
//! keep one where reading leaves no trace: who knows a file's times to the nanosecond and its inode can tell that a mark is theirs.
//!
//! The files we write ourselves are dated [`RACY`] back, and a bit. Any later edit is then at least that far away in time, their mark
//! needs no hash, and it stays the same from the moment a batch returns.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use crate::files::Version;
use crate::manifest::hex;

/// The coarsest clock of a file system that we know: FAT's.
pub(super) const RACY: Duration = Duration::from_secs(2);

/// How much of a version says which file it was; the rest says more of it, and of its bytes if it was racy.
const STAT_BYTES: usize = 8;
const HASH_BYTES: usize = 12;

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

/// A file as it was when an expected version was found to be its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) stat: Stat,
    /// None: the version was taken without looking at the bytes.
    pub(super) hash: Option<String>,
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

    /// The version of a file that is not racy.
    pub(super) fn version(&self) -> Version {
        Version::new(hex(&self.digest()[..STAT_BYTES + HASH_BYTES]))
    }

    /// The version of a racy file whose bytes have this hash.
    pub(super) fn version_with(&self, hash: &str) -> Version {
        let of_stat = self.digest();
        let of_both = Sha256::new_with_prefix(of_stat).chain_update(hash).finalize();
        Version::new(hex(&of_stat[..STAT_BYTES]) + &hex(&of_both[..HASH_BYTES]))
    }

    /// Whether `version` may be that of this file when it was racy: no other is worth a look at the bytes.
    pub(super) fn may_have_been(&self, version: &Version) -> bool {
        version.as_str().starts_with(&hex(&self.digest()[..STAT_BYTES]))
    }

    fn digest(&self) -> [u8; 32] {
        let Self { size, modified, changed, inode, .. } = self;
        let hasher = Sha256::new_with_prefix(b"gitlab-sync: the mark of a file\0")
            .chain_update(size.to_le_bytes())
            .chain_update(modified.to_le_bytes())
            .chain_update(changed.to_le_bytes())
            .chain_update(inode.to_le_bytes());
        hasher.finalize().into()
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
    hex(&digest[..16])
}

fn nanos(duration: Duration) -> i128 {
    i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: Stat = Stat { size: 7, modified: 1_700_000_000_123_456_789, changed: -1, inode: 9, mode: 0o644 };

    #[test]
    fn a_version_is_other_when_anything_but_the_mode_is() {
        let (size, modified, changed, inode) = (8, STAT.modified + 1, STAT.changed + 1, 10);
        let others = [
            Stat { size, ..STAT },
            Stat { modified, ..STAT },
            Stat { changed, ..STAT },
            Stat { inode, ..STAT },
            Stat { modified: STAT.changed, changed: STAT.modified, ..STAT },
        ];
        for other in others {
            assert_ne!(other.version(), STAT.version(), "{other:?}");
            assert_ne!(other.version_with("x"), STAT.version_with("x"), "{other:?}");
            assert!(!other.may_have_been(&STAT.version_with("x")), "{other:?}");
        }
        assert_eq!(Stat { mode: 0, ..STAT }.version(), STAT.version());
        assert_ne!(STAT.version_with("x"), STAT.version_with("y"));
        assert_ne!(STAT.version_with(""), STAT.version());
        assert!(STAT.may_have_been(&STAT.version_with("x")));
        assert!(!STAT.may_have_been(&Version::new("")));
    }

    /// Times in nanoseconds and the inode were once in it as they are: a fine clock, and the host's file system to look at.
    #[test]
    fn a_version_is_40_hex_digits_and_close_files_have_nothing_in_common() {
        let next = Stat { modified: STAT.modified + 1, changed: STAT.changed + 1, inode: STAT.inode + 1, ..STAT };
        let versions = [STAT.version(), next.version(), STAT.version_with("x"), next.version_with("x")];
        for version in &versions {
            let text = version.as_str();
            assert!(text.len() == 40 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{text}");
        }
        let same = |one: &Version, other: &Version| {
            one.as_str().bytes().zip(other.as_str().bytes()).filter(|(one, other)| one == other).count()
        };
        // Two random texts agree in 2.5 of 40 digits; times one nanosecond apart, written out, in nearly all.
        assert!(same(&versions[0], &versions[1]) < 12 && same(&versions[2], &versions[3]) < 12, "{versions:?}");
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
