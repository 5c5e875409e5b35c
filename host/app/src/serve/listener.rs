//! Takes connections and speaks HTTP/1.1 with them, within limits that hold before anything is parsed.
//!
//! A load balancer or reverse proxy with TLS stands before it; itself it listens on this machine unless told otherwise.

use super::log::Log;
use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Open at once. More wait in the system's queue.
const MOST_CONNECTIONS: usize = 4_096;
/// GitLab's own deliveries have a dozen headers.
const MOST_HEADERS: usize = 64;
/// Request line and headers together.
const MOST_HEAD_BYTES: usize = 16 << 10;
/// For the request line and headers, also of the next request on a connection that is kept.
const HEAD: Duration = Duration::from_secs(10);
/// For a peer to take any of what was sent to it: whoever reads nothing would keep a place for ever.
#[cfg(target_os = "linux")]
const TAKES: Duration = Duration::from_secs(10);
/// After a failure to accept, such as too many open files.
const PAUSE: Duration = Duration::from_millis(50);

/// Who is at the other end of a connection; an extension of each request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Serves until `end` says so, then lets requests that are under way end, for so long. What is still open after that is cut off: whoever
/// does not send the rest of a request, or does not read an answer, would keep the server from ending.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    mut end: watch::Receiver<bool>,
    grace: Duration,
    log: Arc<Log>,
) {
    let (graceful, places) = (GracefulShutdown::new(), Arc::new(Semaphore::new(MOST_CONNECTIONS)));
    let (open, _) = watch::channel(());
    let mut is_failing = false;
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            _ = end.wait_for(|end| *end) => break,
        };
        let (stream, peer, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Told once, and not twenty times a second.
                if !std::mem::replace(&mut is_failing, true) {
                    log.error("no connection can be taken", &[("why", &error.to_string())]);
                }
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        is_failing = false;
        // Without these it is slower, and waits longer.
        let _ = (stream.set_nodelay(true), take_in_time(&stream));
        let routes = TowerToHyperService::new(router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            routes.call(request)
        });
        let connection = protocol().serve_connection(TokioIo::new(stream), service);
        let (connection, mut open) = (graceful.watch(connection), open.subscribe());
        tokio::spawn(async move {
            tokio::select! {
                // If it failed, whoever called has gone away or does not speak HTTP.
                _ = connection => {}
                _ = open.changed() => {}
            }
            drop(place);
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(grace, graceful.shutdown()).await;
    drop(open);
    // With the last place the last handler is gone, and what it held.
    let _ = places.acquire_many(MOST_CONNECTIONS as u32).await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, Peer, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.expect("it is never closed");
    let (stream, peer) = listener.accept().await?;
    Ok((stream, Peer(peer), place))
}

/// Elsewhere the system gives up by itself, after minutes.
#[cfg(target_os = "linux")]
fn take_in_time(stream: &TcpStream) -> io::Result<()> {
    SockRef::from(stream).set_tcp_user_timeout(Some(TAKES))
}

#[cfg(not(target_os = "linux"))]
fn take_in_time(stream: &TcpStream) -> io::Result<()> {
    SockRef::from(stream).set_keepalive(true)
}

fn protocol() -> http1::Builder {
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(HEAD).max_headers(MOST_HEADERS).max_buf_size(MOST_HEAD_BYTES);
    protocol
}
