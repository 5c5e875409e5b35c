//! Where connections go, and where they do not.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use gitlab_sync_host::http::connect::ConnectError;
use gitlab_sync_host::http::error::{SendError, Wait};
use http::Response;
use http_body_util::Full;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{Lab, Script, Server, authority, read_head};

async fn hello() -> Server {
    Server::http(|_| async { Response::new(Full::new(Bytes::from("hello"))) }).await
}

fn connect_error(error: SendError) -> ConnectError {
    match error {
        SendError::Connect(error) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn name_resolving_to_metadata_address_is_denied() {
    for addresses in [
        &["169.254.169.254"][..],
        &["::ffff:169.254.169.254"],
        &["64:ff9b::a9fe:a9fe"],
        &["fd00:ec2::254"],
        &["10.0.0.1"],
        &["127.0.0.2"],
        &["0.0.0.0"],
        &["2002:7f00:1::"],
        &["1.1.1.1", "127.0.0.2"],
        &["127.0.0.1", "10.0.0.1"],
    ] {
        let server = hello().await;
        let lab = Lab { resolver: Script::new(&[addresses]), ..Lab::plain(&server) };
        let call = lab.call();
        let error = connect_error(lab.get(&call, "/thing/x").await.unwrap_err());
        assert!(matches!(error, ConnectError::Prohibited { .. }), "{addresses:?}: {error:?}");
        assert_eq!(server.connections(), 0, "refused as a whole, also where one address is granted");
        assert!(call.refusals()[0].message.starts_with("`gitlab.test` is refused: the address "));
    }
}

#[tokio::test]
async fn loopback_needs_its_line_in_the_grant_and_the_refusal_names_it() {
    let server = hello().await;
    let mut lab = Lab::plain(&server);
    lab.grant.network.private_addresses.clear();
    let call = lab.call();
    lab.get(&call, "/thing/x").await.unwrap_err();
    let hint = call.refusals()[0].hint.clone();
    lab.grant.network.private_addresses = vec![hint.split('"').nth(1).unwrap().to_owned()];
    assert_eq!(lab.get(&lab.call(), "/thing/x").await.unwrap().body(), "hello");
}

#[tokio::test]
async fn second_lookup_cannot_change_the_dialled_address() {
    let server = hello().await;
    let lab = Lab { resolver: Script::new(&[&["127.0.0.1"], &["127.0.0.2"]]), ..Lab::plain(&server) };
    let call = lab.call();
    assert_eq!(lab.get(&call, "/thing/x").await.unwrap().body(), "hello");
    assert_eq!(lab.resolver.asked.load(Ordering::SeqCst), 1, "one look-up, whose answer was judged and dialled");

    // A new connection is looked up and judged anew: the changed answer is refused.
    let call = lab.call();
    let error = connect_error(lab.get(&call, "/thing/x").await.unwrap_err());
    assert!(matches!(error, ConnectError::Prohibited { .. }), "{error:?}");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn an_allowed_but_dead_address_is_dialled_and_does_not_answer() {
    let server = hello().await;
    let mut lab = Lab { resolver: Script::new(&[&["100::1"]]), ..Lab::plain(&server).hasty(Wait::Connection) };
    lab.grant.network.private_addresses = vec!["100::/64".into()];
    let error = connect_error(lab.get(&lab.call(), "/thing/x").await.unwrap_err());
    assert!(matches!(error, ConnectError::Unreachable { .. } | ConnectError::Timeout(_)), "{error:?}");
}

#[tokio::test]
async fn a_name_without_address_and_a_closed_port_have_their_own_errors() {
    let server = hello().await;
    let lab = Lab { resolver: Script::new(&[]), ..Lab::plain(&server) };
    let error = connect_error(lab.get(&lab.call(), "/thing/x").await.unwrap_err());
    assert!(matches!(error, ConnectError::NoAddress(_)), "{error:?}");

    let mut lab = Lab::at("http://gitlab.test:1");
    lab.grant.network.plain_text = true;
    let error = connect_error(lab.get(&lab.call(), "/thing/x").await.unwrap_err());
    assert!(
        matches!(error, ConnectError::Unreachable { kind: std::io::ErrorKind::ConnectionRefused, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn tls_server_silent_after_accept_times_out() {
    let server = Server::raw(|stream| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    let (ca, _) = authority("gitlab.test", &[]);
    let lab = Lab::secure(&server, &ca).hasty(Wait::Connection);
    let begun = std::time::Instant::now();
    let error = connect_error(lab.get(&lab.call(), "/thing/x").await.unwrap_err());
    assert!(matches!(error, ConnectError::TlsTimeout(_)), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn private_ca_is_accepted_only_with_ca_pem() {
    let (ca, acceptor) = authority("gitlab.test", &["http/1.1"]);
    let server = Server::https(acceptor, |_| async { Response::new(Full::new(Bytes::from("hello"))) }).await;
    let mut lab = Lab::secure(&server, &ca);
    assert_eq!(lab.get(&lab.call(), "/thing/x").await.unwrap().body(), "hello");

    let (other, _) = authority("gitlab.test", &[]);
    for ca_pem in [None, Some(other)] {
        lab.grant.network.ca_pem = ca_pem;
        let call = lab.call();
        let error = connect_error(lab.get(&call, "/thing/x").await.unwrap_err());
        assert!(matches!(error, ConnectError::Certificate { .. }), "{error:?}");
        assert!(call.refusals()[0].hint.contains("`ca-pem`"));
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_accepted() {
    let (ca, acceptor) = authority("other.test", &["http/1.1"]);
    let server = Server::https(acceptor, |_| async { Response::new(Full::new(Bytes::from("hello"))) }).await;
    let lab = Lab::secure(&server, &ca);
    let error = connect_error(lab.get(&lab.call(), "/thing/x").await.unwrap_err());
    assert!(matches!(error, ConnectError::Certificate { .. }), "{error:?}");
}

#[tokio::test]
async fn plain_http_on_a_tls_port_is_a_tls_error() {
    let server = Server::raw(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let (ca, _) = authority("gitlab.test", &[]);
    let lab = Lab::secure(&server, &ca);
    let error = connect_error(lab.get(&lab.call(), "/thing/x").await.unwrap_err());
    assert!(matches!(error, ConnectError::Tls { .. }), "{error:?}");
}

/// A proxy that tunnels whatever it is asked for to `server`, and repeats what it was asked for in `asked`.
async fn proxy(to: std::net::SocketAddr, asked: Arc<std::sync::Mutex<Vec<String>>>) -> Server {
    Server::raw(move |mut stream| {
        let asked = Arc::clone(&asked);
        async move {
            let head = read_head(&mut stream).await;
            asked.lock().unwrap().push(head.lines().next().unwrap_or_default().to_owned());
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
            let mut server = TcpStream::connect(to).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
        }
    })
    .await
}

#[tokio::test]
async fn an_explicit_proxy_is_judged_and_is_given_the_judged_address() {
    let (ca, acceptor) = authority("gitlab.test", &["h2", "http/1.1"]);
    let server = Server::https(acceptor, |_| async { Response::new(Full::new(Bytes::from("hello"))) }).await;
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let proxy = proxy(server.address, Arc::clone(&asked)).await;
    let mut lab = Lab::secure(&server, &ca);
    lab.grant.network.proxy = Some(format!("http://127.0.0.1:{}", proxy.port()));

    assert_eq!(lab.get(&lab.call(), "/thing/x").await.unwrap().body(), "hello");
    lab.grant.network.proxy_resolves = true;
    lab.resolver = Script::new(&[]);
    assert_eq!(lab.get(&lab.call(), "/thing/x").await.unwrap().body(), "hello");
    let port = server.port();
    assert_eq!(
        *asked.lock().unwrap(),
        [format!("CONNECT 127.0.0.1:{port} HTTP/1.1"), format!("CONNECT gitlab.test:{port} HTTP/1.1")]
    );

    // The target is judged although the proxy would dial it, and so is the proxy itself.
    lab.grant.network.proxy_resolves = false;
    lab.resolver = Script::new(&[&["10.0.0.1"]]);
    let error = connect_error(lab.get(&lab.call(), "/thing/x").await.unwrap_err());
    assert!(matches!(error, ConnectError::Prohibited { .. }), "{error:?}");
    lab.grant.network.private_addresses = vec!["10.0.0.1".into()];
    let error = connect_error(lab.get(&lab.call(), "/thing/x").await.unwrap_err());
    assert!(matches!(error, ConnectError::Prohibited { .. }), "{error:?}");
    assert_eq!(proxy.connections(), 2);
}

#[tokio::test]
async fn a_proxy_that_refuses_is_an_error_of_its_own() {
    let server = hello().await;
    for (reply, expected) in [
        ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "407"),
        ("SSH-2.0-OpenSSH\r\n\r\n", "as a proxy"),
        ("", "as a proxy"),
    ] {
        let proxy = Server::answering(reply).await;
        let mut lab = Lab::plain(&server);
        lab.grant.network.proxy = Some(format!("http://127.0.0.1:{}", proxy.port()));
        let error = connect_error(lab.get(&lab.call(), "/thing/x").await.unwrap_err());
        let ConnectError::Tunnel { source, .. } = error else { panic!("{error:?}") };
        assert!(source.to_string().contains(expected), "{source}");
        assert_eq!(server.connections(), 0);
    }
}

/// Runs as a child of the test below, with proxy variables in its environment.
#[tokio::test]
async fn without_a_proxy_in_the_grant_the_server_is_dialled() {
    let server = hello().await;
    let lab = Lab::plain(&server);
    assert_eq!(lab.get(&lab.call(), "/thing/x").await.unwrap().body(), "hello");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn proxy_environment_is_ignored() {
    let trap = Server::trap().await;
    let proxy = format!("http://127.0.0.1:{}", trap.port());
    let mut child = tokio::task::spawn_blocking(move || {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            child.env(name, &proxy);
        }
        child.args(["--exact", "network::without_a_proxy_in_the_grant_the_server_is_dialled"]).output().unwrap()
    });
    let output = (&mut child).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    assert_eq!(trap.connections(), 0);
}

#[tokio::test]
async fn a_server_that_accepts_and_says_nothing_times_out_at_the_first_byte() {
    let server = Server::raw(|stream| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    let lab = Lab::plain(&server).hasty(Wait::FirstByte);
    let error = lab.get(&lab.call(), "/thing/x").await.unwrap_err();
    assert!(matches!(error, SendError::Timeout(Wait::FirstByte)), "{error:?}");
}
