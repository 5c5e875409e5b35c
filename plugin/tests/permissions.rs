//! The permission tables list exactly the requests that the code makes.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod support;

use std::collections::BTreeSet;

use gitlab_sync_connector::about::{Profile, Rule, WorkspaceUse, profiles};
use gitlab_sync_connector::blob::BlobId;
use gitlab_sync_connector::fingerprint::Fingerprint;
use gitlab_sync_connector::gitlab::client::Client;
use gitlab_sync_connector::gitlab::commit::{Action, Draft, Place};
use gitlab_sync_connector::gitlab::{archive, blob, blobs, commit, compare, hook, page, project, token, tree};
use gitlab_sync_connector::request::{Method, Request, Target};
use serde_json::Value;
use support::{Memory, instance};

/// Every request the code can build. Those that take parameters are built with all of them.
fn requests() -> Vec<(Request, bool)> {
    let (host, at) = (Memory::default(), instance());
    let client = Client { host: &host, instance: &at };
    let place = Place { project: 7, branch: "feature/x", owner: Some("m1"), takes_over: &[] };
    let mut draft = Draft::new(Some("abc"), 0, 0);
    assert!(draft.add(&[
        Action::Create { path: "a", content: b"text" },
        Action::Update { path: "b", content: &[0xff] },
        Action::Move { path: "c", from: "d" },
        Action::Delete { path: "e" },
        Action::Chmod { path: "f", executable: true },
        Action::ChmodNew { path: "a", executable: true },
    ]));
    let cursor = |target: Target, cursor: &str| client.get(page::resume(target, cursor).unwrap());
    vec![
        (client.get(token::probe()), false),
        (token::identity(&client), true),
        (client.get(token::user(9)), true),
        (client.get(token::own_token()), true),
        (client.get(token::oauth_token()), true),
        (cursor(project::projects("docs"), "id_before=42"), true),
        (cursor(project::projects(""), "page=2"), true),
        (client.get(project::project(7)), true),
        (project::creation(&client, "docs", Some(3)), true),
        (cursor(project::branch_list(7, "main"), "page_token=main"), true),
        (client.get(project::namespace("acme/docs")), true),
        (client.get(project::branch(7, "feature/x")), true),
        (client.get(tree::target(7, "abc")), true),
        (cursor(tree::target(7, "abc"), "page_token=x"), true),
        (client.get(compare::target(7, "abc", "feature/x")), true),
        (blobs::request(&client, blobs::QUERY, "group/docs", "abc", &["a.md".to_owned()]), true),
        (blobs::request(&client, blobs::IDS_QUERY, "group/docs", "abc", &["a.md".to_owned()]), true),
        (client.get(archive::target(7, "abc")), true),
        (client.get(blob::raw(7, &BlobId::EMPTY)), true),
        (client.get(commit::newest(7, "feature/x")), true),
        (draft.finish(&client, &place, "message", &Fingerprint::from_bytes([0; 20])), true),
        (client.get(commit::newest_below(7, "feature/x", Some("docs"))), true),
        (client.get(hook::hooks(7)), true),
        (client.get(hook::deliveries(7, 8)), true),
    ]
}

fn matches(rule: &Rule, request: &Request) -> bool {
    let part = |(template, part): (&str, &str)| {
        if template.starts_with("{#") {
            return !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        }
        template.starts_with('{') || template == part
    };
    let (template, path) = (rule.path.split('/'), request.target.path().split('/'));
    rule.method == request.method.name()
        && template.clone().count() == path.clone().count()
        && template.zip(path).all(part)
        && request.target.query_names().all(|name| rule.query.contains(&name))
        && allowed_keys(rule) == keys(request)
}

fn allowed_keys(rule: &Rule) -> BTreeSet<String> {
    rule.json.iter().flat_map(|shape| shape.keys).map(|key| (*key).to_owned()).collect()
}

fn keys(request: &Request) -> BTreeSet<String> {
    let body: Value = serde_json::from_slice(request.body.as_deref().unwrap_or(b"{}")).unwrap();
    body.as_object().unwrap().keys().cloned().collect()
}

fn profile(name: &str) -> Profile {
    profiles().into_iter().find(|profile| profile.name == name).unwrap()
}

#[test]
fn every_request_has_exactly_one_rule_and_every_rule_a_request() {
    let rules = profile("files-read-write").rules;
    let mut used = BTreeSet::new();
    for (request, with_credential) in requests() {
        let found: Vec<usize> = (0..rules.len()).filter(|at| matches(&rules[*at], &request)).collect();
        assert_eq!(found.len(), 1, "{} {}", request.method.name(), request.target);
        let rule = &rules[found[0]];
        assert_eq!(rule.with_credential, with_credential, "{}", request.target);
        assert_eq!(rule.max_request_bytes > 0, request.body.is_some(), "{}", request.target);
        used.insert(found[0]);
    }
    let unused: Vec<&str> = (0..rules.len()).filter(|at| !used.contains(at)).map(|at| rules[at].purpose).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn the_read_only_profiles_hold_nothing_that_writes() {
    for name in ["files-read-only", "records-read-only"] {
        let profile = profile(name);
        for rule in profile.rules {
            let reads = rule.method == "GET" && rule.max_request_bytes == 0;
            let pinned = rule.json.is_some_and(|shape| {
                shape.pins.iter().any(|(key, texts)| {
                    *key == "query" && texts.iter().all(|text| text.starts_with("query(") || text.starts_with("query{"))
                })
            });
            assert!(reads || pinned, "{name}: {}", rule.purpose);
        }
    }
    let writing = profile("files-read-write").rules.into_iter().filter(|rule| rule.method != "GET");
    assert_eq!(
        writing.map(|rule| rule.path).collect::<Vec<_>>(),
        ["/api/graphql", "/api/graphql", "/api/v4/projects", "/api/v4/projects/{#project}/repository/commits"]
    );
}

#[test]
fn the_records_profile_reads_no_source() {
    let records = profile("records-read-only");
    assert_eq!(records.workspace, WorkspaceUse::None);
    assert!(records.rules.iter().all(|rule| !rule.path.contains("/repository")));
    assert!(records.slots.iter().all(|slot| slot.name == "token" && slot.uses.is_empty()));
}

#[test]
fn what_rewrites_history_cannot_be_said() {
    let request = requests()
        .into_iter()
        .map(|(request, _)| request)
        .find(|request| request.method == Method::Post && request.target.path().ends_with("/commits"));
    let body = String::from_utf8(request.unwrap().body.unwrap()).unwrap();
    for word in ["force", "start_sha", "start_branch", "start_project"] {
        assert!(!body.contains(&format!("\"{word}\"")), "{word}");
    }
    let rules = profile("files-read-write").rules;
    let keys: Vec<&str> = rules.iter().filter_map(|rule| rule.json).flat_map(|shape| shape.keys).copied().collect();
    assert_eq!(
        keys,
        ["query", "query", "variables", "name", "visibility", "namespace_id", "branch", "commit_message", "actions"]
    );
}
