//! `serve --demo`: what it prints is enough to look around, and nothing is left of it.

use super::api::client::call;
use super::server::until;
use crate::program::Program;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;

#[test]
fn two_organisations_are_there_with_a_conflict_and_a_history_and_nothing_is_left_at_the_end() {
    let program = Program::new();
    std::fs::create_dir(program.path("temporary")).unwrap();
    let temporary = program.path("temporary");
    let environment = [("TMPDIR", temporary.to_str().unwrap())];
    let mut child = program.start(&["serve", "--demo", "--listen", "127.0.0.1:0", "--json"], &environment);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut text = String::new();
    for line in lines {
        text.push_str(&line);
        if line == "}" {
            break;
        }
    }
    let shown: Value = serde_json::from_str(&text).unwrap();
    let address: SocketAddr = shown["address"].as_str().unwrap().trim_start_matches("http://").parse().unwrap();
    assert!(Path::new(shown["folder"].as_str().unwrap()).starts_with(&temporary));
    let users = shown["users"].as_array().unwrap();
    let roles: Vec<_> =
        users.iter().map(|user| (user["organisation"].as_str().unwrap(), user["role"].as_str().unwrap())).collect();
    assert_eq!(roles, [("acme", "admin"), ("acme", "viewer"), ("globex", "admin"), ("globex", "viewer")]);
    for user in users {
        looked_around(address, user["token"].as_str().unwrap());
    }
    an_edit_in_gitlab_arrives(&shown);
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
}

fn looked_around(address: SocketAddr, token: &str) {
    let get = |path: &str| -> Value { serde_json::from_str(&call(address, "GET", path, token, None).body).unwrap() };
    let connections = get("/api/v1/connections");
    assert_eq!(connections.as_array().unwrap().len(), 1, "{connections}");
    let at = |rest: &str| format!("/api/v1/connections/{}{rest}", connections[0]["id"].as_str().unwrap());
    assert_eq!(connections[0]["state"]["auto_sync"], true);
    assert_eq!(get(&at("/conflicts"))[0]["path"], "config/on-call.yaml");
    let history = get(&at("/history"));
    let did: Vec<_> = history.as_array().unwrap().iter().map(|it| it["action"].as_str().unwrap()).collect();
    assert!(did.contains(&"connect") && did.contains(&"sync") && did.contains(&"pull"), "{did:?}");
}

/// By a delivery that GitLab sends.
fn an_edit_in_gitlab_arrives(shown: &Value) {
    let (host, base) = shown["gitlab"].as_str().unwrap().trim_start_matches("http://").split_once('/').unwrap();
    let path = format!("/{base}/api/v4/projects/ana%2Fhandbook/repository/files/README.md");
    let body = json!({ "branch": "main", "content": "edited in the demo\n", "commit_message": "Edit" }).to_string();
    let token = shown["gitlab_token"].as_str().unwrap();
    let answer = call(host.parse().unwrap(), "PUT", &path, token, Some(&body));
    assert_eq!(answer.status, 200, "{}", answer.body);
    let file = Path::new(shown["folder"].as_str().unwrap()).join("home/workspaces/acme/handbook/README.md");
    until("the edit is here", || std::fs::read_to_string(&file).is_ok_and(|text| text == "edited in the demo\n"));
}
