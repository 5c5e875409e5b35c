//! People, groups and projects, told by a group or by the whole instance.

use crate::told::{check, read};
use gitlab_sync_connector::webhook::Scope;

#[test]
fn lifecycle_events_of_groups_and_of_the_instance_say_whom_they_concern() {
    const SYSTEM: &str = "System Hook";
    check(&[
        (
            "Member Hook",
            r#"{"event_name":"user_add_to_group","group_id":78,"group_path":"storecloud","user_id":41,"user_username":"js","group_access":"Maintainer"}"#,
            "user_add_to_group g:78=storecloud u:41=js -> refresh Member#41",
        ),
        (
            SYSTEM,
            r#"{"event_name":"user_remove_from_team","project_id":7,"project_path_with_namespace":"acme/handbook","user_id":41,"user_username":"js"}"#,
            "user_remove_from_team p:7=acme/handbook u:41=js -> refresh Member#41",
        ),
        (
            "Subgroup Hook",
            r#"{"event_name":"subgroup_create","path":"sub","full_path":"acme/sub","group_id":10,"parent_group_id":7}"#,
            "subgroup_create g:10=acme/sub -> refresh Group#10",
        ),
        (
            "Project Hook",
            r#"{"event_name":"project_create","path":"handbook","path_with_namespace":"acme/handbook","project_id":7}"#,
            "project_create p:7=acme/handbook -> refresh Project#7",
        ),
        (
            SYSTEM,
            r#"{"event_name":"project_rename","path_with_namespace":"acme/new","old_path_with_namespace":"acme/old","project_id":7}"#,
            "project_rename p:7=acme/new -> refresh Project#7",
        ),
        (
            SYSTEM,
            r#"{"event_name":"group_create","path":"storecloud","group_id":78}"#,
            "group_create g:78=storecloud -> refresh Group#78",
        ),
        (
            SYSTEM,
            r#"{"event_name":"group_rename","path":"b","full_path":"p/b","group_id":64,"old_full_path":"p/a"}"#,
            "group_rename g:64=p/b -> refresh Group#64",
        ),
        (
            SYSTEM,
            r#"{"event_name":"user_create","email":"js@example.com","username":"js","user_id":41}"#,
            "user_create u:41=js -> refresh User#41",
        ),
        (
            SYSTEM,
            r#"{"event_name":"user_failed_login","username":"js","user_id":41,"state":"blocked"}"#,
            "user_failed_login u:41=js -> nothing: a failed sign-in changes no record",
        ),
        (
            SYSTEM,
            r#"{"event_name":"key_create","username":"root","id":4}"#,
            "key_create u:root -> nothing: keys of people are not read",
        ),
        (
            SYSTEM,
            r#"{"event_name":"user_access_request_to_group","group_id":78,"user_id":41}"#,
            "user_access_request_to_group g:78 u:41 -> nothing: who asks for access has none yet",
        ),
        (
            SYSTEM,
            r#"{"object_kind":"gitlab_subscription_member_approval","action":"enqueue","user_id":42}"#,
            "gitlab_subscription_member_approval/enqueue u:42 -> nothing: subscriptions are not read",
        ),
        (
            "Emoji Hook",
            r#"{"object_kind":"emoji","event_type":"award","project_id":7,"object_attributes":{"id":1,"action":"award","awardable_type":"Note"}}"#,
            "emoji/award p:7 -> nothing: a reaction changes no record",
        ),
        // What was done stands in its type.
        (
            "Emoji Hook",
            r#"{"object_kind":"emoji","event_type":"revoke","project_id":7,"object_attributes":{"id":1,"awardable_type":"Note"}}"#,
            "emoji/revoke p:7 -> nothing: a reaction changes no record",
        ),
        (
            "Wiki Page Hook",
            r#"{"object_kind":"wiki_page","project":{"id":7},"object_attributes":{"slug":"x","action":"create"}}"#,
            "wiki_page/create p:7 -> nothing: a wiki is a repository of its own",
        ),
        (
            "Feature Flag Hook",
            r#"{"object_kind":"feature_flag","project":{"id":7},"object_attributes":{"id":6,"active":true}}"#,
            "feature_flag p:7 -> nothing: feature flags are not read",
        ),
        (
            "Vulnerability Hook",
            r#"{"object_kind":"vulnerability","object_attributes":{"project_id":7,"state":"confirmed"}}"#,
            "vulnerability/confirmed p:7 -> nothing: vulnerabilities are not read",
        ),
    ]);
    for (header, body, scope) in [
        ("Push Hook", r#"{"object_kind":"push"}"#, Scope::ProjectOrGroup),
        ("system hook", r#"{"object_kind":"push"}"#, Scope::System),
        (SYSTEM, r#"{"event_name":"user_add_to_group"}"#, Scope::System),
        ("Member Hook", r#"{"event_name":"user_add_to_group"}"#, Scope::Group),
        ("Project Hook", r#"{"event_name":"project_create"}"#, Scope::Group),
        ("", r#"{"event_name":"subgroup_destroy"}"#, Scope::Group),
    ] {
        assert_eq!(read(header, body).scope, scope, "{header} {body}");
    }
}
