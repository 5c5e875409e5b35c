//! What travels: credentials, redirects, connections, budgets, records.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use gitlab_sync_host::http::budget::BudgetError;
use gitlab_sync_host::http::credential::CredentialError;
use gitlab_sync_host::http::denied::Denied;
use gitlab_sync_host::http::error::SendError;
use gitlab_sync_host::http::record::Decision;
use gitlab_sync_host::http::target::Target;
use gitlab_sync_host::http::timeouts::Shorter;
use http::{HeaderMap, Method, Response, Version};
use http_body_util::{BodyExt, Collected, Full};
use hyper::body::Frame;

use crate::support::{Lab, OTHER, Server, TOKEN, authority, request, send};

type Seen = Arc<Mutex<Vec<(String, HeaderMap, Version)>>>;

/// A server that writes down what it gets and answers with the body it got.
async fn mirror(seen: &Seen) -> Server {
    let seen = Arc::clone(seen);
    Server::http(move |request| note(Arc::clone(&seen), request)).await
}

async fn note(seen: Seen, request: http::Request<hyper::body::Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    seen.lock().unwrap().push((format!("{} {}", head.method, head.uri), head.headers, head.version));
    let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
    Response::new(Full::new(body))
}

#[tokio::test]
async fn the_host_sets_its_own_headers_and_the_credential() {
    let seen = Seen::default();
    let server = mirror(&seen).await;
    let lab = Lab::plain(&server);
    let call = lab.call();
    lab.get(&call, "/thing/%67roup%2fname?page=1").await.unwrap();
    lab.get(&call, "/probe").await.unwrap();
    let seen = seen.lock().unwrap();
    let (line, headers, _) = &seen[0];
    assert_eq!(line, "GET /gitlab/thing/group%2Fname?page=1");
    assert_eq!(headers["authorization"], format!("Bearer {TOKEN}"));
    assert_eq!(headers["host"], format!("gitlab.test:{}", server.port()));
    assert_eq!(headers["accept-encoding"], "gzip");
    assert_eq!(headers["user-agent"], concat!("gitlab-sync/", env!("CARGO_PKG_VERSION")));
    assert_eq!(headers.len(), 4);
    assert!(!seen[1].1.contains_key("authorization"), "the rule of the probe withholds it");
}

#[tokio::test]
async fn a_piece_of_a_reply_is_asked_for_without_encoding() {
    let seen = Seen::default();
    let server = mirror(&seen).await;
    let lab = Lab::plain(&server);
    let mut request = request("GET", &lab.url("/thing/x"), None);
    request.headers_mut().insert("range", "bytes=0-1".parse().unwrap());
    send(&lab.call(), request).await.unwrap();
    assert_eq!(seen.lock().unwrap()[0].1["accept-encoding"], "identity");
}

#[tokio::test]
async fn nothing_of_a_denied_request_is_sent() {
    let server = Server::trap().await;
    let other = Server::trap().await;
    let lab = Lab::plain(&server);
    let call = lab.call();
    let (port, elsewhere) = (server.port(), other.port());
    for url in [
        format!("http://gitlab.test:{elsewhere}/gitlab/thing/x"),
        format!("https://gitlab.test:{port}/gitlab/thing/x"),
        format!("http://127.0.0.1:{port}/gitlab/thing/x"),
        format!("http://other.test:{port}/gitlab/thing/x"),
        format!("http://gitlab.test:{port}/thing/x"),
        format!("http://gitlab.test:{port}/gitlab/../thing/x"),
        format!("http://gitlab.test:{port}/gitlab/other"),
        format!("http://gitlab.test:{port}/gitlab/thing/x?private_token=1"),
        format!("http://a@gitlab.test:{port}/gitlab/thing/x"),
    ] {
        let error = send(&call, request("GET", &url, None)).await.unwrap_err();
        assert!(matches!(error, SendError::Denied(_)), "{url}: {error:?}");
    }
    for json in [r#"{"b": 1}"#, r#"{"a": 1, "a": 2}"#, "[]", &format!(r#"{{"a": "{}"}}"#, "x".repeat(1024))] {
        let error = send(&call, request("POST", &lab.url("/json"), Some(json))).await.unwrap_err();
        assert!(matches!(error, SendError::Denied(_)), "{json}: {error:?}");
    }
    let mut with_header = request("GET", &lab.url("/thing/x"), None);
    with_header.headers_mut().insert("authorization", "Bearer mine".parse().unwrap());
    assert!(matches!(send(&call, with_header).await, Err(SendError::Denied(Denied::Header { .. }))));
    assert_eq!((server.connections(), other.connections()), (0, 0));
    assert_eq!(call.refusals().len(), 14);
    assert!(lab.ears.heard().iter().all(|record| matches!(record.decision, Decision::Denied(_))));
}

#[tokio::test]
async fn redirect_to_other_origin_is_returned_not_followed() {
    let trap = Server::trap().await;
    let location = format!("http://gitlab.test:{}/gitlab/thing/x", trap.port());
    for status in [301, 302, 303, 307, 308] {
        let location = location.clone();
        let server = Server::http(move |_| {
            let reply = Response::builder().status(status).header("location", &location);
            let reply = reply.header("set-cookie", "a=b").body(Full::default()).unwrap();
            async move { reply }
        })
        .await;
        let lab = Lab::plain(&server);
        let reply = lab.get(&lab.call(), "/thing/x").await.unwrap();
        assert_eq!(reply.status().as_u16(), status);
        assert!(reply.headers().contains_key("location") && !reply.headers().contains_key("set-cookie"));
    }
    assert_eq!(trap.connections(), 0);
}

#[tokio::test]
async fn without_its_credential_a_request_is_not_sent() {
    let server = Server::trap().await;
    for (token, expected) in [
        (None, CredentialError::Empty("token".into())),
        (Some(""), CredentialError::Empty("token".into())),
        (Some("a\r\nSudo: root"), CredentialError::Unusable("token".into())),
    ] {
        let lab = Lab { token, ..Lab::plain(&server) };
        let error = lab.get(&lab.call(), "/thing/x").await.unwrap_err();
        assert!(matches!(&error, SendError::Credential(error) if *error == expected), "{error:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn an_echoed_credential_does_not_reach_the_connector() {
    let server = Server::http(|request| async move {
        let credential = request.headers()["authorization"].clone();
        let body = format!(r#"{{"you sent": {credential:?}, "headers": "{}"}}"#, credential.to_str().unwrap());
        let reply = Response::builder().header("x-echo", credential);
        reply.body(Full::new(Bytes::from(body))).unwrap()
    })
    .await;
    let lab = Lab::plain(&server);
    let reply = lab.get(&lab.call(), "/thing/x").await.unwrap();
    let text = format!("{reply:?}");
    assert!(!text.contains(TOKEN) && text.contains(&"*".repeat(TOKEN.len())), "{text}");
}

/// A secret that an exchange has sent comes back with a later reply, also of a request that carries no credential.
#[tokio::test]
async fn no_other_secret_of_the_connection_reaches_the_connector_either() {
    let server = Server::http(|_| async move {
        let body = format!("{OTHER} {TOKEN} {}", OTHER.bytes().map(|byte| format!("{byte:02x}")).collect::<String>());
        Response::builder().header("x-echo", OTHER).body(Full::new(Bytes::from(body))).unwrap()
    })
    .await;
    let lab = Lab::plain(&server);
    for path in ["/thing/x", "/probe"] {
        let reply = lab.get(&lab.call(), path).await.unwrap();
        let stars = |length| "*".repeat(length);
        assert_eq!(*reply.body(), format!("{} {} {}", stars(OTHER.len()), stars(TOKEN.len()), stars(2 * OTHER.len())));
        assert!(!reply.headers().contains_key("x-echo"));
    }
}

#[tokio::test]
async fn connections_are_reused_and_never_more_than_requests_in_flight() {
    let seen = Seen::default();
    let server = mirror(&seen).await;
    let lab = Lab::plain(&server);
    let sender = lab.sender();
    let call = lab.call_of(&sender);
    for _ in 0..50 {
        lab.get(&call, "/thing/x").await.unwrap();
    }
    assert_eq!(server.connections(), 1);

    let call = lab.call_of(&sender);
    lab.at_once(&call, 100).await;
    assert!(server.connections() <= 8, "{}", server.connections());
    assert_eq!(seen.lock().unwrap().len(), 150);
}

/// The pool alone opened up to eight here: a reply gives its connection back a moment after it was read.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn one_request_after_another_stays_on_its_connection_also_on_many_threads() {
    let server = Server::http(|_| async { Response::new(Full::new(Bytes::from(vec![b'x'; 4096]))) }).await;
    let lab = Lab::plain(&server);
    let sender = lab.sender();
    for _ in 0..20 {
        let call = lab.call_of(&sender);
        for _ in 0..100 {
            lab.get(&call, "/thing/x").await.unwrap();
        }
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn http2_is_spoken_where_the_server_offers_it() {
    let (ca, acceptor) = authority("gitlab.test", &["h2", "http/1.1"]);
    let seen = Seen::default();
    let noted = Arc::clone(&seen);
    let server = Server::https(acceptor, move |request| note(Arc::clone(&noted), request)).await;
    let lab = Lab::secure(&server, &ca);
    let sender = lab.sender();
    let call = lab.call_of(&sender);
    lab.get(&call, "/thing/x").await.unwrap();
    let json = send(&call, request("POST", &lab.url("/json"), Some(r#"{"a": 1}"#))).await.unwrap();
    assert_eq!(json.body(), r#"{"a": 1}"#);
    lab.at_once(&call, 64).await;
    let seen = seen.lock().unwrap();
    assert!(
        seen.iter().all(|(_, headers, version)| *version == Version::HTTP_2 && headers.contains_key("authorization"))
    );
    assert_eq!((server.connections(), seen.len()), (1, 66));
}

#[tokio::test]
async fn two_profiles_never_share_a_connection() {
    let server = mirror(&Seen::default()).await;
    let lab = Lab::plain(&server);
    let (one, two) = (lab.sender(), lab.sender());
    for _ in 0..5 {
        lab.get(&lab.call_of(&one), "/thing/x").await.unwrap();
        lab.get(&lab.call_of(&two), "/thing/x").await.unwrap();
    }
    assert_eq!(server.connections(), 2, "each has its own, and keeps it from call to call");
}

#[tokio::test]
async fn each_budget_strikes_with_its_own_error() {
    let seen = Seen::default();
    let server = mirror(&seen).await;
    let mut lab = Lab::plain(&server);
    lab.grant.limits.requests = Some(2);
    let call = lab.call();
    for _ in 0..2 {
        lab.get(&call, "/thing/x").await.unwrap();
    }
    let error = lab.get(&call, "/thing/x").await.unwrap_err();
    assert!(matches!(error, SendError::Budget(BudgetError::Requests { limit: 2 })), "{error:?}");
    assert_eq!(seen.lock().unwrap().len(), 2);
    assert!(lab.get(&lab.call(), "/thing/x").await.is_ok(), "the next call has its own budget");

    lab.grant.limits.bytes = Some(10);
    let call = lab.call();
    assert!(send(&call, request("POST", &lab.url("/json"), Some(r#"{"a": 1}"#))).await.is_ok());
    let error = send(&call, request("POST", &lab.url("/json"), Some(r#"{"a": 1}"#))).await.unwrap_err();
    assert!(matches!(error, SendError::Budget(BudgetError::BytesUp { limit: 10 })), "{error:?}");

    let large = Server::http(|_| async { Response::new(Full::new(Bytes::from("hello world"))) }).await;
    let mut lab = Lab::plain(&large);
    lab.grant.limits.bytes = Some(10);
    let error = lab.get(&lab.call(), "/thing/x").await.unwrap_err();
    assert!(matches!(error, SendError::Budget(BudgetError::BytesDown { limit: 10 })), "{error:?}");
}

/// The last one waited for a place first, and the first one, which the guest reads first, then never got one.
#[tokio::test]
async fn requests_beyond_those_in_flight_wait_in_the_order_in_which_they_were_made() {
    let seen = Seen::default();
    let server = mirror(&seen).await;
    let mut lab = Lab::plain(&server);
    lab.grant.limits.in_flight = Some(2);
    let call = lab.call();
    let get = |name: usize| call.forward(request("GET", &lab.url(&format!("/thing/{name}")), None), Shorter::default());
    let all: Vec<_> = (0..12).map(get).collect();
    let mut started: Vec<_> = all.into_iter().rev().map(tokio::spawn).collect();
    let mut kept = Vec::new();
    while let Some(reply) = started.pop() {
        let mut body = reply.await.unwrap().unwrap().into_body();
        while let Some(frame) = body.frame().await {
            frame.unwrap();
        }
        // Read to its end and not dropped, as a guest may leave it.
        kept.push(body);
    }
    let order: Vec<_> = seen.lock().unwrap().iter().map(|(line, ..)| line.clone()).collect();
    let most_ahead = order.iter().enumerate().map(|(at, line)| {
        let number: usize = line.rsplit('/').next().unwrap().parse().unwrap();
        number.abs_diff(at)
    });
    assert!(most_ahead.max() < Some(2), "{order:?}");
}

#[tokio::test]
async fn replies_that_nobody_reads_end_the_wait_of_the_others() {
    let seen = Seen::default();
    let server = mirror(&seen).await;
    let mut lab = Lab::plain(&server);
    lab.grant.limits.in_flight = Some(2);
    lab.timeouts.place = Duration::from_millis(100);
    let call = lab.call();
    let get = || call.forward(request("GET", &lab.url("/thing/x"), None), Shorter::default());
    let unread = [get().await.unwrap(), get().await.unwrap()];
    let error = get().await.map(drop).unwrap_err();
    assert!(matches!(error, SendError::Budget(BudgetError::InFlight { limit: 2 })), "{error:?}");
    assert!(call.refusals()[0].hint.contains("in the order of its requests"));
    drop(unread);
    get().await.unwrap();
}

#[tokio::test]
async fn waiting_for_a_place_in_flight_counts_into_the_timeout() {
    let server = mirror(&Seen::default()).await;
    let mut lab = Lab::plain(&server);
    lab.grant.limits.in_flight = Some(1);
    lab.timeouts.total = Duration::from_secs(1);
    let call = lab.call();
    let unread = call.forward(request("GET", &lab.url("/thing/x"), None), Shorter::default()).await.unwrap();
    let error = lab.get(&call, "/thing/x").await.unwrap_err();
    assert!(matches!(error, SendError::Budget(BudgetError::InFlight { limit: 1 })), "{error:?}");
    drop(unread);
    assert!(lab.get(&call, "/thing/x").await.is_ok());
}

#[tokio::test]
async fn a_streamed_body_is_sent_with_its_length_and_a_cut_one_is_no_request() {
    let seen = Seen::default();
    let server = mirror(&seen).await;
    let lab = Lab::plain(&server);
    let call = lab.call();
    let upload = |declared: Option<&str>, pieces: &[&'static str]| {
        let frames: Vec<_> = pieces.iter().map(|piece| Ok(Frame::data(Bytes::from(*piece)))).collect();
        let body = Pieces(frames.into()).boxed_unsync();
        let mut request = http::Request::builder().method("PUT").uri(lab.url("/upload"));
        request = request.header("content-type", "application/octet-stream");
        if let Some(length) = declared {
            request = request.header("content-length", length);
        }
        request.body(body).unwrap()
    };
    let reply = send(&call, upload(Some("6"), &["abc", "def"])).await.unwrap();
    assert_eq!(reply.body(), "abcdef");
    assert_eq!(seen.lock().unwrap()[0].1["content-length"], "6");
    for (declared, pieces) in [("7", &["abc", "def"][..]), ("5", &["abc", "def"])] {
        let error = send(&call, upload(Some(declared), pieces)).await.unwrap_err();
        assert!(matches!(error, SendError::RequestBody), "{error:?}");
    }
    let error = send(&call, upload(None, &["abc"])).await.unwrap_err();
    assert!(matches!(error, SendError::Denied(Denied::LengthRequired { .. })), "{error:?}");
    let error = send(&call, upload(Some("1048577"), &["abc"])).await.unwrap_err();
    assert!(matches!(error, SendError::Denied(Denied::BodySize { .. })), "{error:?}");
}

struct Pieces(std::collections::VecDeque<Result<Frame<Bytes>, SendError>>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        Poll::Ready(self.0.pop_front())
    }
}

#[tokio::test]
async fn an_exchange_is_judged_as_written_and_sent_as_filled() {
    let seen = Seen::default();
    let server = mirror(&seen).await;
    let lab = Lab::plain(&server);
    let call = lab.call();
    let target = Target::from_uri(&lab.url("/hooks").parse().unwrap()).unwrap();
    let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, "application/json".parse().unwrap())]);
    let written = br#"{"token": "{{webhook}}"}"#;
    let approved = call.decide(&Method::POST, &target, &headers, written).unwrap();
    assert_eq!(approved.rule().wanted.fills, ["webhook"]);
    let filled = Bytes::from(r#"{"token": "secret"}"#);
    let reply = call.send(approved, headers.clone(), filled.clone()).await.unwrap();
    assert_eq!(*reply.body(), filled);
    assert_eq!(seen.lock().unwrap()[0].0, "POST /gitlab/hooks");

    let refused = call.decide(&Method::POST, &target, &headers, br#"{"token": "x", "url": "y"}"#);
    assert!(matches!(refused, Err(SendError::Denied(Denied::Shape { .. }))));
    let error = send(&call, request("POST", &lab.url("/hooks"), Some(r#"{"token": "x"}"#))).await.unwrap_err();
    assert!(matches!(error, SendError::Denied(Denied::ExchangeOnly { .. })), "{error:?}");
}

#[tokio::test]
async fn each_request_is_told_once_without_query_or_secret() {
    let server = mirror(&Seen::default()).await;
    let lab = Lab::plain(&server);
    let call = lab.call();
    lab.get(&call, "/thing/x?page=canary-query").await.unwrap();
    send(&call, request("POST", &lab.url("/json"), Some(r#"{"a": "canary-body"}"#))).await.unwrap();
    lab.get(&call, "/other?private_token=canary-query").await.unwrap_err();
    send(&call, request("GET", "http://canary-user@gitlab.test/x", None)).await.unwrap_err();
    drop(call.forward(request("HEAD", &lab.url("/thing/x"), None), Shorter::default()).await.unwrap());
    let heard = lab.ears.heard();
    let short: Vec<_> = heard
        .iter()
        .map(|record| {
            let allowed = matches!(record.decision, Decision::Allowed(_));
            (record.method.as_str(), record.path.as_str(), record.status, record.bytes_up, record.bytes_down, allowed)
        })
        .collect();
    assert_eq!(
        short,
        [
            ("GET", "/gitlab/thing/x", Some(200), 0, 0, true),
            ("POST", "/gitlab/json", Some(200), 20, 20, true),
            ("GET", "/gitlab/other", None, 0, 0, false),
            ("GET", "", None, 0, 0, false),
            ("HEAD", "/gitlab/thing/x", Some(200), 0, 0, true),
        ]
    );
    assert!(heard.iter().all(|record| record.failure.is_none()), "{heard:?}");
    let json = serde_json::to_string(&heard).unwrap();
    assert!(!json.contains("canary"), "{json}");
    assert!(json.contains(r#""decision":{"verdict":"allowed","why":"GET /thing/{name}"}"#), "{json}");
}

#[tokio::test]
async fn a_cancelled_request_is_told_too_and_gives_its_place_back() {
    let hits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&hits);
    let server = Server::http(move |_| {
        let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            if first {
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
            Response::new(Full::default())
        }
    })
    .await;
    let mut lab = Lab::plain(&server);
    lab.grant.limits.in_flight = Some(1);
    let call = lab.call();
    let arrived = async {
        while hits.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        reply = lab.get(&call, "/thing/x") => panic!("it was answered: {reply:?}"),
        () = arrived => {}
    }
    assert!(lab.get(&call, "/thing/y").await.is_ok());
    let heard = lab.ears.heard();
    assert_eq!(heard[0].failure.as_deref(), Some("given up"));
    assert_eq!(heard.len(), 2);
}
