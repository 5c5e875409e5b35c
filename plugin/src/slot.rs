//! One file on its way through a plan: what the base and both sides have, and what is to become of it.
//!
//! Decided here is the fate of one file by itself. What it has to do with other files (moves, clashing names) is decided in
//! `moves` and `plan`.

use crate::blob::BlobId;
use crate::conflict::{Dispute, Reason};
use crate::fingerprint::Fingerprinter;
use crate::path::RepoPath;
use crate::plan::{Action, Change, Direction, Merge, Pending};
use crate::sorted::Set;
use crate::tree::{Entry, Mode, Side, Skip, SkipReason};

/// A file that is not the same in all three maps. About 100 bytes: there is one for each file of a first pull.
#[derive(Clone)]
pub(crate) struct Slot {
    /// Its newest path: of a move, the target.
    pub(crate) path: RepoPath,
    pub(crate) base: Option<Entry>,
    workspace: Option<Entry>,
    branch: Option<Entry>,
    /// Who gave it that path, and the one before, where the other side still has it.
    pub(crate) moved: Option<(Side, RepoPath)>,
    /// Whether both sides gave it that path, so that its base is still at the one before.
    pub(crate) is_moved_by_both: bool,
    fate: Fate,
    to_workspace: Effect,
    to_branch: Effect,
}

/// What both sides should have in the end.
#[derive(Clone, Copy)]
enum Fate {
    Become(Option<Entry>),
    Merge(Mode),
    Dispute(Reason),
    Refused,
}

/// What it takes on one side.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    Nothing,
    Create,
    Update,
    Move,
    /// A move in two steps, since something else must go first.
    DeleteAndCreate,
    Delete,
    Merge,
}

impl Slot {
    pub(crate) fn new(path: RepoPath, base: Option<Entry>, workspace: Option<Entry>, branch: Option<Entry>) -> Self {
        let (moved, is_moved_by_both, fate) = (None, false, Fate::Refused);
        let (to_workspace, to_branch) = (Effect::Nothing, Effect::Nothing);
        Slot { path, base, workspace, branch, moved, is_moved_by_both, fate, to_workspace, to_branch }
    }

    pub(crate) fn at(&self, side: Side) -> Option<Entry> {
        match side {
            Side::Workspace => self.workspace,
            Side::Branch => self.branch,
        }
    }

    pub(crate) fn at_mut(&mut self, side: Side) -> &mut Option<Entry> {
        match side {
            Side::Workspace => &mut self.workspace,
            Side::Branch => &mut self.branch,
        }
    }

    /// Settles the fate by the three versions, and what it takes on each side.
    pub(crate) fn decide(&mut self) {
        self.fate = fate(self.base, self.workspace, self.branch);
        self.to_workspace = self.effect(Side::Workspace);
        self.to_branch = self.effect(Side::Branch);
    }

    /// The same beside a branch that does not follow from the base. `there` is what it has where something differs: any other version that
    /// would go from the workspace is in no history.
    pub(crate) fn decide_apart(&mut self, there: &Set<BlobId>) {
        self.decide();
        let goes = match self.fate {
            Fate::Become(target) => self.workspace.filter(|ours| target.map(|entry| entry.blob) != Some(ours.blob)),
            Fate::Merge(_) => self.workspace,
            Fate::Dispute(_) | Fate::Refused => None,
        };
        if goes.is_some_and(|ours| !there.contains(&ours.blob)) {
            self.fate = Fate::Dispute(Reason::TakenBack);
            (self.to_workspace, self.to_branch) = (Effect::Nothing, Effect::Nothing);
        }
    }

    fn effect(&self, side: Side) -> Effect {
        let target = match self.fate {
            Fate::Become(target) => target,
            Fate::Merge(_) => return Effect::Merge,
            Fate::Dispute(_) | Fate::Refused => return Effect::Nothing,
        };
        if self.moved.as_ref().is_some_and(|(mover, _)| *mover == side.other()) {
            return Effect::Move;
        }
        match (self.at(side), target) {
            (None, Some(_)) => Effect::Create,
            (Some(_), None) => Effect::Delete,
            (was, target) if was != target => Effect::Update,
            _ => Effect::Nothing,
        }
    }

    fn is_changed_by(&self, side: Side) -> bool {
        self.at(side) != self.base || self.moved.as_ref().is_some_and(|(mover, _)| *mover == side)
    }

    /// Leaves out, and counts, what the direction does not do.
    pub(crate) fn limit_to(&mut self, direction: Direction, pending: &mut Pending) {
        if direction == Direction::Pull && self.to_branch != Effect::Nothing {
            self.to_branch = Effect::Nothing;
            pending.to_branch += 1;
        }
        let is_taken_back = matches!(self.fate, Fate::Dispute(Reason::TakenBack));
        if direction == Direction::Push && is_taken_back && !self.is_changed_by(Side::Workspace) {
            self.fate = Fate::Become(self.branch);
            pending.to_workspace += 1;
        }
        let is_only_pull = self.to_workspace != Effect::Nothing && !self.is_changed_by(Side::Workspace);
        if direction == Direction::Push && is_only_pull {
            self.to_workspace = Effect::Nothing;
            pending.to_workspace += 1;
        }
    }

    fn effect_on(&self, side: Side) -> Effect {
        match side {
            Side::Workspace => self.to_workspace,
            Side::Branch => self.to_branch,
        }
    }

    /// Whether `side` gets the path, now or once the policy has settled a dispute.
    pub(crate) fn is_new_name(&self, side: Side) -> bool {
        match self.fate {
            Fate::Dispute(Reason::DeletedInWorkspace) => side == Side::Workspace,
            Fate::Dispute(Reason::DeletedOnBranch) => side == Side::Branch,
            _ => matches!(self.effect_on(side), Effect::Create | Effect::Move | Effect::DeleteAndCreate),
        }
    }

    /// The path that `side` loses.
    pub(crate) fn lost_name(&self, side: Side) -> Option<&RepoPath> {
        match self.effect_on(side) {
            Effect::Delete => Some(&self.path),
            Effect::Move | Effect::DeleteAndCreate => self.moved.as_ref().map(|(_, from)| from),
            _ => None,
        }
    }

    /// Leaves the file alone on both sides, and its base as it is.
    pub(crate) fn refuse(&mut self, side: Side, reason: SkipReason, skips: &mut Vec<Skip>) {
        if matches!(self.fate, Fate::Refused) {
            return;
        }
        if let Some((mover, from)) = &self.moved {
            skips.push(Skip { path: from.shared(), side: mover.other(), reason: reason.clone() });
        }
        skips.push(Skip { path: self.path.shared(), side: side.other(), reason });
        self.fate = Fate::Refused;
        (self.to_workspace, self.to_branch) = (Effect::Nothing, Effect::Nothing);
    }

    /// Whether `side` is to move it.
    pub(crate) fn is_moved_on(&self, side: Side) -> bool {
        self.effect_on(side) == Effect::Move
    }

    /// Whether a move on `side` would, in two steps, be for a moment without an edit that nobody else has.
    pub(crate) fn is_unsafe_to_split(&self, side: Side) -> bool {
        let is_only_here = self.workspace != self.base && self.workspace != self.branch;
        side == Side::Workspace && self.is_moved_on(side) && is_only_here
    }

    /// Makes a move on `side` a deletion and a creation.
    pub(crate) fn split_move(&mut self, side: Side) {
        let effect = match side {
            Side::Workspace => &mut self.to_workspace,
            Side::Branch => &mut self.to_branch,
        };
        if *effect == Effect::Move {
            *effect = Effect::DeleteAndCreate;
        }
    }

    /// Whether the plan does or asks something about it.
    pub(crate) fn is_to_be_done(&self) -> bool {
        let is_touched = self.to_workspace != Effect::Nothing || self.to_branch != Effect::Nothing;
        is_touched || matches!(self.fate, Fate::Dispute(_))
    }

    /// All that its part of the plan follows from, as one field.
    pub(crate) fn digest(&self, fields: &mut Fingerprinter) {
        let from = self.moved.as_ref().map_or("", |(_, from)| from);
        // A path has no NUL in it.
        let mut bytes = [self.path.as_bytes(), b"\0", from.as_bytes(), b"\0"].concat();
        for entry in [self.base, self.workspace, self.branch] {
            bytes.push(entry.map_or(0, |entry| 1 + entry.mode as u8));
            bytes.extend(entry.iter().flat_map(|entry| entry.blob.as_bytes()));
        }
        bytes.extend([self.to_workspace as u8, self.to_branch as u8]);
        fields.field(&bytes);
    }

    /// Hands over its part of the plan.
    pub(crate) fn emit(
        self,
        changes: &mut Vec<Change>,
        disputes: &mut Vec<Dispute>,
        settled: &mut Vec<(RepoPath, Option<Entry>)>,
    ) {
        match self.fate {
            Fate::Dispute(reason) => {
                let Slot { path, base, workspace: ours, branch: theirs, .. } = self;
                // Both histories did not start from it: merged, it would take back what the new one takes back.
                let base = base.filter(|_| reason != Reason::TakenBack);
                disputes.push(Dispute { path, base, ours, theirs, reason });
            }
            Fate::Become(target) if self.workspace == self.branch && self.moved.is_none() => {
                settled.push((self.path, target));
            }
            Fate::Become(_) | Fate::Merge(_) => {
                self.emit_changes(Side::Workspace, changes);
                self.emit_changes(Side::Branch, changes);
                settled.extend(self.settled_on_the_way());
            }
            Fate::Refused => {}
        }
    }

    /// The base of a change that is only for the branch: what the branch has, if the workspace holds all of that already (a
    /// sync that was cut has brought it); and under its new path, if both sides have moved it.
    fn settled_on_the_way(self) -> Option<(RepoPath, Option<Entry>)> {
        if self.to_workspace != Effect::Nothing {
            return None;
        }
        let holds_all = matches!(self.fate, Fate::Become(target) if target == self.workspace);
        let base = if holds_all { self.branch } else { self.base };
        let is_news = base != self.base;
        match self.moved {
            Some((_, from)) => is_news.then_some((from, base)),
            None => (is_news || self.is_moved_by_both).then_some((self.path, base)),
        }
    }

    fn emit_changes(&self, side: Side, changes: &mut Vec<Change>) {
        let own_move = self.moved.as_ref().filter(|(mover, _)| *mover == side);
        let former = own_move.map(|(_, from)| from.clone());
        let mut push =
            |path: &RepoPath, action| changes.push(Change { path: path.clone(), side, action, former: former.clone() });
        if let (Effect::Merge, Some(merge)) = (self.effect_on(side), self.merge()) {
            return push(&self.path, Action::Merge(Box::new(merge)));
        }
        let entry = if let Fate::Become(target) = self.fate { target } else { None };
        let from = self.moved.as_ref().map(|(_, from)| from);
        match (self.effect_on(side), self.at(side), entry, from) {
            (Effect::Create, _, Some(entry), _) => push(&self.path, Action::Create { entry }),
            (Effect::Update, Some(was), Some(entry), _) => push(&self.path, Action::Update { was, entry }),
            (Effect::Delete, Some(was), ..) => push(&self.path, Action::Delete { was }),
            (Effect::Move, Some(was), Some(entry), Some(from)) => {
                push(&self.path, Action::Move { from: from.clone(), was, entry });
            }
            (Effect::DeleteAndCreate, Some(was), Some(entry), Some(from)) => {
                push(from, Action::Delete { was });
                push(&self.path, Action::Create { entry });
            }
            _ => {}
        }
    }

    fn merge(&self) -> Option<Merge> {
        let Fate::Merge(mode) = self.fate else { return None };
        Some(Merge { base: self.base?, ours: self.workspace?, theirs: self.branch?, mode })
    }
}

fn fate(base: Option<Entry>, ours: Option<Entry>, theirs: Option<Entry>) -> Fate {
    if ours == theirs || theirs == base {
        return Fate::Become(ours);
    }
    if ours == base {
        return Fate::Become(theirs);
    }
    match (base, ours, theirs) {
        (Some(base), Some(ours), Some(theirs)) => join(base, ours, theirs),
        // The same content with two modes: that of the branch, as there is no base that could say who changed it.
        (None, Some(ours), Some(theirs)) if ours.blob == theirs.blob => Fate::Become(Some(theirs)),
        (None, Some(_), Some(_)) => Fate::Dispute(Reason::BothCreated),
        (_, _, None) => Fate::Dispute(Reason::DeletedOnBranch),
        (_, None, Some(_)) => Fate::Dispute(Reason::DeletedInWorkspace),
    }
}

/// Content and mode by themselves: each as the side has it that changed it.
fn join(base: Entry, ours: Entry, theirs: Entry) -> Fate {
    let mode = if ours.mode == base.mode { theirs.mode } else { ours.mode };
    if ours.blob == base.blob {
        return Fate::Become(Some(Entry { blob: theirs.blob, mode }));
    }
    if theirs.blob == base.blob || theirs.blob == ours.blob {
        return Fate::Become(Some(Entry { blob: ours.blob, mode }));
    }
    Fate::Merge(mode)
}
