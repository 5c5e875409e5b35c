//! The version of a file on disk: a mark that is cheap to take and that no edit leaves as it was.
//!
//! It is taken of the file's size, time of change, time of status change and inode: an edit moves at least one of them, if the clock
//! of the file system has moved since. It may not have: kernels stamp with their tick (up to 10 ms), FAT in steps of 2 s. So a file
//! that an edit could leave with the times it has ([`Stat::is_racy`]) gets a hash of its bytes into the mark; git does the same with
//! what it calls racily clean entries. How long that is depends on the file system ([`Clock`]):
//!
//! - On the local ones of Linux ([`FINE`]) the time of status change is a tick of this machine's own clock, which no program can set.
//!   A file is racy for [`TICKS`] after it, whatever its time of change was set to (`touch -d`, `rsync -t`).
//! - On all others (FAT, HFS+, a server's, whose clock is another, and layers over something unknown), and where the stamps show whole
//!   milliseconds only, it is racy for [`RACY`] after its time of change. Known gaps: a clock of a server that is further behind, and
//!   within one stamp a date that is given back, or a clock that is set back to it.
//!
//! A stamp in the future is racy under both rules. Known gap, as for every program that goes by stamps: a write through a memory map
//! is stamped when it first touches a page, and not again until that page was written out.
//!
//! Of all that only a hash leaves the host: times in nanoseconds would be a fine clock for the connector, and inodes are nobody's
//! business inside the sandbox. So a version is never taken apart again; it is taken once more of what is there and compared, and what
//! a batch has to know of a file between check and rename stays on this side ([`Seen`]). The hash has no key, for there is no place to
//! keep one where reading leaves no trace: who knows a file's times to the nanosecond and its inode can tell that a mark is theirs.
//! What is hashed fits into one block of SHA-256, since it is done for each file of each walk.
//!
//! The files we write ourselves are dated [`RACY`] back, and a bit, to a time that says so ([`SEAL`]). Any later edit has another time
//! of change, their mark needs no hash, and it stays the same from the moment a batch returns. An edit within [`TICKS`] of our own that
//! gives a file its sealed date back is the one that would be overlooked.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use crate::files::Version;
use crate::manifest::hex;

/// The coarsest stamps of a file system that we know are FAT's, of two seconds, taken by a kernel's tick.
const RACY: Duration = Duration::from_millis(2_100);

/// Ten ticks of the slowest kernel: nine are for a writer that was held up between the stamp and the last byte of one write.
const TICKS: Duration = Duration::from_millis(100);

/// Our dates are whole multiples of this many nanoseconds: one other date in 10,000 is.
const SEAL: i128 = 9_973;

/// File systems that stamp in nanoseconds, by this machine's clock: ext2 to ext4, XFS, btrfs, tmpfs, F2FS, ZFS, bcachefs.
#[cfg(any(target_os = "linux", target_os = "android"))]
const FINE: [u32; 7] = [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0xf2f5_2010, 0x2fc1_2fc1, 0xca45_1a4e];

/// What a mark's hash begins with: as much as leaves all of it in one block.
const LABEL: &[u8; 23] = b"gitlab-sync: file mark\0";

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
    pub(super) device: u64,
    /// Permission bits.
    pub(super) mode: u32,
}

/// The time, and where it is told finely.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// Nanoseconds since 1970.
    pub(super) now: i128,
    /// The device whose file system is one of [`FINE`].
    pub(super) fine: Option<u64>,
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

    /// Whether an edit after `clock` was read could leave the file's times as they are.
    pub(super) fn is_racy(&self, clock: &Clock) -> bool {
        let is_fine = clock.fine == Some(self.device) && self.changed % 1_000_000 != 0;
        if is_fine {
            clock.now - self.changed < nanos(TICKS) && !self.is_ours()
        } else {
            clock.now - self.modified < nanos(RACY)
        }
    }

    /// Whether we wrote it last. A stamp that is a multiple by chance is not older than the change that it is of.
    fn is_ours(&self) -> bool {
        self.modified % SEAL == 0 && self.changed - self.modified > nanos(RACY)
    }

    /// The same but for the time of status change, which a rename moves.
    pub(super) fn is_same_content(&self, other: &Self) -> bool {
        (self.size, self.modified, self.inode) == (other.size, other.modified, other.inode)
    }

    /// The version of a file that is not racy.
    pub(super) fn version(&self) -> Version {
        Version::new(self.digits().as_str())
    }

    /// Its text, for the many whose version is only compared.
    pub(super) fn digits(&self) -> Digits {
        Digits::of(&self.digest())
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
        let Self { size, modified, changed, inode, .. } = *self;
        let mut text = [0; LABEL.len() + 32];
        let (label, rest) = text.split_at_mut(LABEL.len());
        label.copy_from_slice(LABEL);
        // Nanoseconds of some centuries fit into 64 bits; of other dates the low bits do.
        let numbers = [size, low_bits(modified), low_bits(changed), inode];
        for (place, number) in rest.chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        Sha256::digest(text).into()
    }
}

impl Clock {
    /// For files below `folder`. What it says holds from now on, so it is read before they are looked at.
    pub(super) fn read(folder: &impl AsFd) -> Self {
        Self { now: now(), fine: fine_device(folder) }
    }
}

/// None: not known to be fine.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn fine_device(folder: &impl AsFd) -> Option<u64> {
    // The types of both differ by platform; a file system's number has 32 bits.
    #[expect(clippy::cast_possible_truncation, reason = "as said")]
    let kind = rustix::fs::fstatfs(folder).ok()?.f_type as u32;
    let device = rustix::fs::fstat(folder).ok()?.st_dev;
    FINE.contains(&kind).then_some(device)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn fine_device(_: &impl AsFd) -> Option<u64> {
    None
}

fn low_bits(nanos: i128) -> u64 {
    u64::from_le_bytes(*nanos.to_le_bytes().first_chunk().expect("16 bytes have 8"))
}

/// 40 hexadecimal digits.
pub(super) struct Digits([u8; 2 * (STAT_BYTES + HASH_BYTES)]);

impl Digits {
    fn of(digest: &[u8; 32]) -> Self {
        let mut digits = [0; 2 * (STAT_BYTES + HASH_BYTES)];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(digest) {
            let digit = |value: u8| b"0123456789abcdef"[usize::from(value)];
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        Self(digits)
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hexadecimal digits are ASCII")
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
            device: stat.st_dev as u64,
            mode: u32::from(stat.st_mode) & 0o777,
        }
    }
}

/// Nanoseconds since 1970.
pub(super) fn now() -> i128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(nanos).unwrap_or_default()
}

/// The date for a file that is written now.
pub(super) fn date_for_new_files() -> i128 {
    date_for_new_files_at(now())
}

/// Just not racy, and sealed.
pub(super) fn date_for_new_files_at(now: i128) -> i128 {
    let date = now - nanos(RACY) - nanos(RACY) / 2;
    date - date.rem_euclid(SEAL)
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

    const STAT: Stat =
        Stat { size: 7, modified: 1_700_000_000_123_456_789, changed: -1, inode: 9, device: 3, mode: 0o644 };

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

    /// Seconds before and after the clock's.
    #[test]
    fn a_file_is_racy_while_an_edit_could_leave_its_times() {
        const NOW: i128 = 1_700_000_000_000_000_003;
        const MILLION: i128 = 1_000_000;
        let fine = Clock { now: NOW, fine: Some(3) };
        let (other, unknown) = (Clock { fine: Some(4), ..fine }, Clock { fine: None, ..fine });
        let sealed = date_for_new_files_at(NOW);
        let table = [
            ("just edited", 0, 0, true, true),
            ("edited a while ago, and touched", 5_000, 99, true, false),
            ("the same, some ticks later", 5_000, 100, false, false),
            ("edited within FAT's stamp", 2_099, 2_099, false, true),
            ("and before", 2_100, 2_100, false, false),
            ("dated a day on", -86_400_000, 5_000, false, true),
            ("edited before the clock was set back", -5_000, -5_000, true, true),
        ];
        for (what, modified, changed, racy, racy_elsewhere) in table {
            let stat = Stat { modified: NOW - 1 - modified * MILLION, changed: NOW - changed * MILLION, ..STAT };
            assert_eq!(stat.is_racy(&fine), racy, "{what}");
            assert_eq!(stat.is_racy(&other), racy_elsewhere, "{what}, on another device");
            assert_eq!(stat.is_racy(&unknown), racy_elsewhere, "{what}, on an unknown file system");
            let coarse = Stat { changed: stat.changed - 3, ..stat };
            assert_eq!(coarse.is_racy(&fine), racy_elsewhere, "{what}, with stamps of whole milliseconds");
        }
        assert!(!Stat { modified: sealed, changed: NOW, ..STAT }.is_racy(&fine), "our own");
        assert!(Stat { modified: sealed + 1, changed: NOW, ..STAT }.is_racy(&fine), "as old, and not our own");
        let by_chance = NOW - NOW % SEAL;
        assert!(
            Stat { modified: by_chance, changed: by_chance, ..STAT }.is_racy(&fine),
            "an edit at a time that looks like ours"
        );
    }

    #[test]
    fn what_we_write_is_never_racy() {
        let written = Stat { modified: date_for_new_files(), changed: now(), ..STAT };
        for fine in [None, Some(written.device)] {
            assert!(!written.is_racy(&Clock { now: now(), fine }), "{fine:?}");
        }
    }
}
