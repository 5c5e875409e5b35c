//! The names of everything that is known by a mark, folded (see `fold`): what a new name is held against without reading the others.
//!
//! Each name is a hash, each in eight bytes: one for a file, one for a folder in any spelling, and one more for the spelling of a
//! folder with which no other name folds alike. A new path can do no harm if its file's hash is not here, and of each of its folders
//! either the spelling is here or the folder's hash is not. Everything else may be a clash, or be two names of one hash: then all names
//! are looked at themselves, so that an unlucky hash costs time and not an answer.
//!
//! A file that goes takes its hash along. What stays behind, of folders that are empty now and of files that are not synced, can only
//! make somebody look at everything, after which it is gone too.
//!
//! As the marks, they can be lost at any time: then every new name is a reason to look at everything. And as those they are written
//! where everything was looked at; what has changed since is kept beside them (`since`).

use super::coding::checksum;
use super::marks::Before;
use super::{FORMAT, Write};
use crate::names::{Alike, NewNames};
use crate::order;

/// Where they are kept.
pub const NAMES_KEY: &str = "base/names";

/// More are not kept: a value of the state is at most 8 MiB.
const MOST: usize = 1_000_000;
/// Nor are more for each file, beside some thousand: by then, most of them are of what is there no more.
const USUAL: usize = 4;
const SOME: usize = 4_000;
const HEAD: usize = 1;
/// The lowest bit of a hash: whether it is of a folder.
const FOLDER: u64 = 1;

/// The format and the hashes in ascending order, as they are saved, but for the checksum. Files that fold alike are there once each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names(Vec<u8>);

impl Names {
    /// Of nothing.
    pub(super) fn none() -> Self {
        Names(vec![FORMAT])
    }

    /// None: they are not those that were meant.
    pub(super) fn decode(mut bytes: Vec<u8>, expected: [u8; 8]) -> Option<Self> {
        let (content, sum) = bytes.split_last_chunk::<8>()?;
        let (head, numbers) = content.split_first_chunk::<HEAD>()?;
        let is_whole = *head == [FORMAT] && numbers.len().is_multiple_of(8);
        if !is_whole || *sum != expected || checksum(content) != expected {
            return None;
        }
        bytes.truncate(bytes.len() - 8);
        Some(Names(bytes))
    }

    /// Whether one of these paths, none of which is among those here, might be in the way of one.
    pub(super) fn may_clash(&self, new: &NewNames<'_>) -> bool {
        new.alike().any(|alike| !self.has_spelling(&alike) && (self.has(file(&alike)) || self.has(folder(&alike))))
    }

    /// Whether nothing else folds alike with one of these paths, all of which are here.
    pub(super) fn are_alone(&self, paths: &NewNames<'_>) -> bool {
        paths.alike().all(|alike| {
            let is_file = alike.folders == 0 && !self.has(folder(&alike)) && self.count(file(&alike)) == alike.files;
            is_file || self.has_spelling(&alike)
        })
    }

    /// What changes as the files of `gone` go and those of `come` come. None: one of these is in the way of another, and which is not
    /// known.
    pub(super) fn edits(&self, gone: &NewNames<'_>, come: &NewNames<'_>) -> Option<Vec<(u64, bool)>> {
        let mut edits = Vec::new();
        gone.alike().for_each(|alike| edits.extend((0..alike.files).map(|_| (file(&alike), false))));
        for alike in come.alike().filter(|alike| !self.has_spelling(alike)) {
            if self.has(folder(&alike)) || alike.folders > 0 && self.has(file(&alike)) {
                return None;
            }
            add(&alike, &mut edits);
        }
        Some(edits)
    }

    /// Their checksum and what to commit, if they have changed; zeros and nothing if they are too many beside so many `known` files.
    pub(super) fn save(mut self, known: usize, before: Before) -> ([u8; 8], Option<Write>) {
        if self.numbers().len() > MOST.min(known.saturating_mul(USUAL) + SOME) {
            return ([0; 8], None);
        }
        let sum = checksum(&self.0);
        self.0.extend(sum);
        let is_news = before.is_other(&self.0);
        (sum, is_news.then(|| Write { key: NAMES_KEY.to_owned(), bytes: self.0, expected: before.version }))
    }

    pub(super) fn numbers(&self) -> &[[u8; 8]] {
        let (numbers, _) = self.0[HEAD..].as_chunks::<8>();
        numbers
    }

    fn has(&self, number: u64) -> bool {
        self.count(number) > 0
    }

    fn count(&self, number: u64) -> usize {
        let first = self.numbers().partition_point(|next| u64::from_le_bytes(*next) < number);
        self.numbers()[first..].iter().take_while(|next| **next == number.to_le_bytes()).count()
    }

    fn has_spelling(&self, alike: &Alike<'_>) -> bool {
        alike.folder.is_some_and(|text| self.has(spelling(text)))
    }

    /// With those that come, and without one of each that goes. What lies between two of the edits is copied as it is.
    pub(super) fn changed(&self, mut edits: Vec<(u64, bool)>) -> Self {
        order::sort(&mut edits);
        let mut rest = self.numbers();
        let mut bytes = Vec::with_capacity(self.0.len() + edits.len() * 8);
        bytes.push(FORMAT);
        for (number, comes) in edits {
            let (before, after) = rest.split_at(rest.partition_point(|next| u64::from_le_bytes(*next) < number));
            bytes.extend_from_slice(before.as_flattened());
            let number = number.to_le_bytes();
            if comes {
                bytes.extend_from_slice(&number);
            }
            rest = after.strip_prefix(&[number]).filter(|_| !comes).unwrap_or(after);
        }
        bytes.extend_from_slice(rest.as_flattened());
        Names(bytes)
    }
}

fn add(alike: &Alike<'_>, edits: &mut Vec<(u64, bool)>) {
    let folders = usize::from(alike.folders > 0);
    let files = (0..alike.files).map(|_| file(alike));
    let folders = (0..folders).map(|_| folder(alike));
    let spelling = alike.folder.map(spelling);
    edits.extend(files.chain(folders).chain(spelling).map(|number| (number, true)));
}

fn file(alike: &Alike<'_>) -> u64 {
    alike.hash & !FOLDER
}

fn folder(alike: &Alike<'_>) -> u64 {
    alike.hash | FOLDER
}

fn spelling(folder: &str) -> u64 {
    u64::from_le_bytes(checksum(folder.as_bytes()))
}
