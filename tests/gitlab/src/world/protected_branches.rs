//! Protected branches: names or patterns, and who may push and merge.

use serde::{Deserialize, Serialize};

/// One protected branch or pattern such as `release/*`.
#[derive(Debug, Clone)]
pub struct ProtectedBranch {
    /// Numeric id.
    pub id: u64,
    /// Name or pattern with `*`.
    pub name: String,
    /// Who may push.
    pub push: Vec<BranchGrant>,
    /// Who may merge.
    pub merge: Vec<BranchGrant>,
    /// Who may lift the protection.
    pub unprotect: Vec<BranchGrant>,
    /// Whether those who may push may also force.
    pub allow_force_push: bool,
    /// Premium: owners named in CODEOWNERS must approve.
    pub code_owner_approval_required: bool,
}

/// One line of an access list.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct BranchGrant {
    /// Numeric id of the line.
    pub id: u64,
    /// 0 nobody, 30, 40 or 60 (administrators only).
    pub access_level: u8,
    /// One user, in place of a level.
    pub user_id: Option<u64>,
    /// One group, in place of a level.
    pub group_id: Option<u64>,
}

impl ProtectedBranch {
    /// Whether this protection covers `branch`.
    pub fn covers(&self, branch: &str) -> bool {
        matches_pattern(&self.name, branch)
    }
}

/// GitLab's wildcard: `*` stands for any text, slashes included.
pub fn matches_pattern(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = parts.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text_and_everything_else_for_itself() {
        for (pattern, text, expected) in [
            ("main", "main", true),
            ("main", "mainline", false),
            ("release/*", "release/1.0/x", true),
            ("release/*", "release", false),
            ("*-stable", "17-4-stable", true),
            ("a*a", "a", false),
            ("a*b*c", "a-x-b-y-c", true),
            ("*", "", true),
        ] {
            assert_eq!(matches_pattern(pattern, text), expected, "{pattern} against {text}");
        }
    }
}
