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
    #[serde(default)]
    url: String,
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

/// What we read of a delivery's record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Record {
    /// A number as text, or `internal error`.
    #[serde(default)]
    pub response_status: String,
}

impl Record {
    /// As GitLab counts it: redirects too.
    pub fn is_success(&self) -> bool {
        matches!(self.response_status.as_bytes(), [b'2' | b'3', _, _])
    }
}

impl Hook {
    /// Its address without a password and without parameters, which can be secrets.
    pub fn shown_url(&self) -> String {
        let bare = self.url.split(['?', '#']).next().unwrap_or_default();
        let Some((scheme, rest)) = bare.split_once("://") else { return String::new() };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = authority.rsplit('@').next().unwrap_or_default();
        format!("{scheme}://{host}/{path}")
    }

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

/// Where the record of deliveries is.
pub fn deliveries(project: u64, hook: u64) -> Target {
    Target::project(project, "hooks").part(&hook.to_string()).fixed("events").query("per_page", "1")
}

/// The newest delivery of the last seven days.
pub fn last_delivery(client: &Client<'_>, project: u64, hook: u64) -> Result<Option<Record>, Error> {
    page::read(client, deliveries(project, hook), None).map(|(records, _)| records.into_iter().next())
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
    fn an_address_is_shown_without_what_may_be_secret() {
        for (url, shown) in [
            ("https://me:pass@hooks.example.com/in?token=x#y", "https://hooks.example.com/in"),
            ("https://hooks.example.com", "https://hooks.example.com/"),
            ("nothing", ""),
        ] {
            assert_eq!(Hook { url: url.into(), ..Hook::default() }.shown_url(), shown);
        }
    }

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
