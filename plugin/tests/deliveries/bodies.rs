//! Bodies and fields that nobody expected.

use crate::told::{check, judge, read, watched, words};

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
        ("System Hook", "{}", "system -> nothing: the event `system` is not known here"),
        ("Service Hook", r#"{"ref":"main"}"#, "service -> nothing: the event `service` is not known here"),
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
        (r#""project_id":7.0"#, "push p:7 -> pull"),
        (r#""project_id":7e0"#, "push p:7 -> pull"),
        (r#""project_id":-7.0,"project":{"id":7}"#, "push p:7 -> pull"),
        (r#""project_id":1e16,"project":{"id":7}"#, "push p:7 -> pull"),
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
    // What an editor or a proxy put before it.
    let marked = b"\xef\xbb\xbf{\r\n  \"object_kind\": \"push\",\r\n  \"project_id\": 7,\r\n  \"ref\": \"refs/heads/main\"\r\n}\r\n";
    assert_eq!(words(&judge("Push Hook", marked, watched())), "push p:7 -> pull");
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
