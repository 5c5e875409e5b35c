//! What a webhook of ours is told and how: the bodies that make and change one.
//!
//! Decided here: every field of it. Each is pinned in the permission table, so that the host, not this code, sees to it that the
//! secret is one that nobody here knows, that certificates are checked, that GitLab tells of nothing else, and that it calls the URL
//! of the grant. Flags are sent as text, which GitLab reads as it reads a form.

use std::fmt::Write as _;

use super::Events;
use crate::about::JsonShape;
use crate::gitlab::hook::{Hook, Place};

/// What the host puts there: the URL that the operator granted.
pub(crate) const GRANTED_URL: &str = "{{grant.webhook-url}}";

macro_rules! shape {
    (free [$($free:literal)*] on [$($on:literal)*] off [$($off:literal)*]) => {
        JsonShape {
            keys: &[
                "url", "name", "token", "signing_token", "enable_ssl_verification", "custom_webhook_template",
                "description", $($free,)* $($on,)* $($off,)*
            ],
            pins: &[
                ("url", &[GRANTED_URL]),
                ("name", &["gitlab-sync"]),
                ("token", &["{{webhook}}", ""]),
                ("signing_token", &["{{webhook}}"]),
                ("enable_ssl_verification", &["true"]),
                ("custom_webhook_template", &[""]),
                $(($on, &["true"]),)*
                $(($off, &["false"]),)*
            ],
        }
    };
}

/// Pushes to one branch of a project.
pub(crate) const PUSHES: JsonShape = shape! {
    free ["push_events_branch_filter" "branch_filter_strategy"]
    on ["push_events"]
    off [
        "tag_push_events" "merge_requests_events" "issues_events" "confidential_issues_events" "note_events"
        "confidential_note_events" "job_events" "pipeline_events" "wiki_page_events" "deployment_events"
        "feature_flag_events" "releases_events" "milestone_events" "emoji_events" "resource_access_token_events"
        "vulnerability_events"
    ]
};

/// Merge requests and comments of a project.
pub(crate) const RECORDS: JsonShape = shape! {
    free []
    on ["merge_requests_events" "note_events"]
    off [
        "push_events" "tag_push_events" "issues_events" "confidential_issues_events" "confidential_note_events"
        "job_events" "pipeline_events" "wiki_page_events" "deployment_events" "feature_flag_events" "releases_events"
        "milestone_events" "emoji_events" "resource_access_token_events" "vulnerability_events"
    ]
};

/// The same of a group.
pub(crate) const GROUP_RECORDS: JsonShape = shape! {
    free []
    on ["merge_requests_events" "note_events"]
    off [
        "push_events" "tag_push_events" "issues_events" "confidential_issues_events" "confidential_note_events"
        "job_events" "pipeline_events" "wiki_page_events" "deployment_events" "feature_flag_events" "releases_events"
        "milestone_events" "emoji_events" "resource_access_token_events" "vulnerability_events" "project_events"
        "subgroup_events" "member_events"
    ]
};

/// What GitLab is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Where.
    pub place: Place,
    /// What is told.
    pub events: Events,
    /// The only branch whose pushes are told. Empty for all.
    pub branch: String,
    /// What GitLab calls.
    pub url: String,
    /// Of the installation, to tell ours from another one's.
    pub owner: Option<String>,
}

/// How a delivery proves where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// GitLab signs it. The secret is in no delivery, so that nobody who sees one could sign another.
    Signature,
    /// The secret is in each, for a GitLab that does not sign.
    Token,
}

/// How a description of ours begins.
const KEPT: &str = "Kept by gitlab-sync";

impl Wanted {
    fn shape(&self) -> &'static JsonShape {
        match (self.events, self.place) {
            (Events::Pushes, _) => &PUSHES,
            (Events::Records, Place::Project(_)) => &RECORDS,
            (Events::Records, Place::Group(_)) => &GROUP_RECORDS,
        }
    }

    /// The event that a test is made of.
    pub fn sample(&self) -> &'static str {
        match self.events {
            Events::Pushes => "push_events",
            Events::Records => "merge_requests_events",
        }
    }

    /// Whom it belongs to, for people who meet it in GitLab and for other installations.
    pub fn description(&self) -> String {
        let owner = self.owner.as_ref().map(|owner| format!(" ({owner})")).unwrap_or_default();
        format!("{KEPT}{owner}. Changes made here are undone.")
    }

    /// The body that makes or changes it, with the secret's place in it.
    ///
    /// Braces of anything but the pinned texts are escaped: a branch named `{{webhook}}` would otherwise be filled with the secret,
    /// for everybody who maintains the project to read.
    pub fn body(&self, proof: Proof) -> Vec<u8> {
        let mut fields = vec![("description", self.description())];
        if self.events == Events::Pushes {
            fields.push(("push_events_branch_filter", self.branch.clone()));
            fields.push(("branch_filter_strategy", "wildcard".into()));
        }
        fields.push(("url", self.url.clone()));
        let mut body = String::from("{");
        for (key, value) in fields {
            let _ = write!(body, "\"{key}\":{},", quoted(&value));
        }
        for (key, values) in self.shape().pins.iter().filter(|(key, _)| *key != "url") {
            let value = if *key == "token" && proof == Proof::Signature { "" } else { values[0] };
            let _ = write!(body, "\"{key}\":\"{value}\",");
        }
        body.pop();
        body.push('}');
        body.into_bytes()
    }

    /// What of a webhook is not as it is wanted, in words.
    pub fn differences(&self, hook: &Hook) -> Vec<&'static str> {
        let told = |(key, values): &(&str, &[&str])| {
            let is_wanted = values[0] == "true";
            !key.ends_with("_events") || hook.is(key).is_none_or(|is_told| is_told == is_wanted)
        };
        let is_wildcard = matches!(hook.branch_filter_strategy.as_str(), "" | "wildcard");
        let is_filtered = hook.push_events_branch_filter == self.branch && is_wildcard;
        let judged = [
            (hook.url == self.url, "URL"),
            (self.shape().pins.iter().all(told), "events"),
            (is_filtered || self.events == Events::Records, "branch filter"),
            (hook.is("enable_ssl_verification") != Some(false), "TLS verification"),
            (hook.custom_webhook_template.is_empty(), "template"),
        ];
        judged.into_iter().filter(|(good, _)| !good).map(|(_, word)| word).collect()
    }

    /// Whether a webhook with our URL is ours to look after: one that no other installation has put its name to.
    pub fn is_ours(&self, hook: &Hook) -> bool {
        let is_signed = hook.description.starts_with(KEPT);
        hook.url == self.url && (!is_signed || hook.description == self.description())
    }
}

/// As a JSON string without a brace in it.
fn quoted(text: &str) -> String {
    let text = serde_json::to_string(text).expect("a text");
    text.replace('{', "\\u007b").replace('}', "\\u007d")
}
