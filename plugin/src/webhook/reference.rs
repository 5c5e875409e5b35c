//! Branches and tags that moved.
//!
//! Nobody can tell from a delivery whether a push was forced, and its list of commits and files is cut and knows no renames, so none of
//! that is read.

use super::kind::Kind;
use super::payload::Payload;
use super::value::Text;

/// The longest name of a commit: SHA-256.
const LONGEST_COMMIT: usize = 64;

/// What the name of a branch starts with.
pub(super) const HEADS: &str = "refs/heads/";
/// What that of a tag does.
pub(super) const TAGS: &str = "refs/tags/";

/// One reference that moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefMove {
    /// Such as `refs/heads/main`.
    pub name: String,
    /// None: it is new.
    pub before: Option<String>,
    /// None: it was deleted.
    pub after: Option<String>,
}

impl RefMove {
    /// Of a branch, its short name.
    pub fn branch(&self) -> Option<&str> {
        self.name.strip_prefix(HEADS)
    }

    fn new(name: &Text<'_>, before: &Text<'_>, after: &Text<'_>) -> Option<Self> {
        Some(Self { name: name.owned()?, before: commit(before), after: commit(after) })
    }
}

/// What moved, as far as it was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Moves {
    pub(super) moves: Vec<RefMove>,
    /// More did than are listed.
    pub(super) is_cut: bool,
}

impl Moves {
    pub(super) fn of(kind: Kind, payload: &Payload<'_>) -> Self {
        match kind {
            Kind::Push | Kind::TagPush => {
                let moves = RefMove::new(&payload.reference, &payload.before, &payload.after).into_iter().collect();
                Self { moves, is_cut: false }
            }
            Kind::RepositoryUpdate => Self::of_several(payload),
            _ => Self::default(),
        }
    }

    /// Whether nothing else moved.
    pub(super) fn are_tags(&self) -> bool {
        !self.is_cut && !self.moves.is_empty() && self.moves.iter().all(|it| it.name.starts_with(TAGS))
    }

    /// `changes` says what `refs` says and more; a template may have only one of them.
    fn of_several(payload: &Payload<'_>) -> Self {
        let changes = payload.changes.entries().iter();
        let mut moves: Vec<RefMove> =
            changes.filter_map(|it| RefMove::new(&it.reference, &it.before, &it.after)).collect();
        let nothing = Text::default();
        if moves.is_empty() {
            moves = payload.refs.entries().iter().filter_map(|name| RefMove::new(name, &nothing, &nothing)).collect();
        }
        Self { moves, is_cut: payload.changes.is_cut() || payload.refs.is_cut() }
    }
}

/// None for the zeros that stand for no commit, and for anything else that is not one.
pub(super) fn commit(text: &Text<'_>) -> Option<String> {
    let text = text.get()?;
    let is_commit = text.len() <= LONGEST_COMMIT && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_commit && text.bytes().any(|byte| byte != b'0')).then(|| text.to_owned())
}
