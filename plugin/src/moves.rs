//! Which deletion and creation on one side are together a move.
//!
//! A move is seen where the content that vanished from exactly one path is the content that appeared at exactly one other, and
//! the other side still has the old path and not the new one. Then an edit of the other side follows the file to its new
//! name. Everything else is a deletion and a creation, which loses nothing: contents that several files share (also the
//! empty one), a move together with an edit on the same side (similarity is not judged: that would need both contents of every
//! pair), both sides moving one file to different names (both names stay), and a move into or out of a folder of its own name.

use crate::blob::BlobId;
use crate::slot::Slot;
use crate::tree::Side;

/// Marks the targets of moves in `slots` (in byte order) with their source, joins what both sides had at the source, and
/// removes the source.
pub(crate) fn join_moves(slots: &mut Vec<Slot>) {
    let mut is_joined = vec![false; slots.len()];
    for side in [Side::Workspace, Side::Branch] {
        for (from, to) in moves_of(side, slots) {
            is_joined[from] = true;
            let source = slots[from].clone();
            let target = &mut slots[to];
            target.base = source.base;
            *target.at_mut(side.other()) = source.at(side.other());
            target.moved = Some((side, source.path));
        }
    }
    let mut joined = is_joined.iter();
    slots.retain(|_| !joined.next().is_some_and(|joined| *joined));
}

/// Indexes of the source and the target.
fn moves_of(side: Side, slots: &[Slot]) -> Vec<(usize, usize)> {
    let mut gone =
        contents(slots, |slot| if slot.at(side).is_none() { slot.base.map(|entry| entry.blob) } else { None });
    let mut come =
        contents(slots, |slot| if slot.base.is_none() { slot.at(side).map(|entry| entry.blob) } else { None });
    keep_single(&mut gone);
    keep_single(&mut come);
    let mut pairs = Vec::new();
    for (blob, from) in gone {
        if let Ok(found) = come.binary_search_by_key(&blob, |(blob, _)| *blob) {
            pairs.push((from, come[found].1));
        }
    }
    pairs.retain(|(from, to)| is_move(side, &slots[*from], &slots[*to]));
    pairs
}

fn contents(slots: &[Slot], blob_of: impl Fn(&Slot) -> Option<BlobId>) -> Vec<(BlobId, usize)> {
    let blobs = slots.iter().enumerate().filter_map(|(index, slot)| Some((blob_of(slot)?, index)));
    let mut contents: Vec<_> = blobs.filter(|(blob, _)| *blob != BlobId::EMPTY).collect();
    contents.sort_unstable();
    contents
}

fn keep_single(contents: &mut Vec<(BlobId, usize)>) {
    let single: Vec<_> = contents.chunk_by(|one, other| one.0 == other.0).filter(|same| same.len() == 1).collect();
    *contents = single.concat();
}

fn is_move(side: Side, from: &Slot, to: &Slot) -> bool {
    let nested = |outer: &str, inner: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
    from.at(side.other()).is_some()
        && to.at(side.other()).is_none()
        && !nested(&from.path, &to.path)
        && !nested(&to.path, &from.path)
}
