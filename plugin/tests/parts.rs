//! A call that looks only at what may have changed does what one does that looks at everything: the same requests, results, files on both
//! sides, and the same notes for the next call.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod support;

use std::cell::Cell;
use std::collections::BTreeMap;

use gitlab_sync_connector::configure::{ConflictPolicy, Goal, Settings, configure};
use gitlab_sync_connector::error::Error;
use gitlab_sync_connector::ledger::{Ledger, LedgerError, MARKS_KEY, Stored};
use gitlab_sync_connector::plan::Direction;
use gitlab_sync_connector::preview::preview;
use gitlab_sync_connector::pull::{Options, pull};
use gitlab_sync_connector::push::push;
use gitlab_sync_connector::report::Step;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use support::{Memory, instance, options};

/// The last are not synced. One name is also that of a folder, and two differ by case alone.
const PATHS: [&str; 9] = ["a.md", "b.md", "B.md", "c.md", "sub/a.md", "sub/b.md", "sub", "image.png", "sub/image.png"];
const PATTERNS: [&str; 2] = ["*.md", "sub"];

#[derive(Clone, Debug)]
enum Act {
    Save(usize, u8),
    /// The same bytes once more.
    Touch(usize),
    Chmod(usize),
    Delete(usize),
    Rename(usize, usize),
    Commit(Vec<(usize, u8)>),
    CommitMode(usize),
    Remove(usize),
    Move(usize, usize),
    Attributes(bool),
    Sync(Sync),
}

#[derive(Clone, Copy, Debug)]
struct Sync {
    pushes: bool,
    /// Whether it is to do the plan that is made before, and no other.
    planned: bool,
}

fn act() -> impl Strategy<Value = Act> {
    let path = || 0..PATHS.len();
    let sync = || (any::<bool>(), prop::bool::weighted(0.2)).prop_map(|(pushes, planned)| Sync { pushes, planned });
    prop_oneof![
        8 => (path(), any::<u8>()).prop_map(|(path, line)| Act::Save(path, line)),
        1 => path().prop_map(Act::Touch),
        1 => path().prop_map(Act::Chmod),
        1 => path().prop_map(Act::Delete),
        1 => (path(), path()).prop_map(|(from, to)| Act::Rename(from, to)),
        8 => prop::collection::vec((path(), any::<u8>()), 1..4).prop_map(Act::Commit),
        1 => path().prop_map(Act::CommitMode),
        1 => path().prop_map(Act::Remove),
        1 => (path(), path()).prop_map(|(from, to)| Act::Move(from, to)),
        1 => any::<bool>().prop_map(Act::Attributes),
        14 => sync().prop_map(Act::Sync),
    ]
}

/// Files that nobody touches, so that a part is less than everything.
fn configured(policy: ConflictPolicy) -> Memory {
    let host = Memory::default();
    let settings = Settings {
        goal: Goal::Existing(7),
        branch: None,
        directories: Vec::new(),
        patterns: PATTERNS.map(str::to_owned).to_vec(),
        conflicts: policy,
        first: Default::default(),
        message: None,
        author: None,
        ownership: Default::default(),
        webhook: gitlab_sync_connector::hooks::Mode::Manual(None),
    };
    configure(&host, &instance(), settings).unwrap();
    host.branch.borrow_mut().edit(|files| {
        for path in ["a.md", "b.md", "c.md", "sub/a.md", "still/1.md", "still/2.md", "still/3.png"] {
            files.insert(path.into(), (text(path, 0), false));
        }
    });
    pull(&host, &instance(), &options()).unwrap();
    host
}

/// Six lines, of which one says more.
fn text(path: &str, line: u8) -> Vec<u8> {
    let mut lines: Vec<String> = (0..6).map(|number| format!("{number} of {path}")).collect();
    lines[usize::from(line) % 6] += &format!(", {line}");
    format!("{}\n", lines.join("\n")).into_bytes()
}

fn fits<'p>(mut others: impl Iterator<Item = &'p String>, path: &str) -> bool {
    !others.any(|other| other.starts_with(&format!("{path}/")) || path.starts_with(&format!("{other}/")))
}

fn save(host: &Memory, path: &str, bytes: &[u8], executable: bool) {
    if !fits(host.files().keys(), path) {
        return;
    }
    if executable { host.save_executable(path, bytes) } else { host.save(path, bytes) }
}

fn commit(host: &Memory, path: &str, file: (Vec<u8>, bool)) {
    host.branch.borrow_mut().edit(|files| {
        if fits(files.keys(), path) {
            files.insert(path.into(), file);
        }
    });
}

/// Something that happens outside of the connector.
fn edit(host: &Memory, act: &Act) {
    let here = |path: &str| host.files().get(path).cloned();
    let there = |path: &str| host.branch.borrow().files().get(path).cloned();
    let remove = |path: &str| host.branch.borrow_mut().edit(|files| drop(files.remove(path)));
    match act {
        Act::Save(path, line) => save(host, PATHS[*path], &text(PATHS[*path], *line), false),
        Act::Touch(path) => {
            here(PATHS[*path]).into_iter().for_each(|(bytes, is)| save(host, PATHS[*path], &bytes, is));
        }
        Act::Chmod(path) => {
            here(PATHS[*path]).into_iter().for_each(|(bytes, is)| save(host, PATHS[*path], &bytes, !is));
        }
        Act::Delete(path) => host.delete(PATHS[*path]),
        Act::Rename(from, to) => {
            if let Some((bytes, executable)) = here(PATHS[*from]) {
                host.delete(PATHS[*from]);
                save(host, PATHS[*to], &bytes, executable);
            }
        }
        Act::Commit(edits) => edits.iter().for_each(|(path, line)| {
            commit(host, PATHS[*path], (text(PATHS[*path], *line), false));
        }),
        Act::CommitMode(path) => {
            there(PATHS[*path]).into_iter().for_each(|(bytes, is)| commit(host, PATHS[*path], (bytes, !is)));
        }
        Act::Remove(path) => remove(PATHS[*path]),
        Act::Move(from, to) => {
            if let Some(file) = there(PATHS[*from]) {
                remove(PATHS[*from]);
                commit(host, PATHS[*to], file);
            }
        }
        Act::Attributes(lfs) => {
            let text = if *lfs { "c.md filter=lfs\n" } else { "*.png -text\n" };
            commit(host, ".gitattributes", (text.into(), false));
        }
        Act::Sync(_) => {}
    }
}

fn sync(host: &Memory, sync: Sync) -> Result<Step, Error> {
    let direction = if sync.pushes { Direction::Push } else { Direction::Pull };
    let plan = match sync.planned {
        true => Some(preview(host, &instance(), direction)?.digest),
        false => None,
    };
    *host.walks.borrow_mut() = (0, 0);
    let options = Options { plan, ..options() };
    if sync.pushes { push(host, &instance(), &options) } else { pull(host, &instance(), &options) }
}

/// How many calls looked at a part alone.
fn both_do_the_same(policy: ConflictPolicy, acts: &[Act]) -> u32 {
    let mut in_part = 0;
    let (quick, thorough) = (configured(policy), configured(policy));
    for act in acts {
        edit(&quick, act);
        edit(&thorough, act);
        let Act::Sync(how) = act else { continue };
        let marks = thorough.kept().get(MARKS_KEY).cloned();
        thorough.set_kept(MARKS_KEY, None);
        let before = [&quick, &thorough].map(|host| host.branch.borrow().requests);
        let (one, other) = (sync(&quick, *how), sync(&thorough, *how));
        in_part += u32::from(*quick.walks.borrow() == (0, 1));
        if !thorough.kept().contains_key(MARKS_KEY) {
            thorough.set_kept(MARKS_KEY, marks);
        }
        assert_eq!(one, other);
        let requests = [&quick, &thorough].map(|host| host.branch.borrow().requests);
        assert_eq!(requests[0] - before[0], requests[1] - before[1], "requests");
        assert_eq!(quick.files(), thorough.files());
        assert_eq!(quick.branch.borrow().files(), thorough.branch.borrow().files());
        let (one, other) = (notes(&quick), notes(&thorough));
        for key in one.keys().chain(other.keys()) {
            assert_eq!(one.get(key), other.get(key), "{key}");
        }
    }
    in_part
}

/// What is kept, without marks that no call can use any more.
fn notes(host: &Memory) -> BTreeMap<String, Vec<u8>> {
    let mut kept = host.kept();
    let value = |key: &str| kept.get(key).map(|bytes| Stored { bytes: bytes.clone(), version: 1 });
    let opened = Ledger::open_part::<LedgerError>(|key| Ok(value(key)));
    if opened.unwrap().is_none() {
        kept.remove(MARKS_KEY);
    }
    kept
}

#[test]
fn a_part_is_synced_as_everything_is() {
    let policies = [ConflictPolicy::KeepBoth, ConflictPolicy::LastWriteWins, ConflictPolicy::Fail];
    let cases = (prop::sample::select(policies.to_vec()), prop::collection::vec(act(), 1..30));
    let count = ProptestConfig::default().cases.max(600);
    let in_part = Cell::new(0);
    let mut runner = TestRunner::new(ProptestConfig { cases: count, failure_persistence: None, ..Default::default() });
    let outcome = runner.run(&cases, |(policy, acts)| {
        in_part.set(in_part.get() + both_do_the_same(policy, &acts));
        Ok(())
    });
    outcome.unwrap();
    assert!(in_part.get() > count / 2, "{} calls looked at a part alone", in_part.get());
}

/// So that the test above is not one of everything beside everything.
#[test]
fn plain_edits_are_synced_without_a_listing() {
    let host = configured(ConflictPolicy::KeepBoth);
    let walks = |host: &Memory, pushes| {
        let step = sync(host, Sync { pushes, planned: false }).unwrap();
        (step.changes.len(), *host.walks.borrow())
    };
    host.save("a.md", b"ours\n");
    host.save("image.png", b"not synced\n");
    assert_eq!(walks(&host, true), (1, (0, 1)));
    commit(&host, "b.md", (b"theirs\n".to_vec(), false));
    commit(&host, "image.png", (b"theirs\n".to_vec(), false));
    host.save("a.md", b"ours again\n");
    host.save("image.png", b"not synced either\n");
    assert_eq!(walks(&host, false), (1, (0, 1)), "an edit that is not pushed yet stays out of the way");
    assert_eq!(walks(&host, true), (1, (0, 1)));
    host.delete("image.png");
    assert_eq!(walks(&host, true), (0, (0, 1)), "a file that is not synced may go");
    assert_eq!(host.files()["b.md"].0, b"theirs\n");
    assert_eq!(host.branch.borrow().files()["a.md"].0, b"ours again\n");
    // Each of these is for everything to be looked at.
    host.save("new.md", b"new\n");
    assert!(walks(&host, true).1.0 > 0);
    host.delete("c.md");
    assert!(walks(&host, true).1.0 > 0);
    commit(&host, "d.md", (b"new\n".to_vec(), false));
    assert!(walks(&host, false).1.0 > 0);
    commit(&host, "b.md", (text("b.md", 1), false));
    host.save("b.md", &text("b.md", 2));
    assert!(walks(&host, false).1.0 > 0);
}
