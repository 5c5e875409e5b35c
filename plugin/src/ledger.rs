//! The base: what both sides had when they last agreed, as it is kept between calls.
//!
//! It is kept in shards, so that saving costs what changed: a path's shard follows from its hash, and there are as many shards
//! as keep each below some hundred files (about 40 kB). An index names the commit and the selection and holds a checksum of
//! every shard, so that a shard which is lost, damaged or left from another time is an error and never an empty one: an empty
//! base would make every deletion a new file. The host commits index and shards together or not at all.
//!
//! Beside each file stands the host's mark of the workspace's file as it was then. As long as the mark is the same, the
//! content is, and is not read again.
//!
//! Which files belong in it is decided by `plan` and the flows; where the bytes go, by the host.

use crate::blob::BlobId;
use crate::fingerprint::Fingerprint;
use crate::path::{RepoPath, in_byte_order};
use crate::tree::{Entry, Mode, Tree};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::iter::Peekable;

/// Where the index is kept.
pub const INDEX_KEY: &str = "base/index";

/// Of the index and of the shards. A reader refuses any other.
const FORMAT: u8 = 1;
/// Files per shard before there are more shards.
const FULL_SHARD: usize = 512;
/// 4,096 shards: two million files, and an index of 33 kB.
const MAX_BITS: u8 = 12;

const EXECUTABLE: u8 = 1;
const MARKED: u8 = 2;

/// A short digest of the host's opaque mark of a file: two marks of one file are taken for one in 10^19 edits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mark([u8; 8]);

/// A value as the host keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The value.
    pub bytes: Vec<u8>,
    /// The host's count of its changes.
    pub version: u64,
}

/// A value to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Where.
    pub key: String,
    /// The value.
    pub bytes: Vec<u8>,
    /// The version that it replaces; 0 for none.
    pub expected: u64,
}

/// Why the base cannot be read. Without it a sync is possible all the same, as the first one is: see [`Ledger::start_over`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// Named by the index and not there.
    #[error("`{0}` is missing from the saved state")]
    Missing(String),
    /// Not what was written.
    #[error("`{0}` in the saved state is damaged")]
    Damaged(String),
    /// From another version of this connector.
    #[error("`{key}` in the saved state has format {format}; this version reads format {FORMAT}")]
    Format {
        /// Where.
        key: String,
        /// What it says it is.
        format: u8,
    },
}

/// The base, in memory.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// The commit that the files are of; none before the first sync.
    pub head: Option<String>,
    /// The selection that they were synced under.
    pub selection: Option<Fingerprint>,
    files: Tree,
    marks: BTreeMap<RepoPath, Mark>,
    index_version: u64,
    /// A power of two.
    shards: Vec<Shard>,
    unsaved: BTreeSet<usize>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Shard {
    version: u64,
    checksum: [u8; 8],
}

impl Mark {
    /// Of what the host says of a file.
    pub fn of(version: &str) -> Self {
        Mark(checksum(version.as_bytes()))
    }
}

impl Default for Ledger {
    fn default() -> Self {
        let (files, marks) = (Tree::new(), BTreeMap::new());
        let (shards, unsaved) = (vec![Shard::default()], BTreeSet::from([0]));
        Ledger { head: None, selection: None, files, marks, index_version: 0, shards, unsaved }
    }
}

impl Ledger {
    /// Reads what was saved; an empty ledger if nothing was.
    pub fn open<E: From<LedgerError>>(mut get: impl FnMut(&str) -> Result<Option<Stored>, E>) -> Result<Self, E> {
        let Some(stored) = get(INDEX_KEY)? else {
            let is_new = get(&shard_key(0))?.is_none();
            return if is_new { Ok(Ledger::default()) } else { Err(LedgerError::Missing(INDEX_KEY.to_owned()).into()) };
        };
        let index = Index::decode(&stored.bytes)?;
        let mut ledger = Ledger { head: index.head, selection: index.selection, ..Ledger::default() };
        ledger.index_version = stored.version;
        ledger.shards.clear();
        ledger.unsaved.clear();
        let (mut files, mut marks) = (Vec::new(), Vec::new());
        for (number, expected) in index.checksums.into_iter().enumerate() {
            let key = shard_key(number);
            let stored = get(&key)?.ok_or_else(|| LedgerError::Missing(key.clone()))?;
            if checksum(&stored.bytes) != expected {
                return Err(LedgerError::Damaged(key).into());
            }
            decode_shard(&key, &stored.bytes, &mut files, &mut marks)?;
            ledger.shards.push(Shard { version: stored.version, checksum: expected });
        }
        // Collecting packs the nodes of the maps: half the memory of inserting one by one.
        (ledger.files, ledger.marks) = (sorted(files).collect(), sorted(marks).collect());
        Ok(ledger)
    }

    /// The commit and the selection alone, without the files: one value, however many there are.
    pub fn peek<E: From<LedgerError>>(
        get: impl FnOnce(&str) -> Result<Option<Stored>, E>,
    ) -> Result<(Option<String>, Option<Fingerprint>), E> {
        let Some(stored) = get(INDEX_KEY)? else { return Ok((None, None)) };
        let index = Index::decode(&stored.bytes)?;
        Ok((index.head, index.selection))
    }

    /// An empty ledger that can be saved over a damaged one.
    pub fn start_over<E>(mut get: impl FnMut(&str) -> Result<Option<Stored>, E>) -> Result<Self, E> {
        let mut version = |key: &str| get(key).map(|stored| stored.map_or(0, |stored| stored.version));
        let mut ledger = Ledger { index_version: version(INDEX_KEY)?, ..Ledger::default() };
        let versions = (0..1 << MAX_BITS).map(|number| version(&shard_key(number))).collect::<Result<Vec<_>, _>>()?;
        let used = versions.iter().rposition(|version| *version > 0).map_or(1, |last| last + 1).next_power_of_two();
        ledger.shards =
            versions[..used].iter().map(|version| Shard { version: *version, ..Shard::default() }).collect();
        ledger.unsaved = (0..used).collect();
        Ok(ledger)
    }

    /// The files.
    pub fn files(&self) -> &Tree {
        &self.files
    }

    /// To be asked for one path after the other.
    pub fn walk(&self) -> Walk<'_> {
        Walk { ledger: self, files: self.files.iter().peekable(), marks: self.marks.iter().peekable(), passed: None }
    }

    /// Notes what both sides have now, and the mark of the workspace's file if it holds exactly that.
    pub fn set(&mut self, path: &RepoPath, entry: Entry, mark: Option<Mark>) {
        let marked = match mark {
            Some(mark) => self.marks.insert(path.clone(), mark),
            None => self.marks.remove(path.as_str()),
        };
        if self.files.insert(path.clone(), entry) != Some(entry) || marked != mark {
            self.unsaved.insert(shard_of(path, self.shards.len()));
        }
    }

    /// The same for many files, at once.
    pub fn set_all(&mut self, files: Vec<(RepoPath, Entry, Mark)>) {
        let shards = self.shards.len();
        self.unsaved.extend(files.iter().map(|(path, ..)| shard_of(path, shards)));
        self.files.append(&mut files.iter().map(|(path, entry, _)| (path.clone(), *entry)).collect());
        self.marks.append(&mut files.into_iter().map(|(path, _, mark)| (path, mark)).collect());
    }

    /// Notes that neither side has it, or that it is not synced anymore.
    pub fn remove(&mut self, path: &RepoPath) {
        self.marks.remove(path.as_str());
        if self.files.remove(path.as_str()).is_some() {
            self.unsaved.insert(shard_of(path, self.shards.len()));
        }
    }

    /// What to commit, all at once. If that fails, this ledger is of no more use: open it again.
    pub fn save(&mut self) -> Vec<Write> {
        self.make_room();
        let mut writes = Vec::with_capacity(self.unsaved.len() + 1);
        for (number, bytes) in self.encode_shards() {
            let shard = &mut self.shards[number];
            shard.checksum = checksum(&bytes);
            writes.push(Write { key: shard_key(number), bytes, expected: shard.version });
            shard.version += 1;
        }
        self.unsaved.clear();
        let checksums = self.shards.iter().map(|shard| shard.checksum).collect();
        let index = Index { head: self.head.clone(), selection: self.selection, checksums };
        writes.push(Write { key: INDEX_KEY.to_owned(), bytes: index.encode(), expected: self.index_version });
        self.index_version += 1;
        writes
    }

    /// Every key that it may occupy, for removing it.
    pub fn keys(&self) -> impl Iterator<Item = String> {
        (0..self.shards.len()).map(shard_key).chain([INDEX_KEY.to_owned()])
    }

    /// Shards only ever become more: to have fewer would save nothing.
    fn make_room(&mut self) {
        let needed = (self.files.len() / (FULL_SHARD / 2)).next_power_of_two().min(1 << MAX_BITS);
        if self.files.len() <= self.shards.len() * FULL_SHARD || needed <= self.shards.len() {
            return;
        }
        self.shards.resize(needed, Shard::default());
        self.unsaved = (0..needed).collect();
    }

    /// Those that changed, in one pass over the files.
    fn encode_shards(&self) -> Vec<(usize, Vec<u8>)> {
        let mut members: BTreeMap<usize, Vec<(&RepoPath, &Entry)>> =
            self.unsaved.iter().map(|number| (*number, Vec::new())).collect();
        for file in &self.files {
            if let Some(members) = members.get_mut(&shard_of(file.0, self.shards.len())) {
                members.push(file);
            }
        }
        members.into_iter().map(|(number, files)| (number, self.encode_shard(&files))).collect()
    }

    /// The format, the number of files, and for each: how much of its path is that of the one before, the rest, flags, blob id
    /// and mark.
    fn encode_shard(&self, files: &[(&RepoPath, &Entry)]) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        put_number(&mut bytes, files.len());
        let mut previous: &str = "";
        for (path, entry) in files {
            let shared = shared_text(previous, path);
            put_number(&mut bytes, shared);
            put_text(&mut bytes, &path.as_bytes()[shared..]);
            let mark = self.marks.get(*path);
            let executable = if entry.mode == Mode::Executable { EXECUTABLE } else { 0 };
            bytes.push(executable | mark.map_or(0, |_| MARKED));
            bytes.extend_from_slice(entry.blob.as_bytes());
            bytes.extend(mark.iter().flat_map(|mark| mark.0));
            previous = path;
        }
        bytes
    }
}

/// Goes through the files beside a listing. In the order of the paths each costs a comparison or two, where a search of its own
/// costs twenty; in any other order it gives the same answers.
pub struct Walk<'l> {
    ledger: &'l Ledger,
    files: Peekable<btree_map::Iter<'l, RepoPath, Entry>>,
    marks: Peekable<btree_map::Iter<'l, RepoPath, Mark>>,
    /// The last file that was gone past.
    passed: Option<&'l RepoPath>,
}

/// A file of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known<'l> {
    /// As it is in memory already, so that a listing of 100,000 known files takes no memory for their names.
    pub path: &'l RepoPath,
    entry: Entry,
    mark: Option<Mark>,
}

impl Known<'_> {
    /// The content that the workspace's file of this mark has, if it is still that of the last sync.
    pub fn content(&self, mark: Mark) -> Option<BlobId> {
        (self.mark == Some(mark)).then_some(self.entry.blob)
    }
}

impl<'l> Walk<'l> {
    /// What the ledger has at this path.
    pub fn at(&mut self, path: &str) -> Option<Known<'l>> {
        if self.passed.is_some_and(|passed| in_byte_order(path, passed) != Ordering::Greater) {
            let (path, entry) = self.ledger.files.get_key_value(path)?;
            return Some(Known { path, entry: *entry, mark: self.ledger.marks.get(path).copied() });
        }
        while let Some((before, _)) = self.files.next_if(|(next, _)| in_byte_order(next, path) == Ordering::Less) {
            self.passed = Some(before);
        }
        let (path, entry) = self.files.next_if(|(next, _)| next.as_str() == path)?;
        self.passed = Some(path);
        while self.marks.next_if(|(next, _)| *next < path).is_some() {}
        let mark = self.marks.next_if(|(next, _)| *next == path).map(|(_, mark)| *mark);
        Some(Known { path, entry: *entry, mark })
    }
}

struct Index {
    head: Option<String>,
    selection: Option<Fingerprint>,
    checksums: Vec<[u8; 8]>,
}

impl Index {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        put_text(&mut bytes, self.head.as_deref().unwrap_or_default().as_bytes());
        put_text(&mut bytes, self.selection.as_ref().map_or(&[], |selection| selection.as_bytes()));
        put_number(&mut bytes, self.checksums.len());
        bytes.extend(self.checksums.iter().flatten());
        bytes.extend(checksum(&bytes));
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, LedgerError> {
        check_format(INDEX_KEY, bytes)?;
        Index::decode_fields(bytes).ok_or_else(|| LedgerError::Damaged(INDEX_KEY.to_owned()))
    }

    fn decode_fields(bytes: &[u8]) -> Option<Self> {
        let (content, sum) = bytes.split_last_chunk::<8>()?;
        if checksum(content) != *sum {
            return None;
        }
        let mut fields = Reader(&content[1..]);
        let head = Some(String::from_utf8(fields.text()?.to_vec()).ok()?).filter(|head| !head.is_empty());
        let selection = <[u8; 20]>::try_from(fields.text()?).ok().map(Fingerprint::from_bytes);
        let count = fields.number()?;
        if !count.is_power_of_two() || count > 1 << MAX_BITS {
            return None;
        }
        let checksums = (0..count).map(|_| fields.array()).collect::<Option<_>>()?;
        fields.0.is_empty().then_some(Index { head, selection, checksums })
    }
}

fn check_format(key: &str, bytes: &[u8]) -> Result<(), LedgerError> {
    match bytes.first() {
        Some(&FORMAT) => Ok(()),
        Some(&format) => Err(LedgerError::Format { key: key.to_owned(), format }),
        None => Err(LedgerError::Damaged(key.to_owned())),
    }
}

fn decode_shard(
    key: &str,
    bytes: &[u8],
    files: &mut Vec<(RepoPath, Entry)>,
    marks: &mut Vec<(RepoPath, Mark)>,
) -> Result<(), LedgerError> {
    check_format(key, bytes)?;
    let mut fields = Reader(&bytes[1..]);
    decode_files(&mut fields, files, marks)
        .filter(|()| fields.0.is_empty())
        .ok_or_else(|| LedgerError::Damaged(key.to_owned()))
}

fn decode_files(
    fields: &mut Reader<'_>,
    files: &mut Vec<(RepoPath, Entry)>,
    marks: &mut Vec<(RepoPath, Mark)>,
) -> Option<()> {
    let mut text = String::new();
    for _ in 0..fields.number()? {
        let shared = fields.number()?;
        if !text.is_char_boundary(shared) {
            return None;
        }
        text.truncate(shared);
        text.push_str(std::str::from_utf8(fields.text()?).ok()?);
        let path = RepoPath::parse(&text).ok()?;
        let [flags] = fields.array()?;
        let mode = if flags & EXECUTABLE == 0 { Mode::Regular } else { Mode::Executable };
        let blob = BlobId::from_bytes(fields.array()?);
        if flags & MARKED != 0 {
            marks.push((path.clone(), Mark(fields.array()?)));
        }
        files.push((path, Entry { blob, mode }));
    }
    Some(())
}

fn shard_key(number: usize) -> String {
    format!("base/{number:03x}")
}

/// FNV-1a, folded so that the low bits depend on all of them. `shards` is a power of two.
fn shard_of(path: &str, shards: usize) -> usize {
    let hash = path
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    (hash ^ (hash >> 32)) as usize & (shards - 1)
}

/// How many bytes both begin with, up to a whole character.
fn shared_text(one: &str, other: &str) -> usize {
    let mut shared = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    while !other.is_char_boundary(shared) {
        shared -= 1;
    }
    shared
}

/// In place and before the map is made, which would sort with a copy.
fn sorted<T>(mut items: Vec<(RepoPath, T)>) -> std::vec::IntoIter<(RepoPath, T)> {
    items.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    items.into_iter()
}

/// Of damage and of edits, not of forgery: whoever could forge it has the files themselves. Each step is a bijection of the state
/// and of eight bytes, so no change of one piece goes unnoticed, and it takes a twentieth of the time of a cryptographic one.
fn checksum(bytes: &[u8]) -> [u8; 8] {
    let (pieces, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let length = (bytes.len() as u64).to_le_bytes();
    let sum = pieces.iter().chain([&last, &length]).fold(0x9e37_79b9_7f4a_7c15_u64, |sum, piece| {
        let mixed = (sum ^ u64::from_le_bytes(*piece)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        mixed ^ (mixed >> 29)
    });
    let sum = sum.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (sum ^ (sum >> 32)).to_le_bytes()
}

/// Seven bits to a byte, the low ones first.
fn put_number(bytes: &mut Vec<u8>, mut number: usize) {
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn put_text(bytes: &mut Vec<u8>, text: &[u8]) {
    put_number(bytes, text.len());
    bytes.extend_from_slice(text);
}

/// What is left to read. Reading past the end is None.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Option<usize> {
        let mut number = 0;
        for shift in [0, 7, 14, 21] {
            let [byte] = self.array()?;
            number |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(text)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    #[derive(Clone, Default)]
    struct State(BTreeMap<String, Stored>);

    impl State {
        fn commit(&mut self, writes: Vec<Write>) {
            for Write { key, bytes, expected } in writes {
                let version = self.0.get(&key).map_or(0, |stored| stored.version);
                assert_eq!(version, expected, "{key}");
                self.0.insert(key, Stored { bytes, version: version + 1 });
            }
        }

        fn open(&self) -> Result<Ledger, LedgerError> {
            Ledger::open(|key| Ok(self.0.get(key).cloned()))
        }
    }

    fn path(number: usize) -> RepoPath {
        RepoPath::parse(&format!("docs/part {}/page-{number}-é.md", number % 7)).unwrap()
    }

    fn entry(number: usize) -> Entry {
        let mode = if number.is_multiple_of(3) { Mode::Executable } else { Mode::Regular };
        Entry { blob: BlobId::of(&number.to_le_bytes()), mode }
    }

    fn filled(count: usize) -> Ledger {
        let mut ledger = Ledger { head: Some("abc".into()), ..Ledger::default() };
        ledger.selection = Some(Fingerprint::from_bytes([7; 20]));
        for number in 0..count {
            ledger.set(&path(number), entry(number), number.is_multiple_of(2).then(|| Mark::of(&number.to_string())));
        }
        ledger
    }

    #[test]
    fn what_was_saved_is_read_back() {
        for count in [0, 1, 513, 5_000] {
            let (mut state, mut ledger) = (State::default(), filled(count));
            state.commit(ledger.save());
            let read = state.open().unwrap();
            assert_eq!((&read.head, &read.selection), (&ledger.head, &ledger.selection));
            assert_eq!((&read.files, &read.marks), (&ledger.files, &ledger.marks));
            let peeked = Ledger::peek::<LedgerError>(|key| Ok(state.0.get(key).cloned())).unwrap();
            assert_eq!(peeked, (ledger.head, ledger.selection));
        }
        assert!(State::default().open().unwrap().files().is_empty());
    }

    #[test]
    fn many_files_are_noted_as_each_by_itself() {
        let all: Vec<_> = (0..700).map(|number| (path(number), entry(number + 1), Mark::of("new"))).collect();
        let (mut one, mut other) = (filled(600), filled(600));
        all.iter().for_each(|(path, entry, mark)| one.set(path, *entry, Some(*mark)));
        other.set_all(all);
        assert_eq!((&one.files, &one.marks), (&other.files, &other.marks));
        assert_eq!(one.save(), other.save());
    }

    #[test]
    fn a_mark_vouches_for_the_content_of_its_file_until_either_changes() {
        let mut ledger = filled(3);
        let content =
            |ledger: &Ledger, number: usize, mark: &str| ledger.walk().at(&path(number))?.content(Mark::of(mark));
        assert_eq!(content(&ledger, 2, "2"), Some(entry(2).blob));
        assert_eq!(content(&ledger, 2, "3"), None);
        assert_eq!(content(&ledger, 1, "1"), None);
        ledger.set(&path(2), entry(9), None);
        assert_eq!(content(&ledger, 2, "2"), None);
    }

    #[test]
    fn a_walk_finds_every_file_in_whatever_order_it_is_asked() {
        let ledger = filled(50);
        let asked = |numbers: &mut dyn Iterator<Item = usize>| {
            let mut walk = ledger.walk();
            for number in numbers {
                let found = walk.at(&path(number));
                assert_eq!(
                    found.map(|known| (known.entry, known.mark.is_some())),
                    (number < 50).then(|| (entry(number), number.is_multiple_of(2))),
                    "{number}"
                );
            }
        };
        let mut sorted: Vec<usize> = (0..60).collect();
        sorted.sort_by_key(|number| path(*number));
        asked(&mut sorted.iter().copied());
        asked(&mut sorted.iter().rev().copied());
        asked(&mut (0..60).map(|number| number * 37 % 60));
    }

    #[test]
    fn saving_costs_what_changed() {
        let (mut state, mut ledger) = (State::default(), filled(100_000));
        state.commit(ledger.save());
        assert_eq!(state.0.len(), 513);
        let largest = state.0.values().map(|stored| stored.bytes.len()).max().unwrap();
        assert!(largest < 40_000, "{largest}");
        let mut ledger = state.open().unwrap();
        ledger.set(&path(7), entry(8), None);
        ledger.set(&path(9), entry(9), None);
        ledger.remove(&path(11));
        ledger.remove(&path(200_000));
        let writes = ledger.save();
        assert!(writes.len() <= 3, "path 9 has not changed: {}", writes.len());
        state.commit(writes);
        assert_eq!(state.open().unwrap().files, ledger.files);
        assert_eq!(ledger.save().len(), 1, "the index alone, for a new head");
    }

    #[test]
    fn damage_at_any_place_is_an_error_and_never_an_empty_base() {
        let (mut state, mut ledger) = (State::default(), filled(600));
        state.commit(ledger.save());
        for key in state.0.keys() {
            let mut lost = state.clone();
            lost.0.remove(key);
            assert_eq!(lost.open().unwrap_err(), LedgerError::Missing(key.clone()));
            for at in 0..state.0[key].bytes.len().min(400) {
                let mut damaged = state.clone();
                damaged.0.get_mut(key).unwrap().bytes[at] ^= 1 << (at % 8);
                assert!(damaged.open().is_err(), "{key} {at}");
                damaged.0.get_mut(key).unwrap().bytes.truncate(at);
                assert!(damaged.open().is_err(), "{key} {at}");
            }
        }
    }

    #[test]
    fn a_shard_of_another_time_is_damage() {
        let (mut state, mut ledger) = (State::default(), filled(10));
        state.commit(ledger.save());
        let before = state.clone();
        ledger.set(&path(3), entry(4), None);
        state.commit(ledger.save());
        state.0.insert("base/000".into(), before.0["base/000"].clone());
        assert_eq!(state.open().unwrap_err(), LedgerError::Damaged("base/000".into()));
    }

    #[test]
    fn a_newer_format_says_so() {
        let state = State(BTreeMap::from([(INDEX_KEY.to_owned(), Stored { bytes: vec![2, 0], version: 1 })]));
        let expected = "`base/index` in the saved state has format 2; this version reads format 1";
        assert_eq!(state.open().unwrap_err().to_string(), expected);
    }

    #[test]
    fn hostile_bytes_with_a_good_checksum_are_refused_without_a_panic() {
        let entry = [&[0][..], &[1; 20]].concat();
        let table: [&[u8]; 6] = [
            &[1],
            &[1, 0xff, 0xff, 0xff, 0xff, 0x7f],
            &[&[1, 1, 5, 1, b'a'], &*entry].concat(),
            &[&[1, 1, 0, 2, b'.', b'.'], &*entry].concat(),
            &[&[1, 1, 0, 0xff, 0x7f, b'a'], &*entry].concat(),
            &[&[1, 1, 0, 1, b'a'], &*entry, &[0]].concat(),
        ];
        for bytes in table {
            let error = decode_shard("base/000", bytes, &mut Vec::new(), &mut Vec::new());
            assert_eq!(error, Err(LedgerError::Damaged("base/000".into())), "{bytes:?}");
        }
    }

    #[test]
    fn a_damaged_ledger_can_be_started_over() {
        let (mut state, mut ledger) = (State::default(), filled(600));
        state.commit(ledger.save());
        state.0.remove(INDEX_KEY);
        let mut fresh = Ledger::start_over(|key| Ok::<_, Infallible>(state.0.get(key).cloned())).unwrap();
        fresh.set(&path(1), entry(1), None);
        state.commit(fresh.save());
        assert_eq!(state.open().unwrap().files, Tree::from([(path(1), entry(1))]));
    }
}
