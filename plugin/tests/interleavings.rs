//! Edits on both sides, before, between and within calls, pushes and pulls that are killed anywhere, requests that fail, answers that
//! are lost, in any order: in the end both sides are equal and every version that a person saved is in a file, in the branch's
//! history or in a conflict.
//!
//! A long run by hand: `PROPTEST_CASES=200000 cargo test -p gitlab-sync-connector --test interleavings`.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests fail and speak like tests")]

mod support;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::rc::Rc;

use gitlab_sync_connector::configure::{ConflictPolicy, Settings};
use gitlab_sync_connector::conflicts::{self, Resolution, Versions};
use gitlab_sync_connector::error::{Code, Error};
use gitlab_sync_connector::host::Portion;
use gitlab_sync_connector::pull::pull;
use gitlab_sync_connector::push::push;
use proptest::prelude::*;
use support::{Killed, Memory, Moment, configured, instance, options, settings};

const PATHS: [&str; 5] = ["a.md", "b.md", "sub/a.md", "sub", "B.md"];

#[derive(Clone, Debug)]
enum Act {
    Save(usize, u8),
    Delete(usize),
    Rename(usize, usize),
    Commit(usize, u8),
    Remove(usize),
    Rewrite(usize, u8),
    Push(Fate),
    Pull(Fate),
    /// Of the conflicts that there are.
    Resolve(usize, Choice, Fate),
}

#[derive(Clone, Copy, Debug)]
enum Choice {
    Ours,
    Theirs,
    Merged,
    Content,
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    Lives,
    Dies(usize, bool),
    LosesAnswer(usize),
    /// The request of this number is answered with this status.
    Fails(usize, u16),
    /// Somebody saves here before this call of the host.
    Saves(usize, usize, u8),
    /// Somebody commits there before this call of the host.
    Commits(usize, usize, u8),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        3 => Just(Fate::Lives),
        2 => (1..40_usize, any::<bool>()).prop_map(|(call, after)| Fate::Dies(call, after)),
        1 => (1..4_usize).prop_map(Fate::LosesAnswer),
        1 => (1..5_usize, prop_oneof![Just(429), Just(500), Just(503)])
            .prop_map(|(request, status)| Fate::Fails(request, status)),
        2 => (1..40_usize, 0..PATHS.len(), any::<u8>()).prop_map(|(call, path, line)| Fate::Saves(call, path, line)),
        2 => (1..40_usize, 0..PATHS.len(), any::<u8>()).prop_map(|(call, path, line)| Fate::Commits(call, path, line)),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let path = || 0..PATHS.len();
    prop_oneof![
        4 => (path(), any::<u8>()).prop_map(|(path, line)| Act::Save(path, line)),
        1 => path().prop_map(Act::Delete),
        1 => (path(), path()).prop_map(|(from, to)| Act::Rename(from, to)),
        3 => (path(), any::<u8>()).prop_map(|(path, line)| Act::Commit(path, line)),
        1 => path().prop_map(Act::Remove),
        1 => (path(), any::<u8>()).prop_map(|(path, line)| Act::Rewrite(path, line)),
        3 => fate().prop_map(Act::Push),
        3 => fate().prop_map(Act::Pull),
        2 => (0..3_usize, choice(), fate()).prop_map(|(conflict, choice, fate)| Act::Resolve(conflict, choice, fate)),
    ]
}

fn choice() -> impl Strategy<Value = Choice> {
    prop_oneof![Just(Choice::Ours), Just(Choice::Theirs), Just(Choice::Merged), Just(Choice::Content)]
}

/// Five lines, one of which is new: enough for merges and for conflicts. Each saved line is unlike any other.
fn edited(old: Option<&(Vec<u8>, bool)>, line: u8, serial: usize) -> (Vec<u8>, String) {
    let old = old.map_or_else(|| "1\n2\n3\n4\n5\n".to_owned(), |(bytes, _)| String::from_utf8(bytes.clone()).unwrap());
    let mut lines: Vec<String> = old.lines().map(str::to_owned).collect();
    let mark = format!("mark-{serial}-");
    let at = usize::from(line) % lines.len();
    lines[at] = mark.clone();
    (format!("{}\n", lines.join("\n")).into_bytes(), mark)
}

/// A name cannot be a file and a folder.
fn fits(files: &BTreeMap<String, (Vec<u8>, bool)>, path: &str) -> bool {
    let blocks = |other: &String| other.starts_with(&format!("{path}/")) || path.starts_with(&format!("{other}/"));
    !files.keys().any(blocks)
}

/// What a person saved, and over what.
struct Saved {
    path: String,
    before: String,
    after: String,
    mark: String,
}

fn save(host: &Memory, path: &str, line: u8, serial: usize) -> Option<Saved> {
    let files = host.files();
    if !fits(&files, path) {
        return None;
    }
    let (bytes, mark) = edited(files.get(path), line, serial);
    host.save(path, &bytes);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let before = files.get(path).map(|(bytes, _)| text(bytes)).unwrap_or_default();
    Some(Saved { path: path.to_owned(), before, after: text(&bytes), mark })
}

fn commit(host: &Memory, path: &str, line: u8, serial: usize) {
    let files = host.branch.borrow().files();
    if fits(&files, path) {
        let (bytes, _) = edited(files.get(path), line, serial);
        host.branch.borrow_mut().edit(|files| drop(files.insert(path.into(), (bytes, false))));
    }
}

struct Play {
    host: Memory,
    serial: usize,
    /// What the workspace's person saved and has not replaced since, by path.
    owed: Vec<(String, String)>,
    /// Whether the branch was, since a pull that has come to its end.
    is_rewritten: bool,
}

impl Play {
    fn act(&mut self, act: &Act) {
        self.serial += 1;
        match *act {
            Act::Save(path, line) => self.save(PATHS[path], line),
            Act::Delete(path) => self.discard(PATHS[path]),
            Act::Rename(from, to) => {
                let files = self.host.files();
                if let Some((bytes, _)) = files.get(PATHS[from])
                    && !files.contains_key(PATHS[to])
                {
                    self.host.delete(PATHS[from]);
                    if fits(&self.host.files(), PATHS[to]) {
                        self.host.save(PATHS[to], bytes);
                    } else {
                        self.host.save(PATHS[from], bytes);
                    }
                }
            }
            Act::Commit(path, line) => commit(&self.host, PATHS[path], line, self.serial),
            Act::Remove(path) => {
                let mut branch = self.host.branch.borrow_mut();
                if branch.files().contains_key(PATHS[path]) {
                    branch.edit(|files| drop(files.remove(PATHS[path])));
                }
            }
            Act::Rewrite(path, line) => {
                let serial = self.serial;
                let files = self.host.branch.borrow().files();
                if !files.is_empty() && fits(&files, PATHS[path]) {
                    let (bytes, _) = edited(files.get(PATHS[path]), line, serial);
                    self.host
                        .branch
                        .borrow_mut()
                        .rewrite(|files| drop(files.insert(PATHS[path].into(), (bytes, false))));
                    self.release();
                }
            }
            Act::Push(fate) => _ = self.call(fate, |host| push(host, &instance(), &options()).map(drop)),
            Act::Pull(fate) => {
                let more = Cell::new(true);
                let done = self.call(fate, |host| pull(host, &instance(), &options()).map(|step| more.set(step.more)));
                self.is_rewritten &= !done || more.get();
            }
            Act::Resolve(at, choice, fate) => self.resolve(at, choice, fate),
        }
    }

    fn save(&mut self, path: &str, line: u8) {
        let saved = save(&self.host, path, line, self.serial);
        self.owe(saved);
    }

    fn owe(&mut self, saved: Option<Saved>) {
        let Some(Saved { path, before, after, mark }) = saved else { return };
        // A line that the person has typed over was seen, and is not owed any more.
        self.owed.retain(|(_, mark)| !before.contains(mark) || after.contains(mark));
        self.owed.push((path, mark));
    }

    /// What was in the history alone goes with it, and nobody but who has rewritten it can know. A record that has it as what both sides
    /// started from goes once the conflict is resolved.
    fn release(&mut self) {
        self.is_rewritten = true;
        let all = self.everywhere(|versions| [versions.ours, versions.theirs, None]);
        let is_there = |mark: &str| all.iter().any(|bytes| String::from_utf8_lossy(bytes).contains(mark));
        self.owed.retain(|(_, mark)| is_there(mark));
    }

    fn discard(&mut self, path: &str) {
        if let Some((bytes, _)) = self.host.files().get(path) {
            let text = String::from_utf8(bytes.clone()).unwrap();
            self.owed.retain(|(_, mark)| !text.contains(mark));
            self.host.delete(path);
        }
    }

    /// Who chooses has seen what the workspace had, and gives up what is not in the choice; of nothing else.
    fn resolve(&mut self, at: usize, choice: Choice, fate: Fate) {
        let Some(id) = conflicts::list(&self.host).unwrap().get(at).map(|conflict| conflict.id.clone()) else { return };
        let versions = conflicts::versions(&self.host, &id).unwrap();
        let text = |version: &Option<Vec<u8>>| String::from_utf8(version.clone().unwrap_or_default()).unwrap();
        let (ours, theirs) = (text(&versions.ours), text(&versions.theirs));
        let mark = format!("mark-{}-", self.serial);
        let (resolution, chosen) = match choice {
            Choice::Ours => (Resolution::Ours, ours.clone()),
            Choice::Theirs => (Resolution::Theirs, theirs),
            Choice::Merged => (Resolution::Merged, ours.clone() + &theirs),
            Choice::Content => (Resolution::Content(format!("{mark}\n").into_bytes()), mark.clone()),
        };
        self.owed.retain(|(_, mark)| !ours.contains(mark) || chosen.contains(mark));
        let done = self.call(fate, |host| conflicts::resolve(host, &id, resolution.clone()));
        if self.is_rewritten {
            // It replaces what was pushed, and asks nobody whether that is still there.
            self.release();
        }
        if done
            && matches!(choice, Choice::Content)
            && self.host.files().values().any(|(bytes, _)| bytes.starts_with(mark.as_bytes()))
        {
            self.owed.push((versions.path, mark));
        }
    }

    /// Whether it came to its end.
    fn call(&mut self, fate: Fate, call: impl Fn(&Memory) -> Result<(), Error>) -> bool {
        let saved = Rc::new(RefCell::new(None));
        let (into, serial) = (saved.clone(), self.serial);
        match fate {
            Fate::Lives => {}
            Fate::Dies(at, after) => {
                self.host.kill_at(Some((at, if after { Moment::After } else { Moment::Before })));
            }
            Fate::LosesAnswer(request) => self.host.lose_answer(Some(request)),
            Fate::Fails(request, status) => self.host.fail_request(Some((request, status))),
            Fate::Saves(at, path, line) => {
                self.host.meanwhile(at, move |host| *into.borrow_mut() = save(host, PATHS[path], line, serial));
            }
            Fate::Commits(at, path, line) => {
                self.host.meanwhile(at, move |host| commit(host, PATHS[path], line, serial));
            }
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| call(&self.host)));
        self.host.kill_at(None);
        self.host.lose_answer(None);
        self.host.fail_request(None);
        self.host.calm();
        self.owe(saved.take());
        match &outcome {
            Ok(Ok(())) => {}
            Ok(Err(error)) => assert!(
                matches!(
                    error.code,
                    Code::HostUnreachable
                        | Code::BranchMissing
                        | Code::BranchMoved
                        | Code::EditedSince
                        | Code::RateLimited
                        | Code::ServerUnavailable
                        | Code::WorkspaceChanged
                ),
                "{error:?}"
            ),
            Err(payload) => assert!(payload.is::<Killed>()),
        }
        matches!(outcome, Ok(Ok(())))
    }

    fn settle(&self) {
        for _ in 0..6 {
            for flow in [pull, push] {
                for _ in 0..10 {
                    if !flow(&self.host, &instance(), &options()).unwrap().more {
                        break;
                    }
                }
            }
        }
    }

    /// Everything that is anywhere, of conflicts what is `kept`.
    fn everywhere(&self, kept: impl Fn(Versions) -> [Option<Vec<u8>>; 3]) -> Vec<Vec<u8>> {
        let mut all: Vec<Vec<u8>> = self.host.files().into_values().map(|(bytes, _)| bytes).collect();
        all.extend(self.host.branch.borrow().ever().map(<[u8]>::to_vec));
        for conflict in conflicts::list(&self.host).unwrap() {
            let versions = conflicts::versions(&self.host, &conflict.id).unwrap();
            all.extend(kept(versions).into_iter().flatten());
        }
        all
    }
}

/// A file makes a commit of its own in the others, of which a call makes one or four.
fn portion() -> impl Strategy<Value = Portion> {
    let of_one = |commits| Portion { commit: 400, commits, ..Portion::STANDARD };
    prop_oneof![Just(Portion::STANDARD), Just(of_one(400)), Just(of_one(1_800))]
}

fn play(policy: ConflictPolicy, portion: Portion, acts: &[Act]) {
    set_hook(Box::new(|info| {
        if !info.payload().is::<Killed>() {
            eprintln!("{info}");
        }
    }));
    let mut host = configured(Settings { patterns: vec!["*".into()], conflicts: policy, ..settings() });
    host.portion = Some(portion);
    let mut play = Play { host, serial: 0, owed: Vec::new(), is_rewritten: false };
    acts.iter().for_each(|act| play.act(act));
    play.settle();
    let all = play.everywhere(|versions| [versions.base, versions.ours, versions.theirs]);
    for (path, mark) in &play.owed {
        let is_there = all.iter().any(|bytes| String::from_utf8_lossy(bytes).contains(mark));
        assert!(is_there, "`{mark}` of `{path}` is lost");
    }
    let (workspace, branch) = (play.host.files(), play.host.branch.borrow().files());
    let clashes = |path: &String| {
        let others = workspace.keys().chain(branch.keys());
        let folds = |other: &String| other != path && other.eq_ignore_ascii_case(path);
        let blocks = |other: &String| other.starts_with(&format!("{path}/")) || path.starts_with(&format!("{other}/"));
        others.into_iter().any(|other| folds(other) || blocks(other))
    };
    // Names that cannot live beside each other are left to a person, with the moves that they are in the way of.
    if !workspace.keys().chain(branch.keys()).any(clashes) {
        assert_eq!(workspace, branch);
    }
}

/// `PROPTEST_CASES` for a long run by hand.
fn cases() -> u32 {
    ProptestConfig::default().cases.max(1_500)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn any_interleaving_converges_and_loses_nothing(portion in portion(), acts in proptest::collection::vec(act(), 1..30)) {
        play(ConflictPolicy::KeepBoth, portion, &acts);
    }

    #[test]
    fn nor_does_the_last_write_win_without_a_record(portion in portion(), acts in proptest::collection::vec(act(), 1..30)) {
        play(ConflictPolicy::LastWriteWins, portion, &acts);
    }
}
