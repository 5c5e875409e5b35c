//! What goes out, what comes in, and what the connector is shown of it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use gitlab_sync_host::secrets::exchange::{
    Decided, ExchangeError, ExchangeReply, ExchangeRequest, NoReply, Outgoing, Refusal, Transport,
};
use gitlab_sync_host::secrets::memory::MemoryStore;
use gitlab_sync_host::secrets::secret::Secret;
use gitlab_sync_host::secrets::vault::Vault;
use tokio::sync::{Barrier, Notify};

use crate::support::{Bench, Server, Tokens, connection, master, reply, rotate_request, rule, slot, stored, text};

/// A webhook's secret that tests every escape, and tries to be a placeholder itself.
const AWKWARD: &str = "canary \"q\" \\ {{token}} é/😀&a=1+%2F\r\n\u{7f}";

fn bench() -> (Arc<MemoryStore>, Bench) {
    let store = Arc::new(MemoryStore::default());
    (store.clone(), Bench::new(store))
}

async fn put(bench: &Bench, name: &str, secret: &str) {
    bench.vault.put(&connection("1"), &slot(name), &stored(secret)).await.unwrap();
}

fn request(path: &str, content_type: &str, body: &str) -> ExchangeRequest {
    ExchangeRequest {
        method: "POST".to_owned(),
        path_with_query: path.to_owned(),
        headers: vec![("Content-Type".to_owned(), content_type.to_owned())],
        body: body.to_owned(),
    }
}

fn shown(reply: &ExchangeReply) -> &str {
    str::from_utf8(&reply.body).unwrap()
}

#[tokio::test]
async fn a_secret_arrives_as_it_is_and_the_policy_sees_the_placeholder_only() {
    let (_, bench) = bench();
    put(&bench, "webhook", AWKWARD).await;
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let (copy, echo) = (arrived.clone(), AWKWARD.to_owned());
    let server = Server::new(move |request| {
        copy.lock().unwrap().push(request.body().to_vec());
        Ok(reply(201, serde_json::json!({"id": 7, "url": "https://x", "note": format!("<{echo}>")}).to_string()))
    });
    let json = request("/hooks", "application/json", r#"{"url":"https://x","token":"{{webhook}}"}"#);
    let seen = bench.call(server.clone()).exchange(json).await.unwrap();
    let form = request("/hooks", "application/x-www-form-urlencoded", "token={{webhook}}&b=1");
    bench.call(server.clone()).exchange(form).await.unwrap();

    let arrived = arrived.lock().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&arrived[0]).unwrap();
    assert_eq!(json, serde_json::json!({"url": "https://x", "token": AWKWARD}));
    let form: Vec<_> = url::form_urlencoded::parse(&arrived[1]).into_owned().collect();
    assert_eq!(form, [("token".to_owned(), AWKWARD.to_owned()), ("b".to_owned(), "1".to_owned())]);
    assert_eq!((seen.status, shown(&seen)), (201, r#"{"id":7,"note":"<[secret]>","url":"https://x"}"#));
    let judged = server.judged.lock().unwrap().join("\n");
    assert!(judged.contains("{{webhook}}") && !judged.contains("canary"), "{judged}");
    assert_eq!(bench.heard.take(), ["fill webhook done", "fill webhook done"]);
}

#[tokio::test]
async fn what_comes_is_in_its_slot_before_the_connector_hears_of_it() {
    let (store, bench) = bench();
    put(&bench, "refresh", "old-refresh-canary").await;
    let server = Server::new(|request| {
        assert_eq!(request.body(), r#"{"refresh_token":"old-refresh-canary"}"#);
        let mut reply = reply(
            200,
            r#"{"access_token":"new-access-canary","expires_in":7200,"refresh_token":"new-refresh-canary",
                "again":{"deep":["new-access-canary","old-refresh-canary"]}}"#
                .to_owned(),
        );
        let link = "https://x/?t=new-access-canary&b=bmV3LWFjY2Vzcy1jYW5hcnk=".parse().unwrap();
        reply.headers_mut().insert("link", link);
        reply.headers_mut().insert("set-cookie", "session=1".parse().unwrap());
        Ok(reply)
    });
    let request = request("/oauth/token", "application/json", r#"{"refresh_token":"{{refresh}}"}"#);
    let seen = bench.call(server).exchange(request).await.unwrap();

    let other_process = Vault::new(store, master(1));
    assert_eq!(text(&other_process, "1", "token").await.as_deref(), Some("new-access-canary"));
    assert_eq!(text(&other_process, "1", "refresh").await.as_deref(), Some("new-refresh-canary"));
    let status = other_process.status(&connection("1"), &slot("token")).await.unwrap();
    let dates = status.present.unwrap();
    assert_eq!((dates.expires_ms.unwrap() - dates.created_ms, status.unsettled_since_ms), (7_200_000, None));
    assert_eq!(
        shown(&seen),
        r#"{"access_token":"[captured]","expires_in":7200,"refresh_token":"[captured]",
                "again":{"deep":["[captured]","[secret]"]}}"#
    );
    assert_eq!(seen.headers, [("link".to_owned(), "https://x/?t=[captured]&b=[captured]k=".to_owned())]);
    assert_eq!(bench.heard.take(), ["fill refresh done", "capture token done", "capture refresh done"]);
}

#[tokio::test]
async fn a_wrong_request_is_refused_before_anything_is_read_or_sent() {
    let (_, bench) = bench();
    put(&bench, "token", "canary-token").await;
    put(&bench, "webhook", "canary\nline").await;
    put(&bench, "refresh", "canary-refresh").await;
    let json = |path: &str, body: &str| request(path, "application/json", body);
    let in_header = |path: &str, value: &str| ExchangeRequest {
        headers: vec![("x-secret".to_owned(), value.to_owned())],
        ..request(path, "", "")
    };
    let cases = [
        // A secret to a wrong place.
        (json("/hooks", r#"{"a":"{{token}}"}"#), "slot `token` may not go out to \"make a webhook\""),
        (json("/projects/7", r#"{"a":"{{webhook}}"}"#), "no rule for POST /projects/7"),
        (in_header("/hooks", "{{token}}"), "slot `token` may not go out"),
        (json("/hooks", r#"{"a":"{{unknown}}"}"#), "has no slot `unknown`"),
        (json("/hooks?a={{webhook}}", "{}"), "not in the path"),
        // A rule for a slot that is not of the profile.
        (json("/stranger", "{}"), "has no slot `unknown`"),
        // Bodies in which a secret would not stay one value.
        (json("/hooks", r#"{"a":{{webhook}}}"#), "is not JSON"),
        (request("/hooks", "text/plain", "{{webhook}}"), "need one content-type"),
        (request("/hooks", "", "{{webhook}}"), "need one content-type"),
        (json("/hooks", &format!("\"{}\"", "{{webhook}}".repeat(17))), "more than 16 placeholders"),
        // Secrets that cannot stand there.
        (in_header("/hooks", "{{webhook}}"), "the secret in slot `webhook` has control characters"),
        // No request at all.
        (ExchangeRequest { method: "a b".to_owned(), ..json("/hooks", "{}") }, "no rule for a b"),
        (ExchangeRequest { headers: vec![("a b".to_owned(), String::new())], ..json("/hooks", "{}") }, "not one"),
    ];
    let server = Server::new(|request| panic!("sent: {request:?}"));
    for (request, expected) in cases {
        let error = bench.call(server.clone()).exchange(request.clone()).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error} is not {expected}");
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    }
    let status = bench.vault.status(&connection("1"), &slot("token")).await.unwrap();
    assert_eq!(status.unsettled_since_ms, None);
    let two_types = ExchangeRequest {
        headers: vec![("content-type".to_owned(), "application/json".to_owned()); 2],
        ..json("/hooks", r#"{"a":"{{webhook}}"}"#)
    };
    let error = bench.call(server).exchange(two_types).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Request(_)), "{error}");
}

#[tokio::test]
async fn an_empty_slot_is_an_error_of_its_own() {
    let (_, bench) = bench();
    let error = bench.call(Server::says(200, "{}")).exchange(rotate_request()).await.unwrap_err();
    assert!(matches!(&error, ExchangeError::Empty(empty) if *empty == slot("token")), "{error}");
    assert_eq!(bench.heard.take(), ["fill token empty"]);
}

#[tokio::test]
async fn a_reply_without_the_field_names_it_keeps_the_others_and_leaves_a_note() {
    // The last one could not be kept out of later replies, so it is no secret.
    for body in [
        r#"{"access_token":"new-access"}"#,
        r#"{"access_token":"new-access","refresh_token":7}"#,
        r#"{"access_token":"new-access","refresh_token":"7 bytes"}"#,
    ] {
        let (_, bench) = bench();
        put(&bench, "refresh", "old-refresh").await;
        let request = request("/oauth/token", "application/json", r#"{"r":"{{refresh}}"}"#);
        let error = bench.call(Server::says(200, body)).exchange(request).await.unwrap_err();
        let told = "the reply (200) has no text of at least 8 bytes in field `refresh_token` for slot `refresh`";
        assert_eq!(error.to_string(), told);
        assert_eq!(text(&bench.vault, "1", "token").await.as_deref(), Some("new-access"));
        assert_eq!(text(&bench.vault, "1", "refresh").await.as_deref(), Some("old-refresh"));
        for (name, in_doubt) in [("token", false), ("refresh", true)] {
            let status = bench.vault.status(&connection("1"), &slot(name)).await.unwrap();
            assert_eq!(status.unsettled_since_ms.is_some(), in_doubt, "{name}");
        }
        assert_eq!(bench.heard.take()[1..], ["capture token done", "capture refresh missing"]);
    }
}

#[tokio::test]
async fn only_a_success_fills_a_slot_and_only_a_clear_refusal_leaves_no_doubt() {
    let body = r#"{"token":"not-to-be-kept","message":"bad old-token-canary"}"#;
    for (status, in_doubt) in
        [(301, false), (400, false), (401, false), (408, true), (429, false), (500, true), (502, true)]
    {
        let (_, bench) = bench();
        put(&bench, "token", "old-token-canary").await;
        let seen = bench.call(Server::says(status, body)).exchange(rotate_request()).await.unwrap();
        assert_eq!(seen.status, status);
        assert_eq!(shown(&seen), r#"{"token":"[withheld]","message":"bad [secret]"}"#);
        assert_eq!(text(&bench.vault, "1", "token").await.as_deref(), Some("old-token-canary"));
        let found = bench.vault.status(&connection("1"), &slot("token")).await.unwrap();
        assert_eq!(found.unsettled_since_ms.is_some(), in_doubt, "{status}");
    }
}

#[tokio::test]
async fn no_reply_leaves_a_note_that_a_later_refusal_does_not_take_back() {
    let (_, bench) = bench();
    put(&bench, "token", "old").await;
    let silent = Server::new(|_| Err(NoReply("connection-terminated".to_owned())));
    let error = bench.call(silent).exchange(rotate_request()).await.unwrap_err();
    assert!(matches!(&error, ExchangeError::NoReply(NoReply(name)) if name == "connection-terminated"));
    let since = || async { bench.vault.status(&connection("1"), &slot("token")).await.unwrap().unsettled_since_ms };
    let first = since().await.expect("in doubt");
    bench.call(Server::says(401, "{}")).exchange(rotate_request()).await.unwrap();
    assert_eq!(since().await, Some(first));
    bench.call(Server::says(200, r#"{"token":"new-canary"}"#)).exchange(rotate_request()).await.unwrap();
    assert_eq!(since().await, None);
    let heard = bench.heard.take();
    assert_eq!(
        heard[..4],
        ["fill token no-reply", "capture token no-reply", "fill token done", "capture token missing"]
    );
}

/// The connector once named the fields, and with a wrong one it would have been shown the right one.
#[tokio::test]
async fn what_the_rule_lists_is_captured_whatever_the_connector_asks() {
    let (_, bench) = bench();
    put(&bench, "token", "glpat-canary-0").await;
    let tokens = Arc::new(Tokens::default());
    let asked = [
        rotate_request(),
        ExchangeRequest { body: r#"{"captures":[]}"#.to_owned(), ..rotate_request() },
        ExchangeRequest {
            headers: [rotate_request().headers, vec![("x-captures".to_owned(), "expires_at".to_owned())]].concat(),
            ..rotate_request()
        },
    ];
    for request in asked {
        let issuer = tokens.clone();
        let seen = bench.call(Server::new(move |request| Ok(issuer.rotate(request)))).exchange(request).await.unwrap();
        assert_eq!(shown(&seen), r#"{"id":7,"token":"[captured]","expires_at":"2026-12-01"}"#);
        assert_eq!(text(&bench.vault, "1", "token").await, Some(tokens.current()));
    }
    assert_eq!(tokens.current(), "glpat-canary-3");
}

#[tokio::test]
async fn a_rule_that_lists_the_wrong_field_does_not_show_the_right_one() {
    let (_, bench) = bench();
    put(&bench, "token", "glpat-canary-0").await;
    let tokens = Tokens::default();
    let server = Server::new(move |request| Ok(tokens.rotate(request)));
    let request = ExchangeRequest { path_with_query: "/wrong".to_owned(), ..rotate_request() };
    let seen = bench.call(server).exchange(request).await.unwrap();
    assert_eq!(shown(&seen), r#"{"id":7,"token":"[withheld]","expires_at":"[captured]"}"#);
}

#[tokio::test]
async fn a_captured_field_is_out_of_sight_in_every_reply_whatever_its_name() {
    for (status, body, expected) in [
        (200, r#"{"pat":"new-canary","n":{"pat":"other"}}"#, r#"{"pat":"[captured]","n":{"pat":"[withheld]"}}"#),
        (201, r#"{"pat":"new-canary","pat":"newer-canary"}"#, r#"{"pat":"[captured]","pat":"[captured]"}"#),
        (300, r#"{"pat":"canary"}"#, r#"{"pat":"[withheld]"}"#),
        (409, r#"{"pat":"canary"}"#, r#"{"pat":"[withheld]"}"#),
        (500, r#"{"pat":"canary"}"#, r#"{"pat":"[withheld]"}"#),
    ] {
        let (_, bench) = bench();
        let seen = bench.call(Server::says(status, body)).exchange(request("/odd", "", "")).await.unwrap();
        assert_eq!((seen.status, shown(&seen)), (status, expected));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn exchanges_of_one_slot_go_one_after_the_other_each_with_the_newest_token() {
    let (_, bench) = bench();
    put(&bench, "token", "glpat-canary-0").await;
    let (tokens, inside) = (Arc::new(Tokens::default()), AtomicU32::new(0));
    let issuer = tokens.clone();
    let server = Server::new(move |request| {
        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two at once");
        std::thread::sleep(Duration::from_millis(1));
        let reply = issuer.rotate(request);
        inside.fetch_sub(1, Ordering::SeqCst);
        Ok(reply)
    });
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let call = bench.call(server.clone());
        calls.spawn(async move { call.exchange(rotate_request()).await.unwrap().status });
    }
    assert!(calls.join_all().await.into_iter().all(|status| status == 200));
    assert_eq!(tokens.current(), "glpat-canary-32");
    assert_eq!(text(&bench.vault, "1", "token").await, Some(tokens.current()));
}

/// Waits inside `send`.
struct Waiting {
    entered: Barrier,
    arrived: Notify,
    leave: Notify,
}

#[async_trait]
impl Transport for Waiting {
    async fn decide(&self, request: &Outgoing<'_>) -> Result<Decided, Refusal> {
        Ok(Decided { rule: rule(request.method, request.path_with_query)?, ticket: Box::new(()) })
    }

    async fn send(&self, decided: Decided, _: http::Request<Bytes>) -> Result<http::Response<Bytes>, NoReply> {
        self.entered.wait().await;
        if !decided.rule.captures.is_empty() {
            self.arrived.notify_one();
            self.leave.notified().await;
        }
        Ok(reply(200, r#"{"token":"new-canary"}"#.to_owned()))
    }
}

fn waiting(parties: usize) -> Arc<Waiting> {
    Arc::new(Waiting { entered: Barrier::new(parties), arrived: Notify::new(), leave: Notify::new() })
}

#[tokio::test]
async fn exchanges_of_different_slots_do_not_wait_for_each_other() {
    let (_, bench) = bench();
    put(&bench, "token", "old").await;
    put(&bench, "webhook", "hook").await;
    let server = waiting(2);
    server.leave.notify_one();
    let (rotating, hooking) = (bench.call(server.clone()), bench.call(server));
    let hook = request("/hooks", "application/json", r#"{"t":"{{webhook}}"}"#);
    let both = async { tokio::join!(rotating.exchange(rotate_request()), hooking.exchange(hook)) };
    let (one, two) = tokio::time::timeout(Duration::from_secs(20), both).await.expect("each waits for the other");
    assert!(one.is_ok() && two.is_ok());
}

#[tokio::test]
async fn a_caller_that_stops_waiting_does_not_lose_the_token() {
    let (_, bench) = bench();
    put(&bench, "token", "old").await;
    let server = waiting(1);
    let call = bench.call(server.clone());
    tokio::select! {
        _ = call.exchange(rotate_request()) => panic!("nobody answered"),
        () = server.arrived.notified() => {}
    }
    assert_eq!(text(&bench.vault, "1", "token").await.as_deref(), Some("old"));
    server.leave.notify_one();
    // A change of the same slot waits for its turn, so after it the exchange is through.
    bench.vault.rename(&connection("1"), &slot("token"), &slot("next")).await.unwrap();
    assert_eq!(text(&bench.vault, "1", "next").await.as_deref(), Some("new-canary"));
}

#[tokio::test]
async fn a_panic_in_the_transport_is_an_error_and_lets_go_of_the_slot() {
    let (_, bench) = bench();
    put(&bench, "token", "old").await;
    let error = bench.call(Server::new(|_| panic!("on purpose"))).exchange(rotate_request()).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Aborted(true)), "{error}");
    let status = bench.vault.status(&connection("1"), &slot("token")).await.unwrap();
    assert!(status.unsettled_since_ms.is_some());
    bench.call(Server::says(200, "{}")).put("token", Secret::new("x-canary").unwrap(), None).await.unwrap();
}
