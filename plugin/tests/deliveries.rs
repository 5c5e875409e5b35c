//! What every kind of event is, whom it concerns and what it asks for. The bodies are restated: what tells them apart, in the words of the
//! versions that had them.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod support;

use gitlab_sync_connector::webhook::{
    Concern, Delivery, Event, RecordRef, RefMove, Scope, TokenClass, Verdict, Watched, Work, verify,
};
use proptest::prelude::*;
use support::Memory;

const SECRET: &str = "a secret of more than eight letters";
const A: &str = "1111111111111111111111111111111111111111";
const B: &str = "2222222222222222222222222222222222222222";
const ZERO: &str = "0000000000000000000000000000000000000000";

fn judge(header: &str, body: &[u8], watched: Option<Watched>) -> Event {
    let host = Memory::default();
    host.set_secret("webhook", SECRET);
    let headers = [("X-Gitlab-Token", SECRET), ("X-Gitlab-Event", header)];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    match verify(&host, &Delivery { headers, body: body.to_vec() }, watched).unwrap() {
        Verdict::Verified(event) => *event,
        Verdict::Rejected(reason) => panic!("{reason}"),
    }
}

fn watched() -> Option<Watched> {
    Some(Watched { project: 7, branch: "main".into() })
}

/// With `A`, `B` and `ZERO` for the ids of commits.
fn read(header: &str, body: &str) -> Event {
    let body = body.replace("ZERO", ZERO).replace("\"A\"", &format!("\"{A}\"")).replace("\"B\"", &format!("\"{B}\""));
    assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok(), "{body}");
    judge(header, body.as_bytes(), watched())
}

/// An event in a few words.
fn words(event: &Event) -> String {
    let Concern { project, project_path, group, group_path, user, username, .. } = &event.concern;
    let named = |sign: &str, id: &Option<u64>, name: &Option<String>| {
        let id = id.map(|id| id.to_string());
        let parts: Vec<String> = id.into_iter().chain(name.clone()).collect();
        if parts.is_empty() { String::new() } else { format!(" {sign}:{}", parts.join("=")) }
    };
    let action = event.action.as_ref().map_or(String::new(), |action| format!("/{action}"));
    let work: Vec<String> = event.work.iter().map(task).collect();
    format!(
        "{}{action}{}{}{} -> {}",
        event.kind,
        named("p", project, project_path),
        named("g", group, group_path),
        named("u", user, username),
        work.join(" + ")
    )
}

fn task(work: &Work) -> String {
    match work {
        Work::Pull(None) => "pull".into(),
        Work::Pull(Some(commit)) => format!("pull {}", &commit[..1]),
        Work::Refresh(records) => format!("refresh {}", records.iter().map(record).collect::<Vec<_>>().join(",")),
        Work::RunCi(run) => {
            let (source, target) = (run.source_project, run.target_branch.as_deref());
            let draft = if run.draft { " draft" } else { "" };
            format!(
                "ci {}!{} {} {}@{source:?}>{target:?}{draft}",
                run.project,
                run.iid,
                &run.commit[..1],
                run.source_branch
            )
        }
        Work::TokenExpires(token) => {
            let class = if token.class == TokenClass::Deploy { "deploy" } else { "access" };
            format!("{class} token {:?} {:?} ends {:?}", token.id, token.name.as_deref(), token.expires_on.as_deref())
        }
        Work::Nothing(why) => format!("nothing: {why}"),
    }
}

fn record(record: &RecordRef) -> String {
    let number = |sign: char, id: Option<u64>| id.map_or(String::new(), |id| format!("{sign}{id}"));
    format!("{:?}{}{}", record.kind, number('#', record.id), number('!', record.iid))
}

/// Header, body, what it is.
type Case = (&'static str, &'static str, &'static str);

fn check(cases: &[Case]) {
    for (header, body, expected) in cases {
        assert_eq!(words(&read(header, body)), *expected, "{body}");
    }
}

#[test]
fn pushes_wake_the_sync_of_the_branch_they_name_and_nothing_else() {
    const PUSH: &str = "Push Hook";
    const OTHER: &str = "nothing: another branch than `main` was pushed";
    let other = |start: &str| format!("{start} -> {OTHER}");
    check(&[
        (
            PUSH,
            r#"{"object_kind":"push","event_name":"push","before":"A","after":"B","ref":"refs/heads/main","checkout_sha":"B","user_id":3,
                "user_username":"alice","project_id":7,"project":{"id":7,"path_with_namespace":"acme/handbook"},"total_commits_count":31}"#,
            "push p:7=acme/handbook u:3=alice -> pull 2",
        ),
        // 2013: neither an event's name nor a project of its own.
        (
            PUSH,
            r#"{"before":"A","after":"B","ref":"refs/heads/main","user_id":4,"user_name":"John","project_id":7,
                "repository":{"name":"x"},"commits":[],"total_commits_count":4}"#,
            "push p:7 u:4 -> pull 2",
        ),
        // The branch is new, was deleted, was forced back: one pull, and the head decides.
        (
            PUSH,
            r#"{"object_kind":"push","project_id":7,"before":"ZERO","after":"B","ref":"refs/heads/main"}"#,
            "push p:7 -> pull 2",
        ),
        (
            PUSH,
            r#"{"object_kind":"push","project_id":7,"before":"A","after":"ZERO","ref":"refs/heads/main","checkout_sha":null}"#,
            "push p:7 -> pull",
        ),
        (
            PUSH,
            r#"{"object_kind":"push","project_id":7,"before":"B","after":"A","ref":"refs/heads/main","commits":[],"total_commits_count":0}"#,
            "push p:7 -> pull 1",
        ),
        // A rename: only the new path is told, and it is not asked for.
        (
            PUSH,
            r#"{"object_kind":"push","project_id":7,"before":"A","after":"B","ref":"refs/heads/main",
                "commits":[{"id":"B","added":["new.md"],"modified":[],"removed":[]}]}"#,
            "push p:7 -> pull 2",
        ),
        (
            "System Hook",
            r#"{"event_name":"repository_update","project_id":7,"changes":[{"before":"A","after":"B","ref":"refs/tags/v1"},
                {"before":"A","after":"B","ref":"refs/heads/main"}],"refs":["refs/tags/v1","refs/heads/main"]}"#,
            "repository_update p:7 -> pull 2",
        ),
        (
            "System Hook",
            r#"{"event_name":"repository_update","project_id":7,"refs":["refs/heads/main"]}"#,
            "repository_update p:7 -> pull",
        ),
        (
            "Tag Push Hook",
            r#"{"object_kind":"tag_push","project_id":7,"ref":"refs/tags/main","after":"B"}"#,
            "tag_push p:7 -> nothing: a tag moves no branch",
        ),
        (
            PUSH,
            r#"{"object_kind":"push","project_id":8,"after":"B","ref":"refs/heads/main"}"#,
            "push p:8 -> nothing: project 8 is not the one that is synced",
        ),
        (PUSH, r#"{"object_kind":"push","ref":"refs/heads/main"}"#, "push -> nothing: the event names no project"),
        (PUSH, r#"{"object_kind":"push","project_id":7}"#, "push p:7 -> nothing: the event names no branch"),
    ]);
    for body in [
        r#"{"object_kind":"push","project_id":7,"ref":"refs/heads/main2","after":"B"}"#,
        r#"{"object_kind":"push","project_id":7,"ref":"refs/heads/feature/main","after":"B"}"#,
        r#"{"object_kind":"push","project_id":7,"ref":"refs/tags/main","after":"B"}"#,
        r#"{"object_kind":"push","project_id":7,"ref":"main","after":"B"}"#,
    ] {
        assert_eq!(words(&read(PUSH, body)), other("push p:7"), "{body}");
    }
    let body = br#"{"object_kind":"push","project_id":7,"ref":"refs/heads/main"}"#;
    assert_eq!(words(&judge(PUSH, body, None)), "push p:7 -> nothing: nothing is configured yet");
}

#[test]
fn a_push_says_what_moved_and_one_of_more_references_than_are_kept_still_wakes() {
    let moved = |before: &str, after: &str| {
        let body = format!(
            r#"{{"object_kind":"push","project_id":7,"ref":"refs/heads/x","before":"{before}","after":"{after}"}}"#
        );
        read("Push Hook", &body).moves
    };
    let commit = |id: &str| Some(id.to_owned());
    let name = || "refs/heads/x".to_owned();
    assert_eq!(moved(A, B), [RefMove { name: name(), before: commit(A), after: commit(B) }]);
    assert_eq!(moved(ZERO, B), [RefMove { name: name(), before: None, after: commit(B) }]);
    assert_eq!(moved(A, ZERO), [RefMove { name: name(), before: commit(A), after: None }]);
    assert_eq!(
        moved(&"0".repeat(64), &"a".repeat(64)),
        [RefMove { name: name(), before: None, after: commit(&"a".repeat(64)) }]
    );
    assert_eq!(
        moved("not an id", "12345678901234567890123456789012345678901234567890123456789012345"),
        [RefMove { name: name(), before: None, after: None }]
    );
    let several = |count: usize| {
        let changes: Vec<String> =
            (0..count).map(|it| format!(r#"{{"ref":"refs/heads/b{it}","before":"{A}","after":"{B}"}}"#)).collect();
        let body = format!(r#"{{"event_name":"repository_update","project_id":7,"changes":[{}]}}"#, changes.join(","));
        let event = read("System Hook", &body);
        (event.moves.len(), task(&event.work[0]))
    };
    assert_eq!(several(100), (100, "nothing: another branch than `main` was pushed".into()));
    assert_eq!(several(101), (100, "pull".into()), "ours may be among the rest");
}

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
        // A push has reset the approvals.
        (
            MR,
            r#"{"object_kind":"merge_request","project":{"id":7},"object_attributes":{"id":99,"iid":12,"action":"unapproved","system":true,
                "system_action":"approvals_reset_on_push","source_branch":"topic","last_commit":{"id":"B"}}}"#,
            "merge_request/unapproved p:7 -> refresh MergeRequest#99!12,Approval!12",
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
        (
            "Milestone Hook",
            r#"{"object_kind":"milestone","project":{"id":7},"object_attributes":{"id":61,"iid":10},"action":"create"}"#,
            "milestone/create p:7 -> refresh Milestone#61!10",
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
    ]);
}

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
            "vulnerability p:7 -> nothing: vulnerabilities are not read",
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

#[test]
fn a_token_that_is_about_to_end_is_named_with_its_last_day() {
    const HOOK: &str = "Resource Access Token Hook";
    check(&[
        (
            HOOK,
            r#"{"object_kind":"access_token","project":{"id":7,"path_with_namespace":"acme/handbook"},"event_name":"expiring_access_token","object_attributes":{"user_id":90,"id":25,"name":"bot","expires_at":"2027-01-26","created_at":"2024-01-24 16:27:40 UTC"}}"#,
            "access_token p:7=acme/handbook u:90 -> access token Some(25) Some(\"bot\") ends Some(\"2027-01-26\")",
        ),
        (
            HOOK,
            r#"{"object_kind":"access_token","group":{"group_name":"Twitter","group_path":"twitter","group_id":35},"object_attributes":{"id":25,"expires_at":"2027-01-26T00:00:00.000Z"}}"#,
            "access_token g:35=twitter -> access token Some(25) None ends Some(\"2027-01-26\")",
        ),
        (
            "Resource Deploy Token Hook",
            r#"{"object_kind":"deploy_token","project":{"id":7},"event_name":"expiring_deploy_token","object_attributes":{"id":3,"name":"d","expires_at":null}}"#,
            "deploy_token p:7 -> deploy token Some(3) Some(\"d\") ends None",
        ),
        (
            HOOK,
            r#"{"event_name":"expiring_access_token","object_attributes":{"expires_at":"soon"}}"#,
            "expiring_access_token -> access token None None ends None",
        ),
    ]);
}

#[test]
fn bodies_that_nobody_expected_are_events_that_ask_for_nothing() {
    const UNREAD: &str = "push -> nothing: the event names no project";
    for body in [
        &b""[..],
        b" ",
        b"null",
        b"7",
        b"\"push\"",
        b"[]",
        b"[{\"object_kind\":\"push\",\"project_id\":7,\"ref\":\"refs/heads/main\"}]",
        b"{",
        b"{\"project_id\":7,\"ref\":\"refs/heads/main\"",
        b"{\"project_id\":7,\"ref\":\"refs/heads/main\"} trailing",
        b"not json",
        b"<html></html>",
        b"payload=%7B%7D",
        b"\xff\xfe\x00",
        b"{\"project_id\":7,\"ref\":\"refs/heads/ma\xffin\"}",
        b"{\"project_id\":1e999,\"ref\":\"refs/heads/main\"}",
    ] {
        let event = judge("Push Hook", body, watched());
        assert_eq!(words(&event), UNREAD, "{}", String::from_utf8_lossy(body));
    }
    check(&[
        ("Brand New Hook", "{}", "brand_new -> nothing: the event `brand_new` is not known here"),
        (
            "Brand New Hook",
            r#"{"object_kind":"Ünknown\u0007 Kind"}"#,
            "Ünknown_kind -> nothing: the event `Ünknown_kind` is not known here",
        ),
        ("", "{}", "unknown -> nothing: the body is not an event that is known"),
    ]);
}

#[test]
fn fields_of_other_types_hide_nothing_but_themselves() {
    for (odd, expected) in [
        (r#""project_id":7,"extra":{"a":[1,{"b":null}]}"#, "push p:7 -> pull"),
        (r#""project_id":"7""#, "push p:7 -> pull"),
        (r#""project_id":7,"user_id":"x","user_username":[1],"project":"handbook""#, "push p:7 -> pull"),
        (r#""project_id":7,"user_id":-1,"user_username":{"a":1},"project":[{"id":9}]"#, "push p:7 -> pull"),
        (r#""project_id":18446744073709551616,"project":{"id":7}"#, "push p:7 -> pull"),
        (r#""project_id":7.5,"project":{"id":7}"#, "push p:7 -> pull"),
        (r#""project_id":null,"project":{"id":7,"path_with_namespace":7}"#, "push p:7 -> pull"),
        (r#""project_id":[7],"project":{"id":7},"object_attributes":"x","changes":7,"refs":{}"#, "push p:7 -> pull"),
        (r#""project_id":8,"project_id":7"#, "push p:7 -> pull"),
        (
            r#""project_id":18446744073709551615"#,
            "push p:18446744073709551615 -> nothing: project 18446744073709551615 is not the one that is synced",
        ),
    ] {
        let body = format!(r#"{{"object_kind":"push",{odd},"ref":"refs/heads/main"}}"#);
        assert_eq!(words(&judge("Push Hook", body.as_bytes(), watched())), expected, "{body}");
    }
    // Escaped spellings mean the same.
    let escaped = br#"{"\u006fbject_kind":"pu\u0073h","project_id":7,"ref":"refs\/heads\/m\u0061in"}"#;
    assert_eq!(words(&judge("Push Hook", escaped, watched())), "push p:7 -> pull");
    let long = format!(r#"{{"object_kind":"push","project_id":7,"ref":"refs/heads/{}"}}"#, "m".repeat(2_000));
    assert_eq!(
        words(&judge("Push Hook", long.as_bytes(), watched())),
        "push p:7 -> nothing: the event names no branch"
    );
}

#[test]
fn the_time_is_the_newest_that_is_told_of_the_record() {
    for (body, at_ms) in [
        (
            r#"{"object_kind":"issue","object_attributes":{"id":1,"created_at":"2013-12-03T17:15:43Z","updated_at":"2013-12-03 17:23:34 UTC"}}"#,
            Some(1_386_091_414_000),
        ),
        (
            r#"{"object_kind":"deployment","deployment_id":1,"status_changed_at":"2021-04-28 21:50:00 +0200"}"#,
            Some(1_619_639_400_000),
        ),
        (
            r#"{"object_kind":"build","build_id":1,"build_created_at":"2021-02-23T02:41:37.886Z","build_started_at":null}"#,
            Some(1_614_048_097_886),
        ),
        (
            r#"{"event_name":"project_create","project_id":1,"created_at":"2012-07-21T07:30:54Z","updated_at":"2012-07-21T07:38:22Z"}"#,
            Some(1_342_856_302_000),
        ),
        (r#"{"object_kind":"push","project_id":1}"#, None),
        (r#"{"object_kind":"access_token","object_attributes":{"created_at":"2024-01-24 16:27:40 UTC"}}"#, None),
    ] {
        assert_eq!(read("", body).concern.at_ms, at_ms, "{body}");
    }
}

/// JSON of any shape that uses the words a delivery has, so that it gets behind the first field.
fn json() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "object_kind",
        "event_name",
        "push",
        "merge_request",
        "note",
        "project_id",
        "project",
        "id",
        "iid",
        "object_attributes",
        "changes",
        "refs",
        "ref",
        "refs/heads/main",
        "before",
        "after",
        "action",
        "open",
        "last_commit",
        "source_branch",
        "user",
        "expires_at",
        "x",
    ]);
    let text = prop_oneof![
        word.prop_map(|word| format!("\"{word}\"")),
        any::<String>().prop_map(|it| serde_json::to_string(&it).unwrap())
    ];
    let leaf = prop_oneof![
        text.clone(),
        any::<u64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| serde_json::to_string(&number).unwrap()),
        prop::sample::select(vec!["null", "true", "false", "7", "1e308", "-0", "123456789012345678901234567890"])
            .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(6, 60, 8, move |inner| {
        let fields = prop::collection::vec((text.clone(), inner.clone()), 0..8);
        let object = fields.prop_map(|fields| {
            let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}:{value}")).collect();
            format!("{{{}}}", fields.join(","))
        });
        prop_oneof![object, prop::collection::vec(inner, 0..8).prop_map(|list| format!("[{}]", list.join(",")))]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever is in a body, a proved sender gets one verdict, with something to do or a reason.
    #[test]
    fn every_body_has_a_verdict(body in json(), cut in any::<prop::sample::Index>(), header in ".{0,20}") {
        for body in [body.as_bytes(), &body.as_bytes()[..cut.index(body.len())]] {
            let event = judge(&header, body, watched());
            prop_assert!(!event.work.is_empty());
            let idle = event.work.iter().any(|work| matches!(work, Work::Nothing(_)));
            prop_assert!(!idle || event.work.len() == 1);
            prop_assert!(event.kind.chars().count() <= 64 && event.moves.len() <= 100);
        }
    }

    #[test]
    fn bytes_that_are_no_json_have_one_too(body in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(!judge("Push Hook", &body, watched()).work.is_empty());
    }
}
