//! What is known of the workspace as a whole: how many files the base has, and what has come to the marks and the names of all that is
//! there, or gone from them, since these were last written whole.
//!
//! Marks and names take sixteen bytes for each file, so a call that works on a few writes this beside them and neither of the two,
//! until it has grown to some thousand edits. It names the index, the marks and the names by their checksums: what is damaged, or
//! of another time, counts as lost. Without this value all three are.

use super::coding::{Reader, checksum, put_number};
use super::marks::{Before, Marks};
use super::names::Names;
use super::{Stored, Write};
use crate::order;

/// Where it is kept.
pub const SINCE_KEY: &str = "base/since";

const SINCE_FORMAT: u8 = 1;
/// 20 kB. More are taken into marks and names.
const MOST: usize = 2_000;
/// The group of the names. Those of the marks follow.
const NAMES: usize = 0;

/// A number that has come to a group, or gone from it.
type Edit = (usize, u64, bool);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Since {
    /// Of the base.
    pub(super) files: usize,
    /// The checksum of the marks, as they were written.
    marks: [u8; 8],
    /// The same of the names; zeros if there are none.
    names: [u8; 8],
    /// In order. What has come was not there, and what has gone was.
    edits: Vec<Edit>,
}

impl Since {
    /// None: lost.
    pub(super) fn decode(bytes: &[u8], index: &[u8]) -> Option<Self> {
        let (content, sum) = bytes.split_last_chunk::<8>()?;
        let mut fields = Reader(content);
        let is_whole = fields.array()? == [SINCE_FORMAT] && checksum(content) == *sum;
        if !is_whole || fields.array()? != checksum(index) {
            return None;
        }
        let (marks, names) = (fields.array()?, fields.array()?);
        let files = fields.number()?;
        let mut edits = Vec::new();
        while !fields.0.is_empty() {
            let group = fields.number()?;
            edits.push((group / 2, u64::from_le_bytes(fields.array()?), group % 2 == 1));
        }
        Some(Since { files, marks, names, edits })
    }

    /// What to commit beside this index, over that version of it.
    pub(super) fn write(&self, index: &[u8], expected: u64) -> Write {
        let mut bytes = Vec::with_capacity(40 + self.edits.len() * 10);
        bytes.push(SINCE_FORMAT);
        [checksum(index), self.marks, self.names].iter().for_each(|sum| bytes.extend_from_slice(sum));
        put_number(&mut bytes, self.files);
        for (group, number, comes) in &self.edits {
            put_number(&mut bytes, group * 2 + usize::from(*comes));
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend(checksum(&bytes));
        Write { key: SINCE_KEY.to_owned(), bytes, expected }
    }

    /// The marks of now, from those that were written. None: they are lost.
    pub(super) fn marks(&self, kept: Option<Stored>) -> Option<Marks> {
        let marks = Marks::decode(&kept?.bytes, self.marks)?;
        let edits = &self.edits[self.first_of_marks()..];
        Some(marks.changed(edits.iter().map(|(group, number, comes)| (group - 1, *number, *comes)).collect()))
    }

    /// The same of the names.
    pub(super) fn names(&self, kept: Option<Stored>) -> Option<Names> {
        let names = Names::decode(kept?.bytes, self.names)?;
        let edits = &self.edits[..self.first_of_marks()];
        Some(names.changed(edits.iter().map(|(_, number, comes)| (*number, *comes)).collect()))
    }

    pub(super) fn has_names(&self) -> bool {
        self.names != [0; 8]
    }

    /// With other names, and with these edits of the marks. None: the names are not known.
    pub(super) fn and(&self, names: Option<Vec<(u64, bool)>>, marks: Vec<Edit>) -> Self {
        let mut since = self.clone();
        match names {
            Some(names) => since.edits.extend(names.into_iter().map(|(number, comes)| (NAMES, number, comes))),
            None => {
                since.names = [0; 8];
                since.edits.retain(|edit| edit.0 != NAMES);
            }
        }
        since.edits.extend(marks.into_iter().map(|(group, number, comes)| (group + 1, number, comes)));
        since.edits = balance(since.edits);
        since
    }

    pub(super) fn is_long(&self) -> bool {
        self.edits.len() > MOST
    }

    /// Nothing since these, and what to commit of them.
    pub(super) fn these(marks: &Marks, names: Option<Names>, before: [Before; 2]) -> (Self, Vec<Write>) {
        let [marks_before, names_before] = before;
        let (sum, marked) = marks.save(marks_before);
        let (sum_of_names, named) = names.map_or(([0; 8], None), |names| names.save(marks.numbers.len(), names_before));
        let since = Since { files: 0, marks: sum, names: sum_of_names, edits: Vec::new() };
        (since, marked.into_iter().chain(named).collect())
    }

    fn first_of_marks(&self) -> usize {
        self.edits.partition_point(|edit| edit.0 == NAMES)
    }
}

/// In order, without what came and went again.
fn balance(mut edits: Vec<Edit>) -> Vec<Edit> {
    order::sort(&mut edits);
    let mut left = Vec::with_capacity(edits.len());
    for same in edits.chunk_by(|one, other| (one.0, one.1) == (other.0, other.1)) {
        let come = same.iter().filter(|edit| edit.2).count();
        let gone = same.len() - come;
        left.extend(std::iter::repeat_n((same[0].0, same[0].1, come > gone), come.abs_diff(gone)));
    }
    left
}
