//! The border to `wasi:http`: which code says what, and which names a guest can neither set nor see.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use gitlab_sync_host::http::error::Wait;
use gitlab_sync_host::http::hooks::Hooks;
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Frame;
use wasmtime_wasi_http::{Error, FieldMap, FieldMapError, RequestOptions, WasiBody, WasiHttpHooks};

use crate::support::{Lab, Script, Server, TOKEN, authority};

fn request(method: &str, url: &str, body: WasiBody) -> http::Request<WasiBody> {
    let request = http::Request::builder().method(method).uri(url).header("content-type", "application/json");
    request.body(body).unwrap()
}

fn no_body() -> WasiBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

async fn send(hooks: &mut Hooks, request: http::Request<WasiBody>) -> Result<Bytes, Error> {
    let sent = hooks.send_request(request, Some(RequestOptions::default()), Box::new(async { Ok(()) }));
    let (reply, _) = Pin::from(sent).await?;
    Ok(reply.into_body().collect().await?.to_bytes())
}

#[tokio::test]
async fn a_guest_gets_its_reply_and_each_refusal_its_code() {
    let server = Server::http(|_| async { Response::new(Full::new(Bytes::from("hello"))) }).await;
    let lab = Lab::plain(&server);
    let mut hooks = Hooks::new(lab.call());
    assert_eq!(send(&mut hooks, request("GET", &lab.url("/thing/x"), no_body())).await.unwrap(), "hello");

    let denied = send(&mut hooks, request("DELETE", &lab.url("/thing/x"), no_body())).await;
    assert!(matches!(denied, Err(Error::HttpRequestDenied)), "{denied:?}");
    let elsewhere = send(&mut hooks, request("GET", "ftp://gitlab.test/x", no_body())).await;
    assert!(matches!(elsewhere, Err(Error::HttpRequestDenied)), "{elsewhere:?}");
    let messages: Vec<_> = hooks.call().refusals().into_iter().map(|refusal| refusal.message).collect();
    assert_eq!(messages[0], "denied DELETE /gitlab/thing/x: the profile `test` does not want it");
    assert_eq!(messages.len(), 2);

    let lab = Lab { resolver: Script::new(&[&["10.0.0.1"]]), ..Lab::plain(&server) };
    let prohibited = send(&mut Hooks::new(lab.call()), request("GET", &lab.url("/thing/x"), no_body())).await;
    assert!(matches!(prohibited, Err(Error::DestinationIpProhibited)), "{prohibited:?}");

    let (ca, _) = authority("gitlab.test", &[]);
    let (_, acceptor) = authority("gitlab.test", &[]);
    let server = Server::https(acceptor, |_| async { Response::new(Full::default()) }).await;
    let lab = Lab::secure(&server, &ca);
    let untrusted = send(&mut Hooks::new(lab.call()), request("GET", &lab.url("/thing/x"), no_body())).await;
    assert!(matches!(untrusted, Err(Error::TlsCertificateError)), "{untrusted:?}");
}

#[tokio::test]
async fn a_body_that_the_guest_gives_up_is_not_sent() {
    let server = Server::trap().await;
    let lab = Lab::plain(&server);
    let cut = Cut(0).boxed_unsync();
    let sent = send(&mut Hooks::new(lab.call()), request("POST", &lab.url("/json"), cut)).await;
    assert!(matches!(sent, Err(Error::HttpProtocolError)), "{sent:?}");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn trailers_are_denied_and_nothing_is_sent() {
    let server = Server::trap().await;
    let lab = Lab::plain(&server);
    let trailers = HeaderMap::from_iter([(http::header::ACCEPT, HeaderValue::from_static("x"))]);
    let body = Full::new(Bytes::from("{}")).with_trailers(async { Some(Ok(trailers)) });
    let body = body.map_err(|never| match never {}).boxed_unsync();
    let mut hooks = Hooks::new(lab.call());
    let sent = send(&mut hooks, request("POST", &lab.url("/json"), body)).await;
    assert!(matches!(sent, Err(Error::HttpRequestDenied)), "{sent:?}");
    assert!(hooks.call().refusals()[0].message.ends_with("a request has no trailers"));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn guest_cannot_set_a_forbidden_header_or_trailer_and_does_not_see_one() {
    let server = Server::trap().await;
    let lab = Lab::plain(&server);
    let mut hooks = Hooks::new(lab.call());
    for name in [
        "Authorization",
        "PRIVATE-TOKEN",
        "job-token",
        "deploy-token",
        "cookie",
        "host",
        "sudo",
        "proxy-authorization",
        "x-http-method-override",
        "x-forwarded-for",
        "forwarded",
        "accept-encoding",
        "transfer-encoding",
        "user-agent",
    ] {
        let mut fields = FieldMap::new_mutable(4096);
        let set = fields.append(&mut hooks, name.to_owned(), b"x".to_vec());
        assert_eq!(set, Err(FieldMapError::Forbidden), "{name}");
        let mut reply = HeaderMap::new();
        reply.insert(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_static(TOKEN));
        reply.insert("location", HeaderValue::from_static("https://elsewhere.test/"));
        let seen = FieldMap::new_immutable(&mut hooks, reply);
        assert_eq!(seen.keys().map(http::HeaderName::as_str).collect::<Vec<_>>(), ["location"]);
    }
}

/// One piece of a body, then the guest drops it.
struct Cut(u8);

impl http_body::Body for Cut {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.0 += 1;
        Poll::Ready(Some(match self.0 {
            1 => Ok(Frame::data(Bytes::from("{\"a\": 1}"))),
            _ => Err(Error::HttpProtocolError),
        }))
    }
}

#[tokio::test]
async fn the_timeouts_of_a_guest_only_shorten() {
    let server = Server::raw(|stream| async move {
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    let (short, hour) = (std::time::Duration::from_millis(20), std::time::Duration::from_secs(3600));
    for (lab, wanted) in [(Lab::plain(&server), short), (Lab::plain(&server).hasty(Wait::FirstByte), hour)] {
        let options = RequestOptions { first_byte_timeout: Some(wanted), ..RequestOptions::default() };
        let begun = std::time::Instant::now();
        let mut hooks = Hooks::new(lab.call());
        let request = request("GET", &lab.url("/thing/x"), no_body());
        let sent = Pin::from(hooks.send_request(request, Some(options), Box::new(async { Ok(()) }))).await;
        assert!(matches!(sent.map(drop), Err(Error::HttpResponseTimeout)));
        assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
    }
}
