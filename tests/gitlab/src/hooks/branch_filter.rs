//! Which branches a hook's push events are for.

use regex::Regex;

use crate::world::protected_branches::matches_pattern;

/// The filter of one hook.
#[derive(Debug, Clone)]
pub enum BranchFilter {
    /// Every branch, whatever pattern was given.
    AllBranches,
    /// A name or a pattern with `*`; nothing is every branch.
    Wildcard(Option<String>),
    /// A regular expression that matches somewhere in the name.
    Regex(String),
}

impl Default for BranchFilter {
    fn default() -> Self {
        Self::Wildcard(None)
    }
}

impl BranchFilter {
    /// The words of `branch_filter_strategy`, the default first.
    pub const STRATEGIES: &[&str] = &["wildcard", "regex", "all_branches"];

    /// The filter of a strategy's word. Whether its pattern is one is [`Self::is_valid`]'s part.
    pub fn new(strategy: &str, pattern: Option<String>) -> Self {
        let pattern = pattern.filter(|pattern| !pattern.is_empty());
        match strategy {
            "all_branches" => Self::AllBranches,
            "regex" => Self::Regex(pattern.unwrap_or_default()),
            _ => Self::Wildcard(pattern),
        }
    }

    /// Whether the pattern looks like part of a branch name, or is a regular expression.
    pub fn is_valid(&self) -> bool {
        match self {
            Self::AllBranches | Self::Wildcard(None) => true,
            Self::Wildcard(Some(pattern)) => !pattern.contains([' ', '~', '^', ':', '?', '[', '\\']),
            Self::Regex(pattern) => Regex::new(pattern).is_ok(),
        }
    }

    /// The word of the entity.
    pub fn strategy(&self) -> &'static str {
        match self {
            Self::AllBranches => "all_branches",
            Self::Wildcard(_) => "wildcard",
            Self::Regex(_) => "regex",
        }
    }

    /// The pattern of the entity.
    pub fn pattern(&self) -> Option<&str> {
        match self {
            Self::AllBranches => None,
            Self::Wildcard(pattern) => pattern.as_deref(),
            Self::Regex(pattern) => Some(pattern),
        }
    }

    /// Whether pushes to this branch, given by its short name, are told.
    pub fn passes(&self, branch: &str) -> bool {
        match self {
            Self::AllBranches | Self::Wildcard(None) => true,
            Self::Wildcard(Some(pattern)) => matches_pattern(pattern, branch),
            Self::Regex(pattern) => Regex::new(pattern).is_ok_and(|regex| regex.is_match(branch)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_strategy_has_its_own_way_with_a_name() {
        for (strategy, pattern, branch, expected) in [
            ("wildcard", "", "any/thing", true),
            ("wildcard", "production/*", "production/a/b", true),
            ("wildcard", "production/*", "production", false),
            ("wildcard", "main", "main", true),
            ("regex", "^release-\\d+$", "release-12", true),
            ("regex", "^release-\\d+$", "release-x", false),
            ("regex", "eas", "release", true),
            ("all_branches", "main", "other", true),
        ] {
            let filter = BranchFilter::new(strategy, Some(pattern.to_owned()));
            assert_eq!(filter.passes(branch), expected, "{strategy} {pattern} {branch}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for (strategy, pattern) in [("regex", "("), ("wildcard", "bad name"), ("wildcard", "a^b")] {
            assert!(!BranchFilter::new(strategy, Some(pattern.to_owned())).is_valid(), "{strategy} {pattern}");
        }
    }
}
