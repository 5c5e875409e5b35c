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
use crate::path::{RepoPath, compare};
use crate::tree::{Entry, Mode, Tree};
use sha1::{Digest, Sha1};
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

/// A short digest of the host's opaque mark of a file. 8 bytes of it: a mistake is one in 10^19 for each edit.
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
    /// The commit and the selection of the last save, from the index alone; none if there is nothing of use.
    pub fn glance<E>(get: impl FnOnce(&str) -> Result<Option<Stored>, E>) -> Result<Option<(String, Fingerprint)>, E> {
        let index = get(INDEX_KEY)?.and_then(|stored| Index::decode(&stored.bytes).ok());
        Ok(index.and_then(|index| index.head.zip(index.selection)))
    }

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
        // Collecting sorts, and packs the nodes of the maps: half the memory of inserting one by one.
        (ledger.files, ledger.marks) = (files.into_iter().collect(), marks.into_iter().collect());
        Ok(ledger)
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

    /// The path as it is in memory already, so that a listing of 100,000 known files takes no memory for their names.
    pub fn path(&self, text: &str) -> Option<&RepoPath> {
        self.files.get_key_value(text).map(|(path, _)| path)
    }

    /// For looking up many paths that come in order.
    pub fn walk(&self) -> Walk<'_> {
        Walk { files: self.files.iter().peekable(), marks: self.marks.iter().peekable() }
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

/// Looks paths up that come in order, as a listing has them: a step for each, where a search would compare its way down the map
/// every time. A path that comes too late is not found, as if the ledger did not know it.
pub struct Walk<'l> {
    files: Peekable<btree_map::Iter<'l, RepoPath, Entry>>,
    marks: Peekable<btree_map::Iter<'l, RepoPath, Mark>>,
}

impl<'l> Walk<'l> {
    /// The path as it is in memory already, and the content that the workspace's file has if its mark is this one.
    pub fn find(&mut self, text: &str, mark: Mark) -> Option<(&'l RepoPath, Option<BlobId>)> {
        while self.files.next_if(|(path, _)| compare(path, text).is_lt()).is_some() {}
        let (path, entry) = self.files.next_if(|(path, _)| path.as_str() == text)?;
        while self.marks.next_if(|(marked, _)| *marked < path).is_some() {}
        let is_same = self.marks.next_if(|(marked, _)| *marked == path).is_some_and(|(_, known)| *known == mark);
        Some((path, is_same.then_some(entry.blob)))
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

fn checksum(bytes: &[u8]) -> [u8; 8] {
    let digest: [u8; 20] = Sha1::digest(bytes).into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    [a, b, c, d, e, f, g, h]
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
        }
        assert!(State::default().open().unwrap().files().is_empty());
    }

    #[test]
    fn a_mark_vouches_for_the_content_of_its_file_until_either_changes() {
        let mut ledger = filled(3);
        let content = |ledger: &Ledger, number: usize, mark: &str| {
            let (known, content) = ledger.walk().find(&path(number), Mark::of(mark)).unwrap();
            assert_eq!(*known, path(number));
            content
        };
        assert_eq!(content(&ledger, 2, "2"), Some(entry(2).blob));
        assert_eq!(content(&ledger, 2, "3"), None);
        assert_eq!(content(&ledger, 1, "1"), None);
        ledger.set(&path(2), entry(9), None);
        assert_eq!(content(&ledger, 2, "2"), None);
    }

    #[test]
    fn a_walk_finds_what_comes_in_order_and_nothing_else() {
        let ledger = filled(500);
        let (mut walk, mut found) = (ledger.walk(), 0);
        for path in ledger.files().keys() {
            assert_eq!(walk.find(&format!("{path}~"), Mark::of("")), None, "it is not there");
            // What was passed over is not found any more.
            assert_eq!(walk.find(path, Mark::of("")), None);
        }
        let mut walk = ledger.walk();
        for path in ledger.files().keys() {
            let unknown = format!("{}!", &path[..path.len() - 3]);
            assert_eq!(walk.find(&unknown, Mark::of("")), None, "{unknown} comes before {path}");
            found += usize::from(walk.find(path, Mark::of("")).is_some_and(|(known, _)| known == path));
        }
        assert_eq!(found, 500);
    }

    #[test]
    fn a_glance_reads_the_index_alone() {
        let (mut state, mut ledger) = (State::default(), filled(600));
        assert_eq!(Ledger::glance(|key| Ok::<_, Infallible>(state.0.get(key).cloned())), Ok(None));
        state.commit(ledger.save());
        let index = |key: &str| Ok::<_, Infallible>(state.0.get(key).filter(|_| key == INDEX_KEY).cloned());
        assert_eq!(Ledger::glance(index), Ok(Some(("abc".into(), Fingerprint::from_bytes([7; 20])))));
        state.0.get_mut(INDEX_KEY).unwrap().bytes[3] ^= 1;
        assert_eq!(Ledger::glance(|key| Ok::<_, Infallible>(state.0.get(key).cloned())), Ok(None));
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
