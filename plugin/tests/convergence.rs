//! Two sides as maps, edited at random and synced at random, with syncs that are cut at any point. No network, no storage: what
//! is tested is that plans, merges and policies, carried out as `plan` says, lose nothing and come to an end.

use gitlab_sync_connector::blob::BlobId;
use gitlab_sync_connector::conflict::{Decision, Dispute, InPlace, Policy, Reason, decide};
use gitlab_sync_connector::history::History;
use gitlab_sync_connector::merge::merge;
use gitlab_sync_connector::path::RepoPath;
use gitlab_sync_connector::plan::{Action, Change, Direction, Plan, Sides, plan};
use gitlab_sync_connector::selection::Selection;
use gitlab_sync_connector::tree::{Entry, Mode, Side, Tree};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Few enough to meet often; with two spellings of one name, and a name that is also a folder.
const PATHS: [&str; 10] = ["a", "b", "c", "e", "A", "d", "d/x", "d/y", "D/x", "f/g/h"];
const LINES: usize = 9;
/// More than any plan here has steps.
const NO_CUT: usize = usize::MAX;

#[derive(Debug, Clone)]
enum Edit {
    /// Replaces one line, so that merges are possible.
    Line {
        path: usize,
        line: usize,
        text: u8,
    },
    Replace {
        path: usize,
        text: u8,
    },
    Empty {
        path: usize,
    },
    Delete {
        path: usize,
    },
    Rename {
        path: usize,
        to: usize,
    },
    RenameAndLine {
        path: usize,
        to: usize,
        text: u8,
    },
    Copy {
        path: usize,
        to: usize,
    },
    Chmod {
        path: usize,
    },
}

#[derive(Debug, Clone)]
enum Step {
    Edit(Side, Edit),
    Sync { direction: Direction, policy: Policy, cut: usize },
}

#[derive(Debug, Clone, Default)]
struct World {
    contents: BTreeMap<BlobId, Vec<u8>>,
    base: Tree,
    workspace: Tree,
    branch: Tree,
    /// Every content that was ever committed.
    history: BTreeSet<BlobId>,
    /// Both versions of a dispute.
    records: BTreeSet<(RepoPath, Option<Entry>, Option<Entry>)>,
    /// How many changes may still be made before the sync is cut.
    left: usize,
    /// Paths whose base is saved after the last change of the workspace; None to save each at once.
    unsaved: Option<Vec<RepoPath>>,
}

/// The sync was cut.
struct Cut;

impl World {
    fn store(&mut self, content: Vec<u8>) -> BlobId {
        let blob = BlobId::of(&content);
        self.contents.insert(blob, content);
        blob
    }

    fn tree(&mut self, side: Side) -> &mut Tree {
        match side {
            Side::Workspace => &mut self.workspace,
            Side::Branch => &mut self.branch,
        }
    }

    /// Puts a file unless a folder is there or a file where it needs a folder.
    fn put(&mut self, side: Side, path: &str, entry: Entry) {
        let below = |outer: &str, inner: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
        let tree = self.tree(side);
        if !tree.keys().any(|other| below(other, path) || below(path, other)) {
            tree.insert(path_of(path), entry);
        }
        self.history.extend(self.branch.values().map(|entry| entry.blob));
    }

    fn edit(&mut self, side: Side, edit: &Edit) {
        let regular = |blob| Entry { blob, mode: Mode::Regular };
        let at = |world: &mut World, path: usize| world.tree(side).get(PATHS[path]).copied();
        match *edit {
            Edit::Line { path, line, text } => {
                let old = at(self, path);
                let content = with_line(old.map(|entry| &self.contents[&entry.blob]), line, text);
                let blob = self.store(content);
                self.put(side, PATHS[path], Entry { blob, mode: old.map_or(Mode::Regular, |entry| entry.mode) });
            }
            Edit::Replace { path, text } => {
                let blob = self.store(format!("all {text}").into_bytes());
                self.put(side, PATHS[path], regular(blob));
            }
            Edit::Empty { path } => {
                let blob = self.store(Vec::new());
                self.put(side, PATHS[path], regular(blob));
            }
            Edit::Delete { path } => drop(self.tree(side).remove(PATHS[path])),
            Edit::Rename { path, to } => {
                if let Some(entry) = self.tree(side).remove(PATHS[path]) {
                    self.put(side, PATHS[to], entry);
                }
            }
            Edit::RenameAndLine { path, to, text } => {
                self.edit(side, &Edit::Rename { path, to });
                self.edit(side, &Edit::Line { path: to, line: 0, text });
            }
            Edit::Copy { path, to } => {
                if let Some(entry) = at(self, path) {
                    self.put(side, PATHS[to], entry);
                }
            }
            Edit::Chmod { path } => {
                if let Some(entry) = self.tree(side).get_mut(PATHS[path]) {
                    entry.mode = if entry.mode == Mode::Regular { Mode::Executable } else { Mode::Regular };
                }
            }
        }
    }

    fn plan(&self, direction: Direction) -> Plan {
        let selection = Selection::new(&[], &["*".to_owned()]).expect("a good pattern");
        let sides = Sides {
            head: None,
            base: &self.base,
            workspace: &self.workspace,
            branch: &self.branch,
            history: History::Continued,
            skipped: &[],
            selection: &selection,
        };
        plan(&sides, direction)
    }

    /// As the documentation of `plan` says.
    fn sync(&mut self, direction: Direction, policy: Policy) -> Result<(), Cut> {
        let mut planned = self.plan(direction);
        for _ in 0..5 {
            if policy == Policy::Fail && !planned.disputes.is_empty() {
                return Ok(());
            }
            for change in planned.changes_of(Side::Workspace) {
                self.change_workspace(change, policy, direction)?;
            }
            for dispute in &planned.disputes {
                self.settle(dispute, policy, direction)?;
            }
            for path in self.unsaved.as_mut().map(std::mem::take).unwrap_or_default() {
                self.agree(&path);
            }
            self.base_of(&planned);
            if direction == Direction::Pull {
                return Ok(());
            }
            planned = self.plan(Direction::Push);
            if planned.changes_of(Side::Workspace).next().is_none() && planned.disputes.is_empty() {
                return self.push(&planned);
            }
        }
        assert_eq!(policy, Policy::Fail, "the workspace is never done: {planned:?}");
        Ok(())
    }

    fn push(&mut self, planned: &Plan) -> Result<(), Cut> {
        self.base_of(planned);
        for change in &planned.changes {
            assert!(self.is_possible(change), "{change:?}");
            self.apply(change);
        }
        self.history.extend(self.branch.values().map(|entry| entry.blob));
        self.tick()?;
        for change in &planned.changes {
            change.base_paths().for_each(|path| self.agree(path));
        }
        Ok(())
    }

    fn base_of(&mut self, planned: &Plan) {
        for (path, entry) in &planned.settled {
            match entry {
                Some(entry) => drop(self.base.insert(path.clone(), *entry)),
                None => drop(self.base.remove(path)),
            }
        }
    }

    fn change_workspace(&mut self, change: &Change, policy: Policy, direction: Direction) -> Result<(), Cut> {
        assert!(self.is_possible(change), "{change:?}");
        if let Action::Merge(versions) = &change.action {
            let [base, ours, theirs] = [versions.base, versions.ours, versions.theirs];
            let text = |entry: Entry| self.contents[&entry.blob].clone();
            match merge(&text(base), &text(ours), &text(theirs)) {
                Ok(merged) => {
                    for line in lines(&text(ours)).iter().filter(|line| !lines(&text(base)).contains(*line)) {
                        assert!(lines(&merged).contains(line), "a merge lost a line");
                    }
                    let blob = self.store(merged);
                    self.workspace.insert(change.path.clone(), Entry { blob, mode: versions.mode });
                }
                Err(_) if policy == Policy::Fail => return Ok(()),
                Err(refusal) => {
                    let (base, ours, theirs) = (Some(base), Some(ours), Some(theirs));
                    let reason = Reason::BothEdited(refusal);
                    let path = change.path.clone();
                    return self.settle(&Dispute { path, base, ours, theirs, reason }, policy, direction);
                }
            }
        } else {
            self.apply(change);
        }
        self.tick()?;
        change.base_paths().for_each(|path| self.note(path));
        self.tick()
    }

    fn settle(&mut self, dispute: &Dispute, policy: Policy, direction: Direction) -> Result<(), Cut> {
        let Decision::Settle(in_place) = decide(dispute.reason, policy, direction) else { return Ok(()) };
        self.records.insert((dispute.path.clone(), dispute.ours, dispute.theirs));
        self.tick()?;
        match (in_place, dispute.theirs) {
            (InPlace::Theirs, Some(theirs)) => drop(self.workspace.insert(dispute.path.clone(), theirs)),
            (InPlace::Theirs, None) => panic!("an edit was deleted"),
            (InPlace::Ours, _) => {}
        }
        self.tick()?;
        self.note(&dispute.path);
        self.tick()
    }

    fn note(&mut self, path: &RepoPath) {
        match &mut self.unsaved {
            Some(unsaved) => unsaved.push(path.clone()),
            None => self.agree(path),
        }
    }

    /// The branch's version is the base.
    fn agree(&mut self, path: &RepoPath) {
        match self.branch.get(path) {
            Some(entry) => drop(self.base.insert(path.clone(), *entry)),
            None => drop(self.base.remove(path)),
        }
    }

    fn tick(&mut self) -> Result<(), Cut> {
        self.left = self.left.checked_sub(1).ok_or(Cut)?;
        Ok(())
    }

    fn apply(&mut self, change: &Change) {
        let path = change.path.clone();
        let (base, other) = (self.base.clone(), self.tree(change.side.other()).clone());
        let tree = self.tree(change.side);
        match &change.action {
            Action::Create { entry } => assert_eq!(tree.insert(path, *entry), None),
            Action::Update { was, entry } => assert_eq!(tree.insert(path, *entry), Some(*was)),
            Action::Move { from, was, entry } => {
                assert_eq!(was.blob, entry.blob);
                assert_eq!(tree.remove(from), Some(*was));
                assert_eq!(tree.insert(path, *entry), None);
            }
            Action::Delete { was } => {
                assert_eq!(tree.remove(&path), Some(*was));
                let is_elsewhere = tree.values().chain(other.values()).any(|entry| entry.blob == was.blob);
                assert!(base.get(&path) == Some(was) || is_elsewhere, "{path} was edited and is deleted");
            }
            Action::Merge(_) => unreachable!("merges are not applied"),
        }
    }

    /// Whether a file system and git would do it.
    fn is_possible(&self, change: &Change) -> bool {
        let tree = if change.side == Side::Workspace { &self.workspace } else { &self.branch };
        let is_new = matches!(change.action, Action::Create { .. } | Action::Move { .. });
        let below = |outer: &str, inner: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
        !is_new || !tree.keys().any(|other| below(other, &change.path) || below(&change.path, other))
    }

    fn run(&mut self, step: &Step) {
        match step {
            Step::Edit(side, edit) => self.edit(*side, edit),
            Step::Sync { direction, policy, cut } => {
                let before: BTreeSet<BlobId> = self.workspace.values().map(|entry| entry.blob).collect();
                let merged_away = self.merged_away();
                self.left = *cut;
                let _ = self.sync(*direction, *policy);
                self.unsaved.iter_mut().for_each(Vec::clear);
                let lost: Vec<_> =
                    before.difference(&self.kept()).filter(|blob| !merged_away.contains(*blob)).copied().collect();
                assert_eq!(lost, [], "gone from everywhere");
            }
        }
    }

    /// Whether a cut may decide what is seen as a move: see `plan`.
    fn is_ambiguous(&self) -> bool {
        let trees = [&self.base, &self.workspace, &self.branch];
        let has_twins =
            |tree: &&Tree| tree.values().map(|entry| entry.blob).collect::<BTreeSet<_>>().len() < tree.len();
        let is_met = |(path, entry): (&RepoPath, &Entry)| {
            let same = |(other, found): &(&RepoPath, &Entry)| found.blob == entry.blob && *other != path;
            let at = |path: &RepoPath| self.base.get(path).map(|base| base.blob) == Some(entry.blob);
            self.branch.iter().find(same).is_some_and(|(other, _)| !at(path) && !at(other))
        };
        let is_replaced = |(path, entry): (&RepoPath, &Entry)| {
            let others = self.base.iter().filter(|(other, _)| *other != path);
            self.base.contains_key(path) && others.map(|(_, other)| other.blob).any(|blob| blob == entry.blob)
        };
        let is_created_by_both = |path: &RepoPath| !self.base.contains_key(path) && self.branch.contains_key(path);
        trees.iter().any(has_twins)
            || self.workspace.iter().any(is_met)
            || self.workspace.iter().chain(&self.branch).any(is_replaced)
            || self.workspace.keys().any(is_created_by_both)
    }

    /// What merges replace; that they keep its lines is checked where they are made.
    fn merged_away(&self) -> BTreeSet<BlobId> {
        let merges = self.plan(Direction::Both).changes;
        merges
            .iter()
            .filter_map(|change| if let Action::Merge(merge) = &change.action { Some(merge.ours.blob) } else { None })
            .collect()
    }

    /// In a file, in history or in a record.
    fn kept(&self) -> BTreeSet<BlobId> {
        let recorded = self.records.iter().flat_map(|(_, ours, theirs)| [ours, theirs]).flatten();
        let present = self.workspace.values().chain(recorded).map(|entry| entry.blob);
        present.chain(self.history.iter().copied()).collect()
    }

    /// Syncs until nothing is left to do, and checks that both sides agree.
    fn come_to_rest(&mut self) {
        for _ in 0..4 {
            self.run(&Step::Sync { direction: Direction::Both, policy: Policy::KeepBoth, cut: NO_CUT });
        }
        for direction in [Direction::Push, Direction::Pull, Direction::Both] {
            let planned = self.plan(direction);
            assert!(planned.is_empty() && planned.settled.is_empty(), "not at rest: {planned:?}");
        }
        let skipped: BTreeSet<_> = self.plan(Direction::Both).skips.iter().map(|skip| skip.path.to_string()).collect();
        let synced = |tree: &Tree| -> Tree {
            tree.iter()
                .filter(|(path, _)| !skipped.contains(path.as_str()))
                .map(|(path, entry)| (path.clone(), *entry))
                .collect()
        };
        assert_eq!(synced(&self.workspace), synced(&self.branch));
    }
}

fn path_of(text: &str) -> RepoPath {
    RepoPath::parse(text).expect("a good path")
}

fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

fn with_line(old: Option<&Vec<u8>>, line: usize, text: u8) -> Vec<u8> {
    let initial = || (0..LINES).map(|line| format!("line {line}\n")).collect::<String>();
    let old = old.map_or_else(initial, |old| String::from_utf8(old.clone()).expect("all contents are text"));
    let mut lines: Vec<String> = old.split_inclusive('\n').map(str::to_owned).collect();
    let new = format!("line {line}, {text}\n");
    match lines.get_mut(line) {
        Some(old) => *old = new,
        None => lines.push(new),
    }
    lines.concat().into_bytes()
}

fn edit() -> impl Strategy<Value = Edit> {
    let (path, text) = (0..PATHS.len(), 0..4_u8);
    let two = (path.clone(), path.clone());
    prop_oneof![
        6 => (path.clone(), 0..LINES, text.clone()).prop_map(|(path, line, text)| Edit::Line { path, line, text }),
        2 => (path.clone(), text.clone()).prop_map(|(path, text)| Edit::Replace { path, text }),
        1 => path.clone().prop_map(|path| Edit::Empty { path }),
        3 => path.clone().prop_map(|path| Edit::Delete { path }),
        4 => two.clone().prop_map(|(path, to)| Edit::Rename { path, to }),
        1 => (two.clone(), text).prop_map(|((path, to), text)| Edit::RenameAndLine { path, to, text }),
        1 => two.prop_map(|(path, to)| Edit::Copy { path, to }),
        1 => path.prop_map(|path| Edit::Chmod { path }),
    ]
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Workspace), Just(Side::Branch)]
}

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![Just(Direction::Push), Just(Direction::Pull), Just(Direction::Both)]
}

fn policy() -> impl Strategy<Value = Policy> {
    prop_oneof![3 => Just(Policy::KeepBoth), 2 => Just(Policy::LastWriteWins), 1 => Just(Policy::Fail)]
}

fn step() -> impl Strategy<Value = Step> {
    let cut = prop_oneof![2 => Just(NO_CUT), 1 => 0..12_usize];
    let sync = (direction(), policy(), cut).prop_map(|(direction, policy, cut)| Step::Sync { direction, policy, cut });
    prop_oneof![5 => (side(), edit()).prop_map(|(side, edit)| Step::Edit(side, edit)), 1 => sync]
}

/// Two sides that agree on some files and then went apart.
fn apart() -> impl Strategy<Value = World> {
    let edits = |count| prop::collection::vec(edit(), count);
    (edits(0..12), edits(0..5), edits(0..5)).prop_map(|(before, ours, theirs)| {
        let mut world = World::default();
        before.iter().for_each(|edit| world.edit(Side::Branch, edit));
        world.come_to_rest();
        ours.iter().for_each(|edit| world.edit(Side::Workspace, edit));
        theirs.iter().for_each(|edit| world.edit(Side::Branch, edit));
        world
    })
}

fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig { cases: default.cases * 8, failure_persistence: None, ..default }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_edits_and_syncs_in_any_order_lose_nothing_and_come_to_rest(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::default();
        steps.iter().for_each(|step| world.run(step));
        world.come_to_rest();
    }

    /// Wherever a process is killed, running again gives what it would have given.
    #[test]
    fn a_killed_sync_that_runs_again_ends_as_one_that_was_not_killed(
        world in apart(),
        direction in direction(),
        policy in prop_oneof![Just(Policy::KeepBoth), Just(Policy::LastWriteWins)],
    ) {
        let run = |world: &mut World, cut| world.run(&Step::Sync { direction, policy, cut });
        if world.is_ambiguous() {
            return Ok(());
        }
        let world = World { unsaved: Some(Vec::new()), ..world };
        let mut whole = world.clone();
        run(&mut whole, NO_CUT);
        run(&mut whole, NO_CUT);
        for cut in 0..40 {
            let mut again = world.clone();
            run(&mut again, cut);
            run(&mut again, NO_CUT);
            run(&mut again, NO_CUT);
            prop_assert_eq!(&again.workspace, &whole.workspace, "cut after {}", cut);
            prop_assert_eq!(&again.branch, &whole.branch, "cut after {}", cut);
            prop_assert_eq!(&again.base, &whole.base, "cut after {}", cut);
        }
    }
}
