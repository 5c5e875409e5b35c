//! Where requests go and what is in them: only what a rule allows leaves the host, and only to the one server.

use crate::support::server::Received;
use crate::support::tenant::{Setup, Tenant};
use crate::support::trap::Trap;
use async_trait::async_trait;
use gitlab_sync_host::grant::LimitGrant;
use gitlab_sync_host::http::resolve::Resolve;
use hostile_guest::Mode;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The labels of the observations that say there was a reply.
fn replied(seen: &[String]) -> Vec<&str> {
    seen.iter().filter_map(|line| line.split_once(": reply ")).map(|(label, _)| label).collect()
}

/// Nothing of what the guest calls stolen reached the server, and no header came twice.
fn assert_clean(requests: &[Received]) {
    for request in requests {
        assert!(!request.head.contains("stolen"), "{}", request.head);
        let mut names: Vec<_> = request.head.lines().skip(1).filter_map(|line| line.split_once(':')).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup_by_key(|(name, _)| name.to_ascii_lowercase());
        assert_eq!(names.len(), count, "{}", request.head);
    }
}

/// Everything is refused but what these labels name, which is the granted server in another spelling. `TRAP` and `PORT` are filled.
pub(super) async fn only_the_granted_server(mode: Mode, parameter: &[&str], allowed: &[&str]) {
    let tenant = Tenant::usual().await;
    let fill = |text: &str| {
        let text = text.replace("TRAP", &tenant.trap.port().to_string());
        text.replace("PORT", &tenant.server.port().to_string())
    };
    let seen = tenant.run(mode, fill(&parameter.join("\n"))).await.seen();
    assert!(seen.len() >= 12 || mode == Mode::TrailingDot, "{seen:?}");
    assert_eq!(replied(&seen), allowed.iter().map(|label| fill(label)).collect::<Vec<_>>());
    for line in &seen {
        let judged = [": refused: ", ": not built: ", ": reply 200"].iter().any(|outcome| line.contains(outcome));
        assert!(judged, "{line}");
    }
    let requests = tenant.server.requests();
    assert_eq!(requests.len(), allowed.len());
    for request in &requests {
        assert_eq!(request.line(), "GET /hostile/echo HTTP/1.1");
        assert_eq!(request.values("host"), [tenant.server.authority()]);
    }
    assert_clean(&requests);
    tenant.stands().await;
}

pub(super) async fn headers_of_the_host_are_its_own(mode: Mode) {
    let tenant = Tenant::usual().await;
    let seen = tenant.run(mode, "").await.seen();
    assert!(seen.len() >= 17, "{seen:?}");
    if mode != Mode::AuthTrailers {
        assert_eq!(replied(&seen), Vec::<&str>::new());
    }
    // A trailer that nobody forbids may be dropped instead of refused; it must not travel.
    let raw = String::from_utf8_lossy(&tenant.server.raw()).into_owned();
    assert!(!raw.contains("stolen") && !raw.contains("DELETE"), "{raw}");
    assert_clean(&tenant.server.requests());
    tenant.stands().await;
}

/// `page=1%26token=x` is a value of `page` that has a `&` in it, and stays one.
pub(super) async fn credential_parameters_are_refused() {
    let tenant = Tenant::usual().await;
    let seen = tenant.run(Mode::AuthQuery, "").await.seen();
    assert!(replied(&seen).iter().all(|query| query.starts_with("page=1%26")), "{:?}", replied(&seen));
    for request in tenant.server.requests() {
        assert!(request.line().starts_with("GET /hostile/echo?page=1%26"), "{}", request.line());
        assert!(!request.line().contains(['&', ';']), "{}", request.line());
    }
    tenant.stands().await;
}

pub(super) async fn headers_cannot_be_injected() {
    let tenant = Tenant::usual().await;
    let seen = tenant.run(Mode::HeaderInjection, "").await.seen();
    // Bytes above ASCII have no meaning in a header, also those whose lower half is a line break.
    let harmless = |label: &&str| label.contains("xc4") || label.contains("xff");
    assert_eq!(replied(&seen).iter().filter(|label| !harmless(label)).count(), 0, "{seen:?}");
    for request in tenant.server.requests() {
        assert_eq!(request.values("private-token"), [tenant.token.secret()]);
        assert_eq!(request.head.lines().count(), 6, "{}", request.head);
    }
    tenant.stands().await;
}

pub(super) async fn a_hundred_thousand_headers_end_the_call() {
    let tenant = Tenant::usual().await;
    tenant.run(Mode::HeaderFlood, "100000").await.limit();
    let few = tenant.run(Mode::HeaderFlood, "5000").await.trapped();
    assert!(few.contains("fields"), "{few}");
    assert_eq!(tenant.server.connections(), 0);
    tenant.stands().await;
}

pub(super) async fn a_huge_header_ends_the_call() {
    let tenant = Tenant::usual().await;
    let words = tenant.run(Mode::HugeHeader, "1000000").await.trapped();
    assert!(words.contains("size of fields"), "{words}");
    let seen = tenant.run(Mode::HugeHeader, "50000").await.seen();
    assert_eq!(seen, ["refused: HttpRequestDenied"]);
    assert_eq!(tenant.server.connections(), 0);
    tenant.stands().await;
}

pub(super) async fn a_body_has_the_length_it_says() {
    let tenant = Tenant::usual().await;
    let seen = tenant.run(Mode::LengthTricks, "").await.seen();
    assert_eq!(replied(&seen), ["right"], "{seen:?}");
    for request in tenant.server.requests() {
        assert_eq!(request.values("content-length"), [request.body.len().to_string()]);
        assert!(b"0123456789".starts_with(&request.body), "{request:?}");
    }
    // Nothing of a body that was too long is left on the wire, where it would be the next request.
    let heads = String::from_utf8_lossy(&tenant.server.raw()).replace("0123456789", "").replace("01234", "");
    assert!(!heads.contains("56789"), "{heads}");
    tenant.stands().await;
}

pub(super) async fn huge_body_is_cut() {
    let tenant = Tenant::usual().await;
    let seen = tenant.run(Mode::HugeRequestBody, (80 << 20).to_string()).await.seen();
    // The guest may have filled the host's buffer before the refusal reaches it; what the server got is counted below.
    assert!(seen[0].starts_with("declared 83886080, wrote "), "{seen:?}");
    assert!(seen[0].contains("refused: HttpRequestBodySize"), "{seen:?}");
    let received: usize = tenant.server.requests().iter().map(|request| request.body.len()).sum();
    assert!(received <= 1 << 20, "{received} bytes came");
    tenant.stands().await;
}

pub(super) async fn endless_reply_is_cut() {
    let tenant = Tenant::usual().await;
    let seen = tenant.run(Mode::EndlessReply, "endless").await.seen();
    let end = "HttpResponseBodySize(Some(16777216)): HTTP response body size exceeds limit: 16777216 bytes";
    assert_eq!(seen, [format!("reply 200, 16777216 bytes, then {end}")]);
    // Other replies that do not end as they should: each has an end here.
    let table = [
        ("many-headers", "refused: HttpProtocolError"),
        ("liar", "reply 200, 5 bytes"),
        ("cut", "reply 200, 10 bytes, then HttpResponseIncomplete: incomplete HTTP response"),
    ];
    for (path, end) in table {
        assert_eq!(tenant.run(Mode::EndlessReply, path).await.seen(), [end], "{path}");
    }
    tenant.stands().await;
}

/// What two programs could read differently is an error, and none of it is left for the next request.
pub(super) async fn replies_that_break_the_rules_have_an_end() {
    let table = [
        ("switching", "refused: HttpProtocolError"),
        ("http-1.0", "reply 200, 3 bytes"),
        ("http-0.9", "refused: HttpProtocolError"),
        ("http-2", "refused: HttpProtocolError"),
        ("status-99", "refused: HttpProtocolError"),
        ("status-1000", "refused: HttpProtocolError"),
        ("long-reason", "refused: HttpProtocolError"),
        ("two-lengths", "refused: HttpProtocolError"),
        ("negative-length", "refused: HttpProtocolError"),
        ("huge-length", "refused: HttpProtocolError"),
        ("chunked-and-length", "refused: HttpProtocolError"),
        ("chunked-twice", "refused: HttpProtocolError"),
        ("gzip-transfer", "refused: HttpProtocolError"),
        ("bad-chunk", "reply 200, 0 bytes, then HttpProtocolError: HTTP protocol error"),
        ("huge-chunk", "reply 200, 0 bytes, then HttpProtocolError: HTTP protocol error"),
        ("chunk-extensions", "reply 200, 0 bytes, then HttpProtocolError: HTTP protocol error"),
        ("trailers", "reply 200, 5 bytes, then HttpProtocolError: HTTP protocol error"),
        ("folded", "refused: HttpProtocolError"),
        ("null-in-header", "refused: HttpProtocolError"),
        ("bare-return", "refused: HttpProtocolError"),
        ("space-in-name", "refused: HttpProtocolError"),
        ("huge-header", "refused: HttpProtocolError"),
        ("deflate", "refused: HttpResponseContentCoding(Some(\"deflate\"))"),
        ("gzip-twice", "refused: HttpResponseContentCoding(Some(\"gzip, gzip\"))"),
        ("brotli", "refused: HttpResponseContentCoding(Some(\"br\"))"),
        ("nothing", "refused: HttpResponseIncomplete"),
        ("half-a-head", "refused: HttpResponseIncomplete"),
    ];
    let names = table.map(|(name, _)| name).join("\n");
    let expected: Vec<_> = table.iter().map(|(name, end)| format!("{name}: {end}")).collect();
    let tenant = Tenant::usual().await;
    let seen = tenant.run(Mode::OddReplies, &names).await.seen();
    assert_eq!(seen, expected);
    assert_eq!(tenant.server.requests().len(), table.len(), "a request is never sent twice");
    nothing_follows_a_refused_reply().await;
    tenant.stands().await;
}

/// What comes after it on the connection may be a part of it, also where the server keeps the connection open.
async fn nothing_follows_a_refused_reply() {
    let tenant = Tenant::usual().await;
    let seen = tenant.run(Mode::OddReplies, "echo\nunread\necho\necho").await.seen();
    assert_eq!(replied(&seen), ["echo", "echo", "echo"], "{seen:?}");
    let connections: Vec<_> = tenant.server.requests().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [0, 0, 1, 1]);
}

pub(super) async fn gzip_bomb_is_cut_by_decoded_size() {
    let tenant = Tenant::usual().await;
    let seen = tenant.run(Mode::GzipBomb, "bomb").await.seen();
    assert!(
        seen[0].ends_with(
            ", then HttpResponseBodySize(Some(16777216)): HTTP response body size exceeds limit: 16777216 bytes"
        ),
        "{seen:?}"
    );
    let narrow = Tenant::open(Setup { profile: "hostile-narrow", ..Setup::usual() }).await;
    let seen = narrow.run(Mode::GzipBomb, "bomb").await.seen();
    assert_eq!(seen, ["refused: HttpResponseBodySize(Some(1024))"]);
    tenant.stands().await;
    narrow.stands().await;
}

pub(super) async fn all_replies_together_are_bounded() {
    let tenant = Tenant::usual().await;
    let seen = tenant.run(Mode::ManyReplies, "20\nlarge").await.seen();
    let whole = seen.iter().filter(|line| line.ends_with("1048576 bytes")).count();
    assert_eq!((whole, seen.len()), (16, 20), "{seen:?}");
    tenant.stands().await;
}

pub(super) async fn requests_are_counted() {
    let limits = LimitGrant { requests: Some(20), ..LimitGrant::default() };
    let tenant = Tenant::open(Setup { limits, ..Setup::usual() }).await;
    let seen = tenant.run(Mode::TooManyRequests, "30").await.seen();
    assert!(seen[..20].iter().all(|line| line.starts_with("reply 200")), "{seen:?}");
    assert!(seen[20..].iter().all(|line| line == "refused: ConnectionLimitReached"), "{seen:?}");
    assert_eq!(tenant.server.requests().len(), 20);
    tenant.stands().await;
}

pub(super) async fn requests_in_flight_are_bounded() {
    let tenant = Tenant::usual().await;
    let seen = tenant.run(Mode::TooManyInFlight, "12\nslow").await.seen();
    assert!(seen.iter().all(|line| line == "reply 200, 4 bytes"), "{seen:?}");
    assert!(tenant.server.most_at_once() <= 4, "{} at once", tenant.server.most_at_once());
    assert!(tenant.server.connections() <= 4 + 2, "{} connections", tenant.server.connections());
    tenant.stands().await;
}

pub(super) async fn nothing_of_a_call_goes_on_after_it() {
    let tenant = Tenant::usual().await;
    assert_eq!(tenant.run(Mode::LeaveRequestBehind, "stall").await.seen(), ["left"]);
    // The request may not even have been sent; if it was, its connection is closed.
    tokio::time::timeout(Duration::from_secs(10), async {
        while tenant.server.connections() > tenant.server.hung_up() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("the request goes on after its call");
    tenant.stands().await;
}

pub(super) async fn an_echoed_credential_is_redacted() {
    let tenant = Tenant::usual().await;
    let needles = tenant.token.needles();
    for path in ["mirror", "mirror-encoded", "/open/parked"] {
        let seen = tenant.run(Mode::SearchReply, format!("{path}\n{needles}")).await.seen();
        assert_eq!(seen[2], "found 0", "{path}: {seen:?}");
        for name in ["set-cookie", "private-token", "authorization", "x-echo", "location", "etag", "x-basic"] {
            assert!(!seen[1].split(' ').any(|shown| shown == name), "{path}: {seen:?}");
        }
    }
    tenant.stands().await;
}

/// Says another address at each look-up: the granted one, one that is not granted, and both at once.
struct Changing {
    lookups: AtomicUsize,
}

#[async_trait]
impl Resolve for Changing {
    async fn resolve(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
        let [granted, other] = [Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 2)].map(IpAddr::from);
        Ok(match self.lookups.fetch_add(1, Ordering::Relaxed) % 4 {
            0 => vec![granted],
            1 => vec![other],
            2 => vec![other, granted],
            _ => vec!["::ffff:127.0.0.2".parse().expect("an address"), "169.254.169.254".parse().expect("an address")],
        })
    }
}

pub(super) async fn every_answer_of_a_changing_name_is_judged() {
    let resolver = Arc::new(Changing { lookups: AtomicUsize::new(0) });
    let tenant = Tenant::open(Setup { host: Some("gitlab.test"), resolver: resolver.clone(), ..Setup::usual() }).await;
    tenant.server.close_after_each();
    let elsewhere = Trap::set_on("127.0.0.2", tenant.server.port()).await;
    let seen = tenant.run(Mode::ChangingDns, "8").await.seen();
    assert_eq!(seen.len(), 8);
    assert_eq!(resolver.lookups.load(Ordering::Relaxed), 8, "one look-up for each connection");
    for (number, line) in seen.iter().enumerate() {
        let expected = if number % 4 == 0 { "reply 200" } else { "refused: DestinationIpProhibited" };
        // Of a mixed answer the granted address may be used; the other one may not.
        assert!(line.starts_with(expected) || (number % 4 == 2 && line.starts_with("reply 200")), "{number}: {seen:?}");
    }
    assert_eq!(elsewhere.hits(), 0, "the address that was not granted was dialled");
    assert_eq!(tenant.trap.hits(), 0);
}

pub(super) async fn redirects_are_returned_and_not_followed() {
    let tenant = Tenant::usual().await;
    let trap = tenant.trap.port();
    let elsewhere =
        ["127.0.0.1", "127.0.0.2", "localhost", "[::1]", "2130706433"].map(|host| format!("http://{host}:{trap}/x"));
    let schemes = ["https://127.0.0.1:PORT/hostile/echo", "ftp://127.0.0.1:PORT/x", "http://user:a@127.0.0.1:PORT/x"];
    let schemes = schemes.map(|location| location.replace("PORT", &tenant.server.port().to_string()));
    for location in elsewhere.iter().chain(&schemes).map(String::as_str).chain(["http://169.254.169.254/latest"]) {
        tenant.server.redirect_to(location);
        let seen = tenant.run(Mode::FollowRedirect, "redirect").await.seen();
        assert!(seen[0].contains("reply 302"), "{seen:?}");
        assert!(seen[1].contains("refused: HttpRequestDenied"), "{location}: {seen:?}");
        assert_eq!(seen.len(), 2, "{seen:?}");
    }
    assert!(tenant.server.requests().iter().all(|request| request.path() == "/hostile/redirect"));
    tenant.stands().await;
}

pub(super) async fn paths_cannot_escape_their_rule() {
    let tenant = Tenant::usual().await;
    let seen = tenant.run(Mode::PathEscapes, "").await.seen();
    assert!(seen.len() > 50);
    // What stays content of the one part: an encoded slash, signs, a letter that looks like a slash. What follows `#` is no part
    // of a request.
    let table = [
        ("/hostile/echo%2fmore", "/hostile/echo%2Fmore"),
        ("/hostile/echo#/../user", "/hostile/echo"),
        ("/hostile/ech%6f", "/hostile/echo"),
        ("/hostile/echo%20", "/hostile/echo%20"),
        ("/hostile/echo:80", "/hostile/echo:80"),
        ("/hostile/echo@evil.example", "/hostile/echo@evil.example"),
        ("/hostile/%ef%bc%8f..%ef%bc%8fuser", "/hostile/%EF%BC%8F..%EF%BC%8Fuser"),
    ];
    assert_eq!(replied(&seen), table.map(|(written, _)| written));
    let paths: Vec<_> = tenant.server.requests().iter().map(|request| request.path().to_owned()).collect();
    assert_eq!(paths, table.map(|(_, sent)| sent));
    tenant.stands().await;
}

pub(super) async fn queries_hold_only_listed_names() {
    let tenant = Tenant::usual().await;
    let seen = tenant.run(Mode::QueryTricks, "").await.seen();
    assert!(seen.len() > 25);
    for request in tenant.server.requests() {
        let query = request.line().split([' ', '?']).nth(2).unwrap_or_default();
        let names = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split('=').next().unwrap());
        for name in names {
            assert!(["page", "pa%67e", "search"].contains(&name), "{}", request.line());
        }
        assert!(!request.line().contains(['#', ';', '+']), "{}", request.line());
    }
    tenant.stands().await;
}

pub(super) async fn json_bodies_hold_only_what_the_rule_lists() {
    let tenant = Tenant::usual().await;
    let seen = tenant.run(Mode::JsonTricks, "").await.seen();
    // Without its pin a body is refused too: a project made without `visibility` gets the server's default.
    assert_eq!(replied(&seen), ["good", "pin escaped", "lone surrogate", "deep"]);
    for request in tenant.server.requests() {
        let body = String::from_utf8_lossy(&request.body);
        assert!(!body.contains("write") && !body.contains("force"), "{body}");
    }
    tenant.stands().await;
}

pub(super) async fn only_json_is_json() {
    let tenant = Tenant::usual().await;
    let seen = tenant.run(Mode::ContentTypes, "").await.seen();
    assert_eq!((seen.len(), replied(&seen)), (18, vec![]));
    assert_eq!(tenant.server.connections(), 0);
    tenant.stands().await;
}
