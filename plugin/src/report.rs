//! What a plan or a call tells the product about single files.

use crate::error::Code;
use crate::plan::{Action, Change as Planned};
use crate::tree::{Side, Skip};

/// How a file was, or would be, changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// New.
    Create,
    /// New content or mode.
    Update,
    /// New name.
    Move,
    /// Gone.
    Delete,
    /// Lines of both sides.
    Merge,
    /// Both sides, which do not merge.
    Conflict,
    /// Left alone.
    Skip,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where it is afterwards, or was.
    pub path: String,
    /// How.
    pub kind: Kind,
    /// On which side.
    pub side: Side,
    /// The former path, of a move.
    pub from: Option<String>,
    /// Bytes of the new content, where known.
    pub size: u64,
    /// Of a skip or a conflict.
    pub reason: Option<String>,
    /// The same as an error, if it is one.
    pub code: Option<Code>,
}

/// What one call did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// File by file.
    pub changes: Vec<Change>,
    /// Whether to call again.
    pub more: bool,
    /// Of the branch.
    pub head: Option<String>,
    /// That this call made.
    pub commits: u32,
    /// Waiting to be resolved.
    pub conflicts: u32,
}

impl Change {
    /// Of a planned change.
    pub(crate) fn planned(change: &Planned, size: u64) -> Self {
        let (kind, from) = match &change.action {
            Action::Create { .. } => (Kind::Create, None),
            Action::Update { .. } => (Kind::Update, None),
            Action::Move { from, .. } => (Kind::Move, Some(from.to_string())),
            Action::Delete { .. } => (Kind::Delete, None),
            Action::Merge(_) => (Kind::Merge, None),
        };
        Self { path: change.path.as_str().to_owned(), kind, side: change.side, from, size, reason: None, code: None }
    }

    /// What is left alone although it is selected: a person may want to know. What is not selected is not told.
    pub(crate) fn skipped(skips: &[Skip]) -> impl Iterator<Item = Self> {
        let told = |skip: &Skip| Self {
            code: skip.code(),
            ..Self::because(Kind::Skip, &skip.path, skip.side, &skip.reason.to_string())
        };
        skips.iter().filter(|skip| skip.is_selected()).map(told)
    }

    /// With a reason.
    pub(crate) fn because(kind: Kind, path: &str, side: Side, reason: &str) -> Self {
        let code = (kind == Kind::Conflict).then_some(Code::Conflict);
        Self { path: path.into(), kind, side, from: None, size: 0, reason: Some(reason.into()), code }
    }
}
