//! A call that looks only at what may have changed does what one does that looks at everything: the same requests, results, files on both
//! sides, and the same notes for the next call. A pull that looks only at what the branch has changed does the same, and tells and notes less
//! of what somebody did elsewhere.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod support;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use gitlab_sync_connector::blob::BlobId;
use gitlab_sync_connector::configure::{ConflictPolicy, Settings};
use gitlab_sync_connector::error::Error;
use gitlab_sync_connector::ledger::{Ledger, LedgerError, MARKS_KEY, Mark, NAMES_KEY, SINCE_KEY, Stored};
use gitlab_sync_connector::path::RepoPath;
use gitlab_sync_connector::plan::Direction;
use gitlab_sync_connector::preview::preview;
use gitlab_sync_connector::pull::{Options, pull};
use gitlab_sync_connector::push::push;
use gitlab_sync_connector::report::{Kind, Step};
use gitlab_sync_connector::tree::Side;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use support::{Memory, instance, options, settings};

/// The last five are not synced. Two names are also those of folders, some are in folders of files that nobody touches, and some differ by
/// case or by normal form alone.
const PATHS: [&str; 24] = [
    "a.md",
    "b.md",
    "B.md",
    "c.md",
    "sub/a.md",
    "sub/b.md",
    "sub/deep/d.md",
    "Sub/c.md",
    "sub",
    "still",
    "still/4.md",
    "still/5.md",
    "Still/6.md",
    "still/1.md/x.md",
    "STILL/1.md",
    "far/away/2.md",
    "far/Away/3.md",
    "caf\u{e9}.md",
    "cafe\u{301}.md",
    "image.png",
    "IMAGE.png/a.png",
    "sub/image.png",
    "far/Away/image.png",
    "still/3.PNG",
];
const PATTERNS: [&str; 3] = ["*.md", "sub", "still"];

#[derive(Clone, Debug)]
enum Act {
    Save(usize, u8),
    /// The same bytes once more.
    Touch(usize),
    Chmod(usize),
    Delete(usize),
    Rename(usize, usize),
    Commit(Vec<(usize, u8)>),
    /// The same to files that are there.
    Edit(Vec<(prop::sample::Index, u8)>),
    CommitMode(usize),
    Remove(usize),
    Move(usize, usize),
    /// Everything in a folder.
    Clear(Side, &'static str),
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
    let side = prop::sample::select(vec![Side::Workspace, Side::Branch]);
    let folder = prop::sample::select(vec!["sub/", "sub/deep/", "still/", "far/away/"]);
    prop_oneof![
        10 => (path(), any::<u8>()).prop_map(|(path, line)| Act::Save(path, line)),
        1 => path().prop_map(Act::Touch),
        1 => path().prop_map(Act::Chmod),
        3 => path().prop_map(Act::Delete),
        3 => (path(), path()).prop_map(|(from, to)| Act::Rename(from, to)),
        6 => prop::collection::vec((path(), any::<u8>()), 1..4).prop_map(Act::Commit),
        6 => prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4).prop_map(Act::Edit),
        1 => path().prop_map(Act::CommitMode),
        3 => path().prop_map(Act::Remove),
        3 => (path(), path()).prop_map(|(from, to)| Act::Move(from, to)),
        1 => (side, folder).prop_map(|(side, folder)| Act::Clear(side, folder)),
        1 => any::<bool>().prop_map(Act::Attributes),
        16 => sync().prop_map(Act::Sync),
    ]
}

/// Files that nobody touches, so that a part is less than everything.
fn configured(policy: ConflictPolicy) -> Memory {
    let host = support::configured(Settings {
        patterns: PATTERNS.map(str::to_owned).to_vec(),
        conflicts: policy,
        ..settings()
    });
    host.branch.borrow_mut().edit(|files| {
        let still = ["still/1.md", "still/2.md", "still/3.png", "far/away/1.md", "far/away/x/1.md"];
        for path in ["a.md", "b.md", "c.md", "sub/a.md"].into_iter().chain(still) {
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
        Act::Edit(edits) => edits.iter().for_each(|(which, line)| {
            let paths: Vec<String> = host.branch.borrow().files().keys().cloned().collect();
            if !paths.is_empty() {
                let path = which.get(&paths);
                commit(host, path, (text(path, *line), false));
            }
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
        Act::Clear(Side::Workspace, folder) => {
            let files = host.files();
            files.keys().filter(|path| path.starts_with(folder)).for_each(|path| host.delete(path));
        }
        Act::Clear(Side::Branch, folder) => {
            host.branch.borrow_mut().edit(|files| files.retain(|path, _| !path.starts_with(folder)));
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
        true => Some(preview(host, &instance(), direction)?.expect("all is read").digest),
        false => None,
    };
    *host.walks.borrow_mut() = (0, 0);
    host.looked.borrow_mut().clear();
    let options = Options { plan, ..options() };
    if sync.pushes { push(host, &instance(), &options) } else { pull(host, &instance(), &options) }
}

/// How many calls there were of each kind.
#[derive(Clone, Copy, Default)]
struct Calls {
    /// They asked what is new.
    told: u32,
    /// They looked at what the branch had changed and at nothing else.
    looked: u32,
}

fn both_do_the_same(policy: ConflictPolicy, acts: &[Act]) -> Calls {
    let mut calls = Calls::default();
    // Whether a call has looked and not walked, and whether none has walked since.
    let (mut has_looked_once, mut is_behind) = (false, false);
    let (quick, thorough) = (configured(policy), configured(policy));
    for act in acts {
        edit(&quick, act);
        edit(&thorough, act);
        let Act::Sync(how) = act else { continue };
        let has_twins = has_twins(&quick);
        let since = thorough.kept().get(SINCE_KEY).cloned();
        thorough.set_kept(SINCE_KEY, None);
        both_plan_the_same(&quick, &thorough, has_twins);
        let before = [&quick, &thorough].map(|host| host.branch.borrow().requests);
        let (one, other) = (sync(&quick, *how), sync(&thorough, *how));
        let has_walked = *quick.walks.borrow() != (0, 0);
        let has_looked = !has_walked && *thorough.walks.borrow() != (0, 0);
        calls.told += u32::from(*quick.walks.borrow() == (0, 1));
        calls.looked += u32::from(has_looked);
        has_looked_once |= has_looked;
        is_behind = has_looked || is_behind && !(has_walked && one.is_ok());
        if !thorough.kept().contains_key(SINCE_KEY) && quick.kept().contains_key(SINCE_KEY) {
            thorough.set_kept(SINCE_KEY, since);
        }
        if has_looked {
            assert!(!how.pushes && !how.planned);
            assert_eq!(one.map(what_was_done), other.map(what_was_done));
        } else {
            assert_eq!(one, other);
        }
        let requests = [&quick, &thorough].map(|host| host.branch.borrow().requests);
        assert!(has_twins || requests[0] - before[0] == requests[1] - before[1], "{requests:?} after {before:?}");
        assert_eq!(quick.files(), thorough.files());
        assert_eq!(quick.branch.borrow().files(), thorough.branch.borrow().files());
        nothing_is_overlooked(&quick);
        let [(one, ours), (other, theirs)] = [&quick, &thorough].map(what_is_true);
        assert_eq!((&one.head, &one.selection, one.files()), (&other.head, &other.selection, other.files()));
        assert!(ours.is_subset(&theirs) && (is_behind || ours == theirs), "{ours:?} {theirs:?}");
        if has_looked_once {
            continue;
        }
        let (one, other) = (notes(&quick), notes(&thorough));
        for key in one.keys().chain(other.keys()) {
            assert_eq!(one.get(key), other.get(key), "{key}");
        }
    }
    calls
}

/// What a call left alone is told by who looked there.
fn what_was_done(mut step: Step) -> Step {
    step.changes.retain(|change| change.kind != Kind::Skip);
    step
}

/// The base, and the files that are known, in it and to the host, by marks that they still have. Any other mark of a file makes somebody
/// look at it.
fn what_is_true(host: &Memory) -> (Ledger, BTreeSet<String>) {
    let kept = host.kept();
    let get = |key: &str| Ok::<_, LedgerError>(kept.get(key).map(|bytes| Stored { bytes: bytes.clone(), version: 1 }));
    let base = Ledger::open(get).unwrap();
    let mut part = Ledger::open_part(get).unwrap();
    assert!(part.as_mut().is_none_or(|part| part.load_known(get).unwrap()));
    let mut known = BTreeSet::new();
    for (path, (bytes, _)) in host.files() {
        let (path, mark) = (RepoPath::parse(&path).unwrap(), host.mark(&path).unwrap());
        if base.mark(&path) == Some(mark) {
            assert_eq!(base.files()[&path].blob, BlobId::of(&bytes), "{path}");
            known.insert(format!("{path} in the base"));
        }
        let marks = [mark, Mark::of_name(&path)].map(Mark::number);
        if part.iter().any(|part| part.known().iter().any(|number| marks.contains(number))) {
            known.insert(format!("{path} by the host"));
        }
    }
    (base, known)
}

fn both_plan_the_same(quick: &Memory, thorough: &Memory, has_twins: bool) {
    for direction in [Direction::Push, Direction::Pull, Direction::Both] {
        let planned =
            [quick, thorough].map(|host| preview(host, &instance(), direction).map(|plan| plan.expect("all is read")));
        let [Ok(mut one), Ok(other)] = planned else {
            let [one, other] = planned;
            assert_eq!(one, other);
            continue;
        };
        if has_twins {
            (one.requests, one.bytes) = (other.requests, other.bytes);
        }
        assert_eq!(one, other);
    }
}

/// Whether some content is that of two files, so that one may be copied instead of fetched by who looks at both.
fn has_twins(host: &Memory) -> bool {
    let mut homes: BTreeMap<Vec<u8>, BTreeSet<String>> = BTreeMap::new();
    for (path, (bytes, _)) in host.files().into_iter().chain(host.branch.borrow().files().clone()) {
        homes.entry(bytes).or_default().insert(path);
    }
    homes.values().any(|paths| paths.len() > 1)
}

/// Whatever is known by a mark is in the way of all that folds alike, in each part of its path.
fn nothing_is_overlooked(host: &Memory) {
    let kept = host.kept();
    let get = |key: &str| Ok::<_, LedgerError>(kept.get(key).map(|bytes| Stored { bytes: bytes.clone(), version: 1 }));
    let Some(mut part) = Ledger::open_part(get).unwrap() else { return };
    assert!(part.load_known(get).unwrap());
    let files = Ledger::open(get).unwrap().files().clone();
    let others = host.files().into_keys().filter_map(|path| RepoPath::parse(&path).ok());
    let known = part.known().to_vec();
    let is_known = |path: &RepoPath| known.contains(&Mark::of_name(path).number());
    for path in files.into_keys().chain(others.filter(is_known)) {
        let folder = path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
        let folders = folder.iter().flat_map(|folder| [folder.clone(), format!("{}/new.md", other_case(folder))]);
        for new in folders.chain([path.to_string(), other_case(&path), format!("{path}/new.md")]) {
            let new = RepoPath::parse(&new).unwrap();
            assert!(part.may_clash(vec![&new], vec![], get).unwrap(), "{new} beside {path}");
        }
    }
}

fn other_case(text: &str) -> String {
    let swap = |letter: char| {
        if letter.is_ascii_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
    };
    text.chars().map(swap).collect()
}

/// What is kept, with what is known of the workspace as a call would know it. Which names belong to that is another matter.
fn notes(host: &Memory) -> BTreeMap<String, Vec<u8>> {
    let mut kept = host.kept();
    let value = |key: &str| kept.get(key).map(|bytes| Stored { bytes: bytes.clone(), version: 1 });
    let known = Ledger::open_part::<LedgerError>(|key| Ok(value(key))).unwrap().map(|mut part| {
        assert!(part.load_known::<LedgerError>(|key| Ok(value(key))).unwrap());
        part.known().iter().flat_map(|number| number.to_le_bytes()).collect()
    });
    kept.retain(|key, _| ![SINCE_KEY, MARKS_KEY, NAMES_KEY].contains(&key.as_str()));
    kept.extend(known.map(|known| ("known".to_owned(), known)));
    kept
}

#[test]
fn a_part_is_synced_as_everything_is() {
    let policies = [ConflictPolicy::KeepBoth, ConflictPolicy::LastWriteWins, ConflictPolicy::Fail];
    let cases = (prop::sample::select(policies.to_vec()), prop::collection::vec(act(), 1..30));
    let count = ProptestConfig::default().cases.max(600);
    let calls = Cell::new(Calls::default());
    let mut runner = TestRunner::new(ProptestConfig { cases: count, failure_persistence: None, ..Default::default() });
    let outcome = runner.run(&cases, |(policy, acts)| {
        let (before, more) = (calls.get(), both_do_the_same(policy, &acts));
        calls.set(Calls { told: before.told + more.told, looked: before.looked + more.looked });
        Ok(())
    });
    outcome.unwrap();
    let Calls { told, looked } = calls.get();
    println!("{told} calls asked what is new, {looked} looked at what the branch had changed");
    assert!(told > count / 2 && looked > count / 10, "{told} {looked} of {count} cases");
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
    assert_eq!(walks(&host, false), (1, (0, 0)), "an edit that is not pushed yet stays out of the way");
    assert_eq!(walks(&host, true), (1, (0, 1)));
    host.delete("image.png");
    assert_eq!(walks(&host, true), (0, (0, 1)), "a file that is not synced may go");
    assert_eq!(host.files()["b.md"].0, b"theirs\n");
    assert_eq!(host.branch.borrow().files()["a.md"].0, b"ours again\n");
    // Each of these is for everything to be looked at.
    host.save("B.md", b"another spelling\n");
    assert!(walks(&host, true).1.0 > 0);
    host.delete("B.md");
    host.save("still/1.md/x.md", b"below a file\n");
    assert!(walks(&host, true).1.0 > 0);
}

/// The same for files that come, go, are renamed and are edited on both sides.
#[test]
fn files_that_come_and_go_are_synced_without_a_listing() {
    let host = configured(ConflictPolicy::KeepBoth);
    let walks = |pushes, expected: usize, what: &str| {
        let step = sync(&host, Sync { pushes, planned: true }).unwrap();
        assert_eq!((step.changes.len(), *host.walks.borrow()), (expected, (0, 1)), "{what}");
        let pages = |files: BTreeMap<String, _>| {
            files.into_iter().filter(|(path, _)| path.ends_with(".md")).collect::<Vec<_>>()
        };
        assert_eq!(pages(host.files()), pages(host.branch.borrow().files()), "{what}");
    };
    let remove = |path: &str| host.branch.borrow_mut().edit(|files| drop(files.remove(path)));
    host.save("still/new.md", b"new\n");
    host.save("new/deep/folder.md", b"new as well\n");
    walks(true, 2, "created here");
    commit(&host, "new/deep/theirs.md", (b"theirs\n".to_vec(), false));
    commit(&host, "other/theirs.md", (b"theirs too\n".to_vec(), false));
    walks(false, 2, "created there");
    host.save("new/deep/again.md", b"theirs\nand more\n");
    host.delete("new/deep/theirs.md");
    walks(true, 2, "renamed here, with an edit");
    host.save("new/moved.md", b"theirs too\n");
    host.delete("other/theirs.md");
    walks(true, 1, "renamed here, and a folder is empty");
    commit(&host, "still/moved.md", (b"theirs too\n".to_vec(), false));
    remove("new/moved.md");
    walks(false, 1, "renamed there");
    host.delete("a.md");
    walks(true, 1, "deleted here");
    remove("b.md");
    walks(false, 1, "deleted there");
    host.save("a.md", b"once more\n");
    walks(true, 1, "created where it was deleted");
    commit(&host, "c.md", (text("c.md", 6), false));
    host.save("c.md", &[text("c.md", 0), b"ours\n".to_vec()].concat());
    let merged = sync(&host, Sync { pushes: false, planned: true }).unwrap();
    assert_eq!((merged.changes.len(), *host.walks.borrow()), (1, (0, 1)), "edited by both");
    walks(true, 1, "what was merged");
    commit(&host, "c.md", (text("c.md", 3), false));
    host.delete("c.md");
    walks(false, 1, "edited there, deleted here");
    remove("still/new.md");
    host.save("still/new.md", b"ours\n");
    let kept = sync(&host, Sync { pushes: false, planned: true }).unwrap();
    assert_eq!((kept.changes.len(), *host.walks.borrow()), (1, (0, 1)), "deleted there, edited here");
    walks(true, 1, "what was kept");
}

/// Whatever else was done in the workspace, as long as it was done elsewhere.
#[test]
fn a_pull_looks_at_what_the_branch_has_changed_and_at_nothing_else() {
    let host = configured(ConflictPolicy::KeepBoth);
    let theirs = |path: &str| commit(&host, path, (b"theirs\n".to_vec(), false));
    let pulled = || {
        let step = sync(&host, Sync { pushes: false, planned: false }).unwrap();
        let looked = host.looked.borrow().clone();
        (step.changes.iter().map(|change| change.path.clone()).collect::<Vec<_>>(), looked, *host.walks.borrow())
    };
    host.save("still/1.md", b"ours\n");
    host.save("A.md", b"another spelling\n");
    host.save("sub/deep", b"not synced, and a folder elsewhere\n");
    host.delete("still/2.md");
    theirs("a.md");
    host.branch.borrow_mut().edit(|files| {
        files.get_mut("b.md").unwrap().1 = true;
        files.remove("sub/a.md");
        files.insert("photo.png".into(), (b"not synced\n".to_vec(), false));
    });
    let three = ["a.md", "b.md", "sub/a.md"].map(str::to_owned).to_vec();
    let (mut done, looked, walks) = pulled();
    done.sort();
    assert_eq!((done, looked, walks), (three.clone(), three, (0, 0)));
    assert!(host.files()["b.md"].1 && !host.files().contains_key("sub/a.md"));
    theirs("photo.png");
    assert_eq!(pulled(), (vec![], vec![], (0, 0)), "what is not synced");
    // The push sees what the pulls have not looked at, and refuses one name of two.
    sync(&host, Sync { pushes: true, planned: false }).unwrap();
    let files = host.branch.borrow().files().clone();
    assert_eq!(files["still/1.md"].0, b"ours\n");
    assert!(!files.contains_key("still/2.md") && !files.contains_key("A.md"));
}

/// Of these, a look is not enough, and the files that they are of are as if everything had been looked at.
#[test]
fn a_pull_asks_for_more_where_the_workspace_is_not_what_it_was() {
    type Edit = fn(&Memory);
    let table: [(&str, Edit, &str); 8] = [
        ("edited", |host| host.save("a.md", &text("a.md", 5)), "a.md"),
        ("saved again as it was", |host| host.save("a.md", &text("a.md", 0)), "a.md"),
        ("made a program", |host| host.save_executable("a.md", &text("a.md", 0)), "a.md"),
        ("gone", |host| host.delete("a.md"), "a.md"),
        ("now a folder", |host| (host.delete("a.md"), host.save("a.md/x.md", b"x")).1, "a.md"),
        ("moved", |host| (host.delete("a.md"), host.save("moved.md", &text("a.md", 0))).1, "a.md"),
        ("nothing, and the name is new", |_| {}, "new.md"),
        ("another spelling of a new name", |host| host.save("NEW.md", b"ours\n"), "new.md"),
    ];
    for (what, edit, theirs) in table {
        let [quick, thorough] = [(); 2].map(|()| {
            let host = configured(ConflictPolicy::KeepBoth);
            edit(&host);
            commit(&host, theirs, (text(theirs, 1), false));
            host
        });
        thorough.set_kept(SINCE_KEY, None);
        let pull = |host: &Memory| sync(host, Sync { pushes: false, planned: false }).unwrap();
        assert_eq!(pull(&quick), pull(&thorough), "{what}");
        assert_eq!(quick.files(), thorough.files(), "{what}");
        assert_ne!(*quick.walks.borrow(), (0, 0), "{what}");
    }
}

/// An edit in the moment between the look and the batch ends the call, and the next one has it.
#[test]
fn an_edit_after_the_look_is_not_overwritten() {
    let with_ours = |bytes: &[u8]| [bytes, b"ours\n"].concat();
    for call in 1..30 {
        let host = configured(ConflictPolicy::KeepBoth);
        commit(&host, "a.md", (text("a.md", 1), false));
        host.meanwhile(call, move |host| host.save("a.md", &with_ours(&host.files()["a.md"].0)));
        let first = pull(&host, &instance(), &options());
        let calls = host.calls();
        if call > calls {
            assert!(call > 8 && first.is_ok(), "{calls} calls: {first:?}");
            return;
        }
        pull(&host, &instance(), &options()).unwrap();
        push(&host, &instance(), &options()).unwrap();
        let [here, there] = [host.files()["a.md"].0.clone(), host.branch.borrow().files()["a.md"].0.clone()];
        assert!(
            here == there && here == with_ours(&text("a.md", 1)),
            "call {call}: {}",
            String::from_utf8_lossy(&here)
        );
    }
    panic!("a pull takes fewer calls");
}
