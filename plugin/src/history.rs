//! Whether a branch was only ever added to.

/// What lies between a commit that is known and the branch's head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum History {
    /// The commit is in it.
    #[default]
    Continued,
    /// It is not: what only that commit and those before it had is in no history any more.
    Rewritten,
}
