//! Which deletion and creation on one side are together a move.
//!
//! A file has moved on a side if the content that vanished from exactly one path appeared at exactly one other: the content of
//! the base, or the one that the other side has made of it since (a sync that was cut has brought it). If the other side has
//! the old path and not the new one, it is to follow, and what it edited follows the file to its new name. If it has the new
//! path and not the old one, both have moved it, and each may have edited it as well.
//!
//! Everything else is a deletion and a creation, which loses nothing: contents that several files share (also the empty one), a
//! move together with an edit on the same side (similarity is not judged: that would need the contents of every pair), both
//! sides moving one file to different names (both names stay), and a move into or out of a folder of its own name.

use crate::blob::BlobId;
use crate::fold::folded;
use crate::order;
use crate::slot::Slot;
use crate::sorted::Set;
use crate::tree::{Entry, Side};

/// Joins the paths of each move in `slots`, which are in byte order. The target of a move that the other side is to follow
/// takes over all that is known of its source, which is removed; where both have moved, the target takes over the base.
pub(crate) fn join_moves(slots: &mut Vec<Slot>) {
    let mut is_source = vec![false; slots.len()];
    let mut is_followed = vec![false; slots.len()];
    let sides = [Side::Workspace, Side::Branch].into_iter();
    let moves = sides.flat_map(|side| moves_of(side, slots).into_iter().map(move |(from, to)| (to, from, side)));
    for (to, from, side) in without_rivals(moves.collect()) {
        if is_source[from] {
            continue;
        }
        is_source[from] = true;
        let source = slots[from].clone();
        let target = &mut slots[to];
        target.base = source.base;
        match source.at(side.other()) {
            Some(other) => {
                *target.at_mut(side.other()) = Some(other);
                target.moved = Some((side, source.path));
                is_followed[from] = true;
            }
            None => target.is_moved_by_both = true,
        }
    }
    let mut followed = is_followed.into_iter();
    slots.retain(|_| !followed.next().unwrap_or_default());
}

/// Only one move to each target, and none where two files could have become it.
fn without_rivals(mut moves: Vec<(usize, usize, Side)>) -> Vec<(usize, usize, Side)> {
    order::sort_by(&mut moves, |(one, ..), (other, ..)| one.cmp(other));
    let is_one = |moves: &&[(usize, usize, Side)]| moves.iter().all(|(_, from, _)| *from == moves[0].1);
    moves.chunk_by(|one, other| one.0 == other.0).filter(is_one).map(|moves| moves[0]).collect()
}

/// Indexes of the source and the target: what the content of the base became, else what that of the edit.
fn moves_of(side: Side, slots: &[Slot]) -> Vec<(usize, usize)> {
    let blob = |entry: Entry| entry.blob;
    let is_gone = |slot: &Slot| slot.base.is_some() && slot.at(side).is_none();
    // To sort what has come is a good part of a first sync, in which nothing has gone.
    if !slots.iter().any(is_gone) {
        return Vec::new();
    }
    let base = |slot: &Slot| slot.base.map(blob).filter(|blob| is_gone(slot) && *blob != BlobId::EMPTY);
    let is_edit = |slot: &Slot, edit: &BlobId| slot.base.is_some_and(|base| base.blob != *edit);
    let edit = |slot: &Slot| slot.at(side.other()).map(blob).filter(|blob| is_gone(slot) && is_edit(slot, blob));
    // What both sides created alike is no riddle, and must not make one of what is.
    let has_come = |slot: &Slot| slot.base.is_none() && slot.at(side) != slot.at(side.other());
    let come = contents(slots, |slot| slot.at(side).filter(|_| has_come(slot)).map(blob));
    let target = |blob: BlobId| come.binary_search_by_key(&blob, |(blob, _)| *blob).ok().map(|found| come[found].1);
    let pair =
        |(blob, from)| Some((from, target(blob)?)).filter(|(from, to)| is_move(side, &slots[*from], &slots[*to]));
    let mut pairs: Vec<_> = contents(slots, base).into_iter().filter_map(pair).collect();
    let known: Set<usize> = pairs.iter().map(|(from, _)| *from).collect();
    pairs.extend(contents(slots, edit).into_iter().filter_map(pair).filter(|(from, _)| !known.contains(from)));
    pairs
}

/// The contents that only one slot has, in order.
fn contents(slots: &[Slot], content: impl Fn(&Slot) -> Option<BlobId>) -> Vec<(BlobId, usize)> {
    let contents = slots.iter().enumerate().filter_map(|(index, slot)| Some((content(slot)?, index)));
    let mut contents: Vec<_> = contents.collect();
    order::sort(&mut contents);
    contents.chunk_by(|one, other| one.0 == other.0).filter(|same| same.len() == 1).flatten().copied().collect()
}

fn is_move(side: Side, from: &Slot, to: &Slot) -> bool {
    let (old, new) = (folded(&from.path), folded(&to.path));
    let nested = |outer: &str, inner: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
    let is_in_one_place = from.at(side.other()).is_some() != to.at(side.other()).is_some();
    is_in_one_place && !nested(&old, &new) && !nested(&new, &old)
}
