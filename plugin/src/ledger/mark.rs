//! A mark of a file of the workspace, as `wit/files.wit` defines it, so that the host can tell by marks what is new.

use crate::tree::Mode;

/// The lowest bit says what a mark is of.
const OF_NAME: u64 = 1;
/// In the place of a mode. The others are 0 and 1.
const NO_MODE: u8 = 2;

/// Of one content at one path, or of a name whatever it holds. Two marks are taken for one in 10^19 edits; an edit is taken for one
/// of 100,000 known files in 10^14.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(u64);

impl Mark {
    /// Of what the host says of a file: as long as it is the same, so are content and mode.
    pub fn of_content(path: &str, version: &str, mode: Mode) -> Self {
        let hash = hash(hash(hash(BASIS, path.as_bytes()), &[0]), version.as_bytes());
        Mark(self::hash(hash, &[u8::from(mode == Mode::Executable)]) & !OF_NAME)
    }

    /// Of a content that the workspace does not have there: no file has it, so that it is always missing, and the path looked at.
    pub fn of_none(path: &str) -> Self {
        Mark(hash(hash(BASIS, path.as_bytes()), &[0, NO_MODE]) & !OF_NAME)
    }

    /// Of a file that is not synced.
    pub fn of_name(path: &str) -> Self {
        Mark(hash(BASIS, path.as_bytes()) | OF_NAME)
    }

    /// As it was given to the host.
    pub fn from_number(number: u64) -> Self {
        Mark(number)
    }

    /// As the host takes it.
    pub fn number(self) -> u64 {
        self.0
    }

    /// Whether it is of a name.
    pub fn is_of_name(self) -> bool {
        self.0 & OF_NAME == OF_NAME
    }
}

const BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a.
fn hash(basis: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(basis, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in the host's own test. The first two are of the test vectors that are published with FNV.
    #[test]
    fn marks_are_those_of_the_contract() {
        assert_eq!(hash(BASIS, b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash(BASIS, b"foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(Mark::of_name("foobar").number(), 0x8594_4171_f739_67e9);
        let spelled = hash(BASIS, b"docs/a.md\0v7\x01") & !1;
        assert_eq!(Mark::of_content("docs/a.md", "v7", Mode::Executable).number(), spelled);
        assert!(Mark::of_name("a").is_of_name() && !Mark::of_content("a", "1", Mode::Regular).is_of_name());
    }
}
