//! What an event is about, by the word GitLab has for it.
//!
//! Decided here: which words mean the same, and which events nobody has to do anything about. A word that is not known here leads to
//! nothing, so that a GitLab of tomorrow is no trouble.

/// The kinds that are treated apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Push,
    TagPush,
    /// One push, told once however many references moved.
    RepositoryUpdate,
    MergeRequest,
    Note,
    Issue,
    Pipeline,
    Job,
    Deployment,
    Release,
    Milestone,
    Member,
    User,
    Group,
    Project,
    AccessToken,
    DeployToken,
    /// It changes nothing that anybody reads here; the reason.
    Idle(&'static str),
    Unknown,
}

impl Kind {
    /// By `object_kind` or `event_name`, or by the header's name of it where the body has none.
    pub(super) fn of(word: &str) -> Self {
        match word {
            "push" => Self::Push,
            "tag_push" => Self::TagPush,
            "repository_update" => Self::RepositoryUpdate,
            "merge_request" => Self::MergeRequest,
            "note" | "confidential_note" => Self::Note,
            "issue" | "confidential_issue" | "work_item" => Self::Issue,
            "pipeline" => Self::Pipeline,
            "build" | "job" => Self::Job,
            "deployment" => Self::Deployment,
            "release" => Self::Release,
            "milestone" => Self::Milestone,
            "access_token" | "expiring_access_token" | "resource_access_token" => Self::AccessToken,
            "deploy_token" | "expiring_deploy_token" | "resource_deploy_token" => Self::DeployToken,
            "user_add_to_team"
            | "user_update_for_team"
            | "user_remove_from_team"
            | "user_add_to_group"
            | "user_update_for_group"
            | "user_remove_from_group"
            | "member" => Self::Member,
            "user_create" | "user_destroy" | "user_rename" => Self::User,
            _ => Self::by_family(word),
        }
    }

    fn by_family(word: &str) -> Self {
        match word {
            "emoji" => Self::Idle("a reaction changes no record"),
            "wiki_page" => Self::Idle("a wiki is a repository of its own"),
            "feature_flag" => Self::Idle("feature flags are not read"),
            "vulnerability" => Self::Idle("vulnerabilities are not read"),
            "key_create" | "key_destroy" => Self::Idle("keys of people are not read"),
            "user_failed_login" => Self::Idle("a failed sign-in changes no record"),
            _ if word.starts_with("user_access_request_") => Self::Idle("who asks for access has none yet"),
            _ if word.starts_with("gitlab_subscription_") => Self::Idle("subscriptions are not read"),
            _ if word == "project" || word.starts_with("project_") => Self::Project,
            _ if word == "subgroup" || word.starts_with("group_") || word.starts_with("subgroup_") => Self::Group,
            _ => Self::Unknown,
        }
    }

    /// Whether it is of groups alone, unless the whole instance tells it.
    pub(super) fn is_of_groups(word: &str) -> bool {
        word.starts_with("subgroup") || word == "member" || (word.starts_with("user_") && word.ends_with("_group"))
    }
}
