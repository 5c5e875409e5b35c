//! Protected tags: names or patterns, and who may make such tags. Nobody may move one.

use super::protected_branches::{BranchGrant, matches_pattern};

/// One protected tag or pattern such as `v*`.
#[derive(Debug, Clone)]
pub struct ProtectedTag {
    /// Numeric id.
    pub id: u64,
    /// Name or pattern with `*`.
    pub name: String,
    /// Who may make such tags.
    pub create: Vec<BranchGrant>,
}

impl ProtectedTag {
    /// Whether this protection covers `tag`.
    pub fn covers(&self, tag: &str) -> bool {
        matches_pattern(&self.name, tag)
    }
}
