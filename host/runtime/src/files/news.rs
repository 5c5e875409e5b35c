//! What is new in a workspace, told by marks of what is known.
//!
//! Decided here: what a mark is, and which files it makes known. The host keeps nothing between two calls for it: whoever asks says
//! what it knows, and each call walks through all files, so that no record of the host's can be lost, damaged or left behind by a
//! kill. What an edit does to a file's version is the workspace's to say, as for a listing.
//!
//! Marks are told apart as a set: an edit is overlooked if the new mark is one of the known, one edit in 10^14 with 100,000 files.

use std::collections::HashSet;

use super::{Entry, FileError, Listing, MOST_ENTRIES, Skipped, Version, Workspace, WorkspacePath};

/// The lowest bit says what a mark is of.
const OF_NAME: u64 = 1;

/// What is new.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Files that are not known, and those that were asked for, in order of their paths.
    pub entries: Vec<Entry>,
    /// Everything that cannot be lent.
    pub skipped: Vec<Skipped>,
    /// Known marks that no file has, in ascending order.
    pub missing: Vec<u64>,
    /// Whether there was more than is told in one answer; then nothing is.
    pub too_many: bool,
}

/// Of a file with this content.
pub fn mark_of_content(path: &WorkspacePath, version: &Version, executable: bool) -> u64 {
    let hash = hash(hash(hash(BASIS, path.as_str().as_bytes()), &[0]), version.as_str().as_bytes());
    self::hash(hash, &[u8::from(executable)]) & !OF_NAME
}

/// Of a file of this name, whatever it holds.
pub fn mark_of_name(path: &WorkspacePath) -> u64 {
    hash(BASIS, path.as_str().as_bytes()) | OF_NAME
}

/// Walks through the whole workspace and keeps what is not in `known`, or is at one of `paths`.
pub async fn news(workspace: &dyn Workspace, known: Vec<u64>, paths: &[WorkspacePath]) -> Result<News, FileError> {
    let mut sieve = Sieve::new(known, paths);
    let mut after: Option<WorkspacePath> = None;
    loop {
        let listing = workspace.list(None, after.as_ref().map(WorkspacePath::as_str)).await?;
        after = listing.entries.last().map(|entry| entry.path.clone()).or(after);
        let more = listing.more;
        sieve.sift(listing);
        if sieve.is_full() {
            return Ok(News { too_many: true, ..News::default() });
        }
        if !more {
            return Ok(sieve.news());
        }
    }
}

struct Sieve<'a> {
    /// In ascending order.
    known: Vec<u64>,
    /// Whether a file has it.
    met: Vec<bool>,
    paths: HashSet<&'a WorkspacePath>,
    entries: Vec<Entry>,
    skipped: Vec<Skipped>,
}

impl<'a> Sieve<'a> {
    fn new(mut known: Vec<u64>, paths: &'a [WorkspacePath]) -> Self {
        known.sort_unstable();
        known.dedup();
        let met = vec![false; known.len()];
        Self { known, met, paths: paths.iter().collect(), entries: Vec::new(), skipped: Vec::new() }
    }

    fn sift(&mut self, listing: Listing) {
        for entry in listing.entries {
            if !self.is_known(&entry) || self.paths.contains(&entry.path) {
                self.entries.push(entry);
            }
        }
        self.skipped.extend(listing.skipped);
    }

    fn is_known(&mut self, entry: &Entry) -> bool {
        let marks = [mark_of_content(&entry.path, &entry.version, entry.executable), mark_of_name(&entry.path)];
        let found = marks.map(|mark| self.known.binary_search(&mark).ok());
        found.into_iter().flatten().for_each(|at| self.met[at] = true);
        found.iter().any(Option::is_some)
    }

    fn is_full(&self) -> bool {
        self.entries.len().max(self.skipped.len()) > MOST_ENTRIES
    }

    fn news(self) -> News {
        let missing = self.known.into_iter().zip(self.met).filter(|(_, met)| !met).map(|(mark, _)| mark).collect();
        News { entries: self.entries, skipped: self.skipped, missing, too_many: false }
    }
}

/// FNV-1a, which every language has in three lines.
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;

fn hash(basis: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(basis, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::memory::Memory;
    use crate::files::{Batch, Change, Delete, Expectation, Write};

    fn path(text: &str) -> WorkspacePath {
        WorkspacePath::parse(text).unwrap()
    }

    async fn put(workspace: &Memory, at: &str, executable: bool, expected: Expectation) -> Version {
        let write = Write { path: path(at), bytes: b"x".to_vec(), executable, expected };
        let batch = Batch::new(vec![Change::Write(write)]).unwrap();
        workspace.apply(batch).await.unwrap().remove(0)
    }

    async fn told(workspace: &Memory, known: &[u64], paths: &[&str]) -> (Vec<String>, Vec<u64>) {
        let paths: Vec<_> = paths.iter().map(|text| path(text)).collect();
        let news = news(workspace, known.to_vec(), &paths).await.unwrap();
        assert!(!news.too_many);
        (news.entries.iter().map(|entry| entry.path.to_string()).collect(), news.missing)
    }

    /// The first two are of the test vectors that are published with FNV.
    #[test]
    fn marks_are_those_of_the_contract() {
        assert_eq!(hash(BASIS, b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash(BASIS, b"foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(mark_of_name(&path("foobar")), 0x8594_4171_f739_67e9);
        let spelled = hash(BASIS, b"docs/a.md\0v7\x01") & !1;
        assert_eq!(mark_of_content(&path("docs/a.md"), &Version::new("v7"), true), spelled);
    }

    #[tokio::test]
    async fn a_file_is_told_of_until_its_content_or_its_name_is_known() {
        let workspace = Memory::new();
        let version = put(&workspace, "a", false, Expectation::Absent).await;
        put(&workspace, "b", false, Expectation::Absent).await;
        let (of_a, of_b) = (mark_of_content(&path("a"), &version, false), mark_of_name(&path("b")));
        assert_eq!(told(&workspace, &[], &[]).await, (vec!["a".into(), "b".into()], vec![]));
        assert_eq!(told(&workspace, &[of_b, of_a, of_a], &[]).await, (vec![], vec![]));
        assert_eq!(told(&workspace, &[of_a, of_b], &["b", "c"]).await, (vec!["b".into()], vec![]));
        let other = mark_of_content(&path("a"), &version, true);
        assert_eq!(told(&workspace, &[other, of_b], &[]).await, (vec!["a".into()], vec![other]));
        put(&workspace, "a", false, Expectation::Version(version)).await;
        assert_eq!(told(&workspace, &[of_a, of_b], &[]).await, (vec!["a".into()], vec![of_a]));
    }

    #[tokio::test]
    async fn a_file_that_is_gone_leaves_its_mark_behind() {
        let workspace = Memory::new();
        let version = put(&workspace, "a", false, Expectation::Absent).await;
        let known = [mark_of_content(&path("a"), &version, false), mark_of_name(&path("b"))];
        let delete = Delete { path: path("a"), expected: Expectation::Version(version) };
        workspace.apply(Batch::new(vec![Change::Delete(delete)]).unwrap()).await.unwrap();
        let (entries, mut missing) = told(&workspace, &known, &["a"]).await;
        missing.sort_unstable_by_key(|mark| known.iter().position(|known| known == mark));
        assert_eq!((entries, missing), (vec![], known.to_vec()));
    }

    #[tokio::test]
    async fn too_much_news_says_nothing_but_that() {
        let workspace = Memory::new();
        let write = |number: usize| {
            let path = path(&format!("{number:05}"));
            Change::Write(Write { path, bytes: vec![], executable: false, expected: Expectation::Absent })
        };
        let batch = Batch::new((0..=MOST_ENTRIES).map(write).collect()).unwrap();
        workspace.apply(batch).await.unwrap();
        let too_many = News { too_many: true, ..News::default() };
        assert_eq!(news(&workspace, vec![], &[]).await.unwrap(), too_many);
        let one = vec![mark_of_name(&path("00007"))];
        assert_eq!(news(&workspace, one, &[]).await.unwrap().entries.len(), MOST_ENTRIES);
    }
}
