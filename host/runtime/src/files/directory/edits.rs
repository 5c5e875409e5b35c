//! No edit leaves a version as it was: not within one tick of the clock, not of the same size, and not with the old date given back.
//!
//! First on the file system that is there. Linux since 6.13 stamps a file that was looked at with a finer clock than its tick, so there
//! no rule is needed for that; the clocks of all others, and such as are set back, are made up below.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proptest::prelude::*;

use super::mark::{self, Clock, Stat};
use super::tests::temporary;
use super::*;
use crate::files::news::{self, News, mark_of_content};
use crate::files::{Batch, Change, Expectation, Write};

/// One way to edit: the path, the new bytes, of the size that is there.
type Edit = fn(&Path, &[u8]);

const EDITS: &[(&str, Edit)] = &[
    ("saved", saved),
    ("written in place", in_place),
    ("saved, and the date given back", |path, bytes| dated(path, bytes, saved, OLD)),
    ("written in place, and the date given back", |path, bytes| dated(path, bytes, in_place, OLD)),
    ("written in place, and dated in a century", |path, bytes| dated(path, bytes, in_place, CENTURY)),
    ("moved into its place", moved),
    ("moved into its place with the old date", |path, bytes| dated(path, bytes, moved, OLD)),
];

const OLD: u64 = 1_700_000_000;
const CENTURY: u64 = 4_800_000_000;

fn saved(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
}

fn in_place(path: &Path, bytes: &[u8]) {
    use std::os::unix::fs::FileExt;
    File::options().write(true).open(path).unwrap().write_all_at(bytes, 0).unwrap();
}

fn moved(path: &Path, bytes: &[u8]) {
    let aside = path.with_extension("tmp");
    fs::write(&aside, bytes).unwrap();
    fs::rename(&aside, path).unwrap();
}

fn dated(path: &Path, bytes: &[u8], edit: Edit, seconds: u64) {
    edit(path, bytes);
    let date = UNIX_EPOCH + Duration::from_secs(seconds);
    File::options().write(true).open(path).unwrap().set_modified(date).unwrap();
}

/// Where it keeps a walk's answer, so that the next one is asked as a sync would.
struct Known(Vec<u64>);

impl Known {
    /// The one file that there is has to be news.
    async fn meets(&mut self, directory: &Directory, what: &str) {
        let told = news::news(directory, self.0.clone(), &[]).await.unwrap();
        assert_eq!(told.missing, self.0, "{what}");
        self.take(&told, what);
        // On a slow machine its version may be of an older file by now, once.
        let again = news::news(directory, self.0.clone(), &[]).await.unwrap();
        if again != News::default() {
            self.take(&again, what);
            assert_eq!(news::news(directory, self.0.clone(), &[]).await.unwrap(), News::default(), "{what}");
        }
    }

    fn take(&mut self, told: &News, what: &str) {
        let [entry] = &told.entries[..] else { panic!("{what}: {told:?}") };
        self.0 = vec![mark_of_content(&entry.path, &entry.version, entry.executable)];
    }
}

/// Hundreds of rounds in few ticks, each with a sync's look between two edits of one size.
#[tokio::test]
async fn an_edit_is_news_however_soon_it_comes_and_whatever_date_it_leaves() {
    for (what, edit) in EDITS {
        let root = temporary();
        let path = root.path().join("a.md");
        fs::write(&path, "--").unwrap();
        let directory = Directory::open(root.path()).unwrap();
        let mut known = Known(Vec::new());
        for round in 0..50 {
            edit(&path, format!("{round:02}").as_bytes());
            known.meets(&directory, &format!("{what}, round {round}")).await;
        }
    }
}

#[tokio::test]
async fn an_edit_right_after_our_own_write_is_news() {
    for (what, edit) in EDITS {
        let root = temporary();
        let directory = Directory::open(root.path()).unwrap();
        let mut expected = Expectation::Absent;
        for round in 0..20 {
            let write = Write {
                path: WorkspacePath::parse("a.md").unwrap(),
                bytes: format!("a{round:02}").into_bytes(),
                executable: false,
                expected,
            };
            let version = directory.apply(Batch::new(vec![Change::Write(write)]).unwrap()).await.unwrap().remove(0);
            let listed = directory.list(None, None).await.unwrap().entries.remove(0);
            assert_eq!(listed.version, version, "{what}, round {round}: ours keeps the version that `apply` gave");
            let mut known = Known(vec![mark_of_content(&listed.path, &version, false)]);
            edit(&root.path().join("a.md"), format!("b{round:02}").as_bytes());
            known.meets(&directory, &format!("{what}, round {round}")).await;
            expected = Expectation::Version(directory.list(None, None).await.unwrap().entries.remove(0).version);
        }
    }
}

/// What was read is of the version that came with it, also while someone writes.
#[tokio::test]
async fn equal_versions_mean_equal_bytes_while_someone_keeps_editing() {
    let root = temporary();
    let path = root.path().join("a.md");
    fs::write(&path, "0000").unwrap();
    let directory = Directory::open(root.path()).unwrap();
    let until = SystemTime::now() + Duration::from_millis(300);
    let writer = std::thread::spawn(move || {
        for round in 0_u16.. {
            dated(&path, format!("{:04}", round % 10_000).as_bytes(), in_place, OLD);
            if SystemTime::now() > until {
                return;
            }
        }
    });
    let mut seen = std::collections::HashMap::new();
    while !writer.is_finished() {
        // While it changes faster than it can be read, that is an error.
        let Ok(read) = directory.read(&[WorkspacePath::parse("a.md").unwrap()]).await else { continue };
        let bytes = seen.entry(read[0].version.clone()).or_insert_with(|| read[0].bytes.clone());
        assert_eq!(*bytes, read[0].bytes);
    }
    writer.join().unwrap();
    assert!(!seen.is_empty());
}

/// A file and the clock that stamps it.
struct Disk {
    now: i128,
    /// How often the kernel's clock moves on, and when it did first.
    tick: i128,
    phase: i128,
    /// How finely the file system keeps a stamp.
    grain: i128,
    fine: Option<u64>,
    stat: Stat,
    bytes: u8,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Edit(u8),
    /// The date is given back, or set to one to come.
    Date(u64),
    Ours(u8),
    Pass(i128),
    SetBack(i128),
}

impl Disk {
    fn stamp(&self) -> i128 {
        let ticked = self.now - (self.now - self.phase).rem_euclid(self.tick);
        ticked - ticked.rem_euclid(self.grain)
    }

    fn meet(&mut self, event: Event) {
        match event {
            Event::Pass(nanos) => self.now += nanos,
            Event::SetBack(nanos) => (self.now, self.phase) = (self.now - nanos, self.phase + nanos % 7_919),
            Event::Edit(bytes) => {
                self.bytes = bytes;
                (self.stat.modified, self.stat.changed) = (self.stamp(), self.stamp());
            }
            Event::Date(seconds) => {
                self.stat.modified = i128::from(seconds) * 1_000_000_000;
                self.stat.changed = self.stamp();
            }
            Event::Ours(bytes) => {
                let date = mark::date_for_new_files_at(self.now);
                self.bytes = bytes;
                self.stat.modified = date - date.rem_euclid(self.grain);
                (self.stat.changed, self.stat.inode) = (self.stamp(), self.stat.inode + 1);
            }
        }
    }

    /// As a walk takes it.
    fn version(&self) -> Version {
        if self.stat.is_racy(&Clock { now: self.now, fine: self.fine }) {
            self.stat.version_with(&self.bytes.to_string())
        } else {
            self.stat.version()
        }
    }

    /// Looks after each event. None: a version stood for other bytes before.
    fn versions(mut self, events: &[Event]) -> Option<()> {
        let mut seen = std::collections::HashMap::new();
        for event in events {
            self.meet(*event);
            let bytes = *seen.entry(self.version()).or_insert(self.bytes);
            if bytes != self.bytes {
                return None;
            }
        }
        Some(())
    }
}

const MILLISECOND: i128 = 1_000_000;

/// Mostly within a tick or two, or just as long as a file is racy.
fn pass() -> impl Strategy<Value = Event> {
    let around = |millis: i128| (millis - 15) * MILLISECOND..(millis + 15) * MILLISECOND;
    prop_oneof![4 => 0..15 * MILLISECOND, 1 => around(100), 1 => around(2_000), 1 => around(2_100)]
        .prop_map(Event::Pass)
}

fn plain_event() -> impl Strategy<Value = Event> {
    prop_oneof![4 => any::<u8>().prop_map(Event::Edit), 4 => pass(), 1 => any::<u8>().prop_map(Event::Ours)]
}

fn any_event() -> impl Strategy<Value = Event> {
    let date = prop_oneof![Just(OLD), Just(CENTURY)].prop_map(Event::Date);
    prop_oneof![9 => plain_event(), 3 => date, 1 => (1..3_000_000_000_i128).prop_map(Event::SetBack)]
}

fn disk(tick: i128, grain: i128, fine: Option<u64>) -> Disk {
    let stat = Stat { size: 1, modified: 0, changed: 0, inode: 1, device: 3, mode: 0o644 };
    Disk { now: 1_750_000_000_123_456_789, tick, phase: 4_567, grain, fine, stat, bytes: 0 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn on_a_local_file_system_no_edit_leaves_a_version_as_it_was(
        events in proptest::collection::vec(any_event(), 0..60), tick in 1..=10_i128,
    ) {
        prop_assert!(disk(tick * MILLISECOND, 1, Some(3)).versions(&events).is_some());
    }

    /// Whole seconds on an old ext4, hundredths on exFAT, two seconds on FAT.
    #[test]
    fn nor_does_one_on_a_file_system_with_coarse_stamps(
        events in proptest::collection::vec(plain_event(), 0..60),
        tick in 1..=10_i128,
        (grain, fine) in prop_oneof![Just((1_000, Some(3))), Just((10, None)), Just((2_000, None))],
    ) {
        prop_assert!(disk(tick * MILLISECOND, grain * MILLISECOND, fine).versions(&events).is_some());
    }
}
