//! What becomes of a file on which the two sides disagree: what goes in place, and what is kept beside it.
//!
//! Every decision is carried out in the workspace alone, after which the branch's version is the base. Planning again then
//! finds at most a plain change of the workspace to push. So a decision is one atomic step, and a push that is cut after it
//! has nothing to undo.
//!
//! The losing version is recoverable under every policy: the branch's is in git's history and the workspace's in the record,
//! which holds both, so that it can be shown without the network. Where the branch was rewritten, what it takes back is in no history, so
//! that it is kept like any version that loses, although nobody edited it here. An edit always wins over a deletion, since a deletion is
//! easily repeated and an edit is not.

use crate::merge::Refusal;
use crate::path::RepoPath;
use crate::plan::Direction;
use crate::tree::Entry;
use std::fmt;

/// What to do where lines do not merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// The branch's version is in place, the workspace's is kept in a record.
    KeepBoth,
    /// The workspace's version wins on a push, the branch's on a pull and on both, which begins with a pull.
    LastWriteWins,
    /// Nothing is synced until someone has resolved it.
    Fail,
}

/// A file that each side changed in its own way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// Where, on both sides.
    pub path: RepoPath,
    /// What both started from.
    pub base: Option<Entry>,
    /// What the workspace has.
    pub ours: Option<Entry>,
    /// What the branch has.
    pub theirs: Option<Entry>,
    /// How they disagree.
    pub reason: Reason,
}

impl Dispute {
    /// Whether it ends a file that the workspace has not touched.
    pub fn is_taken_back(&self) -> bool {
        self.reason == Reason::TakenBack && self.theirs.is_none()
    }
}

/// How two sides disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Both created it, with different contents.
    BothCreated,
    /// Both edited it, and the lines do not merge.
    BothEdited(Refusal),
    /// The workspace edited it, the branch deleted it.
    DeletedOnBranch,
    /// The workspace deleted it, the branch edited it.
    DeletedInWorkspace,
    /// The branch had it, and was taken to a history without it.
    TakenBack,
}

/// What to do about a dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Nothing at all, for any file; report the dispute.
    Refuse,
    /// Bring the workspace to this, keep a record of both versions, and take the branch's version for the base.
    Settle(InPlace),
}

/// What is in the workspace afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InPlace {
    /// What is there already.
    Ours,
    /// The branch's version, to be written.
    Theirs,
}

/// Decides by policy.
pub fn decide(reason: Reason, policy: Policy, direction: Direction) -> Decision {
    let in_place = match (policy, reason, direction) {
        (Policy::Fail, ..) => return Decision::Refuse,
        (_, Reason::DeletedOnBranch, _) => InPlace::Ours,
        (_, Reason::DeletedInWorkspace, _) => InPlace::Theirs,
        (Policy::LastWriteWins, _, Direction::Push) => InPlace::Ours,
        (Policy::KeepBoth | Policy::LastWriteWins, ..) => InPlace::Theirs,
    };
    Decision::Settle(in_place)
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::BothCreated => f.write_str("created on both sides with different contents"),
            Reason::BothEdited(refusal) => write!(f, "edited on both sides: {refusal}"),
            Reason::DeletedOnBranch => f.write_str("edited in the workspace, deleted on the branch"),
            Reason::DeletedInWorkspace => f.write_str("deleted in the workspace, edited on the branch"),
            Reason::TakenBack => {
                f.write_str("the branch was rewritten, and this version may be in no history any more")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_wins_over_a_deletion_under_every_policy_that_settles() {
        for policy in [Policy::KeepBoth, Policy::LastWriteWins] {
            for direction in [Direction::Push, Direction::Pull, Direction::Both] {
                let decision = |reason| decide(reason, policy, direction);
                assert_eq!(decision(Reason::DeletedOnBranch), Decision::Settle(InPlace::Ours));
                assert_eq!(decision(Reason::DeletedInWorkspace), Decision::Settle(InPlace::Theirs));
            }
        }
    }

    #[test]
    fn the_policy_says_which_of_two_edits_is_in_place() {
        let table = [
            (Policy::KeepBoth, Direction::Push, Decision::Settle(InPlace::Theirs)),
            (Policy::KeepBoth, Direction::Pull, Decision::Settle(InPlace::Theirs)),
            (Policy::LastWriteWins, Direction::Push, Decision::Settle(InPlace::Ours)),
            (Policy::LastWriteWins, Direction::Pull, Decision::Settle(InPlace::Theirs)),
            (Policy::LastWriteWins, Direction::Both, Decision::Settle(InPlace::Theirs)),
            (Policy::Fail, Direction::Push, Decision::Refuse),
        ];
        for (policy, direction, expected) in table {
            for reason in [Reason::BothCreated, Reason::BothEdited(Refusal::Overlap)] {
                assert_eq!(decide(reason, policy, direction), expected, "{policy:?} {direction:?}");
            }
        }
    }
}
