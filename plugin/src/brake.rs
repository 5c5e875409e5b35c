//! When deletions need a person's approval.

use std::fmt;

/// More than this share of a side's files, in percent.
pub const MAX_PERCENT: usize = 20;
/// More than this many files.
pub const MAX_FILES: usize = 50;

/// The outcome for one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brake {
    /// Few enough.
    Released,
    /// Someone must approve them.
    Held {
        /// How many files would be deleted.
        deletions: usize,
        /// Of how many.
        files: usize,
    },
}

/// Judges deletions on one side that has `files` synced files before them.
pub fn brake(deletions: usize, files: usize) -> Brake {
    if deletions > MAX_FILES || deletions * 100 > files * MAX_PERCENT {
        return Brake::Held { deletions, files };
    }
    Brake::Released
}

impl fmt::Display for Brake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Brake::Released => f.write_str("few deletions"),
            Brake::Held { deletions, files } => write!(f, "{deletions} of {files} files would be deleted"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_a_fifth_or_more_than_fifty_deletions_are_held() {
        let table = [
            (0, 0, false),
            (1, 5, false),
            (1, 4, true),
            (20, 100, false),
            (21, 100, true),
            (50, 100_000, false),
            (51, 100_000, true),
            (3, 3, true),
        ];
        for (deletions, files, held) in table {
            assert_eq!(brake(deletions, files) != Brake::Released, held, "{deletions} of {files}");
        }
    }
}
