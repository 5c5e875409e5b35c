//! What a sync would do: a pure function of what both sides had at the last sync and have now.
//!
//! ```
//! use gitlab_sync_connector::blob::BlobId;
//! use gitlab_sync_connector::history::History;
//! use gitlab_sync_connector::path::RepoPath;
//! use gitlab_sync_connector::plan::{Action, Direction, Sides, plan};
//! use gitlab_sync_connector::selection::Selection;
//! use gitlab_sync_connector::tree::{Entry, Mode, Side, Tree};
//!
//! let entry = |text: &str| Entry { blob: BlobId::of(text.as_bytes()), mode: Mode::Regular };
//! let path = RepoPath::parse("notes/today.md")?;
//! let workspace = Tree::from([(path.clone(), entry("buy milk\n"))]);
//! let sides = Sides {
//!     head: None,
//!     base: &Tree::new(),
//!     workspace: &workspace,
//!     branch: &Tree::new(),
//!     history: History::Continued,
//!     skipped: &[],
//!     selection: &Selection::default(),
//! };
//! let plan = plan(&sides, Direction::Push);
//! assert_eq!(plan.changes[0].path, path);
//! assert_eq!(plan.changes[0].side, Side::Branch);
//! assert_eq!(plan.changes[0].action, Action::Create { entry: entry("buy milk\n") });
//! # Ok::<(), gitlab_sync_connector::path::PathError>(())
//! ```
//!
//! # What is decided
//!
//! A side changed a file if it differs from the base. What one side changed goes to the other; what both changed alike is
//! settled; what both changed differently is joined where content, mode and name were changed by one side each, merged by
//! lines where both edited the content, and otherwise a [`Dispute`]. A pull changes the workspace only, a push the branch, and
//! the workspace only for files that both sides changed; what a direction leaves to the other is counted in
//! [`Plan::pending`].
//!
//! A branch that was rewritten takes back what its new history does not have. Nobody else may have that version, so it is a
//! [`Dispute`] too, although the workspace has not touched it, and nothing is joined or merged with a base that is not its own.
//!
//! # How to carry it out
//!
//! 1. In the workspace, as one batch: its changes, the merges ([`crate::merge`]) and what [`crate::conflict::decide`] says of
//!    the disputes, a merge that is refused being one. The base of their paths ([`Change::base_paths`]) becomes what the
//!    *branch* has. What loses is recorded before.
//! 2. Put [`Plan::settled`] into the base.
//! 3. For a push, plan again: what was joined, merged or settled is now a plain change of the workspace. While there is something
//!    for the workspace, begin again at 1: settling one file can make a move of another certain. Then commit what is left for
//!    the branch, in the order given; the base becomes what was committed.
//!
//! A cut at any point loses nothing, and planning again goes on from there to the same end. Only where several files share a
//! content, or both sides created a file, may a cut decide whether something is seen as a move, and so which names there are.
//!
//! # What is not decided here
//!
//! Whether the maps are complete: a listing that did not reach its end must not come here, since what it lacks would be taken
//! for deleted. Whether to go ahead in spite of many deletions: [`Plan::brake`] only says so. How contents are moved, and what
//! it costs: `estimate`.

use crate::blob::BlobId;
use crate::brake::{Brake, brake};
use crate::conflict::Dispute;
use crate::fingerprint::{Fingerprint, Fingerprinter};
use crate::history::History;
use crate::moves::join_moves;
use crate::names::NewNames;
use crate::order;
use crate::path::RepoPath;
use crate::selection::{Selection, Verdict};
use crate::slot::Slot;
use crate::sorted::Set;
use crate::tree::{Entry, Mode, Side, Skip, SkipReason, Tree};
use std::iter::Peekable;

/// All that a plan rests on.
#[derive(Debug, Clone, Copy)]
pub struct Sides<'a> {
    /// Of the branch; none while it has no commit.
    pub head: Option<&'a str>,
    /// What both sides had when they last agreed; empty before the first sync.
    pub base: &'a Tree,
    /// All files of the workspace, also those that are not selected.
    pub workspace: &'a Tree,
    /// All files of the branch at its head, also those that are not selected.
    pub branch: &'a Tree,
    /// Whether the branch follows from the base. If not, what it takes back is nowhere but in the workspace.
    pub history: History,
    /// What a side holds and cannot be in its map, or must be left alone although it is. A path is left alone on both sides if
    /// it, or a folder that it is in, is among these.
    pub skipped: &'a [Skip],
    /// Which paths are synced.
    pub selection: &'a Selection,
}

/// Which side is brought up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// The branch.
    Push,
    /// The workspace.
    Pull,
    /// Both, the workspace first.
    Both,
}

/// What is to be done, and what not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// As asked.
    pub direction: Direction,
    /// The workspace first, then the branch; for each deletions, moves, creations and updates, in which order none is in the
    /// way of another; then by path.
    pub changes: Vec<Change>,
    /// Files for which the conflict policy decides, by path.
    pub disputes: Vec<Dispute>,
    /// Paths whose base is out of date although nothing is to be done: both sides have this now, or have moved it here, or it
    /// is not synced anymore.
    pub settled: Vec<(RepoPath, Option<Entry>)>,
    /// What is left alone, by path. Long where much of a repository is not selected.
    pub skips: Vec<Skip>,
    /// What the direction leaves undone.
    pub pending: Pending,
    /// How many files were in sync before.
    pub files: usize,
    /// Of all that leads to these changes and disputes: equal only if doing them now is what was planned then.
    pub digest: Fingerprint,
}

/// One change of one file on one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where the file is afterwards, or was.
    pub path: RepoPath,
    /// Who is changed.
    pub side: Side,
    /// How.
    pub action: Action,
    /// Where this side had the file, and the other still has it, if this side has moved it itself.
    pub former: Option<RepoPath>,
}

/// How a file is changed. `was` is what the side has now, and must still have when the change is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A new file.
    Create {
        /// What it becomes.
        entry: Entry,
    },
    /// A new content, mode or both.
    Update {
        /// What it is.
        was: Entry,
        /// What it becomes.
        entry: Entry,
    },
    /// A new name; the content stays.
    Move {
        /// The former path.
        from: RepoPath,
        /// What it is.
        was: Entry,
        /// What it becomes: only the mode can differ.
        entry: Entry,
    },
    /// The end of a file, which the other side has deleted and this side has not touched.
    Delete {
        /// What it is.
        was: Entry,
    },
    /// Both sides edited the lines.
    Merge(Box<Merge>),
}

/// The three versions of a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merge {
    /// What both started from.
    pub base: Entry,
    /// What the workspace has.
    pub ours: Entry,
    /// What the branch has.
    pub theirs: Entry,
    /// Of the result.
    pub mode: Mode,
}

/// How many files the direction leaves for another call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pending {
    /// To be pulled.
    pub to_workspace: usize,
    /// To be pushed.
    pub to_branch: usize,
}

impl Plan {
    /// Whether there is nothing to do on either side.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.disputes.is_empty()
    }

    /// The changes of one side, in order.
    pub fn changes_of(&self, side: Side) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(move |change| change.side == side)
    }

    /// Whether the deletions on a side need approval.
    pub fn brake(&self, side: Side) -> Brake {
        let deletions = self.changes_of(side).filter(|change| matches!(change.action, Action::Delete { .. }));
        let taken_back = self.disputes.iter().filter(|dispute| side == Side::Workspace && dispute.is_taken_back());
        brake(deletions.count() + taken_back.count(), self.files)
    }
}

/// Compares the three maps: one pass over all files, and sorting of what differs.
pub fn plan(sides: &Sides<'_>, direction: Direction) -> Plan {
    let Walk { mut slots, mut settled, mut skips, files } = walk(sides);
    match sides.history {
        History::Continued => {
            join_moves(&mut slots);
            slots.iter_mut().for_each(Slot::decide);
        }
        // Nor is it known who moved what.
        History::Rewritten => {
            let blobs = slots.iter().filter_map(|slot| Some(slot.at(Side::Branch)?.blob));
            let there: Set<BlobId> = blobs.collect();
            slots.iter_mut().for_each(|slot| slot.decide_apart(&there));
        }
    }
    // Before what the direction leaves out is forgotten, so that all directions refuse the same.
    refuse_clashes(sides, &mut slots, &mut skips);
    let mut pending = Pending::default();
    slots.iter_mut().for_each(|slot| slot.limit_to(direction, &mut pending));
    if direction == Direction::Push && slots.iter().any(|slot| slot.is_new_name(Side::Workspace)) {
        // A push does not delete in the workspace, where the name may be taken still.
        refuse_clashes(sides, &mut slots, &mut skips);
    }
    split_moves(&mut slots);
    order::sort(&mut skips);
    let digest = digest(sides, direction, &slots);
    let mut changes = Vec::with_capacity(slots.len());
    let mut disputes = Vec::new();
    for slot in slots {
        slot.emit(&mut changes, &mut disputes, &mut settled);
    }
    order::sort_by(&mut changes, |one, other| one.order().cmp(&other.order()));
    order::sort(&mut settled);
    Plan { direction, changes, disputes, settled, skips, pending, files, digest }
}

impl Change {
    /// The paths whose base is another once this change is made: what the branch has there after a change of the workspace,
    /// what was committed there after a change of the branch.
    pub fn base_paths(&self) -> impl Iterator<Item = &RepoPath> {
        let from = if let Action::Move { from, .. } = &self.action { Some(from) } else { None };
        [Some(&self.path), from, self.former.as_ref()].into_iter().flatten()
    }

    fn order(&self) -> (Side, u8, &RepoPath) {
        let rank = match self.action {
            Action::Delete { .. } => 0,
            Action::Move { .. } => 1,
            Action::Create { .. } => 2,
            Action::Update { .. } | Action::Merge(_) => 3,
        };
        (self.side, rank, &self.path)
    }
}

/// What differs, and what else was seen on the way.
struct Walk {
    slots: Vec<Slot>,
    settled: Vec<(RepoPath, Option<Entry>)>,
    skips: Vec<Skip>,
    files: usize,
}

/// One pass over the three maps.
fn walk(sides: &Sides<'_>) -> Walk {
    let left_alone: Set<&str> = sides.skipped.iter().map(|skip| &*skip.path).collect();
    let mut walk = Walk { slots: Vec::new(), settled: Vec::new(), skips: sides.skipped.to_vec(), files: 0 };
    each_path(sides, |path, base, workspace, branch| {
        if is_left_alone(&left_alone, path) {
            return;
        }
        let reason = match sides.selection.judge(path) {
            Verdict::Selected => {
                walk.files += usize::from(base.is_some());
                if base != workspace || base != branch {
                    walk.slots.push(Slot::new(path.clone(), base, workspace, branch));
                }
                return;
            }
            Verdict::OutsideDirectories => SkipReason::OutsideDirectories,
            Verdict::NoPattern => SkipReason::NoPattern,
        };
        if base.is_some() {
            walk.settled.push((path.clone(), None));
        }
        for (side, entry) in [(Side::Workspace, workspace), (Side::Branch, branch)] {
            if entry.is_some() {
                walk.skips.push(Skip { path: path.shared(), side, reason: reason.clone() });
            }
        }
    });
    walk
}

/// Whether the path, or a folder that it is in, is among these.
pub(crate) fn is_left_alone(left_alone: &Set<&str>, path: &str) -> bool {
    if left_alone.is_empty() {
        return false;
    }
    let mut folders = path.match_indices('/').map(|(end, _)| &path[..end]);
    left_alone.contains(path) || folders.any(|folder| left_alone.contains(folder))
}

/// Calls `visit` with each path of any map, in order, and what the base, the workspace and the branch have there.
fn each_path(sides: &Sides<'_>, mut visit: impl FnMut(&RepoPath, Option<Entry>, Option<Entry>, Option<Entry>)) {
    let mut maps = [sides.base, sides.workspace, sides.branch].map(|map| map.iter().peekable());
    while let Some(path) = maps.iter_mut().filter_map(|map| map.peek().map(|(path, _)| *path)).min() {
        let [base, workspace, branch] = maps.each_mut().map(|map| next_at(map, path));
        visit(path, base, workspace, branch);
    }
}

fn next_at<'a>(map: &mut Peekable<impl Iterator<Item = (&'a RepoPath, &'a Entry)>>, path: &RepoPath) -> Option<Entry> {
    map.next_if(|(next, _)| *next == path).map(|(_, entry)| *entry)
}

/// Rounds after which renames that depend on each other are given up. Each round is for a rename that another one is in the
/// way of; people make one or two of these.
const MAX_CLASH_ROUNDS: usize = 16;

/// Of a move to a name that another file is about to leave.
const WAITS: &str = "another file must go first: sync again";

/// Takes out what would put two names into the way of each other, until nothing does.
fn refuse_clashes(sides: &Sides<'_>, slots: &mut [Slot], skips: &mut Vec<Skip>) {
    let mut round = 0;
    while refuse_clashes_once(sides, slots, skips) {
        round += 1;
        if round == MAX_CLASH_ROUNDS {
            refuse_moves(slots, skips);
        }
    }
}

/// Where a name must go before another can come, a deletion and a creation take the place of a move.
fn split_moves(slots: &mut [Slot]) {
    for side in [Side::Workspace, Side::Branch] {
        if !slots.iter().any(|slot| slot.is_moved_on(side)) {
            continue;
        }
        let (indexes, names) = new_names(side, slots);
        let going = going(side, slots);
        let waiting: Vec<usize> = names.waiting_for(going.iter()).into_iter().map(|at| indexes[at]).collect();
        waiting.into_iter().for_each(|index| slots[index].split_move(side));
    }
}

/// Whether there was any.
fn refuse_clashes_once(sides: &Sides<'_>, slots: &mut [Slot], skips: &mut Vec<Skip>) -> bool {
    let mut refused = Vec::new();
    for (side, tree) in [(Side::Workspace, sides.workspace), (Side::Branch, sides.branch)] {
        let (indexes, names) = new_names(side, slots);
        if indexes.is_empty() {
            continue;
        }
        let going = going(side, slots);
        let mut gone = going.iter().peekable();
        let stays = |path: &&RepoPath| {
            while gone.next_if(|gone| *gone < path).is_some() {}
            gone.peek() != Some(path)
        };
        let set_aside = sides.skipped.iter().filter(|skip| skip.side == side);
        let set_aside: Vec<_> = set_aside.filter_map(|skip| RepoPath::parse(&skip.path).ok()).collect();
        let clashes = names.with_standing(tree.keys().filter(stays).chain(&set_aside));
        for clash in names.among_themselves().into_iter().chain(clashes) {
            refused.push((indexes[clash.index], side, clash.reason));
        }
        let waiting = names.waiting_for(going.iter()).into_iter().map(|at| indexes[at]);
        let must_wait = waiting.filter(|index| slots[*index].is_unsafe_to_split(side));
        refused.extend(must_wait.map(|index| (index, side, SkipReason::Other(WAITS.into()))));
    }
    for (index, side, reason) in &refused {
        slots[*index].refuse(*side, reason.clone(), skips);
    }
    !refused.is_empty()
}

fn refuse_moves(slots: &mut [Slot], skips: &mut Vec<Skip>) {
    for slot in slots.iter_mut() {
        if let Some((mover, _)) = &slot.moved {
            let reason = SkipReason::Other("too many renames depend on each other: rename some back".into());
            slot.refuse(mover.other(), reason, skips);
        }
    }
}

/// The paths that `side` gets, and the slots that they are of.
fn new_names(side: Side, slots: &[Slot]) -> (Vec<usize>, NewNames<'_>) {
    let new = slots.iter().enumerate().filter(|(_, slot)| slot.is_new_name(side));
    let (indexes, paths): (Vec<usize>, Vec<&RepoPath>) = new.map(|(index, slot)| (index, &slot.path)).unzip();
    (indexes, NewNames::new(paths))
}

/// The paths that `side` loses, in order.
fn going(side: Side, slots: &[Slot]) -> Vec<RepoPath> {
    let mut going: Vec<RepoPath> = slots.iter().filter_map(|slot| slot.lost_name(side)).cloned().collect();
    order::sort(&mut going);
    going
}

fn digest(sides: &Sides<'_>, direction: Direction, slots: &[Slot]) -> Fingerprint {
    let mut fields = Fingerprinter::new("plan 1");
    fields.field(sides.head.unwrap_or_default().as_bytes());
    fields.field(sides.selection.fingerprint().as_bytes());
    fields.field(&[direction as u8]);
    for slot in slots.iter().filter(|slot| slot.is_to_be_done()) {
        slot.digest(&mut fields);
    }
    fields.finish()
}
