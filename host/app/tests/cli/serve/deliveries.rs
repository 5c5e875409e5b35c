//! What becomes of deliveries.

use super::server::until;
use super::tenant::Tenant;
use crate::gitlab::Scene;
use std::collections::HashSet;

#[test]
fn a_delivery_is_answered_when_it_is_on_disk_and_the_branch_is_pulled() {
    let tenant = Tenant::new();
    let server = tenant.serve();
    tenant.scene.edit_in_gitlab(|commit| commit.update("there.md", "edited there\n"));
    let answer = tenant.tell(&server, "a");
    assert_eq!((answer.status, answer.body.as_str()), (200, "queued\n"));
    assert_eq!(tenant.count("SELECT count(*) FROM deliveries WHERE key = 'a' AND job IS NOT NULL"), 1);
    until("the file is here", || tenant.scene.here("there.md").as_deref() == Some("edited there\n"));
    let again = tenant.tell(&server, "a");
    assert_eq!((again.status, again.body.as_str()), (200, "known already\n"));
    let issue = br#"{"object_kind":"issue","project":{"id":1}}"#;
    let other = tenant.send(&server, &tenant.secret, issue);
    assert_eq!((other.status, other.body.as_str()), (200, "nothing to do\n"));
    tenant.wait_until_idle();
    assert_eq!(tenant.count("SELECT count(*) FROM jobs"), 1);
}

/// A connection with a name that is left alone counted as never synced, and no delivery began anything.
#[test]
fn a_file_that_is_left_alone_keeps_no_delivery_from_being_pulled() {
    let scene = Scene::ready();
    scene.program.write("files/There.md", "another\n");
    let tenant = Tenant::of(scene);
    let server = tenant.serve();
    tenant.scene.edit_in_gitlab(|commit| commit.update("here.md", "edited there\n"));
    assert_eq!(tenant.tell(&server, "a").body, "queued\n");
    until("the file is here", || tenant.scene.here("here.md").as_deref() == Some("edited there\n"));
    assert_eq!(tenant.scene.here("There.md").as_deref(), Some("another\n"));
}

#[test]
fn nobodys_path_and_a_wrong_secret_look_the_same() {
    let tenant = Tenant::new();
    let server = tenant.serve();
    let foreign = "f".repeat(50);
    let wrong = tenant.send(&server, &foreign, &tenant.push_event());
    assert_eq!((wrong.status, wrong.body.as_str()), (401, ""));
    let token = [("x-gitlab-token", tenant.secret.as_str()), ("x-gitlab-event", "Push Hook")];
    for path in [format!("/hooks/{}", "a".repeat(43)), "/hooks/a".into(), format!("{}a", tenant.path)] {
        assert_eq!(server.post(&path, &token, &tenant.push_event()), wrong, "{path}");
        assert_eq!(server.post(&path, &[], b""), wrong, "{path}");
    }
    for secret in ["", " ", &tenant.secret[1..], &format!("{}0", tenant.secret)] {
        assert_eq!(tenant.send(&server, secret, &tenant.push_event()), wrong, "{secret:?}");
    }
    let two = [("x-gitlab-token", tenant.secret.as_str()), ("x-gitlab-token", &foreign)];
    assert_eq!(server.post(&tenant.path, &two, &tenant.push_event()), wrong);
    assert_eq!(tenant.count("SELECT count(*) FROM deliveries"), 0);
    let own = std::fs::read_to_string(tenant.scene.program.path("home/audit_serve.jsonl")).unwrap();
    let strangers = std::fs::read_to_string(tenant.scene.program.path("home/audit_strangers.jsonl")).unwrap();
    let calls = |trail: &str| trail.lines().filter(|line| line.contains("verify-webhook")).count();
    assert_eq!((calls(&own), calls(&strangers)), (6, 6), "as much work, in trails of their own");
}

#[test]
fn a_burst_of_deliveries_waits_and_leads_to_one_pull() {
    let tenant = Tenant::new();
    let server = tenant.serve_with("settle-milliseconds = 60000\n");
    for key in ["a", "b", "c", "d", "e"] {
        assert_eq!(tenant.tell(&server, key).body, "queued\n");
    }
    let waits = "SELECT wakes FROM jobs WHERE stage = 'waiting' AND due_ms = created_ms + 60000";
    assert_eq!((tenant.count(waits), tenant.count("SELECT count(*) FROM jobs")), (5, 1));
}

/// What deliveries are judged by is kept in memory, and other processes change it.
#[test]
fn a_secret_that_a_command_changes_beside_the_server_holds_for_the_next_delivery() {
    let tenant = Tenant::new();
    let server = tenant.serve();
    let told = |arguments: &[&str]| {
        let run = tenant.scene.program.run(arguments);
        assert_eq!(run.status, 0, "{arguments:?}: {}", run.stderr);
        run.stdout.trim().to_owned()
    };
    let status = |secret: &str| tenant.send(&server, secret, &tenant.push_event()).status;
    assert_eq!(status(&tenant.secret), 200);
    let second = told(&["webhook", "secret", "--rotate"]);
    assert_ne!(second, tenant.secret);
    assert_eq!((status(&second), status(&tenant.secret)), (200, 200), "both live during a rotation");
    told(&["webhook", "secret", "--retire"]);
    assert_eq!((status(&second), status(&tenant.secret)), (200, 401));
    told(&["disconnect"]);
    assert_eq!(status(&second), 401);
}

/// Each order, with repeats, and with all but one lost.
#[test]
fn in_whatever_order_and_number_deliveries_come_the_same_state_is_reached() {
    let tenant = Tenant::new();
    let server = tenant.serve();
    for round in 0..4_u64 {
        let mut keys: Vec<String> = (0..12).map(|number| format!("{round}-{number}")).collect();
        for key in &keys {
            let text = format!("edited for {key}\n");
            tenant.scene.edit_in_gitlab(|commit| commit.update("there.md", text.as_str()));
        }
        // A walk through all places in steps that leave none out, another one in each round.
        let step = [1, 5, 7, 11][round as usize];
        keys = (0..12).map(|place| keys[place * step % 12].clone()).collect();
        if round == 3 {
            keys.truncate(1);
        }
        let repeats: Vec<_> = keys.iter().step_by(3).cloned().collect();
        for key in keys.iter().chain(&repeats) {
            assert_eq!(tenant.tell(&server, key).status, 200);
        }
        let last = format!("edited for {round}-11\n");
        until("the last edit is here", || tenant.scene.here("there.md").as_deref() == Some(&last));
        tenant.wait_until_idle();
        let taken: HashSet<_> = keys.iter().collect();
        let counted = format!("SELECT count(*) FROM deliveries WHERE key LIKE '{round}-%'");
        assert_eq!(tenant.count(&counted), i64::try_from(taken.len()).unwrap());
    }
    let outside = "SELECT count(*) FROM deliveries WHERE job NOT IN (SELECT number FROM jobs WHERE stage = 'done')";
    assert_eq!(tenant.count(outside), 0, "each led to a job that was done");
}

/// It was once tried again for ever: a sign-in that fails again and again locks an account.
#[test]
fn a_rejected_token_pauses_the_connection_and_gitlab_is_left_alone() {
    let tenant = Tenant::new();
    let server = tenant.serve();
    tenant.scene.gitlab.admin().revoke_token(1);
    assert_eq!(tenant.tell(&server, "a").status, 200);
    tenant.wait_until_idle();
    let problem = "SELECT count(*) FROM states WHERE json_extract(state, '$.paused.code') = 'token-rejected'";
    assert_eq!(tenant.count(problem), 1);
    assert_eq!(tenant.count("SELECT count(*) FROM jobs WHERE stage = 'dead'"), 1);
    let requests = tenant.scene.requests();
    for key in ["b", "c", "d"] {
        assert_eq!(tenant.tell(&server, key).status, 200, "the hook stays alive");
    }
    let (status, _) = server.end();
    assert_eq!(status, Some(0));
    let server = tenant.serve();
    assert_eq!(tenant.tell(&server, "e").status, 200);
    assert_eq!(tenant.scene.requests(), requests, "also after a restart");
    assert_eq!(tenant.count("SELECT wakes FROM jobs WHERE stage = 'waiting'"), 4, "nothing is lost");
    let admin = tenant.scene.gitlab.admin();
    let token = admin.create_token(gitlab_sim::TokenSpec::personal(tenant.scene.user, &["api"])).secret;
    tenant.scene.edit_in_gitlab(|commit| commit.update("there.md", "edited meanwhile\n"));
    tenant.scene.connect(&token, &[]).quietly(0);
    until("the file is here", || tenant.scene.here("there.md").as_deref() == Some("edited meanwhile\n"));
    assert_eq!(tenant.count(problem), 0, "a new token ends it");
}
