//! Webhooks of a project, as far as they tell whether a push wakes us. Their secrets are never returned by GitLab.

use serde::Deserialize;

use super::client::Client;
use super::page;
use crate::error::Error;
use crate::request::Target;

/// What we read of a webhook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Hook {
    /// Numeric.
    pub id: u64,
    /// Whether pushes are sent.
    #[serde(default)]
    pub push_events: bool,
    /// Empty for all branches.
    #[serde(default)]
    push_events_branch_filter: Option<String>,
    /// `wildcard`, `regex` or `all_branches`.
    #[serde(default)]
    branch_filter_strategy: Option<String>,
    /// `executable`, `temporarily_disabled` or `disabled`.
    #[serde(default)]
    alert_status: Option<String>,
}

impl Hook {
    /// Whether GitLab has stopped calling it.
    pub fn is_disabled(&self) -> bool {
        self.alert_status.as_deref().is_some_and(|status| status != "executable")
    }

    /// Whether its filter lets the branch through. A regular expression is taken for one that does: it is not ours to run.
    pub fn covers(&self, branch: &str) -> bool {
        let filter = self.push_events_branch_filter.as_deref().unwrap_or_default();
        match self.branch_filter_strategy.as_deref() {
            Some("regex" | "all_branches") => true,
            _ => filter.is_empty() || wildcard(filter, branch),
        }
    }
}

/// Where they are listed.
pub fn hooks(project: u64) -> Target {
    Target::project(project, "hooks").query("per_page", "100")
}

/// All of them; GitLab allows a hundred per project.
pub fn list(client: &Client<'_>, project: u64) -> Result<Vec<Hook>, Error> {
    page::read(client, hooks(project), None).map(|(hooks, _)| hooks)
}

/// `*` stands for any text, also with slashes.
fn wildcard(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|tail| {
            tail.char_indices().map(|(at, _)| at).chain([tail.len()]).any(|at| wildcard(rest, &tail[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_covers_what_its_stars_stand_for() {
        let hook = |filter: &str, strategy: Option<&str>| Hook {
            push_events_branch_filter: Some(filter.into()),
            branch_filter_strategy: strategy.map(str::to_owned),
            ..Hook::default()
        };
        for (filter, strategy, branch, covered) in [
            ("", None, "main", true),
            ("main", Some("wildcard"), "main", true),
            ("main", Some("wildcard"), "maint", false),
            ("release/*", None, "release/1/x", true),
            ("*-stable", None, "1-0-stable", true),
            ("*-stable", None, "stable", false),
            ("^x$", Some("regex"), "main", true),
            ("other", Some("all_branches"), "main", true),
        ] {
            assert_eq!(hook(filter, strategy).covers(branch), covered, "{filter} {branch}");
        }
    }
}
