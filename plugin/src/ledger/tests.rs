//! Of the whole ledger, over a state in memory.

use super::*;
use crate::blob::BlobId;
use crate::tree::Mode;
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

fn mark(number: usize, version: &str) -> Mark {
    Mark::of_content(&path(number), version, entry(number).mode)
}

fn entry(number: usize) -> Entry {
    let mode = if number.is_multiple_of(3) { Mode::Executable } else { Mode::Regular };
    Entry { blob: BlobId::of(&number.to_le_bytes()), mode }
}

fn filled(count: usize) -> Ledger {
    let mut ledger = Ledger { head: Some("abc".into()), ..Ledger::default() };
    ledger.selection = Some(Fingerprint::from_bytes([7; 20]));
    for number in 0..count {
        ledger.set(&path(number), entry(number), number.is_multiple_of(2).then(|| mark(number, &number.to_string())));
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
    let all: Vec<_> = (0..700).map(|number| (path(number), entry(number + 1), mark(number, "new"))).collect();
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
        |ledger: &Ledger, number: usize, version: &str| ledger.walk().at(&path(number))?.entry(mark(number, version));
    assert_eq!(content(&ledger, 2, "2"), Some(entry(2)));
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
    assert_eq!(state.0.len(), 1_025);
    let largest = state.0.values().map(|stored| stored.bytes.len()).max().unwrap();
    assert!(largest < 20_000, "{largest}");
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
        let error = each_file("base/000", bytes, |path, _, _| RepoPath::parse(path).ok().map(drop));
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

/// Every file marked, and saved as after a sync.
fn settled(count: usize) -> (State, Ledger) {
    let (mut state, mut ledger) = (State::default(), filled(count));
    (0..count).for_each(|number| ledger.set(&path(number), entry(number), Some(mark(number, "1"))));
    state.commit(saved(&mut ledger, &State::default(), ["image.png", "none.png"]));
    (state, ledger)
}

/// With the names of a file that is not synced, and of one that is gone.
fn saved(ledger: &mut Ledger, state: &State, names: [&str; 2]) -> Vec<Write> {
    let [come, gone] = [[RepoPath::parse(names[0]).unwrap()], [RepoPath::parse(names[1]).unwrap()]];
    ledger
        .save_with_marks(&come, &gone.map(|name| Mark::of_name(&name)), |key| {
            Ok::<_, Infallible>(state.0.get(key).cloned())
        })
        .unwrap()
}

/// With what is known of the workspace. None also where that is lost.
fn open_part(state: &State) -> Option<Ledger> {
    let get = |key: &str| Ok::<_, LedgerError>(state.0.get(key).cloned());
    let mut part = Ledger::open_part(get).unwrap()?;
    part.load_known(get).unwrap().then_some(part)
}

fn load(ledger: &mut Ledger, state: &State, numbers: &[usize]) -> Result<usize, LedgerError> {
    let mut gets = 0;
    let get = |key: &str| {
        gets += 1;
        Ok(state.0.get(key).cloned())
    };
    ledger.load::<LedgerError>(numbers.iter().map(|number| path(*number)).collect(), get).map(|()| gets)
}

#[test]
fn a_part_is_saved_as_the_whole_would_be() {
    let (state, mut whole) = settled(3_000);
    let mut part = open_part(&state).unwrap();
    assert_eq!(part.known().len(), 3_001);
    assert_eq!(load(&mut part, &state, &[7, 8, 9, 5_000]), Ok(4), "a shard for each path");
    assert_eq!(load(&mut part, &state, &[9, 7]), Ok(0));
    assert_eq!((part.files().len(), part.elsewhere()), (3, 2_997));
    assert_eq!(part.files().get(&path(8)), Some(&entry(8)));
    assert_eq!(part.mark(&path(8)), Some(mark(8, "1")));
    for ledger in [&mut whole, &mut part] {
        ledger.head = Some("next".into());
        ledger.set(&path(7), entry(70), Some(mark(70, "2")));
        ledger.set(&path(5_000), entry(5_000), Some(mark(5_000, "1")));
        ledger.remove(&path(9));
    }
    let mut after = [state.clone(), state.clone()];
    after[0].commit(saved(&mut whole, &state, ["other.png", "image.png"]));
    let writes = saved(&mut part, &state, ["other.png", "image.png"]);
    assert!(writes.len() <= 3 + 2, "{}", writes.len());
    assert!(!writes.iter().any(|write| [MARKS_KEY, NAMES_KEY].contains(&&*write.key)), "they grow with what is there");
    after[1].commit(writes);
    // The name of a file that is gone and not synced stays.
    let [whole, part] = after.each_ref().map(names_of);
    assert_eq!(part.iter().filter(|number| !whole.contains(number)).count(), 1);
    assert!(whole.iter().all(|number| part.contains(number)));
    assert_eq!(known(&after[0]), known(&after[1]));
    after.iter_mut().for_each(|state| state.0.retain(|key, _| ![SINCE_KEY, MARKS_KEY, NAMES_KEY].contains(&&**key)));
    assert_eq!(after[0].0, after[1].0);
}

/// In bytes, read and written, by a call that is told which files it works on.
#[test]
fn ten_files_of_many_cost_what_ten_of_a_few_cost() {
    let cost = |count: usize| {
        let (state, _) = settled(count);
        let read = std::cell::Cell::new(0);
        let get = |key: &str| {
            let kept = state.0.get(key).cloned();
            read.set(read.get() + kept.as_ref().map_or(0, |kept| kept.bytes.len()));
            Ok::<_, LedgerError>(kept)
        };
        let mut part = Ledger::open_part(get).unwrap().unwrap();
        part.load((0..10).map(|number| path(number * 97)).collect(), get).unwrap();
        (0..10).for_each(|number| part.set(&path(number * 97), entry(5), Some(mark(number * 97, "2"))));
        let writes = part.save_with_marks(&[], &[], get).unwrap();
        read.get() + writes.iter().map(|write| write.bytes.len()).sum::<usize>()
    };
    let [few, many] = [1_000, 100_000].map(cost);
    assert!(many < 150_000 && 2 * many < 3 * few, "{few} bytes at a thousand files, {many} at a hundred thousand");
}

fn known(state: &State) -> (Vec<u64>, usize) {
    let part = open_part(state).unwrap();
    (part.known().to_vec(), part.elsewhere())
}

fn names_of(state: &State) -> Vec<u64> {
    let mut part = open_part(state).unwrap().part.unwrap();
    let names = part.names(|key| Ok::<_, Infallible>(state.0.get(key).cloned())).unwrap().unwrap();
    names.numbers().iter().map(|number| u64::from_le_bytes(*number)).collect()
}

/// Some of each round's files are edited again in the next, some go, and some come back.
#[test]
fn what_is_known_is_the_same_whether_it_was_written_whole_or_since() {
    let (mut state, mut whole) = settled(3_000);
    let mut beside = state.clone();
    let mut rewritten = 0;
    for round in 0..40 {
        let numbers: Vec<usize> = (0..150).map(|number| round * 71 % 2_900 + number).collect();
        let mut part = open_part(&state).unwrap();
        load(&mut part, &state, &numbers).unwrap();
        for ledger in [&mut whole, &mut part] {
            ledger.head = Some(round.to_string());
            for number in &numbers {
                match (number + round) % 4 {
                    0 => ledger.remove(&path(*number)),
                    version => ledger.set(&path(*number), entry(*number), Some(mark(*number, &version.to_string()))),
                }
            }
        }
        let names = ["image.png", "none.png"];
        beside.commit(saved(&mut whole, &beside, names));
        let others = if round == 7 { &["new.png"][..] } else { &[] };
        let others: Vec<RepoPath> = others.iter().map(|name| RepoPath::parse(name).unwrap()).collect();
        let get = |key: &str| Ok::<_, Infallible>(state.0.get(key).cloned());
        let gone: Vec<Mark> = (round == 9).then(|| Mark::of_name("new.png")).into_iter().collect();
        let writes = part.save_with_marks(&others, &gone, get).unwrap();
        rewritten += usize::from(writes.iter().any(|write| write.key == MARKS_KEY));
        let since = writes.iter().find(|write| write.key == SINCE_KEY).unwrap();
        assert!(since.bytes.len() < 30_000, "round {round}: {}", since.bytes.len());
        state.commit(writes);
        let (mut ours, files) = known(&state);
        if (7..9).contains(&round) {
            ours.retain(|number| *number != Mark::of_name("new.png").number());
        }
        assert_eq!((ours, files), known(&beside), "round {round}");
        let names = names_of(&state);
        assert!(names_of(&beside).iter().all(|name| names.contains(name)), "round {round}");
    }
    assert!((1..10).contains(&rewritten), "{rewritten} of 40 rounds");
    assert_eq!(state.open().unwrap().files, whole.files);
}

#[test]
fn marks_that_are_damaged_or_of_another_base_count_as_lost() {
    let (state, mut ledger) = settled(20);
    assert!(open_part(&State::default()).is_none());
    for key in [MARKS_KEY, SINCE_KEY] {
        let mut lost = state.clone();
        lost.0.remove(key);
        assert!(open_part(&lost).is_none());
        for at in 0..state.0[key].bytes.len() {
            let mut damaged = state.clone();
            damaged.0.get_mut(key).unwrap().bytes[at] ^= 1 << (at % 8);
            assert!(open_part(&damaged).is_none(), "{key} {at}");
            damaged.0.get_mut(key).unwrap().bytes.truncate(at);
            assert!(open_part(&damaged).is_none(), "{key} {at}");
        }
    }
    let mut other = state.clone();
    other.0.insert(MARKS_KEY.into(), settled(21).0.0[MARKS_KEY].clone());
    assert!(open_part(&other).is_none(), "marks of another time");
    let mut older = state.clone();
    ledger.head = Some("next".into());
    older.commit(ledger.save());
    assert!(open_part(&older).is_none(), "a base that was saved without them");
}

/// Of one that has none and is there no more, nothing would be missed: it looked as if it were at rest.
#[test]
fn marks_are_kept_only_if_every_file_has_one() {
    let (state, mut ledger) = settled(20);
    ledger.set(&path(3), entry(3), None);
    let writes = saved(&mut ledger, &state, ["a", "b"]);
    assert!(writes.iter().all(|write| ![MARKS_KEY, SINCE_KEY].contains(&&*write.key)));
    let mut part = open_part(&state).unwrap();
    load(&mut part, &state, &[3]).unwrap();
    part.set(&path(3), entry(3), None);
    assert!(saved(&mut part, &state, ["a", "b"]).iter().all(|write| write.key != SINCE_KEY));
}

#[test]
fn a_damaged_shard_is_an_error_for_a_part_too() {
    let (state, _) = settled(600);
    for at in 0..400 {
        let mut damaged = state.clone();
        for (key, stored) in &mut damaged.0 {
            let length = stored.bytes.len();
            stored.bytes[at % length] ^=
                u8::from(![INDEX_KEY, SINCE_KEY, MARKS_KEY, NAMES_KEY].contains(&key.as_str()));
        }
        let mut part = open_part(&damaged).unwrap();
        assert!(load(&mut part, &damaged, &[1]).is_err(), "{at}");
    }
    let mut missing = state.clone();
    missing.0.retain(|key, _| [INDEX_KEY, SINCE_KEY, MARKS_KEY, NAMES_KEY].contains(&key.as_str()));
    assert!(load(&mut open_part(&missing).unwrap(), &missing, &[1]).is_err());
}

#[test]
#[should_panic(expected = "where it was asked for alone")]
fn a_part_is_not_changed_where_it_was_not_asked_for() {
    let (state, _) = settled(600);
    let mut part = open_part(&state).unwrap();
    load(&mut part, &state, &[1]).unwrap();
    part.set(&path(2), entry(2), None);
}

#[test]
fn a_file_that_is_gone_is_found_by_its_mark() {
    let (state, _) = settled(3_000);
    let mut part = open_part(&state).unwrap();
    let get = |key: &str| Ok::<_, LedgerError>(state.0.get(key).cloned());
    load(&mut part, &state, &[9]).unwrap();
    let mut missing = [7, 8, 9].map(|number| mark(number, "1").number());
    missing.sort_unstable();
    assert_eq!(part.load_marked(&missing, get), Ok(true));
    assert_eq!((part.files().len(), part.elsewhere()), (3, 2_997));
    assert_eq!(part.files().get(&path(7)), Some(&entry(7)));
    assert_eq!(part.load_marked(&[mark(7, "2").number()], get), Ok(false), "of no file");
}

fn may_clash(state: &State, new: &[&str], back: &[&str]) -> bool {
    let [new, back] = [new, back].map(|paths| {
        let mut paths: Vec<RepoPath> = paths.iter().map(|text| RepoPath::parse(text).unwrap()).collect();
        paths.sort();
        paths
    });
    let get = |key: &str| Ok::<_, LedgerError>(state.0.get(key).cloned());
    open_part(state).unwrap().may_clash(new.iter().collect(), back.iter().collect(), get).unwrap()
}

fn settled_on(paths: &[&str], others: &[&str]) -> State {
    let parse = |texts: &[&str]| texts.iter().map(|text| RepoPath::parse(text).unwrap()).collect::<Vec<_>>();
    let (mut state, mut ledger) = (State::default(), Ledger::default());
    for path in parse(paths) {
        ledger.set(&path, entry(1), Some(Mark::of_content(&path, "1", Mode::Regular)));
    }
    let get = |key: &str| Ok::<_, Infallible>(state.0.get(key).cloned());
    let writes = ledger.save_with_marks(&parse(others), &[], get).unwrap();
    state.commit(writes);
    state
}

#[test]
fn a_new_name_may_clash_unless_its_folders_are_spelled_as_they_were_and_its_file_is_unheard_of() {
    let state = settled_on(&["docs/a.md", "docs/deep/b.md", "read", "é/x.md"], &["Images/logo.png"]);
    let table: [(&[&str], &[&str], bool); 16] = [
        (&["docs/c.md", "docs/deep/c.md", "new/docs/a.md", "é/y.md"], &[], false),
        (&["Images/photo.md"], &[], false),
        (&["docs/A.md"], &[], true),
        (&["Docs/c.md"], &[], true),
        (&["docs"], &[], true),
        (&["Docs"], &[], true),
        (&["read/me.md"], &[], true),
        (&["READ/me.md"], &[], true),
        (&["images/new.md"], &[], true),
        (&["e\u{301}/y.md"], &[], true),
        (&["new/a.md", "New/b.md"], &[], false),
        (&[], &["docs/a.md", "read"], false),
        (&[], &["docs/c.md"], true),
        (&["docs/c.md"], &["docs/deep/b.md"], false),
        (&["docs/A.md"], &["docs/deep/b.md"], true),
        (&[], &["docs"], true),
    ];
    for (new, back, expected) in table {
        assert_eq!(may_clash(&state, new, back), expected, "{new:?} {back:?}");
    }
}

#[test]
fn names_that_fold_alike_already_vouch_for_nothing() {
    let state = settled_on(&["docs/a.md", "x/readme.md", "x/README.md"], &["Docs/logo.png"]);
    for (new, back, expected) in [
        (&["docs/b.md"][..], &[][..], true),
        (&["Docs/b.md"], &[], true),
        (&["x/b.md"], &[], false),
        (&[], &["x/readme.md"], true),
    ] {
        assert_eq!(may_clash(&state, new, back), expected, "{new:?} {back:?}");
    }
}

/// One of two that fold alike takes its own hash along and no other.
#[test]
fn a_name_that_goes_leaves_room_for_its_like() {
    let mut state = settled_on(&["x/readme.md", "x/README.md", "x/b.md"], &[]);
    let path = |text: &str| RepoPath::parse(text).unwrap();
    for (gone, new, expected) in [("x/readme.md", "x/Readme.md", true), ("x/b.md", "x/B.md", false)] {
        let mut part = open_part(&state).unwrap();
        let get = |key: &str| Ok::<_, LedgerError>(state.0.get(key).cloned());
        part.load(vec![path(gone)], get).unwrap();
        part.remove(&path(gone));
        let writes = part.save_with_marks(&[], &[], get).unwrap();
        state.commit(writes);
        assert_eq!(may_clash(&state, &[new], &[]), expected, "{new}");
    }
    let mut part = open_part(&state).unwrap();
    let get = |key: &str| Ok::<_, LedgerError>(state.0.get(key).cloned());
    let (one, other) = (path("new/a.md"), path("NEW/logo.png"));
    part.load(vec![one.clone()], get).unwrap();
    part.set(&one, entry(2), Some(Mark::of_content(&one, "1", Mode::Regular)));
    let writes = part.save_with_marks(&[other], &[], get).unwrap();
    state.commit(writes);
    assert!(may_clash(&state, &["new/b.md"], &[]) && may_clash(&state, &["NEW/b.md"], &[]));
}

#[test]
fn names_that_are_damaged_or_of_another_time_count_as_a_clash() {
    let state = settled_on(&["docs/a.md"], &[]);
    assert!(!may_clash(&state, &["docs/b.md"], &[]));
    for at in 0..state.0[NAMES_KEY].bytes.len() {
        let mut damaged = state.clone();
        damaged.0.get_mut(NAMES_KEY).unwrap().bytes[at] ^= 1 << (at % 8);
        assert!(may_clash(&damaged, &["docs/b.md"], &[]), "{at}");
        damaged.0.get_mut(NAMES_KEY).unwrap().bytes.truncate(at);
        assert!(may_clash(&damaged, &["docs/b.md"], &[]), "{at}");
    }
    let mut other = state.clone();
    other.0.insert(NAMES_KEY.into(), settled_on(&["docs/c.md"], &[]).0[NAMES_KEY].clone());
    assert!(may_clash(&other, &["docs/b.md"], &[]));
    other.0.remove(NAMES_KEY);
    assert!(may_clash(&other, &["docs/b.md"], &[]));
}
