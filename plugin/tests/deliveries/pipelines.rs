//! Issues, pipelines, jobs, deployments, releases and milestones.

use crate::told::check;

#[test]
fn records_are_read_again_with_what_they_belong_to() {
    check(&[
        (
            "Note Hook",
            r#"{"object_kind":"note","event_type":"note","user":{"id":3},"project_id":7,"object_attributes":{"id":1244,"noteable_type":"MergeRequest",
                "noteable_id":99,"action":"create"},"merge_request":{"id":99,"iid":12}}"#,
            "note/create p:7 u:3 -> refresh Note#1244,MergeRequest#99!12",
        ),
        (
            "Confidential Note Hook",
            r#"{"object_kind":"note","event_type":"confidential_note","project_id":7,"object_attributes":{"id":5,"noteable_type":"Issue","noteable_id":92},"issue":{"id":92,"iid":17}}"#,
            "note p:7 -> refresh Note#5,Issue#92!17",
        ),
        (
            "Note Hook",
            r#"{"object_kind":"note","project_id":7,"object_attributes":{"id":5,"noteable_type":"Commit","commit_id":"A","noteable_id":null},"commit":{"id":"A"}}"#,
            "note p:7 -> refresh Note#5",
        ),
        (
            "Note Hook",
            r#"{"object_kind":"note","project_id":7,"object_attributes":{"id":5,"noteable_type":"Snippet","noteable_id":53},"snippet":{"id":53}}"#,
            "note p:7 -> refresh Note#5",
        ),
        (
            "Issue Hook",
            r#"{"object_kind":"issue","project":{"id":7},"object_attributes":{"id":301,"iid":23,"action":"close"}}"#,
            "issue/close p:7 -> refresh Issue#301!23",
        ),
        (
            "Issue Hook",
            r#"{"object_kind":"work_item","project":{"id":7},"object_attributes":{"id":301,"iid":23,"type":"Task"}}"#,
            "work_item p:7 -> refresh Issue#301!23",
        ),
        // An epic is in no project; which group's it is, its address tells.
        (
            "Issue Hook",
            r#"{"object_kind":"work_item","user":{"id":3},"project":null,"object_attributes":{"id":301,"iid":2,"type":"Epic","action":"open",
                "project_id":null,"url":"https://gitlab.example.com/git/groups/acme/docs/-/work_items/2"},"repository":null}"#,
            "work_item/open g:acme/docs u:3 -> refresh Issue#301!2",
        ),
        (
            "Issue Hook",
            r#"{"object_kind":"issue","project":{"id":7},"object_attributes":{"id":301,"iid":2,"type":"Requirement","state":"closed",
                "url":"https://gitlab.example.com/acme/groups/docs/-/work_items/2"}}"#,
            "issue/closed p:7 -> refresh Issue#301!2",
        ),
        (
            "Milestone Hook",
            r#"{"object_kind":"milestone","project":{"id":7},"object_attributes":{"id":61,"iid":10},"action":"create"}"#,
            "milestone/create p:7 -> refresh Milestone#61!10",
        ),
        (
            "Milestone Hook",
            r#"{"object_kind":"milestone","project":null,"object_attributes":{"id":61,"iid":10,"group_id":35,"project_id":null,"state":"closed"}}"#,
            "milestone/closed g:35 -> refresh Milestone#61!10",
        ),
        (
            "Release Hook",
            r#"{"id":1,"object_kind":"release","project":{"id":7},"tag":"v1.1","action":"create"}"#,
            "release/create p:7 -> refresh Release#1",
        ),
        (
            "Pipeline Hook",
            r#"{"object_kind":"pipeline","project":{"id":7},"object_attributes":{"id":31,"iid":3,"status":"success"},"merge_request":{"id":99,"iid":12}}"#,
            "pipeline/success p:7 -> refresh Pipeline#31!3,MergeRequest#99!12",
        ),
        (
            "Pipeline Hook",
            r#"{"object_kind":"pipeline","project":{"id":7},"object_attributes":{"id":31,"status":"running"},"merge_request":null}"#,
            "pipeline/running p:7 -> refresh Pipeline#31",
        ),
        // The merge request of a fork's pipeline is where it goes to; there its number counts.
        (
            "Pipeline Hook",
            r#"{"object_kind":"pipeline","project":{"id":8},"object_attributes":{"id":31,"status":"success"},
                "merge_request":{"id":99,"iid":12,"source_project_id":8,"target_project_id":7}}"#,
            "pipeline/success p:8 -> refresh Pipeline#31,MergeRequest#99",
        ),
        (
            "Pipeline Hook",
            r#"{"object_kind":"pipeline","project":{"id":7},"object_attributes":{"id":31,"status":"success"},
                "merge_request":{"id":99,"iid":12,"source_project_id":8,"target_project_id":7}}"#,
            "pipeline/success p:7 -> refresh Pipeline#31,MergeRequest#99!12",
        ),
        // Version 8: neither a pipeline of its own nor a project beside its number; the commit's id is the pipeline's.
        (
            "Build Hook",
            r#"{"object_kind":"build","build_id":1977,"build_status":"created","project_id":7,"user":{"id":3},"commit":{"id":2366,"sha":"A"}}"#,
            "build/created p:7 u:3 -> refresh Job#1977,Pipeline#2366",
        ),
        (
            "Build Hook",
            r#"{"object_kind":"build","build_id":1977,"project_id":7,"commit":{"id":"A"}}"#,
            "build p:7 -> refresh Job#1977",
        ),
        (
            "Job Hook",
            r#"{"object_kind":"build","project_id":7,"build_id":1977,"build_status":"failed","pipeline_id":2366,"commit":{"id":2366}}"#,
            "build/failed p:7 -> refresh Job#1977,Pipeline#2366",
        ),
        (
            "Deployment Hook",
            r#"{"object_kind":"deployment","status":"success","deployment_id":15,"deployable_id":796,"project":{"id":7}}"#,
            "deployment/success p:7 -> refresh Deployment#15,Job#796",
        ),
        (
            "Deployment Hook",
            r#"{"object_kind":"deployment","status":"success","deployment_id":15,"deployable_id":null,"project":{"id":7}}"#,
            "deployment/success p:7 -> refresh Deployment#15",
        ),
        // Version 13 told only the job of it.
        (
            "Deployment Hook",
            r#"{"object_kind":"deployment","status":"success","deployable_id":796,"project":{"id":7}}"#,
            "deployment/success p:7 -> refresh Job#796",
        ),
        (
            "Deployment Hook",
            r#"{"object_kind":"deployment","status":"approved","deployment_id":15,"deployable_id":796,"project":{"id":7},
                "approval":{"id":4,"status":"approved"}}"#,
            "deployment/approved p:7 -> refresh Deployment#15,Job#796",
        ),
    ]);
}
