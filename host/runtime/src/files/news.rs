//! What is new in a workspace, told by marks of what is known.
//!
//! Decided here: what a mark is, and which files it makes known. The host keeps nothing between two calls for it: whoever asks says
//! what it knows, and each call walks through all files, so that no record of the host's can be lost, damaged or left behind by a
//! kill. What an edit does to a file's version is the workspace's to say, as for a listing.
//!
//! Marks are told apart as a set: an edit is overlooked if the new mark is one of the known, one edit in 10^14 with 100,000 files.

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
    PathHash::of(path.as_str()).mark_of_content(version.as_str(), executable)
}

/// Of a file of this name, whatever it holds.
pub fn mark_of_name(path: &WorkspacePath) -> u64 {
    PathHash::of(path.as_str()).mark_of_name()
}

/// Walks through the whole workspace and keeps what is not in `known`, or is at one of `paths`.
pub async fn news(workspace: &dyn Workspace, known: Vec<u64>, paths: &[WorkspacePath]) -> Result<News, FileError> {
    workspace.news(known, paths).await
}

/// As any workspace can tell it: by a listing of all that is there.
pub(super) async fn by_listing(
    workspace: &(impl Workspace + ?Sized),
    known: Vec<u64>,
    paths: &[WorkspacePath],
) -> Result<News, FileError> {
    let sieve = Sieve::new(known, paths);
    let mut caught = sieve.empty();
    let mut after: Option<WorkspacePath> = None;
    loop {
        let listing = workspace.list(None, after.as_ref().map(WorkspacePath::as_str)).await?;
        after = listing.entries.last().map(|entry| entry.path.clone()).or(after);
        let more = listing.more;
        caught.sift(&sieve, listing);
        if !more || caught.is_too_much() {
            return Ok(sieve.news(caught));
        }
    }
}

/// A path as far as it is known, as the hash that a mark begins with: most files are never named.
#[derive(Clone, Copy)]
pub(super) struct PathHash(u64);

impl PathHash {
    pub(super) fn of(start: &str) -> Self {
        Self(hash(BASIS, start.as_bytes()))
    }

    pub(super) fn then(self, more: &str) -> Self {
        Self(hash(self.0, more.as_bytes()))
    }

    fn mark_of_content(self, version: &str, executable: bool) -> u64 {
        let hash = hash(hash(self.0, &[0]), version.as_bytes());
        self::hash(hash, &[u8::from(executable)]) & !OF_NAME
    }

    fn mark_of_name(self) -> u64 {
        self.0 | OF_NAME
    }
}

/// What is asked: which files are known, and which are to be told of all the same.
pub(super) struct Sieve {
    known: Marks,
    /// Whether any of them is of a name: mostly none is, and that saves half of the searches.
    has_names: bool,
    asked: Marks,
}

/// What the sieve held back, of all files or of some.
#[derive(Default)]
pub(super) struct Caught {
    pub(super) entries: Vec<Entry>,
    pub(super) skipped: Vec<Skipped>,
    /// A bit for each known mark: whether a file has it.
    met: Vec<u64>,
}

impl Sieve {
    pub(super) fn new(known: Vec<u64>, paths: &[WorkspacePath]) -> Self {
        let has_names = known.iter().any(|mark| mark & OF_NAME != 0);
        Self { known: Marks::new(known), has_names, asked: Marks::new(paths.iter().map(mark_of_name).collect()) }
    }

    /// Where nothing was caught yet.
    pub(super) fn empty(&self) -> Caught {
        Caught { met: vec![0; self.known.sorted.len().div_ceil(64)], ..Caught::default() }
    }

    /// Whether this file is to be told of.
    pub(super) fn holds(&self, caught: &mut Caught, path: PathHash, version: &str, executable: bool) -> bool {
        let name = path.mark_of_name();
        let by_content = self.known.find(path.mark_of_content(version, executable));
        let by_name = if self.has_names { self.known.find(name) } else { None };
        for at in by_content.into_iter().chain(by_name) {
            caught.met[at / 64] |= 1 << (at % 64);
        }
        by_content.or(by_name).is_none() || self.asked.find(name).is_some()
    }

    /// Of all that was caught, in the order of the paths.
    pub(super) fn news(self, caught: Caught) -> News {
        if caught.is_too_much() {
            return News { too_many: true, ..News::default() };
        }
        let is_met = |at: usize| caught.met[at / 64] >> (at % 64) & 1 == 1;
        let marks = self.known.sorted.into_iter().enumerate();
        let missing = marks.filter(|(at, _)| !is_met(*at)).map(|(_, mark)| mark).collect();
        News { entries: caught.entries, skipped: caught.skipped, missing, too_many: false }
    }
}

impl Caught {
    fn sift(&mut self, sieve: &Sieve, listing: Listing) {
        for entry in listing.entries {
            let path = PathHash::of(entry.path.as_str());
            if sieve.holds(self, path, entry.version.as_str(), entry.executable) {
                self.entries.push(entry);
            }
        }
        self.skipped.extend(listing.skipped);
    }

    /// Both were caught by the same sieve.
    pub(super) fn add(&mut self, other: Self) {
        self.entries.extend(other.entries);
        self.skipped.extend(other.skipped);
        self.met.iter_mut().zip(other.met).for_each(|(bits, more)| *bits |= more);
    }

    pub(super) fn is_too_much(&self) -> bool {
        self.entries.len().max(self.skipped.len()) > MOST_ENTRIES
    }
}

/// A set of marks. As many buckets as marks, by their upper bits: hashes fill them evenly, and whoever makes marks up that do not is
/// answered by a binary search in the one bucket.
struct Marks {
    sorted: Vec<u64>,
    /// Where each bucket begins, and the end.
    starts: Vec<u32>,
    shift: u32,
}

impl Marks {
    fn new(mut marks: Vec<u64>) -> Self {
        marks.sort_unstable();
        marks.dedup();
        let bits = marks.len().max(2).ilog2();
        let shift = u64::BITS - bits;
        let mut starts = Vec::with_capacity((1 << bits) + 1);
        for (at, mark) in (0..).zip(&marks) {
            let bucket = bucket(*mark, shift);
            while starts.len() <= bucket {
                starts.push(at);
            }
        }
        let end = u32::try_from(marks.len()).expect("a guest's memory holds fewer");
        starts.resize((1 << bits) + 1, end);
        Self { sorted: marks, starts, shift }
    }

    fn find(&self, mark: u64) -> Option<usize> {
        let bucket = bucket(mark, self.shift);
        let [start, end] = [self.starts[bucket] as usize, self.starts[bucket + 1] as usize];
        self.sorted[start..end].binary_search(&mark).ok().map(|at| start + at)
    }
}

fn bucket(mark: u64, shift: u32) -> usize {
    usize::try_from(mark >> shift).expect("fewer buckets than marks")
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

    #[test]
    fn marks_are_found_where_they_are_however_they_are_spread() {
        let even = (0..1_000).map(|number| number << 54).collect();
        let crowded = (0..1_000).chain([u64::MAX]).collect();
        let hashed = (0..1_000_u16).map(|number| hash(BASIS, &number.to_le_bytes())).collect();
        for marks in [vec![], vec![7], vec![0, u64::MAX], vec![5, 5, 3], even, crowded, hashed] {
            let set = Marks::new(marks.clone());
            for mark in &marks {
                assert_eq!(set.find(*mark).map(|at| set.sorted[at]), Some(*mark), "{mark} of {}", marks.len());
                let next = mark ^ 1 << 20;
                assert_eq!(set.find(next).is_some(), marks.contains(&next), "{next} of {}", marks.len());
            }
            assert!(set.sorted.is_sorted() && set.find(1 << 40).is_none());
        }
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
