//! Pushes of branches and tags, one by one and several at once.

use crate::told::{A, B, ZERO, check, judge, read, task, words};
use gitlab_sync_connector::webhook::RefMove;

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
        // Before version 7.9: no header either. Only a push has a reference and where it was.
        (
            "",
            r#"{"before":"A","after":"B","ref":"refs/heads/main","user_id":4,"project_id":7,"repository":{"name":"Diaspora"}}"#,
            "push p:7 u:4 -> pull 2",
        ),
        (
            "",
            r#"{"before":"ZERO","after":"B","ref":"refs/tags/v1","user_id":4,"project_id":7}"#,
            "tag_push p:7 u:4 -> nothing: a tag moves no branch",
        ),
        // The header says only who tells.
        ("System Hook", r#"{"before":"A","after":"B","ref":"refs/heads/main","project_id":7}"#, "push p:7 -> pull 2"),
        (
            "Service Hook",
            r#"{"object_kind":"push","before":"A","after":"B","ref":"refs/heads/main","project_id":7}"#,
            "push p:7 -> pull 2",
        ),
        // A template may say of another event where it was pushed.
        (
            "Job Hook",
            r#"{"project_id":7,"build_id":9,"before":"A","ref":"refs/heads/main"}"#,
            "job p:7 -> refresh Job#9",
        ),
        // A template of the hook's owner keeps what it likes; the header still tells the kind.
        (PUSH, r#"{"id":"7","branch":"main"}"#, "push -> nothing: the event names no project"),
        (PUSH, r#"{"project":{"id":"7"},"ref":"refs/heads/main"}"#, "push p:7 -> pull"),
        ("push hook", r#"{"project_id":7,"ref":"refs/heads/main"}"#, "push p:7 -> pull"),
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
            "System Hook",
            r#"{"event_name":"repository_update","project_id":7,"changes":[{"before":"ZERO","after":"B","ref":"refs/tags/v1"},
                {"before":"ZERO","after":"B","ref":"refs/tags/v2"}],"refs":["refs/tags/v1","refs/tags/v2"]}"#,
            "repository_update p:7 -> nothing: a tag moves no branch",
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
    let tags: Vec<String> = (0..101).map(|it| format!(r#"{{"ref":"refs/tags/v{it}"}}"#)).collect();
    let body = format!(r#"{{"event_name":"repository_update","project_id":7,"changes":[{}]}}"#, tags.join(","));
    assert_eq!(task(&read("System Hook", &body).work[0]), "pull", "behind a hundred tags too");
}
