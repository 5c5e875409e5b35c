//! What is allowed and what is refused: tables over the pure policy, nothing is sent.

use gitlab_sync_host::grant::Grant;
use gitlab_sync_host::http::denied::Denied;
use gitlab_sync_host::http::policy::{Ask, BodyLength, Via, decide, decide_head};
use gitlab_sync_host::http::target::{Origin, Target};
use gitlab_sync_host::manifest::{
    Capture, Credential, CredentialUse, GRANTED_AUTHOR_EMAIL, GRANTED_AUTHOR_NAME, GRANTED_URL, JsonShape, Pin,
    Profile, Rule, Slot, SlotUse, WorkspaceUse,
};
use gitlab_sync_host::permission::{Permission, PermissionError};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;

fn rule(method: &str, path: &str) -> Rule {
    Rule {
        purpose: format!("{method} {path}"),
        method: method.into(),
        path: path.into(),
        query: Vec::new(),
        credential: CredentialUse::Attach,
        max_request_bytes: 0,
        max_reply_bytes: 1 << 20,
        json: None,
        fills: Vec::new(),
        captures: Vec::new(),
    }
}

fn profile() -> Profile {
    let shape = |keys: &[&str]| JsonShape { keys: keys.iter().map(ToString::to_string).collect(), pins: Vec::new() };
    let pin = Pin { key: "query".into(), values: vec!["query { a }".into()] };
    Profile {
        name: "files-read-write".into(),
        summary: "Reads and writes files".into(),
        credential: Credential { slot: "token".into(), header: "private-token".into(), prefix: String::new() },
        workspace: WorkspaceUse::ReadWrite,
        rules: vec![
            Rule { credential: CredentialUse::Withhold, ..rule("GET", "/api/v4/version") },
            Rule {
                query: vec!["page".into(), "scopes[]".into()],
                ..rule("GET", "/api/v4/projects/{id}/repository/tree")
            },
            rule("GET", "/api/v4/projects/{#id}/repository/files/{path}/raw"),
            Rule {
                max_request_bytes: 64,
                json: Some(shape(&["branch", "actions"])),
                ..rule("POST", "/api/v4/projects/{#id}/repository/commits")
            },
            Rule {
                max_request_bytes: 256,
                json: Some(JsonShape { pins: vec![pin], ..shape(&["query", "variables"]) }),
                ..rule("POST", "/api/graphql")
            },
            Rule {
                max_request_bytes: 256,
                json: Some(shape(&["url", "token"])),
                fills: vec!["webhook".into()],
                ..rule("POST", "/api/v4/projects/{#id}/hooks")
            },
            Rule { max_request_bytes: 64, fills: vec!["webhook".into()], ..rule("POST", "/oauth/token") },
            Rule { max_request_bytes: 64, ..rule("PUT", "/upload/{name}") },
        ],
        slots: vec![
            Slot { name: "token".into(), purpose: "the token".into(), uses: vec![] },
            Slot { name: "webhook".into(), purpose: "signs deliveries".into(), uses: vec![SlotUse::Generate] },
        ],
    }
}

fn grant() -> Grant {
    Grant {
        origin: Some("https://gitlab.example.com".into()),
        base_path: "/gitlab".into(),
        profile: Some("files-read-write".into()),
        approved: Some(profile().digest()),
        ..Grant::default()
    }
}

fn permission() -> Permission {
    Permission::new(&profile(), &grant()).unwrap()
}

struct Case<'a> {
    via: Via,
    headers: &'a [(&'static str, &'static str)],
    body: &'a str,
}

const PLAIN: Case<'static> = Case { via: Via::Handler, headers: &[], body: "" };
const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

fn ask(method: &str, url: &str, case: &Case<'_>) -> Result<String, Denied> {
    let target = Target::from_uri(&url.parse().unwrap()).map_err(Denied::Target)?;
    let headers: HeaderMap = case
        .headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect();
    let body = if case.body.is_empty() { BodyLength::None } else { BodyLength::Unknown };
    let ask = Ask { via: case.via, method: &method.parse().unwrap(), target: &target, headers: &headers, body };
    decide(&permission(), &ask, case.body.as_bytes()).map(|rule| rule.path.to_string())
}

/// What was refused, by the first words that tell the kinds apart.
fn kind(denied: &Denied) -> String {
    let debug = format!("{denied:?}");
    debug.split([' ', '(', '{']).next().unwrap().to_owned()
}

#[test]
fn a_request_is_allowed_only_at_the_one_origin_below_the_base_path_and_by_a_rule() {
    let tree = "/api/v4/projects/{id}/repository/tree";
    for (method, url, verdict) in [
        ("GET", "https://gitlab.example.com/gitlab/api/v4/version", Ok("/api/v4/version")),
        ("GET", "https://GITLAB.example.com.:443/gitlab/api/v4/version", Ok("/api/v4/version")),
        ("GET", "https://gitlab.example.com/gitlab/api/v4/projects/a%2Fb/repository/tree", Ok(tree)),
        ("GET", "https://gitlab.example.com/gitlab/api/v4/projects/7/repository/tree?page=1&scopes%5B%5D=x", Ok(tree)),
        ("GET", "http://gitlab.example.com/gitlab/api/v4/version", Err("Origin")),
        ("GET", "http://gitlab.example.com:443/gitlab/api/v4/version", Err("Origin")),
        ("GET", "https://gitlab.example.com:8443/gitlab/api/v4/version", Err("Origin")),
        ("GET", "https://evil.example/gitlab/api/v4/version", Err("Origin")),
        ("GET", "https://gitlab.example.com.evil.example/gitlab/api/v4/version", Err("Origin")),
        ("GET", "https://x.gitlab.example.com/gitlab/api/v4/version", Err("Origin")),
        ("GET", "https://2130706433/gitlab/api/v4/version", Err("Origin")),
        ("GET", "https://gitlab.example.com@evil.example/gitlab/api/v4/version", Err("Target")),
        ("GET", "https://token@gitlab.example.com/gitlab/api/v4/version", Err("Target")),
        ("GET", "ftp://gitlab.example.com/gitlab/api/v4/version", Err("Target")),
        ("GET", "https://gitlab.example.com/api/v4/version", Err("BasePath")),
        ("GET", "https://gitlab.example.com/gitlab2/api/v4/version", Err("BasePath")),
        ("GET", "https://gitlab.example.com/gitlab/../api/v4/version", Err("Target")),
        ("GET", "https://gitlab.example.com/gitlab/%2e%2e/api/v4/version", Err("Target")),
        ("GET", "https://gitlab.example.com/gitlab//api/v4/version", Err("Target")),
        ("GET", "https://gitlab.example.com/gitlab/api/v4/version/", Err("Target")),
        ("GET", "https://gitlab.example.com/gitlab/api/v4/user", Err("NotWanted")),
        ("GET", "https://gitlab.example.com/gitlab/api/v4/projects/a/b/repository/tree", Err("NotWanted")),
        ("GET", "https://gitlab.example.com/gitlab/api/v4/projects/x/repository/files/a/raw", Err("NotWanted")),
        ("HEAD", "https://gitlab.example.com/gitlab/api/v4/version", Err("NotWanted")),
        ("DELETE", "https://gitlab.example.com/gitlab/api/v4/version", Err("NotWanted")),
        ("get", "https://gitlab.example.com/gitlab/api/v4/version", Err("NotWanted")),
        ("TRACE", "https://gitlab.example.com/gitlab/api/v4/version", Err("NotWanted")),
        ("CONNECT", "https://gitlab.example.com/gitlab/api/v4/version", Err("NotWanted")),
        ("GET", "https://gitlab.example.com/gitlab/api/v4/version?page=1", Err("Query")),
        (
            "GET",
            "https://gitlab.example.com/gitlab/api/v4/projects/7/repository/tree?page=1&private_token=x",
            Err("Query"),
        ),
        (
            "GET",
            "https://gitlab.example.com/gitlab/api/v4/projects/7/repository/tree?page=1&privat%65_token=x",
            Err("Query"),
        ),
        ("GET", "https://gitlab.example.com/gitlab/api/v4/projects/7/repository/tree?[private_token]=x", Err("Query")),
        (
            "GET",
            "https://gitlab.example.com/gitlab/api/v4/projects/7/repository/tree?page=1;private_token=x",
            Err("Target"),
        ),
    ] {
        let answer = ask(method, url, &PLAIN);
        assert_eq!(answer.as_deref().map_err(kind), verdict.map_err(str::to_owned), "{method} {url}");
    }
}

#[test]
fn a_guest_sets_a_few_headers_and_no_other() {
    let url = "https://gitlab.example.com/gitlab/api/v4/version";
    for name in ["accept", "if-none-match", "if-match", "range", "if-modified-since"] {
        assert!(ask("GET", url, &Case { headers: &[(name, "x")], ..PLAIN }).is_ok(), "{name}");
    }
    for name in [
        "authorization",
        "private-token",
        "job-token",
        "deploy-token",
        "cookie",
        "host",
        "sudo",
        "x-http-method-override",
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-host",
        "proxy-authorization",
        "user-agent",
        "accept-encoding",
        "te",
        "transfer-encoding",
        "upgrade",
        "connection",
        "expect",
        "x-anything",
        "content-encoding",
        "origin",
        "referer",
    ] {
        let answer = ask("GET", url, &Case { headers: &[(name, "x")], ..PLAIN });
        assert!(matches!(answer, Err(Denied::Header { .. })), "{name}: {answer:?}");
    }
    let twice = &[("accept", "a"), ("accept", "b")];
    assert!(matches!(ask("GET", url, &Case { headers: twice, ..PLAIN }), Err(Denied::Headers { .. })));
}

#[test]
fn a_body_is_judged_by_length_type_and_shape() {
    let commits = "https://gitlab.example.com/gitlab/api/v4/projects/7/repository/commits";
    let graphql = "https://gitlab.example.com/gitlab/api/graphql";
    let version = "https://gitlab.example.com/gitlab/api/v4/version";
    let upload = "https://gitlab.example.com/gitlab/upload/x";
    let long = format!(r#"{{"branch": "{}"}}"#, "x".repeat(64));
    let typed = |value| [("content-type", value)];
    for (method, url, headers, body, verdict) in [
        ("POST", commits, typed("application/json"), r#"{"branch": "main"}"#, Ok(())),
        ("POST", commits, typed("Application/JSON; charset=UTF-8"), r#"{"branch": "main"}"#, Ok(())),
        ("POST", commits, typed("application/json"), "", Ok(())),
        ("POST", commits, typed("application/json"), &long, Err("BodySize")),
        ("POST", commits, typed("application/json"), r#"{"start_sha": 1}"#, Err("Shape")),
        ("POST", commits, typed("application/json; charset=utf-7"), "{}", Err("ContentType")),
        ("POST", commits, typed("application/x-www-form-urlencoded"), "branch=main", Err("ContentType")),
        ("POST", commits, typed("text/plain"), "{}", Err("ContentType")),
        ("POST", graphql, typed("application/json"), r#"{"query": "query { a }"}"#, Ok(())),
        ("POST", graphql, typed("application/json"), r#"{"query": "mutation { a }"}"#, Err("Shape")),
        ("POST", graphql, typed("application/json"), r#"{"variables": {}}"#, Err("Shape")),
        ("POST", graphql, typed("application/json"), "", Err("Shape")),
        ("POST", graphql, typed("application/json"), r#"[{"query": "query { a }"}]"#, Err("Shape")),
        ("GET", version, typed("application/json"), "{}", Err("BodySize")),
        ("PUT", upload, typed("application/octet-stream"), "bytes", Ok(())),
        ("PUT", upload, typed("multipart/form-data; boundary=x"), "bytes", Err("ContentType")),
        ("PUT", upload, typed("application/x-www-form-urlencoded"), "_method=delete", Err("Shape")),
    ] {
        let answer = ask(method, url, &Case { headers: &headers, body, ..PLAIN }).map(drop);
        assert_eq!(answer.as_ref().map_err(kind), verdict.as_ref().map_err(ToString::to_string), "{url} {body}");
    }
    assert!(matches!(ask("POST", commits, &Case { body: "{}", ..PLAIN }), Err(Denied::ContentType { .. })));
}

#[test]
fn a_request_that_moves_secrets_is_made_by_exchange_and_no_other_is() {
    let hooks = "https://gitlab.example.com/gitlab/api/v4/projects/7/hooks";
    let version = "https://gitlab.example.com/gitlab/api/v4/version";
    let json = Case { headers: JSON, body: r#"{"url": "x", "token": "{{webhook}}"}"#, ..PLAIN };
    assert!(matches!(ask("POST", hooks, &json), Err(Denied::ExchangeOnly { .. })));
    assert!(ask("POST", hooks, &Case { via: Via::Exchange, ..json }).is_ok());
    assert!(matches!(ask("GET", version, &Case { via: Via::Exchange, ..PLAIN }), Err(Denied::NotForExchange { .. })));
}

#[test]
fn a_streamed_body_declares_its_length_so_that_a_cut_one_never_looks_complete() {
    let target = Target::from_uri(&"https://gitlab.example.com/gitlab/upload/x".parse().unwrap()).unwrap();
    let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("text/plain"))]);
    let head = |body| {
        let ask = Ask { via: Via::Handler, method: &Method::PUT, target: &target, headers: &headers, body };
        decide_head(&permission(), &ask)
    };
    assert!(matches!(head(BodyLength::Unknown).unwrap().decide_unread(), Err(Denied::LengthRequired { .. })));
    assert!(head(BodyLength::Exactly(64)).unwrap().decide_unread().is_ok());
    assert!(matches!(head(BodyLength::Exactly(65)), Err(Denied::BodySize { limit: 64, .. })));
}

#[test]
fn nothing_granted_refuses_everything_and_names_the_line_to_add() {
    let digest = profile().digest();
    for (grant, line) in [
        (Grant::default(), "add `origin = \"https://…\"`".to_owned()),
        (Grant { profile: None, ..grant() }, "add `profile = \"files-read-write\"`".to_owned()),
        (Grant { approved: None, ..grant() }, format!("add `approved = \"{digest}\"`")),
    ] {
        let permission = Permission::new(&profile(), &grant).unwrap();
        let target = Target::from_uri(&"https://gitlab.example.com/gitlab/api/v4/version".parse().unwrap()).unwrap();
        let headers = HeaderMap::new();
        let ask =
            Ask { via: Via::Handler, method: &Method::GET, target: &target, headers: &headers, body: BodyLength::None };
        let denied = decide(&permission, &ask, b"").unwrap_err();
        assert!(denied.hint().starts_with(&line), "{}", denied.hint());
        assert_eq!(permission.workspace(), WorkspaceUse::None);
        assert!(!permission.allows_slot("webhook", SlotUse::Generate));
    }
    assert!(Permission::nothing().site().is_err());
}

#[test]
fn a_grant_that_does_not_fit_is_an_error_with_the_line_to_fix() {
    let network = |change: fn(&mut gitlab_sync_host::grant::Network)| {
        let mut grant = grant();
        change(&mut grant.network);
        grant
    };
    for (grant, line) in [
        (Grant { origin: Some("https://user@x".into()), ..grant() }, "origin = "),
        (Grant { origin: Some("gitlab.example.com".into()), ..grant() }, "origin = "),
        (Grant { origin: Some("http://gitlab.example.com".into()), ..grant() }, "plain-text = true"),
        (Grant { base_path: "gitlab".into(), ..grant() }, "base-path = "),
        (Grant { base_path: "/a/../b".into(), ..grant() }, "base-path = "),
        (Grant { profile: Some("all".into()), ..grant() }, "profile = \"files-read-write\""),
        (Grant { approved: Some("sha256:00".into()), ..grant() }, "approved = \"sha256:"),
        (network(|network| network.private_addresses = vec!["10.0.0.0/0".into()]), "256th"),
        (network(|network| network.ca_pem = Some("x".into())), "BEGIN CERTIFICATE"),
        (network(|network| network.proxy = Some("http://user@proxy".into())), "proxy = "),
        (network(|network| network.proxy = Some("https://proxy".into())), "proxy = "),
    ] {
        let error = Permission::new(&profile(), &grant).unwrap_err();
        assert!(error.hint().contains(line), "{error}: {}", error.hint());
    }
}

#[test]
fn a_profile_that_is_not_valid_is_refused_whatever_is_granted() {
    let with = |change: fn(&mut Profile)| {
        let mut profile = profile();
        change(&mut profile);
        profile
    };
    let capturing = |captures: &[(&str, &str, Option<&str>)]| {
        let capture = |(field, slot, expires): &(&str, &str, Option<&str>)| Capture {
            field: (*field).into(),
            slot: (*slot).into(),
            expires_field: expires.map(str::to_owned),
        };
        let captures = captures.iter().map(capture).collect();
        Profile { rules: vec![Rule { captures, ..rule("GET", "/a") }], ..profile() }
    };
    for (profile, fault) in [
        (capturing(&[("a", "other", None)]), "`other`"),
        (capturing(&[("a", "token", None), ("a", "webhook", None)]), "the field to capture `a` twice"),
        (capturing(&[("a", "token", None), ("b", "token", None)]), "the slot to fill `token` twice"),
        (capturing(&[("a", "token", None), ("b", "webhook", Some("a"))]), "captures the field `a` and reads an expiry"),
        (capturing(&[("a", "token", None); 257]), "256 fields to capture"),
        (with(|profile| profile.rules[0].fills = vec!["webhook".into(); 2]), "the slot to send `webhook` twice"),
        (with(|profile| profile.rules[0].method = "CONNECT".into()), "CONNECT"),
        (with(|profile| profile.rules[0].method = "get".into()), "get"),
        (with(|profile| profile.rules[0].path = "api".into()), "starts with"),
        (with(|profile| profile.rules[0].path = "/a/{x}.json".into()), "{x}.json"),
        (with(|profile| profile.rules[0].max_request_bytes = u64::MAX), "more bytes"),
        (with(|profile| profile.rules[0].fills = vec!["other".into()]), "`other`"),
        (with(|profile| profile.credential.slot = "other".into()), "`other`"),
        (with(|profile| profile.credential.header = "host".into()), "`host`"),
        (with(|profile| profile.credential.header = "a b".into()), "`a b`"),
        (with(|profile| profile.credential.prefix = "x\r\nSudo: root\r\n".into()), "prefix"),
        (with(|profile| profile.slots.push(profile.slots[0].clone())), "twice"),
        (with(|profile| profile.rules = vec![profile.rules[0].clone(); 257]), "256 rules"),
    ] {
        let grant = Grant { approved: Some(profile.digest()), ..grant() };
        match Permission::new(&profile, &grant) {
            Err(error @ PermissionError::Manifest { .. }) => assert!(error.to_string().contains(fault), "{error}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn rules_for_one_request_capture_the_same_or_the_profile_is_refused() {
    let captures = |slot: &str| vec![Capture { field: "token".into(), slot: slot.into(), expires_field: None }];
    let renews = Rule {
        purpose: "renew the token".into(),
        captures: captures("webhook"),
        ..rule("POST", "/api/v4/tokens/{#id}/rotate")
    };
    let shows = |method: &str, path: &str| Rule { purpose: "see it".into(), ..rule(method, path) };
    let table = [
        (shows("POST", "/api/v4/tokens/{#id}/rotate"), false),
        (shows("POST", "/api/v4/{any}/7/rotate"), false),
        (shows("POST", "/api/v4/tokens/%37/rotate"), false),
        (Rule { fills: vec!["webhook".into()], ..shows("POST", "/api/v4/tokens/{id}/rotate") }, false),
        (Rule { captures: captures("other"), ..shows("POST", "/api/v4/tokens/{id}/rotate") }, false),
        (Rule { captures: captures("webhook"), ..shows("POST", "/api/v4/tokens/{id}/rotate") }, true),
        (shows("GET", "/api/v4/tokens/{#id}/rotate"), true),
        (shows("POST", "/api/v4/tokens/self/rotate"), true),
        (shows("POST", "/api/v4/tokens/{#id}"), true),
    ];
    for (other, clear) in table {
        let path = other.path.clone();
        let mut profile = profile();
        profile.slots.push(Slot { name: "other".into(), purpose: "another".into(), uses: vec![] });
        profile.rules.extend([renews.clone(), other]);
        // Whatever is granted: a table that is not clear is refused before anyone could approve it.
        match Permission::new(&profile, &Grant::default()) {
            Ok(_) => assert!(clear, "{path}"),
            Err(error) => {
                let told = error.to_string();
                assert!(!clear && told.contains("POST /api/v4/tokens/{#id}/rotate (renew the token)"), "{told}");
                assert!(told.contains(&format!("POST {path} (see it)")), "{told}");
            }
        }
    }
}

#[test]
fn a_grant_lowers_what_the_profile_wants_and_never_raises_it() {
    let with = |workspace| Permission::new(&profile(), &Grant { workspace, ..grant() }).unwrap().workspace();
    assert_eq!(with(None), WorkspaceUse::ReadWrite);
    assert_eq!(with(Some(WorkspaceUse::Read)), WorkspaceUse::Read);
    let reader = Profile { workspace: WorkspaceUse::Read, ..profile() };
    let wide = Grant { workspace: Some(WorkspaceUse::ReadWrite), approved: Some(reader.digest()), ..grant() };
    assert_eq!(Permission::new(&reader, &wide).unwrap().workspace(), WorkspaceUse::Read);
    let mut limited = grant();
    limited.limits.requests = Some(u32::MAX);
    limited.limits.in_flight = Some(2);
    let limits = Permission::new(&profile(), &limited).unwrap().limits();
    assert_eq!((limits.requests, limits.in_flight), (200, 2));
}

#[test]
fn a_refusal_says_what_and_which_line_and_never_a_value() {
    let url = "https://gitlab.example.com/gitlab/api/v4/version";
    let denied = [
        ask("GET", "https://gitlab.example.com:8443/gitlab/api/v4/version", &PLAIN).unwrap_err(),
        ask("GET", "https://gitlab.example.com/gitlab/api/v4/user?private_token=canary", &PLAIN).unwrap_err(),
        ask("GET", &format!("{url}?private_token=canary"), &PLAIN).unwrap_err(),
        ask("GET", url, &Case { headers: &[("private-token", "canary")], ..PLAIN }).unwrap_err(),
        ask("GET", "https://canary@gitlab.example.com/", &PLAIN).unwrap_err(),
    ];
    let text: Vec<_> = denied.iter().map(|denied| format!("{denied}\n  hint: {}", denied.hint())).collect();
    assert!(!text.concat().contains("canary"));
    insta::assert_snapshot!(text.join("\n"), @r#"
    denied GET at https://gitlab.example.com:8443: granted is https://gitlab.example.com
      hint: a connection has one server; if it should be this one, write `origin = "https://gitlab.example.com:8443"` in the grant
    denied GET /gitlab/api/v4/user: the profile `files-read-write` does not want it
      hint: no grant can allow it under this profile; another profile may want it, see `inspect`
    denied GET /gitlab/api/v4/version: the query parameter `private_token` is not in the rule
      hint: no grant can allow it: the rule in the connector's profile does not want it
    denied GET /gitlab/api/v4/version: the header `private-token` is not the connector's to set
      hint: no grant can allow it: the host sets everything else by itself
    denied: the request has no clear destination: a user name or password before `@` is not allowed
      hint: no grant can allow it: the connector must name scheme, host and a plain path
    "#);
}

proptest! {
    #[test]
    fn what_is_allowed_is_at_the_granted_origin_below_the_base_path(
        url in "https?://(gitlab|GITLAB|evil|gitlab%2e)[.@:]?(example)?[.@](com|com\\.|com:443|com:80)(/gitlab|/%67itlab|/x|/\\.\\.|//)/(api/v4/version|api/%2e%2e/v4|api/v4/versio%6e)"
    ) {
        let Ok(uri) = url.parse::<http::Uri>() else { return Ok(()) };
        let Ok(target) = Target::from_uri(&uri) else { return Ok(()) };
        let headers = HeaderMap::new();
        let ask = Ask { via: Via::Handler, method: &Method::GET, target: &target, headers: &headers, body: BodyLength::None };
        if decide(&permission(), &ask, b"").is_ok() {
            prop_assert_eq!(target.origin(), &"https://gitlab.example.com".parse::<Origin>().unwrap());
            prop_assert_eq!(target.to_uri().to_string(), "https://gitlab.example.com/gitlab/api/v4/version");
        }
    }
}

#[test]
fn a_value_that_stands_for_the_grants_is_the_grants_and_no_other() {
    let mut profile = profile();
    let pin = Pin { key: "url".into(), values: vec![GRANTED_URL.into()] };
    let hooks = profile.rules.iter_mut().find(|rule| rule.path.ends_with("/hooks")).unwrap();
    hooks.json.as_mut().unwrap().pins.push(pin);
    let judge = |granted: Option<&str>, body: &str| {
        let webhook_url = granted.map(str::to_owned);
        let grant = Grant { approved: Some(profile.digest()), webhook_url, ..grant() };
        let permission = Permission::new(&profile, &grant).unwrap();
        let target = Target::from_uri(&"https://gitlab.example.com/gitlab/api/v4/projects/7/hooks".parse().unwrap());
        let headers = HeaderMap::from_iter([(
            HeaderName::from_static("content-type"),
            HeaderValue::from_static("application/json"),
        )]);
        let (method, target) = (Method::POST, target.unwrap());
        let (via, length) = (Via::Exchange, BodyLength::Exactly(body.len() as u64));
        let ask = Ask { via, method: &method, target: &target, headers: &headers, body: length };
        decide(&permission, &ask, body.as_bytes()).map(drop).map_err(|denied| denied.hint())
    };
    let ours = Some("https://product.example.com/in");
    assert_eq!(judge(ours, r#"{"url": "https://product.example.com/in"}"#), Ok(()));
    for (granted, url) in [
        (ours, "https://product.example.com/in/"),
        (ours, "https://elsewhere.example.com/in"),
        (ours, GRANTED_URL),
        (ours, ""),
        (None, "https://product.example.com/in"),
        (None, GRANTED_URL),
        (None, ""),
    ] {
        let hint = judge(granted, &format!(r#"{{"url": "{url}"}}"#)).unwrap_err();
        assert!(hint.contains("`webhook-url = "), "{granted:?} {url}: {hint}");
    }
    assert!(judge(ours, "{}").is_err(), "it cannot be left out");
}

#[test]
fn a_commit_names_the_granted_author_or_none() {
    let mut profile = profile();
    let post = profile.rules.iter().find(|rule| rule.path.ends_with("/hooks")).unwrap().clone();
    let rule = |keys: &[&str], pins: &[(&str, &str)]| Rule {
        path: "/api/v4/projects/{#project}/repository/commits".into(),
        fills: vec![],
        captures: vec![],
        json: Some(JsonShape {
            keys: keys.iter().map(|key| (*key).into()).collect(),
            pins: pins.iter().map(|(key, value)| Pin { key: (*key).into(), values: vec![(*value).into()] }).collect(),
        }),
        ..post.clone()
    };
    profile.rules = vec![
        rule(&["actions"], &[]),
        rule(
            &["actions", "author_name", "author_email"],
            &[("author_name", GRANTED_AUTHOR_NAME), ("author_email", GRANTED_AUTHOR_EMAIL)],
        ),
    ];
    let judge = |granted: Option<(&str, &str)>, body: &str| {
        let (author_name, author_email) = granted.map(|(name, email)| (name.to_owned(), email.to_owned())).unzip();
        let grant = Grant { approved: Some(profile.digest()), author_name, author_email, ..grant() };
        let permission = Permission::new(&profile, &grant).unwrap();
        let uri = "https://gitlab.example.com/gitlab/api/v4/projects/7/repository/commits";
        let target = Target::from_uri(&uri.parse().unwrap()).unwrap();
        let headers = HeaderMap::from_iter([(
            HeaderName::from_static("content-type"),
            HeaderValue::from_static("application/json"),
        )]);
        let length = BodyLength::Exactly(body.len() as u64);
        let ask = Ask { via: Via::Handler, method: &Method::POST, target: &target, headers: &headers, body: length };
        decide(&permission, &ask, body.as_bytes()).map(drop).map_err(|denied| denied.hint())
    };
    let ana = Some(("Ana", "ana@example.com"));
    let by = |name: &str, email: &str| format!(r#"{{"actions":[],"author_name":"{name}","author_email":"{email}"}}"#);
    for granted in [None, ana] {
        assert_eq!(judge(granted, r#"{"actions":[]}"#), Ok(()), "the token's user may always be it");
    }
    assert_eq!(judge(ana, &by("Ana", "ana@example.com")), Ok(()));
    for (granted, body) in [
        (None, by("Ana", "ana@example.com")),
        (None, by("", "")),
        (ana, by("Bob", "ana@example.com")),
        (ana, by("Ana", "bob@example.com")),
        (Some(("Ana", "")), by("Ana", "ana@example.com")),
    ] {
        let hint = judge(granted, &body).unwrap_err();
        assert!(hint.contains("`author-name = "), "{granted:?} {body}: {hint}");
    }
    assert!(judge(ana, r#"{"actions":[],"author_name":"Ana"}"#).is_err(), "both or none");
}
