//! Merge requests and what is said about them.

use crate::told::check;

#[test]
fn merge_requests_are_read_again_and_built_where_there_is_something_new() {
    const MR: &str = "Merge Request Hook";
    check(&[
        (
            MR,
            r#"{"object_kind":"merge_request","event_type":"merge_request","user":{"id":3,"username":"alice"},
                "project":{"id":7,"path_with_namespace":"acme/handbook"},"object_attributes":{"id":99,"iid":12,"action":"open","state":"opened",
                "source_branch":"topic","target_branch":"main","source_project_id":9,"target_project_id":7,"draft":true,
                "last_commit":{"id":"B"},"updated_at":"2013-12-03 17:23:34 UTC"},"changes":{"title":{"previous":"a","current":"b"}}}"#,
            "merge_request/open p:7=acme/handbook u:3=alice -> ci 7!12 2 topic@Some(9)>Some(\"main\") draft + refresh MergeRequest#99!12",
        ),
        // Version 8: the user has no number, the project none either.
        (
            MR,
            r#"{"object_kind":"merge_request","user":{"name":"Administrator","username":"root"},"object_attributes":{"id":99,"target_branch":
                "main","source_branch":"topic","source_project_id":14,"target_project_id":14,"iid":1,"state":"opened","work_in_progress":false,
                "target":{"path_with_namespace":"acme/old"},"last_commit":{"id":"A"},"action":"reopen"}}"#,
            "merge_request/reopen p:14=acme/old u:root -> ci 14!1 1 topic@Some(14)>Some(\"main\") + refresh MergeRequest#99!1",
        ),
        (
            MR,
            r#"{"object_kind":"merge_request","project":{"id":7},"object_attributes":{"id":99,"iid":12,"action":"update","oldrev":"A",
                "source_branch":"topic","last_commit":{"id":"B"}}}"#,
            "merge_request/update p:7 -> ci 7!12 2 topic@None>None + refresh MergeRequest#99!12",
        ),
        (
            MR,
            r#"{"object_kind":"merge_request","project":{"id":7},"object_attributes":{"id":99,"iid":12,"action":"update","source_branch":
                "topic","last_commit":{"id":"B"}},"changes":{"labels":{"previous":[],"current":[]}}}"#,
            "merge_request/update p:7 -> refresh MergeRequest#99!12",
        ),
        // New commits on one that was closed meanwhile.
        (
            MR,
            r#"{"object_kind":"merge_request","project":{"id":7},"object_attributes":{"id":99,"iid":12,"action":"update","oldrev":"A",
                "state":"closed","source_branch":"topic","last_commit":{"id":"B"}}}"#,
            "merge_request/update p:7 -> refresh MergeRequest#99!12",
        ),
        // The button `Test` sends one as it is, with no word of what was done.
        (
            MR,
            r#"{"object_kind":"merge_request","project":{"id":7},"object_attributes":{"id":99,"iid":12,"state":"opened","source_branch":
                "topic","last_commit":{"id":"B"}}}"#,
            "merge_request/opened p:7 -> refresh MergeRequest#99!12",
        ),
        // An external status check is asked with the same body and a rule beside it.
        (
            "",
            r#"{"object_kind":"merge_request","project":{"id":7},"object_attributes":{"id":99,"iid":12,"action":"open","state":"opened",
                "source_branch":"topic","last_commit":{"id":"B"}},"external_approval_rule":{"id":2,"name":"check"}}"#,
            "merge_request/open p:7 -> ci 7!12 2 topic@None>None + refresh MergeRequest#99!12",
        ),
        // A push has reset the approvals.
        (
            MR,
            r#"{"object_kind":"merge_request","project":{"id":7},"object_attributes":{"id":99,"iid":12,"action":"unapproved","system":true,
                "system_action":"approvals_reset_on_push","source_branch":"topic","last_commit":{"id":"B"}}}"#,
            "merge_request/unapproved p:7 -> refresh MergeRequest#99!12,Approval!12",
        ),
        (
            MR,
            r#"{"object_kind":"merge_request","project":{"id":7},"object_attributes":{"id":99,"iid":12,"action":"update","oldrev":"A","system":true,
                "system_action":"code_owner_approvals_reset_on_push","source_branch":"topic","last_commit":{"id":"B"}}}"#,
            "merge_request/update p:7 -> ci 7!12 2 topic@None>None + refresh MergeRequest#99!12,Approval!12",
        ),
        (
            MR,
            r#"{"object_kind":"merge_request","project":{"id":7},"object_attributes":{"iid":12,"action":"approval"}}"#,
            "merge_request/approval p:7 -> refresh MergeRequest!12,Approval!12",
        ),
        (
            MR,
            r#"{"object_kind":"merge_request","project":{"id":7},"object_attributes":{"iid":12,"action":"merge","state":"merged"}}"#,
            "merge_request/merge p:7 -> refresh MergeRequest!12",
        ),
        (
            MR,
            r#"{"object_kind":"merge_request","project":{"id":7},"object_attributes":{"iid":12,"action":"of_tomorrow"}}"#,
            "merge_request/of_tomorrow p:7 -> refresh MergeRequest!12",
        ),
        // Without a commit there is nothing to build.
        (
            MR,
            r#"{"object_kind":"merge_request","project":{"id":7},"object_attributes":{"iid":12,"action":"open","source_branch":"topic","last_commit":null}}"#,
            "merge_request/open p:7 -> refresh MergeRequest!12",
        ),
        (
            MR,
            r#"{"object_kind":"merge_request","project":{"id":7},"object_attributes":[]}"#,
            "merge_request p:7 -> nothing: the event `merge_request` does not say which record",
        ),
    ]);
}
