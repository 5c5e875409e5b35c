//! `webhook verify` and `webhook secret`: deliveries that were saved, with a connection and without.

use crate::gitlab::Scene;
use crate::program::{Program, Run};

const SECRET: &str = "GITLAB_SYNC_WEBHOOK_SECRET";
/// The example of Standard Webhooks, whose rules GitLab follows.
const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const SIGNED: &str = "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek\r\nwebhook-timestamp: 1614265330\r\nDate: Thu, 25 Feb 2021 15:02:11 GMT\r\nwebhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\r\n";
const PUSH: &str = r#"{"object_kind":"push","project_id":42,"ref":"refs/heads/main","after":"2222222222222222222222222222222222222222"}"#;

/// A delivery in two files, judged by somebody who has neither a connection nor a home.
fn judge(program: &Program, more: &[&str], environment: &[(&str, &str)], typed: &str) -> Run {
    let arguments = [&["webhook", "verify", "--headers", "headers", "--body", "body"][..], more].concat();
    program.run_typing(&arguments, environment, typed)
}

fn saved(headers: &str, body: &str) -> Program {
    let program = Program::new();
    program.write("headers", headers);
    program.write("body", body);
    program
}

#[test]
fn a_saved_delivery_is_judged_as_of_when_it_came() {
    let program = saved(SIGNED, r#"{"test": 2432232314}"#);
    let at = |time: &[&str]| judge(&program, time, &[(SECRET, KEY)], "");
    for time in ["1614265330", "1614265630", "2021-02-25T15:02:10Z", "Thu, 25 Feb 2021 15:02:10 GMT", "header"] {
        let said = at(&["--received-at", time]).quietly(0);
        assert!(said.starts_with("Verified: event `unknown`, its signature is right\n"), "{said}");
    }
    for time in ["1614265631", "2026-11-14T09:30:00Z"] {
        assert!(at(&["--received-at", time]).quietly(3).starts_with("Rejected: the signed time"));
    }
    let old = at(&[]);
    assert_eq!((old.status, old.stdout.starts_with("Rejected: ")), (3, true), "{old:?}");
    assert!(
        old.stderr.starts_with("hint: a saved delivery is judged as of when it came with `--received-at 1614265330`;")
    );
    assert!(old.stderr.ends_with("as of then, 2021-02-25T15:02:10Z, its signature is right\n"), "{}", old.stderr);
    let foreign = judge(&program, &[], &[(SECRET, "another secret")], "");
    assert_eq!(foreign.status, 3);
    assert!(foreign.stderr.ends_with("it is rejected too: no signature verifies\n"), "{}", foreign.stderr);
    program.write("body", "{\"test\": 2432232314}\n");
    let edited = at(&["--received-at", "header"]);
    assert_eq!(
        (edited.status, edited.stderr.contains("hint: the body ends with a line break")),
        (3, true),
        "{edited:?}"
    );
    assert!(at(&["--received-at", "soon"]).complaint(1).contains("`soon` is not a time"));
}

#[test]
fn what_went_wrong_when_a_delivery_was_saved_is_said() {
    let now = &["--received-at", "1614265330"][..];
    let token = format!("X-Gitlab-Event: Push Hook\nX-Gitlab-Token: {KEY}\n");
    for (headers, body, more, status, hint) in [
        (SIGNED, "\u{feff}{}", now, 3, "hint: the body starts with a byte order mark"),
        (SIGNED, "{\r\n}", now, 3, "hint: the body has lines, and GitLab sends one"),
        (SIGNED, "{}\n", &[], 3, "no signature verifies\nhint: the body ends with a line break"),
        (PUSH, "X-Gitlab-Event: Push Hook", &[], 3, "`--headers` and `--body` may be swapped"),
        ("", PUSH, &[], 3, "hint: no header was read"),
        (&token, "", &[], 0, "hint: the body is not JSON"),
        (&token, "{}", &[], 0, "hint: a template of the webhook's owner needs `project_id` and `ref`"),
        (&token, PUSH, &[], 0, "hint: say what is synced with `--project ID` and `--branch NAME`"),
        (&token, PUSH, &["--project", "42", "--branch", "topic"], 0, ""),
        (&token, r#"{"object_kind":"emoji"}"#, &[], 0, ""),
    ] {
        let said = judge(&saved(headers, body), more, &[(SECRET, KEY)], "");
        assert_eq!((said.status, said.stderr.contains(hint)), (status, true), "{body}: {said:?}");
        assert!(!hint.is_empty() || said.stderr.is_empty(), "{said:?}");
    }
}

#[test]
fn nobody_needs_a_connection_or_a_home_to_judge_a_delivery() {
    let program = saved(&format!("X-Gitlab-Event: Push Hook\nX-Gitlab-Token: {KEY}\n"), PUSH);
    program.write("secret", format!("{KEY}\n"));
    let watched = ["--project", "42", "--branch", "main"];
    let by_file = [&watched[..], &["--secret-file", "secret"]].concat();
    let verified = judge(&program, &by_file, &[], "").quietly(0);
    assert!(verified.contains("pull: the branch may have moved (to 2222222222)"), "{verified}");
    assert_eq!(judge(&program, &watched, &[], KEY).quietly(0), verified, "the secret comes through a pipe");
    let elsewhere = ["--project", "42", "--branch", "topic"];
    let other = judge(&program, &elsewhere, &[(SECRET, KEY)], "").quietly(0);
    assert!(other.contains("nothing to do: another branch than `topic` was pushed"), "{other}");
    let alone = judge(&program, &[], &[(SECRET, KEY)], "");
    assert_eq!(alone.status, 0, "{alone:?}");
    assert!(alone.stdout.contains("nothing to do: nothing is configured yet"), "{alone:?}");
    assert_eq!(alone.stderr, "hint: say what is synced with `--project ID` and `--branch NAME`\n");
    let home = program.path("home");
    let left: Vec<_> = std::fs::read_dir(home).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["cache"], "nothing was written");
}

#[test]
fn without_a_good_secret_a_delivery_is_rejected() {
    let program = saved(&format!("X-Gitlab-Token: {KEY}\n"), PUSH);
    for secret in ["", " ", "\n"] {
        let said = judge(&program, &[], &[(SECRET, secret)], "").quietly(3);
        assert!(said.starts_with("Rejected: there is no secret to compare with\n"), "{said}");
    }
    assert!(judge(&program, &["--project", "42", "--branch", "main"], &[], "").quietly(3).starts_with("Rejected: "));
    for other in ["another secret", "another-secret", &KEY[..KEY.len() - 1], &format!("{KEY}x")] {
        let said = judge(&program, &[], &[(SECRET, other)], "").quietly(3);
        assert!(said.starts_with("Rejected: the token does not match"), "{said}");
    }
    assert!(judge(&program, &[], &[(SECRET, "a\u{7}secret")], "").complaint(1).contains("not a secret"));
    assert!(judge(&program, &[], &[(SECRET, "short")], "").complaint(1).contains("needs at least 8"));
    // The other one of a hook that sends a token and a signature, or the one before.
    let two = format!("another-secret\n{KEY}\n");
    judge(&program, &["--secret-file", "-", "--project", "42", "--branch", "main"], &[], &two).quietly(0);
    let none = judge(&program, &[], &[], "").complaint(1);
    assert!(none.starts_with("error: there is no connection `default`"), "{none}");
    assert!(none.contains("give the secret with `--secret-file FILE`"), "{none}");
}

#[test]
fn one_file_may_hold_the_delivery_and_gitlabs_log_hides_the_token() {
    let program = Program::new();
    program.write("one.json", format!(r#"{{"headers":{{"X-Gitlab-Token":"{KEY}"}},"body":{PUSH}}}"#));
    program
        .write("log.json", format!(r#"{{"request_headers":{{"X-Gitlab-Token":"[REDACTED]"}},"request_data":{PUSH}}}"#));
    program.write("none.json", "{}");
    let watched = ["--project", "42", "--branch", "main"];
    let judge = |file: &str| {
        program.run_with(&[&["webhook", "verify", "--delivery", file], &watched[..]].concat(), &[(SECRET, KEY)])
    };
    assert!(judge("one.json").quietly(0).starts_with("Verified: event `push`"));
    let hidden = judge("log.json");
    assert_eq!(
        (hidden.status, hidden.stderr.as_str()),
        (3, "hint: GitLab's log hides the token; save a delivery where it arrives\n")
    );
    program.write("wire.txt", format!("POST /hook HTTP/1.1\r\nX-Gitlab-Token: {KEY}\r\n\r\n{PUSH}"));
    assert!(judge("wire.txt").quietly(0).starts_with("Verified: event `push`"));
    assert!(judge("none.json").complaint(1).starts_with("error: `none.json`: it has no `body`"));
    assert!(judge("missing.json").complaint(1).contains("cannot be read"));
    assert_eq!(program.run(&["webhook", "verify", "--headers", "one.json"]).status, 2);
}

#[test]
fn what_a_delivery_asks_for_is_said_in_words_and_in_json() {
    let body = r#"{"object_kind":"merge_request","user":{"id":3,"username":"alice"},"project":{"id":42,"path_with_namespace":"acme/handbook"},
        "object_attributes":{"id":99,"iid":12,"action":"open","state":"opened","source_branch":"topic","target_branch":"main",
        "source_project_id":43,"target_project_id":42,"last_commit":{"id":"2222222222222222222222222222222222222222"},
        "updated_at":"2013-12-03 17:23:34 UTC"}}"#;
    let program =
        saved(&format!("X-Gitlab-Event: Merge Request Hook\nX-Gitlab-Token: {KEY}\nIdempotency-Key: k-1\n"), body);
    let words = judge(&program, &[], &[(SECRET, KEY)], "").quietly(0);
    let json = judge(&program, &["--json"], &[(SECRET, KEY)], "").quietly(0);
    insta::assert_snapshot!(format!("{words}\n{json}"));
}

#[test]
fn a_secret_is_replaced_without_losing_a_delivery_and_the_old_one_ends_when_it_is_told_to() {
    let scene = Scene::ready();
    let run = |more: &[&str]| scene.program.run(&[&["webhook", "secret", "--json"], more].concat());
    let json = |run: &Run| -> serde_json::Value { serde_json::from_str(&run.stdout).unwrap() };
    let secret = |run: &Run| json(run)["secret"].as_str().unwrap().to_owned();
    let judge = |token: &str| {
        scene.program.write("headers", format!("X-Gitlab-Token: {token}\n"));
        scene.program.write("body", PUSH);
        scene.program.run(&["webhook", "verify", "--headers", "headers", "--body", "body"]).status
    };
    let first = secret(&run(&[]));
    let rotated = run(&["--rotate"]);
    let second = secret(&rotated);
    assert!(second.starts_with("whsec_") && second != first);
    assert_eq!(json(&rotated)["previous_is_good"], true);
    assert!(rotated.stderr.contains("gitlab-sync webhook secret --retire"), "{}", rotated.stderr);
    assert_eq!(judge(&first), 0);
    let waiting = scene.program.run(&["webhook", "secret", "--rotate"]).complaint(1);
    assert!(waiting.contains("has not used the present secret yet") && waiting.contains("--retire"), "{waiting}");
    assert_eq!(secret(&run(&[])), second, "GitLab may still have the first, so there is no third");
    assert_eq!((judge(&second), judge(&first)), (0, 0));
    assert_eq!(json(&run(&["--retire"]))["retired"], true);
    assert_eq!((judge(&first), judge(&second)), (3, 0));
    assert_eq!(json(&run(&["--retire"]))["retired"], false);

    let set = |secret: &str| scene.program.run_typing(&["webhook", "secret", "--set"], &[], secret);
    for _ in 0..2 {
        let said = set("made-by-somebody-else\n");
        assert_eq!(said.status, 0, "{}", said.stderr);
        assert!(!said.stdout.contains("made-by-somebody-else"));
    }
    assert_eq!((judge("made-by-somebody-else"), judge(&second)), (0, 0), "given twice, it pushed out the one before");
    assert!(set("").complaint(1).starts_with("error: no secret was given\nhint: set GITLAB_SYNC_WEBHOOK_SECRET"));
    assert!(set("short").complaint(1).contains("needs at least 8"));
    assert_eq!(judge("made-by-somebody-else"), 0);
    assert_eq!(scene.program.run(&["webhook", "secret", "--set", "--rotate"]).status, 2);
}
