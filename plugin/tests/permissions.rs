//! The permission tables list exactly the requests that the code makes.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use gitlab_sync_connector::about::{Profile, Rule, WorkspaceUse, profiles};
use gitlab_sync_connector::author::Author;
use gitlab_sync_connector::blob::BlobId;
use gitlab_sync_connector::body::Body;
use gitlab_sync_connector::fingerprint::Fingerprint;
use gitlab_sync_connector::gitlab::client::Client;
use gitlab_sync_connector::gitlab::commit::{Action, Draft};
use gitlab_sync_connector::gitlab::hook::Place;
use gitlab_sync_connector::gitlab::{archive, blob, blobs, commit, compare, hook, page, project, token, tree};
use gitlab_sync_connector::hooks::{Events, Proof, Wanted};
use gitlab_sync_connector::request::{Method, Request, Target};
use serde_json::Value;
use support::{Memory, instance};

/// Every request the code can build. Those that take parameters are built with all of them.
fn requests() -> Vec<(Request, bool)> {
    let (host, at) = (Memory::default(), instance());
    let client = Client { host: &host, instance: &at };
    let place = commit::Place { project: 7, branch: "feature/x", owner: Some("m1"), takes_over: &[], author: None };
    let author = Author { name: "Docs bot".into(), email: "docs@example.com".into() };
    let named = commit::Place { author: Some(&author), ..place };
    let drafts = [place, named].map(|place| {
        let mut draft = Draft::new(Some("abc"), Vec::new(), 0, 1_000);
        assert!(draft.add(vec![
            Action::Create { path: "a", content: b"text".to_vec().into() },
            Action::Update { path: "b", content: vec![0xff].into() },
            Action::Move { path: "c", from: "d" },
            Action::Delete { path: "e" },
            Action::Chmod { path: "f", executable: true },
            Action::ChmodNew { path: "a", executable: true },
        ]));
        draft.finish(&client, &place, "message", &Fingerprint::from_bytes([0; 20]))
    });
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
        (client.get(commit::newest_below(7, "feature/x", Some("docs"))), true),
    ]
    .into_iter()
    .chain(drafts.map(|draft| (draft, true)))
    .chain(hook_requests(&client, Place::Project(7), Events::Pushes))
    .collect()
}

/// Every request about webhooks.
fn hook_requests(client: &Client<'_>, place: Place, events: Events) -> Vec<(Request, bool)> {
    let wanted =
        Wanted { place, events, branch: "feature/x".into(), url: "https://h/in".into(), owner: Some("m1".into()) };
    let requests = [
        client.get(page::resume(place.list(), "page=2").unwrap()),
        client.get(place.deliveries(8)),
        hook::creation(client, place, wanted.body(Proof::Signature)),
        hook::change(client, place, 8, wanted.body(Proof::Token)),
        hook::test(client, place, 8, wanted.sample()),
        hook::removal(client, place, 8),
    ];
    requests.into_iter().map(|request| (request, true)).collect()
}

/// What the host fills in from the grant.
const GRANTED: &str = "{{grant.webhook-url}}";

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
    let body: Value = serde_json::from_slice(&request.body.as_ref().map_or(b"{}".to_vec(), Body::to_bytes)).unwrap();
    body.as_object().unwrap().keys().cloned().collect()
}

fn profile(name: &str) -> Profile {
    profiles().into_iter().find(|profile| profile.name == name).unwrap()
}

#[test]
fn every_request_has_exactly_one_rule_and_every_rule_a_request() {
    let (host, at) = (Memory::default(), instance());
    let client = Client { host: &host, instance: &at };
    let [project, group] =
        [Place::Project(7), Place::Group(7)].map(|place| hook_requests(&client, place, Events::Records));
    let has_no_sources = |(request, _): &(Request, bool)| {
        let rules = profile("records-read-only").rules;
        rules.iter().any(|rule| matches(rule, request))
    };
    let records = requests().into_iter().filter(has_no_sources).chain(project).chain(group).collect();
    each_has_one_rule("files-read-write", requests());
    each_has_one_rule("records-read-only-with-webhook", records);
}

fn each_has_one_rule(name: &str, requests: Vec<(Request, bool)>) {
    let rules = profile(name).rules;
    let mut used = BTreeSet::new();
    for (request, with_credential) in requests {
        let found: Vec<usize> = (0..rules.len()).filter(|at| matches(&rules[*at], &request)).collect();
        assert_eq!(found.len(), 1, "{} {}", request.method.name(), request.target);
        let rule = &rules[found[0]];
        assert_eq!(rule.with_credential, with_credential, "{}", request.target);
        assert_eq!(rule.max_request_bytes > 0, request.body.is_some(), "{}", request.target);
        let body = String::from_utf8(request.body.as_ref().map_or_else(Vec::new, Body::to_bytes)).unwrap();
        assert_eq!(rule.fills == ["webhook"], body.contains("{{webhook}}"), "{}", request.target);
        let is_granted = |values: &[&str]| values.iter().all(|value| value.starts_with("{{grant."));
        for (key, values) in rule.json.iter().flat_map(|shape| shape.pins).filter(|(_, values)| !is_granted(values)) {
            let sent: Value = serde_json::from_str(&body).unwrap();
            assert!(values.iter().any(|value| sent[*key] == **value), "{key} {}", request.target);
        }
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
    assert_eq!(
        writing("files-read-write"),
        [
            "POST /api/graphql",
            "POST /api/graphql",
            "POST /api/v4/projects",
            "POST /api/v4/projects/{#project}/repository/commits",
            "POST /api/v4/projects/{#project}/repository/commits",
            "POST /api/v4/projects/{#project}/hooks",
            "PUT /api/v4/projects/{#project}/hooks/{#hook}",
            "POST /api/v4/projects/{#project}/hooks/{#hook}/test/push_events",
            "DELETE /api/v4/projects/{#project}/hooks/{#hook}",
        ]
    );
    for name in ["files-read-only-with-webhook", "records-read-only-with-webhook"] {
        for rule in writing(name) {
            assert!(rule == "POST /api/graphql" || rule.contains("/hooks"), "{name}: {rule}");
        }
    }
}

fn writing(name: &str) -> Vec<String> {
    let rules = profile(name).rules.into_iter().filter(|rule| rule.method != "GET");
    rules.map(|rule| format!("{} {}", rule.method, rule.path)).collect()
}

#[test]
fn a_webhook_has_a_secret_and_an_address_that_the_connector_does_not_choose() {
    let rules = profiles().into_iter().flat_map(|profile| profile.rules);
    let sets = |rule: &Rule| rule.path.contains("/hooks") && rule.json.is_some();
    let mut count = 0;
    for rule in rules.filter(sets) {
        count += 1;
        let pins: BTreeMap<&str, &[&str]> = rule.json.unwrap().pins.iter().copied().collect();
        assert_eq!(pins["url"], [GRANTED], "{}", rule.path);
        assert_eq!(pins["signing_token"], ["{{webhook}}"], "{}", rule.path);
        assert_eq!(pins["token"], ["{{webhook}}", ""], "where GitLab signs, nothing else need prove a delivery");
        assert_eq!(pins["enable_ssl_verification"], ["true"], "{}", rule.path);
        let told = pins.iter().filter(|(key, values)| key.ends_with("_events") && **values == ["true"]);
        let told: Vec<_> = told.map(|(key, _)| *key).collect();
        assert!(told == ["push_events"] || told == ["merge_requests_events", "note_events"], "{told:?}");
    }
    assert_eq!(count, 8, "make and change, of two profiles for files and, twice, of one for records");
}

#[test]
fn what_people_name_cannot_stand_for_a_secret() {
    let name = |text: &str| text.replace("x", "{{webhook}}");
    let wanted = Wanted {
        place: Place::Project(7),
        events: Events::Pushes,
        branch: name("x-x"),
        url: name("https://h/x"),
        owner: Some(name("x")),
    };
    for (proof, pinned) in [(Proof::Signature, 1), (Proof::Token, 2)] {
        let body = String::from_utf8(wanted.body(proof)).unwrap();
        assert_eq!(body.matches("{{").count(), pinned, "the pinned ones: {body}");
    }
    let body = String::from_utf8(wanted.body(Proof::Token)).unwrap();
    let sent: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&sent["push_events_branch_filter"], &sent["token"]), (&name("x-x").into(), &name("x").into()));
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
    let body = String::from_utf8(request.unwrap().body.unwrap().to_bytes()).unwrap();
    for word in ["force", "start_sha", "start_branch", "start_project"] {
        assert!(!body.contains(&format!("\"{word}\"")), "{word}");
    }
    let rules = profile("files-read-write").rules.into_iter().filter(|rule| !rule.path.contains("/hooks"));
    let keys: Vec<&str> = rules.filter_map(|rule| rule.json).flat_map(|shape| shape.keys).copied().collect();
    assert_eq!(
        keys,
        [
            ["query", "query", "variables", "name", "visibility", "namespace_id"].as_slice(),
            &["branch", "commit_message", "actions", "stats"],
            &["branch", "commit_message", "actions", "author_name", "author_email", "stats"],
        ]
        .concat()
    );
}

#[test]
fn an_author_is_the_grants_and_never_one_that_the_connector_chooses() {
    let rules = profiles().into_iter().flat_map(|profile| profile.rules).filter_map(|rule| rule.json);
    let naming: Vec<_> = rules.filter(|shape| shape.keys.iter().any(|key| key.starts_with("author"))).collect();
    assert_eq!(naming.len(), 1);
    let pins = [("author_name", ["{{grant.author-name}}"]), ("author_email", ["{{grant.author-email}}"])];
    assert!(naming[0].pins.iter().map(|(key, values)| (*key, *values)).eq(pins.iter().map(|(k, v)| (*k, &v[..]))));
}
