//! Of the whole ledger, over a state in memory.

use super::*;
use crate::blob::BlobId;
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
    let content = |ledger: &Ledger, number: usize, mark: &str| ledger.walk().at(&path(number))?.content(Mark::of(mark));
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
