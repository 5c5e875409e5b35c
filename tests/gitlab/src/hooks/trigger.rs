//! What a hook can listen to: GitLab's names of it in parameters, logs and headers.

use serde::Serialize;

macro_rules! triggers {
    ($($(#[doc = $doc:literal])* $name:ident $parameter:literal $log:literal $header:literal;)*) => {
        /// One kind of event, in the order of GitLab's hook entity.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum Trigger { $($(#[doc = $doc])* $name,)* }

        impl Trigger {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The flag in parameters and entities: `push_events`.
            pub fn parameter(self) -> &'static str {
                match self { $(Self::$name => $parameter,)* }
            }

            /// The word of the hook log: `push_hooks`.
            pub fn log_name(self) -> &'static str {
                match self { $(Self::$name => $log,)* }
            }

            /// The value of `X-Gitlab-Event`: `Push Hook`.
            pub fn header(self) -> &'static str {
                match self { $(Self::$name => $header,)* }
            }
        }
    };
}

triggers! {
    /// A branch moved.
    Push "push_events" "push_hooks" "Push Hook";
    /// A tag moved.
    TagPush "tag_push_events" "tag_push_hooks" "Tag Push Hook";
    /// A merge request changed.
    MergeRequests "merge_requests_events" "merge_request_hooks" "Merge Request Hook";
    /// References moved, told once per push. System hooks only.
    RepositoryUpdate "repository_update_events" "repository_update_hooks" "System Hook";
    /// An issue changed.
    Issues "issues_events" "issue_hooks" "Issue Hook";
    /// A confidential issue changed.
    ConfidentialIssues "confidential_issues_events" "confidential_issue_hooks" "Confidential Issue Hook";
    /// A comment was made.
    Note "note_events" "note_hooks" "Note Hook";
    /// A comment on something confidential was made.
    ConfidentialNote "confidential_note_events" "confidential_note_hooks" "Confidential Note Hook";
    /// A pipeline changed its state.
    Pipeline "pipeline_events" "pipeline_hooks" "Pipeline Hook";
    /// A wiki page changed.
    WikiPage "wiki_page_events" "wiki_page_hooks" "Wiki Page Hook";
    /// A deployment changed its state.
    Deployment "deployment_events" "deployment_hooks" "Deployment Hook";
    /// A feature flag was switched.
    FeatureFlag "feature_flag_events" "feature_flag_hooks" "Feature Flag Hook";
    /// A job changed its state.
    Job "job_events" "job_hooks" "Job Hook";
    /// A release was made.
    Releases "releases_events" "release_hooks" "Release Hook";
    /// A milestone changed.
    Milestone "milestone_events" "milestone_hooks" "Milestone Hook";
    /// A reaction was given.
    Emoji "emoji_events" "emoji_hooks" "Emoji Hook";
    /// An access token is about to expire.
    ResourceAccessToken "resource_access_token_events" "resource_access_token_hooks" "Resource Access Token Hook";
    /// A deploy token is about to expire.
    ResourceDeployToken "resource_deploy_token_events" "resource_deploy_token_hooks" "Resource Deploy Token Hook";
    /// A vulnerability changed.
    Vulnerability "vulnerability_events" "vulnerability_hooks" "Vulnerability Hook";
    /// A subgroup came or went. Group hooks only.
    Subgroup "subgroup_events" "subgroup_hooks" "Subgroup Hook";
    /// A member came or went. Group hooks only.
    Member "member_events" "member_hooks" "Member Hook";
    /// A project came or went. Group hooks only.
    Project "project_events" "project_hooks" "Project Hook";
    /// What every system hook is told, whatever it listens to.
    System "" "system_hooks" "System Hook";
}

impl Trigger {
    /// The trigger of this parameter.
    pub fn of_parameter(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|trigger| !name.is_empty() && trigger.parameter() == name)
    }
}
