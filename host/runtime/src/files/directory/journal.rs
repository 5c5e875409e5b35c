//! What a batch is about to do, on disk before it does it.
//!
//! The host's folder holds: `lock`; `stage/`, with the new file of slot 7 as `n7` and what it displaced as `o7`, and the second new folder,
//! with all that goes into it, as `f2`; and, while a batch is made, `journal`. A batch is made by renames alone, each of which can be
//! undone, and is committed by renaming `journal` to `done`. So after a crash `journal` means: undo; `done` means: finish clearing up;
//! neither: nothing had begun. `kept/` holds what undoing would have overwritten: files that a person saved between the crash and the next
//! use.

use std::io;

use serde::{Deserialize, Serialize};

use super::folder::Folder;
use super::mark;
use crate::files::WorkspacePath;

pub(super) const JOURNAL: &str = "journal";
pub(super) const DONE: &str = "done";

/// One rename, or what prepares it. In the order of a batch: deletes, displaced folders, made folders, writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Op {
    /// The file goes to `o<slot>`.
    Delete { path: PathText, slot: usize },
    /// The folder, which the deletes have emptied, goes to `o<slot>`.
    Displace { path: PathText, slot: usize },
    /// A folder is made.
    MakeFolder { path: PathText },
    /// `n<slot>`, or the file in a new folder, goes where nothing is.
    Create {
        path: PathText,
        slot: usize,
        hash: String,
        /// The new folder that it was written into, and how many parts of the path that folder is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        within: Option<(usize, usize)>,
        /// The date of the file, if it may not have been on disk yet when it went to its place: after a power cut it may be cut short
        /// there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dated: Option<i64>,
    },
    /// `n<slot>` changes places with the file; where the file system cannot do that, the file goes to `o<slot>` first.
    Replace { path: PathText, slot: usize, hash: String },
}

/// Which numbers a batch has for what it stages: even ones or odd. The batch before it may still have to be taken back while it
/// is in the stage already, and nothing of it may be held for the other's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Turn {
    #[default]
    Even,
    Odd,
}

impl Turn {
    /// That of the batch after this one.
    pub(super) fn next(self) -> Self {
        match self {
            Self::Even => Self::Odd,
            Self::Odd => Self::Even,
        }
    }

    /// The number for the change or new folder that has this one in the batch.
    pub(super) fn number(self, number: usize) -> usize {
        2 * number + usize::from(self == Self::Odd)
    }
}

/// A path that is checked again when it is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct PathText(pub(super) WorkspacePath);

impl TryFrom<String> for PathText {
    type Error = crate::files::PathError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        WorkspacePath::parse(&text).map(Self)
    }
}

impl From<PathText> for String {
    fn from(path: PathText) -> Self {
        path.0.to_string()
    }
}

impl Op {
    pub(super) fn path(&self) -> &WorkspacePath {
        match self {
            Self::Delete { path, .. }
            | Self::Displace { path, .. }
            | Self::MakeFolder { path }
            | Self::Create { path, .. }
            | Self::Replace { path, .. } => &path.0,
        }
    }
}

/// Where the new file of a change waits.
pub(super) fn new_name(slot: usize) -> String {
    format!("n{slot}")
}

/// Where what a change displaced waits.
pub(super) fn old_name(slot: usize) -> String {
    format!("o{slot}")
}

/// Where a new folder waits.
pub(super) fn folder_name(number: usize) -> String {
    format!("f{number}")
}

/// Writes the journal and makes it outlast a power cut.
pub(super) fn write(own: &Folder, ops: &[Op]) -> io::Result<()> {
    let file = own.create(JOURNAL, &encode(ops)?, 0o600, mark::now())?;
    own.sync_file(&file)?;
    own.sync()
}

/// None: there is none, or it was not written to its end, and then nothing had begun.
pub(super) fn read(own: &Folder, name: &str) -> io::Result<Option<Vec<Op>>> {
    Ok(own.read(name)?.and_then(|bytes| decode(&bytes)))
}

/// A line of JSON and a line with its hash.
fn encode(ops: &[Op]) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(ops)?;
    let hash = mark::digest(&bytes);
    bytes.extend_from_slice(format!("\n{hash}\n").as_bytes());
    Ok(bytes)
}

fn decode(bytes: &[u8]) -> Option<Vec<Op>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (json, hash) = text.strip_suffix('\n')?.rsplit_once('\n')?;
    if mark::digest(json.as_bytes()) != hash {
        return None;
    }
    serde_json::from_str(json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ops() -> Vec<Op> {
        let path = |text| PathText(WorkspacePath::parse(text).unwrap());
        vec![
            Op::Delete { path: path("a/ä\u{2028}.md"), slot: 0 },
            Op::Displace { path: path("b"), slot: 1 },
            Op::MakeFolder { path: path("c") },
            Op::Create { path: path("c/d"), slot: 2, hash: mark::digest(b"x"), within: None, dated: None },
            Op::Create { path: path("c/e"), slot: 4, hash: mark::digest(b"x"), within: Some((0, 1)), dated: Some(-7) },
            Op::Replace { path: path("e"), slot: 3, hash: mark::digest(b"y") },
        ]
    }

    #[test]
    fn a_journal_that_was_cut_or_altered_anywhere_does_not_count() {
        let whole = encode(&ops()).unwrap();
        assert_eq!(decode(&whole), Some(ops()));
        for cut in 0..whole.len() {
            assert_eq!(decode(&whole[..cut]), None, "cut at {cut}");
            let mut altered = whole.clone();
            altered[cut] ^= 1;
            assert_eq!(decode(&altered), None, "altered at {cut}");
        }
    }

    #[test]
    fn a_journal_cannot_name_a_path_outside() {
        for bad in ["../a", "/etc/passwd", ".git/config"] {
            let json = format!(r#"[{{"delete":{{"path":"{bad}","slot":0}}}}]"#);
            let text = format!("{json}\n{}\n", mark::digest(json.as_bytes()));
            assert_eq!(decode(text.as_bytes()), None, "{bad}");
        }
    }
}
